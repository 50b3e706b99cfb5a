"""Tokens of Vensim's expression language, each with its place."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from bullbear.equations.expressions import Span

# A name may hold blanks, line ends and continuation marks between its words; it ends at the last
# letter, digit, `_`, `$` or apostrophe.
WORD = r"[\w$'’]"
NAME = rf"(?:[^\W\d]|\$){WORD}*(?:(?:\s|\\)+{WORD}+)*"
QUOTED = r'"(?:\\"|[^"\n])*"'

_TOKEN = re.compile(
    rf"""
      (?P<skip>   (?:\s|\\|\{{[^}}]*\}})+ )
    | (?P<number> (?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)? )
    | (?P<quoted> {QUOTED} )
    | (?P<name>   {NAME} )
    | (?P<text>   '[^'\n]*' )
    | (?P<keyword> :(?:AND|OR|NOT|NA): )
    | (?P<symbol> <>|<=|>=|[-+*/^()\[\],;!=<>] )
    """,
    re.VERBOSE | re.IGNORECASE,
)


class SyntaxFault(Exception):
    """A place where the text is not an expression; the reader turns it into a finding.

    `notes` are other places that may be where the slip was made: offsets and what to say of them.
    """

    def __init__(
        self,
        offset: int,
        code: str,
        message: str,
        hint: str = "",
        notes: Sequence[tuple[int, str]] = (),
    ) -> None:
        super().__init__(message)
        self.offset, self.code, self.message, self.hint = offset, code, message, hint
        self.notes = tuple(notes)


@dataclass(frozen=True, slots=True)
class Token:
    kind: str  # number, name, text, keyword, symbol, end
    text: str
    span: Span


def tokenize(text: str, start: int, end: int) -> list[Token]:
    """The tokens of `text[start:end]`, closed by one of kind `end`.

    Raises SyntaxFault at the first character that belongs to no token.
    """
    tokens: list[Token] = []
    position = start
    while position < end:
        match = _TOKEN.match(text, position, end)
        if match is None:
            raise _unreadable(text, position)
        kind = str(match.lastgroup)
        if kind != "skip":
            tokens.append(_token(kind, match[0], position, match.end()))
        position = match.end()
    tokens.append(Token("end", "", Span(_end(text, start, end), end)))
    return tokens


def _token(kind: str, text: str, start: int, end: int) -> Token:
    if kind == "keyword":
        text = text.upper()
    elif kind == "name":
        text = " ".join(text.replace("\\", " ").split())
    elif kind == "quoted":
        kind = "name"
    return Token(kind, text, Span(start, end))


def _end(text: str, start: int, end: int) -> int:
    """Where a message about an early end points: what ends it, or the last thing in the file."""
    return end if end < len(text) else max(start, start + len(text[start:end].rstrip()) - 1)


def _unreadable(text: str, position: int) -> SyntaxFault:
    found = text[position]
    if found == '"':
        return SyntaxFault(position, "quote", "the quoted name is not closed on its line", 'add "')
    if found == "'":
        return SyntaxFault(position, "quote", "the quoted text is not closed on its line", "add '")
    if found in "{}":
        return SyntaxFault(position, "comment", f'a comment has one "{found}" too many')
    return SyntaxFault(position, "syntax", f'"{found}" has no meaning in an expression')
