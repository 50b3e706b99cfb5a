"""Which files a model is made of, and whether one of them has changed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from bullbear.models.workspace import FOLDERS, ModelFile

_READ = (".mdl", ".toml", ".csv", ".tab", ".xlsx")
Stamps = Mapping[Path, tuple[int, int]]


def stamps(file: ModelFile) -> Stamps:
    """Every file that the model may read -> when it was changed [ns], and its size [bytes]."""
    found = {}
    for path in _files(file):
        try:
            status = path.stat()
        except OSError:
            continue  # an editor is just replacing it
        found[path] = (status.st_mtime_ns, status.st_size)
    return found


def changed(before: Stamps, after: Stamps) -> list[Path]:
    """Files that are new, gone or different."""
    paths = dict.fromkeys((*before, *after))
    return [path for path in paths if before.get(path) != after.get(path)]


def _files(file: ModelFile) -> Iterator[Path]:
    """The folders of a workspace; for a foreign file, those of its own folder."""
    if file.foreign:
        yield from (p for p in file.path.parent.iterdir() if p.suffix.lower() in _READ)
        return
    root = file.path.resolve().parent.parent
    for folder in FOLDERS:
        yield from (p for p in (root / folder).rglob("*") if p.suffix.lower() in _READ)
