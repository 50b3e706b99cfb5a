"""Tipping: a system whose edge is known exactly, and that of the prototype."""

from __future__ import annotations

import csv
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import bullbear
from bullbear.analysis.folds import fold_lines
from bullbear.analysis.rest import late
from bullbear.analysis.tipping import ALWAYS, FOR_EVER, NEVER, Boundaries, Tipping
from bullbear.analysis.tipping_file import (
    Axis,
    Shock,
    Surface,
    Threshold,
    TippingFile,
    study_hash,
)
from bullbear.errors import ModelError, UsageError
from bullbear.report.tipping_numbers import band, edge, number

# x falls to 0 below a and rises to 1 above it, whatever the speed: survival is start > a.
EQUATIONS = """\
{UTF-8}
x = INTEG(speed * x * (x - a) * (1 - x), start) ~ Dmnl ~ Lives or dies.|
a = 0.5 ~ Dmnl ~ The edge.|
start = 0.4 ~ Dmnl ~ Where it begins.|
speed = 5 ~ 1/Year ~ |
"""
DEFINITION = """\
title = "Edge"
sectors = ["../equations/edge.mdl"]
parameters = "../calibration/parameters.csv"
scenarios = "scenarios"
headline = ["x"]
[time]
unit = "Year"
initial = 0
final = 80
step = 0.0625
saveper = 1
horizon = 80
[[events]]
name = "low"
variable = "x"
below = 0.25
"""
PARAMETERS = """\
name,unit,value,lower,upper,prior,class,source,note
a,Dmnl,0.5,0,1,fixed,lever,,
start,Dmnl,0.4,0,1,fixed,lever,,
speed,1/Year,5,4,8,"uniform(4, 8)",judgement,,
"""
STUDY = """\
study = "tipping"
title = "The edge"
model = "edge"
draws = 4
[outcome]
variable = "x"
above = 0.5
at = 60
again = 80
[[surface]]
name = "start-and-edge"
title = "Is it alive?"
x = { name = "start", low = 0.05, high = 0.95 }
y = { name = "a", low = 0.1, high = 0.9 }
cells = 10
columns = 3
[[shock]]
title = "How low may the edge be?"
x = { name = "a", low = 0.1, high = 0.9 }
[[shock]]
title = "How much may be lost when it has risen?"
x = { name = "share lost", low = 0, high = 1 }
stocks = ["x"]
time = 30
settings = { start = 0.9 }
[[threshold]]
title = "Start needed, by edge"
x = { name = "start", low = 0.05, high = 0.95 }
over = "a"
values = [0.2, 0.6]
[[course]]
name = "rest-over-edge"
title = "States of rest, over the edge."
x = { name = "a", low = -0.5, high = 0.5 }
across = { name = "speed", low = 1, high = 8 }
surface = "start-and-edge"
shown = ["x"]
[rest]
title = "At last, by start"
over = "start"
values = [0.3, 0.6]
from = 60
to = 80
variables = ["x"]
closely = 0.6
shown = ["x"]
event = "low"
collapse = { start = 0.1 }
"""


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    files = {
        "equations/edge.mdl": EQUATIONS,
        "models/edge.toml": DEFINITION,
        "models/scenarios/base.toml": 'title = "Base"\nstory = "As it is."\n',
        "calibration/parameters.csv": PARAMETERS,
        "analysis/edge.toml": STUDY,
    }
    for name, text in files.items():
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def tipping(workspace: Path) -> Tipping:
    model = bullbear.load(workspace / "models" / "edge.toml")
    return Tipping(model, TippingFile.read(workspace / "analysis" / "edge.toml"))


def close(found: float, exact: float) -> bool:
    """Within 1 %."""
    return abs(found - exact) <= 0.01 * abs(exact)


# -- the known edge --------------------------------------------------------------------------------


