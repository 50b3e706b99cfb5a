"""Loops That Matter: how much of what happens each loop brings about.

Source: Schoenberg, Davidsen & Eberlein 2020, Understanding model behavior using the Loops That
Matter method, System Dynamics Review 36; links into stocks as corrected by Schoenberg, Hayward &
Eberlein 2023.  The score of a link x -> z over one time step is |Δx z / Δz| with the sign of
Δx z / Δx, where Δx z is the change of z if only x had moved; into a stock z is the net flow.  The
score of a loop is the product of its links; its share is relative to the sum of absolute scores of
all loops that are listed within its strongly connected component.  0/0 counts as 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np
import numpy.typing as npt

from bullbear.analysis.links import Course, Link, Links
from bullbear.analysis.loops import around

Array = npt.NDArray[np.float64]
NOTHING = 1e-13
"""A change this small beside the value itself is rounding."""


@dataclass(frozen=True)
class Scores:
    """Scores of loops along a run.

    Attributes
    ----------
    times : begin of every step [time unit]
    scores : with sign, shape (loop, time)
    shares : of the absolute scores in the loop's component, with sign, shape (loop, time)
    parts : the component of each loop; empty where all are in one
    """

    times: Array
    scores: Array
    shares: Array
    parts: tuple[int, ...] = ()


@dataclass(frozen=True)
class Period:
    """A span of time in which the same loops make up more than half of what happens."""

    start: float
    end: float
    loops: tuple[int, ...]


def link_scores(links: Links, course: Course, wanted: Sequence[Link]) -> dict[Link, Array]:
    """The score of each link over every step, shape (time - 1,)."""
    ends = sorted({end for _, end in wanted})
    functions = links.equations(course, ends)
    before, after = course.values[:, :-1], course.values[:, 1:]
    times = course.times[:-1]
    now = {
        end: _equation(functions[end], course.times, list(course.values)) for end in ends
    }  # fmt: skip
    found: dict[Link, Array] = {}
    for start, end in wanted:
        place = links.position[start]
        mixed = list(before)
        mixed[place] = after[place]
        alone = _change(_equation(functions[end], times, mixed), now[end][:-1])
        moved = _change(after[place], before[place])
        total = _change(now[end][1:], now[end][:-1])
        with np.errstate(divide="ignore", invalid="ignore"):
            score = np.abs(alone / total) * np.sign(alone) * np.sign(moved)
        found[start, end] = np.where(total == 0, 0.0, score)
    return found


def loop_scores(links: Links, course: Course, paths: Sequence[Sequence[str]]) -> Scores:
    """The scores of loops given as cycles of vertices."""
    wanted = sorted({link for path in paths for link in around(path)})
    single = link_scores(links, course, wanted)
    scores = np.array([np.prod([single[link] for link in around(path)], axis=0) for path in paths])
    scores = scores.reshape(len(paths), len(course.times) - 1)
    parts = _components(links, paths)
    return Scores(course.times[:-1], scores, shares(scores, parts), tuple(parts))


def shares(scores: Array, components: Sequence[int]) -> Array:
    """Scores over the sum of absolute scores in the same component."""
    found = np.zeros_like(scores)
    for component in set(components):
        rows = [row for row, its in enumerate(components) if its == component]
        total = np.abs(scores[rows]).sum(axis=0)
        with np.errstate(divide="ignore", invalid="ignore"):
            found[rows] = np.where(total == 0, 0.0, scores[rows] / total)
    return found


def _components(links: Links, paths: Sequence[Sequence[str]]) -> list[int]:
    from bullbear.analysis.loops import feedback_components

    parts = feedback_components(links.graph)
    owner = {name: number for number, part in enumerate(parts) for name in part}
    return [owner[path[0]] for path in paths]


def dominant(scores: Scores) -> list[Period]:
    """The fewest loops of one direction that together make up more than half, period by period.

    Components of the model are judged apart.  Where no direction has more than half alone, as in an
    equilibrium, there is no entry.
    """
    parts = np.array(scores.parts or [0] * len(scores.shares))
    inside = [np.nonzero(parts == part)[0] for part in np.unique(parts)]
    chosen = [
        tuple(sorted(int(rows[k]) for rows in inside for k in _ruling(column[rows])))
        for column in scores.shares.T
    ]
    step = scores.times[1] - scores.times[0] if len(scores.times) > 1 else 0.0
    periods = []
    for loops, group in groupby(range(len(chosen)), key=lambda k: chosen[k]):
        steps = list(group)
        if loops:
            end = float(scores.times[steps[-1]] + step)
            periods.append(Period(float(scores.times[steps[0]]), end, loops))
    return periods


def reigns(scores: Scores, periods: Sequence[Period]) -> tuple[float, ...]:
    """For each loop the share of the run in which it is among the ruling ones."""
    times = scores.times
    whole = float(times[-1] - times[0]) * len(times) / max(len(times) - 1, 1) if len(times) else 0
    found = [0.0] * len(scores.shares)
    for period in periods:
        for loop in period.loops:
            found[loop] += (period.end - period.start) / whole
    return tuple(found)


def averaged(scores: Scores, windows: int) -> Scores:
    """The same with mean scores and shares in windows of equal length, for a long run."""
    edges = np.linspace(0, len(scores.times), windows + 1).astype(int)[:-1]
    width = np.diff([*edges, len(scores.times)])
    size, share = (
        np.add.reduceat(x, edges, axis=1) / width for x in (scores.scores, scores.shares)
    )
    return Scores(scores.times[edges], size, share, scores.parts)


def _ruling(column: Array) -> tuple[int, ...]:
    for sign in (1.0, -1.0):
        side = np.where(np.sign(column) == sign, np.abs(column), 0.0)
        if side.sum() > 0.5:
            order = np.argsort(-side, kind="stable")
            enough = int(np.searchsorted(np.cumsum(side[order]), 0.5, side="right")) + 1
            return tuple(sorted(int(i) for i in order[:enough]))
    return ()


def _equation(function: object, times: Array, values: list[Array]) -> Array:
    with np.errstate(all="ignore"):
        (made,) = function(times, times, values)  # type: ignore[operator]
    return np.broadcast_to(np.asarray(made, dtype=np.float64), times.shape)


def _change(new: Array, old: Array) -> Array:
    """new - old, and 0 where that is rounding alone."""
    difference = new - old
    size = np.maximum(np.abs(new), np.abs(old))
    return np.where(np.abs(difference) <= NOTHING * size, 0.0, difference)
