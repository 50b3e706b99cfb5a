"""Expressions as Vensim text that every reader of the field takes alike.

Readers differ on signs next to powers, on chains of powers and of comparisons, and on what an
integer is; so parentheses stand in more places than the language needs, and numbers can be written
with a point.  (`write.py` keeps a modeller's own form instead.)
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from bullbear.equations.expressions import (
    Array,
    Binary,
    Call,
    Expression,
    Missing,
    Name,
    Number,
    Subscript,
    Table,
    Text,
    Unary,
)

_BINDING = {
    ":OR:": 1, ":AND:": 2, ":NOT:": 3,
    "=": 4, "<>": 4, "<": 4, "<=": 4, ">": 4, ">=": 4,
    "+": 5, "-": 5, "*": 6, "/": 6, "^": 8,
}  # fmt: skip
_SIGN, _NOT, _COMPARED, _POWER, _TIGHTEST = 7, 3, 4, 8, 9
_EXACT_INTEGERS = 1e15  # above it a whole number is written in the short form with an exponent


def portable_text(node: Expression, *, floats: bool = False) -> str:
    """The tree as text that reads back to the same numbers.

    With `floats`, whole numbers get a point, for readers that know integers.
    """
    return _Writer(write_float if floats else write_number).text(node, 0)


def write_number(value: float) -> str:
    """The shortest text that reads back to the same float; whole numbers without a point."""
    if not math.isfinite(value):
        # the language has no word for infinity, but arithmetic reaches it
        return "(0/0)" if value != value else f"({'-' if value < 0 else ''}1e+308*10)"
    if value == int(value) and abs(value) < _EXACT_INTEGERS:
        return str(int(value))
    return repr(value)


def write_float(value: float) -> str:
    """As `write_number`, but a whole number ends in `.0`."""
    return repr(value) if math.isfinite(value) else write_number(value)


def write_subscripts(subscripts: tuple[Subscript, ...]) -> str:
    """`[a, b!]`, or nothing for a scalar."""
    if not subscripts:
        return ""
    return "[" + ", ".join(s.name + ("!" if s.reduced else "") for s in subscripts) + "]"


@dataclass(frozen=True)
class _Writer:
    number: Callable[[float], str]

    def text(self, node: Expression, floor: int) -> str:
        """`floor`: how tightly the operator around it binds; a looser node gets parentheses."""
        text, rank = self.ranked(node)
        return f"({text})" if rank < floor else text

    def ranked(self, node: Expression) -> tuple[str, int]:
        if isinstance(node, Number):
            return self.number(node.value), _SIGN if node.value < 0 else _TIGHTEST
        if isinstance(node, Unary):
            if node.operator == ":NOT:":
                return f":NOT: {self.text(node.operand, _COMPARED)}", _NOT
            return node.operator + self.text(node.operand, _TIGHTEST), _SIGN
        if isinstance(node, Binary):
            return self.binary(node), _BINDING[node.operator]
        return self.primary(node), _TIGHTEST

    def binary(self, node: Binary) -> str:
        rank = _BINDING[node.operator]
        if node.operator == "^":
            return f"{self.text(node.left, _TIGHTEST)}^{self.text(node.right, _TIGHTEST)}"
        # a sign may lead a sum or product but never follows an operator bare; comparisons do not
        # chain
        left = self.text(node.left, rank + 1 if rank == _COMPARED else rank)
        signed = _leads_with_sign(node.right) and rank > _COMPARED
        return f"{left} {node.operator} {self.text(node.right, _POWER if signed else rank + 1)}"

    def primary(self, node: Expression) -> str:
        if isinstance(node, Missing):
            return ":NA:"
        if isinstance(node, Text):
            return f"'{node.value}'"
        if isinstance(node, Name):
            return node.name + write_subscripts(node.subscripts)
        if isinstance(node, Call):
            arguments = ", ".join(self.text(argument, 0) for argument in node.arguments)
            return f"{node.name}{write_subscripts(node.subscripts)}({arguments})"
        if isinstance(node, Table):
            return f"({write_table(node)})"
        assert isinstance(node, Array)
        return self.array(node)

    def array(self, node: Array) -> str:
        rows = [", ".join(map(self.number, row)) for row in node.rows]
        return rows[0] if len(rows) == 1 else "; ".join(rows) + ";"


def write_table(table: Table) -> str:
    """`[(0,0)-(1,1)],(x,y),(x,y)`, without parentheses around it."""
    points = ",".join(
        f"({write_number(x)},{write_number(y)})" for x, y in zip(table.x, table.y, strict=True)
    )
    return f"{table.limits},{points}" if table.limits else points


def _leads_with_sign(node: Expression) -> bool:
    while isinstance(node, Binary) and node.operator != "^":
        node = node.left
    return (isinstance(node, Unary) and node.operator != ":NOT:") or (
        isinstance(node, Number) and node.value < 0
    )
