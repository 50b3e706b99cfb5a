"""What is set aside before equilibria are looked for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import bullbear
from bullbear.analysis.equilibrium import find
from bullbear.analysis.growth import balanced, blocks
from bullbear.analysis.problem import Problem
from bullbear.analysis.reduction import Frozen

CONTROLS = (
    "INITIAL TIME = 0 ~ Year ~ |\nFINAL TIME = 20 ~ Year ~ |\nTIME STEP = 0.0625 ~ Year ~ |\n"
    "SAVEPER = 1 ~ Year ~ |\n"
)


def frozen(folder: Path, equations: str, **options: float) -> Frozen:
    file = folder / "model.mdl"
    file.write_text("{UTF-8}\n" + equations + CONTROLS)
    return Frozen(bullbear.load(file), at=options.get("at"))


def test_a_memo_that_only_reads_is_set_aside_and_an_index_too(tmp_path: Path) -> None:
    found = frozen(
        tmp_path,
        "x = INTEG(2 - x, 1) ~ m ~ |\ntotal = INTEG(x, 0) ~ m*Year ~ |\n"
        "index = INTEG(index * x / 10, 1) ~ Dmnl ~ |\nlag = SMOOTH(x, 3) ~ m ~ |\n",
    )
    assert "x" in found.names
    assert {"total", "index"} <= set(found.unread)


def test_a_stock_that_settles_by_itself_stays_though_nobody_reads_it(tmp_path: Path) -> None:
    found = frozen(tmp_path, "x = INTEG(2 - x, 1) ~ m ~ |\ny = INTEG(x - 4 * y, 0) ~ m ~ |\n")
    assert set(found.names) == {"x", "y"}


def test_a_stock_whose_valve_is_shut_stands_still(tmp_path: Path) -> None:
    found = frozen(
        tmp_path,
        "x = INTEG(2 - x + valve * y, 1) ~ m ~ |\ny = INTEG(-valve * y, 7) ~ m ~ |\n"
        "valve = 0 ~ 1/Year ~ |\n",
    )
    assert found.names == ("x",)
    assert found.still == {"y": 7.0}


def test_an_unstable_rest_at_the_start_is_not_taken_for_standing_still(tmp_path: Path) -> None:
    found = frozen(tmp_path, "x = INTEG(x * (1 - x), 0) ~ m ~ |\n")
    assert found.names == ("x",)
    kinds = {one.stability.kind for one in find(found.model).equilibria}
    assert kinds == {"stable", "unstable"}


def test_time_is_frozen_where_it_is_asked_for(tmp_path: Path) -> None:
    text = "x = INTEG(1 + STEP(4, 10) - x, 1) ~ m ~ |\n"
    early, late = frozen(tmp_path, text, at=5.0), frozen(tmp_path, text)
    assert early.reads_time
    assert early.rates(np.array([1.0])) == pytest.approx([0])
    assert late.time == 20
    assert late.rates(np.array([5.0])) == pytest.approx([0])


def test_totals_leave_no_zero_eigenvalue(tmp_path: Path) -> None:
    found = frozen(
        tmp_path,
        "a = INTEG(b - 2 * a, 3) ~ m ~ |\nb = INTEG(2 * a - b - b + c, 0) ~ m ~ |\n"
        "c = INTEG(b - c, 0) ~ m ~ |\n",
    )
    problem = found.problem()
    assert problem.totals.shape == (1, 3)
    (root,) = problem.solve([found.trail.states[0][found.kept]])
    assert root.states.sum() == pytest.approx(3)
    slopes = problem.slopes(problem.coordinates(root.states))
    assert np.linalg.eigvals(slopes).real.max() < -0.1
    assert np.abs(np.linalg.eigvals(problem.jacobian(root.states))).min() < 1e-12


# -- balanced growth -------------------------------------------------------------------------------


def linear(matrix: np.ndarray) -> Problem:
    count = len(matrix)
    return Problem(
        tuple("abcdef"[:count]), lambda x: matrix @ x, lambda x: matrix, np.ones(count),
        np.zeros((0, count)), np.ones(count),
    )  # fmt: skip


def test_blocks_that_do_not_touch_grow_each_at_its_own_rate() -> None:
    matrix = np.zeros((4, 4))
    matrix[:2, :2] = [[0.1, 0.2], [0.2, 0.1]]
    matrix[2:, 2:] = [[0.0, 0.5], [0.5, 0.0]]
    problem = linear(matrix)
    assert blocks(problem) == [[0, 1], [2, 3]]
    (found,) = balanced(problem, [np.array([1.0, 2.0, 3.0, 4.0])])
    assert found.rates == pytest.approx({("a", "b"): 0.3, ("c", "d"): 0.5})
    assert found.shares == pytest.approx(dict.fromkeys("abcd", 0.5))
    assert found.stability.kind == "stable"


def test_a_stock_that_decays_alone_is_no_growth() -> None:
    assert blocks(linear(np.array([[-4.0]]))) == []
    assert blocks(linear(np.array([[0.1]]))) == [[0]]


def test_what_has_a_size_of_its_own_does_not_grow_in_balance() -> None:
    problem = Problem(
        ("x",), lambda x: x * (1 - x), lambda x: np.diag(1 - 2 * x), np.ones(1), np.zeros((0, 1)),
        np.ones(1),
    )  # fmt: skip
    assert blocks(problem) == []
