"""What the vector functions share: polynomials, rounding to whole numbers, errors of sums."""

from __future__ import annotations

from collections.abc import Sequence

from bullbear.equations.printers.llvm.ir import Vector

MAGIC = 1.5 * 2.0**52  # added to a small number, it leaves the nearest whole one in the last bits
MAGIC_BITS = 0x4338000000000000


def polynomial(x: Vector, coefficients: Sequence[float]) -> Vector:
    """By Horner's rule with fused multiply-adds; the lowest power first."""
    *rest, last = coefficients
    value = x.body.constant(last)
    for coefficient in reversed(rest):
        value = value.fma(x, coefficient)
    return value


def sum_error(a: Vector, b: Vector | float, total: Vector) -> Vector:
    """What rounding took from a + b (Knuth's two-sum)."""
    part = total - a
    return (a - (total - part)) + (b - part)
