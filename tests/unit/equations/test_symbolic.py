"""Equations as SymPy expressions: their values, their derivatives, and how they read."""

from __future__ import annotations

import math
import re
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sympy

from bullbear.equations import opaque, scalar
from bullbear.equations.derivatives import tangents
from bullbear.equations.latex import WIDTH, equation_latex
from bullbear.equations.names import canonical, split_element
from bullbear.equations.printers.python import PythonCode
from bullbear.equations.program import Builder
from bullbear.equations.source import Source
from bullbear.equations.symbolic import SymbolicEquation, SymbolicSystem, symbol
from bullbear.equations.system import System
from bullbear.equations.vensim import read_source
from bullbear.errors import UsageError
from bullbear.models.model import Model, load

TOY = """\
kind: A, B ~~|
Tank[kind] = INTEG(inflow[kind] - outflow[kind], initial content) ~ Litre ~ Holds. |
initial content = 10 ~ Litre ~ |
inflow[kind] = 2 + STEP(rate, 3) ~ Litre/Year ~ |
rate = 0.5 ~ Litre/Year ~ |
outflow[kind] = MAX(0, MIN(Tank[kind] / S, limit table(Tank[kind]))) ~ Litre/Year ~ |
S = 4 ~ Year ~ Its name means something to SymPy. |
limit table((0,0),(10,3)) ~ Litre/Year ~ |
N = SUM(Tank[kind!]) ~ Litre ~ |
beta = IF THEN ELSE(N > 3 :AND: Time < 5, SQRT(N), SMOOTH(N, S)) / XIDZ(N, S, 1) ~ Dmnl ~ |
E = 1e-06 * beta ^ 2 - ( N - S ) * 3 ~ Dmnl ~ |
"""


@pytest.fixture(scope="module")
def toy() -> SymbolicSystem:
    return SymbolicSystem(System([read_source(Source("toy.mdl", TOY))]))


# -- what it is ------------------------------------------------------------------------------------


def test_each_equation_stands_as_it_is_written(toy: SymbolicSystem) -> None:
    assert [e.name for e in toy.stocks] == ["Tank[kind]"]
    tank = toy["Tank[kind]"]
    assert tank.right == symbol("inflow[kind]") - symbol("outflow[kind]")
    assert tank.initial == symbol("initial content")
    assert tank.left == sympy.Derivative(symbol("Tank[kind]"), symbol("Time"))
    assert (tank.kind, tank.units, tank.comment) == ("stock", "Litre", "Holds.")
    assert "limit table" not in toy


def test_names_are_symbols_whatever_they_mean_to_sympy(toy: SymbolicSystem) -> None:
    assert toy["E"].right.free_symbols == {symbol("beta"), symbol("N"), symbol("S")}
    assert all(s.is_real and s.is_positive is None for s in toy["beta"].right.free_symbols)


def test_derivatives_of_choices_are_choices(toy: SymbolicSystem) -> None:
    slope = str(toy["outflow[kind]"].diff("S"))
    assert "IF THEN ELSE" in slope
    assert toy["outflow[kind]"].diff("Tank[kind]").has(sympy.Function) is True
    assert "slope of(limit table" in str(toy["outflow[kind]"].diff("Tank[kind]"))
    assert str(toy["inflow[kind]"].diff("rate")) == "STEP(1, 3)"
    assert toy["N"].diff("Tank[kind!]") == 1
    assert toy["E"].diff("N") == -3


def test_names_are_matched_as_vensim_does_and_never_silently_missed(toy: SymbolicSystem) -> None:
    assert toy["tank[KIND]"] is toy["Tank[kind]"]
    assert toy["e"].diff("n") == -3
    with pytest.raises(KeyError, match="Tank"):
        toy["Tnak[kind]"]
    with pytest.raises(UsageError, match='does not read "M"'):
        toy["E"].diff("M")


def test_an_equation_prints_as_it_was_written(toy: SymbolicSystem) -> None:
    assert str(toy["Tank[kind]"]) == "d Tank[kind] / d Time = inflow[kind] - outflow[kind]"


# -- values and derivatives of the Numerai model ---------------------------------------------------


@pytest.fixture(scope="module")
def numerai() -> Model:
    return load("numerai")


