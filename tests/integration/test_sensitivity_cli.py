"""`bullbear sensitivity` as a user calls it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

MODELS = Path(__file__).parents[1] / "known_answers" / "models"
STUDY = f"""
title = "What ends the treasury"
model = "{(MODELS / "run_out_long.toml").as_posix()}"
[inputs."initial treasury"]
distribution = "lognormal(100, 0.3)"
[inputs.b]
distribution = "lognormal(10, 0.4)"
[[outputs]]
event = "run-out"
[[outputs]]
variable = "Treasury"
from = 1
to = 8
[method]
name = "sobol"
n = 512
"""


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("study.toml").write_text(STUDY)


def test_words_tables_figures_and_json(cli: Callable[..., Any]) -> None:
    done = cli("sensitivity", "study.toml")
    assert done.code == 0
    assert done.out.startswith("What ends the treasury.")
    assert "run-out: b (0." in done.out
    out = Path("bullbear-out/sensitivity")
    names = sorted(file.name for file in out.iterdir())
    assert names == ["convergence.png", "indices.csv", "indices.json", "over-time.png",
                     "report.md", "tornado.png"]  # fmt: skip
    written = json.loads((out / "indices.json").read_text())
    indices = written["outputs"]["run-out"]["b"]
    assert abs(indices["s1"] - 0.610899) <= 2 * indices["s1_conf"]
    assert indices["shapley"] is None
    table = pd.read_csv(out / "indices.csv")
    assert list(table.columns[:3]) == ["output", "time", "input"]
    assert len(table) == 2 * (1 + 15)
    report = (out / "report.md").read_text()
    assert report.startswith("# What ends the treasury\n")
    assert "tornado.png" in report


def test_too_few_runs_are_called_so(cli: Callable[..., Any]) -> None:
    done = cli("sensitivity", "study.toml", "--n", "64", "--json")
    assert done.json["ok"]
    assert done.json["converged"] is False
    said = cli("sensitivity", "study.toml", "--n", "64")
    assert "Not enough runs" in said.out


@pytest.mark.parametrize(
    ("method", "index"),
    [("local", "elasticity"), ("morris", "mu_star"), ("shapley", "shapley"), ("given-data", "s1")],
)
def test_every_method_fills_its_index(cli: Callable[..., Any], method: str, index: str) -> None:
    done = cli("sensitivity", "study.toml", "--method", method, "--json", "--seed", "3")
    assert done.code == 0
    assert done.json["method"] == method
    assert done.json["outputs"]["run-out"]["b"][index] is not None


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["study.toml", "--n", "100"], "power of two"),
        (["no-such-study"], "unknown study"),
        (["missing.toml"], "no study file"),
        (["study.toml", "--method", "given-data", "--n", "20"], "at least 256"),
    ],
)
def test_bad_words_are_answered(cli: Callable[..., Any], words: list[str], message: str) -> None:
    done = cli("sensitivity", *words)
    assert done.code == 2
    assert message in done.err
    assert not Path("bullbear-out/sensitivity").exists()


def test_nothing_unfinished_stays_after_a_fault(cli: Callable[..., Any]) -> None:
    cli("sensitivity", "study.toml")
    assert not list(Path("bullbear-out/sensitivity").glob("unfinished*"))
