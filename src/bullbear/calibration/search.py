"""Many searches for the best fit: damped least squares from scrambled Sobol starts.

The searches of the race go side by side (`bullbear.calibration.descent`); the best of them is
polished by a trust-region method.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy.optimize import least_squares
from scipy.stats import qmc

from bullbear.calibration.batches import Batches
from bullbear.calibration.descent import Descents, descend_all
from bullbear.calibration.misfits import Misfits
from bullbear.calibration.objective import Objective
from bullbear.errors import BullbearError, SimulationError

Array = npt.NDArray[np.float64]
SAME = 0.01  # share of the misfit, or misfit itself, within which two searches are one answer
ROUGH, _FINE, POLISHED = 1e-4, 1e-6, 1e-12  # relative change of the misfit at which a search ends
_STEPS = 80  # of one rough search
_MOST = 200  # evaluations of one polish
_TOGETHER = 64  # searches side by side
_REFUSED = 1e6  # residual of a point that cannot be run
_ROUNDS = 20  # of estimating free scales
_SETTLED = 1e-6


@dataclass(frozen=True)
class Search:
    """One search: where it began, where it ended, and how.

    `objective` is infinite where the search failed; `message` then says why.
    """

    start: Array
    end: Array
    objective: float
    evaluations: int
    failed_runs: int
    gradient_norm: float
    message: str


@dataclass(frozen=True)
class Searches:
    """All searches, the best one first; `saturated` is the objective of a perfect fit."""

    all: tuple[Search, ...]
    saturated: float

    @property
    def best(self) -> Search:
        return self.all[0]

    @property
    def hits(self) -> int:
        """Searches whose misfit above a perfect fit is within 1 % of the best one's."""
        allowed = max(SAME, SAME * (self.best.objective - self.saturated))
        return sum(bool(s.objective <= self.best.objective + allowed) for s in self.all)

    @property
    def evaluations(self) -> int:
        return sum(search.evaluations for search in self.all)

    @property
    def failed_runs(self) -> int:
        return sum(search.failed_runs for search in self.all)


def search(
    batches: Batches,
    starts: int,
    seed: int,
    known: Mapping[int, Search] | None = None,
    progress: Callable[[int, Search], None] | None = None,
) -> Searches:
    """Search from the problem's own start and from points all over the bounds; polish the best.

    The searches go side by side and roughly; what a search finds does not depend on the others.

    Parameters
    ----------
    known : searches that were done before an interruption, by the number of their start
    progress : called with the number of every search that has just been done, and the search

    Raises
    ------
    BullbearError
        If every search failed; the message is that of the first.
    """
    objective = batches.objective
    points = start_points(objective, starts, seed)
    found = dict(known or {})
    missing = [i for i in range(len(points)) if i not in found]
    for low in range(0, len(missing), _TOGETHER):
        part = missing[low : low + _TOGETHER]
        for number, one in zip(part, race(batches, points[part]), strict=True):
            found[number] = one
            if progress is not None:
                progress(number, one)
    ranked = sorted(found.values(), key=lambda s: s.objective)
    if not np.isfinite(ranked[0].objective):
        ranked.insert(0, evolve(objective, seed))
    if not np.isfinite(ranked[0].objective):
        raise BullbearError(
            f"all {len(found)} searches failed; the first: {found[0].message}", code="all-failed",
            hint="narrow the bounds, or try the start values in a run",
        )  # fmt: skip
    ranked[0] = _polished(batches, ranked[0])
    return Searches(tuple(ranked), saturated(objective, ranked[0]))


def race(batches: Batches, starts: Array) -> list[Search]:
    """One rough search from each start, side by side."""
    objective = batches.objective
    misfits = Misfits.plain(batches, len(starts))
    room = misfits.room(len(starts))
    inside = _inside(objective, starts)
    misfits.rescale(inside)
    done = descend_all(misfits, inside, room, ROUGH, _STEPS)
    evaluations, refused = done.evaluations.copy(), done.refused.copy()
    for _ in range(_ROUNDS):
        if misfits.rescale(done.points) < _SETTLED:
            break
        done = descend_all(misfits, done.points, room, ROUGH, _STEPS)
        evaluations += done.evaluations
        refused += done.refused
    return [
        Search(start, end, reached, int(many), int(failed), slope, message)
        for start, end, reached, many, failed, slope, message in zip(
            starts, done.points, misfits.objectives(done.points), evaluations, refused,
            done.slopes.tolist(), _messages(batches, inside, done), strict=True,
        )
    ]  # fmt: skip


def _inside(objective: Objective, points: Array) -> Array:
    lower, upper = objective.space.bounds
    return np.clip(points, lower + 1e-10 * (upper - lower), upper - 1e-10 * (upper - lower))


def _messages(batches: Batches, starts: Array, done: Descents) -> list[str]:
    """How each search ended; where its start cannot be run, why."""
    found = []
    for start, misfit, ended in zip(starts, done.misfits, done.ended, strict=True):
        if np.isfinite(misfit):
            found.append("came to rest" if ended else f"stopped after {_STEPS} steps")
            continue
        try:
            batches.objective.at(start, slopes=True)
            found.append("a guarded stock goes below zero at its start")
        except BullbearError as fault:
            found.append(str(fault))
    return found


