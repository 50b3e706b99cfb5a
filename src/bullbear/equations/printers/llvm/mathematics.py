"""Vector functions: exp, ln, power, sin, cos, tan, tanh, each to two units in the last place.

Arguments are reduced exactly with fused multiply-adds (Muller et al. 2018, "Handbook of
Floating-Point Arithmetic", chapter 11) and tables; the polynomials have the least largest error,
found by Remez' algorithm, or interpolate at Chebyshev points, made with 60 digits and rounded.  No
function branches on its argument, but for sin, cos and tan of numbers beyond a million, which the
mathematics library does.  What has a value of its own at zero, infinity or below zero gets it from
one instruction where the processor has it.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from bullbear.equations.printers.llvm import tables
from bullbear.equations.printers.llvm.circular import cos, sin, tan
from bullbear.equations.printers.llvm.ir import Body, Shape, Truth, Vector
from bullbear.equations.printers.llvm.polynomials import MAGIC, MAGIC_BITS, polynomial, sum_error

_LOG2E = float.fromhex("0x1.71547652b82fep+0")
_MAGIC_16, _MAGIC_16_BITS = 1.5 * 2.0**48, 0x42F8000000000000  # leaves sixteenths
_LN2 = (float.fromhex("0x1.62e42fefa39efp-1"), float.fromhex("0x1.abc9e3b39803fp-56"))
# ln 2 in two parts, of which the first has so few bits that a whole number times it is exact
_LN2_SHORT = (float.fromhex("0x1.62e42fefa2000p-1"), float.fromhex("0x1.9ef35793c7673p-41"))
# What the instruction `vfixupimm` puts for a class of numbers: 4 bits each, from the lowest on for
# quiet and signalling NaN, 0, 1, -inf, inf, other negative and positive ones (Intel 64 and IA-32
# Architectures Software Developer's Manual, volume 2); 0 keeps, 2 and 3 are NaN, 4 is -inf, 5 inf,
# 10 one.
_FIXUP_LN, _FIXUP_SIZE = 0x03530422, 0x00550422
_FIXUP_POWER, _FIXUP_ROOT, _FIXUP_ONE = 0x0000A000, 0x0300A000, 0xAAAAAAAA

# (exp r - 1 - r) / r² for |r| up to ln 2 / 32
_EXP_NEAR = (
    0.5000000000000006, 0.1666666666441785, 0.04166666665965538, 0.008333471923744123,
    0.001388912901629112,
)  # fmt: skip
# the same for |r| up to ln 2 / 2
_EXP = (
    0.5, 0.1666666666666667, 0.04166666666666667, 0.008333333333326084, 0.0013888888888883711,
    0.0001984126987500228, 2.480158732567746e-05, 2.755725517000089e-06, 2.755727347871858e-07,
    2.5105312729622103e-08, 2.09147553258932e-09,
)  # fmt: skip
# (ln(1 + r) - r) / r² for r from -19/512 to 1/16
_LN = (
    -0.49999999999999867, 0.3333333333335186, -0.25000000001232625, 0.1999999993148852,
    -0.1666666352207617, 0.1428577696819359, -0.1250308852134541, 0.11107053195898814,
    -0.08982984374383285,
)  # fmt: skip
# (ln(1 + r) - r + r²/2) / r³ there, times -2
_LN_TAIL = (
    -0.6666666666666664, 0.4999999999999959, -0.40000000000192366, 0.3333333333639964,
    -0.28571428210935334, 0.24999992699274637, -0.22222470081181874, 0.2000669275538204,
    -0.18147794641808612, 0.14615659642402132,
)  # fmt: skip
_INTRINSICS = {"fma": 3, "sqrt": 1, "fabs": 1, "trunc": 1, "copysign": 2}
LIBRARY = {"asin": 1, "acos": 1, "atan": 1, "sinh": 1, "cosh": 1, "sin": 1, "cos": 1, "tan": 1,
           "fmod": 2, "fma": 3}  # fmt: skip
"""Functions of the mathematics library that the code may call, and their numbers of arguments."""


# -- exponential --------------------------------------------------------------------------------


def exp(x: Vector) -> Vector:
    """e to the x."""
    x = _limited(x, -750.0, 715.0)
    shifted = x.fma(_LOG2E, _MAGIC_16)
    whole = shifted - _MAGIC_16
    rest = whole.fma(-_LN2[1], whole.fma(-_LN2[0], x))
    root = tables.pick("roots", x.body, shifted.bits())
    return _scaled(root.fma(_exp_near(rest), root), whole, _sixteenths(shifted))


def _exp_near(r: Vector) -> Vector:
    """exp r - 1 for |r| up to ln 2 / 32."""
    return (r * r).fma(polynomial(r, _EXP_NEAR), r)


def _limited(x: Vector, low: float, high: float) -> Vector:
    """Within bounds behind which nothing changes any more; not-a-number stays."""
    x = x.gt(high).select(high, x)
    return x.lt(low).select(low, x)


def _reduced(x: Vector) -> tuple[Vector, Vector, Vector]:
    """x - n · ln 2 (its first part, exact), n, and n in the last bits of a double."""
    shifted = x.fma(_LOG2E, MAGIC)
    whole = shifted - MAGIC
    return whole.fma(-_LN2[0], x), whole, shifted


def _sixteenths(shifted: Vector) -> str:
    """The whole number below the sixteenths in the last bits of a double, as integers."""
    body, kind = shifted.body, shifted.body.shape.integers
    if body.shape.scalef:
        return ""
    power = body.set(f"sub {kind} {shifted.bits()}, {body.integer(_MAGIC_16_BITS)}")
    return body.set(f"ashr {kind} {power}, {body.integer(4)}")


def _units(shifted: Vector) -> str:
    """The whole number in the last bits of a double, as integers."""
    body = shifted.body
    if body.shape.scalef:
        return ""
    return body.set(f"sub {body.shape.integers} {shifted.bits()}, {body.integer(MAGIC_BITS)}")


def _scaled(x: Vector, whole: Vector, power: str) -> Vector:
    """x times two to the whole number not above `whole`, rounded once, also where it is subnormal.

    `power` is the same as integers, where the processor needs it.
    """
    body, shape = x.body, x.body.shape
    if shape.scalef:
        vector = shape.vector
        text = (
            f"call {vector} @llvm.x86.avx512.mask.scalef.pd.512({vector} {x.name}, "
            f"{vector} {whole.name}, {vector} zeroinitializer, i8 -1, i32 4)"
        )
        return Vector(body, body.set(text))
    kind = shape.integers
    first = body.set(f"ashr {kind} {power}, {body.integer(1)}")
    second = body.set(f"sub {kind} {power}, {first}")
    for part in (first, second):
        biased = body.set(f"add {kind} {part}, {body.integer(1023)}")
        x = x * Vector.of_bits(body, body.set(f"shl {kind} {biased}, {body.integer(52)}"))
    return x


# -- logarithm and power ------------------------------------------------------------------------


def _split(x: Vector) -> tuple[Vector, Vector, str]:
    """|x| as m · 2^k with m from 1 to 2: m, k, and the first four bits of m as integers."""
    body, kind = x.body, x.body.shape.integers
    if body.shape.scalef:
        m, k = _mantissa_and_exponent(x)
        return m, k, body.set(f"lshr {kind} {m.bits()}, {body.integer(48)}")
    size = x.call("fabs")
    tiny = size.lt(2.0**-1022)
    bits = tiny.select(size * 2.0**54, size).bits()
    power = body.set(f"lshr {kind} {bits}, {body.integer(52)}")
    fraction = body.set(f"and {kind} {bits}, {body.integer((1 << 52) - 1)}")
    m = Vector.of_bits(body, body.set(f"or {kind} {fraction}, {body.integer(1023 << 52)}"))
    shifted = body.set(f"add {kind} {power}, {body.integer(MAGIC_BITS)}")
    k = Vector.of_bits(body, shifted) - tiny.select(MAGIC + 1077.0, MAGIC + 1023.0)
    return m, k, body.set(f"lshr {kind} {fraction}, {body.integer(48)}")


def _reduced_logarithm(x: Vector) -> tuple[Vector, Vector, Vector]:
    """ln |x| as a + b + ln(1 + r): a and r exact, b what is left of a."""
    m, k, index = _split(x)
    share, log, low = (tables.pick(name, x.body, index) for name in ("shares", "logs", "logs_low"))
    return k.fma(_LN2_SHORT[0], log), k.fma(_LN2_SHORT[1], low), m.fma(share, -1.0)


def ln(x: Vector) -> Vector:
    """The natural logarithm."""
    a, b, r = _reduced_logarithm(x)
    value = a + (r + (r * r).fma(polynomial(r, _LN), b))
    if x.body.shape.scalef:
        return _fixed_up(value, x, x.body.integer(_FIXUP_LN))
    value = x.eq(math.inf).select(math.inf, value)
    return x.gt(0.0).select(value, x.eq(0.0).select(-math.inf, math.nan))


def _ln_twice(x: Vector) -> tuple[Vector, Vector]:
    """ln |x| as a sum of two doubles, to about 2^-62."""
    a, b, r = _reduced_logarithm(x)
    sum_ = a + r
    sum_low = (a - sum_) + r
    half = r * -0.5
    square = half * r  # -r²/2
    square_low = half.fma(r, -square)
    high = sum_ + square
    high_low = (sum_ - high) + square
    rest = (sum_low + high_low) + (square_low + b)
    low = (square * r).fma(polynomial(r, _LN_TAIL), rest)
    total = high + low
    return total, (high - total) + low


@dataclass(frozen=True)
class Exponent:
    """What the special values of a power need to know of its exponent y.

    Attributes
    ----------
    y : within the finite numbers, of which the ends are as good as infinite
    odd : the sign bit where y is an odd number, as integers
    table : what `vfixupimm` is to put for the base's classes, as integers
    """

    y: Vector
    odd: str
    table: str

    @classmethod
    def of(cls, y: Vector) -> Exponent:
        body, shape = y.body, y.body.shape
        y = _limited(y, -sys.float_info.max, sys.float_info.max)
        integral = y.eq(y.call("trunc"))
        half = 0.5 * y
        odd = integral & ~half.eq(half.call("trunc"))
        sign = _choose(odd, body.integer(-(1 << 63)), "zeroinitializer")
        if not shape.scalef:  # without the instruction: 2 where y is 0, 1 where it has a fraction
            table = _choose(integral, "zeroinitializer", body.integer(1))
            return cls(y, sign, _choose(y.eq(0.0), body.integer(2), table))
        table = _choose(integral, body.integer(_FIXUP_POWER), body.integer(_FIXUP_ROOT))
        return cls(y, sign, _choose(y.eq(0.0), body.integer(_FIXUP_ONE), table))

    def parts(self) -> list[Vector]:
        """All of it as vectors that memory can hold."""
        return [self.y, *(Vector.of_bits(self.y.body, bits) for bits in (self.odd, self.table))]

    @classmethod
    def of_parts(cls, parts: Sequence[Vector]) -> Exponent:
        return cls(parts[0], parts[1].bits(), parts[2].bits())


def _choose(truth: Truth, yes: str, no: str) -> str:
    body, kind = truth.body, truth.body.shape.integers
    text = f"select {body.shape.truths} {truth.name}, {kind} {yes}, {kind} {no}"
    return body.set(text)


def power(x: Vector, y: Vector) -> Vector:
    """x to the y, with the special values of C's `pow`."""
    return power_of_logarithm(x, logarithm_of_size(x), Exponent.of(y))


