"""Whether equations and the ledger say the same: constants, their sources, units of observations.

Every constant of a model of ours has a row in its parameter set, with a unit, the value that the
equations have, and a source; and what equations or plots take from the ledger is in their unit.
"""

from __future__ import annotations

import csv
import math
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bullbear.calibration.observations import UnitRule, read_series, read_units
from bullbear.equations.expressions import Array, Call, Text, Unary
from bullbear.equations.functions import FUNCTIONS
from bullbear.equations.names import canonical, split_element
from bullbear.equations.units_check import unit_offset
from bullbear.errors import ERROR, DataError, Finding, Where, did_you_mean
from bullbear.models.check import Checked, TomlText, findings_of
from bullbear.units import UnitError, Units

if TYPE_CHECKING:
    from bullbear.equations.document import Equation
    from bullbear.equations.system import Definition, System, Variable
    from bullbear.models.definition import ModelDefinition

_SAME = 1e-9
"""How far apart, relatively, two spellings of one number may be."""


@dataclass(frozen=True)
class Row:
    """One row of a parameter set as text, and its place."""

    name: str
    unit: str
    value: str
    source: str
    where: Where
    excerpt: str


def check_ledger(checked: Checked, units: Units) -> list[Finding]:
    """Findings about a checked model's parameter set and observations; none for a foreign model."""
    definition, system = checked.definition, checked.system
    if definition is None or system is None:
        return []
    findings: list[Finding] = []
    if definition.parameters_path is not None:
        path = plain(definition.parameters_path)
        findings += _check_parameters(path, system, units)
        findings += _check_observations(definition, system, path.parent / "units.csv", units)
    return findings


# -- constants -----------------------------------------------------------------------------------


def _check_parameters(path: Path, system: System, units: Units) -> Iterator[Finding]:
    try:
        rows = _read_rows(path)
    except (OSError, UnicodeDecodeError) as fault:
        reason = getattr(fault, "strerror", None) or "it is no text in UTF-8"
        yield Finding("unreadable", f"cannot read the parameter set: {reason}", Where(str(path)))
        return
    except DataError as error:
        yield from findings_of(error)
        return
    seen: dict[tuple[str, tuple[str, ...]], Row] = {}
    for row in rows:
        name, elements = split_element(row.name)
        key = (canonical(name), tuple(map(canonical, elements)))
        if key in seen:
            yield _at(row, "duplicate-parameter", f'"{row.name}" is there twice',
                      f"the other row is at {seen[key].where}; leave one of the two")  # fmt: skip
        seen[key] = row
        yield from _check_row(row, key, system, units)
    yield from _without_row(system, seen, path)


def _read_rows(path: Path) -> list[Row]:
    """The rows of a parameter set; those of time bounds stand in the model file."""
    lines = path.read_text(encoding="utf-8-sig").splitlines()
    reader = csv.DictReader(lines)
    missing = [c for c in ("name", "unit", "value", "source") if c not in (reader.fieldnames or ())]
    if missing:
        raise DataError(f'the column "{missing[0]}" is missing', code="missing-column",
                        where=Where(str(path), 1, 1),
                        hint="the first line names the columns: name, unit, value, ..., source",
                        )  # fmt: skip
    return [
        Row(row["name"], row["unit"] or "", row["value"] or "", row["source"] or "",
            Where(str(path), reader.line_num, 1), lines[reader.line_num - 1])
        for row in reader
        if row.get("class") != "control" and row["name"]
    ]  # fmt: skip


