"""Taking a fit: parameter file and equations get the same numbers, or nothing changes."""

from __future__ import annotations

import datetime
import json
import shutil
from pathlib import Path

import pytest

from bullbear.calibration.accept import accept
from bullbear.errors import BullbearError
from bullbear.models.model import load

TODAY = datetime.date(2026, 1, 2)
FITTED = {"netting factor": 0.4123456789, "pool weight[Signals]": 0.7, "allocator pool": 6.25e9}


@pytest.fixture
def workspace(root: Path, tmp_path: Path) -> Path:
    for name in ("models", "equations", "calibration"):
        shutil.copytree(root / name, tmp_path / name)
    return tmp_path


def kept(workspace: Path, values: dict[str, float], **changes: str) -> Path:
    folder = workspace / "out"
    folder.mkdir(exist_ok=True)
    made = {"model": "numerai", "model_hash": load("numerai", workspace).hash} | changes
    (folder / "fit.json").write_text(json.dumps({"provenance": made}))
    rows = "".join(f"{name},{value!r}\n" for name, value in values.items())
    (folder / "parameters.csv").write_text("name,value\n" + rows)
    return folder


def texts(workspace: Path) -> dict[str, str]:
    files = [*workspace.glob("equations/numerai/*.mdl"), workspace / "calibration/parameters.csv"]
    return {file.name: file.read_text(encoding="utf-8") for file in files}


def test_equations_and_parameters_get_the_same_numbers(workspace: Path) -> None:
    folder = kept(workspace, FITTED)
    before = texts(workspace)
    old = load("numerai", workspace)
    pool = old.program.defaults[old.program.parameter_index()["allocator pool"]]
    done = accept(folder, old, workspace, TODAY)
    model = load("numerai", workspace)
    from_equations = model.program.defaults
    from_both = model.parameter_vector(model.values())
    index = model.program.parameter_index()
    for name, value in FITTED.items():
        assert from_equations[index[name]] == from_both[index[name]] == float(f"{value:.6g}")
    assert from_equations[index["pool weight[Classic]"]] == 1
    changed = {n for n, text in texts(workspace).items() if text != before[n]}
    assert "parameters.csv" in changed
    lines = sum(
        a != b
        for name in changed
        for a, b in zip(before[name].splitlines(), texts(workspace)[name].splitlines(), strict=True)
    )
    assert lines == 2 * len(FITTED)
    assert done.kept.name.startswith("2026-01-02-")
    assert (done.kept / "fit.json").is_file()
    assert json.loads((done.kept / "fit.json").read_text())["accepted"] == {
        "date": "2026-01-02", "model_hash": model.hash,
    }  # fmt: skip
    assert done.changed["allocator pool"] == (pool, 6.25e9)


@pytest.mark.parametrize(
    ("values", "changes", "word"),
    [
        (FITTED, {"model_hash": "0"}, "make the fit again"),
        ({"no such thing": 1.0}, {}, "no such thing"),
        ({"initial circulating NMR": 1.0, "netted payout[Classic]": 1.0}, {}, "netted payout"),
    ],
)
def test_nothing_changes_when_a_fit_cannot_be_taken(
    workspace: Path, values: dict[str, float], changes: dict[str, str], word: str
) -> None:
    folder = kept(workspace, values, **changes)
    before = texts(workspace)
    with pytest.raises(BullbearError, match=word):
        accept(folder, load("numerai", workspace), workspace, TODAY)
    assert texts(workspace) == before


def test_a_folder_without_a_fit_is_told(workspace: Path) -> None:
    with pytest.raises(BullbearError, match="no fit"):
        accept(workspace / "nowhere", load("numerai", workspace), workspace, TODAY)
