"""Finished blocks of an ensemble as files, so that an interrupted one can go on."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import zipfile
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path

import numpy as np

from bullbear.errors import UsageError
from bullbear.models.ensemble import Part, Work
from bullbear.models.statistics import Statistics

FOLDER = "unfinished-blocks"
_LABEL = "ensemble.json"


class BlockStore:
    """The finished blocks of one ensemble, in a folder of their own within `out`.

    Every file appears whole or not at all: it is written under another name and renamed.
    """

    def __init__(self, out: Path, work: Work) -> None:
        self.folder = out / FOLDER
        self.count = len(work.blocks)
        self.label = {
            "fingerprint": work.plan.fingerprint,
            "engine": work.runner.engine,
            "blocks": self.count,
            "statistics": work.streaming,
        }

    def open(self, resume: bool) -> list[int]:
        """The blocks that are still to be done; what another ensemble left is thrown away.

        Raises
        ------
        UsageError
            If the ensemble is to be resumed, but what is there belongs to another one.
        """
        label = self.folder / _LABEL
        if resume and label.is_file():
            if self._read_label() != self.label:
                raise UsageError(
                    f"the blocks in {self.folder} belong to another ensemble", code="resume",
                    hint="ask for the same model, draws and outputs as before, or begin anew "
                    "without --resume",
                )  # fmt: skip
            return [index for index in range(self.count) if self._load(index) is None]
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        self._replace(label, lambda name: Path(name).write_text(json.dumps(self.label)))
        return list(range(self.count))

    def keep(self, index: int, part: Part) -> None:
        """Write one finished block."""
        arrays = {"events": part.events, "status": part.status}
        if part.values is not None:
            arrays["values"] = part.values
        if part.statistics is not None:
            arrays |= {
                f"statistics_{f.name}": np.asarray(getattr(part.statistics, f.name))
                for f in fields(Statistics)
            }

        def write(name: str) -> None:
            with Path(name).open("wb") as stream:
                np.savez(stream, **arrays)  # type: ignore[arg-type]

        self._replace(self._file(index), write)

    def __getitem__(self, index: int) -> Part:
        part = self._load(index)
        if part is None:
            raise UsageError(f"block {index} has vanished from {self.folder}", code="resume",
                             hint="go on with --resume")  # fmt: skip
        return part

    def close(self) -> None:
        """Everything has been put together; the blocks are no longer needed."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _file(self, index: int) -> Path:
        return self.folder / f"{index:06d}.npz"

    def _load(self, index: int) -> Part | None:
        """A block, or None where it is missing or damaged."""
        try:
            with np.load(self._file(index)) as arrays:
                found = {name: arrays[name] for name in arrays.files}
        except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile):
            return None
        head = "statistics_"
        parts = {n.removeprefix(head): a for n, a in found.items() if n.startswith(head)}
        statistics = None
        if parts:
            statistics = Statistics(**(parts | {"count": int(parts["count"])}))
        return Part(found.get("values"), statistics, found["events"], found["status"])

    def _read_label(self) -> object:
        try:
            return json.loads((self.folder / _LABEL).read_text())
        except (OSError, ValueError):
            return None

    def _replace(self, file: Path, write: Callable[[str], object]) -> None:
        handle, name = tempfile.mkstemp(prefix=".unfinished-", dir=self.folder)
        os.close(handle)
        try:
            write(name)
            Path(name).replace(file)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
