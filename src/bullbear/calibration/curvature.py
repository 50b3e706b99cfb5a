"""What the numbers tell of the constants near a point: Fisher information and its weak directions.

Everything is in the coordinates of the search, each divided by what is believed of it beforehand
(its prior's spread, or a quarter of its range where there is none), so that a direction of length
one is one prior spread.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bullbear.calibration.batches import Batches
from bullbear.calibration.objective import Evaluation, Objective

Array = npt.NDArray[np.float64]
_NOTHING = 1e-9  # singular values below this share of the largest one count as zero
_SEEN = 1e-4  # share of a blind direction above which a constant belongs to it
_AT_BOUND = 1e-4  # share of the range within which a constant counts as at its bound
NAMED = 4  # constants that name a direction


@dataclass(frozen=True)
class Direction:
    """A direction in the space of constants, and how much the numbers say of it.

    `information` is the squared singular value of the residuals' slopes; below 1 the belief
    beforehand says more than the numbers.  `weights` maps the largest parts to their share.
    """

    information: float
    weights: dict[str, float]

    def __str__(self) -> str:
        return ", ".join(f"{weight:+.2f} {name}" for name, weight in self.weights.items())


@dataclass(frozen=True)
class Curvature:
    """The neighbourhood of a best fit; arrays of shape (parameter,) in the search's coordinates.

    Attributes
    ----------
    covariance : shape (parameter, parameter), of numbers and beliefs together; infinite variances
        where nothing tells a constant
    spread : square roots of its diagonal
    se : Wald standard errors, in the unit of each constant
    shrinkage : share of the variance believed beforehand that the numbers took away
    identifiable : whether the numbers alone tell the constant, locally
    untouched : names of constants on which no number depends
    spectrum : all directions, best known first
    """

    covariance: Array
    spread: Array
    se: Array
    shrinkage: Array
    identifiable: npt.NDArray[np.bool_]
    untouched: tuple[str, ...]
    at_bound: npt.NDArray[np.bool_]
    spectrum: tuple[Direction, ...]

    @property
    def correlations(self) -> Array:
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.asarray(self.covariance / np.outer(self.spread, self.spread))


def beforehand(objective: Objective, values: Array) -> Array:
    """The spread of every constant before any number is seen, in the search's coordinates."""
    beliefs, space = objective.beliefs, objective.space
    lower, upper = space.bounds
    slope = np.abs(space.slopes(values))
    with np.errstate(divide="ignore"):
        believed = beliefs.spread * np.where(beliefs.logarithmic, values, 1.0) / slope
    finite = np.where(np.isfinite(upper - lower), (upper - lower) / 4, 1.0)
    return np.where(np.isfinite(believed), believed, finite)


def curvature(objective: Objective, best: Evaluation) -> Curvature:
    """Fisher information at a point that was evaluated with slopes."""
    assert best.jacobian is not None
    scale = beforehand(objective, best.values)
    slopes = best.jacobian * scale
    data = slopes[: objective.size]
    covariance = _inverse(slopes) * np.outer(scale, scale)
    spread = np.sqrt(np.diag(covariance))
    names = objective.space.names
    touched = np.abs(data).max(axis=0, initial=0.0) > 0
    with np.errstate(invalid="ignore"):
        shrinkage = np.where(np.isfinite(spread), 1 - (spread / scale) ** 2, 0.0)
    lower, upper = objective.space.lower, objective.space.upper
    edge = _AT_BOUND * (upper - lower)
    return Curvature(
        covariance,
        spread,
        spread * np.abs(objective.space.slopes(best.values)),
        np.clip(shrinkage, 0.0, 1.0),
        ~_blind(data),
        tuple(name for name, seen in zip(names, touched, strict=True) if not seen),
        (best.values <= lower + edge) | (best.values >= upper - edge),
        _spectrum(data, names),
    )


def _inverse(slopes: Array) -> Array:
    """Inverse of the information; what nothing tells gets an infinite variance."""
    _, sizes, rows = np.linalg.svd(slopes, full_matrices=False)
    known = sizes > _NOTHING * sizes.max(initial=0.0)
    found = (rows[known].T / sizes[known] ** 2) @ rows[known]
    lost = np.flatnonzero((rows[~known] ** 2).sum(axis=0) > _SEEN)
    found[lost, lost] = np.inf
    return np.asarray(found)


def _blind(data: Array) -> npt.NDArray[np.bool_]:
    """Which constants take part in a direction that the numbers do not see, shape (parameter,)."""
    return np.asarray((null_space(data) ** 2).sum(axis=0) > _SEEN)


def null_space(data: Array) -> Array:
    """Directions that change no number, shape (direction, parameter)."""
    _, sizes, rows = np.linalg.svd(data, full_matrices=True)
    rank = int((sizes > _NOTHING * sizes.max(initial=0.0)).sum())
    return np.asarray(rows[rank:])


def _spectrum(data: Array, names: tuple[str, ...]) -> tuple[Direction, ...]:
    _, sizes, rows = np.linalg.svd(data, full_matrices=True)
    sizes = np.concatenate([sizes, np.zeros(len(rows) - len(sizes))])
    return tuple(
        Direction(float(size**2), _named(row, names)) for size, row in zip(sizes, rows, strict=True)
    )


def _named(row: Array, names: tuple[str, ...]) -> dict[str, float]:
    order = np.argsort(-np.abs(row))[:NAMED]
    sign = np.sign(row[order[0]]) or 1.0
    return {names[i]: float(sign * row[i]) for i in order if abs(row[i]) > 0.1}


# -- rank at many points --------------------------------------------------------------------------


@dataclass(frozen=True)
class Ranks:
    """Numerical rank of the numbers' slopes at several points.

    `blind` names the directions that no number sees at the point of the highest rank.
    """

    ranks: tuple[int, ...]
    count: int
    failed: int
    blind: tuple[Direction, ...]

    @property
    def rank(self) -> int:
        return max(self.ranks, default=0)


def ranks(batches: Batches, points: Array) -> Ranks:
    """Rank of the exact sensitivity matrix at points of the search, shape (point, parameter)."""
    objective = batches.objective
    names = objective.space.names
    values = objective.space.from_fit(points)
    predicted, by_value = batches.slopes(values)
    # a scale that is still to be found changes no rank
    known = np.where(np.isnan(objective.scales), 1.0, objective.scales)
    slope = objective.terms(predicted, known).slope[..., None]
    with np.errstate(invalid="ignore"):
        tables = (slope * by_value * objective.space.slopes(values)[:, None])[:, objective.fitted]
    found = [
        table * beforehand(objective, row)
        for table, row in zip(tables, values, strict=True)
        if np.isfinite(table).all()
    ]
    if not found:
        return Ranks((), len(names), len(points), ())
    counts = [len(names) - len(null_space(data)) for data in found]
    best = found[int(np.argmax(counts))]
    blind = tuple(Direction(0.0, _named(row, names)) for row in null_space(best))
    return Ranks(tuple(counts), len(names), len(points) - len(found), blind)