class Table:
    """A lookup and its slope to the right."""

    def __init__(self, x: np.ndarray, y: np.ndarray) -> None:
        self.x, self.y = x, y

    def at(self, x: float) -> float:
        return float(np.interp(x, self.x, self.y))

    def slope(self, x: float) -> float:
        i = int(np.searchsorted(self.x, x, side="right")) - 1
        if i < 0 or i >= len(self.x) - 1:
            return 0.0
        return float((self.y[i + 1] - self.y[i]) / (self.x[i + 1] - self.x[i]))


class Point:
    """The values of one moment of a run, and SymPy expressions evaluated there."""

    def __init__(self, model: Model, step: int) -> None:
        self.model = model
        vector = model.parameter_vector(model.values()).tolist()
        grid = model.grid(vector)
        self.states = model._simulator.run(grid, "euler", vector).states[step].tolist()
        self.time, self.vector, self.controls = grid.time(step), vector, grid.controls()
        names = list(model.program.outputs)
        numbers = self.statements(model.program, list(model.program.outputs.values()))
        self.values: dict[str, object] = dict(zip(names, numbers, strict=True))
        self.values |= {t.name: Table(t.x, t.y) for t in model.program.tables}
        self.values["Time"] = self.time

    def statements(self, program: object, roots: list[int]) -> tuple[float, ...]:
        code = PythonCode(program, {"all": roots})  # type: ignore[arg-type]
        found = code.prepare(self.vector, self.controls).functions["all"]
        return found(self.time, self.time, self.states)

    def evaluate(self, node: sympy.Expr, names: Mapping[str, str]) -> Any:
        """The number of an expression; the branch of a choice that is not taken is not read."""
        if isinstance(node, sympy.Symbol):
            return self.values[names.get(node.name, node.name)]
        if node.is_number:
            return float(node)
        if isinstance(node, opaque.IfThenElse):
            condition, yes, no = node.args
            return self.evaluate(yes if self.evaluate(condition, names) else no, names)
        if isinstance(node, opaque.Zidz | opaque.Xidz):
            a, b, otherwise = (*node.args, sympy.S.Zero)[:3]
            return self.evaluate(opaque.IfThenElse(abs(self.evaluate(b, names)) < 1e-6, otherwise,
                                                   a / b), names)  # fmt: skip
        return self.function(node)(*(self.evaluate(argument, names) for argument in node.args))

    def function(self, node: sympy.Expr) -> Callable[..., float]:
        middle, dt = self.time + self.controls["time_step"] / 2, self.controls["time_step"]
        return {
            "Add": lambda *xs: sum(xs), "Mul": lambda *xs: math.prod(xs), "Pow": scalar.power,
            "exp": scalar.exp, "log": math.log, "tanh": math.tanh, "Abs": abs,
            "Less": lambda a, b: a < b, "LessOrEqual": lambda a, b: a <= b,
            "Greater": lambda a, b: a > b, "GreaterOrEqual": lambda a, b: a >= b,
            "Equal": lambda a, b: a == b, "Both": lambda a, b: a and b,
            "Either": lambda a, b: a or b, "Denied": lambda a: not a,
            "Minimum": min, "Maximum": max, "Magnitude": abs, "Truncated": math.trunc,
            "Step": lambda h, s: h if middle > s else 0.0,
            "Pulse": lambda s, w: float(s < middle < s + max(w, dt)),
            "Lookup": lambda t, x: t.at(x), "Slope": lambda t, x: t.slope(x),
        }[type(node).__name__]  # fmt: skip


@pytest.fixture(scope="module")
def point(numerai: Model) -> Point:
    return Point(numerai, 500)


def elements(model: Model, equation: SymbolicEquation) -> dict[str, dict[str, str]]:
    """Element name -> the element that each symbol means there."""
    variable = model.system.variables[canonical(split_element(equation.name)[0])]
    ranges = model.system.ranges
    found = {}
    for chosen, name in model.system.element_names(variable):
        bound = variable.elements[chosen].bound
        names = {}
        for one in equation.right.free_symbols:
            base, subscripts = split_element(one.name)
            keys = [bound.get(canonical(s), canonical(s)) for s in subscripts]
            spelled = ",".join(map(ranges.spelled, keys))
            names[one.name] = f"{base}[{spelled}]" if spelled else base
        if split_element(equation.name)[1] or not variable.dimensions:
            found[name] = names
    return found


