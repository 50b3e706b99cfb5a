"""Every operation on plain floats, with the results of IEEE arithmetic instead of exceptions."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

INF, NAN = math.inf, math.nan
MISSING = -(2.0**109)  # Vensim's :NA:


def div(a: float, b: float) -> float:
    try:
        return a / b
    except ZeroDivisionError:
        if a == 0 or a != a:
            return NAN
        return math.copysign(INF, a) * math.copysign(1.0, b)


def power(a: float, b: float) -> float:
    try:
        value = a**b
    except ZeroDivisionError:
        return INF
    except OverflowError:
        return float(np.float64(a) ** np.float64(b)) if a < 0 else INF
    return NAN if isinstance(value, complex) else value


def exp(a: float) -> float:
    try:
        return math.exp(a)
    except OverflowError:
        return INF


def ln(a: float) -> float:
    if a > 0:
        return math.log(a)
    return -INF if a == 0 else NAN


def sqrt(a: float) -> float:
    return math.sqrt(a) if a >= 0 else NAN


def minimum(a: float, b: float) -> float:
    """The smaller one; not a number where one of them is not."""
    if a != a or b != b:
        return NAN
    return a if a < b else b


def maximum(a: float, b: float) -> float:
    """The larger one; not a number where one of them is not."""
    if a != a or b != b:
        return NAN
    return a if a > b else b


def integer(a: float) -> float:
    """Towards zero."""
    return float(math.trunc(a)) if math.isfinite(a) else a


def modulo(a: float, b: float) -> float:
    """The remainder that has the sign of the dividend, as Vensim's MODULO."""
    if b == 0 or not math.isfinite(a):
        return NAN
    return math.fmod(a, b)


def _trig(function: Callable[[float], float]) -> Callable[[float], float]:
    def safe(a: float) -> float:
        try:
            return function(a)
        except OverflowError:
            return math.copysign(INF, a) if function is math.sinh else INF
        except ValueError:
            return NAN

    return safe


OPERATIONS: dict[str, Callable[..., float]] = {
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a - b,
    "mul": lambda a, b: a * b,
    "div": div,
    "neg": lambda a: -a,
    "pow": power,
    "min": minimum,
    "max": maximum,
    "exp": exp,
    "ln": ln,
    "sqrt": sqrt,
    "abs": abs,
    "integer": integer,
    "modulo": modulo,
    "sin": _trig(math.sin),
    "cos": _trig(math.cos),
    "tan": _trig(math.tan),
    "arcsin": _trig(math.asin),
    "arccos": _trig(math.acos),
    "arctan": math.atan,
    "sinh": _trig(math.sinh),
    "cosh": _trig(math.cosh),
    "tanh": math.tanh,
    "lt": lambda a, b: float(a < b),
    "le": lambda a, b: float(a <= b),
    "gt": lambda a, b: float(a > b),
    "ge": lambda a, b: float(a >= b),
    "eq": lambda a, b: float(a == b),
    "ne": lambda a, b: float(a != b),
    "and": lambda a, b: float(bool(a) and bool(b)),
    "or": lambda a, b: float(bool(a) or bool(b)),
    "not": lambda a: float(not a),
    "select": lambda c, a, b: a if c else b,
}
