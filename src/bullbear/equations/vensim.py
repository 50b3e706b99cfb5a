"""Reading a Vensim text file: entries, groups, units, comments, subscripts, macros.

The reader never stops at a fault: it notes it and goes on with the next entry.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bullbear.equations.document import (
    MOST_ELEMENTS,
    Document,
    Equation,
    Macro,
    Mapping,
    RangeDefinition,
    RealityCheck,
)
from bullbear.equations.expressions import Call, Expression, Span
from bullbear.equations.functions import FUNCTIONS
from bullbear.equations.names import canonical
from bullbear.equations.parser import parse_expression, parse_table
from bullbear.equations.source import Source
from bullbear.equations.tokens import NAME, QUOTED, WORD, SyntaxFault
from bullbear.errors import NOTE

_SKETCH = re.compile(r"^\\{2,3}---///", re.MULTILINE)
_SETTINGS = "///---\\\\\\"
_ENCODING = re.compile(r"\s*\{[^}\n]*\}")
_GROUP = re.compile(r"\*{3,}\s*\.?(?P<name>[^*]*?)\s*\*{3,}\s*$", re.DOTALL)
_MACRO = re.compile(r":MACRO:\s*(?P<head>[^()]*)\((?P<ports>[^()]*)\)", re.IGNORECASE)
_MACRO_END = re.compile(r":END OF MACRO:", re.IGNORECASE)
_LEFT = re.compile(
    rf"""\s*(?P<name>{QUOTED}|{NAME})(?:\s|\\)*
         (?:\[(?P<subscripts>[^\]]*)\])?(?:\s|\\)*
         (?P<except>(?::EXCEPT:\s*(?:\[[^\]]*\]\s*,?\s*)+)?)
         (?P<keyword>(?::(?:INTERPOLATE|RAW|HOLD\s+BACKWARD|LOOK\s+FORWARD):)?)\s*
         (?P<operator>:=|==|=|\(|<->|:(?:THE\s+CONDITION|TEST\s+INPUT):|:|$)""",
    re.VERBOSE | re.IGNORECASE,
)
_UNIT_LIMITS = re.compile(r"\[[^\]]*\]\s*$")
_NUMBERED = re.compile(r"^(?P<stem>.*?)(?P<number>\d+)$")
_LINE_NAME = rf"\n(?=[ \t]*(?:{QUOTED}|{NAME})\s*(?:\[[^\]]*\])?\s*"
# How the next entry may begin behind a comment: an equation, a lookup, a subscript range.
_NEXT = (
    re.compile(rf"{_LINE_NAME}:?=)"),
    re.compile(rf"{_LINE_NAME}\(\s*(?:GET\s|[\[(]))"),
    re.compile(rf"{_LINE_NAME}:\s)"),
)
_ELEMENT = re.compile(rf"{QUOTED}|{WORD}+(?:(?:\s|\\)+{WORD}+)*")


def read_vensim(path: str | Path) -> Document:
    """Read one `.mdl` file; faults stand in the document's `findings`."""
    return read_source(Source.read(Path(path)))


def read_source(source: Source) -> Document:
    """Read the text of one file that is already in memory."""
    text = source.text
    cut = _SKETCH.search(text)
    end = cut.start() if cut else len(text)
    document = Document(source)
    if cut:
        document.settings = text[end:].partition(_SETTINGS)[2]
        document.method = _declared_method(document.settings)
    opening = _ENCODING.match(text)
    _read_part(document, opening.end() if opening else 0, end)
    return document


def _declared_method(settings: str) -> str:
    """The fourth number behind `15:`; second-order and automatic kinds become the nearest, RK4."""
    match = re.search(r"^15:(?:-?\d+,){3}(\d+)", settings, re.MULTILINE)
    if match is None:
        return ""
    return "rk4" if match[1] in ("1", "3", "4", "5") else "euler"


def _read_part(document: Document, start: int, end: int) -> None:
    """Read entries between two offsets; macros are documents of their own."""
    source = document.source
    position = start
    while match := _MACRO.search(source.text, position, end):
        _Reader(document).entries(position, match.start())
        closing = _MACRO_END.search(source.text, match.end(), end)
        stop = closing.start() if closing else end
        if closing is None:
            document.findings.append(
                source.finding(match.start(), "macro", "the macro is not closed",
                               'add ":END OF MACRO:" behind its last equation')
            )  # fmt: skip
        body = Document(source)
        _read_part(body, match.end(), stop)
        document.findings.extend(body.findings)
        inputs, _, outputs = match["ports"].partition(":")
        document.macros.append(
            Macro(match["head"].strip(), _names(inputs), _names(outputs), body, source,
                  Span(match.start(), match.end()))
        )  # fmt: skip
        position = closing.end() if closing else end
    _Reader(document).entries(position, end)


def _names(text: str) -> tuple[str, ...]:
    return tuple(" ".join(part.split()) for part in text.split(",") if part.strip())


@dataclass(frozen=True, slots=True)
class _Entry:
    """The sections of one entry, each as a span: left and right side, units, comment, flags."""

    sections: tuple[Span, ...]
    closed: bool


class _Reader:
    def __init__(self, document: Document) -> None:
        self.document = document
        self.source = document.source
        self.text = document.source.text
        self.group = ""

    def entries(self, start: int, end: int) -> None:
        for entry in self.split(start, end):
            try:
                self.entry(entry)
            except SyntaxFault as fault:
                self.note(fault)

    def note(self, fault: SyntaxFault) -> None:
        self.document.findings.append(
            self.source.finding(fault.offset, fault.code, fault.message, fault.hint)
        )
        for offset, message in fault.notes:
            self.document.findings.append(
                self.source.finding(offset, fault.code, message, severity=NOTE)
            )

    # -- entries --------------------------------------------------------------------------------

    def split(self, start: int, end: int) -> Iterator[_Entry]:
        """Cut the text at `~` and `|`; quoted names and comments in braces may hold both."""
        sections: list[Span] = []
        position = begin = start
        while position < end:
            character = self.text[position]
            if character in "~|":
                sections.append(Span(begin, position))
                begin = position + 1
                if character == "|":
                    yield from self.complete(sections, True)
                    sections = []
            elif not sections and (skipped := self.skipped(position, end)):
                position = skipped
                continue
            position += 1
        if sections or self.text[begin:end].strip():
            sections.append(Span(begin, end))
            yield from self.complete(sections, False)

    def skipped(self, position: int, end: int) -> int:
        """The end of a quoted name or a comment that starts here, or 0."""
        closing = {'"': '"', "{": "}"}.get(self.text[position])
        if closing is None:
            return 0
        found = self.text.find(closing, position + 1, end)
        if closing == '"' and "\n" in self.text[position:found]:
            return 0
        return found + 1 if found >= 0 else 0

    def complete(self, sections: list[Span], closed: bool) -> Iterator[_Entry]:
        """Part entries that run into each other because a `|` is missing."""
        while (at := self.overrun(sections)) is not None:
            comment = sections[at]
            body = self.text[comment.start : comment.end]
            following = next((found for p in _NEXT if (found := list(p.finditer(body)))), None)
            if not following:
                break
            cut = comment.start + following[-1].start()
            self.note(
                SyntaxFault(self.line_after(comment.start, cut), "entry-end",
                            'the entry above is not closed by "|"',
                            'add "|" behind its comment')
            )  # fmt: skip
            yield _Entry((*sections[:at], Span(comment.start, cut)), True)
            sections = [Span(cut, comment.end), *sections[at + 1 :]]
        yield _Entry(tuple(sections), closed)

    def overrun(self, sections: list[Span]) -> int | None:
        """The section in which the next entry begins, where there are too many of them."""
        if self.slice(sections[0]).startswith("***"):
            return 1 if len(sections) > 2 else None
        more = len(sections) > 3 and not self.slice(sections[3]).startswith(":")
        return 2 if more else None

    def line_after(self, start: int, end: int) -> int:
        """The blank line behind the text between two offsets, or the end of that text."""
        visible = start + len(self.text[start:end].rstrip())
        line = self.text.find("\n", visible, end) + 1
        return line if line and line <= end else max(start, visible - 1)

    def slice(self, span: Span) -> str:
        return self.text[span.start : span.end].strip()

    def entry(self, entry: _Entry) -> None:
        head = self.slice(entry.sections[0])
        if not head and len(entry.sections) == 1:
            return
        if head.startswith("***") or (match := _GROUP.match(head)):
            match = _GROUP.match(head)
            self.group = match["name"].strip() if match else head.strip("* \n.")
            return
        start = entry.sections[0].start
        offset = start + self.visible(entry.sections[0])
        if not entry.closed:
            self.note(
                SyntaxFault(offset, "entry-end", 'the last equation is not closed by "|"',
                            'end it with "~ unit ~ comment |"')
            )  # fmt: skip
        self.definition(entry, offset)

    def visible(self, span: Span) -> int:
        """Offset of the first character of a section that is neither blank nor comment."""
        text = self.text[span.start : span.end]
        match = re.match(r"(?:\s|\{[^}]*\})*", text)
        return match.end() if match else 0

    def definition(self, entry: _Entry, offset: int) -> None:
        whole = entry.sections[0]
        match = _LEFT.match(self.text, offset, whole.end)
        if match is None:
            raise SyntaxFault(
                offset, "left-side", "expected a variable's name, then = and its equation",
                'put names that hold signs between double quotes: "a-b"',
            )  # fmt: skip
        operator = " ".join(match["operator"].upper().split())
        if operator == "(" and (function := _function_behind(match["name"])):
            start = match.end("name") - len(function)
            self.note(
                SyntaxFault(start, "left-side", f'no "=" stands before {function}',
                            f"write {match['name'][: -len(function)].strip()} = {function}(...)")
            )  # fmt: skip
            match = _LEFT.match(self.text, offset, start)  # read on as if it stood there
            assert match is not None
            operator = "="
        if operator in (":", "<->"):
            self.range(entry, match)
        elif operator.startswith(":T"):
            self.document.checks.append(
                RealityCheck(match["name"], operator.strip(":"), self.slice(whole), self.source,
                             Span(offset, whole.end))
            )  # fmt: skip
        else:
            self.equation(entry, match, operator)

    # -- equations ------------------------------------------------------------------------------

    def equation(self, entry: _Entry, match: re.Match[str], operator: str) -> None:
        whole = entry.sections[0]
        body = Span(match.end(), whole.end)
        units, limits = self.units(entry)
        written = match["subscripts"]
        if written is not None and not all(part.strip() for part in written.split(",")):
            raise SyntaxFault(match.start("subscripts"), "subscripts", "a subscript is missing",
                              "write a range or an element, or take the brackets out")  # fmt: skip
        equation = Equation(
            name=_plain(match["name"]),
            subscripts=_indices(match["subscripts"]),
            exceptions=tuple(_indices(g) for g in re.findall(r"\[([^\]]*)\]", match["except"])),
            operator=operator,
            keyword=" ".join(match["keyword"].strip(":").upper().split()),
            expression=None,
            units=units,
            limits=limits,
            comment=" ".join(self.section(entry, 2).replace("\\\n", " ").split()),
            group=self.group,
            supplementary="SUPPLEMENTARY" in self.section(entry, 3).upper(),
            source=self.source,
            span=Span(match.start("name"), whole.start + len(self.text[whole.start : match.end()])),
            body=body,
        )
        object.__setattr__(equation, "expression", self.expression(equation, body))
        self.document.equations.append(equation)

    def expression(self, equation: Equation, body: Span) -> Expression | None:
        """The right side, or None behind a noted fault."""
        try:
            if equation.operator == "":
                return None
            if equation.operator == "(":
                return self.lookup(body)
            return parse_expression(self.text, body.start, body.end)
        except SyntaxFault as fault:
            self.note(fault)
            return None

    def lookup(self, body: Span) -> Expression:
        closing = self.text.rfind(")", body.start, body.end)
        if closing < 0 or self.text[closing + 1 : body.end].strip():
            raise SyntaxFault(
                body.end, "lookup", "the points of the lookup are not closed",
                "a lookup is written name((x,y),(x,y)); an equation needs =",
            )  # fmt: skip
        return parse_table(self.text, body.start, closing)

    def section(self, entry: _Entry, index: int) -> str:
        return self.slice(entry.sections[index]) if index < len(entry.sections) else ""

    def units(self, entry: _Entry) -> tuple[str, str]:
        text = " ".join(self.section(entry, 1).replace("\\\n", " ").split())
        match = _UNIT_LIMITS.search(text)
        return (text[: match.start()].strip(), match[0]) if match else (text, "")

    # -- subscript ranges -----------------------------------------------------------------------

    def range(self, entry: _Entry, match: re.Match[str]) -> None:
        whole = entry.sections[0]
        body = self.text[match.end() : whole.end]
        alias = body.strip() if match["operator"] == "<->" else ""
        external: Expression | None = None
        elements: tuple[str, ...] = ()
        mappings: tuple[Mapping, ...] = ()
        if not alias:
            listed, _, mapped = body.partition("->")
            mappings = _mappings(mapped)
            if re.match(r"\s*GET\s", listed, re.IGNORECASE):
                external = parse_expression(self.text, match.end(), match.end() + len(listed))
                if not isinstance(external, Call):
                    raise SyntaxFault(match.end(), "range", "expected GET DIRECT SUBSCRIPT(...)")
            else:
                elements = self.elements(listed, match.end())
        self.document.ranges.append(
            RangeDefinition(_plain(match["name"]), elements, mappings, alias, external,
                            self.section(entry, 2), self.source,
                            Span(match.start("name"), match.end()))
        )  # fmt: skip

    def elements(self, listed: str, offset: int) -> tuple[str, ...]:
        found: list[str] = []
        plain = re.sub(r"\{[^}]*\}", lambda comment: " " * len(comment[0]), listed)
        end = offset - 1
        for part in re.split(r",(?![^()]*\))", plain):
            item = part.strip()
            begin, end = end + 1, end + 1 + len(part)  # `end` is that of the comma
            offset = begin + len(part) - len(part.lstrip()) if item else end
            if not item:
                raise SyntaxFault(offset, "range", "the subscript range has an empty element")
            if not _ELEMENT.fullmatch(item) and not item.startswith("("):
                raise SyntaxFault(
                    offset, "range", f'"{" ".join(item.split())}" is no name of an element',
                    'is a "|" or a "~" missing above, or quotes around a name with signs?',
                )  # fmt: skip
            numeric = re.fullmatch(r"\(\s*(.+?)\s*-\s*(.+?)\s*\)", item, re.DOTALL)
            found.extend(self.numbered(numeric, offset) if numeric else [_plain(item)])
        return tuple(found)

    def numbered(self, match: re.Match[str], offset: int) -> list[str]:
        """`(layer1-layer5)` as its five elements."""
        first, last = _NUMBERED.match(match[1]), _NUMBERED.match(match[2])
        if first is None or last is None or first["stem"] != last["stem"]:
            raise SyntaxFault(offset, "range", f'"{match[0]}" is no numbered range',
                              "write it as (name1-name5)")  # fmt: skip
        low, high = int(first["number"]), int(last["number"])
        if low > high:
            raise SyntaxFault(offset, "range", f'"{match[0]}" counts downwards')
        if high - low >= MOST_ELEMENTS:
            raise SyntaxFault(offset, "range", f'"{match[0]}" has over {MOST_ELEMENTS} elements')
        return [f"{first['stem']}{number}" for number in range(low, high + 1)]


def _function_behind(name: str) -> str:
    """The function that ends a text of a name and a function, as `Stock INTEG`."""
    words = re.split(r"[\s\\]+", name)
    for count in range(1, len(words)):
        if canonical(" ".join(words[count:])) in FUNCTIONS:
            found = re.search(r"[\s\\]+".join(map(re.escape, words[count:])) + "$", name)
            return found[0] if found else ""
    return ""


def _plain(name: str) -> str:
    """A name as written, on one line."""
    return name if name.startswith('"') else " ".join(name.replace("\\", " ").split())


def _indices(text: str | None) -> tuple[str, ...]:
    return tuple(
        _plain(part.strip().rstrip("!")) for part in (text or "").split(",") if part.strip()
    )


def _mappings(text: str) -> tuple[Mapping, ...]:
    found = []
    for part in re.findall(r"\([^()]*\)|[^,()]+", text):
        item = part.strip().strip("()").strip()
        if item:
            target, _, listed = item.partition(":")
            found.append(Mapping(_plain(target.strip()), _indices(listed)))
    return tuple(found)
