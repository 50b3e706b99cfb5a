"""Cycles, their direction, and loops that a modeller names."""

from __future__ import annotations

from itertools import permutations
from pathlib import Path

import networkx as nx
import numpy as np
import pytest

import bullbear
from bullbear.analysis.feedback import examine
from bullbear.analysis.links import Links
from bullbear.analysis.loop_scores import Scores, averaged, dominant, shares
from bullbear.analysis.loops import around, cycles, feedback_components, polarity
from bullbear.analysis.named_loops import LoopsFile, find_named, loops_file, paths
from bullbear.errors import ModelError, UsageError
from bullbear.models.model import Model

SMOOTHED = """\
{UTF-8}
Tank = INTEG(inflow - outflow, 10) ~ Litre ~ |
inflow = MAX(0, goal - perceived level) ~ Litre/Year ~ |
perceived level = SMOOTH3(Tank, perception time) ~ Litre ~ |
outflow = Tank * leak ~ Litre/Year ~ |
goal = 50 ~ Litre ~ |
leak = 0.2 ~ 1/Year ~ |
perception time = 2 ~ Year ~ |
twin one = Tank * leak ~ Litre/Year ~ |
INITIAL TIME = 0 ~ Year ~ |
FINAL TIME = 10 ~ Year ~ |
TIME STEP = 0.125 ~ Year ~ |
SAVEPER = 1 ~ Year ~ |
"""


@pytest.fixture
def smoothed(tmp_path: Path) -> Model:
    file = tmp_path / "smoothed.mdl"
    file.write_text(SMOOTHED)
    return bullbear.load(file)


@pytest.fixture(scope="module")
def numerai(request: pytest.FixtureRequest) -> Model:
    return bullbear.load(Path(__file__).parents[3] / "models" / "numerai.toml")


# -- cycles ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("size", "count"), [(2, 1), (3, 5), (4, 20), (5, 84), (6, 409)])
def test_complete_digraphs_have_the_known_number_of_cycles(size: int, count: int) -> None:
    graph = nx.DiGraph(list(permutations("abcdefg"[:size], 2)))
    found, complete = cycles(graph)
    assert (len(found), complete) == (count, True)
    assert len({frozenset(around(path)) for path in found}) == count


def test_where_cycles_are_too_many_each_link_is_in_a_short_one() -> None:
    graph = nx.DiGraph(list(permutations("abcdefg", 2)))  # 2365 cycles
    found, complete = cycles(graph)
    assert not complete
    assert {link for path in found for link in around(path)} == set(graph.edges)
    assert {len(path) for path in found} == {2}
    assert len(found) <= graph.number_of_edges() - len(graph) + 1


def test_a_bound_on_the_length_keeps_the_short_ones() -> None:
    graph = nx.DiGraph(list(permutations("abcde", 2)))
    assert sorted(len(path) for path in cycles(graph, 3)[0]) == [2] * 10 + [3] * 20


def test_components_leave_out_what_is_in_no_cycle() -> None:
    graph = nx.DiGraph([("a", "b"), ("b", "a"), ("b", "c"), ("d", "d")])
    assert feedback_components(graph) == (("a", "b"), ("d",))


# -- links and polarity ----------------------------------------------------------------------------


def test_equal_equations_stay_two_variables(smoothed: Model) -> None:
    links = Links(smoothed.system)
    assert links.graph.has_edge("Tank", "twin one")
    assert links.graph.has_edge("outflow", "Tank")
    assert not links.graph.has_edge("twin one", "Tank")
    assert not links.graph.has_edge("leak", "outflow")  # a constant is no variable that changes


def test_slopes_are_the_derivatives_of_single_equations(smoothed: Model) -> None:
    links = Links(smoothed.system)
    course = links.along(smoothed)
    found = links.slopes(course, [("Tank", "outflow"), ("perceived level", "inflow"),
                                  ("inflow", "Tank"), ("outflow", "Tank")])  # fmt: skip
    level = course.values[links.position["perceived level"]]
    assert found["Tank", "outflow"] == pytest.approx(0.2)
    assert found["perceived level", "inflow"] == pytest.approx(np.where(level < 50, -1.0, 0.0))
    assert found["inflow", "Tank"] == pytest.approx(1)
    assert found["outflow", "Tank"] == pytest.approx(-1)


def test_a_loop_through_a_delay_is_found_with_its_stages(smoothed: Model) -> None:
    found = examine(smoothed)
    outer = max(found.feedback.loops, key=lambda loop: len(loop.path))
    assert outer.variables == ("Tank", "perceived level", "inflow")
    assert len(outer.path) == 6
    assert outer.polarity == "B"


def test_a_sign_that_changes_is_said() -> None:
    slopes = {("a", "b"): np.array([1.0, -1.0, 0.0]), ("b", "a"): np.ones(3)}
    assert polarity(("a", "b"), slopes) == "R/B"
    slopes["a", "b"] = np.array([0.0, -1.0, 0.0])
    assert polarity(("a", "b"), slopes) == "B"
    slopes["a", "b"] = np.zeros(3)
    assert polarity(("a", "b"), slopes) == "idle"


