"""Random functions: distributions made of the uniform numbers of a stream.

Source: Vensim Reference Manual, "Random number functions".  The numbers are not Vensim's, whose
generator is not published; their distributions are.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from bullbear.equations.context import Context, LoweringFault
from bullbear.equations.distributions import normal_quantile, normal_tail
from bullbear.equations.expressions import Call
from bullbear.equations.streams import stream_of

if TYPE_CHECKING:
    from bullbear.equations.lowering import Lowering


def lower(lowering: Lowering, node: Call, key: str, context: Context) -> int:
    """The statement of a random function; its seed argument has no meaning here."""
    draw = _Draw(lowering, node, context)
    methods: dict[str, Callable[[_Draw], int]] = {
        "random 0 1": _Draw.plain,
        "random uniform": _Draw.uniform,
        "random normal": _Draw.normal,
        "random exponential": _Draw.exponential,
        "random triangular": _Draw.triangular,
    }
    if key not in methods:
        raise LoweringFault(node, "unsupported", f"{node.name} is not supported")
    return methods[key](draw)


class _Draw:
    def __init__(self, lowering: Lowering, node: Call, context: Context) -> None:
        self.add, self.const = lowering.builder.add, lowering.builder.const
        self.builder = lowering.builder
        self.values = [lowering.expression(argument, context) for argument in node.arguments]
        number = lowering.random_call(context, node.span.start)
        op = "random_start" if context.mode == "initial" else "random"
        self.u = self.add(op, data=stream_of(context.name, number))

    def plain(self) -> int:
        return self.u

    def uniform(self) -> int:
        low, high = self.values[:2]
        return self.add("add", low, self.add("mul", self.u, self.add("sub", high, low)))

    def normal(self) -> int:
        """RANDOM NORMAL(min, max, mean, sd, seed): cut off at both ends, not piled up there."""
        low, high, mean, deviation = self.values[:4]
        ends = [
            normal_tail(self.builder, self.add("div", self.add("sub", mean, end), deviation))
            for end in (low, high)
        ]
        share = self.add("mul", self.u, self.add("sub", ends[1], ends[0]))
        z = normal_quantile(self.builder, self.add("add", ends[0], share))
        found = self.add("add", mean, self.add("mul", deviation, z))
        return self.within(found, low, high)

    def exponential(self) -> int:
        """RANDOM EXPONENTIAL(min, max, shift, stretch, seed)."""
        low, high, shift, stretch = self.values[:4]
        ends = [
            self.add("exp", self.add("neg", self.add("max", self.const(0.0), self.add(
                "div", self.add("sub", end, shift), stretch))))
            for end in (low, high)
        ]  # fmt: skip
        gap = self.add("sub", ends[0], ends[1])
        survival = self.add("sub", ends[0], self.add("mul", self.u, gap))
        size = self.add("neg", self.add("ln", survival))
        return self.within(self.add("add", shift, self.add("mul", stretch, size)), low, high)

    def triangular(self) -> int:
        """RANDOM TRIANGULAR(min, max, start, peak, stop, seed), for min and max outside."""
        low, high, start, peak, stop = self.values[:5]
        whole, rising = self.add("sub", stop, start), self.add("sub", peak, start)
        share = self.add("div", rising, whole)
        up = self.add("sqrt", self.add("mul", self.u, self.add("mul", whole, rising)))
        rest = self.add("mul", whole, self.add("sub", stop, peak))
        left = self.add("sub", self.const(1.0), self.u)
        down = self.add("sqrt", self.add("mul", left, rest))
        found = self.add("select", self.add("lt", self.u, share), self.add("add", start, up),
                         self.add("sub", stop, down))  # fmt: skip
        return self.within(found, low, high)

    def within(self, value: int, low: int, high: int) -> int:
        return self.add("max", low, self.add("min", high, value))
