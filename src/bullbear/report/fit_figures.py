"""Figures of a fit: history against fit, pulls, constants before and after, and the waterfall."""

from __future__ import annotations

from pathlib import Path
from textwrap import fill
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from bullbear.calibration.backtest import linear_bands
from bullbear.calibration.fit import Fit
from bullbear.calibration.profile import RISE
from bullbear.report.drawing import DPI, FAINT, LINE_COLOURS, plain_style
from bullbear.report.numbers import short

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Array = npt.NDArray[np.float64]
_ACROSS = 3
_WRAPPED = 26  # letters of a title's line
_CLOSE = 0.05  # of its size: a shorter axis is widened
_BOUND = {"below": "v", "above": "^"}  # a number that the model should stay on one side of
_BAND, _FIT = LINE_COLOURS[5], LINE_COLOURS[0]
_METADATA = {"Software": None}  # the same bytes on every machine


def write_fit_figures(fit: Fit, folder: Path) -> list[str]:
    """Draw all figures into an existing folder; their file names."""
    with plain_style():
        drawn = {
            "history.png": _history(fit),
            "constants.png": _constants(fit),
            "waterfall.png": _waterfall(fit),
        }
        if fit.profiles:
            drawn["profiles.png"] = _profiles(fit)
        for name, figure in drawn.items():
            figure.savefig(folder / name, dpi=DPI, metadata=_METADATA)
    return list(drawn)


