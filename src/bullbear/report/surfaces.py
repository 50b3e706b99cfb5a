"""A tipping surface as a picture: the share of draws that survive, and the boundary."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bullbear.report.drawing import DPI, INK, LINE_COLOURS, plain_style
from bullbear.report.numbers import tick

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from bullbear.analysis.folds import FoldMap
    from bullbear.analysis.tipping import Map

SURVIVES, GONE = "#9CCBEA", "#F3C7AE"
LEVELS = ((0.05, (0, (1, 2))), (0.5, (0, (4, 2))), (0.95, (0, (6, 1, 1, 1))))


def draw_surface(
    found: Map, path: Path, drawn: str = "prior", folds: FoldMap | None = None
) -> Path:
    """Draw a surface into a PNG file.

    The colour of a cell is the share of draws that survive, lines of one share above it; the
    boundary with the model's own constants, undecided cells, the line of folds and the place
    of the scenario are marked.

    Parameters
    ----------
    drawn : where the draws come from, as the caption says it
    folds : lines of folds in the same plane
    """
    from matplotlib.colors import LinearSegmentedColormap
    from matplotlib.figure import Figure
    from matplotlib.ticker import FuncFormatter

    axis_x, axis_y = found.surface.x, found.surface.y
    with plain_style():
        canvas = Figure(figsize=(7.2, 5.4), layout="constrained")
        axes = canvas.subplots()
        shades = LinearSegmentedColormap.from_list("share", [GONE, "#FFFFFF", SURVIVES])
        cells = axes.pcolormesh(found.x, found.y, found.share, cmap=shades, vmin=0, vmax=1)
        bar = canvas.colorbar(cells, ax=axes, format=lambda value, _: f"{value:.0%}")
        bar.set_label(f"share of {drawn} draws that survive")
        handles = _lines(axes, found) + _marks(axes, found, folds)
        axes.set_xlim(axis_x.low, axis_x.high)
        axes.set_ylim(axis_y.low, axis_y.high)
        axes.grid(False)
        axes.set_xlabel(axis_x.name)
        axes.set_ylabel(axis_y.name)
        for ruler in (axes.xaxis, axes.yaxis):
            ruler.set_major_formatter(FuncFormatter(lambda value, _: tick(value)))
        canvas.legend(
            [handle for handle, _ in handles], [label for _, label in handles],
            loc="outside upper left", ncols=3, title=found.surface.title, alignment="left",
            title_fontproperties={"size": 12.5, "weight": "bold"},
        )  # fmt: skip
        canvas.savefig(path, format="png", dpi=DPI, metadata={"Software": None})
    return path


def _lines(axes: Axes, found: Map) -> list[tuple[Any, str]]:
    """The boundary, and lines on which the same share of draws survives."""
    handles: list[tuple[Any, str]] = []
    shown = np.where(np.isfinite(found.boundary.values), found.boundary.values, np.nan)
    if np.isfinite(shown).any():
        (line,) = axes.plot(shown, found.y, color=INK, linewidth=2.0)
        handles.append((line, "boundary, model's constants"))
    for level, style in LEVELS:
        if found.share.min() < level < found.share.max():
            drawn = axes.contour(
                found.x, found.y, found.share, levels=[level], colors=[LINE_COLOURS[1]],
                linestyles=[style], linewidths=1.2,
            )  # fmt: skip
            handles.append((drawn.legend_elements()[0][0], f"{level:.0%} of draws"))
    return handles


def _marks(axes: Axes, found: Map, folds: FoldMap | None) -> list[tuple[Any, str]]:
    """Undecided cells, the line of folds, and the place of the scenario."""
    handles: list[tuple[Any, str]] = []
    if found.undecided.any():
        rows, columns = np.nonzero(found.undecided)
        (dots,) = axes.plot(found.x[columns], found.y[rows], "x", color=INK, markersize=4)
        handles.append((dots, "undecided"))
    for line in folds.lines if folds is not None else ():
        (drawn,) = axes.plot(
            [p.along for p in line.points], [p.across for p in line.points],
            color=LINE_COLOURS[2], linewidth=1.6, linestyle=(0, (2, 1)),
        )  # fmt: skip
        if not any(label == "fold" for _, label in handles):
            handles.append((drawn, "fold"))
    x, y = found.today
    if found.surface.x.low <= x <= found.surface.x.high:
        (place,) = axes.plot([x], [y], "o", color=INK, markerfacecolor="white", markersize=7,
                             clip_on=False, zorder=6)  # fmt: skip
        handles.append((place, "the scenario"))
    return handles
