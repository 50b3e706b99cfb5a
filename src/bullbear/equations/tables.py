"""Lookups and series: points in the file, or read from tables beside it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bullbear.equations.datasets import dataset_series
from bullbear.equations.document import Equation
from bullbear.equations.expressions import Call, Table, Text
from bullbear.equations.external import Sheet
from bullbear.equations.names import canonical
from bullbear.equations.program import LookupTable, Program
from bullbear.equations.source import Source
from bullbear.equations.system import Definition, System, Variable
from bullbear.errors import DataError, did_you_mean

_KEYWORD_KINDS = {
    "": "interpolate",
    "INTERPOLATE": "interpolate",
    "RAW": "raw",
    "HOLD BACKWARD": "backward",
    "LOOK FORWARD": "forward",
}


class Tables:
    """The tables of a program, each once."""

    def __init__(self, system: System, program: Program) -> None:
        self.system, self.program = system, program
        self._known: dict[object, int] = {}

    def lookup(self, variable: Variable, elements: tuple[str, ...]) -> int:
        """The table of a lookup variable's element."""
        definition = variable.elements[elements]
        key = (definition.equation.source.name, definition.equation.span.start, elements)
        if key not in self._known:
            node = definition.equation.expression
            if isinstance(node, Table):
                xs: Sequence[float] = node.x
                ys: Sequence[float] = node.y
            elif isinstance(node, Call):
                xs, ys = self._series(node, definition)
            else:
                raise DataError(f'the lookup "{variable.name}" has no points', code="lookup")
            self._known[key] = self._add(variable.name, xs, ys)
        return self._known[key]

    def inverse(self, index: int) -> int:
        """The table that gives x for y, where y only rises or only falls."""
        table = self.program.tables[index]
        rises = np.diff(table.y)
        if not ((rises > 0).all() or (rises < 0).all()):
            raise DataError(
                f'the lookup "{table.name}" takes a value twice and has no inverse',
                code="lookup-inverse", hint="LOOKUP INVERT needs points that only rise or fall",
            )  # fmt: skip
        key = ("inverse", index)
        if key not in self._known:
            self._known[key] = self._add(table.name, table.y.tolist(), table.x.tolist())
        return self._known[key]

    def inline(self, points: Table, name: str, source: Source) -> int:
        """The table of a WITH LOOKUP."""
        key = (source.name, points.span.start)
        if key not in self._known:
            self._known[key] = self._add(name, points.x, points.y)
        return self._known[key]

    def data(self, definition: Definition, elements: tuple[str, ...]) -> tuple[int, str]:
        """The table of a data variable's element, and how it is read between its points."""
        equation = definition.equation
        key = ("data", canonical(equation.name), elements)
        if not isinstance(equation.expression, Call) and key not in self._known:
            document = next(d for d in self.system.documents if d.source is equation.source)
            points = dataset_series(document, equation.name, elements)
            if points is not None:
                self._known[key] = self._add(equation.name, *points)
                return self._known[key], _KEYWORD_KINDS.get(equation.keyword, "interpolate")
            raise DataError(
                f'"{equation.name}" has no equation and no data', code="no-data",
                hint=did_you_mean(equation.name, self._others(equation))
                or "give it an equation, or GET DIRECT DATA(...)",
            )  # fmt: skip
        if key not in self._known and isinstance(equation.expression, Call):
            xs, ys = self._series(equation.expression, definition)
            self._known[key] = self._add(equation.name, xs, ys)
        return self._known[key], _KEYWORD_KINDS.get(equation.keyword, "interpolate")

    def _others(self, equation: Equation) -> list[str]:
        return [n for n in self.system.known_names() if canonical(n) != canonical(equation.name)]

    def constant(self, call: Call, definition: Definition) -> float:
        """One number of GET DIRECT CONSTANTS."""
        file, tab, cell = self._texts(call, 3)
        inner = definition.position[-1] if definition.position else 0
        outer = definition.position[-2] if len(definition.position) > 1 else 0
        return self._sheet(definition, file, tab).constant(cell, outer, inner)

    # -- reading --------------------------------------------------------------------------------

    def _series(
        self, call: Call, definition: Definition
    ) -> tuple[Sequence[float], Sequence[float]]:
        file, tab, axis, cell = self._texts(call, 4)
        position = definition.position
        ranges = self.system.ranges
        listed = [s for s in definition.equation.subscripts if s in ranges]
        sizes = [len(ranges.elements(s)) for s in listed]
        offset = 0
        for index, size in zip(position, sizes, strict=True):
            offset = offset * size + index
        return self._sheet(definition, file, tab).series(axis, cell, offset)

    def _sheet(self, definition: Definition, file: str, tab: str) -> Sheet:
        return Sheet(definition.equation.source.folder, file, tab)

    def _texts(self, call: Call, count: int) -> tuple[str, ...]:
        texts = tuple(a.value for a in call.arguments if isinstance(a, Text))
        if len(texts) != count:
            raise DataError(
                f"{call.name} takes {count} quoted arguments", code="arguments",
                hint=f"{call.name}('file.csv', ',', 'A', 'B2')",
            )  # fmt: skip
        return texts

    def _add(self, name: str, xs: Sequence[float], ys: Sequence[float]) -> int:
        x = np.asarray(xs, dtype=np.float64)
        y = np.asarray(ys, dtype=np.float64)
        order = np.argsort(x, kind="stable")  # Vensim sorts the points itself
        self.program.tables.append(LookupTable(name, x[order], y[order]))
        return len(self.program.tables) - 1
