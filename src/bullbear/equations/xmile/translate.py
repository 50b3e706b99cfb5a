"""One XMILE equation in the words of Vensim's language: names, arrays and functions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from bullbear.equations.expressions import (
    Binary,
    Call,
    Expression,
    Name,
    Number,
    Span,
    Subscript,
    Unary,
)
from bullbear.equations.functions import FUNCTIONS
from bullbear.equations.names import canonical
from bullbear.equations.tokens import SyntaxFault
from bullbear.equations.xmile import functions
from bullbear.equations.xmile.names import Symbol, Symbols

_REDUCTIONS = {"sum": "SUM", "prod": "PROD", "min": "VMIN", "max": "VMAX", "mean": "SUM",
               "size": "SIZE", "stddev": "SUM"}  # fmt: skip
_CALLED_BY = {"continuous": "", "extrapolate": "LOOKUP EXTRAPOLATE", "discrete": "LOOKUP BACKWARD"}


@dataclass(frozen=True)
class Translator:
    """The rules for one equation.

    `own` is the variable that the equation belongs to; `left` its subscripts on the left side.
    """

    symbols: Symbols
    prefix: str
    own: str
    left: tuple[str, ...]
    inside: frozenset[str] = frozenset()  # names of a macro, which stand for themselves
    reducing: bool = False  # a bare array stands for all its elements

    def expression(self, node: Expression) -> Expression:
        if isinstance(node, Name):
            return self.name(node)
        if isinstance(node, Call):
            return self.call(node)
        if isinstance(node, Unary):
            return replace(node, operand=self.expression(node.operand))
        if isinstance(node, Binary):
            left, right = self.expression(node.left), self.expression(node.right)
            return replace(node, left=left, right=right)
        return node

    # -- names ----------------------------------------------------------------------------------

    def name(self, node: Name) -> Expression:
        key = canonical(node.name)
        if key in self.inside:
            return node
        if key == "self":
            return replace(node, name=self.own)
        symbol = self.symbols.find(node.name, self.prefix)
        if symbol is None:
            known = functions.constant(key, node.span)
            if known is not None:
                return known
            if self.symbols.is_dimension(node.name):
                return node
            # unknown: told later, with the nearest names
            return replace(node, name=self.symbols.full_name(node.name, self.prefix))
        return Name(symbol.name, self.subscripts(node, symbol), node.span)

    def subscripts(self, node: Name | Call, symbol: Symbol) -> tuple[Subscript, ...]:
        dimensions = symbol.dimensions
        if not node.subscripts:
            return tuple(Subscript(d, self._bare(d), node.span) for d in dimensions)
        if len(node.subscripts) != len(dimensions):
            raise SyntaxFault(
                node.span.start, "subscripts",
                f'"{symbol.name}" has {len(dimensions)} dimensions, {len(node.subscripts)} '
                "are given",
            )  # fmt: skip
        return tuple(
            Subscript(dimension, True, given.span) if given.reduced
            else self._given(given, dimension)
            for given, dimension in zip(node.subscripts, dimensions, strict=True)
        )  # fmt: skip

    def _bare(self, dimension: str) -> bool:
        """Whether a dimension that nobody named runs over all its elements."""
        return self.reducing and canonical(dimension) not in map(canonical, self.left)

    def _given(self, given: Subscript, dimension: str) -> Subscript:
        """An index: an element, a number of one, or a dimension of the left side."""
        key = canonical(given.name)
        if key in self.symbols.dimensions:
            return replace(given, name=given.name, reduced=self._bare(given.name))
        elements = self.symbols.dimensions.get(canonical(dimension), ())
        if key in map(canonical, elements) or not key.isdigit():
            return given
        if not 1 <= int(key) <= len(elements):
            raise SyntaxFault(
                given.span.start, "subscripts",
                f"{dimension} has {len(elements)} elements, not {given.name}",
            )  # fmt: skip
        return replace(given, name=elements[int(key) - 1])

    # -- functions ------------------------------------------------------------------------------

    def call(self, node: Call) -> Expression:
        key = canonical(node.name)
        symbol = self.symbols.find(node.name, self.prefix)
        if symbol is not None and symbol.lookup:
            return self.read_lookup(node, symbol, node.arguments)
        if key == "lookup" and node.arguments and isinstance(first := node.arguments[0], Name):
            symbol = self.symbols.find(first.name, self.prefix)
            if symbol is not None and symbol.lookup:
                return self.read_lookup(first, symbol, node.arguments[1:], node.span)
        if key in _REDUCTIONS and len(node.arguments) == 1:
            reduced = self.reduction(node, key)
            if reduced is not None:
                return reduced
        if not node.arguments and (known := functions.constant(key, node.span)) is not None:
            return known
        plain = replace(node, arguments=tuple(map(self.expression, node.arguments)))
        found = functions.translate(key, plain)
        if found is not None:
            return found
        return plain if key in FUNCTIONS or symbol is None else replace(plain, name=symbol.name)

    def read_lookup(
        self, node: Name | Call, symbol: Symbol, given: Sequence[Expression],
        span: Span | None = None,
    ) -> Expression:  # fmt: skip
        """The points of a graphical function at some x."""
        if len(given) != 1:
            raise SyntaxFault(node.span.start, "arguments", f'"{symbol.name}" takes 1 argument')
        span = span or node.span
        x = self.expression(given[0])
        name = symbol.name if symbol.only_lookup else points_of(symbol.name)
        points = Name(name, self.subscripts(node, symbol), node.span)
        return read_points(symbol.lookup, points, x, span)

    def reduction(self, node: Call, key: str) -> Expression | None:
        """SUM and its kin over the elements that their argument runs over."""
        inner = replace(self, reducing=True)
        argument = inner.expression(node.arguments[0])
        over = dict.fromkeys(canonical(s.name) for s in _reduced(argument))
        if not over:
            if key in ("min", "max"):
                return argument  # of one number
            return None if key not in ("sum", "mean", "prod") else argument
        count = 1.0
        for name in over:
            count *= len(self.symbols.dimensions.get(name, ("",)))
        size = Number(count, node.span)
        if key == "size":
            return size
        total = Call(_REDUCTIONS[key], (), (argument,), node.span)
        if key == "mean":
            return Binary("/", total, size, node.span)
        if key == "stddev":
            mean = Binary("/", total, size, node.span)
            gap = Binary("-", argument, mean, node.span)
            squares = Call("SUM", (), (Binary("*", gap, gap, node.span),), node.span)
            variance = Binary("/", squares, Number(count - 1, node.span), node.span)
            return Call("SQRT", (), (variance,), node.span)
        return total


def read_points(kind: str, points: Name, x: Expression, span: Span) -> Expression:
    """A lookup read at x, in the way of its kind."""
    if kind not in _CALLED_BY:
        raise SyntaxFault(span.start, "lookup", f'unknown kind of graphical function: "{kind}"',
                          "known: " + ", ".join(_CALLED_BY))  # fmt: skip
    caller = _CALLED_BY[kind]
    if not caller:
        return Call(points.name, points.subscripts, (x,), span)
    return Call(caller, (), (points, x), span)


def points_of(name: str) -> str:
    """The name of the lookup with the points of a variable that has an equation too."""
    return f"{name} graphical function"


def _reduced(node: Expression) -> list[Subscript]:
    """Subscripts that the innermost reduction runs over."""
    own = node.subscripts if isinstance(node, Name | Call) else ()
    found = [s for s in own if s.reduced]
    if isinstance(node, Call):
        if canonical(node.name) in ("sum", "prod", "vmin", "vmax"):
            return []
        for argument in node.arguments:
            found += _reduced(argument)
    elif isinstance(node, Unary):
        found += _reduced(node.operand)
    elif isinstance(node, Binary):
        found += _reduced(node.left) + _reduced(node.right)
    return found