def test_only_what_is_uncertain_is_drawn(tipping: Tipping) -> None:
    assert list(tipping.draws) == ["speed"]
    assert len(tipping.draws) == 4


def test_a_surface_is_cut_along_its_diagonal(tipping: Tipping) -> None:
    found = tipping.map(tipping.study.surface[0])
    expected = found.x[None, :] > found.y[:, None]
    off = np.abs(found.x[None, :] - found.y[:, None]) > 0.02
    assert (found.alive == expected)[off].all()
    assert not found.verdict.failed.any()
    assert not found.undecided.any()
    assert found.folded == 0
    assert found.boundary.rising.all()
    assert found.today == (0.4, 0.5)
    assert all(close(v, y) for v, y in zip(found.boundary.values, found.y, strict=True))
    assert found.draws.values.shape == (3, 4)
    at = found.y[found.at]
    assert all(close(v, y) for row, y in zip(found.draws.values, at, strict=True) for v in row)
    assert found.share.shape == (10, 10)
    assert (found.share[found.at] == expected[found.at])[off[found.at]].all()


def test_a_shock_tips_where_the_edge_meets_the_start(tipping: Tipping) -> None:
    found = tipping.distance(tipping.study.shock[0])
    assert close(float(found.value.values[0]), 0.4)
    assert close(float(found.later.values[0]), 0.4)
    assert found.value.settled.all()
    assert not found.value.rising.any()  # a lower edge is survived
    assert (found.today, found.survives) == (0.5, False)
    assert all(close(float(v), 0.4) for v in found.draws.values[0])


def test_a_stock_can_be_pushed(tipping: Tipping) -> None:
    """From 1, where it is by then, it has to lose more than half, for it recovers meanwhile."""
    found = tipping.distance(tipping.study.shock[1])
    assert (found.today, found.survives) == (0, True)
    edge_at = float(found.value.values[0])
    assert 0.5 < edge_at < 0.95
    assert not found.value.rising.any()
    rows = pd.DataFrame({"share lost": [0.99 * edge_at, 1.01 * edge_at]})
    verdict = tipping.judge(rows, tipping.study.shock[1].settings, tipping.study.outcome)
    assert verdict.alive.tolist() == [True, False]


def test_the_share_of_draws_is_what_running_them_all_gives(tipping: Tipping) -> None:
    """Draws of the edge itself; a few of them are on each side of every cell."""
    draws = pd.DataFrame({"a": np.linspace(0.15, 0.85, 8)})
    tipping.draws = draws
    axis = Axis(name="start", low=0.05, high=0.95)
    rows = pd.DataFrame({"speed": [4.0, 7.0]})
    outcome = tipping.study.outcome
    x = np.linspace(0.1, 0.9, 5)
    share = tipping.with_draws(axis, rows, {}, outcome).alive(x)
    for row, speed in enumerate(rows["speed"]):
        for column, start in enumerate(x):
            every = draws.assign(speed=speed, start=start)
            alive = tipping.judge(every, {}, outcome).alive
            assert share[row, column] == alive.mean()


def test_thresholds_follow_the_other_constant(tipping: Tipping) -> None:
    found = tipping.line(tipping.study.threshold[0])
    assert close(float(found.boundary.values[0]), 0.2)
    assert close(float(found.boundary.values[1]), 0.6)


def test_where_there_is_no_edge_the_side_is_said(tipping: Tipping) -> None:
    high, low = Axis(name="start", low=0.6, high=0.9), Axis(name="start", low=0.1, high=0.3)
    rows = pd.DataFrame({"a": [0.5]})
    outcome = tipping.study.outcome
    above = tipping.boundaries(high, rows, {}, outcome)
    below = tipping.boundaries(low, rows, {}, outcome)
    assert above.values[0] == ALWAYS
    assert below.values[0] == NEVER
    assert edge(above, 0, high) == "none in 0.6 to 0.9: all survives"
    assert edge(below, 0, low) == "none in 0.1 to 0.3: nothing survives"


