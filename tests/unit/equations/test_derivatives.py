"""Derivatives of statements: against complex steps, differences, each other, and by hand."""

from __future__ import annotations

import cmath
import math
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bullbear.equations.derivatives import Rules, tangents, weights
from bullbear.equations.printers.python import PythonCode
from bullbear.equations.program import Builder, Level, LookupTable, Parameter

COMPLEX = {
    "add": lambda a, b: a + b, "sub": lambda a, b: a - b, "mul": lambda a, b: a * b,
    "div": lambda a, b: a / b, "neg": lambda a: -a, "pow": lambda a, b: a**b,
    "exp": cmath.exp, "ln": cmath.log, "sqrt": cmath.sqrt, "sin": cmath.sin, "cos": cmath.cos,
    "tan": cmath.tan, "arcsin": cmath.asin, "arccos": cmath.acos, "arctan": cmath.atan,
    "sinh": cmath.sinh, "cosh": cmath.cosh, "tanh": cmath.tanh,
}  # fmt: skip
POINTS = {"arcsin": (0.3,), "arccos": (-0.4,), "pow": (1.7, -0.6), "modulo": (7.3, 2.1)}


class Statements:
    """A builder with two parameters x and y."""

    def __init__(self) -> None:
        self.builder = Builder()
        self.builder.program.parameters = [Parameter("x", 0.0), Parameter("y", 0.0)]
        self.x, self.y = (self.builder.add("param", data=i) for i in (0, 1))
        self.add, self.const = self.builder.add, self.builder.const

    def table(self, *points: tuple[float, float]) -> int:
        x, y = np.array(points, dtype=np.float64).T
        self.builder.program.tables.append(LookupTable("table", x, y))
        return len(self.builder.program.tables) - 1

    def values(self, roots: Sequence[int], point: Sequence[float]) -> list[float]:
        padded = [*point, 0.0, 0.0][:2]
        code = PythonCode(self.builder.program, {"roots": roots})
        return list(code.prepare(padded, {}).functions["roots"](0.0, 0.0, []))

    def forward(self, root: int, point: Sequence[float]) -> list[float]:
        """Derivatives by x and y, each by a run of its own."""
        zero = self.const(0.0)
        found = [tangents(self.builder, {p: self.const(1.0)}, [root]) for p in (self.x, self.y)]
        return self.values([f.get(root, zero) for f in found], point)

    def reverse(self, root: int, point: Sequence[float]) -> list[float]:
        """Derivatives by x and y, both at once."""
        zero = self.const(0.0)
        found = weights(
            self.builder,
            {root: self.const(1.0)},
            lambda i: self.builder.level(i) >= Level.DRAW,
        )
        return self.values([found.get(p, zero) for p in (self.x, self.y)], point)


# -- every operation -------------------------------------------------------------------------------


@pytest.mark.parametrize("op", COMPLEX)
def test_a_smooth_operation_agrees_with_the_complex_step(op: str) -> None:
    s = Statements()
    point = POINTS.get(op, (0.8, 1.3))
    count = COMPLEX[op].__code__.co_argcount if hasattr(COMPLEX[op], "__code__") else 1
    root = s.add(op, *(s.x, s.y)[:count])
    found = s.forward(root, point)
    for position in range(count):
        stepped = [complex(v, 1e-30 * (i == position)) for i, v in enumerate(point[:count])]
        assert found[position] == pytest.approx(COMPLEX[op](*stepped).imag / 1e-30, rel=1e-14)
    assert s.reverse(root, point) == pytest.approx(found, rel=1e-14)


def test_every_operation_has_a_rule() -> None:
    from bullbear.equations import scalar

    for op in scalar.OPERATIONS:
        s = Statements()
        count = scalar.OPERATIONS[op].__code__.co_argcount if op == "select" else None
        for arguments in ((s.x,), (s.x, s.y), (s.x, s.y, s.x)):
            if count is None or count == len(arguments):
                try:
                    scalar.OPERATIONS[op](*(0.5 for _ in arguments))
                except TypeError:
                    continue
                root = s.add(op, *arguments)
                forward, point = s.forward(root, (0.5, 0.25)), (0.5, 0.25)
                assert np.isfinite(forward).all()
                assert s.reverse(root, point) == pytest.approx(forward, rel=1e-14)


def test_modulo_moves_with_its_divisor() -> None:
    s = Statements()
    assert s.forward(s.add("modulo", s.x, s.y), (7.3, 2.1)) == [1.0, -3.0]


# -- kinks and singular points ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("op", "constant", "first", "at", "slope"),
    [
        ("max", 0.0, True, 0.0, 1.0), ("max", 0.0, False, 0.0, 1.0),
        ("min", 0.0, True, 0.0, 0.0), ("min", 0.0, False, 0.0, 0.0),
        ("max", 0.0, True, -1.0, 0.0), ("max", 0.0, False, 1.0, 1.0),
        ("min", 2.0, True, 1.0, 1.0), ("min", 2.0, False, 3.0, 0.0),
    ],
)  # fmt: skip
def test_a_tie_with_a_constant_has_the_slope_to_the_right(
    op: str, constant: float, first: bool, at: float, slope: float
) -> None:
    s = Statements()
    pair = (s.x, s.const(constant)) if first else (s.const(constant), s.x)
    root = s.add(op, *pair)
    assert s.forward(root, (at,)) == s.reverse(root, (at,)) == [slope, 0.0]


