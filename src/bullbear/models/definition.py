"""A model file: which sectors are joined, its time bounds, events and headline outputs."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, model_validator

from bullbear.models.toml_file import read_toml
from bullbear.models.workspace import MODEL_SUFFIXES

MethodName = Literal["euler", "rk4"]
Number = Annotated[float, Field(strict=True, allow_inf_nan=False)]
Slug = Annotated[str, Field(pattern=r"^[a-z0-9_-]+$")]
WHOLE = 1e-9
"""How far a ratio of two times may be from a whole number and still count as one."""


class Table(BaseModel):
    """A table of a model file: no unknown keys, no changes after reading."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class File(Table):
    """The content of a file; paths in it are relative to that file."""

    _path: Path = PrivateAttr(default=Path())

    @property
    def path(self) -> Path:
        """The file that this was read from, or the foreign file that it stands for."""
        return self._path

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a file.

        Raises
        ------
        ModelError
            With file, line and column of every key that is unknown, missing or of a wrong value.
        """
        found = read_toml(path, cls)
        found._path = path
        return found

    @classmethod
    def schema_text(cls) -> str:
        """The JSON schema of such files, as it is published beside them."""
        return json.dumps(cls.model_json_schema(), indent=2) + "\n"


class ModelUser(File):
    """A file that says which model it is about."""

    if TYPE_CHECKING:
        # Each class has the key itself: its place among the others is that of the schema.
        model: str

    @property
    def model_argument(self) -> str:
        """The model as `bullbear.load` takes it: a name, or a path.

        A path is relative to this file; one that only stands in the working directory is that.
        """
        beside = self._path.parent / self.model
        if beside.suffix.lower() not in MODEL_SUFFIXES:
            return self.model
        elsewhere = Path(self.model).is_file() and not beside.is_file()
        return self.model if elsewhere else str(beside)


class TimeBounds(Table):
    """When a run begins and ends, and how it steps; all in the time unit of the model."""

    unit: str = Field("Year", description="The unit of time that rates are per.")
    initial: Number = Field(description="INITIAL TIME [time unit].")
    final: Number = Field(description="FINAL TIME [time unit].")
    step: Annotated[Number, Field(gt=0)] = Field(description="TIME STEP [time unit].")
    saveper: Annotated[Number, Field(gt=0)] | None = Field(
        None, description="SAVEPER [time unit]: a whole number of steps; one step if left out."
    )
    horizon: Number | None = Field(
        None, description="Events are looked for until this time; FINAL TIME if left out."
    )

    @model_validator(mode="after")
    def _in_order(self) -> TimeBounds:
        if self.final <= self.initial:
            raise ValueError(f"final {self.final:g} must be after initial {self.initial:g}")
        if self.horizon is not None and self.horizon < self.final:
            raise ValueError(f"horizon {self.horizon:g} must not be before final {self.final:g}")
        if self.saveper is not None and not divides(self.step, self.saveper):
            raise ValueError(
                f"saveper {self.saveper:g} must be a whole number of steps of {self.step:g}"
            )
        return self


class Event(Table):
    """A named moment: when a variable goes below or above a level and stays there for a while."""

    name: Slug
    variable: str
    below: Number | None = None
    above: Number | None = None
    lasting: Annotated[Number, Field(ge=0)] = Field(
        default=0.0,
        alias="for",
        description="How long the condition must last [time unit]; the event is where it began.",
    )

    @model_validator(mode="after")
    def _one_condition(self) -> Event:
        if (self.below is None) == (self.above is None):
            raise ValueError(f'event "{self.name}" needs exactly one of the keys below and above')
        return self


class Plot(Table):
    """One figure of a run: variables of one unit over time."""

    title: str
    unit: str = ""
    variables: list[str] = Field(min_length=1)
    stacked: bool = False
    limit: Number | None = Field(None, description="A level drawn as a line, such as a total.")
    observations: str | None = Field(
        None, description="A CSV of observed points (time, value), relative to the model file."
    )
    scale: Literal["linear", "log"] = "linear"


class Summary(Table):
    """What the summary of a run shows."""

    years: list[Number] = Field(default_factory=list)


class ModelDefinition(File):
    """The content of `models/NAME.toml`; paths in it are relative to that file."""

    title: str
    description: str = ""
    sectors: list[str] = Field(min_length=1, description="Equation files, joined in this order.")
    parameters: str | None = Field(
        None, description="A CSV whose columns name and value replace constants of the equations."
    )
    scenarios: str | None = Field(None, description="A folder with one TOML file per scenario.")
    canonical: str = Field("base", description="The scenario that is run where none is named.")
    headline: list[str] = Field(
        default_factory=list,
        description="Headline outputs: shown in the summary, and the step error is measured on "
        "them; all stocks if left out.",
    )
    method: MethodName = "euler"
    time: TimeBounds | None = Field(
        None, description="Left out, the equation files say it themselves."
    )
    events: list[Event] = Field(default_factory=list)
    conservation: dict[str, list[str]] = Field(
        default_factory=dict,
        description="Named totals of stocks that must not change during a run.",
    )
    nonnegative: list[str] = Field(
        default_factory=list,
        description="Stocks of real things: one below zero stops the run, and the trust line "
        "tells the smallest of them.",
    )
    summary: Summary = Field(default_factory=Summary)
    plots: list[Plot] = Field(default_factory=list)

    @model_validator(mode="after")
    def _events_differ(self) -> ModelDefinition:
        names = [event.name for event in self.events]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f'two events are called "{twice[0]}"')
        return self

    @property
    def sector_paths(self) -> list[Path]:
        return [self._beside(sector) for sector in self.sectors]

    @property
    def parameters_path(self) -> Path | None:
        return None if self.parameters is None else self._beside(self.parameters)

    @property
    def scenarios_folder(self) -> Path | None:
        return None if self.scenarios is None else self._beside(self.scenarios)

    def _beside(self, relative: str) -> Path:
        return Path(os.path.normpath(self._path.parent / relative))


def foreign_definition(path: Path, stocks: Iterable[str], method: str = "") -> ModelDefinition:
    """The definition of a file that has none: one scenario `base`, a summary of its stocks.

    Its stocks may be anything, a position or a debt among them, and so may go below zero.
    `method` is the one that the file declares, if it does.
    """
    definition = ModelDefinition(
        title=path.stem,
        sectors=[path.name],
        headline=list(stocks),
        time=None,
        method="rk4" if method == "rk4" else "euler",
    )
    definition._path = path
    return definition


def divides(step: float, interval: float) -> bool:
    """Whether `interval` is a whole number of `step`s, at least one."""
    ratio = interval / step
    return round(ratio) >= 1 and abs(ratio - round(ratio)) <= WHOLE * max(1.0, ratio)
