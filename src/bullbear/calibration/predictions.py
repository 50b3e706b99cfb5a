"""What a fit foretells: dates of events, and values at a time."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from bullbear.calibration.objective import Objective
from bullbear.errors import BullbearError, ModelError, SimulationError, Where, did_you_mean
from bullbear.models.linearised import chosen_outputs

if TYPE_CHECKING:
    from bullbear.models.model import Model

Array = npt.NDArray[np.float64]
_AT = re.compile(r"(.+?)\s+at\s+([-+.\deE]+)\s*")


@dataclass(frozen=True)
class Prediction:
    """An event's date [time unit], or a variable's value at a time."""

    name: str
    variable: str = ""
    time: float = math.nan

    @property
    def event(self) -> str:
        return "" if self.variable else self.name


@dataclass(frozen=True)
class Foretold:
    """A prediction at one point: None if the event does not happen before `horizon`.

    `slopes` are its derivatives by the constants, shape (parameter,); None where there are none.
    """

    value: float | None
    slopes: Array | None
    horizon: float


def read_predictions(objective: Objective) -> list[Prediction]:
    """The predictions that a problem asks for.

    Raises
    ------
    ModelError
        For an event or a variable that the model does not have.
    """
    problem, model = objective.problem, objective.model
    found = []
    events = [event.name for event in model.definition.events]
    for text in problem.predictions:
        match = _AT.fullmatch(text)
        if match is None and text not in events:
            raise ModelError(
                f'"{text}" is no event of the model', code="prediction",
                where=Where(str(problem.path)),
                hint=did_you_mean(text, events) or 'write an event, or "Variable at 2030"',
            )  # fmt: skip
        if match is None:
            found.append(Prediction(text))
        else:
            name = chosen_outputs(model, [match[1]])[0]
            found.append(Prediction(text, name, float(match[2])))
    return found


def foretell(
    objective: Objective, prediction: Prediction, values: Array, *, slopes: bool = False
) -> Foretold:
    """A prediction and its slopes for values of the constants, shape (parameter,)."""
    names = objective.space.names
    settings = dict(zip(names, values.tolist(), strict=True))
    model, scenario = objective.model, objective.problem.scenario
    if prediction.variable:
        return _value(model, scenario, prediction, settings)
    when, horizon = _date(model, scenario, prediction.name, settings)
    if when is None or not slopes:
        return Foretold(when, None, horizon)
    grid = model.grid()
    end = grid.initial + math.ceil((when - grid.initial) / grid.saveper + 1) * grid.saveper
    found = model.sensitivities(
        [objective.targets[0].variable], names, scenario=scenario, overrides=settings,
        final_time=min(end, horizon),
    )  # fmt: skip
    return Foretold(when, found.events[prediction.name], horizon)


def _date(
    model: Model, scenario: str, event: str, settings: Mapping[str, float]
) -> tuple[float | None, float]:
    """The date of an event by the ensemble engine, None if it stays away; and until when.

    Raises
    ------
    SimulationError
        If the run fails.
    """
    import pandas as pd

    frame = pd.DataFrame([dict(settings)])
    watched = next(e.variable for e in model.definition.events if e.name == event)
    found = model.ensemble(frame, [watched], [model.grid().initial], scenario=scenario, threads=1)
    if found.failed:
        raise SimulationError(f'the run in which "{event}" is looked for fails', code="not-finite")
    when = float(found.events[event].iloc[0])
    return (None if math.isnan(when) else when), found.horizon


def _value(
    model: Model, scenario: str, prediction: Prediction, settings: Mapping[str, float]
) -> Foretold:
    found = model.sensitivities(
        [prediction.variable], list(settings), scenario=scenario, overrides=settings,
        final_time=prediction.time,
    )  # fmt: skip
    return Foretold(float(found.values[-1, 0]), found.derivatives[-1, 0], prediction.time)


@dataclass(frozen=True)
class Outlook:
    """A prediction before and after a fit, with its Wald interval.

    `se` is None where the event does not happen, NaN where nothing tells it; `slopes` are its
    derivatives by the search's coordinates, shape (parameter,), None where there are none.
    """

    prediction: Prediction
    before: float | None
    value: float | None
    se: float | None
    horizon: float
    slopes: Array | None = None


def outlook(
    objective: Objective, prediction: Prediction, values: Array, covariance: Array
) -> Outlook:
    """A prediction with the standard error that it has from the constants (delta method).

    `covariance` is that of the constants in the search's coordinates.
    """
    found = foretell(objective, prediction, values, slopes=True)
    try:
        before = foretell(objective, prediction, objective.starts).value
    except BullbearError:
        before = None
    se, along = None, None
    if found.slopes is not None:
        along = found.slopes * objective.space.slopes(values)
        used = along != 0
        with np.errstate(invalid="ignore"):
            se = float(np.sqrt(along[used] @ covariance[np.ix_(used, used)] @ along[used]))
    return Outlook(prediction, before, found.value, se, found.horizon, along)
