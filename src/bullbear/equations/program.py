"""The statement list: every model, whatever its size, as one list of scalar operations.

Statements are hash-consed (the same operation on the same arguments exists once) and stand in an
order in which arguments come first.  Initial values stand in the same list; no state is below
them.  Every printer (Python floats, NumPy arrays, LLVM vectors) works from this list alone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import IntEnum
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from bullbear.equations import scalar

Data: TypeAlias = "float | int | str | tuple[object, ...] | None"


class Level(IntEnum):
    """How often a statement has to be worked out."""

    CONSTANT = 0  # once
    DRAW = 1  # once per run: it depends on constants of the model
    TIME = 2  # at every step, but on no state
    DYNAMIC = 3


CONTROLS = ("initial_time", "final_time", "time_step", "saveper")
COMPARISONS = frozenset({"lt", "le", "gt", "ge", "eq", "ne"})
LOGICAL = COMPARISONS | {"and", "or", "not"}  # their value is 1 or 0
_POWERS = (0.5, 1.0, 2.0, 3.0)
_LEAF_LEVELS = {
    "const": Level.CONSTANT,
    "param": Level.DRAW,
    "control": Level.DRAW,
    "time": Level.TIME,
    "held": Level.TIME,  # time at the start of the step; events are decided on it
    "state": Level.DYNAMIC,
    "random": Level.DYNAMIC,  # differs from draw to draw
    "random_start": Level.DRAW,
}


@dataclass(frozen=True, slots=True)
class Node:
    """One statement: `op` applied to earlier statements."""

    op: str
    args: tuple[int, ...] = ()
    data: Data = None


@dataclass(frozen=True)
class LookupTable:
    """Points of a lookup; `x` ascending."""

    name: str
    x: npt.NDArray[np.float64]
    y: npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Parameter:
    """A number that may be changed without compiling again.

    `role` is `constant`, or `initial` for the overriding initial value of a stock, which is not
    a number (NaN) until somebody gives one.
    """

    name: str
    value: float
    role: str = "constant"


@dataclass(slots=True)
class State:
    """What is carried from step to step.

    kind `stock`: `rate` is its net flow.  kind `sample`: `rate` is its next value.
    kind `fixed`: a ring buffer; `rate` is what enters, `delay` how long it stays [time unit].
    """

    name: str
    kind: str
    hidden: bool
    rate: int = -1
    initial: int = -1
    delay: int = -1


@dataclass
class Program:
    """The compiled form of a model, before any printer.

    Attributes
    ----------
    nodes : statements in evaluation order
    levels : one per statement
    states, parameters, tables : what the leaves refer to by index
    outputs : element name as spelled -> statement
    controls : initial_time, final_time, time_step, saveper -> statement, where the file has them
    moving : those of `controls` that change during a run -> statement inside the run
    structural : parameters that shaped the list itself (the order of a delay) and so cannot be
        changed; position -> the name of the function
    """

    nodes: list[Node] = field(default_factory=list)
    levels: list[Level] = field(default_factory=list)
    states: list[State] = field(default_factory=list)
    parameters: list[Parameter] = field(default_factory=list)
    tables: list[LookupTable] = field(default_factory=list)
    outputs: dict[str, int] = field(default_factory=dict)
    controls: dict[str, int] = field(default_factory=dict)
    moving: dict[str, int] = field(default_factory=dict)
    structural: dict[int, str] = field(default_factory=dict)

    @property
    def defaults(self) -> npt.NDArray[np.float64]:
        """Values of the parameters as the files give them, shape (parameter,)."""
        return np.array([p.value for p in self.parameters], dtype=np.float64)

    def parameter_index(self) -> dict[str, int]:
        """Element name -> position, of the constants."""
        return {p.name: i for i, p in enumerate(self.parameters) if p.role == "constant"}

    def initial_index(self) -> dict[str, int]:
        """Element name of a stock -> position of its overriding initial value."""
        return {p.name: i for i, p in enumerate(self.parameters) if p.role == "initial"}

    def needed(self, roots: Iterable[int]) -> list[int]:
        """Statements that `roots` stand on, themselves included, in evaluation order."""
        wanted = [False] * len(self.nodes)
        for root in roots:
            wanted[root] = True
        for index in range(len(self.nodes) - 1, -1, -1):
            if wanted[index]:
                for argument in self.nodes[index].args:
                    wanted[argument] = True
        return [index for index, want in enumerate(wanted) if want]

    def digest(self) -> str:
        """A hash of everything that decides the numbers, the constants' values included."""
        hasher = hashlib.sha256()
        for node in self.nodes:
            hasher.update(repr((node.op, node.args, node.data)).encode())
        for state in self.states:
            hasher.update(repr(state).encode())
        for parameter in self.parameters:
            hasher.update(repr((parameter.name, parameter.value, parameter.role)).encode())
        for table in self.tables:
            hasher.update(table.x.tobytes() + table.y.tobytes())
        for named in (self.outputs, self.controls, self.moving, self.structural):
            hasher.update(repr(sorted(named.items())).encode())
        return hasher.hexdigest()