def _polished(batches: Batches, rough: Search) -> Search:
    """The best search taken further, if that betters it."""
    objective = batches.objective
    further = descend(objective, rough.end, POLISHED, batches)
    if not further.objective <= rough.objective:
        objective.rescale(objective.at(rough.end).predictions)
        return rough
    return replace(
        further, start=rough.start, evaluations=rough.evaluations + further.evaluations,
        failed_runs=rough.failed_runs + further.failed_runs,
    )  # fmt: skip


def evolve(objective: Objective, seed: int) -> Search:
    """A search that needs no slopes (CMA-ES, Hansen 2016), for when every other one fails."""
    import cma

    walk = _Walk(objective)
    lower, upper = _bounds(objective)
    count = len(lower)

    def cost(share: Array) -> float:
        residuals = walk.residuals(lower + share[:count] * (upper - lower))
        return float(0.5 * residuals @ residuals)

    options = {"bounds": [0, 1], "seed": seed + 1, "verbose": -9, "maxfevals": 200 * count}
    idle = max(2 - count, 0)  # it wants two dimensions at least
    best, _ = cma.fmin2(cost, np.full(count + idle, 0.5), 0.25, options)
    end = lower + best[:count] * (upper - lower)
    try:
        reached = objective.at(end).objective
    except BullbearError as fault:
        return Search(end, end, np.inf, walk.evaluations, walk.failed, np.nan, str(fault))
    return Search(end, end, reached, walk.evaluations, walk.failed, np.nan, "CMA-ES")


def saturated(objective: Objective, best: Search) -> float:
    """The objective of a model that would meet every number and every prior exactly."""
    if not np.isfinite(best.objective):
        return np.nan
    last = objective.at(best.end)
    return last.objective - float(0.5 * last.residuals @ last.residuals)


def start_points(objective: Objective, count: int, seed: int) -> Array:
    """Coordinates of the starts, shape (start, parameter); the first is the problem's own."""
    own = objective.space.to_fit(objective.starts)[None]
    if count <= 1:
        return own
    lower, upper = _bounds(objective)
    sampler = qmc.Sobol(len(lower), scramble=True, rng=np.random.default_rng(seed))
    points = sampler.random_base2(int(np.ceil(np.log2(count))))[: count - 1]
    return np.vstack([own, lower + points * (upper - lower)])


def _bounds(objective: Objective) -> tuple[Array, Array]:
    """Bounds in the search's coordinates; a logit's are cut where its curve is flat."""
    lower, upper = objective.space.bounds
    logit = np.array([scale == "logit" for scale in objective.space.scales])
    return np.where(logit, -6.0, lower), np.where(logit, 6.0, upper)


def descend(
    objective: Objective, start: Array, tolerance: float = _FINE, batches: Batches | None = None
) -> Search:
    """One search by trust regions; scales that are estimated are set anew between its parts.

    `batches` of the same objective, where somebody has them, do the runs faster.
    """
    walk = _Walk(objective, batches)
    lower, upper = objective.space.bounds
    inside = _inside(objective, start)
    try:
        free = bool(np.isnan(objective.scales).any())
        objective.rescale(objective.at(inside).predictions)
        free = free or any(t.scale is None for t in objective.targets)
        x, message = inside, ""
        for _ in range(_ROUNDS):
            result = least_squares(
                walk.residuals, x, walk.jacobian, bounds=(lower, upper), method="trf",
                x_scale="jac", xtol=1e-12, ftol=tolerance, gtol=1e-12, max_nfev=_MOST,
            )  # fmt: skip
            x, message = result.x, str(result.message)
            if not free or objective.rescale(objective.at(x).predictions) < _SETTLED:
                break
        last = objective.at(x, slopes=True)
    except BullbearError as fault:
        return Search(start, start, np.inf, walk.evaluations, walk.failed, np.nan, str(fault))
    gradient = np.zeros(len(x)) if last.jacobian is None else last.jacobian.T @ last.residuals
    inner = (x > lower + 1e-8) & (x < upper - 1e-8)
    norm = float(np.max(np.abs(gradient[inner]), initial=0.0))
    return Search(start, x, last.objective, walk.evaluations, walk.failed, norm, message)


class _Walk:
    """The residuals as an optimiser wants them; a point that cannot be run is refused."""

    def __init__(self, objective: Objective, batches: Batches | None = None) -> None:
        self.objective, self.batches = objective, batches
        self.evaluations = self.failed = 0
        self.size = objective.size + len(objective.space.names)

    def residuals(self, x: Array) -> Array:
        self.evaluations += 1
        try:
            found = self._at(x, slopes=False)[0]
        except SimulationError:
            found = np.full(self.size, np.nan)
        if np.isfinite(found).all():
            return found
        self.failed += 1
        return np.full(self.size, _REFUSED)

    def jacobian(self, x: Array) -> Array:
        self.evaluations += 1
        try:
            found = self._at(x, slopes=True)[1]
        except SimulationError:
            found = None
        return np.zeros((self.size, len(x))) if found is None else found

    def _at(self, x: Array, slopes: bool) -> tuple[Array, Array | None]:
        if self.batches is None:
            found = self.objective.at(x, slopes=slopes)
            return found.residuals, found.jacobian
        misfits = Misfits.plain(self.batches, 1)
        counted = np.append(self.objective.fitted, np.ones(len(x), dtype=bool))
        lane = np.zeros(1, dtype=np.int64)
        if not slopes:
            return misfits.values(lane, x[None])[0][counted], None
        residuals, jacobian = misfits.slopes(lane, x[None])
        return residuals[0][counted], jacobian[0][counted]
