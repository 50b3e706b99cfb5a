"""`bullbear loops` as a user calls it."""

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


def test_a_foreign_file_is_answered_in_words_and_tables(cli: Callable[..., Any]) -> None:
    done = cli("loops", ANSWERS / "bass.mdl")
    assert done.code == 0
    assert "3 loops, all there are" in done.out
    assert "R: Adopters -> from word of mouth -> adoption" in done.out
    assert "numerai" not in done.out.casefold()
    loops = pd.read_csv("bullbear-out/loops/loops.csv")
    assert list(loops["polarity"]) == ["R", "B", "B"]
    shares = pd.read_csv("bullbear-out/loops/shares.csv", index_col="time")
    assert shares.abs().sum(axis=1).to_numpy() == pytest.approx(1, abs=1e-5)
    report = Path("bullbear-out/loops/report.md").read_text()
    assert report.startswith("# Feedback loops: bass, base")
    assert "B2 (Potential -> from word of mouth -> adoption) for 71 %" in report
    for picture in ("causal-loops", "ruling-loops", "stocks-bass"):
        assert f"]({picture}.svg)" in report
        assert Path(f"bullbear-out/loops/{picture}.svg").read_text().startswith("<svg ")


def test_constants_are_drawn_when_asked_for(cli: Callable[..., Any]) -> None:
    picture = Path("bullbear-out/loops/stocks-bass.svg")
    assert cli("loops", ANSWERS / "bass.mdl").code == 0
    assert "contact rate" not in picture.read_text()
    assert cli("loops", ANSWERS / "bass.mdl", "--constants").code == 0
    assert "contact rate" in picture.read_text()


def test_json_says_how_the_direction_was_found(cli: Callable[..., Any]) -> None:
    done = cli("loops", ANSWERS / "logistic_one_flow.mdl", "--json", "--out", "here")
    found = done.json
    assert found["ok"]
    assert found["complete"]
    assert "partial derivatives" in found["polarity_by"]
    assert [loop["polarity"] for loop in found["loops"]] == ["R", "B"]
    assert found["dominant"][0]["loops"] == ["P -> net growth"]
    assert [one["loop"] for one in found["ruling"]] == [
        "P -> net growth", "P -> growth rate -> net growth",
    ]  # fmt: skip
    assert sum(one["share_of_run"] for one in found["ruling"]) == pytest.approx(1)
    assert "here/report.md" in found["files"]


def test_the_bundled_model_has_the_loops_of_its_file(cli: Callable[..., Any], root: Path) -> None:
    done = cli("loops", root / "models" / "numerai.toml", "--json", "--length", 5)
    assert done.code == 0, done.err
    named = {one["name"]: one for one in done.json["named"]}
    assert named["R8"]["title"] == "Insolvency"
    assert named["R8"]["polarity"] == "R"
    assert named["B1"]["cycles"] == 3
    assert done.json["length"] == 5


def test_a_model_without_feedback_says_so(cli: Callable[..., Any], tmp_path: Path) -> None:
    (tmp_path / "none.mdl").write_text(
        "{UTF-8}\nx = INTEG(2, 0) ~ m ~ |\nINITIAL TIME = 0 ~ Year ~ |\n"
        "FINAL TIME = 4 ~ Year ~ |\nTIME STEP = 1 ~ Year ~ |\nSAVEPER = 1 ~ Year ~ |\n"
    )
    done = cli("loops", "none.mdl")
    assert done.code == 0
    assert "0 loops, all there are" in done.out
    assert "the model has no feedback loop" in Path("bullbear-out/loops/report.md").read_text()
    assert not Path("bullbear-out/loops/causal-loops.svg").exists()
    assert Path("bullbear-out/loops/stocks-none.svg").exists()


def test_bad_input_is_answered(cli: Callable[..., Any], root: Path) -> None:
    model = root / "models" / "numerai.toml"
    assert cli("loops", model, "--length", 0).code == 2
    assert cli("loops", model, "--scenario", "baer").code == 2
    assert cli("loops", "nobody").code == 2
