"""The ledger of public numbers: one CSV file for each series, one row for each number.

The first two columns, `time` and `value`, are what equations look up; the others say when the
number was true, when it was public, what it is, how far to trust it and who said it.  A row whose
note begins with ``period FIRST/LAST`` (two dates) is about those days, and its time is the middle
of them.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from bullbear.calibration.tables import (
    RowReader,
    data_error,
    header_faults,
    parse_day,
    place_of,
    read_lines,
)
from bullbear.errors import DataError, Finding, Where, did_you_mean

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = (
    "time",
    "value",
    "date",
    "published",
    "quantity",
    "unit",
    "lower",
    "upper",
    "source",
    "title",
    "note",
)
POINT_COLUMNS = ("time", "value", "unit")
UNIT_COLUMNS = ("unit", "model_unit", "factor", "note")
TIME_TOLERANCE = 2e-4
"""How far a time may stand from its date [Year]; a day is 2.7e-3."""

_PERIOD = re.compile(r"period (\d{4}-\d\d-\d\d)/(\d{4}-\d\d-\d\d)")


@dataclass(frozen=True, slots=True)
class Observation:
    """One public number: `value` [unit] at `time` [Year]; a bound that nobody gave is None."""

    time: float
    value: float
    date: datetime.date
    published: datetime.date
    quantity: str
    unit: str
    lower: float | None
    upper: float | None
    source: str
    title: str
    note: str
    line: int

    @property
    def period(self) -> tuple[datetime.date, datetime.date] | None:
        """First and last day that the number is about, or None if it is about one day."""
        found = _PERIOD.match(self.note)
        return (parse_day(found[1]), parse_day(found[2])) if found else None


@dataclass(frozen=True, slots=True)
class Series:
    """The rows of one file, in order of time."""

    name: str
    path: Path
    rows: tuple[Observation, ...]

    def select(self, quantity: str) -> Series:
        """The rows of one quantity.

        Raises
        ------
        DataError
            If the file has no such quantity; the message names the nearest.
        """
        rows = tuple(row for row in self.rows if row.quantity == quantity)
        if not rows:
            known = sorted({row.quantity for row in self.rows})
            raise DataError(
                f'no quantity "{quantity}"; the file has {", ".join(known)}',
                code="unknown-quantity",
                where=Where(str(self.path)),
                hint=did_you_mean(quantity, known),
            )
        return replace(self, rows=rows)

    def to_frame(self) -> pd.DataFrame:
        """One line for each row; columns are those of the file."""
        return _frame(self.rows)


@dataclass(frozen=True, slots=True)
class UnitRule:
    """How a number in the unit of its source becomes one in the unit of the model."""

    unit: str
    model_unit: str
    factor: float
    note: str


def decimal_year(day: datetime.date) -> float:
    """The time of a day [Year]: its year plus (day of the year - 1) / 365.25."""
    return day.year + (day.timetuple().tm_yday - 1) / 365.25


def middle_of(first: datetime.date, last: datetime.date) -> float:
    """The middle of a period [Year] from the start of `first` to the end of `last`.

    Raises
    ------
    ValueError
        If the last day is before the first.
    """
    if last < first:
        raise ValueError(f"{last} is before {first}")
    return (decimal_year(first) + decimal_year(last + timedelta(days=1))) / 2


def read_series(path: Path) -> Series:
    """The series of one file of the ledger.

    Raises
    ------
    DataError
        If anything in the file is not as it must be; `findings` has every fault with its place.
    """
    lines = read_lines(path)
    findings = header_faults(path, lines, COLUMNS)
    if findings:
        raise data_error(findings)
    rows: list[Observation] = []
    for number, line in enumerate(lines[1:], start=2):
        reader = RowReader(path, number, line, COLUMNS)
        row = _observation(reader)
        findings += reader.findings
        if row is not None:
            rows.append(row)
    if len(lines) == 1:
        findings.append(
            Finding(
                "no-rows",
                "no number below the header",
                Where(str(path), 1),
                "add a row, or delete the file",
            )
        )
    findings += _order_faults(path, rows)
    if findings:
        raise data_error(sorted(findings, key=place_of))
    return Series(path.stem, path, tuple(rows))


def read_points(path: Path) -> Series:
    """A series of numbers in model time, without dates and sources: for problems that teach.

    Raises
    ------
    DataError
        If anything in the file is not as it must be; `findings` has every fault with its place.
    """
    lines = read_lines(path)
    findings = header_faults(path, lines, POINT_COLUMNS)
    rows: list[Observation] = []
    for number, line in enumerate(lines[1:] if not findings else [], start=2):
        reader = RowReader(path, number, line, POINT_COLUMNS)
        if reader.complete():
            time, value = reader.number("time"), reader.number("value")
            if time is not None and value is not None:
                unit, never = reader.cells["unit"], datetime.date.min
                rows.append(Observation(time, value, never, never, path.stem, unit, None, None,
                                        "", "", "", number))  # fmt: skip
        findings += reader.findings
    if findings:
        raise data_error(findings)
    return Series(path.stem, path, tuple(rows))


def is_points(path: Path) -> bool:
    """Whether a file holds numbers in model time instead of dated rows of the ledger."""
    lines = read_lines(path)
    return bool(lines) and lines[0].replace(" ", "") == ",".join(POINT_COLUMNS)


def read_folder(folder: Path) -> dict[str, Series]:
    """Every series of a folder by its name, in alphabetical order.

    Raises
    ------
    DataError
        With the faults of all files at once.
    """
    found: dict[str, Series] = {}
    findings: list[Finding] = []
    for path in sorted(folder.glob("*.csv")):
        try:
            found[path.stem] = read_series(path)
        except DataError as error:
            findings += error.findings
    if findings:
        raise data_error(findings)
    return found


def ledger(folder: Path) -> pd.DataFrame:
    """All rows of all files of a folder.

    Returns
    -------
    DataFrame
        One line for each number: `series` (the name of its file), the columns of the file, and
        `line`, its place in the file.
    """
    import pandas as pd

    parts = []
    for name, series in read_folder(folder).items():
        part = series.to_frame()
        part.insert(0, "series", name)
        parts.append(part)
    if not parts:
        return pd.DataFrame(columns=["series", *COLUMNS, "line"])
    return pd.concat(parts, ignore_index=True)


def read_units(path: Path) -> dict[str, UnitRule]:
    """The table that translates the units of sources, by the unit of the source.

    Raises
    ------
    DataError
        If the table cannot be read; `findings` has every fault with its place.
    """
    lines = read_lines(path)
    findings = header_faults(path, lines, UNIT_COLUMNS)
    if findings:
        raise data_error(findings)
    rules: dict[str, UnitRule] = {}
    for number, line in enumerate(lines[1:], start=2):
        reader = RowReader(path, number, line, UNIT_COLUMNS)
        unit, model_unit = reader.text("unit"), reader.text("model_unit")
        factor = reader.number("factor")
        if unit in rules:
            reader.fault("repeated-unit", f'unit "{unit}" stands twice', "unit", "delete one row")
        findings += reader.findings
        if factor is not None:
            rules[unit] = UnitRule(unit, model_unit, factor, reader.cells["note"])
    if findings:
        raise data_error(findings)
    return rules


def to_model_units(series: Series, rules: Mapping[str, UnitRule]) -> Series:
    """The series with values, bounds and units as the model has them.

    Raises
    ------
    DataError
        If a unit of the series has no rule.
    """
    return replace(series, rows=tuple(_translated(series, row, rules) for row in series.rows))


def _translated(series: Series, row: Observation, rules: Mapping[str, UnitRule]) -> Observation:
    rule = rules.get(row.unit)
    if rule is None:
        raise DataError(
            f'no rule for the unit "{row.unit}"',
            code="unknown-unit",
            where=Where(str(series.path), row.line),
            hint=did_you_mean(row.unit, rules) or "add it to calibration/units.csv",
        )

    def times(number: float | None) -> float | None:
        return None if number is None else number * rule.factor

    return replace(
        row,
        value=row.value * rule.factor,
        lower=times(row.lower),
        upper=times(row.upper),
        unit=rule.model_unit,
    )


def _frame(rows: Iterable[Observation]) -> pd.DataFrame:
    import pandas as pd

    names = [field.name for field in fields(Observation)]
    frame = pd.DataFrame([[getattr(row, n) for n in names] for row in rows], columns=names)
    return frame.astype({"lower": float, "upper": float})


def _observation(row: RowReader) -> Observation | None:
    """The number of one line, or None if it has a fault."""
    if not row.complete():
        return None
    time, value = row.number("time"), row.number("value")
    day, published = row.day("date"), row.day("published")
    lower, upper = row.number("lower", may_be_blank=True), row.number("upper", may_be_blank=True)
    quantity, unit = row.text("quantity"), row.text("unit")
    source, title, note = row.text("source"), row.text("title"), row.cells["note"]
    if row.findings or time is None or value is None or day is None or published is None:
        return None
    low, high = value if lower is None else lower, value if upper is None else upper
    if not low <= value <= high:
        row.fault(
            "value-outside-bounds",
            f"{value:g} is not from {low:g} to {high:g}",
            "value",
            "lower, value and upper must stand in this order",
        )
    found = Observation(
        time, value, day, published, quantity, unit, lower, upper, source, title, note, row.line
    )
    return found if _time_fits(row, found) else None


def _time_fits(row: RowReader, found: Observation) -> bool:
    """Whether the time is its date or the middle of its period; if not, `row` gets the fault."""
    try:
        expected = middle_of(*found.period) if found.period else decimal_year(found.date)
    except ValueError:
        row.fault(
            "bad-date",
            "the period in the note is none: a day that does not exist or goes back",
            "note",
            "write period YYYY-MM-DD/YYYY-MM-DD",
        )
        return False
    if abs(found.time - expected) > TIME_TOLERANCE:
        what = "middle of the period in the note" if found.period else f"date {found.date}"
        row.fault(
            "time-not-date",
            f"time {found.time!r} is not the {what}, {expected:.6f}",
            "time",
            f"write {expected:.6f}, or begin the note with period YYYY-MM-DD/YYYY-MM-DD",
        )
    # A row with a wrong time still takes part in the checks of order.
    return True


def _order_faults(path: Path, rows: Sequence[Observation]) -> list[Finding]:
    """Times that go back, numbers that stand twice, and quantities in two units."""
    findings = []
    seen: dict[tuple[str, float], int] = {}
    units: dict[str, str] = {}
    for before, row in zip([None, *rows], rows, strict=False):
        place = Where(str(path), row.line, 1)
        if before is not None and row.time < before.time:
            findings.append(
                Finding(
                    "unsorted-time",
                    f"time {row.time!r} follows {before.time!r}",
                    place,
                    "sort the rows by time",
                )
            )
        first = seen.setdefault((row.quantity, row.time), row.line)
        if first != row.line:
            findings.append(
                Finding(
                    "repeated-number",
                    f"{row.quantity} at {row.time!r} stands in line {first} too",
                    place,
                    "keep one of them",
                )
            )
        unit = units.setdefault(row.quantity, row.unit)
        if unit != row.unit:
            findings.append(
                Finding(
                    "two-units",
                    f'{row.quantity} is in "{row.unit}" here and in "{unit}" above',
                    place,
                    "use one unit",
                )
            )
    return findings
