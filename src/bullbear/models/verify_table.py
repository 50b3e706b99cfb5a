"""Results of a model that only PySD reads, beside those of another program.

Nothing is known of the equations here, so variables stand in the order in which they depart and
no experiment can say why.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from bullbear.errors import UsageError
from bullbear.models.causes import UNKNOWN, Cause
from bullbear.models.reference import Series, key_of, read_reference
from bullbear.models.verify import RTOL, Verification, difference

if TYPE_CHECKING:
    import pandas as pd


def verify_table(
    name: str, results: pd.DataFrame, against: Path, rtol: float = RTOL
) -> Verification:
    """Compare a table of results with a reference, at the times that both have.

    Raises
    ------
    DataError
        If the reference cannot be read.
    UsageError
        If the two have no time in common.
    """
    reference = read_reference(against)
    columns = {key_of(str(column)): str(column) for column in results.columns}
    pairs: dict[str, Series] = {
        columns[key]: series for key, series in reference.series.items() if key in columns
    }
    missing = [s.name for key, s in reference.series.items() if key not in columns]
    own = np.asarray(results.index, dtype=np.float64)
    nearest = np.abs(own[:, None] - reference.times[None, :]).argmin(axis=0)
    gap = np.abs(own[nearest] - reference.times)
    rows = np.flatnonzero(gap <= reference.resolution / 2 + 1e-9 * np.maximum(1.0, np.abs(gap)))
    if not rows.size:
        raise UsageError("the reference and the run have no time in common",
                         code="no-common-time", hint="is it a run of this model?")  # fmt: skip
    times = reference.times[rows]
    found = [
        difference(series, rows, times, column, results[column].to_numpy(np.float64)[nearest[rows]],
                   rtol)
        for column, series in pairs.items()
    ]  # fmt: skip
    differing = sorted((d for d in found if d is not None), key=lambda d: d.first_time)
    text = "PySD runs this file, and bullbear knows nothing of its equations"
    return Verification(
        name, against, rtol, list(pairs), missing, differing,
        (float(times[0]), float(times[-1]), len(times)), len(reference.times) - len(times),
        Cause(UNKNOWN, text, False, ()) if differing else None,
    )  # fmt: skip
