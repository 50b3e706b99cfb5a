"""Designs that grow until the intervals are narrow: doubling the sample of every replicate."""

from __future__ import annotations

import time as clock
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from functools import reduce
from typing import Any

import numpy as np
import numpy.typing as npt

from bullbear.analysis.evaluation import Evaluation, Journal
from bullbear.analysis.uncertain import Uncertain
from bullbear.analysis.variance import (
    Estimate,
    ShapleySums,
    SobolSums,
    base_points,
    orders,
    shapley_rows,
    sobol_rows,
)
from bullbear.errors import SimulationError, UsageError

Array = npt.NDArray[np.float64]
Order = npt.NDArray[np.int_]
REPLICATES = 8
"""Independent scrambles of the design, from which the intervals come."""
SMALLEST = 8 * REPLICATES
DOUBLINGS = 4
NARROW = 0.05
"""Half width of a 95 % interval at which there are enough runs."""
MOST_FAILED = 0.001
_PIECE = 16384
_ATTEMPTS = 20


@dataclass(frozen=True)
class Scheme:
    """A design and the sums that its indices come from."""

    rows: Callable[[Array, Array, Order], Array]
    sums: Any
    judged: str

    def blocks(self, inputs: int) -> int:
        """Runs per point of the base sample."""
        return inputs + 1 if self.judged == "shapley" else inputs + 2


SOBOL = Scheme(sobol_rows, SobolSums, "st")
SHAPLEY = Scheme(shapley_rows, ShapleySums, "shapley")


@dataclass(frozen=True)
class Stage:
    """One size of the base sample.

    Attributes
    ----------
    n, runs : points of the base sample and runs, all replicates together
    width : the largest half width of the indices that are judged, shape (output,)
    """

    n: int
    runs: int
    width: Array

    @property
    def widest(self) -> float:
        """The largest half width over all outputs that vary; 0 where none does."""
        return float(np.nanmax(self.width, initial=0.0))


@dataclass(frozen=True)
class Grown:
    """Estimates of the last stage, and how it came there.

    Attributes
    ----------
    estimates : name -> estimate of shape (input, output)
    varies : which outputs vary, shape (output,)
    failed, redrawn : runs that failed; points of the base sample that were replaced for it
    analysis : time of everything but the runs [s]
    """

    estimates: dict[str, Estimate]
    stages: tuple[Stage, ...]
    varies: npt.NDArray[np.bool_]
    failed: int
    redrawn: int
    analysis: float

    @property
    def converged(self) -> bool:
        return self.stages[-1].widest < NARROW


