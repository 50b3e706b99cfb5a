"""The gradient of one number made from a run, by every constant and initial value at once.

The discrete adjoint of Euler and RK4: weights of the states are carried from the end of the run to
its beginning, λ = λ' + h·f_x(x)ᵀ·λ' + the weight of what is saved there.  Then reverse mode over
the statements, for all steps at once, tells what every constant did.  The cost does not depend on
the number of constants.

Source: Giles & Pierce 2000, An introduction to the adjoint approach to design, for the idea; the
stages are those of the method run backwards (Hager 2000).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from bullbear.equations.derivatives import weights
from bullbear.equations.differentiated import Direction, directions, jacobian
from bullbear.equations.printers.numpy import NumpyCode, Values
from bullbear.equations.program import Builder, Level, Program, State
from bullbear.errors import SimulationError
from bullbear.models.linearised import (
    Array,
    RunOptions,
    Setup,
    Stage,
    checked,
    chosen_outputs,
    memory,
    product,
    setup,
    spread,
    stages,
)
from bullbear.models.simulate import Simulator

if TYPE_CHECKING:
    import pandas as pd

    from bullbear.models.model import Model

Loss: TypeAlias = Callable[[Array], tuple[float, Array]]


@dataclass(frozen=True)
class Gradient:
    """Derivatives of a loss.

    Attributes
    ----------
    loss : its value
    parameters : names of all constants, and of the stocks whose initial values are meant
    parameter_values : shape (parameter,) [unit of the parameter]
    derivatives : shape (parameter,) [unit of the loss / unit of the parameter]
    times, variables, values : what the loss was given; `values` has shape (time, variable)
    """

    loss: float
    parameters: tuple[str, ...]
    parameter_values: Array
    derivatives: Array
    times: Array
    variables: tuple[str, ...]
    values: Array

    @property
    def logarithmic(self) -> Array:
        """Derivatives by ln p, shape (parameter,) [unit of the loss]."""
        return self.derivatives * self.parameter_values

    def to_frame(self) -> pd.DataFrame:
        """Index `parameter`; columns value, derivative, logarithmic."""
        import pandas as pd

        return pd.DataFrame(
            {
                "value": self.parameter_values,
                "derivative": self.derivatives,
                "logarithmic": self.logarithmic,
            },
            index=pd.Index(self.parameters, name="parameter"),
        )

    def __str__(self) -> str:
        order = np.argsort(-np.abs(self.logarithmic), kind="stable")[:10]
        lines = [f"loss {self.loss:.6g}; largest derivatives by ln parameter:"]
        lines += [f"  {self.parameters[i]}: {self.logarithmic[i]:.6g}" for i in order]
        return "\n".join(lines)


def gradient(
    model: Model, outputs: Sequence[str], loss: Loss, options: RunOptions | None = None
) -> Gradient:
    """The gradient of a loss over saved outputs by all constants and initial values.

    Parameters
    ----------
    outputs : names; a name of an array means all its elements
    loss : given the outputs, shape (time, variable), returns its value and its derivatives by
        them, of the same shape

    Raises
    ------
    UsageError
        For an unknown name, or a method that is not Euler or RK4.
    SimulationError
        If the run or the gradient is not finite.
    """
    chosen = setup(model, options or {})
    names = tuple(chosen_outputs(model, outputs))
    key = ("adjoint", names)
    if key not in model.differentiated:
        model.differentiated[key] = BackwardCode(model.program, names)
    code = model.differentiated[key]
    assert isinstance(code, BackwardCode)
    return _Backward(code, chosen).result(loss)


class BackwardCode:
    """What is compiled once for a choice of outputs.

    Weights come in as further state leaves: of the rates, then of the outputs, then of the
    statements where the part that depends on time meets the part that does not (`border`).
    """

    def __init__(self, program: Program, outputs: Sequence[str]) -> None:
        self.program, self.outputs = program, tuple(outputs)
        self.count = len(program.states)
        self.wanted: list[Direction] = list(directions(program).values())
        roots = [program.outputs[name] for name in outputs]
        self.simulator = Simulator(program, roots, [])
        rates = [state.rate for state in program.states]
        slopes = jacobian(program, rates, [])
        self.places = [r * self.count + c for r, c in slopes.entries]
        self.builder = Builder.onto(slopes.program)
        self._active = _above(program, {"param"})
        self._open = _above(program, {"param", "state"})
        moved = self._weights(rates, self._new_leaves(self.count), self._active)
        saved = self._weights(roots, self._new_leaves(len(roots)), self._open)
        self.border = sorted({i for found in (moved, saved) for i in found if self._is_border(i)})
        leaves = [self.builder.add("state", data=index) for index in range(self.count)]
        start = self._start()
        zero = self.builder.const(0.0)
        groups = {
            "rates": rates,
            "rate_slopes": list(slopes.entries.values()),
            "rate_weights": [moved.get(i, zero) for i in self.border],
            "output_weights": [saved.get(i, zero) for i in [*leaves, *self.border]],
            "start_weights": [start.get(d.statement, zero) for d in self.wanted],
            "parameters": [d.statement for d in self.wanted],
        }
        self.code = NumpyCode(self.builder.program, groups)

    def _new_leaves(self, count: int) -> list[int]:
        """Statements whose values come from outside."""
        states, zero = self.builder.program.states, self.builder.const(0.0)
        found = []
        for _ in range(count):
            found.append(self.builder.add("state", data=len(states)))
            states.append(State(f"weight {len(states)}", "stock", True, zero, zero))
        return found

    def _is_border(self, index: int) -> bool:
        return self._active[index] and self.program.levels[index] <= Level.DRAW

    def _weights(
        self, roots: Sequence[int], leaves: Sequence[int], active: Sequence[bool]
    ) -> dict[int, int]:
        return weights(
            self.builder, self._joined(roots, leaves), lambda i: active[i], self._is_border
        )

    def _joined(self, roots: Sequence[int], leaves: Sequence[int]) -> dict[int, int]:
        """Root -> weight; a root that is there twice has the sum."""
        given: dict[int, int] = {}
        for root, leaf in zip(roots, leaves, strict=True):
            given[root] = self.builder.add("add", given[root], leaf) if root in given else leaf
        return given

    def _start(self) -> dict[int, int]:
        """Weights below the border and the initial values."""
        initials = [state.initial for state in self.program.states]
        leaves = self._new_leaves(len(self.border) + self.count)
        given = self._joined([*self.border, *initials], leaves)
        return weights(self.builder, given, lambda i: self._active[i])


def _above(program: Program, leaves: set[str]) -> list[bool]:
    """Whether each statement stands on a leaf of one of these kinds."""
    found: list[bool] = []
    for node in program.nodes:
        found.append(node.op in leaves or any(found[a] for a in node.args))
    return found


class _Backward:
    """One run, and its way back."""

    def __init__(self, code: BackwardCode, chosen: Setup) -> None:
        self.code, self.setup = code, chosen
        found = code.simulator.run(chosen.grid, chosen.method, chosen.vector)
        self.found = checked(found, code.program, chosen.grid)
        start, self.functions = code.code.prepare(list(chosen.vector), chosen.grid.controls())
        count = code.count
        delays = start[len(code.builder.program.states) :]
        self.memory = memory(code.program, [*map(float, start[:count]), *map(float, delays)],
                             chosen.grid)  # fmt: skip
        steps = chosen.grid.steps
        self.points, _ = stages(code.code, chosen, self.found.states[:steps], self.memory.moving)

    def result(self, loss: Loss) -> Gradient:
        value, slopes = loss(self.found.values)
        border, sources = self._outputs(np.asarray(slopes, dtype=np.float64))
        initial, rate_weights = self._states(sources)
        for point, weight in zip(self.points, rate_weights, strict=True):
            border += self._rates(point, weight)
        derivatives, parameters = self._start(border, initial)
        names = tuple(direction.name for direction in self.code.wanted)
        for name, derivative in zip(names, derivatives, strict=True):
            if not np.isfinite(derivative):
                raise SimulationError(
                    f'the derivative of the loss by "{name}" is not finite',
                    code="not-finite",
                    hint="an equation has an infinite slope on the way, such as SQRT at 0",
                )
        return Gradient(
            float(value), names, parameters, derivatives, self.found.times, self.code.outputs,
            self.found.values,
        )  # fmt: skip

    def _outputs(self, slopes: Array) -> tuple[Array, Array]:
        """Weights of the border from the outputs, (border,), and of states, (step, state)."""
        steps, every = self.setup.grid.steps, self.setup.grid.every
        at = np.arange(0, steps + 1, every)[: len(self.found.times)]
        times, count = self.found.step_times[at], self.code.count
        columns = [*self.found.states[at].T, *np.zeros((count, len(at))), *slopes.T]
        values = self._call("output_weights", times, times, columns)
        sources = np.zeros((steps + 1, count))
        sources[at] = spread(values[:count], range(count), count, len(at))
        return _summed(values[count:], len(at)), sources

    def _states(self, sources: Array) -> tuple[Array, list[Array]]:
        """Weights of initial values, (state,), and of each stage's rates, (step, state)."""
        steps, count = self.setup.grid.steps, self.code.count
        slopes = [self._slopes(point) for point in self.points]
        found = [np.zeros((steps, count)) for _ in self.points]
        initial = np.zeros(count)
        later = sources[steps]
        moving = self.memory.moving
        for k in range(steps - 1, -1, -1):
            self._enter(k, later, found[0], initial)
            total = moving * later + sources[k]
            back = np.zeros(count)
            ahead = 0.0  # shift of the stage after this one
            for stage in range(len(self.points) - 1, -1, -1):
                point = self.points[stage]
                found[stage][k] += moving * (point.weight * later + ahead * back)
                back = product(slopes[stage][k].T, found[stage][k][:, None])[:, 0]
                total = total + back
                # a discrete state stands still within the step, so its rate feeds no later stage
                ahead = point.shift
            later = total
        return initial + later, found

    def _enter(self, k: int, later: Array, first: Array, initial: Array) -> None:
        """What discrete states owe to the rates that entered them."""
        for index in self.memory.samples:
            first[k, index] += later[index]
        for index, steps in self.memory.buffers.items():
            ago = k + 1 - steps
            if ago >= 0:
                first[ago, index] += later[index]
            else:
                initial[index] += later[index]

    def _slopes(self, point: Stage) -> Array:
        """Derivatives of the rates by the states, shape (step, state, state)."""
        count, steps = self.code.count, len(point.times)
        values = self._call("rate_slopes", point.times, point.held, point.states)
        table = spread(values, self.code.places, count * count, steps)
        return table.reshape(steps, count, count)

    def _rates(self, point: Stage, weight: Array) -> Array:
        """Weights of the border from the rates of one stage, summed over the steps."""
        columns = [*point.states[: self.code.count], *np.ascontiguousarray(weight.T)]
        values = self._call("rate_weights", point.times, point.held, columns)
        return _summed(values, len(point.times))

    def _start(self, border: Array, initial: Array) -> tuple[Array, Array]:
        begin = self.setup.grid.initial
        skipped = 2 * self.code.count + len(self.code.outputs)
        given = [*np.zeros(skipped), *border, *initial]
        weights_ = self._call("start_weights", begin, begin, given)
        parameters = self._call("parameters", begin, begin, given)
        return np.array(weights_, dtype=np.float64), np.array(parameters, dtype=np.float64)

    def _call(
        self, group: str, times: Array | float, held: Array | float, states: Sequence[Values]
    ) -> tuple[Values, ...]:
        """A group's values; states behind the given ones are not read by it."""
        missing = len(self.code.builder.program.states) - len(states)
        with np.errstate(all="ignore"):
            return self.functions[group](times, held, [*states, *[0.0] * missing])  # type: ignore[arg-type]


def _summed(values: Sequence[Values], points: int) -> Array:
    """Sums over points; a scalar stands for all of them."""
    return np.array(
        [np.sum(v) if np.ndim(v) else float(v) * points for v in values], dtype=np.float64
    )
