"""Functions of whole vectors and matrices, spelled out in scalar statements.

Sorting compares every pair, so that a vector of n elements takes about n² statements; Vensim's
vectors are subscript ranges, which are short.  Sources: Vensim Reference Manual, "Vector
functions", and Vensim's published output where the manual differs from it (VECTOR SELECT 5).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import product
from typing import TYPE_CHECKING

from bullbear.equations.context import Context, LoweringFault
from bullbear.equations.expressions import Call, Expression, Name, walk
from bullbear.equations.names import canonical
from bullbear.equations.scalar import MISSING

if TYPE_CHECKING:
    from bullbear.equations.lowering import Lowering

_ACTIONS = 11


def lower(lowering: Lowering, node: Call, key: str, context: Context) -> int:
    """The statement of one element of the result."""
    vectors = Vectors(lowering, node, context)
    if key == "vector select":
        return vectors.select()
    if key == "vector elm map":
        return vectors.map_element()
    if key == "invert matrix":
        return vectors.inverse()
    values, place = vectors.along_last(node.arguments[0])
    if key == "vector reorder":
        order = lowering.expression(node.arguments[1], context)
        return vectors.pick(values, order)
    ranks = vectors.ranks(values, lowering.expression(node.arguments[1], context))
    if key == "vector rank":
        return ranks[place]
    wanted = lowering.builder.const(place + 1.0)
    return vectors.pick_where([vectors.add("eq", rank, wanted) for rank in ranks])


class Vectors:
    """One call of a vector function, for one element."""

    def __init__(self, lowering: Lowering, node: Call, context: Context) -> None:
        self.lowering, self.node, self.context = lowering, node, context
        self.ranges = lowering.system.ranges
        self.add, self.const = lowering.builder.add, lowering.builder.const

    # -- the vector that an argument means ------------------------------------------------------

    def last_subscript(self, argument: Expression, back: int = 1) -> str:
        """The range in the last place (or the one before) of an argument's subscripts."""
        for node in walk(argument):
            if isinstance(node, Name) and len(node.subscripts) >= back:
                key = canonical(node.subscripts[-back].name)
                if key in self.ranges:
                    return key
        raise LoweringFault(
            argument, "subscripts", f"{self.node.name} needs a variable with a subscript range",
        )  # fmt: skip

    def place_in(self, wanted: str, back: int = 1) -> int:
        """Where the element of the left side stands in a range, by name, mapping or position."""
        context = self.context
        elements = self.ranges.elements(wanted)
        plain = {k: v for k, v in context.bound.items() if not k.endswith("!")}
        followed = self.ranges.follow(wanted, plain)
        if followed in elements:
            return elements.index(followed)
        left = [canonical(s) for s in context.definition.equation.subscripts]
        if len(left) >= back:
            own = self.ranges.elements(left[-back])
            element = context.bound.get(left[-back], left[-back])
            if element in own and own.index(element) < len(elements):
                return own.index(element)
        raise LoweringFault(
            self.node, "subscripts",
            f"no subscript of the left side runs along with {self.ranges.spelled(wanted)}",
        )  # fmt: skip

    def over(self, key: str, element: str) -> Context:
        """The context in which a range stands at one of its elements."""
        return replace(self.context, bound={**self.context.bound, key: element})

    def along_last(self, argument: Expression) -> tuple[list[int], int]:
        """The elements of a vector along its last subscript, and the place of the left side."""
        key = self.last_subscript(argument)
        values = [
            self.lowering.expression(argument, self.over(key, element))
            for element in self.ranges.elements(key)
        ]
        return values, self.place_in(key)

    # -- sorting --------------------------------------------------------------------------------

    def ranks(self, values: Sequence[int], direction: int) -> list[int]:
        """Place of every element in sorted order, from 1; upwards where `direction` is above 0."""
        upwards = self.add("gt", direction, self.const(0.0))
        found = []
        for i, value in enumerate(values):
            rank = self.const(1.0)
            for j, other in enumerate(values):
                if i != j:
                    before = self.add("le" if j < i else "lt", other, value)
                    behind = self.add("ge" if j > i else "gt", other, value)
                    rank = self.add("add", rank, self.add("select", upwards, before, behind))
            found.append(rank)
        return found

    def pick_where(self, conditions: Sequence[int]) -> int:
        """The place (from 0) of the condition that holds."""
        found = self.const(0.0)
        for place, condition in enumerate(conditions):
            found = self.add("select", condition, self.const(float(place)), found)
        return found

    def pick(self, values: Sequence[int], place: int) -> int:
        """The element at a place counted from 0; Vensim's :NA: outside."""
        found = self.const(MISSING)
        for index, value in enumerate(values):
            here = self.add("eq", place, self.const(float(index)))
            found = self.add("select", here, value, found)
        return found

    def map_element(self) -> int:
        """VECTOR ELM MAP(x[e], offset): the element `offset` places behind e in its range."""
        argument, offset = self.node.arguments
        if not isinstance(argument, Name) or not argument.subscripts:
            raise LoweringFault(argument, "subscripts", "VECTOR ELM MAP needs a subscripted name")
        last = argument.subscripts[-1]
        key = canonical(last.name)
        element = self.ranges.follow(key, self.context.bound) if key in self.ranges else key
        home = self.ranges.home.get(element or "")
        if element is None or home is None:
            raise LoweringFault(argument, "subscripts", f'"{last.name}" names no element here')
        elements = self.ranges.elements(home)
        values = []
        for other in elements:
            spelled = replace(last, name=self.ranges.spelled(other))
            reference = replace(argument, subscripts=(*argument.subscripts[:-1], spelled))
            values.append(self.lowering.expression(reference, self.context))
        start = self.const(float(elements.index(element)))
        return self.pick(values, self.add(
            "add", start, self.lowering.expression(offset, self.context)))  # fmt: skip

    # -- VECTOR SELECT --------------------------------------------------------------------------

    def select(self) -> int:
        """VECTOR SELECT(selection, x, missing, action, error): what of x is selected, as one."""
        selection, expression, missing, action, _ = self.node.arguments
        pairs = list(self.pairs(selection, expression))
        chosen = [self.add("ne", weight, self.const(0.0)) for weight, _ in pairs]
        number = self.lowering.expression(action, self.context)
        known = self.lowering.builder.constant_value(number)
        result = self.const(float("nan"))
        for candidate in range(_ACTIONS):
            if known is None or known == candidate:
                found = self.action(candidate, pairs, chosen)
                here = self.add("eq", number, self.const(float(candidate)))
                result = self.add("select", here, found, result)
        any_chosen = self.lowering.fold("or", chosen)
        return self.add(
            "select", any_chosen, result, self.lowering.expression(missing, self.context)
        )

    def pairs(self, selection: Expression, expression: Expression) -> Iterator[tuple[int, int]]:
        names = dict.fromkeys(
            canonical(subscript.name)
            for argument in (selection, expression)
            for node in walk(argument)
            if isinstance(node, Name | Call)
            for subscript in node.subscripts
            if subscript.reduced
        )
        if not names:
            raise LoweringFault(self.node, "subscripts", "VECTOR SELECT needs a subscript with !")
        for combination in product(*(self.ranges.elements(name) for name in names)):
            marks = {f"{n}!": e for n, e in zip(names, combination, strict=True)}
            inner = replace(self.context, bound={**self.context.bound, **marks})
            yield (
                self.lowering.expression(selection, inner),
                self.lowering.expression(expression, inner),
            )

    def action(self, number: int, pairs: Sequence[tuple[int, int]], chosen: Sequence[int]) -> int:
        """0-4 weighted sum, product, smallest, largest, mean; 5 product of x^weight; 6-10 as 0-4
        without weights."""
        if number == 5:
            values = [self.add("pow", value, weight) for weight, value in pairs]
        elif number < 5:
            values = [self.add("mul", weight, value) for weight, value in pairs]
        else:
            values = [value for _, value in pairs]
        kind = number if number < 5 else (1 if number == 5 else number - 6)
        neutral = {0: 0.0, 1: 1.0, 2: float("inf"), 3: float("-inf"), 4: 0.0}[kind]
        taken = [
            self.add("select", choice, value, self.const(neutral))
            for choice, value in zip(chosen, values, strict=True)
        ]
        op = {0: "add", 1: "mul", 2: "min", 3: "max", 4: "add"}[kind]
        total = self.lowering.fold(op, taken)
        if kind != 4:
            return total
        counts = [self.add("select", c, self.const(1.0), self.const(0.0)) for c in chosen]
        return self.add("div", total, self.lowering.fold("add", counts))

    # -- INVERT MATRIX --------------------------------------------------------------------------

    def inverse(self) -> int:
        """INVERT MATRIX(A, n): an element of the inverse, by Gauss-Jordan with row exchange."""
        argument = self.node.arguments[0]
        down, across = self.last_subscript(argument, 2), self.last_subscript(argument)
        rows, columns = self.ranges.elements(down), self.ranges.elements(across)
        if len(rows) != len(columns):
            raise LoweringFault(argument, "subscripts", "INVERT MATRIX needs a square matrix")
        matrix = []
        for row in rows:
            bound = {**self.context.bound, down: row}
            matrix.append([
                self.lowering.expression(
                    argument, replace(self.context, bound={**bound, across: column})
                )
                for column in columns
            ])  # fmt: skip
        found = self.gauss_jordan(matrix)
        return found[self.place_in(down, 2)][self.place_in(across)]

    def gauss_jordan(self, matrix: list[list[int]]) -> list[list[int]]:
        size = len(matrix)
        rows = [
            [*row, *(self.const(float(i == j)) for j in range(size))]
            for i, row in enumerate(matrix)
        ]
        for column in range(size):
            for below in range(column + 1, size):
                larger = self.add(
                    "gt", self.add("abs", rows[below][column]),
                    self.add("abs", rows[column][column]),
                )  # fmt: skip
                pairs = self.both(rows[column], rows[below])
                rows[column] = [self.add("select", larger, b, a) for a, b in pairs]
                rows[below] = [self.add("select", larger, a, b) for a, b in pairs]
            pivot = rows[column][column]
            rows[column] = [self.add("div", value, pivot) for value in rows[column]]
            for other in range(size):
                if other != column:
                    factor = rows[other][column]
                    rows[other] = [
                        self.add("sub", value, self.add("mul", factor, above))
                        for value, above in self.both(rows[other], rows[column])
                    ]
        return [row[size:] for row in rows]

    @staticmethod
    def both(one: Sequence[int], other: Sequence[int]) -> list[tuple[int, int]]:
        return list(zip(one, other, strict=True))
