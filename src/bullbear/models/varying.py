"""Runs whose time bounds change while they run: TIME STEP, SAVEPER or FINAL TIME as equations.

Time is added up here, because there is no grid.  The run ends at the first time that is not before
the FINAL TIME of that moment; what is saved next is decided whenever something has been saved.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from bullbear.equations.printers.python import StepFunction
from bullbear.equations.program import Program
from bullbear.errors import SimulationError, UsageError

_CLOSE = 1e-6  # of a step
_MOST_STEPS = 10_000_000
Advance = Callable[[float, list[float], Sequence[float], float], list[float]]


@dataclass
class Record:
    """What a run leaves behind: saved times and outputs, every step with states and watched."""

    times: list[float] = field(default_factory=list)
    saved: list[tuple[float, ...]] = field(default_factory=list)
    step_times: list[float] = field(default_factory=list)
    states: list[list[float]] = field(default_factory=list)
    monitored: list[tuple[float, ...]] = field(default_factory=list)


def refuse_moving(program: Program, what: str) -> None:
    """Refuse what needs time bounds that stay as they are.

    Raises
    ------
    UsageError
        If TIME STEP, SAVEPER or FINAL TIME of the model change during a run.
    """
    if program.moving:
        names = ", ".join(name.replace("_", " ").upper() for name in program.moving)
        raise UsageError(
            f"{what} needs time bounds that stay as they are; here {names} change during a run",
            code="moving-bounds", hint="make it a number, or leave the option out",
        )  # fmt: skip


def refuse_structural(program: Program, parameter: int) -> None:
    """Refuse to change a constant that shaped the statements themselves.

    Raises
    ------
    UsageError
        If the constant decides, say, how many stages a delay has.
    """
    function = program.structural.get(parameter)
    if function is not None:
        raise UsageError(
            f'"{program.parameters[parameter].name}" shapes the model (it stands in {function}) '
            "and cannot be set for a run",
            code="structural", hint="change its value in the equation file",
        )  # fmt: skip


def run_varying(
    save: StepFunction, advance: Advance, start: list[float], watched: int,
    moving: Sequence[str], bounds: dict[str, float],
) -> Record:  # fmt: skip
    """Step on from `start` as the bounds of each moment say.

    Parameters
    ----------
    save : gives rates, `watched` statements, the `moving` bounds in their order, then outputs
    advance : a function of (time, state, rates, step) that gives the next state
    bounds : initial_time, final_time, time_step, saveper as they are at the start
    """
    record = Record()
    count, t, state, next_save = len(start), bounds["initial_time"], start, -math.inf
    while True:
        found = save(t, t, state)
        behind = count + watched
        bounds |= dict(zip(moving, found[behind : behind + len(moving)], strict=True))
        step = bounds["time_step"]
        if not (math.isfinite(step) and step > 0) or len(record.states) > _MOST_STEPS:
            raise SimulationError(f"the time step becomes {step!r} at {t!r}", code="time-step")
        if t >= next_save - _CLOSE * step:
            record.times.append(t)
            record.saved.append(found[behind + len(moving) :])
            next_save = t + bounds["saveper"]
        record.step_times.append(t)
        record.states.append(state)
        record.monitored.append(found[count:behind])
        if t + step > bounds["final_time"] + _CLOSE * step or not math.isfinite(sum(state)):
            return record
        state = advance(t, state, found, step)
        t += step
