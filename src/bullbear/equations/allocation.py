"""ALLOCATE BY PRIORITY and ALLOCATE AVAILABLE: a supply shared out by priority.

Every request has a curve over a common price: it is met in full below its priority and not at all
far above.  The price at which all curves add up to the supply gives the shares.  Source: Vensim
Reference Manual, "Allocation functions".
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from bullbear.equations.context import Context, LoweringFault
from bullbear.equations.distributions import normal_tail
from bullbear.equations.expressions import Call, Expression, Name
from bullbear.equations.vectors import Vectors

if TYPE_CHECKING:
    from bullbear.equations.lowering import Lowering

_NARROWEST = 1e-9  # a width of 0 would be a jump
_HALVINGS = 44
_REACH = {2: 0.5, 3: 9.0, 4: 40.0}  # widths from the priority beyond which a curve is level
Curve = Callable[[int], int]


def lower(lowering: Lowering, node: Call, key: str, context: Context) -> int:
    """The statement of one request's share."""
    allocation = _Allocation(lowering, node, context)
    if key == "allocate by priority":
        return allocation.by_priority()
    return allocation.available()


class _Allocation(Vectors):
    def __init__(self, lowering: Lowering, node: Call, context: Context) -> None:
        super().__init__(lowering, node, context)
        self.range = self.last_subscript(node.arguments[0])
        self.elements = self.ranges.elements(self.range)
        self.place = self.place_in(self.range)

    def each(self, argument: Expression) -> list[int]:
        """One value for each request."""
        return [
            self.lowering.expression(argument, self.over(self.range, element))
            for element in self.elements
        ]

    def bounded(self, supply: Expression, requests: Sequence[int]) -> int:
        """What can be shared out: no more than is asked for, and not less than nothing."""
        available = self.lowering.expression(supply, self.context)
        total = self.lowering.fold("add", requests)
        return self.add("max", self.const(0.0), self.add("min", available, total))

    # -- curves ---------------------------------------------------------------------------------

    def curve(self, kind: int, request: int, priority: int, width: int) -> Curve:
        """How much of a request is met at a price."""
        shapes = {1: self.rectangular, 2: self.triangular, 3: self.normal, 4: self.exponential}
        shape = shapes[kind]
        return lambda price: self.add("mul", request, shape(price, priority, width))

    def rectangular(self, price: int, priority: int, width: int) -> int:
        """A straight line from 1 to 0 over one width around the priority."""
        ahead = self.add("div", self.add("sub", priority, price), width)
        raised = self.add("add", ahead, self.const(0.5))
        return self.add("max", self.const(0.0), self.add("min", self.const(1.0), raised))

    def triangular(self, price: int, priority: int, width: int) -> int:
        """The integral of a triangle one width wide."""
        rising = self.rectangular(price, priority, width)
        low = self.add("mul", self.const(2.0), self.add("mul", rising, rising))
        missing = self.add("sub", self.const(1.0), rising)
        twice = self.add("mul", self.const(2.0), self.add("mul", missing, missing))
        high = self.add("sub", self.const(1.0), twice)
        return self.add("select", self.add("lt", rising, self.const(0.5)), low, high)

    def normal(self, price: int, priority: int, width: int) -> int:
        """The tail of a normal distribution with `width` as its standard deviation."""
        distance = self.add("div", self.add("sub", price, priority), width)
        return normal_tail(self.lowering.builder, distance)

    def exponential(self, price: int, priority: int, width: int) -> int:
        """The tail of a symmetric exponential distribution."""
        distance = self.add("div", self.add("sub", price, priority), width)
        size = self.add("abs", distance)
        half = self.add("mul", self.const(0.5), self.add("exp", self.add("neg", size)))
        below = self.add("lt", distance, self.const(0.0))
        return self.add("select", below, self.add("sub", self.const(1.0), half), half)

    # -- ALLOCATE BY PRIORITY -------------------------------------------------------------------

    def by_priority(self) -> int:
        """Straight curves, so the price is found exactly between two of their corners."""
        request, priority, _, width, supply = self.node.arguments
        requests, priorities = self.each(request), self.each(priority)
        wide = self.add(
            "max", self.const(_NARROWEST), self.lowering.expression(width, self.context)
        )
        curves = [self.curve(1, r, p, wide) for r, p in zip(requests, priorities, strict=True)]
        half = self.add("mul", self.const(0.5), wide)
        corners = [self.add(op, p, half) for p in priorities for op in ("sub", "add")]
        wanted = self.bounded(supply, requests)
        low, high = self.const(-math.inf), self.const(math.inf)
        for corner in corners:
            total = self.total(curves, corner)
            enough = self.add("ge", total, wanted)
            low = self.add("select", enough, self.add("max", low, corner), low)
            short = self.add("le", total, wanted)
            high = self.add("select", short, self.add("min", high, corner), high)
        return self.between(curves, low, high, wanted)

    def total(self, curves: Sequence[Curve], price: int) -> int:
        return self.lowering.fold("add", [curve(price) for curve in curves])

    def between(self, curves: Sequence[Curve], low: int, high: int, wanted: int) -> int:
        """The share at the price that meets the supply, on a straight line between two prices."""
        most, least = self.total(curves, low), self.total(curves, high)
        own = curves[self.place]
        part = self.add("div", self.add("sub", most, wanted), self.add("sub", most, least))
        way = self.add("select", self.add("gt", most, least), part, self.const(0.0))
        change = self.add("sub", own(high), own(low))
        return self.add("add", own(low), self.add("mul", way, change))

    # -- ALLOCATE AVAILABLE ---------------------------------------------------------------------

    def available(self) -> int:
        """Curves of any shape; the price is found by halving."""
        request, profile, supply = self.node.arguments
        requests = self.each(request)
        if not isinstance(profile, Name) or not profile.subscripts:
            raise LoweringFault(profile, "subscripts", "the priority profile must be a variable")
        kinds = [self.kind(profile, element) for element in self.elements]
        if set(kinds) == {0}:
            return self.in_proportion(requests, supply)
        if 0 in kinds:
            raise LoweringFault(
                profile, "unsupported", "a profile of type 0 beside other types is not supported",
                "types 1 to 4 may be mixed",
            )  # fmt: skip
        priorities = [self.attribute(profile, element, 1) for element in self.elements]
        widths = [
            self.add("max", self.const(_NARROWEST), self.attribute(profile, element, 2))
            for element in self.elements
        ]
        parts = list(zip(kinds, requests, priorities, widths, strict=True))
        curves = [self.curve(*part) for part in parts]
        reach = [self.add("mul", self.const(_REACH.get(kind, 0.5)), w) for kind, _, _, w in parts]
        low = self.lowering.fold("min", [self.add("sub", p, r) for p, r in self.both(
            priorities, reach)])  # fmt: skip
        high = self.lowering.fold("max", [self.add("add", p, r) for p, r in self.both(
            priorities, reach)])  # fmt: skip
        wanted = self.bounded(supply, requests)
        for _ in range(_HALVINGS):
            middle = self.add("mul", self.const(0.5), self.add("add", low, high))
            enough = self.add("ge", self.total(curves, middle), wanted)
            low = self.add("select", enough, middle, low)
            high = self.add("select", enough, high, middle)
        return self.between(curves, low, high, wanted)

    def in_proportion(self, requests: Sequence[int], supply: Expression) -> int:
        """Fixed quantities have no priority: all get the same share (Vensim's published output)."""
        total = self.lowering.fold("add", requests)
        share = self.add("div", self.bounded(supply, requests), total)
        asked = self.add("gt", total, self.const(0.0))
        own = self.add("mul", requests[self.place], share)
        return self.add("select", asked, own, self.const(0.0))

    def kind(self, profile: Name, element: str) -> int:
        """The shape of a request's curve, which shapes the statements and so is fixed."""
        statement = self.attribute(profile, element, 0)
        value = self.lowering.fixed_number(statement, self.node.name)
        if value not in (0, 1, 2, 3, 4):
            raise LoweringFault(
                profile, "unsupported", f"the priority profile of type {value} is not supported",
                "types 0 to 4 (fixed, rectangular, triangular, normal, exponential) are",
            )  # fmt: skip
        return int(value)

    def attribute(self, profile: Name, element: str, index: int) -> int:
        """Type (0), priority (1) or width (2) of a request's profile."""
        last = profile.subscripts[-1]
        attributes = self.ranges.elements(self.last_attribute(profile))
        spelled = replace(last, name=self.ranges.spelled(attributes[index]), reduced=False)
        reference = replace(profile, subscripts=(*profile.subscripts[:-1], spelled))
        mode = "initial" if index == 0 else self.context.mode
        inner = replace(self.over(self.range, element), mode=mode)
        return self.lowering.expression(reference, inner)

    def last_attribute(self, profile: Name) -> str:
        """The range of the four attributes, whichever of its elements is written."""
        name = profile.subscripts[-1].name.lower()
        ranges = self.ranges
        found = name if name in ranges else ranges.home.get(name, "")
        if len(ranges.elements(found)) < 3:
            raise LoweringFault(
                profile, "subscripts", "the last subscript of the profile must have the elements "
                "ptype, ppriority, pwidth, pextra",
            )  # fmt: skip
        return found
