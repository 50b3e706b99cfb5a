"""The same work on many items: in this process, or shared out over several."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from multiprocessing import active_children, get_context
from pathlib import Path
from typing import TypeVar

from bullbear.calibration.objective import Objective, open_problem

Item = TypeVar("Item")
Result = TypeVar("Result")
_ready: list[Objective] = []  # the objective of a worker's own process


class Workers:
    """Tasks are functions of (objective, item); what an item gives does not depend on the count.

    Each process reads the problem from its file, so an objective that was changed in memory must
    be changed by the task.
    """

    def __init__(self, objective: Objective, count: int) -> None:
        self.objective, self.count = objective, count
        self._pool: ProcessPoolExecutor | None = None
        self._strangers = {child.pid for child in active_children()}

    def __enter__(self) -> Workers:
        if self.count > 1:
            self._pool = ProcessPoolExecutor(
                self.count, get_context("spawn"), _begin, (self.objective.problem.path,)
            )
        return self

    def __exit__(self, fault: type[BaseException] | None, *_: object) -> None:
        if self._pool is None:
            return
        if fault is not None:  # nobody waits for what they are in the middle of
            for child in active_children():
                if child.pid not in self._strangers:
                    child.terminate()
        self._pool.shutdown(wait=True, cancel_futures=True)

    def map(
        self, task: Callable[[Objective, Item], Result], items: Sequence[Item]
    ) -> Iterator[tuple[int, Result]]:
        """Positions of items and what came out, as they are done."""
        if self._pool is None:
            for index, item in enumerate(items):
                yield index, task(self.objective, item)
            return
        waiting: dict[Future[Result], int] = {
            self._pool.submit(_do, task, item): index for index, item in enumerate(items)
        }
        for done in as_completed(waiting):
            yield waiting[done], done.result()


def _begin(path: Path) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the process that waits answers it
    _ready.append(open_problem(path))


def _do(task: Callable[[Objective, Item], Result], item: Item) -> Result:
    return task(_ready[0], item)
