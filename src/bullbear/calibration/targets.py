"""From the rows of the ledger to the numbers that judge a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from bullbear.calibration.grades import TABLE, Grades, read_grades
from bullbear.calibration.measures import Measure, measure
from bullbear.calibration.observations import (
    Observation,
    Series,
    UnitRule,
    decimal_year,
    is_points,
    read_points,
    read_series,
    read_units,
    to_model_units,
)
from bullbear.calibration.problem import ObservationsFile, ProblemFile, parse_window
from bullbear.equations.names import canonical, split_element
from bullbear.equations.units_check import time_unit_of
from bullbear.errors import DataError, Finding, Where, did_you_mean
from bullbear.models.check import known_units
from bullbear.models.linearised import chosen_outputs
from bullbear.models.toml_file import faults
from bullbear.models.workspace import find_workspace
from bullbear.units import UnitError

if TYPE_CHECKING:
    from bullbear.models.model import Model

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Target:
    """One published number and what it judges.

    `scale` is None where one is estimated for its group; `grade` is that of its source, if known.
    """

    series: str
    row: Observation
    run: str
    variable: str
    measure: Measure
    kind: str
    scale: float | None
    freedom: float
    held_out: bool
    grade: str
    group: str

    @property
    def where(self) -> Where:
        return Where(self.series, self.row.line)


def read_targets(problem: ProblemFile, model: Model, grid: Array) -> list[Target]:
    """Every row that a problem compares with a run, in the order of the problem.

    Parameters
    ----------
    grid : the times of the run, shape (time,) [time unit]

    Raises
    ------
    DataError
        If a series cannot be read, a unit is not the variable's, a row lies outside the run, or a
        series has no row that counts; all faults at once.
    """
    targets: list[Target] = []
    findings: list[Finding] = []
    tables: dict[Path, Grades] = {}
    for spec in problem.observations:
        try:
            targets += _targets_of(spec, problem, model, grid, tables)
        except DataError as error:
            where = error.where or Where(str(problem.path))
            findings += error.findings or [Finding(error.code, error.message, where, error.hint)]
    findings += _unknown_rows(problem, targets) if not findings else []
    if findings:
        raise faults(findings, DataError)
    return targets


def _unknown_rows(problem: ProblemFile, targets: Sequence[Target]) -> list[Finding]:
    """Rows that an episode speaks of and the problem does not have."""
    known = {(t.series, t.row.date.isoformat()) for t in targets}
    return [
        Finding(
            "unknown-row", f'the episode "{episode.name}" speaks of {series} on {day}, of which '
            "there is no row", Where(str(problem.path)),
            did_you_mean(series, dict.fromkeys(t.series for t in targets))
            or "name series as the report does, and days as YYYY-MM-DD",
        )
        for episode in problem.episodes
        for series, days in episode.rows.items()
        for day in days
        if (series, day) not in known
    ]  # fmt: skip


def _targets_of(
    spec: ObservationsFile,
    problem: ProblemFile,
    model: Model,
    grid: Array,
    tables: dict[Path, Grades],
) -> list[Target]:
    path = (problem.path.parent / spec.file).resolve()
    series = read_points(path) if is_points(path) else read_series(path)
    if spec.quantity is not None:
        series = series.select(spec.quantity)
    rows = [row for row in _in_model_units(series).rows if _counts(row, spec, problem)]
    if not rows:
        raise DataError(
            f"no row of {path.name} counts", code="no-rows", where=Where(str(path)),
            hint="look at quantity, dates, after, before and as_of in the problem",
        )  # fmt: skip
    names = chosen_outputs(model, [spec.variable])
    if len(names) != 1:
        raise DataError(
            f'"{spec.variable}" has {len(names)} elements', code="element",
            where=Where(str(problem.path)), hint=f"name one of them: {names[0]}",
        )  # fmt: skip
    window, numbers = parse_window(spec.window)
    _check_units(rows, path, model, names[0], window)
    found = []
    for row in rows:
        grade = _grade(path, row, tables)
        try:
            measured = measure(window, numbers, row.time, grid)
        except ValueError as fault:
            raise DataError(str(fault), code="outside-run", where=Where(str(path), row.line),
                            hint="set after or before in the problem, or a longer run"
                            ) from None  # fmt: skip
        found.append(
            Target(
                spec.name or path.stem, row, spec.run, names[0], measured, spec.kind,
                _scale(spec, row, grade, problem, path), spec.freedom,
                _held_out(row, path, problem), grade, spec.group or spec.name or path.stem,
            )
        )  # fmt: skip
    return found


def _grade(path: Path, row: Observation, tables: dict[Path, Grades]) -> str:
    """The grade of a row's source by the table above its folder; each table is read once."""
    table = path.parent.parent / TABLE
    if table not in tables:
        tables[table] = read_grades(table) if table.is_file() else Grades({})
    return tables[table].of(path.stem, row)


