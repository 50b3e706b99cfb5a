"""A whole model as one Vensim file.

Sectors are joined in their order, tables from other files are written in, the time bounds of the
run are added, and overridden constants and initial values stand as numbers.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Literal, TypeAlias

from bullbear.equations.document import Document, Equation, RangeDefinition
from bullbear.equations.expressions import (
    Binary,
    Call,
    Expression,
    Missing,
    Name,
    Number,
    Span,
    Subscript,
)
from bullbear.equations.functions import FUNCTIONS
from bullbear.equations.lowering import lower
from bullbear.equations.names import canonical
from bullbear.equations.program import LookupTable, Program
from bullbear.equations.rewrite import transform
from bullbear.equations.system import CONTROL_NAMES, Definition, System, Variable, equation_kind
from bullbear.equations.tables import Tables
from bullbear.equations.tokens import NAME
from bullbear.equations.witness_dialect import Rewriter, suffixed
from bullbear.equations.write import write_expression, write_float, write_number
from bullbear.errors import EquationError

Dialect: TypeAlias = Literal["vensim", "pysd"]
_NOWHERE = Span(0, 0)
_RK4_SETTINGS = (
    "\\\\\\---/// Sketch information - do not modify anything except names\n"
    "V300  Do not put anything below this section - it will be ignored\n"
    "///---\\\\\\\n:L<%^E!@\n15:0,0,0,1,0,0\n"
)
_RULE = "*" * 56


def export_vensim(
    system: System,
    controls: Mapping[str, float],
    values: Mapping[str, float] | None = None,
    *,
    dialect: Dialect = "vensim",
    method: str | None = None,
) -> str:
    """The model as the text of one Vensim file.

    Parameters
    ----------
    controls : initial_time, final_time, time_step, saveper [time unit]
    values : constants and initial values that replace those of the equations, by element name
    method : euler or rk4; left out, the one that the first file declares
    dialect : `vensim`, or `pysd` for a text that PySD runs to the same numbers

    Raises
    ------
    EquationError
        If something of the model cannot be said in Vensim's language.
    DataError
        If a table beside the model cannot be read.
    """
    declared = method or (system.documents[0].method if system.documents else "")
    return _Export(system, controls, dict(values or {}), dialect, declared).text()


@dataclass(frozen=True)
class Entry:
    """One entry of a Vensim file, written but for its group."""

    left: str
    right: str
    units: str = ""
    comment: str = ""
    supplementary: bool = False

    def __str__(self) -> str:
        body = f"{self.left}{self.right}\n\t~\t{_clean(self.units)}\n\t~\t{_clean(self.comment)}\n"
        return body + ("\t~\t:SUPPLEMENTARY\n\t|\n" if self.supplementary else "\t|\n")


@dataclass
class _Export:
    system: System
    controls: Mapping[str, float]
    values: Mapping[str, float]
    dialect: Dialect
    method: str
    tables: Tables = field(init=False)
    program: Program = field(init=False)
    witness: Rewriter | None = field(init=False)

    def __post_init__(self) -> None:
        self.program = Program()
        self.tables = Tables(self.system, self.program)
        self.witness = Rewriter(self.system) if self.dialect == "pysd" else None

    # -- the file -------------------------------------------------------------------------------

    def text(self) -> str:
        parts = ["{UTF-8}\n"]
        for document in self.system.documents:
            parts += self.macros(document)
        for document in self.system.documents:
            parts += [self.range(definition) for definition in document.ranges]
        group = ""
        for document in self.system.documents:
            for equation in document.equations:
                entries = list(self.entries(equation))
                if entries and equation.group != group:
                    group = equation.group
                    parts.append(f"{_RULE}\n\t.{group}\n{_RULE}~\n\t\t|\n")
                parts += map(str, entries)
        if self.witness is not None:
            made = self.witness.tables(self.table, self.points)
            parts += [str(Entry(left, right)) for left, right in made]
        parts += self.control_entries()
        if self.method == "rk4":
            parts.append(_RK4_SETTINGS)
        return "\n".join(parts)

    def control_entries(self) -> Iterator[str]:
        yield f"{_RULE}\n\t.Control\n{_RULE}~\n\t\tSimulation Control Parameters\n\t|\n"
        unit = next((v.units for k in CONTROL_NAMES if (v := self.system.variables.get(k))), "")
        for key, control in CONTROL_NAMES.items():
            variable = self.system.variables.get(key)
            comment = variable.comment if variable is not None else ""
            right = write_number(self.controls[control])
            if variable is not None and control in self.moving:
                node = variable.equations[0].expression
                assert node is not None
                right = self.written(node)
            yield str(Entry(f"{key.upper()}  = ", right, unit, comment))

    def range(self, definition: RangeDefinition) -> str:
        ranges = self.system.ranges
        if definition.alias:
            return str(Entry(f"{definition.name} <-> ", definition.alias, "", definition.comment))
        if definition.external is not None:
            listed = [ranges.spelled(e) for e in ranges.elements(definition.name)]
        else:
            listed = list(definition.elements)
        text = ", ".join(map(self.subscript, listed))
        if definition.mappings:
            text += " -> " + ", ".join(
                f"({m.target}: {', '.join(m.elements)})" if m.elements else m.target
                for m in definition.mappings
            )
        left = f"{vensim_name(definition.name)}:\n\t"
        return str(Entry(left, text, "", definition.comment))

    def macros(self, document: Document) -> Iterator[str]:
        for macro in document.macros:
            ports = ", ".join(macro.inputs)
            if macro.outputs:
                ports += " : " + ", ".join(macro.outputs)
            yield f":MACRO: {macro.name}({ports})\n"
            for equation in macro.body.equations:
                yield str(self.plain(equation, equation.expression))
            yield ":END OF MACRO:\n"

    # -- equations ------------------------------------------------------------------------------

    def entries(self, equation: Equation) -> Iterator[Entry]:
        variable = self.system.variables[canonical(equation.name)]
        if variable.kind == "control" or equation not in variable.equations:
            return
        node = equation.expression
        if _external(node) or (node is None and equation_kind(equation) == "data"):
            yield from self.from_tables(variable, equation)
        elif self.overridden(variable, equation):
            yield from self.with_values(variable, equation)
        else:
            yield self.plain(equation, node)

    def plain(self, equation: Equation, node: Expression | None) -> Entry:
        """The equation as it stands, or with another right side."""
        if node is None:
            if equation.operator:
                raise _unsayable(equation, "has no readable equation")
            raise _unsayable(equation, "has no equation and no data")
        left = vensim_name(equation.name) + self.listed(equation.subscripts)
        if equation.exceptions:
            left += " :EXCEPT: " + ", ".join(map(self.listed, equation.exceptions))
        if equation.keyword:
            left += f" :{equation.keyword}:"
        if equation.operator == "(":
            return self.entry(equation, left, self.written(node))
        return self.entry(equation, f"{left} {equation.operator}\n\t", self.written(node))

    def written(self, node: Expression) -> str:
        if self.witness is not None:
            node = self.witness.rewritten(node)
        named = transform(node, self.renamed)
        return write_expression(named, floats=self.witness is not None)

    def renamed(self, node: Expression) -> Expression:
        """The node with names that Vensim reads."""
        if isinstance(node, Name | Call):
            subscripts = tuple(replace(s, name=self.subscript(s.name)) for s in node.subscripts)
            return replace(node, name=vensim_name(node.name), subscripts=subscripts)
        return node

    def subscript(self, name: str) -> str:
        """An element or range by a name that Vensim reads; numbers are none."""
        return f"element {name}" if name.isdigit() else vensim_name(name)

    def listed(self, subscripts: Iterable[str]) -> str:
        return _listed(map(self.subscript, subscripts))

    def entry(self, equation: Equation, left: str, right: str) -> Entry:
        units = f"{equation.units} {equation.limits}".strip()
        return Entry(left, right, units, equation.comment, equation.supplementary)

    @cached_property
    def lowered(self) -> Program:
        """The statements of the model, for its constants and its bounds that move."""
        return lower(self.system)[0]

    @property
    def moving(self) -> Collection[str]:
        return self.lowered.moving

    @cached_property
    def constants(self) -> dict[str, float]:
        """The constants of the equations by element name."""
        return {p.name: p.value for p in self.lowered.parameters}

    def number(self, value: float) -> str:
        return write_number(value) if self.witness is None else write_float(value)

    # -- values that replace those of the equations ---------------------------------------------

    def elements(
        self, variable: Variable, equation: Equation
    ) -> list[tuple[tuple[str, ...], str, Definition]]:
        """The elements that one equation defines: canonical, as spelled in full, definition."""
        return [
            (elements, name, variable.elements[elements])
            for elements, name in self.system.element_names(variable)
            if variable.elements[elements].equation is equation
        ]

    def overridden(self, variable: Variable, equation: Equation) -> bool:
        return any(name in self.values for _, name, _ in self.elements(variable, equation))

    def with_values(self, variable: Variable, equation: Equation) -> Iterator[Entry]:
        if variable.kind == "stock":
            yield from self.with_initial_values(variable, equation)
            return
        for elements, name, _ in self.elements(variable, equation):
            value = self.values.get(name, self.constants[name])
            yield self.entry(equation, f"{self.spelled(variable, elements)} =\n\t",
                             self.number(value))  # fmt: skip

    def with_initial_values(self, variable: Variable, equation: Equation) -> Iterator[Entry]:
        """A stock some of whose elements begin at a given number."""
        call = equation.expression
        assert isinstance(call, Call)
        found = self.elements(variable, equation)
        given = {self.values.get(name) for _, name, _ in found}
        if len(given) == 1 and (only := next(iter(given))) is not None:
            first, *_ = call.arguments
            node = replace(call, arguments=(first, Number(only, call.span)))
            yield self.plain(equation, node)
            return
        flag, start = suffixed(variable.name, "is given"), suffixed(variable.name, "as given")
        for elements, name, _ in found:
            value = self.values.get(name)
            index = self.index(elements)
            yield Entry(f"{flag}{index} = ", self.number(float(value is not None)))
            yield Entry(f"{start}{index} = ", self.number(value or 0.0))
        subscripts = tuple(Subscript(s, False, call.span) for s in equation.subscripts)
        chosen = Call("IF THEN ELSE", (), (
            Binary(">", Name(flag, subscripts, _NOWHERE), Number(0.5, _NOWHERE), _NOWHERE),
            Name(start, subscripts, _NOWHERE), call.arguments[1],
        ), call.span)  # fmt: skip
        yield self.plain(equation, replace(call, arguments=(call.arguments[0], chosen)))

    def spelled(self, variable: Variable, elements: tuple[str, ...]) -> str:
        return vensim_name(variable.name) + self.index(elements)

    def index(self, elements: tuple[str, ...]) -> str:
        return self.listed(map(self.system.ranges.spelled, elements))

    # -- tables from other files ----------------------------------------------------------------

    def from_tables(self, variable: Variable, equation: Equation) -> Iterator[Entry]:
        kind = equation_kind(equation)
        for elements, name, definition in self.elements(variable, equation):
            spelled = self.spelled(variable, elements)
            if kind == "lookup":
                table = self.table(canonical(variable.name), elements)
                yield self.entry(equation, spelled, f"({self.points(table)})")
            elif kind == "data":
                yield from self.over_time(equation, spelled, definition, elements)
            else:
                value = self.values.get(name, self.constants[name])
                yield self.entry(equation, f"{spelled} =\n\t", self.number(value))

    def over_time(
        self, equation: Equation, spelled: str, definition: Definition, elements: tuple[str, ...]
    ) -> Iterator[Entry]:
        """A series as a lookup over time."""
        index, kind = self.tables.data(definition, elements)
        table = self.program.tables[index]
        time = Name("Time", (), _NOWHERE)
        if kind == "interpolate":
            text = f"WITH LOOKUP(Time, ({self.points(table)}))"
            yield self.entry(equation, f"{spelled} =\n\t", text)
            return
        subscripts = tuple(
            Subscript(self.system.ranges.spelled(e), False, _NOWHERE) for e in elements
        )

        def read(words: str, points: LookupTable) -> tuple[Entry, Expression]:
            name = suffixed(equation.name, words)
            if self.witness is not None:
                self.witness.know(name, elements, points)
            caller = "LOOKUP FORWARD" if kind == "forward" else "LOOKUP BACKWARD"
            call = Call(caller, (), (Name(name, subscripts, _NOWHERE), time), _NOWHERE)
            left = vensim_name(name) + self.index(elements)
            return Entry(left, f"({self.points(points)})"), call

        entry, node = read("series", table)
        yield entry
        if kind == "raw":  # a value at its own time only, which a second lookup tells
            entry, last = read("times", LookupTable(table.name, table.x, table.x))
            yield entry
            here = Binary("=", last, time, _NOWHERE)
            node = Call("IF THEN ELSE", (), (here, node, Missing(_NOWHERE)), _NOWHERE)
        yield self.entry(equation, f"{spelled} =\n\t", self.written(node))

    def table(self, key: str, elements: tuple[str, ...]) -> LookupTable:
        return self.program.tables[self.tables.lookup(self.system.variables[key], elements)]

    def points(self, table: LookupTable) -> str:
        pairs = zip(table.x.tolist(), table.y.tolist(), strict=True)
        return ",".join(f"({write_number(x)},{write_number(y)})" for x, y in pairs)


def vensim_name(name: str) -> str:
    """A name as it stands in Vensim text: between quotes where it holds other signs."""
    if name.startswith('"') or re.fullmatch(NAME, name):
        return name
    return '"' + name.replace('"', '\\"') + '"'


def _external(node: Expression | None) -> bool:
    if not isinstance(node, Call):
        return False
    function = FUNCTIONS.get(canonical(node.name))
    return function is not None and function.kind == "external"


def _listed(subscripts: Iterable[str]) -> str:
    text = ",".join(subscripts)
    return f"[{text}]" if text else ""


def _clean(text: str) -> str:
    """Units and comments may not hold the marks that part entries."""
    return " ".join(text.replace("~", "-").replace("|", "/").split())


def _unsayable(equation: Equation, why: str) -> EquationError:
    return EquationError(
        f'"{equation.name}" {why} and cannot be written to a Vensim file',
        code="export", where=equation.where,
    )  # fmt: skip
