"""Causal links and loops as a diagram shows them: by variable, with a sign, long chains folded.

Elements of arrays and the stages of delays are taken together under the name of their variable.  A
link is + where more of the cause makes more of the effect, all else equal, - where it makes less,
and +/- where that depends on where the model stands or on the element.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from bullbear.analysis.links import Link
from bullbear.analysis.loops import around
from bullbear.equations.names import split_element

Array = npt.NDArray[np.float64]
PLUS, MINUS, EITHER = "+", "-", "+/-"
MANY = 30
"""In a diagram of more variables those that one link reaches and one link leaves are folded."""


@dataclass(frozen=True)
class Arrow:
    """A causal link; `delayed` where it passes through a delay or an average."""

    start: str
    end: str
    sign: str
    delayed: bool


@dataclass(frozen=True)
class DrawnLoop:
    """A loop with its label, such as R1, and the variables that it passes."""

    name: str
    title: str
    polarity: str
    variables: tuple[str, ...]


@dataclass(frozen=True)
class CausalDiagram:
    """What a causal-loop diagram shows; `folded` variables stand inside its links."""

    arrows: tuple[Arrow, ...]
    loops: tuple[DrawnLoop, ...]
    folded: int


def variables(path: Sequence[str]) -> tuple[str, ...]:
    """The variables of a cycle of vertices, without elements and stages of delays."""
    return tuple(dict.fromkeys(_base(vertex) for vertex in path if "#" not in vertex))


def arrows(walked: Iterable[tuple[Sequence[str], Mapping[Link, Array]]]) -> tuple[Arrow, ...]:
    """The links of cycles, each given with the slopes of its vertices' links along a run."""
    signs: dict[Link, set[int]] = {}
    delayed: dict[Link, bool] = {}
    for path, slopes in walked:
        for stretch in _stretches(path):
            link = (_base(stretch[0]), _base(stretch[-1]))
            product = np.prod([np.sign(slopes[pair]) for pair in _pairs(stretch)], axis=0)
            signs.setdefault(link, set()).update(int(s) for s in np.unique(product) if s)
            delayed[link] = delayed.get(link, False) or len(stretch) > 2
    return tuple(Arrow(*link, _sign(found), delayed[link]) for link, found in signs.items())


def folded(
    every: Sequence[Arrow], loops: Sequence[DrawnLoop], stocks: Container[str], most: int = MANY
) -> CausalDiagram:
    """The diagram of some loops; where it has many variables, chains become single links.

    Of the longest loops variables are folded first, and stocks last.
    """
    wanted = {link for loop in loops for link in around(loop.variables)}
    kept = {(a.start, a.end): a for a in every if (a.start, a.end) in wanted}
    names = dict.fromkeys(name for loop in loops for name in loop.variables)
    whole = len(names)
    while len(names) > most:
        left = {one.name: [v for v in one.variables if v in names] for one in loops}
        longest = {v: max(len(path) for path in left.values() if v in path) for v in names}
        if not _fold_one(kept, names, sorted(names, key=lambda v: (v in stocks, -longest[v]))):
            break
    shown = tuple(
        DrawnLoop(one.name, one.title, one.polarity, tuple(v for v in one.variables if v in names))
        for one in loops
    )
    return CausalDiagram(tuple(kept.values()), shown, whole - len(names))


def _fold_one(kept: dict[Link, Arrow], names: dict[str, None], order: Sequence[str]) -> bool:
    """Fold the first variable between two others; whether there was one."""
    for name in order:
        causes = [arrow for arrow in kept.values() if arrow.end == name]
        effects = [arrow for arrow in kept.values() if arrow.start == name]
        if len(causes) != 1 or len(effects) != 1:
            continue
        before, after = causes[0], effects[0]
        link = (before.start, after.end)
        if link[0] != link[1] and link not in kept:
            del kept[before.start, name], kept[name, after.end], names[name]
            kept[link] = Arrow(*link, _times(before.sign, after.sign),
                               before.delayed or after.delayed)  # fmt: skip
            return True
    return False


def _stretches(path: Sequence[str]) -> Iterator[list[str]]:
    """The parts of a cycle from one variable to the next, with the stages between them."""
    first = next(place for place, vertex in enumerate(path) if "#" not in vertex)
    stretch = [path[first]]
    for vertex in [*path[first + 1 :], *path[: first + 1]]:
        stretch.append(vertex)
        if "#" not in vertex:
            yield stretch
            stretch = [vertex]


def _pairs(stretch: Sequence[str]) -> Iterator[Link]:
    return pairwise(stretch)


def _base(vertex: str) -> str:
    return split_element(vertex)[0]


def _sign(found: set[int]) -> str:
    """The sign of a link; one that does nothing along the run has none."""
    return {(): "", (1,): PLUS, (-1,): MINUS}.get(tuple(found), EITHER)


def _times(first: str, second: str) -> str:
    if not first or not second:
        return ""
    if EITHER in (first, second):
        return EITHER
    return PLUS if first == second else MINUS
