"""Outcomes: what counts as the fund alive, the token alive, a bull and a bear, as text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated

import numpy as np
import numpy.typing as npt
from pydantic import Field, model_validator

from bullbear.analysis.columns import Column, span
from bullbear.errors import BullbearError, Finding, ModelError, did_you_mean
from bullbear.models.definition import File, Number, Table
from bullbear.models.model import Model
from bullbear.models.plan import output_names
from bullbear.models.toml_file import faults, key_places, place_of

Array = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
FILE = "outcomes.toml"
SCHEMA = "outcomes.schema.json"
_NOT = "not "


class Test(Table):
    """One statement about a run: a variable at a time, or an event."""

    variable: str | None = None
    at: Number | None = Field(None, description="When [time unit].")
    at_least: Number | None = None
    at_most: Number | None = None
    event: str | None = Field(None, description="An event of the model file.")
    before: Number | None = Field(None, description="The event happens before this time.")
    after: Number | None = Field(
        None, description="The event does not happen before this time; never counts as after."
    )

    @model_validator(mode="after")
    def _one_kind(self) -> Test:
        limits = [self.at_least, self.at_most]
        times = [self.before, self.after]
        if (self.variable is None) == (self.event is None):
            raise ValueError("a test needs exactly one of the keys variable and event")
        if self.variable is not None:
            if self.at is None or limits.count(None) == 2 or times.count(None) != 2:
                raise ValueError("a variable needs at, and at_least or at_most")
        elif times.count(None) != 1 or self.at is not None or limits.count(None) != 2:
            raise ValueError("an event needs either before or after, and nothing else")
        return self


class Condition(Table):
    """A state of affairs: all tests of it hold."""

    name: str
    tests: list[Test] = Field(min_length=1)


class Outcomes(File):
    """The content of `analysis/outcomes.toml`."""

    model: str = Field(description="The model that the file is about.")
    before: Annotated[list[Number], Field(min_length=1)] = Field(
        description="Times before which the probability of each event is told [time unit]."
    )
    quantiles: Annotated[list[Annotated[Number, Field(gt=0, lt=1)]], Field(min_length=1)] = Field(
        description="Shares of the draws for which the time of each event is told."
    )
    conditions: list[Condition] = Field(default_factory=list)
    bull: list[str] = Field(
        description="Names of conditions that all hold; `not NAME` is one that does not."
    )
    bear: list[str] = Field(
        description="Names of conditions that all hold; `not NAME` is one that does not."
    )
    known: list[str] = Field(
        default_factory=list,
        description="Conditions that are known to have held: everything is also told of the draws "
        "that agree with them.",
    )

    @model_validator(mode="after")
    def _named_conditions(self) -> Outcomes:
        names = [condition.name for condition in self.conditions]
        for key in ("bull", "bear", "known"):
            for name in getattr(self, key):
                if name.removeprefix(_NOT) not in names:
                    hint = did_you_mean(name.removeprefix(_NOT), names)
                    raise ValueError(f'{key} names no condition "{name}"; {hint}'.rstrip("; "))
        return self


def columns_of(outcomes: Outcomes, model: Model) -> tuple[Column, ...]:
    """The numbers of a run that the tests look at, in their order.

    Raises
    ------
    ModelError
        For an unknown variable or event, or a time outside the run; each with its place.
    """
    places = key_places(outcomes.path.read_text(encoding="utf-8"))
    found, findings = [], []
    for number, condition in enumerate(outcomes.conditions):
        for test in condition.tests:
            try:
                found.append(column_of(test, model))
            except BullbearError as fault:
                where = place_of(outcomes.path, places, ("conditions", number))
                findings.append(Finding(fault.code, fault.message, where, fault.hint))
    if findings:
        raise faults(findings, ModelError)
    return tuple(found)


def column_of(test: Test, model: Model) -> Column:
    """The number that a test looks at.

    Raises
    ------
    ModelError
        For an unknown variable or event, an array, or a time outside the run.
    """
    if test.event is not None:
        known = [event.name for event in model.definition.events]
        if test.event not in known:
            raise ModelError(f'the model has no event "{test.event}"', code="unknown-event",
                             hint=did_you_mean(test.event, known))  # fmt: skip
        return Column(test.event, event=test.event)
    assert test.at is not None
    names = output_names(model, str(test.variable))
    if len(names) > 1:
        raise ModelError(f'"{test.variable}" has elements', code="several-elements",
                         hint="name one of them, as in " + names[0])  # fmt: skip
    first, last, _ = span(model)
    if not first <= test.at <= last:
        raise ModelError(f"the time {test.at:g} is outside the run", code="outside",
                         hint=f"the run goes from {first:g} to {last:g}")  # fmt: skip
    return Column(names[0], test.at, names[0], (test.at,))


def hold(outcomes: Outcomes, values: Array) -> dict[str, Flags]:
    """Which draws fulfil each condition, shape (draw,).

    Parameters
    ----------
    values : the columns of `columns_of`, shape (draw, column)
    """
    found: dict[str, Flags] = {}
    column = 0
    for condition in outcomes.conditions:
        flags = np.ones(len(values), dtype=np.bool_)
        for test in condition.tests:
            flags &= holds(test, values[:, column])
            column += 1
        found[condition.name] = flags
    return found


def together(names: Sequence[str], conditions: dict[str, Flags], count: int) -> Flags:
    """The draws in which all named conditions hold, or do not where the name says `not`."""
    flags = np.ones(count, dtype=np.bool_)
    for part in _parts(names, conditions):
        flags &= part
    return flags


def _parts(names: Sequence[str], conditions: dict[str, Flags]) -> Iterator[Flags]:
    for name in names:
        plain = conditions[name.removeprefix(_NOT)]
        yield ~plain if name.startswith(_NOT) else plain


def holds(test: Test, values: Array) -> Flags:
    """Which draws fulfil a test, by the number that it looks at, shape (draw,)."""
    if test.before is not None:
        return np.asarray(values < test.before)
    if test.after is not None:
        return np.asarray(values >= test.after)
    low = -np.inf if test.at_least is None else test.at_least
    high = np.inf if test.at_most is None else test.at_most
    return np.asarray((values >= low) & (values <= high))
