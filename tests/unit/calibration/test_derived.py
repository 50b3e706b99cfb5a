"""Computed series: remade bit for bit, and right where it can be said what is right."""

from __future__ import annotations

import math
import shutil
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from bullbear.calibration.derived import MAKERS, main, make
from bullbear.calibration.observations import Series, read_folder, read_series
from bullbear.errors import DataError


@pytest.fixture(scope="module")
def calibration(root: Path) -> Path:
    return root / "calibration"


@pytest.fixture(scope="module")
def derived(calibration: Path) -> dict[str, Series]:
    return read_folder(calibration / "derived")


@pytest.fixture(scope="module")
def remade(calibration: Path) -> dict[str, str]:
    return make(calibration)


@pytest.mark.parametrize("name", MAKERS)
def test_remade_bit_for_bit(calibration: Path, remade: dict[str, str], name: str) -> None:
    file = f"{name}.csv"
    assert remade[file].encode() == (calibration / "derived" / file).read_bytes()


def test_every_file_has_a_recipe_and_rises_strictly(derived: dict[str, Series]) -> None:
    assert set(derived) == set(MAKERS)
    for series in derived.values():
        assert np.all(np.diff([row.time for row in series.rows]) > 0)


def test_cycle_goes_around_one(derived: dict[str, Series]) -> None:
    values = np.array([row.value for row in derived["crypto_cycle"].rows])
    assert np.log(values).mean() == pytest.approx(0, abs=1e-6)
    assert 0.2 < values.min() < 1 < values.max() < 4


def test_cycle_of_a_constant_price_is_one(calibration: Path, tmp_path: Path) -> None:
    copy = tmp_path / "calibration"
    shutil.copytree(calibration, copy)
    path = copy / "observations" / "btc_usd_month.csv"
    header, *lines = path.read_text().splitlines()
    cells = [line.split(",") for line in lines]
    flat = [",".join([c[0], "100", *c[2:]]) for c in cells]
    path.write_text("\n".join([header, *flat]) + "\n")
    rows = make(copy)["crypto_cycle.csv"].splitlines()[1:]
    assert {float(row.split(",")[1]) for row in rows} == {1.0}


def test_returns_compound_to_the_published_figures(
    calibration: Path, derived: dict[str, Series]
) -> None:
    rates = {row.date: row.value for row in derived["fund_net_return"].rows}
    folder = calibration / "observations"
    for row in read_series(folder / "fund_return_numerai_one_month.csv").rows:
        assert math.expm1(rates[row.date.replace(day=1)] / 12) * 100 == pytest.approx(
            row.value, abs=1e-3
        )
    year = [(day, value) for day, value in rates.items() if day.year == 2024]
    months = [after[0].month - day.month for (day, _), after in pairwise(year)]
    months.append(13 - year[-1][0].month)
    total = sum(value * n / 12 for (_, value), n in zip(year, months, strict=True))
    assert math.expm1(total) * 100 == pytest.approx(25.45, abs=1e-3)


def test_placements_and_payouts_explain_the_circulating_supply(
    calibration: Path, derived: dict[str, Series]
) -> None:
    """Where no floor binds, the circulating supply is met at the end of each window."""
    folder = calibration / "observations"
    paid = read_series(folder / "cum_net_payout_classic_weekly.csv").rows
    supply = {
        r.time: r.value for r in read_series(folder / "circulating_supply_nmr_implied.csv").rows
    }
    steps = derived["placements_and_grants"].rows
    windows = [(a, b) for a, b in pairwise(steps)
               if a.time in supply and b.time in supply and "floor" not in a.note]  # fmt: skip
    assert len(windows) == 7
    for a, b in windows:
        payout = np.diff(
            np.interp([a.time, b.time], [r.time for r in paid], [r.value for r in paid], left=0)
        )[0]
        gained = a.value * (b.time - a.time) + payout
        assert gained == pytest.approx(supply[b.time] - supply[a.time], abs=3), (
            "six digits are kept"
        )


def test_the_command_writes_the_same_files(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for part in ("models", "equations"):
        (tmp_path / part).mkdir()
    shutil.copytree(root / "calibration", tmp_path / "calibration")
    for path in (tmp_path / "calibration" / "derived").glob("*.csv"):
        path.unlink()
    monkeypatch.chdir(tmp_path)
    assert main() == 0
    assert len(capsys.readouterr().out.splitlines()) == len(MAKERS)
    written = sorted((tmp_path / "calibration" / "derived").iterdir())
    for path in written:
        assert path.read_bytes() == (root / "calibration" / "derived" / path.name).read_bytes()
    assert not [path for path in written if path.suffix == ".part"]


def test_broken_recipes_are_told(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for part in ("models", "equations"):
        (tmp_path / part).mkdir()
    copy = tmp_path / "calibration"
    shutil.copytree(root / "calibration", copy)
    recipes = copy / "derived" / "recipes.toml"
    text = recipes.read_text()
    recipes.write_text(text.replace("half_life", "halflife"))
    with pytest.raises(DataError, match="the recipe of crypto_cycle has no 'half_life'"):
        make(copy)
    recipes.write_text("[broken")
    monkeypatch.chdir(tmp_path)
    assert main() == 1
    assert "recipes.toml: cannot be read" in capsys.readouterr().err
