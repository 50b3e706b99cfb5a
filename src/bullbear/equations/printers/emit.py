"""What the Python and the NumPy printer share: statements as assignments of a generated module.

The generated code has two parts: `prepare(p, c)` works out what depends on constants only, once
per run, and holds the functions of time and state that run at every step.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bullbear.equations.program import LOGICAL, Level, Node, Program

_DEEPEST = 25  # nesting at which an expression is cut, well below what Python's parser bears


@dataclass(frozen=True)
class Dialect:
    """How operations are written: templates over `{0}`, `{1}`, `{2}`.

    `twice` are operations whose template names an argument more than once; their arguments must
    be names.  `logical` writes the truth of a statement as a number.  `one_less_exp`, if any, is
    for 1 - exp(x), which shows every unit in the last place of an exponential near 1.
    """

    templates: Mapping[str, str]
    twice: frozenset[str]
    logical: str
    one_less_exp: str = ""


def source(program: Program, dialect: Dialect, groups: Mapping[str, Sequence[int]]) -> str:
    """A module with `prepare(p, c) -> (start, {group: function(t, h, s)})`.

    Each function returns the values of its group's statements as a tuple; `start` holds the
    initial values of the states and the delays of the ring buffers.
    """
    return _Emitter(program, dialect, groups).module()


class _Emitter:
    def __init__(
        self, program: Program, dialect: Dialect, groups: Mapping[str, Sequence[int]]
    ) -> None:
        self.program, self.dialect, self.groups = program, dialect, groups
        self.start = [s.initial for s in program.states] + [
            s.delay for s in program.states if s.kind == "fixed"
        ]
        roots = [*self.start, *(root for group in groups.values() for root in group)]
        self.needed = program.needed(roots)
        self.hoisted = {i for i in self.needed if program.levels[i] <= Level.DRAW}

    def module(self) -> str:
        lines = ["def prepare(p, c):"]
        if any(self.program.nodes[i].op.startswith("random") for i in self.needed):
            lines.append("    uniform = random_source(c)")
        lines += self.hoisted_lines()
        for name, roots in self.groups.items():
            lines += self.function(name, roots)
        start = ", ".join(self.name(i) for i in self.start)
        table = ", ".join(f"{name!r}: {name}" for name in self.groups)
        lines.append(f"    return ({start}{',' if self.start else ''}), {{{table}}}")
        return "\n".join(lines) + "\n"

    def hoisted_lines(self) -> list[str]:
        """Everything that is worked out once per run."""
        return [
            f"    {self.name(index)} = {self.text(index, {})}"
            for index in self.needed
            if index in self.hoisted and self.program.nodes[index].op != "const"
        ]

    def function(self, name: str, roots: Sequence[int]) -> list[str]:
        inside = [i for i in self.program.needed(roots) if i not in self.hoisted]
        lines = [f"    def {name}(t, h, s):"]
        used = [i for i in inside if self.program.nodes[i].op == "state"]
        if used:
            names = {self.program.nodes[i].data: self.name(i) for i in used}
            unpacked = [names.get(k, "_") for k in range(len(self.program.states))]
            lines.append(f"        ({', '.join(unpacked)},) = s")
        inlined = self.inlined(inside, set(roots))
        texts: dict[int, str] = {}
        for index in inside:
            if self.program.nodes[index].op in ("state", "time", "held"):
                continue
            text = self.text(index, texts)
            if index in inlined:
                texts[index] = f"({text})"
            else:
                lines.append(f"        {self.name(index)} = {text}")
        values = ", ".join(self.name(root) for root in roots)
        lines.append(f"        return ({values}{',' if roots else ''})")
        return lines

    def inlined(self, inside: Sequence[int], roots: set[int]) -> set[int]:
        """Statements used once, which are written where they are used."""
        uses: Counter[int] = Counter()
        pinned: set[int] = set(roots)
        for index in inside:
            node = self.program.nodes[index]
            uses.update(node.args)
            if node.op in self.dialect.twice:
                pinned.update(node.args)
        depth: dict[int, int] = {}
        chosen: set[int] = set()
        for index in inside:
            node = self.program.nodes[index]
            depth[index] = 1 + max((depth[a] for a in node.args if a in chosen), default=0)
            if uses[index] == 1 and index not in pinned and depth[index] < _DEEPEST:
                chosen.add(index)
        return chosen

    # -- names and texts ------------------------------------------------------------------------

    def name(self, index: int) -> str:
        node = self.program.nodes[index]
        if node.op == "const":
            return literal(float(node.data))  # type: ignore[arg-type]
        if node.op == "time":
            return "t"
        if node.op == "held":
            return "h"
        return f"v{index}"

    def text(self, index: int, texts: Mapping[int, str]) -> str:
        node = self.program.nodes[index]
        if node.op == "param":
            return f"p[{node.data}]"
        if node.op == "control":
            return f"c[{node.data!r}]"
        if node.op == "random":
            return f"uniform(h, {node.data})"
        if node.op == "random_start":
            return f"uniform(c['initial_time'], {node.data})"
        if node.op == "lookup":
            return self.lookup(node, texts)
        if self.dialect.one_less_exp and self.is_one_less_exp(node):
            exp = self.program.nodes[node.args[1]]
            return self.dialect.one_less_exp.format(self.argument(exp, exp.args[0], texts))
        arguments = [self.argument(node, a, texts) for a in node.args]
        return self.dialect.templates[node.op].format(*arguments)

    def is_one_less_exp(self, node: Node) -> bool:
        nodes = self.program.nodes
        return (
            node.op == "sub"
            and nodes[node.args[0]] == Node("const", (), 1.0)
            and nodes[node.args[1]].op == "exp"
        )

    def argument(self, user: Node, index: int, texts: Mapping[int, str]) -> str:
        text = texts.get(index) or self.name(index)
        truth = self.program.nodes[index].op in LOGICAL
        wants_truth = user.op in ("and", "or", "not") or (
            user.op == "select" and index == user.args[0]
        )
        return self.dialect.logical.format(text) if truth and not wants_truth else text

    def lookup(self, node: Node, texts: Mapping[int, str]) -> str:
        assert isinstance(node.data, tuple)
        table, kind = node.data
        return f"lookup_{kind}_{table}({self.argument(node, node.args[0], texts)})"


def literal(value: float) -> str:
    """A float as Python source that gives the same float back."""
    if value != value:
        return "nan"
    if value in (float("inf"), float("-inf")):
        return "inf" if value > 0 else "(-inf)"
    return repr(value) if value >= 0 and str(value)[0] != "-" else f"({value!r})"
