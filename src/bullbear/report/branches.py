"""Branches of equilibria as a picture: solid where they are stable, broken where they are not.

Of those that are not, some are the centre of swings that grow, others an edge between two ends.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from bullbear.report.drawing import DPI, INK, LINE_COLOURS, plain_style
from bullbear.report.numbers import tick

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from bullbear.analysis.branches import Diagram
    from bullbear.analysis.continuation import Branch, Point
    from bullbear.analysis.folds import FoldMap
    from bullbear.analysis.rest import Rested

MOST_PANELS = 6
SOLID, DASHED, DOTTED = "-", (0, (4, 2)), (0, (1, 1.5))
LOOKS = {
    "stable": (LINE_COLOURS[0], SOLID),
    "not stable, swings grow": (LINE_COLOURS[0], DOTTED),
    "not stable, an edge": (LINE_COLOURS[1], DASHED),
}
MARKS = {"fold": "s", "hopf": "o", "branch": "D"}


def branch_table(diagram: Diagram) -> pd.DataFrame:
    """Every point of every branch: the constant, its kind, and all states."""
    import pandas as pd

    rows = [
        (number, point.parameter, point.stability.kind,
         float(point.stability.eigenvalues[0].real), *map(float, point.states))
        for number, branch in enumerate(diagram.branches, start=1)
        for point in branch.points
    ]  # fmt: skip
    columns = ["branch", diagram.parameter, "kind", "largest real part", *diagram.names]
    return pd.DataFrame(rows, columns=columns)


def fold_table(found: FoldMap) -> pd.DataFrame:
    """Every point of every line of folds: both constants and all states; cusps stand apart."""
    import pandas as pd

    rows = [
        (number, kind, point.across, point.along, *map(float, point.states))
        for number, line in enumerate(found.lines, start=1)
        for kind, points in (("fold", line.points), ("cusp", line.cusps))
        for point in points
    ]
    columns = ["line", "kind", found.across, found.along, *found.names]
    return pd.DataFrame(rows, columns=columns)


def draw_folds(found: FoldMap, path: Path) -> Path:
    """Draw lines of folds in the plane of their two constants into a PNG file."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import FuncFormatter

    with plain_style():
        canvas = Figure(figsize=(6.4, 4.6), layout="constrained")
        axes = canvas.subplots()
        for line in found.lines:
            axes.plot([p.along for p in line.points], [p.across for p in line.points],
                      color=LINE_COLOURS[1], linewidth=1.8, label="fold")  # fmt: skip
        for cusp in found.cusps:
            axes.plot([cusp.along], [cusp.across], MARKS["branch"], color=INK,
                      markerfacecolor="white", markersize=7, label="cusp", zorder=5)  # fmt: skip
        axes.set_xlim(*found.bounds)
        axes.set_ylim(*found.span)
        axes.set_xlabel(found.along)
        axes.set_ylabel(found.across)
        for ruler in (axes.xaxis, axes.yaxis):
            ruler.set_major_formatter(FuncFormatter(lambda value, _: tick(value)))
        handles = dict(reversed(pair) for pair in zip(*axes.get_legend_handles_labels(),
                                                      strict=True))  # fmt: skip
        canvas.legend(list(handles.values()), list(handles), loc="outside upper left", ncols=2,
                      title="Where states of rest meet and vanish", alignment="left")  # fmt: skip
        canvas.savefig(path, format="png", dpi=DPI, metadata={"Software": None})
    return path


