"""Lookups over vectors, without a branch: short tables by comparisons, long ones by bisection."""

from __future__ import annotations

import math

import numpy as np

from bullbear.equations.printers.llvm.ir import Body, Truth, Vector
from bullbear.equations.printers.llvm.tables import constant_array, gather
from bullbear.equations.program import LookupTable
from bullbear.equations.scalar import MISSING

_SHORT = 16
"""Points up to which every one of them is compared."""


def lookup(x: Vector, table: LookupTable, kind: str, index: int) -> Vector:
    """The value of table number `index` at x; kinds as the reference printers have them."""
    if len(table.x) == 1 and kind != "raw":
        constant = x.body.constant(float(table.y[0]))
        return x.body.compare("uno", x, x).select(x, constant)
    long = len(table.x) > _SHORT
    if kind in ("interpolate", "extrapolate"):
        return _lines(x, table, index if long else None, clamp=kind == "interpolate")
    if kind == "raw":
        return _raw(x, table, index if long else None)
    value = (_stepwise_long if long else _stepwise)(x, table, kind, index)
    return x.body.compare("uno", x, x).select(x, value)


def slopes(table: LookupTable) -> list[float]:
    """The slope behind every point but the last; 0 at a vertical step."""
    rise, run = np.diff(table.y), np.diff(table.x)
    found: list[float] = np.divide(rise, run, out=np.zeros_like(rise), where=run > 0).tolist()
    return found


def global_arrays(tables: dict[int, LookupTable]) -> str:
    """The points of long tables as constants of a module."""
    texts = []
    for index, table in tables.items():
        if len(table.x) > _SHORT:
            size = _padded(len(table.x))
            padding = [math.inf] * (size - len(table.x))
            texts.append(constant_array(f"@x{index}", [*table.x.tolist(), *padding]))
            texts.append(constant_array(f"@y{index}", table.y.tolist()))
            texts.append(constant_array(f"@m{index}", [*slopes(table), 0.0]))
    return "\n".join(texts)


def _padded(count: int) -> int:
    return 1 << (count - 1).bit_length()


# -- straight lines -----------------------------------------------------------------------------


def _lines(x: Vector, table: LookupTable, long: int | None, *, clamp: bool) -> Vector:
    xs, ys, ms = table.x.tolist(), table.y.tolist(), slopes(table)
    body = x.body
    if long is None:
        left, low, slope = (body.constant(v) for v in (xs[0], ys[0], ms[0]))
        for point in range(1, len(xs) - 1):
            beyond = x.ge(xs[point])
            left = beyond.select(xs[point], left)
            low = beyond.select(ys[point], low)
            slope = beyond.select(ms[point], slope)
    else:
        place = _clipped(body, _bisect(x, len(xs), long, "ole"), len(xs) - 2)
        left, low, slope = (gather(body, f"@{a}{long}", place) for a in "xym")
    value = low + slope * (x - left)
    if clamp:
        value = x.lt(xs[0]).select(ys[0], value)
        return x.ge(xs[-1]).select(ys[-1], value)
    beyond = ys[-1] + ms[-1] * (x - xs[-1])
    return x.eq(xs[-1]).select(ys[-1], x.gt(xs[-1]).select(beyond, value))


# -- steps --------------------------------------------------------------------------------------


def _stepwise(x: Vector, table: LookupTable, kind: str, _index: int) -> Vector:
    xs, ys = table.x.tolist(), table.y.tolist()
    if kind == "backward":
        value = x.body.constant(ys[0])
        for point in range(1, len(xs)):
            value = x.ge(xs[point]).select(ys[point], value)
        return value
    value = x.body.constant(ys[-1])
    for point in reversed(range(len(xs) - 1)):
        value = x.body.compare("ole", x, xs[point]).select(ys[point], value)
    return value


def _stepwise_long(x: Vector, table: LookupTable, kind: str, index: int) -> Vector:
    last = len(table.x) - 1
    if kind == "backward":
        place = _clipped(x.body, _bisect(x, last + 1, index, "ole"), last)
    else:
        place = _not_before(x, table, index)
    return gather(x.body, f"@y{index}", place)


def _raw(x: Vector, table: LookupTable, long: int | None) -> Vector:
    if long is None:
        value = x.body.constant(MISSING)
        for at, y in reversed(list(zip(table.x.tolist(), table.y.tolist(), strict=True))):
            value = x.eq(at).select(y, value)
        return value
    place = _not_before(x, table, long)
    found = x.eq(gather(x.body, f"@x{long}", place))
    return found.select(gather(x.body, f"@y{long}", place), MISSING)


def _not_before(x: Vector, table: LookupTable, index: int) -> str:
    """Positions of the first point that is not before x; the last where there is none."""
    body, kind = x.body, x.body.shape.integers
    below = _bisect(x, len(table.x), index, "olt")
    after = body.set(f"add {kind} {below}, {body.integer(1)}")
    some = x.gt(float(table.x[0]))
    place = body.set(
        f"select {body.shape.truths} {some.name}, {kind} {after}, {kind} zeroinitializer"
    )
    return _clipped(body, place, len(table.x) - 1)


# -- searching ----------------------------------------------------------------------------------


def _bisect(x: Vector, count: int, index: int, relation: str) -> str:
    """Positions of the last point p with `p relation x`, 0 where there is none."""
    body, kind = x.body, x.body.shape.integers
    place, half = "zeroinitializer", _padded(count) // 2
    while half:
        next_place = body.set(f"add {kind} {place}, {body.integer(half)}")
        point = gather(body, f"@x{index}", next_place)
        beyond: Truth = body.compare(relation, point, x)
        text = f"select {body.shape.truths} {beyond.name}, {kind} {next_place}, {kind} {place}"
        place = body.set(text)
        half //= 2
    return place


def _clipped(body: Body, place: str, last: int) -> str:
    kind = body.shape.integers
    inside = body.set(f"icmp slt {kind} {place}, {body.integer(last)}")
    return body.set(
        f"select {body.shape.truths} {inside}, {kind} {place}, {kind} {body.integer(last)}"
    )
