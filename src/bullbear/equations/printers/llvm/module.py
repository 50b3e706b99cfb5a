"""A program as one module of LLVM: what is worked out once per draw, per time, per step.

All draws of a group, one per lane, go through the whole run together.  Their numbers stand in a
workspace of vectors: `d` what depends on constants alone, `s` states, `r` what becomes of them and
watched statements, `o` outputs.  What all draws have in common takes less room, which matters: a
step goes through everything, and it should fit into the nearest cache.  So `c` has one number for
each slot of `d`, and what depends on time stands in a table with a row of numbers for every time.
What depends on time and differs between draws is worked out in every step, where it costs least.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from bullbear.equations.printers.llvm import mathematics, randoms
from bullbear.equations.printers.llvm.ir import Body, Shape, Vector
from bullbear.equations.printers.llvm.lookups import global_arrays
from bullbear.equations.printers.llvm.statements import KNOWN, Leaf, Place, Statements
from bullbear.equations.program import CONTROLS, Level, Node, Program

ATTRIBUTES = (
    'attributes #0 = { nounwind alignstack=64 "stackrealign" "min-legal-vector-width"="512" '
    '"prefer-vector-width"="512" }\n'
)


SIGNATURES = {
    "prepare": "ptr %p, ptr %c, i64 %seed, ptr %d, ptr %s",
    "times": "ptr %d, ptr %row, double %t, double %h",
    "step": "ptr noalias %d, ptr noalias %c, ptr noalias %row, ptr noalias %s, ptr noalias %r, "
    "ptr noalias %o, double %t, double %h, double %dt, i64 %k",
}


def unknown_operations(program: Program) -> list[str]:
    """Operations of a program that cannot be written as vector code."""
    return sorted({node.op for node in program.nodes} - KNOWN)


@dataclass(frozen=True)
class Layout:
    """Which statements stand in which slots of the workspace."""

    program: Program
    watched: tuple[int, ...]
    stocks: tuple[int, ...] = ()
    outputs: tuple[int, ...] = field(init=False)
    _times: dict[frozenset[int], dict[int, int]] = field(default_factory=dict, init=False)
    _moved: dict[frozenset[int], frozenset[int]] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "outputs", tuple(self.program.outputs.values()))

    @cached_property
    def rates(self) -> list[int]:
        """Statements that every step works out: rates, then what is watched."""
        return [*(state.rate for state in self.program.states), *self.watched]

    @cached_property
    def flowing(self) -> frozenset[int]:
        """Positions of the states that flows move."""
        return frozenset(i for i, s in enumerate(self.program.states) if s.kind == "stock")

    @cached_property
    def start(self) -> list[int]:
        return [state.initial for state in self.program.states]

    @cached_property
    def delays(self) -> list[int]:
        return [state.delay for state in self.program.states if state.kind == "fixed"]

    @cached_property
    def draws(self) -> dict[int, int]:
        """Statements of a draw that others read while it runs -> slot in `d`."""
        levels = self.program.levels
        known = [level <= Level.DRAW for level in levels]
        found = self._frontier(known, [*self.rates, *self.outputs, *self.delays])
        return _numbered(found)

    def times(self, moved: frozenset[int]) -> dict[int, int]:
        """Statements of time that the step reads, the same for all draws -> place in a row.

        `moved` are those that differ between draws.
        """
        if moved not in self._times:
            self._times[moved] = self._times_without(moved)
        return self._times[moved]

    def _times_without(self, moved: frozenset[int]) -> dict[int, int]:
        levels = self.program.levels
        known = [level <= Level.TIME and i not in moved for i, level in enumerate(levels)]
        found = self._frontier(known, self.rates)
        return _numbered([i for i in found if levels[i] == Level.TIME])

    @cached_property
    def exponents(self) -> dict[int, int]:
        """Exponents of a draw, of powers that change while it runs -> first of 3 slots in `d`."""
        nodes, levels = self.program.nodes, self.program.levels
        found = {
            node.args[1]
            for node, level in zip(nodes, levels, strict=True)
            if node.op == "pow" and level > Level.DRAW and node.args[1] in self.draws
        }
        return {y: len(self.draws) + 3 * place for place, y in enumerate(sorted(found))}

    @cached_property
    def streams(self) -> dict[int, int]:
        """Random streams that steps read -> slot in `d`."""
        nodes = self.program.nodes
        found = sorted({int(n.data) for n in nodes if n.op == "random"})  # type: ignore[arg-type]
        first = len(self.draws) + 3 * len(self.exponents)
        return {stream: first + place for place, stream in enumerate(found)}

    @property
    def drawn(self) -> int:
        """How many slots `d` has."""
        return len(self.draws) + 3 * len(self.exponents) + len(self.streams)

    def _frontier(self, known: Sequence[bool], roots: Sequence[int]) -> list[int]:
        """Statements among the known that others, or nobody but the roots, read."""
        nodes = self.program.nodes
        found = {root for root in roots if known[root]}
        for index in self.program.needed(roots):
            if not known[index]:
                found.update(a for a in nodes[index].args if known[a])
        return sorted(i for i in found if nodes[i].op not in _IMMEDIATE)

    def moved_by(self, places: Iterable[int]) -> frozenset[int]:
        """Statements of a draw or of time that depend on any of the parameters at `places`."""
        wanted = frozenset(places)
        if wanted not in self._moved:
            self._moved[wanted] = self._moved_by(wanted)
        return self._moved[wanted]

    def _moved_by(self, wanted: frozenset[int]) -> frozenset[int]:
        nodes = self.program.nodes
        moved = [False] * len(nodes)
        for index, node in enumerate(nodes):
            moved[index] = (node.op == "param" and node.data in wanted) or any(
                moved[a] for a in node.args
            )
        levels = self.program.levels
        inside = self.program.needed([*self.rates, *self.outputs])
        return frozenset(i for i in inside if moved[i] and levels[i] <= Level.TIME)


_IMMEDIATE = frozenset({"const", "time", "held"})


def _numbered(statements: Sequence[int]) -> dict[int, int]:
    return {statement: slot for slot, statement in enumerate(statements)}


class Module:
    """Writes the functions over one group of draws."""

    def __init__(self, layout: Layout, shape: Shape) -> None:
        self.layout, self.shape, self.program = layout, shape, layout.program
        self.called: set[str] = set()
        self.texts: list[str] = []

    def prepare(self) -> None:
        """`prepare(p, c, seed, d, s)`: constants of the group in, `d` and first states out.

        Behind the parameters `p` has the numbers of the draws.
        """
        body = Body(self.shape)
        numbers = body.load("%p", len(self.program.parameters))

        def start_of(stream: int) -> Vector:
            return randoms.started(body, stream, "%seed", numbers)

        def leaf(node: Node) -> Vector:
            if node.op == "param":
                return body.load("%p", int(node.data))  # type: ignore[arg-type]
            if node.op == "control":
                return self._control(body, node)
            if node.op == "random_start":
                return randoms.uniform(start_of(int(node.data)), "0")  # type: ignore[arg-type]
            return self._constant(body, node)

        statements = Statements(self.program, body, leaf, {})
        statements.write([*self.layout.draws, *self.layout.start])
        for statement, slot in self.layout.draws.items():
            body.store(statements.value(statement), "%d", slot)
        for statement, slot in self.layout.exponents.items():
            parts = mathematics.Exponent.of(statements.value(statement)).parts()
            for place, part in enumerate(parts):
                body.store(part, "%d", slot + place)
        for stream, slot in self.layout.streams.items():
            body.store(start_of(stream), "%d", slot)
        for slot, statement in enumerate(self.layout.start):
            body.store(statements.value(statement), "%s", slot)
        self._add("prepare", SIGNATURES["prepare"], body, statements)

    def times(self, name: str, moved: frozenset[int]) -> None:
        """`times(d, row, t, h)`: a row of the table, from the draw in the first lane."""
        body = Body(self.shape)
        statements = self._statements(body, self._drawn(), self._exponents())
        wanted = self.layout.times(moved)
        statements.write(wanted)
        for statement, slot in wanted.items():
            body.store_first(statements.value(statement), "%row", slot)
        self._add(name, SIGNATURES["times"], body, statements)

    def step(
        self, name: str, method: str, moved: frozenset[int], outputs: Sequence[int] = ()
    ) -> None:
        """`step(d, c, row, s, r, o, t, h, dt, k)`: the next states by Euler, or else rates.

        Behind them in `r` stand watched statements; in `o` outputs in this order.
        """
        body = Body(self.shape)
        statements = self._statements(body, self._common(moved), self._exponents(moved))
        places: dict[int, list[tuple[str, int]]] = {}
        for base, roots in (("%r", self.layout.rates), ("%o", outputs)):
            for slot, root in enumerate(roots):
                places.setdefault(root, []).append((base, slot))

        def put(index: int) -> None:
            """Results into their slots at once, so that no register has to keep them."""
            for base, slot in places.pop(index, ()):
                value = statements.value(index)
                if base == "%r" and method == "euler" and slot in self.layout.flowing:
                    value = body.load("%s", slot) + body.splat("%dt") * value
                body.store(value, base, slot)

        statements.write(list(places), put)
        for root in list(places):  # those that stand somewhere already
            put(root)
        self._add(name, SIGNATURES["step"], body, statements)

    def text(self) -> str:
        """Everything written so far as a module."""
        tables = dict(enumerate(self.program.tables))
        return "\n".join([
            global_arrays(tables), mathematics.definitions(self.shape, sorted(self.called)),
            *self.texts, mathematics.declarations(self.shape), ATTRIBUTES,
        ])  # fmt: skip

    # -- parts ----------------------------------------------------------------------------------

    def _add(self, name: str, arguments: str, body: Body, statements: Statements) -> None:
        self.called |= statements.called
        lines = "\n".join([*body.lines, "  ret void"])
        self.texts.append(f"define void @{name}({arguments}) #0 {{\n{lines}\n}}\n")

    def _statements(
        self, body: Body, stored: dict[int, Place], exponents: dict[int, list[Place]]
    ) -> Statements:
        return Statements(self.program, body, self._leaf(body), stored, inline=exponents)

    def _common(self, moved: frozenset[int]) -> dict[int, Place]:
        """Where what a draw or a time has stands; what all draws have in common as numbers."""
        rows = {i: Place("%row", slot, same=True) for i, slot in self.layout.times(moved).items()}
        return rows | {
            i: Place("%d", slot) if i in moved else Place("%c", slot, same=True)
            for i, slot in self.layout.draws.items()
        }

    def _exponents(self, moved: frozenset[int] | None = None) -> dict[int, list[Place]]:
        return {
            y: [
                Place("%d", slot + part) if moved is None or y in moved
                else Place("%c", slot + part, same=True)
                for part in range(3)
            ]
            for y, slot in self.layout.exponents.items()
        }  # fmt: skip

    def _drawn(self) -> dict[int, Place]:
        return {statement: Place("%d", slot) for statement, slot in self.layout.draws.items()}

    def _leaf(self, body: Body) -> Leaf:
        def leaf(node: Node) -> Vector:
            if node.op in ("time", "held"):
                return body.splat("%t" if node.op == "time" else "%h")
            if node.op == "state":
                return body.load("%s", int(node.data))  # type: ignore[arg-type]
            if node.op == "random":
                slot = self.layout.streams[int(node.data)]  # type: ignore[arg-type]
                return randoms.uniform(body.load("%d", slot), "%k")
            return self._constant(body, node)

        return leaf

    @staticmethod
    def _constant(body: Body, node: Node) -> Vector:
        return body.constant(float(node.data))  # type: ignore[arg-type]

    @staticmethod
    def _control(body: Body, node: Node) -> Vector:
        index = CONTROLS.index(str(node.data))
        place = body.set(f"getelementptr double, ptr %c, i64 {index}")
        return body.splat(body.set(f"load double, ptr {place}"))
