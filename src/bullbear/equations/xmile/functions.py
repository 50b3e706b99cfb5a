"""The functions of XMILE in the words of Vensim's language (OASIS XMILE 1.0, section 3.5)."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

from bullbear.equations.expressions import Binary, Call, Expression, Name, Number, Span, Unary
from bullbear.equations.tokens import SyntaxFault

_PLAIN = {
    "abs": "ABS", "arccos": "ARCCOS", "arcsin": "ARCSIN", "arctan": "ARCTAN", "cos": "COS",
    "exp": "EXP", "ln": "LN", "sin": "SIN", "sqrt": "SQRT", "tan": "TAN", "step": "STEP",
    "ramp": "RAMP", "init": "INITIAL",
}  # fmt: skip
_CONSTANTS = {"pi": math.pi, "inf": math.inf, "infinity": math.inf}
_TIMES = {"time": "Time", "dt": "TIME STEP", "starttime": "INITIAL TIME", "stoptime": "FINAL TIME"}
_WIDE = 1e300  # stands for "no bound" of a random number
_UNSUPPORTED = {
    "poisson", "lookupinv", "history", "arrest", "endval", "queue", "conveyor", "cap", "montecarlo",
    "binomial", "gamma", "beta", "weibull", "pareto", "negbinomial", "geometric", "npv", "irr",
}  # fmt: skip


def constant(key: str, span: Span) -> Expression | None:
    """A name that every XMILE model has: time, its bounds, π."""
    if key in _CONSTANTS:
        return Number(_CONSTANTS[key], span)
    return Name(_TIMES[key], (), span) if key in _TIMES else None


def translate(key: str, call: Call) -> Expression | None:
    """An XMILE function as a Vensim expression; None where it is no XMILE function.

    Raises SyntaxFault where the number of arguments is wrong.
    """
    if key in _PLAIN:
        return replace(call, name=_PLAIN[key])
    if key in _UNSUPPORTED:
        raise SyntaxFault(call.span.start, "unsupported", f"{call.name} is not supported")
    rule = _RULES.get(key)
    if rule is None:
        return None
    least, most, make = rule
    count = len(call.arguments)
    if not least <= count <= most:
        wanted = f"{least}" if least == most else f"{least} to {most}"
        raise SyntaxFault(
            call.span.start, "arguments", f"{call.name} takes {wanted} arguments, {count} are given"
        )
    return make(call)


def _call(name: str, call: Call, *arguments: Expression) -> Call:
    return Call(name, (), arguments, call.span)


def _binary(operator: str, left: Expression, right: Expression) -> Binary:
    return Binary(operator, left, right, Span(left.span.start, right.span.end))


def _number(value: float, call: Call) -> Number:
    return Number(value, call.span)


def _truncated(call: Call) -> Expression:
    """INT towards zero, as the published output of a model with negative numbers has it."""
    return replace(call, name="INTEGER")


def _floor(call: Call) -> Expression:
    """The whole number below, for negative numbers too."""
    (x,) = call.arguments
    whole = _call("INTEGER", call, x)
    one, zero = _number(1.0, call), _number(0.0, call)
    above = _call("IF THEN ELSE", call, _binary("<", x, whole), one, zero)
    return _binary("-", whole, above)


def _round(call: Call) -> Expression:
    shifted = _binary("+", call.arguments[0], _number(0.5, call))
    return _floor(replace(call, arguments=(shifted,)))


def _safe_division(call: Call) -> Expression:
    above, below, *rest = call.arguments
    zero = _number(0.0, call)
    otherwise = rest[0] if rest else zero
    return _call(
        "IF THEN ELSE", call, _binary("=", below, zero), otherwise, _binary("/", above, below)
    )


def _pulse(call: Call) -> Expression:
    """PULSE(magnitude, first, interval): all of the magnitude within one step, then again."""
    magnitude, first, *rest = call.arguments
    step = Name("TIME STEP", (), call.span)
    height = _binary("/", magnitude, step)
    if not rest:
        return _binary("*", height, _call("PULSE", call, first, step))
    end = _binary("+", Name("FINAL TIME", (), call.span), step)
    # without an interval there is one pulse, which PULSE TRAIN does with the step as its width
    return _binary("*", height, _call("PULSE TRAIN", call, first, step, rest[0], end))


def _with_start(plain: str, started: str) -> Callable[[Call], Expression]:
    """f(x, T) or f(x, T, initial)."""

    def make(call: Call) -> Expression:
        return replace(call, name=plain if len(call.arguments) == 2 else started)

    return make


def _of_order(name: str) -> Callable[[Call], Expression]:
    """f(x, T, n) or f(x, T, n, initial), where Vensim has the initial value before the order."""

    def make(call: Call) -> Expression:
        x, time, order, *rest = call.arguments
        start = rest[0] if rest else _call("INITIAL", call, x)
        return _call(name, call, x, time, start, order)

    return make


def _delay(call: Call) -> Expression:
    x, time, *rest = call.arguments
    return _call("DELAY FIXED", call, x, time, rest[0] if rest else _call("INITIAL", call, x))


def _previous(call: Call) -> Expression:
    x, start = call.arguments
    return _call("DELAY FIXED", call, x, Name("TIME STEP", (), call.span), start)


def _trend(call: Call) -> Expression:
    x, time, *rest = call.arguments
    return _call("TREND", call, x, time, rest[0] if rest else _number(0.0, call))


def _uniform(call: Call) -> Expression:
    return _call("RANDOM UNIFORM", call, *call.arguments[:2], _number(0.0, call))


def _normal(call: Call) -> Expression:
    mean, deviation, *rest = call.arguments
    low, high = rest[1:3] if len(rest) == 3 else (_number(-_WIDE, call), _number(_WIDE, call))
    return _call("RANDOM NORMAL", call, low, high, mean, deviation, _number(0.0, call))


def _exponential(call: Call) -> Expression:
    zero = _number(0.0, call)
    return _call("RANDOM EXPONENTIAL", call, zero, _number(_WIDE, call), zero, call.arguments[0],
                 zero)  # fmt: skip


def _lognormal(call: Call) -> Expression:
    """LOGNORMAL(mean, deviation) of the number itself, not of its logarithm."""
    mean, deviation = call.arguments[:2]
    ratio = _binary("/", deviation, mean)
    one, two = _number(1.0, call), _number(2.0, call)
    variance = _call("LN", call, _binary("+", one, _binary("^", ratio, two)))
    centre = _binary("-", _call("LN", call, mean), _binary("/", variance, two))
    inner = _call("NORMAL", call, centre, _call("SQRT", call, variance))
    return _call("EXP", call, _normal(inner))


def _log10(call: Call) -> Expression:
    return _call("LOG", call, call.arguments[0], _number(10.0, call))


def _negated(call: Call) -> Expression:
    return Unary(":NOT:", call.arguments[0], call.span)


_RULES: dict[str, tuple[int, int, Callable[[Call], Expression]]] = {
    "int": (1, 1, _truncated),
    "round": (1, 1, _round),
    "log10": (1, 1, _log10),
    "not": (1, 1, _negated),
    "safediv": (2, 3, _safe_division),
    "pulse": (2, 3, _pulse),
    "smth1": (2, 3, _with_start("SMOOTH", "SMOOTHI")),
    "smth3": (2, 3, _with_start("SMOOTH3", "SMOOTH3I")),
    "smthn": (3, 4, _of_order("SMOOTH N")),
    "delay1": (2, 3, _with_start("DELAY1", "DELAY1I")),
    "delay3": (2, 3, _with_start("DELAY3", "DELAY3I")),
    "delayn": (3, 4, _of_order("DELAY N")),
    "delay": (2, 3, _delay),
    "previous": (2, 2, _previous),
    "trend": (2, 3, _trend),
    "forcst": (3, 3, lambda call: replace(call, name="FORECAST")),
    "random": (2, 3, _uniform),
    "uniform": (2, 3, _uniform),
    "normal": (2, 5, _normal),
    "exprnd": (1, 2, _exponential),
    "lognormal": (2, 3, _lognormal),
}
