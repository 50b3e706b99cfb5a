"""Sine, cosine and tangent over vectors, by reduction to an eighth of a turn."""

from __future__ import annotations

from bullbear.equations.printers.llvm.ir import Body, Truth, Vector
from bullbear.equations.printers.llvm.polynomials import MAGIC, polynomial, sum_error

_HALF_PI = (
    float.fromhex("0x1.921fb54442d18p+0"),
    float.fromhex("0x1.1a62633145c07p-54"),
    float.fromhex("-0x1.f1976b7ed8fbcp-110"),
)
_TWO_OVER_PI = float.fromhex("0x1.45f306dc9c883p-1")
_FAR = 1e6  # beyond it the reduction by three parts of pi/2 would lose bits
# (sin x / x - 1) / x² and (cos x - 1 + x²/2) / x⁴ over x², for |x| up to pi/4
_SIN = (
    -0.16666666666666666, 0.008333333333330925, -0.00019841269836722418, 2.755731608381636e-06,
    -2.5051127944014188e-08, 1.5917848524808262e-10,
)  # fmt: skip
_COS = (
    0.041666666666666664, -0.0013888888888887382, 2.480158729874307e-05, -2.7557317260008837e-07,
    2.0876143827993133e-09, -1.1382456778061306e-11,
)  # fmt: skip


def _quadrant(x: Vector) -> tuple[Vector, Vector, str]:
    """x less a whole number of quarter turns, as a sum of two doubles, and that number."""
    shifted = x.fma(_TWO_OVER_PI, MAGIC)
    n = shifted - MAGIC
    first = n.fma(-_HALF_PI[0], x)
    second = n * -_HALF_PI[1]
    rest = first + second
    low = n.fma(-_HALF_PI[1], -second) + sum_error(first, second, rest)
    low = n.fma(-_HALF_PI[2], low)
    total = rest + low
    return total, (rest - total) + low, shifted.bits()


def _sin_cos(x: Vector) -> tuple[Vector, Vector, str]:
    """Sine and cosine of the rest of x behind its quarter turns, and these."""
    r, low, turns = _quadrant(x)
    z = r * r
    cube = z * r
    sine = r + (cube.fma(polynomial(z, _SIN), low - 0.5 * (z * low)))
    half = 0.5 * z
    w = 1.0 - half
    cosine = w + (((1.0 - w) - half) + (z * z).fma(polynomial(z, _COS), -(r * low)))
    return sine, cosine, turns


def _bit(body: Body, integers: str, bit: int, offset: int = 0) -> Truth:
    kind = body.shape.integers
    moved = body.set(f"add {kind} {integers}, {body.integer(offset)}")
    masked = body.set(f"and {kind} {moved}, {body.integer(1 << bit)}")
    return Truth(body, body.set(f"icmp ne {kind} {masked}, zeroinitializer"))


def sin(x: Vector) -> Vector:
    """The sine."""
    sine, cosine, turns = _sin_cos(x)
    value = _bit(x.body, turns, 0).select(cosine, sine)
    value = _bit(x.body, turns, 1).select(-value, value)
    return _far(x, x.eq(0.0).select(x, value), "sin")


def cos(x: Vector) -> Vector:
    """The cosine."""
    sine, cosine, turns = _sin_cos(x)
    value = _bit(x.body, turns, 0).select(sine, cosine)
    return _far(x, _bit(x.body, turns, 1, offset=1).select(-value, value), "cos")


def tan(x: Vector) -> Vector:
    """The tangent."""
    sine, cosine, turns = _sin_cos(x)
    odd = _bit(x.body, turns, 0)
    value = odd.select(-cosine, sine) / odd.select(sine, cosine)
    return _far(x, x.eq(0.0).select(x, value), "tan")


def _far(x: Vector, near: Vector, function: str) -> Vector:
    """The library's value in the lanes that are far from zero, if there are any."""
    body, shape = x.body, x.body.shape
    far = x.call("fabs").gt(_FAR)
    mask = body.set(f"bitcast {shape.truths} {far.name} to i{shape.width}")
    some = body.set(f"icmp ne i{shape.width} {mask}, 0")
    body.line(f"br i1 {some}, label %far, label %done")
    body.label("far")
    slow = far.select(body.lanes(function, x), near)
    body.line("br label %done")
    body.label("done")
    text = f"phi {shape.vector} [ {near.name}, %entry ], [ {slow.name}, %far ]"
    return Vector(body, body.set(text))