def test_a_horizon_too_short_to_tell_is_doubled_until_it_does(tipping: Tipping) -> None:
    """Shortly after the start nothing has fallen yet; the true edge is found all the same."""
    early = tipping.study.outcome.model_copy(update={"at": 0.25, "again": 0.5})
    rows = pd.DataFrame({"a": [0.5], "speed": [40.0], "start": [0.49]})
    verdict = tipping.judge(rows, {}, early.model_copy(update={"above": 0.3}))
    assert verdict.changed.tolist() == [True]
    assert verdict.undecided.tolist() == [False]
    assert verdict.alive.tolist() == [False]
    axis = Axis(name="start", low=0.05, high=0.95)
    found = tipping.boundaries(axis, pd.DataFrame({"speed": [40.0]}), {}, early)
    assert close(float(found.values[0]), 0.5)


def test_what_no_horizon_decides_is_undecided(workspace: Path, cli: Callable[..., Any]) -> None:
    """It swings for ever: whether it is above its middle hangs on the date."""
    (workspace / "swing.mdl").write_text(
        "{UTF-8}\nx = INTEG(0 * start, 0) ~ Dmnl ~ |\nstart = 1 ~ 1/Year ~ |\n"
        "speed = 5 ~ Dmnl ~ |\na = 1 ~ Dmnl ~ |\n"
        "wave = x + SIN(2 * 3.14159265358979 * (Time + a - 1) / 11.2) ~ Dmnl ~ |\n"
        "INITIAL TIME = 0 ~ Year ~ |\nFINAL TIME = 20 ~ Year ~ |\nTIME STEP = 0.125 ~ Year ~ |\n"
        "SAVEPER = 1 ~ Year ~ |\n"
    )
    (workspace / "analysis" / "rows.csv").write_text("speed\n1\n2\n3\n4\n")
    (workspace / "analysis" / "swing.toml").write_text(
        'study = "tipping"\ntitle = "Swings"\nmodel = "swing.mdl"\ndraws = 4\n'
        'posterior = "rows.csv"\n[outcome]\nvariable = "wave"\nabove = 0\nat = 15\nagain = 30\n'
        '[[surface]]\nname = "swing"\ntitle = "Is it up?"\ncells = 4\ncolumns = 2\n'
        'x = { name = "a", low = 0.5, high = 1.5 }\ny = { name = "start", low = 0, high = 1 }\n'
    )
    done = cli("equilibrium", "swing", "--out", "here", "--json")
    assert done.code == 0, done.err
    assert done.json["surfaces"][0]["undecided"] == 16
    report = (workspace / "here" / "report.md").read_text()
    assert "16 cells change when the horizon is doubled" in report
    assert "16 stay undecided" in report
    assert "4 posterior draws" in report
    assert pd.read_csv(workspace / "here" / "swing.csv")["undecided"].sum() == 16


def test_draws_can_come_from_a_fit(workspace: Path) -> None:
    file = workspace / "analysis" / "edge.toml"
    (workspace / "rows.csv").write_text("speed,start\n" + "5,0.3\n" * 3 + "6,0.6\n" * 3)
    file.write_text(STUDY.replace("draws = 4", 'draws = 4\nposterior = "../rows.csv"'))
    found = Tipping(bullbear.load(workspace / "models" / "edge.toml"), TippingFile.read(file))
    assert list(found.draws) == ["speed", "start"]
    assert len(found.draws) == 4
    assert set(found.draws["speed"]) == {5, 6}
    (workspace / "rows.csv").write_text("start\n0.3\n0.6\n")
    both = 'draws = 4\nposterior = "../rows.csv"\npriors = true'
    file.write_text(STUDY.replace("draws = 4", both))
    found = Tipping(bullbear.load(workspace / "models" / "edge.toml"), TippingFile.read(file))
    assert sorted(found.draws["start"]) == [0.3, 0.3, 0.6, 0.6]
    assert found.draws["speed"].between(4, 8).all()
    assert found.draws["speed"].nunique() == 4
    file.write_text(STUDY.replace("draws = 4", 'draws = 4\nposterior = "../none.csv"'))
    with pytest.raises(UsageError, match=r"none\.csv"):
        Tipping(bullbear.load(workspace / "models" / "edge.toml"), TippingFile.read(file))


