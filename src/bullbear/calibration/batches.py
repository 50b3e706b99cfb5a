"""Many points of a problem at once: one call of the ensemble engine for each run."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import numpy.typing as npt

from bullbear.calibration.courses import Course
from bullbear.calibration.objective import Objective
from bullbear.calibration.predictions import Prediction
from bullbear.calibration.targets import Target
from bullbear.errors import SimulationError
from bullbear.models.plan import Request

Array = npt.NDArray[np.float64]
_FEW, _MANY = 4, 64  # points of one task, with slopes and without: what there is in memory


class Batches:
    """What the model says at many points, with or without slopes, on several threads.

    Nothing of a result depends on how many points there are, or on the threads.
    """

    def __init__(self, objective: Objective, threads: int | None = None) -> None:
        self.objective = objective
        self.threads = threads or _cores()
        self._pool = ThreadPoolExecutor(self.threads)
        self._courses = [
            _Judged(objective, run.name)
            for run in objective.problem.runs
            if any(t.run == run.name for t in objective.targets)
        ]
        self._foretelling: dict[str, Course] = {}

    # -- numbers that are compared ---------------------------------------------------------------

    def predictions(self, values: Array) -> Array:
        """What the model says of every target, shape (point, target); NaN where a run fails.

        `values` of the constants have shape (point, parameter).
        """
        return self._shared(lambda part: self._predicted(part)[:1], values, _MANY)[0]

    def slopes(self, values: Array) -> tuple[Array, Array]:
        """Predictions and their slopes by the constants, shape (point, target, parameter).

        A slope that a product of 0 and infinity spoils here is worked out point by point.
        """
        predicted, slopes = self._shared(self._linear, values, _FEW)
        for i in np.flatnonzero(~np.isfinite(predicted).all(axis=1)):
            try:
                found, by_value = self.objective.foreseen(values[i], slopes=True)
            except SimulationError:
                continue
            if by_value is not None and np.isfinite(by_value).all():
                predicted[i], slopes[i] = found, by_value
        return predicted, slopes

    def _predicted(self, values: Array) -> tuple[Array]:
        found = np.full((len(values), len(self.objective.targets)), np.nan)
        for course in self._courses:
            found[:, course.own] = course.at(values)[0]
        return (found,)

    def _linear(self, values: Array) -> tuple[Array, Array]:
        found = np.full((len(values), len(self.objective.targets)), np.nan)
        slopes = np.zeros((*found.shape, values.shape[1]))
        for course in self._courses:
            found[:, course.own], slopes[:, course.own] = course.at(values, slopes=True)
        return found, slopes

    def _shared(
        self, work: Callable[[Array], tuple[Array, ...]], values: Array, size: int
    ) -> list[Array]:
        """The work on parts of the points, put together again."""
        size = max(1, min(size, -(-len(values) // self.threads)))
        parts = [values[low : low + size] for low in range(0, len(values), size)]
        alone = self.threads == 1 or len(parts) == 1
        done = list(map(work, parts) if alone else self._pool.map(work, parts))
        return [np.concatenate(columns) for columns in zip(*done, strict=True)]

    # -- the posterior ---------------------------------------------------------------------------

    def log_posterior(self, coordinates: Array) -> Array:
        """Log density of points of the search, shape (point,), up to a constant.

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
        slopes = objective.space.slopes(values)
        with np.errstate(divide="ignore"):
            carried = np.log(np.abs(slopes / np.where(beliefs.logarithmic, values, 1.0)))
        total = carried.sum(axis=1) - nll - nlp
        found[inside] = np.where(np.isfinite(total), total, -np.inf)
        return found

    # -- what is foretold ------------------------------------------------------------------------

    def foretold(
        self, prediction: Prediction, values: Array, *, slopes: bool = False
    ) -> tuple[Array, Array | None]:
        """A prediction, shape (point,), and its slopes (point, parameter) if they are asked for.

        A date is infinite where the event does not happen before the horizon, with slopes 0; NaN
        stands where a run fails.
        """
        course = self._foreteller(prediction)
        if slopes:
            found = self._shared(lambda part: _ahead(course, prediction, part, True), values, _FEW)
            return found[0], found[1]
        return self._shared(
            lambda part: _ahead(course, prediction, part, False), values, _MANY
        )[0], None  # fmt: skip

    def horizon(self, prediction: Prediction) -> float:
        """Until when an event is looked for; infinite for a value."""
        return self._foreteller(prediction).plan.horizon if prediction.event else np.inf

    def _foreteller(self, prediction: Prediction) -> Course:
        """The run that foretells, made ready when it is first needed."""
        if prediction.name in self._foretelling:
            return self._foretelling[prediction.name]
        objective, model = self.objective, self.objective.model
        bounds = model.definition.time
        horizon = bounds.horizon if bounds is not None else None
        if prediction.event:
            variable = next(
                e.variable for e in model.definition.events if e.name == prediction.event
            )
            grid = model.grid(final_time=horizon)
            times = grid.initial + grid.step * np.arange(grid.steps + 1)
            request = Request(objective.problem.scenario, outputs=(variable,),
                              save_at=times.tolist(), final_time=horizon)  # fmt: skip
        else:
            request = Request(
                objective.problem.scenario, outputs=(prediction.variable,),
                save_at=(prediction.time,), final_time=prediction.time, events=False,
            )  # fmt: skip
        course = Course(model, objective.space.names, objective.starts, request)
        self._foretelling[prediction.name] = course
        return course


