"""Names that are too much alike, and names that nothing reads."""

from __future__ import annotations

import difflib
import re
from collections import Counter
from collections.abc import Iterable, Iterator

from bullbear.equations.document import RangeDefinition
from bullbear.equations.expressions import Call, Name, walk
from bullbear.equations.names import canonical
from bullbear.equations.system import System
from bullbear.errors import NOTE, WARNING, Finding

_SIGNS = re.compile(r"[\W_]+")
_MISSING = re.compile(r'no (?:variable|lookup|function) is called "(.*)"$|"(.*)" has no element')
_NO_SUBSCRIPT = re.compile(r'"(.*)" is neither a subscript|no subscript is called "(.*)"')
_ALIKE = 0.55
"""How much alike two names must be to be taken for one."""


def look_alikes(system: System) -> Iterator[Finding]:
    """Variables that are two for Vensim and one for most readers."""
    seen: dict[str, str] = {}
    for key, variable in system.variables.items():
        squeezed = _SIGNS.sub("", key)
        other = seen.setdefault(squeezed, key)
        if other != key:
            first = system.variables[other]
            equation = variable.equations[0]
            yield equation.source.finding(
                equation.span.start, "look-alike",
                f'"{variable.name}" and "{first.name}" ({first.where}) are two variables',
                "give one of them another name, or write both names alike", WARNING,
            )  # fmt: skip


def spellings(system: System) -> Iterator[Finding]:
    """References that are spelled otherwise than the definition."""
    for variable in system.variables.values():
        for equation in variable.equations:
            if equation.name != variable.name:
                yield equation.source.finding(
                    equation.span.start, "spelling",
                    f'"{equation.name}" is spelled "{variable.name}" at {variable.where}',
                    f'write "{variable.name}"', NOTE,
                )  # fmt: skip
            if equation.expression is None:
                continue
            for node in walk(equation.expression):
                if isinstance(node, Name | Call):
                    found = system.variables.get(canonical(node.name))
                    if found is not None and _plain(node.name) != _plain(found.name):
                        yield equation.source.finding(
                            node.span.start, "spelling",
                            f'"{node.name}" is spelled "{found.name}" where it is defined',
                            f'write "{found.name}"', NOTE,
                        )  # fmt: skip


def unused(system: System, findings: Iterable[Finding], named: Iterable[str]) -> Iterator[Finding]:
    """Constants, lookups and data that nothing reads.

    An auxiliary that nothing reads is an indicator, and no fault.  `named` are names that the
    model file reads; names that a faulty equation may read count as read.
    """
    read = {key for v in system.variables.values() for key in v.depends}
    read |= {canonical(name) for name in named}
    for macro in system.macros.values():
        read |= {canonical(e.name) for e in macro.body.equations}
    faulty = _faulty_texts(system, findings)
    for key, variable in system.variables.items():
        if variable.kind not in ("constant", "lookup", "data") or key in read:
            continue
        equation = variable.equations[0]
        if any(e.supplementary for e in variable.equations) or any(key in t for t in faulty):
            continue
        if variable.kind == "data" and equation.expression is None:
            continue  # that it has no equation is told already
        yield equation.source.finding(
            equation.span.start, "unused", f'nothing reads the {variable.kind} "{variable.name}"',
            "use it in an equation, or take it out", WARNING,
        )  # fmt: skip


def renamed(system: System, findings: Iterable[Finding]) -> Iterator[Finding]:
    """Variables that nothing reads, while a name much like theirs is read and defined nowhere.

    Where a name is wrong on the left side, its readers are not at fault.
    """
    read = {key for v in system.variables.values() for key in v.depends}
    unread = {key: v for key, v in system.variables.items() if key not in read}
    told: set[str] = set()
    for finding in findings:
        match = _MISSING.match(finding.message)
        missing = (match[1] or match[2]) if match else ""
        if not missing or canonical(missing) in told:
            continue
        told.add(canonical(missing))
        likeness = {key: _likeness(canonical(missing), key) for key in unread}
        best = max(likeness, key=lambda key: likeness[key], default=None)
        if best is not None and likeness[best] >= _ALIKE:
            variable = unread[best]
            equation = variable.equations[0]
            yield equation.source.finding(
                equation.span.start, "renamed",
                f'nothing reads "{variable.name}", and "{missing}" is read at {finding.where} '
                "but defined nowhere", f'is this the equation of "{missing}"?', WARNING,
            )  # fmt: skip


def run_together(system: System, findings: Iterable[Finding]) -> Iterator[Finding]:
    """Elements made of two that are read one by one: a comma is missing between them."""
    words = {
        canonical(match[1] or match[2])
        for f in findings
        if (match := _NO_SUBSCRIPT.search(f.message))
    }
    for document in system.documents:
        for definition in document.ranges:
            for element in definition.elements:
                parts = [word for word in words if word in canonical(element).split()]
                if parts and canonical(element) not in parts:
                    yield definition.source.finding(
                        _offset_in(definition, element), "renamed",
                        f'"{parts[0]}" is read as an element, and is part of "{element}" here',
                        "is a comma missing between two elements?", WARNING,
                    )  # fmt: skip


def _offset_in(definition: RangeDefinition, element: str) -> int:
    found = definition.source.text.find(element.split()[0], definition.span.end)
    return found if found >= 0 else definition.span.start


def _likeness(one: str, other: str) -> float:
    """How much two names are alike, in letters or in words, from 0 to 1."""
    letters = difflib.SequenceMatcher(None, one, other).ratio()
    left, right = Counter(one.split()), Counter(other.split())
    if (left - right).total() + (right - left).total() <= 1:
        return 1.0  # the same words in another order, or one word more
    return max(letters, (left & right).total() / max(left.total(), right.total()))


def unused_ranges(system: System) -> Iterator[Finding]:
    """Subscript ranges that neither a variable nor another range has."""
    read: set[str] = set()
    for document in system.documents:
        for definition in document.ranges:
            read.add(canonical(definition.alias))
            read |= {canonical(element) for element in definition.elements}
            read |= {canonical(mapping.target) for mapping in definition.mappings}
        for equation in document.equations:
            if equation.expression is not None:
                for node in walk(equation.expression):
                    if isinstance(node, Name | Call):
                        read.add(canonical(node.name))
                        read |= {canonical(s.name) for s in node.subscripts}
            read |= {canonical(s) for group in equation.exceptions for s in group}
    subscripts = {canonical(s) for d in system.documents for e in d.equations for s in e.subscripts}
    for document in system.documents:
        for definition in document.ranges:
            elements = {canonical(element) for element in definition.elements}
            if canonical(definition.name) not in read | subscripts and not elements & subscripts:
                yield definition.source.finding(
                    definition.span.start, "unused",
                    f'nothing has the subscript range "{definition.name}"',
                    "use it in an equation, or take it out", WARNING,
                )  # fmt: skip


def _faulty_texts(system: System, findings: Iterable[Finding]) -> list[str]:
    """Entries that have a fault, and what was suggested instead of unknown names."""
    texts = [
        canonical(equation.right_text)
        for variable in system.variables.values()
        for equation in variable.equations
        if equation.expression is None
    ]
    lines = {d.source.name: d.source.text.split("\n") for d in system.documents}
    for finding in findings:
        if finding.severity == "error" and finding.where.line is not None:
            below = lines.get(str(finding.where.file), [])[finding.where.line - 1 :]
            texts.append(canonical("\n".join(below).partition("|")[0] + " " + finding.hint))
    return texts


def _plain(name: str) -> str:
    """Quotes and the kind of blank do not make another spelling."""
    return " ".join(name.strip('"').replace("_", " ").split())
