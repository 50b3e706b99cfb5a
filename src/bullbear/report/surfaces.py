"""A tipping surface as a picture: what survives, the boundary, and the draws around it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from bullbear.report.drawing import DPI, INK, LINE_COLOURS, plain_style
from bullbear.report.numbers import tick

if TYPE_CHECKING:
    from bullbear.analysis.tipping import Map

SURVIVES, GONE = "#CFE6F5", "#F6D9C8"


def draw_surface(found: Map, path: Path) -> Path:
    """Draw a surface into a PNG file: cells, boundary, and quartiles of the draws' boundaries."""
    from matplotlib.colors import ListedColormap
    from matplotlib.figure import Figure
    from matplotlib.patches import Patch
    from matplotlib.ticker import FuncFormatter

    axis_x, axis_y = found.surface.x, found.surface.y
    with plain_style():
        canvas = Figure(figsize=(7.2, 5.0), layout="constrained")
        axes = canvas.subplots()
        axes.pcolormesh(
            found.x, found.y, found.alive, cmap=ListedColormap([GONE, SURVIVES]), vmin=0, vmax=1
        )
        shown = np.where(np.isfinite(found.boundary.values), found.boundary.values, np.nan)
        (line,) = axes.plot(shown, found.y, color=INK, linewidth=1.8)
        handles = [Patch(color=SURVIVES), Patch(color=GONE), line]
        labels = ["survives", "does not", "boundary"]
        for share, style in ((0.25, (0, (1, 2))), (0.5, (0, (4, 2)))):
            border = np.quantile(found.draws, share, axis=1, method="nearest")
            inside = np.where(np.isfinite(border), border, np.nan)
            if np.isfinite(inside).any():
                (drawn,) = axes.plot(inside, found.at, color=LINE_COLOURS[1], linestyle=style)
                handles.append(drawn)
                labels.append(f"{round(100 * share)} % of prior draws survive right of it")
        axes.set_xlim(axis_x.low, axis_x.high)
        axes.set_ylim(axis_y.low, axis_y.high)
        axes.grid(False)
        axes.set_xlabel(axis_x.name)
        axes.set_ylabel(axis_y.name)
        for ruler in (axes.xaxis, axes.yaxis):
            ruler.set_major_formatter(FuncFormatter(lambda value, _: tick(value)))
        canvas.legend(
            handles, labels, loc="outside upper left", ncols=3, title=found.surface.title,
            alignment="left", title_fontproperties={"size": 12.5, "weight": "bold"},
        )  # fmt: skip
        canvas.savefig(path, format="png", dpi=DPI, metadata={"Software": None})
    return path
