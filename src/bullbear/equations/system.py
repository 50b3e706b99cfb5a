"""The equations of all files of a model, joined and resolved: variables and their elements."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import product
from math import prod

from bullbear.equations.document import MOST_ELEMENTS, Document, Equation, Macro
from bullbear.equations.expressions import (
    Array,
    Binary,
    Call,
    Expression,
    Missing,
    Name,
    Number,
    Unary,
    walk,
)
from bullbear.equations.functions import FUNCTIONS
from bullbear.equations.names import canonical, element_name
from bullbear.equations.subscripts import Ranges
from bullbear.errors import NOTE, Finding, Where, did_you_mean

CONTROL_NAMES = {
    "initial time": "initial_time",
    "final time": "final_time",
    "time step": "time_step",
    "saveper": "saveper",
}


@dataclass(frozen=True)
class Definition:
    """One element's equation, and where the subscripts of its left side stand."""

    equation: Equation
    bound: Mapping[str, str]
    position: tuple[int, ...]  # of the element within the ranges of the left side, for arrays


@dataclass
class Variable:
    """A name of the model.

    `kind` is stock, flow, auxiliary, constant, lookup, data or control.  `elements` maps the
    canonical element tuple (empty for a scalar) to its definition, in order.
    """

    name: str
    kind: str
    dimensions: tuple[str, ...]
    elements: dict[tuple[str, ...], Definition] = field(default_factory=dict)
    equations: list[Equation] = field(default_factory=list)
    depends: tuple[str, ...] = ()

    @property
    def units(self) -> str:
        return next((e.units for e in self.equations if e.units), "")

    @property
    def comment(self) -> str:
        """The comment; Vensim keeps it at the last of several equations, so all are looked at."""
        return next((e.comment for e in reversed(self.equations) if e.comment), "")

    @property
    def group(self) -> str:
        return self.equations[0].group

    @property
    def where(self) -> Where:
        return self.equations[0].where


