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
    assert "run-out: 1. b (0." in done.out
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


def test_what_a_measurement_would_leave(cli: Callable[..., Any]) -> None:
    """ln b has the variance 0.16; a measurement with an error of 0.2 leaves 0.032 of it."""
    text = STUDY.replace('variable = "Treasury"', 'name = "ln b"\nvariable = "b"\nscale = "log"')
    Path("study.toml").write_text(text + "[measurements.b]\nerror = 0.2\nrelative = true\n")
    done = cli("sensitivity", "study.toml", "--method", "given-data", "--json")
    left, width = done.json["left"]["b"]["ln b at 1"]
    assert left == pytest.approx(0.032 / 0.16, abs=0.02)
    assert 0 < width < 0.02
    report = Path("bullbear-out/sensitivity/report.md").read_text()
    assert "| b | 20 % |" in report
    Path("study.toml").write_text(STUDY + "[measurements.bb]\nerror = 0.2\n")
    assert '"bb" is measured and no input' in cli("sensitivity", "study.toml").err


LATE = """
model = "run_out_long"
before = [10]
quantiles = [0.5]
bull = ["late"]
bear = ["not late"]
known = ["late"]
[[conditions]]
name = "late"
tests = [{ variable = "b", at = 0, at_most = 10 }]
"""


def test_draws_that_contradict_the_known_are_left_out(cli: Callable[..., Any]) -> None:
    """The median of b is 10, and half of its values alone move the run-out time less."""
    Path("late.toml").write_text(LATE)
    Path("study.toml").write_text('known = "late.toml"\n' + STUDY)
    done = cli("sensitivity", "study.toml", "--method", "given-data", "--json")
    left_out = int(done.json["remarks"][0].split()[0])
    assert left_out == pytest.approx(16384 / 2, rel=0.05)
    assert done.json["outputs"]["run-out"]["b"]["s1"] < 0.61
    refused = cli("sensitivity", "study.toml")
    assert refused.code == 2
    assert "use --method given-data" in refused.err


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


DISCOVERY = (
    STUDY.split("[[outputs]]")[0]
    + """
[discovery]
case = "bear"
density = 0.9
[method]
name = "discovery"
n = 1024
"""
)
OUTCOMES = """
model = "run_out_long"
before = [10]
quantiles = [0.5]
bull = ["not poor"]
bear = ["poor"]
[[conditions]]
name = "poor"
tests = [{ event = "run-out", before = 8 }]
"""


def test_the_box_of_a_case(cli: Callable[..., Any]) -> None:
    """The treasury is empty before 8 where 100 e^(0.3 x) / (10 e^(0.4 y)) < 8."""
    Path("study.toml").write_text(DISCOVERY)
    Path("outcomes.toml").write_text(OUTCOMES)
    done = cli("sensitivity", "study.toml", "--json")
    assert done.code == 0
    limits = {limit["input"]: limit for limit in done.json["box"]}
    assert limits["b"]["lower"] > 9
    assert limits["b"]["upper"] is None
    assert done.json["confirmed"]["density"] > 0.8
    said = cli("sensitivity", "study.toml")
    assert "It happens when b above" in said.out
    assert sorted(f.name for f in Path("bullbear-out/sensitivity").iterdir()) == [
        "box.json", "report.md", "trade-off.png",
    ]  # fmt: skip


def test_a_logarithm_tames_what_spans_decades(cli: Callable[..., Any]) -> None:
    """ln of the treasury at 0 is ln of its beginning, which alone drives it."""
    Path("study.toml").write_text(
        STUDY.replace("from = 1\nto = 8", 'at = 0\nscale = "log"').replace("n = 512", "n = 256")
    )
    done = cli("sensitivity", "study.toml", "--json")
    shares = done.json["outputs"]["ln Treasury at 0"]
    assert shares["initial treasury"]["st"] == pytest.approx(1, abs=0.05)
    assert shares["b"]["st"] == 0


def test_nothing_unfinished_stays_after_a_fault(cli: Callable[..., Any]) -> None:
    cli("sensitivity", "study.toml")
    assert not list(Path("bullbear-out/sensitivity").glob("unfinished*"))
