"""Weighted sums of stocks that no flow can change are found exactly, and no others."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

from bullbear.equations.invariants import FlowMatrix, find_invariants
from bullbear.equations.lowering import compile_system
from bullbear.equations.program import Program
from bullbear.equations.system import System
from bullbear.equations.vensim import read_vensim


def program(tmp_path: Path, *equations: str) -> Program:
    path = tmp_path / "m.mdl"
    path.write_text("".join(f"{e} ~ ~ |\n" for e in equations), encoding="utf-8")
    return compile_system(System([read_vensim(path)]))


def found(tmp_path: Path, *equations: str) -> list[dict[str, Fraction]]:
    made = program(tmp_path, *equations)
    return [
        {made.states[i].name: weight for i, weight in invariant.weights.items()}
        for invariant in find_invariants(made)
    ]


def test_a_flow_between_two_stocks_conserves_their_sum(tmp_path: Path) -> None:
    assert found(
        tmp_path, "A = INTEG(-move, 5)", "B = INTEG(move, 0)", "move = A ^ 0.5 / (1 + B)"
    ) == [{"A": 1, "B": 1}]


def test_a_source_conserves_nothing(tmp_path: Path) -> None:
    equations = ["A = INTEG(rain - move, 5)", "B = INTEG(move, 0)", "move = A / 3", "rain = 1"]
    assert found(tmp_path, *equations) == []


def test_weights_follow_the_units_of_a_recipe(tmp_path: Path) -> None:
    """Two of one make one of the other: half a weight each."""
    assert found(tmp_path, "A = INTEG(-2 * r, 5)", "B = INTEG(r, 0)", "r = A * B") == [
        {"A": 1, "B": 2}
    ]


def test_decimal_shares_are_the_decimals_they_are_written_as(tmp_path: Path) -> None:
    equations = [
        "A = INTEG(-r, 5)", "B = INTEG(0.1 * r - s, 0)", "C = INTEG(0.9 * r + s, 0)",
        "r = A / 7", "s = B * C",
    ]  # fmt: skip
    assert found(tmp_path, *equations) == [{"A": 1, "B": 1, "C": 1}]


def test_auxiliaries_that_are_linear_in_flows_are_seen_through(tmp_path: Path) -> None:
    equations = [
        "t: x, y ~ ~ |\nS[t] = INTEG(pay[t] - burn[t], 1)",
        "T = INTEG(-total + back, 9)",
        "B = INTEG(SUM(burn[t!]) * (1 - share), 0)",
        "back = share * SUM(burn[t!])",
        "total = SUM(pay[t!])",
        "pay[t] = T * S[t]",
        "burn[t] = S[t] ^ 2",
        "share = 0.3",
    ]
    assert found(tmp_path, *equations) == [{"S[x]": 1, "S[y]": 1, "T": 1, "B": 1}]


def test_two_chains_are_two_invariants(tmp_path: Path) -> None:
    equations = [
        "A = INTEG(-f, 1)", "B = INTEG(f, 0)", "f = A",
        "C = INTEG(-g, 1)", "D = INTEG(g - h, 0)", "E = INTEG(h, 0)", "g = C * A", "h = D",
    ]  # fmt: skip
    assert found(tmp_path, *equations) == [{"A": 1, "B": 1}, {"C": 1, "D": 1, "E": 1}]


def test_a_stock_that_never_moves_is_one(tmp_path: Path) -> None:
    assert found(tmp_path, "A = INTEG(0, 4)", "B = INTEG(1, 0)") == [{"A": 1}]


def test_what_is_under_way_in_a_material_delay_counts(tmp_path: Path) -> None:
    (weights,) = found(
        tmp_path, "A = INTEG(-out, 5)", "B = INTEG(in, 0)", "out = A / 4", "in = DELAY3(out, 2)"
    )
    assert set(weights.values()) == {1}
    assert len(weights) == 5


def test_flows_that_differ_by_a_switch_are_not_the_same(tmp_path: Path) -> None:
    equations = ["A = INTEG(-f, 5)", "B = INTEG(IF THEN ELSE(Time > 3, f, 0), 0)", "f = A"]
    assert found(tmp_path, *equations) == []


def test_a_residual_names_what_is_left(tmp_path: Path) -> None:
    made = program(tmp_path, "A = INTEG(g - f, 5)", "B = INTEG(f, 0)", "f = A", "g = EXP(B)")
    matrix = FlowMatrix(made)
    left = matrix.residual({0: Fraction(1), 1: Fraction(1)})
    assert left == {(made.outputs["g"],): 1}
