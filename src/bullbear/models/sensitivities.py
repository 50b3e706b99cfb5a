"""How outputs of a run change with constants and initial values: exact derivatives of the run.

What is differentiated is the discrete run itself (Euler or RK4, DELAY FIXED and SAMPLE IF TRUE
included), not the continuous model, so the numbers agree with those of two runs side by side to
the accuracy of the difference.  For a step x' = x + h·f(x, p), the sensitivities S = dx/dp obey
S' = S + h·(f_x·S + f_p).  Kinks: see `bullbear.equations.derivatives`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from bullbear.equations.differentiated import Direction, jacobian, sensitivity_program
from bullbear.equations.printers.numpy import NumpyCode, Values
from bullbear.equations.program import Program
from bullbear.errors import SimulationError
from bullbear.models.events import locate
from bullbear.models.linearised import (
    Array,
    Memory,
    RunOptions,
    Setup,
    Stage,
    checked,
    chosen_directions,
    chosen_outputs,
    memory,
    product,
    setup,
    spread,
    stages,
)
from bullbear.models.run import Provenance
from bullbear.models.simulate import Simulator
from bullbear.models.versions import versions

if TYPE_CHECKING:
    import pandas as pd

    from bullbear.models.model import Model


@dataclass(frozen=True)
class Sensitivities:
    """Derivatives of outputs of one run.

    Attributes
    ----------
    times : saved times, shape (time,) [time unit]
    variables : names of the outputs
    parameters : names of the constants, and of the stocks whose initial values are meant
    values : the outputs, shape (time, variable) [unit of the variable]
    derivatives : shape (time, variable, parameter) [unit of the variable / unit of the parameter],
        or [unit of the variable] where `logarithmic`
    logarithmic : whether by the natural logarithm of the parameters
    events : event -> derivative of its time, shape (parameter,) [time unit / unit of the
        parameter]; None where it does not happen
    """

    times: Array
    variables: tuple[str, ...]
    parameters: tuple[str, ...]
    values: Array
    derivatives: Array
    logarithmic: bool
    parameter_values: Array
    events: Mapping[str, Array | None]
    provenance: Provenance

    def elasticities(self) -> Array:
        """d ln variable / d ln parameter, shape (time, variable, parameter) [1].

        Not a number where the variable is 0.
        """
        scale = 1.0 if self.logarithmic else self.parameter_values
        with np.errstate(all="ignore"):
            found = self.derivatives * scale / self.values[:, :, None]
        return np.where(self.values[:, :, None] == 0, np.nan, found)

    def to_frame(self) -> pd.DataFrame:
        """Index `time`, columns (variable, parameter)."""
        import pandas as pd

        columns = pd.MultiIndex.from_product(
            [self.variables, self.parameters], names=["variable", "parameter"]
        )
        index = pd.Index(self.times, name="time")
        return pd.DataFrame(self.derivatives.reshape(len(self.times), -1), index, columns)

    def __str__(self) -> str:
        by = "d ln parameter" if self.logarithmic else "d parameter"
        lines = [f"d variable / {by} at {self.times[-1]:g}"]
        for variable, row in zip(self.variables, self.derivatives[-1], strict=True):
            lines.append(f"  {variable}")
            order = np.argsort(-np.abs(row), kind="stable")
            lines += [f"    {self.parameters[i]}: {row[i]:.6g}" for i in order]
        return "\n".join(lines)


def sensitivities(
    model: Model,
    outputs: Sequence[str],
    by: Sequence[str],
    logarithmic: bool = False,
    options: RunOptions | None = None,
) -> Sensitivities:
    """Exact derivatives of `outputs` by the constants and initial values `by`.

    Parameters
    ----------
    outputs, by : names; a name of an array means all its elements
    logarithmic : derivatives by ln p instead of p

    Raises
    ------
    UsageError
        For an unknown name, or a method that is not Euler or RK4.
    SimulationError
        If the run or a derivative is not finite.
    """
    chosen = setup(model, options or {})
    names = chosen_outputs(model, outputs)
    wanted = chosen_directions(model, by, logarithmic)
    key = (tuple(names), tuple(direction.name for direction in wanted))
    known = model.differentiated
    if key not in known:
        events = chosen_outputs(model, [e.variable for e in model.definition.events])
        known[key] = ForwardCode(model.program, names, events, wanted)
    forward = known[key]
    assert isinstance(forward, ForwardCode)
    return _Forward(model, forward, chosen, logarithmic).result()


def with_sensitivities(
    model: Model, outputs: Sequence[str], by: Sequence[str], logarithmic: bool = False
) -> Model:
    """The model with `d(output)/d(parameter)` as further outputs; see `sensitivity_program`.

    For many runs: `with_sensitivities(...).ensemble(draws, outputs=...)`.  Where the model writes
    `ln parameter`, the derivative is by its logarithm.

    Raises
    ------
    UsageError
        For an unknown name.
    """
    wanted = chosen_directions(model, by, logarithmic)
    program = sensitivity_program(model.program, wanted, chosen_outputs(model, outputs))
    return replace(model, program=program)


class ForwardCode:
    """What is compiled once for a choice of outputs and parameters."""

    def __init__(
        self,
        program: Program,
        outputs: Sequence[str],
        events: Sequence[str],
        wanted: Sequence[Direction],
    ) -> None:
        self.program, self.outputs, self.wanted = program, tuple(outputs), tuple(wanted)
        roots = [program.outputs[name] for name in [*outputs, *events]]
        self.simulator = Simulator(program, roots[: len(outputs)], roots[len(outputs) :])
        rates = [state.rate for state in program.states]
        initials = [state.initial for state in program.states]
        rows = [*rates, *roots, *initials]
        made = jacobian(program, rows, [direction.statement for direction in wanted])
        self.columns = len(rates) + len(wanted)
        count, saved = len(rates), len(rates) + len(roots)
        self.rates = {k: v for k, v in made.entries.items() if k[0] < count}
        self.saved = {(r - count, c): v for (r, c), v in made.entries.items() if
                      count <= r < saved}  # fmt: skip
        self.initials = {(r - saved, c - count): v for (r, c), v in made.entries.items() if
                         r >= saved and c >= count}  # fmt: skip
        self.code = NumpyCode(
            made.program,
            {
                "rates": rates,
                "rate_slopes": list(self.rates.values()),
                "output_slopes": list(self.saved.values()),
                "initial_slopes": list(self.initials.values()),
                "parameters": [direction.statement for direction in wanted],
            },
        )


class _Forward:
    """One run and its sensitivities."""

    def __init__(self, model: Model, code: ForwardCode, chosen: Setup, logarithmic: bool) -> None:
        self.model, self.code, self.setup, self.logarithmic = model, code, chosen, logarithmic
        found = code.simulator.run(chosen.grid, chosen.method, chosen.vector)
        self.found = checked(found, code.program, chosen.grid)
        self.count = len(code.program.states)
        start, self.functions = code.code.prepare(list(chosen.vector), chosen.grid.controls())
        self.memory = memory(code.program, [float(v) for v in start], chosen.grid)

    def result(self) -> Sensitivities:
        grid, code = self.setup.grid, self.code
        parameters = np.array(self._at_start("parameters"), dtype=np.float64)
        scale = parameters if self.logarithmic else np.ones(len(parameters))
        states = self.states() * scale
        every = np.arange(0, grid.steps + 1, grid.every)[: len(self.found.times)]
        derivatives = self.outputs(every, states, scale)[:, : len(code.outputs)]
        self._refuse(derivatives)
        return Sensitivities(
            self.found.times,
            code.outputs,
            tuple(direction.name for direction in code.wanted),
            self.found.values,
            derivatives,
            self.logarithmic,
            parameters,
            self._events(states, scale),
            self._provenance(),
        )

    # -- states ---------------------------------------------------------------------------------

    def states(self) -> Array:
        """Sensitivities of the states at every grid time, shape (step, state, parameter)."""
        steps = self.setup.grid.steps
        n, m = self.count, len(self.code.wanted)
        found = np.zeros((steps + 1, n, m))
        for (row, column), value in zip(
            self.code.initials, self._at_start("initial_slopes"), strict=True
        ):
            found[0, row, column] = float(value)
        points, _ = stages(
            self.code.code, self.setup, self.found.states[:steps], self.memory.moving
        )
        slopes = [self._slopes(point) for point in points]
        advance = _Advance(points, slopes, self.memory, n)
        with np.errstate(all="ignore"):
            for k in range(steps):
                found[k + 1] = advance(k, found)
        return found

    def _slopes(self, point: Stage) -> Array:
        """Derivatives of the rates by states and parameters, shape (step, state, column)."""
        columns = self.code.columns
        with np.errstate(all="ignore"):
            values = self.functions["rate_slopes"](point.times, point.held, point.states)  # type: ignore[arg-type]
        places = [row * columns + column for row, column in self.code.rates]
        table = spread(values, places, self.count * columns, len(point.times))
        return table.reshape(len(point.times), self.count, columns)

    # -- outputs --------------------------------------------------------------------------------

    def outputs(self, at: npt.NDArray[np.int64], states: Array, scale: Array) -> Array:
        """Sensitivities of outputs, then of event variables, at steps `at`."""
        times = self.found.step_times[at]
        columns = [np.ascontiguousarray(c) for c in self.found.states[at].T]
        with np.errstate(all="ignore"):
            values = self.functions["output_slopes"](times, times, columns)  # type: ignore[arg-type]
        rows = len(self.code.outputs) + self.code.simulator.watched
        places = [row * self.code.columns + column for row, column in self.code.saved]
        table = spread(values, places, rows * self.code.columns, len(times))
        table = table.reshape(len(times), rows, self.code.columns)
        direct = table[:, :, self.count :] * scale
        return product(table[:, :, : self.count], states[at]) + direct

    def _events(self, states: Array, scale: Array) -> dict[str, Array | None]:
        return {
            event.name: self._event(column, self._event_time(column), states, scale)
            for column, event in enumerate(self.model.definition.events)
        }

    def _event_time(self, column: int) -> float | None:
        event = self.model.definition.events[column]
        return locate(event, self.found.step_times, self.found.monitored[:, column])

    def _event(self, column: int, time: float | None, states: Array, scale: Array) -> Array | None:
        """Derivative of the point where the line between two grid values passes the level."""
        if time is None:
            return None
        event, times = self.model.definition.events[column], self.found.step_times
        after = int(np.searchsorted(times, time))
        if after == 0:
            return np.zeros(len(self.code.wanted))
        level = float((event.below if event.below is not None else event.above) or 0.0)
        a, b = self.found.monitored[after - 1 : after + 1, column] - level
        rows = self.outputs(np.array([after - 1, after]), states, scale)
        da, db = rows[:, len(self.code.outputs) + column]
        found: Array = (times[after] - times[after - 1]) * (a * db - b * da) / (a - b) ** 2
        return found

    # -- the rest -------------------------------------------------------------------------------

    def _at_start(self, group: str) -> tuple[Values, ...]:
        begin = self.setup.grid.initial
        with np.errstate(all="ignore"):
            return self.functions[group](begin, begin, list(self.found.states[0]))

    def _refuse(self, derivatives: Array) -> None:
        bad = np.argwhere(~np.isfinite(derivatives))
        if len(bad):
            time, variable, parameter = bad[0]
            raise SimulationError(
                f'the derivative of "{self.code.outputs[variable]}" by '
                f'"{self.code.wanted[parameter].name}" is not finite at '
                f"{float(self.found.times[time])!r}",
                code="not-finite",
                hint="an equation has an infinite slope there, such as SQRT or a power at 0",
            )

    def _provenance(self) -> Provenance:
        grid = self.setup.grid
        return Provenance(
            self.model.name, self.model.hash, self.setup.scenario, self.setup.values,
            self.setup.method, grid.step, grid.saveper, grid.final, "numpy", versions(),
        )  # fmt: skip


class _Advance:
    """From the sensitivities of one step to those of the next."""

    def __init__(
        self, points: Sequence[Stage], slopes: Sequence[Array], memory: Memory, n: int
    ) -> None:
        self.points, self.memory = points, memory
        self.by_state = [np.ascontiguousarray(slope[:, :, :n]) for slope in slopes]
        self.direct = [np.ascontiguousarray(slope[:, :, n:]) for slope in slopes]
        self.finite = [np.isfinite(slope).all() for slope in self.by_state]
        self.moving = memory.moving[:, None]
        self.entered: list[Array] = []  # rates of the ring buffers, step by step

    def __call__(self, k: int, found: Array) -> Array:
        before = found[k]
        change, rate = np.zeros_like(before), before
        for stage, point in enumerate(self.points):
            at = before + (point.shift * self.moving) * rate if point.shift else before
            times = np.matmul if self.finite[stage] else product
            rate = times(self.by_state[stage][k], at) + self.direct[stage][k]
            if stage == 0:
                first = rate
            change += point.weight * rate
        after: Array = before + self.moving * change
        self._move(k, after, first, found)
        return after

    def _move(self, k: int, after: Array, first: Array, found: Array) -> None:
        """Discrete states: a sample takes its rate, a ring buffer what entered it long ago."""
        for index in self.memory.samples:
            after[index] = first[index]
        if self.memory.buffers:
            self.entered.append(first)
        for index, steps in self.memory.buffers.items():
            ago = k + 1 - steps
            after[index] = self.entered[ago][index] if ago >= 0 else found[0, index]
