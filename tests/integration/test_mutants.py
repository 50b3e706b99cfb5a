"""Slips of the hand in real files: each mutant means the same, or is answered where it was made.

A mutant can also be another valid model; no check can tell such a slip from an intention.  Their
share has a bound here, and `bullbear diff` shows what they change.
"""

from __future__ import annotations

import random
import shutil
import time
from collections import Counter
from pathlib import Path

import pytest
from mutants import Judge, code_tokens, mutants

from bullbear.models.check import check_model, known_units
from bullbear.models.workspace import ModelFile

# Shares over 2 000 mutants of the Numerai sectors were measured when this was written; the bounds
# leave room for another sample and for edits of the model.
_ELSEWHERE, _CHANGED = 0.05, 0.02
_LONGEST = 10.0  # seconds of processor time for one mutant; a hang never ends


@pytest.fixture
def workspace(root: Path, tmp_path: Path) -> Path:
    for folder in ("models", "equations", "calibration"):
        shutil.copytree(root / folder, tmp_path / folder)
    return tmp_path


def verdicts(
    workspace: Path, count: int, seed: int, monkeypatch: pytest.MonkeyPatch
) -> tuple[Counter[str], list[str]]:
    """How many mutants of the Numerai sectors came to which end, and those that went unseen."""
    judge = Judge(ModelFile("numerai", workspace / "models" / "numerai.toml"), monkeypatch)
    paths = sorted((workspace / "equations" / "numerai").glob("*.mdl"))
    sizes = {path: len(code_tokens(path.read_text(encoding="utf-8"))) for path in paths}
    ends: Counter[str] = Counter()
    unseen: list[str] = []
    for path in paths:
        share = max(1, round(count * sizes[path] / sum(sizes.values())))
        for mutant in mutants(path.read_text(encoding="utf-8"), share, seed):
            begin = time.process_time()
            end, findings = judge.verdict(path, mutant)
            assert time.process_time() - begin < _LONGEST, mutant
            ends[end] += 1
            if end in ("changed", "answered elsewhere"):
                unseen.append(f"{end}: {path.name}: {mutant}: {findings[:1]}")
    return ends, unseen


def assert_answered(ends: Counter[str], unseen: list[str]) -> None:
    total = ends.total()
    print("\n".join([*unseen, str(ends)]))
    assert set(ends) <= {"same", "answered", "answered elsewhere", "changed"}
    assert ends["answered elsewhere"] <= _ELSEWHERE * total + 2
    assert ends["changed"] <= _CHANGED * total + 2


def test_a_sample_of_mutants(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert_answered(*verdicts(workspace, 30, 3, monkeypatch))


def test_slips_in_files_of_other_makers_are_answered(
    shared: Path, root: Path, tmp_path: Path
) -> None:
    # Macros, tables, arrays, old encodings: one token and one character changed in each file.
    folder = shutil.copytree(shared / "test-models", tmp_path / "models")
    chance = random.Random(4)
    for path in sorted(folder.rglob("*.mdl")):
        text = path.read_text(encoding="utf-8", errors="replace")
        at = chance.randrange(len(text))
        typed = chance.choice(["", '"', "{", "|", "~", "(", ",", "\n", "'", "[", "=", "\\", "9"])
        slips = [*(mutant.text for mutant in mutants(text, 1, 6)), text[:at] + typed + text[at:]]
        for slip in slips:
            path.chmod(0o644)
            path.write_text(slip, encoding="utf-8")
            begin = time.process_time()
            check_model(ModelFile(path.stem, path), known_units(root))
            assert time.process_time() - begin < _LONGEST, path


@pytest.mark.long
def test_two_thousand_mutants(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert_answered(*verdicts(workspace, 2000, 20, monkeypatch))
