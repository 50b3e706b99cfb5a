"""The README says what is so: its numbers are the model's, its links and lines work."""

from __future__ import annotations

import os
import re
import shutil
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer

from bullbear.errors import DataError
from bullbear.models.workspace import FOLDERS
from bullbear.report import edit_loop
from bullbear.report.readme import MECHANISMS, PICTURE, Readme, main

BLOCK = re.compile(r"<!-- run -->\n```(\w+)\n(.*?)\n```", re.DOTALL)
LINK = re.compile(r"\]\(([^)#]+)\)")


@pytest.fixture(scope="module")
def readme(root: Path) -> Readme:
    return Readme(root)


@pytest.fixture(scope="module")
def text(root: Path) -> str:
    return (root / "README.md").read_text(encoding="utf-8")


def png_texts(path: Path) -> Iterator[tuple[str, str]]:
    """The texts kept in a PNG file by their keys."""
    content, place = path.read_bytes(), 8
    while place < len(content):
        length, kind = struct.unpack(">I4s", content[place : place + 8])
        if kind == b"tEXt":
            key, _, value = content[place + 8 : place + 8 + length].partition(b"\0")
            yield key.decode("latin-1"), value.decode("latin-1")
        place += length + 12


def copy_workspace(root: Path, to: Path) -> None:
    for name in FOLDERS:
        if (root / name).is_dir():
            shutil.copytree(root / name, to / name)


REMEDY = "run `python -m bullbear.report.readme`"


def test_computed_parts_are_what_the_model_says(readme: Readme, root: Path) -> None:
    documents = readme.documents(slow=False)
    assert root / "README.md" in documents
    for path, text in documents.items():
        assert path.read_text(encoding="utf-8") == text, REMEDY


@pytest.mark.long
def test_slow_parts_are_what_the_model_says(readme: Readme, root: Path) -> None:
    for path, text in readme.documents().items():
        assert path.read_text(encoding="utf-8") == text, REMEDY


def test_its_picture_shows_what_the_model_says(readme: Readme, root: Path) -> None:
    assert dict(png_texts(root / PICTURE))["Source"] == readme.picture().digest(), REMEDY


def test_its_links_lead_to_files(root: Path, text: str) -> None:
    links = [link for link in LINK.findall(text) if "://" not in link]
    assert links
    assert [link for link in links if not (root / link).exists()] == []


def test_it_names_every_command(text: str) -> None:
    from bullbear.cli.main import app

    commands = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    assert [name for name in commands if f"`bullbear {name}`" not in text] == []


def test_the_thread_s_mechanisms_all_have_a_lever_and_a_scenario(readme: Readme) -> None:
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in readme.mechanisms().splitlines()[2:]
    ]
    assert [row[0] for row in rows] == [f"m{number}" for number in range(1, 21)]
    assert [row[0] for row in rows if not all(row)] == []


def test_scenarios_name_mechanisms_that_exist(readme: Readme, root: Path) -> None:
    known = {line.split(",")[0] for line in (root / MECHANISMS).read_text().splitlines()[1:]}
    for scenario in readme.model.scenarios.values():
        assert set(scenario.mechanism.split()) <= known, scenario.slug


def test_the_test_command_is_given_once_between_its_marks(text: str) -> None:
    parts = text.split("<!-- test -->")
    assert len(parts) == 3
    lines = [line for line in parts[1].splitlines() if line and not line.startswith("```")]
    assert len(lines) == 1
    assert "pytest" in lines[0]


def test_its_blocks_run(root: Path, text: str, tmp_path: Path) -> None:
    """Every block marked so, one after the other, in a copy of what a modeller edits."""
    copy_workspace(root, tmp_path)
    blocks = BLOCK.findall(text)
    assert {language for language, _ in blocks} == {"sh", "toml", "python"}
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    for language, code in blocks:
        if language == "toml":
            (tmp_path / "models" / "scenarios" / "own.toml").write_text(code, encoding="utf-8")
            code = "bullbear run --scenario own"
        command = [sys.executable, "-c", code] if language == "python" else ["sh", "-ec", code]
        done = subprocess.run(
            command, cwd=tmp_path, env=os.environ | {"PATH": path, "COLUMNS": "80"},
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300, check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"{code}\n{done.stdout}\n{done.stderr}"
        assert "Traceback" not in done.stderr


def test_a_stale_readme_is_found_and_made_anew(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    copy_workspace(root, tmp_path)
    stale = "<!-- generated: hinges -->\nold\n<!-- end -->\n"
    (tmp_path / "README.md").write_text(stale, encoding="utf-8")
    (tmp_path / PICTURE).unlink()
    monkeypatch.chdir(tmp_path)
    assert main(["--check"]) == 1
    assert (tmp_path / "README.md").read_text(encoding="utf-8") == stale
    assert not (tmp_path / PICTURE).exists()
    assert main([]) == 0
    assert "`base`" in (tmp_path / "README.md").read_text(encoding="utf-8")
    assert (tmp_path / PICTURE).is_file()
    assert main(["--check"]) == 0
    (tmp_path / "README.md").write_text(stale.replace("hinges", "hinge"), encoding="utf-8")
    assert main([]) == 1
    assert "hinges" in capsys.readouterr().err


def test_an_edit_that_finds_nothing_is_no_example(
    toy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    edit = "sed -i 's/leak multiplier = 1/leak multiplier = 3/' equations/toy/flows.mdl"
    steps = (edit_loop.Step(edit, "an edit", edits=True), edit_loop.Step("bullbear diff"))
    monkeypatch.setattr(edit_loop, "STEPS", steps)
    said = edit_loop.edit_loop(toy)
    assert said.startswith(f"```console\n$ {edit}    # an edit\n$ bullbear diff\n")
    assert "leak multiplier" in said.splitlines()[3]
    monkeypatch.setattr(edit_loop, "STEPS", (edit_loop.Step("true", edits=True),))
    with pytest.raises(DataError, match="nothing to change"):
        edit_loop.edit_loop(toy)
