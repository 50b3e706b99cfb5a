"""Blocks of draws on other machines, through a Dask scheduler that is already running.

A worker that dies loses the block it holds and no more: the scheduler gives it to another one.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np

from bullbear.errors import SimulationError, UsageError
from bullbear.models.batch import Batch, Runner
from bullbear.models.engines import make_runner

if TYPE_CHECKING:
    from bullbear.models.ensemble import Part, Store, Work
    from bullbear.models.plan import Plan

_PATIENCE = 5.0
"""How long to wait for the scheduler and for its first worker [s]."""
_TRIES = 10
"""Workers that may die under one block."""
_runners: dict[str, Runner] = {}


@dataclass(frozen=True)
class Order:
    """What a worker needs for every block of a plan."""

    plan: Plan
    engine: str
    streaming: bool


class Cluster:
    """A connection to a scheduler.

    Raises
    ------
    UsageError
        If the package `distributed` is not installed, or nobody answers at the address.
    """

    def __init__(self, address: str) -> None:
        try:
            distributed: Any = import_module("distributed")
        except ImportError as fault:
            raise UsageError("--cluster needs the package distributed", code="cluster",
                             hint="pip install 'bullbear[cluster]'") from fault  # fmt: skip
        try:
            self._client: Any = distributed.Client(address, timeout=_PATIENCE, set_as_default=False)
            self._client.wait_for_workers(1, timeout=_PATIENCE)
        except (OSError, ValueError, TimeoutError) as fault:
            if hasattr(self, "_client"):
                self._client.close()
            raise UsageError(
                f"no scheduler with a worker answers at {address}", code="cluster",
                hint="start `dask scheduler` and `dask worker`, and give the scheduler's address",
            ) from fault  # fmt: skip

    def close(self) -> None:
        """Let go of the scheduler."""
        self._client.close()

    def do(self, work: Work, indices: Iterable[int], keep: Store) -> None:
        """Have blocks worked on, and hand each finished one to `keep`."""
        distributed: Any = import_module("distributed")
        plan = work.plan
        order = self._client.scatter(
            Order(_without_draws(plan), work.runner.engine, work.streaming), broadcast=True
        )
        waiting: dict[Any, int] = {
            self._client.submit(
                _remote, order, plan.fingerprint, plan.draws[work.blocks[index]],
                pure=False, retries=_TRIES,
            ): index
            for index in indices
        }  # fmt: skip
        for future in distributed.as_completed(list(waiting), loop=self._client.loop):
            try:
                part = future.result()
            except distributed.KilledWorker as fault:
                raise SimulationError(
                    "the workers of the cluster die again and again", code="cluster",
                    hint="look at their logs; memory is the usual reason",
                ) from fault  # fmt: skip
            keep(waiting.pop(future), part)


def _remote(order: Order, fingerprint: str, draws: np.ndarray[Any, np.dtype[np.float64]]) -> Part:
    """On a worker: one block, with the code of the plan made once per process."""
    from bullbear.models.ensemble import work_on

    if fingerprint not in _runners:
        _runners.clear()
        _runners[fingerprint] = _same_runner(order.plan.batch, order.engine)
    return work_on(order.plan, _runners[fingerprint], draws, order.streaming)


def _same_runner(batch: Batch, engine: str) -> Runner:
    """The runner that the other machines have, so that all numbers are of one kind."""
    runner, remark = make_runner(batch)
    if runner.engine != engine:
        raise SimulationError(
            f"a worker of the cluster cannot compute as this machine does: {remark or engine}",
            code="cluster", hint="install the same packages on all machines",
        )  # fmt: skip
    return runner


def _without_draws(plan: Plan) -> Plan:
    """The plan without the draws, which travel block by block."""
    return replace(plan, draws=plan.draws[:0], numbers=plan.numbers[:0])
