"""Vector functions: exp, ln, power, sin, cos, tan, tanh, each to two units in the last place.

Arguments are reduced exactly with fused multiply-adds (Muller et al. 2018, "Handbook of
Floating-Point Arithmetic", chapter 11); the polynomials interpolate at Chebyshev points, made with
60 digits and rounded.  No function branches on its argument, but for sin, cos and tan of numbers
beyond a million, which the mathematics library does.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from bullbear.equations.printers.llvm.ir import Body, Shape, Truth, Vector

_MAGIC = 1.5 * 2.0**52  # added to a small number, it leaves the nearest whole one in the last bits
_MAGIC_BITS = 0x4338000000000000
_LOG2E = float.fromhex("0x1.71547652b82fep+0")
_LN2 = (float.fromhex("0x1.62e42fefa39efp-1"), float.fromhex("0x1.abc9e3b39803fp-56"))
# ln 2 in two parts, of which the first has so few bits that a whole number times it is exact
_LN2_SHORT = (float.fromhex("0x1.62e42fefa2000p-1"), float.fromhex("0x1.9ef35793c7673p-41"))
_SQRT_HALF_BITS = 0x3FE6A09E667F3BCD
_HALF_PI = (
    float.fromhex("0x1.921fb54442d18p+0"),
    float.fromhex("0x1.1a62633145c07p-54"),
    float.fromhex("-0x1.f1976b7ed8fbcp-110"),
)
_TWO_OVER_PI = float.fromhex("0x1.45f306dc9c883p-1")
_FAR = 1e6  # beyond it the reduction by three parts of pi/2 would lose bits
_THIRD = (float.fromhex("0x1.5555555555555p-2"), float.fromhex("0x1.5555555555555p-56"))

# (exp r - 1 - r) / r² for |r| up to ln 2 / 2
_EXP = (
    0.5, 0.1666666666666667, 0.04166666666666667, 0.008333333333326084, 0.0013888888888883711,
    0.0001984126987500228, 2.480158732567746e-05, 2.755725517000089e-06, 2.755727347871858e-07,
    2.5105312729622103e-08, 2.09147553258932e-09,
)  # fmt: skip
# (ln((1 + s) / (1 - s)) / s - 2) / s² over s²
_LN = (
    0.666666666666667, 0.3999999999989827, 0.2857142862653362, 0.22222211043776857,
    0.18182895750119193, 0.1533150161114533, 0.1461916613488797,
)  # fmt: skip
# (((ln((1 + s) / (1 - s)) / (2 s) - 1) / s² - 1/3) / s² over s²
_LN_TAIL = (
    0.2, 0.14285714285714687, 0.11111111110824638, 0.09090909168444662, 0.07692297401386,
    0.06667406686843506, 0.058530020640084085, 0.058628022682377066,
)  # fmt: skip
# (sin x / x - 1) / x² and (cos x - 1 + x²/2) / x⁴ over x², for |x| up to pi/4
_SIN = (
    -0.16666666666666666, 0.008333333333330925, -0.00019841269836722418, 2.755731608381636e-06,
    -2.5051127944014188e-08, 1.5917848524808262e-10,
)  # fmt: skip
_COS = (
    0.041666666666666664, -0.0013888888888887382, 2.480158729874307e-05, -2.7557317260008837e-07,
    2.0876143827993133e-09, -1.1382456778061306e-11,
)  # fmt: skip

_INTRINSICS = {"fma": 3, "sqrt": 1, "fabs": 1, "trunc": 1, "copysign": 2}
LIBRARY = {"asin": 1, "acos": 1, "atan": 1, "sinh": 1, "cosh": 1, "sin": 1, "cos": 1, "tan": 1,
           "fmod": 2, "fma": 3}  # fmt: skip
"""Functions of the mathematics library that the code may call, and their numbers of arguments."""


def polynomial(x: Vector, coefficients: Sequence[float]) -> Vector:
    """By Horner's rule with fused multiply-adds; the lowest power first."""
    *rest, last = coefficients
    value = x.body.constant(last)
    for coefficient in reversed(rest):
        value = value.fma(x, coefficient)
    return value


# -- exponential --------------------------------------------------------------------------------


def exp(x: Vector) -> Vector:
    """e to the x."""
    x = _limited(x, -750.0, 715.0)
    rest, whole, shifted = _reduced(x)
    rest = whole.fma(-_LN2[1], rest)
    return _scaled(1.0 + _exp_tail(rest), whole, shifted)


