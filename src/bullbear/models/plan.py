"""From a request for many runs to a batch: every name and time looked up, every fault answered."""

from __future__ import annotations

import hashlib
import pickle
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from bullbear.equations.names import canonical, split_element
from bullbear.errors import DataError, UsageError, did_you_mean
from bullbear.models.batch import Batch, Block, Watch
from bullbear.models.overrides import Setting, resolve
from bullbear.models.scenarios import BASE
from bullbear.models.simulate import METHODS, Grid
from bullbear.models.varying import refuse_structural

if TYPE_CHECKING:
    import pandas as pd

    from bullbear.models.model import Model

Array = npt.NDArray[np.float64]
_SLACK = 1e-6
"""How far a time may be from the grid, in steps, and still count as on it."""


@dataclass(frozen=True)
class Request:
    """What is asked of all draws; None stands for what the model file says.

    Attributes
    ----------
    outputs : names of variables; a name without elements means all its elements.  The headline
        outputs if left out.
    save_at : times at which they are kept [time unit]; every SAVEPER if left out.  Between two
        grid times a value stands on the straight line between them.
    events : whether the events of the model file are looked for, to its horizon
    seed : of random functions; together with its number it decides what a draw sees
    """

    scenario: str = BASE
    overrides: Mapping[str, float] | None = None
    outputs: Sequence[str] | None = None
    save_at: Sequence[float] | None = None
    method: str | None = None
    time_step: float | None = None
    final_time: float | None = None
    events: bool = True
    seed: int = 0


@dataclass(frozen=True)
class Plan:
    """A request made definite.

    Attributes
    ----------
    numbers : the numbers of the draws, shape (draw,)
    draws : shape (draw, column), the values of `columns`
    names : element names of the outputs, shape (variable,)
    times : saved times, shape (time,) [time unit]
    events : names of the events that are looked for
    horizon : until when [time unit]
    """

    model: str
    hash: str
    batch: Batch
    numbers: npt.NDArray[np.int64]
    columns: tuple[str, ...]
    draws: Array
    names: tuple[str, ...]
    times: Array
    events: tuple[str, ...]
    lower: npt.NDArray[np.int64]
    upper: npt.NDArray[np.int64]
    share: Array

    @property
    def horizon(self) -> float:
        return self.batch.grid.time(self.batch.last)

    def at_times(self, block: Block) -> Array:
        """The values of a block at the saved times, shape (draw, time, variable)."""
        before = block.values[:, self.lower]
        if not self.share.any():
            return before
        after = block.values[:, self.upper]
        share = self.share[:, None]
        return np.where(share > 0, before + share * (after - before), before)

    @cached_property
    def fingerprint(self) -> str:
        """A hash of everything that decides the results."""
        batch = self.batch
        hasher = hashlib.sha256(batch.program.digest().encode())
        decisive = (
            batch.grid, batch.method, batch.outputs, batch.steps, batch.watches, batch.stocks,
            batch.base.tobytes(), batch.places.tobytes(), batch.sources.tobytes(),
            self.numbers.tobytes(), self.columns, self.draws.tobytes(), self.names,
            self.times.tobytes(), self.events, batch.seed,
        )  # fmt: skip
        hasher.update(pickle.dumps(decisive, protocol=5))
        return hasher.hexdigest()


def make_plan(model: Model, draws: pd.DataFrame, request: Request) -> Plan:
    """Look everything up.

    Raises
    ------
    UsageError
        For an unknown scenario, constant, output or method, a time outside the run, or a grid that
        does not fit.
    DataError
        If there are no draws, or a value of them is no finite number.
    """
    base = model.parameter_vector(model.values(request.scenario, request.overrides))
    grid = model.grid(base.tolist(), request.time_step, final_time=request.final_time)
    method = request.method or model.definition.method
    if method not in METHODS:
        raise UsageError(f'unknown method "{method}"', code="method",
                         hint="known: " + ", ".join(METHODS))  # fmt: skip
    values, columns, places, sources = _columns(model, draws)
    wanted = model.definition.headline if request.outputs is None else request.outputs
    names = tuple(dict.fromkeys(o for name in wanted for o in output_names(model, name)))
    if not names:
        raise UsageError("no output is asked for", code="outputs",
                         hint='name one, as in --outputs "Treasury NMR"')  # fmt: skip
    times = _times(grid, request.save_at)
    lower, upper, share = _between(grid, times)
    steps = np.unique(np.concatenate([lower, upper]))
    watches, events = _watches(model) if request.events else ((), ())
    program = model.program
    numbers = np.asarray(draws.index, dtype=np.int64)
    numbered = any(node.op.startswith("random") for node in program.nodes)
    if numbered:
        values = np.column_stack([values, numbers])
    stocks = {o for name in model.definition.nonnegative for o in output_names(model, name)}
    batch = Batch(
        program, _whole_grid(model, grid), method,
        tuple(program.outputs[name] for name in names), tuple(steps.tolist()), watches,
        tuple(i for i, state in enumerate(program.states) if state.name in stocks),
        base, places, sources, numbered, request.seed,
    )  # fmt: skip
    return Plan(
        model.name, model.hash, batch, numbers, columns, values,
        names, times, events, np.searchsorted(steps, lower), np.searchsorted(steps, upper), share,
    )  # fmt: skip


