"""Statistics of an ensemble that are gathered block by block, where all its values would not fit.

Moments are merged by the formulas of Chan, Golub and LeVeque 1979 ("Updating formulae and a
pairwise algorithm for computing sample variances").  Quantiles and histograms come from counts in
buckets of constant relative width (Masson, Rim and Lee 2019, "DDSketch", VLDB 12), which merge
without any loss, so that the order of the blocks decides nothing.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import pandas as pd

Array = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]
ACCURACY = 1e-3
"""Relative error of a quantile."""
_LOG_WIDTH = math.log((1 + ACCURACY) / (1 - ACCURACY))
_SHARES = (0.05, 0.25, 0.5, 0.75, 0.95)
_SMALLEST = 1e-300  # what is smaller counts as zero
_OFFSET = 1 << 20  # buckets of positive numbers lie above zero's, those of negative ones below
_CELL = 1 << 22  # keys: cell * _CELL + bucket; more than the buckets of all doubles


@dataclass(frozen=True)
class Statistics:
    """Moments and bucket counts of every saved time and variable.

    Attributes
    ----------
    count : draws that are in it
    mean, squares, low, high : shape (time, variable); `squares` is the sum of squared distances
        from the mean
    keys, counts : the buckets that are not empty, shape (bucket,), ascending
    """

    count: int
    mean: Array
    squares: Array
    low: Array
    high: Array
    keys: Counts
    counts: Counts

    @classmethod
    def of(cls, values: Array) -> Statistics:
        """Of values of shape (draw, time, variable), all finite."""
        count, *shape = values.shape
        if not count:
            empty = np.zeros(shape)
            none = np.zeros(0, dtype=np.int64)
            return cls(0, empty, empty, empty + math.inf, empty - math.inf, none, none)
        mean = values.mean(axis=0)
        cells = np.arange(mean.size, dtype=np.int64).reshape(shape) * _CELL
        keys, counts = np.unique(cells + _buckets(values), return_counts=True)
        return cls(
            count, mean, ((values - mean) ** 2).sum(axis=0), values.min(axis=0),
            values.max(axis=0), keys, counts.astype(np.int64),
        )  # fmt: skip

    def merged(self, other: Statistics) -> Statistics:
        """Of both together."""
        if not other.count or not self.count:
            return self if self.count else other
        count = self.count + other.count
        gap = other.mean - self.mean
        keys, place = np.unique(np.concatenate([self.keys, other.keys]), return_inverse=True)
        counts = np.zeros(len(keys), dtype=np.int64)
        np.add.at(counts, place, np.concatenate([self.counts, other.counts]))
        return Statistics(
            count,
            self.mean + gap * (other.count / count),
            self.squares + other.squares + gap**2 * (self.count * other.count / count),
            np.minimum(self.low, other.low),
            np.maximum(self.high, other.high),
            keys,
            counts,
        )

    @property
    def deviation(self) -> Array:
        """Standard deviation of the sample, shape (time, variable); NaN for fewer than two."""
        if self.count < 2:
            return np.full_like(self.mean, np.nan)
        return np.asarray(np.sqrt(self.squares / (self.count - 1)))

    def quantile(self, share: float) -> Array:
        """The value below which a share of the draws lies, shape (time, variable).

        Within ACCURACY of a value of the sample, relatively; the ends are exact.
        """
        rank = share * (self.count - 1)
        result = np.full(self.mean.size, np.nan)
        for cell in range(self.mean.size if self.count else 0):
            buckets, counts = self._cell(cell)
            place = int(np.searchsorted(np.cumsum(counts), rank, side="right"))
            result[cell] = _middle(buckets[min(place, len(buckets) - 1) : place + 1])[0]
        if not self.count:
            return result.reshape(self.mean.shape)
        if share in (0.0, 1.0):
            return self.high if share else self.low
        return np.asarray(np.clip(result.reshape(self.mean.shape), self.low, self.high))

    def histogram(self, time: int, variable: int, edges: Sequence[float]) -> Counts:
        """Draws between the edges at one saved time, by position; shape (bin,).

        Each draw counts where the middle of its bucket lies.
        """
        buckets, counts = self._cell(time * self.mean.shape[1] + variable)
        found, _ = np.histogram(_middle(buckets), bins=np.asarray(edges), weights=counts)
        return found.astype(np.int64)

    def to_frame(self, times: Array, names: Sequence[str]) -> pd.DataFrame:
        """One row per time and variable: mean, standard deviation, quantiles, extremes."""
        import pandas as pd

        table = {"mean": self.mean, "sd": self.deviation, "min": self.low}
        table |= {f"q{share:g}": self.quantile(share) for share in _SHARES}
        table["max"] = self.high
        index = pd.MultiIndex.from_product([times, names], names=["time", "variable"])
        return pd.DataFrame({name: value.ravel() for name, value in table.items()}, index=index)

    def _cell(self, cell: int) -> tuple[Counts, Counts]:
        low, high = np.searchsorted(self.keys, [cell * _CELL, (cell + 1) * _CELL])
        return self.keys[low:high] - cell * _CELL, self.counts[low:high]


def merge(parts: Sequence[Statistics]) -> Statistics:
    """Of all parts together, in their order."""
    return reduce(Statistics.merged, parts)


def _buckets(values: Array) -> Counts:
    size = np.abs(values)
    decades = np.log(np.maximum(size, _SMALLEST)) - math.log(_SMALLEST)
    level = np.ceil(decades / _LOG_WIDTH).astype(np.int64)
    signed = np.where(values < 0, -1, 1) * (level + 1)
    return np.where(size < _SMALLEST, 0, signed) + _OFFSET


def _middle(buckets: Counts) -> Array:
    """Values in the middle of buckets, by relative distance."""
    signed = buckets - _OFFSET
    level = np.abs(signed) - 1.0
    size = np.exp(level * _LOG_WIDTH + math.log(_SMALLEST)) * (1 - ACCURACY)
    return np.where(signed == 0, 0.0, np.sign(signed) * size)
