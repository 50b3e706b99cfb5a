"""Moving one run forward in time: Euler and RK4 over the functions of a printer.

Time stands on a grid, t_k = INITIAL TIME + k · TIME STEP, worked out and never accumulated.
Events (STEP, PULSE, comparisons with dates) are decided at the start of a step and held through
the stages of RK4.  DELAY FIXED and SAMPLE IF TRUE are discrete states, moved after each step.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bullbear.equations.printers.python import PythonCode, StepFunction
from bullbear.equations.program import Program
from bullbear.errors import UsageError
from bullbear.models.definition import divides
from bullbear.models.varying import refuse_moving, run_varying

Array = npt.NDArray[np.float64]
METHODS = ("euler", "rk4")


@dataclass(frozen=True)
class Grid:
    """When a run begins, ends, steps and saves [time unit]."""

    initial: float
    final: float
    step: float
    saveper: float

    def __post_init__(self) -> None:
        if not (math.isfinite(self.step) and self.step > 0):
            raise UsageError(f"the time step must be positive, not {self.step!r}", code="time-step")
        if not (math.isfinite(self.initial) and math.isfinite(self.final)):
            raise UsageError(
                f"a run from {self.initial!r} to {self.final!r} has no end", code="final-time"
            )
        if not self.final >= self.initial:
            raise UsageError(
                f"the run would end at {self.final!r}, before it begins at {self.initial!r}",
                code="final-time",
            )
        if not divides(self.step, self.saveper):
            raise UsageError(
                f"the time step {self.step!r} does not divide the saving step {self.saveper!r}",
                code="time-step",
                hint="choose a saving step that is a whole number of time steps",
            )

    @property
    def steps(self) -> int:
        """Steps to the last grid time that is not behind the end."""
        return math.floor((self.final - self.initial) / self.step + 1e-6)

    @property
    def every(self) -> int:
        """Steps between saved times."""
        return round(self.saveper / self.step)

    def time(self, k: int) -> float:
        return self.initial + k * self.step

    def controls(self) -> dict[str, float]:
        return {
            "initial_time": self.initial,
            "final_time": self.final,
            "time_step": self.step,
            "saveper": self.saveper,
        }

    def finer(self) -> Grid:
        """The same grid with half the step."""
        return Grid(self.initial, self.final, self.step / 2, self.saveper)


@dataclass(frozen=True)
class Trajectory:
    """One run.

    Attributes
    ----------
    times : saved times, shape (time,)
    values : saved outputs, shape (time, output)
    step_times : every time of the grid, shape (step,)
    states : shape (step, state)
    monitored : shape (step, monitored statement)
    """

    times: Array
    values: Array
    step_times: Array
    states: Array
    monitored: Array


class Simulator:
    """One program, ready to run: what is saved and what is watched at every step are fixed."""

    def __init__(self, program: Program, outputs: Sequence[int], monitored: Sequence[int]) -> None:
        self.program = program
        rates = [state.rate for state in program.states]
        self.code = PythonCode(
            program,
            {
                "step": [*rates, *monitored],
                "save": [*rates, *monitored, *program.moving.values(), *outputs],
            },
        )
        self.watched = len(monitored)

    def run(
        self, grid: Grid, method: str, parameters: Sequence[float], save_until: float | None = None
    ) -> Trajectory:
        """Run over a grid; outputs are saved until `save_until` (the end where None).

        A run that is no longer finite ends there: its last step is the first that is not.
        """
        if self.program.moving:
            return self._run_varying(grid, method, parameters)
        prepared = self.code.prepare(parameters, grid.controls())
        step, save = prepared.functions["step"], prepared.functions["save"]
        count = len(self.program.states)
        discrete = Discrete(self.program, prepared.start, grid.step)
        state = list(discrete.start)
        advance = self._advance(method, step, grid.step, discrete)
        until = grid.steps if save_until is None else grid_index(grid, save_until)
        saved: list[tuple[float, ...]] = []
        states, monitored = [], []
        for k in range(grid.steps + 1):
            t = grid.time(k)
            if k <= until and k % grid.every == 0:
                found = save(t, t, state)
                saved.append(found[count + self.watched :])
            else:
                found = step(t, t, state)
            states.append(state)
            monitored.append(found[count : count + self.watched])
            if k == grid.steps or not math.isfinite(sum(state)):
                break
            state = advance(t, state, found)
        every = np.arange(len(saved), dtype=np.float64) * grid.every
        step_times = grid.initial + grid.step * np.arange(len(states), dtype=np.float64)
        return Trajectory(
            grid.initial + grid.step * every,
            np.array(saved, dtype=np.float64).reshape(len(saved), -1),
            step_times,
            np.array(states, dtype=np.float64).reshape(len(states), count),
            np.array(monitored, dtype=np.float64).reshape(len(states), self.watched),
        )

    def _run_varying(self, grid: Grid, method: str, parameters: Sequence[float]) -> Trajectory:
        """As `run`, where the equations change the time bounds."""
        if any(state.kind == "fixed" for state in self.program.states):
            refuse_moving(self.program, "DELAY FIXED")
        prepared = self.code.prepare(parameters, grid.controls())
        step = prepared.functions["step"]
        discrete = Discrete(self.program, prepared.start, grid.step)
        record = run_varying(
            prepared.functions["save"],
            lambda t, s, r, dt: self._advance(method, step, dt, discrete)(t, s, r),
            list(discrete.start), self.watched, list(self.program.moving), grid.controls(),
        )  # fmt: skip
        rows, steps = len(record.saved), len(record.states)
        return Trajectory(
            np.array(record.times), np.array(record.saved).reshape(rows, -1),
            np.array(record.step_times), np.array(record.states).reshape(steps, -1),
            np.array(record.monitored).reshape(steps, self.watched),
        )  # fmt: skip

    def _advance(
        self, method: str, step: StepFunction, dt: float, discrete: Discrete
    ) -> Callable[[float, list[float], Sequence[float]], list[float]]:
        """A function from a state and its rates to the next state."""
        if discrete:
            move = _euler if method == "euler" else _rk4_holding(discrete.positions)
            return lambda t, s, r: discrete.move(move(step, t, s, r, dt), r)
        move = _euler if method == "euler" else _rk4
        return lambda t, s, r: move(step, t, s, r, dt)


def grid_index(grid: Grid, time: float) -> int:
    """The last step that is not behind `time`."""
    return min(grid.steps, math.floor((time - grid.initial) / grid.step + 1e-6))


# -- methods ------------------------------------------------------------------------------------

Move = Callable[[StepFunction, float, list[float], Sequence[float], float], list[float]]


def _euler(
    _: StepFunction, __: float, s: list[float], r: Sequence[float], dt: float
) -> list[float]:
    return [a + dt * b for a, b in zip(s, r)]  # noqa: B905 - rates carry more behind the states


def _rk4(
    step: StepFunction, t: float, s: list[float], r: Sequence[float], dt: float
) -> list[float]:
    """The classical fourth-order step; events stay as they are at its start."""
    half = dt / 2
    r2 = step(t + half, t, [a + half * b for a, b in zip(s, r)])  # noqa: B905
    r3 = step(t + half, t, [a + half * b for a, b in zip(s, r2)])  # noqa: B905
    r4 = step(t + dt, t, [a + dt * b for a, b in zip(s, r3)])  # noqa: B905
    sixth = dt / 6
    return [
        a + sixth * (b + 2 * (c + d) + e)
        for a, b, c, d, e in zip(s, r, r2, r3, r4)  # noqa: B905
    ]


def _rk4_holding(positions: frozenset[int]) -> Move:
    """RK4 in which the discrete states do not move."""

    def move(
        step: StepFunction, t: float, s: list[float], r: Sequence[float], dt: float
    ) -> list[float]:
        def still(t: float, h: float, at: Sequence[float]) -> tuple[float, ...]:
            return step(t, h, [s[i] if i in positions else a for i, a in enumerate(at)])

        return _rk4(still, t, s, r, dt)

    return move


class Discrete:
    """The discrete states of one run: ring buffers of DELAY FIXED, and samples."""

    def __init__(self, program: Program, start: Sequence[float], dt: float) -> None:
        count = len(program.states)
        delays = iter(start[count:])
        self.start = [float(value) for value in start[:count]]
        self.samples: list[int] = []
        self.buffers: dict[int, deque[float]] = {}
        for index, state in enumerate(program.states):
            if state.kind == "sample":
                self.samples.append(index)
            elif state.kind == "fixed":
                self.buffers[index] = self._buffer(index, next(delays), dt)
        self.positions = frozenset([*self.samples, *self.buffers])

    def _buffer(self, index: int, delay: float, dt: float) -> deque[float]:
        """What leaves after 1, 2, ... steps; a delay below half a step still takes one."""
        steps = max(1, math.floor(delay / dt + 0.5)) if math.isfinite(delay) else 1
        return deque([self.start[index]] * (steps - 1))

    def __bool__(self) -> bool:
        return bool(self.positions)

    def move(self, state: list[float], rates: Sequence[float]) -> list[float]:
        """Put the discrete states where they stand after a step that began with `rates`."""
        for index in self.samples:
            state[index] = rates[index]
        for index, buffer in self.buffers.items():
            buffer.append(rates[index])
            state[index] = buffer.popleft()
        return state


def control_values(program: Program, parameters: Sequence[float]) -> Mapping[str, float]:
    """INITIAL TIME, FINAL TIME, TIME STEP and SAVEPER as the equation files say them."""
    known: dict[str, float] = {"initial_time": 0.0, "final_time": 100.0, "time_step": 1.0}
    for name in ("initial_time", "time_step", "saveper", "final_time"):
        if name not in program.controls:
            continue
        code = PythonCode(program, {"value": [program.controls[name]]})
        padded = {"saveper": known["time_step"]} | known
        value = code.prepare(parameters, padded).functions["value"]
        (known[name],) = value(0.0, 0.0, [0.0] * len(program.states))
    known.setdefault("saveper", known["time_step"])
    return known
