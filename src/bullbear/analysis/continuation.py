"""Following an equilibrium while one constant changes: pseudo-arclength continuation.

Keller's method with tangent prediction (Kuznetsov, Elements of Applied Bifurcation Theory, ch. 10).
Folds are where the constant turns back along the branch, Hopf points where a pair of eigenvalues
crosses the imaginary axis, branch points where a real eigenvalue passes zero without a turn.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import brentq

from bullbear.analysis.stability import Stability, judge

Array = npt.NDArray[np.float64]
MOST_CORRECTIONS = 12
CORRECTED = 1e-11
CRAWL, MOST_CRAWLED = 1e-6, 40
"""So small steps are taken in a sharp turn, and so many before the branch ends there."""
ON_THE_CURVE = 1e-15
NEAR = 1e-6  # a test value this small beside those at both ends is at its zero


@dataclass(frozen=True)
class Problem:
    """A field F(x, p) with its derivatives, and the sizes that make its quantities comparable.

    `field(x, p)`: shape (state,); `by_states`: (state, state); `by_parameter`: (state,).
    `state_scale` (state,) and `parameter_scale` are typical sizes.
    """

    field: Callable[[Array, float], Array]
    by_states: Callable[[Array, float], Array]
    by_parameter: Callable[[Array, float], Array]
    state_scale: Array
    parameter_scale: float


@dataclass(frozen=True)
class Point:
    parameter: float
    states: Array
    stability: Stability


@dataclass(frozen=True)
class SpecialPoint:
    """kind: `fold`, `hopf` or `branch`; omega is the angular frequency at a Hopf point."""

    kind: str
    parameter: float
    states: Array
    omega: float | None


@dataclass(frozen=True)
class Branch:
    """A branch of equilibria in the order in which it was followed, and why it ended."""

    points: tuple[Point, ...]
    special: tuple[SpecialPoint, ...]
    ended: str


def follow(
    problem: Problem,
    states: Array,
    parameter: float,
    bounds: tuple[float, float],
    direction: int = 1,
    step: float = 0.02,
    most_points: int = 2000,
) -> Branch:
    """Follow the equilibrium at `states` from `parameter` in a direction (+1, -1).

    `step` is the first arclength in scaled quantities; it shrinks where the corrector has to work
    and grows where it does not.  The branch ends when the parameter leaves `bounds`.
    """
    walker = _Walker(problem)
    here = walker.corrected_at(np.append(states / problem.state_scale,
                                         parameter / problem.parameter_scale))  # fmt: skip
    if here is None:
        return Branch((), (), "the start is no equilibrium")
    tangent = walker.tangent(here, np.append(np.zeros(len(states)), float(direction)))
    points, special = [walker.point(here)], []
    crawled, largest, ended = 0, 5 * step, "the number of points is reached"
    while len(points) < most_points:
        ahead, iterations = walker.advance(here, tangent, step)
        if ahead is None:
            step /= 2
            if step < 1e-10:
                ended = "the corrector no longer converges"
                break
            continue
        turned = walker.tangent(ahead, tangent)
        if turned @ tangent < 0.9 and step > CRAWL:
            step /= 2
            continue
        crawled = crawled + 1 if step <= CRAWL else 0
        if crawled > MOST_CRAWLED:
            ended = "it turns sharply, as at a kink"
            break
        point = walker.point(ahead)
        special += walker.between(here, tangent, turned, points[-1], point, step)
        points.append(point)
        here, tangent = ahead, turned
        if not bounds[0] <= point.parameter <= bounds[1]:
            ended = "the parameter left its range"
            break
        step = min(largest, step * 1.3) if iterations <= 4 else step
    return Branch(tuple(points), tuple(special), ended)


class _Walker:
    """Steps along the curve F = 0 in scaled (states, parameter)."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.scale = np.append(problem.state_scale, problem.parameter_scale)

    def split(self, z: Array) -> tuple[Array, float]:
        full = z * self.scale
        return full[:-1], float(full[-1])

    def residual(self, z: Array) -> Array:
        return self.problem.field(*self.split(z)) / self.problem.state_scale

    def derivative(self, z: Array) -> Array:
        """dF/dz, shape (state, state + 1), scaled."""
        x, p = self.split(z)
        whole = np.column_stack([self.problem.by_states(x, p), self.problem.by_parameter(x, p)])
        return np.asarray(whole * self.scale[None, :] / self.problem.state_scale[:, None])

    def tangent(self, z: Array, before: Array) -> Array:
        """Unit tangent of the curve, turned the way of `before`."""
        null = np.linalg.svd(self.derivative(z))[2][-1]
        return np.asarray(null if null @ before >= 0 else -null, dtype=np.float64)

    def correct(self, z: Array, row: Array, target: float) -> tuple[Array | None, int]:
        """Newton on F = 0 and row · z = target."""
        for iteration in range(MOST_CORRECTIONS):
            f = np.append(self.residual(z), row @ z - target)
            matrix = np.vstack([self.derivative(z), row])
            if not (np.isfinite(f).all() and np.isfinite(matrix).all()):
                return None, iteration
            if np.max(np.abs(f)) <= ON_THE_CURVE:
                return z, iteration  # at a branch point the matrix below is singular
            try:
                move = np.linalg.solve(matrix, -f)
            except np.linalg.LinAlgError:
                return None, iteration
            z = z + move
            if np.max(np.abs(move)) <= CORRECTED * (1 + np.max(np.abs(z))):
                return z, iteration + 1
        return None, MOST_CORRECTIONS

    def corrected_at(self, z: Array) -> Array | None:
        """The equilibrium at the same parameter."""
        row = np.append(np.zeros(len(z) - 1), 1.0)
        return self.correct(z, row, float(z[-1]))[0]

    def advance(self, z: Array, tangent: Array, step: float) -> tuple[Array | None, int]:
        guess = z + step * tangent
        return self.correct(guess, tangent, float(tangent @ guess))

    def point(self, z: Array) -> Point:
        x, p = self.split(z)
        return Point(p, x, judge(self.problem.by_states(x, p)))

    # -- special points -------------------------------------------------------------------------

    def between(
        self, z: Array, tangent: Array, turned: Array, before: Point, after: Point, step: float
    ) -> list[SpecialPoint]:
        """Special points between two following points of the branch."""
        found = []
        fold = tangent[-1] * turned[-1] < 0
        if fold:
            at = self.locate(z, tangent, step, lambda y: float(self.tangent(y, tangent)[-1]))
            found += self.special("fold", at, None)
        change = _growing(after) - _growing(before)
        if change and abs(change) % 2 == 0:
            at = self.locate(z, tangent, step, lambda y: _critical(self.point(y), turning=True))
            found += self.special("hopf", at, True)
        elif change and not fold:
            at = self.locate(z, tangent, step, lambda y: _critical(self.point(y), turning=False))
            found += self.special("branch", at, None)
        return found

    def locate(
        self, z: Array, tangent: Array, step: float, test: Callable[[Array], float]
    ) -> Array | None:
        """Where a test along the branch passes zero.

        At a branch point itself the corrector may fail; the nearest point it reached is taken.
        """
        nearest: tuple[float, Array | None] = (float("inf"), None)

        def value(share: float) -> float:
            nonlocal nearest
            there = z if share == 0 else self.advance(z, tangent, share)[0]
            if there is None:
                return float("nan")
            found = test(there)
            if abs(found) < nearest[0]:
                nearest = (abs(found), there)
            return found

        first, last = value(0.0), value(step)
        if not first * last < 0:
            return None
        try:
            share = float(brentq(value, 0.0, step, xtol=1e-15, rtol=1e-14))
        except ValueError:  # the corrector failed
            return nearest[1] if nearest[0] < NEAR * max(abs(first), abs(last)) else None
        return self.advance(z, tangent, share)[0]

    def special(self, kind: str, z: Array | None, turning: bool | None) -> list[SpecialPoint]:
        if z is None:
            return []
        point = self.point(z)
        omega = None
        if turning:
            values = point.stability.eigenvalues
            pairs = values[np.abs(values.imag) > 1e-9 * np.abs(values).max()]
            if not pairs.size:
                return []  # two real eigenvalues crossed one after the other
            omega = float(abs(pairs[np.argmin(np.abs(pairs.real))].imag))
        return [SpecialPoint(kind, point.parameter, point.states, omega)]


def _growing(point: Point) -> int:
    return int(np.count_nonzero(point.stability.eigenvalues.real > 0))


def _critical(point: Point, *, turning: bool) -> float:
    """The real part nearest to zero among the complex, or among the real eigenvalues."""
    values = point.stability.eigenvalues
    complex_ones = np.abs(values.imag) > 1e-9 * np.abs(values).max()
    chosen = values[complex_ones if turning else ~complex_ones].real
    return float(chosen[np.argmin(np.abs(chosen))]) if chosen.size else float("nan")
