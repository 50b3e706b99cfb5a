"""What of a variable's course a published number is about: a point, an average, an increment ..."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Measure:
    """One number made from the course of one variable.

    For every window but the extremes it is a weighted sum of the values at grid times; an extreme
    is the value at the grid time of a stretch where it is largest or smallest.
    """

    first: int
    weights: Array  # from grid time `first` on
    extreme: str = ""  # "maximum" or "minimum"

    def position(self, course: Array) -> int:
        """The grid time at which an extreme is taken."""
        stretch = course[self.first : self.first + len(self.weights)]
        best = np.argmax(stretch) if self.extreme == "maximum" else np.argmin(stretch)
        return self.first + int(best)

    def of(self, course: Array, slopes: Array | None = None) -> tuple[float, Array | None]:
        """The number, and its derivatives.

        Parameters
        ----------
        course : the variable at all grid times, shape (time,)
        slopes : its derivatives, shape (time, parameter)
        """
        if self.extreme:
            at = self.position(course)
            return float(course[at]), None if slopes is None else slopes[at]
        stop = self.first + len(self.weights)
        value = float(self.weights @ course[self.first : stop])
        return value, None if slopes is None else self.weights @ slopes[self.first : stop]


def measure(window: str, numbers: tuple[float, ...], time: float, grid: Array) -> Measure:
    """The measure of a window for a number that belongs to `time`.

    `grid` holds the grid times, shape (time,); between two of them the course is a straight line.
    The time of an average, a sum or an increment is the middle of its period; `since(t)` is the
    value less the value at t.

    Raises
    ------
    ValueError
        If the window does not lie within the run.
    """
    if window in ("maximum", "minimum"):
        inside = np.flatnonzero((grid >= numbers[0] - 1e-9) & (grid <= numbers[1] + 1e-9))
        if not inside.size or numbers[0] < grid[0] - 1e-9 or numbers[1] > grid[-1] + 1e-9:
            raise ValueError(_outside(numbers[0], numbers[1], grid))
        return Measure(int(inside[0]), np.ones(len(inside)), window)
    if window == "at":
        weights = _point(time, grid)
    elif window == "since":
        weights = _point(time, grid) - _point(numbers[0], grid)
    else:
        begin, end = time - numbers[0] / 2, time + numbers[0] / 2
        if window == "increment":
            weights = _point(end, grid) - _point(begin, grid)
        else:
            weights = _integral(begin, end, grid)
            if window == "average":
                weights /= end - begin
    used = np.flatnonzero(weights)
    first, last = (int(used[0]), int(used[-1])) if used.size else (0, 0)
    return Measure(first, weights[first : last + 1])


def _point(time: float, grid: Array) -> Array:
    """Weights that give the value at a time."""
    if not grid[0] - 1e-9 <= time <= grid[-1] + 1e-9:
        raise ValueError(_outside(time, time, grid))
    weights = np.zeros(len(grid))
    right = min(max(int(np.searchsorted(grid, time)), 1), len(grid) - 1)
    share = (time - grid[right - 1]) / (grid[right] - grid[right - 1])
    weights[right - 1], weights[right] = 1 - share, share
    return weights


def _integral(begin: float, end: float, grid: Array) -> Array:
    """Weights of the integral of straight lines between the grid times (trapezoids)."""
    nodes = np.unique(np.concatenate([[begin], grid[(grid > begin) & (grid < end)], [end]]))
    weights = np.zeros(len(grid))
    for low, high in pairwise(nodes):
        weights += (high - low) / 2 * (_point(low, grid) + _point(high, grid))
    return weights


def _outside(begin: float, end: float, grid: Array) -> str:
    span = f"{begin:g}" if begin == end else f"{begin:g} to {end:g}"
    return f"{span} lies outside the run from {grid[0]:g} to {grid[-1]:g}"
