"""Runs of a few variables at every step: what checks of behaviour look at."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bullbear.equations.names import canonical, split_element
from bullbear.errors import SimulationError
from bullbear.models.events import locate
from bullbear.models.model import Model
from bullbear.models.simulate import Grid, Simulator, Trajectory, grid_index

Array = npt.NDArray[np.float64]
_ROUNDING = 1e-9  # how far below zero rounding may take a stock, over its largest value


@dataclass(frozen=True)
class Course:
    """One run.

    Attributes
    ----------
    times : every step up to the end asked for, shape (step,) [time unit]
    values : column -> its course, shape (step,) [the variable's unit]
    events : name -> time, or None where it does not happen before `horizon`
    """

    times: Array
    values: Mapping[str, Array]
    events: Mapping[str, float | None]
    horizon: float


class Courses:
    """Runs of one model, of which only some columns are kept."""

    def __init__(self, model: Model, columns: Iterable[str]) -> None:
        self.model = model
        self.columns = list(dict.fromkeys(columns))
        program = model.program
        self.event_columns = [self._event_column(e.variable) for e in model.definition.events]
        watched = [program.outputs[name] for name in (*self.columns, *self.event_columns)]
        self.simulator = Simulator(program, [], watched)
        keys = {canonical(split_element(name)[0]) for name in model.definition.nonnegative}
        self.nonnegative = {
            i: s.name for i, s in enumerate(program.states)
            if not s.hidden and canonical(split_element(s.name)[0]) in keys
        }  # fmt: skip

    def run(
        self,
        scenario: str,
        inputs: Mapping[str, float],
        final: float | None = None,
        *,
        to_horizon: bool = False,
    ) -> Course:
        """Run one scenario with some constants set, to `final` or the end of the model.

        Raises
        ------
        UsageError
            For an unknown scenario or constant.
        SimulationError
            If a variable is no longer finite, or a stock of the model's list goes below zero.
        """
        model = self.model
        vector = model.parameter_vector(model.values(scenario, inputs)).tolist()
        grid = model.grid(vector, final_time=final)
        bounds = model.definition.time
        horizon = max(grid.final, (bounds.horizon if bounds else None) or grid.final)
        long = Grid(grid.initial, horizon, grid.step, grid.saveper) if to_horizon else grid
        found = self.simulator.run(long, model.definition.method, vector, save_until=grid.initial)
        self._refuse(found)
        last = grid_index(grid, grid.final) + 1
        count = len(self.columns)
        values = {name: found.monitored[:last, i] for i, name in enumerate(self.columns)}
        events = {
            event.name: locate(event, found.step_times, found.monitored[:, count + i])
            for i, event in enumerate(model.definition.events)
        }
        return Course(found.step_times[:last], values, events, horizon)

    def _event_column(self, name: str) -> str:
        key = canonical(name)
        return next(n for n in self.model.program.outputs if canonical(n) == key)

    def _refuse(self, found: Trajectory) -> None:
        if not (np.isfinite(found.states[-1]).all() and np.isfinite(found.monitored).all()):
            rows = np.flatnonzero(~np.isfinite(found.monitored).all(axis=1))
            time = float(found.step_times[rows[0] if rows.size else -1])
            raise SimulationError(f"a variable is no longer finite at {time:.6g}",
                                  code="not-finite")  # fmt: skip
        for position, name in self.nonnegative.items():
            column = found.states[:, position]
            low = int(np.argmin(column))
            if column[low] < -_ROUNDING * float(np.max(np.abs(column))):
                raise SimulationError(
                    f'the stock "{name}" is {column[low]:.6g} at {found.step_times[low]:.6g}',
                    code="negative-stock",
                )
