"""Plain Python floats: one run, every variable, without NumPy in the loop."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from bullbear.equations import scalar
from bullbear.equations.printers.emit import Dialect, source
from bullbear.equations.program import LookupTable, Program
from bullbear.equations.streams import scalar_source

StepFunction = Callable[[float, float, Sequence[float]], tuple[float, ...]]
Functions = Mapping[str, StepFunction]

_COMPARED = {
    "lt": "{0} < {1}", "le": "{0} <= {1}", "gt": "{0} > {1}", "ge": "{0} >= {1}",
    "eq": "{0} == {1}", "ne": "{0} != {1}", "and": "{0} and {1}", "or": "{0} or {1}",
    "not": "not {0}",
}  # fmt: skip
_SAFE = {op: f"{op}_({{0}}, {{1}})" for op in ("div", "pow", "min", "max", "modulo")} | {
    op: f"{op}_({{0}})"
    for op in (
        "exp", "ln", "sqrt", "abs", "integer", "sin", "cos", "tan", "arcsin", "arccos", "arctan",
        "sinh", "cosh", "tanh",
    )
}  # fmt: skip
_ARITHMETIC = {
    "add": "{0} + {1}", "sub": "{0} - {1}", "mul": "{0} * {1}", "neg": "-{0}",
    "select": "{1} if {0} else {2}",
}  # fmt: skip
SAFE = Dialect(_COMPARED | _SAFE | _ARITHMETIC, frozenset(), "{0}")
# The quick form raises where IEEE arithmetic has infinity or not-a-number; the caller then takes
# the safe form.
QUICK = Dialect(
    dict(SAFE.templates)
    | {
        "div": "{0} / {1}",
        "min": "{0} if {0} < {1} else {1}",
        "max": "{0} if {0} > {1} else {1}",
        "exp": "exp({0})",
        "ln": "log({0})",
        "sqrt": "sqrt({0})",
        "abs": "abs({0})",
        "tanh": "tanh({0})",
        "sin": "sin({0})",
        "cos": "cos({0})",
    },
    frozenset({"min", "max"}),
    "{0}",
)
QUICK_FAULTS = (ArithmeticError, ValueError, TypeError)


@dataclass(frozen=True)
class Prepared:
    """The functions of one run: its constants are worked out."""

    start: tuple[float, ...]
    functions: Mapping[str, StepFunction]


@dataclass(frozen=True)
class PythonCode:
    """A program as Python source and functions over plain floats.

    `groups` names sets of statements; each becomes a function of (time, time at the start of the
    step, states) that returns their values.
    """

    program: Program
    groups: Mapping[str, Sequence[int]]

    def __post_init__(self) -> None:
        object.__setattr__(self, "_forms", {})

    def prepare(self, parameters: Sequence[float], controls: Mapping[str, float]) -> Prepared:
        """Work out what depends on constants only, and make the step functions.

        A step that the quick form cannot do (x/0, exp of a large number, ...) is done again by
        the safe form, which has the results of IEEE arithmetic and is made when it is needed.
        """
        p = [float(value) for value in parameters]
        start, _ = self._form("start")(p, controls)
        try:
            _, quick = self._form("quick")(p, controls)
        except QUICK_FAULTS:
            return Prepared(start, self._form("safe")(p, controls)[1])
        safe = cache(lambda: self._form("safe")(p, controls)[1])
        return Prepared(start, {name: _guarded(quick[name], name, safe) for name in self.groups})

    def _form(self, name: str) -> Callable[..., tuple[tuple[float, ...], Functions]]:
        forms = self._forms  # type: ignore[attr-defined]
        if name not in forms:
            dialect = QUICK if name == "quick" else SAFE
            space = _namespace(self.program.tables)
            text = source(self.program, dialect, {} if name == "start" else self.groups)
            exec(compile(text, f"<equations, {name}>", "exec"), space)
            forms[name] = space["prepare"]
        return forms[name]  # type: ignore[no-any-return]


def _guarded(quick: StepFunction, name: str, safe: Callable[[], Functions]) -> StepFunction:
    def step(t: float, h: float, s: Sequence[float]) -> tuple[float, ...]:
        try:
            return quick(t, h, s)
        except QUICK_FAULTS:
            return safe()[name](t, h, s)

    return step


def _namespace(tables: Sequence[LookupTable]) -> dict[str, object]:
    space: dict[str, object] = {
        "exp": math.exp, "log": math.log, "sqrt": math.sqrt, "sin": math.sin, "cos": math.cos,
        "tanh": math.tanh, "nan": math.nan, "inf": math.inf, "abs": abs,
    }  # fmt: skip
    space["random_source"] = scalar_source
    space |= {f"{op}_": function for op, function in scalar.OPERATIONS.items()}
    for index, table in enumerate(tables):
        for kind, make in LOOKUPS.items():
            space[f"lookup_{kind}_{index}"] = make(table)
    return space


# -- lookups ------------------------------------------------------------------------------------


def _points(table: LookupTable) -> tuple[list[float], list[float], list[float]]:
    """x, y and the slope behind every point (0 at a vertical step)."""
    rise, run = np.diff(table.y), np.diff(table.x)
    slopes = np.divide(rise, run, out=np.zeros_like(rise), where=run > 0)
    return table.x.tolist(), table.y.tolist(), [*slopes.tolist(), 0.0]


def interpolate(table: LookupTable, *, clamp: bool = True) -> Callable[[float], float]:
    """Straight lines between points; outside them the end value, or the end slope."""
    xs, ys, slopes = _points(table)
    last = len(xs) - 1

    def at(x: float) -> float:
        i = bisect_right(xs, x) - 1
        if 0 <= i < last:
            return ys[i] + slopes[i] * (x - xs[i])
        if x != x:
            return math.nan
        if clamp or last == 0:
            return ys[0] if i < 0 else ys[-1]
        return ys[0] + slopes[0] * (x - xs[0]) if i < 0 else ys[-1] + slopes[-2] * (x - xs[-1])

    return at


def backward(table: LookupTable) -> Callable[[float], float]:
    """The value of the last point that is not behind x."""
    xs, ys, _ = _points(table)

    def at(x: float) -> float:
        return math.nan if x != x else ys[max(bisect_right(xs, x) - 1, 0)]

    return at


def forward(table: LookupTable) -> Callable[[float], float]:
    """The value of the first point that is not before x."""
    xs, ys, _ = _points(table)

    def at(x: float) -> float:
        return math.nan if x != x else ys[min(bisect_left(xs, x), len(xs) - 1)]

    return at


def raw(table: LookupTable) -> Callable[[float], float]:
    """The value of the point at x itself; Vensim's :NA: elsewhere."""
    points: dict[float, float] = dict(zip(table.x.tolist(), table.y.tolist(), strict=True))

    def at(x: float) -> float:
        return points.get(x, scalar.MISSING)

    return at


LOOKUPS: dict[str, Callable[[LookupTable], Callable[[float], float]]] = {
    "interpolate": interpolate,
    "extrapolate": lambda table: interpolate(table, clamp=False),
    "backward": backward,
    "forward": forward,
    "raw": raw,
}