def evaluate(program: Program, root: int, controls: Mapping[str, float]) -> float | None:
    """The number that a statement comes to with the parameters as they are.

    None where it stands on time, a state or a lookup.
    """
    found: dict[int, float] = {}
    for index in program.needed([root]):
        node = program.nodes[index]
        if node.op == "const":
            found[index] = node.data  # type: ignore[assignment]
        elif node.op == "param":
            found[index] = program.parameters[node.data].value  # type: ignore[index]
        elif node.op == "control":
            found[index] = controls[node.data]  # type: ignore[index]
        elif node.op in scalar.OPERATIONS:
            found[index] = float(scalar.OPERATIONS[node.op](*(found[a] for a in node.args)))
        else:
            return None
    return found[root]


class Builder:
    """Appends statements to a program, each once."""

    def __init__(self) -> None:
        self.program = Program()
        self._known: dict[tuple[str, tuple[int, ...], Data], int] = {}

    @classmethod
    def onto(cls, program: Program) -> Builder:
        """A builder that appends to a copy of `program`, whose statements keep their places."""
        builder = cls()
        copy = builder.program
        copy.nodes += program.nodes
        copy.levels += program.levels
        copy.states += [replace(state) for state in program.states]
        copy.parameters += program.parameters
        copy.tables += program.tables
        copy.outputs |= program.outputs
        copy.controls |= program.controls
        copy.moving |= program.moving
        copy.structural |= program.structural
        for index, node in enumerate(copy.nodes):
            data = repr(node.data) if isinstance(node.data, float) else node.data
            builder._known[node.op, node.args, data] = index
        return builder

    def add(self, op: str, *args: int, data: Data = None) -> int:
        """The statement `op(args)`; constant arguments are worked out at once."""
        key = (op, args, repr(data) if isinstance(data, float) else data)
        found = self._known.get(key)
        if found is not None:
            return found
        folded = self._fold(op, args)
        if folded is not None:
            index = self.const(folded)
        elif op == "pow" and (exponent := self.constant_value(args[1])) in _POWERS:
            index = self._small_power(args[0], exponent)
        else:
            index = self._append(Node(op, args, data))
        self._known[key] = index
        return index

    def const(self, value: float) -> int:
        key = ("const", (), repr(float(value)))
        if key not in self._known:
            self._known[key] = self._append(Node("const", (), float(value)))
        return self._known[key]

    def _append(self, node: Node) -> int:
        program = self.program
        program.nodes.append(node)
        below = max((program.levels[a] for a in node.args), default=Level.CONSTANT)
        program.levels.append(max(_LEAF_LEVELS.get(node.op, Level.CONSTANT), below))
        return len(program.nodes) - 1

    def _fold(self, op: str, args: tuple[int, ...]) -> float | None:
        if not args or op not in scalar.OPERATIONS:
            return None
        nodes = [self.program.nodes[a] for a in args]
        if any(node.op != "const" for node in nodes):
            return None
        return float(scalar.OPERATIONS[op](*(node.data for node in nodes)))

    def _small_power(self, base: int, exponent: float | None) -> int:
        """Powers that multiplication does exactly as well and much faster."""
        if exponent == 1:
            return base
        if exponent == 0.5:
            return self.add("sqrt", base)
        square = self.add("mul", base, base)
        return square if exponent == 2 else self.add("mul", square, base)

    def level(self, index: int) -> Level:
        return self.program.levels[index]

    def constant_value(self, index: int) -> float | None:
        """The number a statement stands for, if it is one."""
        node = self.program.nodes[index]
        return float(node.data) if node.op == "const" else None  # type: ignore[arg-type]