def logarithm_of_size(x: Vector) -> tuple[Vector, Vector]:
    """ln |x| as a sum of two doubles; infinite numbers and not-a-number are in the first."""
    high, low = _ln_twice(x)
    if x.body.shape.scalef:
        return _fixed_up(high, x, x.body.integer(_FIXUP_SIZE)), low
    size = x.call("fabs")
    high = size.lt(math.inf).select(high, size)
    return size.eq(0.0).select(-math.inf, high), low


def power_of_logarithm(x: Vector, logarithm: tuple[Vector, Vector], exponent: Exponent) -> Vector:
    """x to the y from ln |x|."""
    (high, low), y = logarithm, exponent.y
    p = y * high
    p_low = y.fma(high, -p) + y * low
    p_low = p_low.lt(1.0).select(p_low, 1.0)  # not-a-number too, which it is where p is infinite
    p_low = p_low.gt(-1.0).select(p_low, -1.0)
    p = _limited(p, -800.0, 800.0)
    shifted = p.fma(_LOG2E, _MAGIC_16)
    whole = shifted - _MAGIC_16
    rest = whole.fma(-_LN2[0], p) + whole.fma(-_LN2[1], p_low)
    near, near_low = (tables.pick(name, x.body, shifted.bits()) for name in ("roots", "roots_low"))
    value = near + near.fma(_exp_near(rest), near_low)
    value = _scaled(value, whole, _sixteenths(shifted))
    # signs and roots of negative numbers
    body, kind = x.body, x.body.shape.integers
    sign = body.set(f"and {kind} {x.bits()}, {exponent.odd}")
    value = Vector.of_bits(body, body.set(f"xor {kind} {value.bits()}, {sign}"))
    if body.shape.scalef:
        return _fixed_up(value, x, exponent.table)
    root, one = (
        Truth(body, body.set(f"icmp eq {kind} {exponent.table}, {body.integer(code)}"))
        for code in (1, 2)
    )
    value = (x.lt(0.0) & x.gt(-math.inf) & root).select(math.nan, value)
    return (one | x.eq(1.0)).select(1.0, value)


