"""NumPy arrays: many runs side by side, one array element per draw.

The reference for every faster printer.  Statements that no drawn constant reaches stay scalars.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from bullbear.equations import scalar
from bullbear.equations.printers.emit import Dialect, source
from bullbear.equations.program import LookupTable, Program
from bullbear.equations.streams import array_source

Values = npt.NDArray[np.float64] | float
ArrayFunction = Callable[[float, float, Sequence[Values]], tuple[Values, ...]]

DIALECT = Dialect(
    {
        "add": "{0} + {1}", "sub": "{0} - {1}", "mul": "{0} * {1}", "neg": "-{0}",
        "div": "divide({0}, {1})", "pow": "power({0}, {1})",
        "min": "minimum({0}, {1})", "max": "maximum({0}, {1})",
        "lt": "{0} < {1}", "le": "{0} <= {1}", "gt": "{0} > {1}", "ge": "{0} >= {1}",
        "eq": "{0} == {1}", "ne": "{0} != {1}",
        "and": "logical_and({0}, {1})", "or": "logical_or({0}, {1})", "not": "logical_not({0})",
        "select": "where({0}, {1}, {2})",
        "exp": "exp({0})", "ln": "log({0})", "sqrt": "sqrt({0})", "abs": "absolute({0})",
        "integer": "trunc({0})", "modulo": "fmod({0}, {1})",
        "sin": "sin({0})", "cos": "cos({0})", "tan": "tan({0})", "arcsin": "arcsin({0})",
        "arccos": "arccos({0})", "arctan": "arctan({0})", "sinh": "sinh({0})",
        "cosh": "cosh({0})", "tanh": "tanh({0})",
    },
    frozenset(),
    "(({0}) * 1.0)",
    "1.0 - (1.0 + expm1({0}))",  # `exp` is off by a unit in a twentieth of all numbers
)  # fmt: skip
_FUNCTIONS = (
    "divide", "power", "minimum", "maximum", "logical_and", "logical_or", "logical_not", "where",
    "exp", "expm1", "log", "sqrt", "absolute", "trunc", "fmod", "sin", "cos", "tan", "arcsin",
    "arccos", "arctan", "sinh", "cosh", "tanh",
)  # fmt: skip


@dataclass(frozen=True)
class NumpyCode:
    """A program as functions over arrays of shape (draw,).

    `prepare(parameters, controls)` takes one scalar or one array (draw,) per parameter and returns
    the start values and a function per group, as the Python printer does.
    """

    program: Program
    groups: Mapping[str, Sequence[int]]

    def prepare(
        self, parameters: Sequence[Values], controls: Mapping[str, Values]
    ) -> tuple[tuple[Values, ...], dict[str, ArrayFunction]]:
        with np.errstate(all="ignore"), warnings.catch_warnings():
            start, functions = self._prepare(
                [np.float64(p) if np.ndim(p) == 0 else p for p in parameters],
                {name: np.float64(value) for name, value in controls.items()},
            )
        return start, functions

    @cached_property
    def _prepare(self) -> Callable[..., tuple[tuple[Values, ...], dict[str, ArrayFunction]]]:
        space: dict[str, Any] = {name: getattr(np, name) for name in _FUNCTIONS}
        space |= {"nan": np.nan, "inf": np.inf, "random_source": array_source}
        for index, table in enumerate(self.program.tables):
            for kind, make in LOOKUPS.items():
                space[f"lookup_{kind}_{index}"] = make(table)
        text = source(self.program, DIALECT, self.groups)
        exec(compile(text, "<equations, numpy>", "exec"), space)
        return space["prepare"]  # type: ignore[no-any-return]


# -- lookups ------------------------------------------------------------------------------------


def _interpolate(table: LookupTable) -> Callable[[Values], Values]:
    def at(x: Values) -> Values:
        return np.interp(x, table.x, table.y)

    return at


def _extrapolate(table: LookupTable) -> Callable[[Values], Values]:
    xs, ys = table.x, table.y
    if len(xs) == 1:
        return _interpolate(table)
    first = (ys[1] - ys[0]) / (xs[1] - xs[0])
    last = (ys[-1] - ys[-2]) / (xs[-1] - xs[-2])

    def at(x: Values) -> Values:
        inside = np.interp(x, xs, ys)
        low = np.where(x < xs[0], ys[0] + first * (x - xs[0]), inside)
        return np.where(x > xs[-1], ys[-1] + last * (x - xs[-1]), low)

    return at


def _stepwise(table: LookupTable, side: str) -> Callable[[Values], Values]:
    shift = -1 if side == "right" else 0
    last = len(table.x) - 1

    def at(x: Values) -> Values:
        index = np.searchsorted(table.x, x, side=side) + shift  # type: ignore[call-overload]
        return np.where(np.isnan(x), np.nan, table.y[np.clip(index, 0, last)])

    return at


def _raw(table: LookupTable) -> Callable[[Values], Values]:
    def at(x: Values) -> Values:
        index = np.clip(np.searchsorted(table.x, x), 0, len(table.x) - 1)
        return np.where(table.x[index] == x, table.y[index], scalar.MISSING)

    return at


LOOKUPS: dict[str, Callable[[LookupTable], Callable[[Values], Values]]] = {
    "interpolate": _interpolate,
    "extrapolate": _extrapolate,
    "backward": lambda table: _stepwise(table, "right"),
    "forward": lambda table: _stepwise(table, "left"),
    "raw": _raw,
}
