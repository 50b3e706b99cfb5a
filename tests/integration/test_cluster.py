"""Blocks of draws through a real Dask scheduler with worker processes, one of them killed."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import bullbear
from bullbear.models.draws import read_priors, sobol_draws
from bullbear.models.model import Model

pytest.importorskip("distributed", reason="the optional package distributed is not installed")

# Each worker writes down which process holds a block and lets it wait there, so that one can be
# killed while it does.
PRELOAD = """
import os, pathlib, time
import bullbear.models.ensemble as ensemble

def slow(*given, work_on=ensemble.work_on):
    mark = pathlib.Path(os.environ["HELD"], str(os.getpid()))
    mark.touch()
    time.sleep(0.02)
    try:
        return work_on(*given)
    finally:
        mark.unlink(missing_ok=True)

if ensemble.work_on.__name__ != "slow":  # a worker loads this twice
    ensemble.work_on = slow
"""


class Processes:
    """A scheduler and its workers on the loopback."""

    def __init__(self, folder: Path) -> None:
        self.held = folder / "held"
        self.held.mkdir()
        self.folder = folder
        (folder / "slow_blocks.py").write_text(PRELOAD)
        self.scheduler = self._start("scheduler", "--port", "0", "--host", "127.0.0.1",
                                     "--no-dashboard", "--scheduler-file",
                                     str(folder / "scheduler.json"))  # fmt: skip
        self.address = self._address()
        self.workers = [
            self._start("worker", self.address, "--nthreads", "1", "--no-dashboard",
                        "--no-nanny", "--preload", str(folder / "slow_blocks.py"),
                        "--local-directory", str(folder))
            for _ in range(3)
        ]  # fmt: skip

    def _start(self, *words: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-m", "dask", *words], cwd=self.folder,
            env=os.environ | {"HELD": str(self.held)},
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip

    def _address(self) -> str:
        file, limit = self.folder / "scheduler.json", time.monotonic() + 30
        while time.monotonic() < limit:
            found = re.search(r"tcp://[\d.]+:\d+", file.read_text() if file.is_file() else "")
            if found:
                return found.group()
            time.sleep(0.05)
        raise TimeoutError("the scheduler does not start")

    def kill_one_that_holds_a_block(self) -> int:
        limit = time.monotonic() + 60
        while time.monotonic() < limit:
            for worker in self.workers:
                if (self.held / str(worker.pid)).exists():
                    worker.send_signal(signal.SIGKILL)
                    worker.wait()
                    return worker.pid
            time.sleep(0.001)
        raise TimeoutError("no worker holds a block")

    def stop(self) -> None:
        for process in (*self.workers, self.scheduler):
            process.kill()
            process.wait()


@pytest.fixture
def processes(tmp_path: Path) -> Iterator[Processes]:
    found = Processes(tmp_path)
    yield found
    found.stop()


def draws_of(model: Model, count: int) -> pd.DataFrame:
    assert model.definition.parameters_path is not None
    return sobol_draws(read_priors(model.definition.parameters_path), count, 2)


@pytest.mark.long
def test_a_killed_worker_changes_no_bit(processes: Processes) -> None:
    model = bullbear.load("numerai")
    draws = draws_of(model, 110 * 64)  # 110 blocks
    alone = model.ensemble(draws, save_at=[2030, 2036])
    done, killed = [0], list[int]()

    def progress(count: int) -> None:
        done[0] += count
        if done[0] >= 20 * 64 and not killed:
            killed.append(processes.kill_one_that_holds_a_block())

    found = model.ensemble(draws, save_at=[2030, 2036], cluster=processes.address,
                           progress=progress)  # fmt: skip
    assert killed
    assert done[0] == len(draws)
    assert found.values is not None
    assert alone.values is not None
    np.testing.assert_array_equal(found.values, alone.values)
    np.testing.assert_array_equal(found.events, alone.events)
    np.testing.assert_array_equal(found.status, alone.status)
