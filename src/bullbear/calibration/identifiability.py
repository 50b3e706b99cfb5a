"""Which constants and initial values could be learnt from perfect data: an exact rank test.

The outputs' Taylor coefficients in time are functions of the unknowns; what the Jacobian of that
map cannot see, no data can tell (local identifiability; Sedoglavic 2002, J. Symbolic Comput. 33,
735-755).  The Jacobian is worked out at a random point in the integers modulo 2^31 - 1, where
there is no rounding: a full rank is certain, a missing one as good as certain.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bullbear.equations.program import Node, Program
from bullbear.errors import ModelError

PRIME = 2**31 - 1
Integers = npt.NDArray[np.int64]
_RATIONAL = frozenset({"const", "param", "control", "state", "add", "sub", "mul", "div", "neg"})


@dataclass(frozen=True)
class Identifiability:
    """The verdict of the rank test.

    Attributes
    ----------
    rank : rank of the Jacobian of the outputs' Taylor coefficients
    unknowns : names of the constants, then of the initial values, marked `(initial)`
    identifiable : unknown -> whether perfect data of the outputs decide it locally
    """

    rank: int
    unknowns: tuple[str, ...]
    identifiable: dict[str, bool]

    def __str__(self) -> str:
        lost = [name for name, known in self.identifiable.items() if not known]
        verdict = "all can be told" if not lost else "cannot be told: " + ", ".join(lost)
        return f"rank {self.rank} of {len(self.unknowns)}; {verdict}"


def structural(
    program: Program,
    outputs: Sequence[str],
    constants: Sequence[str],
    initials: Sequence[str],
    seed: int = 0,
) -> Identifiability:
    """Rank test of a model whose equations are rational functions.

    Parameters
    ----------
    outputs : variables that are observed
    constants, initials : the unknowns; every other constant and initial value counts as known

    Raises
    ------
    ModelError
        If an equation below the outputs or the stocks is no rational function.
    """
    roots = [s.rate for s in program.states] + [program.outputs[name] for name in outputs]
    needed = program.needed(roots)
    _check_rational(program, needed)
    unknowns = (*constants, *(f"{name} (initial)" for name in initials))
    series = _Series(program, needed, constants, initials, np.random.default_rng(seed))
    for order in range(len(unknowns) + 1):
        series.extend(order)
    rows = np.concatenate([series.slopes[program.outputs[name]] for name in outputs])
    rank = _rank(rows)
    known = {
        name: _rank(np.delete(rows, column, axis=1)) < rank for column, name in enumerate(unknowns)
    }
    return Identifiability(rank, unknowns, known)


def _check_rational(program: Program, needed: Sequence[int]) -> None:
    other = {program.nodes[i].op for i in needed} - _RATIONAL
    hard = any(s.kind != "stock" for s in program.states)
    if other or hard:
        what = ", ".join(sorted(other)) or "discrete states"
        raise ModelError(
            f"the exact rank test is for rational equations; this model has {what}",
            code="not-rational",
            hint="the numerical rank of the sensitivities answers for any model",
        )


class _Series:
    """Taylor coefficients of every statement and their derivatives, modulo the prime.

    `values[i]` has shape (order,), `slopes[i]` shape (order, unknown).
    """

    def __init__(
        self,
        program: Program,
        needed: Sequence[int],
        constants: Sequence[str],
        initials: Sequence[str],
        random: np.random.Generator,
    ) -> None:
        self.program, self.needed = program, needed
        self.count = len(constants) + len(initials)
        top = self.count + 2
        self.values: dict[int, Integers] = {i: np.zeros(top, np.int64) for i in needed}
        self.slopes = {i: np.zeros((top, self.count), np.int64) for i in needed}
        self.leaves = [int(v) for v in random.integers(2, PRIME, len(program.parameters))]
        column = {name: k for k, name in enumerate(constants)}
        self.columns = {
            i: column[p.name]
            for i, p in enumerate(program.parameters)
            if p.role == "constant" and p.name in column
        }
        start = {name: len(constants) + k for k, name in enumerate(initials)}
        self.states = np.zeros((len(program.states), top), np.int64)
        self.state_slopes = np.zeros((len(program.states), top, self.count), np.int64)
        for k, state in enumerate(program.states):
            self.states[k, 0] = int(random.integers(2, PRIME))
            if state.name in start:
                self.state_slopes[k, 0, start[state.name]] = 1

    def extend(self, order: int) -> None:
        """Add one coefficient to every statement, then one to every state."""
        for index in self.needed:
            self._statement(index, self.program.nodes[index], order)
        inverse = pow(order + 1, PRIME - 2, PRIME)
        for k, state in enumerate(self.program.states):
            self.states[k][order + 1] = self.values[state.rate][order] * inverse % PRIME
            self.state_slopes[k][order + 1] = self.slopes[state.rate][order] * inverse % PRIME

    def _statement(self, index: int, node: Node, k: int) -> None:
        v, d = self.values[index], self.slopes[index]
        if node.op == "state":
            position = int(node.data)  # type: ignore[arg-type]
            v[k], d[k] = self.states[position][k], self.state_slopes[position][k]
        elif not node.args:
            if k == 0:
                self._leaf(index, node)
        elif node.op == "neg":
            v[k], d[k] = (
                -self.values[node.args[0]][k] % PRIME,
                -self.slopes[node.args[0]][k] % PRIME,
            )
        else:
            a, b = node.args
            getattr(self, f"_{node.op}")(index, a, b, k)

    def _leaf(self, index: int, node: Node) -> None:
        if node.op == "param":
            position = int(node.data)  # type: ignore[arg-type]
            self.values[index][0] = self.leaves[position]
            if position in self.columns:
                self.slopes[index][0, self.columns[position]] = 1
        else:
            # a control or a number that is no integer stands for itself as a ratio
            number = 1.0 if node.op == "control" else float(node.data)  # type: ignore[arg-type]
            top, bottom = number.as_integer_ratio()
            self.values[index][0] = top % PRIME * pow(bottom, PRIME - 2, PRIME) % PRIME

    def _add(self, index: int, a: int, b: int, k: int) -> None:
        self.values[index][k] = (self.values[a][k] + self.values[b][k]) % PRIME
        self.slopes[index][k] = (self.slopes[a][k] + self.slopes[b][k]) % PRIME

    def _sub(self, index: int, a: int, b: int, k: int) -> None:
        self.values[index][k] = (self.values[a][k] - self.values[b][k]) % PRIME
        self.slopes[index][k] = (self.slopes[a][k] - self.slopes[b][k]) % PRIME

    def _mul(self, index: int, a: int, b: int, k: int) -> None:
        value, slope = self._convolved(a, b, k, 0)
        self.values[index][k], self.slopes[index][k] = value, slope

    def _div(self, index: int, a: int, b: int, k: int) -> None:
        """c = a/b from a = b c: the coefficient of order k is what the lower ones leave."""
        value, slope = self._convolved(b, index, k, 1)
        inverse = pow(int(self.values[b][0]), PRIME - 2, PRIME)
        own = (self.values[a][k] - value) * inverse % PRIME
        rest = (self.slopes[a][k] - slope - self.slopes[b][0] * own) % PRIME
        self.values[index][k], self.slopes[index][k] = own, rest * inverse % PRIME

    def _convolved(self, a: int, b: int, k: int, first: int) -> tuple[np.int64, Integers]:
        """Coefficient k of a·b and its derivatives, from the terms a_j b_(k-j), j >= first."""
        va, vb = self.values[a][first : k + 1], self.values[b][: k + 1 - first][::-1]
        da, db = self.slopes[a][first : k + 1], self.slopes[b][: k + 1 - first][::-1]
        value = (va * vb % PRIME).sum() % PRIME
        slope = (da * vb[:, None] % PRIME + va[:, None] * db % PRIME).sum(axis=0) % PRIME
        return value, slope


def _rank(rows: Integers) -> int:
    """Rank modulo the prime, by elimination."""
    matrix = rows.copy() % PRIME
    rank = 0
    for column in range(matrix.shape[1]):
        pivots = np.flatnonzero(matrix[rank:, column])
        if not pivots.size:
            continue
        pivot = rank + int(pivots[0])
        matrix[[rank, pivot]] = matrix[[pivot, rank]]
        inverse = pow(int(matrix[rank, column]), PRIME - 2, PRIME)
        matrix[rank] = matrix[rank] * inverse % PRIME
        below = matrix[rank + 1 :]
        below -= below[:, column : column + 1] * matrix[rank] % PRIME
        below %= PRIME
        rank += 1
        if rank == len(matrix):
            break
    return rank
