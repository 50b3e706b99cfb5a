"""Many runs of one program side by side: what is asked of them, and the NumPy way to do it.

A batch names everything that is the same for all draws; a block of draws goes in and a block of
results comes out.  The NumPy way is the reference for every faster one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
import numpy.typing as npt

from bullbear.equations.printers.numpy import ArrayFunction, NumpyCode, Values
from bullbear.equations.program import Program
from bullbear.models.simulate import Grid

Array = npt.NDArray[np.float64]
DONE, NOT_FINITE, NEGATIVE = 0, 1, 2
"""What became of a draw: it ran, something is not finite, or a guarded stock went below zero."""
ROUNDING = 1e-9
"""How far below zero rounding may take a stock, over its largest value."""


@dataclass(frozen=True)
class Watch:
    """A condition on a statement: below (`sign` 1) or above (`sign` -1) a level for a while."""

    statement: int
    level: float
    sign: float
    lasting: float


@dataclass(frozen=True)
class Batch:
    """What all draws have in common.

    Attributes
    ----------
    grid : as far as a single run goes, to the horizon of the events
    outputs : the statements that are saved
    steps : the steps at which they are saved, ascending
    stocks : positions of the states that must not go below zero
    base : values of all parameters, shape (parameter,)
    places, sources : parameter `places[i]` takes its value from column `sources[i]` of the draws
    numbered : whether the last column of the draws is their number, which random streams need
    seed : of random streams
    """

    program: Program
    grid: Grid
    method: str
    outputs: tuple[int, ...]
    steps: tuple[int, ...]
    watches: tuple[Watch, ...]
    stocks: tuple[int, ...]
    base: Array
    places: npt.NDArray[np.int64]
    sources: npt.NDArray[np.int64]
    numbered: bool = False
    seed: int = 0

    @cached_property
    def rates(self) -> list[int]:
        return [state.rate for state in self.program.states]

    @property
    def last(self) -> int:
        """The last step that is taken: nobody needs what comes behind the last saved one."""
        return self.grid.steps if self.watches else self.steps[-1]


@dataclass(frozen=True)
class Block:
    """Results of some draws.

    Attributes
    ----------
    values : shape (draw, step, output); of a failed draw as far as it came
    events : shape (draw, watch), NaN where the event did not happen [time unit]
    status : shape (draw,), one of DONE, NOT_FINITE, NEGATIVE
    """

    values: Array
    events: Array
    status: npt.NDArray[np.uint8]


class Runner(Protocol):
    """A way to run the draws of a batch."""

    engine: str
    compile_seconds: float

    def run(self, draws: Array) -> Block:
        """Run draws of shape (draw, column)."""


class NumpyRunner:
    """Blocks of draws by NumPy arrays."""

    engine = "numpy"
    compile_seconds = 0.0

    def __init__(self, batch: Batch) -> None:
        self.batch = batch
        watched = [watch.statement for watch in batch.watches]
        self.code = NumpyCode(
            batch.program,
            {
                "step": [*batch.rates, *watched],
                "save": [*batch.rates, *watched, *batch.outputs],
            },
        )

    def run(self, draws: Array) -> Block:
        batch, count = self.batch, len(draws)
        parameters: list[Values] = [float(value) for value in batch.base]
        for place, source in zip(batch.places.tolist(), batch.sources.tolist(), strict=True):
            parameters[place] = np.ascontiguousarray(draws[:, source])
        controls: dict[str, Values] = {**batch.grid.controls()}
        if batch.numbered:
            controls |= {"draw": draws[:, -1], "seed": float(batch.seed)}
        start, functions = self.code.prepare(parameters, controls)
        values = np.empty((count, len(batch.steps), len(batch.outputs)))
        watch = Watching(batch, count)
        with np.errstate(all="ignore"):
            state = self._loop(start, functions, values, watch)
        finite = np.array(np.isfinite(values).all(axis=(1, 2)))
        for value in state:
            finite &= np.isfinite(value)
        return Block(values, watch.found(), watch.status(finite))

    def _loop(
        self,
        start: Sequence[Values],
        functions: dict[str, ArrayFunction],
        values: Array,
        watch: Watching,
    ) -> list[Values]:
        grid, size = self.batch.grid, len(self.batch.program.states)
        discrete = _Discrete(self.batch, start, len(values))
        state: list[Values] = list(start[:size])
        advance = _METHODS[self.batch.method]
        saved = {step: row for row, step in enumerate(self.batch.steps)}
        behind = size + len(self.batch.watches)
        for k in range(self.batch.last + 1):
            t, row = grid.time(k), saved.get(k)
            found = functions["step" if row is None else "save"](t, t, state)
            if row is not None:
                for column, value in enumerate(found[behind:]):
                    values[:, row, column] = value
            watch.see(t, found[size:behind], state)
            if k < self.batch.last:
                moved = advance(functions["step"], t, state, found, grid.step, discrete.positions)
                state = discrete.move(moved, found, k)
        return state


# -- steps ----------------------------------------------------------------------------------------

Advance = Callable[
    [ArrayFunction, float, "list[Values]", Sequence[Values], float, "frozenset[int]"],
    "list[Values]",
]


def _euler(
    _step: ArrayFunction,
    _t: float,
    s: list[Values],
    r: Sequence[Values],
    dt: float,
    _held: frozenset[int],
) -> list[Values]:
    return [a + dt * b for a, b in zip(s, r)]  # noqa: B905 - rates carry more behind the states


def _rk4(
    step: ArrayFunction,
    t: float,
    s: list[Values],
    r: Sequence[Values],
    dt: float,
    held: frozenset[int],
) -> list[Values]:
    """The classical fourth-order step; events and discrete states stay as they are at its start."""

    def at(share: float, rates: Sequence[Values]) -> list[Values]:
        return [a if i in held else a + share * rates[i] for i, a in enumerate(s)]

    half, sixth = dt / 2, dt / 6
    r2 = step(t + half, t, at(half, r))
    r3 = step(t + half, t, at(half, r2))
    r4 = step(t + dt, t, at(dt, r3))
    return [
        a + sixth * (b + 2 * (c + d) + e)
        for a, b, c, d, e in zip(s, r, r2, r3, r4)  # noqa: B905
    ]


_METHODS: dict[str, Advance] = {"euler": _euler, "rk4": _rk4}


class _Discrete:
    """Ring buffers and samples of a block; a delay may differ from draw to draw."""

    def __init__(self, batch: Batch, start: Sequence[Values], count: int) -> None:
        states = batch.program.states
        delays = iter(start[len(states) :])
        self.start = start
        self.samples = [i for i, state in enumerate(states) if state.kind == "sample"]
        self.lags = {
            i: self._lag(np.broadcast_to(next(delays), (count,)), batch.grid)
            for i, state in enumerate(states)
            if state.kind == "fixed"
        }
        self.history = {i: np.empty((batch.last, count)) for i in self.lags}
        self.positions = frozenset([*self.samples, *self.lags])
        self.lanes = np.arange(count)

    @staticmethod
    def _lag(delay: Array, grid: Grid) -> npt.NDArray[np.int64]:
        """Steps until what enters comes out, less the one that every delay takes."""
        steps = np.floor(delay / grid.step + 0.5)
        steps = np.where(np.isfinite(delay), np.clip(steps, 1, grid.steps + 1), 1)
        return steps.astype(np.int64) - 1

    def move(self, state: list[Values], rates: Sequence[Values], k: int) -> list[Values]:
        """Put the discrete states where they stand after step `k`."""
        for index in self.samples:
            state[index] = rates[index]
        for index, lag in self.lags.items():
            history = self.history[index]
            history[k] = rates[index]
            past = history[np.maximum(k - lag, 0), self.lanes]
            state[index] = np.where(k >= lag, past, self.start[index])
        return state


class Watching:
    """Events and guarded stocks of a block, step by step."""

    def __init__(self, batch: Batch, count: int) -> None:
        self.batch = batch
        shape = (len(batch.watches), count)
        self.begun, self.event = np.full(shape, np.nan), np.full(shape, np.nan)
        self.before = np.full(shape, np.nan)  # the gap at the step before
        self.time: float | None = None
        self.low = np.full((len(batch.stocks), count), math.inf)
        self.high = np.full((len(batch.stocks), count), -math.inf)

    def see(self, t: float, watched: Sequence[Values], state: Sequence[Values]) -> None:
        for row, position in enumerate(self.batch.stocks):
            np.minimum(self.low[row], state[position], out=self.low[row])
            np.maximum(self.high[row], state[position], out=self.high[row])
        for row, (watch, value) in enumerate(zip(self.batch.watches, watched, strict=True)):
            self._watch(row, watch, t, np.asarray(watch.sign * (value - watch.level)))
        self.time = t

    def _watch(self, row: int, watch: Watch, t: float, gap: Array) -> None:
        """`gap` is below zero where the condition holds; see models/events.py."""
        before = self.before[row]
        holds, held = gap < 0, before < 0
        if self.time is None:
            crossing = np.full_like(before, t)
        else:
            crossing = self.time + before / (before - gap) * (t - self.time)
        ended = held & ~holds & (crossing - self.begun[row] >= watch.lasting)
        fresh = np.isnan(self.event[row])
        self.event[row] = np.where(ended & fresh, self.begun[row], self.event[row])
        self.begun[row] = np.where(holds & ~held, crossing, self.begun[row])
        self.before[row] = gap

    def found(self) -> Array:
        """Event times, shape (draw, watch): what still lasts at the end counts as well."""
        for row, watch in enumerate(self.batch.watches):
            if self.time is not None:
                lasted = (self.before[row] < 0) & (self.time - self.begun[row] >= watch.lasting)
                fresh = np.isnan(self.event[row])
                self.event[row] = np.where(lasted & fresh, self.begun[row], self.event[row])
        return np.ascontiguousarray(self.event.T)

    def status(self, finite: npt.NDArray[np.bool_]) -> npt.NDArray[np.uint8]:
        largest = np.maximum(np.abs(self.low), np.abs(self.high))
        below = (self.low < -ROUNDING * largest).any(axis=0)
        return np.where(finite, np.where(below, NEGATIVE, DONE), NOT_FINITE).astype(np.uint8)
