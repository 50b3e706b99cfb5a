"""What was written differently is said in words, and what comes of it is ranked."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pandas as pd
import pytest

import bullbear
from bullbear.errors import UsageError
from bullbear.models.canonical import canonical_path, canonical_text, check_canonical
from bullbear.models.compare import movements
from bullbear.models.diff import Change, ModelDiff, diff
from bullbear.models.sides import sides

EQUATIONS = """{UTF-8}
Tank = INTEG(inflow - outflow, 10) ~ Litre ~ |
inflow = tap * opening(Time) ~ Litre/Day ~ |
outflow = Tank / residence ~ Litre/Day ~ |
opening((0, 1), (100, 1)) ~ Dmnl ~ |
tap = 2 ~ Litre/Day ~ |
residence = 8 ~ Day ~ |
late = STEP(outflow, 5) ~ Litre/Day ~ |
"""
MODEL = """title = "Tank"
sectors = ["../equations/tank.mdl"]
parameters = "../parameters.csv"
scenarios = "scenarios"
headline = ["Tank"]
[time]
unit = "Day"
initial = 0
final = 20
step = 0.125
saveper = 0.5
[[events]]
name = "full"
variable = "Tank"
above = 12
"""


def workspace(folder: Path) -> Path:
    for path, text in {
        "equations/tank.mdl": EQUATIONS,
        "models/tank.toml": MODEL,
        "models/scenarios/base.toml": 'title = "Base"\n',
        "models/scenarios/dry.toml": 'title = "Dry"\n[levers]\n"tap" = 0.5\n',
        "parameters.csv": "name,value\nresidence,8\n",
    }.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, encoding="utf-8")
    return folder


def edited(tmp_path: Path, file: str, old: str, new: str) -> ModelDiff:
    """The comparison of a workspace with a copy in which one text is another."""
    before, after = workspace(tmp_path / "before"), workspace(tmp_path / "after")
    text = (after / file).read_text(encoding="utf-8")
    assert old in text
    (after / file).write_text(text.replace(old, new), encoding="utf-8")
    with sides(str(before), str(after), None) as (a, b):
        return diff(a, b)


def only(found: ModelDiff) -> Change:
    assert len(found.changes) == 1, [str(change) for change in found.changes]
    return found.changes[0]


def test_the_same_model_is_the_same(tmp_path: Path) -> None:
    assert edited(tmp_path, "equations/tank.mdl", "2 ~", "2.0 ~").same


def test_blanks_case_and_comments_are_no_change(tmp_path: Path) -> None:
    found = edited(tmp_path, "equations/tank.mdl", "Tank / residence ~ Litre/Day ~ ",
                   "tank/Residence ~ Litre/Day ~ What flows out. ")  # fmt: skip
    assert found.same


def test_one_edited_constant_is_named_first_and_what_moved_is_ranked(tmp_path: Path) -> None:
    found = edited(tmp_path, "equations/tank.mdl", "tap = 2", "tap = 3")
    change = only(found)
    assert (change.kind, change.name, change.old) == ("constant", "tap", "2")
    assert change.new == "3 Litre/Day"
    assert change.note == "+50 %"
    assert str(change.where).endswith("equations/tank.mdl:6:1")
    since = {m.name: m.first_time for m in found.moved}
    assert since == {"inflow": 0, "Tank": 0.5, "outflow": 0.5, "late": 5}
    assert found.moved[0].name == "inflow"
    assert found.moved[0].change == pytest.approx(1 / 3)
    assert found.moved == sorted(found.moved, key=lambda m: -m.change)
    assert found.compared == 4


def test_derivatives_stand_side_by_side(tmp_path: Path) -> None:
    (rate,) = edited(tmp_path, "equations/tank.mdl", "tap = 2", "tap = 3").rates
    assert (rate.old_value, rate.new_value) == (10, 10)
    assert (rate.old_rate, rate.new_rate) == (0.75, 1.75)
    assert not rate.same


def test_events_that_moved_are_named(tmp_path: Path) -> None:
    found = edited(tmp_path, "equations/tank.mdl", "tap = 2", "tap = 1")
    old, new = found.events["full"]
    assert old is not None
    assert new is None


def test_a_constant_that_the_parameter_set_overrides_is_said_to_be_idle(tmp_path: Path) -> None:
    found = edited(tmp_path, "equations/tank.mdl", "residence = 8", "residence = 9")
    change = only(found)
    assert not change.effective
    assert "without effect" in change.note
    assert "parameters.csv gives 8" in change.note
    assert not found.moved


def test_a_constant_of_the_parameter_set_is_named(tmp_path: Path) -> None:
    found = edited(tmp_path, "parameters.csv", "residence,8", "residence,9")
    change = only(found)
    assert (change.name, change.old, change.new) == ("residence", "8", "9 Day")
    assert str(change.where).endswith("parameters.csv")
    assert found.moved


def test_an_equation_is_shown_with_what_it_reads(tmp_path: Path) -> None:
    change = only(
        edited(tmp_path, "equations/tank.mdl", "Tank / residence ~", "Tank / 8 + 0 * tap ~")
    )
    assert (change.kind, change.name) == ("equation", "outflow")
    assert change.old == "Tank / residence"
    assert change.note == "now reads tap; no longer reads residence"


def test_what_is_added_and_removed_is_said(tmp_path: Path) -> None:
    found = edited(tmp_path, "equations/tank.mdl", "late = STEP(outflow, 5)", "rain = 0 * tap")
    assert [(c.kind, c.name) for c in found.changes] == [("added", "rain"), ("removed", "late")]


def test_points_of_a_lookup_units_time_bounds_and_scenarios_are_compared(tmp_path: Path) -> None:
    cases = [
        ("equations/tank.mdl", "(100, 1)", "(100, 2)", "lookup", "opening"),
        ("equations/tank.mdl", "8 ~ Day", "8 ~ Week", "units", "residence"),
        ("models/tank.toml", "step = 0.125", "step = 0.25", "setting", "time step"),
        ("models/tank.toml", 'title = "Tank"', 'title = "T"\nmethod = "rk4"', "setting", "method"),
        ("models/scenarios/dry.toml", "0.5", "0.4", "scenario", "dry: tap"),
    ]
    for number, (file, old, new, kind, name) in enumerate(cases):
        change = only(edited(tmp_path / str(number), file, old, new))
        assert (change.kind, change.name) == (kind, name)


def test_a_side_that_cannot_run_still_shows_what_was_written(tmp_path: Path) -> None:
    found = edited(tmp_path, "equations/tank.mdl", "inflow - outflow", "inflo - outflow")
    assert only(found).name == "Tank"
    (fault,) = found.faults.values()
    assert "inflo" in str(fault)


# -- revisions ------------------------------------------------------------------------------------


def git(folder: Path, *arguments: str) -> None:
    who = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
    subprocess.run(["git", "-C", str(folder), *who, *arguments], check=True, capture_output=True)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Two commits of a workspace that stands below the top of its repository, and a new edit."""
    folder = workspace(tmp_path / "repository" / "economy")
    git(tmp_path, "init", "-q", "repository")
    for value in ("3", "4"):
        git(folder, "add", ".")
        git(folder, "commit", "-qm", "a step")
        file = folder / "equations" / "tank.mdl"
        text = file.read_text(encoding="utf-8")
        file.write_text(text.replace(f"tap = {int(value) - 1}", f"tap = {value}"), encoding="utf-8")
    return folder


