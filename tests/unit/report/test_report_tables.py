from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console, RenderableType

from bullbear.models.definition import ModelDefinition
from bullbear.models.model import Model, load
from bullbear.models.run import Run
from bullbear.report.numbers import short
from bullbear.report.tables import run_summary

Many = Callable[[int], dict[str, Run]]


def printed(content: RenderableType, width: int = 80) -> str:
    """What a terminal of that width shows; too long a line is not wrapped but left too long."""
    console = Console(width=width, highlight=False, color_system=None)
    with console.capture() as captured:
        console.print(content)
    return captured.get()


def words(text: str) -> str:
    return " ".join(text.split())


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 30, 60])
@pytest.mark.parametrize("width", [72, 80, 100])
def test_no_line_is_longer_than_the_terminal(
    many: Many, definition: ModelDefinition, count: int, width: int
) -> None:
    text = printed(run_summary(many(count), definition), width)
    assert max(map(len, text.splitlines())) <= width
    assert "…" not in text


@pytest.mark.parametrize("count", [1, 3, 30, 60])
def test_nothing_is_cut(many: Many, definition: ModelDefinition, count: int) -> None:
    runs = many(count)
    text = printed(run_summary(runs, definition))
    for slug, run in runs.items():
        assert slug in text
        for event in definition.events:
            assert run.event_text(event.name) in words(text)
    for name in definition.headline:
        for word in name.split():
            assert word in text


def test_a_line_each_has_the_numbers_of_its_run(
    many: Many, definition: ModelDefinition, runs: Mapping[str, Run]
) -> None:
    text = printed(run_summary(many(30), definition))
    last = definition.summary.years[-1]
    for slug in runs:
        run = many(30)[slug]
        lines = [line for line in text.splitlines() if line.split() and line.split()[0] == slug]
        assert len(lines) >= 2, "more outputs than fit in a line go on in a second table"
        cells = [cell for line in lines for cell in line.split()]
        for name in definition.headline:
            largest = float(run.results[name].abs().max())
            assert short(run.at(last)[name], largest) in cells


def test_a_single_run_shows_every_summary_year(
    runs: Mapping[str, Run], definition: ModelDefinition
) -> None:
    base = runs["base"]
    text = printed(run_summary({"base": base}, definition))
    for time in definition.summary.years:
        assert f"{time:g}" in text
        assert short(base.at(time)["Treasury NMR"]) in text
    assert f"run-out {base.event_text('run-out')}" in text


def test_units_are_shown(runs: Mapping[str, Run], definition: ModelDefinition) -> None:
    text = printed(run_summary({"base": runs["base"]}, definition))
    assert "Treasury NMR [NMR]" in text
    assert "Fund AUM [USD]" in text
    given = printed(run_summary({"base": runs["base"]}, definition, {"Operating_Status": "Health"}))
    assert "operating status [Health]" in given


def test_a_run_that_cannot_be_trusted_says_so(
    runs: Mapping[str, Run], definition: ModelDefinition, many: Many
) -> None:
    base = runs["base"]
    bad = replace(base, trust=replace(base.trust, step_error=0.2, step_error_of="NMR Price"))
    good = replace(base, trust=replace(base.trust, step_error=0.002, step_error_of="NMR Price"))
    assert "not trusted: half the step moves NMR Price by 20 %" in words(
        printed(run_summary({"base": bad}, definition))
    )
    side = words(printed(run_summary({"one": good, "two": bad}, definition)))
    assert "one: trusted: half the step moves NMR Price by 0.20 %" in side
    assert "two: not trusted" in side
    crowd = dict.fromkeys(many(12), good) | {"odd": bad}
    text = words(printed(run_summary(crowd, definition)))
    assert "12 of 13 trusted" in text
    assert "not trusted: odd" in text


def test_a_run_that_ends_early_shows_its_end(numerai: Model) -> None:
    run = numerai.run("base", final_time=2022)
    text = printed(run_summary({"base": run}, numerai.definition))
    assert "2022" in text
    assert short(run.at(2022)["Treasury NMR"]) in text


def test_a_model_without_plots_and_events_has_a_table(toy: Path) -> None:
    model = load(str(toy / "models" / "toy.toml"))
    bare = model.definition.model_copy(update={"events": [], "headline": []})
    text = words(printed(run_summary({"base": model.run("base")}, bare)))
    assert "toy, base: 2020 to 2024" in text


def test_long_names_fold_and_stay_whole(toy: Path) -> None:
    model = load(str(toy / "models" / "toy.toml"))
    run = model.run("base")
    long = "what " * 30 + "end"
    named = replace(run, results=run.results.rename(columns={"Drain": long}))
    definition = model.definition.model_copy(update={"headline": [long]})
    text = printed(run_summary({"a" * 30: named, "b" * 30: named}, definition))
    assert max(map(len, text.splitlines())) <= 80
    assert text.count("what") == 30


def test_elements_are_not_taken_for_styles(toy: Path) -> None:
    model = load(str(toy / "models" / "toy.toml"))
    run = model.run("base")
    lower = replace(run, results=run.results.rename(columns={"Drain": "Drain[red,bold]"}))
    definition = model.definition.model_copy(update={"headline": ["Drain"]})
    for runs in ({"a": lower}, {"a": lower, "b": lower}, dict.fromkeys("abcdef", lower)):
        assert "Drain[red,bold]" in words(printed(run_summary(runs, definition)))


def test_without_a_measure_trust_is_unknown(toy: Path) -> None:
    model = load(str(toy / "models" / "toy.toml"))
    run = model.run("base")
    blind = replace(run, trust=replace(run.trust, step_error=None, step_error_of=None))
    assert "trust unknown: no headline output" in words(
        printed(run_summary({"base": blind}, model.definition))
    )


@pytest.mark.long
def test_all_scenarios_fit_80_columns(numerai: Model) -> None:
    runs = {slug: numerai.run(slug) for slug in numerai.scenarios}
    text = printed(run_summary(runs, numerai.definition))
    assert max(map(len, text.splitlines())) <= 80
