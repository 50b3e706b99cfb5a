"""Expressions of Vensim's language, by precedence climbing over tokens.

An own parser, because a modeller's slip must be answered at its place and in the words of the
field, and because a file of thousands of equations is read on every save.
"""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import count

from bullbear.equations.expressions import (
    Array,
    Binary,
    Call,
    Expression,
    Missing,
    Name,
    Number,
    Span,
    Subscript,
    Table,
    Text,
    Unary,
)
from bullbear.equations.functions import FUNCTIONS
from bullbear.equations.names import canonical
from bullbear.equations.tokens import SyntaxFault, Token, tokenize

# Operators from loose to tight; unary signs stand between products and powers, so that
# -2^2 is -(2^2); operators of one rank are read from left to right, but powers from right to left:
# Vensim's published output has 4^3^2 = 262144.
BINDING = {
    ":OR:": 1, ":AND:": 2,
    "=": 4, "<>": 4, "<": 4, "<=": 4, ">": 4, ">=": 4,
    "+": 5, "-": 5, "*": 6, "/": 6, "^": 8,
}  # fmt: skip
_DEEPEST, _LONGEST = 100, 400
PREFIX = {":NOT:": 3, "-": 7, "+": 7}


def parse_expression(text: str, start: int = 0, end: int | None = None) -> Expression:
    """The syntax tree of `text[start:end]`; raises SyntaxFault."""
    return _Parser(text, start, len(text) if end is None else end).right_side()


def parse_table(text: str, start: int, end: int) -> Table | Call:
    """The inside of a lookup definition `name( ... )`: points, or a GET ... LOOKUPS call."""
    return _Parser(text, start, end).table_definition()