def draw_rest(found: Rested, path: Path, drawn: str) -> Path:
    """Draw late means over their constant into a PNG file, with the range of the draws.

    Parameters
    ----------
    drawn : where the draws come from, as the caption says it
    """
    from matplotlib.figure import Figure
    from matplotlib.ticker import FuncFormatter

    rest = found.rest
    across = min(3, len(rest.variables))
    down = -(-len(rest.variables) // across)
    with plain_style():
        canvas = Figure(figsize=(3.2 * across + 0.6, 1.2 + 2.5 * down), layout="constrained")
        panels = list(canvas.subplots(down, across, squeeze=False).flat)
        for place, (axes, name) in enumerate(zip(panels, rest.variables, strict=False)):
            low, middle, high = found.quantiles[:, :, place]
            axes.fill_between(rest.values, low, high, color=LINE_COLOURS[0], alpha=0.18,
                              linewidth=0, label=f"5 to 95 % of {drawn} draws")  # fmt: skip
            axes.plot(rest.values, middle, color=LINE_COLOURS[0], linestyle=DASHED, linewidth=1.4,
                      label=f"median of {drawn} draws")  # fmt: skip
            axes.plot(rest.values, found.means[name], "o-", color=INK, linewidth=1.6,
                      markersize=3.5, label="model's constants")  # fmt: skip
            axes.set_title(name)
            axes.set_xlabel(rest.over)
            axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: tick(value)))
        for unused in panels[len(rest.variables) :]:
            unused.set_visible(False)
        handles, labels = panels[0].get_legend_handles_labels()
        canvas.legend(handles, labels, loc="outside upper left", ncols=3, title=rest.title,
                      alignment="left",
                      title_fontproperties={"size": 12.5, "weight": "bold"})  # fmt: skip
        canvas.savefig(path, format="png", dpi=DPI, metadata={"Software": None})
    return path


def draw_branches(diagram: Diagram, path: Path, states: Sequence[str] | None = None) -> Path:
    """Draw the branches over the constant into a PNG file, one panel per state.

    Parameters
    ----------
    states : which ones; by default the first six stocks that have names of their own
    """
    from matplotlib.figure import Figure
    from matplotlib.ticker import FuncFormatter

    shown = list(states or [name for name in diagram.names if "#" not in name][:MOST_PANELS])
    across = min(3, len(shown))
    down = -(-len(shown) // across)
    with plain_style():
        canvas = Figure(figsize=(max(6.0, 3.2 * across), 1.0 + 2.6 * down), layout="constrained")
        panels = list(canvas.subplots(down, across, squeeze=False).flat)
        for axes, name in zip(panels, shown, strict=False):
            _panel(axes, diagram, diagram.names.index(name))
            axes.set_title(name)
            axes.set_xlabel(diagram.parameter)
            axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: tick(value)))
        for unused in panels[len(shown) :]:
            unused.set_visible(False)
        handles = dict(reversed(pair) for axes in panels[: len(shown)] for pair in
                       zip(*axes.get_legend_handles_labels(), strict=True))  # fmt: skip
        canvas.legend(list(handles.values()), list(handles), loc="outside upper left", ncols=5)
        canvas.savefig(path, format="png", dpi=DPI, metadata={"Software": None})
    return path


def _panel(axes: Axes, diagram: Diagram, place: int) -> None:
    for branch in diagram.branches:
        for kind, parameters, values in _pieces(branch, place):
            colour, style = LOOKS[kind]
            axes.plot(parameters, values, color=colour, linewidth=1.8, linestyle=style, label=kind)
    for point in diagram.special:
        axes.plot(
            [point.parameter], [point.states[place]], MARKS[point.kind], color=INK,
            markerfacecolor="white", markersize=6, label=point.kind, zorder=5,
        )  # fmt: skip
    axes.set_xlim(diagram.low, diagram.high)


def _pieces(branch: Branch, place: int) -> list[tuple[str, list[float], list[float]]]:
    """Runs of points of one kind; each begins where the one before ends."""
    pieces: list[tuple[str, list[float], list[float]]] = []
    for point in branch.points:
        value, kind = float(np.asarray(point.states)[place]), _kind(point)
        if not pieces or pieces[-1][0] != kind:
            before = pieces[-1] if pieces else None
            pieces.append((kind, [], []))
            if before is not None:
                pieces[-1][1].append(before[1][-1])
                pieces[-1][2].append(before[2][-1])
        pieces[-1][1].append(point.parameter)
        pieces[-1][2].append(value)
    return pieces


def _kind(point: Point) -> str:
    """How a state of rest is drawn: a growing mode without swings makes it an edge."""
    if point.stability.stable:
        return "stable"
    growing = point.stability.eigenvalues[point.stability.eigenvalues.real > 0]
    edge = bool((growing.imag == 0).any())
    return "not stable, an edge" if edge else "not stable, swings grow"
