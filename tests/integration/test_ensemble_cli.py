"""The command `ensemble`: its files and JSON, bad input, and going on after being killed."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

BLOCKS = "unfinished-blocks"
SMALL = """{UTF-8}
a = 1 ~~|
x = INTEG(a - x, 0) ~~|
INITIAL TIME = 0 ~~|
FINAL TIME = 10 ~~|
TIME STEP = 0.125 ~~|
SAVEPER = 1 ~~|
"""
# so many draws of the bundled model that there is time to kill it, in 512 blocks
ASKED = ("ensemble", "--draws", "16384", "--at", "2036", "--outputs", "NMR Price", "--threads", "1")


@pytest.fixture
def small(tmp_path: Path) -> Path:
    file = tmp_path / "small.mdl"
    file.write_text(SMALL, encoding="utf-8")
    return file


def contents(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in sorted(folder.iterdir())}


def test_draws_from_the_priors(bullbear: Callable[..., Any], tmp_path: Path) -> None:
    done = bullbear("ensemble", "--draws", 40, "--seed", 3, "--at", 2030, "--at", 2036,
                    "--outputs", "NMR Price", "--outputs", "total staked", "--json")  # fmt: skip
    assert done.code == 0
    found = done.json
    assert found["ok"] is True
    assert (found["draws"], found["failed"], found["method"]) == (40, 0, "euler")
    assert found["seconds"] > 0
    assert found["ns_per_draw_step"] > 0
    assert found["compile_seconds"] >= 0
    files = {Path(file).name: tmp_path / file for file in found["files"]}
    assert set(files) == set(contents(tmp_path / "bullbear-out" / "ensemble"))
    assert {"events.csv", "draws.parquet", "results.parquet"} <= set(files)
    results = pd.read_parquet(files["results.parquet"])
    assert results.shape == (80, 2)
    assert results.index.names == ["draw", "time"]
    events = pd.read_csv(files["events.csv"], index_col="draw")
    assert list(events.columns) == ["status", "run-out", "closure"]
    assert set(events["status"]) == {"done"}


def test_the_draws_that_were_made_give_the_same_again(
    bullbear: Callable[..., Any], tmp_path: Path
) -> None:
    assert bullbear("ensemble", "--draws", 70, "--at", 2036, "--out", "one").code == 0
    again = bullbear("ensemble", "--draws", "one/draws.parquet", "--at", 2036, "--out", "two",
                     "--threads", 1)  # fmt: skip
    assert again.code == 0
    assert contents(tmp_path / "one") == contents(tmp_path / "two")


def test_a_file_of_draws_for_a_foreign_model(
    bullbear: Callable[..., Any], small: Path, tmp_path: Path
) -> None:
    (tmp_path / "table.csv").write_text("A\n1\n2.5\n")
    done = bullbear("ensemble", small, "--draws", "table.csv", "--at", 10)
    assert done.code == 0
    assert "2 draws, 0 failed" in done.out
    results = pd.read_parquet(tmp_path / "bullbear-out" / "ensemble" / "results.parquet")
    assert results["x"].tolist() == pytest.approx([1, 2.5], rel=1e-3)


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        ((), 2, "--draws is missing"),
        (("--draws", 0), 2, "number of draws"),
        (("--draws", -5), 2, "number of draws"),
        (("--draws", "none.csv"), 2, "cannot read"),
        (("--draws", 3, "--outputs", "NMR Prise"), 2, 'did you mean "NMR Price"'),
        (("--draws", 3, "--at", 1999), 2, "outside the run"),
        (("--draws", 3, "--method", "heun"), 2, "heun"),
        (("--draws", 3, "--threads", 0), 2, "threads"),
        (("--draws", 3, "--cluster", "tcp://127.0.0.1:1"), 2, "no scheduler"),
        (("--draws", "bad.csv"), 1, "bad.csv:2"),
        (("--draws", "wrong.csv"), 2, "computed by an equation"),
        (("--draws", 3, "--out", "bad.csv"), 2, "cannot write"),
    ],
)
def test_bad_input_is_answered_and_leaves_nothing(
    bullbear: Callable[..., Any], tmp_path: Path, arguments: tuple[object, ...], code: int,
    says: str,
) -> None:  # fmt: skip
    (tmp_path / "bad.csv").write_text("alpha multiplier\nnan\n")
    (tmp_path / "wrong.csv").write_text("NMR Price,total staked\n1,2\n")
    before = set(tmp_path.iterdir())
    done = bullbear("ensemble", *arguments)
    assert done.code == code, done.err
    assert says in done.err
    assert "Traceback" not in done.err
    assert set(tmp_path.iterdir()) == before


def test_without_llvmlite_one_line_says_so(
    bullbear: Callable[..., Any], small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "absent").mkdir()
    (tmp_path / "absent" / "llvmlite.py").write_text("raise ImportError('not installed')\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "absent"))
    (tmp_path / "table.csv").write_text("A\n1\n2.5\n")
    done = bullbear("ensemble", small, "--draws", "table.csv", "--at", 10)
    assert done.code == 0
    assert done.err.count("llvmlite") == 1
    assert "(numpy)" in done.out


def test_resume_refuses_the_blocks_of_another_ensemble(
    bullbear: Callable[..., Any], tmp_path: Path
) -> None:
    folder = tmp_path / "out" / BLOCKS
    folder.mkdir(parents=True)
    (folder / "ensemble.json").write_text('{"fingerprint": "another"}')
    done = bullbear("ensemble", "--draws", 10, "--out", "out", "--resume")
    assert done.code == 2
    assert "another ensemble" in done.err
    assert bullbear("ensemble", "--draws", 10, "--out", "out").code == 0
    assert not folder.exists()


def start(folder: Path, *more: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "bullbear.cli.main", *ASKED, "--out", str(folder), *more],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
    )  # fmt: skip


def finish(process: subprocess.Popen[bytes]) -> int:
    process.communicate()
    return process.returncode


def blocks_of(folder: Path) -> dict[str, int]:
    """Finished blocks and when they were written."""
    found = (folder / BLOCKS).glob("*.npz")
    return {file.name: file.stat().st_mtime_ns for file in found}


def wait_for_blocks(folder: Path, count: int, process: subprocess.Popen[bytes]) -> None:
    limit = time.monotonic() + 60
    while len(blocks_of(folder)) < count and process.poll() is None and time.monotonic() < limit:
        time.sleep(0.005)


@pytest.mark.long
def test_killed_at_random_moments_and_resumed_the_files_are_the_same(tmp_path: Path) -> None:
    pytest.importorskip("llvmlite", reason="NumPy takes too long")
    undisturbed = tmp_path / "undisturbed"
    assert finish(start(undisturbed)) == 0
    folder = tmp_path / "killed"
    moments = sorted(random.Random(4).sample(range(1, 500), 10))
    repeated, kept = 0, dict[str, int]()
    for moment in moments:
        process = start(folder, "--resume")
        wait_for_blocks(folder, moment, process)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        now = blocks_of(folder)
        repeated += sum(now.get(name) != written for name, written in kept.items())
        kept = now
    assert len(kept) >= moments[-1]
    count = json.loads((folder / BLOCKS / "ensemble.json").read_text())["blocks"]
    assert finish(start(folder, "--resume")) == 0
    assert contents(folder) == contents(undisturbed)
    # with each kill at most the block in work is lost, and one that waits to be written
    lost = 2 * len(moments) / count
    print(f"{repeated} finished blocks of {count} done again; at most {lost:.1%} lost in work")
    assert repeated == 0
    assert lost <= 0.05


@pytest.mark.skipif(os.name != "posix", reason="interrupts are sent by signals here")
def test_interrupted_it_keeps_what_is_done(tmp_path: Path) -> None:
    pytest.importorskip("llvmlite", reason="NumPy takes too long")
    folder = tmp_path / "stopped"
    process = start(folder)
    wait_for_blocks(folder, 3, process)
    process.send_signal(signal.SIGINT)
    said = process.communicate()[1].decode()
    assert process.returncode == 130
    assert "--resume" in said
    assert "Traceback" not in said
    assert len(blocks_of(folder)) >= 3
