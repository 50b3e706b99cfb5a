"""The units of whole equations, and which declared unit may be the wrong one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction

from bullbear.equations.document import Equation
from bullbear.equations.expressions import Array, Call, Expression, Name, Table, walk
from bullbear.equations.names import canonical
from bullbear.equations.system import System, Variable
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
from bullbear.units import Unit

_SEVERAL = 2  # equations that must agree before a unit is suspected
_MOST = 100  # beyond so many faulty equations nothing is suspected
_SHOWN = 25

Declared = Mapping[str, Known]


class EquationUnits:
    """Compares the two sides of equations, given the units that variables say they have."""

    def __init__(self, system: System, time: Known, lenient: bool) -> None:
        self.system, self.time, self.lenient = system, time, lenient

    def examine(
        self, variable: Variable, equation: Equation, declared: Declared
    ) -> tuple[list[Mismatch], bool]:
        """Everything that does not fit in an equation, and whether all its units are known."""
        node = equation.expression
        wanted = declared[canonical(variable.name)]
        if node is None or isinstance(node, Table | Array) or _plain_number(node):
            return [], wanted is not UNKNOWN
        inference = Inference(self.system, declared, self.time, self.lenient)
        if isinstance(node, Call) and canonical(node.name) == "integ" and len(node.arguments) == 2:
            self._stock(inference, variable, equation, node, wanted)
        elif isinstance(node, Call) and canonical(node.name) == "with lookup":
            inference.of(node)  # its points have the unit of the variable
        else:
            must = f'"{variable.name}" is {wanted}'
            self._sum(inference, equation, node, wanted, lambda _sign: must)
        return inference.mismatches, inference.complete and wanted is not UNKNOWN

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
        decided = [(sign, term, found) for sign, term, found in parts if isinstance(found, Unit)]
        wrong = [part for part in decided if part[2] != wanted]
        whole = len({found for _, _, found in wrong}) == 1 and len(wrong) == len(decided)
        for sign, term, found in wrong[:1] if whole else wrong:
            subject = "right side" if whole else f'"{_shown(equation, term)}"'
            message = f"{subject} is {found}, {must(sign)}: {ratio(found, wanted)}"
            inference.mismatches.append(Mismatch(term, message, factor=found / wanted))


def _plain_number(node: Expression) -> bool:
    """Whether a right side is made of numbers alone; then it has the unit that it is given."""
    return not any(isinstance(part, Name | Call | Table) for part in walk(node))


def _shown(equation: Equation, node: Expression) -> str:
    text = " ".join(equation.source.text[node.span.start : node.span.end].split())
    return text if len(text) <= 40 else text[:37] + "..."


# -- which declared unit is wrong -----------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Suspect:
    """A variable whose equations would all fit if its unit were `unit`."""

    key: str
    unit: Unit
    count: int


def suspects(system: System, rules: EquationUnits, declared: Declared) -> list[Suspect]:
    """The variables that alone explain most faulty equations, at least two of them each."""
    involved: dict[str, list[tuple[Variable, Equation]]] = defaultdict(list)
    for variable in system.variables.values():
        for equation in variable.equations:
            for key in {canonical(variable.name), *_names(equation, declared)}:
                involved[key].append((variable, equation))
    faulty = {
        id(equation): [m.factor for m in wrong if m.factor is not None]
        for variable in system.variables.values()
        for equation in variable.equations
        if (wrong := rules.examine(variable, equation, declared)[0])
    }
    if not _SEVERAL <= len(faulty) <= _MOST:
        return []
    found: list[Suspect] = []
    for key, places in involved.items():
        count = sum(id(equation) in faulty for _, equation in places)
        own = declared[key]
        if count >= _SEVERAL and isinstance(own, Unit):
            factors = {f for _, equation in places for f in faulty.get(id(equation), ())}
            for unit in _candidates(own, factors):
                trial = {**declared, key: unit}
                if not any(rules.examine(v, e, trial)[0] for v, e in places):
                    found.append(Suspect(key, unit, count))
                    break
    most = max((suspect.count for suspect in found), default=0)
    return [suspect for suspect in found if suspect.count == most]


def _candidates(own: Unit, factors: set[Unit]) -> Iterator[Unit]:
    for factor in sorted(factors, key=str)[:_SHOWN]:
        for power in (1, -1):
            yield own * factor.to(Fraction(power))


def _names(equation: Equation, declared: Declared) -> Iterator[str]:
    if equation.expression is not None:
        for node in walk(equation.expression):
            if isinstance(node, Name | Call) and canonical(node.name) in declared:
                yield canonical(node.name)
