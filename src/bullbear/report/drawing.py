"""From panels to pictures; matplotlib is imported only when something is drawn."""

from __future__ import annotations

import math
import textwrap
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from bullbear.report.numbers import named_with_unit, tick, unit_label
from bullbear.report.panels import JUDGEMENT, Array, Figure, Line, Panel

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Canvas

# Okabe and Ito (2008), "Color Universal Design": told apart with any colour vision.
LINE_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#444444")
# Paul Tol, "Colour schemes" (2021), the light scheme: made for filled areas.
BAND_COLOURS = ("#77AADD", "#DDDDDD", "#EEDD88", "#EE8866", "#99DDFF", "#FFAABB", "#44BB99",
                "#BBCC33", "#AAAA00")  # fmt: skip
FAINT = "#C4C4C4"
INK = "#262626"
STYLE = {
    "font.family": "DejaVu Sans",
    "font.size": 9.5,
    "text.parse_math": False,  # a unit of $ is money, not a formula
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": "#7A7A7A",
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "grid.color": "#E4E4E4",
    "grid.linewidth": 0.7,
    "axes.axisbelow": True,
    "axes.titlesize": 9.5,
    "axes.titlelocation": "left",
    "legend.frameon": False,
    "legend.handlelength": 1.6,
    "legend.columnspacing": 1.6,
}
DPI = 150
DECADES = 6
"""A logarithmic axis shows at most so many; what is lower leaves it at the bottom."""
FEW_POINTS = 40
"""Up to so many observed points show their ranges."""


CHARACTERS = 11
"""Characters of a panel's title per inch."""
HEADROOM = 1.1
"""Room above stacked bands, over their height, where moments are named."""


@contextmanager
def plain_style() -> Iterator[None]:
    """Our style on matplotlib's defaults, whatever the user's own settings are."""
    import matplotlib

    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        with matplotlib.rc_context(cast(Any, STYLE)):
            yield


def save(figure: Figure, path: Path, columns: int | None = None) -> Path:
    """Draw a figure into a PNG file, which appears whole or not at all.

    The file keeps the digest of the figure as its `Source`, by which a stale picture is found.

    Parameters
    ----------
    columns
        Panels beside each other; by default as many as look well.
    """
    with plain_style(), warnings.catch_warnings():
        # Names in a script that the font lacks are drawn as boxes; the numbers are all there.
        warnings.filterwarnings("ignore", message="Glyph .* missing")
        canvas = _draw(figure, columns)
        unfinished = path.with_name(f".{path.name}.unfinished")
        try:
            canvas.savefig(
                unfinished,
                format="png",
                dpi=DPI,
                metadata={"Software": None, "Source": figure.digest()},
            )
            unfinished.replace(path)
        finally:
            unfinished.unlink(missing_ok=True)
    return path


def _draw(figure: Figure, columns: int | None) -> Canvas:
    from matplotlib.figure import Figure as Canvas

    count = len(figure.panels)
    across = columns or _across(count)
    down = math.ceil(count / across)
    width, height = _size(across, down)
    canvas = Canvas(figsize=(width, height), layout="constrained")
    grid = list(canvas.subplots(down, across, squeeze=False).flat)
    for unused in grid[count:]:
        unused.set_visible(False)
    for position, (axes, panel) in enumerate(zip(grid, figure.panels, strict=False)):
        _panel(axes, panel, count > 1)
        _vertical(axes, figure.panels if figure.shared else (panel,))
        lowest, leftmost = position + across >= count, position % across == 0
        axes.tick_params(
            labelbottom=lowest or not figure.shared, labelleft=leftmost or not figure.shared
        )
        axes.set_xlabel(figure.time_unit if lowest else "")
        axes.set_ylabel(unit_label(panel.unit) if figure.shared and leftmost else "")
        title = panel.title if figure.shared else named_with_unit(panel.title, panel.unit)
        axes.set_title(_folded(title, width / across))
    _head(canvas, figure.title, grid, width)
    return canvas


def _folded(title: str, width: float) -> str:
    """A title on as many lines as `width` [inch] asks for."""
    return textwrap.fill(
        title, int(CHARACTERS * width), break_long_words=False, break_on_hyphens=False
    )


def _across(count: int) -> int:
    """How many panels stand beside each other."""
    return {1: 1, 2: 2, 3: 3, 4: 2}.get(count, 3 if count <= 6 else 4 if count <= 16 else 5)


def _size(across: int, down: int) -> tuple[float, float]:
    """Width and height [inch] of a figure."""
    wide = 8.0 if across == 1 else 3.2 if across <= 3 else 2.6
    high = 3.6 if down == 1 and across == 1 else 2.6 if down < 4 else 2.0
    return max(8.0, wide * across), 1.0 + high * down


def _panel(axes: Axes, panel: Panel, several: bool) -> None:
    from matplotlib.ticker import MaxNLocator

    times = panel.lines[0].times
    if panel.stacked:
        _bands(axes, panel)
    else:
        _curves(axes, panel)
    _observed(axes, panel)
    if panel.limit is not None:
        axes.axhline(panel.limit, color=INK, linewidth=1.0, label=f"limit {tick(panel.limit)}")
    for name, time in panel.moments:
        _moment(axes, name, time, times)
    axes.set_xlim(float(times[0]), float(times[-1]))
    axes.xaxis.set_major_locator(MaxNLocator(4 if several else 9, steps=[1, 2, 5, 10]))


