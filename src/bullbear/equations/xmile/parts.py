"""Parts of a variable's element in an XMILE file: dimensions, stocks, graphical functions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from bullbear.equations.expressions import (
    Binary,
    Call,
    Expression,
    Name,
    Number,
    Span,
    Subscript,
    Table,
)
from bullbear.equations.tokens import SyntaxFault
from bullbear.equations.xmile.names import spelled
from bullbear.equations.xmile.translate import Translator
from bullbear.equations.xmile.xml_tree import Element

KINDS = ("stock", "flow", "aux", "gf")
REFUSED = {
    "conveyor": "a conveyor", "queue": "a queue", "oven": "an oven", "multiplier": "a multiplier",
    "delay_aux": "a delay converter", "summing_connector": "a summing converter",
}  # fmt: skip


@dataclass(frozen=True)
class Place:
    """One model as it stands in the whole: the root, or a module with its prefix."""

    model: Element
    prefix: str


def holder_of(model: Element) -> Element:
    """What holds the variables of a model; old Stella files have no <variables>."""
    return model.first("variables") or model


def variables_of(place: Place) -> Iterator[Element]:
    """The variables of a model, and the parts that no program here can read."""
    known = (*KINDS, *REFUSED)
    yield from (e for e in holder_of(place.model).children if e.name in known)


def dimensions_of(element: Element) -> tuple[str, ...]:
    """The names of an element's dimensions, in their order."""
    holder = element.first("dimensions")
    if holder is None:
        return ()
    return tuple(spelled(dim.attributes.get("name", "")) for dim in holder.all("dim"))


def elements_of(part: Element) -> tuple[str, ...]:
    """The elements that one <element> of an array is about."""
    return tuple(spelled(s) for s in part.attributes.get("subscript", "").split(","))


def integ(
    element: Element, translator: Translator, start: Expression, *, floored: bool = False
) -> Expression:
    """A stock: what flows in, less what flows out, from its initial value on."""
    span = start.span
    net: Expression | None = None
    for kind, operator in (("inflow", "+"), ("outflow", "-")):
        for flow in element.all(kind):
            at = flow.place(0)
            name = Name(spelled(flow.text), (), Span(at, at + len(flow.text.strip())))
            term = translator.expression(name)
            if net is None:
                zero = Number(0.0, span)
                net = term if operator == "+" else Binary("-", zero, term, span)
            else:
                net = Binary(operator, net, term, span)
    net = net if net is not None else Number(0.0, span)
    if floored:
        own = translator.expression(Name("self", (), span))
        assert isinstance(own, Name)
        level = Name(own.name, plain(translator.left, span), span)
        rate = Binary("/", level, Name("TIME STEP", (), span), span)
        net = Call("MAX", (), (net, Binary("-", Number(0.0, span), rate, span)), span)
    return Call("INTEG", (), (net, start), span)


def plain(left: tuple[str, ...], span: Span) -> tuple[Subscript, ...]:
    """The subscripts of a left side, as a reference writes them."""
    return tuple(Subscript(name, False, span) for name in left)


def table_of(points: Element) -> Table:
    """The points of a graphical function."""
    span = Span(points.start, points.start + 1)
    ys = _values(points, "ypts")
    xs = _values(points, "xpts")
    if not xs:
        scale = points.first("xscale")
        low, high = (
            float(scale.attributes.get(key, "0")) if scale is not None else 0.0
            for key in ("min", "max")
        )
        last = max(len(ys) - 1, 1)
        xs = [low + (high - low) * i / last for i in range(len(ys))]
    if not ys or len(xs) != len(ys):
        raise SyntaxFault(points.start, "lookup",
                          f"the graphical function has {len(xs)} x and {len(ys)} y")  # fmt: skip
    return Table(tuple(xs), tuple(ys), "", span)


def _values(points: Element, name: str) -> list[float]:
    element = points.first(name)
    if element is None:
        return []
    separator = element.attributes.get("sep", ",")
    try:
        return [float(part) for part in element.text.split(separator) if part.strip()]
    except ValueError as fault:
        raise SyntaxFault(element.start, "lookup", f"<{name}>: {fault}") from None
