"""Functions that SymPy leaves alone, with the derivatives of `bullbear.equations.derivatives`.

A choice differentiates to a choice, never to a product with a condition; conditions are functions
with the values 1 and 0 and the derivative 0.  At a tie of MIN or MAX a number stands still and the
other argument moves; between two names the first does, because an expression does not know more.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import sympy
from sympy import Expr, Symbol


class Opaque(sympy.Function):  # type: ignore[misc]  # SymPy has no types
    """A real function that is never evaluated; without a rule its derivative stays formal."""

    is_real = True
    word = ""

    @classmethod
    def eval(cls, *_: Expr) -> None:
        """Nothing is known about the value."""

    def _sympystr(self, printer: Any) -> str:
        parts = [printer.doprint(argument) for argument in self.args]
        if isinstance(self, Condition):
            return f"({f' {self.word} '.join(parts)})"
        if isinstance(self, Lookup):
            return f"{parts[0]}({parts[1]})"
        return f"{self.word or type(self).__name__}({', '.join(parts)})"


class Flat(Opaque):
    """The derivative is 0 wherever it exists."""

    def _eval_derivative(self, _: Symbol) -> Expr:
        return sympy.S.Zero


class Condition(Flat):
    """A comparison; `word` stands between its two sides."""


class Less(Condition):
    word = "<"


class LessOrEqual(Condition):
    word = "<="


class Greater(Condition):
    word = ">"


class GreaterOrEqual(Condition):
    word = ">="


class Equal(Condition):
    word = "="


class Unequal(Condition):
    word = "<>"


class Both(Condition):
    word = ":AND:"


class Either(Condition):
    word = ":OR:"


class Denied(Flat):
    word = ":NOT:"


class Truncated(Flat):
    word = "INTEGER"


class IfThenElse(Opaque):
    word = "IF THEN ELSE"

    def _eval_derivative(self, by: Symbol) -> Expr:
        condition, yes, no = self.args
        return choose(condition, yes.diff(by), no.diff(by))


class Minimum(Opaque):
    word = "MIN"

    def _eval_derivative(self, by: Symbol) -> Expr:
        a, b = _moving_first(*self.args)
        return choose(Less(a, b), a.diff(by), b.diff(by))


class Maximum(Opaque):
    word = "MAX"

    def _eval_derivative(self, by: Symbol) -> Expr:
        a, b = _moving_first(*self.args)
        return choose(GreaterOrEqual(a, b), a.diff(by), b.diff(by))


class Magnitude(Opaque):
    word = "ABS"

    def _eval_derivative(self, by: Symbol) -> Expr:
        (x,) = self.args
        return choose(GreaterOrEqual(x, sympy.S.Zero), x.diff(by), -x.diff(by))


class Zidz(Opaque):
    word = "ZIDZ"

    def _eval_derivative(self, by: Symbol) -> Expr:
        a, b = self.args
        return choose(Less(Magnitude(b), _NEARLY_ZERO), sympy.S.Zero, (a / b).diff(by))


class Xidz(Opaque):
    word = "XIDZ"

    def _eval_derivative(self, by: Symbol) -> Expr:
        a, b, otherwise = self.args
        return choose(Less(Magnitude(b), _NEARLY_ZERO), otherwise.diff(by), (a / b).diff(by))


class Modulo(Opaque):
    word = "MODULO"

    def _eval_derivative(self, by: Symbol) -> Expr:
        a, b = self.args
        return a.diff(by) - Truncated(a / b) * b.diff(by)


class Quantum(Opaque):
    word = "QUANTUM"

    def _eval_derivative(self, by: Symbol) -> Expr:
        x, size = self.args
        stepped = Truncated(x / size) * size.diff(by)
        return choose(Greater(size, sympy.S.Zero), stepped, x.diff(by))


class Lookup(Opaque):
    """A lookup, its table first, applied to its argument."""

    def _eval_derivative(self, by: Symbol) -> Expr:
        table, x = self.args
        return Slope(table, x) * x.diff(by)


class Slope(Flat):
    """The slope of a lookup right of its argument."""

    word = "slope of"


class Step(Opaque):
    word = "STEP"

    def _eval_derivative(self, by: Symbol) -> Expr:
        height, start = self.args
        slope = height.diff(by)
        return Step(slope, start) if slope != 0 else sympy.S.Zero


class Pulse(Flat):
    word = "PULSE"


class PulseTrain(Flat):
    word = "PULSE TRAIN"


class Ramp(Opaque):
    """slope · (time − start) between start and end, held afterwards."""

    word = "RAMP"

    def _eval_derivative(self, by: Symbol) -> Expr:
        slope, *times = self.args
        risen = Ramp(slope.diff(by), *times) if slope.diff(by) != 0 else sympy.S.Zero
        parts = [sign * Step(slope * t.diff(by), t) for sign, t in zip((-1, 1), times, strict=False)
                 if t.diff(by) != 0]  # fmt: skip
        return sum(parts, risen)


class SumOver(Opaque):
    """SUM over the subscripts with a bang; by such a symbol, the derivative by one element."""

    word = "SUM"

    def _eval_derivative(self, by: Symbol) -> Expr:
        slope = self.args[0].diff(by)
        return slope if slope == 0 or "!" in by.name else SumOver(slope)


_NEARLY_ZERO = sympy.Float(1e-6)


def _moving_first(a: Expr, b: Expr) -> tuple[Expr, Expr]:
    return (b, a) if a.is_number and not b.is_number else (a, b)


def choose(condition: Expr, yes: Expr, no: Expr) -> Expr:
    """IF THEN ELSE, unless both are the same."""
    return yes if yes == no else IfThenElse(condition, yes, no)


@cache
def named(word: str) -> Any:
    """A function of the language without a rule, such as SMOOTH, which has a memory."""
    return type(word, (Opaque,), {"word": word})
