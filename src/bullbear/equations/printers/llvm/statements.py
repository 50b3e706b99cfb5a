"""Statements of a program as lines of vector code."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from bullbear.equations.printers.llvm import mathematics
from bullbear.equations.printers.llvm.ir import Body, Truth, Vector
from bullbear.equations.printers.llvm.lookups import lookup
from bullbear.equations.printers.llvm.order import depth_first
from bullbear.equations.program import COMPARISONS, LOGICAL, Node, Program

_RELATIONS = {"lt": "olt", "le": "ole", "gt": "ogt", "ge": "oge", "eq": "oeq", "ne": "une"}
_LIBRARY = {"arcsin": "asin", "arccos": "acos", "arctan": "atan", "sinh": "sinh", "cosh": "cosh"}
_INTRINSIC = {"sqrt": "sqrt", "abs": "fabs", "integer": "trunc"}
_ARITHMETIC: dict[str, Callable[[Vector, Vector], Vector]] = {
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a - b,
    "mul": lambda a, b: a * b,
    "div": lambda a, b: a / b,
}
_INLINED = frozenset({"exp", "ln"})
LEAVES = frozenset({"const", "param", "control", "time", "held", "state", "random", "random_start"})
KNOWN = (
    LEAVES | LOGICAL | set(_LIBRARY) | set(_INTRINSIC) | set(_ARITHMETIC)
    | set(mathematics.FUNCTIONS) | {"pow", "neg", "min", "max", "modulo", "select", "lookup"}
)  # fmt: skip
"""Operations that this printer can write."""

Leaf = Callable[[Node], Vector]


@dataclass(frozen=True)
class Place:
    """Where a value stands: in a slot of vectors, or of numbers that all lanes have in common."""

    base: str
    slot: int
    same: bool = False

    def load(self, body: Body) -> Vector:
        return (body.load_same if self.same else body.load)(self.base, self.slot)


class Statements:
    """Writes statements into a body, each once.

    `leaf` gives the value of a leaf; `stored` are statements that stand in memory already.
    With `inline`, costly functions are written out; it says
    where exponents of a draw stand prepared.
    """

    def __init__(
        self,
        program: Program,
        body: Body,
        leaf: Leaf,
        stored: Mapping[int, Place],
        *,
        inline: Mapping[int, Sequence[Place]] | None = None,
    ) -> None:
        self.program, self.body, self.leaf, self.stored = program, body, leaf, stored
        self.inline = inline
        self.called: set[str] = set()
        self._values: dict[int, Vector] = {}
        self._truths: dict[int, Truth] = {}
        self._logarithms: dict[int, tuple[Vector, Vector]] = {}

    def write(self, roots: Iterable[int], then: Callable[[int], None] | None = None) -> None:
        """Everything that `roots` stand on, down to what is stored.

        `then` is called with every statement as soon as it is written.
        """
        roots = list(roots)
        wanted = [False] * len(self.program.nodes)
        for root in roots:
            wanted[root] = True
        for index in range(len(wanted) - 1, -1, -1):
            if wanted[index] and index not in self.stored:
                for argument in self.program.nodes[index].args:
                    wanted[argument] = True
        inside = [i for i, want in enumerate(wanted) if want and i not in self.stored]
        if self.inline is not None:
            inside = depth_first(self.program, inside, roots)
        for index in inside:
            self._write(index)
            if then is not None:
                then(index)

    def value(self, index: int) -> Vector:
        """A statement as a number; the truth of a comparison is 1 or 0."""
        if index in self.stored:
            return self.stored[index].load(self.body)
        if index not in self._values:
            self._values[index] = self._truths[index].select(1.0, 0.0)
        return self._values[index]

    def truth(self, index: int) -> Truth:
        """Whether a statement is anything but zero; not-a-number is."""
        if index not in self._truths:
            self._truths[index] = self.body.compare("une", self.value(index), 0.0)
        return self._truths[index]

    def _write(self, index: int) -> None:
        node = self.program.nodes[index]
        if node.op in LOGICAL:
            self._truths[index] = self._logical(node)
        else:
            self._values[index] = self._number(node)

    def _logical(self, node: Node) -> Truth:
        if node.op in COMPARISONS:
            a, b = (self.value(argument) for argument in node.args)
            return self.body.compare(_RELATIONS[node.op], a, b)
        truths = [self.truth(argument) for argument in node.args]
        if node.op == "not":
            return ~truths[0]
        return truths[0] & truths[1] if node.op == "and" else truths[0] | truths[1]

    def _number(self, node: Node) -> Vector:
        op = node.op
        if op in LEAVES:
            return self.leaf(node)
        if op == "pow" and self.inline is not None:
            return self._power(*node.args)
        if op == "select":
            condition = self.truth(node.args[0])
            return condition.select(self.value(node.args[1]), self.value(node.args[2]))
        given = [self.value(argument) for argument in node.args]
        if op in _ARITHMETIC:
            return _ARITHMETIC[op](*given)
        if op in ("min", "max"):
            return self._extreme(op, node, *given)
        if op == "neg":
            return -given[0]
        if op in _INTRINSIC:
            return given[0].call(_INTRINSIC[op])
        if op in _LIBRARY:
            return self.body.lanes(_LIBRARY[op], *given)
        if op == "lookup":
            return self._lookup(node, given[0])
        return self._modulo(*given) if op == "modulo" else self._function(op, given)

    def _power(self, base: int, y: int) -> Vector:
        assert self.inline is not None
        places = self.inline.get(y)
        if places is None:
            exponent = mathematics.Exponent.of(self.value(y))
        else:
            parts = [place.load(self.body) for place in places]
            exponent = mathematics.Exponent.of_parts(parts)
        x = self.value(base)
        if base not in self._logarithms:  # all powers of a base have it in common
            self._logarithms[base] = mathematics.logarithm_of_size(x)
        return mathematics.power_of_logarithm(x, self._logarithms[base], exponent)

    def _extreme(self, op: str, node: Node, a: Vector, b: Vector) -> Vector:
        """The smaller or larger one; not a number where one of them is not."""
        other = self.program.nodes[node.args[1]]
        if other.op == "const" and not math.isnan(float(other.data)):  # type: ignore[arg-type]
            return (b.le(a) if op == "min" else b.ge(a)).select(b, a)  # one instruction
        first = a.lt(b) if op == "min" else a.gt(b)
        return self.body.compare("uno", a, a).select(a, first.select(a, b))

    def _lookup(self, node: Node, x: Vector) -> Vector:
        assert isinstance(node.data, tuple)
        index, kind = node.data
        assert isinstance(index, int)
        return lookup(x, self.program.tables[index], str(kind), index)

    def _modulo(self, a: Vector, b: Vector) -> Vector:
        return self.body.lanes("fmod", a, b)

    def _function(self, op: str, given: list[Vector]) -> Vector:
        if self.inline is not None and op in _INLINED:
            return mathematics.FUNCTIONS[op](*given)
        self.called.add(op)
        vector = self.body.shape.vector
        arguments = ", ".join(f"{vector} {value.name}" for value in given)
        return Vector(self.body, self.body.set(f"call {vector} @bb.{op}({arguments})"))
