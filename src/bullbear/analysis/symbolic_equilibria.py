"""All equilibria of small systems of rational equations, by algebra.

Every net flow is brought onto one denominator and split into irreducible factors with exact
rational coefficients, so that equilibria on boundaries (a factor that is a stock) are kept.  One
factor from each flow at a time gives a polynomial system, whose lexicographic Groebner basis is
solved from the last unknown to the first.  MIN, MAX and IF THEN ELSE are tried piece by piece.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt
import sympy

from bullbear.analysis.problem import Problem
from bullbear.analysis.reduction import Frozen
from bullbear.equations import scalar
from bullbear.equations.program import Program

Array = npt.NDArray[np.float64]
MOST_STATES, MOST_CHOICES, MOST_DEGREE = 4, 6, 8
_DIGITS = 40
_NOTHING = sympy.Float(10) ** -20


@dataclass(frozen=True)
class Algebra:
    """What algebra found.

    Attributes
    ----------
    points : candidates, one array (state,) each; those of pieces that do not apply are among them
    families : equations of lines and surfaces of equilibria; none where the equations have pieces
    complete : whether nothing is left out; a family of a piece may or may not apply
    """

    points: tuple[Array, ...]
    families: tuple[str, ...]
    complete: bool


class NotRational(Exception):
    """The rates are no rational functions of the states, or too large."""


def solve(frozen: Frozen, problem: Problem) -> Algebra | None:
    """All real equilibria with the conserved totals of the problem.

    None where the system is not rational or too large.
    """
    if not 0 < len(frozen.names) <= MOST_STATES:
        return None
    symbols = sympy.symbols([f"x{i}" for i in range(len(frozen.names))], real=True)
    reader = _Reader(frozen, symbols)
    points: list[Array] = []
    families: list[str] = []
    totals = [
        sum(
            _exact(float(w)) * (x - _exact(float(b)))
            for w, x, b in zip(row, symbols, problem.base, strict=True)
        )
        for row in problem.totals
    ]
    try:
        choices = reader.choices()
        for pieces in product((False, True), repeat=len(choices)):
            rates = reader.rates(dict(zip(choices, pieces, strict=True)))
            for solution in _systems(rates, symbols, totals):
                if isinstance(solution, str):
                    families.append(_named(solution, frozen.names))
                else:
                    points.append(solution)
    except NotRational:
        return None
    shown = () if choices else tuple(dict.fromkeys(families))
    return Algebra(tuple(points), shown, not (choices and families))


def _named(text: str, names: Sequence[str]) -> str:
    for i in reversed(range(len(names))):
        text = text.replace(f"x{i}", names[i])
    return text


class _Reader:
    """Statements as exact SymPy expressions in the states that are left."""

    def __init__(self, frozen: Frozen, symbols: Sequence[Any]) -> None:
        self.frozen, self.program = frozen, frozen.program
        self.roots = [self.program.states[i].rate for i in frozen.kept.tolist()]
        self.symbols = dict(zip(frozen.kept.tolist(), symbols, strict=True))
        self.levels = _moving(self.program, self.roots, set(self.symbols))

    def choices(self) -> list[int]:
        """Statements with pieces that the states decide."""
        nodes = self.program.nodes
        found = [
            i
            for i in self.program.needed(self.roots)
            if nodes[i].op in ("min", "max", "select")
            and (nodes[i].args[0] if nodes[i].op == "select" else i) in self.levels
        ]
        if len(found) > MOST_CHOICES:
            raise NotRational
        return found

    def rates(self, pieces: Mapping[int, bool]) -> list[Any]:
        known: dict[int, Any] = {}
        for index in self.program.needed(self.roots):
            node = self.program.nodes[index]
            below = [known[a] for a in node.args]
            known[index] = self._expression(index, below, pieces)
        return [known[root] for root in self.roots]

    def _expression(self, index: int, below: list[Any], pieces: Mapping[int, bool]) -> Any:
        node = self.program.nodes[index]
        if index in pieces:
            return below[-2 if pieces[index] else -1]
        if index not in self.levels:
            return self._number(index)
        if node.op == "state":
            return self.symbols[int(node.data)]  # type: ignore[arg-type]
        made = _RATIONAL.get(node.op)
        return made(*below) if made is not None else sympy.nan

    def _number(self, index: int) -> Any:
        """The exact number that a statement without states stands for."""
        program, frozen = self.program, self.frozen
        node = program.nodes[index]
        if node.op == "const":
            return _exact(float(node.data))  # type: ignore[arg-type]
        if node.op == "param":
            return _exact(float(frozen.vector[node.data]))
        if node.op in ("time", "held"):
            return _exact(frozen.time)
        if node.op == "control":
            return _exact(frozen.grid.controls()[node.data])  # type: ignore[index]
        if node.op == "state":
            return _exact(float(frozen.background[int(node.data)]))  # type: ignore[arg-type]
        return self._worked_out(index)

    def _worked_out(self, index: int) -> Any:
        """A statement without states, in exact numbers where arithmetic is exact."""
        node = self.program.nodes[index]
        below = [self._number(a) for a in node.args]
        if node.op in ("add", "sub", "mul", "div", "neg"):
            if node.op == "div" and below[1] == 0:
                raise NotRational
            return _RATIONAL[node.op](*below)
        if node.op not in scalar.OPERATIONS:
            raise NotRational
        return _exact(float(scalar.OPERATIONS[node.op](*map(float, below))))


_RATIONAL: dict[str, Callable[..., Any]] = {
    "add": lambda a, b: a + b, "sub": lambda a, b: a - b, "mul": lambda a, b: a * b,
    "div": lambda a, b: a / b, "neg": lambda a: -a,
    "select": lambda condition, yes, no: yes if condition != 0 else no,
    "pow": lambda base, exponent: _power(base, exponent),
}  # fmt: skip


def _moving(program: Program, roots: Sequence[int], states: set[int]) -> set[int]:
    """Statements above the given states."""
    found: set[int] = set()
    for index in program.needed(roots):
        node = program.nodes[index]
        if any(a in found for a in node.args) or (node.op == "state" and node.data in states):
            found.add(index)
    return found


def _exact(value: float) -> Any:
    if not np.isfinite(value):
        raise NotRational
    return sympy.Rational(repr(value))


def _power(base: Any, exponent: Any) -> Any:
    if not getattr(exponent, "is_Integer", False):
        raise NotRational
    return base**exponent


# -- polynomial systems ----------------------------------------------------------------------------


def _systems(
    rates: Sequence[Any], symbols: Sequence[Any], totals: Sequence[Any]
) -> Iterator[Array | str]:
    """Solutions, and families as text, of all choices of one factor per rate."""
    factors = [_factors(rate, symbols) for rate in rates]
    for each in product(*(own for own in factors if own is not None)):
        chosen = [*each, *totals]
        basis = sympy.groebner(chosen, *symbols, order="lex") if chosen else None
        if basis is not None and basis.exprs == [1]:
            continue
        if basis is None or not basis.is_zero_dimensional:
            shown = basis.exprs if basis is not None else []
            yield ", ".join(f"{expression} = 0" for expression in shown) or "everywhere"
            continue
        yield from _triangular(basis.exprs, list(symbols))


def _factors(rate: Any, symbols: Sequence[Any]) -> list[Any] | None:
    """Irreducible factors with states in them; None where the rate is 0 everywhere."""
    if rate.has(sympy.nan, sympy.zoo, sympy.oo):
        raise NotRational
    numerator, _ = sympy.fraction(sympy.cancel(sympy.together(rate)))
    if numerator == 0:
        return None
    found = [factor for factor, _ in sympy.factor_list(numerator, *symbols)[1]]
    if sum(sympy.Poly(factor, *symbols).total_degree() for factor in found) > MOST_DEGREE:
        raise NotRational
    return found


def _triangular(basis: Sequence[Any], symbols: list[Any]) -> Iterator[Array]:
    """Real solutions of a lexicographic basis, from the last unknown to the first."""
    partial: list[dict[Any, Any]] = [{}]
    for position in range(len(symbols) - 1, -1, -1):
        later = symbols[position:]
        partial = [
            {**known, symbols[position]: root}
            for known in partial
            for root in _roots(basis, later, known)
        ]
    for known in partial:
        yield np.array([float(known[symbol]) for symbol in symbols])


def _roots(basis: Sequence[Any], later: Sequence[Any], known: Mapping[Any, Any]) -> list[Any]:
    """Real roots of the polynomials in the first of `later`, the others known."""
    unknown = later[0]
    polynomials = []
    for expression in basis:
        if expression.free_symbols <= set(later) and unknown in expression.free_symbols:
            polynomial = sympy.Poly(expression.subs(known), unknown)
            if polynomial.degree() > 0:
                polynomials.append(polynomial)
    if not polynomials:
        return []
    first = min(polynomials, key=lambda p: p.degree())
    roots = (
        first.real_roots() if not known and first.domain.is_Exact
        else [r for r in first.nroots(n=_DIGITS, maxsteps=200) if abs(sympy.im(r)) < _NOTHING]
    )  # fmt: skip
    return list(dict.fromkeys(sympy.re(sympy.N(root, _DIGITS)) for root in roots))