def test_abs_has_the_slope_to_the_right_at_zero() -> None:
    s = Statements()
    root = s.add("abs", s.x)
    assert [s.forward(root, (x,))[0] for x in (-2.0, 0.0, 2.0)] == [-1.0, 1.0, 1.0]


@pytest.mark.parametrize(
    ("kind", "slopes"),
    [("interpolate", (0.0, 2.0, 2.0, -1.0, 0.0, 0.0)), ("extrapolate", (2.0, 2.0, 2.0, -1.0, -1.0,
                                                                        -1.0)),
     ("backward", (0.0,) * 6), ("forward", (0.0,) * 6)],
)  # fmt: skip
def test_a_lookup_has_the_slope_to_the_right(kind: str, slopes: Sequence[float]) -> None:
    s = Statements()
    table = s.table((0, 0), (1, 2), (3, 0))
    root = s.add("lookup", s.x, data=(table, kind))
    found = [s.forward(root, (x,))[0] for x in (-1.0, 0.0, 0.5, 1.0, 3.0, 4.0)]
    assert found == list(slopes)


def test_a_lookup_of_one_point_is_flat() -> None:
    s = Statements()
    for kind in ("interpolate", "extrapolate"):
        root = s.add("lookup", s.x, data=(s.table((1, 5)), kind))
        assert [s.forward(root, (x,))[0] for x in (0.0, 1.0, 2.0)] == [0.0] * 3


@pytest.mark.parametrize(
    ("exponent", "slope"), [(0.0, 0.0), (0.5, math.inf), (1.0, 1.0), (1.5, 0.0), (2.0, 0.0)]
)
def test_a_power_at_zero(exponent: float, slope: float) -> None:
    s = Statements()
    free, fixed = s.add("pow", s.x, s.y), s.add("pow", s.x, s.const(exponent))
    assert s.forward(free, (0.0, exponent)) == [slope, 0.0]
    assert s.forward(fixed, (0.0,)) == [slope, 0.0]


def test_an_infinite_slope_counts_only_where_the_argument_moves() -> None:
    s = Statements()
    still = s.add("sqrt", s.add("mul", s.x, s.y))
    assert s.forward(still, (0.0, 0.0)) == s.reverse(still, (0.0, 0.0)) == [0.0, 0.0]
    assert s.forward(s.add("sqrt", s.x), (0.0,))[0] == math.inf


def test_the_branch_that_is_not_taken_does_no_harm() -> None:
    """ln x where x > 0, else x: an infinite or undefined slope must not leak out."""
    s = Statements()
    positive = s.add("gt", s.x, s.const(0.0))
    guarded = s.add("select", positive, s.add("ln", s.x), s.x)
    divided = s.add("select", positive, s.add("div", s.y, s.x), s.y)
    root = s.add("add", guarded, divided)
    for point in ((0.0, 2.0), (-1.0, 2.0)):
        assert s.forward(root, point) == s.reverse(root, point) == [1.0, 1.0]


def test_conditions_and_whole_numbers_are_flat() -> None:
    s = Statements()
    for root in (s.add("gt", s.x, s.y), s.add("integer", s.x), s.add("not", s.x)):
        assert tangents(s.builder, {s.x: s.const(1.0)}, [root]) == {}


def test_nothing_is_built_for_what_is_known_to_be_zero() -> None:
    s = Statements()
    rules = Rules(s.builder)
    root = s.add("mul", s.const(3.0), s.x)
    before = len(s.builder.program.nodes)
    found = tangents(s.builder, {s.x: s.const(1.0)}, [root], rules)
    assert found[root] == s.const(3.0)
    assert len(s.builder.program.nodes) == before + 1  # the seed alone


# -- both directions on whole expressions ----------------------------------------------------------

UNARY = ("neg", "exp", "sin", "tanh", "abs", "sqrt", "ln", "arctan")
BINARY = ("add", "sub", "mul", "div", "min", "max", "pow")
STEPS = st.lists(
    st.tuples(st.sampled_from(UNARY + BINARY), st.integers(0, 30), st.integers(0, 30)),
    min_size=1, max_size=12,
)  # fmt: skip


@given(steps=STEPS, x=st.floats(0.2, 2.0), y=st.floats(0.2, 2.0))
def test_forward_and_reverse_agree_on_any_expression(
    steps: Sequence[tuple[str, int, int]], x: float, y: float
) -> None:
    s = Statements()
    made = [s.x, s.y, s.const(0.7)]
    for op, a, b in steps:
        arguments = [made[a % len(made)], made[b % len(made)]]
        made.append(s.add(op, *arguments[: 1 if op in UNARY else 2]))
    values = s.values(made, (x, y))
    if not all(1e-6 < abs(v) < 1e6 for v in values):
        return  # near a singular point, rounding is all there is to compare
    root = made[-1]
    assert s.reverse(root, (x, y)) == pytest.approx(s.forward(root, (x, y)), rel=1e-9, abs=1e-12)
