"""The order of statements, and of the lines that they become.

Statements come depth first, so that few values wait to be used: what waits takes a register, or a
place in memory where all registers are taken.  A processor looks only a hundred lines ahead, and
most lines wait for the one before; so the lines of a function are then put into the order in which
an ideal processor would begin them, each as soon as what it needs is there, the earliest first.
Neither decides a number.
"""

from __future__ import annotations

import heapq
import re
from collections.abc import Collection, Iterable, Iterator, Sequence

from bullbear.equations.program import Program

_NAME = re.compile(r"%r\d+\b")
_BODY = re.compile(r"(?m)^(define [^\n]*\{\n(?:entry:\n)?)(.*?)(^\s*ret [^\n]*\n\}$)", re.S)
_BRANCH = re.compile(r"(?m)^\s*br |^[\w.]+:$")
_FREE = frozenset(
    {"getelementptr", "load", "bitcast", "insertelement", "shufflevector", "extractelement"}
)
"""Instructions that are part of the one that reads them, or better stand right before it."""
# Cycles until a result can be used, which unit works it out, and for how many cycles, of vectors of
# eight doubles on Zen 4: measured with loops of one instruction
_COSTS = {
    "fma": (4, "multiply", 1), "fmul": (3, "multiply", 1), "fixupimm": (2, "multiply", 1),
    "scalef": (4, "multiply", 2), "fdiv": (13, "divide", 9), "sqrt": (21, "divide", 16),
    "fadd": (3, "add", 1), "fsub": (3, "add", 1), "fcmp": (2, "add", 1), "getmant": (3, "add", 1),
    "getexp": (3, "add", 1), "vpermi2var": (5, "add", 1), "fabs": (1, "add", 1),
    "select": (0, "whole", 0), "store": (0, "whole", 0),
}  # fmt: skip
_OTHER = (1, "whole", 0.5)
_WINDOW = 1000
"""How many lines a line may come too early: more would fill the memory with what waits."""
_CALLED = (10, "add", 1)
_CALL = re.compile(r"@llvm\.(?:x86\.avx512\.)?(?:mask\.)?(\w+)")


def depth_first(program: Program, inside: Sequence[int], roots: Iterable[int]) -> list[int]:
    """Statements such that what one of them needs comes right before it, the larger part first."""
    nodes, members = program.nodes, set(inside)
    size: dict[int, float] = {}
    for i in inside:
        size[i] = 1.0 + sum(size[a] for a in nodes[i].args if a in members)
    placed: dict[int, None] = {}
    for root in roots:
        waiting = [(root, False)] if root in members else []
        while waiting:
            i, complete = waiting.pop()
            if complete:
                placed.setdefault(i)
            elif i not in placed:
                waiting.append((i, True))
                needs = {a for a in nodes[i].args if a in members and a not in placed}
                waiting += [(a, False) for a in sorted(needs, key=lambda a: (size[a], a))]
    return list(placed)


def scheduled(text: str) -> str:
    """A module in which the lines of every function without branches stand in the best order."""

    def reordered(match: re.Match[str]) -> str:
        head, body, end = match.groups()
        if _BRANCH.search(body):
            return match[0]
        return head + "\n".join(_in_order(body.splitlines())) + "\n" + end

    return _BODY.sub(reordered, text)


def _in_order(lines: Sequence[str]) -> Iterator[str]:
    needs = _needs(lines)
    costs = [_cost(line) for line in lines]
    real = _real_needs(needs, [cost is None for cost in costs])
    done = [False] * len(lines)

    def emit(i: int) -> Iterator[str]:
        """A line, and before it what is part of it."""
        if not done[i]:
            done[i] = True
            for j in needs[i]:
                yield from emit(j)
            yield lines[i]

    for i in _begun([[] if c is None else r for r, c in zip(real, costs, strict=True)], costs):
        yield from emit(i)
    for i in range(len(lines)):
        yield from emit(i)


def _needs(lines: Sequence[str]) -> list[list[int]]:
    """The lines whose results every line reads."""
    where: dict[str, int] = {}
    found = []
    for i, line in enumerate(lines):
        names = _NAME.findall(line)
        own = line.lstrip().startswith("%r")
        found.append([where[n] for n in dict.fromkeys(names[own:]) if n in where])
        if own:
            where[names[0]] = i
    return found


def _real_needs(needs: Sequence[Collection[int]], free: Sequence[bool]) -> list[list[int]]:
    """What lines wait for, with those that take no time left out."""
    found: list[list[int]] = []
    for given in needs:
        through = [j for i in given for j in (found[i] if free[i] else (i,))]
        found.append(list(dict.fromkeys(through)))
    return found


def _cost(line: str) -> tuple[float, str, float] | None:
    """What a line costs; None for what is free."""
    if "call " in line:
        name = _CALL.search(line)
        return _COSTS.get(name[1], _CALLED) if name else _CALLED
    words = line.split()
    op = words[2] if len(words) > 2 and words[1] == "=" else words[0]
    return None if op in _FREE else _COSTS.get(op, _OTHER)


def _begun(
    needs: Sequence[Sequence[int]], costs: Sequence[tuple[float, str, float] | None]
) -> Iterator[int]:
    """Lines that cost something in the order in which they can begin."""
    users: list[list[int]] = [[] for _ in needs]
    for i, given in enumerate(needs):
        for j in given:
            users[j].append(i)
    missing = [len(given) for given in needs]
    soonest = [0.0] * len(needs)
    free_at = dict.fromkeys(("multiply", "divide", "add", "whole"), 0.0)
    late = [i for i, cost in enumerate(costs) if cost is not None and not missing[i]]
    begun = [cost is None for cost in costs]
    coming: list[tuple[float, int]] = []
    ready: list[int] = []
    now, first = 0.0, 0
    while late or coming or ready:
        while first < len(begun) and begun[first]:
            first += 1
        while late and late[0] < first + _WINDOW:
            i = heapq.heappop(late)
            heapq.heappush(coming, (soonest[i], i))
        while coming and coming[0][0] <= now:
            heapq.heappush(ready, heapq.heappop(coming)[1])
        chosen = _first_that_fits(ready, costs, free_at, now)
        if chosen is None:
            now += 0.5
            continue
        latency, unit, length = costs[chosen] or _OTHER
        free_at[unit] = max(free_at[unit], now) + length
        if unit == "divide":
            free_at["multiply"] += 1
        begun[chosen] = True
        yield chosen
        for user in users[chosen]:
            missing[user] -= 1
            soonest[user] = max(soonest[user], now + latency)
            if not missing[user]:
                heapq.heappush(late, user)


def _first_that_fits(
    ready: list[int],
    costs: Sequence[tuple[float, str, float] | None],
    free_at: dict[str, float],
    now: float,
) -> int | None:
    """The first of some lines whose unit is free; it is taken from the heap."""
    passed: list[int] = []
    found = None
    while ready and len(passed) < 8:
        i = heapq.heappop(ready)
        if free_at[(costs[i] or _OTHER)[1]] <= now:
            found = i
            break
        passed.append(i)
    for i in passed:
        heapq.heappush(ready, i)
    return found
