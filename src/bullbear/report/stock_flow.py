"""The stock-and-flow diagram of a sector.

Stocks are boxes, flows are pipes with a valve, clouds stand for what the model leaves out, and
other variables are plain text.  A name in angle brackets is a shadow variable: it is defined in
another sector, or far away in the same picture.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from itertools import pairwise

from bullbear.analysis.stock_flow import Flow, Sector
from bullbear.equations.system import System
from bullbear.report.lettering import Label, label, width
from bullbear.report.placing import Box, Edge, Placed, Point, layered
from bullbear.report.svg import FAINT, INK, LINK, Picture, polyline

VALVE, CLOUD = 15.0, (26.0, 17.0)
RAISED = 5.0
"""The name of a flow begins so far above the middle of its valve, below the links that come in."""
PASSES = 4
FAR = (330.0, 230.0)
"""A link that would go further than this, across or down, starts at a shadow of its cause."""
STOCK, FLOW, CLOUDS, TEXT, SHADOW, OUTSIDE = "stock", "flow", "cloud", "text", "shadow", "outside"


@dataclass(frozen=True)
class Part:
    """One thing that is drawn."""

    kind: str
    label: Label

    @property
    def box(self) -> Box:
        wide, high = self.label.width, self.label.height
        if self.kind in (STOCK, OUTSIDE):
            return Box(wide + 16, max(high + 12, 36))
        if self.kind == FLOW:
            return Box(VALVE, VALVE, wide + 16, max(0.0, high - RAISED - VALVE / 2))
        return Box(*CLOUD) if self.kind == CLOUDS else Box(wide + 6, high + 4)


def diagram(sector: Sector, system: System) -> str:
    """The picture of a sector as SVG, the same bytes every time."""
    here = {*sector.members, *(flow.key for flow in sector.flows)}
    far = {link for link in sector.links if link[0] not in here}
    for _ in range(PASSES):
        parts, edges = _arranged(sector, system, far)
        placed = layered({key: part.box for key, part in parts.items()}, edges)
        further = {link for link in sector.links if link not in far and _is_far(placed, link)}
        if not further:
            break
        far |= further
    return _drawn(sector, parts, edges, placed)


def _arranged(
    sector: Sector, system: System, far: set[tuple[str, str]]
) -> tuple[dict[Hashable, Part], list[Edge]]:
    """What is drawn where the causes of far links are shown as shadows beside their effects."""
    parts = _parts(sector, system)
    edges = [edge for flow in sector.flows for edge in _pipes(flow)]
    edges += [Edge(*link) for link in sector.links if link not in far]
    for effect in parts.copy():
        causes = [a for a, b in sector.links if b == effect and (a, b) in far]
        if causes:
            parts["shadows", effect] = Part(SHADOW, _shadows(causes, system))
            edges.append(Edge(("shadows", effect), effect))
    return parts, edges


def _shadows(causes: list[str], system: System) -> Label:
    """The names of shadow variables below each other."""
    names = [f"<{system.variables[cause].name}>" for cause in causes]
    if len(names) == 1:
        return label(names[0])
    return Label(tuple(names), tuple(map(width, names)))


def _parts(sector: Sector, system: System) -> dict[Hashable, Part]:
    parts: dict[Hashable, Part] = {}
    for key in sector.members:
        variable = system.variables[key]
        parts[key] = Part(STOCK if variable.kind == "stock" else TEXT, label(variable.name))
    for flow in sector.flows:
        name = system.variables[flow.key].name if flow.named else ""
        parts[flow.key] = Part(FLOW, label(name if flow.own else f"<{name}>"))
        for stock in (*flow.out_of, *flow.into):
            if stock not in parts:
                parts[stock] = Part(OUTSIDE, label(f"<{system.variables[stock].name}>"))
        for side, stocks in (("from", flow.out_of), ("to", flow.into)):
            if not stocks:
                parts[side, flow.key] = Part(CLOUDS, label(""))
    return parts


def _pipes(flow: Flow) -> list[Edge]:
    sources = flow.out_of or (("from", flow.key),)
    sinks = flow.into or (("to", flow.key),)
    return [Edge(s, flow.key, True) for s in sources] + [Edge(flow.key, s, True) for s in sinks]


def _is_far(placed: Placed, link: tuple[str, str]) -> bool:
    (x, y), (u, v) = placed.centres[link[0]], placed.centres[link[1]]
    return abs(x - u) > FAR[0] or abs(y - v) > FAR[1]


# -- drawing ---------------------------------------------------------------------------------------


def _drawn(sector: Sector, parts: dict[Hashable, Part], edges: list[Edge], placed: Placed) -> str:
    picture = Picture()
    for edge, route in zip(edges, placed.routes, strict=True):
        if not edge.pipe:
            picture.line(polyline(route, 14), route, LINK, 0.9)
            picture.tip(route[-2], route[-1], LINK)
    for edge, route in zip(edges, placed.routes, strict=True):
        if edge.pipe:
            _pipe(picture, edge, route, parts, placed)
    walls = [route for edge, route in zip(edges, placed.routes, strict=True) if edge.pipe]
    for key, part in parts.items():
        _part(picture, part, placed.centres[key], walls)
    return picture.written(
        f"{sector.title}: stocks and flows",
        "Boxes are stocks, double lines with a valve are flows, clouds are what the model leaves "
        "out. Names in angle brackets are defined elsewhere.",
    )


def _pipe(
    picture: Picture, edge: Edge, route: tuple[Point, ...], parts: dict[Hashable, Part],
    placed: Placed,
) -> None:  # fmt: skip
    """A double line to the middle of the valve, with a tip where it ends in a stock or cloud."""
    whole = list(route)
    if parts[edge.start].kind == FLOW:
        whole.insert(0, placed.centres[edge.start])
        stop = whole[-1]
        before = whole[-2]
        length = max(abs(stop[0] - before[0]), abs(stop[1] - before[1]), 1.0)
        share = min(7.0 / length, 1.0)
        back = (stop[0] + share * (before[0] - stop[0]), stop[1] + share * (before[1] - stop[1]))
        _double(picture, [*whole[:-1], back])
        picture.tip(before, stop, INK, 9)
    else:
        _double(picture, [*whole, placed.centres[edge.end]])


def _double(picture: Picture, points: list[Point]) -> None:
    path = polyline(points)
    picture.line(path, points, INK, 5.0)
    picture.line(path, points, "#FFFFFF", 2.8)


def _part(picture: Picture, part: Part, centre: Point, walls: list[tuple[Point, ...]]) -> None:
    x, y = centre
    box, text = part.box, part.label
    top = y - text.height / 2
    if part.kind in (STOCK, OUTSIDE):
        outside = part.kind == OUTSIDE
        picture.rectangle(centre, box.width, box.height, dashed=outside)
        picture.text(text, x, top, colour=FAINT if outside else INK)
    elif part.kind == FLOW:
        a = VALVE / 2
        waist = [(x - a, y - a), (x + a, y - a), (x - a, y + a), (x + a, y + a)]
        picture.polygon(waist, "#FFFFFF", INK, "valve")
        colour = FAINT if text.lines[0].startswith("<") else INK
        if text.width:
            right = (x + a + 4, y - RAISED)
            left = (x - a - 4 - text.width, y - RAISED)
            free = not _touches(right, text, walls) or _touches(left, text, walls)
            picture.text(text, *(right if free else left), colour=colour, anchor="start")
    elif part.kind == CLOUDS:
        _cloud(picture, centre)
    else:
        picture.text(text, x, top, colour=FAINT if part.kind == SHADOW else INK)


def _touches(corner: Point, text: Label, walls: list[tuple[Point, ...]]) -> bool:
    """Whether a pipe runs over a label; pipes run upright and level only."""
    (x, y), wide, high = corner, text.width, text.height
    return any(
        min(a[0], b[0]) < x + wide and max(a[0], b[0]) > x
        and min(a[1], b[1]) < y + high and max(a[1], b[1]) > y
        for route in walls for a, b in pairwise(route)
    )  # fmt: skip


def _cloud(picture: Picture, centre: Point) -> None:
    x, y = centre
    outline = ((-9, 6), (-15, 4), (-13, -4), (-7, -3), (-6, -10), (3, -10), (4, -5), (11, -8),
               (14, 1), (10, 3), (10, 8), (2, 9), (0, 6), (-3, 9), (-8, 9), (-9, 6))  # fmt: skip
    points = [(x + 0.9 * a, y + 0.9 * b) for a, b in outline]
    curves = "".join(
        "C" + " ".join(f"{u:.1f} {v:.1f}" for u, v in points[k : k + 3])
        for k in range(1, len(points) - 2, 3)
    )
    picture.shape(f"M{points[0][0]:.1f} {points[0][1]:.1f}{curves}Z", points, "cloud")
