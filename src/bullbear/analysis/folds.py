"""The line in the plane of two constants on which a fold lies: where the system tips.

On that line the rates and the smallest singular value of their Jacobian are both 0 (a minimally
augmented system: Govaerts, Numerical Methods for Bifurcations of Dynamical Equilibria, ch. 4), and
pseudo-arclength continuation follows it in the states and the first constant over the second one.
Two such lines meet in a cusp, where both constants turn back.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from bullbear.analysis import continuation
from bullbear.analysis.branches import trace
from bullbear.analysis.problem import Problem
from bullbear.analysis.reduction import Frozen
from bullbear.errors import UsageError
from bullbear.models.model import Model

Array = npt.NDArray[np.float64]
SECTIONS = 3
ASIDE = 1e-5
"""Step of the central differences of the Jacobian, in scaled states and ranges."""
MOST_POINTS = 300
SAME = 1e-3
"""Distance, in shares of both ranges, within which a fold is on a line already."""
TURN = 1e-4
"""Both constants stand still at a cusp: their share of the tangent is below this."""


@dataclass(frozen=True)
class FoldPoint:
    """A fold: values of both constants, and the states there."""

    along: float
    across: float
    states: Array


@dataclass(frozen=True)
class FoldLine:
    """A line of folds in the order in which it was followed, its cusps, and why it ended."""

    points: tuple[FoldPoint, ...]
    cusps: tuple[FoldPoint, ...]
    ended: str


@dataclass(frozen=True)
class FoldMap:
    """All lines of folds that were found in the plane of two constants.

    Attributes
    ----------
    along, across : the constants, with their ranges
    names : of the states
    sections : values of `across` at which folds were looked for
    """

    along: str
    bounds: tuple[float, float]
    across: str
    span: tuple[float, float]
    names: tuple[str, ...]
    sections: tuple[float, ...]
    lines: tuple[FoldLine, ...]

    @property
    def cusps(self) -> list[FoldPoint]:
        """Every cusp once."""
        found: list[FoldPoint] = []
        for point in (cusp for line in self.lines for cusp in line.cusps):
            if not any(_apart(self, point, known) <= SAME for known in found):
                found.append(point)
        return found


def fold_lines(
    model: Model,
    parameter: str,
    bounds: tuple[float, float],
    across: str,
    span: tuple[float, float],
    scenario: str = "base",
    overrides: Mapping[str, float] | None = None,
    at: float | None = None,
    hold: Mapping[str, float] | None = None,
) -> FoldMap:
    """Follow every fold over a range of a second constant.

    Folds are looked for along the first constant at a few values of the second one.

    Raises
    ------
    UsageError
        If a range is empty, or there is no such constant.
    ModelError
        If a constant does not enter the rates, or the model has discrete states.
    """
    if not span[0] < span[1]:
        raise UsageError(f"the range of {across} is empty: {span[0]:g} to {span[1]:g}",
                         code="range", hint="write it as NAME=LOW:HIGH")  # fmt: skip
    frozen = Frozen(model, scenario, overrides, at, along=[parameter, across], hold=hold)
    sections = tuple(np.linspace(*span, SECTIONS + 2)[1:-1].tolist())
    found = FoldMap(parameter, bounds, across, span, frozen.names, sections, ())
    for value in sections:
        held = dict(hold or {})
        settings = dict(overrides or {})
        (held if across in held else settings)[across] = value
        diagram = trace(model, parameter, *bounds, scenario, settings, at, held)
        for fold in (point for point in diagram.special if point.kind == "fold"):
            here = FoldPoint(fold.parameter, value, fold.states)
            if not any(_passes(found, line, here) for line in found.lines):
                line = _followed(frozen, here, bounds, span)
                found = FoldMap(parameter, bounds, across, span, frozen.names, sections,
                                (*found.lines, line))  # fmt: skip
    return found


def _apart(found: FoldMap, one: FoldPoint, other: FoldPoint) -> float:
    wide, deep = found.bounds[1] - found.bounds[0], found.span[1] - found.span[0]
    return max(abs(one.along - other.along) / wide, abs(one.across - other.across) / deep)


def _passes(found: FoldMap, line: FoldLine, here: FoldPoint) -> bool:
    """Whether a line goes through a fold, by straight lines between its points."""
    for before, after in pairwise(line.points):
        low, high = sorted((before.across, after.across))
        if low <= here.across <= high and low < high:
            share = (here.across - before.across) / (after.across - before.across)
            along = before.along + share * (after.along - before.along)
            states = before.states + share * (after.states - before.states)
            size = 1e-12 + np.abs(states) + np.abs(here.states)
            near = FoldPoint(along, here.across, states)
            alike = np.all(np.abs(states - here.states) <= 0.05 * size)
            if _apart(found, near, here) <= 5 * SAME and alike:
                return True
    return False


def _followed(
    frozen: Frozen, start: FoldPoint, bounds: tuple[float, float], span: tuple[float, float]
) -> FoldLine:
    """The line through a fold, in both directions, in the states' own units."""
    base = frozen.problem([start.along, start.across])
    plane = _Plane(frozen, base, bounds[1] - bounds[0])
    state = np.append(base.coordinates(start.states), start.along / plane.width)
    problem = continuation.Problem(
        plane.field, plane.by_states, plane.by_parameter, np.ones(len(state)), span[1] - span[0],
    )  # fmt: skip
    points: list[FoldPoint] = []
    cusps: list[FoldPoint] = []
    ends = []
    for direction in (-1, 1):
        branch = continuation.follow(problem, state, start.across, span, direction,
                                     most_points=MOST_POINTS)  # fmt: skip
        way = [plane.point(p.states, p.parameter) for p in branch.points]
        inside = _inside(way, bounds)
        ends.append(branch.ended if inside == len(way) else "the first constant left its range")
        cusps += [
            plane.point(p.states, p.parameter)
            for p in branch.special
            if p.kind == "fold" and plane.stands(p.states, p.parameter)
        ]
        points = way[:inside] if not points else [*reversed(points), *way[1:inside]]
    cusps = [one for one in cusps if bounds[0] <= one.along <= bounds[1]]
    return FoldLine(tuple(points), tuple(cusps), " and ".join(dict.fromkeys(ends)))


