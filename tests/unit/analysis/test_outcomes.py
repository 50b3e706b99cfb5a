"""Files of outcomes: what they may say, and which draws they count."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import bullbear
from bullbear.analysis.outcomes import (
    FILE,
    SCHEMA,
    Outcomes,
    columns_of,
    hold,
    together,
)
from bullbear.analysis.runway import Share, classes
from bullbear.errors import BullbearError

HEAD = 'model = "toy"\nbefore = [2025]\nquantiles = [0.5]\nbull = ["dry"]\nbear = ["not dry"]\n'
DRY = '[[conditions]]\nname = "dry"\ntests = [{ variable = "Drain", at = 2024, at_most = 5 }]\n'


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (HEAD, 'bull names no condition "dry"'),
        (HEAD + DRY.replace('"dry"', '"dray"'), 'did you mean "dray"'),
        (HEAD.replace("0.5", "1.5") + DRY, "less than 1"),
        (HEAD + DRY.replace("at_most = 5", "before = 5"), "at_least or at_most"),
        (
            HEAD + DRY.replace('variable = "Drain", at', 'event = "half-empty", at'),
            "before or after",
        ),
        (HEAD + DRY.replace("tests = [", "tests = [{},"), "exactly one of the keys"),
    ],
)
def test_what_does_not_fit_the_schema_is_answered(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / FILE).write_text(text)
    with pytest.raises(BullbearError, match=message):
        Outcomes.read(tmp_path / FILE)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"Drain"', '"Drains"', 'no output "Drains"'),
        ('"Drain"', '"Tank"', "has elements"),
        ("2024", "2050", "outside the run"),
        ('variable = "Drain", at = 2024, at_most', 'event = "full", before', 'no event "full"'),
    ],
)
def test_what_does_not_fit_the_model_is_answered(
    toy: Path, old: str, new: str, message: str
) -> None:
    (toy / FILE).write_text(HEAD + DRY.replace(old, new))
    with pytest.raises(BullbearError, match=message) as fault:
        columns_of(Outcomes.read(toy / FILE), bullbear.load("toy"))
    assert fault.value.findings[0].where.line == 6


def test_every_draw_is_bull_bear_or_neither(toy: Path) -> None:
    more = (
        '[[conditions]]\nname = "late"\ntests = [{ event = "half-empty", after = 2022 }, '
        '{ variable = "Tank[Near]", at = 2024, at_least = 10, at_most = 20 }]\n'
    )
    (toy / FILE).write_text(
        HEAD.replace('bear = ["not dry"]', 'bear = ["not dry", "late"]') + DRY + more
    )
    outcomes = Outcomes.read(toy / FILE)
    columns = columns_of(outcomes, bullbear.load("toy"))
    assert [column.label for column in columns] == [
        "Drain at 2024", "half-empty", "Tank[Near] at 2024",
    ]  # fmt: skip
    values = np.array([[1, 2021, 15], [9, 2022, 20], [9, 2021.9, 15], [9, 2030, 21.0]])
    flags = hold(outcomes, values)
    assert flags["dry"].tolist() == [True, False, False, False]
    assert flags["late"].tolist() == [False, True, False, False]
    assert together(["not dry", "not late"], flags, 4).tolist() == [False, False, True, True]
    found = classes(outcomes, flags, 4)
    assert found["bear"].tolist() == [False, True, False, False]
    assert sum(own.astype(int) for own in found.values()).tolist() == [1, 1, 1, 1]


def test_intervals_of_shares() -> None:
    """Wilson's interval for 8 of 10 is 0.4902 to 0.9433; at the ends it stays within 0 and 1."""
    found = Share.of(np.arange(10) < 8)
    assert (found.lower, found.upper) == pytest.approx((0.4901625, 0.9433178), abs=1e-6)
    nothing = Share.of(np.zeros(10, dtype=bool))
    assert nothing.value == nothing.lower == 0
    assert nothing.upper == pytest.approx(0.2775328, abs=1e-6)


def test_the_published_schema_is_that_of_the_code(root: Path) -> None:
    """After a change: write what `schema_text` gives to the file."""
    assert (root / "analysis" / SCHEMA).read_text(encoding="utf-8") == Outcomes.schema_text()


def test_the_outcomes_that_come_along_fit_the_model(root: Path) -> None:
    found = columns_of(Outcomes.read(root / "analysis" / FILE), bullbear.load("numerai"))
    assert len(found) == 7
