"""What each source decides: the fit without it, and with its scale doubled."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bullbear.calibration.batches import Batches
from bullbear.calibration.curvature import Curvature
from bullbear.calibration.descent import descend_all
from bullbear.calibration.misfits import Misfits
from bullbear.calibration.objective import Evaluation
from bullbear.calibration.predictions import read_predictions

Array = npt.NDArray[np.float64]
LEFT_OUT, DOUBLED = "left out", "scale doubled"
_TOLERANCE, _STEPS = 1e-5, 40  # of a refit


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


def influence(
    batches: Batches,
    best: Evaluation,
    around: Curvature,
    progress: Callable[[str, int, int], None] = lambda _phase, _done, _total: None,
) -> list[Influence]:
    """Refit without each series in turn, and with each one's scale doubled."""
    objective = batches.objective
    names = list(dict.fromkeys(t.series for t in objective.targets if not t.held_out))
    items = [(name, change) for name in names for change in (LEFT_OUT, DOUBLED)]
    progress("influence", 0, len(items))
    own = np.array([[t.series == name for t in objective.targets] for name, _ in items])
    left_out = np.array([[change == LEFT_OUT] for _, change in items])
    scales = np.where(own & ~left_out, 2 * objective.scales, objective.scales)
    misfits = Misfits(batches, scales, objective.fitted & ~(own & left_out))
    start = objective.space.to_fit(best.values)
    done = descend_all(
        misfits, np.tile(start, (len(items), 1)), misfits.room(len(items)), _TOLERANCE, _STEPS
    )
    values = objective.space.from_fit(done.points)
    foretold = {p.name: batches.foretold(p, values)[0] for p in read_predictions(objective)}
    found = []
    for i, (name, change) in enumerate(items):
        if not np.isfinite(done.misfits[i]):
            found.append(Influence(name, change, ("", 0.0), {}, "it cannot be run"))
            continue
        with np.errstate(invalid="ignore"):
            shift = np.nan_to_num((done.points[i] - start) / around.spread)
        most = int(np.argmax(np.abs(shift)))
        ahead = {key: float(row[i]) if np.isfinite(row[i]) else None
                 for key, row in foretold.items()}  # fmt: skip
        found.append(
            Influence(name, change, (objective.space.names[most], float(shift[most])), ahead)
        )
    progress("influence", len(items), len(items))
    return found
