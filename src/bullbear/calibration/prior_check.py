"""What the beliefs say before any number is seen: do draws run, and do they span the numbers?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr, ndtri
from scipy.stats import qmc

from bullbear.calibration.batches import Batches
from bullbear.calibration.objective import Objective

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class PriorCheck:
    """Draws from the priors: how many ran, and which series they reach.

    `reached` is the share of a series' numbers that lie between the smallest and the largest
    prediction of any draw.
    """

    draws: int
    failed: int
    reached: dict[str, float]

    @property
    def unreached(self) -> list[str]:
        return [name for name, share in self.reached.items() if share < 1]


def prior_check(batches: Batches, draws: int, seed: int) -> PriorCheck:
    """Run draws from the priors; `draws` a power of two."""
    objective = batches.objective
    points = prior_points(objective, draws, seed)
    table = batches.predictions(objective.space.from_fit(points))
    table = table[np.isfinite(table).all(axis=1)]
    reached: dict[str, float] = {}
    if len(table):
        low, high = table.min(axis=0), table.max(axis=0)
        inside = (low <= objective.observed) & (objective.observed <= high)
        exact = np.array([t.kind not in ("below", "above") for t in objective.targets])
        for name in dict.fromkeys(t.series for t in objective.targets):
            own = np.array([t.series == name for t in objective.targets]) & exact
            if own.any():
                reached[name] = float(inside[own].mean())
    return PriorCheck(draws, draws - len(table), reached)


def prior_points(objective: Objective, count: int, seed: int) -> Array:
    """Draws of the beliefs within the bounds, as coordinates of the search (draw, parameter).

    Where there is no belief the draw is uniform between the bounds in these coordinates.
    """
    space, beliefs = objective.space, objective.beliefs
    sampler = qmc.Sobol(len(space.names), scramble=True, rng=np.random.default_rng(seed))
    shares = sampler.random_base2(max(0, int(np.ceil(np.log2(count)))))[:count]
    lower, upper = space.bounds
    logit = np.array([scale == "logit" for scale in space.scales])
    lower, upper = np.where(logit, -6.0, lower), np.where(logit, 6.0, upper)
    points = lower + shares * (upper - lower)
    for i in np.flatnonzero(np.isfinite(beliefs.spread)):
        bounds = np.array([space.lower[i], space.upper[i]])
        ends = np.log(bounds) if beliefs.logarithmic[i] else bounds
        low, high = ndtr((ends - beliefs.centre[i]) / beliefs.spread[i])
        z = ndtri(low + shares[:, i] * (high - low))
        drawn = beliefs.centre[i] + beliefs.spread[i] * z
        values = np.exp(drawn) if beliefs.logarithmic[i] else drawn
        table = np.tile(space.from_fit(points[0]), (count, 1))
        table[:, i] = np.clip(values, *bounds)
        points[:, i] = space.to_fit(table)[:, i]
    return np.asarray(points)
