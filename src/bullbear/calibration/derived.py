"""Series that are computed from public numbers, and the recipes that compute them.

`python -m bullbear.calibration.derived` writes every file of ``calibration/derived/`` anew from
``calibration/observations/`` and ``calibration/derived/recipes.toml``.
"""

from __future__ import annotations

import csv
import io
import math
import sys
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from bullbear.calibration.observations import COLUMNS, Observation, decimal_year, read_series
from bullbear.errors import BullbearError, DataError, Where
from bullbear.models.workspace import find_workspace

Recipe = Mapping[str, Any]
RECIPES = "recipes.toml"
DIGITS = 6
"""Digits kept of a computed value, so that the last bits of a machine's EXP and LN do not count."""


@dataclass(frozen=True, slots=True)
class Point:
    """One computed value: `value` from `time` [Year] on, or about the period in the note."""

    time: float
    value: float
    day: date
    published: date
    note: str


def crypto_cycle(recipe: Recipe, observations: Path) -> Iterator[Point]:
    """BTC over its exponentially weighted mean, divided by its own geometric mean.

    The mean of month n weighs month n - k with 0.5 ** (k / half_life) over all months of the file,
    so that the first months count for no more than they are.  Dividing by the geometric mean from
    the first given month on takes the level out: what is left goes up and down around one.
    """
    rows = read_series(observations / f"{recipe['price']}.csv").rows
    price = np.array([row.value for row in rows])
    weights = 0.5 ** (np.arange(len(price)) / recipe["half_life"])
    mean = [price[n::-1] @ weights[: n + 1] / weights[: n + 1].sum() for n in range(len(price))]
    given = np.array([_first_day(row) >= recipe["from"] for row in rows])
    log_ratio = np.log(price / np.array(mean))
    cycle = np.exp(log_ratio - log_ratio[given].mean())
    for row, value, wanted in zip(rows, cycle, given, strict=True):
        if wanted:
            period = row.note.partition(";")[0]
            yield Point(row.time, float(value), row.date, row.published, period)


def placements_and_grants(recipe: Recipe, observations: Path) -> Iterator[Point]:
    """What circulating supply gained beyond net payouts, as a rate [NMR/Year] in each window.

    A window lies between two dates of the circulating supply.  Circulating supply grows by net
    payouts and by what leaves the treasury otherwise; the difference, not below the floor, is the
    rate.  Net payouts are those of Classic, interpolated between rounds and zero before the first.
    """
    circulating = [
        row
        for row in read_series(observations / f"{recipe['circulating']}.csv").rows
        if recipe["first"] <= row.date <= recipe["last"]
    ]
    paid = read_series(observations / f"{recipe['payouts']}.csv").rows
    paid_time, paid_value = [row.time for row in paid], [row.value for row in paid]
    yield _step(recipe["start"], 0.0, "start of the table")
    for before, after in pairwise(circulating):
        gained = after.value - before.value
        paid_by = np.interp([before.time, after.time], paid_time, paid_value, left=0)
        payout = float(paid_by[1] - paid_by[0])
        rate = (gained - payout) / (after.time - before.time)
        note = f"to {after.date}: supply {gained:+.0f} NMR, net payouts {payout:+.0f} NMR"
        if rate < recipe["floor"]:
            rate, note = recipe["floor"], f"{note}; the floor of the recipe"
        yield Point(before.time, rate, before.date, after.published, note)
    for row in recipe["afterwards"]:
        yield _step(row["date"], row["value"], "judgement of the recipe")


def fund_net_return(recipe: Recipe, observations: Path) -> Iterator[Point]:
    """Logarithmic returns as yearly rates [1/Year]: months where known, else rest of the year.

    A month of return r gives 12 ln(1 + r).  A figure for a whole year, or for a year to date,
    gives the rate of the months that have no figure of their own.
    """
    months = read_series(observations / f"{recipe['months']}.csv").rows
    yield _step(recipe["start"], 0.0, "before the first month of the fund")
    for row in months:
        yield _return(_first_day(row), row, _log_return(row), 1)
    known = {(row.date.year, row.date.month): _log_return(row) for row in months}
    day = months[-1].date
    for name in (recipe["years"], recipe["year_to_date"]):
        for row in read_series(observations / f"{name}.csv").rows:
            if row.date <= day:
                continue
            year, last = row.date.year, row.date.month
            own = [known[year, m] for m in range(1, last + 1) if (year, m) in known]
            start = date(year, len(own) + 1, 1)
            yield _return(start, row, _log_return(row) - sum(own), last - len(own))
            day = row.date
    after = date(day.year + day.month // 12, day.month % 12 + 1, 1)
    yield _step(after, recipe["beyond"], "judgement of the recipe; no figure from here on")


MAKERS: dict[str, Callable[[Recipe, Path], Iterator[Point]]] = {
    "crypto_cycle": crypto_cycle,
    "placements_and_grants": placements_and_grants,
    "fund_net_return": fund_net_return,
}


def make(calibration: Path) -> dict[str, str]:
    """The text of every file of `calibration`/derived by its name, from `calibration`/observations.

    Raises
    ------
    DataError
        If the recipes or an input cannot be read.
    """
    path = calibration / "derived" / RECIPES
    try:
        recipes = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(
            f"cannot be read: {error}", code="unreadable", where=Where(str(path))
        ) from error
    texts = {}
    for name, maker in MAKERS.items():
        try:
            points = list(maker(recipes[name], calibration / "observations"))
            texts[f"{name}.csv"] = _text(recipes[name], points)
        except KeyError as error:
            raise DataError(
                f"the recipe of {name} has no {error}", code="missing-key", where=Where(str(path))
            ) from error
    return texts


def _text(recipe: Recipe, points: Sequence[Point]) -> str:
    inputs = [v for k, v in recipe.items() if k not in ("title", "quantity", "unit")]
    source = "computed from " + ", ".join(f"{v}.csv" for v in inputs if isinstance(v, str))
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    for point in points:
        writer.writerow(
            [
                round(point.time, 6),
                float(f"{point.value:.{DIGITS}g}"),
                point.day,
                point.published,
                recipe["quantity"],
                recipe["unit"],
                "",
                "",
                source,
                recipe["title"],
                point.note,
            ]
        )
    return out.getvalue()


def _step(day: date, value: float, note: str) -> Point:
    return Point(decimal_year(day), value, day, day, note)


def _return(start: date, row: Observation, log_return: float, months: int) -> Point:
    return Point(
        decimal_year(start),
        12 / months * log_return,
        start,
        row.published,
        f"to {row.date}, {months} month{'s' * (months > 1)}",
    )


def _log_return(row: Observation) -> float:
    return math.log1p(row.value / 100)  # the ledger has per cent


def _first_day(row: Observation) -> date:
    return row.period[0] if row.period else row.date


def main() -> int:
    """Writes the files of the workspace that holds the working directory."""
    try:
        calibration = find_workspace().root / "calibration"
        for name, text in make(calibration).items():
            path = calibration / "derived" / name
            part = path.with_suffix(".part")
            part.write_text(text, encoding="utf-8", newline="")
            part.replace(path)
            sys.stdout.write(f"{path}\n")
    except BullbearError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
