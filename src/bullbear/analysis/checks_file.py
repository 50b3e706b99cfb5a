"""The file in which modellers write what must be true of a model's behaviour."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import Field, model_validator

from bullbear.models.definition import File, Number, Table

FILE = "checks.toml"
SCHEMA = "checks.schema.json"
Predicate = Literal[
    "at_least", "at_most", "between", "equals", "never_rises", "never_falls", "before", "after",
    "higher_than_base", "lower_than_base", "unchanged", "conserved",
]  # fmt: skip
Extreme = Literal["minimum", "maximum", "extremes"]
NEEDS_NUMBER = frozenset({"at_least", "at_most", "equals", "before", "after"})
EVENTS = frozenset({"before", "after"})
AGAINST_BASE = frozenset({"higher_than_base", "lower_than_base", "unchanged"})


class Check(Table):
    """One statement about runs of a model."""

    name: str = Field(description="What must be true, in a few words.")
    scenario: str | list[str] | None = Field(
        None,
        description='Slugs of scenarios; "*" means all of them; left out, the canonical one.',
    )
    variable: str | list[str] = Field(
        description="Variables, each of which must fulfil the predicate in all its elements; for "
        "before and after an event, for conserved a total of the model file.",
    )
    predicate: Predicate = Field(
        description="at_least, at_most, between and equals compare with value; never_rises and "
        "never_falls look at the whole window; before and after say when an event happens (never "
        "counts as after); higher_than_base, lower_than_base and unchanged compare with the run "
        "without the inputs, or with the canonical scenario where there are no inputs; conserved "
        "proves that no flow changes a total.",
    )
    value: Number | Annotated[list[Number], Field(min_length=2, max_length=2)] | None = Field(
        None,
        description="A number; the lowest and highest for between; for unchanged the largest "
        "change allowed, relative to the variable's maximum (1e-9 if left out).",
    )
    start: Number | None = Field(
        None, alias="from", description="Begin of the window [time unit]; that of the run."
    )
    end: Number | None = Field(
        None, alias="to", description="End of the window [time unit]; that of the run."
    )
    inputs: dict[str, Number | list[Number] | Extreme] = Field(
        default_factory=dict,
        description="Constants or initial values that are set: a number, several numbers to try "
        "in turn, or the minimum, the maximum or both extremes of calibration/parameters.csv; "
        "several inputs are tried in all combinations.",
    )

    @model_validator(mode="after")
    def _value_fits(self) -> Check:
        pair = isinstance(self.value, list)
        if self.predicate == "between":
            if not isinstance(self.value, list) or self.value[0] > self.value[1]:
                raise ValueError("between needs value = [lowest, highest]")
        elif self.predicate in NEEDS_NUMBER:
            if self.value is None or pair:
                raise ValueError(f"{self.predicate} needs a number as value")
        elif self.value is not None and (self.predicate != "unchanged" or pair):
            raise ValueError(f"{self.predicate} takes no such value")
        if self.start is not None and self.end is not None and self.end < self.start:
            raise ValueError(f"the window ends at {self.end:g}, before it begins")
        return self

    @property
    def variables(self) -> list[str]:
        return [self.variable] if isinstance(self.variable, str) else self.variable

    def scenarios(self, canonical: str, listed: Sequence[str]) -> list[str]:
        """The slugs that the check is about."""
        if self.scenario is None:
            return [canonical]
        if self.scenario == "*":
            return list(listed)
        return [self.scenario] if isinstance(self.scenario, str) else self.scenario


class ChecksFile(File):
    """The content of `analysis/checks.toml`."""

    model: str | None = Field(
        None, description="The model that the checks are about; that of the workspace if left out."
    )
    check: list[Check] = Field(default_factory=list)
