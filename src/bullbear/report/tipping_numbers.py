"""Boundaries as people read them: a number, or the side on which there is none."""

from __future__ import annotations

import math

import numpy as np

from bullbear.analysis.tipping import Boundaries
from bullbear.analysis.tipping_file import Axis

NOTHING = 1e-6
QUANTILES = (0.05, 0.5, 0.95)


def edge(found: Boundaries, row: int, axis: Axis) -> str:
    """A boundary in words, where there is none too."""
    value = float(found.values[row])
    if math.isnan(value):
        return "a run failed"
    if value == math.inf:
        return f"none in {number(axis.low)} to {number(axis.high)}: nothing survives"
    if value == -math.inf:
        return f"none in {number(axis.low)} to {number(axis.high)}: all survives"
    return number(value)


def band(found: Boundaries, row: int, axis: Axis) -> str:
    """Median and 90 % band of the draws' boundaries in a row; those without one at its ends."""
    values, rising = found.values[row], found.rising[row]
    good = ~np.isnan(values)
    if not good.any():
        return "all runs failed"
    inside = good & np.isfinite(values)
    way = bool(rising[inside].mean() >= 0.5) if inside.any() else True
    if not inside.any() and (values[good] == values[good][0]).all():
        every = "nothing survives" if values[good][0] > 0 else "all survives"
        return f"{every} in {number(axis.low)} to {number(axis.high)} in every draw"
    # survival above the boundary: no survival is a boundary beyond the upper end, and so on
    placed = np.where(np.isinf(values) & (not way), -values, values)[good]
    low, middle, high = (
        _placed(float(v), way) for v in np.quantile(placed, QUANTILES, method="nearest")
    )
    failed = len(values) - int(good.sum())
    return f"{middle} ({low} to {high})" + (f"; {failed} failed" if failed else "")


def shares(found: Boundaries, row: int) -> str:
    """In how many draws there is no edge, on either side."""
    good = found.values[row][~np.isnan(found.values[row])]
    if not good.size:
        return "all runs failed"
    nowhere, everywhere = float(np.mean(good == math.inf)), float(np.mean(good == -math.inf))
    return f"{nowhere:.0%} of them survive nowhere in the range and {everywhere:.0%} everywhere"


def _placed(value: float, rising: bool) -> str:
    if math.isfinite(value):
        return number(value)
    return "nothing survives" if (value > 0) == rising else "all survives"


def number(value: float) -> str:
    """Three digits, with k, M or bn for large numbers."""
    if not math.isfinite(value):
        return str(value)
    if 0 < abs(value) < NOTHING:
        return "~0"
    for factor, letter in ((1e9, " bn"), (1e6, " M"), (1e3, " k")):
        if abs(value) >= factor * 0.9995:
            return f"{value / factor:.3g}{letter}"
    return f"{value:.3g}"
