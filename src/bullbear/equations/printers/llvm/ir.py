"""Text of LLVM's intermediate language, written as if vectors were numbers.

Nothing here allows LLVM to reorder or contract arithmetic: a fused multiply-add stands only where
`fma` is written, so that every width of vectors gives the same bits.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass


def double(value: float) -> str:
    """A double as LLVM writes it exactly."""
    return f"0x{struct.unpack('>Q', struct.pack('>d', value))[0]:016X}"


@dataclass(frozen=True)
class Shape:
    """How wide vectors are, and whether the processor scales by powers of two itself."""

    width: int
    scalef: bool = False

    @property
    def vector(self) -> str:
        return f"<{self.width} x double>"

    @property
    def integers(self) -> str:
        return f"<{self.width} x i64>"

    @property
    def truths(self) -> str:
        return f"<{self.width} x i1>"

    @property
    def suffix(self) -> str:
        """The end of the names of intrinsic functions."""
        return f"v{self.width}f64"


class Body:
    """The lines of one function."""

    def __init__(self, shape: Shape) -> None:
        self.shape = shape
        self.lines: list[str] = []
        self._count = 0

    def name(self) -> str:
        self._count += 1
        return f"%r{self._count}"

    def line(self, text: str) -> None:
        self.lines.append("  " + text)

    def label(self, name: str) -> None:
        self.lines.append(f"{name}:")

    def set(self, text: str) -> str:
        """A new name for the value of an instruction."""
        name = self.name()
        self.line(f"{name} = {text}")
        return name

    def constant(self, value: float) -> Vector:
        return Vector(self, f"splat (double {double(value)})")

    def integer(self, value: int) -> str:
        return f"splat (i64 {value})"

    def load(self, base: str, slot: int) -> Vector:
        """The vector in a slot behind the pointer `base`."""
        place = self.set(f"getelementptr {self.shape.vector}, ptr {base}, i64 {slot}")
        return Vector(self, self.set(f"load {self.shape.vector}, ptr {place}, align 64"))

    def store(self, value: Vector, base: str, slot: int) -> None:
        place = self.set(f"getelementptr {self.shape.vector}, ptr {base}, i64 {slot}")
        self.line(f"store {self.shape.vector} {value.name}, ptr {place}, align 64")

    def load_same(self, base: str, slot: int) -> Vector:
        """The number in a slot behind the pointer `base`, in all lanes."""
        place = self.set(f"getelementptr double, ptr {base}, i64 {slot}")
        return self.splat(self.set(f"load double, ptr {place}"))

    def store_first(self, value: Vector, base: str, slot: int) -> None:
        """The number of the first lane into a slot behind the pointer `base`."""
        first = self.set(f"extractelement {self.shape.vector} {value.name}, i64 0")
        place = self.set(f"getelementptr double, ptr {base}, i64 {slot}")
        self.line(f"store double {first}, ptr {place}")

    def splat(self, scalar: str) -> Vector:
        """All lanes the same scalar double."""
        vector = self.shape.vector
        first = self.set(f"insertelement {vector} poison, double {scalar}, i64 0")
        mask = f"<{self.shape.width} x i32> zeroinitializer"
        return Vector(self, self.set(f"shufflevector {vector} {first}, {vector} poison, {mask}"))

    def compare(self, relation: str, a: Vector, b: Vector | float) -> Truth:
        other = b if isinstance(b, Vector) else self.constant(b)
        text = f"fcmp {relation} {self.shape.vector} {a.name}, {other.name}"
        return Truth(self, self.set(text))

    def call(self, intrinsic: str, *arguments: Vector) -> Vector:
        """A function of LLVM's own over vectors."""
        vector = self.shape.vector
        given = ", ".join(f"{vector} {argument.name}" for argument in arguments)
        return Vector(
            self, self.set(f"call {vector} @llvm.{intrinsic}.{self.shape.suffix}({given})")
        )

    def lanes(self, function: str, *arguments: Vector) -> Vector:
        """A scalar function of the mathematics library, lane by lane: slow, for what is rare."""
        vector, result = self.shape.vector, "poison"
        for lane in range(self.shape.width):
            parts = [
                self.set(f"extractelement {vector} {argument.name}, i64 {lane}")
                for argument in arguments
            ]
            given = ", ".join(f"double {part}" for part in parts)
            value = self.set(f"call double @{function}({given})")
            result = self.set(f"insertelement {vector} {result}, double {value}, i64 {lane}")
        return Vector(self, result)


