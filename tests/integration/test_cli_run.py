"""`bullbear run`: what it writes and says when all is well."""

from __future__ import annotations

import csv
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Cli = Callable[..., Any]


def table(path: Path) -> tuple[list[str], list[list[float]]]:
    with path.open(newline="") as stream:
        header, *rows = csv.reader(stream)
    return header, [[float(cell) for cell in row] for row in rows]


def column(path: Path, name: str) -> list[float]:
    header, rows = table(path)
    return [row[header.index(name)] for row in rows]


def test_the_csv_has_time_first_and_every_kind_but_lookups(toy: Path, cli: Cli) -> None:
    assert cli("run").code == 0
    header, rows = table(toy / "bullbear-out/run/base.csv")
    assert header[0] == "time"
    assert {"Tank[Near]", "Tank[Far]", "Drain", "inflow[Near]", "time constant"} <= set(header)
    assert "wear table" not in header
    assert [row[0] for row in rows] == [2020 + k / 4 for k in range(17)]


def test_floats_in_the_csv_are_read_back_exactly_and_lines_end_with_lf(toy: Path, cli: Cli) -> None:
    import bullbear

    cli("run")
    written = (toy / "bullbear-out/run/base.csv").read_bytes()
    assert b"\r" not in written
    results = bullbear.load("toy").run().results
    assert (
        column(toy / "bullbear-out/run/base.csv", "Tank[Near]") == results["Tank[Near]"].to_list()
    )


def test_json_has_the_fields_that_others_rely_on(toy: Path, cli: Cli) -> None:
    done = cli("run", "--scenario", "base", "--scenario", "leaky", "--json")
    assert done.code == 0
    said = done.json
    assert said["ok"] is True
    assert {"model", "hash", "method", "time_step", "saveper", "engine", "seconds", "versions"} <= {
        *said
    }
    assert (said["model"], said["method"], said["engine"]) == ("toy", "euler", "numpy")
    assert (said["time_step"], said["saveper"]) == (0.03125, 0.25)
    assert list(said["scenarios"]) == ["base", "leaky"]
    base = said["scenarios"]["base"]
    assert Path(base["file"]) == Path("bullbear-out/run/base.csv")
    assert base["horizon"] == 2030
    assert set(base["at"]) == {"2021", "2022.5", "end"}
    file = toy / base["file"]
    assert base["at"]["end"]["Tank[Near]"] == column(file, "Tank[Near]")[-1]
    assert base["at"]["2021"]["Drain"] == column(file, "Drain")[4]
    assert set(base["trust"]) == {"step_error", "conservation_error", "smallest_stock", "trusted"}
    assert base["trust"]["conservation_error"] < 1e-12
    assert set(base["trust"]["smallest_stock"]) == {"name", "value", "time"}


def test_an_event_that_does_not_happen_is_null(toy: Path, cli: Cli) -> None:
    said = cli("run", "--set", "leak multiplier=0", "--json").json
    assert said["scenarios"]["base"]["events"] == {"half-empty": None}


def test_an_event_is_found_after_the_end_of_the_table(toy: Path, cli: Cli) -> None:
    said = cli("run", "--set", "time constant=8", "--json").json
    assert 2024 < said["scenarios"]["base"]["events"]["half-empty"] < 2030


def test_infinity_is_null_in_json_and_no_word_that_json_does_not_know(toy: Path, cli: Cli) -> None:
    (toy / "big.mdl").write_text(
        "huge = 1e308 ~~|\nratio = huge * huge / huge / huge ~~|\n"
        "Stock = INTEG(1, 0) ~~|\nINITIAL TIME = 0 ~~|\nFINAL TIME = 1 ~~|\nTIME STEP = 1 ~~|\n"
    )
    done = cli("run", "big.mdl", "--json")
    assert "Infinity" not in done.out
    assert "NaN" not in done.out


def test_standard_output_is_the_json_object_alone(toy: Path, bullbear: Cli) -> None:
    done = bullbear("run", "--json", cwd=toy)
    assert done.code == 0
    assert done.out.startswith("{")
    assert done.json["ok"] is True


# -- which value wins -----------------------------------------------------------------------------