def _check_row(
    row: Row, key: tuple[str, tuple[str, ...]], system: System, units: Units
) -> Iterator[Finding]:
    variable = system.variables.get(key[0])
    if variable is None or (variable.kind != "constant" and variable.kind != "stock"):
        names = [v.name for v in system.variables.values() if v.kind == "constant"]
        what = "is no variable" if variable is None else f"is no constant ({variable.kind})"
        yield _at(row, "unknown-lever", f'"{row.name}" {what} of the model',
                  did_you_mean(split_element(row.name)[0], names))  # fmt: skip
        return
    if not row.source.strip():
        yield _at(row, "no-source", f'"{row.name}" has no source',
                  "say where the number is from, or judgement")  # fmt: skip
    yield from _check_unit(row, variable, units)
    found = variable.elements if not key[1] else {
        e: d for e, d in variable.elements.items() if e == key[1]
    }  # fmt: skip
    if not found:
        known = ", ".join(name for _, name in system.element_names(variable))
        yield _at(row, "unknown-element", f'"{row.name}" is no element', f"known: {known}")
    for definition in found.values() if variable.kind == "constant" else ():
        yield from _check_value(row, definition)


def _check_unit(row: Row, variable: Variable, units: Units) -> Iterator[Finding]:
    try:
        theirs, ours = units.read(row.unit), units.read(variable.units)
    except UnitError as fault:
        if variable.units:
            yield _at(row, "unit-syntax", f'"{row.unit}" is no unit: {fault.message}')
        return
    if theirs != ours and variable.units:
        equation = next(e for e in variable.equations if e.units)
        yield _in(equation, unit_offset(equation), "ledger-unit",
                  f'"{variable.name}" is in {variable.units} here and in {row.unit or "no unit"} '
                  f"in {row.where}", "write the same unit in both places")  # fmt: skip


def _check_value(row: Row, definition: Definition) -> Iterator[Finding]:
    value = _value_of(definition)
    try:
        theirs = float(row.value)
    except ValueError:
        yield _at(row, "bad-number", f'the value of "{row.name}" is no number: "{row.value}"',
                  "numbers are written like 0.3, -12 or 1e6")  # fmt: skip
        return
    if value is not None and not math.isclose(value, theirs, rel_tol=_SAME, abs_tol=1e-300):
        equation = definition.equation
        node = equation.expression
        yield _in(equation, equation.span.start if node is None else node.span.start,
                  "ledger-value", f'"{row.name}" is {value:.12g} here and {theirs:.12g} in '
                  f"{row.where}", "write the same number in both places; the parameter set wins "
                  "when the model runs")  # fmt: skip


def _value_of(definition: Definition) -> float | None:
    """The number that stands in an equation of a constant."""
    node, sign = definition.equation.expression, 1.0
    while isinstance(node, Unary) and node.operator != ":NOT:":
        sign, node = (-sign if node.operator == "-" else sign), node.operand
    if isinstance(node, Array):
        flat = [value for row in node.rows for value in row]
        position = definition.position
        if len(position) > 1 and len(node.rows) > 1:
            flat, position = list(node.rows[min(position[-2], len(node.rows) - 1)]), position[-1:]
        return flat[position[-1]] if position and position[-1] < len(flat) else None
    value = getattr(node, "value", None)
    return sign * value if isinstance(value, float) else None


def _without_row(
    system: System, seen: Mapping[tuple[str, tuple[str, ...]], Row], path: Path
) -> Iterator[Finding]:
    """Constants whose number stands in no row, and so has no source."""
    for key, variable in system.variables.items():
        if variable.kind != "constant" or (key, ()) in seen:
            continue
        for elements, name in system.element_names(variable):
            if (key, elements) not in seen:
                equation = variable.elements[elements].equation
                yield _in(equation, equation.span.start, "no-source",
                          f'the constant "{name}" has no row in {path.name}, and so no source',
                          "add its row: name, unit, value, ..., source")  # fmt: skip


# -- observations --------------------------------------------------------------------------------


