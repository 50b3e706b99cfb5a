"""Flows and stocks of XMILE that stay above zero."""

from __future__ import annotations

from dataclasses import dataclass

from bullbear.equations.expressions import Binary, Call, Expression, Name, Number, Span
from bullbear.equations.names import canonical
from bullbear.equations.xmile.names import Symbols, spelled
from bullbear.equations.xmile.parts import Place, variables_of
from bullbear.equations.xmile.translate import Translator
from bullbear.equations.xmile.xml_tree import Element


@dataclass(frozen=True)
class Limits:
    """What a file says of zero as a bound, and the expressions that keep to it."""

    root: Element
    symbols: Symbols

    def held(self, place: Place, element: Element) -> bool:
        """Whether a stock or flow must not go below zero: by itself, its model or the file."""
        own = element.first("non_negative")
        if own is not None:
            return own.text.strip().casefold() != "false"
        for holder in (place.model, self.root):
            behaviour = holder.first("behavior")
            if behaviour is None:
                continue
            for part in (behaviour.first(element.name), behaviour):
                mark = part.first("non_negative") if part is not None else None
                if mark is not None:
                    return mark.text.strip().casefold() != "false"
        return False

    def limited(
        self, place: Place, element: Element, node: Expression, name: str, left: tuple[str, ...]
    ) -> Expression:
        """A flow above zero, and no larger than what a stock that stays above zero can give.

        The outflows of a stock are served in their order.  A flow that drains several stocks at
        once is left as it is, and the stocks stop at zero.
        """
        if self.held(place, element):
            node = Call("MAX", (), (node, Number(0.0, node.span)), node.span)
        drained = [
            stock
            for stock in variables_of(place)
            if stock.name == "stock" and canonical(name) in self._flows(place, stock, "outflow")
        ]
        if len(drained) != 1 or not self.held(place, drained[0]):
            return node
        available = self._available(place, drained[0], canonical(name), left, node.span)
        return Call("MIN", (), (node, available), node.span)

    def _flows(self, place: Place, stock: Element, kind: str) -> list[str]:
        return [
            canonical(self.symbols.full_name(spelled(e.text), place.prefix))
            for e in stock.all(kind)
        ]

    def _available(
        self, place: Place, stock: Element, flow: str, left: tuple[str, ...], span: Span
    ) -> Expression:
        """What a stock and its inflows leave for a flow behind the outflows before it."""
        translator = Translator(self.symbols, "", "", left)

        def value(name: str) -> Expression:
            return translator.expression(Name(self.symbols.variables[name].name, (), span))

        own = canonical(place.prefix + spelled(stock.attributes.get("name", "")))
        total: Expression = Binary("/", value(own), Name("TIME STEP", (), span), span)
        for inflow in self._flows(place, stock, "inflow"):
            total = Binary("+", total, value(inflow), span)
        for outflow in self._flows(place, stock, "outflow"):
            if outflow == flow:
                break
            total = Binary("-", total, value(outflow), span)
        return Call("MAX", (), (Number(0.0, span), total), span)
