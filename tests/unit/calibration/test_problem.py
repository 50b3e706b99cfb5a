"""The published schema of problems, and windows as they are written."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from bullbear.calibration.problem import ProblemFile, parse_window
from bullbear.errors import ModelError


def test_the_published_schema_is_the_one_in_use(root: Path, rewrite: bool) -> None:
    published = root / "calibration" / "problems" / "problem.schema.json"
    text = ProblemFile.schema_text()
    if rewrite:
        published.write_text(text)
    assert published.read_text() == text, "write it with: pytest --rewrite tests/unit/calibration"


def test_every_shipped_problem_reads(root: Path) -> None:
    files = sorted((root / "calibration" / "problems").rglob("*.toml"))
    assert {file.stem for file in files} >= {"numerai", "numerai-2021", "boxbod", "misra1a"}
    for file in files:
        assert ProblemFile.read(file).title


def test_what_the_readme_shows_is_a_problem(root: Path) -> None:
    """Every block of it is a problem, or a part of one."""
    text = (root / "calibration" / "problems" / "README.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```toml\n(.*?)```", text, re.DOTALL)
    assert len(blocks) >= 4
    least = {
        "model": "any", "parameters": {"any": {}},
        "observations": [{"file": "any.csv", "variable": "any", "scale": 1.0}],
    }  # fmt: skip
    for block in blocks:
        ProblemFile.model_validate(least | tomllib.loads(block))


def test_the_readme_lists_every_problem_that_teaches(root: Path) -> None:
    folder = root / "calibration" / "problems"
    text = (folder / "README.md").read_text(encoding="utf-8")
    for file in (folder / "teaching").glob("*.toml"):
        assert f"| `{file.stem}` |" in text


@pytest.mark.parametrize(
    ("text", "name", "numbers"),
    [("at", "at", ()), ("average(1)", "average", (1.0,)), ("maximum(2019.5, 2022)", "maximum",
     (2019.5, 2022.0)), (" since( 2020 ) ", "since", (2020.0,))],
)  # fmt: skip
def test_windows(text: str, name: str, numbers: tuple[float, ...]) -> None:
    assert parse_window(text) == (name, numbers)


@pytest.mark.parametrize("text", ["mean(1)", "average", "average(1, 2)", "maximum(1)", ""])
def test_what_is_no_window(text: str) -> None:
    with pytest.raises(ValueError, match="window"):
        parse_window(text)


@pytest.mark.parametrize(
    ("line", "place"),
    [("scale = 0.1\nkinds = 3", ":10:"), ('scale = 0.1\nkind = "gauss"', ":10:"),
     ('scale = 0.1\nwindow = "mean"', ":10:"), ('scale = 0.1\nrun = "other"', "other")],
)  # fmt: skip
def test_a_faulty_key_is_told_with_its_place(tmp_path: Path, line: str, place: str) -> None:
    text = 'model = "m.mdl"\n[parameters.a]\nlower = 1\nupper = 2\n\n[[observations]]\n'
    (tmp_path / "p.toml").write_text(text + f'file = "x.csv"\nvariable = "a"\n{line}\n')
    with pytest.raises(ModelError, match=place):
        ProblemFile.read(tmp_path / "p.toml")
