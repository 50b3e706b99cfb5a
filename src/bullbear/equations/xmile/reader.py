"""Reading an XMILE file: models, modules, arrays, macros and time bounds, as one document.

Sources: OASIS XMILE 1.0 and, where it leaves a choice, Stella's published output.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from bullbear.equations.document import MOST_ELEMENTS, Document, Equation, Macro, RangeDefinition
from bullbear.equations.expressions import (
    Array,
    Binary,
    Call,
    Expression,
    Name,
    Number,
    Span,
)
from bullbear.equations.names import canonical
from bullbear.equations.source import Source
from bullbear.equations.system import CONTROL_NAMES
from bullbear.equations.tokens import SyntaxFault
from bullbear.equations.write import write_expression
from bullbear.equations.xmile.expressions import parse_xmile
from bullbear.equations.xmile.limits import Limits
from bullbear.equations.xmile.names import Symbol, Symbols, spelled
from bullbear.equations.xmile.parts import (
    KINDS,
    REFUSED,
    Place,
    dimensions_of,
    elements_of,
    holder_of,
    integ,
    plain,
    table_of,
    variables_of,
)
from bullbear.equations.xmile.translate import Translator, points_of, read_points
from bullbear.equations.xmile.xml_tree import Element, parse_xml

SUFFIXES = (".xmile", ".stmx", ".itmx", ".xml")
_METHODS = {"euler": "euler", "rk2": "rk4", "rk4": "rk4", "rk45": "rk4", "gear": "rk4"}
_DEEPEST = 30
_NUMBERS = re.compile(r"\s*[-+]?[\d.][\d.eE+-]*(\s*[,;]\s*[-+]?[\d.][\d.eE+-]*)*\s*[,;]?\s*")


def read_xmile(path: str | Path) -> Document:
    """Read one XMILE file; faults stand in the document's `findings`."""
    return read_xmile_source(Source.read(Path(path)))


def read_xmile_source(source: Source) -> Document:
    """Read the text of one file that is already in memory."""
    document = Document(source)
    try:
        root, mended = parse_xml(source)
        document.findings += mended
        _Reader(document, root).read()
    except SyntaxFault as fault:
        document.findings.append(
            source.finding(fault.offset, fault.code, fault.message, fault.hint)
        )
    return document


