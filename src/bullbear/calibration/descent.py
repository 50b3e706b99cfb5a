"""Many least-squares searches side by side: Levenberg and Marquardt's method within bounds.

Every search takes its own way; only the evaluations are shared, so that an engine for many runs
can do them at once.  A step is tried with several dampings at a time, because values cost little
and slopes much; coordinates at a bound that would leave it are held (a projected method: Kanzow,
Yamashita and Fukushima 2004).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Lanes = npt.NDArray[np.int64]
_TRIED = np.array([1e-2, 1e-1, 1.0, 10.0, 100.0, 1000.0])  # dampings of a step, over the last one
_SOFTEST, _HARDEST = 1e-12, 1e12
_MOST = 200
_IDLE = 2  # steps in a row that hardly help, after which a search ends
_FLAT = 1e-14  # slope of the misfit over its terms, below which there is nowhere to go


class Residuals(Protocol):
    """What is made small: residuals at points of some searches."""

    def values(self, lanes: Lanes, points: Array) -> Array:
        """Residuals at points (point, coordinate) of the searches `lanes`, shape (point, residual);
        NaN where there are none."""

    def slopes(self, lanes: Lanes, points: Array) -> tuple[Array, Array]:
        """Residuals, and their slopes (point, residual, coordinate)."""


@dataclass(frozen=True)
class Descents:
    """Where searches ended; arrays of one row per search.

    Attributes
    ----------
    points : shape (search, coordinate)
    misfits : half the sum of squares, shape (search,); infinite where a start cannot be evaluated
    slopes : largest slope of the misfit along a coordinate that is free, in units of `scale`
    evaluations, refused : points that were evaluated, and those of them that could not be
    ended : whether a search came to rest
    """

    points: Array
    misfits: Array
    slopes: Array
    evaluations: npt.NDArray[np.int64]
    refused: npt.NDArray[np.int64]
    ended: npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Room:
    """Where searches may go: bounds and unit steps (coordinate,), and what is free, shape
    (search, coordinate)."""

    lower: Array
    upper: Array
    scale: Array
    free: npt.NDArray[np.bool_]


def descend_all(
    residuals: Residuals, starts: Array, room: Room, tolerance: float, most: int = _MOST
) -> Descents:
    """Search from every start, shape (search, coordinate).

    A search ends when two steps in a row each lower its misfit by less than `tolerance` of it, when
    no step lowers it, or after `most` steps.
    """
    state = _State(residuals, np.clip(starts, room.lower, room.upper), room, tolerance)
    for _ in range(most):
        if not state.active.size:
            break
        state.step()
    return state.found()


class _State:
    """All searches, of which `active` still go on."""

    def __init__(self, residuals: Residuals, points: Array, room: Room, tolerance: float) -> None:
        self.residuals, self.room, self.tolerance = residuals, room, tolerance
        count = len(points)
        self.points = points
        self.misfits, self.steepest = np.full(count, np.inf), np.full(count, np.nan)
        self.damping, self.idle = np.ones(count), np.zeros(count, dtype=np.int64)
        self.evaluations, self.refused = np.zeros((2, count), dtype=np.int64)
        self.ended = np.zeros(count, dtype=bool)
        self.active: Lanes = np.arange(count)
        first, self.slopes = residuals.slopes(self.active, points)
        self.terms = first
        self.evaluations += 1
        fine = _finite(first, self.slopes)
        self.refused += ~fine
        self.misfits[fine] = _misfit(first[fine])
        self._keep(fine)

    def _keep(self, going: npt.NDArray[np.bool_]) -> None:
        """Go on with some of the active searches alone."""
        self.active = self.active[going]
        self.terms, self.slopes = self.terms[going], self.slopes[going]

    def step(self) -> None:
        """One step of every active search."""
        lanes, room = self.active, self.room
        x, slopes = self.points[lanes], self.slopes * room.scale
        gradient = np.einsum("lrc,lr->lc", slopes, self.terms)
        held = (x <= room.lower) & (gradient > 0) | (x >= room.upper) & (gradient < 0)
        free = room.free[lanes] & ~held
        gradient = np.where(free, gradient, 0.0)
        self.steepest[lanes] = np.abs(gradient).max(axis=1, initial=0.0)
        tried, weights = self._tried(x, np.where(free[:, None], slopes, 0.0), gradient)
        values = self.residuals.values(
            np.repeat(lanes, tried.shape[1]), tried.reshape(-1, x.shape[1])
        )
        heights = _misfit(values).reshape(tried.shape[:2])
        refused = ~np.isfinite(heights)
        self.evaluations[lanes] += tried.shape[1]
        self.refused[lanes] += refused.sum(axis=1)
        heights[refused] = np.inf
        best = np.argmin(heights, axis=1)
        self._move(tried[np.arange(len(lanes)), best], heights.min(axis=1),
                   weights[np.arange(len(lanes)), best], gradient)  # fmt: skip

    def _tried(self, x: Array, slopes: Array, gradient: Array) -> tuple[Array, Array]:
        """Points of a step for every damping, shape (lane, damping, coordinate), and dampings."""
        sizes, turns = np.linalg.eigh(slopes.transpose(0, 2, 1) @ slopes)
        weights = np.clip(self.damping[self.active, None] * _TRIED, _SOFTEST, _HARDEST)
        along = np.einsum("lca,lc->la", turns, gradient)
        shares = along[:, None] / (np.maximum(sizes, 0)[:, None] + weights[..., None])
        steps = -np.einsum("lca,lda->ldc", turns, shares) * self.room.scale
        steps = np.where(gradient[:, None] == 0, 0.0, steps)
        return np.clip(x[:, None] + steps, self.room.lower, self.room.upper), weights

    def _move(self, points: Array, heights: Array, weights: Array, gradient: Array) -> None:
        """Take the best points where they are better, and see who has come to rest."""
        lanes = self.active
        before = self.misfits[lanes]
        better = heights < before
        little = ~(before - heights > self.tolerance * before)
        self.idle[lanes] = np.where(little, self.idle[lanes] + 1, 0)
        self.damping[lanes] = np.where(better, weights, np.minimum(weights * 1e3, _HARDEST))
        lost = ~better & (self.damping[lanes] >= _HARDEST)
        flat = np.abs(gradient).max(axis=1, initial=0.0) <= _FLAT * np.maximum(before, 1e-300)
        rest = flat | lost | (self.idle[lanes] >= _IDLE)
        self.points[lanes[better]] = points[better]
        self.misfits[lanes[better]] = heights[better]
        self.ended[lanes[rest]] = True
        going = np.flatnonzero(better & ~rest)
        if going.size:
            terms, slopes = self.residuals.slopes(lanes[going], points[going])
            self.evaluations[lanes[going]] += 1
            fine = _finite(terms, slopes)
            self.terms[going[fine]], self.slopes[going[fine]] = terms[fine], slopes[fine]
            rest[going[~fine]] = True  # there are values, but no way on
        self._keep(~rest)

    def found(self) -> Descents:
        return Descents(
            self.points, self.misfits, self.steepest, self.evaluations, self.refused, self.ended
        )


def _misfit(residuals: Array) -> Array:
    with np.errstate(over="ignore", invalid="ignore"):
        found = 0.5 * (residuals**2).sum(axis=-1)
    return np.where(np.isfinite(found), found, np.inf)


def _finite(terms: Array, slopes: Array) -> npt.NDArray[np.bool_]:
    """Searches whose residuals and slopes are all finite."""
    return np.asarray(np.isfinite(terms).all(axis=1) & np.isfinite(slopes).all(axis=(1, 2)))
