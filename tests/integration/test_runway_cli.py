"""`bullbear runway` as a user calls it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import bullbear

PRIORS = (
    "name,unit,value,lower,upper,prior,class\n"
    'time constant,Year,2.5,1,5,"lognormal(2.5, 0.4)",prior\n'
)
OUTCOMES = """
model = "toy"
before = [2021, 2023]
quantiles = [0.5]
bull = ["not drained"]
bear = ["drained", "known"]
known = ["known"]
[[conditions]]
name = "drained"
tests = [{ event = "half-empty", before = 2022 }]
[[conditions]]
name = "known"
tests = [{ variable = "Drain", at = 2020.5, at_most = 38 }]
"""


@pytest.fixture(autouse=True)
def _workspace(toy: Path) -> None:
    (toy / "calibration" / "parameters.csv").write_text(PRIORS)
    (toy / "analysis").mkdir()
    (toy / "analysis" / "outcomes.toml").write_text(OUTCOMES)


def test_events_and_outcomes_of_priors(cli: Callable[..., Any]) -> None:
    done = cli("runway", "--draws", "512", "--json")
    assert done.code == 0
    found = done.json
    assert found["ok"]
    event = found["events"]["half-empty"]
    assert 0 <= event["p_before"]["2021"] < event["p_before"]["2023"] <= event["p_before"]["2030"]
    assert 2020 < event["quantiles"]["0.5"] < 2024
    assert sum(found["outcomes"].values()) == pytest.approx(1)
    priors, known = found["prospects"]
    assert known["belief"] == "priors, known"
    assert known["draws"] == round(512 * priors["conditions"]["known"])
    assert Path("bullbear-out/runway/runway.png").is_file()
    assert not list(Path("bullbear-out/runway").glob("unfinished*"))
    report = Path("bullbear-out/runway/report.md").read_text()
    assert report.startswith("# Runway: Two tanks\n\nHalf-empty before 2030 in ")
    assert "\n- base, over all priors (512 draws of 1 constant)" in report


def test_scenarios_side_by_side_in_words(cli: Callable[..., Any]) -> None:
    done = cli("runway", "--draws", "256", "--scenario", "base", "--scenario", "leaky")
    assert done.code == 0
    assert "base, over all priors (256 draws of 1 constant): half-empty before 2030 in" in done.out
    assert "leaky, over all priors (256 draws of 1 constant)" in done.out
    assert "bull" in done.out


def test_a_sample_instead_of_priors(cli: Callable[..., Any], toy: Path) -> None:
    lines = "\n".join(str(1.5 + 0.01 * i) for i in range(100))
    (toy / "draws.csv").write_text(f"time constant\n{lines}\n")
    done = cli("runway", "--posterior", "draws.csv", "--json")
    assert done.json["prospects"][0]["belief"] == "posterior"
    assert done.json["prospects"][0]["draws"] == 100


def test_the_priors_are_told_beside_a_posterior(cli: Callable[..., Any], toy: Path) -> None:
    lines = "\n".join(str(1.5 + 0.01 * i) for i in range(100))
    (toy / "draws.csv").write_text(f"time constant\n{lines}\n")
    done = cli("runway", "--posterior", "draws.csv", "--scenario", "base", "--scenario", "leaky",
               "--draws", "64", "--json")  # fmt: skip
    told = [(p["scenario"], p["belief"]) for p in done.json["prospects"] if "," not in p["belief"]]
    assert told == [("base", "posterior"), ("base", "priors"), ("leaky", "posterior")]


def test_what_a_scenario_sets_is_not_drawn(cli: Callable[..., Any], toy: Path) -> None:
    file = toy / "models" / "scenarios" / "leaky.toml"
    file.write_text(file.read_text() + '"time constant" = 1\n')
    slow = PRIORS + 'initial content,Litre,100,90,110,"uniform(90, 110)",prior\n'
    (toy / "calibration" / "parameters.csv").write_text(slow)
    done = cli("runway", "--draws", "64", "--scenario", "leaky", "--scenario", "base", "--json")
    found = {p["scenario"]: p for p in done.json["prospects"] if p["belief"] == "priors"}
    assert (found["leaky"]["inputs"], found["base"]["inputs"]) == (1, 2)
    assert found["leaky"]["events"]["half-empty"]["quantiles"]["0.5"] < 2020.6


CLAIMS = """
model = "toy"
title = "A talk"
source = "https://example.org/talk"
date = 2020-05-01
[[claims]]
name = "most has left"
quote = "It is all gone."
post = 2
unit = "Litre"
variable = "Drain"
at = 2024
at_least = 100
then = { file = "../calibration/level.csv", date = 2020-04-30 }
[[claims]]
name = "less leaves in the second year"
quote = "It slows down."
post = 3
variable = "outflow[Near]"
at = 2021.5
over = { variable = "outflow[Near]", at = 2020.5 }
given = { event = "half-empty", after = 2020.25 }
at_most = 0.01
"""


def test_claims_are_answered(cli: Callable[..., Any], toy: Path) -> None:
    (toy / "analysis" / "claims.toml").write_text(CLAIMS)
    (toy / "calibration" / "level.csv").write_text(
        "time,value,date,published,quantity,unit,lower,upper,source,title,note\n"
        "2020.3,7,2020-04-30,2020-04-30,level,Litre,,,https://example.org/a,A gauge,\n"
    )
    done = cli("runway", "--draws", "256", "--json")
    first, second = done.json["claims"]
    assert first["verdict"] == "holds"
    assert first["share"] == 1
    assert first["then"]["value"] == 7
    assert 100 < first["lower"] < first["median"] < first["upper"] <= 200
    assert second["verdict"] == "more than claimed"
    assert second["now"] is None
    report = Path("bullbear-out/runway/report.md").read_text()
    assert "Of 2 claims of A talk 1 hold, 1 do not, and of 0 the runs leave it open." in report
    assert "7.00 Litre, 2020-04-30 [1]" in report
    assert "\n1. A gauge, https://example.org/a\n" in report


def test_what_cannot_be_told_is_answered(cli: Callable[..., Any], toy: Path) -> None:
    unknown = cli("runway", "--scenario", "bullish", "--json")
    assert unknown.code == 2
    assert unknown.json["error"]["message"]
    (toy / "fit").mkdir()
    (toy / "fit" / "fit.json").write_text('{"provenance": {"model_hash": "0"}}')
    other = cli("runway", "--posterior", "fit")
    assert other.code == 2
    assert "is of the model 0, not of" in other.err
    # accepted, it belongs to the model that has its values
    own = bullbear.load("toy").hash
    accepted = {"provenance": {"model_hash": "0"}, "accepted": {"model_hash": own}}
    (toy / "fit" / "fit.json").write_text(json.dumps(accepted))
    assert "draws.parquet" in cli("runway", "--posterior", "fit").err
    (toy / "calibration" / "parameters.csv").write_text(
        PRIORS.replace('"lognormal(2.5, 0.4)"', "fixed")
    )
    assert "is fixed" in cli("runway").err


def test_a_model_without_events_says_so(cli: Callable[..., Any], toy: Path) -> None:
    file = toy / "models" / "toy.toml"
    text = file.read_text()
    event = text[text.index("[[events]]") : text.index("[conservation]")]
    file.write_text(text.replace(event, ""))
    (toy / "analysis" / "outcomes.toml").unlink()
    done = cli("runway")
    assert done.code == 2
    assert "names no events" in done.err
