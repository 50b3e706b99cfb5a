"""Writing a picture as SVG: shapes, arrows and measured lines of text."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

from bullbear.report.lettering import ASCENT, FAMILY, LEADING, SIZE, Label
from bullbear.report.placing import Point

INK, LINK, FAINT, BOX = "#1A1A1A", "#3F6FA3", "#767676", "#EEF3F8"
MARGIN = 14.0


class Picture:
    """The elements of one picture, in the order in which they are painted."""

    def __init__(self) -> None:
        self.elements: list[str] = []
        self._low = [math.inf, math.inf]
        self._high = [-math.inf, -math.inf]

    def _reach(self, *points: Point) -> None:
        for point in points:
            for axis, value in enumerate(point):
                self._low[axis] = min(self._low[axis], value)
                self._high[axis] = max(self._high[axis], value)

    def text(
        self, lines: Label, x: float, top: float, *, colour: str = INK, anchor: str = "middle",
        role: str = "name", bold: bool = False,
    ) -> None:  # fmt: skip
        """A label whose first line begins at height `top`; `x` is its middle or its start."""
        weight = ' font-weight="bold"' if bold else ""
        for place, (line, wide) in enumerate(zip(lines.lines, lines.widths, strict=True)):
            y = top + place * LEADING + (LEADING - SIZE) / 2 + ASCENT
            left = x - wide / 2 if anchor == "middle" else x
            self._reach((left, y - ASCENT), (left + wide, y + LEADING - ASCENT))
            self.elements.append(
                f'<text class="{role}" x="{_n(left)}" y="{_n(y)}" textLength="{_n(wide)}" '
                f'fill="{colour}"{weight}>{escape(line, quote=False)}</text>'
            )

    def rectangle(self, centre: Point, width: float, height: float, *, dashed: bool) -> None:
        x, y = centre[0] - width / 2, centre[1] - height / 2
        self._reach((x, y), (x + width, y + height))
        dash = f' stroke-dasharray="4 3" stroke="{FAINT}"' if dashed else f' stroke="{INK}"'
        self.elements.append(
            f'<rect class="stock" x="{_n(x)}" y="{_n(y)}" width="{_n(width)}" '
            f'height="{_n(height)}" fill="{BOX if not dashed else "#FFFFFF"}" '
            f'stroke-width="1.3"{dash}/>'
        )

    def line(self, path: str, points: Sequence[Point], colour: str, width: float = 1.0) -> None:
        """A stroke along SVG's path language; `points` are those it stays among."""
        self._reach(*points)
        self.elements.append(
            f'<path d="{path}" fill="none" stroke="{colour}" stroke-width="{width:g}"/>'
        )

    def polygon(
        self, points: Sequence[Point], fill: str, stroke: str = "none", role: str = ""
    ) -> None:
        self._reach(*points)
        around = " ".join(f"{_n(x)},{_n(y)}" for x, y in points)
        kind = f'class="{role}" ' if role else ""
        self.elements.append(f'<polygon {kind}points="{around}" fill="{fill}" stroke="{stroke}"/>')

    def shape(self, path: str, points: Sequence[Point], role: str) -> None:
        """A closed outline, white inside."""
        self._reach(*points)
        self.elements.append(
            f'<path class="{role}" d="{path}" fill="#FFFFFF" stroke="{INK}" stroke-width="1"/>'
        )

    def tip(self, before: Point, end: Point, colour: str, size: float = 6.0) -> None:
        """An arrowhead at `end`, coming from `before`."""
        angle = math.atan2(end[1] - before[1], end[0] - before[0])
        sides = [
            (end[0] - size * math.cos(angle + turn), end[1] - size * math.sin(angle + turn))
            for turn in (-0.42, 0.42)
        ]
        self.polygon([end, *sides], colour)

    def written(self, title: str, description: str) -> str:
        """The whole file; the size is that of what is in it."""
        x, y = (low - MARGIN for low in self._low)
        width, height = (
            high - low + 2 * MARGIN for high, low in zip(self._high, self._low, strict=True)
        )
        head = (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{_n(x)} {_n(y)} {_n(width)} '
            f'{_n(height)}" width="{width:.0f}" height="{height:.0f}" font-family="{FAMILY}" '
            f'font-size="{SIZE:g}" role="img">'
        )
        page = (
            f'<rect x="{_n(x)}" y="{_n(y)}" width="{_n(width)}" height="{_n(height)}" '
            'fill="#FFFFFF"/>'
        )
        words = f"<title>{escape(title)}</title>\n<desc>{escape(description)}</desc>"
        return "\n".join([head, words, page, *self.elements, "</svg>"]) + "\n"


def polyline(points: Sequence[Point], radius: float = 0.0) -> str:
    """A path along points whose corners are rounded."""
    made = [f"M{_n(points[0][0])} {_n(points[0][1])}"]
    for before, corner, after in zip(points, points[1:], points[2:], strict=False):
        near = [_towards(corner, other, radius) for other in (before, after)]
        made.append(
            f"L{_n(near[0][0])} {_n(near[0][1])}Q{_n(corner[0])} {_n(corner[1])} "
            f"{_n(near[1][0])} {_n(near[1][1])}"
        )
    made.append(f"L{_n(points[-1][0])} {_n(points[-1][1])}")
    return "".join(made)


def _towards(start: Point, end: Point, distance: float) -> Point:
    """The point `distance` away, or half way where that is nearer."""
    length = math.dist(start, end)
    share = min(distance / length, 0.5) if length else 0.0
    return start[0] + share * (end[0] - start[0]), start[1] + share * (end[1] - start[1])


def _n(value: float) -> str:
    """A coordinate with one digit behind the point, written as shortly as can be."""
    text = f"{value:.1f}"
    return "0" if text == "-0.0" else text.removesuffix(".0")
