"""`bullbear equilibrium` as a user calls it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

ANSWERS = Path(__file__).parents[1] / "known_answers" / "models"


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_words_name_kind_times_and_completeness(cli: Callable[..., Any]) -> None:
    done = cli("equilibrium", ANSWERS / "budworm.mdl")
    assert done.code == 0
    assert "stable, half-life 3.408" in done.out
    assert "unstable, doubling time 1.386" in done.out
    assert "solved by algebra" in done.out


def test_json_has_the_fields_of_the_contract(cli: Callable[..., Any]) -> None:
    found = cli("equilibrium", ANSWERS / "lotka_volterra.mdl", "--json").json
    assert found["ok"]
    assert {"equilibria", "invariants", "special_points", "dropped"} <= set(found)
    one = found["equilibria"][0]
    assert set(one) >= {"states", "residual", "eigenvalues", "stable", "kind", "half_life"}
    assert one["states"] == {"x": 4.0, "y": 2.75}
    assert one["eigenvalues"][0] == [pytest.approx(0), pytest.approx(0.66332496)]
    assert one["stable"] is False
    assert one["half_life"] is None


def test_branches_are_written_with_their_special_points(cli: Callable[..., Any]) -> None:
    done = cli("equilibrium", ANSWERS / "budworm.mdl", "--along", "r=0.2:0.8", "--json")
    assert [point["kind"] for point in done.json["special_points"]] == ["fold", "fold"]
    table = pd.read_csv("bullbear-out/equilibrium/branches.csv")
    assert set(table["kind"]) == {"stable", "unstable"}
    assert {"branch", "r", "x", "largest real part"} == set(table.columns) - {"kind"}
    assert (Path("bullbear-out/equilibrium/branches.png")).stat().st_size > 10_000


def test_no_rest_offers_growth(cli: Callable[..., Any]) -> None:
    done = cli("equilibrium", ANSWERS / "no_rest.mdl")
    assert done.code == 0
    assert "No level can rest" in done.out
    grown = cli("equilibrium", ANSWERS / "staking.mdl")
    assert "Balanced growth of Circulating, Staked by 0.1" in grown.out


def test_where_folds_go_is_written_with_its_cusps(cli: Callable[..., Any]) -> None:
    ranges = ("--along", "r=0.05:1", "--across", "k=4:20")
    done = cli("equilibrium", ANSWERS / "budworm.mdl", *ranges, "--json")
    (line,) = done.json["fold_lines"]
    assert line["cusps"] == [[pytest.approx(0.649519053), pytest.approx(5.196152423)]]
    table = pd.read_csv("bullbear-out/equilibrium/folds.csv")
    assert list(table.columns) == ["line", "kind", "k", "r", "x"]
    assert table["kind"].value_counts()["cusp"] == 1
    for name in ("folds.png", "branches.png"):
        assert (Path("bullbear-out/equilibrium") / name).stat().st_size > 10_000


def test_where_folds_go_is_told(cli: Callable[..., Any]) -> None:
    done = cli("equilibrium", ANSWERS / "cusp.mdl", "--along", "l=-2:2", "--across", "q=-1:1.5")
    assert done.code == 0
    assert "A line of folds over q from -1 to 1.5" in done.out
    assert "cusp at l = " in done.out


def test_that_nothing_folds_is_said(cli: Callable[..., Any]) -> None:
    done = cli("equilibrium", ANSWERS / "brusselator.mdl", "--along", "B=1:6", "--across", "A=1:2")
    assert done.code == 0
    assert "No fold along B over A from 1 to 2: none at A = 1.25, 1.5, 1.75" in " ".join(
        done.out.split()
    )


def test_a_held_stock_drifts(cli: Callable[..., Any]) -> None:
    done = cli("equilibrium", ANSWERS / "treasury_switch.mdl", "--hold", "Treasury=50", "--json")
    assert done.json["held"] == {"Treasury": 50.0}
    assert done.json["equilibria"][0]["drift"]["Treasury"] == pytest.approx((4 - 10) / 50)


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        (("--along", "r"), 2, "no range"),
        (("--along", "r=0.8:0.2"), 2, "is empty"),
        (("--along", "rr=0:1"), 2, "rr"),
        (("--along", "x=0:1"), 2, "initial value"),
        (("--across", "k=5:9"), 2, "needs --along"),
        (("--along", "r=0.2:0.8", "--across", "k"), 2, "no range"),
        (("--along", "r=0.2:0.8", "--across", "k=9:5"), 2, "is empty"),
        (("--along", "r=0.2:0.8", "--across", "kk=1:2"), 2, "kk"),
        (("--hold", "y=1"), 2, "no stock"),
        (("--set", "q=1"), 2, "q"),
    ],
)
def test_bad_input_is_answered(
    cli: Callable[..., Any], arguments: tuple[str, ...], code: int, text: str
) -> None:
    done = cli("equilibrium", ANSWERS / "budworm.mdl", *arguments)
    assert done.code == code
    assert text in done.err
    assert "Traceback" not in done.err


def test_what_jumps_is_refused_by_name(cli: Callable[..., Any], tmp_path: Path) -> None:
    (tmp_path / "late.mdl").write_text(
        "{UTF-8}\nx = INTEG(late - x, 1) ~ m ~ |\nlate = DELAY FIXED(x, 2, 1) ~ m ~ |\n"
        "INITIAL TIME = 0 ~ Year ~ |\nFINAL TIME = 9 ~ Year ~ |\nTIME STEP = 0.5 ~ Year ~ |\n"
        "SAVEPER = 1 ~ Year ~ |\n"
    )
    done = cli("equilibrium", "late.mdl", "--json")
    assert done.code == 1
    assert 'DELAY FIXED in "late"' in done.json["error"]["message"]
    assert "bullbear run" in done.json["error"]["hint"]
    told = cli("equilibrium", "late.mdl")
    assert told.code == 1
    assert "Traceback" not in told.err


def test_a_singular_jacobian_names_its_invariant(cli: Callable[..., Any]) -> None:
    """Water goes to and fro: the total is conserved, and the rest is judged without it."""
    found = cli("equilibrium", ANSWERS / "two_tanks.mdl", "--json").json
    assert found["invariants"] == ["Left + Right + Air = 40 Litre"]
    (one,) = found["equilibria"]
    assert one["eigenvalues"] == [[pytest.approx(-1), 0.0]]
    assert (
        "Conserved: Left + Right + Air = 40 Litre"
        in cli("equilibrium", ANSWERS / "two_tanks.mdl").out
    )


LINE = """\
{UTF-8}
a = INTEG(b - a, 1) ~ m ~ |
b = INTEG(2 * (a - b) * EXP(-c), 2) ~ m ~ |
c = INTEG(a - b - c, 0) ~ m ~ |
spare = 3 ~ Dmnl ~ |
memo = spare * a ~ Dmnl ~ |
INITIAL TIME = 0 ~ Year ~ |
FINAL TIME = 9 ~ Year ~ |
TIME STEP = 0.0625 ~ Year ~ |
SAVEPER = 1 ~ Year ~ |
"""


def test_a_line_of_equilibria_names_its_stocks(cli: Callable[..., Any], tmp_path: Path) -> None:
    (tmp_path / "line.mdl").write_text(LINE)
    done = cli("equilibrium", "line.mdl")
    assert done.code == 0
    assert "one of a line of equilibria along" in done.out
    assert "neutral" in done.out


def test_a_constant_that_does_not_enter_is_refused(cli: Callable[..., Any], tmp_path: Path) -> None:
    (tmp_path / "line.mdl").write_text(LINE)
    done = cli("equilibrium", "line.mdl", "--along", "spare=0:1", "--json")
    assert done.code == 1
    assert done.json["error"]["code"] == "no-effect"
    assert '"spare" does not enter' in done.json["error"]["message"]
    assert done.json["error"]["hint"]
    other = ("--along", "spare=0:1", "--across", "TIME STEP=0:1")
    assert cli("equilibrium", "line.mdl", *other).code in (1, 2)