class _Parser:
    def __init__(self, text: str, start: int, end: int) -> None:
        self.text = text
        self.tokens = tokenize(text, start, end)
        self.position = 0
        self.depth = 0
        self.opened: list[Token] = []  # parentheses and brackets that wait for their end
        self.bare: list[Token] = []  # functions without parenthesis

    # -- tokens ---------------------------------------------------------------------------------

    @property
    def here(self) -> Token:
        return self.tokens[self.position]

    def sees(self, symbol: str, ahead: int = 0) -> bool:
        at = self.position + ahead
        token = self.tokens[at] if at < len(self.tokens) else self.tokens[-1]
        return token.kind in ("symbol", "keyword") and token.text == symbol

    def take(self) -> Token:
        token = self.here
        self.position += 1
        return token

    def expect(self, symbol: str, after: str) -> Token:
        if not self.sees(symbol):
            raise self.fault(f'expected "{symbol}" {after}')
        return self.take()

    def fault(self, expected: str, hint: str = "") -> SyntaxFault:
        token = self.here
        found = "the equation ends" if token.kind == "end" else f'found "{token.text}"'
        offset = token.span.start
        return SyntaxFault(offset, "syntax", f"{found}, {expected}", hint, self.notes())

    def notes(self) -> list[tuple[int, str]]:
        """What stands open before a fault: the slip may have been made there."""
        if self.here.kind == "end":
            return [(t.span.start, f'this "{t.text}" is not closed') for t in self.opened[-1:]]
        if self.sees(",") and self.opened and self.opened[-1].text == "(":
            at = self.tokens.index(self.opened[-1])
            if at == 0 or self.tokens[at - 1].kind != "name":
                opened = self.opened[-1].span.start
                return [(opened, 'is the name of a function missing before this "("?')]
        return [
            (t.span.start, f'{t.text.upper()} is a function and needs a "("')
            for t in self.bare[-1:]
        ]

    def open(self) -> Token:
        """Take an opening sign."""
        self.opened.append(self.take())
        return self.opened[-1]

    def close(self, symbol: str, after: str) -> Token:
        """Take the sign that closes what was opened last."""
        token = self.expect(symbol, after)
        self.opened.pop()
        return token

    # -- what stands right of the equals sign ---------------------------------------------------

    def right_side(self) -> Expression:
        if self.here.kind == "end":
            raise self.fault("expected an expression")
        first = self.expression(0)
        if (self.sees(",") or self.sees(";")) and _is_number(first):
            return self.array(first)
        self.finish()
        return first

    def finish(self) -> None:
        if self.here.kind == "end":
            return
        hint = "is an operator missing before it?"
        if self.sees(")"):
            hint = 'one ")" is too many, or a "(" is missing'
        elif self.sees(","):
            hint = 'is a "(" missing before it? an array of constants holds numbers only'
        raise self.fault("expected an operator or the end of the equation", hint)

    def array(self, first: Expression) -> Array:
        rows = [[self.signed(first)]]
        while self.sees(",") or self.sees(";"):
            if self.take().text == ";":
                rows.append([])
                if self.here.kind == "end":
                    break
            rows[-1].append(self.signed(self.expression(7)))
        self.finish()
        filled = tuple(tuple(row) for row in rows if row)
        return Array(filled, Span(first.span.start, self.here.span.end))

    def signed(self, node: Expression) -> float:
        if isinstance(node, Number):
            return node.value
        if isinstance(node, Unary) and isinstance(node.operand, Number) and _is_number(node):
            return -node.operand.value if node.operator == "-" else node.operand.value
        raise SyntaxFault(
            node.span.start, "array", "an array of constants may hold numbers only",
            "give each element an equation of its own",
        )  # fmt: skip

    # -- expressions ----------------------------------------------------------------------------

    def expression(self, floor: int) -> Expression:
        self.depth += 1
        self.limit(self.depth, _DEEPEST, "parts nested in each other")
        left = self.chain(floor)
        self.depth -= 1
        return left

    def limit(self, count: int, most: int, what: str) -> None:
        """Keep trees so shallow that everything can walk them."""
        if count > most:
            offset = self.here.span.start
            raise SyntaxFault(offset, "syntax", f"the equation has more than {most} {what}",
                              "give a part of it an equation of its own")  # fmt: skip

    def chain(self, floor: int) -> Expression:
        """Operands and operators that bind tighter than `floor`."""
        left = self.prefixed()
        for length in count():
            self.limit(length, _LONGEST, "operators in a row")
            token = self.here
            power = BINDING.get(token.text, 0) if token.kind in ("symbol", "keyword") else 0
            if power == 0 or power <= floor:
                break
            self.take()
            right = self.expression(power - 1 if token.text == "^" else power)
            left = Binary(token.text, left, right, Span(left.span.start, right.span.end))
        return left

    def prefixed(self) -> Expression:
        token = self.here
        if token.kind in ("symbol", "keyword") and token.text in PREFIX:
            self.take()
            operand = self.expression(PREFIX[token.text])
            return Unary(token.text, operand, Span(token.span.start, operand.span.end))
        return self.primary()

    def primary(self) -> Expression:
        token = self.here
        if token.kind == "number":
            self.take()
            return Number(float(token.text), token.span)
        if token.kind == "text":
            self.take()
            return Text(token.text[1:-1], token.span)
        if self.sees(":NA:"):
            self.take()
            return Missing(token.span)
        if self.sees("("):
            self.open()
            inner = self.expression(0)
            closing = self.close(")", "to close the parenthesis")
            return replace(inner, span=Span(token.span.start, closing.span.end))
        if token.kind == "name":
            return self.reference()
        raise self.fault("expected a number, a name or a parenthesis")

    def reference(self) -> Expression:
        name = self.take()
        subscripts = self.subscripts() if self.sees("[") else ()
        if not self.sees("("):
            if canonical(name.text) in FUNCTIONS:
                self.bare.append(name)
            end = self.tokens[self.position - 1].span.end
            return Name(name.text, subscripts, Span(name.span.start, end))
        if canonical(name.text) == "tabbed array":
            return self.tabbed(name, self.take())
        self.open()
        arguments = self.arguments(canonical(name.text) == "with lookup")
        closing = self.close(")", f'to close the arguments of "{name.text}"')
        return Call(name.text, subscripts, arguments, Span(name.span.start, closing.span.end))

    def subscripts(self) -> tuple[Subscript, ...]:
        self.open()
        found: list[Subscript] = []
        while True:
            token = self.here
            if token.kind not in ("name", "number"):
                raise self.fault("expected a subscript")
            self.take()
            reduced = self.sees("!")
            if reduced:
                self.take()
            found.append(Subscript(token.text, reduced, token.span))
            if not self.sees(","):
                break
            self.take()
        self.close("]", "to close the subscripts")
        return tuple(found)

    def arguments(self, with_table: bool) -> tuple[Expression, ...]:
        found: list[Expression] = []
        if self.sees(")"):
            return ()
        while True:
            table = with_table and len(found) == 1
            found.append(self.parenthesised_table() if table else self.expression(0))
            if not self.sees(","):
                return tuple(found)
            self.take()

    def tabbed(self, name: Token, opening: Token) -> Expression:
        """TABBED ARRAY: numbers parted by blanks, rows by line ends."""
        values: list[tuple[float, int]] = []
        while not self.sees(")"):
            number = self.signed(self.prefixed())
            values.append((number, self.tokens[self.position - 1].span.start))
        closing = self.take()
        rows: list[list[float]] = []
        before = opening.span.end
        for value, offset in values:
            if not rows or "\n" in self.text[before:offset]:
                rows.append([])
            rows[-1].append(value)
            before = offset
        span = Span(name.span.start, closing.span.end)
        return Array(tuple(tuple(row) for row in rows), span)

    # -- lookups --------------------------------------------------------------------------------

    def parenthesised_table(self) -> Expression:
        if not self.sees("("):
            return self.expression(0)  # a lookup variable's name
        opening = self.take()
        table = self.points(opening.span.start)
        closing = self.expect(")", "to close the points of the lookup")
        return replace(table, span=Span(opening.span.start, closing.span.end))

    def table_definition(self) -> Table | Call:
        if self.here.kind == "name":
            call = self.reference()
            self.finish()
            if not isinstance(call, Call):
                raise SyntaxFault(call.span.start, "lookup", "expected the points of a lookup")
            return call
        table = self.points(self.here.span.start)
        self.finish()
        return table

    def points(self, start: int) -> Table:
        limits = self.limits() if self.sees("[") else ""
        if self.here.kind == "number" or self.sees("-"):
            return self.flat_points(start, limits)
        xs: list[float] = []
        ys: list[float] = []
        while self.sees("("):
            self.take()
            xs.append(self.number())
            self.expect(",", "between x and y of a point")
            ys.append(self.number())
            self.expect(")", "to close the point")
            if self.sees(","):
                self.take()
        if not xs:
            raise self.fault("expected the points of a lookup, (x,y),(x,y)")
        return Table(tuple(xs), tuple(ys), limits, Span(start, self.here.span.start))

    def flat_points(self, start: int, limits: str) -> Table:
        """The old form of a lookup: all x, then all y."""
        values = [self.number()]
        while self.sees(","):
            self.take()
            values.append(self.number())
        if len(values) % 2:
            raise SyntaxFault(start, "lookup", "a lookup needs as many y as x values")
        half = len(values) // 2
        span = Span(start, self.here.span.start)
        return Table(tuple(values[:half]), tuple(values[half:]), limits, span)

    def limits(self) -> str:
        """The drawing range `[(0,0)-(10,10)]`, kept as written."""
        start = self.take().span.start
        while not self.sees("]"):
            if self.here.kind == "end":
                raise self.fault('expected "]" to close the range of the lookup')
            self.take()
        end = self.take().span.end
        if self.sees(","):
            self.take()
        return re.sub(r"\s+|\\", "", self.text[start:end])

    def number(self) -> float:
        return self.signed(self.prefixed() if not self.sees(")") else self._no_number())

    def _no_number(self) -> Expression:
        raise self.fault("expected a number")


def _is_number(node: Expression) -> bool:
    """Whether a node is a number with at most one sign."""
    return isinstance(node, Number) or (
        isinstance(node, Unary) and node.operator != ":NOT:" and isinstance(node.operand, Number)
    )
