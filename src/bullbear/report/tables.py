"""The summary of runs in a terminal: events, headline outputs, how far to trust them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from bullbear.models.trust import LARGEST_STEP_ERROR
from bullbear.report.numbers import (
    columns_of,
    known_units,
    named_with_unit,
    percent,
    short,
    unit_of,
    year,
)

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderableType

    from bullbear.models.definition import ModelDefinition
    from bullbear.models.run import Run

GAP = 2
"""Blanks between two columns: a divider of the box and its padding."""
FOLDED = 26
"""A column of text may fold down to this many characters where the width asks for it."""
SIDE_BY_SIDE = 4
"""As many runs get a column each; more of them get a line each."""


def run_summary(
    runs: Mapping[str, Run], definition: ModelDefinition, units: Mapping[str, str] | None = None
) -> RunSummary:
    """What happened in each run, for `rich` to print; it fits the width of the console.

    Parameters
    ----------
    runs
        Runs of one model by the name of their scenario.
    definition
        Its events, headline outputs and summary years say what is shown.
    units
        Units of variables by name; those of the plots of `definition` need not be given.
    """
    return RunSummary(dict(runs), definition, known_units(definition, units))


@dataclass(frozen=True)
class Column:
    """A column of a table: heading, cells, whether these are text, and whether they may fold."""

    heading: str
    cells: Sequence[str]
    words: bool = False
    folds: bool = False

    @property
    def width(self) -> int:
        """Characters that no cell and no word of the heading exceeds."""
        heading = max((len(word) for word in self.heading.split()), default=0)
        return max(heading, max(map(len, self.cells), default=0))

    @property
    def least(self) -> int:
        """The width without which something would be cut."""
        return min(self.width, FOLDED) if self.folds else self.width


@dataclass(frozen=True)
class RunSummary:
    """Runs side by side; few of them get a column each, many of them a line each."""

    runs: Mapping[str, Run]
    definition: ModelDefinition
    units: Mapping[str, str]

    def __rich_console__(
        self, console: Console, options: ConsoleOptions
    ) -> Iterator[RenderableType]:
        if not self.runs:
            return
        width = options.max_width
        yield Text(self._title(), style="bold")
        if len(self.runs) == 1:
            yield from self._one(width)
        elif len(self.runs) <= SIDE_BY_SIDE and _least(self._side_by_side()) <= width:
            yield _table(self._side_by_side(), width)
        else:
            yield from self._a_line_each(width)
        yield Text()
        yield from self._trust()

    # -- layouts --------------------------------------------------------------------------------

    def _one(self, width: int) -> Iterator[RenderableType]:
        """Events in a line, then a row for each output and a column for each year."""
        (run,) = self.runs.values()
        if run.events:
            yield Text("; ".join(f"{name} {run.event_text(name)}" for name in run.events))
        outputs, years = self._outputs(), self._years()
        if outputs:
            names = Column("", [self._label(output) for output in outputs], words=True, folds=True)
            cells = [
                Column(year(time), [_value(run, output, time) for output in outputs])
                for time in years
            ]
            yield from _pages(names, cells, width)

    def _side_by_side(self) -> list[Column]:
        """A column for each run; rows are the events and each output at each year."""
        events, outputs, years = self.definition.events, self._outputs(), self._years()
        labels = [event.name for event in events]
        times = [""] * len(events)
        for output in outputs:
            labels += [self._label(output)] + [""] * (len(years) - 1)
            times += [year(time) for time in years]
        columns = [Column("", labels, words=True, folds=True), Column("", times)]
        for slug, run in self.runs.items():
            cells = [run.event_text(event.name) for event in events]
            cells += [_value(run, output, time) for output in outputs for time in years]
            columns.append(Column(slug, cells))
        return columns

    def _a_line_each(self, width: int) -> Iterator[RenderableType]:
        """A line for each run with its events and its outputs in the last summary year."""
        runs = list(self.runs.values())
        last = self._years()[-1]
        first = Column("scenario", list(self.runs), words=True)
        columns = [
            Column(event.name, [run.event_text(event.name) for run in runs])
            for event in self.definition.events
        ]
        columns += [
            Column(self._label(output), [_value(run, output, last) for run in runs])
            for output in self._outputs()
        ]
        columns.append(Column("step error", [_step_error(run) for run in runs]))
        yield Text(f"outputs in {year(last)}; all saved times are in the CSV files")
        yield from _pages(first, columns, width)

    # -- content --------------------------------------------------------------------------------

    def _title(self) -> str:
        run = next(iter(self.runs.values()))
        origin = run.provenance
        names = f", {next(iter(self.runs))}" if len(self.runs) == 1 else ""
        return (
            f"{origin.model}{names}: {year(run.results.index[0])} to "
            f"{year(run.results.index[-1])}, {origin.method}, step {origin.time_step:g}"
        )

    def _outputs(self) -> list[str]:
        """The headline outputs, each element of a subscripted one by itself."""
        columns = next(iter(self.runs.values())).results.columns
        return [c for name in self.definition.headline for c in columns_of(name, columns)]

    def _years(self) -> list[float]:
        """The summary years within the run; its end where there are none."""
        index = next(iter(self.runs.values())).results.index
        first, last = float(index[0]), float(index[-1])
        return [t for t in self.definition.summary.years if first <= t <= last] or [last]

    def _label(self, output: str) -> str:
        return named_with_unit(output, unit_of(output, self.units))

    def _trust(self) -> Iterator[Text]:
        """The trust line of each run, or of all of them where they have a line each."""
        if len(self.runs) <= SIDE_BY_SIDE:
            for slug, run in self.runs.items():
                yield trust_line(run, "" if len(self.runs) == 1 else f"{slug}: ")
            return
        bad = [slug for slug, run in self.runs.items() if not run.trust.trusted]
        good = len(self.runs) - len(bad)
        yield Text(
            f"{good} of {len(self.runs)} trusted: half the step moves no headline output by more "
            f"than {percent(LARGEST_STEP_ERROR)}"
        )
        if bad:
            yield Text("not trusted: " + ", ".join(bad), style="yellow")
        errors = [r.trust.conservation_error for r in self.runs.values()]
        known = [error for error in errors if error is not None]
        if known:
            yield Text(f"largest conservation error {max(known):.1g}")
        smallest = [
            (r.trust.smallest_stock.value, slug, r.trust.smallest_stock)
            for slug, r in self.runs.items()
            if r.trust.smallest_stock is not None
        ]
        if smallest:
            _, slug, stock = min(smallest, key=lambda entry: entry[0])
            at = f"{short(stock.value)} at {year(stock.time)} in {slug}"
            yield Text(f"smallest stock {stock.name} = {at}")


def trust_line(run: Run, prefix: str = "") -> Text:
    """Whether the numbers of a run can be trusted, and why."""
    trust = run.trust
    parts = []
    if trust.step_error is None:
        parts.append("no headline output to measure the step error on")
    else:
        parts.append(f"half the step moves {trust.step_error_of} by {percent(trust.step_error)}")
    if trust.conservation_error is not None:
        parts.append(f"conservation error {trust.conservation_error:.1g}")
    if trust.smallest_stock is not None:
        stock = trust.smallest_stock
        parts.append(f"smallest stock {stock.name} = {short(stock.value)} at {year(stock.time)}")
    unknown = trust.step_error is None
    verdict = "trusted" if trust.trusted else "trust unknown" if unknown else "not trusted"
    style = "green" if trust.trusted else "yellow"
    return Text.assemble(prefix, (verdict, style), ": " + "; ".join(parts))


def _value(run: Run, output: str, time: float) -> str:
    values = run.at(time)
    if output not in values:
        return ""
    return short(values[output], largest=float(run.results[output].abs().max()))


def _step_error(run: Run) -> str:
    error = run.trust.step_error
    return "" if error is None else percent(error)


def _least(columns: Sequence[Column]) -> int:
    """Characters that a line of the table needs."""
    return sum(column.least for column in columns) + GAP * (len(columns) - 1)


def _pages(fixed: Column, columns: list[Column], width: int) -> Iterator[RenderableType]:
    """As many tables below each other as the width asks for, the first column in each."""
    page: list[Column] = []
    for column in columns:
        if page and _least([fixed, *page, column]) > width:
            yield _table([fixed, *page], width)
            yield Text()
            page = []
        page.append(column)
    yield _table([fixed, *page], width)


def _table(columns: Sequence[Column], width: int) -> Table:
    """Columns as wide as their words and numbers; text folds where the width does not hold it."""
    table = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, GAP - 1, 0, 0), show_edge=False)
    spare = width - GAP * (len(columns) - 1) - sum(column.width for column in columns)
    for column in columns:
        table.add_column(
            Text(column.heading),
            justify="left" if column.words else "right",
            overflow="fold",
            width=max(column.least, column.width + min(spare, 0)) if column.folds else column.width,
        )
    for row in zip(*(column.cells for column in columns), strict=True):
        table.add_row(*map(Text, row))  # as plain text: rich would read [near] as a style
    return table
