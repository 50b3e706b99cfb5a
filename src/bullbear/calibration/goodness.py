"""How well each series is met, and whether what is missed has a pattern."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.stats import norm

from bullbear.calibration.objective import Evaluation, Objective

Array = npt.NDArray[np.float64]
_SYSTEMATIC = 0.01  # chance of so few changes of sign below which a misfit is called systematic
_PATTERNED = 0.5  # share of a Theil component other than the unsystematic one that is told


@dataclass(frozen=True)
class Theil:
    """Shares of the mean squared error: unequal means, unequal spreads, and the rest."""

    um: float
    us: float
    uc: float


@dataclass(frozen=True)
class Goodness:
    """One series, or what of it was held out.

    Attributes
    ----------
    rmse : in the unit of the series
    r2 : 1 - misses squared over the spread of the numbers squared; NaN for fewer than 3
    pulls : residuals in scales, in the order of time
    chi2 : their sum of squares
    autocorrelation : of the pulls, from one number to the next; NaN for fewer than 3
    chance : probability of so few changes of sign if misses were random; NaN for fewer than 6
    largest : position of the worst pull
    costliest : position of the number with the largest share of the squared misses
    share : that share
    r2_without : R² of the others; NaN for fewer than 3
    """

    name: str
    n: int
    rmse: float
    r2: float
    theil: Theil | None
    pulls: Array
    chi2: float
    autocorrelation: float
    chance: float
    largest: int
    costliest: int
    share: float
    r2_without: float

    @property
    def systematic(self) -> bool:
        """Whether misses go the same way for longer than chance allows."""
        return self.chance < _SYSTEMATIC

    @property
    def biased(self) -> bool:
        """Whether more than half of the error is of the mean or of the spread."""
        return self.theil is not None and self.n >= 5 and self.theil.uc < 1 - _PATTERNED


def theil(model: Array, observed: Array) -> Theil | None:
    """Theil's inequality shares (Theil 1966; Sterman 1984), population moments.

    None where there is no error to share out.
    """
    error = float(np.mean((model - observed) ** 2))
    if error == 0 or len(model) < 2:
        return None
    spread_m, spread_o = float(model.std()), float(observed.std())
    um = float(model.mean() - observed.mean()) ** 2 / error
    us = (spread_m - spread_o) ** 2 / error
    both = float(np.mean((model - model.mean()) * (observed - observed.mean())))
    uc = 2 * (spread_m * spread_o - both) / error
    return Theil(um, us, uc)


def runs_chance(pulls: Array) -> float:
    """Chance of at most so many runs of one sign (Wald and Wolfowitz 1940); NaN if not judged."""
    signs = pulls[pulls != 0] > 0
    above, below = int(signs.sum()), int((~signs).sum())
    count = above + below
    if count < 6:
        return float("nan")
    if not above or not below:
        return float(0.5 ** (count - 1))
    changes = 1 + int((signs[1:] != signs[:-1]).sum())
    mean = 1 + 2 * above * below / count
    variance = (mean - 1) * (mean - 2) / (count - 1)
    return float(norm.cdf((changes + 0.5 - mean) / np.sqrt(variance)))


def goodness(objective: Objective, best: Evaluation, *, held_out: bool = False) -> list[Goodness]:
    """One entry per series that has such numbers, in the order of the problem."""
    pulls = objective.terms(best.predictions).residual
    chosen = [i for i, t in enumerate(objective.targets) if t.held_out == held_out]
    names = dict.fromkeys(objective.targets[i].series for i in chosen)
    return [
        _of(
            name, objective, best, pulls, [i for i in chosen if objective.targets[i].series == name]
        )
        for name in names
    ]


def _of(
    name: str, objective: Objective, best: Evaluation, pulls: Array, places: Sequence[int]
) -> Goodness:
    order = sorted(places, key=lambda i: objective.targets[i].row.time)
    model, observed, own = best.predictions[order], objective.observed[order], pulls[order]
    misses = (model - observed) ** 2
    error, worst = float(misses.sum()), int(np.argmax(misses))
    others = np.arange(len(order)) != worst
    return Goodness(
        name, len(order), float(np.sqrt(error / len(order))), determination(model, observed),
        theil(model, observed), own, float(own @ own), _autocorrelation(own), runs_chance(own),
        order[int(np.argmax(abs(own)))], order[worst], float(misses[worst]) / error if error else 0,
        determination(model[others], observed[others]),
    )  # fmt: skip


def determination(model: Array, observed: Array) -> float:
    """R²: 1 - misses squared over the spread of the numbers squared; NaN for fewer than 3."""
    spread = float(np.sum((observed - observed.mean()) ** 2)) if len(observed) >= 3 else 0.0
    return 1 - float(np.sum((model - observed) ** 2)) / spread if spread > 0 else float("nan")


def _autocorrelation(pulls: Array) -> float:
    total = float(pulls @ pulls)
    return float(pulls[1:] @ pulls[:-1]) / total if len(pulls) >= 3 and total > 0 else float("nan")
