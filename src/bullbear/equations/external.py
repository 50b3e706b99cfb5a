"""Tables outside the equation file: GET DIRECT and GET XLS lookups, data, constants, subscripts."""

from __future__ import annotations

import math
import re
from pathlib import Path

from bullbear.equations.sheets import Area, Cell, column_index, read_book, resolve_inside
from bullbear.errors import DataError, Where, did_you_mean

_CELL = re.compile(r"(?P<column>[A-Za-z]{1,3})(?P<row>\d+)")
_SPREADSHEETS = (".xls", ".xlsx", ".xlsm")


class Sheet:
    """One sheet of a file, addressed as spreadsheets do (`B2`), or by a name of the workbook."""

    def __init__(self, folder: Path, file: str, tab: str) -> None:
        self.path = resolve_inside(folder, file)
        self.book = read_book(self.path, tab)
        self.tab = self._tab(tab)
        # a spreadsheet may hold words between its numbers, which Vensim takes for missing; in a
        # text file they are a mistake
        self.lenient = self.path.suffix.lower() in _SPREADSHEETS

    def _tab(self, tab: str) -> str:
        tabs = self.book.tabs
        if "" in tabs:
            return ""
        found = next((t for t in tabs if t.casefold() == tab.casefold()), None)
        if found is None:
            raise DataError(f'the workbook has no sheet "{tab}"', where=Where(str(self.path)),
                            code="sheet", hint="sheets: " + ", ".join(tabs))  # fmt: skip
        return found

    # -- cells ----------------------------------------------------------------------------------

    def area(self, text: str) -> Area:
        """The cell `B2`, or the block of a name."""
        match = _CELL.fullmatch(text)
        if match is not None:
            row, column = int(match["row"]) - 1, column_index(match["column"])
            return Area(self.tab, row, column, row, column)
        named = self.book.names.get(text.casefold())
        if named is None:
            raise DataError(
                f'"{text}" is neither a cell nor a name of the workbook', code="cell",
                where=Where(str(self.path)),
                hint=did_you_mean(text, self.book.names) or "write it as B2",
            )  # fmt: skip
        return named

    def cell(self, tab: str, row: int, column: int) -> Cell:
        """The cell at a row and column counted from 0; None outside or where it is blank."""
        cells = self.book.tabs[tab]
        if row >= len(cells) or column >= len(cells[row]):
            return None
        value = cells[row][column]
        return None if isinstance(value, str) and not value.strip() else value

    def number(self, tab: str, row: int, column: int) -> float | None:
        value = self.cell(tab, row, column)
        if value is None:
            return None
        try:
            number = float(value)
        except (TypeError, ValueError):
            number = math.nan
        if math.isfinite(number):
            return number
        if self.lenient:
            return None
        where = Where(str(self.path), row + 1, column + 1)
        raise DataError(f'"{value}" is not a number', code="number", where=where)

    # -- what the functions read ----------------------------------------------------------------

    def constant(self, cell: str, outer: int, inner: int) -> float:
        """One number of a block; elements run along the row, or down the column behind a star."""
        down = cell.endswith("*")
        area = self.area(cell.rstrip("*"))
        rows, columns = (inner, outer) if down else (outer, inner)
        number = self.number(area.tab, area.row + rows, area.column + columns)
        if number is None:
            raise DataError(f"the cell for {cell} is blank", code="empty", where=Where(
                str(self.path), area.row + rows + 1, area.column + columns + 1))  # fmt: skip
        return number

    def series(self, axis: str, cell: str, offset: int = 0) -> tuple[list[float], list[float]]:
        """x and y: x along column `axis` (a letter), row `axis` (a number) or a name.

        y runs beside it from `cell` on; `offset` moves to the next series, for the elements of a
        subscript.  Pairs in which one cell is blank are left out.
        """
        start = self.area(cell.rstrip("*"))
        down, line, first, last = self._axis(axis, start)
        xs: list[float] = []
        ys: list[float] = []
        for at in range(first, last + 1):
            shift = at - first
            if down:
                x = self.number(start.tab, at, line)
                y = self.number(start.tab, start.row + shift, start.column + offset)
            else:
                x = self.number(start.tab, line, at)
                y = self.number(start.tab, start.row + offset, start.column + shift)
            if x is not None and y is not None:
                xs.append(x)
                ys.append(y)
        if not xs:
            where = Where(str(self.path), start.row + 1, start.column + 1)
            raise DataError(f"no numbers at {cell} along {axis}", code="empty", where=where)
        return xs, ys

    def _axis(self, axis: str, start: Area) -> tuple[bool, int, int, int]:
        """Whether x runs down, in which column or row, and from where to where."""
        cells = self.book.tabs[start.tab]
        if axis.isdigit():
            return False, int(axis) - 1, start.column, max(map(len, cells), default=0) - 1
        if axis.isalpha() and len(axis) <= 3 and axis.casefold() not in self.book.names:
            return True, column_index(axis), start.row, len(cells) - 1
        named = self.area(axis)
        if named.last_row > named.row:
            return True, named.column, named.row, named.last_row
        return False, named.row, named.column, named.last_column

    def elements(self, first: str, last: str, prefix: str) -> tuple[str, ...]:
        """Names of subscript elements between two cells."""
        start = self.area(first)
        if _CELL.fullmatch(last):
            end = self.area(last)
        elif last.isdigit():
            end = Area(start.tab, int(last) - 1, start.column, 0, 0)
        elif last.isalpha():
            end = Area(start.tab, start.row, column_index(last), 0, 0)
        else:
            raise DataError(f'"{last}" is no cell', code="cell", hint="write it as B9")
        found = [
            value
            for row in range(start.row, end.row + 1)
            for column in range(start.column, end.column + 1)
            if (value := self.cell(start.tab, row, column)) is not None
        ]
        if not found:
            where = Where(str(self.path), start.row + 1, start.column + 1)
            raise DataError(f"no names between {first} and {last}", code="empty", where=where)
        return tuple(prefix + _spelled(value) for value in found)


def _spelled(value: Cell) -> str:
    whole = isinstance(value, float) and value == int(value)
    return str(int(value)) if whole else str(value).strip()  # type: ignore[arg-type]
