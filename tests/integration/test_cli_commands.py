"""`scenarios`, `equations`, `init`, and what the program says about itself."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Cli = Callable[..., Any]
COMMANDS = ("run", "scenarios", "equations", "export", "init")


def widest(text: str) -> int:
    return max(len(line) for line in text.splitlines())


# -- scenarios -------------------------------------------------------------------------------------


def test_scenarios_are_listed_with_their_stories_and_parents_are_not(toy: Path, cli: Cli) -> None:
    said = cli("scenarios").out
    assert "leaky: A bigger hole (m1)" in said
    assert "Twice as much leaks out." in said
    assert "holes" not in said


def test_scenarios_as_json_are_one_object(toy: Path, cli: Cli) -> None:
    said = cli("scenarios", "toy", "--json").json
    assert said["ok"] is True
    assert list(said["scenarios"]) == ["base", "leaky"]
    leaky = said["scenarios"]["leaky"]
    assert leaky["title"] == "A bigger hole"
    assert leaky["levers"] == {"pump share": 0.1, "leak multiplier": 2.0}


def test_scenarios_of_the_bundled_model_fit_eighty_columns(cli: Cli) -> None:
    said = cli("scenarios").out
    assert widest(said) <= 80
    assert "bear_2021" in said


def test_a_foreign_file_has_one_scenario(toy: Path, cli: Cli) -> None:
    (toy / "one.mdl").write_text("a = 1 ~~|\n")
    assert list(cli("scenarios", "one.mdl", "--json").json["scenarios"]) == ["base"]


# -- equations -------------------------------------------------------------------------------------


def test_each_stock_has_its_differential_equation_with_units_and_place(toy: Path, cli: Cli) -> None:
    said = " ".join(cli("equations").out.split())
    assert "d Tank[pool] / d Time [Litre/Year] = inflow[pool] - outflow[pool]" in said
    assert "Tank[pool] at first = initial content" in said
    assert "What has left the tanks." in said
    assert "equations/toy/stocks.mdl:3:1" in said
    assert "leak multiplier" not in said


def test_one_variable_has_its_neighbours(toy: Path, cli: Cli) -> None:
    said = cli("equations", "--variable", "OUTFLOW").out
    assert "outflow [Litre/Year]  (flow)" in said
    assert "reads: leak multiplier, wear table, one year, Tank, time constant" in said
    assert "is read by: Tank, Drain" in said


def test_equations_as_json_are_one_object(toy: Path, cli: Cli) -> None:
    said = cli("equations", "--json").json
    assert list(said["equations"]) == ["Tank", "Drain"]
    assert said["equations"]["Drain"]["units"] == "Litre"


def test_equations_as_latex_are_displayed_and_name_the_derivative(toy: Path, cli: Cli) -> None:
    said = cli("equations", "--latex").out
    assert said.count("\\[\n") == said.count("\n\\]") == 4
    assert r"\frac{d}{dt}" in said
    assert r"\text{Litre/Year}" in said
    assert r"\text{initial content}" in said
    one = cli("equations", "--latex", "--variable", "outflow", "--json").json
    assert len(one["equations"]["outflow"]["latex"]) == 1


def test_a_lookup_has_no_latex_but_a_text(toy: Path, cli: Cli) -> None:
    refused = cli("equations", "--latex", "--variable", "wear table")
    assert refused.code == 2
    assert "is no equation but a lookup" in refused.err
    assert "(2040,2)" in cli("equations", "--variable", "wear table").out


def test_equations_of_the_bundled_model_fit_eighty_columns(cli: Cli) -> None:
    said = cli("equations").out
    assert widest(said) <= 80
    assert "d Treasury NMR / d Time [NMR/Year] =" in said


# -- init ------------------------------------------------------------------------------------------


def test_a_copied_workspace_runs_and_is_the_one_that_is_edited(
    tmp_path: Path, cli: Cli, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "my" / "economy"
    assert cli("init", target).code == 0
    monkeypatch.chdir(target)
    scenario = target / "models/scenarios/base.toml"
    scenario.write_text('title = "Mine"\n')
    assert cli("scenarios", "--json").json["scenarios"]["base"]["title"] == "Mine"
    names = {file.relative_to(target) for file in (target / "equations").rglob("*.mdl")}
    assert names == {file.relative_to(root) for file in (root / "equations").rglob("*.mdl")}
    assert cli("run", "--final-time", "2020", "--json").code == 0


def test_an_empty_folder_may_be_filled(tmp_path: Path, cli: Cli) -> None:
    (tmp_path / "empty").mkdir()
    done = cli("init", tmp_path / "empty", "--json")
    assert done.code == 0
    assert done.json["ok"] is True
    assert (tmp_path / "empty/models").is_dir()


# -- workspace -------------------------------------------------------------------------------------


def test_the_workspace_is_found_from_a_folder_below(
    toy: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(toy / "equations/toy")
    assert cli("scenarios", "--json").json["model"] == "toy"


def test_the_workspace_option_wins(
    toy: Path, cli: Cli, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert cli("--workspace", root, "scenarios", "--json").json["model"] == "numerai"
    monkeypatch.chdir("/")
    assert cli("--workspace", toy, "scenarios", "--json").json["model"] == "toy"


# -- help ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", COMMANDS)
def test_every_help_has_an_example_and_fits_eighty_columns(cli: Cli, command: str) -> None:
    done = cli(command, "--help")
    assert done.code == 0
    assert f"  bullbear {command}" in done.out
    assert widest(done.out) <= 80


def test_without_a_command_there_is_an_overview(cli: Cli) -> None:
    done = cli()
    assert done.code == 0
    assert all(f"  {command} " in done.out for command in COMMANDS)
    assert widest(done.out) <= 80


def test_help_does_not_wait_for_heavy_packages(bullbear: Cli) -> None:
    begin = time.perf_counter()
    assert bullbear("--help").code == 0
    assert time.perf_counter() - begin < 2  # 0.1 s where the machine is free


def test_the_version_is_that_of_the_package(cli: Cli) -> None:
    from importlib.metadata import version

    assert cli("--version").out == f"bullbear {version('bullbear')}\n"
