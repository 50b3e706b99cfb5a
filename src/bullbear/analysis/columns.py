"""The outputs of a study as columns of numbers, one per output and time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from bullbear.analysis.study import Output, Study
from bullbear.errors import BullbearError, Finding, ModelError, did_you_mean
from bullbear.models.plan import Request, output_names
from bullbear.models.toml_file import faults, key_places, place_of

if TYPE_CHECKING:
    from bullbear.models.model import Model

Array = npt.NDArray[np.float64]
_STATISTICS: dict[str, Callable[..., Array]] = {"mean": np.mean, "minimum": np.min,
                                                "maximum": np.max}  # fmt: skip
_CLOSE = 1e-9


@dataclass(frozen=True)
class Column:
    """One number of a run.

    Attributes
    ----------
    output : the output of the study that it belongs to
    time : when, for a variable at times [time unit]; None for a statistic or an event
    variable, times, statistic : a value at one time, or the statistic over several
    event, before : the time of an event clipped at the horizon, or whether it is before a time
    log : whether the natural logarithm is taken; NaN where there is none
    """

    output: str
    time: float | None = None
    variable: str = ""
    times: tuple[float, ...] = ()
    statistic: str = ""
    event: str = ""
    before: float | None = None
    log: bool = False

    @property
    def label(self) -> str:
        """`NMR Price at 2030`, `run-out before 2040`: what no other column is called."""
        return self.output if self.time is None else f"{self.output} at {self.time:g}"

    def of(self, values: Array, times: Array, names: Sequence[str]) -> Array:
        """The statistic of a variable from values of shape (draw, time, variable)."""
        column = values[:, :, names.index(self.variable)]
        places = np.abs(times - np.array(self.times)[:, None]).argmin(axis=1)
        found = np.asarray(_STATISTICS[self.statistic](column[:, places], axis=1))
        return _logarithm(found) if self.log else found


@dataclass(frozen=True)
class Columns:
    """All numbers that a study wants of a run, and the request that brings them."""

    columns: tuple[Column, ...]
    request: Request

    @property
    def labels(self) -> tuple[str, ...]:
        return tuple(column.label for column in self.columns)

    def of(
        self, values: Array, times: Array, names: Sequence[str],
        events: Array, event_names: Sequence[str], horizon: float,
    ) -> Array:  # fmt: skip
        """Shape (draw, column), from values (draw, time, variable) and events (draw, event).

        An event that is not seen before the horizon counts as at the horizon.
        """
        found = np.empty((len(values), len(self.columns)))
        plain = [i for i, c in enumerate(self.columns) if c.variable and not c.statistic]
        if plain:
            found[:, plain] = self._plain(plain, values, times, names)
        for i, column in enumerate(self.columns):
            if column.statistic:
                found[:, i] = column.of(values, times, names)
            if not column.event:
                continue
            when = events[:, event_names.index(column.event)]
            if column.before is None:
                found[:, i] = np.where(np.isnan(when), horizon, when)
            else:
                found[:, i] = when < column.before
        return found

    def _plain(self, chosen: Sequence[int], values: Array, times: Array, names: Sequence[str]
    ) -> Array:  # fmt: skip
        """Columns that are a variable at one time, all at once, shape (draw, chosen)."""
        wanted = np.array([self.columns[i].times[0] for i in chosen])
        places = np.abs(times - wanted[:, None]).argmin(axis=1)
        variables = {name: place for place, name in enumerate(names)}
        found = values[:, places, [variables[self.columns[i].variable] for i in chosen]]
        log = [k for k, i in enumerate(chosen) if self.columns[i].log]
        if log:
            found[:, log] = _logarithm(found[:, log])
        return found


def _logarithm(values: Array) -> Array:
    """NaN where there is none."""
    return np.where(values > 0, np.log(np.where(values > 0, values, 1.0)), np.nan)


def columns(study: Study, model: Model) -> Columns:
    """The outputs of a study.

    Raises
    ------
    ModelError
        For an unknown variable or event, a time outside the run, or two outputs of one name; all
        faults at once, each with its place.
    """
    places = key_places(study.path.read_text(encoding="utf-8"))
    found: list[Column] = []
    findings: list[Finding] = []
    for number, output in enumerate(study.outputs):
        where = place_of(study.path, places, ("outputs", number))
        try:
            found += of_output(output, model)
        except BullbearError as fault:
            findings.append(Finding(fault.code, fault.message, where, fault.hint))
    labels = [column.label for column in found]
    twice = next((label for i, label in enumerate(labels) if label in labels[:i]), None)
    if twice is not None:
        where = place_of(study.path, places, ("outputs",))
        findings.append(Finding("duplicate-output", f'two outputs are called "{twice}"', where,
                                "give one of them another name"))  # fmt: skip
    if findings:
        raise faults(findings, ModelError)
    return Columns(tuple(found), request(found, model, study.scenario))


def request(found: Sequence[Column], model: Model, scenario: str) -> Request:
    """What is asked of all draws, so that every column can be made."""
    times = sorted({time for column in found for time in column.times})
    variables = tuple(dict.fromkeys(c.variable for c in found if c.variable))
    events = any(column.event for column in found)
    if not variables:  # something has to be kept
        variables, times = (next(iter(model.program.outputs)),), [span(model)[0]]
    final = max(span(model)[2], times[-1])
    return Request(scenario, None, variables, times, final_time=final, events=events)


def span(model: Model) -> tuple[float, float, float]:
    """Begin of a run, the latest time that can be looked at, and its usual end [time unit]."""
    grid, bounds = model.grid(), model.definition.time
    horizon = bounds.horizon if bounds is not None and bounds.horizon is not None else grid.final
    return grid.initial, max(horizon, grid.final), grid.final


def of_output(output: Output, model: Model) -> list[Column]:
    """The columns of one output, an element and time each.

    Raises
    ------
    ModelError
        For an unknown variable or event, or a time outside the run.
    """
    if output.event is not None:
        return [_event(output, output.event, model)]
    times = _times(output)
    first, last, _ = span(model)
    outside = [t for t in times if not first - _CLOSE <= t <= last + _CLOSE]
    if outside:
        raise ModelError(f"the time {outside[0]:g} is outside the run", code="outside",
                         hint=f"the run goes from {first:g} to {last:g}")  # fmt: skip
    names = output_names(model, str(output.variable))
    log = output.scale == "log"
    found = []
    for name in names:
        own = output.name if len(names) == 1 else f"{output.name} {name}".strip()
        shown = f"ln {name}" if log else name
        if output.statistic:
            label = own or f"{output.statistic} of {shown}, {times[0]:g} to {times[-1]:g}"
            found.append(Column(label, None, name, tuple(times), output.statistic, log=log))
        else:
            found += [Column(own or shown, t, name, (t,), log=log) for t in times]
    return found


def _event(output: Output, event: str, model: Model) -> Column:
    known = [e.name for e in model.definition.events]
    if event not in known:
        raise ModelError(f'the model has no event "{event}"', code="unknown-event",
                         hint=did_you_mean(event, known)
                         or f"known: {', '.join(known) or 'none'}")  # fmt: skip
    shown = event if output.before is None else f"{event} before {output.before:g}"
    return Column(output.name or shown, event=event, before=output.before)


def _times(output: Output) -> list[float]:
    if output.at is not None:
        return list(output.at) if isinstance(output.at, list) else [output.at]
    assert output.start is not None
    assert output.end is not None
    count = int(np.floor((output.end - output.start) / output.every + _CLOSE))
    return [output.start + i * output.every for i in range(count + 1)]
