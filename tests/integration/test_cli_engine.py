"""`--engine pysd`: the same run by an independent program, and files that only it reads."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Cli = Callable[..., Any]

XMILE = """\
<?xml version="1.0" encoding="utf-8"?>
<xmile version="1.0" xmlns="http://docs.oasis-open.org/xmile/ns/XMILE/v1.0">
<header><vendor>test</vendor><product version="1.0">test</product></header>
<sim_specs method="Euler" time_units="Minutes"><start>0</start><stop>30</stop><dt>0.125</dt>
</sim_specs>
<model><variables>
<stock name="Cup Temperature"><eqn>180</eqn><outflow>heat_loss</outflow></stock>
<flow name="heat loss"><eqn>(Cup_Temperature - 70) / cooling_time</eqn></flow>
<aux name="cooling time"><eqn>10</eqn><units>Minutes</units></aux>
</variables></model>
</xmile>
"""


@pytest.fixture
def cup(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "cup.xmile").write_text(XMILE)
    return tmp_path


def test_pysd_and_bullbear_agree(toy: Path, cli: Cli) -> None:
    options = ["run", "--scenario", "leaky", "--set", "initial content=120", "--json"]
    ours = cli(*options).json["scenarios"]["leaky"]["at"]["end"]
    done = cli(*options, "--engine", "pysd")
    assert done.code == 0, done.err
    assert done.json["engine"] == "pysd"
    theirs = done.json["scenarios"]["leaky"]
    assert {"Tank[Near]", "Drain", "outflow[Far]", "leak multiplier"} <= set(theirs["at"]["end"])
    for name, value in theirs["at"]["end"].items():
        assert value == pytest.approx(ours[name], rel=1e-9, abs=1e-9)
    assert theirs["trust"]["step_error"] is None
    assert theirs["trust"]["trusted"] is False
    assert not list(toy.rglob("*.py"))


def test_pysd_has_no_other_method_than_euler(toy: Path, cli: Cli) -> None:
    done = cli("run", "--engine", "pysd", "--method", "rk4")
    assert done.code == 2
    assert "Euler's method only" in done.err


def test_xmile_runs_in_both_engines_to_the_same_numbers(cup: Path, cli: Cli) -> None:
    ours, theirs = (
        cli("run", "cup.xmile", "--engine", engine, "--json").json["scenarios"]["base"]["at"]["end"]
        for engine in ("numpy", "pysd")
    )
    for name in ("Cup Temperature", "heat loss", "cooling time"):
        assert ours[name] == pytest.approx(theirs[name], rel=1e-12)


def test_xmile_runs_in_pysd(cup: Path, cli: Cli) -> None:
    options = ["run", "cup.xmile", "--engine", "pysd", "--json"]
    final = cli(*options).json["scenarios"]["base"]["at"]["end"]["Cup Temperature"]
    assert final == pytest.approx(70 + 110 * (1 - 0.0125) ** 240, rel=1e-9)
    slower = cli(*options, "--set", "Cooling_Time=20").json
    assert slower["scenarios"]["base"]["at"]["end"]["Cup Temperature"] > final
    assert not list(cup.glob("*.py"))


def test_an_unknown_constant_of_an_xmile_file_is_answered_with_the_nearest(
    cup: Path, cli: Cli
) -> None:
    done = cli("run", "cup.xmile", "--engine", "pysd", "--set", "coling time=20")
    assert done.code == 2
    assert 'did you mean "cooling time"?' in done.err


def test_what_pysd_cannot_read_is_a_fault_of_the_file(cup: Path, cli: Cli) -> None:
    (cup / "cup.xmile").write_text(XMILE.replace(">10<", ">???<"))
    done = cli("run", "cup.xmile", "--engine", "pysd", "--json")
    assert done.code == 1
    assert done.json["error"]["code"] == "pysd"