@dataclass
class _Reader:
    document: Document
    root: Element
    symbols: Symbols = field(default_factory=Symbols)
    connected: dict[str, tuple[str, Span]] = field(default_factory=dict)

    @property
    def limits(self) -> Limits:
        return Limits(self.root, self.symbols)

    def read(self) -> None:
        self.dimensions()
        self.macros()
        places = list(self.places())
        for place in places:
            for element in variables_of(place):
                self.declare(place, element)
        self.time()
        for place in places:
            for element in variables_of(place):
                with_faults(self.document, self.variable, place, element)

    # -- what the file consists of --------------------------------------------------------------

    def dimensions(self) -> None:
        holder = self.root.first("dimensions")
        for element in holder.all("dim") if holder is not None else ():
            name = spelled(element.attributes.get("name", ""))
            size = element.attributes.get("size", "")
            if size and not (size.isdigit() and int(size) <= MOST_ELEMENTS):
                raise SyntaxFault(element.start, "range", f'"{size}" is no size of a dimension')
            listed = [spelled(e.attributes.get("name", "")) for e in element.all("elem")]
            elements = tuple(listed or map(str, range(1, int(size or 0) + 1)))
            self.symbols.dimensions[canonical(name)] = elements
            self.document.ranges.append(
                RangeDefinition(name, elements, (), "", None, "", self.document.source,
                                Span(element.start, element.start + 1))
            )  # fmt: skip

    def places(self) -> Iterator[Place]:
        """The root model, then every module, the outer ones first."""
        models = list(self.root.all("model"))
        if not models:
            raise SyntaxFault(self.root.start, "xmile", "the file has no <model>")
        named = {canonical(m.attributes.get("name", "")): m for m in models}
        root = next((m for m in models if not m.attributes.get("name")), models[0])
        yield from self.inside(Place(root, ""), named, 0)

    def inside(self, place: Place, named: dict[str, Element], depth: int) -> Iterator[Place]:
        yield place
        for module in holder_of(place.model).all("module"):
            name = spelled(module.attributes.get("name", ""))
            model = named.get(canonical(name))
            if model is None or depth >= _DEEPEST:
                what = "holds itself" if model is not None else "has no <model> of that name"
                raise SyntaxFault(module.start, "module", f'the module "{name}" {what}')
            inner = Place(model, f"{place.prefix}{name}.")
            self.connect(module, place, inner)
            yield from self.inside(inner, named, depth + 1)

    def connect(self, module: Element, outer: Place, inner: Place) -> None:
        """Inputs of a module stand for variables outside it."""
        for link in module.all("connect"):
            to = spelled(link.attributes.get("to", "")).rpartition(".")[2]
            source = spelled(link.attributes.get("from", ""))
            full = source[1:] if source.startswith(".") else f"{outer.prefix}{source}"
            span = Span(link.start, link.start + 1)
            self.connected[canonical(inner.prefix + to)] = (full, span)

    def declare(self, place: Place, element: Element) -> None:
        name = place.prefix + spelled(element.attributes.get("name", ""))
        points = element if element.name == "gf" else element.first("gf")
        lookup = "" if points is None else points.attributes.get("type", "continuous")
        if points is not None and points.attributes.get("discrete") == "true":
            lookup = "discrete"
        only = points is not None and not self.has_equation(element)
        self.symbols.variables[canonical(name)] = Symbol(
            name, dimensions_of(element), lookup.casefold(), only
        )

    @staticmethod
    def has_equation(element: Element) -> bool:
        texts = [element.text_of("eqn"), *(e.text_of("eqn") for e in element.all("element"))]
        return any(re.sub(r"\{[^}]*\}", "", text).strip() for text in texts)

    # -- time -----------------------------------------------------------------------------------

    def time(self) -> None:
        specs = self.root.first("sim_specs")
        if specs is None:
            raise SyntaxFault(self.root.start, "xmile", "the file has no <sim_specs>",
                              "it says when a run begins, ends and steps")  # fmt: skip
        method = specs.attributes.get("method", "euler").casefold()
        if method not in _METHODS:
            raise SyntaxFault(specs.start, "method", f'unknown method "{method}"',
                              "known: " + ", ".join(_METHODS))  # fmt: skip
        self.document.method = _METHODS[method]
        units = specs.attributes.get("time_units", "")
        step = specs.first("dt")
        dt: Expression = self.number_of(specs, "dt", 1.0)
        if step is not None and step.attributes.get("reciprocal", "").casefold() == "true":
            dt = Binary("/", Number(1.0, dt.span), dt, dt.span)
        saved = specs.attributes.get("save_interval") or specs.attributes.get("save_step")
        save: Expression = Name("TIME STEP", (), dt.span)
        if saved and float(saved) > 0:
            save = Number(float(saved), dt.span)
        known = {
            "INITIAL TIME": self.number_of(specs, "start", 0.0),
            "FINAL TIME": self.number_of(specs, "stop", 100.0),
            "TIME STEP": dt,
            "SAVEPER": save,
        }
        for name, node in known.items():
            # some programs write these as variables of the model as well
            if canonical(name) not in self.symbols.variables:
                self.add(name, (), node, specs, units=units)

    def number_of(self, specs: Element, name: str, otherwise: float) -> Number:
        element = specs.first(name)
        span = Span(specs.start, specs.start + 1)
        if element is None:
            return Number(otherwise, span)
        try:
            return Number(float(element.text), span)
        except ValueError:
            raise SyntaxFault(
                element.start, "number", f'<{name}> holds no number: "{element.text.strip()}"'
            ) from None

    # -- macros ---------------------------------------------------------------------------------

    def macros(self) -> None:
        for element in self.root.all("macro"):
            name = spelled(element.attributes.get("name", ""))
            inputs = tuple(spelled(e.text) for e in element.all("parm"))
            body = Document(self.document.source)
            inner = element.first("variables")
            parts = [e for e in inner.children if e.name in KINDS] if inner is not None else []
            inside = frozenset(
                canonical(n)
                for n in (name, *inputs, *(spelled(p.attributes.get("name", "")) for p in parts))
            )
            maker = _Reader(body, self.root, self.symbols)
            for part in parts:
                with_faults(body, maker.macro_part, part, inside)
            with_faults(body, maker.macro_result, element, name, inside)
            self.document.findings.extend(body.findings)
            self.document.macros.append(
                Macro(name, inputs, (), body, self.document.source,
                      Span(element.start, element.start + 1))
            )  # fmt: skip

    def macro_part(self, element: Element, inside: frozenset[str]) -> None:
        name = spelled(element.attributes.get("name", ""))
        translator = Translator(self.symbols, "", name, (), inside)
        node = self.right_side(element, translator)
        if element.name == "stock":
            node = integ(element, translator, node)
        self.add(name, (), node, element)

    def macro_result(self, element: Element, name: str, inside: frozenset[str]) -> None:
        if element.first("eqn") is not None:
            translator = Translator(self.symbols, "", name, (), inside)
            self.add(name, (), self.right_side(element, translator), element)

    # -- variables ------------------------------------------------------------------------------

    def variable(self, place: Place, element: Element) -> None:
        name = place.prefix + spelled(element.attributes.get("name", ""))
        if not element.attributes.get("name", "").strip():
            raise SyntaxFault(element.start, "xmile", f"this <{element.name}> has no name")
        refused = REFUSED.get(element.name) or next(
            (REFUSED[child.name] for child in element.children if child.name in REFUSED), None
        )
        if refused:
            raise SyntaxFault(element.start, "unsupported",
                              f'"{name}" is {refused}, which is not supported')  # fmt: skip
        alias = self.connected.get(canonical(name))
        symbol = self.symbols.variables[canonical(name)]
        if alias is not None:
            source, span = alias
            origin = Name(source, (), span)
            subscripted = Translator(self.symbols, "", name, symbol.dimensions).expression(origin)
            self.add(name, symbol.dimensions, subscripted, element)
            return
        if symbol.only_lookup:
            points = element if element.name == "gf" else element.first("gf")
            assert points is not None
            self.add(name, symbol.dimensions, table_of(points), element, operator="(")
            return
        parts = [e for e in element.all("element") if e.first("eqn") is not None]
        for part, left in (
            [(p, elements_of(p)) for p in parts] if parts else [(element, symbol.dimensions)]
        ):
            node = self.definition(place, element, part, name, left)
            self.add(name, left, node, part, units=element.text_of("units"),
                     comment=" ".join(element.text_of("doc").split()))  # fmt: skip

    def definition(
        self, place: Place, element: Element, part: Element, name: str, left: tuple[str, ...]
    ) -> Expression:
        """The right side of a variable, or of one of its elements."""
        translator = Translator(self.symbols, place.prefix, name, left)
        node = self.right_side(part, translator)
        points = part.first("gf") or element.first("gf")
        if points is not None:
            node = self.through_points(points, node, name, left, element)
        if element.name == "flow":
            node = self.limits.limited(place, element, node, name, left)
        if element.name == "stock":
            node = integ(element, translator, node, floored=self.limits.held(place, element))
        elif (start := part.first("init_eqn")) is not None and start.text.strip():
            begin = translator.expression(parse_xmile(start.text, start.place))
            node = Call("ACTIVE INITIAL", (), (node, begin), node.span)
        return node

    def right_side(self, element: Element, translator: Translator) -> Expression:
        equation = element.first("eqn")
        text = equation.text if equation is not None else ""
        if equation is None or not re.sub(r"\{[^}]*\}", "", text).strip():
            raise SyntaxFault(element.start, "no-equation", f'"{translator.own}" has no equation')
        if translator.left and ("," in text or ";" in text) and _NUMBERS.fullmatch(text):
            rows = [row for row in text.split(";") if row.strip()]
            numbers = tuple(tuple(float(v) for v in row.split(",") if v.strip()) for row in rows)
            return Array(numbers, Span(equation.place(0), equation.place(len(text) - 1)))
        return translator.expression(parse_xmile(text, equation.place))

    def through_points(
        self, points: Element, node: Expression, name: str, left: tuple[str, ...], element: Element
    ) -> Expression:
        """An equation whose value goes through a graphical function."""
        kind = points.attributes.get("type", "continuous").casefold()
        if points.attributes.get("discrete") == "true":
            kind = "discrete"
        table = points_of(name)
        self.add(table, left, table_of(points), element, operator="(")
        return read_points(kind, Name(table, plain(left, node.span), node.span), node, node.span)

    # -- equations ------------------------------------------------------------------------------

    def add(
        self, name: str, left: tuple[str, ...], node: Expression, element: Element, *,
        operator: str = "=", units: str = "", comment: str = "",
    ) -> None:  # fmt: skip
        if canonical(name) in CONTROL_NAMES:
            name = canonical(name).upper()
        self.document.equations.append(
            Equation(
                name=name, subscripts=left, exceptions=(), operator=operator, keyword="",
                expression=node, units=units, limits="", comment=comment, group="",
                supplementary=False, source=self.document.source,
                span=Span(element.start, element.start + 1), body=node.span,
                text=write_expression(node),
            )
        )  # fmt: skip


def with_faults(document: Document, function: Callable[..., None], *arguments: object) -> None:
    """Go on with the next variable behind a fault."""
    try:
        function(*arguments)
    except SyntaxFault as fault:
        document.findings.append(
            document.source.finding(fault.offset, fault.code, fault.message, fault.hint)
        )
