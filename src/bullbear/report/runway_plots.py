"""The picture of a runway: the share of draws in which an event has happened, and the outcomes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from bullbear.report.drawing import BAND_COLOURS, DPI, LINE_COLOURS, plain_style
from bullbear.report.runway import KNOWN, about

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from bullbear.analysis.runway import Prospect

NAME = "runway.png"
_ROOM = 6
"""A narrower part of a bar [%] has no number."""
_COLOURS = {"bull": BAND_COLOURS[6], "neither": BAND_COLOURS[1], "bear": BAND_COLOURS[3]}


def draw(prospects: Sequence[Prospect], title: str, start: float, folder: Path) -> None:
    """Draw `runway.png`: a panel for each event, below them a bar for each prospect."""
    from matplotlib.figure import Figure

    outcomes = any(prospect.outcomes for prospect in prospects)
    events = list(prospects[0].events)
    with plain_style():
        high = 0.5 * len(prospects) + 0.6 if outcomes else 0.0
        canvas = Figure(figsize=(8.5, 3.6 + 0.2 * len(prospects) + high), layout="constrained")
        ratios = [3.6 + 0.2 * len(prospects), high] if outcomes else [1.0]
        parts = canvas.subfigures(len(ratios), 1, squeeze=False, height_ratios=ratios)
        panels = parts[0, 0].subplots(1, len(events), squeeze=False, sharey=True)[0]
        for axes, event in zip(panels, events, strict=True):
            _curves(axes, prospects, event, start)
        panels[0].set_ylabel("share of draws [%]")
        parts[0, 0].legend(*panels[0].get_legend_handles_labels(), fontsize=7.5,
                           loc="outside upper left")  # fmt: skip
        if outcomes:
            _bars(parts[1, 0].subplots(), prospects)
        canvas.suptitle(title, fontweight="bold")
        canvas.savefig(folder / NAME, dpi=DPI, metadata={"Software": None})


def _curves(axes: Axes, prospects: Sequence[Prospect], event: str, start: float) -> None:
    """The share of draws in which an event has happened; of agreeing draws a dashed line."""
    shown = list(dict.fromkeys((p.scenario, p.belief.removesuffix(KNOWN)) for p in prospects))
    for prospect in prospects:
        curve = prospect.events[event]
        times = np.array([start, *curve.times, curve.horizon])
        gone = np.array([0.0, *(1 - curve.alive), curve.before(curve.horizon)])
        keep = times <= curve.horizon
        known = prospect.belief.endswith(KNOWN)
        number = shown.index((prospect.scenario, prospect.belief.removesuffix(KNOWN)))
        axes.step(times[keep], 100 * gone[keep], where="post", linewidth=1.6,
                  linestyle=(0, (4, 2)) if known else "-",
                  color=LINE_COLOURS[number % len(LINE_COLOURS)],
                  label=about(prospect))  # fmt: skip
    axes.set_ylim(0, 100)
    axes.set_title(event)


def _bars(axes: Axes, prospects: Sequence[Prospect]) -> None:
    places = np.arange(len(prospects), dtype=np.float64)[::-1]
    left = np.zeros(len(prospects))
    for name, colour in _COLOURS.items():
        shares = np.array([100 * p.outcomes[name].value for p in prospects])
        axes.barh(places, shares, left=left, color=colour, height=0.5, label=name)
        for place, share, begin in zip(places, shares, left, strict=True):
            if share >= _ROOM:
                axes.text(begin + share / 2, place, f"{share:.0f} %", ha="center", va="center",
                          fontsize=8)  # fmt: skip
        left += shares
    for place, prospect in zip(places, prospects, strict=True):
        axes.text(0, place + 0.28, about(prospect), fontsize=7.5, va="bottom")
    axes.set_yticks([])
    axes.set_xlim(0, 100)
    axes.set_ylim(-0.4, len(prospects) - 0.2)
    axes.grid(visible=False)
    axes.figure.legend(*axes.get_legend_handles_labels(), ncols=3, fontsize=8,
                       loc="outside lower left")  # fmt: skip
