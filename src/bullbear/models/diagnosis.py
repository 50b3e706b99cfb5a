"""Why a run had to stop: the first variable that went wrong, when, and what fed it."""

from __future__ import annotations

import math
from collections.abc import Sequence

from bullbear.equations.names import canonical, split_element
from bullbear.equations.printers.python import PythonCode
from bullbear.equations.program import Program
from bullbear.equations.system import System
from bullbear.errors import SimulationError
from bullbear.models.simulate import Grid

_SHOWN = 8


def not_finite(
    system: System,
    program: Program,
    grid: Grid,
    parameters: Sequence[float],
    time: float,
    states: Sequence[float],
) -> SimulationError:
    """The error for a run in which something is infinite or not a number at `time`."""
    values = evaluate(program, grid, parameters, time, states)
    bad = [name for name, value in values.items() if not math.isfinite(value)]
    first = min(bad, key=lambda name: program.outputs[name], default=None)
    if first is None:
        # every variable is finite, so a rate ran away within the step
        return SimulationError(f"a stock is no longer finite after {time!r}", code="not-finite")
    return SimulationError(
        f'"{first}" is {values[first]!r} at {time!r}{_fed(system, first, values)}',
        code="not-finite",
        where=system.variables[canonical(split_element(first)[0])].where,
        hint="guard the division or the logarithm in its equation, or take a smaller time step",
    )


def negative(
    system: System,
    program: Program,
    grid: Grid,
    parameters: Sequence[float],
    time: float,
    states: Sequence[float],
    position: int,
) -> SimulationError:
    """The error for a stock that must not go below zero."""
    values = evaluate(program, grid, parameters, time, states)
    name = program.states[position].name
    return SimulationError(
        f'the stock "{name}" is {states[position]!r} at {time!r}{_fed(system, name, values)}',
        code="negative-stock",
        where=system.variables[canonical(split_element(name)[0])].where,
        hint="limit its outflows by what is in it (stock / shortest time), or take a smaller step",
    )


def evaluate(
    program: Program,
    grid: Grid,
    parameters: Sequence[float],
    time: float,
    states: Sequence[float],
) -> dict[str, float]:
    """Every variable at one time, from the states there."""
    code = PythonCode(program, {"all": list(program.outputs.values())})
    prepared = code.prepare(parameters, grid.controls())
    found = prepared.functions["all"](time, time, list(states))
    return dict(zip(program.outputs, map(float, found), strict=True))


def _fed(system: System, name: str, values: dict[str, float]) -> str:
    """The values that the variable's equation reads."""
    variable = system.variables[canonical(split_element(name)[0])]
    parts = [
        f"{other} = {value:.6g}"
        for key in variable.depends
        for other, value in values.items()
        if canonical(split_element(other)[0]) == key
    ]
    more = ", ..." if len(parts) > _SHOWN else ""
    return f"; it is made from {', '.join(parts[:_SHOWN])}{more}" if parts else ""
