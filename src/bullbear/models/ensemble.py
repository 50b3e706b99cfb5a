"""Many runs in one call: draws in; values, events or statistics of all of them out.

Nothing of a result depends on how many draws there are, how they are split into blocks, or who
works on them.
"""

from __future__ import annotations

import math
import time as clock
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from queue import SimpleQueue
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from bullbear.errors import UsageError
from bullbear.models import statistics
from bullbear.models.batch import DONE, NEGATIVE, NOT_FINITE, Runner
from bullbear.models.engines import make_runner
from bullbear.models.plan import Plan, Request, make_plan
from bullbear.models.run import Provenance
from bullbear.models.statistics import Statistics
from bullbear.models.versions import versions

if TYPE_CHECKING:
    import pandas as pd

    from bullbear.models.cluster import Cluster
    from bullbear.models.model import Model

Array = npt.NDArray[np.float64]
MEMORY = 2 * 2**30
"""Bytes that the values of an ensemble may take, unless another limit is given."""
_FEWEST, _MOST, _PARTS = 32, 4096, 512
_WORDS = {DONE: "done", NOT_FINITE: "not finite", NEGATIVE: "negative stock"}


@dataclass(frozen=True)
class Part:
    """Results of one block of draws: its values, or their statistics."""

    values: Array | None
    statistics: Statistics | None
    events: Array
    status: npt.NDArray[np.uint8]


Store = Callable[[int, Part], None]


@dataclass(frozen=True)
class Ensemble:
    """Results of many runs.

    Attributes
    ----------
    draws : index `draw`, one column per constant, in its unit
    times : saved times, shape (time,) [time unit]
    names : element names of the outputs, shape (variable,)
    values : shape (draw, time, variable), NaN for failed draws; None where only statistics are kept
    statistics : of the draws that did not fail; None where all values are kept
    events : index `draw`, one column per event, NaN where it does not happen before `horizon`
        [time unit]
    status : shape (draw,), what became of each draw, as `batch` numbers it
    simulated : draws that were run for it now; the others were done before an interruption
    seconds, compile_seconds : their simulation alone, and making its code [s]
    engine : `llvm` or `numpy`; `remark` says why where it is not the fast one
    """

    draws: pd.DataFrame
    times: Array
    names: tuple[str, ...]
    values: Array | None
    statistics: Statistics | None
    events: pd.DataFrame
    status: npt.NDArray[np.uint8]
    horizon: float
    steps: int
    simulated: int
    seconds: float
    compile_seconds: float
    engine: str
    remark: str
    provenance: Provenance

    @property
    def failed(self) -> list[int]:
        """Numbers of the draws that did not run to their end, or in which a guarded stock went
        below zero."""
        return [int(n) for n in self.draws.index[self.status != DONE]]

    @property
    def ns_per_draw_step(self) -> float:
        """Time of simulation over draws and steps [ns]; NaN where nothing was simulated now."""
        runs = self.simulated * max(self.steps, 1)
        return self.seconds * 1e9 / runs if runs else math.nan

    def overrides(self, number: int) -> dict[str, float]:
        """The values of one draw, with which `model.run` repeats it alone."""
        row = dict(self.provenance.overrides) | self.draws.loc[number].to_dict()
        return {str(name): float(value) for name, value in row.items()}

    def outcomes(self) -> pd.DataFrame:
        """Index `draw`; what became of each draw, and its events [time unit]."""
        frame = self.events.copy()
        frame.insert(0, "status", [_WORDS[int(code)] for code in self.status])
        return frame

    def to_frame(self) -> pd.DataFrame:
        """All values, index (draw, time); or where only statistics are kept, these."""
        import pandas as pd

        if self.values is None:
            assert self.statistics is not None
            return self.statistics.to_frame(self.times, self.names)
        index = pd.MultiIndex.from_product([self.draws.index, self.times], names=["draw", "time"])
        table = self.values.reshape(-1, len(self.names))
        return pd.DataFrame(table, index=index, columns=list(self.names))

    def __str__(self) -> str:
        failed = len(self.failed)
        return (
            f"{self.provenance.model}: {len(self.draws)} draws, {failed} failed; "
            f"{self.ns_per_draw_step:.0f} ns per draw and step ({self.engine})"
        )


@dataclass(frozen=True)
class Options:
    """How the draws of a plan are worked on; nothing here changes a number.

    Attributes
    ----------
    statistics : True keeps statistics alone, False all values; None keeps the values if they fit
    memory : bytes that they may take
    threads : how many blocks are worked on at a time; the processor's cores if None
    cluster : address of a Dask scheduler that shares out the blocks
    """

    statistics: bool | None = None
    memory: int = MEMORY
    threads: int | None = None
    cluster: str | None = None


def run_ensemble(
    model: Model,
    draws: pd.DataFrame,
    request: Request,
    options: Options,
    progress: Callable[[int], None] | None = None,
) -> Ensemble:
    """Run all draws in memory; `Model.ensemble` describes the arguments."""
    plan = make_plan(model, draws, request)
    parts: dict[int, Part] = {}

    def keep(index: int, part: Part) -> None:
        parts[index] = part
        if progress is not None:
            progress(len(part.status))

    with Work(plan, options) as work:
        seconds = work.do(range(len(work.blocks)), keep)
    return gather(work, draws, request, parts.__getitem__, len(draws), seconds)


