"""Tables that people write: lines cut into cells that know their place, faults gathered."""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Sequence
from datetime import date
from pathlib import Path

from bullbear.errors import DataError, Finding, Where, did_you_mean

_CELL = re.compile(r'(?:"(?:[^"]|"")*"|[^",]*)(?=,|$)')


class RowReader:
    """Takes the cells of one line and gathers what is wrong with them."""

    def __init__(self, path: Path, line: int, text: str, columns: Sequence[str]) -> None:
        self.path, self.line, self.excerpt = path, line, text
        self.findings: list[Finding] = []
        cells = _cells(text)
        if len(cells) != len(columns):
            self.findings.append(
                Finding(
                    "wrong-cell-count",
                    f"{len(cells)} cells, expected {len(columns)}",
                    Where(str(path), line, 1),
                    'put quotes ("...") around a text that has a comma',
                    excerpt=text,
                )
            )
        padded = [*cells, *[("", len(text) + 1)] * (len(columns) - len(cells))]
        self.cells = {name: cell for name, (cell, _) in zip(columns, padded, strict=False)}
        self._columns = {name: at for name, (_, at) in zip(columns, padded, strict=False)}

    def complete(self) -> bool:
        return not self.findings

    def fault(self, code: str, message: str, column: str, hint: str) -> None:
        place = Where(str(self.path), self.line, self._columns[column])
        self.findings.append(Finding(code, message, place, hint, excerpt=self.excerpt))

    def text(self, column: str) -> str:
        cell = self.cells[column].strip()
        if not cell:
            self.fault("blank-cell", f"{column} is blank", column, f"every row has a {column}")
        return cell

    def number(self, column: str, *, may_be_blank: bool = False) -> float | None:
        cell = self.cells[column].strip()
        if not cell and may_be_blank:
            return None
        try:
            found = float(cell) if "_" not in cell else math.nan
        except ValueError:
            found = math.nan
        if not math.isfinite(found):
            self.fault(
                "not-a-number",
                f'{column} is "{cell}", expected a number',
                column,
                "write it with a decimal point and without separators",
            )
            return None
        return found

    def day(self, column: str) -> date | None:
        cell = self.cells[column].strip()
        try:
            return parse_day(cell)
        except ValueError:
            self.fault(
                "bad-date", f'{column} is "{cell}", expected a date', column, "write YYYY-MM-DD"
            )
            return None


def parse_day(text: str) -> date:
    """The day of a text YYYY-MM-DD; raises ValueError for anything else."""
    if not re.fullmatch(r"\d{4}-\d\d-\d\d", text):
        raise ValueError(text)
    return date.fromisoformat(text)


def read_lines(path: Path) -> list[str]:
    """The lines of a text file; raises DataError if it is none."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        hint = "a UTF-8 text file is expected here"
        finding = Finding("unreadable", f"cannot be read: {reason}", Where(str(path)), hint)
        raise data_error([finding]) from error
    return text.removeprefix("\ufeff").splitlines()


def _cells(line: str) -> list[tuple[str, int]]:
    """The cells of a line with the column at which each begins, counted from 1."""
    places, at = [], 0
    while (found := _CELL.match(line, at)) is not None:
        places.append(at + 1)
        at = found.end() + 1
        if at > len(line):
            break
    cells = next(csv.reader([line]), [""])
    # A line with a stray quote is cut differently by the two; then only the line is sure.
    return list(zip(cells, places if len(places) == len(cells) else [1] * len(cells), strict=True))


def header_faults(path: Path, lines: Sequence[str], columns: Sequence[str]) -> list[Finding]:
    """What is wrong with the first line of a table that must have `columns` in this order."""
    header = lines[0] if lines else ""
    found = [cell.strip() for cell, _ in _cells(header)]
    if found == list(columns):
        return []
    place = Where(str(path), 1, 1)
    missing = [name for name in columns if name not in found]
    faults = [
        Finding(
            "missing-column",
            f'column "{name}" is missing',
            place,
            did_you_mean(name, found) or f"the columns are {','.join(columns)}",
            excerpt=header,
        )
        for name in missing
    ]
    if not faults:
        hint = f"the columns are {','.join(columns)}"
        faults = [
            Finding(
                "wrong-columns", "columns too many or in another order", place, hint, excerpt=header
            )
        ]
    return faults


def place_of(finding: Finding) -> tuple[int, int]:
    """Line and column of a finding, for sorting."""
    return finding.where.line or 0, finding.where.column or 0


def data_error(findings: Sequence[Finding]) -> DataError:
    """One error that carries all `findings` and says the first."""
    first = findings[0]
    more = f" (and {len(findings) - 1} more faults)" if len(findings) > 1 else ""
    return DataError(
        first.message + more,
        code=first.code,
        where=first.where,
        hint=first.hint,
        findings=findings,
    )