def _canvas(
    count: int, across: int = _ACROSS, height: float = 2.3, width: float = 3.6
) -> tuple[Figure, list[Axes]]:
    from matplotlib.figure import Figure

    down = -(-count // across)
    figure = Figure(figsize=(width * across, height * down + 0.4), layout="constrained")
    axes = [figure.add_subplot(down, across, i + 1) for i in range(count)]
    return figure, axes


def _history(fit: Fit) -> Figure:
    """Published numbers with what the model says of each of them, series by series."""
    objective = fit.objective
    names = list(dict.fromkeys(t.series for t in objective.targets))
    figure, panels = _canvas(len(names))
    if fit.posterior is not None:
        bands = fit.posterior.bands
        label = "5 to 95 %" if fit.posterior.converged else "5 to 95 %, not converged"
    else:
        bands = linear_bands(objective, fit.best, fit.curvature.covariance)
        label = "5 to 95 %, linear"
    for axes, name in zip(panels, names, strict=True):
        own = [i for i, t in enumerate(objective.targets) if t.series == name]
        own.sort(key=lambda i: objective.targets[i].row.time)
        times = np.array([objective.targets[i].row.time for i in own])
        low, _, high = bands[:, own]
        axes.vlines(times, low, high, color=_BAND, linewidth=4, alpha=0.5, label=label)
        for held, face in ((False, "white"), (True, "black")):
            shown = [k for k, i in enumerate(own) if objective.targets[i].held_out == held]
            if shown:
                mark = _BOUND.get(objective.targets[own[0]].kind, "o")
                axes.plot(times[shown], objective.observed[own][shown], mark, color="black",
                          markerfacecolor=face, markersize=4,
                          label="held out" if held else "published")  # fmt: skip
        marker = "-" if len(own) > 2 else "_"
        axes.plot(times, fit.best.predictions[own], marker, color=_FIT, markersize=12, label="fit")
        axes.set_title(name)
        if np.ptp(times) < 1:
            axes.set_xlim(times.mean() - 1, times.mean() + 1)
            axes.xaxis.get_major_formatter().set_useOffset(False)  # type: ignore[attr-defined]
        axes.locator_params(axis="x", nbins=5)
        _not_too_close(axes)
        axes.yaxis.set_major_formatter(lambda value, _: short(value))
    panels[0].legend(fontsize=7)
    return figure


def _not_too_close(axes: Axes) -> None:
    """Widen an axis on which three digits would not tell its ends apart."""
    low, high = axes.get_ylim()
    size = max(abs(low), abs(high))
    if high - low < _CLOSE * size:
        middle = (low + high) / 2
        axes.set_ylim(middle - _CLOSE * size / 2, middle + _CLOSE * size / 2)


def _constants(fit: Fit) -> Figure:
    """Each constant's prior, Wald and profile intervals, in spreads of its prior."""
    from bullbear.calibration.curvature import beforehand

    objective, around = fit.objective, fit.curvature
    names = objective.space.names
    figure, (axes,) = _canvas(1, across=1, height=0.17 * len(names) + 1.5, width=7.5)
    scale = beforehand(objective, fit.best.values)
    best = objective.space.to_fit(fit.best.values)
    start = (objective.space.to_fit(objective.starts) - best) / scale
    rows = np.arange(len(names))[::-1]
    axes.hlines(rows, -1.96, 1.96, color=FAINT, linewidth=5, label="prior spread")
    wide = np.clip(np.nan_to_num(1.96 * around.spread / scale, posinf=4.0), 0, 4)
    axes.hlines(rows, -wide, wide, color=_FIT, linewidth=2, label="Wald 95 %")
    if fit.profiles:
        axes.plot([], [], "|", color=LINE_COLOURS[1], markersize=8, label="profile 95 %")
    for row, name, i in zip(rows, names, range(len(names)), strict=True):
        profile = fit.profiles.get(name)
        for end in (profile.lower, profile.upper) if profile else ():
            if end is not None:
                place = fit.best.values.copy()
                place[i] = end
                shift = (objective.space.to_fit(place) - best)[i] / scale[i]
                axes.plot(shift, row, "|", color=LINE_COLOURS[1], markersize=8)
    axes.plot(np.clip(start, -4, 4), rows, "x", color="black", markersize=4, label="before")
    axes.set_yticks(rows, names, fontsize=7)
    axes.set_ylim(-1, len(names))
    axes.set_xlabel("distance from the fit [spreads of the prior]")
    figure.legend(fontsize=7, loc="outside upper right", ncols=4)
    return figure


def _waterfall(fit: Fit) -> Figure:
    figure, (axes,) = _canvas(1, across=1, height=2.6, width=5)
    reached = np.array([s.objective for s in fit.searches.all])
    fine = np.isfinite(reached)
    axes.plot(np.flatnonzero(fine) + 1, reached[fine], "o-", color=_FIT, markersize=4)
    axes.set_xlabel("search, best first")
    axes.set_title(f"objective; {fit.searches.hits} of {len(reached)} at the best")
    return figure


def _profiles(fit: Fit) -> Figure:
    """The rise of twice the objective along each profile, with its limit."""
    dates = {seen.prediction.name for seen in fit.outlooks if seen.prediction.event}
    figure, panels = _canvas(len(fit.profiles), across=5, height=1.6)
    for axes, (name, found) in zip(panels, fit.profiles.items(), strict=True):
        for side in (found.below, found.above):
            rise = np.maximum(2 * (np.array(side.objectives) - fit.best.objective), 0)
            axes.plot(side.values, rise, ".", color=_FIT, markersize=3)
            axes.plot(*_between(np.array(side.values), rise), "-", color=_FIT, linewidth=1)
        axes.axhline(RISE, color=LINE_COLOURS[1], linewidth=0.8)
        axes.set_ylim(-0.2, 8)
        axes.set_title(fill(name, _WRAPPED), fontsize=7)
        axes.tick_params(labelsize=6)
        axes.locator_params(axis="x", nbins=5)
        if name not in dates:
            axes.xaxis.set_major_formatter(lambda value, _: short(value))
    return figure


def _between(values: Array, rise: Array) -> tuple[Array, Array]:
    """The rise between the points of a profile: its root is drawn on straight lines there, as the
    ends are found."""
    if not len(values):
        return values, rise
    share = np.linspace(0, len(values) - 1, 20 * len(values))
    at = np.arange(len(values))
    return np.interp(share, at, values), np.interp(share, at, np.sqrt(rise)) ** 2
