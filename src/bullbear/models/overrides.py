"""Values that replace constants of the equations: where they come from and which one wins.

Last wins: the equations, the parameter set named in the model file, the scenario, a parameter file
given with the run, settings given with the run.
"""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bullbear.equations.names import canonical, split_element
from bullbear.errors import (
    BullbearError,
    DataError,
    Finding,
    ModelError,
    UsageError,
    Where,
    did_you_mean,
)
from bullbear.models.scenarios import Scenario
from bullbear.models.toml_file import faults

if TYPE_CHECKING:
    from bullbear.equations.system import System, Variable

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_EXAMPLE = 'write it as in --set "alpha multiplier=0.3"'
_OPTIONS = {
    "final time": "another end of the run is given by --final-time",
    "time step": "another step is given by --time-step",
    "saveper": "another saving step is given by --saveper",
    "initial time": "the begin of the run stands in the model file",
}
_NAMED_CONSTANTS = 5
SETTABLE = ("constant", "stock")
"""Kinds of variables that may be set; setting a stock sets its initial value."""
NOWHERE = Where()


@dataclass(frozen=True)
class Setting:
    """A constant, as somebody spelled it, and its value; `where` is empty on a command line."""

    name: str
    value: float
    where: Where = NOWHERE


def parse_setting(text: str) -> Setting:
    """`Name=value` or `Name[Element]=value`, split at the last `=`.

    Raises
    ------
    UsageError
        If there is no `=`, no name, or no finite number after it.
    """
    name, equals, value = text.rpartition("=")
    if not equals or not name.strip():
        raise UsageError(f'"{text}" does not set anything', code="bad-setting", hint=_EXAMPLE)
    number = parse_number(value)
    if number is None:
        raise UsageError(
            f'the value of "{name.strip()}" is no number: "{value.strip()}"',
            code="bad-number",
            hint="numbers are written like 0.3, -12 or 1e6; infinity and nan are refused",
        )
    return Setting(name.strip(), number)


def parse_number(text: str) -> float | None:
    """The finite number that `text` is, or None."""
    if not _NUMBER.fullmatch(text.strip()):
        return None
    number = float(text)
    return number if math.isfinite(number) else None


def read_parameters(path: Path) -> list[Setting]:
    """The values of a parameter file, or of the fit that stands in a folder.

    Only the columns `name` and `value` are used; rows of the class `control` are the time bounds,
    which stand in the model file, and are passed over.

    Raises
    ------
    UsageError
        If there is no such file.
    DataError
        With file and line, if a column is missing, a value is no finite number or a name is there
        twice.
    """
    file = path / "parameters.csv" if path.is_dir() else path
    try:
        with file.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.DictReader(stream)
            _check_columns(file, reader.fieldnames or ())
            rows = [(reader.line_num, row) for row in reader]
    except (OSError, UnicodeDecodeError) as fault:
        reason = getattr(fault, "strerror", None) or "it is no text in UTF-8"
        raise UsageError(
            f"cannot read the parameter file {file}: {reason}",
            code="unreadable",
            hint="give a CSV with the columns name and value, or the folder of a fit",
        ) from fault
    settings: dict[str, Setting] = {}
    for line, row in rows:
        if (row.get("class") or "").strip() == "control":
            continue
        setting = _setting(Where(str(file), line), row["name"] or "", row["value"] or "")
        twin = settings.setdefault(canonical(setting.name), setting)
        if twin is not setting:
            raise DataError(
                f'"{setting.name}" is there twice; the first is in line {twin.where.line}',
                code="duplicate-parameter",
                where=setting.where,
                hint="leave one of the two rows",
            )
    return list(settings.values())


def parse_settings(texts: Iterable[str]) -> dict[str, float]:
    """Several settings by name as spelled, in the order in which they are to be made.

    Raises
    ------
    UsageError
        As `parse_setting` does.
    """
    values: dict[str, float] = {}
    for setting in map(parse_setting, texts):
        values.pop(setting.name, None)  # set again, it comes after what was set in between
        values[setting.name] = setting.value
    return values


def scenario_settings(scenario: Scenario) -> list[Setting]:
    """The levers of a scenario, in the order in which they are set."""
    return [
        Setting(lever, value, scenario.places.get(lever, NOWHERE))
        for lever, value in scenario.levers.items()
    ]


