"""Every mistake a user can make has a clear answer, a non-zero exit, and leaves nothing behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Cli = Callable[..., Any]


def files_in(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


@pytest.fixture
def refused(toy: Path, cli: Cli) -> Callable[..., str]:
    """Runs a command that must fail; answers what it says, as text and as JSON alike."""

    def call(code: int, *arguments: object) -> str:
        before, folders = files_in(toy), {p for p in toy.rglob("*") if p.is_dir()}
        plain = cli(*arguments)
        assert plain.code == code, plain.err
        assert plain.out == ""
        assert "Traceback" not in plain.err
        as_json = cli(*arguments, "--json")
        assert as_json.code == code
        assert as_json.json["ok"] is False
        error = as_json.json["error"]
        assert set(error) == {"code", "message", "where", "hint"}
        assert error["code"]
        assert error["message"].split("\n")[0] in as_json.err
        assert files_in(toy) == before
        assert {p for p in toy.rglob("*") if p.is_dir() and p.name != "__pycache__"} == folders
        return str(plain.err)

    return call


# -- names that are not there ---------------------------------------------------------------------


def test_unknown_model(refused: Cli, toy: Path) -> None:
    said = refused(2, "run", "toi")
    assert 'unknown model "toi"' in said
    assert str(toy / "models") in said
    assert 'did you mean "toy"?' in said


def test_unknown_model_file(refused: Cli) -> None:
    assert "no model file models/ty.toml" in (said := refused(2, "run", "models/ty.toml"))
    assert '"toy.toml"' in said
    assert "no folder nowhere" in refused(2, "run", "nowhere/toy.mdl")


def test_unknown_scenario(refused: Cli) -> None:
    said = refused(2, "run", "--scenario", "base", "--scenario", "leeky")
    assert 'unknown scenario "leeky"' in said
    assert 'did you mean "leaky"?' in said


def test_a_foreign_file_has_no_other_scenario_than_base(refused: Cli, toy: Path) -> None:
    (toy / "one.mdl").write_text("a = 1 ~~|\n")
    assert "only base" in refused(2, "run", "one.mdl", "--scenario", "bear")


def test_unknown_lever_on_the_command_line(refused: Cli) -> None:
    said = refused(2, "run", "--set", "leak multiplyer=2")
    assert 'no constant "leak multiplyer"' in said
    assert 'did you mean "leak multiplier"' in said


def test_unknown_lever_in_a_scenario_file(refused: Cli, toy: Path) -> None:
    file = toy / "models/scenarios/odd.toml"
    file.write_text('title = "Odd"\n[levers]\n"leak multiplyer" = 2\n')
    said = refused(1, "run")
    assert "models/scenarios/odd.toml:3:1" in said
    assert 'did you mean "leak multiplier"' in said


def test_unknown_element(refused: Cli) -> None:
    assert "Tank[Near], Tank[Far]" in refused(2, "run", "--set", "Tank[Middle]=1")


def test_unknown_variable(refused: Cli) -> None:
    assert 'did you mean "inflow"' in refused(2, "equations", "--variable", "imflow")


def test_unknown_option_and_command(refused: Cli) -> None:
    assert "--method" in refused(2, "run", "--metod", "rk4")
    assert "`bullbear run --help`" in refused(2, "run", "--metod", "rk4")
    assert "frobnicate" in refused(2, "frobnicate")


# -- values that cannot be ------------------------------------------------------------------------


@pytest.mark.parametrize("value", ["two", "", "inf", "nan", "1e999"])
def test_a_value_that_is_no_number(refused: Cli, value: str) -> None:
    said = refused(2, "run", "--set", f"leak multiplier={value}")
    assert f'the value of "leak multiplier" is no number: "{value}"' in said
    assert "1e6" in said


def test_a_setting_without_an_equals_sign(refused: Cli) -> None:
    assert '--set "alpha multiplier=0.3"' in refused(2, "run", "--set", "leak multiplier")


def test_an_override_of_a_lookup(refused: Cli) -> None:
    said = refused(2, "run", "--set", "wear table=1")
    assert '"wear table" is a lookup and cannot be set' in said
    assert '"leak multiplier"' in said


def test_an_override_of_an_equation(refused: Cli) -> None:
    said = refused(2, "run", "--set", "outflow=1")
    assert '"outflow" is computed by an equation' in said
    assert '"time constant"' in said


def test_another_end_of_the_run_has_its_own_option(refused: Cli) -> None:
    assert "--final-time" in refused(2, "run", "--set", "FINAL TIME=2050")


@pytest.mark.parametrize("value", ["0", "-1", "nan", "inf"])
@pytest.mark.parametrize("option", ["--time-step", "--saveper"])
def test_a_step_that_is_not_above_zero(refused: Cli, option: str, value: str) -> None:
    assert f"{option} must be a number above zero" in refused(2, "run", option, value)


def test_a_time_step_that_does_not_divide_the_saving_step(refused: Cli) -> None:
    said = refused(2, "run", "--time-step", "0.1")
    assert "the time step 0.1 does not divide the saving step 0.25" in said


@pytest.mark.parametrize("value", ["2019", "nan", "inf"])
def test_an_end_that_cannot_be(refused: Cli, value: str) -> None:
    refused(2, "run", "--final-time", value)


def test_a_step_that_is_no_number(refused: Cli) -> None:
    assert "--time-step" in refused(2, "run", "--time-step", "fast")


def test_an_unknown_method(refused: Cli) -> None:
    said = refused(2, "run", "--method", "heun")
    assert "'euler', 'rk4'" in said
    assert "Value error" not in said


# -- files ----------------------------------------------------------------------------------------


def test_an_output_folder_that_is_a_file(refused: Cli, toy: Path) -> None:
    (toy / "taken").write_text("mine\n")
    for out in ("taken", "taken/below"):
        assert "taken is a file" in refused(2, "run", "--out", out)


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may write everywhere")
def test_an_output_folder_that_may_not_be_written(refused: Cli, toy: Path) -> None:
    (toy / "locked").mkdir(mode=0o555)
    assert "does not permit writing" in refused(2, "run", "--out", "locked")


def test_a_syntax_error_has_file_line_and_the_equation(refused: Cli, toy: Path) -> None:
    file = toy / "equations/toy/flows.mdl"
    file.write_text(file.read_text().replace("Drain * pump share", "Drain * * pump share"))
    said = refused(1, "run")
    assert "equations/toy/flows.mdl:2:24: error" in said
    assert "inflow[pool] = Drain * * pump share" in said


def test_all_faults_of_the_equations_are_answered_at_once(refused: Cli, toy: Path) -> None:
    file = toy / "equations/toy/flows.mdl"
    file.write_text(
        file.read_text().replace("Drain * pump", "Drain * * pump").replace("/ one year", "/ one yr")
    )
    said = refused(1, "run")
    assert "flows.mdl:2:" in said
    assert "flows.mdl:3:" in said
    assert '"one year"' in said


def test_a_sector_that_is_not_there(refused: Cli, toy: Path) -> None:
    (toy / "equations/toy/flows.mdl").unlink()
    assert "equations/toy/flows.mdl" in refused(1, "run")


def test_xmile_is_not_taken_for_vensim_text(refused: Cli, toy: Path) -> None:
    (toy / "cup.xmile").write_text("<xmile/>")
    for command in (["run"], ["equations"], ["export", "--to", "cup.mdl"]):
        assert "cup.xmile:1:1: error xmile: the file has no <model>" in refused(
            1, *command, "cup.xmile"
        )


@pytest.mark.parametrize("command", ["run", "scenarios", "equations"])
def test_a_fault_in_the_model_file(refused: Cli, toy: Path, command: str) -> None:
    file = toy / "models/toy.toml"
    file.write_text(file.read_text().replace("saveper", "savper"))
    said = refused(1, command)
    assert "models/toy.toml:13:1" in said
    assert 'did you mean "saveper"?' in said


def test_a_parameter_file_without_its_column(refused: Cli, toy: Path) -> None:
    (toy / "mine.csv").write_text("name;value\nleak multiplier;3\n")
    said = refused(1, "run", "--parameters", "mine.csv")
    assert "mine.csv:1" in said
    assert 'the column "name" is missing' in said


def test_a_parameter_file_that_is_not_there(refused: Cli) -> None:
    assert "cannot read the parameter file mine.csv" in refused(
        2, "run", "--parameters", "mine.csv"
    )


def test_an_unknown_name_in_the_parameter_set_of_the_model(refused: Cli, toy: Path) -> None:
    file = toy / "calibration/parameters.csv"
    file.write_text(file.read_text() + "time constnat,Year,3,lever\n")
    said = refused(1, "run")
    assert "calibration/parameters.csv:3" in said
    assert '"time constant"' in said


@pytest.fixture
def with_series(toy: Path) -> Path:
    """The toy model with a table from a CSV file, which is the answer."""
    file = toy / "equations/toy/flows.mdl"
    file.write_text(
        file.read_text().replace(
            "wear table((2020,1),(2040,2))",
            "wear table(GET DIRECT LOOKUPS('wear.csv', ',', 'A', 'B2'))",
        )
    )
    return toy / "equations/toy/wear.csv"


def test_a_series_with_decimal_years_is_read(with_series: Path, cli: Cli) -> None:
    with_series.write_text("time,value\n2020,1\n2040,2\n")
    assert cli("run").code == 0


def test_a_series_with_a_bad_date(with_series: Path, refused: Cli) -> None:
    with_series.write_text("time,value\n2020,1\n2021-02-30,2\n")
    said = refused(1, "run")
    assert "wear.csv:3:1" in said
    assert "2021-02-30" in said


def test_a_series_without_its_column(with_series: Path, refused: Cli) -> None:
    with_series.write_text("time\n2020\n2040\n")
    assert "wear.csv" in refused(1, "run")


def test_a_series_that_is_not_there(with_series: Path, refused: Cli) -> None:
    assert "wear.csv" in refused(1, "run")


def test_a_run_that_goes_below_zero_names_stock_and_time(refused: Cli) -> None:
    said = refused(1, "run", "--set", "time constant=0.02")
    assert "Tank" in said
    assert "2020.0" in said


def test_export_and_init_do_not_write_over_what_is_there(refused: Cli) -> None:
    assert "is not empty" in refused(2, "init", "models")
    assert "does not end in .mdl" in refused(2, "export", "--to", "toy.txt")


# -- a process of its own -------------------------------------------------------------------------


def test_an_error_leaves_the_process_with_its_code(toy: Path, bullbear: Cli) -> None:
    done = bullbear("run", "toi", cwd=toy)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith('error: unknown model "toi"')
    (toy / "models/toy.toml").write_text("title = 3\n")
    assert bullbear("run", cwd=toy).code == 1


def started(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "bullbear.cli.main", *arguments],
        cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def test_an_interrupt_leaves_with_130_and_nothing_written(toy: Path) -> None:
    with started(toy, "run", "--time-step", "0.0000078125", "--json") as process:
        time.sleep(2)
        assert process.poll() is None
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "Traceback" not in err
    assert out == ""
    assert not (toy / "bullbear-out").exists()


def test_a_reader_that_goes_away_is_no_fault(toy: Path) -> None:
    with started(toy, "run", "--json") as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert "BrokenPipe" not in process.stderr.read()
        assert process.wait(timeout=30) == 0
