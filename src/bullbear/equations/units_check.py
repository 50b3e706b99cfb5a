"""Dimensional analysis of every equation of a model.

A number is dimensionless, save for 0, which fits every unit.  A variable has the unit that stands
behind its equation; what no unit is known of is passed over and counted against the coverage.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from bullbear.equations.document import Equation
from bullbear.equations.expressions import (
    Array,
    Call,
    Expression,
    Name,
    Table,
    walk,
)
from bullbear.equations.names import canonical
from bullbear.equations.system import CONTROL_NAMES, System, Variable
from bullbear.equations.unit_inference import (
    UNKNOWN,
    Inference,
    Known,
    Mismatch,
    combined,
    literal,
    ratio,
    terms,
)
from bullbear.errors import ERROR, WARNING, Finding, did_you_mean
from bullbear.units import Unit, UnitError, Units

_HINTED = 6  # names listed in a hint


@dataclass(frozen=True)
class UnitsReport:
    """What the units of a model say; `coverage` [percent] of equations with every unit known."""

    findings: tuple[Finding, ...]
    coverage: float


def check_units(
    system: System, units: Units, time_unit: str, *, severity: str = ERROR, complete: bool = True
) -> UnitsReport:
    """All places where units do not fit.

    Parameters
    ----------
    units
        The synonyms to go by.
    time_unit
        The unit of Time.
    severity
        Of the findings.
    complete
        Whether every variable must have a unit, and numbers are dimensionless everywhere; else a
        number may stand for any unit where it is an argument of a function.
    """
    return _Check(system, units, time_unit, severity, complete).report()


def time_unit_of(system: System) -> str:
    """The unit of time of a file that holds its own time bounds, or an empty text."""
    found = (system.variables.get(key) for key in ("time step", *CONTROL_NAMES))
    return next((v.units for v in found if v is not None and v.units), "")


class _Check:
    def __init__(
        self, system: System, units: Units, time_unit: str, severity: str, complete: bool
    ) -> None:
        self.system, self.units = system, units
        self.severity, self.complete = severity, complete
        self.findings: list[Finding] = []
        for document in system.documents:
            for line in document.settings.splitlines():
                if line.startswith("22:"):
                    units.same(line[3:].split(","))
        self.time = units.read(time_unit) if time_unit else UNKNOWN
        self.declared: dict[str, Known] = {}
        for key, variable in system.variables.items():
            self.declared[key] = self._declared(key, variable)
        self._unknown_words()

    def report(self) -> UnitsReport:
        total = known = 0
        for key, variable in self.system.variables.items():
            for equation in variable.equations:
                total += 1
                known += self._equation(key, variable, equation)
        return UnitsReport(tuple(self.findings), 100.0 * known / total if total else 100.0)

    def note(
        self, equation: Equation, offset: int, code: str, message: str, hint: str = ""
    ) -> None:
        finding = equation.source.finding(offset, code, message, hint, self.severity)
        if finding not in self.findings:
            self.findings.append(finding)

    # -- what variables say of themselves -------------------------------------------------------

    def _declared(self, key: str, variable: Variable) -> Known:
        """The unit of a variable; noted where it is none, is missing or stands there twice."""
        read: list[tuple[Equation, Known]] = []
        for equation in variable.equations:
            if equation.units:
                try:
                    read.append((equation, self.units.read(equation.units)))
                except UnitError as fault:
                    offset = unit_offset(equation) + fault.offset
                    self.note(equation, offset, "unit-syntax",
                              f'"{equation.units}" is no unit: {fault.message}',
                              "write it as NMR/Year or USD/(NMR*Year)")  # fmt: skip
                    read.append((equation, UNKNOWN))
        if not read:
            return self._missing(key, variable)
        first_equation, first = read[0]
        for equation, unit in read[1:]:
            if unit != first and UNKNOWN not in (unit, first):
                self.note(equation, unit_offset(equation), "unit-differs",
                          f'"{variable.name}" is {unit} here and {first} at '
                          f"{first_equation.where}", "give it one unit")  # fmt: skip
        return first

    def _unknown_words(self) -> None:
        """Words that stand in no table: slips, or units that the table should have.

        In other files than ours units may be anything; there, a word counts as a slip if it
        stands once and is much like another one, or is two others without a sign between them.
        """
        places = [
            (equation, word, offset)
            for document in self.system.documents
            for equation in document.equations
            for word, offset in self.units.unknown(equation.units)
        ]
        count = Counter(word.casefold() for _, word, _ in places)
        known = [*self.units.words(), *(word for word in count if count[word] > 1)]
        for equation, word, offset in places:
            alike = did_you_mean(word, known) or _joined(word, known)
            if self.complete or (count[word.casefold()] == 1 and alike):
                self.findings.append(
                    equation.source.finding(
                        unit_offset(equation) + offset, "unknown-unit",
                        f'no unit is called "{word}"', alike or "add it to equations/units.toml",
                        WARNING,
                    )
                )  # fmt: skip

    def _missing(self, key: str, variable: Variable) -> Known:
        if key in CONTROL_NAMES:
            return self.time
        if self.complete:
            equation = variable.equations[-1]
            self.note(equation, unit_offset(equation), "no-unit", f'"{variable.name}" has no unit',
                      'write it behind the first "~"; Dmnl where it has none')  # fmt: skip
        return UNKNOWN

    # -- equations ------------------------------------------------------------------------------

    def _equation(self, key: str, variable: Variable, equation: Equation) -> bool:
        """Whether every unit of the equation is known; faults are noted."""
        node = equation.expression
        wanted = self.declared[key]
        if node is None or isinstance(node, Table | Array) or _plain_number(node):
            return wanted is not UNKNOWN
        inference = Inference(self.system, self.declared, self.time, not self.complete)
        if isinstance(node, Call) and canonical(node.name) == "integ" and len(node.arguments) == 2:
            self._stock(inference, variable, equation, node, wanted)
        else:
            self._right_side(inference, variable, equation, node, wanted)
        for mismatch in inference.mismatches:
            self._note_mismatch(equation, mismatch)
        return inference.complete and wanted is not UNKNOWN

    def _right_side(
        self,
        inference: Inference,
        variable: Variable,
        equation: Equation,
        node: Expression,
        wanted: Known,
    ) -> None:
        if isinstance(node, Call) and canonical(node.name) == "with lookup":
            inference.of(node)  # its points have the unit of the variable
            return
        must = f'"{variable.name}" is {wanted}'
        self._sum(inference, equation, node, wanted, lambda _sign: must)

    def _stock(
        self,
        inference: Inference,
        variable: Variable,
        equation: Equation,
        node: Call,
        wanted: Known,
    ) -> None:
        """A stock's flows are its unit over time, its initial value is its unit."""
        rate = combined("/", wanted, self.time)

        def flow(sign: int) -> str:
            return f'an {"inflow" if sign > 0 else "outflow"} of "{variable.name}" must be {rate}'

        self._sum(inference, equation, node.arguments[0], rate, flow)
        must = f'the initial value of "{variable.name}" must be {wanted}'
        self._sum(inference, equation, node.arguments[1], wanted, lambda _sign: must)

    def _sum(
        self,
        inference: Inference,
        equation: Equation,
        node: Expression,
        wanted: Known,
        must: Callable[[int], str],
    ) -> None:
        """Each term of a sum must have the unit wanted."""
        single = literal(node) is not None  # where the whole argument of INTEG is a number
        parts = [
            (sign, term, inference.argument(term) if single else inference.of(term))
            for sign, term in terms(node)
        ]
        if not isinstance(wanted, Unit):
            inference.joined(node, [(term, found) for _, term, found in parts])
            return
        decided = [part for part in parts if isinstance(part[2], Unit)]
        wrong = [part for part in decided if part[2] != wanted]
        whole = len({found for _, _, found in wrong}) == 1 and len(wrong) == len(decided)
        for sign, term, found in wrong[:1] if whole else wrong:
            subject = "right side" if whole else f'"{_shown(equation, term)}"'
            message = f"{subject} is {found}, {must(sign)}: {ratio(found, wanted)}"
            self._note_mismatch(equation, Mismatch(term, message))

    def _note_mismatch(self, equation: Equation, mismatch: Mismatch) -> None:
        hint = mismatch.hint or self._units_read(mismatch.node)
        self.note(equation, mismatch.node.span.start, mismatch.code, mismatch.message, hint)

    def _units_read(self, node: Expression) -> str:
        """The units of the names in an expression, so that the odd one can be seen."""
        listed = list(dict.fromkeys(self._named(node)))
        more = ", ..." if len(listed) > _HINTED else ""
        return "units read: " + ", ".join(listed[:_HINTED]) + more if listed else ""

    def _named(self, node: Expression) -> Iterator[str]:
        for part in walk(node):
            if isinstance(part, Name | Call):
                key = canonical(part.name)
                if key in self.declared:
                    yield f"{self.system.variables[key].name} [{self.declared[key]}]"
                elif key == "time":
                    yield f"Time [{self.time}]"


def _joined(word: str, known: Iterable[str]) -> str:
    """A hint for two units that are written as one."""
    bases = {base.casefold(): base for base in known}
    for cut in range(1, len(word)):
        left, right = word[:cut].strip().casefold(), word[cut:].strip().casefold()
        if left in bases and right in bases:
            return f"did you mean {bases[left]}/{bases[right]}?"
    return ""


def unit_offset(equation: Equation) -> int:
    """Where the unit of an equation stands in its file."""
    text = equation.source.text
    mark = text.find("~", equation.body.end)
    if mark < 0:
        return equation.span.start
    if not equation.units:
        return mark
    return mark + 1 + len(text[mark + 1 :]) - len(text[mark + 1 :].lstrip())


def _plain_number(node: Expression) -> bool:
    """Whether a right side is made of numbers alone; then it has the unit that it is given."""
    return not any(isinstance(part, Name | Call | Table) for part in walk(node))


def _shown(equation: Equation, node: Expression) -> str:
    text = " ".join(equation.source.text[node.span.start : node.span.end].split())
    return text if len(text) <= 40 else text[:37] + "..."
