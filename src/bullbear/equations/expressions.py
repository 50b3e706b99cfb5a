"""The syntax tree of one right-hand side; every node knows its place in the file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Span:
    """Start and end (exclusive) offsets in the text of one file."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Number:
    value: float
    span: Span


@dataclass(frozen=True, slots=True)
class Missing:
    """Vensim's `:NA:`."""

    span: Span


@dataclass(frozen=True, slots=True)
class Text:
    """A quoted argument such as the file name in GET DIRECT LOOKUPS."""

    value: str
    span: Span


@dataclass(frozen=True, slots=True)
class Subscript:
    """One index of a reference; `reduced` where it carries the bang of SUM and its kin."""

    name: str
    reduced: bool
    span: Span


@dataclass(frozen=True, slots=True)
class Name:
    name: str
    subscripts: tuple[Subscript, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Call:
    """A function, a macro or a lookup variable applied to arguments."""

    name: str
    subscripts: tuple[Subscript, ...]
    arguments: tuple[Expression, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Unary:
    operator: str  # "-", "+", ":NOT:"
    operand: Expression
    span: Span


@dataclass(frozen=True, slots=True)
class Binary:
    operator: str  # + - * / ^ = <> < <= > >= :AND: :OR:
    left: Expression
    right: Expression
    span: Span


@dataclass(frozen=True, slots=True)
class Array:
    """Numbers of a constant with subscripts; rows end at `;`."""

    rows: tuple[tuple[float, ...], ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Table:
    """The points of a lookup; `limits` is the drawing range, kept for the round trip."""

    x: tuple[float, ...]
    y: tuple[float, ...]
    limits: str
    span: Span


Expression: TypeAlias = Number | Missing | Text | Name | Call | Unary | Binary | Array | Table


def children(node: Expression) -> tuple[Expression, ...]:
    """The direct parts of a node that are expressions themselves."""
    if isinstance(node, Call):
        return node.arguments
    if isinstance(node, Unary):
        return (node.operand,)
    if isinstance(node, Binary):
        return (node.left, node.right)
    return ()


def walk(node: Expression) -> Iterator[Expression]:
    """The node and everything below it, from left to right."""
    yield node
    for child in children(node):
        yield from walk(child)
