"""Lookups whose points are out of order, or which are read far outside their points."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import cast

from bullbear.equations.check.survey import Survey, sample
from bullbear.equations.document import Equation
from bullbear.equations.expressions import Table, walk
from bullbear.equations.program import Program
from bullbear.equations.system import System
from bullbear.equations.tokens import tokenize
from bullbear.errors import ERROR, WARNING, Finding

_FAR = 0.25
"""How far outside its points a lookup may be read, as a share of their range."""

# The sides on which holding the last value is what the function is for.
_HELD = {"backward": "right", "forward": "left", "raw": "both", "extrapolate": "both"}


def out_of_order(system: System, severity: str = ERROR) -> Iterator[Finding]:
    """Points whose x fall; they are sorted before they are read."""
    for variable in system.variables.values():
        for equation in variable.equations:
            if equation.expression is None:
                continue
            for node in walk(equation.expression):
                if isinstance(node, Table):
                    yield from _falling(equation, node, severity)


def _falling(equation: Equation, table: Table, severity: str) -> Iterator[Finding]:
    for index, (before, here) in enumerate(zip(table.x, table.x[1:], strict=False), start=1):
        if here < before:
            yield equation.source.finding(
                _x_offset(equation.source.text, table, index), "lookup-order",
                f'the x of "{equation.name}" fall from {before:g} to {here:g}',
                "put the points in ascending order of x", severity,
            )  # fmt: skip
            return


def _x_offset(text: str, table: Table, index: int) -> int:
    """Where the x of a point stands in the file."""
    tokens = tokenize(text, table.span.start, table.span.end)
    closing = [i for i, token in enumerate(tokens) if token.text == "]"]
    rest = tokens[closing[0] + 1 :] if table.limits and closing else tokens
    numbers = [token for token in rest if token.kind == "number"]
    flat = not any(token.text == "(" for token in rest[1:])
    at = index if flat else 2 * index
    return numbers[at].span.start if at < len(numbers) else table.span.start


def read_outside(survey: Survey, controls: Mapping[str, float]) -> Iterator[Finding]:
    """Lookups that time alone drives far beyond their points, in branches that are taken."""
    program = survey.program
    arguments = [program.nodes[index].args[0] for index in survey.lookups]
    conditions = [node.args[0] for node in program.nodes if node.op == "select"]
    sampled = sample(program, arguments + conditions, controls)
    worst: dict[int, tuple[float, float]] = {}
    for time, values in zip(sampled.times, sampled.values, strict=True):
        for index in _reached(program, values):
            if index in survey.lookups and program.nodes[index].args[0] in values:
                x = values[program.nodes[index].args[0]]
                beyond = _beyond(program, index, x)
                if beyond > max(_FAR, worst.get(index, (0.0, 0.0))[0]):
                    worst[index] = (beyond, time)
    for index, (_, time) in sorted(worst.items()):
        yield _outside(survey, index, time, sampled.values[sampled.times.index(time)])


def _outside(survey: Survey, index: int, time: float, values: Mapping[int, float]) -> Finding:
    node = survey.program.nodes[index]
    table = survey.program.tables[cast(tuple[int, str], node.data)[0]]
    found = survey.lookups[index]
    return found.place.finding(
        "lookup-range",
        f'"{found.name}" is read at {values[node.args[0]]:g} (Time {time:g}), its points go from '
        f"{table.x[0]:g} to {table.x[-1]:g}",
        "add points, limit its argument, or read it by LOOKUP EXTRAPOLATE or LOOKUP BACKWARD",
        WARNING,
    )


def _beyond(program: Program, index: int, x: float) -> float:
    """How far x is outside the points, over their range; 0 on a side that is meant to be held."""
    number, kind = cast(tuple[int, str], program.nodes[index].data)
    table = program.tables[number]
    held = _HELD.get(kind, "")
    span = float(table.x[-1] - table.x[0]) or 1.0
    if x > table.x[-1] and held not in ("right", "both"):
        return float(x - table.x[-1]) / span
    if x < table.x[0] and held not in ("left", "both"):
        return float(table.x[0] - x) / span
    return 0.0


def _reached(program: Program, values: Mapping[int, float]) -> set[int]:
    """Statements that the results need, with choices that time decides made."""
    stack = list(program.outputs.values())
    for state in program.states:
        stack += [index for index in (state.rate, state.delay) if index >= 0]
    seen: set[int] = set()
    while stack:
        index = stack.pop()
        if index in seen:
            continue
        seen.add(index)
        node = program.nodes[index]
        if node.op == "select" and node.args[0] in values:
            stack += [node.args[0], node.args[1] if values[node.args[0]] else node.args[2]]
        else:
            stack += node.args
    return seen
