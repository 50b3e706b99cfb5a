"""Scenario discovery: boxes in which a case happens ("... and ... and ...").

The patient rule induction method of Friedman & Fisher 1999 (Stat. Comput. 9, 123-143), as scenario
discovery uses it (Bryant & Lempert 2010, Technol. Forecast. Soc. Change 77, 34-49): peel a thin
slice off the box wherever that raises the density of cases most, then paste back what costs none.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bullbear.errors import UsageError

Array = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
PEEL = 0.05
SMALLEST_SUPPORT = 0.03


@dataclass(frozen=True)
class Box:
    """Lower and upper limits, shape (input,); an infinite limit is none."""

    lower: Array
    upper: Array

    def holds(self, points: Array) -> Flags:
        """Which points (draw, input) lie inside."""
        inside = np.ones(len(points), dtype=np.bool_)
        for i in self.restricted:
            inside &= (points[:, i] >= self.lower[i]) & (points[:, i] <= self.upper[i])
        return inside

    @property
    def restricted(self) -> tuple[int, ...]:
        """Inputs with a limit."""
        limited = np.isfinite(self.lower) | np.isfinite(self.upper)
        return tuple(int(i) for i in np.flatnonzero(limited))


@dataclass(frozen=True)
class Quality:
    """coverage: share of all cases inside; density: share of cases among the points inside."""

    coverage: float
    density: float
    support: float


@dataclass(frozen=True)
class Discovery:
    """The boxes of one search, from the widest to the narrowest, with what each is worth."""

    boxes: tuple[Box, ...]
    found: tuple[Quality, ...]
    confirmed: tuple[Quality, ...]

    def best(self, density: float) -> int:
        """The box of the largest coverage whose density, where it was found, is high enough."""
        good = [i for i, q in enumerate(self.found) if q.density >= density]
        if not good:
            return int(np.argmax([q.density for q in self.found]))
        return max(good, key=lambda i: self.found[i].coverage)


def discover(points: Array, cases: Flags, peel: float = PEEL, seed: int = 0) -> Discovery:
    """Boxes found on a random half of the draws and confirmed on the other half.

    Parameters
    ----------
    points : shape (draw, input)
    cases : shape (draw,)

    Raises
    ------
    UsageError
        If all draws are cases, or none is.
    """
    if cases.all() or not cases.any():
        which = "every draw is" if cases.all() else "no draw is"
        raise UsageError(f"{which} a case, so there is nothing to tell apart", code="one-class",
                         hint="choose another predicate, or wider inputs")  # fmt: skip
    order = np.random.default_rng(seed).permutation(len(points))
    train, test = np.array_split(order, 2)
    boxes = tuple(_trajectory(points[train], cases[train], peel))
    return Discovery(
        boxes,
        tuple(quality(box, points[train], cases[train]) for box in boxes),
        tuple(quality(box, points[test], cases[test]) for box in boxes),
    )


def quality(box: Box, points: Array, cases: Flags) -> Quality:
    """What a box is worth on a sample."""
    inside = box.holds(points)
    hits = int(np.count_nonzero(inside & cases))
    return Quality(
        hits / max(int(np.count_nonzero(cases)), 1),
        hits / max(int(np.count_nonzero(inside)), 1),
        float(inside.mean()),
    )


def _trajectory(points: Array, cases: Flags, peel: float) -> Iterator[Box]:
    """Boxes of a peeling, each pasted; ends when all inside are cases or the box is small."""
    inputs = points.shape[1]
    box = Box(np.full(inputs, -np.inf), np.full(inputs, np.inf))
    yield box
    while True:
        inside = box.holds(points)
        if cases[inside].all() or inside.mean() <= SMALLEST_SUPPORT:
            return
        smaller = _peeled(box, points[inside], cases[inside], peel)
        if smaller is None:
            return
        box = smaller
        yield _pasted(box, points, cases, peel)


def _peeled(box: Box, points: Array, cases: Flags, peel: float) -> Box | None:
    """The box without the slice whose loss raises the density most."""
    low, high = np.quantile(points, [peel, 1 - peel], axis=0)
    gains = np.stack([_gains(points > low, cases), _gains(points < high, cases)])
    if not np.isfinite(gains).any():
        return None
    side, i = np.unravel_index(int(np.argmax(gains)), gains.shape)
    column = points[:, i]
    if side == 0:
        return _limited(box, int(i), "lower", float(column[column > low[i]].min()))
    return _limited(box, int(i), "upper", float(column[column < high[i]].max()))


def _gains(keep: Flags, cases: Flags) -> Array:
    """Density gained per point lost, by every input, shape (input,); slices of ties are not
    favoured for being thick.  -inf where nothing is lost, or nothing left."""
    left = keep.sum(axis=0)
    hits = keep[cases].sum(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        found = (hits / left - cases.mean()) / (1 - left / len(keep))
    return np.where((left > 0) & (left < len(keep)), found, -np.inf)


def _limited(box: Box, i: int, side: str, edge: float) -> Box:
    lower, upper = box.lower.copy(), box.upper.copy()
    (lower if side == "lower" else upper)[i] = edge
    return Box(lower, upper)


def _pasted(box: Box, points: Array, cases: Flags, peel: float) -> Box:
    """Widen the box as long as its density does not fall."""
    density = quality(box, points, cases).density
    changed = True
    while changed:
        changed = False
        for i in box.restricted:
            for side in ("lower", "upper"):
                wider = _widened(box, points, i, side, peel)
                if wider is None:
                    continue
                now = quality(wider, points, cases)
                if now.density >= density and now.support > quality(box, points, cases).support:
                    box, density, changed = wider, now.density, True
    return box


def _widened(box: Box, points: Array, i: int, side: str, peel: float) -> Box | None:
    limit = (box.lower if side == "lower" else box.upper)[i]
    if not np.isfinite(limit):
        return None
    free = _limited(box, i, side, -np.inf if side == "lower" else np.inf)
    beyond = points[free.holds(points) & ~box.holds(points), i]
    if not beyond.size:
        return free
    count = max(1, round(peel * np.count_nonzero(box.holds(points))))
    ranked = np.sort(beyond)
    edge = (
        ranked[-min(count, ranked.size)] if side == "lower" else ranked[min(count, ranked.size) - 1]
    )
    return _limited(box, i, side, float(edge))
