"""Model files: what they must say, and how a fault in one is answered."""

from __future__ import annotations

from pathlib import Path

import pytest

from bullbear.errors import ModelError
from bullbear.models.definition import (
    ModelDefinition,
    ModelUser,
    divides,
    foreign_definition,
)

GOOD = """\
title = "A toy"
sectors = ["../equations/toy/one.mdl", "../equations/toy/two.mdl"]
parameters = "../calibration/parameters.csv"
scenarios = "scenarios"
headline = ["Stock"]

[time]
unit = "Year"
initial = 2020
final = 2030
step = 0.015625
saveper = 0.0625
horizon = 2060

[[events]]
name = "run-out"
variable = "Stock"
below = 100000

[[events]]
name = "closure"
variable = "operating status"
below = 0.5
for = 1

[conservation]
NMR = ["Stock", "Burned"]

[summary]
years = [2026, 2030]

[[plots]]
title = "Stocks"
unit = "NMR"
variables = ["Stock", "Burned"]
stacked = true
limit = 11e6
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "toy.toml"
    path.write_text(text)
    return path


def refused(folder: Path, text: str) -> ModelError:
    with pytest.raises(ModelError) as caught:
        ModelDefinition.read(written(folder, text))
    return caught.value


def line_of(text: str, beginning: str) -> int:
    return 1 + [line.startswith(beginning) for line in text.splitlines()].index(True)


def test_paths_are_relative_to_the_model_file(tmp_path: Path) -> None:
    models = tmp_path / "models"
    models.mkdir()
    definition = ModelDefinition.read(written(models, GOOD))
    assert definition.sector_paths[0] == tmp_path / "equations" / "toy" / "one.mdl"
    assert definition.parameters_path == tmp_path / "calibration" / "parameters.csv"
    assert definition.scenarios_folder == models / "scenarios"


def test_events_last_as_long_as_they_say(tmp_path: Path) -> None:
    definition = ModelDefinition.read(written(tmp_path, GOOD))
    assert [event.lasting for event in definition.events] == [0, 1]


def test_a_definition_cannot_be_changed(tmp_path: Path) -> None:
    definition = ModelDefinition.read(written(tmp_path, GOOD))
    with pytest.raises(ValueError, match="frozen"):
        definition.title = "another"  # type: ignore[misc]


@pytest.mark.parametrize(
    ("old", "new", "begins", "hint"),
    [
        ("saveper", "save_per", "save_per", "saveper"),
        ("below = 0.5", "bellow = 0.5", "bellow", "below"),
        ("stacked", "staked", "staked", "stacked"),
        ("headline", "headlines", "headlines", "headline"),
        ("years", "yaers", "yaers", "years"),
        ("[conservation]", "[conservasion]", "[conservasion]", "conservation"),
    ],
)
def test_an_unknown_key_has_its_line_and_the_nearest_key(
    tmp_path: Path, old: str, new: str, begins: str, hint: str
) -> None:
    text = GOOD.replace(old, new)
    error = refused(tmp_path, text)
    unknown = [finding for finding in error.findings if finding.code == "unknown-key"]
    assert len(unknown) == 1
    assert unknown[0].where.line == line_of(text, begins)
    assert f'"{hint}"' in unknown[0].hint


def test_the_second_table_of_a_list_is_told_from_the_first(tmp_path: Path) -> None:
    text = GOOD.replace('variable = "operating status"', "variable = 3")
    error = refused(tmp_path, text)
    assert error.where is not None
    assert error.where.line == line_of(text, "variable = 3")
    assert "events[1].variable" in error.message


def test_a_missing_key_is_named_with_the_line_of_its_table(tmp_path: Path) -> None:
    text = GOOD.replace("final = 2030\n", "")
    error = refused(tmp_path, text)
    assert "time.final is missing" in error.message
    assert error.where is not None
    assert error.where.line == line_of(text, "[time]")


def test_all_faults_are_answered_at_once(tmp_path: Path) -> None:
    text = GOOD.replace("initial = 2020", 'initial = "2020"').replace("stacked", "staked")
    error = refused(tmp_path, text)
    assert {finding.code for finding in error.findings} == {"bad-value", "unknown-key"}


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("final = 2030", "final = 2020", "final 2020 must be after initial 2020"),
        ("horizon = 2060", "horizon = 2025", "horizon 2025 must not be before final 2030"),
        ("saveper = 0.0625", "saveper = 0.07", "saveper 0.07 must be a whole number of steps"),
        ("step = 0.015625", "step = 0", "time.step: input should be greater than 0"),
        ("step = 0.015625", "step = nan", "time.step"),
        ("step = 0.015625", "step = true", "time.step"),
        ("below = 100000", "", 'event "run-out" needs exactly one of'),
        ("below = 100000", "below = 1\nabove = 2", 'event "run-out" needs exactly one of'),
        ('name = "closure"', 'name = "run-out"', 'two events are called "run-out"'),
        ('name = "closure"', 'name = "Shut down"', "events[1].name"),
    ],
)
def test_values_that_cannot_be(tmp_path: Path, old: str, new: str, said: str) -> None:
    assert said in refused(tmp_path, GOOD.replace(old, new)).message


def test_text_that_is_no_toml_is_answered_with_line_and_column(tmp_path: Path) -> None:
    error = refused(tmp_path, 'title = "A toy"\nsectors = [one.mdl]\n')
    assert error.code == "bad-toml"
    assert error.where is not None
    assert (error.where.line, error.where.column) == (2, 12)


def test_a_file_that_ends_too_early_is_answered_with_its_last_line(tmp_path: Path) -> None:
    error = refused(tmp_path, 'title = "A toy"\nsectors = [\n')
    assert error.where is not None
    assert error.where.line == 2


def test_a_missing_file_is_said_to_be_missing(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="No such file"):
        ModelDefinition.read(tmp_path / "none.toml")


def test_the_schema_that_is_published_says_what_a_file_may_say() -> None:
    schema = ModelDefinition.model_json_schema()
    assert schema["required"] == ["title", "sectors"]
    assert schema["additionalProperties"] is False
    assert "for" in schema["$defs"]["Event"]["properties"]


class About(ModelUser):
    model: str


@pytest.mark.parametrize(
    ("model", "standing", "meant"),
    [
        ("toy", ["toy"], "toy"),
        ("toy-2.0", ["sub/toy-2.0"], "toy-2.0"),
        ("toy.mdl", ["sub/toy.mdl", "toy.mdl"], "sub/toy.mdl"),
        ("toy.mdl", ["toy.mdl"], "toy.mdl"),
        ("toy.mdl", [], "sub/toy.mdl"),
        ("../toy.toml", ["toy.toml"], "sub/../toy.toml"),
    ],
)
def test_the_model_that_a_file_is_about_is_a_name_or_stands_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, model: str, standing: list[str], meant: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("sub").mkdir()
    for name in standing:
        Path(name).touch()
    Path("sub/about.toml").write_text(f'model = "{model}"\n')
    assert About.read(Path("sub/about.toml")).model_argument == str(Path(meant))


def test_a_foreign_file_has_one_scenario_and_its_stocks_as_headline(tmp_path: Path) -> None:
    definition = foreign_definition(tmp_path / "teacup.mdl", ["Teacup Temperature"])
    assert definition.canonical == "base"
    assert definition.headline == ["Teacup Temperature"]
    assert definition.sector_paths == [tmp_path / "teacup.mdl"]
    assert definition.scenarios_folder is None
    assert not definition.events


@pytest.mark.parametrize(
    ("step", "interval", "whole"),
    [(0.1, 0.3, True), (1 / 52, 1, True), (1 / 64, 1 / 16, True), (0.3, 1, False), (1, 0.5, False)],
)
def test_whole_numbers_of_steps_are_told_in_spite_of_rounding(
    step: float, interval: float, whole: bool
) -> None:
    assert divides(step, interval) is whole
