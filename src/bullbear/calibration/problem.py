"""A calibration problem: which constants are sought, and which numbers judge them.

Problems are files that modellers write, `calibration/problems/*.toml`; paths in them are relative
to the file.
"""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from bullbear.models.definition import MethodName, ModelUser, Number, Slug, Table

Kind = Literal[
    "normal", "lognormal", "student_t", "negative_binomial", "below", "above", "interval", "rounded"
]
FitScale = Literal["log", "logit", "linear"]
Positive = Annotated[Number, Field(gt=0)]
MAIN_RUN = "main"
_WINDOW = re.compile(r"\s*([a-z]+)\s*(?:\(([^()]*)\))?\s*")
_WINDOW_ARGUMENTS = {"at": 0, "average": 1, "sum": 1, "increment": 1, "since": 1,
                     "maximum": 2, "minimum": 2}  # fmt: skip


class Sought(Table):
    """A constant that is sought.  What is left out is taken from `calibration/parameters.csv`."""

    lower: Number | None = Field(None, description="Lower bound of the search.")
    upper: Number | None = Field(None, description="Upper bound of the search.")
    start: Number | None = Field(None, description="Where the first search begins.")
    prior: str | None = Field(
        None, description="A prior such as lognormal(0.35, 0.4); fixed or left out is flat."
    )
    scale: FitScale | None = Field(
        None, description="The space of the search; log where both bounds are positive."
    )

    @model_validator(mode="after")
    def _in_order(self) -> Sought:
        if self.lower is not None and self.upper is not None and not self.lower < self.upper:
            raise ValueError(f"lower {self.lower:g} must be below upper {self.upper:g}")
        return self


class RunFile(Table):
    """One run of the model; several may share a problem."""

    name: Slug
    scenario: str | None = Field(None, description="The scenario of the problem if left out.")
    set: dict[str, Number] = Field(
        default_factory=dict, description='Constants and their values, "Name" or "Name[Element]".'
    )


class ObservationsFile(Table):
    """The rows of one series that are compared with one variable."""

    file: str = Field(description="A series of the ledger.")
    quantity: str | None = Field(None, description="The rows of this quantity; all if left out.")
    variable: str = Field(description="The variable, or the element of an array.")
    kind: Kind = Field("lognormal", description="The law of the error, or of the bound.")
    scale: Positive | Literal["free", "grade"] = Field(
        description="Standard deviation: of the logarithm for lognormal, else in the unit of the "
        "model; `free` estimates one for the group, `grade` takes that of the row's source."
    )
    group: str | None = Field(
        None, description="Entries of one group share an estimated scale; the name if left out."
    )
    window: str = Field(
        "at",
        description="What of the variable is meant: at, average(length), sum(length), "
        "increment(length), since(time), maximum(from, to), minimum(from, to) [time unit].",
    )
    run: Slug = Field(MAIN_RUN, description="The run that it is compared with.")
    freedom: Positive = Field(4.0, description="Degrees of freedom of student_t.")
    after: Number | None = Field(None, description="Only rows at or behind this time.")
    before: Number | None = Field(None, description="Only rows before this time.")
    dates: list[str] | None = Field(None, description="Only the rows of these days.")
    name: str | None = Field(None, description="What reports call it; the file's name if left out.")

    @field_validator("window")
    @classmethod
    def _known(cls, text: str) -> str:
        parse_window(text)
        return text


class HeldOut(Table):
    """Rows that the fit does not see, but the report compares."""

    after: Number | None = Field(None, description="Rows at or behind this time.")
    files: list[str] = Field(default_factory=list, description="Whole series.")
    published_later: bool = Field(
        False, description="Rows published at or behind as_of, which are not looked at otherwise."
    )


class Episode(Table):
    """Numbers that tell of one thing; the report says whether the model can meet them together."""

    name: str = Field(description="What it is, as the report calls it.")
    rows: dict[str, list[str]] = Field(
        min_length=1, description="Series, as the report calls them, and days of their rows."
    )


class GradeScales(Table):
    """Relative standard deviations of numbers whose scale is their source's grade."""

    A: Positive | None = Field(None, description="The chain or the API, exact.")
    B: Positive | None = Field(None, description="An official publication.")
    C: Positive | None = Field(None, description="Press, community or second-hand.")
    D: Positive | None = Field(None, description="Digitised, estimated, a claim, a judgement.")


class ProblemFile(ModelUser):
    """The content of a problem file."""

    title: str = ""
    model: str = Field(description="A model's name, or a path relative to this file.")
    scenario: str = "base"
    method: MethodName | None = None
    time_step: Positive | None = None
    as_of: Number | None = Field(
        None, description="Only rows that were published before this time are seen."
    )
    parameters: dict[str, Sought] = Field(min_length=1)
    observations: list[ObservationsFile] = Field(min_length=1)
    runs: list[RunFile] = Field(default_factory=lambda: [RunFile(name=MAIN_RUN, scenario=None)])
    held_out: HeldOut = Field(default_factory=lambda: HeldOut(after=None))
    episodes: list[Episode] = Field(default_factory=list)
    grades: GradeScales = Field(
        default_factory=lambda: GradeScales(A=None, B=None, C=None, D=None),
        description='What `scale = "grade"` means for each grade.',
    )
    predictions: list[str] = Field(
        default_factory=list,
        description='What is foretold with its uncertainty: an event, or "Variable at time".',
    )

    @model_validator(mode="after")
    def _runs_known(self) -> ProblemFile:
        known = [run.name for run in self.runs]
        for observation in self.observations:
            if observation.run not in known:
                raise ValueError(
                    f'"{observation.variable}" is compared with the run "{observation.run}", '
                    f"which is not among {', '.join(known)}"
                )
        return self


def parse_window(text: str) -> tuple[str, tuple[float, ...]]:
    """`average(1)` as its name and its numbers.

    Raises
    ------
    ValueError
        If it is none of the known windows.
    """
    match = _WINDOW.fullmatch(text)
    name = match[1] if match else ""
    if match is None or name not in _WINDOW_ARGUMENTS:
        raise ValueError(f'"{text}" is no window; known: {", ".join(_WINDOW_ARGUMENTS)}')
    written = [part for part in (match[2] or "").split(",") if part.strip()]
    if len(written) != _WINDOW_ARGUMENTS[name]:
        raise ValueError(f'the window "{name}" takes {_WINDOW_ARGUMENTS[name]} numbers')
    return name, tuple(float(part) for part in written)
