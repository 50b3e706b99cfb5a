"""What it would take to meet numbers that a fit misses.

To first order at the best fit, the constants can be moved so that some numbers are met exactly and
everything else gets worse as little as possible.  How much worse, and what pays, tells whether the
structure could meet them.  The slopes at the fit overstate the price of a long way.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bullbear.calibration.goodness import Goodness
from bullbear.calibration.objective import Evaluation, Objective

Array = npt.NDArray[np.float64]
FAR = 2.0  # scales beyond which a number is called missed
CLOSE = 0.95  # R² below which the number that costs most is told
CANNOT = 10.0  # rise of twice the objective beyond which numbers are not to be had
BELIEFS = "what is believed of the constants"


@dataclass(frozen=True)
class Strain:
    """Numbers that are missed.

    Attributes
    ----------
    positions : among the targets
    price : how much twice the objective would rise if they were met, their own gain counted in;
        infinite if no constant moves them so
    payers : series -> rise of the chi-square of its other numbers, the largest first
    """

    positions: tuple[int, ...]
    price: float
    payers: dict[str, float]

    @property
    def beyond(self) -> bool:
        """Whether meeting them would cost more than any doubt about a scale explains."""
        return self.price > CANNOT

    @property
    def first(self) -> str:
        """What pays most."""
        return next(iter(self.payers), "")


def missed(objective: Objective, best: Evaluation, fitted: list[Goodness]) -> list[int]:
    """Positions of the numbers to be explained, one for each series: that which costs it most.

    A series is left out where it is met: R² of at least 0.95, no number with more than half of the
    squared misses, and none off by more than two scales.
    """
    pulls = np.abs(objective.terms(best.predictions).residual)
    chosen = []
    for one in fitted:
        if one.n >= 3 and (one.r2 < CLOSE or one.share > 0.5):
            chosen.append(one.costliest)
        elif pulls[one.largest] > FAR:
            chosen.append(one.largest)
    return chosen


def strain(
    objective: Objective, best: Evaluation, covariance: Array, positions: Sequence[int]
) -> Strain:
    """What meeting some fitted numbers at once would cost.

    Parameters
    ----------
    covariance : of the constants in the search's coordinates, shape (parameter, parameter)
    positions : of the numbers among the targets
    """
    assert best.jacobian is not None
    places = np.flatnonzero(objective.fitted)
    rows = np.searchsorted(places, np.array(positions))
    residuals, slopes = best.residuals, best.jacobian
    pulls, along = residuals[rows], slopes[rows]
    known = np.where(np.isfinite(covariance), covariance, 0.0)
    leverage = along @ known @ along.T
    if np.linalg.matrix_rank(leverage) < len(rows):
        return Strain(tuple(positions), float("inf"), {})
    shift = known @ along.T @ np.linalg.solve(leverage, -pulls)
    rise = (residuals + slopes @ shift) ** 2 - residuals**2
    names = [objective.targets[i].series for i in places]
    names += [BELIEFS] * (len(residuals) - len(names))
    payers: dict[str, float] = {}
    for k in np.setdiff1d(np.arange(len(names)), rows).tolist():
        payers[names[k]] = payers.get(names[k], 0.0) + float(rise[k])
    ranked = sorted(payers.items(), key=lambda pair: -pair[1])
    return Strain(tuple(positions), float(rise.sum()), dict(ranked))
