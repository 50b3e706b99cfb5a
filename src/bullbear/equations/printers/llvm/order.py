"""An order of statements in which neighbours seldom wait for each other.

A processor looks a few hundred instructions ahead.  A power alone takes about a hundred that wait
for each other, so costly functions are worked out several at a time, their instructions in turns.
Neither decides a number.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence

from bullbear.equations.program import Program

_LATENCY = {"exp": 70, "ln": 90, "pow": 300, "div": 16, "sqrt": 20, "lookup": 40}
"""Cycles until a result can be used, about; 4 for what is not named."""
_COSTLY = frozenset({"exp", "ln", "pow"})
_TOGETHER = 8
"""Costly statements that are worked out in turns."""


def spread(program: Program, inside: Sequence[int]) -> list[list[int]]:
    """Batches of statements that do not need each other, each after those that it needs.

    Of what is ready, what the longest chain waits for comes first; costly functions wait until
    nothing else is ready, so that several come together.
    """
    nodes, members = program.nodes, set(inside)
    arguments = {i: members & set(nodes[i].args) for i in inside}
    users: dict[int, list[int]] = {i: [] for i in inside}
    for i in inside:
        for argument in arguments[i]:
            users[argument].append(i)
    chain: dict[int, int] = {}
    for i in reversed(inside):
        behind = max((chain[user] for user in users[i]), default=0)
        chain[i] = _LATENCY.get(nodes[i].op, 4) + behind
    missing = {i: len(arguments[i]) for i in inside}
    cheap: list[tuple[int, int]] = []
    costly: list[tuple[int, int]] = []

    def ready(i: int) -> None:
        heapq.heappush(costly if nodes[i].op in _COSTLY else cheap, (-chain[i], i))

    for i in inside:
        if not missing[i]:
            ready(i)
    batches = []
    while cheap or costly:
        heap, most = (cheap, 1) if cheap else (costly, _TOGETHER)
        batch = [heapq.heappop(heap)[1] for _ in range(min(most, len(heap)))]
        batches.append(batch)
        for i in batch:
            for user in users[i]:
                missing[user] -= 1
                if not missing[user]:
                    ready(user)
    return batches


def in_turns(parts: Sequence[Sequence[str]]) -> list[str]:
    """Lines of several parts, each spread evenly over the whole."""
    placed = [
        ((line + 0.5) / len(part), number, text)
        for number, part in enumerate(parts)
        for line, text in enumerate(part)
    ]
    return [text for _, _, text in sorted(placed, key=lambda found: found[:2])]
