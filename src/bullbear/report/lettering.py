"""How wide words are, and where a name is broken into lines, so that labels can be kept apart."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import combinations, pairwise
from typing import Any

FAMILY = "DejaVu Sans, Verdana, sans-serif"
"""The font that is measured, and one of the same widths; every line also names its length."""
SIZE = 11.0
LEADING = 13.5
"""From one line to the next [pixel]."""
ASCENT, DESCENT = 8.5, 2.5
"""Of letters of size 11 above and below the line they stand on [pixel]."""
MOST_LINES = 4
WIDEST = 92.0
"""A label is broken rather than wider than this, where it has blanks [pixel]."""


@dataclass(frozen=True)
class Label:
    """A text in lines of measured width [pixel]."""

    lines: tuple[str, ...]
    widths: tuple[float, ...]

    @property
    def width(self) -> float:
        return max(self.widths, default=0.0)

    @property
    def height(self) -> float:
        return LEADING * len(self.lines)


@lru_cache(maxsize=4096)
def label(text: str, widest: float = WIDEST) -> Label:
    """A text broken at blanks into the lines that look best: narrow, few and of like width."""
    words = text.split()
    best = float("inf")
    chosen: tuple[str, ...] = (text,)
    for count in range(1, min(len(words), MOST_LINES) + 1):
        for cuts in combinations(range(1, len(words)), count - 1):
            edges = (0, *cuts, len(words))
            lines = tuple(" ".join(words[a:b]) for a, b in pairwise(edges))
            wide = max(map(width, lines))
            cost = 20 * max(0.0, wide - widest) + LEADING * count + 0.15 * wide
            if cost < best:
                best, chosen = cost, lines
    return Label(chosen, tuple(map(width, chosen)))


@lru_cache(maxsize=16384)
def width(text: str, size: float = SIZE) -> float:
    """The width of a line [pixel]."""
    font = _font()
    font.set_size(100.0, 72)
    font.set_text(text, 0.0, flags=_unhinted())
    return round(float(font.get_width_height()[0]) / 64 * size / 100, 1)


@cache
def _font() -> Any:
    from matplotlib.font_manager import findfont
    from matplotlib.ft2font import FT2Font

    return FT2Font(findfont("DejaVu Sans"))


@cache
def _unhinted() -> Any:
    from matplotlib.ft2font import LoadFlags

    return LoadFlags.NO_HINTING