def output_names(model: Model, name: str) -> list[str]:
    """The element names that a name means.

    Raises
    ------
    UsageError
        If the model has no such variable or element, or it is a lookup.
    """
    if name in model.program.outputs:
        return [name]
    base, elements = split_element(name)
    variable = model.system.variables.get(canonical(base))
    if variable is None or variable.kind == "lookup":
        known = [v.name for v in model.system.variables.values() if v.kind != "lookup"]
        raise UsageError(f'the model has no output "{name}"', code="unknown-output",
                         hint=did_you_mean(base, known)
                         or "`bullbear equations` lists what a model is made of")  # fmt: skip
    spelled = dict(model.system.element_names(variable))
    if not elements:
        return list(spelled.values())
    combination = tuple(map(canonical, elements))
    if combination not in spelled:
        raise UsageError(
            f'"{variable.name}" has no element [{",".join(elements)}]',
            code="unknown-output",
            hint="known: " + ", ".join(spelled.values()),
        )
    return [spelled[combination]]


def _columns(
    model: Model, draws: pd.DataFrame
) -> tuple[Array, tuple[str, ...], npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Values of the draws, the columns' names, and where their numbers belong."""
    columns = tuple(map(str, draws.columns))
    if not len(draws) or not columns:
        raise DataError("there are no draws", code="empty",
                        hint="give one row per draw and one column per constant")  # fmt: skip
    resolve([Setting(name, 0.0) for name in columns], model.system)  # all faults at once
    constants, initials = model.program.parameter_index(), model.program.initial_index()
    bounds = _bounds(model)
    owner: dict[int, int] = {}
    for source, name in enumerate(columns):
        for element in resolve([Setting(name, 0.0)], model.system):
            place = constants.get(element, initials.get(element))
            if place is None:
                continue  # a constant that nothing reads
            refuse_structural(model.program, place)
            if place in bounds:
                raise UsageError(
                    f'"{element}" decides {bounds[place]}, which all draws have in common',
                    code="bound-parameter", hint="leave the column out, or give each of its "
                    "values an ensemble of its own with overrides",
                )  # fmt: skip
            if place in owner:
                raise UsageError(
                    f'the columns "{columns[owner[place]]}" and "{name}" both set "{element}"',
                    code="duplicate-parameter", hint="leave one of the two",
                )  # fmt: skip
            owner[place] = source
    try:
        values = np.ascontiguousarray(draws.to_numpy(dtype=np.float64))
    except (TypeError, ValueError) as fault:
        raise DataError(f"the draws are no numbers: {fault}", code="bad-number") from fault
    bad = np.argwhere(~np.isfinite(values))
    if bad.size:
        row, column = bad[0]
        raise DataError(
            f'"{columns[column]}" is {values[row, column]!r} in draw {draws.index[row]}',
            code="bad-number", hint="every value of a draw must be a finite number",
        )  # fmt: skip
    return (
        values, columns, np.array(list(owner), dtype=np.int64),
        np.array(list(owner.values()), dtype=np.int64),
    )  # fmt: skip


def _bounds(model: Model) -> dict[int, str]:
    """Parameters that time bounds stand on -> the name of the bound."""
    program = model.program
    return {
        int(program.nodes[index].data): name.replace("_", " ").upper()  # type: ignore[arg-type]
        for name, statement in program.controls.items()
        for index in program.needed([statement])
        if program.nodes[index].op == "param"
    }


def _times(grid: Grid, save_at: Sequence[float] | None) -> Array:
    if save_at is None:
        return np.asarray(grid.initial + grid.step * np.arange(0, grid.steps + 1, grid.every),
                          dtype=np.float64)  # fmt: skip
    times = np.unique(np.asarray(save_at, dtype=np.float64))
    slack = _SLACK * grid.step
    end = grid.time(grid.steps)
    outside = times[~((times >= grid.initial - slack) & (times <= end + slack))]
    if outside.size or not times.size:
        what = f"the time {outside[0]:g} is" if outside.size else "no time is asked for"
        raise UsageError(f"{what} outside the run" if outside.size else what, code="save-at",
                         hint=f"the run goes from {grid.initial:g} to {end:g}")  # fmt: skip
    return times


def _between(
    grid: Grid, times: Array
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], Array]:
    """The steps around each time and where between them it lies, from 0 to 1."""
    position = (times - grid.initial) / grid.step
    whole = np.rint(position)
    on_grid = np.abs(position - whole) <= _SLACK
    lower = np.where(on_grid, whole, np.floor(position)).astype(np.int64)
    share: Array = np.where(on_grid, 0.0, position - lower)
    return lower, lower + (~on_grid).astype(np.int64), share


def _watches(model: Model) -> tuple[tuple[Watch, ...], tuple[str, ...]]:
    watches = []
    for event in model.definition.events:
        level, sign = (event.below, 1.0) if event.below is not None else (event.above, -1.0)
        statement = model.program.outputs[output_names(model, event.variable)[0]]
        watches.append(Watch(statement, float(level or 0.0), sign, event.lasting))
    return tuple(watches), tuple(event.name for event in model.definition.events)


def _whole_grid(model: Model, grid: Grid) -> Grid:
    """To the horizon of the events, as a single run goes."""
    bounds = model.definition.time
    horizon = bounds.horizon if bounds is not None else None
    final = grid.final if horizon is None else max(grid.final, horizon)
    return Grid(grid.initial, final, grid.step, grid.saveper)
