"""The file of policies: levers that somebody could pull, and what they are judged by."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from bullbear.analysis.study import Input, Output
from bullbear.models.definition import ModelUser, Number, Table

FILE = "policies.toml"
SCHEMA = "policies.schema.json"


class Criterion(Output):
    """One number of a run that a policy is judged by, and when it is enough."""

    better: Literal["more", "less"] = Field("more", description="Which side is the good one.")
    enough: Number = Field(description="The least, or the most, that satisfies.")

    @model_validator(mode="after")
    def _is_one_number(self) -> Criterion:
        many = isinstance(self.at, list) or (self.start is not None and self.statistic is None)
        if many:
            raise ValueError("a criterion is one number: one time, a statistic or an event")
        return self


class Policy(Table):
    """Levers that are pulled together."""

    name: str
    levers: dict[str, Number] = Field(default_factory=dict, description="Constants and values.")


class Policies(ModelUser):
    """The content of `analysis/policies.toml`; paths in it are relative to that file."""

    title: str
    model: str = Field(description="A name under models/, or the path of a model file.")
    scenario: str = "base"
    priors: bool = Field(
        False, description="Whether every constant with a prior in the parameter file is uncertain."
    )
    inputs: dict[str, Input] = Field(default_factory=dict)
    outcomes: str | None = Field(
        None,
        description="A file of outcomes; draws that contradict what it says is known are left out.",
    )
    n: Annotated[int, Field(ge=256)] = Field(4096, description="Draws.")
    seed: Annotated[int, Field(ge=0)] = 0
    criteria: list[Criterion] = Field(min_length=1)
    policies: list[Policy] = Field(
        min_length=2, description="The first one is what the others are held against."
    )

    @model_validator(mode="after")
    def _differ(self) -> Policies:
        names = [policy.name for policy in self.policies]
        twice = next((name for i, name in enumerate(names) if name in names[:i]), None)
        if twice is not None:
            raise ValueError(f'two policies are called "{twice}"')
        if not self.priors and not self.inputs:
            raise ValueError("nothing is uncertain: give inputs or priors = true")
        return self