def test_dates_that_mean_never_never_come(workspace: Path) -> None:
    file = workspace / "analysis" / "edge.toml"
    file.write_text(STUDY.replace("draws = 4", "draws = 4\nnever = 0.4"))
    found = Tipping(bullbear.load(workspace / "models" / "edge.toml"), TippingFile.read(file))
    assert found.settings == {"start": FOR_EVER}


def test_slow_stocks_are_held_from_a_time_on(workspace: Path) -> None:
    """What would fall below the edge for ever after stays where it is at that time."""
    file = workspace / "analysis" / "edge.toml"
    slow = '[slow]\nstocks = ["x"]\nsince = 1\n[[surface]]'
    file.write_text(STUDY.replace("[[surface]]", slow, 1))
    found = Tipping(bullbear.load(workspace / "models" / "edge.toml"), TippingFile.read(file))
    rows = pd.DataFrame({"start": [0.4]})
    values = found.model.ensemble(rows, ["x"], [1, 5, 80], events=False).values
    assert values is not None
    assert values[0, 0, 0] == values[0, 1, 0] == values[0, 2, 0]
    assert 0.1 < values[0, 0, 0] < 0.4


def test_late_means_have_their_draws_and_a_state_of_rest(tipping: Tipping) -> None:
    assert tipping.study.rest is not None
    found = late(tipping, tipping.study.rest)
    assert found.means["x"].to_list() == pytest.approx([0, 1], abs=1e-6)
    assert found.quantiles[:, :, 0] == pytest.approx(np.array([[0, 1]] * 3), abs=1e-6)
    first, second = found.resting
    assert first is not None
    assert second is not None
    assert first.stability.stable
    assert second.states == pytest.approx({"x": 1.0})
    assert second.stability.half_life == pytest.approx(np.log(2) / (5 * 0.5))
    assert found.collapsed is not None
    assert found.collapsed.states["x"] == pytest.approx(0, abs=1e-12)
    assert found.collapsed.staying == ()
    assert found.began is not None
    assert found.began.loc[0.3].between(0, 1).all()
    assert (found.began.loc[0.6] == math.inf).all()


def test_draws_that_did_not_make_history_are_left_out(workspace: Path) -> None:
    """Fast ones have risen above 0.8 early, slow ones have not."""
    file = workspace / "analysis" / "edge.toml"
    given = '[settings]\na = 0.2\n[[given]]\nvariable = "x"\nabove = 0.8\nat = 1\n[outcome]'
    file.write_text(STUDY.replace("[outcome]", given, 1))
    model = bullbear.load(workspace / "models" / "edge.toml")
    found = Tipping(model, TippingFile.read(file))
    assert 0 < found.kept < 1
    assert len(found.draws) == 4
    for speed in found.draws["speed"]:
        run = model.run(overrides={"a": 0.2, "speed": speed}, final_time=1)
        assert run.results["x"].iloc[-1] > 0.8
    file.write_text(STUDY.replace("[outcome]", given.replace("0.8", "1.1"), 1))
    with pytest.raises(ModelError, match="none of 1024 draws"):
        Tipping(model, TippingFile.read(file))


