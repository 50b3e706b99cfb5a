"""Cells of spreadsheets and CSV files, and the names that a workbook gives to them.

References of a model stay inside the folder of its workspace, and files that unpack to enormous
tables are refused.
"""

from __future__ import annotations

import csv
import re
import zipfile
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from bullbear.errors import DataError, Where

Cell = str | float | None
LARGEST = 256 * 1024 * 1024  # [byte], unpacked
_MARKS = ("models", ".git", "pyproject.toml")
_AREA = re.compile(r"^'?(?P<tab>[^'!]+)'?!\$?(?P<c1>[A-Z]+)\$?(?P<r1>\d+)(?::\$?(?P<c2>[A-Z]+)\$?"
                   r"(?P<r2>\d+))?$")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Area:
    """A block of cells, rows and columns counted from 0, the last ones included."""

    tab: str
    row: int
    column: int
    last_row: int
    last_column: int


@dataclass(frozen=True)
class Book:
    """A file of tables: `tabs` by name; a CSV file has one, whatever its name."""

    path: Path
    tabs: dict[str, tuple[tuple[Cell, ...], ...]]
    names: dict[str, Area]


def resolve_inside(folder: Path, reference: str) -> Path:
    """The file that a reference means, relative to the folder of the equation file.

    Raises
    ------
    DataError
        If it is not there, or lies outside the workspace (or the folder, where there is none).
    """
    base = folder.resolve()
    root = next((f for f in (base, *base.parents) if any((f / m).exists() for m in _MARKS)), base)
    path = (base / reference.replace("\\", "/")).resolve()
    if re.match(r"^([A-Za-z]:|[/\\?])", reference) or not path.is_relative_to(root):
        raise DataError(
            f'the table "{reference}" lies outside the folder of the model', code="path-escape",
            hint="put the file beside the equation file and name it relative to that",
        )  # fmt: skip
    if not path.is_file():
        raise DataError(
            f'cannot read the table "{reference}": there is no such file', code="no-file",
            where=Where(str(path)), hint="file names are relative to the equation file",
        )  # fmt: skip
    return path


def read_book(path: Path, delimiter: str) -> Book:
    """A workbook, or a text file with one table; read again only when it has changed."""
    state = path.stat()
    if state.st_size > LARGEST:
        raise _too_large(path)
    return _read(path, delimiter, state.st_mtime_ns)


@lru_cache(maxsize=64)
def _read(path: Path, delimiter: str, _changed: int) -> Book:
    suffix = path.suffix.lower()
    try:
        if suffix == ".xls":
            return _read_xls(path)
        if suffix in (".xlsx", ".xlsm"):
            return _read_xlsx(path)
        return _read_text(path, {"tab": "\t", "": ","}.get(delimiter.lower(), delimiter))
    except (DataError, OSError):
        raise
    except Exception as fault:  # the libraries raise whatever they meet in a broken file
        raise DataError(
            f"cannot read the table: {fault}", code="unreadable", where=Where(str(path))
        ) from fault


def _read_text(path: Path, delimiter: str) -> Book:
    if len(delimiter) != 1:
        raise DataError(f'"{delimiter}" separates no cells', code="delimiter",
                        where=Where(str(path)), hint="write ',' or 'tab'")  # fmt: skip
    with path.open(newline="", encoding="utf-8-sig") as file:
        rows = tuple(tuple(row) for row in csv.reader(file, delimiter=delimiter))
    return Book(path, {"": rows}, {})


def _read_xlsx(path: Path) -> Book:
    from openpyxl import load_workbook

    with zipfile.ZipFile(path) as packed:
        if sum(part.file_size for part in packed.infolist()) > LARGEST:
            raise _too_large(path)
    book = load_workbook(path, data_only=True)
    tabs = {ws.title: tuple(tuple(row) for row in ws.iter_rows(values_only=True)) for ws in book}
    names = dict(book.defined_names.items())
    for ws in book:
        names |= dict(ws.defined_names.items())
    areas = {key.casefold(): area for key, n in names.items() if (area := _area(n.attr_text))}
    return Book(path, tabs, areas)


def _read_xls(path: Path) -> Book:
    import xlrd

    book = xlrd.open_workbook(path)
    tabs = {
        sheet.name: tuple(
            tuple(None if value == "" else value for value in sheet.row_values(row))
            for row in range(sheet.nrows)
        )
        for sheet in book.sheets()
    }
    areas: dict[str, Area] = {}
    for name in book.name_obj_list:
        for part in getattr(name.result, "value", None) or ():
            if hasattr(part, "coords"):
                tab, _, row, last_row, column, last_column = part.coords
                areas[name.name.casefold()] = Area(
                    book.sheet_names()[tab], row, column, last_row - 1, last_column - 1
                )
    return Book(path, tabs, areas)


def _area(text: str | None) -> Area | None:
    match = _AREA.match(text or "")
    if match is None:
        return None
    row, column = int(match["r1"]) - 1, column_index(match["c1"])
    last_row = int(match["r2"]) - 1 if match["r2"] else row
    last_column = column_index(match["c2"]) if match["c2"] else column
    return Area(match["tab"], row, column, last_row, last_column)


def column_index(letters: str) -> int:
    """`A` is 0, `Z` 25, `AA` 26."""
    index = 0
    for letter in letters.upper():
        index = index * 26 + ord(letter) - ord("A") + 1
    return index - 1


def _too_large(path: Path) -> DataError:
    return DataError(
        f"the table is larger than {LARGEST // 2**20} MiB", code="too-large",
        where=Where(str(path)), hint="keep the columns that the model reads in a file of their own",
    )  # fmt: skip
