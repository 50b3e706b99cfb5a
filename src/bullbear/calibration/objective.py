"""The misfit of a problem at a point: residuals, their exact slopes, and the likelihood."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize_scalar

from bullbear.calibration import likelihood
from bullbear.calibration.likelihood import Terms
from bullbear.calibration.problem import ProblemFile, RunFile
from bullbear.calibration.sought import Beliefs, read_sought
from bullbear.calibration.space import Space
from bullbear.calibration.targets import Target, last_time, read_targets
from bullbear.errors import UsageError
from bullbear.models.linearised import RunOptions, checked, setup
from bullbear.models.simulate import Simulator
from bullbear.models.workspace import find_workspace

if TYPE_CHECKING:
    from bullbear.models.model import Model

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Evaluation:
    """The misfit at one point.

    Attributes
    ----------
    values : the constants, shape (parameter,), in their units
    predictions : what the model says of every target, shape (target,)
    residuals : of the fitted targets, then of the priors, shape (residual,)
    jacobian : d residual / d coordinate of the search, shape (residual, parameter); None if it was
        not asked for
    nll : negative log likelihood of the fitted targets, constants included
    nlp : negative log density of the priors, in the search's coordinates, without constants
    """

    values: Array
    predictions: Array
    residuals: Array
    jacobian: Array | None
    nll: float
    nlp: float

    @property
    def objective(self) -> float:
        return self.nll + self.nlp


@dataclass
class _Course:
    """One run of the model and what is taken from it."""

    options: RunOptions
    variables: tuple[str, ...]
    simulator: Simulator
    positions: list[int] = field(default_factory=list)  # targets of this run


class Objective:
    """A problem made ready: the same point always gives the same numbers."""

    def __init__(self, problem: ProblemFile, model: Model) -> None:
        self.problem, self.model = problem, model
        self.space: Space
        self.beliefs: Beliefs
        self.space, self.starts, self.beliefs = read_sought(problem, model)
        grid = model.grid(time_step=problem.time_step, saveper=_step(problem, model))
        times = grid.initial + grid.step * np.arange(grid.steps + 1, dtype=np.float64)
        self.targets = read_targets(problem, model, times)
        self.final_time = last_time(self.targets, times)
        self.fitted = np.array([not t.held_out for t in self.targets])
        self.observed = np.array([t.row.value for t in self.targets])
        self.scales = np.array([np.nan if t.scale is None else t.scale for t in self.targets])
        self._courses = [self._course(run) for run in problem.runs]

    @property
    def size(self) -> int:
        """Residuals of the fitted targets, without those of priors."""
        return int(self.fitted.sum())

    def _course(self, run: RunFile) -> _Course:
        positions = [i for i, t in enumerate(self.targets) if t.run == run.name]
        variables = tuple(dict.fromkeys(self.targets[i].variable for i in positions))
        options: RunOptions = {
            "scenario": run.scenario or self.problem.scenario,
            "overrides": run.set,
            "method": self.problem.method,
            "time_step": self.problem.time_step,
            "saveper": _step(self.problem, self.model),
            "final_time": self.final_time,
        }
        twice = set(run.set) & set(self.space.names)
        if twice:
            raise UsageError(
                f'the run "{run.name}" sets "{twice.pop()}", which is sought',
                code="set-and-sought",
                hint="take it out of one of the two",
            )
        outputs = [self.model.program.outputs[name] for name in variables]
        return _Course(options, variables, Simulator(self.model.program, outputs, []), positions)

    # -- one point ------------------------------------------------------------------------------

    def at(self, coordinates: Array, *, slopes: bool = False) -> Evaluation:
        """The misfit at coordinates of the search, shape (parameter,).

        Raises
        ------
        SimulationError
            If a run is not finite there.
        """
        values = self.space.from_fit(coordinates)
        predictions, by_value = self.foreseen(values, slopes=slopes)
        terms = self.terms(predictions)
        residuals, priors = terms.residual[self.fitted], self.beliefs.residuals(values)
        jacobian = None
        if by_value is not None:
            rows = (terms.slope[:, None] * by_value)[self.fitted]
            both = np.vstack([rows, self.beliefs.slopes(values)])
            jacobian = both * self.space.slopes(values)
        return Evaluation(
            values,
            predictions,
            np.concatenate([residuals, priors]),
            jacobian,
            float(terms.nll[self.fitted].sum()),
            float(0.5 * priors @ priors),
        )

    def foreseen(self, values: Array, *, slopes: bool = False) -> tuple[Array, Array | None]:
        """What the model says of every target for values of the constants, shape (target,), and
        its slopes by them, shape (target, parameter).

        Raises
        ------
        SimulationError
            If a run is not finite there.
        """
        settings = dict(zip(self.space.names, values.tolist(), strict=True))
        predictions = np.full(len(self.targets), np.nan)
        by_value = np.zeros((len(self.targets), len(values))) if slopes else None
        for course in self._courses:
            if course.positions:
                self._run(course, settings, predictions, by_value)
        return predictions, by_value

    def _run(
        self,
        course: _Course,
        settings: Mapping[str, float],
        predictions: Array,
        by_value: Array | None,
    ) -> None:
        """Fill in the predictions of one run and their slopes."""
        overrides = {**(course.options.get("overrides") or {}), **settings}
        options: RunOptions = {**course.options, "overrides": overrides}
        derivatives = None
        if by_value is None:
            chosen = setup(self.model, options)
            found = course.simulator.run(chosen.grid, chosen.method, chosen.vector)
            courses = checked(found, self.model.program, chosen.grid).values
        else:
            sensitive = self.model.sensitivities(course.variables, self.space.names, **options)
            courses, derivatives = sensitive.values, sensitive.derivatives
        for position in course.positions:
            target = self.targets[position]
            column = course.variables.index(target.variable)
            slopes = None if derivatives is None else derivatives[:, column]
            value, slope = target.measure.of(courses[:, column], slopes)
            predictions[position] = value
            if by_value is not None and slope is not None:
                by_value[position] = slope

    def terms(self, predictions: Array, scales: Array | None = None) -> Terms:
        """Likelihood, residual and slope of every target, shape (..., target).

        `scales` of each point may be given; they are the problem's own otherwise.
        """
        scales = self.scales if scales is None else scales
        nll, residual, slope = (np.zeros(predictions.shape) for _ in range(3))
        kinds = np.array([t.kind for t in self.targets])
        for kind in np.unique(kinds):
            chosen = np.flatnonzero(kinds == kind)
            found = _KINDS[str(kind)](
                predictions[..., chosen], [self.targets[i] for i in chosen], scales[..., chosen]
            )
            nll[..., chosen], slope[..., chosen] = found.nll, found.slope
            residual[..., chosen] = found.residual
        return Terms(nll, residual, slope)

    # -- scales that are estimated --------------------------------------------------------------

    def rescale(self, predictions: Array) -> float:
        """Set every free scale to the likeliest for its group; the largest relative change."""
        change = 0.0
        groups = np.array([t.group for t in self.targets])
        free = np.array([t.scale is None for t in self.targets])
        for name in np.unique(groups[free]):
            own, before = free & (groups == name), self.scales
            spread = self._likeliest(predictions, own)
            self.scales = np.where(own, spread, before)
            old = float(before[own][0])
            change = max(change, abs(spread / old - 1) if np.isfinite(old) else 1.0)
        return change

    def _likeliest(self, predictions: Array, own: npt.NDArray[np.bool_]) -> float:
        """The scale under which some numbers are likeliest, given what the model says of them."""
        used = own & self.fitted
        other = copy.copy(self)
        other.scales = np.where(own, 1.0, self.scales)
        spread = float(np.sqrt(np.mean(other.terms(predictions).residual[used] ** 2)))
        kinds = {t.kind for t, one in zip(self.targets, used, strict=True) if one}
        if kinds <= {"normal", "lognormal"}:
            return spread

        def misfit(logarithm: float) -> float:
            other.scales = np.where(own, np.exp(logarithm), self.scales)
            return float(other.terms(predictions).nll[used].sum())

        near = np.log(max(spread, 1e-300))
        found = minimize_scalar(
            misfit, bounds=(near - 5, near + 5), method="bounded", options={"xatol": 1e-9}
        )
        return float(np.exp(found.x))


def open_problem(path: Path) -> Objective:
    """The objective of a problem file; a model's name is looked for in the file's own workspace.

    Raises
    ------
    UsageError, ModelError, EquationError, DataError
        If the problem, its model or its numbers are at fault.
    """
    from bullbear.models.model import load

    problem = ProblemFile.read(path)
    argument = problem.model_argument
    place = None if Path(argument).suffix else find_workspace(start=path.resolve().parent).root
    return Objective(problem, load(argument, place))


def _step(problem: ProblemFile, model: Model) -> float:
    """Every step is saved: published numbers stand between saved times otherwise."""
    return problem.time_step or model.grid().step


# -- laws of error --------------------------------------------------------------------------------

_Law = Callable[[Array, Sequence[Target], Array], Terms]


def _values(targets: Sequence[Target]) -> Array:
    return np.array([t.row.value for t in targets])


def _ends(targets: Sequence[Target]) -> tuple[Array, Array]:
    """Lower and upper end of an interval; a missing one is the value."""
    low = [t.row.value if t.row.lower is None else t.row.lower for t in targets]
    high = [t.row.value if t.row.upper is None else t.row.upper for t in targets]
    return np.array(low), np.array(high)


_KINDS: dict[str, _Law] = {
    "normal": lambda h, ts, s: likelihood.normal(h, _values(ts), s),
    "lognormal": lambda h, ts, s: likelihood.lognormal(h, _values(ts), s),
    "student_t": lambda h, ts, s: likelihood.student_t(
        h, _values(ts), s, np.array([t.freedom for t in ts])
    ),
    "negative_binomial": lambda h, ts, s: likelihood.negative_binomial(h, _values(ts), s),
    "below": lambda h, ts, s: likelihood.stayed_below(h, _values(ts), s),
    "above": lambda h, ts, s: likelihood.stayed_above(h, _values(ts), s),
    "interval": lambda h, ts, s: likelihood.interval(h, *_ends(ts), s),
    "rounded": lambda h, ts, s: likelihood.interval(h, *_ends(ts), s),
}
