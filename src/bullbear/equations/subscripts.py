"""Subscript ranges: elements, subranges, aliases and mappings."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from bullbear.equations.document import RangeDefinition
from bullbear.equations.expressions import Call, Text
from bullbear.equations.external import Sheet
from bullbear.equations.names import canonical
from bullbear.errors import NOTE, DataError, Finding, did_you_mean


@dataclass(frozen=True)
class Range:
    """A subscript range, resolved: elements in canonical form, in their order.

    `mappings` holds, for each target range, the target elements of every own element.
    """

    name: str
    elements: tuple[str, ...]
    mappings: dict[str, dict[str, tuple[str, ...]]] = field(default_factory=dict)


class Ranges:
    """All ranges of a model, and how an index on the right follows one on the left."""

    def __init__(self, definitions: Iterable[RangeDefinition]) -> None:
        self.findings: list[Finding] = []
        self.spelling: dict[str, str] = {}
        self._definitions: dict[str, RangeDefinition] = {}
        self._ranges: dict[str, Range] = {}
        for definition in definitions:
            self._add(definition)
        for name in self._definitions:
            self._resolve(name, ())
        self._map()
        self.home: dict[str, str] = {}
        for found in sorted(self._ranges.values(), key=lambda r: -len(r.elements)):
            for element in found.elements:
                self.home.setdefault(element, canonical(found.name))

    def _add(self, definition: RangeDefinition) -> None:
        key = canonical(definition.name)
        if key in self._definitions:
            other = self._definitions[key]
            self.findings.append(
                definition.source.finding(
                    definition.span.start, "duplicate",
                    f'the subscript range "{definition.name}" is defined twice',
                    f"the other definition is at {other.source.where(other.span.start)}",
                )
            )  # fmt: skip
            self.findings.append(
                other.source.finding(
                    other.span.start, "duplicate",
                    f'this is the other definition of "{definition.name}"', severity=NOTE,
                )
            )  # fmt: skip
            return
        self._definitions[key] = definition
        self.spelling.setdefault(key, definition.name)

    def _resolve(self, name: str, above: tuple[str, ...]) -> tuple[str, ...]:
        """Elements of a range; a range may list other ranges, or equal one."""
        if name in self._ranges:
            return self._ranges[name].elements
        definition = self._definitions[name]
        if name in above:
            self.findings.append(
                definition.source.finding(
                    definition.span.start, "range", f'"{definition.name}" contains itself'
                )
            )
            return ()
        if definition.alias:
            elements = self._aliased(definition, (*above, name))
        elif definition.external is not None:
            elements = self._external(definition)
        else:
            elements = self._listed(definition, (*above, name))
        self._ranges[name] = Range(definition.name, elements)
        return elements

    def _aliased(self, definition: RangeDefinition, above: tuple[str, ...]) -> tuple[str, ...]:
        key = canonical(definition.alias)
        if key in self._definitions:
            return self._resolve(key, above)
        self.findings.append(
            definition.source.finding(
                definition.span.start, "unknown-range",
                f'no subscript range is called "{definition.alias}"',
                did_you_mean(definition.alias, self.spelling.values()),
            )
        )  # fmt: skip
        return ()

    def _external(self, definition: RangeDefinition) -> tuple[str, ...]:
        """Elements read by GET DIRECT SUBSCRIPT('file', 'tab', 'first', 'last', 'prefix')."""
        call = definition.external
        texts = [a.value for a in call.arguments if isinstance(a, Text)] if isinstance(
            call, Call) else []  # fmt: skip
        try:
            if len(texts) not in (4, 5):
                raise DataError(
                    "GET DIRECT SUBSCRIPT takes 4 or 5 quoted arguments", code="arguments",
                    hint="GET DIRECT SUBSCRIPT('file.csv', ',', 'A2', 'A9', 'prefix ')",
                )  # fmt: skip
            file, tab, first, last, prefix = (*texts, "")[:5]
            spelled = Sheet(definition.source.folder, file, tab).elements(first, last, prefix)
        except DataError as fault:
            place = f" ({fault.where})" if fault.where else ""
            self.findings.append(
                definition.source.finding(
                    definition.span.start, fault.code, fault.message + place, fault.hint
                )
            )
            return ()
        for element in spelled:
            self.spelling.setdefault(canonical(element), element)
        return tuple(dict.fromkeys(map(canonical, spelled)))

    def _listed(self, definition: RangeDefinition, above: tuple[str, ...]) -> tuple[str, ...]:
        found: list[str] = []
        for item in definition.elements:
            key = canonical(item)
            if key in self._definitions and key != canonical(definition.name):
                found.extend(self._resolve(key, above))
            else:
                self.spelling.setdefault(key, item)
                found.append(key)
        return tuple(dict.fromkeys(found))

    def _map(self) -> None:
        for key, definition in self._definitions.items():
            own = self._ranges[key].elements
            for mapping in definition.mappings:
                target = canonical(mapping.target)
                if target not in self._ranges:
                    continue
                listed = [canonical(e) for e in mapping.elements] or list(
                    self._ranges[target].elements
                )
                groups = [self.elements(item) for item in listed]
                self._ranges[key].mappings[target] = dict(zip(own, groups, strict=False))

    # -- questions ------------------------------------------------------------------------------

    def __contains__(self, name: str) -> bool:
        return canonical(name) in self._ranges

    def __iter__(self) -> Iterable[Range]:
        return iter(self._ranges.values())

    def is_element(self, name: str) -> bool:
        return canonical(name) in self.home

    def elements(self, name: str) -> tuple[str, ...]:
        """Elements of a range; an element stands for itself."""
        key = canonical(name)
        found = self._ranges.get(key)
        return found.elements if found else (key,)

    def spelled(self, element: str) -> str:
        return self.spelling.get(element, element)

    def follow(self, wanted: str, bound: dict[str, str]) -> str | None:
        """The element of range `wanted` while the ranges in `bound` stand at their elements.

        None where neither the range itself, an alias, nor a mapping decides it.
        """
        if wanted in bound:
            return bound[wanted]
        found = self._ranges[wanted]
        for name, element in bound.items():
            other = self._ranges.get(name)
            if other is None:
                continue
            if self._same(name, wanted):
                return element
            forward = other.mappings.get(wanted, {}).get(element, ())
            if len(forward) == 1:
                return forward[0]
            backward = [e for e, group in found.mappings.get(name, {}).items() if element in group]
            if len(backward) == 1:
                return backward[0]
        return None

    def _same(self, one: str, other: str) -> bool:
        """Whether two ranges are one under two names (`<->`)."""

        def root(name: str) -> str:
            alias = self._definitions[name].alias
            return root(canonical(alias)) if alias and canonical(alias) in self._ranges else name

        return root(one) == root(other)
