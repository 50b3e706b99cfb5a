"""The first variable to depart is named, and experiments find why."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

import bullbear
from bullbear.errors import UsageError
from bullbear.models.causes import Cause
from bullbear.models.verify import Verification, verify

TEACUP = """{UTF-8}
Teacup = INTEG(-Heat Loss, 180) ~ Degrees ~ |
Heat Loss = (Teacup - Room) / Characteristic Time ~ Degrees/Minute ~ |
Felt = SMOOTH(Teacup, 5) ~ Degrees ~ |
Comfort = Table(Teacup) ~ Dmnl ~ |
Table((60, 0), (120, 1)) ~ Dmnl ~ |
Room = 70 ~ Degrees ~ |
Characteristic Time = 10 ~ Minute ~ |
FINAL TIME = 30 ~ Minute ~ |
INITIAL TIME = 0 ~ Minute ~ |
SAVEPER = 1 ~ Minute ~ |
TIME STEP = 0.125 ~ Minute ~ |
"""
CONTROLS = ["FINAL TIME", "INITIAL TIME", "SAVEPER", "TIME STEP"]


@pytest.fixture
def teacup(tmp_path: Path) -> Path:
    path = tmp_path / "teacup.mdl"
    path.write_text(TEACUP, encoding="utf-8")
    return path


def reference(
    tmp_path: Path,
    text: str = TEACUP,
    *,
    digits: int = 17,
    controls: bool = False,
    **options: object,
) -> Path:
    """What another program would have computed for `text`."""
    source = tmp_path / "other.mdl"
    source.write_text(text, encoding="utf-8")
    results = bullbear.load(source).run(**options).results  # type: ignore[arg-type]
    if not controls:
        results = results.drop(columns=CONTROLS)
    return write(tmp_path, results, digits)


def write(tmp_path: Path, results: pd.DataFrame, digits: int = 17) -> Path:
    path = tmp_path / "reference.csv"
    results.to_csv(path, float_format=f"%.{digits}g")
    return path


def cause(found: Verification) -> Cause:
    assert found.cause is not None
    return found.cause


def test_a_model_agrees_with_itself(teacup: Path, tmp_path: Path) -> None:
    found = verify(bullbear.load(teacup), reference(tmp_path), rtol=0)
    assert found.ok
    assert found.first is None
    assert "Teacup" in found.compared
    assert found.times == (0, 30, 31)


@pytest.mark.parametrize("digits", [3, 4, 6])
def test_rounding_of_the_reference_is_allowed(teacup: Path, tmp_path: Path, digits: int) -> None:
    assert verify(bullbear.load(teacup), reference(tmp_path, digits=digits), rtol=1e-12).ok


def test_the_error_is_relative_to_the_largest_reference_value(teacup: Path, tmp_path: Path) -> None:
    model = bullbear.load(teacup)
    results = model.run().results.drop(columns=CONTROLS)
    results.loc[20.0, "Teacup"] += 1.8
    found = verify(model, write(tmp_path, results))
    assert [d.name for d in found.differing] == ["Teacup"]
    assert found.first is not None
    assert found.first.first_time == 20
    assert found.first.max_error == pytest.approx(0.01)
    assert verify(model, write(tmp_path, results), rtol=0.011).ok


def test_what_the_model_has_not_is_missing_and_no_fault(teacup: Path, tmp_path: Path) -> None:
    model = bullbear.load(teacup)
    results = model.run().results.assign(Milk=1.0)
    found = verify(model, write(tmp_path, results))
    assert found.missing == ["Milk"]
    assert found.ok


def test_nothing_in_common_is_no_agreement(teacup: Path, tmp_path: Path) -> None:
    results = pd.DataFrame({"Milk": [1.0, 2.0]}, index=pd.Index([0.0, 1.0], name="time"))
    assert not verify(bullbear.load(teacup), write(tmp_path, results)).ok


def test_times_outside_the_run_are_left_out_and_counted(teacup: Path, tmp_path: Path) -> None:
    long = reference(tmp_path, TEACUP.replace("FINAL TIME = 30", "FINAL TIME = 40"))
    found = verify(bullbear.load(teacup), long)
    assert found.ok
    assert found.left_out == 10


def test_another_century_is_refused(teacup: Path, tmp_path: Path) -> None:
    results = pd.DataFrame({"Room": [70.0, 70.0]}, index=pd.Index([1900.0, 1901.0], name="time"))
    with pytest.raises(UsageError, match="covers 1900 to 1901"):
        verify(bullbear.load(teacup), write(tmp_path, results))


def test_times_are_met_however_they_were_printed(tmp_path: Path) -> None:
    """Four digits make 1.03125 to 1.031, on which no step stands."""
    text = TEACUP.replace("STEP = 0.125", "STEP = 0.03125").replace("PER = 1 ", "PER = 0.03125 ")
    (tmp_path / "teacup.mdl").write_text(text, encoding="utf-8")
    model = bullbear.load(tmp_path / "teacup.mdl")
    results = model.run().results.drop(columns=CONTROLS)
    results.index = pd.Index([f"{time:.4g}" for time in results.index], name="time")
    assert verify(model, write(tmp_path, results), rtol=1e-12).ok


def test_times_between_steps_are_read_on_a_straight_line(teacup: Path, tmp_path: Path) -> None:
    model = bullbear.load(teacup)
    results = model.run(saveper=0.125).results[["Teacup"]]
    halved = results.iloc[:-1].copy()
    halved.index = halved.index + 0.0625
    halved["Teacup"] = (results["Teacup"].to_numpy()[:-1] + results["Teacup"].to_numpy()[1:]) / 2
    assert verify(model, write(tmp_path, halved), rtol=1e-9).ok


# -- causes ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("step", [0.0625, 0.25, 0.5, 0.1])
def test_another_time_step_is_found(teacup: Path, tmp_path: Path, step: float) -> None:
    options = {"time_step": step, "saveper": 1.0}
    found = verify(bullbear.load(teacup), reference(tmp_path, **options), rtol=1e-6)
    assert cause(found).kind == "time step"
    assert cause(found).proved
    assert f"{step:g}" in cause(found).text


def test_a_time_step_that_the_reference_names_is_found(teacup: Path, tmp_path: Path) -> None:
    path = reference(tmp_path, TEACUP.replace("STEP = 0.125", "STEP = 0.03"), controls=True,
                     saveper=0.9)  # fmt: skip
    found = verify(bullbear.load(teacup), path, rtol=1e-6)
    assert cause(found).kind == "time step"
    assert "0.03" in cause(found).text


def test_another_method_is_found(teacup: Path, tmp_path: Path) -> None:
    found = verify(bullbear.load(teacup), reference(tmp_path, method="rk4"), rtol=1e-6)
    assert cause(found).kind == "method"
    assert "rk4" in cause(found).text
    assert cause(found).proved


def test_another_saving_step_alone_is_no_difference(teacup: Path, tmp_path: Path) -> None:
    assert verify(bullbear.load(teacup), reference(tmp_path, saveper=5.0)).ok


def test_a_saving_step_that_equations_read_is_found(tmp_path: Path) -> None:
    text = TEACUP.replace("Room = 70", "Room = 70 + SAVEPER")
    (tmp_path / "teacup.mdl").write_text(text, encoding="utf-8")
    path = reference(tmp_path, text.replace("SAVEPER = 1", "SAVEPER = 5"), controls=True)
    found = verify(bullbear.load(tmp_path / "teacup.mdl"), path)
    assert cause(found).kind == "saving step"


def test_rows_one_saving_step_late_are_found(teacup: Path, tmp_path: Path) -> None:
    model = bullbear.load(teacup)
    results = model.run().results.drop(columns=CONTROLS).shift(1).bfill()
    found = verify(model, write(tmp_path, results))
    assert cause(found).kind == "saving step"
    assert "later" in cause(found).text


def test_a_smooth_that_begins_elsewhere_is_found(teacup: Path, tmp_path: Path) -> None:
    path = reference(tmp_path, TEACUP.replace("SMOOTH(Teacup, 5)", "SMOOTHI(Teacup, 5, 100)"))
    found = verify(bullbear.load(teacup), path)
    assert found.first is not None
    assert found.first.name == "Felt"
    assert cause(found).kind == "smooth start"
    assert cause(found).proved


def test_a_lookup_read_beyond_its_points_is_found(teacup: Path, tmp_path: Path) -> None:
    other = TEACUP.replace("Table(Teacup)", "LOOKUP EXTRAPOLATE(Table, Teacup)")
    found = verify(bullbear.load(teacup), reference(tmp_path, other))
    assert found.first is not None
    assert found.first.name == "Comfort"
    assert cause(found).kind == "lookup range"
    assert "Table" in cause(found).text


def test_another_constant_is_found_first(teacup: Path, tmp_path: Path) -> None:
    found = verify(
        bullbear.load(teacup), reference(tmp_path, TEACUP.replace("Room = 70", "Room = 65"))
    )
    assert found.first is not None
    assert found.first.name == "Room"
    assert found.first.reference == 65
    assert cause(found).kind == "constant"


def test_another_initial_value_is_found(teacup: Path, tmp_path: Path) -> None:
    found = verify(bullbear.load(teacup), reference(tmp_path, TEACUP.replace("180", "170")))
    assert found.first is not None
    assert found.first.name == "Teacup"
    assert cause(found).kind == "initial value"


def test_another_equation_is_found_where_it_stands(teacup: Path, tmp_path: Path) -> None:
    other = TEACUP.replace("(Teacup - Room) /", "(Teacup - Room) ^ 0.9 /")
    found = verify(bullbear.load(teacup), reference(tmp_path, other))
    assert found.first is not None
    assert found.first.name == "Heat Loss"
    assert cause(found).kind == "equation"
    assert "teacup.mdl:3:1" in cause(found).text


def test_the_first_is_the_earliest_not_the_largest(teacup: Path, tmp_path: Path) -> None:
    other = TEACUP.replace("-Heat Loss,", "-Heat Loss - STEP(20, 12),")
    found = verify(bullbear.load(teacup), reference(tmp_path, other))
    assert found.first is not None
    assert found.first.name == "Teacup"
    assert found.first.first_time == 13
