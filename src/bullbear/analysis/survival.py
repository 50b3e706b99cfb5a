"""Times that may lie behind the horizon: Kaplan-Meier estimates of run-out and closure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Survival:
    """The share of draws in which an event has not happened by a time.

    `times` ascend; `alive` is the share behind each of them; nothing is known behind `horizon`.
    """

    times: Array
    alive: Array
    horizon: float

    def before(self, time: float) -> float:
        """The probability that the event happens before or at `time`."""
        index = int(np.searchsorted(self.times, time, side="right"))
        return 0.0 if index == 0 else float(1 - self.alive[index - 1])

    def quantile(self, share: float) -> float | None:
        """The time by which the event has happened in that share of draws; None if later."""
        reached = np.flatnonzero(1 - self.alive >= share - 1e-12)
        return float(self.times[reached[0]]) if reached.size else None


def kaplan_meier(
    times: Sequence[float | None] | Array, horizon: float, ends: Array | None = None
) -> Survival:
    """The Kaplan-Meier curve of event times.

    Parameters
    ----------
    times : one per draw; None or NaN where the event was not seen
    horizon : until when it was looked for
    ends : until when each draw was followed, where that differs from the horizon
    """
    from scipy.stats import CensoredData, ecdf

    found = np.array([np.nan if time is None else time for time in times], dtype=np.float64)
    seen = np.isfinite(found)
    last = np.full(len(found), horizon) if ends is None else ends
    sample = CensoredData(uncensored=found[seen], right=last[~seen])
    curve = ecdf(sample).sf
    return Survival(
        np.asarray(curve.quantiles, dtype=np.float64),
        np.asarray(curve.probabilities, dtype=np.float64),
        horizon,
    )
