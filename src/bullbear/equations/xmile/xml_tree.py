"""XML with places, and without what XML can do to a reader.

Namespaces are left as prefixes, because published files use prefixes that they never declare.
Document types are refused, and with them entities and everything outside the file.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from xml.parsers import expat

from bullbear.equations.source import Source
from bullbear.equations.tokens import SyntaxFault
from bullbear.errors import WARNING, Finding

_DEEPEST = 200
_VARIABLE_TAG = re.compile(
    r"<(?P<close>/?)(?P<name>stock|flow|aux)\b[^<>]*?(?P<empty>/?)>", re.IGNORECASE
)


@dataclass
class Element:
    """One element: its name without prefix, and its text with the place of every piece."""

    name: str
    attributes: dict[str, str]
    start: int  # offset of its tag in the file
    children: list[Element] = field(default_factory=list)
    text: str = ""
    pieces: list[tuple[int, int]] = field(default_factory=list)  # offset in text, in the file

    def all(self, name: str) -> Iterator[Element]:
        return (child for child in self.children if child.name == name)

    def first(self, name: str) -> Element | None:
        return next(self.all(name), None)

    def text_of(self, name: str) -> str:
        child = self.first(name)
        return child.text.strip() if child is not None else ""

    def place(self, offset: int) -> int:
        """Where a character of the text stands in the file."""
        at, base = self.start, 0
        for text_offset, file_offset in self.pieces:
            if text_offset > offset:
                break
            at, base = file_offset, text_offset
        return at + (offset - base if self.pieces else 0)


def parse_xml(source: Source) -> tuple[Element, list[Finding]]:
    """The root element of a file, and warnings of what was mended; raises SyntaxFault."""
    try:
        return _Builder(source, source.text).parse(), []
    except SyntaxFault:
        text, findings = _mended(source)
        if not findings:
            raise
        return _Builder(source, text).parse(), findings


def _mended(source: Source) -> tuple[str, list[Finding]]:
    """The text with variables closed that run into the next variable, and where that was done.

    Closing tags take the place of blanks, so that every place in the text stays where it is.
    """
    text, findings = source.text, []
    open_, opened = "", 0
    for tag in _VARIABLE_TAG.finditer(source.text):
        name = tag["name"]
        if tag["close"]:
            open_ = ""
            continue
        if open_:
            closing = f"</{open_}>"
            blank = source.text[tag.start() - len(closing) : tag.start()]
            if blank.strip():
                return source.text, []
            text = text[: tag.start() - len(closing)] + closing + text[tag.start() :]
            findings.append(
                source.finding(opened, "xml", f"the element <{open_}> is not closed",
                               f"add {closing} before the next variable", WARNING)
            )  # fmt: skip
        open_, opened = ("", 0) if tag["empty"] else (name, tag.start())
    return text, findings


class _Builder:
    def __init__(self, source: Source, text: str) -> None:
        self.source, self.text = source, text
        self.starts = [0]
        for line in source.text.split("\n"):
            self.starts.append(self.starts[-1] + len(line) + 1)
        self.root: Element | None = None
        self.open: list[Element] = []

    def parse(self) -> Element:
        self.parser = expat.ParserCreate(encoding="utf-8")
        self.parser.buffer_text = False  # every piece of text keeps its place
        self.parser.StartElementHandler = self.start
        self.parser.EndElementHandler = self.end
        self.parser.CharacterDataHandler = self.data
        self.parser.StartDoctypeDeclHandler = self.doctype
        text = self.text
        if text.startswith("<?xml"):  # the text is decoded already, whatever it declares
            text = " " * text.index("?>") + "  " + text[text.index("?>") + 2 :]
            blank = len(text) - len(text.lstrip(" "))
            self.column_shift = blank
            text = text[blank:]
        else:
            self.column_shift = 0
        try:
            self.parser.Parse(text.encode("utf-8"), True)
        except expat.ExpatError as fault:
            at = self.offset(fault.lineno, fault.offset)
            raise SyntaxFault(at, "xml", f"this is no XML: {expat.ErrorString(fault.code)}",
                              "is a tag not closed before it?") from None  # fmt: skip
        assert self.root is not None
        return self.root

    def offset(self, line: int, column: int) -> int:
        shift = self.column_shift if line == 1 else 0
        at = self.starts[min(line, len(self.starts)) - 1] + column + shift
        return min(at, max(len(self.source.text) - 1, 0))

    def here(self) -> int:
        return self.offset(self.parser.CurrentLineNumber, self.parser.CurrentColumnNumber)

    def doctype(self, *_: object) -> None:
        raise SyntaxFault(self.here(), "xml", "a document type is not allowed in a model file",
                          "take the <!DOCTYPE ...> out")  # fmt: skip

    def start(self, name: str, attributes: dict[str, str]) -> None:
        plain = {key.rpartition(":")[2]: value for key, value in attributes.items()}
        element = Element(name.rpartition(":")[2], plain, self.here())
        if len(self.open) > _DEEPEST:
            raise SyntaxFault(self.here(), "xml", "the elements are nested too deeply")
        if self.open:
            self.open[-1].children.append(element)
        else:
            self.root = element
        self.open.append(element)

    def end(self, _: str) -> None:
        self.open.pop()

    def data(self, text: str) -> None:
        if self.open:
            element = self.open[-1]
            element.pieces.append((len(element.text), self.here()))
            element.text += text
