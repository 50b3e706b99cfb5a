"""The console blocks of the README, done for real in a copy of the workspace."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bullbear.errors import DataError, Where
from bullbear.models.workspace import FOLDERS

WIDTH = 96
"""Characters of a line of the console block."""


@dataclass(frozen=True)
class Step:
    """A line that is typed, what is said about it, and whether it must change a file."""

    command: str
    remark: str = ""
    edits: bool = False


STEPS = (
    Step("sed -i '/^fund capacity =/{n;s/4e+09/2e+09/}' equations/numerai/07_fund.mdl",
         "an edit", edits=True),
    Step("bullbear check"),
    Step("sed -i 's/^fund capacity,USD,4000000000/fund capacity,USD,2000000000/' "
         "calibration/parameters.csv", "the remedy", edits=True),
    Step("bullbear check", "no output: no fault"),
    Step("bullbear diff"),
)  # fmt: skip


_SERIES = "calibration/observations/circulating_supply_nmr_implied.csv"
DAILY = (
    Step("echo '2023.950034,7.2,2025-12-31,2025-12-31,circulating_supply_nmr_implied,million NMR,,,"
         f"example,an example,no fact' >> {_SERIES}", "a number comes in", edits=True),
    Step("bullbear check"),
    Step("sed -i 's/^2023.950034,7.2,\\(.*\\)million NMR/2025.996578,7200000,\\1NMR/' " + _SERIES,
         "the remedies", edits=True),
    Step("bullbear check", "no output: no fault"),
    Step("bullbear calibrate --quick --starts 1 | sed -n '/What changed/,$p'",
         "from where the accepted fit stands"),
)  # fmt: skip


def edit_loop(root: Path) -> str:
    """An equation is edited, checked and compared; see `console`."""
    return console(root, STEPS)


def daily_act(root: Path) -> str:
    """A number is added, checked and fitted; see `console`. Takes as long as a search."""
    return console(root, DAILY)


def console(root: Path, steps: Sequence[Step]) -> str:
    """A console block: every command and what it answers, in a copy of a workspace. Needs git.

    Raises
    ------
    DataError
        If an edit finds nothing to change, because the model has moved on.
    """
    with tempfile.TemporaryDirectory() as scratch:
        for name in FOLDERS:
            if (root / name).is_dir():
                shutil.copytree(root / name, Path(scratch, name))
        for words in ("init -q", "add .", "commit -qm before"):
            _done(
                f"git -c user.name=x -c user.email=x@example.org -c commit.gpgsign=false {words}",
                scratch,
            )
        lines = []
        for step in steps:
            before = _done("git diff", scratch)
            lines.append(f"$ {step.command}" + (f"    # {step.remark}" if step.remark else ""))
            lines += _done(step.command, scratch).rstrip().splitlines()
            if step.edits and _done("git diff", scratch) == before:
                raise DataError(
                    f"nothing to change for `{step.command}`", code="stale-edit",
                    where=Where(str(Path(__file__))), hint="let the steps edit what is there now",
                )  # fmt: skip
    return "```console\n" + "\n".join(lines) + "\n```"


def _done(command: str, folder: str) -> str:
    """What a command says, on both outputs."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    done = subprocess.run(
        ["sh", "-c", command], cwd=folder, env=own | {"PATH": path, "COLUMNS": str(WIDTH)},
        stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=600,
    )  # fmt: skip
    return done.stdout + done.stderr