class System:
    """All variables of a model in file order; faults stand in `findings`."""

    def __init__(self, documents: Iterable[Document]) -> None:
        self.documents = list(documents)
        self.findings: list[Finding] = [f for d in self.documents for f in d.findings]
        self.ranges = Ranges(r for d in self.documents for r in d.ranges)
        self.findings.extend(self.ranges.findings)
        self.macros: dict[str, Macro] = {
            canonical(m.name): m for d in self.documents for m in d.macros
        }
        self.variables: dict[str, Variable] = {}
        for document in self.documents:
            for equation in document.equations:
                self._add(equation)
        for variable in self.variables.values():
            variable.kind = self._kind(variable)
            variable.depends = tuple(dict.fromkeys(self._names(variable)))
        self._mark_flows()

    # -- building -------------------------------------------------------------------------------

    def _add(self, equation: Equation) -> None:
        key = canonical(equation.name)
        variable = self.variables.get(key)
        if variable is None:
            dimensions = tuple(self._dimension(s) for s in equation.subscripts)
            variable = self.variables[key] = Variable(equation.name, "", dimensions)
        elif len(variable.dimensions) != len(equation.subscripts):
            self._fault(
                equation, "subscripts",
                f'"{equation.name}" has {len(equation.subscripts)} subscripts here and '
                f"{len(variable.dimensions)} at {variable.where}",
            )  # fmt: skip
            self._other(variable.equations[0], "subscripts", variable.name)
            return
        variable.equations.append(equation)
        self._define(variable, equation)

    def _define(self, variable: Variable, equation: Equation) -> None:
        indices = [canonical(s) for s in equation.subscripts]
        choices = [self._elements(equation, s) for s in equation.subscripts]
        count = prod(map(len, choices))
        if count > MOST_ELEMENTS:
            self._fault(
                equation, "too-large", f'"{equation.name}" would have {count} elements',
                f"a variable may have {MOST_ELEMENTS}",
            )  # fmt: skip
            return
        excluded = {
            combination
            for exception in equation.exceptions
            for combination in product(*(self._elements(equation, s) for s in exception))
        }
        for position in product(*(range(len(c)) for c in choices)):
            elements = tuple(c[i] for c, i in zip(choices, position, strict=True))
            if elements in excluded:
                continue
            bound = {
                index: element
                for index, element in zip(indices, elements, strict=True)
                if index in self.ranges
            }
            within = tuple(
                place
                for index, place in zip(indices, position, strict=True)
                if index in self.ranges
            )
            self._place(variable, elements, Definition(equation, bound, within))

    def _place(self, variable: Variable, elements: tuple[str, ...], definition: Definition) -> None:
        other = variable.elements.get(elements)
        if other is not None:
            name = element_name(variable.name, tuple(map(self.ranges.spelled, elements)))
            self._fault(
                definition.equation, "duplicate", f'"{name}" is defined twice',
                f"the other definition is at {other.equation.where}; take one of them out",
            )  # fmt: skip
            self._other(other.equation, "duplicate", name)
            return
        variable.elements[elements] = definition

    def _elements(self, equation: Equation, subscript: str) -> tuple[str, ...]:
        if subscript in self.ranges or self.ranges.is_element(subscript):
            return self.ranges.elements(subscript)
        self._fault(
            equation, "unknown-subscript",
            f'"{subscript}" is neither a subscript range nor an element of one',
            did_you_mean(subscript, self.ranges.spelling.values()),
        )  # fmt: skip
        return ()

    def _dimension(self, subscript: str) -> str:
        """The range that a left-side subscript stands in."""
        key = canonical(subscript)
        return key if key in self.ranges else self.ranges.home.get(key, key)

    def _other(self, equation: Equation, code: str, name: str) -> None:
        """Point at the first of two definitions that exclude each other."""
        message = f'this is the other definition of "{name}"'
        self.findings.append(
            equation.source.finding(equation.span.start, code, message, severity=NOTE)
        )

    def _fault(self, equation: Equation, code: str, message: str, hint: str = "") -> None:
        finding = equation.source.finding(equation.span.start, code, message, hint)
        if finding not in self.findings:
            self.findings.append(finding)

    # -- kinds ----------------------------------------------------------------------------------

    def _kind(self, variable: Variable) -> str:
        if canonical(variable.name) in CONTROL_NAMES:
            return "control"
        kinds = {equation_kind(e) for e in variable.equations}
        return kinds.pop() if len(kinds) == 1 else ("stock" if "stock" in kinds else "auxiliary")

    def _names(self, variable: Variable) -> Iterator[str]:
        for equation in variable.equations:
            if equation.expression is None:
                continue
            for node in walk(equation.expression):
                if isinstance(node, Name | Call):
                    key = canonical(node.name)
                    if key in self.variables and (isinstance(node, Name) or key not in FUNCTIONS):
                        yield key

    def _mark_flows(self) -> None:
        """Auxiliaries that stand as a term of a stock's net flow are flows."""
        for variable in list(self.variables.values()):
            for equation in variable.equations:
                call = equation.expression
                if isinstance(call, Call) and canonical(call.name) == "integ" and call.arguments:
                    for name in _terms(call.arguments[0]):
                        found = self.variables.get(canonical(name))
                        if found is not None and found.kind == "auxiliary":
                            found.kind = "flow"

    # -- questions ------------------------------------------------------------------------------

    def element_names(self, variable: Variable) -> Iterator[tuple[tuple[str, ...], str]]:
        """Canonical element tuples of a variable with the full name as spelled, in range order."""
        order = [
            {e: i for i, e in enumerate(self._whole(variable, axis))}
            for axis in range(len(variable.dimensions))
        ]
        ranked = sorted(
            variable.elements,
            key=lambda es: tuple(o.get(e, 0) for o, e in zip(order, es, strict=True)),
        )
        name = variable.name
        for elements in ranked:
            yield elements, element_name(name, tuple(map(self.ranges.spelled, elements)))

    def _whole(self, variable: Variable, axis: int) -> tuple[str, ...]:
        dimension = variable.dimensions[axis]
        home = self.ranges.home.get(next(iter(self.ranges.elements(dimension)), ""), dimension)
        return self.ranges.elements(home)

    def known_names(self) -> list[str]:
        """Spellings of all variables, for suggestions."""
        return [v.name for v in self.variables.values()]


def equation_kind(equation: Equation) -> str:
    """What one equation says its variable is; several equations of one variable may differ."""
    node = equation.expression
    if equation.operator == "(":
        return "lookup"
    if equation.operator in (":=", "") or equation.keyword:
        return "data"
    while isinstance(node, Unary) and node.operator != ":NOT:":
        node = node.operand
    if isinstance(node, Number | Array | Missing):
        return "constant"
    if isinstance(node, Call):
        name = canonical(node.name)
        if name == "integ":
            return "stock"
        for ending, kind in (("lookups", "lookup"), ("data", "data"), ("constants", "constant")):
            if name in (f"get direct {ending}", f"get xls {ending}"):
                return kind
    return "auxiliary"


def _terms(node: Expression) -> Iterator[str]:
    """Names that stand as terms of a sum, SUM over subscripts included."""
    if isinstance(node, Name):
        yield node.name
    elif isinstance(node, Unary):
        yield from _terms(node.operand)
    elif isinstance(node, Call) and canonical(node.name) == "sum":
        for argument in node.arguments:
            yield from _terms(argument)
    elif isinstance(node, Binary) and node.operator in ("+", "-"):
        yield from _terms(node.left)
        yield from _terms(node.right)
