"""Stocks that are pushed once, or held from a time on."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

import bullbear
from bullbear.analysis.altered import Push, altered
from bullbear.errors import ModelError
from bullbear.models.model import Model

EQUATIONS = """\
{UTF-8}
side : left, right ~~|
tank[side] = INTEG(inflow[side] - tank[side] * drain, 10) ~ m ~ |
pond = INTEG(0 * drain, 7) ~ m ~ |
inflow[left] = 2 ~ m/Year ~ |
inflow[right] = 1 ~ m/Year ~ |
drain = 0.5 ~ 1/Year ~ |
late = SMOOTHI(tank[left], 2, 10) ~ m ~ |
INITIAL TIME = 0 ~ Year ~ |
FINAL TIME = 8 ~ Year ~ |
TIME STEP = 0.125 ~ Year ~ |
SAVEPER = 0.125 ~ Year ~ |
"""


@pytest.fixture
def model(tmp_path: Path) -> Model:
    (tmp_path / "tanks.mdl").write_text(EQUATIONS)
    return bullbear.load(tmp_path / "tanks.mdl")


@pytest.mark.parametrize("share", [0.25, 0.99, 1.0, -3.0])
def test_a_push_takes_its_share(model: Model, share: float) -> None:
    """Of a stock without other flows just that; others earn and spend meanwhile."""
    pushed = altered(model, [Push("share lost", ("pond", "tank"), 3.0)])
    plain, run = model.run().results, pushed.run(overrides={"share lost": share}).results
    assert run.loc[3.0, "pond"] == 7
    assert run.loc[4.0, "pond"] == run.loc[8.0, "pond"] == pytest.approx(7 * (1 - share), abs=1e-12)
    for name in ("tank[left]", "tank[right]"):
        assert run.loc[3.0, name] == plain.loc[3.0, name]
        assert run.loc[4.0, name] == pytest.approx(
            (1 - share) * plain.loc[3.0, name], rel=0.25, abs=2
        )
    untouched = pushed.run().results
    pd.testing.assert_frame_equal(untouched[plain.columns], plain, rtol=1e-14)


def test_a_held_stock_stays_where_it_is(model: Model) -> None:
    held = altered(model, hold=["Tank"], since=2.0)
    plain, run = model.run().results, held.run().results
    assert run.loc[2.0, "tank[left]"] == plain.loc[2.0, "tank[left]"]
    assert (run.loc[2.0:, "tank[left]"] == run.loc[2.0, "tank[left]"]).all()
    assert run.loc[8.0, "late"] != run.loc[2.0, "late"]  # what follows it goes on


def test_a_push_and_a_hold_go_together(model: Model) -> None:
    both = altered(model, [Push("share lost", ("tank",), 3.0)], ["tank"], 5.0)
    run = both.run(overrides={"share lost": 1.0}).results
    assert run.loc[4.0, "tank[left]"] < run.loc[3.0, "tank[left]"] / 5
    assert run.loc[8.0, "tank[left]"] == run.loc[5.0, "tank[left]"]


@pytest.mark.parametrize(
    ("pushes", "hold", "text"),
    [
        ([], ["drain"], '"drain" is no stock'),
        ([Push("lost", ("tanks",), 1.0)], [], '"tanks" is no stock'),
        ([Push("drain", ("tank",), 1.0)], [], "is a variable of the model already"),
    ],
)
def test_wrong_names_are_refused(
    model: Model, pushes: list[Push], hold: list[str], text: str
) -> None:
    with pytest.raises(ModelError, match=text):
        altered(model, pushes, hold)
