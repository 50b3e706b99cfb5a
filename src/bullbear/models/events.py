"""Named moments of a run: when a variable goes beyond a level and stays there."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from bullbear.models.definition import Event

Array = npt.NDArray[np.float64]


def locate(event: Event, times: Array, values: Array) -> float | None:
    """The first time at which the condition begins and then lasts long enough.

    Parameters
    ----------
    times, values : shape (step,); the grid of the run and the event's variable on it [time unit]

    Returns
    -------
    The time inside the step, by a straight line between its ends; None where it never happens, or
    where the run ends before it has lasted.
    """
    level, sign = (event.below, 1.0) if event.below is not None else (event.above, -1.0)
    gap = sign * (values - float(level or 0.0))  # below zero where the condition holds
    holds = gap < 0
    for begin, end in _stretches(holds):
        start = _crossing(times, gap, begin)
        until = times[-1] if end == len(times) else _crossing(times, gap, end)
        if until - start >= event.lasting:
            return float(start)
    return None


def _stretches(holds: npt.NDArray[np.bool_]) -> Sequence[tuple[int, int]]:
    """First index and end index (exclusive) of every stretch on which the condition holds."""
    padded = np.concatenate([[False], holds, [False]]).astype(np.int8)
    change = np.diff(padded)
    begins, ends = np.flatnonzero(change == 1), np.flatnonzero(change == -1)
    return list(zip(begins.tolist(), ends.tolist(), strict=True))


def _crossing(times: Array, gap: Array, index: int) -> float:
    """Where the straight line between two grid points passes zero."""
    if index == 0:
        return float(times[0])
    before, after = gap[index - 1], gap[index]
    share = before / (before - after)
    return float(times[index - 1] + share * (times[index] - times[index - 1]))