# -- instructions of wide processors ------------------------------------------------------------


def _mantissa_and_exponent(x: Vector) -> tuple[Vector, Vector]:
    """|x| as m · 2^e with m from 1 to 2, of subnormal numbers too."""
    body, vector = x.body, x.body.shape.vector
    rest = f"{vector} zeroinitializer, i8 -1, i32 4)"
    head = f"call {vector} @llvm.x86.avx512.mask"
    return (
        Vector(body, body.set(f"{head}.getmant.pd.512({vector} {x.name}, i32 4, {rest}")),
        Vector(body, body.set(f"{head}.getexp.pd.512({vector} {x.name}, {rest}")),
    )


def _fixed_up(value: Vector, x: Vector, table: str) -> Vector:
    """`value`, but what the table says where x is zero, one, infinite, negative, not a number."""
    body, shape = x.body, x.body.shape
    vector = shape.vector
    text = (
        f"call {vector} @llvm.x86.avx512.mask.fixupimm.pd.512({vector} {value.name}, "
        f"{vector} {x.name}, {shape.integers} {table}, i32 0, i8 -1, i32 4)"
    )
    return Vector(body, body.set(text))


# -- hyperbolic tangent -------------------------------------------------------------------------


def tanh(x: Vector) -> Vector:
    """(e^2x - 1) / (e^2x + 1), with e^2x as a sum of two doubles."""
    body = x.body
    double_x = _limited(x + x, -44.0, 44.0)
    rest, whole, shifted = _reduced(double_x)
    power = _units(shifted)
    low = whole * _LN2[1]
    r = rest - low
    r_low = (rest - r) - low
    tail = (r * r).fma(polynomial(r, _EXP), r_low)  # exp = 1 + r + tail
    about = 1.0 + r
    rest = ((1.0 - about) + r) + tail
    total = about + rest
    rest = (about - total) + rest
    high, low = (_scaled(part, whole, power) for part in (total, rest))
    top = high - 1.0
    top_low = sum_error(high, -1.0, top) + low
    bottom = high + 1.0
    bottom_low = sum_error(high, 1.0, bottom) + low
    top, top_low = top + top_low, top_low - ((top + top_low) - top)
    value = top / bottom
    value = value + ((-value).fma(bottom, top) + (top_low - value * bottom_low)) / bottom
    return x.call("fabs").lt(1e-9).select(x, body.call("copysign", value, x))


FUNCTIONS = {"exp": exp, "ln": ln, "sin": sin, "cos": cos, "tan": tan, "tanh": tanh}
"""Vector functions of one argument, by statement."""


def definitions(shape: Shape, names: Sequence[str]) -> str:
    """LLVM functions `@bb.NAME` for the names asked for; `pow` has two arguments."""
    texts = [tables.definitions(shape)]
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
        head = f"declare {vector} @llvm.x86.avx512.mask"
        texts += [
            f"{head}.scalef.pd.512({vector}, {vector}, {vector}, i8, i32)",
            f"{head}.getmant.pd.512({vector}, i32 immarg, {vector}, i8, i32 immarg)",
            f"{head}.getexp.pd.512({vector}, {vector}, i8, i32 immarg)",
            f"{head}.fixupimm.pd.512({vector}, {vector}, {shape.integers}, i32 immarg, i8, "
            "i32 immarg)",
            f"declare {vector} @llvm.x86.avx512.vpermi2var.pd.512({vector}, {shape.integers}, "
            f"{vector})",
        ]
    return "\n".join(texts) + "\n"
