"""Profile likelihood: how far a constant or a prediction can go before the fit gets worse.

At each value everything else is fitted anew (Venzon and Moolgavkar 1988; Raue et al. 2009).  An
end is where twice the objective has risen by 3.84; where that never happens the end is open.
All profiles walk outwards side by side, so that their refits are searches of one race.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

import numpy as np
import numpy.typing as npt

from bullbear.calibration.batches import Batches
from bullbear.calibration.curvature import Curvature
from bullbear.calibration.descent import descend_all
from bullbear.calibration.journal import Journal
from bullbear.calibration.misfits import Held, Misfits
from bullbear.calibration.objective import Evaluation, Objective
from bullbear.calibration.predictions import Prediction, read_predictions
from bullbear.calibration.space import Space

Array = npt.NDArray[np.float64]
RISE = 3.841458820694124  # of twice the objective: 95 % of chi-square, one degree of freedom
_Z = math.sqrt(RISE)
_POINTS = 12  # at most, on one side
_TIGHT = 0.02  # share of a standard error within which a prediction is held
_STEPS = 40  # of one refit
_FURTHEST = 20  # standard errors that a prediction is followed


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
    """One side of one profile, and the fit from which it begins.

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
    batches: Batches,
    best: Evaluation,
    around: Curvature,
    journal: Journal,
    progress: Callable[[str, int, int], None] = lambda _phase, _done, _total: None,
) -> dict[str, Profile]:
    """Profiles of every constant and of every prediction, by name."""
    objective = batches.objective
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

    def keep(position: int, side: Side) -> None:
        found[missing[position]] = side
        journal.put("profile", keys[missing[position]], asdict(side))
        progress("profiles", len(found), len(tasks))

    progress("profiles", len(found), len(tasks))
    all_sides(batches, [tasks[i] for i in missing], keep)
    return {n: Profile(n, found[2 * i], found[2 * i + 1]) for i, n in enumerate(names)}


def one_side(objective: Objective, task: Task) -> Side:
    """One side alone."""
    found: list[Side] = []
    all_sides(Batches(objective), [task], lambda _, side: found.append(side))
    return found[0]


def all_sides(batches: Batches, tasks: Sequence[Task], keep: Callable[[int, Side], None]) -> None:
    """Walk outwards on all sides, until the objective has risen enough or to the bound.

    `keep` is called with the position of a task and its side, as they are done.
    """
    walks: dict[int, _Walk] = {}
    for position, task in enumerate(tasks):
        walk = _walk(batches, task)
        if walk is None:
            keep(position, Side([], [], None))
        else:
            walks[position] = walk
    while walks:
        _refit(batches, list(walks.values()))
        for position in [p for p, walk in walks.items() if walk.done]:
            keep(position, walks.pop(position).side())


def _refit(batches: Batches, walks: Sequence[_Walk]) -> None:
    """The next point of every walk, everything else fitted anew."""
    objective, count = batches.objective, len(walks)
    scales = np.array([walk.task.scales for walk in walks])
    counted = np.broadcast_to(objective.fitted, scales.shape)
    held = [walk.held() for walk in walks]
    some = any(h is not None for h in held)
    misfits = Misfits(batches, scales, counted, held if some else ())
    room = misfits.room(count)
    room.free[:] = [walk.free for walk in walks]
    guesses = np.array([walk.guess() for walk in walks])
    tolerance = min(1e-4 * walk.task.accuracy for walk in walks)
    done = descend_all(misfits, guesses, room, tolerance, _STEPS)
    reached = misfits.objectives(done.points)
    for walk, end, found in zip(walks, done.points, reached.tolist(), strict=True):
        walk.tell(end, found)


