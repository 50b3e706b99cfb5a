"""Claims in numbers, as text: who said what, the public number, and what the runs say of it."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Annotated

import numpy as np
import numpy.typing as npt
from pydantic import Field, model_validator

from bullbear.analysis.columns import Column, of_output
from bullbear.analysis.outcomes import Test, column_of, holds
from bullbear.analysis.study import Output
from bullbear.errors import BullbearError, Finding, ModelError, Where
from bullbear.models.definition import File, Number, Table
from bullbear.models.model import Model
from bullbear.models.toml_file import faults, key_places, place_of

Array = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
FILE = "claims.toml"
SCHEMA = "claims.schema.json"
TAIL = 0.05
"""What lies beyond either end of the interval of a claim's number."""
FEWEST = 32
"""Draws from which an interval is told."""


class One(Output):
    """One number of a run."""

    @model_validator(mode="after")
    def _is_one_number(self) -> One:
        if isinstance(self.at, list) or (self.start is not None and self.statistic is None):
            raise ValueError("this is one number: one time, a statistic or an event")
        return self


class Public(Table):
    """A public number: a row of a file of observations."""

    file: str = Field(description="The path of the series, relative to this file.")
    day: date = Field(alias="date", description="Which row of it.")


class Claim(One):
    """Something that somebody said, as a range of one number of a run."""

    name: str = Field(description="The claim in a few words.")
    quote: str = Field(description="The words it was made in.")
    post: Annotated[int, Field(ge=1)] = Field(description="Which post of the thread; 1 opens it.")
    unit: str = Field("", description="Unit of the number, as it is shown.")
    at_least: Number | None = Field(None, description="The claim is that it is not below this.")
    at_most: Number | None = Field(None, description="The claim is that it is not above this.")
    over: One | None = Field(None, description="The number is divided by this one.")
    given: Test | None = Field(None, description="Draws in which this is not so do not count.")
    then: Public | None = Field(None, description="What was public at the time.")
    now: Public | None = Field(None, description="The last that is public.")

    @model_validator(mode="after")
    def _has_a_range(self) -> Claim:
        if self.at_least is None and self.at_most is None:
            raise ValueError("a claim needs at_least or at_most")
        return self

    def within(self, values: Array) -> Flags:
        """Where the claim is so."""
        low = -np.inf if self.at_least is None else self.at_least
        high = np.inf if self.at_most is None else self.at_most
        return np.asarray((values >= low) & (values <= high))


class Claims(File):
    """The content of `analysis/claims.toml`; paths in it are relative to that file."""

    model: str = Field(description="The model that the file is about.")
    title: str = Field(description="Where the claims were made.")
    source: str = Field(description="Its address.")
    said: date = Field(alias="date", description="The day of the first post.")
    claims: list[Claim] = Field(min_length=1)


@dataclass(frozen=True)
class Row:
    """A public number with its unit, day and publication."""

    value: float
    unit: str
    day: str
    title: str
    source: str


@dataclass(frozen=True)
class Answer:
    """What draws say of a claim.

    Attributes
    ----------
    draws : draws that count
    share : of them, in which the claim is so
    lower, median, upper : of the number, 5, 50 and 95 % of the draws below [unit of the claim]
    verdict : by `verdict_of`
    """

    draws: int
    share: float
    lower: float
    median: float
    upper: float
    verdict: str


def columns_of(claims: Claims, model: Model) -> tuple[Column, ...]:
    """The numbers of a run that the claims are about: each one's own, `over` and `given`.

    Raises
    ------
    ModelError
        For an unknown variable or event, an array, a time outside the run or a public number that
        is not there; each with its place.
    """
    places = key_places(claims.path.read_text(encoding="utf-8"))
    found: list[Column] = []
    findings: list[Finding] = []
    for number, claim in enumerate(claims.claims):
        where = place_of(claims.path, places, ("claims", number))
        try:
            found += _columns(claim, model)
            for public in (claim.then, claim.now):
                row_of(claims, public)
        except BullbearError as fault:
            findings.append(Finding(fault.code, fault.message, where, fault.hint))
    if findings:
        raise faults(findings, ModelError)
    return tuple(found)


def _columns(claim: Claim, model: Model) -> Iterator[Column]:
    for one in (claim, claim.over):
        if one is None:
            continue
        columns = of_output(one, model)
        if len(columns) > 1:
            raise ModelError(f'"{one.variable}" has elements', code="several-elements",
                             hint=f"name one of them, as in {columns[0].variable}")  # fmt: skip
        yield columns[0]
    if claim.given is not None:
        yield column_of(claim.given, model)


def answers(claims: Claims, values: Array) -> list[Answer]:
    """What draws say of each claim.

    Parameters
    ----------
    values : the columns of `columns_of`, shape (draw, column)
    """
    found, column = [], 0
    for claim in claims.claims:
        number, counted = values[:, column], np.ones(len(values), dtype=np.bool_)
        column += 1
        if claim.over is not None:
            with np.errstate(divide="ignore", invalid="ignore"):
                number = number / values[:, column]
            column += 1
        if claim.given is not None:
            counted = holds(claim.given, values[:, column])
            column += 1
        found.append(_answer(claim, number[counted & np.isfinite(number)]))
    return found


def _answer(claim: Claim, numbers: Array) -> Answer:
    if len(numbers) < FEWEST:
        return Answer(len(numbers), np.nan, np.nan, np.nan, np.nan, "too few draws to say")
    lower, median, upper = (float(v) for v in np.quantile(numbers, [TAIL, 0.5, 1 - TAIL]))
    share = float(claim.within(numbers).mean())
    return Answer(len(numbers), share, lower, median, upper, verdict_of(claim, lower, upper))


def verdict_of(claim: Claim, lower: float, upper: float) -> str:
    """The verdict on a claim, by the ends of the interval of its number and nothing else.

    The interval lies inside what is claimed: `holds`; outside it: `less than claimed` or `more
    than claimed`; across an end of it: `open`.
    """
    if claim.within(np.array([lower, upper])).all():
        return "holds"
    if claim.at_least is not None and upper < claim.at_least:
        return "less than claimed"
    if claim.at_most is not None and lower > claim.at_most:
        return "more than claimed"
    return "open"


def row_of(claims: Claims, public: Public | None) -> Row | None:
    """The row of a file of observations that is meant; None where there is no public number.

    Raises
    ------
    ModelError
        If there is no such file or row.
    """
    if public is None:
        return None
    path = claims.path.parent / public.file
    if not path.is_file():
        raise ModelError(f"no file {path}", code="no-observation",
                         hint="give the path of a series, relative to this file")  # fmt: skip
    rows = _rows(path)
    for row in rows:
        if row["date"] == public.day.isoformat():
            return Row(float(row["value"]), row["unit"], row["date"], row["title"], row["source"])
    last = rows[-1]["date"] if rows else "none"
    raise ModelError(f"{path} has no row of {public.day.isoformat()}", code="no-observation",
                     where=Where(str(path)), hint=f"its last one is of {last}")  # fmt: skip


def _rows(path: Path) -> Sequence[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))
