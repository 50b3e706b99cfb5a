"""What was foretold against what came: numbers that a fit did not see.

Each held-out number has a band: the law of its own error, widened by what the constants leave
open (to first order, from the covariance at the best fit), or the bands of a posterior.  Beside the
model stand two who know nothing of it: the last number goes on, and last year's growth goes on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bullbear.calibration.objective import Evaluation, Objective

Array = npt.NDArray[np.float64]
_LAWS = ("normal", "lognormal", "student_t")  # numbers with an error on both sides
_HALF, _MOST = 0.6744897501960817, 1.6448536269514722  # of a normal law: 50 % and 90 % within
_YEAR = 1.0  # time units whose growth goes on


@dataclass(frozen=True)
class Foretelling:
    """How well the held-out numbers of one series were foretold.

    Attributes
    ----------
    half, most : how many of the `n` lie in their 50 % and 90 % bands
    error : root mean square of the logarithm of foretold over published; NaN where one is not above
        zero
    still, growing : the same for the last seen number, and for last year's growth going on; NaN
        where the series has too few seen numbers
    """

    name: str
    n: int
    half: int
    most: int
    error: float
    still: float
    growing: float


@dataclass(frozen=True)
class Backtest:
    """All series with held-out numbers; `pulls` of every target in spreads of its band, NaN for
    those that were fitted or have no band, shape (target,)."""

    pulls: Array
    series: tuple[Foretelling, ...]

    @property
    def n(self) -> int:
        return sum(one.n for one in self.series)

    def share(self, level: str) -> float:
        """Share of the numbers within their `half` or `most` bands."""
        return float(sum(getattr(one, level) for one in self.series) / max(self.n, 1))


def backtest(
    objective: Objective, best: Evaluation, covariance: Array, bands: Array | None = None
) -> Backtest | None:
    """Compare the held-out numbers with what the best fit foretells; None if there are none.

    Parameters
    ----------
    covariance : of the constants in the search's coordinates, shape (parameter, parameter)
    bands : 5, 50 and 95 % of what a posterior expects to be published, shape (3, target)
    """
    two_sided = np.array([t.kind in _LAWS for t in objective.targets])
    held = ~objective.fitted & two_sided
    if not held.any():
        return None
    residuals = objective.terms(best.predictions).residual
    pulls = np.where(held, residuals / spreads(objective, best, covariance), np.nan)
    within = np.abs(pulls) <= _MOST
    if bands is not None:
        within = held & (bands[0] <= objective.observed) & (objective.observed <= bands[2])
    names = dict.fromkeys(t.series for t, one in zip(objective.targets, held, strict=True) if one)
    found = []
    for name in names:
        own = held & np.array([t.series == name for t in objective.targets])
        found.append(
            Foretelling(
                name, int(own.sum()), int((np.abs(pulls[own]) <= _HALF).sum()),
                int(within[own].sum()), _error(best.predictions[own], objective.observed[own]),
                *_knowing_nothing(objective, np.flatnonzero(own).tolist()),
            )
        )  # fmt: skip
    return Backtest(pulls, tuple(found))


def spreads(objective: Objective, best: Evaluation, covariance: Array) -> Array:
    """Spread of what would be published, in scales of each number: its own error and what the
    constants leave open, shape (target,); infinite where a constant is not told at all."""
    _, by_value = objective.foreseen(best.values, slopes=True)
    assert by_value is not None
    terms = objective.terms(best.predictions)
    along = terms.slope[:, None] * by_value * objective.space.slopes(best.values)
    lost = ~np.isfinite(np.diag(covariance))
    known = np.where(np.isfinite(covariance), covariance, 0.0)
    variance = 1 + np.einsum("ti,ij,tj->t", along, known, along)
    variance[(along[:, lost] != 0).any(axis=1)] = np.inf
    return np.asarray(np.sqrt(variance))


def linear_bands(objective: Objective, best: Evaluation, covariance: Array) -> Array:
    """5, 50 and 95 % of what would be published, to first order, shape (3, target).

    NaN for one-sided numbers, and where a constant is not told at all.
    """
    wide = spreads(objective, best, covariance) * objective.scales
    kinds = np.array([t.kind for t in objective.targets])
    wide = np.where(np.isfinite(wide) & np.isin(kinds, _LAWS), wide, np.nan)
    steps = np.array([-_MOST, 0.0, _MOST])[:, None] * wide
    relative = kinds == "lognormal"
    factors = np.exp(np.where(relative, np.clip(steps, -700, 700), 0.0))
    return np.where(relative, best.predictions * factors, best.predictions + steps)


def _knowing_nothing(objective: Objective, held: Sequence[int]) -> tuple[float, float]:
    """Errors of the last seen number, and of last year's growth, for held-out targets."""
    name = objective.targets[held[0]].series
    seen = [i for i, t in enumerate(objective.targets) if objective.fitted[i] and t.series == name]
    seen.sort(key=lambda i: objective.targets[i].row.time)
    if not seen:
        return float("nan"), float("nan")
    observed = objective.observed[held]
    last = objective.targets[seen[-1]].row
    still = _error(np.full(len(observed), last.value), observed)
    before = [i for i in seen if last.time - objective.targets[i].row.time <= _YEAR + 1e-6]
    first = objective.targets[before[0]].row
    if first.time == last.time or min(first.value, last.value) <= 0:
        return still, float("nan")
    rate = np.log(last.value / first.value) / (last.time - first.time)
    ahead = np.array([objective.targets[i].row.time - last.time for i in held])
    return still, _error(last.value * np.exp(rate * ahead), observed)


def _error(foretold: Array, published: Array) -> float:
    if (foretold <= 0).any() or (published <= 0).any():
        return float("nan")
    return float(np.sqrt(np.mean(np.log(foretold / published) ** 2)))
