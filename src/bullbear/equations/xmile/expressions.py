"""Expressions of XMILE (OASIS XMILE 1.0, section 3), read into the trees of Vensim's language."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from bullbear.equations.expressions import (
    Binary,
    Call,
    Expression,
    Name,
    Number,
    Span,
    Subscript,
    Unary,
)
from bullbear.equations.tokens import SyntaxFault

WILDCARD = "*"
_BINDING = {
    "or": 1, "and": 2, "=": 3, "<>": 3, "<": 4, "<=": 4, ">": 4, ">=": 4,
    "+": 5, "-": 5, "*": 6, "/": 6, "//": 6, "mod": 6, "^": 8,
}  # fmt: skip
_SIGN = 7
_DEEPEST = 100
_LONGEST = 400
_WORDS = {"or", "and", "not", "mod", "if", "then", "else"}
_VENSIM = {"or": ":OR:", "and": ":AND:"}
_TOKEN = re.compile(
    r"""
      (?P<skip>   (?:\s|\{[^}]*\})+ )
    | (?P<number> (?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)? )
    | (?P<quoted> \.?(?:[^\W\d][\w$]*\.)*"(?:\\"|[^"])*" )
    | (?P<name>   \.?[^\W\d][\w$'’]*(?:\.[\w$]+)* )
    | (?P<symbol> <>|<=|>=|//|[-+*/^()\[\],:=<>] )
    """,
    re.VERBOSE,
)
Rename = Callable[[str], str]


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    span: Span


def parse_xmile(text: str, place: Callable[[int], int]) -> Expression:
    """The tree of an equation; `place` turns offsets in `text` into offsets in the file.

    Functions keep their XMILE names here.  Raises SyntaxFault with a place in the file.
    """
    return _Parser(text, place).whole()


class _Parser:
    def __init__(self, text: str, place: Callable[[int], int]) -> None:
        self.text, self.place = text, place
        self.tokens = self.tokenize()
        self.position = self.depth = 0

    def tokenize(self) -> list[_Token]:
        tokens: list[_Token] = []
        position = 0
        while position < len(self.text):
            match = _TOKEN.match(self.text, position)
            if match is None:
                raise self.unreadable(position)
            if match.lastgroup != "skip":
                tokens.append(self.token(str(match.lastgroup), match[0], position, match.end()))
            position = match.end()
        end = self.place(max(len(self.text.rstrip()) - 1, 0))
        tokens.append(_Token("end", "", Span(end, end + 1)))
        return tokens

    def token(self, kind: str, text: str, start: int, end: int) -> _Token:
        span = Span(self.place(start), self.place(end - 1) + 1)
        if kind == "name" and text.casefold() in _WORDS:
            return _Token("word", text.casefold(), span)
        if kind == "quoted":
            return _Token("name", text.replace('"', "").replace("\\n", " "), span)
        return _Token(kind, text, span)

    def unreadable(self, position: int) -> SyntaxFault:
        if self.text[position:].startswith("???"):
            return SyntaxFault(
                self.place(position), "untranslated",
                'the equation is "???": the program that wrote the file could not translate it',
                "write the equation by hand",
            )  # fmt: skip
        found = self.text[position]
        return SyntaxFault(
            self.place(position), "syntax", f'"{found}" has no meaning in an expression'
        )

    # -- tokens ---------------------------------------------------------------------------------

    @property
    def here(self) -> _Token:
        return self.tokens[self.position]

    def sees(self, text: str) -> bool:
        return self.here.kind in ("symbol", "word") and self.here.text == text

    def take(self) -> _Token:
        self.position += 1
        return self.tokens[self.position - 1]

    def expect(self, text: str) -> _Token:
        if not self.sees(text):
            raise self.fault(f'expected "{text.upper()}"')
        return self.take()

    def fault(self, expected: str) -> SyntaxFault:
        token = self.here
        found = "the equation ends" if token.kind == "end" else f'found "{token.text}"'
        hint = "names with blanks are written with _ or between quotes"
        return SyntaxFault(token.span.start, "syntax", f"{found}, {expected}",
                           hint if token.kind == "name" else "")  # fmt: skip

    # -- expressions ----------------------------------------------------------------------------

    def whole(self) -> Expression:
        found = self.expression(0)
        if self.here.kind != "end":
            raise self.fault("expected an operator or the end of the equation")
        return found

    def expression(self, floor: int) -> Expression:
        left = self.prefixed()
        count = 0
        while self.here.kind in ("symbol", "word"):
            operator = self.here.text
            power = _BINDING.get(operator, 0)
            if power <= floor:
                break
            self.take()
            count += 1
            if count > _LONGEST:
                message = f"the equation has more than {_LONGEST} operators in a row"
                raise SyntaxFault(left.span.start, "syntax", message)
            right = self.expression(power - 1 if operator == "^" else power)
            left = self.joined(operator, left, right)
        return left

    def joined(self, operator: str, left: Expression, right: Expression) -> Expression:
        span = Span(left.span.start, right.span.end)
        if operator == "mod":
            return Call("MODULO", (), (left, right), span)
        if operator == "//":
            return Call("SAFEDIV", (), (left, right), span)
        return Binary(_VENSIM.get(operator, operator), left, right, span)

    def prefixed(self) -> Expression:
        self.depth += 1
        if self.depth > _DEEPEST:
            message = f"the equation has more than {_DEEPEST} parts nested in each other"
            raise SyntaxFault(self.here.span.start, "syntax", message)
        found = self.unary()
        self.depth -= 1
        return found

    def unary(self) -> Expression:
        token = self.here
        if self.sees("-") or self.sees("+") or self.sees("not"):
            self.take()
            operand = self.expression(_SIGN)
            operator = ":NOT:" if token.text == "not" else token.text
            return Unary(operator, operand, Span(token.span.start, operand.span.end))
        return self.primary()

    def primary(self) -> Expression:
        token = self.here
        if token.kind == "number":
            self.take()
            return Number(float(token.text), token.span)
        if self.sees("("):
            self.take()
            inner = self.expression(0)
            self.expect(")")
            return inner
        if self.sees("if"):
            return self.choice()
        if token.kind == "name":
            return self.reference()
        raise self.fault("expected a number, a name or a parenthesis")

    def choice(self) -> Expression:
        start = self.take().span.start
        condition = self.expression(0)
        self.expect("then")
        yes = self.expression(0)
        self.expect("else")
        no = self.expression(0)
        return Call("IF THEN ELSE", (), (condition, yes, no), Span(start, no.span.end))

    def reference(self) -> Expression:
        name = self.take()
        subscripts: tuple[Subscript, ...] = ()
        end = name.span.end
        if self.sees("["):
            subscripts = self.subscripts()
            end = self.tokens[self.position - 1].span.end
        if not self.sees("("):
            return Name(name.text, subscripts, Span(name.span.start, end))
        self.take()
        arguments: list[Expression] = []
        if not self.sees(")"):
            arguments.append(self.expression(0))
            while self.sees(","):
                self.take()
                arguments.append(self.expression(0))
        closing = self.expect(")")
        span = Span(name.span.start, closing.span.end)
        return Call(name.text, subscripts, tuple(arguments), span)

    def subscripts(self) -> tuple[Subscript, ...]:
        self.take()
        found: list[Subscript] = []
        while True:
            token = self.here
            if not (token.kind in ("name", "number") or self.sees(WILDCARD)):
                raise self.fault("expected a subscript")
            self.take()
            found.append(Subscript(token.text, token.text == WILDCARD, token.span))
            if not self.sees(","):
                break
            self.take()
        self.expect("]")
        return tuple(found)
