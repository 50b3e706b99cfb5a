"""Changing a syntax tree: a copy in which some nodes are replaced by others."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from bullbear.equations.expressions import Binary, Call, Expression, Unary


def transform(node: Expression, change: Callable[[Expression], Expression]) -> Expression:
    """A copy of the tree; `change` is applied to every node, parts before the whole."""
    if isinstance(node, Call):
        parts = tuple(transform(argument, change) for argument in node.arguments)
        return change(node if parts == node.arguments else replace(node, arguments=parts))
    if isinstance(node, Unary):
        operand = transform(node.operand, change)
        return change(node if operand is node.operand else replace(node, operand=operand))
    if isinstance(node, Binary):
        left, right = transform(node.left, change), transform(node.right, change)
        same = left is node.left and right is node.right
        return change(node if same else replace(node, left=left, right=right))
    return change(node)
