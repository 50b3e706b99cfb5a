"""Where the variables of a causal-loop diagram stand: linked ones near each other, little crossing.

The start is the layout of Kamada and Kawai (1989); from there single variables are moved, and pairs
exchanged, by simulated annealing with a fixed seed (after Davidson and Harel 1996, Drawing graphs
nicely using simulated annealing).  Costs are of labels that come too near each other, of links that
cross each other or pass over a label, and of links that are short or long.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from bullbear.report.placing import packed

Array = npt.NDArray[np.float64]
STEPS_EACH = 150
"""Trials per variable."""
LINK_LENGTH = 112.0
"""A link between the middles of its labels is best so long [pixel]; sideways a quarter more."""
GAP = 18.0
"""Between labels [pixel]."""
CROSSING, OVER_LABEL, TOO_NEAR, STRETCHED, CROWDED = 25.0, 45.0, 3.0, 4.0, 11000.0


def spread(halves: Array, links: Sequence[tuple[int, int]]) -> Array:
    """The middles of labels [pixel], shape (label, 2).

    Parameters
    ----------
    halves : half the width and height of each label [pixel], shape (label, 2)
    links : pairs of labels; direction and repetition are the same here
    """
    import networkx as nx

    graph = nx.Graph()
    graph.add_nodes_from(range(len(halves)))
    graph.add_edges_from(pair for pair in links if pair[0] != pair[1])
    parts = [sorted(part) for part in nx.connected_components(graph)]
    made = [_part(graph.subgraph(part), part, halves[part]) for part in parts]
    corners = []
    for part, places in zip(parts, made, strict=True):
        low, high = (places - halves[part]).min(axis=0), (places + halves[part]).max(axis=0)
        corners.append(((low[0], low[1]), (high[0], high[1])))
    found = np.zeros((len(halves), 2))
    for part, places, move in zip(parts, made, packed(corners), strict=True):
        found[part] = places + move
    return found


def _part(graph: Any, part: list[int], halves: Array) -> Array:
    """The places of labels that hang together."""
    order = {label: place for place, label in enumerate(part)}
    pairs = sorted({tuple(sorted((order[a], order[b]))) for a, b in graph.edges})
    start = _start(len(part), pairs)
    if len(part) < 3:
        return start
    return _Board(start, halves, np.array(pairs)).annealed(STEPS_EACH * len(part))


def _start(count: int, pairs: Sequence[tuple[int, ...]]) -> Array:
    import networkx as nx

    graph = nx.Graph()
    graph.add_nodes_from(range(count))
    graph.add_edges_from(pairs)
    found = nx.kamada_kawai_layout(graph)
    places = np.array([found[k] for k in range(count)])
    lengths = [float(np.linalg.norm(places[a] - places[b])) for a, b in pairs] or [1.0]
    return np.asarray(places / np.mean(lengths) * np.array([1.25, 1.0]) * LINK_LENGTH)


class _Board:
    """Labels and links, and what the place of one label costs."""

    def __init__(self, places: Array, halves: Array, pairs: npt.NDArray[np.int_]) -> None:
        self.places, self.halves, self.pairs = places, halves, pairs
        self.of = [np.nonzero((pairs == k).any(axis=1))[0] for k in range(len(places))]
        ends = np.zeros((len(pairs), len(places)), dtype=bool)
        for column in (0, 1):
            ends[np.arange(len(pairs)), pairs[:, column]] = True
        self.ends = ends
        self.apart = ~(ends.astype(int) @ ends.T.astype(int) > 0)  # links without a common end

    def annealed(self, steps: int) -> Array:
        """The best places found."""
        rng = np.random.default_rng(0)
        count = len(self.places)
        change, least, best = 0.0, 0.0, self.places.copy()
        for step in range(steps):
            left = 1 - step / steps
            moved = [int(rng.integers(count))]
            before = self.places.copy()
            if rng.random() < 0.08:
                moved.append(int(rng.integers(count)))
            old = sum(map(self.cost, moved))
            if len(moved) == 2:
                self.places[moved] = self.places[moved[::-1]]
            else:
                jump = rng.normal(size=2) * np.array([75.0, 55.0]) * left + rng.normal(size=2) * 4
                self.places[moved[0]] += jump
            gain = sum(map(self.cost, moved)) - old
            if gain < 0 or rng.random() < math.exp(-gain / (14 * left**2 + 0.01)):
                change += gain
                if change < least:
                    least, best = change, self.places.copy()
            else:
                self.places = before
        return best

    def cost(self, label: int) -> float:
        """What a label and its links cost where they are."""
        return self._crowd(label) + self._links(label)

    def _crowd(self, label: int) -> float:
        apart = np.abs(self.places - self.places[label])
        free = apart - (self.halves + self.halves[label] + GAP)
        free[label] = 1.0
        overlap = np.where(free.max(axis=1) < 0, -free.max(axis=1), 0.0)
        distance = ((apart / np.array([1.25, 1.0])) ** 2).sum(axis=1)
        distance[label] = np.inf
        others = ~self.ends[:, label]
        over = self._over(np.nonzero(others)[0], np.array([label]))
        return float(
            TOO_NEAR * (overlap**1.3).sum() + (CROWDED / (distance + 900)).sum() + OVER_LABEL * over
        )

    def _links(self, label: int) -> float:
        own = self.of[label]
        if not len(own):
            return 0.0
        a, b = self.places[self.pairs[own, 0]], self.places[self.pairs[own, 1]]
        lengths = np.hypot(*((a - b) / np.array([1.25, 1.0])).T)
        return float(
            STRETCHED * (((lengths - LINK_LENGTH) / 60) ** 2).sum()
            + CROSSING * self._crossings(own)
            + OVER_LABEL * self._over(own, np.arange(len(self.places)))
        )

    def _crossings(self, own: npt.NDArray[np.int_]) -> float:
        a, b = (self.places[self.pairs[own, end]][:, None] for end in (0, 1))
        u, v = (self.places[self.pairs[:, end]][None] for end in (0, 1))
        crossed = (_side(a, b, u) * _side(a, b, v) < 0) & (_side(u, v, a) * _side(u, v, b) < 0)
        return float(np.count_nonzero(crossed & self.apart[own]))

    def _over(self, links: npt.NDArray[np.int_], labels: npt.NDArray[np.int_]) -> float:
        """How far links pass over labels that are not their own, in label sizes."""
        start = self.places[self.pairs[links, 0]][:, None]
        along = self.places[self.pairs[links, 1]][:, None] - start
        size = self.halves[labels] + 9.0
        way, step = (self.places[labels] - start) / size, along / size
        (wx, sx), (wy, sy) = ((way[..., k], step[..., k]) for k in (0, 1))
        share = (wx * sx + wy * sy) / np.maximum(sx * sx + sy * sy, 1e-9)
        share = np.minimum(np.maximum(share, 0.0), 1.0)
        inside = 1.25 - np.hypot(wx - share * sx, wy - share * sy)
        return float(inside[(inside > 0) & ~self.ends[links][:, labels]].sum())


def _side(origin: Array, first: Array, second: Array) -> Array:
    """On which side of origin -> first the second point lies."""
    a, b = first - origin, second - origin
    found: Array = a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]
    return found