class _Judged:
    """A run of the problem and the targets that judge it, `own` by their position."""

    def __init__(self, objective: Objective, name: str) -> None:
        problem, targets = objective.problem, objective.targets
        run = next(run for run in problem.runs if run.name == name)
        self.own = np.array([i for i, t in enumerate(targets) if t.run == name])
        self.targets = [targets[i] for i in self.own]
        steps = np.unique(np.concatenate([_steps(t) for t in self.targets]))
        grid = objective.model.grid(time_step=problem.time_step)
        last = grid.initial + grid.step * float(steps[-1])
        request = Request(
            run.scenario or problem.scenario, run.set,
            tuple(dict.fromkeys(t.variable for t in self.targets)),
            (grid.initial + grid.step * steps).tolist(), problem.method, problem.time_step,
            max(objective.final_time, last), False,
        )  # fmt: skip
        self.course = Course(objective.model, objective.space.names, objective.starts, request)
        columns = [self.course.outputs.index(t.variable) for t in self.targets]
        places = [np.searchsorted(steps, _steps(t)) for t in self.targets]
        extreme = [bool(t.measure.extreme) for t in self.targets]
        self.extremes = {i: (places[i], columns[i]) for i in np.flatnonzero(extreme)}
        # the sums of all other targets, one behind the other
        self.summed = np.flatnonzero(~np.array(extreme))
        parts = [places[i] for i in self.summed]
        sizes = [len(part) for part in parts]
        self.places = np.concatenate([np.zeros(0, dtype=np.int64), *parts])
        self.columns = np.repeat([columns[i] for i in self.summed], sizes)
        self.weights = np.concatenate(
            [np.zeros(0), *(self.targets[i].measure.weights for i in self.summed)]
        )
        self.begins = np.cumsum([0, *sizes])[:-1]

    def at(self, values: Array, *, slopes: bool = False) -> tuple[Array, Array]:
        """Predictions of its targets (point, target), and slopes (point, target, parameter)."""
        found = self.course.at(values, slopes=slopes)
        predicted = np.empty((len(values), len(self.targets)))
        tangents = np.zeros((*predicted.shape, values.shape[1] if slopes else 0))
        if self.summed.size:
            predicted[:, self.summed] = self._sums(found.values)
            if found.slopes is not None:
                tangents[:, self.summed] = self._sums(found.slopes)
        for i, (places, column) in self.extremes.items():
            courses = found.values[:, places, column]
            highest = self.targets[i].measure.extreme == "maximum"
            best = (np.argmax if highest else np.argmin)(courses, axis=1)
            rows = np.arange(len(values))
            predicted[:, i] = courses[rows, best]
            if found.slopes is not None:
                tangents[:, i] = found.slopes[rows, places[best], column]
        return predicted, tangents

    def _sums(self, table: Array) -> Array:
        """Weighted sums over the steps of the targets, of a table (point, step, output, ...)."""
        rows = table[:, self.places, self.columns]
        weights = self.weights.reshape(-1, *[1] * (rows.ndim - 2))
        return np.asarray(np.add.reduceat(rows * weights, self.begins, axis=1))


def _steps(target: Target) -> npt.NDArray[np.int64]:
    return target.measure.first + np.arange(len(target.measure.weights))


def _ahead(
    course: Course, prediction: Prediction, values: Array, slopes: bool
) -> tuple[Array, Array]:
    """One prediction at some points, and its slopes."""
    found = course.at(values, slopes=slopes)
    none = np.zeros((len(values), values.shape[1]))
    if not prediction.event:
        tangents = none if found.slopes is None else found.slopes[:, 0, 0]
        return found.values[:, 0, 0], tangents
    events = course.plan.events
    when = found.events[:, events.index(prediction.event)].copy()
    failed = np.isnan(found.values).any(axis=(1, 2))
    late = np.isnan(when) & ~failed
    if found.slopes is not None:
        level = course.plan.batch.watches[events.index(prediction.event)].level
        for i in np.flatnonzero(~late & ~failed):
            none[i] = _passing(
                course.plan.times, found.values[i, :, 0] - level, found.slopes[i, :, 0], when[i]
            )
    when[late], when[failed] = np.inf, np.nan
    return when, none


def _passing(times: Array, gap: Array, slopes: Array, when: float) -> Array:
    """Slopes of the time at which the line between two values of `gap` passes 0."""
    after = int(np.searchsorted(times, when))
    if after == 0:
        return np.zeros(slopes.shape[1])
    a, b = gap[after - 1 : after + 1]
    da, db = slopes[after - 1 : after + 1]
    return np.asarray((times[after] - times[after - 1]) * (a * db - b * da) / (a - b) ** 2)


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
