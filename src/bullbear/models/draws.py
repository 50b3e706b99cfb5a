"""Draws from priors: the grammar of priors, and scrambled Sobol points in the prior box."""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from bullbear.errors import DataError, UsageError, Where, did_you_mean
from bullbear.models.overrides import parse_number

if TYPE_CHECKING:
    import pandas as pd

Array = npt.NDArray[np.float64]
_WRITTEN = re.compile(r"\s*([a-z]+)\s*(?:\(([^()]*)\))?\s*")
_GRAMMAR = (
    "lognormal(median, sd_log), normal(mean, sd), uniform(lower, upper), loguniform(lower, upper) "
    "or fixed"
)
_COLUMNS = ("name", "value", "lower", "upper", "prior")
_LARGEST = 2**30  # Sobol points of SciPy come in 30 bits


@dataclass(frozen=True)
class Prior:
    """What is believed of a constant, within its bounds.

    `kind` is lognormal, normal, uniform, loguniform or fixed; `first` and `second` are the numbers
    in its parentheses.  Outside `lower` to `upper` the belief is cut off.
    """

    kind: str
    first: float = math.nan
    second: float = math.nan
    lower: float = -math.inf
    upper: float = math.inf

    @property
    def somewhere(self) -> bool:
        """Whether anything of the belief lies within the bounds."""
        low, high = self.lower, self.upper
        if self.kind in ("uniform", "loguniform"):
            return max(low, self.first) < min(high, self.second)
        return low < high and bool(np.isfinite(self.at(np.array([0.5]))).all())

    def at(self, share: Array) -> Array:
        """The values below which the shares of the belief lie; `share` from 0 to 1."""
        from scipy.special import ndtr, ndtri

        def bell(centre: float, spread: float, low: float, high: float) -> Array:
            ends = ndtr((np.array([low, high]) - centre) / spread)
            return np.asarray(centre + spread * ndtri(ends[0] + share * (ends[1] - ends[0])))

        low, high = self.lower, self.upper
        if self.kind == "normal":
            values = bell(self.first, self.second, low, high)
        elif self.kind == "lognormal":
            ends = (math.log(low) if low > 0 else -math.inf, math.log(high))
            values = np.exp(bell(math.log(self.first), self.second, *ends))
        elif self.kind == "uniform":
            low, high = max(low, self.first), min(high, self.second)
            values = low + share * (high - low)
        else:
            low, high = max(low, self.first), min(high, self.second)
            values = np.exp(math.log(low) + share * (math.log(high) - math.log(low)))
        return np.clip(values, low, high)  # rounding may step over a bound


@dataclass(frozen=True)
class _Kind:
    count: int
    holds: Callable[[float, float], bool]
    rule: str


_KINDS = {
    "lognormal": _Kind(2, lambda a, b: a > 0 and b > 0, "both numbers must be above zero"),
    "normal": _Kind(2, lambda _, b: b > 0, "the spread must be above zero"),
    "uniform": _Kind(2, lambda a, b: a < b, "the lower bound must be below the upper one"),
    "loguniform": _Kind(2, lambda a, b: 0 < a < b, "bounds must be above zero and in order"),
    "fixed": _Kind(0, lambda *_: True, ""),
}


def parse_prior(
    text: str, lower: float = -math.inf, upper: float = math.inf, where: Where | None = None
) -> Prior:
    """A prior as it is written in a parameter file.

    Raises
    ------
    DataError
        If the text is no prior, its numbers make none, or nothing of it lies within the bounds.
    """
    match = _WRITTEN.fullmatch(text)
    kind = match.group(1) if match else text.strip()
    if match is None or kind not in _KINDS:
        raise DataError(f'"{text}" is no prior', code="bad-prior", where=where,
                        hint=did_you_mean(kind, _KINDS) or f"write {_GRAMMAR}")  # fmt: skip
    written = [part for part in (match.group(2) or "").split(",") if part.strip()]
    numbers = [parse_number(part) for part in written]
    values = [number for number in numbers if number is not None]
    if len(values) != _KINDS[kind].count or len(values) != len(written):
        raise DataError(f'"{text}" does not have the numbers that a {kind} prior has',
                        code="bad-prior", where=where, hint=f"write {_GRAMMAR}")  # fmt: skip
    if kind == "fixed":
        return Prior("fixed")
    if not _KINDS[kind].holds(values[0], values[1]):
        raise DataError(f'"{text}": {_KINDS[kind].rule}', code="bad-prior", where=where,
                        hint=f"write {_GRAMMAR}")  # fmt: skip
    prior = Prior(kind, values[0], values[1], lower, upper)
    if not prior.somewhere:
        raise DataError(f'nothing of "{text}" lies between {lower!r} and {upper!r}',
                        code="bad-prior", where=where,
                        hint="widen the columns lower and upper, or mend the prior")  # fmt: skip
    return prior


