"""How equilibria move, appear and vanish while a constant changes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from bullbear.analysis import continuation, symbolic_equilibria
from bullbear.analysis.continuation import Branch, SpecialPoint
from bullbear.analysis.equilibrium import starting_points
from bullbear.analysis.problem import Problem
from bullbear.analysis.reduction import Frozen
from bullbear.errors import UsageError
from bullbear.models.model import Model

Array = npt.NDArray[np.float64]
SECTIONS = 3
MOST_POINTS = 500
"""At so many values of the constant equilibria are looked for, to find branches of their own."""
SAME = 1e-4
"""Scaled distance within which two branches are one."""


@dataclass(frozen=True)
class Diagram:
    """Branches of equilibria over one constant.

    Attributes
    ----------
    parameter : the constant; `low` and `high` its range
    names : of the states
    branches : with states in their units, each in the order in which it was followed
    complete : whether algebra found all equilibria at the values where branches began
    """

    parameter: str
    low: float
    high: float
    names: tuple[str, ...]
    branches: tuple[Branch, ...]
    complete: bool

    def at(self, value: float) -> list[dict[str, float]]:
        """States by name where branches pass a value of the constant, by straight lines."""
        found = []
        for branch in self.branches:
            for before, after in pairwise(branch.points):
                low, high = sorted((before.parameter, after.parameter))
                if low <= value < high:
                    share = (value - before.parameter) / (after.parameter - before.parameter)
                    states = before.states + share * (after.states - before.states)
                    found.append(dict(zip(self.names, map(float, states), strict=True)))
        return found

    @property
    def special(self) -> list[SpecialPoint]:
        """Folds, Hopf and branch points within the range, each once, by the constant's value.

        Where a branch turns back on another one, as at a pitchfork, both meet in a branch point.
        """
        every = [point for branch in self.branches for point in branch.special]
        inside = [p for p in every if self.low <= p.parameter <= self.high]
        order = {"branch": 0, "hopf": 1, "fold": 2}
        found: list[SpecialPoint] = []
        for point in sorted(inside, key=lambda p: order[p.kind]):
            kinds = ("branch", "fold") if point.kind == "fold" else (point.kind,)
            if not any(
                known.kind in kinds and _same_place(point, known, self.high - self.low)
                for known in found
            ):
                found.append(point)
        return sorted(found, key=lambda point: (point.parameter, point.kind))


def _same_place(one: SpecialPoint, other: SpecialPoint, span: float) -> bool:
    near = np.abs(one.states - other.states) <= 1e-3 * (1 + np.abs(one.states))
    return abs(one.parameter - other.parameter) <= 1e-6 * span and bool(near.all())


def trace(
    model: Model,
    parameter: str,
    low: float,
    high: float,
    scenario: str = "base",
    overrides: Mapping[str, float] | None = None,
    at: float | None = None,
    hold: Mapping[str, float] | None = None,
    seed: int = 0,
) -> Diagram:
    """Follow every branch of equilibria that is found over a range of a constant.

    Raises
    ------
    UsageError
        If the range is empty, or there is no such constant.
    ModelError
        If the constant does not enter the rates, or the model has discrete states.
    """
    if not low < high:
        raise UsageError(f"the range of {parameter} is empty: {low:g} to {high:g}", code="range",
                         hint="write it as NAME=LOW:HIGH")  # fmt: skip
    frozen = Frozen(model, scenario, overrides, at, along=[parameter], hold=hold)
    found: list[Branch] = []
    complete = True
    for value in np.linspace(low, high, SECTIONS + 2)[1:-1]:
        problem = frozen.problem(float(value))
        roots, all_of_them = _equilibria(frozen, problem, float(value), seed)
        complete &= all_of_them
        for root in roots:
            if not _known(found, frozen, float(value), root):
                found.append(_followed(frozen, problem, root, float(value), (low, high)))
    return Diagram(parameter, low, high, frozen.names, tuple(found), complete)


def _equilibria(
    frozen: Frozen, problem: Problem, value: float, seed: int
) -> tuple[list[Array], bool]:
    """Equilibria at one value of the constant, and whether these are all."""
    algebra = symbolic_equilibria.solve(frozen.moved_to(value), problem)
    starts = list(algebra.points) if algebra else starting_points(frozen, problem, seed)
    return [root.states for root in problem.solve(starts)], bool(algebra and algebra.complete)


def _followed(
    frozen: Frozen, problem: Problem, root: Array, value: float, bounds: tuple[float, float]
) -> Branch:
    """The branch through an equilibrium, in both directions, in the states' own units."""
    reduced = continuation.Problem(
        lambda z, p: _at(frozen, problem, p).flow(z),
        lambda z, p: _at(frozen, problem, p).slopes(z),
        lambda z, p: np.asarray(
            problem.basis.T @ (frozen.by_parameter(problem.states(z), p) / problem.scale)
        ),
        np.ones(problem.basis.shape[1]), bounds[1] - bounds[0],
    )  # fmt: skip
    z = problem.coordinates(root)
    down = continuation.follow(reduced, z, value, bounds, -1, most_points=MOST_POINTS)
    up = continuation.follow(reduced, z, value, bounds, 1, most_points=MOST_POINTS)
    points = [*reversed(down.points), *up.points[1:]]
    ended = " and ".join(dict.fromkeys([down.ended, up.ended]))
    return Branch(
        tuple(
            continuation.Point(p.parameter, problem.states(p.states), p.stability) for p in points
        ),
        tuple(
            SpecialPoint(s.kind, s.parameter, problem.states(s.states), s.omega)
            for s in (*down.special, *up.special)
        ),
        ended,
    )


def _at(frozen: Frozen, problem: Problem, value: float) -> Problem:
    """The problem at a value of the constant, on the same conserved totals."""
    return Problem(
        problem.names, lambda x: frozen.rates(x, value), lambda x: frozen.jacobian(x, value),
        problem.scale, problem.totals, problem.base,
    )  # fmt: skip


def _known(found: Sequence[Branch], frozen: Frozen, value: float, root: Array) -> bool:
    """Whether a branch passes through an equilibrium, by straight lines between its points."""
    for branch in found:
        for before, after in pairwise(branch.points):
            low, high = sorted((before.parameter, after.parameter))
            if not low <= value <= high or low == high:
                continue
            share = (value - before.parameter) / (after.parameter - before.parameter)
            middle = before.states + share * (after.states - before.states)
            near = np.abs(after.states - before.states).max() * 0.1
            if np.all(np.abs(root - middle) <= SAME * frozen.scale + near):
                return True
    return False
