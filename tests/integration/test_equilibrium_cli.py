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
