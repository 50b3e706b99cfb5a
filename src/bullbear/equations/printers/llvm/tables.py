"""Tables of sixteen numbers that shorten the exponential and the logarithm.

A wide processor looks sixteen numbers up with one instruction out of two registers; others read
memory lane by lane.  The numbers are rounded from 60 digits (a test works them out again).  The
scheme is that of Tang 1990, "Table-driven implementation of the logarithm function in IEEE
floating-point arithmetic", ACM TOMS 16, and of his 1989 paper on the exponential.
"""

from __future__ import annotations

from collections.abc import Sequence

from bullbear.equations.printers.llvm.ir import Body, Shape, Vector, double

# 2^(j/16), and what its rounding took
ROOTS = (
    1.0, 1.0442737824274138, 1.0905077326652577, 1.1387886347566916, 1.189207115002721,
    1.241857812073484, 1.2968395546510096, 1.3542555469368927, 1.4142135623730951,
    1.4768261459394993, 1.5422108254079407, 1.6104903319492543, 1.681792830507429,
    1.7562521603732995, 1.8340080864093424, 1.9152065613971474,
)  # fmt: skip
ROOTS_LOW = (
    0.0, 8.551889705537965e-17, -3.046782079812471e-17, 8.912812676025408e-17,
    3.982015231465646e-17, 4.658027591836937e-17, 2.5382502794888315e-17, 7.70094837980299e-17,
    -9.667293313452913e-17, -3.483994556892796e-17, 7.949834809697621e-17, 2.4707192569797888e-17,
    8.199010020581497e-17, 2.960140695448873e-17, 3.283107224245627e-17, -1.0619946056195963e-16,
)  # fmt: skip
LOGS = (
    0.0, 0.09844007281321865, 0.13353139262449076, 0.20763936477828793, 0.2468600779315011,
    0.28768207245173016, 0.33024168687052224, 0.3746934494414518, 0.4212134650763346,
    0.47000362924575256, 0.5212969236332583, 0.5212969236332583, 0.575364144903574,
    0.632522558743517, 0.632522558743517, 0.6931471805592082,
)  # fmt: skip
LOGS_LOW = (
    0.0, 3.3871241029241416e-14, 3.1859736349078334e-14, -4.3425422595242564e-14,
    2.4688324156011588e-14, 5.076326383153408e-14, 5.4612144489920215e-14,
    -4.1082176222359656e-14, -3.1063837541003616e-14, -1.7009641689260365e-14,
    2.7784788537588388e-14, 2.7784788537588388e-14, -1.2160310058547871e-14,
    -6.5714011431672766e-15, -6.5714011431672766e-15, 7.371002565167799e-13,
)  # fmt: skip
# Short numbers c near the reciprocal of the middle of [1 + j/16, 1 + (j + 1)/16]: with five bits
# behind the point, m c - 1 is exact for every m there.  At the ends they are 1 and 1/2, so
# that near one nothing but m c - 1 is left.
SHARES = tuple(c / 32 for c in (32, 29, 28, 26, 25, 24, 23, 22, 21, 20, 19, 19, 18, 17, 17, 16))
# -ln c, of so few bits that adding a whole number times ln 2 is exact, and the rest
TABLES = {"roots": ROOTS, "roots_low": ROOTS_LOW, "shares": SHARES, "logs": LOGS,
          "logs_low": LOGS_LOW}  # fmt: skip
"""By the name that a module gives them."""


def pick(name: str, body: Body, index: str) -> Vector:
    """The numbers of a table at the last four bits of each of `index`, integers."""
    shape, values = body.shape, TABLES[name]
    if shape.scalef:
        vector = shape.vector
        low, high = (_literal(values[half : half + 8]) for half in (0, 8))
        text = (
            f"call {vector} @llvm.x86.avx512.vpermi2var.pd.512({vector} {low}, "
            f"{shape.integers} {index}, {vector} {high})"
        )
        return Vector(body, body.set(text))
    place = body.set(f"and {shape.integers} {index}, {body.integer(15)}")
    return gather(body, f"@bb.{name}", place)


def gather(body: Body, array: str, place: str) -> Vector:
    """One number per lane out of a constant array."""
    shape, result = body.shape, "poison"
    for lane in range(shape.width):
        at = body.set(f"extractelement {shape.integers} {place}, i64 {lane}")
        pointer = body.set(f"getelementptr double, ptr {array}, i64 {at}")
        value = body.set(f"load double, ptr {pointer}")
        result = body.set(f"insertelement {shape.vector} {result}, double {value}, i64 {lane}")
    return Vector(body, result)


def constant_array(name: str, values: Sequence[float]) -> str:
    """An array of a module, `gather` reads from it."""
    items = ", ".join(f"double {double(value)}" for value in values)
    return f"{name} = internal constant [{len(values)} x double] [{items}], align 64"


def definitions(shape: Shape) -> str:
    """The tables in memory, where registers do not do."""
    if shape.scalef:
        return ""
    return "\n".join(constant_array(f"@bb.{name}", values) for name, values in TABLES.items())


def _literal(values: Sequence[float]) -> str:
    return "<" + ", ".join(f"double {double(value)}" for value in values) + ">"