def _scale(
    spec: ObservationsFile, row: Observation, grade: str, problem: ProblemFile, path: Path
) -> float | None:
    """Standard deviation of a row; None if it is estimated.

    Raises
    ------
    DataError
        If it is that of a grade which the row or the problem does not have.
    """
    if spec.scale == "free":
        return None
    if spec.scale != "grade":
        return spec.scale
    relative: float | None = getattr(problem.grades, grade, None) if grade else None
    if relative is None:
        what = f'the problem has no scale for the grade "{grade}"' if grade else "it has no grade"
        raise DataError(
            f'the scale of "{path.stem}" is to be that of its grade, but {what}', code="grade",
            where=Where(str(path), row.line),
            hint=f"add {grade} = 0.1 to [grades] in {problem.path.name}" if grade
            else f"add a line for {path.stem} to {TABLE}",
        )  # fmt: skip
    return relative if spec.kind == "lognormal" else relative * abs(row.value)


def _check_units(
    rows: Sequence[Observation], path: Path, model: Model, variable: str, window: str
) -> None:
    """Refuse numbers in another unit than the variable has.

    Raises
    ------
    DataError
        Naming the factor between the two.
    """
    units = known_units(find_workspace(start=path.parent).root)
    written = model.system.variables[canonical(split_element(variable)[0])].units
    if not written:
        return
    wanted = units.read(written)
    if window == "sum":
        wanted = wanted * units.read(time_unit_of(model.system) or "Year")
    for row in rows:
        try:
            factor = units.read(row.unit) / wanted
        except UnitError as fault:
            raise DataError(f'"{row.unit}" is no unit: {fault}', code="unit",
                            where=Where(str(path), row.line)) from None  # fmt: skip
        if factor.powers:
            raise DataError(
                f'the unit is "{row.unit}", but "{variable}" has {wanted}: they differ by the '
                f"factor {factor}", code="unit", where=Where(str(path), row.line),
                hint="choose another variable, or a line of units.csv that translates the unit",
            )  # fmt: skip


def _in_model_units(series: Series) -> Series:
    """The series in the units of the model, where its folder has a table of units above it."""
    table = series.path.parent.parent / "units.csv"
    rules: Mapping[str, UnitRule] = read_units(table) if table.is_file() else {}
    return to_model_units(series, rules) if rules else series


def _counts(row: Observation, spec: ObservationsFile, problem: ProblemFile) -> bool:
    seen = _seen(row, problem) or problem.held_out.published_later
    late = spec.after is None or row.time >= spec.after
    early = spec.before is None or row.time < spec.before
    listed = spec.dates is None or row.date.isoformat() in spec.dates
    return seen and late and early and listed


def _seen(row: Observation, problem: ProblemFile) -> bool:
    """Whether a row was public at the date of the problem."""
    return problem.as_of is None or decimal_year(row.published) < problem.as_of


def _held_out(row: Observation, path: Path, problem: ProblemFile) -> bool:
    held = problem.held_out
    whole = any((problem.path.parent / file).resolve() == path for file in held.files)
    late = held.after is not None and row.time >= held.after
    return whole or late or not _seen(row, problem)


def last_time(targets: Sequence[Target], grid: Array) -> float:
    """The last grid time that any target needs."""
    ends = [t.measure.first + len(t.measure.weights) - 1 for t in targets]
    return float(grid[max(ends)])
