"""Files of claims: what they may say, and how draws answer them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import bullbear
from bullbear.analysis.claims import (
    FILE,
    SCHEMA,
    Claim,
    Claims,
    answers,
    columns_of,
    verdict_of,
)
from bullbear.errors import BullbearError

HEAD = 'model = "toy"\ntitle = "A"\nsource = "B"\ndate = 2021-09-29\n'
CLAIM = """[[claims]]
name = "it empties"
quote = "Soon."
post = 1
variable = "Drain"
at = 2024
at_most = 5
"""


def claim(**keys: object) -> Claim:
    return Claim(name="a", quote="b", post=1, variable="Drain", at=2024, **keys)


@pytest.mark.parametrize(
    ("low", "high", "ends", "verdict"),
    [
        (1, 2, (1.2, 1.8), "holds"),
        (1, 2, (1, 2), "holds"),
        (1, 2, (0.5, 1.5), "open"),
        (1, 2, (0.5, 2.5), "open"),
        (1, 2, (0.1, 0.9), "less than claimed"),
        (1, 2, (2.1, 9), "more than claimed"),
        (None, 2, (-50, 1), "holds"),
        (None, 2, (3, 4), "more than claimed"),
        (1, None, (0, 0.5), "less than claimed"),
        (1, None, (0, 1.5), "open"),
    ],
)
def test_the_verdict_follows_from_the_interval(
    low: float | None, high: float | None, ends: tuple[float, float], verdict: str
) -> None:
    assert verdict_of(claim(at_least=low, at_most=high), *ends) == verdict


def test_numbers_are_divided_and_draws_left_out(toy: Path) -> None:
    (toy / FILE).write_text(
        HEAD + CLAIM + 'over = { variable = "Drain", at = 2021 }\n'
        'given = { event = "half-empty", before = 2022 }\n' + CLAIM
    )
    values = np.ones((100, 4))
    values[:, 0] = np.linspace(0, 99, 100)
    values[:, 1] = 10
    values[:50, 2], values[50:, 2] = 2021, 2030
    first, second = answers(Claims.read(toy / FILE), values)
    assert (first.draws, second.draws) == (50, 100)
    assert first.median == pytest.approx(2.45)
    assert first.share == 1
    assert (first.verdict, second.verdict) == ("holds", "holds")
    few = answers(Claims.read(toy / FILE), values[:20])
    assert few[0].verdict == "too few draws to say"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("at_most = 5", "", "needs at_least or at_most"),
        ("at = 2024", "at = [2023, 2024]", "one number"),
        ("quote", "quotes", "unknown key claims"),
        ('"Drain"', '"Drains"', 'no output "Drains"'),
        ('"Drain"', '"Tank"', "has elements"),
        ("2024", "2050", "outside the run"),
        ("at_most = 5", 'at_most = 5\nnow = { file = "no.csv", date = 2020-01-01 }', "no file"),
        (
            "at_most = 5",
            'at_most = 5\nnow = { file = "some.csv", date = 2020-01-01 }',
            "no row of 2020-01-01",
        ),
    ],
)
def test_what_does_not_fit_is_answered(toy: Path, old: str, new: str, message: str) -> None:
    (toy / "some.csv").write_text("time,value,date,unit,title,source\n2019,1,2019-01-01,a,b,c\n")
    (toy / FILE).write_text(HEAD + CLAIM.replace(old, new))
    with pytest.raises(BullbearError, match=message) as fault:
        columns_of(Claims.read(toy / FILE), bullbear.load("toy"))
    assert fault.value.findings[0].where.line is not None


def test_the_shipped_claims_fit_the_model(root: Path) -> None:
    claims = Claims.read(root / "analysis" / FILE)
    found = columns_of(claims, bullbear.load(root / "models" / "numerai.toml"))
    assert len(found) >= len(claims.claims)


def test_the_published_schema_is_current(root: Path) -> None:
    """After a change: write what `schema_text` gives to the file."""
    assert (root / "analysis" / SCHEMA).read_text(encoding="utf-8") == Claims.schema_text()
