"""Units of measure: reading them, multiplying them, and saying how two of them differ.

A unit is a product of powers of base units; which words mean one base unit says a table of
synonyms.  Units have no factors: a year and a month are two units, and twelve months per year is
a constant of the model.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

_TOKEN = re.compile(
    r"""\s*(?:(?P<name>[^\W\d][\w'’°%$€£\#]*(?:[\s_]+[\w'’°%$€£\#]+)*|[°%$€£\#][\w%$€£\#]*)
            |(?P<number>\d+\.?\d*|\.\d+)
            |(?P<operator>\*\*|[*/^()-]))""",
    re.VERBOSE,
)
_DENOMINATORS = 1000  # powers are ratios of small whole numbers


class UnitError(ValueError):
    """A text that is no unit; `offset` is the place in it."""

    def __init__(self, message: str, offset: int) -> None:
        super().__init__(message)
        self.message, self.offset = message, offset


@dataclass(frozen=True, slots=True)
class Unit:
    """A product of powers of base units, in alphabetical order; empty where dimensionless."""

    powers: tuple[tuple[str, Fraction], ...] = ()

    @classmethod
    def of(cls, powers: Mapping[str, Fraction]) -> Unit:
        return cls(tuple(sorted((base, power) for base, power in powers.items() if power)))

    def __mul__(self, other: Unit) -> Unit:
        powers = dict(self.powers)
        for base, power in other.powers:
            powers[base] = powers.get(base, Fraction(0)) + power
        return Unit.of(powers)

    def __truediv__(self, other: Unit) -> Unit:
        return self * other.to(Fraction(-1))

    def to(self, exponent: Fraction) -> Unit:
        """This unit to a power."""
        return Unit.of({base: power * exponent for base, power in self.powers})

    def __str__(self) -> str:
        above = [_power(base, power) for base, power in self.powers if power > 0]
        below = [_power(base, -power) for base, power in self.powers if power < 0]
        if not below:
            return "*".join(above) or "Dmnl"
        divisor = below[0] if len(below) == 1 else f"({'*'.join(below)})"
        return f"{'*'.join(above) or '1'}/{divisor}"


DIMENSIONLESS = Unit()


def as_power(value: float) -> Fraction:
    """A number as the exponent of a unit: 0.5 is 1/2, 0.3333333 is 1/3."""
    return Fraction(value).limit_denominator(_DENOMINATORS)


class Units:
    """Reads units; knows which words mean the same one.

    `groups` are lists of synonyms, the first of each being the word that messages use.  Words are
    matched without regard to case, blanks and underscores.
    """

    def __init__(self, groups: Iterable[Sequence[str]] = ()) -> None:
        self._known: dict[str, str] = {_canonical("Dmnl"): ""}  # by tables
        self._met: dict[str, str] = {}  # words that are in none
        self._read: dict[str, Unit] = {}
        for group in groups:
            self.same(group)

    @classmethod
    def from_table(cls, path: Path) -> Units:
        """The synonyms of a TOML file: `[synonyms]` with `Year = ["Years", "yr"]` and so on."""
        with path.open("rb") as file:
            table = tomllib.load(file)["synonyms"]
        return cls([name, *words] for name, words in table.items())

    def same(self, words: Sequence[str]) -> None:
        """Take words for one unit; a word known before decides what they all mean."""
        keys = [_canonical(word) for word in words if word.strip()]
        if keys:
            known = [self._known[key] for key in keys if key in self._known]
            base = known[0] if known else " ".join(words[0].split())
            self._known.update((key, base) for key in keys if key not in self._known)
            self._read.clear()

    def read(self, text: str) -> Unit:
        """The unit that a text means; an empty text is dimensionless.

        Raises
        ------
        UnitError
            If the text is no product, quotient or power of names.
        """
        found = self._read.get(text)
        if found is None:
            found = self._read[text] = _Reader(text, self).whole()
        return found

    def words(self) -> list[str]:
        """The base units of the tables."""
        return sorted({base for base in self._known.values() if base})

    def unknown(self, text: str) -> list[tuple[str, int]]:
        """Words of a unit that are in no table, with their offsets; none if there is no table."""
        if len(self._known) <= 1:
            return []
        found = ((m["name"], m.start("name")) for m in _TOKEN.finditer(text) if m["name"])
        return [(word, at) for word, at in found if _canonical(word) not in self._known]

    def base(self, word: str) -> Unit:
        """The unit of one word; a new word is a base unit of its own."""
        key = _canonical(word)
        name = self._known.get(key)
        if name is None:
            name = self._met.setdefault(key, " ".join(word.split()))
        return Unit(((name, Fraction(1)),)) if name else DIMENSIONLESS


class _Reader:
    """One unit text, by recursive descent: products of powers of names."""

    def __init__(self, text: str, units: Units) -> None:
        self.text, self.units = text, units
        self.tokens: list[tuple[str, str, int]] = []
        position, end = 0, len(text.rstrip())
        while position < end:
            match = _TOKEN.match(text, position)
            if match is None:
                offset = position + len(text[position:]) - len(text[position:].lstrip())
                raise UnitError(f'"{text[offset]}" has no place in a unit', offset)
            kind = str(match.lastgroup)
            self.tokens.append((kind, match[kind], match.start(kind)))
            position = match.end()
        self.tokens.append(("end", "", end))
        self.position = 0

    def whole(self) -> Unit:
        if self.tokens[0][0] == "end":
            return DIMENSIONLESS
        unit = self.product()
        if self.tokens[self.position][0] != "end":
            raise self.fault("expected *, / or the end of the unit")
        return unit

    def fault(self, expected: str) -> UnitError:
        kind, text, offset = self.tokens[self.position]
        found = "the unit ends" if kind == "end" else f'found "{text}"'
        return UnitError(f"{found}, {expected}", offset)

    def takes(self, *texts: str) -> str:
        kind, text, _ = self.tokens[self.position]
        if kind == "operator" and text in texts:
            self.position += 1
            return text
        return ""

    def product(self) -> Unit:
        unit = self.power()
        while operator := self.takes("*", "/", "-"):
            other = self.power()
            unit = unit / other if operator == "/" else unit * other  # Person-Year is a product
        return unit

    def power(self) -> Unit:
        unit = self.atom()
        if self.takes("^", "**"):
            unit = unit.to(self.exponent())
        return unit

    def exponent(self) -> Fraction:
        if self.takes("("):
            found = self.exponent()
            if self.takes("/"):
                found /= self.exponent()
            if not self.takes(")"):
                raise self.fault('expected ")"')
            return found
        sign = -1 if self.takes("-") else 1
        kind, text, _ = self.tokens[self.position]
        if kind != "number" or (sign < 0 and float(text) == 0):
            raise self.fault("expected the number of a power")
        self.position += 1
        return sign * as_power(float(text))

    def atom(self) -> Unit:
        if self.takes("("):
            unit = self.product()
            if not self.takes(")"):
                raise self.fault('expected ")"')
            return unit
        kind, text, offset = self.tokens[self.position]
        if kind == "number":
            if float(text) != 1:
                raise UnitError(f"a unit has no factor, found {text}", offset)
            self.position += 1
            return DIMENSIONLESS
        if kind != "name":
            raise self.fault("expected the name of a unit")
        self.position += 1
        return self.units.base(text)


def _canonical(word: str) -> str:
    return " ".join(word.replace("_", " ").split()).casefold()


def _power(base: str, power: Fraction) -> str:
    if power == 1:
        return base
    exact = power.denominator == 1 or float(power) == round(float(power), 3)
    return f"{base}^{float(power):g}" if exact else f"{base}^({power})"