# -- bad input -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new", "place", "text"),
    [
        ("again = 80", "again = 50", ":5:", "again must be later"),
        ("low = 0.1, high = 0.9 }\ncells", "low = 0.9, high = 0.9 }\ncells", ":14:", "empty"),
        ("cells = 10", "celsl = 10", ":15:", "unknown key"),
        ("draws = 4", "draws = 1", ":4:", "draws"),
        (
            "[outcome]",
            '[[given]]\nvariable = "x"\nat = 1\n[outcome]',
            ":5:",
            "above, below or both",
        ),
        ("time = 30\n", "", ":20:", "go together"),
        ('surface = "start-and-edge"', 'surface = "start"', "", "no surface"),
    ],
)
def test_faults_of_a_study_have_their_line(
    workspace: Path, old: str, new: str, place: str, text: str
) -> None:
    file = workspace / "analysis" / "edge.toml"
    file.write_text(STUDY.replace(old, new, 1))
    with pytest.raises(ModelError) as caught:
        TippingFile.read(file)
    assert text in str(caught.value)
    assert place in str(caught.value)


def test_bands_say_where_draws_have_no_edge() -> None:
    axis = Axis(name="start", low=0.1, high=0.9)
    settled = np.ones((1, 5), bool)
    values = np.array([[0.2, 0.3, 0.4, NEVER, math.nan]])
    rising = Boundaries(values, settled, settled)
    assert band(rising, 0, axis) == "0.4 (0.2 to nothing survives); 1 failed"
    falling = Boundaries(np.array([[0.2, 0.3, ALWAYS, NEVER, 0.4]]), ~settled, settled)
    assert band(falling, 0, axis) == "0.3 (nothing survives to all survives)"
    none = Boundaries(np.full((1, 5), NEVER), settled, settled)
    assert band(none, 0, axis) == "nothing survives in 0.1 to 0.9 in every draw"


def test_numbers_are_short() -> None:
    assert [number(v) for v in (0.0, 1.234, 15e6, 1.6e9, -300e6, 1e-30)] == [
        "0", "1.23", "15 M", "1.6 bn", "-300 M", "~0",
    ]  # fmt: skip
    assert number(math.inf) == "inf"


# -- from the command line -------------------------------------------------------------------------


def test_a_study_writes_its_report_with_every_number(
    workspace: Path, cli: Callable[..., Any]
) -> None:
    done = cli("equilibrium", "edge", "--out", "here", "--json")
    assert done.code == 0, done.err
    (surface,) = done.json["surfaces"]
    assert surface["cells"] == 100
    assert close(done.json["distances"][0]["boundary"], 0.4)
    files = {Path(name).name for name in done.json["files"]}
    assert files == {
        "report.md", "start-and-edge.csv", "start-and-edge.png", "start-and-edge-boundary.csv",
        "rest-over-edge.csv", "rest-over-edge.png", "rest-over-edge-folds.csv", "rest.csv",
        "rest.png",
    }  # fmt: skip
    assert [one["kind"] for one in done.json["special_points"]] == ["branch"]
    assert done.json["special_points"][0]["parameter"] == pytest.approx(0, abs=1e-6)
    report = (workspace / "here" / "report.md").read_text()
    assert report.index("## In words") < report.index("| how far")
    assert "Two attractors" in report
    assert "No fold was found" in report
    assert "without a fit to the record" in report
    table = pd.read_csv(workspace / "here" / "start-and-edge.csv")
    assert len(table) == 100
    assert table["survives"].sum() == surface["alive"]


def test_a_study_takes_no_conditions_from_outside(workspace: Path, cli: Callable[..., Any]) -> None:
    done = cli("equilibrium", "edge", "--at", 3)
    # a model and a study may have one name; the study is meant where it says so
    assert done.code == 2
    assert "a study says itself" in done.err
    assert str(workspace) not in done.out


# -- the bundled studies ---------------------------------------------------------------------------


