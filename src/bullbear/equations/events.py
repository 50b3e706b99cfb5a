"""STEP, PULSE, PULSE TRAIN and RAMP: what happens at a time, decided at the start of a step.

Vensim compares the middle of the step with the date (`Time + TIME STEP/2 > date`), so that a
date on the time grid takes effect at that grid point whatever rounding does.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from bullbear.equations.expressions import Call

if TYPE_CHECKING:
    from bullbear.equations.context import Context
    from bullbear.equations.lowering import Lowering


def lower(lowering: Lowering, node: Call, key: str, context: Context) -> int:
    """The statement of a time function."""
    add, const = lowering.builder.add, lowering.builder.const
    held = context if context.mode == "initial" else replace(context, mode="held")
    step = lowering.value("time step", (), held.mode)
    middle = add("add", lowering.time(held), add("mul", step, const(0.5)))
    values = [lowering.expression(argument, context) for argument in node.arguments]
    if key == "step":
        height, start = values
        return add("mul", height, add("gt", middle, start))
    if key == "pulse":
        start, width = values
        return _window(lowering, middle, start, add("add", start, _at_least_a_step(
            lowering, width, step)))  # fmt: skip
    if key == "ramp":
        return _ramp(lowering, values, lowering.time(context), middle)
    start, width, period, end = values
    since = add("sub", middle, start)
    # without a period there is one pulse (Vensim's published output)
    repeats = add("gt", period, const(0.0))
    phase = add("select", repeats, add("modulo", since, period), since)
    inside = add("lt", phase, _at_least_a_step(lowering, width, step))
    # the last step is the one that begins at the end (Vensim's published output)
    last = add("add", end, step)
    return add("mul", _window(lowering, middle, start, last), inside)


def _at_least_a_step(lowering: Lowering, width: int, step: int) -> int:
    """A pulse of no width lasts one step."""
    return lowering.builder.add("max", width, step)


def _window(lowering: Lowering, middle: int, start: int, end: int) -> int:
    add = lowering.builder.add
    return add("and", add("gt", middle, start), add("lt", middle, end))


def _ramp(lowering: Lowering, values: list[int], time: int, middle: int) -> int:
    """slope · (min(time, end) − start) from the start on."""
    add = lowering.builder.add
    slope, start = values[:2]
    until = add("min", time, values[2]) if len(values) == 3 else time
    risen = add("mul", slope, add("max", add("sub", until, start), lowering.builder.const(0.0)))
    return add("mul", risen, add("gt", middle, start))
