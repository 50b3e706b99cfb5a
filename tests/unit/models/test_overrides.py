"""Values that replace constants: what is read, what is refused, which one wins."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bullbear.equations.source import Source
from bullbear.equations.system import System
from bullbear.equations.vensim import read_source
from bullbear.errors import DataError, ModelError, UsageError
from bullbear.models.overrides import (
    Setting,
    check_scenarios,
    parse_number,
    parse_setting,
    parse_settings,
    read_parameters,
    resolve,
)
from bullbear.models.scenarios import load_scenarios

EQUATIONS = """\
kind: A, B ~~|
place: X, Y ~~|
alpha multiplier = 1 ~ Dmnl ~ |
share[kind] = 0.1, 0.2 ~ Dmnl ~ |
grid[kind, place] = 1, 2; 3, 4; ~ Dmnl ~ |
initial amount = 10 ~ NMR ~ |
reference = 5 ~ NMR ~ |
effect table((0,1),(2,0)) ~ Dmnl ~ |
effect = effect table(Stock / reference) ~ Dmnl ~ |
outflow = Stock * alpha multiplier * effect / time to leave ~ NMR/Year ~ |
time to leave = 2 ~ Year ~ |
Stock = INTEG(- outflow, initial amount) ~ NMR ~ |
FINAL TIME = 10 ~ Year ~ |
"""


@pytest.fixture(scope="module")
def system() -> System:
    return System([read_source(Source("toy.mdl", EQUATIONS))])


def refused(system: System, *settings: str) -> UsageError:
    with pytest.raises(UsageError) as caught:
        resolve([parse_setting(text) for text in settings], system)
    return caught.value


# -- one setting -----------------------------------------------------------------------------------


def test_a_setting_is_split_at_the_last_equals_sign() -> None:
    assert parse_setting('"is x = y"=3') == Setting('"is x = y"', 3.0)
    assert parse_setting(" Staked NMR[Classic] = 1e6 ") == Setting("Staked NMR[Classic]", 1e6)


@pytest.mark.parametrize(
    "value", ["", "abc", "inf", "-inf", "nan", "1e999", "1_000", "1,5", "0x10"]
)
def test_a_value_is_a_finite_number(value: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_setting(f"alpha={value}")
    assert caught.value.code == "bad-number"
    assert '"alpha"' in caught.value.message


@pytest.mark.parametrize("text", ["alpha", "=3", "", " = 3"])
def test_a_setting_has_a_name_and_an_equals_sign(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_setting(text)
    assert "--set" in caught.value.hint


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_every_finite_float_is_read_as_itself(value: float) -> None:
    assert parse_number(repr(value)) == value


# -- names -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["alpha multiplier", "ALPHA_Multiplier", '"Alpha  multiplier"'])
def test_names_are_matched_as_vensim_does(system: System, name: str) -> None:
    assert resolve([Setting(name, 0.3)], system) == {"alpha multiplier": 0.3}


def test_a_name_without_elements_means_all_of_them(system: System) -> None:
    assert resolve([Setting("share", 0.5)], system) == {"share[A]": 0.5, "share[B]": 0.5}


def test_one_element_is_set_alone_and_spelled_without_blanks(system: System) -> None:
    assert resolve([Setting("Share[ b ]", 1)], system) == {"share[B]": 1}
    assert resolve([Setting("grid[a, y]", 9)], system) == {"grid[A,Y]": 9}


def test_the_last_setting_wins_whether_by_element_or_for_all(system: System) -> None:
    one, whole = Setting("share[A]", 1), Setting("share", 2)
    assert resolve([one, whole], system) == {"share[A]": 2, "share[B]": 2}
    assert resolve([whole, one], system) == {"share[A]": 1, "share[B]": 2}


def test_settings_of_a_command_keep_their_order(system: System) -> None:
    values = parse_settings(["share=1", "share[A]=2", "share=3"])
    settings = [Setting(name, value) for name, value in values.items()]
    assert resolve(settings, system) == {"share[A]": 3, "share[B]": 3}


def test_setting_a_stock_sets_its_initial_value(system: System) -> None:
    assert resolve([Setting("stock", 7)], system) == {"Stock": 7}


def test_an_unknown_name_is_answered_with_the_nearest(system: System) -> None:
    error = refused(system, "alpha multiplyer=0.3")
    assert '"alpha multiplier"' in error.hint
    assert error.exit_code == 2


def test_an_unknown_element_is_answered_with_those_there_are(system: System) -> None:
    assert "share[A], share[B]" in refused(system, "share[C]=1").hint
    assert "grid[A,X]" in refused(system, "grid[A]=1").hint


def test_a_lookup_is_refused_with_the_constant_to_set_instead(system: System) -> None:
    error = refused(system, "effect table=1")
    assert "is a lookup" in error.message
    assert '"reference"' in error.hint


def test_an_equation_is_refused_with_the_constants_it_depends_on(system: System) -> None:
    error = refused(system, "outflow=1")
    assert "computed by an equation" in error.message
    assert '"alpha multiplier", "time to leave"' in error.hint


def test_the_end_of_the_run_has_an_option_of_its_own(system: System) -> None:
    assert "--final-time" in refused(system, "final_time=2050").hint
    assert "--saveper" in refused(system, "SAVEPER=1").hint


def test_all_faulty_settings_are_answered_at_once(system: System) -> None:
    error = refused(system, "alpha multiplyer=0.3", "outflow=1", "share=1")
    assert [finding.code for finding in error.findings] == ["unknown-lever", "not-a-constant"]


# -- parameter files -------------------------------------------------------------------------------


def test_only_name_and_value_of_a_parameter_file_are_used(tmp_path: Path) -> None:
    file = tmp_path / "set.csv"
    file.write_text(
        'value,note,name,class\n0.3,"a, note",alpha multiplier,lever\n2036,,FINAL TIME,control\n'
    )
    (setting,) = read_parameters(file)
    assert (setting.name, setting.value, setting.where.line) == ("alpha multiplier", 0.3, 2)


def test_the_folder_of_a_fit_is_its_parameter_file(tmp_path: Path) -> None:
    (tmp_path / "parameters.csv").write_text("name,value\nreference,6\n")
    assert [s.name for s in read_parameters(tmp_path)] == ["reference"]


@pytest.mark.parametrize(
    ("text", "said", "line"),
    [
        ("name,values\nreference,6\n", 'the column "value" is missing; found name, values', 1),
        ("", 'the column "name" is missing', 1),
        ("name,value\nreference,six\n", 'the value of "reference" is no number: "six"', 2),
        ("name,value\nreference,\n", 'the value of "reference" is no number', 2),
        ("name,value\nreference\n", 'the value of "reference" is no number', 2),
        ("name,value\nreference,6\nReference,7\n", "is there twice; the first is in line 2", 3),
    ],
)
def test_a_faulty_parameter_file_is_answered_with_its_line(
    tmp_path: Path, text: str, said: str, line: int
) -> None:
    file = tmp_path / "set.csv"
    file.write_text(text)
    with pytest.raises(DataError) as caught:
        read_parameters(file)
    assert said in caught.value.message
    assert caught.value.where is not None
    assert caught.value.where.line == line


def test_a_missing_parameter_file_is_a_fault_of_the_command(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot read the parameter file"):
        read_parameters(tmp_path / "none.csv")


def test_an_unknown_name_in_a_parameter_file_has_its_line(tmp_path: Path, system: System) -> None:
    file = tmp_path / "set.csv"
    file.write_text("name,value\nreference,6\nrefernce 2,6\n")
    with pytest.raises(DataError) as caught:
        resolve(read_parameters(file), system)
    assert str(caught.value.where) == f"{file}:3"
    assert '"reference"' in caught.value.hint


# -- levers of scenarios ---------------------------------------------------------------------------


def test_an_unknown_lever_is_answered_with_file_line_and_nearest_name(
    tmp_path: Path, system: System
) -> None:
    (tmp_path / "base.toml").write_text('title = "Base"\n')
    (tmp_path / "x.toml").write_text('title = "X"\n[levers]\n"alpha multiplyer" = 1\n')
    with pytest.raises(ModelError) as caught:
        check_scenarios(load_scenarios(tmp_path), system)
    assert str(caught.value.where) == f"{tmp_path / 'x.toml'}:3:1"
    assert '"alpha multiplier"' in caught.value.hint