def check_scenarios(scenarios: Mapping[str, Scenario], system: System) -> None:
    """Refuse levers that the model does not have.

    Raises
    ------
    ModelError
        With file, line and nearest name of every faulty lever of every scenario.
    """
    settings = {
        setting.where: setting
        for scenario in scenarios.values()
        for setting in scenario_settings(scenario)
    }
    resolve(settings.values(), system)


def resolve(settings: Iterable[Setting], system: System) -> dict[str, float]:
    """The values by element, `Name[A,B]` in the spelling of the equations; the last one wins.

    Names are matched as Vensim does.  A name without elements means all its elements.

    Raises
    ------
    ModelError, DataError, UsageError
        If a name of a scenario file, a parameter file or the command is unknown, or is a lookup or
        an equation; all faults at once, each with the constants that could be set instead.
    """
    values: dict[str, float] = {}
    findings: list[Finding] = []
    for setting in settings:
        found = _elements(setting, system)
        if isinstance(found, Finding):
            findings.append(found)
        else:
            values.update(dict.fromkeys(found, setting.value))
    if findings:
        raise faults(findings, _kind(findings[0].where))
    return values


def _kind(where: Where) -> type[BullbearError]:
    """Whose fault a name is that stands there."""
    if where.file is None:
        return UsageError
    return ModelError if where.file.endswith(".toml") else DataError


def _check_columns(file: Path, columns: Iterable[str]) -> None:
    present = [column.strip() for column in columns]
    missing = [column for column in ("name", "value") if column not in present]
    if missing:
        raise DataError(
            f'the column "{missing[0]}" is missing; found {", ".join(present) or "an empty file"}',
            code="missing-column",
            where=Where(str(file), 1),
            hint=did_you_mean(missing[0], present) or "the first line must name the columns",
        )


def _setting(where: Where, name: str, value: str) -> Setting:
    number = parse_number(value)
    if number is None or not name.strip():
        what = f'the value of "{name}" is no number: "{value}"' if name.strip() else "no name"
        raise DataError(
            what, code="bad-number", where=where, hint="numbers are written like 0.3, -12 or 1e6"
        )
    return Setting(name.strip(), number, where)


def _elements(setting: Setting, system: System) -> list[str] | Finding:
    """The elements that a setting means, or why it cannot be."""
    name, wanted = split_element(setting.name)
    key = canonical(name)
    if key in _OPTIONS:
        return Finding(
            "time-bound", f'"{name}" is no constant to set', setting.where, _OPTIONS[key]
        )
    variable = system.variables.get(key)
    if variable is None:
        settable = [v.name for v in system.variables.values() if v.kind in SETTABLE]
        return Finding(
            "unknown-lever",
            f'the model has no constant "{name}"',
            setting.where,
            did_you_mean(name, settable) or "`bullbear equations` lists what a model is made of",
        )
    if variable.kind not in SETTABLE:
        return _not_settable(setting.where, variable, system)
    elements = dict(system.element_names(variable))
    if not wanted:
        return list(elements.values())
    combination = tuple(canonical(part) for part in wanted)
    if combination in elements:
        return [elements[combination]]
    return Finding(
        "unknown-element",
        f'"{variable.name}" has no element [{",".join(wanted)}]',
        setting.where,
        "known: " + ", ".join(elements.values()),
    )


def _not_settable(where: Where, variable: Variable, system: System) -> Finding:
    lookup = variable.kind == "lookup"
    if lookup:
        readers = [v for v in system.variables.values() if canonical(variable.name) in v.depends]
    else:
        readers = [variable]
    constants = _constants_below(readers, system)
    shown = ", ".join(f'"{name}"' for name in constants[:_NAMED_CONSTANTS])
    more = ", ..." if len(constants) > _NAMED_CONSTANTS else ""
    what = "a lookup" if lookup else f"computed by an equation ({variable.kind})"
    return Finding(
        "not-a-constant",
        f'"{variable.name}" is {what} and cannot be set',
        where,
        f"set a constant that it depends on: {shown}{more}"
        if constants
        else "it depends on no constant; change its equation",
    )


def _constants_below(variables: Iterable[Variable], system: System) -> list[str]:
    """The constants that `variables` are computed from, the most direct ones first."""
    found: list[str] = []
    seen: set[str] = set()
    layer = list(variables)
    while layer:
        reached = dict.fromkeys(name for variable in layer for name in variable.depends)
        fresh = [name for name in reached if name not in seen and name in system.variables]
        seen.update(fresh)
        below = [system.variables[name] for name in fresh]
        found += [v.name for v in below if v.kind == "constant"]
        layer = [v for v in below if v.kind != "constant"]
    return found
