"""`bullbear calibrate` from the command line, on small problems."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

PROBLEM = """
title = "Growth"
predictions = ["stock at 10"]
[parameters.rate]
lower = 0.01
upper = 1
prior = "lognormal(0.15, 0.5)"
[[observations]]
file = "points.csv"
variable = "stock"
scale = 0.05
"""
ROWS = "1,11.2,Ton\n3,13.4,Ton\n5,16.8,Ton\n7,20,Ton\n9,24.9,Ton\n"


@pytest.fixture
def folder(problem: Callable[..., Path]) -> Path:
    path = problem("growth", PROBLEM, points=ROWS)
    return path.parent


def call(bullbear: Callable[..., Any], folder: Path, *more: str) -> Any:
    return bullbear(
        "calibrate", str(folder / "problem.toml"), "--starts", "3", "--threads", "1",
        "--out", str(folder / "out"), *more, timeout=600,
    )  # fmt: skip


def test_a_quick_fit(bullbear: Callable[..., Any], folder: Path) -> None:
    done = call(bullbear, folder, "--influence", "--json")
    assert done.code == 0, done.err
    content = json.loads(done.out)
    assert content["status"] == "quick"
    assert content["hits"] == content["starts"] == 3
    assert content["parameters"]["rate"]["value"] == pytest.approx(0.1, abs=0.01)
    assert content["parameters"]["rate"]["identifiable"] is True
    assert {i["change"] for i in content["influence"]} == {"left out", "scale doubled"}
    written = json.loads((folder / "out" / "fit.json").read_text())
    keys = {"status", "message", "objective", "ssr", "parameters", "starts", "hits", "evaluations",
            "failed_runs", "gradient_norm", "correlations", "spectrum", "series", "mcmc",
            "provenance"}  # fmt: skip
    assert keys <= set(written)
    assert set(written["parameters"]["rate"]) == {
        "value", "start", "se", "profile_lower", "profile_upper", "at_bound", "identifiable",
        "shrinkage",
    }  # fmt: skip
    assert set(written["series"]["points"]["theil"]) == {"um", "us", "uc"}
    report = (folder / "out" / "report.md").read_text()
    assert report.index("What was learned") < report.index("| constant |")
    assert "The number that would narrow stock at 10 most is points at 10.0" in report
    assert "costs most" in report
    assert (
        written["worth"][0]["spreads"]["stock at 10"] < written["predictions"]["stock at 10"]["se"]
    )
    assert written["series"]["points"]["costliest"]["share"] <= 1
    assert written["backtest"] is None
    assert (folder / "out" / "history.png").is_file()
    assert (folder / "out" / "parameters.csv").read_text().startswith("name,value\nrate,0.")
    assert not list((folder / "out").glob(".unfinished*"))


def test_held_out_numbers_are_scored(bullbear: Callable[..., Any], folder: Path) -> None:
    with (folder / "problem.toml").open("a") as stream:
        stream.write('[[episodes]]\nname = "the jump"\nrows = { points = ["0001-01-01"] }\n'
                     "[held_out]\nafter = 6\n")  # fmt: skip
    done = call(bullbear, folder, "--json")
    assert done.code == 0, done.err
    test = json.loads(done.out)["backtest"]
    assert test["n"] == test["series"]["points"]["n"] == 2
    assert test["series"]["points"]["last_number"] > test["series"]["points"]["miss"]
    report = (folder / "out" / "report.md").read_text()
    assert "2 numbers were held out" in report
    assert "**the jump**" in report


@pytest.mark.long
def test_a_full_fit_has_profiles_and_a_posterior_that_agree(
    bullbear: Callable[..., Any], folder: Path
) -> None:
    done = call(bullbear, folder, "--full", "--json")
    assert done.code == 0, done.err
    content = json.loads(done.out)
    assert content["status"] == "converged"
    rate = content["parameters"]["rate"]
    assert rate["profile_lower"] == pytest.approx(rate["value"] - 1.96 * rate["se"], rel=0.02)
    assert rate["profile_upper"] == pytest.approx(rate["value"] + 1.96 * rate["se"], rel=0.02)
    foretold = content["predictions"]["stock at 10"]
    assert foretold["profile_lower"] < foretold["value"] < foretold["profile_upper"]
    width = foretold["profile_upper"] - foretold["profile_lower"]
    assert width == pytest.approx(2 * 1.96 * foretold["se"], rel=0.05)
    assert set(content["mcmc"]["rhat"]) == {"rate", "stock at 10"}
    import pandas as pd

    draws = pd.read_parquet(folder / "out" / "draws.parquet")
    assert draws["rate"].std() == pytest.approx(rate["se"], rel=0.1)
    assert list(draws.columns) == ["rate"]
    ahead = pd.read_parquet(folder / "out" / "foretold.parquet")
    assert ahead["stock at 10"].mean() == pytest.approx(foretold["value"], rel=0.02)


def test_the_same_seed_gives_the_same_fit(bullbear: Callable[..., Any], folder: Path) -> None:
    first = call(bullbear, folder)
    text = (folder / "out" / "parameters.csv").read_text()
    second = call(bullbear, folder)
    assert first.code == second.code == 0
    assert (folder / "out" / "parameters.csv").read_text() == text


def test_a_constant_that_no_number_depends_on_is_named(
    bullbear: Callable[..., Any], folder: Path
) -> None:
    with (folder / "problem.toml").open("a") as stream:
        stream.write("[parameters.unused]\nlower = 1\nupper = 3\n")
    done = call(bullbear, folder, "--json")
    assert done.code == 0, done.err
    content = json.loads(done.out)
    assert content["status"] == "unidentified"
    assert "unused" in content["message"]
    assert content["parameters"]["unused"]["identifiable"] is False
    assert content["parameters"]["rate"]["identifiable"] is True


def test_an_interrupted_fit_goes_on(bullbear: Callable[..., Any], folder: Path) -> None:
    """A record of what was done is used again, and only if it belongs to the same fit."""
    out = folder / "out"
    out.mkdir()
    (out / ".unfinished.jsonl").write_text('{"fingerprint": "another"}\n')
    done = call(bullbear, folder, "--resume")
    assert done.code == 1
    assert "another problem" in done.err
    (out / ".unfinished.jsonl").write_text("rubbish\nrubbish\n")
    done = call(bullbear, folder, "--resume")
    assert done.code == 1
    assert ".unfinished.jsonl:1" in done.err
    assert "--resume" in done.err
    assert call(bullbear, folder).code == 0


@pytest.mark.long
def test_ctrl_c_leaves_a_record_to_go_on_from(folder: Path) -> None:
    out, record = folder / "out", folder / "out" / ".unfinished.jsonl"
    command = [
        sys.executable, "-m", "bullbear.cli.main", "calibrate", str(folder / "problem.toml"),
        "--starts", "4000", "--threads", "2", "--out", str(out),
    ]  # fmt: skip
    running = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    for _ in range(600):
        if record.is_file() and len(record.read_text().splitlines()) > 5:
            break
        time.sleep(0.1)
    running.send_signal(signal.SIGINT)
    _, words = running.communicate(timeout=60)
    assert running.returncode == 130
    assert "--resume" in words
    assert "Traceback" not in words
    assert not (out / "fit.json").exists()
    done = subprocess.run([*command, "--resume"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads((out / "fit.json").read_text())["starts"] == 4000
    assert not record.exists()


@pytest.mark.parametrize(
    ("old", "new", "word"),
    [
        ('model = "growth.mdl"', 'model = "nothing.mdl"', "nothing.mdl"),
        ('["stock at 10"]', '["stok at 10"]', "stok"),
        ('["stock at 10"]', '["run-out"]', "run-out"),
        ("upper = 1", "upper = 0.05", "start"),
    ],
)
def test_a_faulty_problem_is_a_message(
    bullbear: Callable[..., Any], folder: Path, old: str, new: str, word: str
) -> None:
    text = (folder / "problem.toml").read_text()
    (folder / "problem.toml").write_text(text.replace(old, new))
    done = call(bullbear, folder)
    assert done.code in (1, 2)
    assert word in done.err
    assert "Traceback" not in done.err


def test_all_searches_failing_is_a_message(bullbear: Callable[..., Any], folder: Path) -> None:
    text = (folder / "growth.mdl").read_text()
    (folder / "growth.mdl").write_text(text.replace("rate * stock", "LN(0 - rate) * stock"))
    done = call(bullbear, folder)
    assert done.code == 1
    assert "all 3 searches failed" in done.err


@pytest.fixture
def workspace(folder: Path, tmp_path: Path) -> Path:
    """A workspace whose one model has a parameter file and a problem."""
    place = tmp_path / "own"
    for name in ("models", "equations", "calibration/problems"):
        (place / name).mkdir(parents=True)
    shutil.copy(folder / "growth.mdl", place / "equations")
    (place / "models" / "growth.toml").write_text(
        'title = "Growth"\nsectors = ["../equations/growth.mdl"]\n'
        'parameters = "../calibration/parameters.csv"\n'
        "[time]\ninitial = 0\nfinal = 10\nstep = 0.125\nsaveper = 0.125\n"
    )
    (place / "calibration" / "parameters.csv").write_text(
        "name,value,unit,lower,upper,prior,source\n"
        'rate,0.1,1/Year,0.01,1,"lognormal(0.15, 0.5)",a guess\n'
    )
    problems = place / "calibration" / "problems"
    (problems / "growth.toml").write_text('model = "growth"\n' + PROBLEM)
    shutil.copy(folder / "points.csv", problems)
    return place


def test_a_fit_is_taken_and_the_model_has_its_numbers(
    bullbear: Callable[..., Any], workspace: Path
) -> None:
    assert bullbear("calibrate", "--threads", "1", cwd=workspace).code == 0
    out = workspace / "bullbear-out" / "calibrate"
    fitted = json.loads((out / "fit.json").read_text())["parameters"]["rate"]["value"]
    done = bullbear("calibrate", "--accept", out, "--json", cwd=workspace)
    assert done.code == 0, done.err
    written = float(f"{fitted:.6g}")
    assert done.json["changed"]["rate"] == {"before": 0.1, "after": written}
    assert f"rate = {written}" in (workspace / "equations" / "growth.mdl").read_text()
    assert f"rate,{written}," in (workspace / "calibration" / "parameters.csv").read_text()
    (kept,) = (workspace / "calibration" / "fits").iterdir()
    assert (kept / "report.md").is_file()
    again = bullbear("calibrate", "--accept", out, cwd=workspace)
    assert again.code == 1
    assert "make the fit again" in again.err


@pytest.mark.long
def test_the_draws_of_a_fit_that_was_taken_are_about_the_model(
    bullbear: Callable[..., Any], workspace: Path
) -> None:
    assert bullbear("calibrate", "--full", cwd=workspace, timeout=600).code == 0
    assert bullbear("calibrate", "--accept", "bullbear-out/calibrate", cwd=workspace).code == 0
    (kept,) = (workspace / "calibration" / "fits").iterdir()
    done = bullbear(
        "ensemble", "--draws", kept / "draws.parquet", "--outputs", "stock", cwd=workspace
    )
    assert done.code == 0, done.err
    equations = workspace / "equations" / "growth.mdl"
    from bullbear.analysis.uncertain import sampled
    from bullbear.errors import UsageError
    from bullbear.models.model import load

    assert sampled(kept, load("growth", workspace)).names == ("rate",)
    equations.write_text(equations.read_text().replace("rate * stock,", "rate * stock * 1.1,"))
    with pytest.raises(UsageError, match="fit again"):
        sampled(kept, load("growth", workspace))


def test_a_problem_in_a_folder_has_its_name_with_the_folder(
    bullbear: Callable[..., Any], tmp_path: Path
) -> None:
    done = bullbear("calibrate", "teaching/misra1a", "--starts", "1", "--out", str(tmp_path))
    assert done.code == 0, done.err
    assert (tmp_path / "fit.json").is_file()


def test_an_unknown_problem_is_named(bullbear: Callable[..., Any]) -> None:
    done = bullbear("calibrate", "numeray")
    assert done.code == 2
    assert "numerai" in done.err
