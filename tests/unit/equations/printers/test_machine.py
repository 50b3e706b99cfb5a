"""The cache of object code: used when whole and the user's own, and never otherwise."""

from __future__ import annotations

import ctypes
from pathlib import Path

import pytest

pytest.importorskip("llvmlite", reason="machine code needs llvmlite")

from bullbear.equations.printers.llvm import machine
from bullbear.equations.printers.llvm.machine import FOLDER, Library, host

TEXT = "define double @answer() {\n  ret double 4.2e+1\n}\n"


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "objects"
    monkeypatch.setenv(FOLDER, str(folder))
    return folder


def answer() -> int:
    """How many texts were compiled for a library that gives the right answer."""
    library = Library(host())
    library.add((TEXT, 1))
    assert ctypes.CFUNCTYPE(ctypes.c_double)(library.function("answer"))() == 42.0
    return library.compiled


def only(folder: Path) -> Path:
    (file,) = folder.iterdir()
    return file


def test_a_text_is_compiled_once(cache: Path) -> None:
    assert answer() == 1
    assert answer() == 0
    assert only(cache).suffix == ".o"


@pytest.mark.parametrize("damage", ["cut", "changed", "empty", "foreign"])
def test_a_damaged_file_costs_a_compilation_and_no_more(cache: Path, damage: str) -> None:
    answer()
    file = only(cache)
    content = file.read_bytes()
    file.write_bytes({
        "cut": content[:-10], "changed": content[:-1] + bytes([content[-1] ^ 1]), "empty": b"",
        "foreign": b"something else",
    }[damage])  # fmt: skip
    assert answer() == 1
    assert file.read_bytes() == content


def test_the_code_of_another_text_is_not_taken(cache: Path) -> None:
    answer()
    file = only(cache)
    other = Library(host())
    other.add((TEXT.replace("4.2", "4.3"), 1))
    (twin,) = [f for f in cache.iterdir() if f != file]
    file.write_bytes(twin.read_bytes())
    assert answer() == 1


def test_a_file_that_others_may_write_is_not_trusted(cache: Path) -> None:
    answer()
    only(cache).chmod(0o666)
    assert answer() == 1
    cache.chmod(0o777)
    assert answer() == 1


def test_nothing_is_kept_where_the_folder_is_empty_or_cannot_be(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv(FOLDER, "")
    assert machine.cache_folder() is None
    assert (answer(), answer()) == (1, 1)
    blocked = tmp_path / "file"
    blocked.write_text("")
    monkeypatch.setenv(FOLDER, str(blocked / "below"))
    assert (answer(), answer()) == (1, 1)
