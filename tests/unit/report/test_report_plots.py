from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bullbear.errors import DataError
from bullbear.models.definition import ModelDefinition, Plot
from bullbear.models.model import Model, load
from bullbear.models.run import Run
from bullbear.report.panels import LINES, Figure, figures, overview, plot_figure
from bullbear.report.plots import file_name, write_run_plots

Many = Callable[[int], dict[str, Run]]


def size(path: Path) -> tuple[int, int]:
    """Width and height of a PNG [pixel]."""
    content = path.read_bytes()
    assert content.startswith(b"\x89PNG\r\n\x1a\n")
    width, height = struct.unpack(">II", content[16:24])
    return width, height


def test_every_plot_of_the_model_becomes_a_picture(
    runs: Mapping[str, Run], definition: ModelDefinition, tmp_path: Path
) -> None:
    files = write_run_plots(runs, definition, tmp_path)
    assert sorted(tmp_path.iterdir()) == sorted(files)
    assert [file.name for file in files] == [file_name(plot.title) for plot in definition.plots]
    for file in files:
        width, height = size(file)
        assert 800 <= width <= 2500
        assert 500 <= height <= 2500
        assert len(set(file.read_bytes())) > 200, "not an empty sheet"


def test_the_same_runs_give_the_same_bytes(
    runs: Mapping[str, Run], definition: ModelDefinition, tmp_path: Path
) -> None:
    import matplotlib

    one = definition.model_copy(update={"plots": definition.plots[:1]})
    (first,) = write_run_plots(runs, one, tmp_path)
    before = first.read_bytes()
    with matplotlib.rc_context({"font.size": 30, "axes.facecolor": "red"}):
        (again,) = write_run_plots(runs, one, tmp_path)
        assert matplotlib.rcParams["font.size"] == 30, "the user's own settings are left alone"
    assert again.read_bytes() == before


def test_two_plots_of_one_title_do_not_overwrite_each_other(
    runs: Mapping[str, Run], definition: ModelDefinition, tmp_path: Path
) -> None:
    plot = Plot(title="Cash / now", variables=["Company Cash"])
    twice = definition.model_copy(update={"plots": [plot, plot]})
    names = [file.name for file in write_run_plots({"base": runs["base"]}, twice, tmp_path)]
    assert names == ["cash-now.png", "cash-now-2.png"]


def test_bands_add_up_to_the_limit(runs: Mapping[str, Run], definition: ModelDefinition) -> None:
    plot = next(plot for plot in definition.plots if plot.stacked)
    figure = plot_figure(plot, runs, definition)
    assert [panel.title for panel in figure.panels] == list(runs)
    for panel in figure.panels:
        total = np.sum([line.values for line in panel.lines], axis=0)
        np.testing.assert_allclose(total, panel.limit, rtol=1e-9)


def test_an_event_is_marked_where_its_variable_is_drawn(
    runs: Mapping[str, Run], definition: ModelDefinition
) -> None:
    plot = next(plot for plot in definition.plots if "Treasury NMR" in plot.variables)
    panels = {panel.title: panel for panel in plot_figure(plot, runs, definition).panels}
    for slug, run in runs.items():
        time = run.events["run-out"]
        within = time is not None and time <= run.results.index[-1]
        assert [moment[1] for moment in panels[slug].moments] == ([time] if within else [])


def test_observed_points_are_those_within_the_run(
    numerai: Model, definition: ModelDefinition
) -> None:
    plot = next(plot for plot in definition.plots if "NMR Price" in plot.variables)
    run = numerai.run("base", final_time=2021)
    (panel,) = plot_figure(plot, {"base": run}, definition).panels
    assert panel.points
    assert all(2019.5 <= point.time <= 2021 for point in panel.points)


def test_runs_keep_their_colours_and_many_get_panels_of_their_own(
    many: Many, definition: ModelDefinition
) -> None:
    plot = next(plot for plot in definition.plots if "NMR Price" in plot.variables)
    (panel,) = plot_figure(plot, many(LINES), definition).panels
    assert [line.colour for line in panel.lines] == list(range(LINES))
    crowd = many(LINES + 1)
    figure = plot_figure(plot, crowd, definition)
    assert [panel.title for panel in figure.panels] == list(crowd)
    assert figure.shared


def test_many_runs_are_drawn(many: Many, definition: ModelDefinition, tmp_path: Path) -> None:
    some = definition.model_copy(update={"plots": definition.plots[:2]})
    for file in write_run_plots(many(LINES + 2), some, tmp_path):
        width, height = size(file)
        assert width > 1000
        assert height > 700