def _inside(way: Sequence[FoldPoint], bounds: tuple[float, float]) -> int:
    """How many points come before the first constant leaves its range."""
    for place, point in enumerate(way):
        if not bounds[0] <= point.along <= bounds[1]:
            return place
    return len(way)


class _Plane:
    """The augmented system in coordinates (states, first constant over its range)."""

    def __init__(self, frozen: Frozen, base: Problem, width: float) -> None:
        self.frozen, self.base, self.width = frozen, base, width

    def problem(self, along: float, across: float) -> Problem:
        """The problem at values of both constants, on the same conserved totals."""
        frozen, base, both = self.frozen, self.base, (along, across)
        return Problem(
            base.names, lambda x: frozen.rates(x, both), lambda x: frozen.jacobian(x, both),
            base.scale, base.totals, base.base,
        )  # fmt: skip

    def slopes(self, y: Array, across: float) -> Array:
        return self.problem(float(y[-1]) * self.width, across).slopes(y[:-1])

    def field(self, y: Array, across: float) -> Array:
        there = self.problem(float(y[-1]) * self.width, across)
        jacobian = there.slopes(y[:-1])
        if not np.isfinite(jacobian).all():
            return np.full(len(y), np.nan)
        smallest = np.linalg.svd(jacobian, compute_uv=False)[-1]
        return np.append(there.flow(y[:-1]), smallest)

    def by_states(self, y: Array, across: float) -> Array:
        count = len(y) - 1
        jacobian = self.slopes(y, across)
        left, right = _null(jacobian)
        found = np.zeros((count + 1, count + 1))
        found[:count, :count] = jacobian
        found[:count, count] = self._by(y, across, 0) * self.width
        # second derivatives commute: left·J·right slopes by states as left·(D J along right)
        around = [
            self.slopes(np.append(y[:-1] + s * ASIDE * right, y[-1]), across) for s in (1, -1)
        ]
        found[count, :count] = left @ (around[0] - around[1]) / (2 * ASIDE)
        beside = [self.slopes(np.append(y[:-1], y[-1] + s * ASIDE), across) for s in (1, -1)]
        found[count, count] = left @ (beside[0] - beside[1]) @ right / (2 * ASIDE)
        return found

    def by_parameter(self, y: Array, across: float) -> Array:
        left, right = _null(self.slopes(y, across))
        step = ASIDE * max(abs(across), 1e-3)
        beside = [self.slopes(y, across + s * step) for s in (1, -1)]
        last = left @ (beside[0] - beside[1]) @ right / (2 * step)
        return np.append(self._by(y, across, 1), last)

    def _by(self, y: Array, across: float, way: int) -> Array:
        """Derivatives of the reduced rates by one of the constants."""
        states = self.base.states(y[:-1])
        slopes = self.frozen.by_parameter(states, (float(y[-1]) * self.width, across), way)
        return np.asarray(self.base.basis.T @ (slopes / self.base.scale))

    def point(self, y: Array, across: float) -> FoldPoint:
        return FoldPoint(float(y[-1]) * self.width, across, self.base.states(y[:-1]))

    def stands(self, y: Array, across: float) -> bool:
        """Whether the first constant stands still too where the second one turns."""
        tangent = np.linalg.svd(self.by_states(y, across))[2][-1]
        return bool(abs(tangent[-1]) <= TURN)


def _null(jacobian: Array) -> tuple[Array, Array]:
    """Left and right vectors of the smallest singular value."""
    left, _, right = np.linalg.svd(jacobian)
    return left[:, -1], right[-1]
