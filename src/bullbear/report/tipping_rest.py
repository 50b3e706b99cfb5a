"""States of rest, their branches and folds in words: a part of the report of a tipping study."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from bullbear.analysis.branches import Diagram
from bullbear.analysis.equilibrium import Equilibrium
from bullbear.analysis.folds import FoldMap
from bullbear.analysis.rest import Rested, Resting
from bullbear.analysis.stability import Stability
from bullbear.analysis.tipping_file import Course, Rest
from bullbear.report.tipping_numbers import number

# -- attractors ------------------------------------------------------------------------------------


def attractors(found: Rested) -> Iterator[str]:
    """What the system goes to: both ends, and the edge between them."""
    rest = found.rest
    if found.collapsed is None or rest.closely is None or not found.states:
        return
    living = max(found.states, key=lambda one: _living(one, rest))
    others = [one for one in found.states if one is not living]
    edges = "; ".join(_state_in_words(one, rest.shown) for one in others)
    between = (
        f" Between them Newton's method found {edges}, and there may be more." if edges else ""
    )
    yield (
        f"Two attractors at {rest.over} {number(rest.closely)}. One lives: "
        f"{_state_in_words(living, rest.shown)}. In the other everything has come to an end: "
        f"{_collapsed_in_words(found)}.{between}"
    )


def _living(one: Equilibrium, rest: Rest) -> float:
    return one.states[rest.shown[0]] if rest.shown else 0.0


def _collapsed_in_words(found: Rested) -> str:
    """The state at the other side of the edge, and whether it holds."""
    gone = found.collapsed
    assert gone is not None
    values = ", ".join(f"{name} {number(gone.states[name])}" for name in found.rest.shown)
    held = "a push of every stock by 1 % of its usual size dies out"
    if gone.staying:
        held += f", but {_and(gone.staying)} stay where they are pushed, for nothing moves them"
    return f"{values} ({held})"


def _state_in_words(one: Equilibrium, shown: Sequence[str]) -> str:
    """A state by the stocks that tell it apart, and how firm it is."""
    values = ", ".join(f"{name} {number(one.states[name])}" for name in shown)
    judged = one.stability
    growing = judged.eigenvalues[judged.eigenvalues.real > 0]
    if judged.half_life is not None:
        return f"{values} (stable, half-life {judged.half_life:.1f} years)"
    if judged.doubling_time is not None:
        way = (
            "not at rest but in swings around this, which double from small ones"
            if (growing.imag != 0).all() else "an edge: what is beside it doubles its gap"
        )  # fmt: skip
        return f"{values} ({way} in {judged.doubling_time:.1f} years)"
    return f"{values} ({judged.kind})"


# -- branches and folds ----------------------------------------------------------------------------


def course_in_words(course: Course, diagram: Diagram) -> Iterator[str]:
    """One sentence per fold, Hopf or branch point."""
    for point in diagram.special:
        where = f"{course.title} At {course.x.name} {number(point.parameter)}"
        if point.kind == "fold":
            yield f"{where} two states of rest meet; on one side of this fold neither is left."
        elif point.omega is not None:
            period = 2 * math.pi / point.omega
            yield f"{where} swings with a period of {period:.1f} years begin or end to grow."
        else:
            yield f"{where} branches of states of rest cross."


def folds_in_words(course: Course, found: FoldMap | None) -> Iterator[str]:
    """The tipping line, or that there is none."""
    if found is None:
        return
    inside = [_inside(found, place) for place in range(len(found.lines))]
    for line in filter(None, inside):
        first, last = line[0], line[-1]
        yield (
            f"The tipping line, on which this fold lies, goes from {found.along} "
            f"{number(first[1])} at {found.across} {number(first[0])} to {number(last[1])} at "
            f"{number(last[0])}."
        )
    if not any(inside):
        yield (
            f"{course.title} No fold was found at {found.across} "
            f"{', '.join(map(number, found.sections))}: nothing tips there, states of rest only "
            "move."
        )


def _inside(found: FoldMap, place: int) -> list[tuple[float, float]]:
    """Points of a line within the ranges, (second, first constant), by the second one."""
    low, high = found.span
    points = [(p.across, p.along) for p in found.lines[place].points]
    return sorted((y, x) for y, x in points if low <= y <= high)


def course(course: Course, diagram: Diagram) -> Iterator[str]:
    """Special points of the branches as a table, and their picture."""
    held = ", ".join(f"{name} = {number(value)}" for name, value in course.hold.items())
    count = len(diagram.branches)
    yield (
        f"{count} branch{'es were' if count != 1 else ' was'} found from many starts; there may be "
        f"others. Held: {held or 'nothing'}."
    )
    yield ""
    yield f"| {course.x.name} | kind | {' | '.join(course.shown)} |"
    yield "|---|---|" + "---|" * len(course.shown)
    for point in diagram.special:
        values = [number(float(point.states[diagram.names.index(n)])) for n in course.shown]
        yield f"| {point.parameter:.4g} | {point.kind} | {' | '.join(values)} |"
    yield ""
    yield f"![{course.title}]({course.name}.png)"


def folds(course: Course, found: FoldMap | None) -> Iterator[str]:
    """Lines of folds as a table, by the second constant."""
    if found is None or not found.lines:
        return
    yield ""
    yield f"The fold over {found.across} (`{course.name}-folds.csv`):"
    yield ""
    yield f"| {found.across} | fold in {found.along} |"
    yield "|---|---|"
    for place in range(len(found.lines)):
        points = _inside(found, place)
        for across, along in points[:: max(1, len(points) // 8)]:
            yield f"| {number(across)} | {along:.4g} |"
    for cusp in found.cusps:
        yield f"| {number(cusp.across)} | {cusp.along:.6g}, a cusp |"


# -- after run-out ---------------------------------------------------------------------------------


def rest_in_words(found: Rested) -> Iterator[str]:
    """When the late state begins, where it lies, how firm it is, and how long it lasts."""
    rest = found.rest
    if found.began is not None and rest.closely is not None:
        low, middle, high, here = (
            _date(v) for v in found.began.iloc[rest.values.index(rest.closely)]
        )
        yield (
            f"It begins with {rest.event}: {here} at {rest.over} {number(rest.closely)}, in the "
            f"draws {middle} ({low} to {high})."
        )
    ends = [
        (name, found.means[name].iloc[0], found.means[name].iloc[-1]) for name in rest.variables
    ]
    told = "; ".join(f"{name} from {number(float(a))} to {number(float(b))}" for name, a, b in ends)
    yield (
        f"{rest.title}, from {number(rest.values[0])} to {number(rest.values[-1])}, means over "
        f"{rest.start:g} to {rest.end:g} go: {told}."
    )
    if rest.closely is not None:
        row = rest.values.index(rest.closely)
        bands = "; ".join(
            f"{name} {number(float(found.means[name].iloc[row]))} "
            f"({number(found.quantiles[0, row, k])} to {number(found.quantiles[2, row, k])})"
            for k, name in enumerate(rest.variables)
        )
        place = f"At {rest.over} {number(rest.closely)}"
        yield f"{place}, with the 5 to 95 % range of the draws: {bands}."
    pairs = [(v, one) for v, one in zip(rest.values, found.resting, strict=True) if one is not None]
    firm = [value for value, one in pairs if one.stability.stable]
    loose = [value for value, one in pairs if one.stability.doubling_time is not None]
    if firm:
        yield f"There the state of rest is stable at {rest.over} {_listed(firm)}."
    if loose:
        yield f"At {rest.over} {_listed(loose)} it is not stable: swings grow around it."
    yield from _ends(found)


def _ends(found: Rested) -> Iterator[str]:
    """How long the quasi-steady state lasts while its slow stocks drift."""
    rest = found.rest
    for value, one in zip(rest.values, found.resting, strict=True):
        if one is None or value != rest.closely:
            continue
        for name, rate in one.drift.items():
            if rate < 0:
                yield (
                    f"This rest is not for ever: at {rest.over} {number(value)} {name} falls by "
                    f"{-100 * rate:.1f} % a year and would halve in {math.log(2) / -rate:.0f} "
                    "years, and the state moves along with it."
                )


def rest(found: Rested, drawn: str) -> Iterator[str]:
    """Late means with the range of the draws, value by value."""
    rest, names = found.rest, found.rest.variables
    yield (
        f"Means from {rest.start:g} to {rest.end:g}, below them the 5 to 95 % range of the {drawn} "
        f"draws; the last column judges the state in which everything rests while "
        f"{' and '.join([*rest.hold, *rest.at_zero])} are held."
    )
    yield ""
    begins = f" {rest.event} |" if found.began is not None else ""
    yield f"| {rest.over} |{begins} {' | '.join(names)} | at rest |"
    yield "|---|" + "---|" * (len(names) + 1 + bool(begins))
    for row, value in enumerate(rest.values):
        means = [number(float(found.means[name].iloc[row])) for name in names]
        low, _, high = (found.quantiles[q, row, : len(names)] for q in range(3))
        ranges = [f"{number(a)} to {number(b)}" for a, b in zip(low, high, strict=True)]
        if found.began is not None:
            first, _, last, here = (_date(float(v)) for v in found.began.iloc[row])
            means.insert(0, here)
            ranges.insert(0, f"{first} to {last}")
        yield f"| {number(value)} | {' | '.join(means)} | {_judged(found.resting[row])} |"
        yield f"| | {' | '.join(ranges)} | |"
    yield ""
    yield f"![{rest.title}](rest.png)"


def _date(value: float) -> str:
    return f"{value:.1f}" if math.isfinite(value) else "not by the horizon"


def _judged(found: Resting | None) -> str:
    if found is None:
        return "none found"
    judged = found.stability
    drift = ", ".join(f"{n} drifts {100 * v:.1f} %/year" for n, v in found.drift.items())
    grows = judged.doubling_time
    if grows is not None:
        return f"{_growing(judged, grows)}; {drift}"
    if judged.half_life is None:
        return f"{judged.kind}; {drift}"
    return f"{judged.kind}, half-life {judged.half_life:.1f} years; {drift}"


def _growing(judged: Stability, grows: float) -> str:
    swings = judged.eigenvalues[0].imag != 0
    what = "swings that double" if swings else "not stable, doubles"
    period = f" every {judged.period:.1f} years" if swings and judged.period else ""
    return f"{what} in {grows:.1f} years,{period or ' without swings'}"


def _listed(values: Sequence[float]) -> str:
    return ", ".join(map(number, values))


def _and(names: Sequence[str]) -> str:
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))
