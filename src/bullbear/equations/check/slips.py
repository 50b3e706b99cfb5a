"""Text that is valid and still looks like a slip of the hand."""

from __future__ import annotations

from collections.abc import Iterator

from bullbear.equations.document import Equation
from bullbear.equations.expressions import Binary, Expression, Name, Unary, children, walk
from bullbear.equations.names import canonical
from bullbear.equations.system import System
from bullbear.errors import WARNING, Finding

_COMPARED = ("=", "<>", "<", "<=", ">", ">=")


def stray_signs(system: System) -> Iterator[Finding]:
    """A sign behind a sign (`a - - b` is a sum), and a plus with nothing before it."""
    for equation in _equations(system):
        assert equation.expression is not None
        for node in walk(equation.expression):
            inner = _signed_operand(node)
            if inner is not None and equation.source.text[inner.span.start] in "+-":
                message = f'"{inner.operator}" follows another sign'
                yield _stray(equation, inner, message, "take one out, or use parentheses")
            elif isinstance(node, Unary) and node.operator == "+":
                yield _stray(
                    equation,
                    node,
                    'nothing stands before "+"',
                    "take it out, or add what is missing",
                )


def _stray(equation: Equation, node: Expression, message: str, hint: str) -> Finding:
    text = equation.source.text
    offset = node.span.start
    while text[offset] == "(":  # the sign, not the parentheses around it
        offset += 1 + len(text[offset + 1 :]) - len(text[offset + 1 :].lstrip())
    return equation.source.finding(offset, "stray-sign", message, hint, WARNING)


def _signed_operand(node: Expression) -> Unary | None:
    """What a sign or a sum stands before, if it begins with a sign itself."""
    inner: Expression | None = None
    if isinstance(node, Unary) and node.operator != ":NOT:":
        inner = node.operand
    elif isinstance(node, Binary) and node.operator in ("+", "-"):
        inner = node.right
        while isinstance(inner, Binary):
            inner = inner.left
    return inner if isinstance(inner, Unary) and inner.operator != ":NOT:" else None


def elements_as_numbers(system: System) -> Iterator[Finding]:
    """Elements of subscripts in arithmetic, where they stand for their position."""
    for equation in _equations(system):
        assert equation.expression is not None
        for node in _outside_comparisons(equation.expression):
            key = canonical(node.name)
            if key not in system.variables and key in system.ranges.home:
                yield equation.source.finding(
                    node.span.start, "element-as-number",
                    f'"{node.name}" is an element of a subscript, and counts as its position here',
                    "compare it with a range, or write the number", WARNING,
                )  # fmt: skip


def _outside_comparisons(node: Expression) -> Iterator[Name]:
    if isinstance(node, Name):
        yield node
    for child in children(node):
        compared = isinstance(node, Binary) and node.operator in _COMPARED
        if not (compared and isinstance(child, Name)):
            yield from _outside_comparisons(child)


def _equations(system: System) -> Iterator[Equation]:
    for variable in system.variables.values():
        for equation in variable.equations:
            if equation.expression is not None:
                yield equation
