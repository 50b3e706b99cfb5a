"""Two runs beside each other: which variables moved, from when, and by how much."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

MOVED = 1e-9
_ROUNDING = 1e-12  # two sums that cancel differ by this much for no reason


@dataclass(frozen=True)
class Movement:
    """A variable whose course has changed.

    Attributes
    ----------
    first_time : when the two runs first part [time unit]
    change : largest difference over the largest absolute value of either run [1]
    at : when they are farthest apart [time unit]
    old, new : the two values then [the variable's unit]
    """

    name: str
    first_time: float
    change: float
    at: float
    old: float
    new: float


def movements(old: pd.DataFrame, new: pd.DataFrame, least: float = MOVED) -> list[Movement]:
    """The variables of both runs that differ at common times, the most moved first.

    Parameters
    ----------
    old, new : index `time` [time unit], a column per variable
    least : what counts as a movement, over the variable's largest absolute value [1]
    """
    pairs = {_key(name): name for name in new.columns}
    common = [(name, pairs[_key(name)]) for name in old.columns if _key(name) in pairs]
    times, rows_old, rows_new = _common_times(old, new)
    if not common or not len(times):
        return []
    before = old[[a for a, _ in common]].to_numpy(dtype=np.float64)[rows_old]
    after = new[[b for _, b in common]].to_numpy(dtype=np.float64)[rows_new]
    gap = np.abs(after - before)
    scale = np.maximum(np.abs(before).max(axis=0), np.abs(after).max(axis=0))
    found = []
    for column, (_, name) in enumerate(common):
        parted = np.flatnonzero(gap[:, column] > least * scale[column] + _ROUNDING)
        if parted.size:
            far = int(np.argmax(gap[:, column]))
            found.append(
                Movement(
                    name, float(times[parted[0]]), float(gap[far, column] / scale[column]),
                    float(times[far]), float(before[far, column]), float(after[far, column]),
                )
            )  # fmt: skip
    return sorted(found, key=lambda one: (-one.change, one.first_time, one.name))


def moved_events(
    old: Mapping[str, float | None], new: Mapping[str, float | None]
) -> dict[str, tuple[float | None, float | None]]:
    """Events of both runs that no longer happen when they did."""
    return {n: (old[n], new[n]) for n in old if n in new and old[n] != new[n]}


def _key(name: str) -> str:
    from bullbear.models.reference import key_of

    return key_of(name)


def _common_times(
    old: pd.DataFrame, new: pd.DataFrame
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Times that both runs saved, and their rows in each."""
    a, b = (np.round(np.asarray(f.index, dtype=np.float64), 9) for f in (old, new))
    return np.intersect1d(a, b, return_indices=True)
