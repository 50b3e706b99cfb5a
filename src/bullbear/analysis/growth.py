"""Balanced growth: what grows as a whole while its proportions settle, F(x) = g · x per block.

A block of stocks grows in balance if scaling all of them scales their rates alike and leaves all
other rates as they are (Euler's theorem on homogeneous functions: J · x = F over the block).  The
blocks are found from exact Jacobians at several points; the shares within a block are then states
that can rest, with a sum of 1 as their conserved total.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bullbear.analysis.problem import Problem
from bullbear.analysis.stability import Stability, judge

Array = npt.NDArray[np.float64]
POINTS = 6
ZERO = 1e-8


@dataclass(frozen=True)
class BalancedGrowth:
    """A state of steady proportions.

    Attributes
    ----------
    shares : stocks of growing blocks, by name, as shares of their block's sum [1]
    levels : the other stocks [their units]
    rates : growth rate of each block, under the names of its stocks [1/time unit]
    residual : largest |rate of change| over scale [1/time unit]
    stability : of the proportions
    """

    shares: dict[str, float]
    levels: dict[str, float]
    rates: dict[tuple[str, ...], float]
    residual: float
    stability: Stability


def blocks(problem: Problem, seed: int = 0) -> list[list[int]]:
    """Sets of states that can be scaled together without a change of any proportion."""
    if not problem.names:
        return []
    random = np.random.default_rng(seed)
    rows = []
    for _ in range(POINTS):
        states = problem.scale * 10 ** random.uniform(-0.5, 0.5, len(problem.names))
        jacobian, rates = problem.jacobian(states), problem.field(states)
        if np.isfinite(jacobian).all() and np.isfinite(rates).all():
            rows.append((jacobian * states - np.diag(rates)) / problem.scale[:, None])
    if not rows:
        return []
    matrix = np.concatenate(rows)
    _, values, vectors = np.linalg.svd(matrix)
    null = vectors[values <= ZERO * max(float(values[0]), 1e-300)]
    found = []
    for row in _reduced(null):
        inside = np.abs(row) > 1e-6
        if np.allclose(row[inside], 1.0, atol=1e-6):
            found.append(np.flatnonzero(inside).tolist())
    return [block for block in found if len(block) > 1 or _grows(problem, block[0])]


def _grows(problem: Problem, place: int) -> bool:
    """Whether a stock that is a block alone grows; one that decays rests at nothing."""
    states = np.where(np.arange(len(problem.names)) == place, problem.scale, problem.base)
    return bool(problem.field(states)[place] > 0)


def _reduced(rows: Array) -> list[Array]:
    """Reduced row echelon form."""
    matrix, found = rows.copy(), 0
    for column in range(matrix.shape[1]):
        if found == len(matrix):
            break
        pivot = found + int(np.argmax(np.abs(matrix[found:, column])))
        if abs(matrix[pivot, column]) < 1e-6:
            continue
        matrix[[found, pivot]] = matrix[[pivot, found]]
        matrix[found] /= matrix[found, column]
        others = [i for i in range(len(matrix)) if i != found]
        matrix[others] -= np.outer(matrix[others, column], matrix[found])
        found += 1
    return list(matrix[:found])


def in_shares(problem: Problem, chosen: Sequence[Sequence[int]]) -> Problem:
    """The same field with the states of each block as shares of its sum."""
    totals = np.zeros((len(chosen), len(problem.names)))
    for row, block in enumerate(chosen):
        totals[row, block] = 1.0
    growing = totals.any(axis=0)
    base = problem.base.copy()
    for block in chosen:
        total = base[block].sum()
        base[block] = base[block] / total if total else 1 / len(block)

    def field(y: Array) -> Array:
        rates = problem.field(y)
        return np.asarray(rates - y * (totals.T @ (totals @ rates)) * growing)

    def jacobian(y: Array) -> Array:
        slopes, rates = problem.jacobian(y), problem.field(y)
        pace = totals.T @ (totals @ rates)
        spread = (y * growing)[:, None] * (totals.T @ (totals @ slopes))
        return np.asarray(slopes - np.diag(pace * growing) - spread)

    scale = np.where(growing, 1.0, problem.scale)
    return Problem(problem.names, field, jacobian, scale, totals, base)


def balanced(problem: Problem, starts: Sequence[Array], seed: int = 0) -> list[BalancedGrowth]:
    """Every state of balanced growth with positive shares that Newton reaches from the starts."""
    chosen = blocks(problem, seed)
    if not chosen or len(problem.totals):
        return []
    shares = in_shares(problem, chosen)
    inside = sorted(i for block in chosen for i in block)
    found = []
    for root in shares.solve([_normed(start, chosen) for start in starts]):
        y = root.states
        if (y[inside] < -ZERO).any():
            continue
        rates = problem.field(y)
        found.append(
            BalancedGrowth(
                {problem.names[i]: float(y[i]) for i in inside},
                {n: float(y[i]) for i, n in enumerate(problem.names) if i not in inside},
                {tuple(problem.names[i] for i in b): float(rates[b].sum()) for b in chosen},
                root.residual,
                judge(shares.slopes(shares.coordinates(y))),
            )
        )
    return found


def _normed(start: Array, chosen: Sequence[Sequence[int]]) -> Array:
    made = start.copy()
    for block in chosen:
        total = made[list(block)].sum()
        made[list(block)] = made[list(block)] / total if total else 1 / len(block)
    return made
