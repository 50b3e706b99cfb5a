"""Feedback loops: cycles among the variables of a model, and the direction in which they push.

Where a model has more simple cycles than can be listed, a set of shortest loops stands for them in
which every link of feedback appears (after Oliva 2004, Model structure analysis through graph
theory, System Dynamics Review 20).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, pairwise
from typing import Any

import networkx as nx
import numpy as np
import numpy.typing as npt

from bullbear.analysis.links import Course, Link, Links

Array = npt.NDArray[np.float64]
MOST = 2000
"""Models with more simple cycles than this get the set of shortest loops."""
REINFORCING, BALANCING, CHANGING, IDLE = "R", "B", "R/B", "idle"


@dataclass(frozen=True)
class Loop:
    """A cycle: `path` holds every vertex once, each linked to the next and the last to the first.

    `polarity` is R (reinforcing), B (balancing), R/B where it changes along the run, or idle where
    some link of it has the slope 0 all along.
    """

    path: tuple[str, ...]
    polarity: str

    @property
    def links(self) -> list[Link]:
        return list(pairwise((*self.path, self.path[0])))

    @property
    def variables(self) -> tuple[str, ...]:
        """The path without the stages of delays and averages, which have no name of their own."""
        return tuple(name for name in self.path if "#" not in name)


@dataclass(frozen=True)
class Feedback:
    """The loops of a model.

    Attributes
    ----------
    components : sets of variables that all act on each other, the largest first
    loops : by length, then by name
    complete : whether these are all simple cycles up to the length asked for
    length : the longest loop that was looked for; None where there was no bound
    """

    components: tuple[tuple[str, ...], ...]
    loops: tuple[Loop, ...]
    complete: bool
    length: int | None


def find(links: Links, course: Course, length: int | None = None) -> Feedback:
    """Every loop of at most `length` variables, or the set of shortest loops."""
    components = feedback_components(links.graph)
    paths, complete = cycles(links.graph, length)
    slopes = links.slopes(course, sorted({link for path in paths for link in around(path)}))
    loops = tuple(Loop(path, polarity(path, slopes)) for path in paths)
    return Feedback(components, loops, complete, length)


def feedback_components(graph: Any) -> tuple[tuple[str, ...], ...]:
    """Strongly connected components that hold a cycle, the largest first."""
    found = [
        tuple(sorted(part))
        for part in nx.strongly_connected_components(graph)
        if len(part) > 1 or graph.has_edge(*(2 * tuple(part)))
    ]
    return tuple(sorted(found, key=lambda part: (-len(part), part)))


def cycles(graph: Any, length: int | None = None) -> tuple[list[tuple[str, ...]], bool]:
    """Simple cycles by length, and whether they are all there are up to `length`."""
    parts = [graph.subgraph(part) for part in feedback_components(graph)]
    every = (path for part in parts for path in nx.simple_cycles(part, length_bound=length))
    listed = list(islice(every, MOST + 1))
    complete = len(listed) <= MOST
    chosen = listed if complete else [path for part in parts for path in _shortest(part, length)]
    turned = {_from_the_first(path) for path in chosen}
    return sorted(turned, key=lambda path: (len(path), path)), complete


def _shortest(graph: Any, length: int | None) -> Iterator[Sequence[str]]:
    """For every link the shortest cycle through it, if it adds a link to those before."""
    around_link = []
    for start, end in sorted(graph.edges):
        path = nx.shortest_path(graph, end, start)
        if length is None or len(path) <= length:
            around_link.append(_from_the_first(path))
    covered: set[Link] = set()
    for path in sorted(set(around_link), key=lambda p: (len(p), p)):
        if not covered.issuperset(around(path)):
            covered.update(around(path))
            yield path


def _from_the_first(path: Sequence[str]) -> tuple[str, ...]:
    """The same cycle from the vertex that is first in the alphabet."""
    first = path.index(min(path))
    return (*path[first:], *path[:first])


def around(path: Sequence[str]) -> list[Link]:
    """The links of a cycle."""
    return list(pairwise((*path, path[0])))


def polarity(path: Sequence[str], slopes: dict[Link, Array]) -> str:
    """The sign of the product of slopes along the run; 0 counts for neither side."""
    signs = np.prod([np.sign(slopes[link]) for link in around(path)], axis=0)
    kinds = {int(sign) for sign in np.unique(signs) if sign}
    return {(): IDLE, (1,): REINFORCING, (-1,): BALANCING}.get(tuple(kinds), CHANGING)
