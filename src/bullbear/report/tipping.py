"""A study of tipping points in words, with every number from its results."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bullbear.analysis.branches import Diagram
from bullbear.analysis.equilibrium import Equilibrium
from bullbear.analysis.rest import Rested, Resting
from bullbear.analysis.tipping import Boundaries, Distance, Line, Map
from bullbear.analysis.tipping_file import Axis, Course, TippingFile

Array = npt.NDArray[np.float64]
NOTHING = 1e-6
CAVEATS = (
    "Draws come from the priors of `calibration/parameters.csv`, each constant apart from the "
    "others, without a fit to the record: most of them would not have made the history that "
    "happened, beyond what is said above. They say how little the priors alone pin down, not how "
    "likely an outcome is.",
    "A run counts as surviving by the one variable named above; the model closes a company by a "
    "smooth rule, and what investors, owners or courts would do is outside it.",
    "Between the ends of each range one boundary is looked for; the map shows whether there are "
    "more.",
)


@dataclass(frozen=True)
class Results:
    """What a study found."""

    study: TippingFile
    hash: str
    maps: Sequence[Map]
    distances: Sequence[Distance]
    lines: Sequence[Line]
    draws: int
    kept: float
    courses: Sequence[tuple[Course, Diagram]]
    rested: Rested | None


def text(results: Results) -> str:
    """The report as Markdown."""
    parts = [f"# {results.study.title}", "", _made(results), ""]
    parts += ["## In words", "", *(f"- {sentence}" for sentence in _words(results)), ""]
    if results.distances:
        parts += ["## Distance to the edge", "", *_distances(results.distances), ""]
    for found in results.maps:
        parts += [f"## {found.surface.title}", "", *_map(found), ""]
    for line in results.lines:
        parts += [f"## {line.threshold.title}", "", *_line(line), ""]
    for course, diagram in results.courses:
        parts += [f"## {course.title}", "", *_course(course, diagram), ""]
    if results.rested is not None:
        parts += [f"## {results.rested.rest.title}", "", *_rest(results.rested), ""]
    parts += ["## How to read this", "", *(f"- {caveat}" for caveat in CAVEATS), ""]
    return "\n".join(parts)


def _made(results: Results) -> str:
    study, outcome = results.study, results.study.outcome
    return (
        f"Model {study.model} ({results.hash}), scenario {study.scenario}. A run survives if "
        f"{outcome.variable} is above {number(outcome.above)} in {outcome.at:g}; the same is asked "
        f"of {outcome.again:g}. Boundaries are known to 1 % (near zero, to a thousandth of the "
        f"range), with {results.draws} draws from the priors around them{_given(results)}."
    )


def _given(results: Results) -> str:
    """Which draws count."""
    given = results.study.given
    if given is None:
        return ""
    return (
        f"; of all draws only those count in which {given.variable} is above "
        f"{number(given.above)} in {given.at:g}, as it was: {results.kept:.0%}"
    )


def _words(results: Results) -> Iterator[str]:
    """One sentence per result."""
    for one in results.distances:
        axis = one.shock.x
        value = edge(one.value, 0, axis)
        yield f"{one.shock.title}: {value}{_side(one.value)}."
    for found in results.maps:
        surface = found.surface
        first, last = edge(found.there, 0, surface.x), edge(found.there, -1, surface.x)
        settings = "".join(f", with {n} {number(v)}" for n, v in surface.settings.items())
        stop = "" if surface.title.endswith("?") else "."
        yield (
            f"{surface.title}{stop} The boundary in {surface.x.name} goes from {first} at "
            f"{surface.y.name} {number(surface.y.low)} to {last} at {number(surface.y.high)}"
            f"{settings}."
        )
    for line in results.lines:
        threshold = line.threshold
        first = edge(line.boundary, 0, threshold.x)
        last = edge(line.boundary, -1, threshold.x)
        yield (
            f"{threshold.title}: {first} at {number(threshold.values[0])}, {last} at "
            f"{number(threshold.values[-1])}."
        )
    for course, diagram in results.courses:
        yield from _words_of_course(course, diagram)
    if results.rested is not None:
        yield from _words_of_rest(results.rested)


def _side(found: Boundaries) -> str:
    """On which side of a boundary the system survives."""
    if not np.isfinite(found.values[0]):
        return ""
    return " is the edge; " + ("above" if found.rising else "below") + " it the system survives"


def _words_of_course(course: Course, diagram: Diagram) -> Iterator[str]:
    for point in diagram.special:
        where = f"{course.title} At {course.x.name} {number(point.parameter)}"
        if point.kind == "fold":
            yield f"{where} two states of rest meet; on one side of this fold neither is left."
        elif point.omega is not None:
            period = 2 * math.pi / point.omega
            yield f"{where} swings with a period of {period:.1f} years begin or end to grow."
        else:
            yield f"{where} branches of states of rest cross."


def _course(course: Course, diagram: Diagram) -> Iterator[str]:
    held = ", ".join(f"{name} = {number(value)}" for name, value in course.hold.items())
    yield (
        f"{len(diagram.branches)} branches were found from many starts; there may be others. "
        f"Held: {held or 'nothing'}."
    )
    yield ""
    yield f"| {course.x.name} | kind | {' | '.join(course.shown)} |"
    yield "|---|---|" + "---|" * len(course.shown)
    for point in diagram.special:
        values = [number(float(point.states[diagram.names.index(n)])) for n in course.shown]
        yield f"| {point.parameter:.4g} | {point.kind} | {' | '.join(values)} |"
    yield ""
    yield f"![{course.title}]({course.name}.png)"


def _words_of_rest(found: Rested) -> Iterator[str]:
    rest = found.rest
    for name in rest.variables:
        values = found.means[name]
        first, last = number(float(values.iloc[0])), number(float(values.iloc[-1]))
        yield (
            f"{rest.title}: {name} is {first} at {number(rest.values[0])} and {last} at "
            f"{number(rest.values[-1])} on average over {rest.start:g} to {rest.end:g}."
        )
    pairs = zip(rest.values, found.resting, strict=True)
    firm = [value for value, one in pairs if one is not None and one.stability.stable]
    pairs = zip(rest.values, found.resting, strict=True)
    loose = [v for v, one in pairs if one is not None and one.stability.doubling_time is not None]
    if found.states:
        yield (
            f"At {rest.over} {number(rest.closely or 0.0)} Newton's method found "
            f"{len(found.states)} states of rest, and there may be others: "
            + "; ".join(_state_in_words(one, rest.shown) for one in found.states)
            + "."
        )
    if firm:
        yield f"There the state of rest is stable at {rest.over} {_listed(firm)}."
    if loose:
        yield f"At {rest.over} {_listed(loose)} it is not stable: swings grow around it."


def _state_in_words(one: Equilibrium, shown: Sequence[str]) -> str:
    """A state by the stocks that tell it apart, and how firm it is."""
    values = ", ".join(f"{name} {number(one.states[name])}" for name in shown)
    judged, leading = one.stability, one.stability.eigenvalues[0]
    if judged.half_life is not None:
        return f"{values} (stable, half-life {judged.half_life:.1f} years)"
    if judged.doubling_time is not None:
        way = "swings that double" if leading.imag else "an edge: what is beside it doubles its gap"
        return f"{values} ({way} in {judged.doubling_time:.1f} years)"
    return f"{values} ({judged.kind})"


def _listed(values: Sequence[float]) -> str:
    return ", ".join(map(number, values))


# -- one result each -------------------------------------------------------------------------------


def _distances(distances: Iterable[Distance]) -> Iterator[str]:
    yield "| how far until the outcome changes | boundary | at twice the horizon | prior draws |"
    yield "|---|---|---|---|"
    for one in distances:
        axis = one.shock.x
        yield (
            f"| {one.shock.title}, from {number(axis.high)} to {number(axis.low)} | "
            f"{edge(one.value, 0, axis)} | {edge(one.later, 0, axis)} | {_shares(one.draws)} |"
        )


def _map(found: Map) -> Iterator[str]:
    surface = found.surface
    cells = found.alive.size
    yield (
        f"{100 * found.alive.mean():.0f} % of {cells} cells survive. "
        + _shift(found)
        + (f" {found.failed} runs failed." if found.failed else "")
        + (f" In {found.folded} rows the outcome changes more than once." if found.folded else "")
    )
    yield ""
    if surface.settings:
        settings = ", ".join(f"{n} = {number(v)}" for n, v in surface.settings.items())
        yield f"With {settings}."
        yield ""
    yield f"| {surface.y.name} | boundary in {surface.x.name} | prior draws |"
    yield "|---|---|---|"
    for place, value in enumerate(found.at):
        yield (
            f"| {number(float(value))} | {edge(found.there, place, surface.x)} | "
            f"{_shares(found.draws[place])} |"
        )
    yield ""
    yield f"![{surface.title}]({surface.name}.png)"


def _shift(found: Map) -> str:
    both = np.isfinite(found.boundary.values) & np.isfinite(found.later.values)
    if not found.changed:
        return "No cell changes when the horizon is doubled."
    moved = np.abs(found.later.values[both] - found.boundary.values[both])
    largest = f" by at most {number(float(moved.max()))}" if moved.size else ""
    moves = f" and the boundary moves{largest}" if largest else ""
    return f"When the horizon is doubled {found.changed} cells change{moves}."


def _line(line: Line) -> Iterator[str]:
    threshold = line.threshold
    yield f"| {threshold.over} | boundary in {threshold.x.name} | prior draws |"
    yield "|---|---|---|"
    for row, value in enumerate(threshold.values):
        yield (
            f"| {number(value)} | {edge(line.boundary, row, threshold.x)} | "
            f"{_shares(line.draws[row])} |"
        )


def _rest(found: Rested) -> Iterator[str]:
    rest, names = found.rest, found.rest.variables
    yield (
        f"Means from {rest.start:g} to {rest.end:g}, below them the 5 to 95 % range of the prior "
        f"draws; the last column judges the state in which everything rests while "
        f"{' and '.join([*rest.hold, *rest.at_zero])} are held."
    )
    yield ""
    yield f"| {rest.over} | {' | '.join(names)} | at rest |"
    yield "|---|" + "---|" * (len(names) + 1)
    for row, value in enumerate(rest.values):
        means = [number(float(found.means[name].iloc[row])) for name in names]
        yield f"| {number(value)} | {' | '.join(means)} | {_judged(found.resting[row])} |"
        low, _, high = (found.quantiles[q, row, : len(names)] for q in range(3))
        ranges = [f"{number(a)} to {number(b)}" for a, b in zip(low, high, strict=True)]
        yield f"| | {' | '.join(ranges)} | |"


def _judged(found: Resting | None) -> str:
    if found is None:
        return "none found"
    judged = found.stability
    drift = ", ".join(f"{n} drifts {100 * v:.1f} %/year" for n, v in found.drift.items())
    grows = judged.doubling_time
    if grows is not None:
        swings = judged.eigenvalues[0].imag != 0
        what = "swings that double" if swings else "not stable, doubles"
        period = f" every {judged.period:.1f} years" if swings and judged.period else ""
        return f"{what} in {grows:.1f} years,{period or ' without swings'}; {drift}"
    return f"{judged.kind}, half-life {judged.half_life:.1f} years; {drift}"


# -- numbers ---------------------------------------------------------------------------------------


def edge(found: Boundaries, row: int, axis: Axis) -> str:
    """A boundary in words, where there is none too."""
    value = float(found.values[row])
    if math.isnan(value):
        return "a run failed"
    if value == math.inf:
        return f"none up to {number(axis.high)}: nothing survives"
    if value == -math.inf:
        return f"none down to {number(axis.low)}: all survives"
    return number(value)


def _shares(draws: Array) -> str:
    """How many draws survive nowhere, everywhere, and where the others have their boundary."""
    good = draws[~np.isnan(draws)]
    if not good.size:
        return "all runs failed"
    inside = good[np.isfinite(good)]
    nowhere, everywhere = np.mean(good == math.inf), np.mean(good == -math.inf)
    told = [f"{nowhere:.0%} nowhere", f"{everywhere:.0%} everywhere"]
    if inside.size:
        middle = number(float(np.median(inside)))
        told.append(f"{inside.size / good.size:.0%} from a boundary, median {middle}")
    failed = len(draws) - good.size
    return "survive: " + ", ".join(told) + (f"; {failed} failed" if failed else "")


def number(value: float) -> str:
    """Three digits, with k, M or bn for large numbers."""
    if not math.isfinite(value):
        return str(value)
    if 0 < abs(value) < NOTHING:
        return "~0"
    for factor, letter in ((1e9, " bn"), (1e6, " M"), (1e3, " k")):
        if abs(value) >= factor * 0.9995:
            return f"{value / factor:.3g}{letter}"
    return f"{value:.3g}"
