"""Figures of a sensitivity study: tornado, indices over time, convergence."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from bullbear.report.drawing import DPI, INK, LINE_COLOURS, plain_style
from bullbear.report.sensitivity import CALLED, headline

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from bullbear.analysis.sensitivity import Result

BARS = 8
LINES = 6
MOST_PANELS = 9
SHARES = ("s1", "st", "shapley")
"""Indices that lie between 0 and 1."""
_ACROSS = 3
_WIDTHS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
"""Half widths at the axis of the convergence plot."""


def draw(result: Result, folder: Path) -> list[str]:
    """Draw what the result has; the names of the files, in the order of a report."""
    made = [("tornado.png", _tornado), ("over-time.png", _over_time),
            ("convergence.png", _convergence)]  # fmt: skip
    names = []
    with plain_style():
        for name, figure_of in made:
            figure = figure_of(result)
            if figure is not None:
                figure.savefig(folder / name, dpi=DPI, metadata={"Software": None})
                names.append(name)
    return names


def _canvas(count: int, high: float) -> tuple[Figure, list[Axes]]:
    from matplotlib.figure import Figure

    across = min(count, _ACROSS)
    down = -(-count // across)
    figure = Figure(figsize=(max(8.0, 4.2 * across), high * down + 0.5), layout="constrained")
    grid = list(figure.subplots(down, across, squeeze=False).flat)
    for unused in grid[count:]:
        unused.set_visible(False)
    return figure, grid[:count]


def _tornado(result: Result) -> Figure | None:
    """The inputs that drive each headline output most, with their intervals."""
    chosen = [c for c in headline(result) if result.order(c)][:MOST_PANELS]
    if not chosen:
        return None
    figure, grid = _canvas(len(chosen), 2.6)
    values = result.indices[result.judged]
    widths = result.indices.get(f"{result.judged}_conf")
    for axes, column in zip(grid, chosen, strict=True):
        order = result.order(column)[:BARS][::-1]
        places = np.arange(len(order))
        error = None if widths is None else widths[order, column]
        axes.barh(places, values[order, column], xerr=error, color=LINE_COLOURS[0], height=0.65,
                  error_kw={"elinewidth": 1.0, "ecolor": INK})  # fmt: skip
        axes.set_yticks(places, [result.inputs[i] for i in order], fontsize=7.5)
        axes.set_title(result.columns[column].label)
        axes.set_xlabel(CALLED[result.judged], fontsize=8)
        axes.axvline(0, color=INK, linewidth=0.7)
        axes.locator_params(axis="x", nbins=5)
        axes.grid(visible=False, axis="y")
    figure.suptitle(result.study.title, fontweight="bold")
    return figure


def _over_time(result: Result) -> Figure | None:
    """The judged index of the leading inputs over time, with intervals as bands."""
    outputs: dict[str, list[int]] = {}
    for i, column in enumerate(result.columns):
        if column.time is not None and result.varies[i]:
            outputs.setdefault(column.output, []).append(i)
    shown = {name: own for name, own in outputs.items() if len(own) > LINES - 1}
    if not shown:
        return None
    figure, grid = _canvas(len(shown), 3.4)
    for axes, (name, own) in zip(grid, shown.items(), strict=True):
        _course(axes, result, own)
        axes.set_title(name)
        if result.judged in SHARES:  # what is wider than this says only that it is not known
            low, high = axes.get_ylim()
            axes.set_ylim(max(low, -0.1), min(high, 1.2))
        axes.legend(fontsize=7, loc="upper center", bbox_to_anchor=(0.5, -0.12), ncols=2)
    grid[0].set_ylabel(CALLED[result.judged])
    figure.suptitle(result.study.title, fontweight="bold")
    return figure


def _course(axes: Axes, result: Result, own: list[int]) -> None:
    times = [float(result.columns[i].times[0]) for i in own]
    values = result.indices[result.judged][:, own]
    widths = result.indices.get(f"{result.judged}_conf")
    leading = np.argsort(-np.nanmean(np.abs(values), axis=1), kind="stable")[:LINES]
    for colour, i in zip(LINE_COLOURS, leading, strict=False):
        axes.plot(times, values[i], color=colour, linewidth=1.6, label=result.inputs[i])
        if widths is not None:
            width = widths[i, own]
            axes.fill_between(times, values[i] - width, values[i] + width, color=colour,
                              alpha=0.18, linewidth=0)  # fmt: skip


def _convergence(result: Result) -> Figure | None:
    """The widest interval of each headline output against the size of the base sample."""
    if len(result.stages) < 2:
        return None
    figure, (axes,) = _canvas(1, 3.6)
    sizes = [stage.n for stage in result.stages]
    for colour, column in zip(LINE_COLOURS, headline(result), strict=False):
        widths = [float(stage.width[column]) for stage in result.stages]
        axes.plot(sizes, widths, "o-", color=colour, markersize=4,
                  label=result.columns[column].label)  # fmt: skip
    axes.axhline(0.05, color=INK, linewidth=1.0, linestyle=(0, (3, 2)), label="enough")
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    axes.set_xticks(sizes, [str(size) for size in sizes])
    low, high = axes.get_ylim()
    ticks = [tick for tick in _WIDTHS if low <= tick <= high]
    axes.set_yticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.minorticks_off()
    axes.set_xlabel("points of the base sample")
    axes.set_ylabel(f"widest half width, {CALLED[result.judged]}")
    axes.legend(fontsize=7.5, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    figure.suptitle(result.study.title, fontweight="bold")
    return figure
