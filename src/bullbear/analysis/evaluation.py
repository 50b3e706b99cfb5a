"""Many runs for an analysis, piece by piece; what is finished is kept until all of it is."""

from __future__ import annotations

import hashlib
import json
import shutil
import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from bullbear.analysis.columns import Columns
from bullbear.errors import UsageError
from bullbear.models.ensemble import Options, Part, Work
from bullbear.models.plan import make_plan
from bullbear.models.varying import refuse_moving

if TYPE_CHECKING:
    from bullbear.models.model import Model

Array = npt.NDArray[np.float64]
FOLDER = "unfinished-study"
PIECE = 4096  # draws that are kept at a time
_LABEL = "study.json"


class Evaluation:
    """The outputs of a study at points of its inputs."""

    def __init__(
        self,
        model: Model,
        names: tuple[str, ...],
        columns: Columns,
        options: Options | None = None,
        watch: Callable[[int], None] = lambda _count: None,
    ) -> None:
        import pandas as pd

        refuse_moving(model.program, "a study")
        self.columns, self.watch = columns, watch
        self.options = replace(options or Options(), statistics=False)
        one = pd.DataFrame(np.zeros((1, len(names))), columns=list(names))
        self.plan = make_plan(model, one, columns.request)

    @property
    def fingerprint(self) -> str:
        """A hash of everything that decides the outputs at a point."""
        return self.plan.fingerprint + repr(self.columns.columns)

    def __call__(self, table: Array, first: int = 0) -> Array:
        """Outputs, shape (draw, column), NaN where a run failed.

        Parameters
        ----------
        table : constants, shape (draw, input), each in its unit
        first : number of the first draw, which decides its random streams
        """
        numbers = np.arange(first, first + len(table))
        if self.plan.batch.numbered:  # random streams read the number from the last column
            draws = np.column_stack([table, numbers])
        else:
            draws = np.ascontiguousarray(table)
        plan = replace(self.plan, draws=draws, numbers=numbers)
        found = np.empty((len(table), len(self.columns.columns)))

        with Work(plan, self.options) as work:

            def keep(index: int, part: Part) -> None:
                assert part.values is not None
                values = self.columns.of(
                    part.values, plan.times, plan.names, part.events, plan.events, plan.horizon
                )
                values[part.status != 0] = np.nan
                found[work.blocks[index]] = values
                self.watch(len(values))

            work.do(range(len(work.blocks)), keep)
        return found


def question_of(
    model: Model, scenarios: Iterable[str], files: Iterable[Path], *settings: object
) -> str:
    """A short hash of what was asked: of the model, the constants of scenarios, files but their
    comments, and settings.

    A report that bears another one is not of this question any more.
    """
    values = [sorted(model.values(scenario).items()) for scenario in scenarios]
    texts = [tomllib.loads(file.read_text(encoding="utf-8")) for file in files]
    asked = repr((model.hash, values, texts, settings))
    return hashlib.sha256(asked.encode()).hexdigest()[:12]


class Journal:
    """Finished pieces of an analysis as files, so that an interrupted one can go on."""

    def __init__(self, out: Path, label: str, resume: bool) -> None:
        self.folder = out / FOLDER
        digest = hashlib.sha256(label.encode()).hexdigest()
        file = self.folder / _LABEL
        if resume and file.is_file():
            if json.loads(file.read_text()) != digest:
                raise UsageError(
                    f"what is unfinished in {self.folder} belongs to another study",
                    code="resume",
                    hint="ask for the same as before, or begin anew without --resume",
                )  # fmt: skip
            return
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        file.write_text(json.dumps(digest))

    def piece(self, key: str, make: Callable[[], Mapping[str, Array]]) -> Mapping[str, Array]:
        """The arrays of a piece: from its file, or made now and kept."""
        file = self.folder / f"{key}.npz"
        if file.is_file():
            with np.load(file) as arrays:
                return {name: arrays[name] for name in arrays.files}
        found = make()
        unfinished = file.with_suffix(".unfinished")
        with unfinished.open("wb") as stream:
            np.savez(stream, **found)  # type: ignore[arg-type]
        unfinished.replace(file)
        return found

    def outputs(self, evaluation: Evaluation, table: Array, key: str) -> Array:
        """Outputs at all points of `table`, shape (draw, column), piece by piece."""
        parts = []
        for low in range(0, len(table), PIECE):

            def make(some: Array = table[low : low + PIECE], low: int = low) -> dict[str, Array]:
                return {"values": evaluation(some, low)}

            parts.append(self.piece(f"{key}-{low}", make)["values"])
        return np.concatenate(parts)

    def close(self) -> None:
        """The results are written; the pieces are no longer needed."""
        shutil.rmtree(self.folder, ignore_errors=True)
