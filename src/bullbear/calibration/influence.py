"""What each source decides: the fit without it, and with its scale doubled."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bullbear.calibration.curvature import Curvature
from bullbear.calibration.objective import Evaluation, Objective
from bullbear.calibration.predictions import foretell, read_predictions
from bullbear.calibration.search import descend
from bullbear.calibration.workers import Workers
from bullbear.errors import BullbearError

Array = npt.NDArray[np.float64]
LEFT_OUT, DOUBLED = "left out", "scale doubled"


@dataclass(frozen=True)
class Influence:
    """One refit from the optimum.

    Attributes
    ----------
    moved : the constant that moved most, and by how many of its standard errors
    predictions : prediction -> its value; None where the event does not happen
    failed : why there is no refit; empty if there is one
    """

    series: str
    change: str
    moved: tuple[str, float]
    predictions: dict[str, float | None]
    failed: str = ""


@dataclass(frozen=True)
class _Item:
    series: str
    change: str
    start: Array
    spread: Array
    scales: Array


def influence(
    workers: Workers,
    best: Evaluation,
    around: Curvature,
    progress: Callable[[str, int, int], None] = lambda _phase, _done, _total: None,
) -> list[Influence]:
    """Refit without each series in turn, and with each one's scale doubled."""
    objective = workers.objective
    start = objective.space.to_fit(best.values)
    names = dict.fromkeys(t.series for t in objective.targets if not t.held_out)
    items = [
        _Item(name, change, start, around.spread, objective.scales)
        for name in names
        for change in (LEFT_OUT, DOUBLED)
    ]
    found: dict[int, Influence] = {}
    progress("influence", 0, len(items))
    for index, one in workers.map(_refit, items):
        found[index] = one
        progress("influence", len(found), len(items))
    return [found[i] for i in range(len(items))]


def changed(objective: Objective, series: str, change: str) -> Objective:
    """The same problem with one series left out, or believed half as much."""
    own = np.array([t.series == series for t in objective.targets])
    other = copy.copy(objective)
    if change == LEFT_OUT:
        other.fitted = objective.fitted & ~own
    else:
        other.scales = np.where(own, 2 * objective.scales, objective.scales)
    return other


def _refit(objective: Objective, item: _Item) -> Influence:
    base = copy.copy(objective)
    base.scales = item.scales
    other = changed(base, item.series, item.change)
    found = descend(other, item.start)
    if not np.isfinite(found.objective):
        return Influence(item.series, item.change, ("", 0.0), {}, found.message)
    shift = np.nan_to_num((found.end - item.start) / item.spread)
    most = int(np.argmax(np.abs(shift)))
    values = objective.space.from_fit(found.end)
    predictions: dict[str, float | None] = {}
    for prediction in read_predictions(objective):
        try:
            predictions[prediction.name] = foretell(objective, prediction, values).value
        except BullbearError:
            predictions[prediction.name] = None
    return Influence(
        item.series, item.change, (objective.space.names[most], float(shift[most])), predictions
    )
