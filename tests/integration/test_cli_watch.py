"""`bullbear watch` as a process of its own, with real edits of a real file."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

PATIENCE = 60.0


class Watching:
    """A running `bullbear watch` whose output goes to a file."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "watch.out"
        with self.file.open("w") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "bullbear.cli.main", "watch", "toy", "--every", "0.1"],
                cwd=folder,
                env=os.environ | {"COLUMNS": "80", "NO_COLOR": "1"},
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        self.read = 0

    def until(self, text: str) -> str:
        """What has been said since the last time, once it is a whole answer with `text` in it."""
        limit = time.monotonic() + PATIENCE
        while time.monotonic() < limit:
            said = self.file.read_text(encoding="utf-8")[self.read :]
            if text in said and said.endswith("\n\n"):
                self.read += len(said)
                return said
            assert self.process.poll() is None, said
            time.sleep(0.05)
        raise AssertionError(f"no {text!r} within {PATIENCE} s in {said!r}")


@pytest.fixture
def watching(toy: Path) -> Iterator[Watching]:
    found = Watching(toy)
    try:
        yield found
    finally:
        if found.process.poll() is None:
            found.process.kill()
        found.process.wait()


def edit(toy: Path, old: str, new: str) -> None:
    file = toy / "equations/toy/flows.mdl"
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new), encoding="utf-8")


def test_every_save_is_checked_run_and_compared(toy: Path, watching: Watching) -> None:
    assert "toy runs" in watching.until("Ctrl-C ends")

    edit(toy, "leak multiplier = 1", "leak multiplier = 1.5")
    said = watching.until("== ")
    assert "flows.mdl" in said
    assert "constant leak multiplier: 1 -> 1.5 Dmnl (+50 %)" in said
    assert "computed variables moved" in said
    good = said.strip().splitlines()[-1]

    edit(toy, "leak multiplier * wear", "leak multiplyer * wear")
    said = watching.until("== ")
    assert "equations/toy/flows.mdl:3:17: error unknown-name" in said
    assert 'did you mean "leak multiplier"' in said
    assert "the results of the last good version stay" in said
    assert good in said

    edit(toy, "leak multiplyer", "leak multiplier")
    assert "nothing that counts has changed" in watching.until("== ")

    watching.process.send_signal(signal.SIGINT)
    assert watching.process.wait(PATIENCE) == 130
    assert "Traceback" not in watching.file.read_text(encoding="utf-8")
