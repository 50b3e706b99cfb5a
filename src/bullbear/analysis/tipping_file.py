"""Studies of tipping points: text files that say which outcome counts and what is moved."""

from __future__ import annotations

import hashlib
import tomllib
from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from bullbear.models.definition import File, Number, Table


class Outcome(Table):
    """What counts as having survived."""

    variable: str
    above: Number = Field(description="The variable is above this where the system survived.")
    at: Number = Field(description="When that is looked at [time unit].")
    again: Number = Field(description="When it is looked at once more: a horizon twice as far.")
    window: Number = Field(
        0, ge=0, description="Years up to each look over which the mean of the variable counts."
    )

    @model_validator(mode="after")
    def _later(self) -> Outcome:
        if self.again <= self.at:
            raise ValueError("again must be later than at")
        return self


class Slow(Table):
    """Stocks that only drift: the verdict is that of the equilibrium without their drift."""

    stocks: list[str] = Field(min_length=1)
    since: Number = Field(description="From when on they are held where they are [time unit].")


class Given(Table):
    """What is known to have happened: draws in which it did not are left out."""

    variable: str
    above: Number | None = None
    below: Number | None = None
    at: Number = Field(description="When [time unit].")

    @model_validator(mode="after")
    def _bounded(self) -> Given:
        if self.above is None and self.below is None:
            raise ValueError("give above, below or both")
        if self.above is not None and self.below is not None and self.above >= self.below:
            raise ValueError("above must be less than below")
        return self


class Axis(Table):
    """A constant and its range."""

    name: str
    low: Number
    high: Number
    also: list[str] = Field([], description="Constants that are set to the same value.")

    @model_validator(mode="after")
    def _a_range(self) -> Axis:
        if not self.low < self.high:
            raise ValueError(f"the range from {self.low:g} to {self.high:g} is empty")
        return self


class Surface(Table):
    """Survival over two constants; the boundary is looked for along x."""

    name: str = Field(pattern=r"[a-z0-9-]+")
    title: str
    x: Axis
    y: Axis
    cells: int = Field(40, ge=2, description="Per axis.")
    columns: int = Field(14, ge=2, description="Values of y at which draws are followed.")
    outcome: Outcome | None = Field(None, description="That of the study if left out.")
    settings: dict[str, Number] = Field({})


class Shock(Table):
    """How far a constant has to go until the outcome changes, or how much of a stock has to go."""

    title: str
    x: Axis
    stocks: list[str] = Field(
        [], description="Stocks that lose the share x; its name is then a new one."
    )
    time: Number | None = Field(None, description="When they lose it [time unit].")
    today: Number | None = Field(
        None, description="The value without the shock; that of the scenario if left out."
    )
    settings: dict[str, Number] = Field({})

    @model_validator(mode="after")
    def _stocks_and_time(self) -> Shock:
        if bool(self.stocks) != (self.time is not None):
            raise ValueError("stocks and time go together")
        return self


class Threshold(Table):
    """The boundary along x for some values of another constant."""

    title: str
    x: Axis
    over: str
    values: list[Number] = Field(min_length=1)
    settings: dict[str, Number] = Field({})


class Rest(Table):
    """Where the model has come to rest late in a long run, over values of one constant."""

    title: str
    over: str
    values: list[Number] = Field(min_length=1)
    start: Number = Field(alias="from", description="Begin of the window of the means.")
    end: Number = Field(alias="to", description="End of it.")
    variables: list[str] = Field(min_length=1)
    hold: list[str] = Field([], description="Slow stocks held at their mean where rest is judged.")
    at_zero: list[str] = Field([], description="Stocks held at 0 there.")
    closely: Number | None = Field(
        None, description="One of the values, at which states of rest are searched for."
    )
    shown: list[str] = Field([], description="Stocks that tell those states apart.")
    event: str | None = Field(
        None, description="The event of the model file that begins all this; its time is told."
    )
    collapse: dict[str, Number] = Field(
        {}, description="Settings under which the run ends in the other state of rest."
    )

    @model_validator(mode="after")
    def _one_of_the_values(self) -> Rest:
        if self.closely is not None and self.closely not in self.values:
            raise ValueError(f"closely = {self.closely:g} is none of the values")
        if self.end <= self.start:
            raise ValueError(f"the window ends at {self.end:g}, before it begins")
        return self


class Course(Table):
    """States of rest followed over one constant, slow stocks held; folds over a second one."""

    name: str = Field(pattern=r"[a-z0-9-]+")
    title: str
    x: Axis
    across: Axis | None = Field(
        None, description="A second constant, or stock on hold: folds are followed over it."
    )
    surface: str | None = Field(None, description="The surface in which that line is drawn.")
    at: Number | None = Field(None, description="When explicit time stands still.")
    hold: dict[str, Number] = Field({}, description="Slow stocks and the values they are held at.")
    shown: list[str] = Field(min_length=1, description="Stocks that are drawn.")
    settings: dict[str, Number] = Field({})


class TippingFile(File):
    """The content of a file such as `analysis/tipping-2026.toml`."""

    study: Literal["tipping"]
    title: str
    model: str
    scenario: str = "base"
    settings: dict[str, Number] = Field({})
    outcome: Outcome
    never: Number | None = Field(
        None, description="Dates of this value mean never, and never come in longer runs either."
    )
    slow: Slow | None = Field(None, description="What moves the equilibria slowly.")
    posterior: str | None = Field(
        None, description="A fit's folder or a file of draws; the priors if left out."
    )
    priors: bool = Field(
        False, description="With a posterior: what it leaves out is drawn from the priors."
    )
    draws: int = Field(32, ge=2, description="How many draws; of priors a power of two.")
    seed: int = 0
    given: list[Given] = Field([], description="What the draws must have in common.")
    surface: list[Surface] = Field([])
    shock: list[Shock] = Field([])
    threshold: list[Threshold] = Field([])
    course: list[Course] = Field([])
    rest: Rest | None = None

    @model_validator(mode="after")
    def _surfaces_exist(self) -> TippingFile:
        known = [one.name for one in self.surface]
        for one in self.course:
            if one.surface is not None and one.surface not in known:
                raise ValueError(f"there is no surface {one.surface}; known: {', '.join(known)}")
        return self


def study_hash(path: Path) -> str:
    """A short hash of the file of a study, as its report tells it."""
    text = path.read_text(encoding="utf-8")
    return hashlib.sha256("\n".join(text.splitlines()).encode()).hexdigest()[:12]


def is_tipping(path: Path) -> bool:
    """Whether a TOML file says that it is such a study."""
    if path.suffix != ".toml" or not path.is_file():
        return False
    try:
        return tomllib.loads(path.read_text(encoding="utf-8")).get("study") == "tipping"
    except (tomllib.TOMLDecodeError, UnicodeDecodeError):
        return False
