"""One run of a model: its results and how they came to be."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from bullbear.models.trust import Trust

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Provenance:
    """Everything that is needed to make the run again."""

    model: str
    hash: str
    scenario: str
    overrides: Mapping[str, float]
    method: str
    time_step: float
    saveper: float
    final_time: float
    engine: str
    versions: Mapping[str, str]


@dataclass(frozen=True)
class Run:
    """Results of one run.

    Attributes
    ----------
    results : index `time` [time unit]; a column for every stock, flow, auxiliary and constant, in
        the units of the equations; elements are columns of their own, `Name[A,B]`
    events : name -> time [time unit], or None where it does not happen before `horizon`
    horizon : until when events were looked for [time unit]
    seconds : how long the simulation took [s]
    """

    results: pd.DataFrame
    events: Mapping[str, float | None]
    horizon: float
    trust: Trust
    provenance: Provenance
    seconds: float

    def at(self, time: float) -> Mapping[str, float]:
        """Values of all variables at a saved time, or on the straight line between two."""
        index = np.asarray(self.results.index, dtype=np.float64)
        row = int(np.searchsorted(index, time))
        if row < len(index) and index[row] == time:
            values = self.results.iloc[row].to_numpy()
        elif 0 < row < len(index):
            share = (time - index[row - 1]) / (index[row] - index[row - 1])
            before, after = (self.results.iloc[r].to_numpy() for r in (row - 1, row))
            values = before + share * (after - before)
        else:
            return {}
        return dict(zip(self.results.columns, values.tolist(), strict=True))

    def event_text(self, name: str) -> str:
        """`2034.5`, or `after 2060` where it did not happen."""
        time = self.events[name]
        return f"after {self.horizon:g}" if time is None else f"{time:.1f}"

    def to_frame(self) -> pd.DataFrame:
        return self.results

    def __str__(self) -> str:
        origin = self.provenance
        lines = [
            f"{origin.model}, scenario {origin.scenario}: {self.results.index[0]:g} to "
            f"{self.results.index[-1]:g}, {origin.method}, step {origin.time_step:g}"
        ]
        lines += [f"  {name}: {self.event_text(name)}" for name in self.events]
        lines.append(f"  {self.trust}")
        return "\n".join(lines)


def finite_or_none(value: float | None) -> float | None:
    """JSON knows no infinity and no NaN."""
    return value if value is not None and math.isfinite(value) else None
