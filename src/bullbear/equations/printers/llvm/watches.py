"""What is watched while a group of draws runs: events, and stocks that must not go below zero."""

from __future__ import annotations

import math

from bullbear.equations.printers.llvm.ir import Body, Shape, Vector
from bullbear.equations.printers.llvm.module import Layout


class Watches:
    """Writes the part of the loop that watches; its memory is in the first slots of `b`."""

    def __init__(self, layout: Layout, shape: Shape) -> None:
        self.layout, self.shape = layout, shape
        self.count = len(layout.program.states)
        watches, stocks = len(layout.watched), len(layout.stocks)
        self.begun, self.event, self.before = (k * watches for k in range(3))
        self.low = 3 * watches
        self.high = self.low + stocks
        self.behind = self.high + stocks

    def forget(self, body: Body, a: dict[str, str]) -> None:
        """Nothing has been seen yet."""
        for watch in range(len(self.layout.watched)):
            for slot in (self.begun, self.event, self.before):
                body.store(body.constant(math.nan), a["b"], slot + watch)
        for stock in range(len(self.layout.stocks)):
            body.store(body.constant(math.inf), a["b"], self.low + stock)
            body.store(body.constant(-math.inf), a["b"], self.high + stock)

    def watch(self, body: Body, a: dict[str, str], t: str) -> None:
        """As `models/events.py` locates events: on straight lines between the steps."""
        if not self.layout.watched:
            return
        back = body.set("sub i64 %k, 1")
        previous = time_at(body, a, back)
        now, then = body.splat(t), body.splat(previous)
        first = body.set("icmp eq i64 %k, 0")
        for watch in range(len(self.layout.watched)):
            level, sign, lasting = (self._setting(body, a, 3 * watch + i) for i in range(3))
            gap = sign * (body.load(a["r"], self.count + watch) - level)
            before = body.load(a["b"], self.before + watch)
            begun = body.load(a["b"], self.begun + watch)
            event = body.load(a["b"], self.event + watch)
            line = then + before / (before - gap) * (now - then)
            crossing = Vector(body, body.set(
                f"select i1 {first}, {self.shape.vector} {now.name}, "
                f"{self.shape.vector} {line.name}"
            ))  # fmt: skip
            holds, held = gap.lt(0.0), before.lt(0.0)
            fresh = body.compare("uno", event, event)
            lasted = (crossing - begun).ge(lasting)
            ended = held & ~holds & lasted & fresh
            body.store(ended.select(begun, event), a["b"], self.event + watch)
            body.store((holds & ~held).select(crossing, begun), a["b"], self.begun + watch)
            body.store(gap, a["b"], self.before + watch)

    def _setting(self, body: Body, a: dict[str, str], index: int) -> Vector:
        place = word(body, a["watches"], "0", index)
        return body.splat(body.set(f"load double, ptr {place}"))

    def guard(self, body: Body, a: dict[str, str]) -> None:
        """The smallest and largest of the guarded stocks so far."""
        for stock, position in enumerate(self.layout.stocks):
            value = body.load(a["s"], position)
            low, high = body.load(a["b"], self.low + stock), body.load(a["b"], self.high + stock)
            body.store(value.lt(low).select(value, low), a["b"], self.low + stock)
            body.store(value.gt(high).select(value, high), a["b"], self.high + stock)

    def judge(self, body: Body, a: dict[str, str], t: str) -> None:
        """Events that still last, and what became of the draws."""
        watches = len(self.layout.watched)
        start = body.set(f"mul i64 %g, {watches + 2}")
        found = body.set(f"getelementptr {self.shape.vector}, ptr {a['found']}, i64 {start}")
        for watch in range(watches):
            lasting = self._setting(body, a, 3 * watch + 2)
            before, begun, event = (
                body.load(a["b"], slot + watch) for slot in (self.before, self.begun, self.event)
            )
            lasts = before.lt(0.0) & (body.splat(t) - begun).ge(lasting)
            lasts = lasts & body.compare("uno", event, event)
            body.store(lasts.select(begun, event), found, watch)
        finite, fell = body.constant(1.0), body.constant(0.0)
        for position in range(self.count):
            value = body.load(a["s"], position)
            finite = value.call("fabs").lt(math.inf).select(finite, 0.0)
        rounding = body.set(f"load double, ptr {a['rounding']}")
        for stock in range(len(self.layout.stocks)):
            low, high = body.load(a["b"], self.low + stock), body.load(a["b"], self.high + stock)
            one, other = low.call("fabs"), high.call("fabs")
            largest = one.gt(other).select(one, other)
            fell = low.lt(-(body.splat(rounding) * largest)).select(1.0, fell)
        body.store(finite, found, watches)
        body.store(fell, found, watches + 1)


def word(body: Body, base: str, index: str, extra: int) -> str:
    """A pointer to the double at `index + extra`."""
    at = body.set(f"add i64 {index}, {extra}")
    return body.set(f"getelementptr double, ptr {base}, i64 {at}")


def time_at(body: Body, a: dict[str, str], step: str) -> str:
    """initial + step · dt, as the time grid says it."""
    number = body.set(f"sitofp i64 {step} to double")
    since = body.set(f"fmul double {number}, {a['dt']}")
    return body.set(f"fadd double {a['initial']}, {since}")
