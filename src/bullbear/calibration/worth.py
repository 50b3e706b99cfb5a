"""What one more number would be worth: how much narrower it would make what is foretold.

To first order at the best fit, a number about a quantity with slopes j (by the search's
coordinates, in scales of the number) takes (g C j)² / (1 + j C j) from the variance g C g of a
prediction, where g are the prediction's slopes and C is the covariance of the constants.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from bullbear.calibration.measures import measure
from bullbear.calibration.objective import Evaluation, Objective
from bullbear.calibration.predictions import Outlook
from bullbear.calibration.problem import RunFile, parse_window
from bullbear.errors import BullbearError
from bullbear.models.linearised import RunOptions, chosen_outputs

Array = npt.NDArray[np.float64]
AHEAD = (0.0, 1.0)  # time units behind the last fitted number
UNPUBLISHED = 0.05  # relative scale of a headline output of which there is no number
_LASTING = ("average", "sum", "increment")
_POINTWISE = ("at", "since", *_LASTING)


@dataclass(frozen=True)
class Worth:
    """One number that could be had.

    Attributes
    ----------
    name : series of the problem, or the variable where there are no numbers of it
    scale : that it would have; relative for lognormal
    published : whether the problem has numbers of it
    spreads : prediction -> the standard error that it would have then
    """

    name: str
    variable: str
    time: float
    scale: float
    published: bool
    spreads: dict[str, float]


@dataclass(frozen=True)
class _Quantity:
    name: str
    variable: str
    run: str
    window: str
    kind: str
    scale: float
    published: bool = True


def narrowed(slopes: Array, covariance: Array, along: Array) -> float:
    """Variance of a prediction after one more number.

    Parameters
    ----------
    slopes : of the prediction, shape (parameter,)
    along : of the number, in its scales, shape (parameter,)
    """
    shared = float(slopes @ covariance @ along)
    before = float(slopes @ covariance @ slopes)
    return before - shared**2 / (1 + float(along @ covariance @ along))


def worth(
    objective: Objective, best: Evaluation, covariance: Array, outlooks: Sequence[Outlook]
) -> list[Worth]:
    """Every number that could be had soon; what narrows the first prediction most comes first.

    A prediction without slopes takes no part, and neither does a constant that nothing tells.
    """
    slopes = {o.prediction.name: o.slopes for o in outlooks if o.slopes is not None}
    times = [t.row.time for t, own in zip(objective.targets, objective.fitted, strict=True) if own]
    if not slopes or not times:
        return []
    known = np.where(np.isfinite(covariance), covariance, 0.0)
    found = [
        Worth(
            one.name, one.variable, time, one.scale, one.published,
            {name: math.sqrt(max(narrowed(g, known, along), 0.0)) for name, g in slopes.items()},
        )
        for one, time, along in _candidates(objective, best, max(times))
    ]  # fmt: skip
    first = next(iter(slopes))
    return sorted(found, key=lambda one: one.spreads[first])


def _quantities(objective: Objective) -> list[_Quantity]:
    """What the problem has numbers of, and the headline outputs that it has none of."""
    found: dict[tuple[str, ...], _Quantity] = {}
    for spec in objective.problem.observations:
        name = spec.name or Path(spec.file).stem
        own = [i for i, t in enumerate(objective.targets) if t.series == name]
        if own and spec.kind in ("normal", "lognormal") and _pointwise(spec.window):
            target = objective.targets[own[-1]]
            scale = float(np.median(objective.scales[own]))
            key = (target.series, target.variable, spec.run, spec.window)
            found[key] = _Quantity(*key, spec.kind, scale)
    model, seen = objective.model, {q.variable for q in found.values()}
    for name in model.definition.headline:
        for variable in chosen_outputs(model, [name]):
            if variable not in seen:
                run = objective.problem.runs[0].name
                found[variable,] = _Quantity(
                    variable, variable, run, "at", "lognormal", UNPUBLISHED, published=False
                )
    return list(found.values())


def _pointwise(window: str) -> bool:
    return parse_window(window)[0] in _POINTWISE


def _candidates(
    objective: Objective, best: Evaluation, last: float
) -> Iterator[tuple[_Quantity, float, Array]]:
    """Numbers that could be had, their times, and their slopes in scales (parameter,)."""
    for run in objective.problem.runs:
        own = [q for q in _quantities(objective) if q.run == run.name]
        if not own:
            continue
        try:
            found = _courses(objective, best, run, own, last + AHEAD[-1])
        except BullbearError:  # the model cannot be run so far
            continue
        times, courses, slopes, columns = found
        for quantity in own:
            column = columns[quantity.variable]
            for ahead in AHEAD:
                taken = measure(*parse_window(quantity.window), last + ahead, times)
                value, by_value = taken.of(courses[:, column], slopes[:, column])
                assert by_value is not None
                size = value if quantity.kind == "lognormal" else 1.0
                along = by_value / (quantity.scale * size) * objective.space.slopes(best.values)
                if np.isfinite(along).all():
                    yield quantity, last + ahead, along


def _courses(
    objective: Objective, best: Evaluation, run: RunFile, own: Sequence[_Quantity], until: float
) -> tuple[Array, Array, Array, dict[str, int]]:
    """Times, courses (time, variable), their slopes (time, variable, parameter), and columns."""
    problem, names = objective.problem, objective.space.names
    variables = list(dict.fromkeys(quantity.variable for quantity in own))
    windows = [parse_window(quantity.window) for quantity in own]
    longest = max([numbers[0] for name, numbers in windows if name in _LASTING], default=0.0)
    step = problem.time_step or objective.model.grid().step
    options: RunOptions = {
        "scenario": run.scenario or problem.scenario,
        "overrides": {**run.set, **dict(zip(names, best.values.tolist(), strict=True))},
        "method": problem.method,
        "time_step": problem.time_step,
        "saveper": step,
        "final_time": until + longest / 2 + step,
    }
    found = objective.model.sensitivities(variables, names, **options)
    return (
        found.times, found.values, found.derivatives,
        {name: column for column, name in enumerate(found.variables)},
    )  # fmt: skip
