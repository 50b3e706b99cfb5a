"""Scenario files: inheritance, order of levers, and faults."""

from __future__ import annotations

from pathlib import Path

import pytest

from bullbear.errors import ModelError, UsageError
from bullbear.models.scenarios import find_scenario, listed, load_scenarios


def write(folder: Path, slug: str, text: str) -> None:
    (folder / f"{slug}.toml").write_text(text)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(tmp_path, "base", 'title = "As it is"\n')
    write(
        tmp_path,
        "as_of_2021",
        'title = "Frozen"\nabstract = true\n[levers]\n"freeze time" = 2021.75\nalpha = 1\nbeta = 2',
    )
    write(
        tmp_path,
        "bear_2021",
        'title = "Bear"\nmechanism = "m5 m6"\nstory = "Alpha fades."\ninherits = "as_of_2021"\n'
        "[levers]\nalpha = 0.3\n",
    )
    return tmp_path


def test_levers_come_from_the_parent_first_and_the_child_wins(folder: Path) -> None:
    bear = load_scenarios(folder)["bear_2021"]
    assert list(bear.levers.items()) == [("freeze time", 2021.75), ("beta", 2.0), ("alpha", 0.3)]


def test_each_lever_knows_the_file_and_line_that_sets_it(folder: Path) -> None:
    places = load_scenarios(folder)["bear_2021"].places
    assert str(places["freeze time"]) == f"{folder / 'as_of_2021.toml'}:4:1"
    assert str(places["alpha"]) == f"{folder / 'bear_2021.toml'}:6:1"


def test_base_is_first_and_pure_parents_are_not_listed(folder: Path) -> None:
    assert [one.slug for one in listed(load_scenarios(folder))] == ["base", "bear_2021"]


def test_an_unknown_scenario_is_answered_with_the_nearest(folder: Path) -> None:
    with pytest.raises(UsageError) as caught:
        find_scenario(load_scenarios(folder), "bear_2012")
    assert '"bear_2021"' in caught.value.hint
    assert str(folder) in caught.value.message


def test_an_unknown_scenario_without_a_near_one_is_answered_with_all(folder: Path) -> None:
    with pytest.raises(UsageError) as caught:
        find_scenario(load_scenarios(folder), "zzz")
    assert "base, bear_2021" in caught.value.hint


def test_an_unknown_parent_is_an_error_with_its_line(folder: Path) -> None:
    write(folder, "x", 'title = "X"\ninherits = "bare_2021"\n')
    with pytest.raises(ModelError) as caught:
        load_scenarios(folder)
    assert str(caught.value.where) == f"{folder / 'x.toml'}:2:1"
    assert '"bear_2021"' in caught.value.hint


def test_a_circle_of_parents_is_named(folder: Path) -> None:
    write(folder, "x", 'title = "X"\ninherits = "y"\n')
    write(folder, "y", 'title = "Y"\ninherits = "x"\n')
    with pytest.raises(ModelError, match="x -> y -> x"):
        load_scenarios(folder)


def test_a_parent_of_itself_is_a_circle(folder: Path) -> None:
    write(folder, "x", 'title = "X"\ninherits = "x"\n')
    with pytest.raises(ModelError, match="x -> x"):
        load_scenarios(folder)


@pytest.mark.parametrize("slug", ["Bear 2021", "bear.2021", "bär"])
def test_a_file_name_must_be_a_slug(folder: Path, slug: str) -> None:
    write(folder, slug, 'title = "X"\n')
    with pytest.raises(ModelError, match="is no name of a scenario"):
        load_scenarios(folder)


@pytest.mark.parametrize("value", ['"0.3"', "true", "nan", "inf", "[1]"])
def test_a_lever_is_a_finite_number(folder: Path, value: str) -> None:
    write(folder, "x", f'title = "X"\n[levers]\n"alpha multiplier" = {value}\n')
    with pytest.raises(ModelError) as caught:
        load_scenarios(folder)
    assert 'levers."alpha multiplier"' in caught.value.message
    assert caught.value.where is not None
    assert caught.value.where.line == 3


def test_an_unknown_key_is_answered_with_the_nearest(folder: Path) -> None:
    write(folder, "x", 'title = "X"\ninherit = "base"\n')
    with pytest.raises(ModelError) as caught:
        load_scenarios(folder)
    assert '"inherits"' in caught.value.hint


def test_a_missing_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no such folder"):
        load_scenarios(tmp_path / "none")