@dataclass(frozen=True, eq=False)
class Truth:
    """One bit per lane."""

    body: Body
    name: str

    def _with(self, op: str, other: str) -> Truth:
        text = f"{op} {self.body.shape.truths} {self.name}, {other}"
        return Truth(self.body, self.body.set(text))

    def __and__(self, other: Truth) -> Truth:
        return self._with("and", other.name)

    def __or__(self, other: Truth) -> Truth:
        return self._with("or", other.name)

    def __invert__(self) -> Truth:
        return self._with("xor", "splat (i1 true)")

    def select(self, yes: Vector | float, no: Vector | float) -> Vector:
        body, vector = self.body, self.body.shape.vector
        a = yes if isinstance(yes, Vector) else body.constant(yes)
        b = no if isinstance(no, Vector) else body.constant(no)
        text = f"select {body.shape.truths} {self.name}, {vector} {a.name}, {vector} {b.name}"
        return Vector(body, body.set(text))


@dataclass(frozen=True, eq=False)
class Vector:
    """One double per lane."""

    body: Body
    name: str

    def _with(self, op: str, left: Vector | float, right: Vector | float) -> Vector:
        a, b = (v if isinstance(v, Vector) else self.body.constant(v) for v in (left, right))
        text = f"{op} {self.body.shape.vector} {a.name}, {b.name}"
        return Vector(self.body, self.body.set(text))

    def __add__(self, other: Vector | float) -> Vector:
        return self._with("fadd", self, other)

    def __radd__(self, other: float) -> Vector:
        return self._with("fadd", other, self)

    def __sub__(self, other: Vector | float) -> Vector:
        return self._with("fsub", self, other)

    def __rsub__(self, other: float) -> Vector:
        return self._with("fsub", other, self)

    def __mul__(self, other: Vector | float) -> Vector:
        return self._with("fmul", self, other)

    def __rmul__(self, other: float) -> Vector:
        return self._with("fmul", other, self)

    def __truediv__(self, other: Vector | float) -> Vector:
        return self._with("fdiv", self, other)

    def __rtruediv__(self, other: float) -> Vector:
        return self._with("fdiv", other, self)

    def __neg__(self) -> Vector:
        return Vector(self.body, self.body.set(f"fneg {self.body.shape.vector} {self.name}"))

    def fma(self, factor: Vector | float, term: Vector | float) -> Vector:
        """`self · factor + term`, rounded once."""
        a, b = (v if isinstance(v, Vector) else self.body.constant(v) for v in (factor, term))
        return self.body.call("fma", self, a, b)

    def call(self, intrinsic: str) -> Vector:
        return self.body.call(intrinsic, self)

    def lt(self, other: Vector | float) -> Truth:
        return self.body.compare("olt", self, other)

    def gt(self, other: Vector | float) -> Truth:
        return self.body.compare("ogt", self, other)

    def le(self, other: Vector | float) -> Truth:
        return self.body.compare("ole", self, other)

    def ge(self, other: Vector | float) -> Truth:
        return self.body.compare("oge", self, other)

    def eq(self, other: Vector | float) -> Truth:
        return self.body.compare("oeq", self, other)

    def bits(self) -> str:
        """The same bits as integers."""
        shape = self.body.shape
        return self.body.set(f"bitcast {shape.vector} {self.name} to {shape.integers}")

    @staticmethod
    def of_bits(body: Body, integers: str) -> Vector:
        shape = body.shape
        return Vector(body, body.set(f"bitcast {shape.integers} {integers} to {shape.vector}"))
