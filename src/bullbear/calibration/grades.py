"""Grades of sources: how far a published number is to be trusted, from A to D.

`calibration/grades.csv` gives each series one; a second line for a series, with a text in its
column `rows`, is about the rows whose note has that text.  A judgement is always of the last grade.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bullbear.calibration.observations import Observation
from bullbear.calibration.tables import RowReader, data_error, header_faults, read_lines
from bullbear.errors import Finding

GRADES = ("A", "B", "C", "D")
TABLE = "grades.csv"
_COLUMNS = ("series", "rows", "grade")
_JUDGEMENT = "judgement"


@dataclass(frozen=True)
class Grades:
    """The table: series -> pairs of a text in the note of a row, and a grade."""

    lines: Mapping[str, tuple[tuple[str, str], ...]]

    def of(self, series: str, row: Observation) -> str:
        """The grade of a row; empty if its series has none."""
        known = self.lines.get(series, ())
        if known and row.source == _JUDGEMENT:
            return GRADES[-1]
        special = [grade for text, grade in known if text and text in row.note]
        return special[0] if special else next((grade for text, grade in known if not text), "")


def read_grades(path: Path) -> Grades:
    """The table of grades.

    Raises
    ------
    DataError
        If the table cannot be read; `findings` has every fault with its place.
    """
    lines = read_lines(path)
    findings: list[Finding] = header_faults(path, lines, _COLUMNS)
    found: dict[str, tuple[tuple[str, str], ...]] = {}
    for number, line in enumerate(lines[1:] if not findings else [], start=2):
        row = RowReader(path, number, line, _COLUMNS)
        series, grade = row.text("series"), row.text("grade")
        if row.complete() and grade not in GRADES:
            row.fault("grade", f'grade is "{grade}"', "grade", f"one of {', '.join(GRADES)}")
        findings += row.findings
        found[series] = (*found.get(series, ()), (row.cells["rows"].strip(), grade))
    if findings:
        raise data_error(findings)
    return Grades(found)
