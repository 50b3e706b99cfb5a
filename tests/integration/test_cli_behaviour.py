"""`bullbear check --behaviour`: statements of modellers as findings of a command."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Cli = Callable[..., Any]

EQUATIONS = """{UTF-8}
Cup = INTEG(-cooling, 80) ~ Degree ~ Heat of the cup.|
Room = INTEG(cooling, 20) ~ Degree ~ Heat of the room.|
cooling = (Cup - Room) / time to cool ~ Degree/Minute ~ Heat that goes over.|
time to cool = 10 ~ Minute ~ How long it takes.|
INITIAL TIME = 0 ~ Minute ~ |
FINAL TIME = 30 ~ Minute ~ |
TIME STEP = 0.25 ~ Minute ~ |
SAVEPER = 1 ~ Minute ~ |
"""
CHECKS = """[[check]]
name = "the cup cools"
variable = "Cup"
predicate = "never_rises"

[[check]]
name = "the cup stays hot"
variable = "Cup"
predicate = "at_least"
value = 60
"""


@pytest.fixture
def cup(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "cup.mdl").write_text(EQUATIONS, encoding="utf-8")
    (tmp_path / "cup.checks.toml").write_text(CHECKS, encoding="utf-8")
    return tmp_path


def test_what_does_not_hold_is_a_finding_with_its_place(cup: Path, cli: Cli) -> None:
    done = cli("check", "cup.mdl", "--behaviour")
    assert done.code == 1
    assert done.out.startswith("cup.checks.toml:6:1: error behaviour: ")
    assert '"the cup stays hot" does not hold (base): Cup must be at least 60' in done.out
    assert "conserved: Cup + Room = 100 Degree" in done.err
    assert "2 checks of behaviour tried on 2 runs" in done.err


def test_the_findings_stand_in_the_json_of_check(cup: Path, cli: Cli) -> None:
    said = cli("check", "cup.mdl", "--behaviour", "--json").json
    assert said["ok"] is False
    assert [finding["code"] for finding in said["findings"]] == ["behaviour"]
    assert said["findings"][0]["line"] == 6


def test_without_the_option_nothing_is_run(cup: Path, cli: Cli) -> None:
    done = cli("check", "cup.mdl")
    assert (done.code, done.out) == (0, "")


def test_what_holds_says_nothing_on_standard_output(cup: Path, cli: Cli) -> None:
    (cup / "cup.checks.toml").write_text(CHECKS.partition("\n\n")[0], encoding="utf-8")
    done = cli("check", "cup.mdl", "--behaviour")
    assert (done.code, done.out) == (0, "")
