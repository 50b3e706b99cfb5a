"""What says whether the numbers of a run can be trusted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
LARGEST_STEP_ERROR = 0.01


@dataclass(frozen=True)
class SmallestStock:
    """The lowest value that any stock took, in the stock's own unit."""

    name: str
    value: float
    time: float


@dataclass(frozen=True)
class Trust:
    """The trust line of a run.

    Attributes
    ----------
    step_error : largest difference of a headline output to the run with half the step, over the
        output's largest absolute value [1]; None where it was not measured
    step_error_of : the headline output that has it
    conservation_error : largest relative departure of a conserved total from its start [1]; None
        where the model names no total
    """

    step_error: float | None
    step_error_of: str | None
    conservation_error: float | None
    smallest_stock: SmallestStock | None

    @property
    def trusted(self) -> bool:
        """Whether halving the step moves no headline output by more than 1 %."""
        return self.step_error is not None and self.step_error <= LARGEST_STEP_ERROR

    def __str__(self) -> str:
        parts = []
        if self.step_error is not None:
            parts.append(f"half the step moves {self.step_error_of} by {self.step_error:.2g}")
        if self.conservation_error is not None:
            parts.append(f"conservation error {self.conservation_error:.1g}")
        if self.smallest_stock is not None:
            smallest = self.smallest_stock
            parts.append(f"smallest stock {smallest.name} = {smallest.value:.3g}")
        return "; ".join(parts)


def step_error(names: Sequence[str], coarse: Array, fine: Array) -> tuple[float, str | None]:
    """Largest relative difference between two runs; arrays of shape (time, output)."""
    worst, name = 0.0, None
    for column, label in enumerate(names):
        scale = float(np.max(np.abs(fine[:, column]), initial=0.0))
        difference = float(np.max(np.abs(coarse[:, column] - fine[:, column]), initial=0.0))
        error = difference / scale if scale > 0 else difference
        if name is None or error > worst:
            worst, name = error, label
    return worst, name


def conservation_error(totals: Mapping[str, Sequence[int]], states: Array) -> float | None:
    """Largest |total(t) - total(0)| / |total(0)| over all totals; `states` (step, state)."""
    errors = []
    for positions in totals.values():
        total = states[:, list(positions)].sum(axis=1)
        errors.append(float(np.max(np.abs(total - total[0])) / max(abs(total[0]), 1e-300)))
    return max(errors, default=None)


def smallest_stock(names: Mapping[int, str], times: Array, states: Array) -> SmallestStock | None:
    """The lowest value of any stock; `names` maps a state's position to its name."""
    if not names:
        return None
    positions = list(names)
    lows = states[:, positions].min(axis=0)
    column = int(np.argmin(lows))
    at = int(np.argmin(states[:, positions[column]]))
    return SmallestStock(names[positions[column]], float(lows[column]), float(times[at]))