# -- shares and periods ----------------------------------------------------------------------------


def test_shares_are_of_their_own_component_and_nothing_of_nothing_is_nothing() -> None:
    scores = np.array([[1.0, 0.0], [-3.0, 0.0], [5.0, 2.0]])
    found = shares(scores, [0, 0, 1])
    assert found.tolist() == [[0.25, 0], [-0.75, 0], [1, 1]]


def test_the_fewest_loops_of_one_direction_rule() -> None:
    table = np.array([[0.4, 0.4, 0.1], [0.3, 0.3, 0.4], [-0.3, -0.3, -0.5]])
    scores = Scores(np.array([0.0, 1.0, 2.0]), table, table)
    found = dominant(scores)
    assert [(p.start, p.end, p.loops) for p in found] == [(0, 2, (0, 1))]  # nobody rules at last
    assert averaged(scores, 1).shares[:, 0] == pytest.approx(table.mean(axis=1))


# -- named loops -----------------------------------------------------------------------------------


def test_a_named_loop_passes_through_the_stages_of_its_delay(smoothed: Model) -> None:
    (path,) = paths(Links(smoothed.system), ["tank", "Perceived_Level", "inflow"])
    assert [name for name in path if "#" not in name] == ["Tank", "perceived level", "inflow"]


def test_what_is_missing_from_a_named_loop_is_said_with_place_and_way(
    smoothed: Model, tmp_path: Path
) -> None:
    file = tmp_path / "loops.toml"
    file.write_text(
        'model = "smoothed"\n[[loop]]\nname = "B1"\ntitle = "Level"\npolarity = "B"\n'
        'path = ["Tank", "inflow"]\n[[loop]]\nname = "B2"\ntitle = "Leak"\npolarity = "B"\n'
        'path = ["Tank", "outflw"]\n'
    )
    with pytest.raises(ModelError) as caught:
        find_named(Links(smoothed.system), LoopsFile.read(file))
    first, second = caught.value.findings
    assert str(first.where) == f"{file}:6:1"
    assert first.message == 'B1: "inflow" does not read "Tank"'
    assert first.hint == "the shortest way is Tank -> perceived level -> inflow"
    assert second.message == 'B2: no variable "outflw" that changes'
    assert '"outflow"' in second.hint


def test_the_loops_of_the_design_exist_and_push_as_it_says(numerai: Model) -> None:
    file = loops_file(numerai.definition.path)
    assert file is not None
    links = Links(numerai.system)
    found = find_named(links, LoopsFile.read(file))
    names = {one.loop.name for one in found}
    assert names == {f"{kind}{number}" for kind in "BR" for number in range(1, 11)}
    courses = {s: links.along(numerai, s) for s in {one.loop.scenario for one in found}}
    for one in found:
        course = courses[one.loop.scenario]
        # the first element stands for all: Classic, whose record is the longest
        slopes = links.slopes(course, around(one.paths[0]))
        assert polarity(one.paths[0], slopes) == one.loop.polarity, one.loop.name


def test_without_any_one_of_its_links_no_loop_of_the_design_is_left(numerai: Model) -> None:
    file = loops_file(numerai.definition.path)
    assert file is not None
    links = Links(numerai.system)
    whole = links.graph
    for one in LoopsFile.read(file).loop:
        for start, end in around(one.path):
            links.graph = whole.copy()
            links.graph.remove_edges_from(
                (a, b) for a, b in whole.edges
                if a.partition("[")[0] == start and b.partition("[")[0].partition("#")[0] == end
            )  # fmt: skip
            with pytest.raises(ModelError, match=r"does not read|do not close"):
                paths(links, one.path)
    links.graph = whole


# -- bad input -------------------------------------------------------------------------------------


def test_a_length_below_one_is_refused(smoothed: Model) -> None:
    with pytest.raises(UsageError, match="at least one variable"):
        examine(smoothed, length=0)


def test_chance_has_no_scores(tmp_path: Path) -> None:
    file = tmp_path / "chance.mdl"
    file.write_text(
        "{UTF-8}\nx = INTEG(RANDOM NORMAL(-1, 1, 0, 1, 3) - x, 0) ~ m ~ |\n"
        "INITIAL TIME = 0 ~ Year ~ |\nFINAL TIME = 4 ~ Year ~ |\nTIME STEP = 1 ~ Year ~ |\n"
        "SAVEPER = 1 ~ Year ~ |\n"
    )
    with pytest.raises(ModelError, match="random functions"):
        examine(bullbear.load(file))


def test_a_run_of_one_step_is_too_short(smoothed: Model, tmp_path: Path) -> None:
    file = tmp_path / "short.mdl"
    file.write_text(SMOOTHED.replace("FINAL TIME = 10", "FINAL TIME = 0.125"))
    with pytest.raises(UsageError, match="too few steps"):
        examine(bullbear.load(file))
