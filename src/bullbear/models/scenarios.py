"""Scenarios: named conditions of a model, each a TOML file that sets levers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import Field

from bullbear.errors import ModelError, UsageError, Where, did_you_mean
from bullbear.models.definition import File, Number
from bullbear.models.toml_file import key_places, place_of

BASE = "base"
SLUG = re.compile(r"[a-z0-9_-]+")


class ScenarioFile(File):
    """The content of `models/scenarios/SLUG.toml`."""

    title: str = Field(description="The long name.")
    mechanism: str = Field("", description="The mechanisms it is about, such as `m5 m6`.")
    story: str = Field("", description="What happens in it, in one sentence.")
    inherits: str | None = Field(None, description="The slug whose levers are set before these.")
    abstract: bool = Field(False, description="Only a parent of others; not listed.")
    levers: dict[str, Number] = Field(
        default_factory=dict, description='Constants and their values: "Name" or "Name[Element]".'
    )


@dataclass(frozen=True)
class Scenario:
    """A scenario with the levers of its ancestors; `levers` is in the order in which they are set.

    `places` says for each lever in which file and line it is set.
    """

    slug: str
    title: str
    mechanism: str = ""
    story: str = ""
    levers: Mapping[str, float] = field(default_factory=dict)
    inherits: str | None = None
    abstract: bool = False
    path: Path | None = None
    places: Mapping[str, Where] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.slug}: {self.title}"


def load_scenarios(folder: Path) -> dict[str, Scenario]:
    """All scenarios of a folder by slug, `base` first and the others in alphabetical order.

    Raises
    ------
    ModelError
        If the folder is missing, a file name is no slug, a file does not fit the schema, a parent
        is unknown, or parents form a circle.
    """
    if not folder.is_dir():
        raise ModelError(
            "there is no such folder of scenarios", code="no-scenarios", where=Where(str(folder))
        )
    files: dict[str, ScenarioFile] = {}
    for path in sorted(folder.glob("*.toml"), key=lambda p: (p.stem != BASE, p.stem)):
        if not SLUG.fullmatch(path.stem):
            raise ModelError(
                f'"{path.stem}" is no name of a scenario',
                code="bad-slug",
                where=Where(str(path)),
                hint="use only the characters a-z, 0-9, _ and -; the long name is its title",
            )
        files[path.stem] = ScenarioFile.read(path)
    return {slug: _resolved(slug, files, folder) for slug in files}


def foreign_scenarios() -> dict[str, Scenario]:
    """The one scenario of a model that has no scenario files."""
    return {BASE: Scenario(BASE, "As the equations stand")}


def find_scenario(scenarios: Mapping[str, Scenario], slug: str) -> Scenario:
    """The scenario of that name.

    Raises
    ------
    UsageError
        If there is none; the hint has the nearest names, or else all.
    """
    if slug in scenarios:
        return scenarios[slug]
    known = listed(scenarios)
    folders = {str(s.path.parent) for s in known if s.path is not None}
    place = f" in {folders.pop()}" if folders else "; this model has only base"
    raise UsageError(
        f'unknown scenario "{slug}"{place}',
        code="unknown-scenario",
        hint=did_you_mean(slug, (s.slug for s in known))
        or "known: " + ", ".join(s.slug for s in known),
    )


def listed(scenarios: Mapping[str, Scenario]) -> list[Scenario]:
    """The scenarios that are more than a parent of others."""
    return [scenario for scenario in scenarios.values() if not scenario.abstract]


def _resolved(slug: str, files: Mapping[str, ScenarioFile], folder: Path) -> Scenario:
    """The scenario with the levers of its line of parents, the oldest parent's first."""
    line = _line_of_parents(slug, files, folder)
    levers: dict[str, float] = {}
    places: dict[str, Where] = {}
    for ancestor in reversed(line):
        path = folder / f"{ancestor}.toml"
        keys = key_places(path.read_text(encoding="utf-8"))
        for lever, value in files[ancestor].levers.items():
            # A lever that is set again moves to the end, so that `x` after `x[A]` wins over it.
            levers.pop(lever, None)
            levers[lever] = float(value)
            places[lever] = place_of(path, keys, ("levers", lever))
    own = files[slug]
    return Scenario(
        slug=slug,
        title=own.title,
        mechanism=own.mechanism,
        story=own.story,
        levers=levers,
        inherits=own.inherits,
        abstract=own.abstract,
        path=folder / f"{slug}.toml",
        places=places,
    )


def _line_of_parents(slug: str, files: Mapping[str, ScenarioFile], folder: Path) -> list[str]:
    """`slug`, its parent, the parent's parent and so on."""
    line = [slug]
    while (parent := files[line[-1]].inherits) is not None:
        path = folder / f"{line[-1]}.toml"
        where = place_of(path, key_places(path.read_text(encoding="utf-8")), ("inherits",))
        if parent not in files:
            raise ModelError(
                f'inherits from an unknown scenario "{parent}"',
                code="unknown-parent",
                where=where,
                hint=did_you_mean(parent, files),
            )
        if parent in line:
            circle = " -> ".join([*line[line.index(parent) :], parent])
            raise ModelError(
                f"scenarios inherit in a circle: {circle}", code="parent-circle", where=where
            )
        line.append(parent)
    return line
