"""Tables outside the equation file: GET DIRECT and GET XLS lookups, data, constants, subscripts."""

from __future__ import annotations

import csv
import re
from functools import lru_cache
from pathlib import Path
from typing import Any

from bullbear.errors import DataError, Where

Cell = str | float | None
_CELL = re.compile(r"(?P<column>[A-Za-z]+)(?P<row>\d+)(?P<star>\*?)$")


@lru_cache(maxsize=256)
def _grid(path: Path, tab: str, stamp: int) -> tuple[tuple[Cell, ...], ...]:
    """All cells of one sheet; `stamp` makes a changed file a new one."""
    if path.suffix.lower() in (".xls", ".xlsx", ".xlsm"):
        book = _workbook(path)
        if tab not in book.sheetnames:
            raise DataError(f'the workbook has no sheet "{tab}"', where=Where(str(path)),
                            code="sheet", hint="sheets: " + ", ".join(book.sheetnames))  # fmt: skip
        return tuple(tuple(row) for row in book[tab].iter_rows(values_only=True))
    delimiter = {"tab": "\t", "": ","}.get(tab.lower(), tab)
    if len(delimiter) != 1:
        raise DataError(f'"{tab}" does not part the cells of a text file', code="sheet",
                        hint="give the sign between two cells, such as ','")  # fmt: skip
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            return tuple(tuple(row) for row in csv.reader(file, delimiter=delimiter))
    except (OSError, UnicodeDecodeError, csv.Error) as fault:
        raise DataError(
            f'cannot read the table "{path.name}": {fault}',
            code="no-file",
            where=Where(str(path)),
            hint="it must be a text in UTF-8",
        ) from fault


def _workbook(path: Path) -> Any:
    """An Excel file, opened by openpyxl."""
    from zipfile import BadZipFile

    from openpyxl import load_workbook
    from openpyxl.utils.exceptions import InvalidFileException

    try:
        return load_workbook(path, read_only=True, data_only=True)
    except (InvalidFileException, BadZipFile, KeyError, OSError) as fault:
        raise DataError(
            f'cannot read the workbook "{path.name}": {str(fault).partition(",")[0]}',
            code="no-file", where=Where(str(path)), hint="save it as .xlsx or as .csv",
        ) from fault  # fmt: skip


class Sheet:
    """One sheet of numbers, addressed as spreadsheets do (`B2`)."""

    def __init__(self, path: Path, tab: str) -> None:
        self.path = path
        try:
            stamp = path.stat().st_mtime_ns
        except OSError as fault:
            raise DataError(
                f'cannot read the table "{path.name}": {fault.strerror}', code="no-file",
                where=Where(str(path)), hint="file names are relative to the equation file",
            ) from fault  # fmt: skip
        self.cells = _grid(path, tab, stamp)

    def cell(self, row: int, column: int) -> Cell:
        """The cell at a row and column counted from 0; None outside or where it is blank."""
        if row >= len(self.cells) or column >= len(self.cells[row]):
            return None
        value = self.cells[row][column]
        return None if value is None or (isinstance(value, str) and not value.strip()) else value

    def number(self, row: int, column: int) -> float | None:
        value = self.cell(row, column)
        if value is None:
            return None
        try:
            return float(value)
        except (TypeError, ValueError):
            where = Where(str(self.path), row + 1, column + 1)
            raise DataError(f'"{value}" is not a number', code="number", where=where) from None

    def series(self, axis: str, cell: str, offset: int = 0) -> tuple[list[float], list[float]]:
        """x and y: x along column `axis` (a letter) or row `axis` (a number), y from `cell` on.

        `offset` moves to the next series beside it, for the elements of a subscript.
        """
        row, column, _ = parse_cell(cell)
        down = axis.isalpha()
        if not down and not axis.isdecimal():
            raise DataError(f'"{axis}" is neither a column nor a row', code="cell",
                            hint="write a column as A, a row as 1")  # fmt: skip
        at = column_index(axis) if down else int(axis) - 1
        xs: list[float] = []
        ys: list[float] = []
        step = 0
        while True:
            x = self.number(row + step, at) if down else self.number(at, column + step)
            if x is None:
                break
            y = (
                self.number(row + step, column + offset)
                if down
                else self.number(row + offset, column + step)
            )
            if y is not None:
                xs.append(x)
                ys.append(y)
            step += 1
        if not xs:
            raise DataError(f"no numbers at {cell} along {axis}", code="empty",
                            where=Where(str(self.path), row + 1, column + 1))  # fmt: skip
        return xs, ys


def column_index(letters: str) -> int:
    index = 0
    for letter in letters.upper():
        index = index * 26 + ord(letter) - ord("A") + 1
    return index - 1


def parse_cell(text: str) -> tuple[int, int, bool]:
    """`B2*` as row 1, column 1, transposed."""
    match = _CELL.match(text.strip())
    if match is None:
        raise DataError(f'"{text}" is not a cell', code="cell", hint="write it as B2")
    return int(match["row"]) - 1, column_index(match["column"]), bool(match["star"])
