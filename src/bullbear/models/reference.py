"""Results of another program, read to be compared with ours.

Vensim's and Stella's exports are tables of text: tabs, commas or semicolons, with any line ends,
variables along the first row or down the first column.  A blank cell behind a number means that
the value has not changed.
"""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from bullbear.equations.names import canonical, element_name, split_element
from bullbear.equations.scalar import MISSING
from bullbear.errors import DataError, Where, did_you_mean

Array = npt.NDArray[np.float64]

_NUMBER = re.compile(r"\s*[+-]?(?=\.?\d)(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d{1,4}))?\s*")
_NOT_FINITE = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf, "na": MISSING,
               ":na:": MISSING, "-1.#ind": math.nan, "1.#inf": math.inf,
               "-1.#inf": -math.inf, "1.#qnan": math.nan}  # fmt: skip
SUFFIXES = (".csv", ".tab", ".tsv", ".txt", ".dat")


@dataclass(frozen=True)
class Series:
    """One variable of a reference.

    Attributes
    ----------
    name : as the file spells it
    values : shape (time,); not a number before the first cell that is filled
    resolution : one unit of the last printed digit of each value, shape (time,)
    """

    name: str
    values: Array
    resolution: Array


@dataclass(frozen=True)
class Reference:
    """A table of results.

    Attributes
    ----------
    times : ascending, shape (time,) [time unit]
    resolution : one unit of the last printed digit of each time, shape (time,) [time unit]
    series : by canonical name
    """

    path: Path
    times: Array
    resolution: Array
    series: Mapping[str, Series]

    def constant(self, name: str) -> float | None:
        """The value of a variable that does not change, such as TIME STEP."""
        found = self.series.get(key_of(name))
        if found is None or not len(found.values):
            return None
        first = float(found.values[0])
        return first if np.all(found.values == first) else None


def key_of(name: str) -> str:
    """The form of a name, elements included, under which two spellings are equal."""
    base, elements = split_element(canonical(name))
    return element_name(canonical(base), tuple(map(canonical, elements)))


def read_reference(path: Path) -> Reference:
    """Read the results of another program.

    Raises
    ------
    DataError
        If the file cannot be read, or with line and column of what is no number, no ascending
        time or a name given twice.
    """
    rows = [row for row in _rows(path) if any(cell.strip() for cell in row.cells)]
    if len(rows) < 2 or len(rows[0].cells) < 2:
        raise DataError(
            "no table: expected a row of names and at least one row of numbers",
            code="reference", where=Where(str(path), 1),
            hint="export the run as text, time in the first column",
        )  # fmt: skip
    table = _Table(path, rows)
    if table.time_runs_along_the_first_row:
        table = table.transposed()
    times, printed_times = table.times()
    names, texts = table.columns()
    printed = _Printing([text for column in texts for text in column])
    series: dict[str, Series] = {}
    for number, (name, column) in enumerate(zip(names, texts, strict=True), start=2):
        if not name.strip():
            continue
        if key_of(name) in series:
            raise DataError(f'"{name}" is there twice', code="duplicate",
                            where=Where(str(path), 1, number),
                            hint="leave one of the two columns")  # fmt: skip
        series[key_of(name)] = _series(table, name, column, printed)
    return Reference(path, times, printed_times, series)


@dataclass(frozen=True)
class _Row:
    line: int
    cells: list[str]


def _rows(path: Path) -> Iterator[_Row]:
    try:
        data = path.read_bytes()
    except OSError as fault:
        hint = ""
        if path.parent.is_dir():
            hint = did_you_mean(path.name, (p.name for p in path.parent.iterdir()))
        raise DataError(
            f"cannot read the reference: {fault.strerror or fault}",
            code="unreadable", where=Where(str(path)), hint=hint,
        ) from fault  # fmt: skip
    if path.suffix.lower() == ".vdf" or b"\0" in data[:4096]:
        raise DataError("not a text file", code="reference", where=Where(str(path)),
                        hint="export the run from Vensim or Stella as text "
                        "(.tab or .csv)")  # fmt: skip
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = data.decode("latin-1")
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    # the first cell is called Time or by a time unit, so what ends it is what parts the cells
    delimiter = next((c for c in text.partition("\n")[0] if c in "\t,;"), ",")
    reader = csv.reader(io.StringIO(text), delimiter=delimiter)
    try:
        for cells in reader:
            yield _Row(reader.line_num, cells)
    except csv.Error as fault:
        raise DataError(f"no table of text: {fault}", code="reference",
                        where=Where(str(path), reader.line_num + 1),
                        hint="is a quotation mark left open?") from fault  # fmt: skip


