"""Policies: regret and satisficing against hand-made numbers, and a model whose best is known."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import bullbear
from bullbear.analysis.evaluation import Journal
from bullbear.analysis.policies import Comparison, Contest
from bullbear.analysis.policies_file import FILE, SCHEMA, Policies
from bullbear.errors import BullbearError
from bullbear.models.ensemble import Options
from bullbear.report.sensitivity_policies import content, knowing

MODELS = Path(__file__).parents[2] / "known_answers" / "models"
CONTEST = f"""
title = "Spend less or wait"
model = "{(MODELS / "run_out_long.toml").as_posix()}"
n = 512
[inputs."initial treasury"]
distribution = "uniform(50, 150)"
[[criteria]]
event = "run-out"
enough = 10
[[criteria]]
name = "left"
variable = "Treasury"
at = 2
better = "less"
enough = 100
[[policies]]
name = "plain"
[[policies]]
name = "thrift"
levers = {{ b = 5 }}
[[policies]]
name = "waste"
levers = {{ b = 20 }}
"""


def contest(folder: Path, text: str = CONTEST) -> Contest:
    (folder / "p.toml").write_text(text)
    file = Policies.read(folder / "p.toml")
    return Contest(file, bullbear.load(file.model_argument), None, None)


def test_regret_satisficing_and_front_of_known_policies(tmp_path: Path) -> None:
    made = contest(tmp_path)
    found = made.compare(Options(), Journal(tmp_path, made.label, resume=False), lambda _: None)
    start = found.points[:, 0]
    np.testing.assert_allclose(found.values[0, :, 0], start / 10, rtol=1e-9)
    np.testing.assert_allclose(found.values[1, :, 0], start / 5, rtol=1e-9)
    np.testing.assert_allclose(found.values[2, :, 1], start - 40, rtol=1e-9)
    np.testing.assert_allclose(found.regret[0, :, 0], start / 5 - start / 10, rtol=1e-9)
    np.testing.assert_allclose(found.regret[1, :, 1], 30, rtol=1e-9)
    assert found.robust[1] == np.mean((start / 5 >= 10) & (start - 10 <= 100))
    # thrift lasts longest, waste leaves least, and plain is between them in both
    assert found.front == (0, 1, 2)
    gain, width = found.gain(1)
    assert gain[1] == pytest.approx(-10)
    assert width[1] == pytest.approx(0, abs=1e-9)


def test_a_policy_beaten_in_every_mean_is_not_on_the_front() -> None:
    values = np.array([[[1.0, 1.0]], [[2.0, 1.0]], [[0.0, 3.0]]]).repeat(20, axis=1)
    found = Comparison(("a", "b"), ("p", "q", "r"), ("x",), 20, 0, 0, np.zeros((20, 1)), values,
                       np.ones(2), np.array([0.5, 0.5]))  # fmt: skip
    assert found.front == (1, 2)
    assert found.robust.tolist() == [1, 1, 0]


def test_the_input_that_flips_the_choice_is_named() -> None:
    random = np.random.default_rng(0)
    points = random.random((4000, 3))
    values = np.stack([np.full((4000, 1), 0.5), points[:, 1:2], np.full((4000, 1), -9.0)])
    found = Comparison(("a",), ("sure", "bold", "bad"), ("x", "y", "z"), 4000, 0, 0, points, values,
                       np.ones(1), np.array([0.4]))  # fmt: skip
    flip = found.flips
    assert (found.policies[flip.first], found.policies[flip.second]) == ("sure", "bold")
    assert flip.telling[0] == 1
    assert flip.indices.value[1, 0] == pytest.approx(1, abs=0.05)
    assert flip.direction[1] == 1
    assert flip.share == pytest.approx(0.5, abs=0.05)


def test_what_is_worth_knowing_is_told() -> None:
    """To know y is worth E max(0.5, y) - 0.5 = 1/8 in the unit of the criterion, and all of what
    can be known; the other inputs are worth nothing."""
    random = np.random.default_rng(0)
    points = random.random((4000, 3))
    values = np.stack([np.full((4000, 1), 0.5), points[:, 1:2], np.full((4000, 1), 0.0)])
    found = Comparison(("a",), ("sure", "bold", "bad"), ("x", "y", "z"), 4000, 0, 0, points, values,
                       np.ones(1), np.array([0.4]))  # fmt: skip
    told = content(found)["information"]
    assert [row["input"] for row in told["inputs"]] == ["y"]
    saved = told["inputs"][0]["regret"] * values.std()
    assert saved == pytest.approx(0.125, abs=0.01)
    assert told["regret"]["everything"] == pytest.approx(told["regret"]["now"])
    assert "y" in knowing(found)[1]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("levers = { b = 5 }", "levers = { bee = 5 }", '"bee"'),
        ("levers = { b = 5 }", 'levers = { "initial treasury" = 5 }', "is uncertain and a lever"),
        ('event = "run-out"', 'event = "closure"', 'no event "closure"'),
        ('name = "thrift"', 'name = "plain"', 'two policies are called "plain"'),
        ("at = 2", "at = [2, 3]", "a criterion is one number"),
        ("n = 512", "n = 5", "greater than or equal to 256"),
    ],
)
def test_what_does_not_fit_is_answered(tmp_path: Path, old: str, new: str, message: str) -> None:
    with pytest.raises(BullbearError, match=message):
        contest(tmp_path, CONTEST.replace(old, new))


def test_the_published_schema_is_that_of_the_code(root: Path) -> None:
    """After a change: write what `schema_text` gives to the file."""
    assert (root / "analysis" / SCHEMA).read_text(encoding="utf-8") == Policies.schema_text()


def test_the_policies_that_come_along_fit_the_model(root: Path) -> None:
    file = Policies.read(root / "analysis" / FILE)
    made = Contest(file, bullbear.load("numerai"), 256, None)
    assert len(file.policies) >= 20
    assert len(made.columns.columns) == 3


def test_the_command_says_it_in_words_and_json(
    cli: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("p.toml").write_text(CONTEST)
    done = cli("policies", "p.toml", "--json", "--out", "here")
    assert done.code == 0
    assert set(done.json["policies"]) == {"plain", "thrift", "waste"}
    assert done.json["policies"]["plain"]["criteria"]["left"]["gain"] == 0
    names = sorted(file.name for file in Path("here").iterdir())
    assert names == ["policies.json", "policies.png", "report.md"]
    said = cli("policies", "p.toml")
    assert "Satisfies everything most often: thrift" in said.out
    assert cli("policies", "p.toml", "--draws", "9").code == 2
