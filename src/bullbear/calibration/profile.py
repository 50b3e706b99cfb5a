"""Profile likelihood: how far a constant or a prediction can go before the fit gets worse.

At each value everything else is fitted anew (Venzon and Moolgavkar 1988; Raue et al. 2009).  An
end is where twice the objective has risen by 3.84; where that never happens the end is open.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import least_squares

from bullbear.calibration.curvature import Curvature
from bullbear.calibration.journal import Journal
from bullbear.calibration.objective import Evaluation, Objective
from bullbear.calibration.predictions import Prediction, foretell, read_predictions
from bullbear.calibration.workers import Workers
from bullbear.errors import BullbearError

Array = npt.NDArray[np.float64]
RISE = 3.841458820694124  # of twice the objective: 95 % of chi-square, one degree of freedom
_Z = math.sqrt(RISE)
_POINTS = 12  # at most, on one side
_TIGHT = 0.02  # share of a standard error within which a prediction is held
_REFUSED = 1e6


@dataclass(frozen=True)
class Side:
    """One side of a profile.

    Attributes
    ----------
    values : of the constant or the prediction, from the best fit outwards
    objectives : the objective, everything else fitted
    end : where it has risen enough; None where the end is open
    """

    values: list[float]
    objectives: list[float]
    end: float | None


@dataclass(frozen=True)
class Profile:
    """Both sides of a profile."""

    name: str
    below: Side
    above: Side

    @property
    def lower(self) -> float | None:
        return self.below.end

    @property
    def upper(self) -> float | None:
        return self.above.end

    @property
    def best(self) -> float:
        """The lowest objective on the profile: below that of the fit if the fit can be bettered."""
        return min(*self.below.objectives, *self.above.objectives)


@dataclass(frozen=True)
class Task:
    """One side of one profile; everything that a worker needs to know.

    `accuracy` is how near the root of the rise must come to its goal.
    """

    what: int | Prediction
    sign: int
    start: Array
    objective: float
    covariance: Array
    scales: Array
    accuracy: float = 0.05


def profiles(
    workers: Workers,
    best: Evaluation,
    around: Curvature,
    journal: Journal,
    progress: Callable[[str, int, int], None] = lambda _phase, _done, _total: None,
) -> dict[str, Profile]:
    """Profiles of every constant and of every prediction, by name."""
    objective = workers.objective
    start = objective.space.to_fit(best.values)
    things: list[int | Prediction] = [*range(len(start)), *read_predictions(objective)]
    names = [objective.space.names[t] if isinstance(t, int) else t.name for t in things]
    tasks = [
        Task(thing, sign, start, best.objective, around.covariance, objective.scales)
        for thing in things
        for sign in (-1, 1)
    ]
    keys = [f"{name}|{sign}" for name in names for sign in (-1, 1)]
    known = {i: journal.get("profile", key) for i, key in enumerate(keys)}
    found = {i: Side(**value) for i, value in known.items() if value is not None}
    missing = [i for i in range(len(tasks)) if i not in found]
    progress("profiles", len(found), len(tasks))
    for position, side in workers.map(one_side, [tasks[i] for i in missing]):
        found[missing[position]] = side
        journal.put("profile", keys[missing[position]], asdict(side))
        progress("profiles", len(found), len(tasks))
    return {n: Profile(n, found[2 * i], found[2 * i + 1]) for i, n in enumerate(names)}


def one_side(objective: Objective, task: Task) -> Side:
    """Walk outwards until the objective has risen enough, or to the bound."""
    objective.scales = task.scales
    walk = (
        _of_constant(objective, task) if isinstance(task.what, int)
        else _of_prediction(objective, task)
    )  # fmt: skip
    if walk is None:
        return Side([], [], None)
    return _outwards(walk, task)


@dataclass(frozen=True)
class _Walk:
    """`refit` maps a coordinate to the objective with everything else fitted."""

    begin: float
    first: float
    limit: float
    refit: Callable[[float], float]
    shown: Callable[[float], float]


def _outwards(walk: _Walk, task: Task) -> Side:
    at, heights, found = [walk.begin], [0.0], [task.objective]
    inner, outer = (walk.begin, 0.0), None
    step = walk.first * task.sign
    for _ in range(_POINTS):
        place = walk.begin + step
        if (place - walk.limit) * task.sign >= 0:
            place = walk.limit
        reached = walk.refit(place)
        if not math.isfinite(reached):
            break  # nothing can be run there: the end is open
        height = math.sqrt(max(2 * (reached - task.objective), 0.0))
        at.append(place)
        heights.append(height)
        found.append(reached)
        if height < _Z:
            inner = (place, height)
        else:
            outer = (place, height)
        if abs(height - _Z) <= task.accuracy or (outer is None and place == walk.limit):
            break
        step = _next(walk.begin, inner, outer, step)
    order = np.argsort(np.array(at) * task.sign)
    end = None if not _closed(heights, task.accuracy) else _crossing(at, heights, order)
    return Side(
        [walk.shown(at[i]) for i in order], [found[i] for i in order],
        None if end is None else walk.shown(end),
    )  # fmt: skip


def _next(
    begin: float, inner: tuple[float, float], outer: tuple[float, float] | None, step: float
) -> float:
    """The next step from the beginning: between the two sides of the goal, else further out."""
    if outer is None:
        return step * min(max(_Z / max(inner[1], 1e-9), 1.3), 3.0)
    share = (_Z - inner[1]) / (outer[1] - inner[1])
    return inner[0] + min(max(share, 0.05), 0.95) * (outer[0] - inner[0]) - begin


def _closed(heights: list[float], accuracy: float) -> bool:
    return max(heights) >= _Z - accuracy and len(heights) > 1 and max(heights) > 0


def _crossing(at: list[float], heights: list[float], order: npt.NDArray[np.int64]) -> float:
    """Where the root of the rise passes its goal, on straight lines between the points."""
    places, tall = np.array(at)[order], np.array(heights)[order]
    above = np.flatnonzero(tall >= _Z)
    right = int(above[0]) if above.size else len(tall) - 1
    left = right - 1
    share = (_Z - tall[left]) / (tall[right] - tall[left])
    return float(places[left] + share * (places[right] - places[left]))


def _of_constant(objective: Objective, task: Task) -> _Walk:
    """The walk of one constant, the others following it along their correlation."""
    assert isinstance(task.what, int)
    i = task.what
    lower, upper = objective.space.bounds
    spread = float(np.sqrt(task.covariance[i, i]))
    rest = np.arange(len(lower)) != i
    limit = float(lower[i] if task.sign < 0 else upper[i])
    last = {task.start[i]: task.start}

    def refit(place: float) -> float:
        near = min(last, key=lambda c: abs(c - place))
        guess = last[near].copy()
        guess[i] = place
        if math.isfinite(spread) and spread > 0:
            along = np.nan_to_num(task.covariance[:, i] / spread**2, posinf=0.0, neginf=0.0)
            guess[rest] += (along * (place - near))[rest]
        end, reached = _fit_rest(objective, guess, rest)
        last[place] = end
        return reached

    def shown(place: float) -> float:
        point = task.start.copy()
        point[i] = place
        return float(objective.space.from_fit(point)[i])

    reach = abs(limit - task.start[i])
    first = _Z * spread if math.isfinite(spread) else reach / 2
    return _Walk(float(task.start[i]), min(first, reach), limit, refit, shown)


def _fit_rest(
    objective: Objective, guess: Array, free: npt.NDArray[np.bool_]
) -> tuple[Array, float]:
    """Fit the free coordinates; infinite where nothing can be run."""
    if not free.any():
        return guess, _objective_at(objective, guess)

    def whole(part: Array) -> Array:
        point = guess.copy()
        point[free] = part
        return point

    def residuals(part: Array) -> Array:
        try:
            return objective.at(whole(part)).residuals
        except BullbearError:
            return np.full(objective.size + len(guess), _REFUSED)

    def jacobian(part: Array) -> Array:
        found = objective.at(whole(part), slopes=True).jacobian
        assert found is not None
        return found[:, free]

    return _least(objective, residuals, jacobian, guess, free, whole)


def _least(
    objective: Objective,
    residuals: Callable[[Array], Array],
    jacobian: Callable[[Array], Array],
    guess: Array,
    free: npt.NDArray[np.bool_],
    whole: Callable[[Array], Array],
) -> tuple[Array, float]:
    lower, upper = (bound[free] for bound in objective.space.bounds)
    margin = 1e-9 * (upper - lower)
    inside = np.clip(guess[free], lower + margin, upper - margin)
    try:
        found = least_squares(
            residuals, inside, jacobian, bounds=(lower, upper), x_scale="jac", ftol=1e-5,
            xtol=1e-9, gtol=1e-9, max_nfev=40,
        )  # fmt: skip
    except BullbearError:
        return guess, math.inf
    end = whole(found.x)
    return end, _objective_at(objective, end)


def _objective_at(objective: Objective, point: Array) -> float:
    try:
        return objective.at(point).objective
    except BullbearError:
        return math.inf


def _of_prediction(objective: Objective, task: Task) -> _Walk | None:
    """The walk of a prediction, held at each value by one more residual; None if it has none."""
    prediction = task.what
    assert isinstance(prediction, Prediction)
    space = objective.space
    found = foretell(objective, prediction, space.from_fit(task.start), slopes=True)
    if found.value is None or found.slopes is None:
        return None
    along = found.slopes * space.slopes(space.from_fit(task.start))
    toward = np.nan_to_num(task.covariance, posinf=0.0, neginf=0.0) @ along
    spread = math.sqrt(max(float(along @ toward), 0.0))
    if spread == 0 or not math.isfinite(spread):
        return None
    last = {found.value: task.start}
    free = np.ones(len(along), dtype=bool)

    def refit(place: float) -> float:
        near = min(last, key=lambda c: abs(c - place))
        guess = last[near] + toward / spread**2 * (place - near)
        held = _Held(objective, prediction, place, _TIGHT * spread)
        end, reached = _least(objective, held.residuals, held.jacobian, guess, free, lambda x: x)
        last[place] = end
        return reached

    limit = found.value + task.sign * 20 * spread
    if prediction.event:  # nothing is seen behind the horizon: the end is open there
        limit = min(limit, found.horizon)
    return _Walk(found.value, _Z * spread, limit, refit, lambda place: place)


class _Held:
    """The residuals of a fit with one more: a prediction's distance from where it is held."""

    def __init__(
        self, objective: Objective, prediction: Prediction, place: float, tight: float
    ) -> None:
        self.objective, self.prediction = objective, prediction
        self.place, self.tight = place, tight

    def residuals(self, point: Array) -> Array:
        try:
            own = self.objective.at(point).residuals
            values = self.objective.space.from_fit(point)
            found = foretell(self.objective, self.prediction, values)
        except BullbearError:
            return np.full(self.objective.size + len(point) + 1, _REFUSED)
        value = found.horizon if found.value is None else found.value
        return np.append(own, (value - self.place) / self.tight)

    def jacobian(self, point: Array) -> Array:
        values = self.objective.space.from_fit(point)
        own = self.objective.at(point, slopes=True).jacobian
        found = foretell(self.objective, self.prediction, values, slopes=True)
        assert own is not None
        row = np.zeros(len(point)) if found.slopes is None else found.slopes
        return np.vstack([own, row * self.objective.space.slopes(values) / self.tight])
