"""Many points of a problem at once: one call of the ensemble engine for each run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from bullbear.calibration.objective import Objective
from bullbear.calibration.predictions import Prediction, read_predictions
from bullbear.calibration.targets import Target
from bullbear.models.ensemble import Options, Work, work_on
from bullbear.models.plan import Plan, Request, make_plan

if TYPE_CHECKING:
    import pandas as pd

    from bullbear.models.batch import Runner

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class _Course:
    """One run of the problem, ready for draws; `places` are its targets and their grid steps."""

    plan: Plan
    runner: Runner
    places: dict[int, tuple[int, npt.NDArray[np.int64]]]  # target -> output, saved positions


class Batches:
    """The likelihood and the predictions of a problem at many points."""

    def __init__(self, objective: Objective) -> None:
        self.objective = objective
        self._courses = [self._course(run.name) for run in objective.problem.runs
                         if any(t.run == run.name for t in objective.targets)]  # fmt: skip

    def _course(self, name: str) -> _Course:
        objective = self.objective
        problem, targets = objective.problem, objective.targets
        run = next(run for run in problem.runs if run.name == name)
        own = [i for i, t in enumerate(targets) if t.run == name]
        steps = np.unique(np.concatenate([_steps(targets[i]) for i in own]))
        grid = objective.model.grid(time_step=problem.time_step)
        outputs = tuple(dict.fromkeys(targets[i].variable for i in own))
        request = Request(
            run.scenario or problem.scenario, run.set, outputs,
            (grid.initial + grid.step * steps).tolist(), problem.method, problem.time_step,
            max(objective.final_time, grid.initial + grid.step * float(steps[-1])), False,
        )  # fmt: skip
        plan = make_plan(objective.model, self._frame(objective.starts[None]), request)
        places = {
            i: (plan.names.index(targets[i].variable), np.searchsorted(steps, _steps(targets[i])))
            for i in own
        }
        return _Course(plan, Work(plan, Options()).runner, places)

    def _frame(self, values: Array) -> pd.DataFrame:
        import pandas as pd

        return pd.DataFrame(values, columns=list(self.objective.space.names))

    def predictions(self, values: Array) -> Array:
        """What the model says of every target, shape (draw, target); NaN where a run fails.

        `values` of the constants have shape (draw, parameter).
        """
        targets = self.objective.targets
        found = np.full((len(values), len(targets)), np.nan)
        for course in self._courses:
            part = work_on(course.plan, course.runner, np.ascontiguousarray(values), False)
            assert part.values is not None
            for i, (output, positions) in course.places.items():
                found[:, i] = _measured(targets[i], part.values[:, positions, output])
        return found

    def log_posterior(self, coordinates: Array) -> Array:
        """Log density of points of the search, shape (draw,), up to a constant.

        The density is over the coordinates; that of a belief over values is carried over by the
        slope between the two.
        """
        objective = self.objective
        lower, upper = objective.space.bounds
        inside = ((coordinates >= lower) & (coordinates <= upper)).all(axis=1)
        found = np.full(len(coordinates), -np.inf)
        if not inside.any():
            return found
        values = objective.space.from_fit(coordinates[inside])
        predicted = self.predictions(values)
        nll = objective.terms(predicted).nll[:, objective.fitted].sum(axis=1)
        beliefs = objective.beliefs
        nlp = 0.5 * (beliefs.residuals(values) ** 2).sum(axis=1)
        slopes = np.array([objective.space.slopes(row) for row in values])
        with np.errstate(divide="ignore"):
            carried = np.log(np.abs(slopes / np.where(beliefs.logarithmic, values, 1.0)))
        total = carried.sum(axis=1) - nll - nlp
        found[inside] = np.where(np.isfinite(total), total, -np.inf)
        return found

    def foretold(self, values: Array) -> dict[str, Array]:
        """Every prediction of the problem, shape (draw,); infinite where an event stays away."""
        objective = self.objective
        asked = read_predictions(objective)
        frame = self._frame(values)
        found: dict[str, Array] = {}
        if any(p.event for p in asked):
            headline = [objective.targets[0].variable]
            grid = objective.model.grid()
            many = objective.model.ensemble(
                frame, headline, [grid.initial], scenario=objective.problem.scenario
            )
            events = many.events.to_numpy(dtype=np.float64)
            late = np.where(np.isnan(events), np.inf, events)
            late[many.failed] = np.nan
            columns = list(many.events.columns)
            found |= {p.name: late[:, columns.index(p.event)] for p in asked if p.event}
        for p in asked:
            if not p.event:
                found[p.name] = self._value(frame, p)
        return {p.name: found[p.name] for p in asked}

    def _value(self, frame: pd.DataFrame, prediction: Prediction) -> Array:
        many = self.objective.model.ensemble(
            frame, [prediction.variable], [prediction.time],
            scenario=self.objective.problem.scenario, final_time=prediction.time, events=False,
        )  # fmt: skip
        assert many.values is not None
        return many.values[:, 0, 0]


def _steps(target: Target) -> npt.NDArray[np.int64]:
    return target.measure.first + np.arange(len(target.measure.weights))


def _measured(target: Target, courses: Array) -> Array:
    """One number per draw from the values at the target's steps, shape (draw, step)."""
    if target.measure.extreme == "maximum":
        return np.asarray(courses.max(axis=1))
    if target.measure.extreme == "minimum":
        return np.asarray(courses.min(axis=1))
    return courses @ target.measure.weights
