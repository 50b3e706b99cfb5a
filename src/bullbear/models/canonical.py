"""The canonical run of a model, kept beside it: what it computed when somebody last agreed to it.

One line per variable, so that the history of the file shows which variables a change has moved.
It is written by `bullbear diff --rewrite`, never by hand.
"""

from __future__ import annotations

import csv
import io
from pathlib import Path

import numpy as np

from bullbear.errors import UsageError
from bullbear.models.model import Model
from bullbear.models.verify import Verification, verify

FOLDER = "canonical"
DIGITS = 10
RTOL = 1e-8
"""Two kinds of machines agree better than this, and edits of a model seldom do."""


def canonical_path(model: Model) -> Path:
    """Where the canonical run of a model stands, or would stand.

    Raises
    ------
    UsageError
        For a foreign file, which has no folder of its own.
    """
    path = model.definition.path
    if path.suffix.lower() != ".toml":
        raise UsageError(f"{path} is no model file of ours and has no canonical run",
                         code="no-canonical", hint="name a model under models/")  # fmt: skip
    return path.parent / FOLDER / f"{model.name}.csv"


def canonical_text(model: Model) -> str:
    """The canonical run as CSV: what is computed, once a time unit and at the end."""
    results = model.run(model.definition.canonical).results
    times = np.asarray(results.index, dtype=np.float64)
    whole = np.isclose((times - times[0]) % 1.0, 0.0) | (times == times[-1])
    given = model.program.parameter_index()
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(["time", *(f"{time:.{DIGITS}g}" for time in times[whole])])
    for name in results.columns:
        if name not in given:
            values = results[name].to_numpy()[whole].tolist()
            writer.writerow([name, *(f"{value:.{DIGITS}g}" for value in values)])
    return buffer.getvalue()


def check_canonical(model: Model) -> Verification:
    """The model beside its canonical run.

    Raises
    ------
    DataError
        If there is none.
    """
    return verify(model, canonical_path(model), RTOL)
