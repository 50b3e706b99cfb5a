"""Where the parts of a diagram stand: layers from top to bottom, no part on another one.

The layers, the order within them, places and routes are graphlay's (Sugiyama's method with network
simplex and room for labels).
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Point = tuple[float, float]
GAPS = {
    "layer_gap": 26.0, "node_gap": 14.0, "dummy_gap": 10.0, "port_gap": 9.0,
    "port_stroke_clear": 6.0, "stub": 7.0,
}  # fmt: skip
APART = 40.0
"""Between parts of a diagram that nothing connects [pixel]."""
COLUMN = 20.0
PAGE = 1.4
"""How much wider than high a diagram of many parts may be."""


@dataclass(frozen=True)
class Box:
    """The room of one part [pixel]; `beside` and `below` are kept free for a label at its right."""

    width: float
    height: float
    beside: float = 0.0
    below: float = 0.0


@dataclass(frozen=True)
class Edge:
    """A connection from `start` to `end`; a pipe is kept straight and short where it can be."""

    start: Hashable
    end: Hashable
    pipe: bool = False


@dataclass(frozen=True)
class Placed:
    """Centres of boxes, and the points of every edge in the order of the edges [pixel]."""

    centres: Mapping[Hashable, Point]
    routes: tuple[tuple[Point, ...], ...]


def layered(boxes: Mapping[Hashable, Box], edges: Sequence[Edge]) -> Placed:
    """Place boxes, and lead edges around them: pipes by right angles, links as they please.

    Parts that nothing connects stand beside and below each other.
    """
    import networkx as nx

    whole = nx.MultiDiGraph()
    whole.add_nodes_from(boxes)
    whole.add_edges_from((edge.start, edge.end, place) for place, edge in enumerate(edges))
    blocks = []
    for members in nx.weakly_connected_components(whole):
        inside = [place for place, edge in enumerate(edges) if edge.start in members]
        some = {key: box for key, box in boxes.items() if key in members}
        blocks.append((inside, some, _component(some, [edges[place] for place in inside])))
    centres: dict[Hashable, Point] = {}
    routes: dict[int, tuple[Point, ...]] = {}
    corners = [_corners(some, placed) for _, some, placed in blocks]
    for (inside, _, placed), (x, y) in zip(blocks, packed(corners), strict=True):
        centres |= {key: (u + x, v + y) for key, (u, v) in placed.centres.items()}
        for place, route in zip(inside, placed.routes, strict=True):
            routes[place] = tuple((u + x, v + y) for u, v in route)
    return Placed(centres, tuple(routes[place] for place in range(len(edges))))


def _component(boxes: Mapping[Hashable, Box], edges: Sequence[Edge]) -> Placed:
    import graphlay

    options = {"direction": "topbottom", "spacing": GAPS, "routing": {"style": "diagonal"}}
    free = graphlay.layout(_graph(boxes, edges, {}), options=options)
    centres = {key: (x, y) for key, (x, y) in free.positions().items()}
    square = graphlay.reroute(
        _graph(boxes, edges, centres), options=options | {"routing": {"style": "orthogonal"}}
    )
    routes = [
        _points((square if edge.pipe else free).edges[place]) for place, edge in enumerate(edges)
    ]
    return Placed(centres, tuple(routes))


def _corners(boxes: Mapping[Hashable, Box], placed: Placed) -> tuple[Point, Point]:
    """The upper left and the lower right corner of a layout."""
    points = [point for route in placed.routes for point in route]
    for key, box in boxes.items():
        x, y = placed.centres[key]
        points.append((x - box.width / 2, y - box.height / 2))
        points.append((x + box.width / 2 + box.beside, y + box.height / 2 + box.below))
    return (min(x for x, _ in points), min(y for _, y in points)), (
        max(x for x, _ in points), max(y for _, y in points)
    )  # fmt: skip


def packed(corners: Sequence[tuple[Point, Point]]) -> list[Point]:
    """How far each layout is moved so that all stand on about one page, the highest first.

    Each falls as low as it can onto those before, in columns of a fixed width.
    """
    sizes = [(right - left + APART, low - high + APART) for (left, high), (right, low) in corners]
    most = max(max(w for w, _ in sizes), (PAGE * sum(w * h for w, h in sizes)) ** 0.5)
    reached = [0.0] * math.ceil(most / COLUMN)
    moves = [(0.0, 0.0)] * len(sizes)
    for place in sorted(range(len(sizes)), key=lambda k: -sizes[k][1]):
        span = math.ceil(sizes[place][0] / COLUMN)
        tops = [max(reached[x : x + span]) for x in range(max(1, len(reached) - span + 1))]
        y = min(tops)
        x = tops.index(y)
        reached[x : x + span] = [y + sizes[place][1]] * len(reached[x : x + span])
        left, high = corners[place][0]
        moves[place] = (x * COLUMN - left, y - high)
    return moves


def _graph(
    boxes: Mapping[Hashable, Box], edges: Sequence[Edge], centres: Mapping[Hashable, Point]
) -> Any:
    import graphlay

    graph = graphlay.Graph()
    for key, box in boxes.items():
        fields: dict[str, Any] = {}
        if box.beside:
            room = {"cross_pos": box.beside, "along_pos": box.below}
            fields = {"margin": room, "port_sides": "facing_only"}
        if key in centres:
            fields["position"] = dict(zip("xy", centres[key], strict=True))
        graph.node(key, width=box.width, height=box.height, **fields)
    for edge in edges:
        ports: dict[str, Any] = {}
        if edge.pipe and boxes[edge.end].beside:
            ports["target_port"] = {"offset": {"side": "top", "t": 0.0}}
        if edge.pipe and boxes[edge.start].beside:
            ports["source_port"] = {"offset": {"side": "bottom", "t": 0.0}}
        graph.edge(edge.start, edge.end, weight=20 if edge.pipe else 1,
                   thickness=6 if edge.pipe else 1, **ports)  # fmt: skip
    return graph


def _points(edge: Any) -> tuple[Point, ...]:
    return tuple((point["x"], point["y"]) for point in edge["points"])
