"""The causal links of a model: which variable stands in whose equation, and with what sign.

Every equation is made into statements once more, with each variable it names as a quantity of its
own.  So the derivative of an equation by one of its names, all others fixed, is exact, and two
variables with equal equations stay two.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import networkx as nx
import numpy as np
import numpy.typing as npt

from bullbear.equations.context import INITIAL, RUN, Context
from bullbear.equations.derivatives import weights
from bullbear.equations.lowering import Lowering
from bullbear.equations.names import element_name
from bullbear.equations.printers.numpy import ArrayFunction, NumpyCode
from bullbear.equations.program import Builder, Program, State
from bullbear.equations.system import CONTROL_NAMES, System
from bullbear.errors import ModelError
from bullbear.models.model import Model
from bullbear.models.simulate import Grid, Simulator

Array = npt.NDArray[np.float64]
Link = tuple[str, str]


@dataclass(frozen=True)
class Course:
    """The values of all variables along a run.

    Attributes
    ----------
    times : every step of the run [time unit]
    values : one row per vertex of `Links`, shape (variable, time)
    """

    times: Array
    values: Array
    vector: Sequence[float]
    grid: Grid


class Links:
    """All variables of a model that change, and the links between them.

    Attributes
    ----------
    names : of the variables, stocks and stages of delays, in the order of `program.states`
    program : each of them as a state; `rate` is its equation (of a stock, its net flow)
    graph : networkx.DiGraph over the names
    """

    def __init__(self, system: System) -> None:
        lowering = _Apart(system)
        lowering.everything()
        self.program: Program = lowering.builder.program
        self.names = [state.name for state in self.program.states]
        self.position = {name: index for index, name in enumerate(self.names)}
        self.stocks = {n for n in self.names if n not in lowering.named}
        self.graph: Any = nx.DiGraph()
        self.graph.add_nodes_from(self.names)
        for state in self.program.states:
            self.graph.add_edges_from((name, state.name) for name in self._read_by(state))

    def _read_by(self, state: State) -> list[str]:
        """What the equation of a state reads."""
        nodes = self.program.nodes
        below, waiting = set[int](), [state.rate]
        while waiting:
            index = waiting.pop()
            if index not in below:
                below.add(index)
                waiting += nodes[index].args
        places = sorted(int(nodes[i].data) for i in below if nodes[i].op == "state")  # type: ignore[arg-type]
        return [self.names[place] for place in places]

    def hidden(self, name: str) -> bool:
        """Whether a vertex is a stage of a delay or an average and has no name of its own."""
        return "#" in name

    def along(
        self, model: Model, scenario: str = "base", overrides: Mapping[str, float] | None = None
    ) -> Course:
        """The values of all variables at every step of a run.

        Raises
        ------
        ModelError
            If the model has random functions, or the run does not stay finite.
        """
        if any(node.op.startswith("random") for node in self.program.nodes):
            raise ModelError(
                "links have no scores where chance decides: the model has random functions",
                code="random", hint="replace them by their means",
            )  # fmt: skip
        vector = model.parameter_vector(model.values(scenario, overrides)).tolist()
        asked = model.grid(vector)
        grid = replace(asked, saveper=asked.step)
        outputs = model.program.outputs
        found = Simulator(model.program, list(outputs.values()), []).run(grid, "euler", vector)
        rows = dict(zip(outputs, found.values.T, strict=True))
        for state, row in zip(model.program.states, found.states.T, strict=True):
            rows.setdefault(state.name, row)
        values = np.array([rows[name] for name in self.names])
        bad = np.argwhere(~np.isfinite(values))
        if bad.size:
            raise ModelError(
                f'"{self.names[int(bad[0, 0])]}" is not finite at '
                f"{float(found.times[int(bad[0, 1])])!r}", code="not-finite",
                hint="`bullbear run` says which equation is at fault",
            )  # fmt: skip
        return Course(found.times, values, self._vector(model, vector), grid)

    def _vector(self, model: Model, vector: Sequence[float]) -> list[float]:
        """The constants in the order of this program."""
        known = {(p.name, p.role): v for p, v in zip(model.program.parameters, vector, strict=True)}
        return [known.get((p.name, p.role), p.value) for p in self.program.parameters]

    def equations(self, course: Course, names: Sequence[str]) -> dict[str, ArrayFunction]:
        """Functions (time, time, values of all variables) -> the right sides of some variables."""
        groups = {f"g{self.position[n]}": [self.program.states[self.position[n]].rate]
                  for n in names}  # fmt: skip
        _, made = NumpyCode(self.program, groups).prepare(course.vector, course.grid.controls())
        return {name: made[f"g{self.position[name]}"] for name in names}

    def slopes(self, course: Course, links: Sequence[Link]) -> dict[Link, Array]:
        """The exact partial derivative of the end of each link by its beginning, shape (time,)."""
        made: dict[Link, Array] = {}
        starts: dict[str, list[str]] = {}
        for start, end in links:
            starts.setdefault(end, []).append(start)
        for end, begins in starts.items():
            made |= self._slopes_of(course, end, begins)
        return made

    def _slopes_of(self, course: Course, end: str, begins: Sequence[str]) -> dict[Link, Array]:
        root = self.program.states[self.position[end]].rate
        builder, moved = _extract(self.program, root)
        leaves = {
            name: builder.add("state", data=self.position[name]) for name in begins
        }  # fmt: skip
        found = weights(builder, {moved: builder.const(1.0)}, lambda _: True)
        zero = builder.const(0.0)
        roots = [found.get(leaves[name], zero) for name in begins]
        code = NumpyCode(builder.program, {"slopes": roots})
        _, functions = code.prepare(course.vector, course.grid.controls())
        with np.errstate(all="ignore"):
            values = functions["slopes"](course.times, course.times, list(course.values))  # type: ignore[arg-type]
        shape = course.times.shape
        return {
            (name, end): np.broadcast_to(np.asarray(value, dtype=np.float64), shape)
            for name, value in zip(begins, values, strict=True)
        }


def _extract(program: Program, root: int) -> tuple[Builder, int]:
    """One equation as a program of its own with the same leaves, and its root there."""
    builder = Builder()
    copy = builder.program
    copy.parameters += program.parameters
    copy.tables += program.tables
    start = builder.const(0.0)
    copy.states += [replace(s, kind="stock", rate=start, initial=start) for s in program.states]
    moved: dict[int, int] = {}

    def visit(index: int) -> int:
        if index not in moved:
            node = program.nodes[index]
            moved[index] = builder.add(node.op, *map(visit, node.args), data=node.data)
        return moved[index]

    return builder, visit(root)


class _Apart(Lowering):
    """Statements in which every named variable is a state; `named` are those that are no stock."""

    def __init__(self, system: System) -> None:
        super().__init__(system)
        self.named: dict[str, int] = {}
        self._roots: dict[str, int] = {}

    def everything(self) -> None:
        super().everything()
        zero = self.builder.const(0.0)
        for name, place in self.named.items():
            state = self.builder.program.states[place]
            state.initial = zero
            state.rate = self._roots[name]

    def value(
        self, key: str, elements: tuple[str, ...], mode: str, *, spelled_out: bool = False
    ) -> int:
        """The leaf of a variable; its equation is made into statements beside it, once."""
        if mode == INITIAL or key in CONTROL_NAMES:
            return super().value(key, elements, mode, spelled_out=spelled_out)
        variable = self.system.variables[key]
        name = element_name(variable.name, tuple(map(self.system.ranges.spelled, elements)))
        context = self._context(variable, elements, RUN, name)
        if not self._changes(context):
            return super().value(key, elements, mode, spelled_out=spelled_out)
        if name not in self.named:
            self.named[name] = self.new_state(State(name, "stock", hidden=False))
            self._roots[name] = self._define(context, elements)
        return self.builder.add("state", data=self.named[name])

    def _changes(self, context: Context) -> bool:
        """Whether a variable's element is neither a stock nor a number."""
        if context.variable.kind in ("stock", "data", "lookup"):
            return False
        node = context.definition.equation.expression
        return node is not None and self._constant(context, node) is None
