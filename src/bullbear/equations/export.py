"""A whole model as one Vensim file.

Sectors are joined in their order, tables from other files are written in, the time bounds of the
run are added, and overridden constants and initial values stand as numbers.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Literal, TypeAlias

from bullbear.equations.document import Document, Equation, RangeDefinition
from bullbear.equations.expressions import Binary, Call, Expression, Name, Number, Span, Subscript
from bullbear.equations.functions import FUNCTIONS
from bullbear.equations.lowering import lower
from bullbear.equations.names import canonical
from bullbear.equations.program import LookupTable, Program
from bullbear.equations.system import CONTROL_NAMES, Definition, System, Variable
from bullbear.equations.tables import Tables
from bullbear.equations.witness_dialect import Rewriter, suffixed
from bullbear.equations.write import write_expression, write_float, write_number
from bullbear.errors import EquationError

Dialect: TypeAlias = Literal["vensim", "pysd"]
_NOWHERE = Span(0, 0)
_RULE = "*" * 56
_READ_OVER_TIME = {"interpolate": "", "forward": "LOOKUP FORWARD", "backward": "LOOKUP BACKWARD"}


def export_vensim(
    system: System,
    controls: Mapping[str, float],
    values: Mapping[str, float] | None = None,
    *,
    dialect: Dialect = "vensim",
) -> str:
    """The model as the text of one Vensim file.

    Parameters
    ----------
    controls : initial_time, final_time, time_step, saveper [time unit]
    values : constants and initial values that replace those of the equations, by element name
    dialect : `vensim`, or `pysd` for a text that PySD runs to the same numbers

    Raises
    ------
    EquationError
        If something of the model cannot be said in Vensim's language.
    DataError
        If a table beside the model cannot be read.
    """
    return _Export(system, controls, dict(values or {}), dialect).text()


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
        return "\n".join(parts)

    def control_entries(self) -> Iterator[str]:
        yield f"{_RULE}\n\t.Control\n{_RULE}~\n\t\tSimulation Control Parameters\n\t|\n"
        unit = next((v.units for k in CONTROL_NAMES if (v := self.system.variables.get(k))), "")
        for key, control in CONTROL_NAMES.items():
            variable = self.system.variables.get(key)
            comment = variable.comment if variable is not None else ""
            yield str(Entry(f"{key.upper()}  = ", write_number(self.controls[control]),
                            unit, comment))  # fmt: skip

    def range(self, definition: RangeDefinition) -> str:
        ranges = self.system.ranges
        if definition.alias:
            return str(Entry(f"{definition.name} <-> ", definition.alias, "", definition.comment))
        if definition.external is not None:
            listed = [ranges.spelled(e) for e in ranges.elements(definition.name)]
        else:
            listed = list(definition.elements)
        text = ", ".join(listed)
        if definition.mappings:
            text += " -> " + ", ".join(
                f"({m.target}: {', '.join(m.elements)})" if m.elements else m.target
                for m in definition.mappings
            )
        return str(Entry(f"{definition.name}:\n\t", text, "", definition.comment))

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
        if _external(node):
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
        left = equation.name + _listed(equation.subscripts)
        if equation.exceptions:
            left += " :EXCEPT: " + ", ".join(map(_listed, equation.exceptions))
        if equation.keyword:
            left += f" :{equation.keyword}:"
        if equation.operator == "(":
            return self.entry(equation, left, self.written(node))
        return self.entry(equation, f"{left} {equation.operator}\n\t", self.written(node))

    def written(self, node: Expression) -> str:
        if self.witness is not None:
            return write_expression(self.witness.rewritten(node), floats=True)
        return write_expression(node)

    def entry(self, equation: Equation, left: str, right: str) -> Entry:
        units = f"{equation.units} {equation.limits}".strip()
        return Entry(left, right, units, equation.comment, equation.supplementary)

    @cached_property
    def constants(self) -> dict[str, float]:
        """The constants of the equations by element name."""
        return {p.name: p.value for p in lower(self.system)[0].parameters}

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
        return variable.name + self.index(elements)

    def index(self, elements: tuple[str, ...]) -> str:
        return _listed(tuple(map(self.system.ranges.spelled, elements)))

    # -- tables from other files ----------------------------------------------------------------

    def from_tables(self, variable: Variable, equation: Equation) -> Iterator[Entry]:
        for elements, name, definition in self.elements(variable, equation):
            spelled = self.spelled(variable, elements)
            if variable.kind == "lookup":
                table = self.table(canonical(variable.name), elements)
                yield self.entry(equation, spelled, f"({self.points(table)})")
            elif variable.kind == "data":
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
        if kind not in _READ_OVER_TIME:
            raise _unsayable(equation, f"is read as :{equation.keyword}:, which no lookup does")
        if kind == "interpolate":
            text = f"WITH LOOKUP(Time, ({self.points(table)}))"
            yield self.entry(equation, f"{spelled} =\n\t", text)
            return
        name = suffixed(equation.name, "series")
        series = name + self.index(elements)
        yield Entry(series, f"({self.points(table)})")
        subscripts = tuple(
            Subscript(self.system.ranges.spelled(e), False, _NOWHERE) for e in elements
        )
        call = Call(_READ_OVER_TIME[kind], (), (
            Name(name, subscripts, _NOWHERE), Name("Time", (), _NOWHERE)), _NOWHERE)  # fmt: skip
        if self.witness is not None:
            self.witness.know(name, elements, table)
        yield self.entry(equation, f"{spelled} =\n\t", self.written(call))

    def table(self, key: str, elements: tuple[str, ...]) -> LookupTable:
        return self.program.tables[self.tables.lookup(self.system.variables[key], elements)]

    def points(self, table: LookupTable) -> str:
        pairs = zip(table.x.tolist(), table.y.tolist(), strict=True)
        return ",".join(f"({write_number(x)},{write_number(y)})" for x, y in pairs)


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
