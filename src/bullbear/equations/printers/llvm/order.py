"""An order of statements in which neighbours seldom wait for each other.

A processor works on a few hundred instructions at a time; written in the order of the equations,
most of them would wait for the one before.  The order decides no number.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence

from bullbear.equations.program import Program

_LATENCY = {"exp": 70, "ln": 90, "pow": 220, "div": 16, "sqrt": 20, "lookup": 40}
"""Cycles until a result can be used, about; 4 for what is not named."""
_COST = {"exp": 37, "ln": 45, "pow": 135, "div": 9}
"""Cycles in which nothing else of its kind can begin, about; 1 for what is not named."""


def spread(program: Program, inside: Sequence[int]) -> list[int]:
    """List scheduling: of what is ready, what the longest chain waits for comes first."""
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
    ready = [(-chain[i], i) for i in inside if not missing[i]]
    heapq.heapify(ready)
    coming: list[tuple[int, int]] = []  # (when, statement)
    done: dict[int, int] = {}
    now = 0
    while ready or coming:
        while coming and (coming[0][0] <= now or not ready):
            when, i = heapq.heappop(coming)
            now = max(now, when)
            heapq.heappush(ready, (-chain[i], i))
        _, i = heapq.heappop(ready)
        now += _COST.get(nodes[i].op, 1)
        done[i] = now + _LATENCY.get(nodes[i].op, 4)
        for user in users[i]:
            missing[user] -= 1
            if not missing[user]:
                heapq.heappush(coming, (max(done[a] for a in arguments[user]), user))
    return list(done)