class _Walk:
    """One side, step by step: each goes from the nearest point that was fitted before.

    Parameters
    ----------
    begin : coordinate of the constant, or value of the prediction, at the best fit
    along : how everything moves with it, shape (parameter,)
    spread : its standard error
    limit : where the walk ends
    """

    def __init__(
        self, task: Task, space: Space, begin: float, along: Array, spread: float, limit: float
    ) -> None:
        self.task, self.space, self.along, self.spread = task, space, along, spread
        self.begin, self.limit = begin, limit
        reach = abs(limit - begin)
        first = min(_Z * spread, reach) if math.isfinite(spread) else reach / 2
        self.at, self.heights, self.found = [begin], [0.0], [task.objective]
        self.inner: tuple[float, float] = (begin, 0.0)
        self.outer: tuple[float, float] | None = None
        self.points = {begin: task.start}
        self.free = np.ones(len(task.start), dtype=bool)
        if isinstance(task.what, int):
            self.free[task.what] = False
        self.done = False
        self._go_to(first * task.sign)

    def _go_to(self, step: float) -> None:
        place = self.begin + step
        beyond = (place - self.limit) * self.task.sign >= 0
        self.place = self.limit if beyond else place

    def guess(self) -> Array:
        near = min(self.points, key=lambda place: abs(place - self.place))
        guess: Array = self.points[near] + self.along * (self.place - near)
        if isinstance(self.task.what, int):
            guess[self.task.what] = self.place
        return guess

    def held(self) -> Held | None:
        if isinstance(self.task.what, int):
            return None
        return Held(self.task.what, self.place, _TIGHT * self.spread)

    def tell(self, end: Array, reached: float) -> None:
        """Take the result of the refit, and choose where to go next."""
        if not math.isfinite(reached):
            self.done = True  # nothing can be run there: the end is open
            return
        height = math.sqrt(max(2 * (reached - self.task.objective), 0.0))
        self.points[self.place] = end
        self.at.append(self.place)
        self.heights.append(height)
        self.found.append(reached)
        if height < _Z:
            self.inner = (self.place, height)
        else:
            self.outer = (self.place, height)
        near = abs(height - _Z) <= self.task.accuracy
        open_end = self.outer is None and self.place == self.limit
        self.done = near or open_end or len(self.at) > _POINTS
        self._go_to(_next(self.begin, self.inner, self.outer, self.place - self.begin))

    def side(self) -> Side:
        order = np.argsort(np.array(self.at) * self.task.sign)
        end = None
        if max(self.heights) >= _Z - self.task.accuracy and len(self.at) > 1:
            end = self._shown(_crossing(self.at, self.heights, order))
        return Side([self._shown(self.at[i]) for i in order], [self.found[i] for i in order], end)

    def _shown(self, place: float) -> float:
        if not isinstance(self.task.what, int):
            return place
        point = self.task.start.copy()
        point[self.task.what] = place
        return float(self.space.from_fit(point)[self.task.what])


def _walk(batches: Batches, task: Task) -> _Walk | None:
    """The walk of a task; None if a prediction has no value or no slopes to begin with."""
    space = batches.objective.space
    known = np.nan_to_num(task.covariance, posinf=0.0, neginf=0.0)
    if isinstance(task.what, int):
        i, (lower, upper) = task.what, space.bounds
        spread = float(np.sqrt(task.covariance[i, i]))
        told = math.isfinite(spread) and spread > 0
        along = known[:, i] / spread**2 if told else np.zeros(len(known))
        limit = float(lower[i] if task.sign < 0 else upper[i])
        return _Walk(task, space, float(task.start[i]), along, spread, limit)
    values = space.from_fit(task.start)
    found, slopes = batches.foretold(task.what, values[None], slopes=True)
    assert slopes is not None
    along = slopes[0] * space.slopes(values)
    toward = known @ along
    spread = math.sqrt(max(float(along @ toward), 0.0)) if math.isfinite(found[0]) else 0.0
    if spread == 0 or not math.isfinite(spread):
        return None
    limit = float(found[0]) + task.sign * _FURTHEST * spread
    horizon = batches.horizon(task.what)  # nothing is seen behind it: the end is open there
    return _Walk(task, space, float(found[0]), toward / spread**2, spread, min(limit, horizon))


def _next(
    begin: float, inner: tuple[float, float], outer: tuple[float, float] | None, step: float
) -> float:
    """The next step from the beginning: between the two sides of the goal, else further out."""
    if outer is None:
        return step * min(max(_Z / max(inner[1], 1e-9), 1.3), 3.0)
    share = (_Z - inner[1]) / (outer[1] - inner[1])
    return inner[0] + min(max(share, 0.05), 0.95) * (outer[0] - inner[0]) - begin


def _crossing(at: list[float], heights: list[float], order: npt.NDArray[np.int64]) -> float:
    """Where the root of the rise passes its goal, on straight lines between the points."""
    places, tall = np.array(at)[order], np.array(heights)[order]
    above = np.flatnonzero(tall >= _Z)
    right = int(above[0]) if above.size else len(tall) - 1
    left = right - 1
    share = (_Z - tall[left]) / (tall[right] - tall[left])
    return float(places[left] + share * (places[right] - places[left]))
