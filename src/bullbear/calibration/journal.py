"""What a long fit has done so far, so that an interrupted one can go on."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from bullbear.calibration.objective import Objective
from bullbear.errors import DataError, Where

FILE = ".unfinished.jsonl"


class Journal:
    """Lines of JSON: first the fingerprint of the work, then one finished piece per line."""

    def __init__(self, folder: Path, fingerprint: str, resume: bool) -> None:
        self.path = folder / FILE
        self._known: dict[tuple[str, str], Any] = {}
        if resume and self.path.is_file():
            self._read(fingerprint)
            return
        folder.mkdir(parents=True, exist_ok=True)
        self.path.write_text(json.dumps({"fingerprint": fingerprint}) + "\n", encoding="utf-8")

    def get(self, phase: str, key: object) -> Any:
        """A finished piece, None if it is missing."""
        return self._known.get((phase, str(key)))

    def of(self, phase: str) -> Iterator[tuple[str, Any]]:
        """Keys and finished pieces of a phase."""
        for (name, key), value in self._known.items():
            if name == phase:
                yield key, value

    def put(self, phase: str, key: object, value: object) -> None:
        """Keep a finished piece, at once."""
        self._known[phase, str(key)] = value
        with self.path.open("a", encoding="utf-8") as stream:
            stream.write(json.dumps({"phase": phase, "key": str(key), "value": value}) + "\n")

    def close(self) -> None:
        """The work is done: nothing is left to go on with."""
        self.path.unlink(missing_ok=True)

    def _read(self, fingerprint: str) -> None:
        lines = self.path.read_text(encoding="utf-8", errors="replace").splitlines()
        for number, line in enumerate(lines, start=1):
            try:
                entry = json.loads(line)
                if number == 1:
                    same = entry["fingerprint"] == fingerprint
                else:
                    self._known[entry["phase"], entry["key"]] = entry["value"]
            except (ValueError, KeyError, TypeError):
                if number == len(lines) > 1:
                    # the interruption cut the last line; that piece is done again
                    self.path.write_text("\n".join(lines[:-1]) + "\n", encoding="utf-8")
                    return
                raise self._fault("this is no record of a fit", number) from None
            if number == 1 and not same:
                raise self._fault("this record belongs to another problem, model or seed", number)

    def _fault(self, message: str, line: int) -> DataError:
        return DataError(
            message, code="resume", where=Where(str(self.path), line),
            hint="leave out --resume to begin anew",
        )  # fmt: skip


def fingerprint(objective: Objective, settings: Mapping[str, object]) -> str:
    """A hash of everything that decides the results of a fit."""
    model, problem = objective.model, objective.problem
    text = [
        model.hash,
        problem.model_dump_json(),
        json.dumps(dict(settings), sort_keys=True),
        repr(sorted(model.values(problem.scenario).items())),
        repr([(t.series, t.row.time, t.row.value, t.scale) for t in objective.targets]),
        repr([array.tolist() for array in (objective.starts, *objective.space.bounds)]),
    ]
    return hashlib.sha256("\n".join(text).encode()).hexdigest()[:16]
