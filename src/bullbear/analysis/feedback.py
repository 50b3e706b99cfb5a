"""All about the loops of a model along one run: what `bullbear loops` says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from bullbear.analysis.causal import Arrow, DrawnLoop, arrows, variables
from bullbear.analysis.links import Course, Links
from bullbear.analysis.loop_scores import Period, Scores, dominant, loop_scores, reigns
from bullbear.analysis.loops import (
    BALANCING,
    CHANGING,
    IDLE,
    REINFORCING,
    Feedback,
    Loop,
    around,
    find,
    polarity,
)
from bullbear.analysis.named_loops import Found, LoopsFile, NamedLoop, find_named
from bullbear.errors import UsageError
from bullbear.models.model import Model

Array = npt.NDArray[np.float64]
DRAWN = 12
"""Of loops without names at most so many are drawn."""
RULING = 0.05
"""A loop that is among the ruling ones for less of the run is not drawn as one of them."""


@dataclass(frozen=True)
class Named:
    """A named loop in one run.

    Attributes
    ----------
    cycles : how many cycles it stands for, one per combination of elements
    polarity : of all its cycles along the run; idle cycles are passed over
    """

    loop: NamedLoop
    cycles: int
    polarity: str


@dataclass(frozen=True)
class Report:
    """The loops of a model and what they brought about in a run.

    Attributes
    ----------
    variables, links : how many there are that change
    named : the loops of the file, empty where there is none
    scores, periods : of the named loops where there are some, else of those that were found
    loops : name, title and variables for each row of `scores`
    reigns : for each row of `scores` the share of the run in which it is among the ruling ones
    drawn : the loops of a diagram of all of them; empty where there are too many
    ruling : those of them that rule, the longest reign first
    arrows : the links of all drawn loops
    """

    variables: int
    links: int
    feedback: Feedback
    named: tuple[Named, ...]
    loops: tuple[DrawnLoop, ...]
    scores: Scores
    periods: tuple[Period, ...]
    reigns: tuple[float, ...]
    drawn: tuple[DrawnLoop, ...]
    ruling: tuple[DrawnLoop, ...]
    arrows: tuple[Arrow, ...]

    @property
    def labels(self) -> tuple[str, ...]:
        """The names of named loops, the variables of others; one per row of `scores`."""
        return tuple(one.name if self.named else one.title for one in self.loops)


def examine(
    model: Model,
    scenario: str = "base",
    overrides: Mapping[str, float] | None = None,
    named: Path | None = None,
    length: int | None = None,
) -> Report:
    """Find the loops of a model, their direction and their scores along a run by Euler.

    Raises
    ------
    ModelError
        If a named loop has a link that the model does not have, or the run has no scores.
    UsageError
        If the run is too short for a score, or `length` is no length.
    """
    if length is not None and length < 1:
        raise UsageError(f"a loop has at least one variable, not {length}", code="bad-number",
                         hint="for example --length 8")  # fmt: skip
    links = Links(model.system)
    course = links.along(model, scenario, overrides)
    if len(course.times) < 3:
        raise UsageError("the run has too few steps for scores of loops", code="final-time",
                         hint="let it go on for at least two time steps")  # fmt: skip
    feedback = find(links, course, length)
    wanted = find_named(links, LoopsFile.read(named)) if named is not None else []
    listed: Sequence[Found | Loop] = wanted or feedback.loops
    scores = loop_scores(links, course, [path for loop in listed for path in _paths(loop)])
    if wanted:
        scores = _summed(scores, wanted)
    loops = _labelled(wanted) if wanted else _numbered(feedback.loops)
    periods = tuple(dominant(scores))
    lasting = reigns(scores, periods)
    drawn, ruling = _chosen(loops, lasting, DRAWN if not wanted else len(wanted))
    links_drawn = _arrows(model, links, course, [listed[k] for k in drawn or ruling], scenario)
    return Report(
        len(links.names), links.graph.number_of_edges(), feedback,
        _about(links, course, wanted), tuple(loops), scores, periods, lasting,
        tuple(loops[row] for row in drawn), tuple(loops[row] for row in ruling), links_drawn,
    )  # fmt: skip


def _paths(loop: Found | Loop) -> tuple[tuple[str, ...], ...]:
    return loop.paths if isinstance(loop, Found) else (loop.path,)


def _chosen(
    loops: Sequence[DrawnLoop], lasting: Sequence[float], most: int
) -> tuple[list[int], list[int]]:
    """Which loops are drawn: all of them, if they are not too many, and those that rule."""
    drawable = [row for row, loop in enumerate(loops) if loop.variables]
    ruling = sorted((row for row in drawable if lasting[row] >= RULING), key=lambda r: -lasting[r])
    return drawable if len(drawable) <= most else [], ruling[:DRAWN]


def _about(links: Links, course: Course, wanted: Sequence[Found]) -> tuple[Named, ...]:
    """The named loops with their direction along the run."""
    every = sorted({link for found in wanted for p in found.paths for link in around(p)})
    slopes = links.slopes(course, every)
    return tuple(
        Named(found.loop, len(found.paths), _common([polarity(p, slopes) for p in found.paths]))
        for found in wanted
    )


def _labelled(wanted: Sequence[Found]) -> list[DrawnLoop]:
    return [
        DrawnLoop(one.loop.name, one.loop.title, one.loop.polarity, variables(one.paths[0]))
        for one in wanted
    ]


def _numbered(loops: Sequence[Loop]) -> list[DrawnLoop]:
    """Loops without names get numbers: R1, B1; U1 where the direction changes or nothing moves."""
    count: dict[str, int] = {}
    made = []
    for loop in loops:
        letter = loop.polarity if loop.polarity in (REINFORCING, BALANCING) else "U"
        count[letter] = count.get(letter, 0) + 1
        title = " -> ".join(loop.variables) or f"inside {loop.path[0].partition('#')[0]}"
        name = f"{letter}{count[letter]}"
        made.append(DrawnLoop(name, title, loop.polarity, variables(loop.path)))
    return made


def _arrows(
    model: Model, links: Links, course: Course, loops: Sequence[Found | Loop], scenario: str
) -> tuple[Arrow, ...]:
    """The links of loops; those of a named loop with the signs of the scenario in which it acts."""
    courses = {scenario: course}
    walked = []
    for loop in loops:
        where = loop.loop.scenario if isinstance(loop, Found) else scenario
        if where not in courses:
            courses[where] = links.along(model, where)
        paths = _paths(loop)
        slopes = links.slopes(courses[where], sorted({x for p in paths for x in around(p)}))
        walked += [(path, slopes) for path in paths]
    return arrows(walked)


def _common(kinds: Sequence[str]) -> str:
    """The direction of several cycles."""
    acting = {kind for kind in kinds if kind != IDLE}
    return acting.pop() if len(acting) == 1 else CHANGING if acting else IDLE


def _summed(every: Scores, wanted: Sequence[Found]) -> Scores:
    """Scores of named loops from those of their cycles, one row per named loop."""
    sizes = [len(found.paths) for found in wanted]
    starts = np.cumsum([0, *sizes[:-1]])
    return Scores(
        every.times,
        np.add.reduceat(every.scores, starts, axis=0),
        np.add.reduceat(every.shares, starts, axis=0),
        tuple(every.parts[start] for start in starts),
    )
