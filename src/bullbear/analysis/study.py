"""Studies: text files that say which constants are uncertain, what is looked at, and how."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from bullbear.models.definition import ModelUser, Number, Table

SCHEMA = "study.schema.json"
MethodName = Literal["local", "morris", "sobol", "shapley", "given-data", "discovery"]
N = {"local": 1, "morris": 64, "sobol": 4096, "shapley": 4096, "given-data": 16384,
     "discovery": 8192}  # fmt: skip
"""Default sizes: trajectories of morris, base samples of sobol and shapley, draws of the others."""
EVERY = 0.5


class Input(Table):
    """An uncertain constant or initial value."""

    distribution: str = Field(
        description="lognormal(median, sd_log), normal(mean, sd), uniform(lower, upper), "
        "loguniform(lower, upper), or uniform or loguniform alone with the keys lower and upper.",
    )
    lower: Number | None = Field(None, description="Outside it the distribution is cut off.")
    upper: Number | None = Field(None, description="Outside it the distribution is cut off.")

    @model_validator(mode="after")
    def _has_bounds(self) -> Input:
        alone = self.distribution.strip() in ("uniform", "loguniform")
        if alone and (self.lower is None or self.upper is None):
            raise ValueError(f"{self.distribution.strip()} alone needs the keys lower and upper")
        if self.lower is not None and self.upper is not None and self.lower >= self.upper:
            raise ValueError(
                f"the range from {self.lower:g} to {self.upper:g} leaves nothing to vary"
            )
        return self

    @property
    def written(self) -> str:
        """The distribution with its numbers."""
        text = self.distribution.strip()
        if text in ("uniform", "loguniform"):
            return f"{text}({self.lower!r}, {self.upper!r})"
        return text


class Output(Table):
    """What is looked at: a variable at times, over a window, its statistic, or an event."""

    name: str = Field("", description="What it is called; made from the other keys if left out.")
    variable: str | None = None
    at: Number | Annotated[list[Number], Field(min_length=1)] | None = Field(
        None, description="One time or several [time unit]."
    )
    start: Number | None = Field(None, alias="from", description="Begin of a window [time unit].")
    end: Number | None = Field(None, alias="to", description="End of a window [time unit].")
    every: Annotated[Number, Field(gt=0)] = Field(
        EVERY, description="Distance of the times within a window [time unit]."
    )
    scale: Literal["linear", "log"] = Field(
        "linear",
        description="log looks at the natural logarithm, for what spans decades; a run in which "
        "it does not exist counts as failed. Elasticities are the same.",
    )
    statistic: Literal["mean", "minimum", "maximum"] | None = Field(
        None, description="Of the values within the window; left out, each of them is an output."
    )
    event: str | None = Field(
        None,
        description="An event of the model file: its time, clipped at the horizon; never the "
        "draws alone in which it happens.",
    )
    before: Number | None = Field(
        None, description="With an event: 1 where it happens before this time, else 0."
    )

    @model_validator(mode="after")
    def _one_kind(self) -> Output:
        if (self.variable is None) == (self.event is None):
            raise ValueError("an output needs exactly one of the keys variable and event")
        window = self.start is not None and self.end is not None
        if self.event is not None:
            if self.scale == "log":
                raise ValueError("an event has no logarithm")
            if self.at is not None or self.start is not None or self.statistic is not None:
                raise ValueError("an event takes no key but before")
        elif self.before is not None:
            raise ValueError("before belongs to an event")
        elif (self.at is None) != window:
            raise ValueError("a variable needs either at, or from and to")
        elif self.statistic is not None and not window:
            raise ValueError("a statistic needs a window: from and to")
        if self.start is not None and self.end is not None and self.end <= self.start:
            raise ValueError(f"the window ends at {self.end:g}, before it begins")
        return self


class Case(Table):
    """What discovery looks for: the boxes of inputs in which an outcome happens."""

    outcomes: str = Field("outcomes.toml", description="The file of outcomes, beside the study.")
    case: str = Field(description="bull, bear, neither, a condition of that file, or `not NAME`.")
    known: bool = Field(
        False, description="Whether draws that contradict what is known are left out."
    )
    density: Annotated[Number, Field(gt=0, le=1)] = Field(
        0.8, description="Share of cases that the box shall have at least."
    )


class Measurement(Table):
    """A measurement of an input that could be made."""

    error: Annotated[Number, Field(ge=0)] = Field(
        description="Its standard deviation [unit of the input]; 0 is perfect knowledge."
    )
    relative: bool = Field(False, description="Whether it is that of the logarithm.")


class Method(Table):
    """How the study is done."""

    name: MethodName = "sobol"
    n: Annotated[int, Field(ge=2)] | None = Field(
        None,
        description="Trajectories of morris; the largest base sample of sobol and shapley, a power "
        "of two; draws of given-data and discovery.",
    )
    seed: Annotated[int, Field(ge=0)] = 0


class Study(ModelUser):
    """The content of a study file; paths in it are relative to that file."""

    title: str
    model: str = Field(description="A name under models/, or the path of a model file.")
    scenario: str = "base"
    priors: bool = Field(
        False,
        description="Whether every constant with a prior in the parameter file of the model is "
        "an input; the table inputs replaces some of them, or adds more.",
    )
    posterior: str | None = Field(
        None,
        description="The folder of a fit, or a file of draws: a sample whose columns are the "
        "inputs, correlated as they may be.",
    )
    inputs: dict[str, Input] = Field(default_factory=dict)
    known: str | None = Field(
        None,
        description="With given-data: a file of outcomes; draws that contradict what it says is "
        "known are left out.",
    )
    outputs: list[Output] = Field(default_factory=list)
    measurements: dict[str, Measurement] = Field(
        default_factory=dict,
        description="With given-data: what measuring an input would leave of the variance.",
    )
    discovery: Case | None = None
    method: Method = Field(default_factory=Method)

    @model_validator(mode="after")
    def _has_inputs(self) -> Study:
        if self.posterior is not None and (self.priors or self.inputs):
            raise ValueError("a posterior brings its own inputs; leave out priors and inputs")
        if self.posterior is None and not self.priors and not self.inputs:
            raise ValueError("nothing is uncertain: give inputs, priors = true or a posterior")
        if self.method.name == "discovery" and self.discovery is None:
            raise ValueError("discovery needs a table [discovery] with the key case")
        if self.method.name != "discovery" and not self.outputs:
            raise ValueError("nothing is looked at: give [[outputs]]")
        return self

    @property
    def outcomes_path(self) -> Path:
        """The file of outcomes that discovery reads."""
        return self._path.parent / ("" if self.discovery is None else self.discovery.outcomes)
