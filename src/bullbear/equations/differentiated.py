"""Programs made from a program by differentiation: Jacobians, and sensitivities as further states.

A program stays a program: every printer prints these and every integrator runs them unchanged.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from bullbear.equations.derivatives import Rules, tangents
from bullbear.equations.names import canonical
from bullbear.equations.program import Builder, Parameter, Program, State
from bullbear.equations.system import CONTROL_NAMES


@dataclass(frozen=True)
class Direction:
    """What a derivative is taken by.

    Attributes
    ----------
    name : the constant, or the stock whose initial value it is
    statement : the constant's leaf, or the statement of the stock's initial value
    logarithmic : whether by the natural logarithm of the value
    """

    name: str
    statement: int
    logarithmic: bool = False

    @property
    def label(self) -> str:
        return f"ln {self.name}" if self.logarithmic else self.name


@dataclass(frozen=True)
class Jacobian:
    """Derivatives of statements, those known to be 0 left out.

    `entries` maps (row, column) to a statement of `program`, whose first statements are those of
    the program it was made from.
    """

    program: Program
    entries: Mapping[tuple[int, int], int]


def directions(program: Program, logarithmic: bool = False) -> dict[str, Direction]:
    """Every constant and every initial value of a stock of the equations, by element name.

    A constant that no equation reads has a leaf all the same, and derivatives 0.  The bounds and
    the step of time are no constants.
    """
    leaves = {node.data: i for i, node in enumerate(program.nodes) if node.op == "param"}
    found = {
        parameter.name: Direction(parameter.name, leaves[index], logarithmic)
        for index, parameter in enumerate(program.parameters)
        if parameter.role == "constant" and canonical(parameter.name) not in CONTROL_NAMES
    }
    for state in program.states:
        if state.kind == "stock" and not state.hidden:
            found[state.name] = Direction(state.name, state.initial, logarithmic)
    return found


def jacobian(program: Program, rows: Sequence[int], seeds: Sequence[int]) -> Jacobian:
    """Derivatives of the statements `rows` by the states, in order, and then by `seeds`."""
    builder = Builder.onto(program)
    rules = Rules(builder)
    one = builder.const(1.0)
    states = [builder.add("state", data=index) for index in range(len(program.states))]
    entries: dict[tuple[int, int], int] = {}
    for column, seed in enumerate([*states, *seeds]):
        found = tangents(builder, {seed: one}, rows, rules)
        for row, root in enumerate(rows):
            if root in found:
                entries[row, column] = found[root]
    return Jacobian(builder.program, entries)


def sensitivity_program(
    program: Program, wanted: Sequence[Direction], outputs: Sequence[str]
) -> Program:
    """The program with derivatives by `wanted` as further states and outputs.

    For every direction, each state that it can reach has a twin `d(state)/d(direction)` of the
    same kind: a stock whose rate is the derivative of the rate, a sample, or a ring buffer as long
    as the state's own.  Euler and RK4 of this program give the exact derivatives of Euler and RK4
    of the first.  The outputs `d(output)/d(direction)` follow the program's own.
    """
    builder = Builder.onto(program)
    rules = Rules(builder)
    for direction in wanted:
        _add_direction(builder, rules, program, direction, outputs)
    return builder.program


def seeded_program(
    program: Program, wanted: Sequence[Direction], outputs: Sequence[str], count: int
) -> Program:
    """The program with derivatives in `count` directions that are chosen with each run.

    Behind the program's own parameters stand `count` times as many as there are `wanted`: the
    parts of the first direction, then those of the second, and so on, all 0 until somebody gives
    them.  The outputs are `outputs` alone, then their derivatives in the first direction, and so
    on; they are called `d1(output)`, `d2(output)`, ...  One such program gives derivatives by
    any number of constants, a few with every draw.
    """
    slim = replace(program, outputs={name: program.outputs[name] for name in outputs})
    builder = Builder.onto(slim)
    rules = Rules(builder)
    for number in range(1, count + 1):
        seeds = {}
        for direction in wanted:
            name = f"d{number}({direction.label})"
            builder.program.parameters.append(Parameter(name, 0.0, "seed"))
            seeds[direction.statement] = builder.add(
                "param", data=len(builder.program.parameters) - 1
            )
        every = range(len(program.states))
        _add_twins(builder, rules, program, seeds, every, f"d{number}({{}})", outputs)
    return builder.program


def _add_direction(
    builder: Builder, rules: Rules, program: Program, direction: Direction, outputs: Sequence[str]
) -> None:
    start = direction.statement if direction.logarithmic else builder.const(1.0)
    label = "d({})/d(" + direction.label.replace("{", "{{").replace("}", "}}") + ")"
    reached = _reached(program, direction.statement)
    _add_twins(builder, rules, program, {direction.statement: start}, reached, label, outputs)


def _add_twins(
    builder: Builder,
    rules: Rules,
    program: Program,
    given: Mapping[int, int],
    reached: Iterable[int],
    label: str,
    outputs: Sequence[str],
) -> None:
    """Add the twins of the states `reached` and the derivatives of outputs in one direction.

    `given` maps statements to their tangents; `label` makes names from names.
    """
    made = builder.program
    seeds = dict(given)
    leaves = {}
    for index in reached:
        state = program.states[index]
        twin = builder.add("state", data=len(made.states))
        leaves[index] = twin
        seeds[builder.add("state", data=index)] = twin
        made.states.append(replace(state, name=label.format(state.name), hidden=True))
    rates = [program.states[index].rate for index in leaves]
    initials = [program.states[index].initial for index in leaves]
    roots = [program.outputs[name] for name in outputs]
    found = tangents(builder, seeds, [*rates, *initials, *roots], rules)
    zero = builder.const(0.0)
    for index, twin in leaves.items():
        state = made.states[int(made.nodes[twin].data)]  # type: ignore[arg-type]
        state.rate = found.get(program.states[index].rate, zero)
        state.initial = found.get(program.states[index].initial, zero)
    for name, root in zip(outputs, roots, strict=True):
        made.outputs[label.format(name)] = found.get(root, zero)


def _reached(program: Program, statement: int) -> list[int]:
    """States that can change when a statement does."""
    reached: list[int] = []
    touched = _touched(program, {statement}, set())
    waiting = {*range(len(program.states))}
    while True:
        fresh = [i for i in sorted(waiting) if _moves(program.states[i], touched)]
        if not fresh:
            return sorted(reached)
        reached += fresh
        waiting.difference_update(fresh)
        touched = _touched(program, {statement}, set(reached))


def _moves(state: State, touched: set[int]) -> bool:
    return state.rate in touched or state.initial in touched


def _touched(program: Program, statements: set[int], states: set[int]) -> set[int]:
    """The given statements, the given states' leaves, and everything above them."""
    touched = set(statements)
    for index, node in enumerate(program.nodes):
        if any(a in touched for a in node.args) or (node.op == "state" and node.data in states):
            touched.add(index)
    return touched