def comparable(model: Model) -> list[SymbolicEquation]:
    """Equations of one moment, without a sum over elements, a memory or a stepwise lookup."""
    whole = {name: v for name, v in model.system.variables.items() if len(v.equations) == 1}
    words = ("SMOOTH", "DELAY", "SAMPLE", "INITIAL", "LOOKUP BACKWARD", "LOOKUP FORWARD", "LOG")
    return [
        e for e in model.equations.values()
        if e.kind in ("auxiliary", "flow") and not e.right.has(opaque.SumOver)
        and canonical(split_element(e.name)[0]) in whole
        and not any(word in str(e.right) for word in words)
    ]  # fmt: skip


def test_expressions_have_the_values_of_the_run(numerai: Model, point: Point) -> None:
    equations = comparable(numerai)
    auxiliaries = [e for e in numerai.equations.values() if e.kind in ("auxiliary", "flow")]
    assert len(equations) > 0.8 * len(auxiliaries)
    for equation in equations:
        for name, names in elements(numerai, equation).items():
            expected = point.values[name]
            assert point.evaluate(equation.right, names) == pytest.approx(
                expected, rel=1e-9, abs=1e-12
            ), name


def test_partial_derivatives_are_those_of_the_statements(numerai: Model, point: Point) -> None:
    """Each equation by each name in it, the other names fixed."""
    program = numerai.program
    builder = Builder.onto(program)
    one, zero = builder.const(1.0), builder.const(0.0)
    roots, symbolic, labels = [], [], []
    for equation in comparable(numerai):
        for name, names in elements(numerai, equation).items():
            read = {s: names[s.name] for s in equation.right.free_symbols
                    if names[s.name] in program.outputs}  # fmt: skip
            places = [program.outputs[n] for n in read.values()]
            root = program.outputs[name]
            if len(set(places)) < len(places) or root in places:
                continue  # two names are the same statement
            for by, place in zip(read, places, strict=True):
                seeds = dict.fromkeys(places, zero) | {place: one}
                roots.append(tangents(builder, seeds, [root]).get(root, zero))
                symbolic.append(point.evaluate(equation.right.diff(by), names))
                labels.append((name, by.name))
    found = np.array(point.statements(builder.program, roots))
    expected = np.array(symbolic)
    wrong = ~np.isclose(found, expected, rtol=1e-9, atol=1e-12)
    # MAX(STEP(...), stock) at a tie of 0 and 0: only the statements know that the stock moves
    assert {labels[i] for i in np.flatnonzero(wrong)} <= {("NWR payout share", "NWR Launched")}
    assert len(labels) > 500


# -- how it reads ----------------------------------------------------------------------------------


def test_latex_keeps_the_order_and_names_of_the_modeller(toy: SymbolicSystem) -> None:
    text = equation_latex(toy["Tank[kind]"], "Year")
    assert text == (
        r"\frac{d}{dt}\,\text{Tank}_{\text{kind}} = \text{inflow}_{\text{kind}} - "
        r"\text{outflow}_{\text{kind}} \quad [\text{Litre/Year}]"
    )
    assert r"\sum_{\text{kind}} \text{Tank}_{\text{kind}}" in equation_latex(toy["N"])
    beta = equation_latex(toy["beta"])
    assert r"\begin{cases} \sqrt{\text{N}} & \text{if } \text{N} > 3 \land t < 5" in beta
    assert r"1.0 \cdot 10^{-6}" in equation_latex(toy["E"]).replace("1 \\cdot", "1.0 \\cdot")


def test_latex_of_every_equation_is_balanced_and_of_reasonable_width(numerai: Model) -> None:
    wide = []
    for equation in numerai.equations.values():
        text = equation.latex()
        assert text.count("{") == text.count("}")
        assert text.count(r"\left") == text.count(r"\right")
        for line in text.split("\n"):
            seen = re.sub(r"\\[a-zA-Z]+|[{}&_\\]", "", line)
            if len(seen) > 2 * WIDTH:
                wide.append(equation.name)
    # a choice or a fraction cannot be broken
    assert len(wide) < 0.05 * len(numerai.equations)


def test_special_characters_are_escaped() -> None:
    text = '"cost_&_fee %" = 3 ~ $ ~ |\n'
    made = SymbolicSystem(System([read_source(Source("x.mdl", text))]))
    (equation,) = made.values()
    assert r"cost\_\&\_fee \%" in equation.latex()
    assert r"[\text{\$}]" in equation.latex()


def test_sympy_is_loaded_only_when_it_is_asked_for(root: Path) -> None:
    code = (
        "import sys, bullbear; m = bullbear.load('numerai'); assert 'sympy' not in sys.modules; "
        "m.equations; assert 'sympy' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=root)
