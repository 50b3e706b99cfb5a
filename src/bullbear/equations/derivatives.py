"""Derivatives of statements, written as statements: whatever prints a program prints these too.

Forward mode carries a tangent for every statement, reverse mode a weight.  A zero that is known
beforehand is None and costs nothing.  Rules that need a word:

* A choice (IF THEN ELSE, MIN, MAX) hands on the derivative of the branch that is taken, never a
  product with 0 or 1, so an infinite slope in the other branch does no harm.
* At a kink the slope is the one to the right of the point: ABS and lookups in their argument.
  Where MIN or MAX meets a tie, the argument that changes more often (a state before time, time
  before a constant) is the one that moves; between equals it is the first.
* Comparisons, INTEGER, stepwise lookups and random numbers have the derivative 0, so a date or
  the length of a DELAY FIXED has none either: the run is piecewise constant in them.
* SQRT and powers at 0 have an infinite slope, which counts only where the argument moves.

Source: Griewank & Walther 2008, Evaluating Derivatives, chapters 3 and 14.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import TypeAlias, cast

import numpy as np

from bullbear.equations.program import LOGICAL, Builder, LookupTable

Zero: TypeAlias = None
FLAT = LOGICAL | {"integer", "random", "random_start"}
"""Operations whose derivative is 0 wherever it exists."""
_SINGULAR = frozenset({"sqrt", "pow", "arcsin", "arccos"})  # an infinite slope at a finite value


class Rules:
    """The derivative of every operation with respect to each argument, as statements."""

    def __init__(self, builder: Builder) -> None:
        self.builder = builder
        self.add, self.const = builder.add, builder.const
        self._slopes: dict[tuple[int, str], int] = {}

    # -- algebra with known zeros ---------------------------------------------------------------

    def plus(self, a: int | Zero, b: int | Zero) -> int | Zero:
        if a is None or b is None:
            return b if a is None else a
        node = self.builder.program.nodes[b]
        return self.add("sub", a, node.args[0]) if node.op == "neg" else self.add("add", a, b)

    def times(self, factor: int | Zero, tangent: int | Zero) -> int | Zero:
        if factor is None or tangent is None:
            return None
        for one, other in ((factor, tangent), (tangent, factor)):
            value = self.builder.constant_value(one)
            if value == 0:
                return None
            if value == 1:
                return other
            if value == -1:
                return self.add("neg", other)
        return self.add("mul", factor, tangent)

    def guarded(self, factor: int | Zero, tangent: int | Zero) -> int | Zero:
        """A product that is 0 where `tangent` is, however large the factor."""
        product = self.times(factor, tangent)
        if product is None or factor is None or tangent is None:
            return None
        if any(self.builder.constant_value(one) is not None for one in (factor, tangent)):
            return product
        return self.unless_zero(tangent, product)

    def unless_zero(self, factor: int | Zero, product: int | Zero) -> int | Zero:
        """A product that is 0 where `factor` is."""
        if factor is None or product is None or self.builder.constant_value(factor) is not None:
            return product
        zero = self.const(0.0)
        return self.choose(self.add("eq", factor, zero), zero, product)

    def choose(self, condition: int, yes: int | Zero, no: int | Zero) -> int | Zero:
        if yes == no:
            return yes
        known = self.builder.constant_value(condition)
        if known is not None:
            return yes if known else no
        zero = self.const(0.0)
        return self.add(
            "select", condition, zero if yes is None else yes, zero if no is None else no
        )

    # -- operations -----------------------------------------------------------------------------

    def choice(self, index: int) -> tuple[int, int, int] | None:
        """Condition, statement if it holds, statement if not; None for what is no choice."""
        node = self.builder.program.nodes[index]
        if node.op == "select":
            return node.args[0], node.args[1], node.args[2]
        if node.op not in ("min", "max"):
            return None
        a, b = node.args
        if self.builder.level(a) < self.builder.level(b):
            a, b = b, a
        # right of a tie the first, moving argument is the larger one
        return self.add("lt" if node.op == "min" else "ge", a, b), a, b

    def partial(self, index: int, position: int) -> int | Zero:
        """The derivative of a statement by one of its arguments, the others fixed."""
        node = self.builder.program.nodes[index]
        if node.op in FLAT:
            return None
        if node.op == "lookup":
            return self._slope(index)
        if node.op in _TWO:
            return _TWO[node.op](self, index, position)
        return _ONE[node.op](self, index, node.args[0])

    def singular(self, index: int) -> bool:
        """Whether the slope can be infinite where the value is finite."""
        node = self.builder.program.nodes[index]
        exponent = self.builder.constant_value(node.args[1]) if node.op == "pow" else None
        return node.op in _SINGULAR and not (exponent is not None and exponent >= 1)

    def _div(self, index: int, position: int) -> int | Zero:
        divisor = self.builder.program.nodes[index].args[1]
        inverse = self.add("div", self.const(1.0), divisor)
        if position == 0:
            return inverse
        return self.add("neg", self.add("mul", index, inverse))

    def _pow(self, index: int, position: int) -> int | Zero:
        base, exponent = self.builder.program.nodes[index].args
        at_zero = self.add("eq", base, self.const(0.0))
        if position == 1:
            grown = self.add("mul", index, self.add("ln", base))
            return self.choose(at_zero, None, grown)
        slope = self.add("div", self.add("mul", exponent, index), base)
        return self.choose(at_zero, self._pow_at_zero(exponent), slope)

    def _pow_at_zero(self, exponent: int) -> int | Zero:
        """Slope of 0^b: 0 for b > 1 and b = 0, 1 for b = 1, else infinite."""
        const, one = self.const, self.const(1.0)
        infinite = self.choose(
            self.add("gt", exponent, const(0.0)), const(float("inf")), const(float("-inf"))
        )
        below = self.choose(self.add("eq", exponent, const(0.0)), None, infinite)
        up_to_one = self.choose(self.add("eq", exponent, one), one, below)
        return self.choose(self.add("gt", exponent, one), None, up_to_one)

    def _modulo(self, index: int, position: int) -> int | Zero:
        if position == 0:
            return self.const(1.0)
        whole = self.add("integer", self.add("div", *self.builder.program.nodes[index].args))
        return self.add("neg", whole)

    def _slope(self, index: int) -> int | Zero:
        """The slope of a lookup right of its argument."""
        node = self.builder.program.nodes[index]
        table, kind = cast("tuple[int, str]", node.data)
        if kind not in ("interpolate", "extrapolate"):
            return None
        x = self.builder.program.tables[table].x
        slopes = self._slope_table(table, kind)
        slope = self.add("lookup", node.args[0], data=(slopes, "backward"))
        if kind == "extrapolate":
            return slope
        before = self.add("lt", node.args[0], self.const(float(x[0])))
        return self.choose(before, None, slope)

    def _slope_table(self, table: int, kind: str) -> int:
        if (table, kind) not in self._slopes:
            tables = self.builder.program.tables
            points = tables[table]
            rise, run = np.diff(points.y), np.diff(points.x)
            slopes = np.divide(rise, run, out=np.zeros_like(rise), where=run > 0)
            last = slopes[-1:] if kind == "extrapolate" and slopes.size else np.zeros(1)
            self._slopes[table, kind] = len(tables)
            tables.append(LookupTable(f"slope of {points.name}", points.x, np.append(slopes, last)))
        return self._slopes[table, kind]


_One: TypeAlias = Callable[[Rules, int, int], int | None]  # of a statement and its argument


def _inverse(r: Rules, a: int) -> int:
    return r.add("div", r.const(1.0), a)


def _one_minus_square(r: Rules, a: int) -> int:
    return r.add("sub", r.const(1.0), r.add("mul", a, a))


def _one_plus_square(r: Rules, a: int) -> int:
    return r.add("add", r.const(1.0), r.add("mul", a, a))


_ONE: dict[str, _One] = {
    "neg": lambda r, _, __: r.const(-1.0),
    "exp": lambda _, v, __: v,
    "ln": lambda r, _, a: _inverse(r, a),
    "sqrt": lambda r, v, _: r.add("div", r.const(0.5), v),
    "abs": lambda r, _, a: r.choose(
        r.add("ge", a, r.const(0.0)), r.const(1.0), r.const(-1.0)
    ),
    "sin": lambda r, _, a: r.add("cos", a),
    "cos": lambda r, _, a: r.add("neg", r.add("sin", a)),
    "tan": lambda r, v, _: _one_plus_square(r, v),
    "arcsin": lambda r, _, a: _inverse(r, r.add("sqrt", _one_minus_square(r, a))),
    "arccos": lambda r, _, a: r.add("neg", _inverse(r, r.add("sqrt", _one_minus_square(r, a)))),
    "arctan": lambda r, _, a: _inverse(r, _one_plus_square(r, a)),
    "sinh": lambda r, _, a: r.add("cosh", a),
    "cosh": lambda r, _, a: r.add("sinh", a),
    "tanh": lambda r, v, _: _one_minus_square(r, v),
}  # fmt: skip
_TWO: dict[str, Callable[[Rules, int, int], int | None]] = {
    "add": lambda r, _, __: r.const(1.0),
    "sub": lambda r, _, position: r.const(1.0 if position == 0 else -1.0),
    "mul": lambda r, v, position: r.builder.program.nodes[v].args[1 - position],
    "div": Rules._div,
    "pow": Rules._pow,
    "modulo": Rules._modulo,
}


def tangents(
    builder: Builder, seeds: Mapping[int, int], roots: Iterable[int], rules: Rules | None = None
) -> dict[int, int]:
    """Forward mode: the derivative of every root in one direction.

    A statement that is used once, or that hangs on one tangent alone, gets no tangent of its own:
    it hands on a sum of factors times tangents further below.  The factors do not depend on the
    direction, so they are worked out once for all of them.

    Parameters
    ----------
    seeds : statement -> its tangent, where a direction is given; any statement may have one

    Returns
    -------
    Root -> tangent statement; roots whose tangent is known to be 0 are left out.
    """
    return _Forward(rules or Rules(builder), seeds, list(roots)).result()


Combination: TypeAlias = dict[int, int]  # tangent statement -> its factor


class _Forward:
    """One direction."""

    def __init__(self, rules: Rules, seeds: Mapping[int, int], roots: list[int]) -> None:
        self.rules, self.seeds, self.roots = rules, seeds, roots
        self.one = rules.const(1.0)
        self.below = rules.builder.program.needed(roots)
        uses = Counter(a for i in self.below for a in rules.builder.program.nodes[i].args)
        self.kept = {i for i in self.below if uses[i] > 1} | set(roots)
        self.found: dict[int, Combination] = {}

    def result(self) -> dict[int, int]:
        for index in self.below:
            if index in self.seeds:
                self.found[index] = {self.seeds[index]: self.one}
                continue
            combination = self._combination(index)
            if index in self.kept and len(combination) > 1:
                combination = self._one_term(combination)
            if combination:
                self.found[index] = combination
        tangents = {root: self._sum(self.found[root]) for root in self.roots if root in self.found}
        return {root: tangent for root, tangent in tangents.items() if tangent is not None}

    def _combination(self, index: int) -> Combination:
        rules, node = self.rules, self.rules.builder.program.nodes[index]
        if not any(argument in self.found for argument in node.args):
            return {}
        choice = rules.choice(index)
        if choice is not None:
            return self._chosen(*choice)
        if rules.singular(index):
            return self._guarded(index)
        total: Combination = {}
        for position, argument in enumerate(node.args):
            if argument in self.found:
                partial = rules.partial(index, position)
                for base, factor in self._scaled(partial, self.found[argument]).items():
                    added = rules.plus(total.get(base), factor)
                    if added is not None:
                        total[base] = added
        return total

    def _scaled(self, factor: int | Zero, terms: Combination) -> Combination:
        rules = self.rules
        if len(terms) > 1 and factor is not None and not self._plain(factor):
            plain = sum(map(self._plain, terms.values()))
            terms = self._one_term(terms) if plain > 1 else terms
        products = {base: rules.times(factor, old) for base, old in terms.items()}
        return {base: product for base, product in products.items() if product is not None}

    def _plain(self, factor: int) -> bool:
        return self.rules.builder.constant_value(factor) in (1.0, -1.0)

    def _chosen(self, condition: int, yes: int, no: int) -> Combination:
        first, second = self.found.get(yes, {}), self.found.get(no, {})
        factors = {
            base: self.rules.choose(condition, first.get(base), second.get(base))
            for base in [*first, *(base for base in second if base not in first)]
        }
        return {base: factor for base, factor in factors.items() if factor is not None}

    def _guarded(self, index: int) -> Combination:
        """Products in which an infinite slope meets the tangent itself."""
        total: int | Zero = None
        for position, argument in enumerate(self.rules.builder.program.nodes[index].args):
            if argument in self.found:
                tangent = self._sum(self.found[argument])
                part = self.rules.guarded(self.rules.partial(index, position), tangent)
                total = self.rules.plus(total, part)
        return {} if total is None else {total: self.one}

    def _one_term(self, terms: Combination) -> Combination:
        total = self._sum(terms)
        return {} if total is None else {total: self.one}

    def _sum(self, terms: Combination) -> int | Zero:
        total: int | Zero = None
        for base, factor in terms.items():
            total = self.rules.plus(total, self.rules.times(factor, base))
        return total


def weights(
    builder: Builder,
    given: Mapping[int, int],
    wanted: Callable[[int], bool],
    ends: Callable[[int], bool] = lambda _: False,
) -> dict[int, int]:
    """Reverse mode: how much Σ given · root changes with every statement below the roots.

    Parameters
    ----------
    given : root statement -> its weight statement
    wanted : whether what is asked for can reach a statement; others get no weight, and neither
        does anything below them
    ends : statements that get a weight and hand none on

    Returns
    -------
    Statement -> weight statement, for those that are wanted and not known to be 0.
    """
    rules = Rules(builder)
    found = {root: weight for root, weight in given.items() if wanted(root)}
    endless: set[int] = set()  # statements whose weight may be infinite

    def collect(argument: int, part: int | None) -> None:
        total = rules.plus(found.get(argument), part)
        if total is not None:
            found[argument] = total

    for index in reversed(builder.program.needed(given)):
        if index not in found or ends(index):
            continue
        choice = rules.choice(index)
        if choice is not None:
            condition, yes, no = choice
            endless.update({yes, no} if index in endless else ())
            if wanted(yes):
                collect(yes, rules.choose(condition, found[index], None))
            if wanted(no):
                collect(no, rules.choose(condition, None, found[index]))
            continue
        unbounded = index in endless
        for position, argument in enumerate(builder.program.nodes[index].args):
            if wanted(argument):
                part = rules.guarded(rules.partial(index, position), found[index])
                if unbounded:
                    part = rules.unless_zero(rules.partial(index, position), part)
                collect(argument, part)
                if unbounded or rules.singular(index):
                    endless.add(argument)
    return found
