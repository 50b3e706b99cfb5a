"""A study of tipping points in words, with every number from its results."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from bullbear.analysis.branches import Diagram
from bullbear.analysis.folds import FoldMap
from bullbear.analysis.rest import Rested
from bullbear.analysis.tipping import Boundaries, Distance, Line, Map
from bullbear.analysis.tipping_file import Axis, Course, Given, TippingFile
from bullbear.report import tipping_rest
from bullbear.report.tipping_numbers import band, edge, number, shares

PRIORS = (
    "Draws come from the priors of `calibration/parameters.csv`, each constant apart from the "
    "others, without a fit to the record: they know nothing of the history that happened but what "
    "is said above. They say how little that pins down, not how likely an outcome is."
)
POSTERIOR = (
    "Draws come from the posterior of a fit to the record: constants that it speaks of vary "
    "together as the record allows. "
)
OTHERS_DRAWN = (
    "All others are drawn from their priors, each apart, so bands are rather too wide: the fit "
    "would answer to other values of them."
)
OTHERS_FIXED = "All others stand at their values, so bands are too narrow where those matter."
CAVEATS = (
    "A run survives by the one variable named above; the model closes a company by a smooth rule, "
    "and what investors, owners or courts would do is outside it.",
    "The future stands still as the scenario has it: no surprise after today, and rules, taste and "
    "competition for ever as they are. Centuries are there to decide a run near the edge, not to "
    "foretell them.",
    "Between the ends of each range one boundary is looked for; the map shows whether there are "
    "more.",
)


@dataclass(frozen=True)
class Followed:
    """A course: its branches over one constant, and its folds over a second one."""

    course: Course
    diagram: Diagram
    folds: FoldMap | None


@dataclass(frozen=True)
class Results:
    """What a study found; `hash` is of the model, `study_hash` of the file of the study."""

    study: TippingFile
    hash: str
    study_hash: str
    maps: Sequence[Map]
    distances: Sequence[Distance]
    lines: Sequence[Line]
    draws: int
    kept: float
    courses: Sequence[Followed]
    rested: Rested | None

    @property
    def drawn(self) -> str:
        """Where the draws come from, in a word."""
        return "posterior" if self.study.posterior is not None else "prior"


def text(results: Results) -> str:
    """The report as Markdown."""
    parts = [f"# {results.study.title}", "", _made(results), ""]
    parts += ["## In words", "", *(f"- {sentence}" for sentence in _words(results)), ""]
    if results.distances:
        parts += ["## Distance to the edge", "", *_distances(results), ""]
    for found in results.maps:
        parts += [f"## {found.surface.title}", "", *_map(found, results), ""]
    for line in results.lines:
        parts += [f"## {line.threshold.title}", "", *_line(line, results), ""]
    for one in results.courses:
        parts += [f"## {one.course.title}", "", *tipping_rest.course(one.course, one.diagram)]
        parts += [*tipping_rest.folds(one.course, one.folds), ""]
    if results.rested is not None:
        parts += [f"## {results.rested.rest.title}", ""]
        parts += [*tipping_rest.rest(results.rested, results.drawn), ""]
    caveats = (_drawn(results.study), *CAVEATS)
    parts += ["## How to read this", "", *(f"- {caveat}" for caveat in caveats), ""]
    return "\n".join(parts)


def _drawn(study: TippingFile) -> str:
    """Where draws come from, and what that means."""
    if study.posterior is None:
        return PRIORS
    return POSTERIOR + (OTHERS_DRAWN if study.priors else OTHERS_FIXED)


def _made(results: Results) -> str:
    study, outcome = results.study, results.study.outcome
    told = (
        f"Model {study.model} ({results.hash}), scenario {study.scenario}, study "
        f"{results.study_hash}. A run survives if {outcome.variable} is above "
        f"{number(outcome.above)} in {outcome.at:g}; the same is asked at twice that horizon, in "
        f"{outcome.again:g}, and where the two differ at horizons that double again. "
    )
    if study.slow is not None:
        told += (
            f"From {study.slow.since:g} on {' and '.join(study.slow.stocks)} is held where it is, "
            "so that no drift carries the edge along. "
        )
    return told + (
        f"Boundaries are known to 1 % (near zero, to a thousandth of the range), with "
        f"{results.draws} {results.drawn} draws around them{_given(results)}."
    )


def _given(results: Results) -> str:
    """Which draws count."""
    given = results.study.given
    if not given:
        return ""
    known = ", ".join(f"{one.variable} is {_between(one)} in {one.at:g}" for one in given)
    return (
        f"; of all draws only those count that go with the record ({known}), "
        f"{results.kept:.1%} of them"
    )


def _between(known: Given) -> str:
    told = [] if known.above is None else [f"above {number(known.above)}"]
    return " and ".join(told + ([] if known.below is None else [f"below {number(known.below)}"]))


# -- in words --------------------------------------------------------------------------------------


def _words(results: Results) -> Iterator[str]:
    """What was found: the attractors, the boundary, how far the scenario is from it, the rest."""
    if results.rested is not None:
        yield from tipping_rest.attractors(results.rested)
    for found in results.maps:
        yield _boundary_in_words(found, results)
    for one in results.distances:
        yield _distance_in_words(one, results)
    for line in results.lines:
        threshold = line.threshold
        first, last = edge(line.boundary, 0, threshold.x), edge(line.boundary, -1, threshold.x)
        yield (
            f"{threshold.title}: {first} at {number(threshold.values[0])}, {last} at "
            f"{number(threshold.values[-1])}."
        )
    for followed in results.courses:
        yield from tipping_rest.course_in_words(followed.course, followed.diagram)
        yield from tipping_rest.folds_in_words(followed.course, followed.folds)
    if results.rested is not None:
        yield from tipping_rest.rest_in_words(results.rested)


def _boundary_in_words(found: Map, results: Results) -> str:
    surface = found.surface
    first, last = edge(found.boundary, 0, surface.x), edge(found.boundary, -1, surface.x)
    settings = "".join(f", with {n} {number(v)}" for n, v in surface.settings.items())
    stop = "" if surface.title.endswith("?") else "."
    x, y = found.today
    row, column = int(np.abs(found.y - y).argmin()), int(np.abs(found.x - x).argmin())
    inside = surface.x.low <= x <= surface.x.high and surface.y.low <= y <= surface.y.high
    place = f"{surface.x.name} {number(x)}, {surface.y.name} {number(y)}"
    today = (
        f" Where the scenario stands ({place}) the system "
        f"{'survives' if found.alive[row, column] else 'does not survive'}, and in "
        f"{found.share[row, column]:.0%} of the {results.drawn} draws."
        if inside else ""
    )  # fmt: skip
    return (
        f"{surface.title}{stop} The boundary in {surface.x.name} runs from {first} at "
        f"{surface.y.name} {number(surface.y.low)} to {last} at {number(surface.y.high)}"
        f"{settings}.{today}"
    )


def _distance_in_words(one: Distance, results: Results) -> str:
    """How far the scenario is from the edge."""
    axis = one.shock.x
    now = "survives" if one.survives else "does not survive"
    begin = f"{one.shock.title}: at {number(one.today)}, as it is, the system {now}; "
    value = float(one.value.values[0])
    if np.isnan(value):
        return f"{begin}the edge is not known, for a run failed."
    if not np.isfinite(value):
        return (
            f"{begin}there is no edge between {number(axis.low)} and {number(axis.high)}; "
            f"{results.drawn} draws: {shares(one.draws, 0)}."
        )
    side = "above" if one.value.rising[0] else "below"
    return (
        f"{begin}the edge is at {number(value)} (survival {side} it); "
        f"{results.drawn} draws: {band(one.draws, 0, axis)}, {shares(one.draws, 0)}."
    )


# -- one result each -------------------------------------------------------------------------------


def _distances(results: Results) -> Iterator[str]:
    yield (
        f"| how far until the outcome changes | as it is | edge | at twice the horizon | "
        f"{results.drawn} draws: median (90 % band) |"
    )
    yield "|---|---|---|---|---|"
    for one in results.distances:
        axis = one.shock.x
        yield (
            f"| {one.shock.title}, from {number(axis.low)} to {number(axis.high)} | "
            f"{number(one.today)} | {edge(one.value, 0, axis)} | {edge(one.later, 0, axis)} | "
            f"{band(one.draws, 0, axis)} |"
        )


def _map(found: Map, results: Results) -> Iterator[str]:
    surface = found.surface
    cells, failed = found.verdict.alive.size, int(found.verdict.failed.sum())
    yield (
        f"{100 * found.verdict.alive.mean():.0f} % of {cells} cells survive. "
        + _shift(found)
        + (f" {failed} runs failed." if failed else "")
        + (f" In {found.folded} rows the outcome changes more than once." if found.folded else "")
    )
    yield ""
    if surface.settings:
        settings = ", ".join(f"{n} = {number(v)}" for n, v in surface.settings.items())
        yield f"With {settings}."
        yield ""
    yield (
        f"| {surface.y.name} | boundary in {surface.x.name} | {results.drawn} draws: median "
        "(90 % band) |"
    )
    yield "|---|---|---|"
    for row, place in enumerate(found.at.tolist()):
        yield (
            f"| {number(float(found.y[place]))} | {edge(found.boundary, place, surface.x)} | "
            f"{band(found.draws, row, surface.x)} |"
        )
    yield ""
    yield f"![{surface.title}]({surface.name}.png)"


def _shift(found: Map) -> str:
    """What a doubled horizon changes."""
    changed, open_ = int(found.verdict.changed.sum()), int(found.verdict.undecided.sum())
    both = np.isfinite(found.boundary.values) & np.isfinite(found.later.values)
    moved = np.abs(found.later.values[both] - found.boundary.values[both])
    told = "No cell changes when the horizon is doubled" if not changed else (
        f"{changed} cells change when the horizon is doubled and were followed further; "
        f"{open_ or 'none'} stay{'s' if open_ == 1 else ''} undecided"
    )  # fmt: skip
    if not moved.size:
        return f"{told}."
    largest = _largest_share(found.boundary, found.surface.x, moved, both)
    return (
        f"{told}. From one horizon to its double the boundary moves by at most "
        f"{number(float(moved.max()))} ({largest:.1%})."
    )


def _largest_share(found: Boundaries, axis: Axis, moved: np.ndarray, both: np.ndarray) -> float:
    """The largest move over the boundary's value, or over a tenth of the range near zero."""
    size = np.maximum(np.abs(found.values[both]), (axis.high - axis.low) / 10)
    return float((moved / size).max())


def _line(line: Line, results: Results) -> Iterator[str]:
    threshold = line.threshold
    yield (
        f"| {threshold.over} | boundary in {threshold.x.name} | {results.drawn} draws: median "
        "(90 % band) |"
    )
    yield "|---|---|---|"
    for row, value in enumerate(threshold.values):
        yield (
            f"| {number(value)} | {edge(line.boundary, row, threshold.x)} | "
            f"{band(line.draws, row, threshold.x)} |"
        )
