"""What every test may use: the checkout, the reference folder beside it, and the command line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

ROOT = Path(__file__).resolve().parent.parent

# A shared machine stalls now and then, so no example has a deadline; the examples are the same on
# every run, so a failure can be met again.
settings.register_profile("bullbear", deadline=None, derandomize=True)
settings.load_profile("bullbear")


@dataclass(frozen=True)
class Outcome:
    """What a finished command left behind."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@pytest.fixture(scope="session")
def root() -> Path:
    """The checkout: models/, equations/, calibration/ stand below it."""
    return ROOT


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of reference material beside the checkout; the test is skipped without it."""
    folder = ROOT.parent / "shared"
    if not folder.is_dir():
        pytest.skip("the reference folder ../shared is not here")
    return folder


@pytest.fixture
def bullbear(tmp_path: Path) -> Callable[..., Outcome]:
    """Runs `bullbear ARGUMENTS` as a process of its own, by default in an empty folder."""

    def call(*arguments: object, cwd: Path = tmp_path, timeout: float = 120) -> Outcome:
        done = subprocess.run(
            [sys.executable, "-m", "bullbear.cli.main", *map(str, arguments)],
            cwd=cwd,
            env=os.environ | {"COLUMNS": "80", "NO_COLOR": "1", "PYTHONWARNINGS": "default"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        return Outcome(done.returncode, done.stdout, done.stderr)

    return call