class _Table:
    """Rows of cells, each cell with its place in the file."""

    def __init__(self, path: Path, rows: Sequence[_Row], turned: bool = False) -> None:
        self.path, self.rows, self.turned = path, rows, turned

    @property
    def time_runs_along_the_first_row(self) -> bool:
        head = [cell for cell in self.rows[0].cells[1:] if cell.strip()]
        return bool(head) and all(_NUMBER.fullmatch(cell) for cell in head)

    def transposed(self) -> _Table:
        width = len(self.rows[0].cells)
        cells = [[*row.cells, *[""] * (width - len(row.cells))][:width] for row in self.rows]
        turned = [_Row(column + 1, list(found)) for column, found in enumerate(zip(*cells))]  # noqa: B905
        return _Table(self.path, turned, turned=True)

    def where(self, row: int, column: int) -> Where:
        line = self.rows[row].line
        return Where(str(self.path), *((column + 1, line) if self.turned else (line, column + 1)))

    def times(self) -> tuple[Array, Array]:
        """The times, and how exactly each is printed."""
        found = [self.number(row, 0) for row in range(1, len(self.rows))]
        for row in range(1, len(found)):
            if not found[row] > found[row - 1]:
                raise DataError(f"time goes from {found[row - 1]!r} to {found[row]!r}",
                                code="time-order", where=self.where(row + 1, 0),
                                hint="time must ascend")  # fmt: skip
        texts = [row.cells[0].strip() for row in self.rows[1:]]
        printed = _Printing(texts)
        times, gaps = np.array(found), np.diff(found)
        if len(gaps) > 1 and np.allclose(gaps, gaps[0], rtol=1e-9, atol=0.0):
            return times, np.zeros(len(times))  # rounded times would not be so even
        return times, np.array([printed.unit(text) for text in texts])

    def columns(self) -> tuple[list[str], list[list[str]]]:
        """Names, and the cells below each."""
        names = self.rows[0].cells[1:]
        below = [
            [row.cells[c + 1].strip() if c + 1 < len(row.cells) else "" for row in self.rows[1:]]
            for c in range(len(names))
        ]
        return names, below

    def number(self, row: int, column: int) -> float:
        return self.parse(self.rows[row].cells[column].strip(), row, column)

    def parse(self, text: str, row: int, column: int) -> float:
        if text.casefold() in _NOT_FINITE:
            return _NOT_FINITE[text.casefold()]
        if not _NUMBER.fullmatch(text):
            raise DataError(f'not a number: "{text}"', code="bad-number",
                            where=self.where(row, column),
                            hint="numbers are written like 0.3, -12 or 1e6")  # fmt: skip
        return float(text)


class _Printing:
    """How a file prints numbers, to know how exact each of them is.

    Where the number of decimals varies within the file beyond what rounding to fixed decimals
    gives, trailing zeros were left out, so 4 may stand for 4.00000.
    """

    def __init__(self, texts: Sequence[str]) -> None:
        parsed = [p for p in map(_digits, texts) if p is not None]
        self.significant = max((p.significant for p in parsed), default=1)
        self.decimals = max((p.decimals for p in parsed), default=0)
        self.shortened = any(p.significant >= 6 for p in parsed) and (
            len({p.decimals for p in parsed if p.significant >= 6}) > 1
        )

    def unit(self, text: str) -> float:
        """One unit of the last digit of a number [its own unit]."""
        found = _digits(text)
        if found is None:
            return 0.0
        unit = -found.decimals
        if self.shortened:
            full = found.leading - self.significant + 1
            unit = min(unit, max(full, -self.decimals))
        return float(10.0 ** min(max(unit, -300), 300))


@dataclass(frozen=True)
class _Digits:
    significant: int
    decimals: int  # negative for 1.5e6
    leading: int  # power of ten of the first digit


def _digits(text: str) -> _Digits | None:
    match = _NUMBER.fullmatch(text)
    if match is None:
        return None
    whole, fraction, exponent = match.groups()
    power = int(exponent or 0)
    decimals = len(fraction or "") - power
    digits = (whole + (fraction or "")).lstrip("0")
    return _Digits(max(len(digits), 1), decimals, len(digits) - 1 - decimals)


def _series(table: _Table, name: str, texts: Sequence[str], printed: _Printing) -> Series:
    values, resolution = [], []
    last, unit = math.nan, 0.0
    column = table.rows[0].cells.index(name)
    for row, text in enumerate(texts, start=1):
        if text:
            last, unit = table.parse(text, row, column), printed.unit(text)
        values.append(last)
        resolution.append(unit)
    return Series(name.strip(), np.array(values), np.array(resolution))