def _limited(x: Vector, low: float, high: float) -> Vector:
    """Within bounds behind which nothing changes any more; not-a-number stays."""
    x = x.gt(high).select(high, x)
    return x.lt(low).select(low, x)


def _reduced(x: Vector) -> tuple[Vector, Vector, Vector]:
    """x - n · ln 2 (its first part, exact), n, and n in the last bits of a double."""
    shifted = x.fma(_LOG2E, _MAGIC)
    whole = shifted - _MAGIC
    return whole.fma(-_LN2[0], x), whole, shifted


def _exp_tail(r: Vector) -> Vector:
    """exp r - 1 for |r| up to ln 2 / 2."""
    return (r * r).fma(polynomial(r, _EXP), r)


def _scaled(x: Vector, whole: Vector, shifted: Vector) -> Vector:
    """x times two to the power `whole`, rounded once, also where it is subnormal."""
    body, shape = x.body, x.body.shape
    if shape.scalef:
        vector = shape.vector
        text = (
            f"call {vector} @llvm.x86.avx512.mask.scalef.pd.512({vector} {x.name}, "
            f"{vector} {whole.name}, {vector} zeroinitializer, i8 -1, i32 4)"
        )
        return Vector(body, body.set(text))
    kind = shape.integers
    power = body.set(f"sub {kind} {shifted.bits()}, {body.integer(_MAGIC_BITS)}")
    first = body.set(f"ashr {kind} {power}, {body.integer(1)}")
    second = body.set(f"sub {kind} {power}, {first}")
    for part in (first, second):
        biased = body.set(f"add {kind} {part}, {body.integer(1023)}")
        x = x * Vector.of_bits(body, body.set(f"shl {kind} {biased}, {body.integer(52)}"))
    return x


# -- logarithm and power ------------------------------------------------------------------------


def _split(x: Vector) -> tuple[Vector, Vector]:
    """A positive x as (1 + f) · 2^k with 1 + f between the roots of 1/2 and 2: f and k."""
    body, kind = x.body, x.body.shape.integers
    tiny = x.lt(2.0**-1022)
    bits = tiny.select(x * 2.0**54, x).bits()
    above = body.set(f"sub {kind} {bits}, {body.integer(_SQRT_HALF_BITS)}")
    power = body.set(f"ashr {kind} {above}, {body.integer(52)}")
    moved = body.set(f"shl {kind} {power}, {body.integer(52)}")
    fraction = Vector.of_bits(body, body.set(f"sub {kind} {bits}, {moved}"))
    shifted = body.set(f"add {kind} {power}, {body.integer(_MAGIC_BITS)}")
    k = Vector.of_bits(body, shifted) - tiny.select(_MAGIC + 54.0, _MAGIC)
    return fraction - 1.0, k


def ln(x: Vector) -> Vector:
    """The natural logarithm."""
    f, k = _split(x)
    s = f / (f + 2.0)
    z = s * s
    half = 0.5 * (f * f)
    inner = s.fma(half + z * polynomial(z, _LN), k * _LN2_SHORT[1])
    value = k.fma(_LN2_SHORT[0], f - (half - inner))
    value = x.eq(math.inf).select(math.inf, value)
    return x.gt(0.0).select(value, x.eq(0.0).select(-math.inf, math.nan))


def _ln_twice(x: Vector) -> tuple[Vector, Vector]:
    """ln x of a positive x as a sum of two doubles, to about 2^-65."""
    f, k = _split(x)
    d = f + 2.0
    d_low = f - (d - 2.0)
    r = 1.0 / d
    s = f * r
    s_low = ((-s).fma(d, f) - s * d_low) * r
    z = s * s
    z_low = s.fma(s, -z) + 2.0 * (s * s_low)
    tail = z * polynomial(z, _LN_TAIL)
    w = tail + _THIRD[0]
    w_low = (tail - (w - _THIRD[0])) + _THIRD[1]
    p = z * w
    p_low = z.fma(w, -p) + z.fma(w_low, z_low * w)
    q = s * p
    q_low = s.fma(p, -q) + s.fma(p_low, s_low * p)
    t = s + q
    t_low = ((s - t) + q) + (s_low + q_low)
    whole = k * _LN2_SHORT[0]
    twice = t + t
    high = whole + twice
    low = ((whole - high) + twice) + k.fma(_LN2_SHORT[1], t_low + t_low)
    total = high + low
    return total, (high - total) + low


