"""Boxes of a study: planted ones are found among as many inputs as Numerai has."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import bullbear
from bullbear.analysis.boxes import Draws, box_of
from bullbear.analysis.study import Study
from bullbear.errors import BullbearError, UsageError

INPUTS = 145


def planted(seed: int) -> tuple[np.ndarray, np.ndarray]:
    points = np.random.default_rng(seed).random((3000, INPUTS))
    return points, (points[:, 3] > 0.3) & (points[:, 3] < 0.7) & (points[:, 40] < 0.5)


@pytest.mark.parametrize("seed", range(3))
def test_a_planted_box_is_found_and_nothing_else(seed: int) -> None:
    points, cases = planted(seed)
    names = tuple(f"x{i}" for i in range(INPUTS))
    _, limits, _, confirmed, _ = box_of(names, points, cases, 0.95, seed)
    assert {limit.name for limit in limits} == {"x3", "x40"}
    found = {limit.name: limit for limit in limits}
    assert found["x3"].lower == pytest.approx(0.3, abs=0.05)
    assert found["x3"].upper == pytest.approx(0.7, abs=0.05)
    assert found["x40"].lower is None
    assert found["x40"].upper == pytest.approx(0.5, abs=0.05)
    assert confirmed.density > 0.9
    assert confirmed.coverage > 0.85


def test_where_nothing_tells_cases_apart_no_limit_stays() -> None:
    random = np.random.default_rng(5)
    points, cases = random.random((2000, 6)), random.random(2000) < 0.3
    _, limits, _, confirmed, dense = box_of(tuple("abcdef"), points, cases, 0.9, 0)
    assert len(limits) <= 2
    assert confirmed.density < 0.5
    assert not dense


def test_one_class_is_refused() -> None:
    points = np.random.default_rng(0).random((100, 3))
    with pytest.raises(UsageError, match="nothing to tell apart"):
        box_of(("a", "b", "c"), points, np.ones(100, dtype=bool), 0.9, 0)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[method]\nname = "discovery"\n', "needs a table"),
        (
            '[discovery]\ncase = "bears"\n[method]\nname = "discovery"\n',
            'no outcome is called "bears"',
        ),
        (
            '[discovery]\ncase = "bear"\noutcomes = "none.toml"\n[method]\nname = "discovery"\n',
            "none.toml",
        ),
    ],
)
def test_what_cannot_be_discovered_is_answered(
    toy: Path, root: Path, text: str, message: str
) -> None:
    head = 'title = "t"\nmodel = "toy"\n[inputs."time constant"]\ndistribution = "uniform(2, 3)"\n'
    (toy / "outcomes.toml").write_text(
        'model = "toy"\nbefore = [2021]\nquantiles = [0.5]\nbull = ["wet"]\nbear = ["not wet"]\n'
        '[[conditions]]\nname = "wet"\ntests = [{ event = "half-empty", after = 2021.5 }]\n'
    )
    (toy / "study.toml").write_text(head + text)
    with pytest.raises(BullbearError, match=message):
        Draws(Study.read(toy / "study.toml"), bullbear.load("toy"), 64, 0)


def test_the_study_that_comes_along_fits_the_model(root: Path) -> None:
    study = Study.read(root / "analysis" / "discovery-bear.toml")
    assert Draws(study, bullbear.load("numerai"), 16, 0).count == 16
