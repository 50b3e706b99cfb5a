"""What each panel of a figure shows: lines or stacked bands, observed points, moments."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from bullbear.calibration.observations import Observation, read_series, read_units, to_model_units
from bullbear.equations.names import canonical, split_element
from bullbear.report.numbers import columns_of, known_units, unit_of

if TYPE_CHECKING:
    import pandas as pd

    from bullbear.models.definition import ModelDefinition, Plot
    from bullbear.models.run import Run

Array = npt.NDArray[np.float64]
LINES = 7
"""As many lines can be told apart by colour; more runs than that get a panel each."""
WIDE = 1e3
"""Values of one sign that span so much are drawn on a logarithmic scale if nobody chose one."""
JUDGEMENT = "judgement"
"""The source of a number that is the modellers' own."""


@dataclass(frozen=True)
class Line:
    """One curve, shape (time,); `colour` counts the colours, None is a faint grey."""

    label: str
    times: Array
    values: Array
    colour: int | None


@dataclass(frozen=True)
class Panel:
    """One pair of axes.

    Attributes
    ----------
    lines : curves, or bands from the bottom to the top where `stacked`
    limit : a level drawn as a line, None for none
    points : observed numbers in `unit`
    moments : named times drawn as upright lines
    """

    title: str
    unit: str
    lines: tuple[Line, ...]
    stacked: bool = False
    limit: float | None = None
    points: tuple[Observation, ...] = ()
    moments: tuple[tuple[str, float], ...] = ()
    log: bool = False


@dataclass(frozen=True)
class Figure:
    """Panels under one title; `shared` says that all have the same axes."""

    title: str
    panels: tuple[Panel, ...]
    time_unit: str
    shared: bool = True

    def digest(self) -> str:
        """Equal for figures that show the same; a millionth of a line's height is the same."""
        parts: list[object] = [self.title]
        for panel in self.panels:
            parts += [panel.title, panel.unit, panel.limit, panel.moments, panel.log]
            parts += [(point.time, point.value) for point in panel.points]
            parts += [(line.label, line.colour, _grained(line.values)) for line in panel.lines]
        return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]


def figures(
    runs: Mapping[str, Run], definition: ModelDefinition, units: Mapping[str, str] | None = None
) -> list[Figure]:
    """The figures that a model file asks for; one of its headline outputs if it asks for none.

    Raises
    ------
    DataError
        If observed points cannot be read or are in a unit that has no rule.
    """
    if not runs:
        return []
    if not definition.plots:
        return _headlines(runs, definition, known_units(definition, units))
    return [plot_figure(plot, runs, definition) for plot in definition.plots]


def overview(
    title: str, plots: Sequence[Plot], runs: Mapping[str, Run], definition: ModelDefinition
) -> Figure:
    """The panels of several plots in one figure; at most seven runs."""
    panels: list[Panel] = []
    for plot in plots:
        panels += [
            replace(panel, title=": ".join(filter(None, (plot.title, panel.title))))
            for panel in plot_figure(plot, runs, definition).panels
        ]
    return Figure(title, tuple(panels), _time_unit(definition), shared=False)


def plot_figure(plot: Plot, runs: Mapping[str, Run], definition: ModelDefinition) -> Figure:
    """One plot of a model file: several runs in one panel, or a panel for each."""
    build = _bands if plot.stacked else _curves
    panels = build(plot, runs, definition)
    shared = plot.stacked or len(runs) > LINES or len(panels) == 1
    return Figure(plot.title, tuple(panels), _time_unit(definition), shared)


def _bands(plot: Plot, runs: Mapping[str, Run], definition: ModelDefinition) -> list[Panel]:
    """A panel for each run; the elements of a variable are one band."""
    panels = []
    for slug, run in runs.items():
        lines = [
            replace(_line(run, columns_of(name, run.results.columns), index), label=name)
            for index, name in enumerate(plot.variables)
        ]
        panels.append(
            Panel(slug, plot.unit, tuple(lines), stacked=True, limit=plot.limit,
                  moments=_moments(plot, run, definition))
        )  # fmt: skip
    return panels


def _curves(plot: Plot, runs: Mapping[str, Run], definition: ModelDefinition) -> list[Panel]:
    """A panel for each variable with all runs in it; or as the numbers of both ask for."""
    columns = _columns(plot.variables, runs)
    points = _points(plot, definition, next(iter(runs.values())).results.index)
    log = plot.scale == "log"
    common = Panel("", plot.unit, (), limit=plot.limit, points=points, log=log)
    if len(runs) == 1 and len(columns) > 1:
        return [_one_run(common, columns, *next(iter(runs.items())))]
    if len(runs) > LINES:
        return _run_by_run(common, columns, runs)
    panels = []
    for column in columns:
        lines = [
            _line(run, [column], index, slug) for index, (slug, run) in enumerate(runs.items())
        ]
        title = column if len(columns) > 1 else ""
        panels.append(replace(common, title=title, lines=tuple(lines)))
    return [panels[0], *(replace(panel, points=()) for panel in panels[1:])]