def sizes(n: int) -> list[int]:
    """Points of the base sample, stage by stage.

    Raises
    ------
    UsageError
        If n is no power of two, or too small.
    """
    if n < SMALLEST or n & (n - 1):
        raise UsageError(f"n must be a power of two of at least {SMALLEST}, not {n}", code="n",
                         hint="for example --n 1024")  # fmt: skip
    first = max(SMALLEST, n >> DOUBLINGS)
    return [first << i for i in range((n // first).bit_length())]


def grow(
    scheme: Scheme, inputs: Uncertain, evaluation: Evaluation, journal: Journal, n: int, seed: int
) -> Grown:
    """Double the base sample until every judged half width is narrow, or n is reached.

    Raises
    ------
    UsageError
        If n does not fit.
    SimulationError
        If more than one in a thousand runs fails.
    """
    growth = _Growth(scheme, inputs, evaluation, journal, seed)
    stages: list[Stage] = []
    for size in sizes(n):
        estimates = growth.to(size)
        runs = size * scheme.blocks(len(inputs.names))
        stages.append(Stage(size, runs, estimates[scheme.judged].half_width.max(axis=0)))
        if stages[-1].widest < NARROW:
            break
    low = np.min([part.lowest for part in growth.parts], axis=0)
    high = np.max([part.highest for part in growth.parts], axis=0)
    return Grown(estimates, tuple(stages), high > low, growth.failed, growth.redrawn,
                 growth.analysis)  # fmt: skip


class _Growth:
    """The sums of all replicates so far."""

    def __init__(
        self, scheme: Scheme, inputs: Uncertain, evaluation: Evaluation, journal: Journal, seed: int
    ) -> None:
        self.scheme, self.inputs, self.evaluation = scheme, inputs, evaluation
        self.journal, self.seed = journal, seed
        self.parts: list[Any] = [None] * REPLICATES
        self.done = self.failed = self.redrawn = 0
        self.analysis = 0.0

    def to(self, size: int) -> dict[str, Estimate]:
        """Grow to a base sample of `size` points and estimate."""
        rows = size // REPLICATES
        for replicate in range(REPLICATES):
            for low, high in self._pieces(rows):
                self._add(replicate, low, high, size)
        self.done = rows
        begin = clock.perf_counter()
        each = [part.estimates() for part in self.parts]
        found = {k: Estimate.of_replicates(np.array([one[k] for one in each])) for k in each[0]}
        self.analysis += clock.perf_counter() - begin
        return found

    def _pieces(self, rows: int) -> Iterator[tuple[int, int]]:
        step = max(1, _PIECE // self.scheme.blocks(len(self.inputs.names)))
        step = 1 << (step.bit_length() - 1)
        for low in range(self.done, rows, step):
            yield low, min(low + step, rows)

    def _add(self, replicate: int, low: int, high: int, size: int) -> None:
        kind = self.scheme.sums

        def make() -> dict[str, Array]:
            order = orders(len(self.inputs.names), high, self._seed(replicate))[low:]
            values, failed, redrawn = self._values(replicate, low, high, size, order)
            begin = clock.perf_counter()
            sums = kind.of(values, order)
            self.analysis += clock.perf_counter() - begin
            own = {f.name: getattr(sums, f.name) for f in fields(kind)}
            return own | {"_failed": np.array([failed, redrawn])}

        key = f"{self.scheme.judged}-{replicate}-{low}-{high}"
        arrays = dict(self.journal.piece(key, make))
        failed, redrawn = arrays.pop("_failed")
        self.failed += int(failed)
        self.redrawn += int(redrawn)
        old = self.parts[replicate]
        self.parts[replicate] = reduce(
            lambda a, b: a.plus(b), [p for p in (old, kind(**arrays)) if p is not None]
        )

    def _seed(self, replicate: int) -> int:
        return self.seed * REPLICATES + replicate

    def _values(
        self, replicate: int, low: int, high: int, size: int, order: Order
    ) -> tuple[Array, int, int]:
        """The function on rows of a replicate, with rows that failed redrawn."""
        inputs = len(self.inputs.names)
        first, second = base_points(inputs, size // REPLICATES, self._seed(replicate))
        values = self._run(first[low:high], second[low:high], order)
        failed = redrawn = 0
        random = np.random.default_rng([self.seed, replicate, low])
        for _ in range(_ATTEMPTS):
            wrong = np.isnan(values).any(axis=2)
            bad = wrong.any(axis=0)
            failed += int(wrong.sum())
            self._refuse(self.failed + failed, size * self.scheme.blocks(inputs))
            if not bad.any():
                break
            redrawn += int(bad.sum())
            points = random.random((2, int(bad.sum()), inputs))
            values[:, bad] = self._run(points[0], points[1], order[bad])
        return values, failed, redrawn

    def _run(self, first: Array, second: Array, order: Order) -> Array:
        design = self.scheme.rows(first, second, order)
        blocks, rows, inputs = design.shape
        table = self.inputs.table(design.reshape(blocks * rows, inputs))
        return self.evaluation(table).reshape(blocks, rows, -1)

    def _refuse(self, failed: int, runs: int) -> None:
        if failed > MOST_FAILED * runs:
            raise SimulationError(
                f"{failed} of {runs} runs failed, more than one in a thousand, so that indices "
                "would be of another box of inputs than the one asked for",
                code="failed-draws",
                hint="`bullbear ensemble` says which draws fail; narrow these inputs",
            )