def _bands(axes: Axes, panel: Panel) -> None:
    colours = [BAND_COLOURS[line.colour or 0] for line in panel.lines]
    axes.stackplot(
        panel.lines[0].times,
        [line.values for line in panel.lines],
        labels=[_label(line) for line in panel.lines],
        colors=colours,
        edgecolor="white",
        linewidth=0.4,
    )


def _curves(axes: Axes, panel: Panel) -> None:
    """Lines; the first named is drawn last, so that it lies on top where runs agree."""
    total = len(panel.lines)
    for rank, line in enumerate(panel.lines):
        faint = line.colour is None
        axes.plot(
            line.times, line.values, label=_label(line), linewidth=0.7 if faint else 1.8,
            color=FAINT if line.colour is None else LINE_COLOURS[line.colour],
            zorder=2 if faint else 3 + (total - rank) / total,
        )  # fmt: skip


def _label(line: Line) -> str:
    """The label of a line; matplotlib leaves labels that begin with _ out of a legend."""
    return f" {line.label}" if line.label.startswith("_") else line.label


def _observed(axes: Axes, panel: Panel) -> None:
    """Observed points: filled where somebody published them, hollow where they are a judgement."""
    points = panel.points
    for hollow in (False, True):
        some = [point for point in points if (point.source == JUDGEMENT) == hollow]
        if not some:
            continue
        times, values = [p.time for p in some], np.array([p.value for p in some])
        if len(points) <= FEW_POINTS:
            low = np.array([p.value if p.lower is None else p.lower for p in some])
            high = np.array([p.value if p.upper is None else p.upper for p in some])
            axes.vlines(times, low, high, color=INK, linewidth=0.8, zorder=4.5)
        axes.plot(
            times, values, "o", markersize=4 if len(points) <= FEW_POINTS else 2.2,
            color=INK, markerfacecolor="white" if hollow else INK, markeredgewidth=0.8,
            linestyle="none", label="judgement" if hollow else "observed", zorder=5,
        )  # fmt: skip


def _moment(axes: Axes, name: str, time: float, times: Array) -> None:
    """An upright line with its name at the top, on the side that has room."""
    left = time > (times[0] + times[-1]) / 2
    axes.axvline(time, color=INK, linewidth=0.9, linestyle=(0, (3, 2)))
    axes.annotate(
        name, (time, 0.985), xycoords=("data", "axes fraction"), textcoords="offset points",
        xytext=(-3 if left else 3, 0), ha="right" if left else "left", va="top", fontsize=8,
    )  # fmt: skip


def _vertical(axes: Axes, panels: Sequence[Panel]) -> None:
    """Limits and ticks of an upright axis on which all of `panels` fit."""
    from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

    values = np.concatenate([_heights(panel) for panel in panels])
    low, high = float(values.min()), float(values.max())
    if panels[0].stacked:
        axes.set_ylim(0, high * HEADROOM)
        axes.set_yticks([y for y in MaxNLocator(6).tick_values(0, high) if 0 <= y <= high])
    elif panels[0].log and high > 0:
        low = max(float(values[values > 0].min()), high * 10.0**-DECADES)
        axes.set_yscale("log")
        axes.set_ylim(low / 1.25, high * 1.25)
        wide = math.log10(high / low) > 2.5
        axes.yaxis.set_major_locator(LogLocator(subs=(1.0,) if wide else (1.0, 2.0, 5.0)))
        axes.yaxis.set_minor_locator(NullLocator())
    else:
        margin = 0.05 * (high - min(low, 0.0)) or 1.0
        axes.set_ylim(min(low - margin, 0.0) if low < 0 else 0.0, high + margin)
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: tick(value)))


def _heights(panel: Panel) -> Array:
    """All finite values that a panel shows."""
    curves = [line.values for line in panel.lines]
    shown = [np.sum(curves, axis=0)] if panel.stacked else curves
    levels = [point.value for point in panel.points]
    levels += [] if panel.limit is None else [panel.limit]
    values = np.concatenate([*shown, np.array(levels)])
    finite: Array = values[np.isfinite(values)]
    return finite


def _head(canvas: Canvas, title: str, all_axes: Sequence[Axes], width: float) -> None:
    """The title, and below it one legend of everything that is named: it covers no data."""
    found: dict[str, Any] = {}
    for axes in all_axes:
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True):
            found.setdefault(label, handle)
    longest = max(map(len, found), default=0)
    columns = max(1, min(int(width * CHARACTERS / (longest + 6)), len(found)))
    # A legend fills its columns one after the other; people read along the lines.
    labels = [label for first in range(columns) for label in list(found)[first::columns]]
    canvas.legend(
        [found[label] for label in labels],
        labels,
        loc="outside upper left",
        ncols=columns,
        title=title,
        alignment="left",
        borderaxespad=0.2,
        title_fontproperties={"size": 12.5, "weight": "bold"},
    )