def power(x: Vector, y: Vector) -> Vector:
    """x to the y, with the special values of C's `pow`."""
    size = x.call("fabs")
    finite = size.lt(math.inf)
    high, low = _ln_twice(size)
    high = finite.select(high, size)  # infinite and not-a-number stay
    high = size.eq(0.0).select(-math.inf, high)
    p = y * high
    p_low = y.fma(high, -p) + y * low
    p_low = p_low.call("fabs").lt(800.0).select(p_low, 0.0)
    p = _limited(p, -800.0, 800.0)
    rest, whole, shifted = _reduced(p)
    rest = rest + whole.fma(-_LN2[1], p_low)
    value = _scaled(1.0 + _exp_tail(rest), whole, shifted)
    # signs and roots of negative numbers
    integral = y.eq(y.call("trunc"))
    half = 0.5 * y
    odd = integral & ~half.eq(half.call("trunc"))
    value = odd.select(x.body.call("copysign", value, x), value)
    value = (x.lt(0.0) & finite & ~integral).select(math.nan, value)
    endless = y.call("fabs").eq(math.inf)
    return (y.eq(0.0) | x.eq(1.0) | (size.eq(1.0) & endless)).select(1.0, value)


# -- circular functions -------------------------------------------------------------------------


def _quadrant(x: Vector) -> tuple[Vector, Vector, str]:
    """x less a whole number of quarter turns, as a sum of two doubles, and that number."""
    shifted = x.fma(_TWO_OVER_PI, _MAGIC)
    n = shifted - _MAGIC
    first = n.fma(-_HALF_PI[0], x)
    second = n * -_HALF_PI[1]
    rest = first + second
    low = n.fma(-_HALF_PI[1], -second) + _sum_error(first, second, rest)
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


def tanh(x: Vector) -> Vector:
    """(e^2x - 1) / (e^2x + 1), with e^2x as a sum of two doubles."""
    body = x.body
    double_x = _limited(x + x, -44.0, 44.0)
    rest, whole, shifted = _reduced(double_x)
    low = whole * _LN2[1]
    r = rest - low
    r_low = (rest - r) - low
    tail = (r * r).fma(polynomial(r, _EXP), r_low)  # exp = 1 + r + tail
    about = 1.0 + r
    rest = ((1.0 - about) + r) + tail
    total = about + rest
    rest = (about - total) + rest
    high, low = (_scaled(part, whole, shifted) for part in (total, rest))
    top = high - 1.0
    top_low = _sum_error(high, -1.0, top) + low
    bottom = high + 1.0
    bottom_low = _sum_error(high, 1.0, bottom) + low
    top, top_low = top + top_low, top_low - ((top + top_low) - top)
    value = top / bottom
    value = value + ((-value).fma(bottom, top) + (top_low - value * bottom_low)) / bottom
    return x.call("fabs").lt(1e-9).select(x, body.call("copysign", value, x))


def _sum_error(a: Vector, b: Vector | float, total: Vector) -> Vector:
    """What rounding took from a + b (Knuth's two-sum)."""
    part = total - a
    return (a - (total - part)) + (b - part)


FUNCTIONS = {"exp": exp, "ln": ln, "sin": sin, "cos": cos, "tan": tan, "tanh": tanh}
"""Vector functions of one argument, by statement."""


def definitions(shape: Shape, names: Sequence[str]) -> str:
    """LLVM functions `@bb.NAME` for the names asked for; `pow` has two arguments."""
    texts = []
    for name in names:
        body = Body(shape)
        arguments = ["%x", "%y"][: 2 if name == "pow" else 1]
        given = [Vector(body, argument) for argument in arguments]
        value = power(*given) if name == "pow" else FUNCTIONS[name](given[0])
        body.line(f"ret {shape.vector} {value.name}")
        head = ", ".join(f"{shape.vector} {argument}" for argument in arguments)
        texts.append(
            f"define internal {shape.vector} @bb.{name}({head}) #0 {{\nentry:\n"
            + "\n".join(body.lines) + "\n}\n"
        )  # fmt: skip
    return "\n".join(texts)


def declarations(shape: Shape) -> str:
    """Everything that stands outside the module."""
    vector = shape.vector
    texts = [
        f"declare {vector} @llvm.{name}.{shape.suffix}({', '.join([vector] * count)})"
        for name, count in _INTRINSICS.items()
    ]
    texts += [f"declare double @{name}({', '.join(['double'] * n)})" for name, n in LIBRARY.items()]
    if shape.scalef:
        texts.append(
            f"declare {vector} @llvm.x86.avx512.mask.scalef.pd.512({vector}, {vector}, {vector}, "
            "i8, i32)"
        )
    return "\n".join(texts) + "\n"
