"""Data variables without an equation: their numbers stand in a dataset that the settings name.

Vensim keeps datasets in a form of its own (`.vdf`), which nobody else reads; the same run exported
as text beside the model (`.tab`, `.csv`) takes its place.
"""

from __future__ import annotations

import csv
import re
from functools import lru_cache
from pathlib import Path

from bullbear.equations.document import Document
from bullbear.equations.names import canonical, split_element
from bullbear.errors import DataError, Where

_NAMED_IN = ("1", "9", "30", "43", "47")  # settings that name runs and datasets
_ENDINGS = (".tab", ".csv", ".txt", ".dat")
_KNOWN = re.compile(r"\.(vdfx?|vdf64x?|tab|csv|txt|dat)$", re.IGNORECASE)
Key = tuple[str, ...]
Points = tuple[list[float], list[float]]


def dataset_series(document: Document, name: str, elements: tuple[str, ...]) -> Points | None:
    """x (time) and y of one element in the first dataset that has it; None where none does."""
    for path in _datasets(document):
        found = _read(path, path.stat().st_mtime_ns).get((canonical(name), *elements))
        if found is not None and found[0]:
            return found
    return None


def _datasets(document: Document) -> list[Path]:
    stems: dict[str, None] = {}
    for line in document.settings.splitlines():
        code, _, named = line.partition(":")
        if code in _NAMED_IN and named.strip():
            # only the last part of a path: nothing outside the model's folder is read
            last = named.strip().replace("\\", "/").rpartition("/")[2]
            stems.setdefault(_KNOWN.sub("", last))
    folder = document.source.folder
    paths = [folder / f"{stem}{ending}" for stem in stems for ending in _ENDINGS]
    return [path for path in paths if path.is_file()]


@lru_cache(maxsize=16)
def _read(path: Path, _changed: int) -> dict[Key, Points]:
    if path.suffix == ".dat":
        return _read_dat(path)
    with path.open(newline="", encoding="utf-8-sig") as file:
        delimiter = "\t" if path.suffix == ".tab" else ","
        rows = [row for row in csv.reader(file, delimiter=delimiter) if row]
    series: dict[Key, Points] = {}
    for column, title in enumerate(rows[0][1:] if rows else (), start=1):
        base, listed = split_element(canonical(title))
        pairs = [
            (_number(path, row, 0, line), _number(path, row, column, line))
            for line, row in enumerate(rows[1:], start=2)
            if column < len(row) and row[column].strip()
        ]
        key = (canonical(base), *map(canonical, listed))
        series[key] = ([x for x, _ in pairs], [y for _, y in pairs])
    return series


def _read_dat(path: Path) -> dict[Key, Points]:
    """Vensim's own text form: a name on a line, then its times and values on lines of their own."""
    series: dict[Key, Points] = {}
    points: Points = ([], [])
    for line, text in enumerate(path.read_text(encoding="utf-8-sig").splitlines(), start=1):
        cells = text.split("\t")
        if len(cells) == 1 and text.strip():
            base, listed = split_element(canonical(text))
            points = series.setdefault((canonical(base), *map(canonical, listed)), ([], []))
        elif len(cells) > 1:
            points[0].append(_number(path, cells, 0, line))
            points[1].append(_number(path, cells, 1, line))
    return series


def _number(path: Path, row: list[str], column: int, line: int) -> float:
    try:
        return float(row[column])
    except ValueError:
        raise DataError(
            f'"{row[column]}" is not a number', code="number",
            where=Where(str(path), line, column + 1),
        ) from None  # fmt: skip