def _check_observations(
    definition: ModelDefinition, system: System, table: Path, units: Units
) -> Iterator[Finding]:
    try:
        rules = read_units(table)
    except DataError as error:
        yield from findings_of(error)
        return
    except OSError:
        return  # a model without a table of source units has no ledger to compare with
    for variable in system.variables.values():
        for equation in variable.equations:
            file = _file_read(equation)
            if file is not None and variable.units:
                place = _in(equation, equation.body.start + 1, "observation-unit", "")
                path = plain(equation.source.folder / file)
                unit, name = variable.units, variable.name
                yield from check_series(path, unit, name, rules, units, place, raw=True)
    text = TomlText(definition.path)
    for number, plot in enumerate(definition.plots):
        if plot.observations is not None and plot.unit:
            where = text.place(("plots", number, "observations"))
            place = Finding("observation-unit", "", where, excerpt=text.line(where))
            path = plain(Path(definition.path.parent, plot.observations))
            yield from check_series(path, plot.unit, plot.title, rules, units, place)


def _file_read(equation: Equation) -> str | None:
    """The CSV file that an equation reads a series from."""
    node = equation.expression
    if not isinstance(node, Call):
        return None
    function = FUNCTIONS.get(canonical(node.name))
    first = node.arguments[0] if node.arguments else None
    if function is None or function.kind != "external" or not isinstance(first, Text):
        return None
    return first.value if first.value.lower().endswith(".csv") else None


def check_series(
    path: Path,
    unit: str,
    name: str,
    rules: Mapping[str, UnitRule],
    units: Units,
    place: Finding,
    *,
    raw: bool = False,
    quantity: str | None = None,
) -> Iterator[Finding]:
    """Compare the unit of each row's number with the unit that it is read in.

    `raw` where the numbers are read as they stand, so that no factor may be between the units.
    `place` is where the series is named; findings are made from it.
    """
    try:
        series = read_series(path)
        series = series if quantity is None else series.select(quantity)
    except DataError as error:
        if not error.findings:
            yield _said(place, error.message, error.hint)
        for finding in error.findings:
            if finding.where.line is not None:
                yield finding
            elif not raw:  # a table that an equation reads is missed there already
                near = (p.name for p in path.parent.glob("*.csv"))
                message = f'"{path.name}" {finding.message}'
                hint = did_you_mean(path.name, near)
                yield Finding("no-file", message, place.where, hint, ERROR, place.excerpt)
        return
    for written in dict.fromkeys(row.unit for row in series.rows):
        line = next(row.line for row in series.rows if row.unit == written)
        rule = rules.get(written)
        if rule is None:
            message = f'"{name}": the unit "{written}" at {path.name}:{line} is not in units.csv'
            yield _said(place, message, did_you_mean(written, rules) or "add it to units.csv")
            continue
        try:
            theirs, ours = units.read(rule.model_unit), units.read(unit)
        except UnitError:
            continue
        if theirs != ours:
            yield _said(place, f'"{name}" is in {unit}, the numbers of {path.name} are in '
                        f'{written} (line {line}), which is {rule.model_unit} here: '
                        f"differs by {theirs / ours}",
                        "read another file, or correct the unit")  # fmt: skip
        elif raw and rule.factor != 1:
            yield _said(place, f'"{name}" is in {unit}, the numbers of {path.name} are in '
                        f"{written} (line {line}): differs by the factor {rule.factor:g}",
                        f"multiply by a constant of {rule.factor:g}, or derive a series in "
                        f"{unit}")  # fmt: skip


# -- findings ------------------------------------------------------------------------------------


def plain(path: Path) -> Path:
    """A path without detours, as messages should have it."""
    return Path(os.path.normpath(path))


def _said(place: Finding, message: str, hint: str) -> Finding:
    return Finding(place.code, message, place.where, hint, ERROR, place.excerpt)


def _at(row: Row, code: str, message: str, hint: str = "") -> Finding:
    return Finding(code, message, row.where, hint, ERROR, row.excerpt)


def _in(equation: Equation, offset: int, code: str, message: str, hint: str = "") -> Finding:
    return equation.source.finding(offset, code, message, hint, ERROR)
