"""The unit of an expression, and every place inside it where units do not fit together."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from pathlib import Path
from typing import TypeAlias

from bullbear.equations.expressions import (
    Array,
    Binary,
    Call,
    Expression,
    Missing,
    Name,
    Number,
    Table,
    Text,
    Unary,
)
from bullbear.equations.functions import FUNCTIONS
from bullbear.equations.names import canonical
from bullbear.equations.system import System, Variable
from bullbear.units import DIMENSIONLESS, Unit, as_power


class Open(Enum):
    """A unit that is not decided."""

    UNKNOWN = "unknown"  # something it is made of has no unit
    ANY = "any"  # zero, which fits everywhere

    def __str__(self) -> str:
        return "no unit" if self is Open.UNKNOWN else "any unit"


UNKNOWN, ANY = Open.UNKNOWN, Open.ANY
Known: TypeAlias = Unit | Open


@dataclass(frozen=True, slots=True)
class Mismatch:
    """Units that do not fit, at a node of the tree."""

    node: Expression
    message: str
    hint: str = ""
    code: str = "unit"
    factor: Unit | None = None  # what was found over what was wanted


@dataclass(frozen=True, slots=True)
class Signature:
    """Units of a function's arguments and result, in the letters of `function_units.csv`.

    1 is dimensionless, T the unit of time, ? anything; a letter is the unit of the first argument
    that has it; a star repeats the argument before it.
    """

    arguments: tuple[str, ...]
    result: str

    def argument(self, index: int) -> str:
        last = self.arguments[-1] if self.arguments else "?"
        if index < len(self.arguments):
            return self.arguments[index].rstrip("*")
        return last.rstrip("*") if last.endswith("*") else "?"


@lru_cache(maxsize=1)
def signatures() -> Mapping[str, Signature]:
    """The table of `function_units.csv` by canonical function name."""
    with Path(__file__).with_name("function_units.csv").open(encoding="utf-8", newline="") as file:
        return {
            canonical(row["function"]): Signature(tuple(row["arguments"].split()), row["result"])
            for row in csv.DictReader(file)
        }


class Inference:
    """Units of the expressions of one equation.

    `mismatches` are the faults met, `complete` is false once an unknown unit was met.
    """

    def __init__(
        self, system: System, declared: Mapping[str, Known], time: Known, lenient: bool = False
    ) -> None:
        self.system, self.declared, self.time = system, declared, time
        self.lenient = lenient  # a number that is an argument of a function fits every unit
        self.mismatches: list[Mismatch] = []
        self.complete = True

    def of(self, node: Expression) -> Known:
        """The unit of an expression."""
        if isinstance(node, Number):
            return ANY if node.value == 0 else DIMENSIONLESS
        if isinstance(node, Missing | Text | Array | Table):
            return ANY
        if isinstance(node, Name):
            return self._name(node)
        if isinstance(node, Unary):
            found = self.of(node.operand)
            return DIMENSIONLESS if node.operator == ":NOT:" else found
        if isinstance(node, Binary):
            return self._binary(node)
        return self._call(node)

    def _open(self) -> Known:
        self.complete = False
        return UNKNOWN

    def _name(self, node: Name) -> Known:
        key = canonical(node.name)
        if key == "time":
            found = self.time
        elif key in self.declared:
            found = self.declared[key]
        elif key in self.system.ranges or self.system.ranges.is_element(key):
            return DIMENSIONLESS  # a subscript as a number
        else:
            found = UNKNOWN  # noted elsewhere
        return self._open() if found is UNKNOWN else found

    def argument(self, node: Expression) -> Known:
        """The unit of an argument of a function."""
        return ANY if self.lenient and literal(node) is not None else self.of(node)

    # -- operators ------------------------------------------------------------------------------

    def _binary(self, node: Binary) -> Known:
        if node.operator in ("+", "-"):
            return self.joined(node, [(term, self.of(term)) for _, term in terms(node)])
        if node.operator == "^":
            return self._power(node, node.left, node.right)
        left, right = self.of(node.left), self.of(node.right)
        if node.operator in ("*", "/"):
            return combined(node.operator, left, right)
        if node.operator not in (":AND:", ":OR:") and differ(left, right):
            self._differs(node, f'"{node.operator}" compares {left} with {right}', left, right)
        return DIMENSIONLESS

    def joined(self, node: Expression, parts: Sequence[tuple[Expression, Known]]) -> Known:
        """The one unit of the terms of a sum; each term that differs from the first is noted."""
        decided = [(term, unit) for term, unit in parts if isinstance(unit, Unit)]
        if not decided:
            return UNKNOWN if any(unit is UNKNOWN for _, unit in parts) else ANY
        first = decided[0][1]
        for term, unit in decided[1:]:
            if unit != first:
                message = f"a term in {unit} is added to one in {first}"
                self._differs(term, message, unit, first, self._about(node))
        return first

    def _power(self, node: Expression, base: Expression, exponent: Expression) -> Known:
        unit, power = self.of(base), self.of(exponent)
        if isinstance(power, Unit) and power != DIMENSIONLESS:
            self._note(exponent, f"an exponent must be dimensionless, it is {power}")
        if not isinstance(unit, Unit) or unit == DIMENSIONLESS:
            return unit
        value = literal(exponent)
        if value is None:
            self._note(
                node, f"a power of {unit} needs a number as exponent, or a base without unit",
                "divide the base by a reference value in the same unit",
            )  # fmt: skip
            return UNKNOWN
        return unit.to(as_power(value))

    # -- functions ------------------------------------------------------------------------------

    def _call(self, node: Call) -> Known:
        key = canonical(node.name)
        variable = self.system.variables.get(key)
        if variable is not None and variable.kind == "lookup":
            return self._lookup(variable, node.arguments)
        if key == "sqrt" and len(node.arguments) == 1:
            unit = self.of(node.arguments[0])
            return unit.to(as_power(0.5)) if isinstance(unit, Unit) else unit
        if key == "power" and len(node.arguments) == 2:
            return self._power(node, *node.arguments)
        if key == "with lookup" and len(node.arguments) == 2:
            self._lookup_argument(node.arguments[0], "WITH LOOKUP")
            return ANY
        if key == "prod" and len(node.arguments) == 1:
            unit = self.of(node.arguments[0])  # a power that the number of elements decides
            return unit if unit in (DIMENSIONLESS, ANY) else self._open()
        if key == "lookup invert" and len(node.arguments) == 2:
            return self._inverse(node)
        if key.startswith("lookup ") and len(node.arguments) == 2:
            name = node.arguments[0]
            found = self.system.variables.get(canonical(getattr(name, "name", "")))
            return self._lookup(found, node.arguments[1:]) if found else self._open()
        function = FUNCTIONS.get(key)
        if function is not None and function.kind == "external":
            return ANY  # numbers from a table have the unit of their variable
        signature = signatures().get(key)
        if signature is None:
            for argument in node.arguments:
                self.of(argument)
            return DIMENSIONLESS if key == "elmcount" else self._open()
        return self._signed(node, signature)

    def _signed(self, node: Call, signature: Signature) -> Known:
        """The result of a function by its signature; arguments that do not fit are noted."""
        bound: dict[str, Known] = {"1": DIMENSIONLESS, "T": self.time}
        for index, argument in enumerate(node.arguments):
            found, pattern = self.argument(argument), signature.argument(index)
            if pattern == "?":
                continue
            if len(pattern) == 1 and isinstance(found, Unit):
                bound.setdefault(pattern, found)
            wanted = _value(pattern, bound)
            if differ(found, wanted):
                message = f"argument {index + 1} of {node.name} is {found}, it must be {wanted}"
                self._differs(argument, message, found, wanted)
            elif pattern == "a/T" and isinstance(found, Unit) and isinstance(self.time, Unit):
                bound.setdefault("a", found * self.time)  # the slope of a ramp
        unseen = UNKNOWN if not self.complete else ANY
        return _value(signature.result, bound, unseen)

    def _lookup(self, variable: Variable, arguments: Sequence[Expression]) -> Known:
        for argument in arguments:
            self._lookup_argument(argument, f'the lookup "{variable.name}"')
        found = self.declared[canonical(variable.name)]
        return self._open() if found is UNKNOWN else found

    def _inverse(self, node: Call) -> Known:
        """Where a lookup has a value: the value has the unit of the lookup."""
        name, value = node.arguments
        wanted = self.declared.get(canonical(getattr(name, "name", "")), UNKNOWN)
        found = self.argument(value)
        if differ(found, wanted):
            message = f"argument 2 of {node.name} is {found}, it must be {wanted}"
            self._differs(value, message, found, wanted)
        return DIMENSIONLESS

    def _lookup_argument(self, argument: Expression, what: str) -> None:
        found = self.of(argument)
        if isinstance(found, Unit) and found != DIMENSIONLESS:
            self.mismatches.append(
                Mismatch(
                    argument, f"the argument of {what} must be dimensionless, it is {found}",
                    f"divide it by a constant of 1 {found}", "unit-lookup", found,
                )
            )  # fmt: skip

    # -- faults ---------------------------------------------------------------------------------

    def _note(self, node: Expression, message: str, hint: str = "") -> None:
        self.mismatches.append(Mismatch(node, message, hint))

    def _differs(
        self, node: Expression, message: str, found: Known, wanted: Known, hint: str = ""
    ) -> None:
        factor = found / wanted if isinstance(found, Unit) and isinstance(wanted, Unit) else None
        text = f"{message}: {ratio(found, wanted)}"
        self.mismatches.append(Mismatch(node, text, hint, factor=factor))

    def _about(self, node: Expression) -> str:
        """The units of the plain names in a sum."""
        named = [term for _, term in terms(node) if isinstance(term, Name)]
        parts = [f"{n.name} [{self._name(n)}]" for n in named]
        return "units read: " + ", ".join(dict.fromkeys(parts)) if parts else ""


def terms(node: Expression, sign: int = 1) -> Iterator[tuple[int, Expression]]:
    """The terms of a sum with their signs; a node that is no sum is its own only term."""
    if isinstance(node, Binary) and node.operator in ("+", "-"):
        yield from terms(node.left, sign)
        yield from terms(node.right, sign if node.operator == "+" else -sign)
    elif isinstance(node, Unary) and node.operator in ("+", "-"):
        yield from terms(node.operand, sign if node.operator == "+" else -sign)
    else:
        yield sign, node


def literal(node: Expression) -> float | None:
    """The value of an expression of numbers alone."""
    if isinstance(node, Number):
        return node.value
    if isinstance(node, Unary) and node.operator in ("+", "-"):
        inner = literal(node.operand)
        return None if inner is None else (-inner if node.operator == "-" else inner)
    if isinstance(node, Binary):
        left, right = literal(node.left), literal(node.right)
        if left is None or right is None:
            return None
        if node.operator == "/":
            return left / right if right else None
        return {"+": left + right, "-": left - right, "*": left * right}.get(node.operator)
    return None


def combined(operator: str, left: Known, right: Known) -> Known:
    """The unit of a product or a quotient."""
    if ANY in (left, right):
        return ANY
    if not isinstance(left, Unit) or not isinstance(right, Unit):
        return UNKNOWN
    return left * right if operator == "*" else left / right


def differ(one: Known, other: Known) -> bool:
    """Whether both units are known and not the same."""
    return isinstance(one, Unit) and isinstance(other, Unit) and one != other


def ratio(found: Known, wanted: Known) -> str:
    """How a unit differs from the one that is wanted."""
    if not isinstance(found, Unit) or not isinstance(wanted, Unit):
        return ""
    return f"differs by {found / wanted}"


def _value(pattern: str, bound: Mapping[str, Known], unseen: Known = UNKNOWN) -> Known:
    """The unit of a pattern such as `a`, `a/b` or `1/T`."""
    first, *divisors = pattern.split("/")
    value = bound.get(first, unseen)
    for divisor in divisors:
        value = combined("/", value, bound.get(divisor, unseen))
    return value