def test_variables_of_one_run_share_a_panel_and_of_several_have_one_each(
    runs: Mapping[str, Run], definition: ModelDefinition, tmp_path: Path
) -> None:
    plot = Plot(title="Stake", unit="NMR", variables=["Staked NMR", "total staked"])
    (panel,) = plot_figure(plot, {"base": runs["base"]}, definition).panels
    assert [line.label for line in panel.lines][-1] == "total staked"
    assert panel.title == "base"
    several = plot_figure(plot, runs, definition).panels
    assert len(several) == len(panel.lines)
    assert all([line.label for line in one.lines] == list(runs) for one in several)
    files = write_run_plots(runs, definition.model_copy(update={"plots": [plot]}), tmp_path)
    assert size(files[0])[0] > 1000


@pytest.mark.parametrize("scale", ["linear", "log"])
def test_any_value_can_be_drawn(
    runs: Mapping[str, Run], definition: ModelDefinition, tmp_path: Path, scale: str
) -> None:
    base = runs["base"]
    plots = []
    frame = base.results.copy()
    shapes = {
        "zero": 0.0 * frame.index,
        "one value": 0.0 * frame.index + 7,
        "negative": -1e6 - frame.index,
        "both signs": frame.index - 2028,
        "tiny": 1e-200 + 0.0 * frame.index,
        "wide": 10.0 ** (2 * (frame.index - 2019)),
    }
    for name, values in shapes.items():
        frame[name] = values
        plots.append(Plot.model_validate({"title": name, "variables": [name], "scale": scale}))
    run = replace(base, results=frame.copy())
    drawn = write_run_plots({"x": run}, definition.model_copy(update={"plots": plots}), tmp_path)
    assert all(size(file)[0] > 800 for file in drawn)


def test_a_model_without_plots_gets_one_figure_of_its_stocks(toy: Path, tmp_path: Path) -> None:
    model = load(str(toy / "models" / "toy.toml"))
    out = tmp_path / "drawn"
    out.mkdir()
    runs = {slug: model.run(slug) for slug in ("base", "leaky")}
    units = {v.name: v.units for v in model.system.variables.values()}
    (file,) = write_run_plots(runs, model.definition, out, units)
    assert size(file)[0] > 800
    (figure,) = figures(runs, model.definition, units)
    assert [panel.title for panel in figure.panels] == ["Tank", "Drain"]
    assert [panel.unit for panel in figure.panels] == ["Litre", "Litre"]
    assert len(figure.panels[0].lines) == 4, "two elements in two runs"


@pytest.mark.parametrize("name", ["_hidden", "在庫", "a $ b $ c^", "what " * 40, "%s {0} \\n"])
def test_any_name_can_be_drawn(toy: Path, tmp_path: Path, name: str) -> None:
    model = load(str(toy / "models" / "toy.toml"))
    run = model.run("base")
    named = replace(run, results=run.results.rename(columns={"Drain": name}))
    for plots in ([], [Plot(title=name, unit=name, variables=[name], stacked=True)]):
        definition = model.definition.model_copy(update={"plots": plots, "headline": [name]})
        (file,) = write_run_plots({"_one": named, name: named}, definition, tmp_path)
        assert size(file)[0] > 800


def test_no_run_no_plot(definition: ModelDefinition, tmp_path: Path) -> None:
    assert write_run_plots({}, definition, tmp_path) == []


def test_points_that_cannot_be_read_are_an_error_and_leave_nothing(
    toy: Path, tmp_path: Path
) -> None:
    model = load(str(toy / "models" / "toy.toml"))
    (toy / "models" / "points.csv").write_text("time,amount\n2021,5\n")
    plot = Plot(title="T", unit="Litre", variables=["Drain"], observations="points.csv")
    definition = model.definition.model_copy(update={"plots": [plot]})
    out = tmp_path / "drawn"
    out.mkdir()
    with pytest.raises(DataError, match=r"points\.csv"):
        write_run_plots({"base": model.run("base")}, definition, out)
    assert list(out.iterdir()) == []


def test_a_figure_tells_by_its_digest_what_it_shows(
    runs: Mapping[str, Run], definition: ModelDefinition
) -> None:
    def drawn(run: Run) -> Figure:
        return overview("All", definition.plots[:2], {"base": run}, definition)

    base = runs["base"]
    noise = replace(base, results=base.results * (1 + 1e-12))
    moved = replace(
        base, results=base.results.assign(**{"NMR Price": base.results["NMR Price"] ** 1.01})
    )
    assert drawn(noise).digest() == drawn(base).digest()
    assert drawn(moved).digest() != drawn(base).digest()
