"""Linear invariants: weighted sums of stocks that no flow can change, whatever the constants are.

Every net flow is written out exactly as a sum of products of other statements (fractions, no
rounding), so that a flow that leaves one stock and enters another is the same term in both.
Weights under which all terms cancel are the left null space of that matrix.  Sums and products are
multiplied out; everything else (functions, lookups, states, constants) stands for itself.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import isfinite

from bullbear.equations.program import Program

Monomial = tuple[int, ...]
"""Statements whose product it is, sorted; -1 - n stands for one over statement n."""
Polynomial = dict[Monomial, Fraction]
Weights = dict[int, Fraction]

_MOST_TERMS = 64  # a product with more is a term of its own


@dataclass(frozen=True)
class Invariant:
    """Weights of stocks, by position of the state, under which the net flows cancel."""

    weights: Mapping[int, Fraction]

    def total(self, states: Sequence[float]) -> float:
        return sum(float(weight) * states[i] for i, weight in self.weights.items())


class FlowMatrix:
    """The net flow of every stock as a polynomial in other statements.

    Statements in `whole` are not written out.  A constant counts as the decimal number it is
    written as.
    """

    def __init__(self, program: Program, whole: Collection[int] = ()) -> None:
        self.program = program
        self.whole = frozenset(whole)
        self._known: dict[int, Polynomial] = {}
        self.rates = {
            index: self.polynomial(state.rate)
            for index, state in enumerate(program.states)
            if state.kind == "stock"
        }

    def residual(self, weights: Mapping[int, Fraction]) -> Polynomial:
        """What is left of the weighted sum of net flows; empty for an invariant."""
        total: Polynomial = {}
        for index, weight in weights.items():
            _add(total, self.rates[index], weight)
        return total

    def invariants(self) -> list[Invariant]:
        """A basis of all invariants, each with whole weights where that is possible.

        Gaussian elimination on the rows of the matrix beside an identity: a row that becomes
        empty has its weights in the identity.
        """
        pivots: list[tuple[Monomial, Polynomial, Weights]] = []
        found: list[Weights] = []
        for index, rate in self.rates.items():
            row, weights = dict(rate), {index: Fraction(1)}
            for monomial, pivot, pivot_weights in pivots:
                factor = row.get(monomial)
                if factor:
                    _add(row, pivot, -factor)
                    _add(weights, pivot_weights, -factor)
            if row:
                first = min(row)
                scale = 1 / row[first]
                pivots.append((first, _scaled(row, scale), _scaled(weights, scale)))
            else:
                found.append(weights)
        return [Invariant(_whole(weights)) for weights in _separated(found)]

    # -- writing out ----------------------------------------------------------------------------

    def polynomial(self, root: int) -> Polynomial:
        """A statement written out."""
        for index in self.program.needed([root]):
            if index not in self._known:
                self._known[index] = self._written_out(index)
        return self._known[root]

    def _written_out(self, index: int) -> Polynomial:
        if index in self.whole:
            return {(index,): Fraction(1)}
        node = self.program.nodes[index]
        below = [self._known[argument] for argument in node.args]
        if node.op == "const" and isfinite(float(node.data)):  # type: ignore[arg-type]
            value = Fraction(repr(float(node.data)))  # type: ignore[arg-type]
            return {(): value} if value else {}
        if node.op in ("add", "sub"):
            total = dict(below[0])
            _add(total, below[1], Fraction(1 if node.op == "add" else -1))
            return total
        if node.op == "neg":
            return _scaled(below[0], Fraction(-1))
        if node.op == "mul" and len(below[0]) * len(below[1]) <= _MOST_TERMS:
            return _product(below[0], below[1])
        if node.op == "div":
            constant = below[1].get(()) if set(below[1]) == {()} else None
            if constant:
                return _scaled(below[0], 1 / constant)
            if len(below[0]) <= _MOST_TERMS:
                return _product(below[0], {(-1 - node.args[1],): Fraction(1)})
        return {(index,): Fraction(1)}


def find_invariants(program: Program) -> list[Invariant]:
    """All independent linear invariants of a program's stocks, hidden ones of delays included."""
    return FlowMatrix(program).invariants()


def _add(total: dict, terms: Mapping, factor: Fraction) -> None:  # type: ignore[type-arg]
    """Add `factor` times `terms`; what cancels is taken out."""
    for key, value in terms.items():
        left = total.get(key, 0) + factor * value
        if left:
            total[key] = left
        else:
            total.pop(key, None)


def _scaled(terms: Mapping, factor: Fraction) -> dict:  # type: ignore[type-arg]
    return {key: factor * value for key, value in terms.items()}


def _product(a: Polynomial, b: Polynomial) -> Polynomial:
    total: Polynomial = {}
    for m, x in a.items():
        for n, y in b.items():
            _add(total, {tuple(sorted((*m, *n))): x * y}, Fraction(1))
    return total


def _separated(rows: Sequence[Weights]) -> list[Weights]:
    """The same space in rows that share as few stocks as elimination can give."""
    reduced: list[tuple[int, Weights]] = []
    for row in rows:
        rest = dict(row)
        for pivot, other in reduced:
            if pivot in rest:
                _add(rest, other, -rest[pivot])
        pivot = max(rest)
        rest = _scaled(rest, 1 / rest[pivot])
        reduced = [
            (p, _less(other, rest, pivot)) for p, other in reduced
        ] + [(pivot, rest)]  # fmt: skip
    return [weights for _, weights in reduced]


def _less(row: Weights, other: Weights, pivot: int) -> Weights:
    result = dict(row)
    if pivot in result:
        _add(result, other, -result[pivot])
    return result


def _whole(weights: Weights) -> Weights:
    """Weights without common factors and fractions, the first of them positive."""
    from math import gcd, lcm

    scale = Fraction(lcm(*(w.denominator for w in weights.values())),
                     gcd(*(abs(w.numerator) for w in weights.values())))  # fmt: skip
    first = weights[min(weights)]
    return {index: weights[index] * (scale if first > 0 else -scale) for index in sorted(weights)}
