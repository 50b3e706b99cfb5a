"""The causal-loop diagram: variables, links with their sign, and the label of every loop.

Arcs, signs and labels of loops are put where they cover nothing else; what is drawn first has the
first choice.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from textwrap import wrap

import numpy as np
import numpy.typing as npt

from bullbear.analysis.causal import EITHER, MINUS, PLUS, Arrow, CausalDiagram, DrawnLoop
from bullbear.report.lettering import LEADING, Label, label, width
from bullbear.report.organic import spread
from bullbear.report.svg import FAINT, INK, Picture

Array = npt.NDArray[np.float64]
COLOURS = {PLUS: "#0072B2", MINUS: "#C04A00", EITHER: "#7A5195", "": FAINT}
SIGNS = {PLUS: "+", MINUS: "\u2212", EITHER: "\u00b1", "": "0"}
BENDS = (0.14, 0.22, -0.14, 0.3, -0.22, 0.06, -0.3, 0.42, -0.42)
"""How far an arc leaves the straight line, in its length; links to and fro never coincide."""
PACE = 3.0
"""Between the points of an arc that are looked at [pixel]."""
LEGEND = 76
"""Characters of a line of the legend."""
RADIUS = 15.0
"""Of the turning arrow around the label of a loop [pixel]."""


@dataclass(frozen=True)
class _Room:
    """A rectangle that is taken: its middle, and half its width and height [pixel]."""

    x: float
    y: float
    half: tuple[float, float]

    def overlaps(self, other: _Room, gap: float = 1.5) -> bool:
        return (
            abs(self.x - other.x) < self.half[0] + other.half[0] + gap
            and abs(self.y - other.y) < self.half[1] + other.half[1] + gap
        )

    def holds(self, points: Array, gap: float = 0.0) -> int:
        """How many of some points lie inside."""
        return int((np.abs(points - (self.x, self.y)) < np.array(self.half) + gap).all(1).sum())


def diagram(shown: CausalDiagram, title: str) -> str:
    """The picture of a causal diagram as SVG, the same bytes every time."""
    names = list(dict.fromkeys(name for loop in shown.loops for name in loop.variables))
    labels = {name: label(name) for name in names}
    halves = np.array([(one.width / 2 + 4, one.height / 2 + 2) for one in labels.values()])
    order = {name: place for place, name in enumerate(names)}
    places = spread(halves, [(order[arrow.start], order[arrow.end]) for arrow in shown.arrows])
    taken = {
        name: _Room(
            float(places[k, 0]), float(places[k, 1]), (float(halves[k, 0]), float(halves[k, 1]))
        )
        for k, name in enumerate(names)
    }
    picture = Picture()
    arcs = _arcs(shown.arrows, taken)
    rooms = list(taken.values())
    for arrow, arc in zip(shown.arrows, arcs, strict=True):
        _draw_arc(picture, arrow, arc)
    for arrow, arc in zip(shown.arrows, arcs, strict=True):
        _draw_sign(picture, arrow, arc, rooms, arcs)
    for name, one in labels.items():
        room = taken[name]
        picture.text(one, room.x, room.y - one.height / 2)
    for loop in sorted(shown.loops, key=lambda one: len(one.variables)):
        _draw_loop(picture, loop, taken, rooms, arcs)
    _legend(picture, shown, rooms)
    return picture.written(
        title,
        "Arrows with + move the effect in the direction of the cause, those with a minus against "
        "it. R loops reinforce, B loops balance. Two bars across an arrow are a delay.",
    )


# -- arcs ------------------------------------------------------------------------------------------


def _arcs(arrows: Sequence[Arrow], taken: dict[str, _Room]) -> list[Array]:
    """The points of every arc outside of its labels, shape (point, 2); each bends as suits best."""
    arcs: list[Array] = []
    for arrow in arrows:
        start, end = taken[arrow.start], taken[arrow.end]
        others = [room for name, room in taken.items() if name not in (arrow.start, arrow.end)]
        choices = [_arc(start, end, bend) for bend in BENDS]
        costs = [
            40 * sum(room.holds(arc, 3) for room in others)
            + sum(_meetings(arc, other) for other in arcs)
            + 3 * place
            for place, arc in enumerate(choices)
        ]
        arcs.append(choices[int(np.argmin(costs))])
    return arcs


def _arc(start: _Room, end: _Room, bend: float) -> Array:
    a, b = np.array([start.x, start.y]), np.array([end.x, end.y])
    if start is end:
        side = np.array([max(12.0, start.half[0] * 0.6), 0.0])
        middle = a - np.array([0.0, 4.2 * start.half[1] + 40])
        a, b = a + side, a - side
    else:
        middle = (a + b) / 2 + 2 * bend * np.array([a[1] - b[1], b[0] - a[0]])
    share = np.linspace(0, 1, max(12, int(2 * np.hypot(*(a - b)) / PACE)))[:, None]
    points = (1 - share) ** 2 * a + 2 * share * (1 - share) * middle + share**2 * b
    outside = [not (start.holds(p[None], 2) or end.holds(p[None], 2)) for p in points]
    kept: Array = points[np.array(outside)]
    return kept if len(kept) > 3 else points


def _meetings(first: Array, second: Array) -> int:
    """Over how many points one arc is near the other."""
    low, high = second.min(axis=0) - PACE, second.max(axis=0) + PACE
    near = first[((first > low) & (first < high)).all(axis=1)]
    if not len(near):
        return 0
    apart = np.abs(near[:, None] - second[None]).max(axis=-1)
    return int((apart.min(axis=1) < PACE).sum())


def _draw_arc(picture: Picture, arrow: Arrow, arc: Array) -> None:
    colour = COLOURS[arrow.sign]
    points = [(float(x), float(y)) for x, y in arc]
    middle = 2 * arc[len(arc) // 2] - (arc[0] + arc[-1]) / 2
    path = (
        f"M{points[0][0]:.1f} {points[0][1]:.1f}Q{middle[0]:.1f} {middle[1]:.1f} "
        f"{points[-1][0]:.1f} {points[-1][1]:.1f}"
    )
    picture.line(path, points, colour, 1.1)
    picture.tip(points[max(0, len(points) - 4)], points[-1], colour, 7.5)
    if arrow.delayed:
        place = len(arc) // 2
        along = arc[place] - arc[place - 1]
        along = along / np.hypot(*along)
        across = 4.5 * np.array([-along[1], along[0]])
        for shift in (-1.8, 1.8):
            at = arc[place] + shift * along
            ends = [(float(p[0]), float(p[1])) for p in (at - across, at + across)]
            picture.line(f"M{ends[0][0]:.1f} {ends[0][1]:.1f}L{ends[1][0]:.1f} {ends[1][1]:.1f}",
                         ends, colour, 1.1)  # fmt: skip


def _draw_sign(
    picture: Picture, arrow: Arrow, arc: Array, rooms: list[_Room], arcs: Sequence[Array]
) -> None:
    """The sign beside the head of an arrow, where it covers nothing."""
    text = SIGNS[arrow.sign]
    half = (width(text) / 2, 5.0)
    choices = []
    for back in (4, 7, 10, 14, 18, 24):
        place = max(1, len(arc) - 1 - back)
        along = arc[place] - arc[place - 1]
        across = np.array([-along[1], along[0]]) / max(float(np.hypot(*along)), 1e-9)
        for side in (8.5, -8.5, 12.0, -12.0):
            x, y = arc[place] + side * across
            choices.append(_Room(float(x), float(y), half))
    room = _best(choices, rooms, arcs)
    rooms.append(room)
    picture.text(Label((text,), (width(text),)), room.x, room.y - LEADING / 2,
                 colour=COLOURS[arrow.sign], role="sign", bold=True)  # fmt: skip


# -- labels of loops -------------------------------------------------------------------------------


def _draw_loop(
    picture: Picture, loop: DrawnLoop, taken: dict[str, _Room], rooms: list[_Room],
    arcs: Sequence[Array],
) -> None:  # fmt: skip
    """The label of a loop within a turning arrow, as near its middle as there is room."""
    corners = np.array([(taken[name].x, taken[name].y) for name in loop.variables])
    middle = corners.mean(axis=0)
    choices = [_Room(float(x), float(y), (RADIUS + 2, RADIUS + 2)) for x, y in _rings(middle)]
    room = _best(choices, rooms, arcs)
    rooms.append(room)
    turns = np.roll(corners, -1, axis=0)
    clockwise = float((corners[:, 0] * turns[:, 1] - corners[:, 1] * turns[:, 0]).sum()) >= 0
    name = Label((loop.name,), (width(loop.name),))
    picture.text(name, room.x, room.y - LEADING / 2, role="loop", bold=False)
    way = np.linspace(-1.1, 3.9, 30) * (1 if clockwise else -1)
    ring = np.stack([room.x + RADIUS * np.sin(way), room.y - RADIUS * np.cos(way)], axis=1)
    points = [(float(x), float(y)) for x, y in ring]
    path = "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points)
    colour = {"R": COLOURS[PLUS], "B": COLOURS[MINUS]}.get(loop.polarity, INK)
    picture.line(path, points, colour, 1.0)
    picture.tip(points[-2], points[-1], colour, 6.0)


def _rings(middle: Array) -> Iterator[Array]:
    """Points around a middle, ring by ring."""
    yield middle
    for ring in range(1, 26):
        for turn in np.linspace(0, 2 * np.pi, 6 * ring, endpoint=False):
            yield middle + 9.0 * ring * np.array([np.cos(turn), np.sin(turn)])


def _best(choices: Sequence[_Room], rooms: Sequence[_Room], arcs: Sequence[Array]) -> _Room:
    """The first place that covers nothing; else the one that overlaps no label and fewest arcs."""
    every = np.concatenate(arcs) if arcs else np.zeros((0, 2))
    best, least = choices[0], np.inf
    for choice in choices:
        cost = 1000 * sum(map(choice.overlaps, rooms)) + choice.holds(every, 1.0)
        if cost == 0:
            return choice
        if cost < least:
            best, least = choice, cost
    return best


def _legend(picture: Picture, shown: CausalDiagram, rooms: Sequence[_Room]) -> None:
    """What each loop is, below the diagram."""
    left = min(room.x - room.half[0] for room in rooms)
    y = max(room.y + room.half[1] for room in rooms) + 2 * LEADING
    lines = [
        line
        for loop in sorted(shown.loops, key=lambda one: (one.name[:1], len(one.name), one.name))
        for line in wrap(f"{loop.name} {loop.title}", LEGEND)
    ]
    if shown.folded:
        stand = "variables stand" if shown.folded > 1 else "variable stands"
        lines.append(f"{shown.folded} more {stand} inside the links.")
    half = (len(lines) + 1) // 2
    columns = [lines[:half], lines[half:]] if len(lines) > 6 else [lines]
    for column in columns:
        text = Label(tuple(column), tuple(map(width, column)))
        picture.text(text, left, y, anchor="start", role="legend")
        left += text.width + 30
