"""What PySD has not, or has otherwise than Vensim, said in words that it runs to the same numbers.

LOOKUP BACKWARD and LOOKUP FORWARD become lookups whose steps are pairs of points close together.
PULSE is spelled out by Vensim's rule, because PySD's lasts a step longer where the time step is no
power of two.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np

from bullbear.equations.expressions import Binary, Call, Expression, Name, Number, Span
from bullbear.equations.names import canonical
from bullbear.equations.program import LookupTable
from bullbear.equations.rewrite import transform
from bullbear.equations.system import System

# PySD's translator writes the points of a lookup with eight digits behind the point, so a step is
# that wide and stands on such a number.
_FINEST = 1e-8  # [unit of the lookup's argument]
_NOWHERE = Span(0, 0)
_STEPWISE = {"lookup backward": "backward", "lookup forward": "forward"}


def suffixed(name: str, words: str) -> str:
    """A new name made from an old one, quotes kept around the whole."""
    return f'{name[:-1]} {words}"' if name.endswith('"') else f"{name} {words}"


@dataclass
class Rewriter:
    system: System
    _wanted: dict[tuple[str, str], str] = field(default_factory=dict)
    _known: dict[str, dict[tuple[str, ...], LookupTable]] = field(default_factory=dict)

    def know(self, name: str, elements: tuple[str, ...], table: LookupTable) -> None:
        """Take note of a table that is no lookup of the model."""
        self._known.setdefault(canonical(name), {})[elements] = table

    def rewritten(self, node: Expression) -> Expression:
        return transform(node, self._change)

    def _change(self, node: Expression) -> Expression:
        if not isinstance(node, Call):
            return node
        key = canonical(node.name)
        if key in _STEPWISE and isinstance(table := node.arguments[0], Name):
            kind = _STEPWISE[key]
            name = self._wanted.setdefault(
                (canonical(table.name), kind), suffixed(table.name, f"read {kind}")
            )
            return Call(name, table.subscripts, node.arguments[1:], node.span)
        return _pulse(node) if key == "pulse" else node

    def tables(
        self,
        find: Callable[[str, tuple[str, ...]], LookupTable],
        points: Callable[[LookupTable], str],
    ) -> Iterator[tuple[str, str]]:
        """Left and right sides of the lookups that the rewritten equations call."""
        for (key, kind), name in self._wanted.items():
            known = self._known.get(key)
            if known is None:
                elements = self.system.variables[key].elements
                known = {e: find(key, e) for e in elements}
            for element, table in known.items():
                index = ",".join(map(self.system.ranges.spelled, element))
                left = f"{name}[{index}]" if index else name
                yield left, f"({points(_steps(table, kind))})"


def _steps(table: LookupTable, kind: str) -> LookupTable:
    """The same table with a level stretch from each point to just before (behind) the next."""
    y = table.y
    if kind == "backward":
        x = np.floor(table.x / _FINEST) * _FINEST
        edges, levels = x[1:] - _FINEST, y[:-1]
    else:
        x = np.ceil(table.x / _FINEST) * _FINEST
        edges, levels = x[:-1] + _FINEST, y[1:]
    at = np.round(np.concatenate([x, edges]), 8)
    order = np.argsort(at, kind="stable")
    return LookupTable(table.name, at[order], np.concatenate([y, levels])[order])


def _pulse(node: Call) -> Expression:
    """1 while start < Time + TIME STEP / 2 < start + max(width, TIME STEP)."""
    start, width = node.arguments

    def binary(operator: str, left: Expression, right: Expression) -> Binary:
        return Binary(operator, left, right, _NOWHERE)

    step = Name("TIME STEP", (), _NOWHERE)
    middle = binary("+", Name("Time", (), _NOWHERE), binary("/", step, Number(2.0, _NOWHERE)))
    lasting = Call("MAX", (), (width, step), _NOWHERE)
    inside = binary(
        ":AND:",
        binary(">", middle, start),
        binary("<", middle, binary("+", start, lasting)),
    )
    one, zero = Number(1.0, _NOWHERE), Number(0.0, _NOWHERE)
    return Call("IF THEN ELSE", (), (inside, one, zero), node.span)