def read_priors(path: Path) -> dict[str, Prior]:
    """The constants of a parameter file that are not fixed, with their priors.

    Raises
    ------
    UsageError
        If the file cannot be read.
    DataError
        With file and line, if a column is missing or a prior or bound is faulty.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.DictReader(stream)
            missing = [name for name in _COLUMNS if name not in (reader.fieldnames or ())]
            rows = [(reader.line_num, row) for row in reader]
    except (OSError, UnicodeDecodeError) as fault:
        raise UsageError(
            f"cannot read the parameter file {path}", code="unreadable",
            hint="priors are drawn from the file that the model file names under parameters",
        ) from fault  # fmt: skip
    if missing:
        raise DataError(f'the column "{missing[0]}" is missing', code="missing-column",
                        where=Where(str(path), 1),
                        hint="priors need the columns " + ", ".join(_COLUMNS))  # fmt: skip
    priors = {}
    for line, row in rows:
        where = Where(str(path), line)
        lower, upper = (_bound(row, column, where) for column in ("lower", "upper"))
        prior = parse_prior(row["prior"] or "", lower, upper, where)
        if prior.kind != "fixed":
            priors[(row["name"] or "").strip()] = prior
    return priors


def sobol_draws(priors: dict[str, Prior], count: int, seed: int = 0) -> pd.DataFrame:
    """Draws of all priors by one scrambled Sobol sequence.

    Returns
    -------
    Index `draw` from 0, one column per prior, in its unit.  Draw number k is the same whatever the
    count.

    Raises
    ------
    UsageError
        If the count is not positive or nothing is to be drawn.

    Notes
    -----
    Owen 1998, "Scrambling Sobol' and Niederreiter-Xing points", Journal of Complexity 14.
    """
    import pandas as pd
    from scipy.stats import qmc

    if not 1 <= count <= _LARGEST:
        raise UsageError(f"the number of draws must be from 1 to {_LARGEST}, not {count}",
                         code="draws")  # fmt: skip
    if not priors:
        raise UsageError("the model has no constant with a prior", code="draws",
                         hint="give a file of draws instead of a number")  # fmt: skip
    points = qmc.Sobol(len(priors), scramble=True, rng=np.random.default_rng(seed))
    shares = points.random_base2(math.ceil(math.log2(count)) if count > 1 else 0)[:count]
    columns = {name: prior.at(shares[:, i]) for i, (name, prior) in enumerate(priors.items())}
    return pd.DataFrame(columns, index=pd.Index(np.arange(count), name="draw"))


def read_draws(path: Path) -> pd.DataFrame:
    """A file of draws, CSV or parquet: one row per draw, one column per constant.

    A column `draw` gives the numbers of the draws; they count from 0 where there is none.

    Raises
    ------
    UsageError
        If the file cannot be read.
    DataError
        If it has no rows or columns, a column twice, or a cell that is no finite number.
    """
    import pandas as pd

    try:
        table = _read_parquet(path) if path.suffix == ".parquet" else _read_csv(path)
    except (OSError, ValueError, ImportError, csv.Error) as fault:
        raise UsageError(
            f"cannot read the draws in {path}: {fault}", code="unreadable",
            hint="give a number of draws, or a CSV or parquet file with a column per constant",
        ) from fault  # fmt: skip
    numbers = table.pop("draw", None)
    count = len(next(iter(table.values()), ()))
    if not count:
        raise DataError("there are no draws in the file", code="empty", where=Where(str(path)),
                        hint="give one row per draw and one column per constant")  # fmt: skip
    index = np.arange(count) if numbers is None else np.asarray(numbers, dtype=np.int64)
    return pd.DataFrame(table, index=pd.Index(index, name="draw"))


def _read_parquet(path: Path) -> dict[str, Array]:
    import pandas as pd

    frame = pd.read_parquet(path).reset_index(names=["draw"])
    table = {str(name): np.asarray(frame[name], dtype=np.float64) for name in frame.columns}
    for name, values in table.items():
        bad = np.flatnonzero(~np.isfinite(values))
        if bad.size:
            raise _no_number(path, None, name, str(values[bad[0]]))
    return table


def _read_csv(path: Path) -> dict[str, Array]:
    with path.open(encoding="utf-8-sig", newline="") as stream:
        reader = csv.reader(stream)
        names = [name.strip() for name in next(reader, [])]
        twice = [name for i, name in enumerate(names) if name in names[:i]]
        if twice:
            raise DataError(f'the column "{twice[0]}" is there twice', code="duplicate-parameter",
                            where=Where(str(path), 1), hint="leave one of the two")  # fmt: skip
        rows = [_row(path, reader.line_num, names, row) for row in reader if row]
    values = np.array(rows).reshape(len(rows), len(names))
    return {name: values[:, i] for i, name in enumerate(names)}


def _row(path: Path, line: int, names: Sequence[str], row: Sequence[str]) -> list[float]:
    if len(row) != len(names):
        raise DataError(f"the row has {len(row)} cells, the first line {len(names)}",
                        code="bad-row", where=Where(str(path), line),
                        hint="give one number per column")  # fmt: skip
    numbers = []
    for name, text in zip(names, row, strict=True):
        number = parse_number(text)
        if number is None:
            raise _no_number(path, line, name, text)
        numbers.append(number)
    return numbers


def _no_number(path: Path, line: int | None, name: str, text: str) -> DataError:
    return DataError(f'"{text}" is no finite number for "{name}"', code="bad-number",
                     where=Where(str(path), line),
                     hint="numbers are written like 0.3 or 1e6")  # fmt: skip


def _bound(row: dict[str, str], column: str, where: Where) -> float:
    text = (row[column] or "").strip()
    number = parse_number(text) if text else (-math.inf if column == "lower" else math.inf)
    if number is None:
        raise DataError(f'the {column} bound of "{row["name"]}" is no number: "{text}"',
                        code="bad-number", where=where,
                        hint="leave the cell blank where there is no bound")  # fmt: skip
    return number
