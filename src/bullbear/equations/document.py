"""What one equation file says, before names are resolved."""

from __future__ import annotations

from dataclasses import dataclass, field

from bullbear.equations.expressions import Expression, Span
from bullbear.equations.source import Source
from bullbear.errors import Finding, Where

MOST_ELEMENTS = 100_000
"""Of one subscript range, and of one variable: more is a slip, or an attack on the memory."""


@dataclass(frozen=True)
class Equation:
    """One entry of a file: a left side, an expression, a unit and a comment.

    `operator` is `=`, `==` (unchangeable constant), `:=` (data), `(` (lookup) or an empty text
    where the entry names a variable without saying what it is (data from outside).
    """

    name: str
    subscripts: tuple[str, ...]
    exceptions: tuple[tuple[str, ...], ...]
    operator: str
    keyword: str  # INTERPOLATE, RAW, HOLD BACKWARD, LOOK FORWARD or empty
    expression: Expression | None
    units: str
    limits: str  # the slider range behind the unit, as written
    comment: str
    group: str
    supplementary: bool
    source: Source
    span: Span  # of the left side
    body: Span  # of the right side
    text: str = ""  # the right side in Vensim's words, where the file has other ones

    @property
    def where(self) -> Where:
        return self.source.where(self.span.start)

    @property
    def right_text(self) -> str:
        """The right side on one line, as the modeller wrote it."""
        if self.text:
            return self.text
        body = self.source.text[self.body.start : self.body.end]
        return " ".join(body.replace("\\\n", " ").split())


@dataclass(frozen=True)
class Mapping:
    """`target`, or `(target: elements)`, behind the arrow of a range definition."""

    target: str
    elements: tuple[str, ...]


@dataclass(frozen=True)
class RangeDefinition:
    """A subscript range; `alias` names the range that this one equals (`<->`)."""

    name: str
    elements: tuple[str, ...]
    mappings: tuple[Mapping, ...]
    alias: str
    external: Expression | None  # GET DIRECT SUBSCRIPT
    comment: str
    source: Source
    span: Span


@dataclass(frozen=True)
class Macro:
    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    body: Document
    source: Source
    span: Span


@dataclass(frozen=True)
class RealityCheck:
    """A `:THE CONDITION:` or `:TEST INPUT:` entry; kept as text."""

    name: str
    kind: str
    text: str
    source: Source
    span: Span


@dataclass
class Document:
    """One file, read; `findings` are the faults met while reading."""

    source: Source
    equations: list[Equation] = field(default_factory=list)
    ranges: list[RangeDefinition] = field(default_factory=list)
    macros: list[Macro] = field(default_factory=list)
    checks: list[RealityCheck] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    settings: str = ""  # the settings block behind the sketch, as written
    method: str = ""  # euler or rk4, where the file declares how to step
