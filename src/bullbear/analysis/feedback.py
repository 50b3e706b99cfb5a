"""All about the loops of a model along one run: what `bullbear loops` says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from bullbear.analysis.links import Links
from bullbear.analysis.loop_scores import Period, Scores, dominant, loop_scores
from bullbear.analysis.loops import CHANGING, IDLE, Feedback, around, find, polarity
from bullbear.analysis.named_loops import Found, NamedLoop, find_named, load_loops
from bullbear.errors import UsageError
from bullbear.models.model import Model

Array = npt.NDArray[np.float64]


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
    labels : one per row of `scores`
    """

    variables: int
    links: int
    feedback: Feedback
    named: tuple[Named, ...]
    labels: tuple[str, ...]
    scores: Scores
    periods: tuple[Period, ...]


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
    wanted = find_named(links, load_loops(named), named) if named is not None else []
    if wanted:
        slopes = links.slopes(
            course, sorted({x for found in wanted for p in found.paths for x in around(p)})
        )
        about = tuple(
            Named(found.loop, len(found.paths), _common([polarity(p, slopes) for p in found.paths]))
            for found in wanted
        )
        scores = _summed(loop_scores(links, course, [p for f in wanted for p in f.paths]), wanted)
        labels = tuple(found.loop.name for found in wanted)
    else:
        about = ()
        scores = loop_scores(links, course, [loop.path for loop in feedback.loops])
        labels = tuple(" -> ".join(loop.variables) for loop in feedback.loops)
    return Report(
        len(links.names), links.graph.number_of_edges(), feedback, about, labels, scores,
        tuple(dominant(scores)),
    )  # fmt: skip


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
    )
