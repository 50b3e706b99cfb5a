"""Many searches for the best fit: trust-region least squares from scrambled Sobol starts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy.optimize import least_squares
from scipy.stats import qmc

from bullbear.calibration.objective import Evaluation, Objective
from bullbear.calibration.workers import Workers
from bullbear.errors import BullbearError, SimulationError

Array = npt.NDArray[np.float64]
SAME = 0.01  # share of the misfit, or misfit itself, within which two searches are one answer
ROUGH, POLISHED = 1e-6, 1e-12  # relative change of the misfit at which a search ends
_MOST = 200  # steps of one search
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
        return sum(search.objective <= self.best.objective + allowed for search in self.all)

    @property
    def evaluations(self) -> int:
        return sum(search.evaluations for search in self.all)

    @property
    def failed_runs(self) -> int:
        return sum(search.failed_runs for search in self.all)


def search(
    workers: Workers,
    starts: int,
    seed: int,
    known: Mapping[int, Search] | None = None,
    progress: Callable[[int, Search], None] | None = None,
) -> Searches:
    """Search from the problem's own start and from points all over the bounds; polish the best.

    Parameters
    ----------
    known : searches that were done before an interruption, by the number of their start
    progress : called with the number of every search that has just been done, and the search

    Raises
    ------
    BullbearError
        If every search failed; the message is that of the first.
    """
    objective = workers.objective
    points = start_points(objective, starts, seed)
    found = dict(known or {})
    missing = [i for i in range(len(points)) if i not in found]
    for position, one in workers.map(descend, [points[i] for i in missing]):
        found[missing[position]] = one
        if progress is not None:
            progress(missing[position], one)
    ranked = sorted(found.values(), key=lambda s: s.objective)
    if not np.isfinite(ranked[0].objective):
        ranked.insert(0, evolve(objective, seed))
    if not np.isfinite(ranked[0].objective):
        raise BullbearError(
            f"all {len(found)} searches failed; the first: {found[0].message}", code="all-failed",
            hint="narrow the bounds, or try the start values in a run",
        )  # fmt: skip
    polished = descend(objective, ranked[0].end, tolerance=POLISHED)
    if polished.objective <= ranked[0].objective:
        counts = (ranked[0].evaluations + polished.evaluations,
                  ranked[0].failed_runs + polished.failed_runs)  # fmt: skip
        ranked[0] = replace(
            polished, start=ranked[0].start, evaluations=counts[0], failed_runs=counts[1]
        )
    return Searches(tuple(ranked), saturated(objective, ranked[0]))


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


def descend(objective: Objective, start: Array, tolerance: float = ROUGH) -> Search:
    """One search; scales that are estimated are set anew between its parts."""
    walk = _Walk(objective)
    lower, upper = objective.space.bounds
    inside = np.clip(start, lower + 1e-10 * (upper - lower), upper - 1e-10 * (upper - lower))
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

    def __init__(self, objective: Objective) -> None:
        self.objective = objective
        self.evaluations = self.failed = 0
        self.size = objective.size + len(objective.space.names)

    def _at(self, x: Array, slopes: bool) -> Evaluation | None:
        self.evaluations += 1
        try:
            return self.objective.at(x, slopes=slopes)
        except SimulationError:
            self.failed += 1
            return None

    def residuals(self, x: Array) -> Array:
        found = self._at(x, slopes=False)
        if found is None or not np.isfinite(found.residuals).all():
            return np.full(self.size, _REFUSED)
        return found.residuals

    def jacobian(self, x: Array) -> Array:
        found = self._at(x, slopes=True)
        if found is None or found.jacobian is None:
            return np.zeros((self.size, len(x)))
        return found.jacobian
