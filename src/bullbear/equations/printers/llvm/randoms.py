"""Random numbers over vectors: the hash of `equations/streams.py`, one draw per lane."""

from __future__ import annotations

from bullbear.equations.printers.llvm.ir import Body, Vector
from bullbear.equations.streams import FIRST, GOLDEN, HALF, SECOND, UNIT

_MASK = (1 << 64) - 1


def started(body: Body, stream: int, seed: str, draw: Vector) -> Vector:
    """What the hash is after seed and draw, as bits; the same through a whole run.

    `seed` is a scalar integer, `draw` has the numbers of the draws.
    """
    kind = body.shape.integers
    number = body.set(f"fptosi {body.shape.vector} {draw.name} to {kind}")
    counted = body.set(f"mul i64 {body.set(f'add i64 {seed}, 1')}, {_signed(GOLDEN)}")
    z = _mixed(body, body.set(f"add {kind} {body.integer(stream)}, {_same(body, counted)}"))
    more = body.set(f"add {kind} {number}, {body.integer(1)}")
    more = body.set(f"mul {kind} {more}, {body.integer(_signed(GOLDEN))}")
    return Vector.of_bits(body, _mixed(body, body.set(f"add {kind} {z}, {more}")))


def uniform(start: Vector, step: str) -> Vector:
    """Numbers inside (0, 1) at a step, a scalar integer."""
    body, kind = start.body, start.body.shape.integers
    counted = body.set(f"mul i64 {body.set(f'add i64 {step}, 1')}, {_signed(GOLDEN)}")
    z = _mixed(body, body.set(f"add {kind} {start.bits()}, {_same(body, counted)}"))
    high = body.set(f"lshr {kind} {z}, {body.integer(11)}")
    number = Vector(body, body.set(f"sitofp {kind} {high} to {body.shape.vector}"))
    return number * UNIT + HALF


def _mixed(body: Body, z: str) -> str:
    """Integers scrambled, as `streams.mixed` does it."""
    kind = body.shape.integers
    for shift, factor in ((30, FIRST), (27, SECOND)):
        moved = body.set(f"lshr {kind} {z}, {body.integer(shift)}")
        z = body.set(f"xor {kind} {z}, {moved}")
        z = body.set(f"mul {kind} {z}, {body.integer(_signed(factor))}")
    moved = body.set(f"lshr {kind} {z}, {body.integer(31)}")
    return body.set(f"xor {kind} {z}, {moved}")


def _same(body: Body, scalar: str) -> str:
    """All lanes the same integer."""
    kind = body.shape.integers
    first = body.set(f"insertelement {kind} poison, i64 {scalar}, i64 0")
    mask = f"<{body.shape.width} x i32> zeroinitializer"
    return body.set(f"shufflevector {kind} {first}, {kind} poison, {mask}")


def _signed(value: int) -> int:
    return value - (1 << 64) if value & (1 << 63) else value & _MASK
