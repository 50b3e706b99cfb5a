"""Numbers that stand in equations as they are: constants and arrays of them."""

from __future__ import annotations

from bullbear.equations.context import LoweringFault
from bullbear.equations.expressions import (
    Array,
    Expression,
    Missing,
    Number,
    Table,
    Text,
    Unary,
)
from bullbear.equations.scalar import MISSING


def number_of(node: Expression) -> float | None:
    """The value of a number with its signs."""
    if isinstance(node, Number):
        return node.value
    if isinstance(node, Missing):
        return MISSING
    if isinstance(node, Unary) and node.operator != ":NOT:":
        inner = number_of(node.operand)
        return None if inner is None else (-inner if node.operator == "-" else inner)
    return None


def array_item(node: Array, position: tuple[int, ...]) -> float:
    """The number of an element in an array of constants; `position` counts within the ranges."""
    rows = node.rows
    try:
        if len(rows) == 1 and len(position) == 1:
            return rows[0][position[0]]
        if len(position) == 1:
            return [v for row in rows for v in row][position[0]]
        return rows[position[-2]][position[-1]]
    except IndexError:
        count = sum(map(len, rows))
        raise LoweringFault(
            node, "array", f"the array has {count} numbers, fewer than there are elements",
            "give one number per element, rows ended by ;",
        ) from None  # fmt: skip


def described(node: Expression) -> str:
    """What a node is that can stand in no expression."""
    if isinstance(node, Text):
        return "quoted text"
    return "a table of points" if isinstance(node, Table) else "an array of constants"