def _one_run(common: Panel, columns: Sequence[str], slug: str, run: Run) -> Panel:
    """All variables of a run in one panel; more of them than there are colours are grey."""
    many = len(columns) > LINES
    lines = [_line(run, [c], None if many else index, c) for index, c in enumerate(columns)]
    return replace(common, title=slug, lines=tuple(lines))


def _run_by_run(common: Panel, columns: Sequence[str], runs: Mapping[str, Run]) -> list[Panel]:
    """A panel for each run, the others behind it in grey where there is one variable."""
    behind = [_together(columns[0], runs)] if len(columns) == 1 else []
    panels = []
    for slug, run in runs.items():
        own = [_line(run, [column], index % LINES, column) for index, column in enumerate(columns)]
        panels.append(replace(common, title=slug, lines=(*own, *behind)))
    return panels


def _together(column: str, runs: Mapping[str, Run]) -> Line:
    """One variable of all runs as a single faint line with gaps, which is quick to draw."""
    gap = np.array([np.nan])
    lines = [_line(run, [column], None) for run in runs.values()]
    times = np.concatenate([part for line in lines for part in (line.times, gap)])
    values = np.concatenate([part for line in lines for part in (line.values, gap)])
    return Line("other scenarios", times, values, None)


def _headlines(
    runs: Mapping[str, Run], definition: ModelDefinition, units: Mapping[str, str]
) -> list[Figure]:
    """A small panel for each headline output, with all its elements; runs by colour."""
    panels = []
    for name in definition.headline:
        lines = [
            _line(run, [column], index if len(runs) <= LINES else None, slug)
            for index, (slug, run) in enumerate(runs.items())
            for column in columns_of(name, run.results.columns)
        ]
        if lines:
            values = np.concatenate([line.values for line in lines])
            low, high = float(values.min()), float(values.max())
            log = low > 0 and high > WIDE * low
            panels.append(Panel(name, unit_of(name, units), tuple(lines), log=log))
    if not panels:
        return []
    return [Figure("Stocks", tuple(panels), _time_unit(definition), shared=False)]


def _line(run: Run, columns: Sequence[str], colour: int | None, label: str = "") -> Line:
    """The sum of some columns of a run as one curve."""
    times = run.results.index.to_numpy(dtype=np.float64)
    values = run.results[list(columns)].to_numpy(dtype=np.float64).sum(axis=1)
    return Line(label, times, values, colour)


def _columns(names: Sequence[str], runs: Mapping[str, Run]) -> list[str]:
    known = next(iter(runs.values())).results.columns
    return list(dict.fromkeys(c for name in names for c in columns_of(name, known)))


def _moments(plot: Plot, run: Run, definition: ModelDefinition) -> tuple[tuple[str, float], ...]:
    """The events of a run that are about a variable of this plot, and lie within the run."""
    shown = {canonical(split_element(name)[0]) for name in plot.variables}
    last = float(run.results.index[-1])
    return tuple(
        (f"{event.name} {time:.1f}", time)
        for event in definition.events
        if canonical(split_element(event.variable)[0]) in shown
        and (time := run.events.get(event.name)) is not None
        and time <= last
    )


def _points(
    plot: Plot, definition: ModelDefinition, times: pd.Index[float]
) -> tuple[Observation, ...]:
    """The observed points of a plot within the time of a run, in the unit of the plot."""
    if plot.observations is None:
        return ()
    path = Path(definition.path.parent, plot.observations)
    series = read_series(path)
    if any(row.unit != plot.unit for row in series.rows):
        series = to_model_units(series, read_units(path.parent.parent / "units.csv"))
    return tuple(row for row in series.rows if times[0] <= row.time <= times[-1])


def _grained(values: Array) -> list[int]:
    """Values in millionths of the largest of them."""
    largest = float(np.nanmax(np.abs(values), initial=0.0)) or 1.0
    grains: list[int] = (
        np.rint(np.nan_to_num(values / largest, nan=-2.0) * 1e6).astype(int).tolist()
    )
    return grains


def _time_unit(definition: ModelDefinition) -> str:
    return definition.time.unit if definition.time else "time"
