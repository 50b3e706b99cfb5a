"""A time step that is too long for a delay, or that dates cannot be told on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fractions import Fraction

from bullbear.equations.check.survey import Delay, Survey, sample
from bullbear.equations.expressions import Binary, Call, Expression, Name, walk
from bullbear.equations.functions import FUNCTIONS
from bullbear.equations.names import canonical
from bullbear.equations.system import System
from bullbear.errors import WARNING, Finding, Where

_FINEST = 2**20
_DATED = ("delay fixed", "sample if true", "lookup backward", "lookup forward")
_COMPARED = ("=", "<>", "<", "<=", ">", ">=")


def short_delays(survey: Survey, controls: Mapping[str, float]) -> Iterator[Finding]:
    """Delays whose stages are shorter than the time step; Euler's method makes them oscillate."""
    step = controls["time_step"]
    sampled = sample(survey.program, [delay.time for delay in survey.delays], controls)
    for delay in survey.delays:
        times = [row[delay.time] for row in sampled.values if delay.time in row]
        if times and min(times) < delay.order * step:
            yield _short(delay, min(times), step)


def _short(delay: Delay, time: float, step: float) -> Finding:
    needed = delay.order * step
    stages = f"{delay.order} stages of a step of {step:g}" if delay.order > 1 else "the time step"
    return delay.place.finding(
        "short-delay",
        f"the time of {delay.function} is {time:g}, shorter than {stages} ({needed:g})",
        f"make it at least {needed:g}, or the time step at most {time / delay.order:g}",
        WARNING,
    )


def uneven_step(
    system: System, step: float, where: Where | None, excerpt: str = ""
) -> Iterator[Finding]:
    """A step that is no whole number of powers of 1/2, where dates decide something.

    Such a step has no exact binary form, so a date on the grid may be met a step early or late.
    `where` is the place of the step in the model file; None if the equations hold it.
    """
    exact = Fraction(step)
    dated = _dated(system)
    if _FINEST % exact.denominator == 0 or dated is None:
        return
    down = 2.0 ** _floor_log2(step)
    message = f"the time step {step:g} is no power of 1/2, and {dated} depends on dates"
    hint = f"take {down:g} or {2 * down:g}, on which dates can be met exactly"
    if where is not None:
        yield Finding("time-step", message, where, hint, WARNING, excerpt)
        return
    variable = system.variables.get("time step")
    if variable is not None:
        equation = variable.equations[0]
        node = equation.expression
        offset = equation.span.start if node is None else node.span.start
        yield equation.source.finding(offset, "time-step", message, hint, WARNING)


def _floor_log2(value: float) -> int:
    power = 0
    while 2.0**power > value:
        power -= 1
    while 2.0 ** (power + 1) <= value:
        power += 1
    return power


def _dated(system: System) -> str | None:
    """The first variable that a date decides, and how, or None."""
    for variable in system.variables.values():
        for equation in variable.equations:
            if equation.expression is None:
                continue
            for node in walk(equation.expression):
                if how := _by_date(node):
                    return f'"{variable.name}" ({how})'
    return None


def _by_date(node: Expression) -> str:
    if isinstance(node, Call):
        key = canonical(node.name)
        function = FUNCTIONS.get(key)
        if key in _DATED or (function is not None and function.kind == "time"):
            return node.name
    elif isinstance(node, Binary) and node.operator in _COMPARED:
        for side in (node.left, node.right):
            if isinstance(side, Name) and canonical(side.name) == "time":
                return (
                    f"Time {node.operator} ..."
                    if side is node.left
                    else f"... {node.operator} Time"
                )
    return ""
