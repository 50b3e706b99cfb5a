"""What a command says and writes: messages, JSON, files that appear whole or not at all."""

from __future__ import annotations

import json
import math
import os
import shutil
import sys
import tempfile
import textwrap
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bullbear.errors import BullbearError, UsageError

WIDEST = 100
"""Lines are never longer than this, however wide the terminal is."""


def say(text: str = "") -> None:
    """A line of the result, on standard output."""
    sys.stdout.write(text + "\n")


def note(text: str) -> None:
    """A line about the work, on standard error."""
    sys.stderr.write(text + "\n")


def say_json(content: Mapping[str, Any]) -> None:
    """The one JSON object of a command; what is no finite number becomes null."""
    sys.stdout.write(json.dumps(_plain(content), indent=2, allow_nan=False) + "\n")


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """A file with one JSON object, as `say_json` says it."""
    text = json.dumps(_plain(content), indent=2, allow_nan=False) + "\n"
    path.write_text(text, encoding="utf-8", newline="\n")


def say_error(error: BullbearError, as_json: bool) -> None:
    """An error with place, message and remedy: on standard error, and as JSON where asked for."""
    note(_explained(error))
    if not as_json:
        return
    first = error.findings[0] if error.findings else None
    where = error.where or (first.where if first else None)
    content = {
        "code": error.code,
        "message": first.message if first and len(error.findings) == 1 else error.message,
        "where": str(where) if where and str(where) else None,
        "hint": error.hint or (first.hint if first else ""),
    }
    say_json({"ok": False, "error": content})


def width() -> int:
    """How many characters a line may have: those of the terminal, 80 where there is none."""
    return min(shutil.get_terminal_size((80, 24)).columns, WIDEST)


def wrapped(text: str, indent: str = "") -> str:
    """A paragraph broken at blanks to fit the terminal."""
    return textwrap.fill(
        text,
        width=width(),
        initial_indent=indent,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )


def check_writable(folder: Path) -> None:
    """Refuse a folder in which nothing can be written, before any work is done.

    Raises
    ------
    UsageError
        If it, or the nearest existing folder above it, is no folder or may not be written.
    """
    nearest = folder.absolute()
    while not nearest.exists() and nearest != nearest.parent:
        nearest = nearest.parent
    if not nearest.is_dir():
        raise _unwritable(folder, f"{nearest} is a file")
    if not os.access(nearest, os.W_OK | os.X_OK):
        raise _unwritable(folder, f"{nearest} does not permit writing")


@contextmanager
def staged(folder: Path) -> Iterator[Path]:
    """A scratch folder whose files replace those of `folder` when all of them are complete.

    Raises
    ------
    UsageError
        If the folder cannot be made or written; no file of it has changed then.
    """
    made = [parent for parent in (folder, *folder.parents) if not parent.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(prefix=".unfinished-", dir=folder))
    except OSError as fault:
        raise _unwritable(folder, fault.strerror or str(fault)) from fault
    try:
        yield scratch
        for file in sorted(scratch.iterdir()):
            file.replace(folder / file.name)
    except OSError as fault:
        raise _unwritable(folder, fault.strerror or str(fault)) from fault
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
        for parent in made:
            _remove_if_empty(parent)


def write_text(path: Path, text: str) -> None:
    """Write a whole file under a temporary name and rename it; line ends are LF."""
    with staged(path.parent) as scratch:
        (scratch / path.name).write_text(text, encoding="utf-8", newline="\n")


def _remove_if_empty(folder: Path) -> None:
    if folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()


def _unwritable(folder: Path, reason: str) -> UsageError:
    return UsageError(
        f"cannot write into {folder}: {reason}",
        code="unwritable",
        hint="name another folder, as in --out results",
    )


def _explained(error: BullbearError) -> str:
    placed = [finding for finding in error.findings if str(finding.where)]
    if placed:
        return "\n".join(finding.pointed() for finding in placed)
    if len(error.findings) > 1:
        parts = [(finding.message, finding.hint) for finding in error.findings]
    else:
        parts = [(str(error).partition("\n  hint: ")[0], error.hint)]
    return "\n".join(
        f"error: {message}" + (f"\n  hint: {hint}" if hint else "") for message, hint in parts
    )


def _plain(value: Any) -> Any:
    """`value` in the types that JSON has."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, bool | str | int) or value is None:
        return value
    if isinstance(value, Path):
        return str(value)
    number = float(value)
    return number if math.isfinite(number) else None