def test_the_last_of_equations_parameters_scenario_file_and_set_wins(toy: Path, cli: Cli) -> None:
    (toy / "mine.csv").write_text("name,value\nleak multiplier,3\n")

    def value(name: str, *options: str) -> float:
        said = cli("run", "--json", *options).json
        return float(next(iter(said["scenarios"].values()))["at"]["end"][name])

    assert value("time constant") == 2.5  # the parameter set; the equations say 2
    assert value("leak multiplier") == 1
    leaky = ["--scenario", "leaky"]
    assert value("leak multiplier", *leaky) == 2
    assert value("pump share", *leaky) == 0.1  # from its parent
    with_file = [*leaky, "--parameters", "mine.csv"]
    assert value("leak multiplier", *with_file) == 3
    assert value("leak multiplier", *with_file, "--set", "LEAK_multiplier=4") == 4


def test_the_parameters_option_takes_the_folder_of_a_fit(toy: Path, cli: Cli) -> None:
    (toy / "fit").mkdir()
    (toy / "fit/parameters.csv").write_text("name,value\nleak multiplier,3\n")
    said = cli("run", "--parameters", "fit", "--json").json
    assert said["scenarios"]["base"]["at"]["end"]["leak multiplier"] == 3


def test_one_element_of_a_stock_begins_elsewhere(toy: Path, cli: Cli) -> None:
    cli("run", "--set", "Tank[Near]=7")
    assert column(toy / "bullbear-out/run/base.csv", "Tank[Near]")[0] == 7
    assert column(toy / "bullbear-out/run/base.csv", "Tank[Far]")[0] == 100


# -- method and time ------------------------------------------------------------------------------


def test_method_step_saving_step_and_end_are_what_was_asked_for(toy: Path, cli: Cli) -> None:
    options = ["--method", "rk4", "--time-step", "0.125", "--saveper", "0.5", "--final-time"]
    said = cli("run", *options, "2022", "--json").json
    assert (said["method"], said["time_step"], said["saveper"]) == ("rk4", 0.125, 0.5)
    _, rows = table(toy / "bullbear-out/run/base.csv")
    assert [row[0] for row in rows] == [2020, 2020.5, 2021, 2021.5, 2022]


def test_rk4_is_nearer_to_the_exact_decay_than_euler(toy: Path, cli: Cli) -> None:
    # With the leak at its constant rate the content is an exponential.
    flows = toy / "equations/toy/flows.mdl"
    flows.write_text(flows.read_text().replace("(2040,2)", "(2040,1)"))
    exact = 100 * math.exp(-4 / 2.5)
    error = {}
    for method in ("euler", "rk4"):
        cli("run", "--method", method)
        error[method] = abs(column(toy / "bullbear-out/run/base.csv", "Tank[Near]")[-1] - exact)
    assert error["rk4"] < 1e-6 < 0.1 < error["euler"]


# -- foreign files --------------------------------------------------------------------------------


def test_a_foreign_file_runs_and_its_stocks_are_the_summary(toy: Path, cli: Cli) -> None:
    (toy / "cup.mdl").write_text(
        "Teacup Temperature = INTEG(-loss, 180) ~ Degrees ~ |\n"
        "loss = (Teacup Temperature - 70) / 10 ~ Degrees/Minute ~ |\n"
        "INITIAL TIME = 0 ~ Minute ~ |\nFINAL TIME = 30 ~ Minute ~ |\n"
        "TIME STEP = 0.125 ~ Minute ~ |\nSAVEPER = TIME STEP ~ Minute ~ |\n"
    )
    done = cli("run", "cup.mdl", "--json")
    assert done.code == 0
    assert list(done.json["scenarios"]) == ["base"]
    final = done.json["scenarios"]["base"]["at"]["end"]["Teacup Temperature"]
    assert final == pytest.approx(70 + 110 * (1 - 0.0125) ** 240, rel=1e-12)
    shown = cli("run", "cup.mdl")
    assert "Teacup" in shown.out
    assert "numerai" not in (shown.out + shown.err).lower()


def test_an_older_result_is_replaced_whole(toy: Path, cli: Cli) -> None:
    out = toy / "bullbear-out/run"
    out.mkdir(parents=True)
    (out / "base.csv").write_text("old\n" * 10_000)
    cli("run")
    assert "old" not in (out / "base.csv").read_text()
    assert not [file for file in out.iterdir() if file.name.startswith(".")]
