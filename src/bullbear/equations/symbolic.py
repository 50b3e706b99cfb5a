"""The equations as SymPy expressions, one per equation, as they are written.

Subscripts stay as written: `Staked NMR[tournament]` is one symbol.  Names become `Symbol` objects,
never text that SymPy would read (S, N, E, I and beta mean something to it).  Symbols are real, not
positive.  What SymPy would take apart in ways of its own (MIN, MAX, ABS, comparisons) or does not
know (lookups, STEP, SMOOTH) is an opaque function with a derivative of its own, by the rules of
`bullbear.equations.derivatives`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

import sympy
from sympy import Expr, Symbol

from bullbear.equations import opaque
from bullbear.equations.document import Equation
from bullbear.equations.expressions import (
    Binary,
    Call,
    Expression,
    Missing,
    Name,
    Number,
    Subscript,
    Unary,
)
from bullbear.equations.names import canonical, element_name, split_element
from bullbear.equations.scalar import MISSING
from bullbear.equations.system import System, Variable
from bullbear.errors import UsageError, did_you_mean

TIME = Symbol("Time", real=True)
_BINARY: dict[str, Callable[[Expr, Expr], Expr]] = {
    "+": lambda a, b: _chain(sympy.Add, a, b),
    "-": lambda a, b: _chain(sympy.Add, a, -b),
    "*": lambda a, b: _chain(sympy.Mul, a, b),
    "/": lambda a, b: _chain(sympy.Mul, a, sympy.Pow(b, -1)),
    "^": lambda a, b: a**b,
    "=": opaque.Equal,
    "<>": opaque.Unequal,
    "<": opaque.Less,
    "<=": opaque.LessOrEqual,
    ">": opaque.Greater,
    ">=": opaque.GreaterOrEqual,
    ":AND:": opaque.Both,
    ":OR:": opaque.Either,
}
_KNOWN: dict[str, Callable[..., Expr]] = {
    "exp": sympy.exp, "ln": sympy.log, "sqrt": sympy.sqrt, "sin": sympy.sin, "cos": sympy.cos,
    "tan": sympy.tan, "arcsin": sympy.asin, "arccos": sympy.acos, "arctan": sympy.atan,
    "sinh": sympy.sinh, "cosh": sympy.cosh, "tanh": sympy.tanh,
    "log": lambda x, base: sympy.log(x) / sympy.log(base),
    "power": lambda a, b: a**b,
    "game": lambda x: x, "simultaneous": lambda x, _: x, "active initial": lambda x, _: x,
    "sum": opaque.SumOver, "integer": opaque.Truncated, "abs": opaque.Magnitude,
    "modulo": opaque.Modulo, "quantum": opaque.Quantum, "zidz": opaque.Zidz, "xidz": opaque.Xidz,
    "if then else": opaque.IfThenElse, "step": opaque.Step, "ramp": opaque.Ramp,
    "pulse": opaque.Pulse, "pulse train": opaque.PulseTrain,
}  # fmt: skip
_PAIRWISE = {"min": opaque.Minimum, "max": opaque.Maximum}


@dataclass(frozen=True)
class SymbolicEquation:
    """One equation.

    Attributes
    ----------
    name : the left side as written, with its subscripts
    kind, units, comment : of its variable
    symbol : what stands for it in other equations
    right : its right side; of a stock, the rate of change [units / time unit]
    written : the same, terms and factors as the modeller wrote them; for reading
    initial : the initial value of a stock [units]; None for others
    """

    name: str
    kind: str
    units: str
    comment: str
    symbol: Symbol
    right: Expr
    written: Expr
    initial: Expr | None = None

    @property
    def left(self) -> Expr:
        """The symbol, or its derivative by time for a stock."""
        return sympy.Derivative(self.symbol, TIME) if self.initial is not None else self.symbol

    def diff(self, by: str | Symbol) -> Expr:
        """The partial derivative of the right side by a name in it, other names fixed.

        Raises
        ------
        UsageError
            If the equation does not read that name; names match as Vensim's do.
        """
        if isinstance(by, Symbol):
            return self.right.diff(by)
        known = {split_key(s.name): s for s in self.right.free_symbols}
        if split_key(by) not in known:
            names = sorted(s.name for s in known.values())
            raise UsageError(
                f'the equation of "{self.name}" does not read "{by}"',
                code="unknown-name",
                hint=did_you_mean(by, names) or "it reads " + ", ".join(names),
            )
        return self.right.diff(known[split_key(by)])

    def __str__(self) -> str:
        left = self.name if self.initial is None else f"d {self.name} / d Time"
        return f"{left} = {sympy.sstr(self.written, order='none')}"

    def latex(self) -> str:
        """The equation as LaTeX, in lines of a reasonable width."""
        from bullbear.equations.latex import equation_latex

        return equation_latex(self)


class SymbolicSystem(Mapping[str, SymbolicEquation]):
    """All equations of a model by left side, matched as Vensim does; made when asked for.

    Lookups have no equation; they stand in others as functions.
    """

    def __init__(self, system: System) -> None:
        self.system = system
        self._lookups = {k for k, v in system.variables.items() if v.kind == "lookup"}

    @cached_property
    def _all(self) -> dict[str, SymbolicEquation]:
        return {
            made.name: made
            for variable in self.system.variables.values()
            for made in self._of(variable)
        }

    @cached_property
    def _keys(self) -> dict[tuple[str, tuple[str, ...]], str]:
        return {split_key(name): name for name in self._all}

    def __getitem__(self, name: str) -> SymbolicEquation:
        if split_key(name) not in self._keys:
            hint = did_you_mean(name, self._all)
            raise KeyError(f'no equation of "{name}"' + (f"; {hint}" if hint else ""))
        return self._all[self._keys[split_key(name)]]

    def __iter__(self) -> Iterator[str]:
        return iter(self._all)

    def __len__(self) -> int:
        return len(self._all)

    @property
    def stocks(self) -> list[SymbolicEquation]:
        """The differential equations."""
        return [made for made in self._all.values() if made.initial is not None]

    def of(self, name: str) -> list[SymbolicEquation]:
        """The equations of one variable, name matched as Vensim does; none for a lookup."""
        return list(self._of(self.system.variables[canonical(name)]))

    def _of(self, variable: Variable) -> Iterator[SymbolicEquation]:
        for equation in variable.equations:
            if variable.kind in ("lookup", "data") or equation.expression is None:
                continue
            yield self._made(variable, equation, equation.expression)

    def _made(self, variable: Variable, equation: Equation, node: Expression) -> SymbolicEquation:
        name = element_name(variable.name, equation.subscripts)
        reader = _Reader(self, variable.name)
        initial = None
        if isinstance(node, Call) and canonical(node.name) == "integ":
            initial = reader.expression(node.arguments[1])
            node = node.arguments[0]
        with sympy.evaluate(False):
            written = reader.expression(node)
        return SymbolicEquation(
            name, variable.kind, variable.units, variable.comment, symbol(name),
            reader.expression(node), written, initial,
        )  # fmt: skip

    def spelled(self, name: str) -> str:
        """A variable's or range's name in the spelling of its definition."""
        found = self.system.variables.get(canonical(name))
        return found.name if found is not None else self.system.ranges.spelled(canonical(name))

    def is_lookup(self, name: str) -> bool:
        return canonical(name) in self._lookups


def split_key(name: str) -> tuple[str, tuple[str, ...]]:
    """A name and its subscripts, as Vensim compares them."""
    base, elements = split_element(name)
    return canonical(base), tuple(map(canonical, elements))


def symbol(name: str) -> Symbol:
    """The real symbol of a name as spelled, subscripts included: `Staked NMR[Classic]`."""
    return TIME if canonical(name) == "time" else Symbol(name, real=True)


def _chain(kind: type[Expr], a: Expr, b: Expr) -> Expr:
    """A sum or product that goes on, without parentheses around what is there so far."""
    return kind(*(a.args if isinstance(a, kind) else (a,)), b)


def number(value: float) -> Expr:
    """Whole numbers as integers, so that powers and signs look as they are written."""
    if value == int(value) and abs(value) < 1e15:
        return sympy.Integer(int(value))
    return sympy.Float(value)


class _Reader:
    """From syntax trees to SymPy, within one equation."""

    def __init__(self, symbols: SymbolicSystem, owner: str) -> None:
        self.symbols, self.owner = symbols, owner

    def expression(self, node: Expression) -> Expr:
        if isinstance(node, Number):
            return number(node.value)
        if isinstance(node, Missing):
            return sympy.Float(MISSING)
        if isinstance(node, Name):
            return symbol(self._name(node))
        if isinstance(node, Unary):
            operand = self.expression(node.operand)
            if node.operator == ":NOT:":
                return opaque.Denied(operand)
            return -operand if node.operator == "-" else operand
        if isinstance(node, Binary):
            left, right = self.expression(node.left), self.expression(node.right)
            return _BINARY[node.operator](left, right)
        if isinstance(node, Call):
            return self._call(node)
        return opaque.Opaque(symbol(f"points of {self.owner}"))  # an array, or points of a table

    def _name(self, node: Name | Call) -> str:
        return element_name(
            self.symbols.spelled(node.name), tuple(map(self._subscript, node.subscripts))
        )

    def _subscript(self, subscript: Subscript) -> str:
        spelled = self.symbols.system.ranges.spelled(canonical(subscript.name))
        return spelled + "!" * subscript.reduced

    def _call(self, node: Call) -> Expr:
        key = canonical(node.name)
        if self.symbols.is_lookup(node.name):
            return opaque.Lookup(symbol(self._name(node)), self.expression(node.arguments[0]))
        if key == "with lookup":
            table = symbol(f"lookup of {self.owner}")
            return opaque.Lookup(table, self.expression(node.arguments[0]))
        arguments = [self.expression(argument) for argument in node.arguments]
        if key in _KNOWN:
            return _KNOWN[key](*arguments)
        if key in _PAIRWISE:
            total = arguments[0]
            for argument in arguments[1:]:
                total = _PAIRWISE[key](total, argument)
            return total
        return opaque.named(node.name.upper())(*arguments)
