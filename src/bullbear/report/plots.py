"""The plots of runs as PNG files."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from bullbear.report import drawing
from bullbear.report.panels import Figure, figures

if TYPE_CHECKING:
    from bullbear.models.definition import ModelDefinition
    from bullbear.models.run import Run


def write_run_plots(
    runs: Mapping[str, Run],
    definition: ModelDefinition,
    out_dir: Path,
    units: Mapping[str, str] | None = None,
) -> list[Path]:
    """Draw the plots of a model file; a figure of its stocks where it names none.

    Parameters
    ----------
    runs
        Runs of one model by the name of their scenario; up to seven share a panel.
    definition
        Its plots say what is drawn.
    out_dir
        An existing folder; a file of it is replaced whole.
    units
        Units of variables by name, for a model without plots.

    Returns
    -------
    The files, named after the titles of the plots.

    Raises
    ------
    DataError
        If observed points cannot be read.
    """
    drawn = figures(runs, definition, units)
    return [drawing.save(figure, out_dir / name) for name, figure in _named(drawn)]


def file_name(title: str) -> str:
    """`Where the 11 M NMR are` is drawn into `where-the-11-m-nmr-are.png`."""
    return (re.sub(r"[^a-z0-9]+", "-", title.casefold()).strip("-") or "plot") + ".png"


def _named(drawn: list[Figure]) -> list[tuple[str, Figure]]:
    """Each figure with a name that no other has."""
    found: dict[str, Figure] = {}
    for figure in drawn:
        name, number = file_name(figure.title), 2
        while name in found:
            name, number = file_name(f"{figure.title} {number}"), number + 1
        found[name] = figure
    return list(found.items())
