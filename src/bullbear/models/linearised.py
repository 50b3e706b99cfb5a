"""A run with the derivatives of its rates along it: what sensitivities and the adjoint share.

The run is made first, step by step.  Then the derivatives at every stage of every step are worked
out at once, over arrays of all steps, because the states there are known.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

import numpy as np
import numpy.typing as npt

from bullbear.equations.differentiated import Direction, directions
from bullbear.equations.printers.numpy import NumpyCode, Values
from bullbear.equations.program import Program
from bullbear.errors import SimulationError, UsageError
from bullbear.models.overrides import Setting, resolve
from bullbear.models.plan import output_names
from bullbear.models.simulate import Discrete, Grid, Trajectory

if TYPE_CHECKING:
    from bullbear.models.model import Model

Array = npt.NDArray[np.float64]
# shift of the stage's point along the previous stage's rate, and weight of its rate, in steps
TABLEAUS = {
    "euler": ((0.0, 1.0),),
    "rk4": ((0.0, 1 / 6), (0.5, 1 / 3), (0.5, 1 / 3), (1.0, 1 / 6)),
}


class RunOptions(TypedDict, total=False):
    """How the run is made of which derivatives are taken; as in `Model.run`."""

    scenario: str
    overrides: Mapping[str, float] | None
    parameters: Path | None
    method: str | None
    time_step: float | None
    saveper: float | None
    final_time: float | None


@dataclass(frozen=True)
class Setup:
    """The numbers of one run."""

    scenario: str
    method: str
    values: Mapping[str, float]
    vector: Sequence[float]
    grid: Grid


@dataclass(frozen=True)
class Stage:
    """One stage of every step.

    Attributes
    ----------
    shift, weight : of the method's tableau, times the step [time unit]
    times, held : shape (step,)
    states : one array (step,) per state
    """

    shift: float
    weight: float
    times: Array
    held: Array
    states: Sequence[Array]


@dataclass(frozen=True)
class Memory:
    """How each state moves: `moving` is 1 for stocks and 0 for discrete states, shape (state,);
    `buffers` maps a ring buffer to the steps that what enters stays in it."""

    moving: Array
    samples: Sequence[int]
    buffers: Mapping[int, int]


def setup(model: Model, options: RunOptions) -> Setup:
    """What `Model.run` would run with these options.

    Raises
    ------
    UsageError
        For an unknown scenario, constant or method, or a grid that does not fit.
    """
    scenario = options.get("scenario", "base")
    method = options.get("method") or model.definition.method
    if method not in TABLEAUS:
        raise UsageError(
            f'there are no derivatives of a run by "{method}"',
            code="method",
            hint="known: " + ", ".join(TABLEAUS),
        )
    values = model.values(scenario, options.get("overrides"), options.get("parameters"))
    vector = model.parameter_vector(values).tolist()
    grid = model.grid(
        vector, options.get("time_step"), options.get("saveper"), options.get("final_time")
    )
    return Setup(scenario, method, values, vector, grid)


def chosen_outputs(model: Model, names: Sequence[str]) -> list[str]:
    """The outputs that names of variables mean, elements of arrays one by one.

    Raises
    ------
    UsageError
        For a name that is no variable, or a lookup.
    """
    return list(dict.fromkeys(found for name in names for found in output_names(model, name)))


def chosen_directions(
    model: Model, names: Sequence[str], logarithmic: bool = False
) -> list[Direction]:
    """The directions that names of constants and stocks mean, elements of arrays one by one.

    Raises
    ------
    UsageError
        For a name that is neither a constant nor a stock.
    """
    known = directions(model.program, logarithmic)
    elements = resolve([Setting(name, 0.0) for name in names], model.system)
    return [known[name] for name in elements]


def memory(program: Program, start: Sequence[float], grid: Grid) -> Memory:
    """How the states of a run move from step to step."""
    discrete = Discrete(program, start, grid.step)
    moving = np.ones(len(program.states))
    moving[sorted(discrete.positions)] = 0.0
    buffers = {index: len(buffer) + 1 for index, buffer in discrete.buffers.items()}
    return Memory(moving, discrete.samples, buffers)


def checked(found: Trajectory, program: Program, grid: Grid) -> Trajectory:
    """The run itself, or an error where it is not finite.

    Raises
    ------
    SimulationError
        Naming the state and the time.
    """
    last = found.states[-1]
    if len(found.states) == grid.steps + 1 and np.isfinite(last).all():
        return found
    bad = np.flatnonzero(~np.isfinite(last))
    state = program.states[int(bad[0])].name if bad.size else "a rate"
    raise SimulationError(
        f"{state} is not finite at {float(found.step_times[-1])!r}, so the run has no derivatives",
        code="not-finite",
        hint="`run` says which equation is at fault",
    )


def stages(
    code: NumpyCode, setup: Setup, states: Array, moving: Array
) -> tuple[list[Stage], tuple[Values, ...]]:
    """The stages of every step of a run, and the start values of its states.

    Parameters
    ----------
    code : with the group `rates`, which reads the states of the run and none behind them
    states : at the beginning of every step, shape (step, state)
    """
    grid = setup.grid
    start, functions = code.prepare(list(setup.vector), grid.controls())
    begin = grid.initial + grid.step * np.arange(len(states), dtype=np.float64)
    columns = [np.ascontiguousarray(column) for column in states.T]
    unread = [0.0] * (len(code.program.states) - len(columns))
    made: list[Stage] = []
    rates: Sequence[Values] = [0.0] * len(columns)
    with np.errstate(all="ignore"):
        for shift, weight in TABLEAUS[setup.method]:
            if made:
                last = made[-1]
                rates = functions["rates"](last.times, last.held, [*last.states, *unread])  # type: ignore[arg-type]
            at = columns
            if shift:
                h = shift * grid.step
                at = [c + h * r if m else c for c, r, m in zip(columns, rates, moving, strict=True)]
            made.append(
                Stage(shift * grid.step, weight * grid.step, begin + shift * grid.step, begin, at)
            )
    return made, start


def spread(values: Sequence[Values], places: Sequence[int], count: int, points: int) -> Array:
    """Values (each a scalar or (point,)) into an array (point, count), zero elsewhere."""
    table = np.zeros((count, points))
    for place, value in zip(places, values, strict=True):
        table[place] = value
    return np.ascontiguousarray(table.T)


def product(slopes: Array, states: Array) -> Array:
    """The matrix product, in which 0 times infinity is 0: what does not move has no effect."""
    if np.isfinite(slopes).all():
        return np.asarray(slopes @ states)
    terms = slopes[..., :, :, None] * states[..., None, :, :]
    return np.asarray(np.where(states[..., None, :, :] == 0, 0.0, terms).sum(axis=-2))