def test_with_the_placements_of_the_prototype_its_surface_comes_out(
    root: Path, shared: Path
) -> None:
    """The edge lies where the prototype's runs change, to a tenth of today's alpha."""
    study = TippingFile.read(root / "analysis" / "tipping-2021.toml")
    tipping = Tipping(bullbear.load(root / "models" / "numerai.toml"), study)
    alive: dict[float, dict[float, bool]] = {}
    with (shared / "model" / "tipping_2021.csv").open() as stream:
        for row in csv.DictReader(stream):
            support = alive.setdefault(float(row["venture_support"]), {})
            support[float(row["alpha_multiplier"])] = float(row["status_2045"]) > 0.5
    surface = study.surface[1]
    rows = pd.DataFrame({surface.y.name: list(alive)})
    found = tipping.boundaries(surface.x, rows, surface.settings, study.outcome)
    for value, support in zip(found.values, alive, strict=True):
        dies = max(alpha for alpha, lives in alive[support].items() if not lives)
        lives = min(alpha for alpha, does in alive[support].items() if does)
        assert dies - 0.1 <= value <= lives + 0.1, support


def test_the_surface_of_2021_hangs_on_cash_and_on_treasury_sales(root: Path) -> None:
    """What the review found: less cash or fewer sales, and twice today's alpha is not enough."""
    study = TippingFile.read(root / "analysis" / "tipping-2021.toml")
    tipping = Tipping(bullbear.load(root / "models" / "numerai.toml"), study)
    for threshold in study.threshold:
        rows = pd.DataFrame({threshold.over: threshold.values})
        values = tipping.boundaries(threshold.x, rows, threshold.settings, study.outcome).values
        assert (np.diff(values[np.isfinite(values)]) < 0).all(), threshold.title
        assert values[0] > 1.9  # infinite where nothing in the range is enough
        assert values[-1] < 1.2


def test_the_bundled_studies_can_be_read(root: Path) -> None:
    for year, surfaces in ((2021, 2), (2026, 2)):
        study = TippingFile.read(root / "analysis" / f"tipping-{year}.toml")
        assert len(study.surface) == surfaces
        assert all(isinstance(one, Surface) and one.cells >= 40 for one in study.surface)
        assert all(isinstance(one, Shock) for one in study.shock)
        assert all(isinstance(one, Threshold) for one in study.threshold)


@pytest.mark.long
def test_the_boundary_of_the_runs_is_the_line_of_folds(root: Path) -> None:
    """Two routes to the edge: bisection of long runs, and continuation of a fold of the rates.

    Runs from today may die a little above the fold, where the state that lives is hard to reach.
    """
    study = TippingFile.read(root / "analysis" / "tipping-2026.toml")
    tipping = Tipping(bullbear.load(root / "models" / "numerai.toml"), study)
    (course,) = study.course
    assert course.across is not None
    found = fold_lines(
        tipping.source, course.x.name, (course.x.low, course.x.high), course.across.name,
        (course.across.low, course.across.high), study.scenario, tipping.settings, course.at,
        course.hold,
    )  # fmt: skip
    (line,) = found.lines
    points = [p for p in line.points if 0.1 <= p.across <= 0.9][::4]
    rows = pd.DataFrame({course.across.name: [p.across for p in points]})
    surface = study.surface[0]
    values = tipping.boundaries(surface.x, rows, {}, study.outcome).values
    for value, point in zip(values, points, strict=True):
        assert -0.01 <= value / point.along - 1 <= 0.03


@pytest.mark.parametrize("year", [2021, 2026])
def test_the_reports_are_of_the_model_and_the_study_as_they_are(root: Path, year: int) -> None:
    """A cheap look: whoever changes either has to run the study again."""
    study = root / "analysis" / f"tipping-{year}.toml"
    report = (root / "analysis" / "reports" / f"tipping-{year}" / "report.md").read_text()
    remedy = f"run `bullbear equilibrium tipping-{year} --out analysis/reports/tipping-{year}`"
    assert f"({bullbear.load(root / 'models' / 'numerai.toml').hash})" in report, remedy
    assert f"study {study_hash(study)}" in report, remedy
