"""One run by an adaptive solver for stiff equations: LSODA with the exact Jacobian.

LSODA (Petzold 1983, in SciPy) chooses order, step and method.  It cannot see a switch inside a
step, so it is stopped and started again at every time of the grid where a date takes effect; in
between, events are those of the grid time before.  A date thus means what it means to Euler and
RK4 with the same TIME STEP, and the results differ from theirs by the integration error alone.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import numpy as np
import numpy.typing as npt

from bullbear.equations.printers.numpy import NumpyCode
from bullbear.equations.program import COMPARISONS, Level, Program
from bullbear.errors import SimulationError
from bullbear.models.field import Field, Rates
from bullbear.models.simulate import Grid, Simulator, Trajectory, grid_index

if TYPE_CHECKING:
    from scipy.integrate import LSODA

Array = npt.NDArray[np.float64]
RTOL = 1e-9
STIFF = "lsoda"
"""Its name among the methods."""
_FIRST_RTOL = 1e-5  # of the pass that finds out how large the states become
_STEPWISE = ("backward", "forward", "raw")


class StiffSimulator:
    """Runs what a `Simulator` runs, by LSODA.

    Raises
    ------
    UsageError
        If the program has discrete states or random functions.
    """

    def __init__(self, simulator: Simulator, rtol: float = RTOL) -> None:
        self.simulator, self.rtol = simulator, rtol
        self.program = simulator.program
        self.field = Field(self.program)
        self.switches = NumpyCode(self.program, {"switches": _switches(self.program)})

    def run(
        self, grid: Grid, _: str, parameters: Sequence[float], save_until: float | None = None
    ) -> Trajectory:
        """Run over a grid; all as `Simulator.run`.

        The error allowed in a step is `rtol` of the state and of its largest value together.

        Raises
        ------
        SimulationError
            If a rate is not finite, or the solver gives up.
        """
        rates = self.field.at(parameters, grid.controls())
        pieces = self.pieces(grid, parameters)
        start = np.abs(rates.start)
        first = np.abs(rates.rates(grid.initial, grid.initial, rates.start))
        scale = _not_zero(np.maximum(start, grid.step * first))
        rough = _Solver(self.program, grid, rates, _FIRST_RTOL, scale).run(pieces)
        scale = _not_zero(np.fmin(_largest(rough), self._still(grid, parameters)))
        states = _Solver(self.program, grid, rates, self.rtol, scale).run(pieces)
        # within the error allowed, nothing is below zero
        states[(states < 0) & (states > -self.rtol * scale)] = 0.0
        return self._trajectory(grid, parameters, states, save_until)

    def _still(self, grid: Grid, parameters: Sequence[float]) -> Array:
        """The largest value of each state by Euler: 0 for a state that never moves, which in
        LSODA carries the rounding of others."""
        found = _largest(self.simulator.run(grid, "euler", parameters).states)
        return np.where(np.isfinite(found), found, np.nan)

    def pieces(self, grid: Grid, parameters: Sequence[float]) -> list[tuple[int, int]]:
        """First and last grid index of every stretch on which no date takes effect."""
        _, functions = self.switches.prepare(list(parameters), grid.controls())
        times = grid.initial + grid.step * np.arange(grid.steps + 1, dtype=np.float64)
        unread = [0.0] * len(self.program.states)
        with np.errstate(all="ignore"):
            found = functions["switches"](times, times, unread)  # type: ignore[arg-type]
        changed = np.zeros(grid.steps + 1, dtype=np.bool_)
        for values in found:
            if np.ndim(values):
                changed[1:] |= np.diff(np.asarray(values, dtype=np.float64)) != 0
        changed[-1] = True  # the end of the run ends the last stretch
        ends = np.flatnonzero(changed).tolist()
        return list(zip([0, *ends[:-1]], ends, strict=True)) if grid.steps else []

    def _trajectory(
        self, grid: Grid, parameters: Sequence[float], states: Array, save_until: float | None
    ) -> Trajectory:
        """Outputs and monitored values from the states, as `Simulator.run` makes them."""
        functions = self.simulator.code.prepare(parameters, grid.controls()).functions
        count = len(self.program.states)
        first = count + self.simulator.watched
        until = grid.steps if save_until is None else grid_index(grid, save_until)
        saved, monitored = [], []
        for k, state in enumerate(states.tolist()):
            t = grid.time(k)
            saving = k <= until and k % grid.every == 0
            values = functions["save" if saving else "step"](t, t, state)
            monitored.append(values[count:first])
            if saving:
                saved.append(values[first:])
        steps = np.arange(grid.steps + 1, dtype=np.float64)
        return Trajectory(
            grid.initial + grid.step * grid.every * np.arange(len(saved), dtype=np.float64),
            np.array(saved, dtype=np.float64).reshape(len(saved), -1),
            grid.initial + grid.step * steps,
            states,
            np.array(monitored, dtype=np.float64).reshape(len(states), self.simulator.watched),
        )


def _largest(states: Array) -> Array:
    return np.asarray(np.max(np.abs(states), axis=0, initial=0.0))


def _not_zero(scale: Array) -> Array:
    return np.where(scale > 0, scale, 1.0)


def _switches(program: Program) -> list[int]:
    """Statements that a date decides: comparisons and stepwise lookups of the held time."""
    held: list[bool] = []
    found = []
    for index, node in enumerate(program.nodes):
        held.append(node.op == "held" or any(held[a] for a in node.args))
        stepwise = node.op == "lookup" and cast("tuple[int, str]", node.data)[1] in _STEPWISE
        if held[index] and program.levels[index] == Level.TIME and (
            node.op in COMPARISONS or stepwise
        ):  # fmt: skip
            found.append(index)
    return found


@dataclass(frozen=True)
class _Solver:
    program: Program
    grid: Grid
    rates: Rates
    rtol: float
    scale: Array

    def run(self, pieces: Sequence[tuple[int, int]]) -> Array:
        """States at all grid times, shape (step, state)."""
        found = np.empty((self.grid.steps + 1, len(self.scale)))
        found[0] = self.rates.start
        for begin, end in pieces:
            found[begin + 1 : end + 1] = self._piece(begin, end, found[begin])
        return found

    def _piece(self, begin: int, end: int, start: Array) -> Array:
        """States at the grid times behind `begin`, up to `end`.

        A trial point may lie where a rate is not finite, below zero under a root or a logarithm.
        The solver then starts again, with short steps, from the last point that it accepted.
        """
        grid = self.grid
        times = grid.initial + grid.step * np.arange(begin + 1, end + 1, dtype=np.float64)
        found = np.empty((len(times), len(start)))
        solver = self._solver(begin, end, grid.time(begin), start)
        done, restarted = 0, -math.inf
        while solver.status == "running":
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")  # what LSODA says is in its status as well
                    message = solver.step()
            except _NotFinite as fault:
                if solver.t <= restarted:
                    raise self._error(fault) from None
                restarted = solver.t
                solver = self._solver(begin, end, solver.t, solver.y)
                continue
            if solver.status == "failed":
                raise SimulationError(
                    f"LSODA gave up after {float(solver.t)!r}: {message}",
                    code="solver",
                    hint="run it by euler or rk4 to see what happens there",
                )
            until = int(np.searchsorted(times, solver.t, side="right"))
            if until > done:
                found[done:until] = solver.dense_output()(times[done:until]).T
                done = until
        return found

    def _solver(self, begin: int, end: int, time: float, states: Array) -> LSODA:
        from scipy.integrate import LSODA

        grid = self.grid

        def held(t: float) -> float:
            k = math.floor((t - grid.initial) / grid.step)
            return grid.time(min(max(k, begin), end - 1))

        def rates(t: float, at: Array) -> Array:
            values = self.rates.rates(t, held(t), at)
            if not np.isfinite(values).all():
                raise _NotFinite(t, values)
            return values

        def slopes(t: float, at: Array) -> Array:
            return self.rates.jacobian(t, held(t), at)

        return LSODA(
            rates, time, states, grid.time(end), rtol=self.rtol, atol=self.rtol * self.scale,
            jac=slopes,
        )  # fmt: skip

    def _error(self, fault: _NotFinite) -> SimulationError:
        bad = int(np.flatnonzero(~np.isfinite(fault.rates))[0])
        return SimulationError(
            f'the rate of "{self.program.states[bad].name}" is {float(fault.rates[bad])!r} at '
            f"{fault.time!r}",
            code="not-finite",
            hint="guard the division or the logarithm in its equations",
        )


class _NotFinite(Exception):
    """A rate is not finite at a point that the solver tries."""

    def __init__(self, time: float, rates: Array) -> None:
        super().__init__(time)
        self.time, self.rates = float(time), rates