@pytest.mark.parametrize(
    ("old", "new", "change"),
    [
        ("HEAD", None, ("3", "4 Litre/Day")),
        ("HEAD~1", "HEAD", ("2", "3 Litre/Day")),
        ("HEAD:economy/models/tank.toml", "tank", ("3", "4 Litre/Day")),
        ("HEAD~1:models/tank.toml", "tank", ("2", "4 Litre/Day")),
    ],
)
def test_revisions_are_compared(
    repository: Path, old: str, new: str | None, change: tuple[str, str]
) -> None:
    with sides(old, new, repository) as (before, after):
        found = only(diff(before, after))
    assert (found.old, found.new) == change


def test_the_places_of_a_revision_are_not_shown(repository: Path) -> None:
    with sides("HEAD~1", "HEAD", repository) as (before, after):
        assert not after.writable
        assert only(diff(before, after)).where is None


def test_a_folder_of_sectors_means_the_model_that_joins_them(tmp_path: Path) -> None:
    before, after = workspace(tmp_path / "before"), workspace(tmp_path / "after")
    for folder in (before, after):
        sector = (folder / "equations" / "tank.mdl").read_text(encoding="utf-8")
        head, tap, tail = sector.partition("tap = 2 ~ Litre/Day ~ |\n")
        (folder / "equations" / "tank.mdl").write_text(head + tail, encoding="utf-8")
        value = tap if folder is before else tap.replace("2", "3")
        (folder / "equations" / "tap.mdl").write_text("{UTF-8}\n" + value, encoding="utf-8")
        model = folder / "models" / "tank.toml"
        sectors = '"../equations/tank.mdl", "../equations/tap.mdl"'
        model.write_text(MODEL.replace('"../equations/tank.mdl"', sectors), encoding="utf-8")
    with sides(str(before / "equations"), str(after / "equations"), None) as (a, b):
        assert only(diff(a, b)).name == "tap"


@pytest.mark.parametrize("old", ["HEAD~7", "tnk", "-x", "HEAD:models/tnk.toml"])
def test_what_is_neither_file_nor_revision_is_refused(repository: Path, old: str) -> None:
    with pytest.raises(UsageError), sides(old, None, repository):
        pass


# -- runs -----------------------------------------------------------------------------------------


def test_movement_is_relative_to_the_largest_value() -> None:
    times = pd.Index([0.0, 1.0, 2.0], name="time")
    old = pd.DataFrame({"a": [0.0, 10.0, 20.0], "b": [1.0, 1.0, 1.0]}, index=times)
    new = pd.DataFrame({"A": [0.0, 10.0, 15.0], "b": [1.0, 1.0, 1.0]}, index=times)
    (found,) = movements(old, new)
    assert (found.name, found.first_time, found.change) == ("A", 2, 0.25)
    assert (found.old, found.new) == (20, 15)


def test_sums_that_cancel_have_not_moved() -> None:
    times = pd.Index([0.0, 1.0], name="time")
    old = pd.DataFrame({"error": [0.0, 1e-15]}, index=times)
    new = pd.DataFrame({"error": [0.0, -4e-15]}, index=times)
    assert not movements(old, new)


def test_the_canonical_run_agrees_with_the_model_that_wrote_it(tmp_path: Path) -> None:
    model = bullbear.load(workspace(tmp_path) / "models" / "tank.toml")
    path = canonical_path(model)
    path.parent.mkdir()
    path.write_text(canonical_text(model), encoding="utf-8")
    assert path.read_text(encoding="utf-8").startswith("time,0,1,2,")
    found = check_canonical(model)
    assert found.ok
    assert sorted(found.compared) == ["Tank", "inflow", "late", "outflow"]


def test_a_foreign_file_has_no_canonical_run(tmp_path: Path) -> None:
    path = tmp_path / "x.mdl"
    path.write_text("a = 1 ~ ~ |\n", encoding="utf-8")
    with pytest.raises(UsageError, match="no canonical run"):
        canonical_path(bullbear.load(path))
