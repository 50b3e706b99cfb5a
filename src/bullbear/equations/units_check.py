"""Dimensional analysis of every equation of a model.

A number is dimensionless, save for 0, which fits every unit.  A variable has the unit that stands
behind its equation; what no unit is known of is passed over and counted against the coverage.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from bullbear.equations.document import Equation
from bullbear.equations.expressions import (
    Call,
    Expression,
    Name,
    walk,
)
from bullbear.equations.names import canonical
from bullbear.equations.system import CONTROL_NAMES, System, Variable
from bullbear.equations.unit_equations import EquationUnits, suspects
from bullbear.equations.unit_inference import UNKNOWN, Known, Mismatch
from bullbear.errors import ERROR, NOTE, WARNING, Finding, did_you_mean
from bullbear.units import UnitError, Units

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
        self.time = self._time(time_unit)
        self.declared: dict[str, Known] = {}
        for key, variable in system.variables.items():
            self.declared[key] = self._declared(key, variable)
        self._unknown_words()

    def _time(self, text: str) -> Known:
        try:
            return self.units.read(text) if text else UNKNOWN
        except UnitError:
            return UNKNOWN  # noted where it stands

    def report(self) -> UnitsReport:
        total = known = 0
        rules = EquationUnits(self.system, self.time, not self.complete)
        for variable in self.system.variables.values():
            for equation in variable.equations:
                mismatches, complete = rules.examine(variable, equation, self.declared)
                total += 1
                known += complete
                for mismatch in mismatches:
                    self._note_mismatch(equation, mismatch)
        self._note_suspects(rules)
        return UnitsReport(tuple(self.findings), 100.0 * known / total if total else 100.0)

    def _note_suspects(self, rules: EquationUnits) -> None:
        """Declared units that would make faults vanish if they were others."""
        for found in suspects(self.system, rules, self.declared):
            variable = self.system.variables[found.key]
            equation = next((e for e in variable.equations if e.units), variable.equations[0])
            self.findings.append(
                equation.source.finding(
                    unit_offset(equation), "unit-suspect",
                    f'the units of {found.count} equations that have "{variable.name}" would fit '
                    f"if it were {found.unit}", "is the unit written here wrong?", NOTE,
                )
            )  # fmt: skip

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