class Work:
    """A plan split into blocks, and those who work on them.

    Raises
    ------
    UsageError
        If the memory is too small for a block, or no scheduler answers.
    """

    def __init__(self, plan: Plan, options: Options) -> None:
        self.plan, self.options = plan, options
        self.runner, self.remark = make_runner(plan.batch)
        count = len(plan.draws)
        size = block_size(count, self.runner.engine)
        self.blocks = [slice(low, min(low + size, count)) for low in range(0, count, size)]
        self.streaming = _streaming(plan, options, size)
        self._cluster: Cluster | None = None
        if options.cluster is not None:
            from bullbear.models import cluster

            self._cluster = cluster.Cluster(options.cluster)

    def __enter__(self) -> Work:
        return self

    def __exit__(self, *_fault: object) -> None:
        if self._cluster is not None:
            self._cluster.close()

    def one(self, index: int) -> Part:
        return work_on(self.plan, self.runner, self.plan.draws[self.blocks[index]], self.streaming)

    def do(self, indices: Iterable[int], keep: Store) -> float:
        """Work on blocks and hand each finished one to `keep`, in this thread [s].

        Interrupted, it hands over what is in work and lets nothing new begin.
        """
        begin = clock.perf_counter()
        if self._cluster is not None:
            self._cluster.do(self, indices, keep)
            return clock.perf_counter() - begin
        with ThreadPoolExecutor(self.options.threads or _cores()) as pool:
            finished: SimpleQueue[Future[Part]] = SimpleQueue()
            waiting = {pool.submit(self.one, index): index for index in indices}
            for future in list(waiting):
                future.add_done_callback(finished.put)
            try:
                while waiting:
                    # not `concurrent.futures.wait`: interrupted, it can leave with locks held
                    future = finished.get()
                    keep(waiting.pop(future), future.result())
            except BaseException:
                for future in [f for f in waiting if not f.cancel()]:
                    keep(waiting[future], future.result())
                raise
        return clock.perf_counter() - begin


def work_on(plan: Plan, runner: Runner, draws: Array, streaming: bool) -> Part:
    """Run some draws and keep of them what is wanted."""
    block = runner.run(draws)
    values = plan.at_times(block)
    bad = block.status != DONE
    events = block.events
    if bad.any():
        values, events = values.copy(), events.copy()
        values[bad], events[bad] = np.nan, np.nan
    if streaming:
        return Part(None, Statistics.of(values[~bad]), events, block.status)
    return Part(values, None, events, block.status)


def block_size(count: int, engine: str) -> int:
    """Draws per block: so few that little is lost with one, so many that calls cost nothing."""
    size = -(-count // _PARTS)
    if engine == "numpy":
        size = max(size, 1024)
    return max(_FEWEST, min(_MOST, -(-size // _FEWEST) * _FEWEST))


def gather(
    work: Work,
    draws: pd.DataFrame,
    request: Request,
    part: Callable[[int], Part],
    simulated: int,
    seconds: float,
) -> Ensemble:
    """One result from the parts of all blocks, taken in their order."""
    import pandas as pd

    plan = work.plan
    count = len(plan.draws)
    values = None if work.streaming else np.empty((count, len(plan.times), len(plan.names)))
    events = np.empty((count, len(plan.events)))
    status = np.empty(count, dtype=np.uint8)
    gathered = []
    for index, rows in enumerate(work.blocks):
        found = part(index)
        events[rows], status[rows] = found.events, found.status
        if values is not None and found.values is not None:
            values[rows] = found.values
        if found.statistics is not None:
            gathered.append(found.statistics)
    grid = plan.batch.grid
    return Ensemble(
        draws, plan.times, plan.names, values,
        statistics.merge(gathered) if gathered else None,
        pd.DataFrame(events, index=draws.index, columns=list(plan.events)), status,
        plan.horizon, plan.batch.last, simulated, seconds, work.runner.compile_seconds,
        work.runner.engine, work.remark,
        Provenance(plan.model, plan.hash, request.scenario, dict(request.overrides or {}),
                   plan.batch.method, grid.step, grid.saveper, grid.final, work.runner.engine,
                   versions()),
    )  # fmt: skip


def _cores() -> int:
    import os

    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _streaming(plan: Plan, options: Options, size: int) -> bool:
    """Whether statistics alone are kept.

    Raises
    ------
    UsageError
        If the memory is too small for what is asked.
    """
    cell = len(plan.times) * len(plan.names) * 8
    block, whole = min(size, len(plan.draws)) * cell, len(plan.draws) * cell
    if block > options.memory:
        raise UsageError(
            f"one block of draws takes {block} bytes, more than the {options.memory} allowed",
            code="memory", hint="allow more, or ask for fewer outputs or times",
        )  # fmt: skip
    if options.statistics is False and whole > options.memory:
        raise UsageError(
            f"all values take {whole} bytes, more than the {options.memory} allowed",
            code="memory", hint="allow more, or let statistics be kept instead",
        )  # fmt: skip
    return whole > options.memory if options.statistics is None else options.statistics
