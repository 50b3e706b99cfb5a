"""SMOOTH, DELAY, TREND, FORECAST and their kin: functions that carry hidden states.

A material delay of order n keeps stocks (outflow = stock · n / delay time), so that nothing is
lost while the delay time changes; an information delay keeps averages.  Formulas: Sterman 2000,
chapter 11; the discrete forms follow Vensim's reference manual.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from bullbear.equations.context import LoweringFault
from bullbear.equations.expressions import Call, Expression
from bullbear.equations.program import Level, State

if TYPE_CHECKING:
    from bullbear.equations.context import Context
    from bullbear.equations.lowering import Lowering

_HIGHEST_ORDER = 1000
# name -> order; 0 where the fourth argument gives it
_SMOOTHS = {"smooth": 1, "smoothi": 1, "smooth3": 3, "smooth3i": 3, "smooth n": 0}
_DELAYS = {"delay1": 1, "delay1i": 1, "delay3": 3, "delay3i": 3}


def lower(lowering: Lowering, node: Call, key: str, context: Context) -> int:
    """The statement of a function with memory; its states are made on the first visit."""
    if key in _SMOOTHS:
        order = _SMOOTHS[key] or _order(lowering, node, context)
        return _Memory(lowering, node, context).smooth(order)
    if key in _DELAYS:
        return _Memory(lowering, node, context).delay(_DELAYS[key])
    if key == "delay n":
        return _Memory(lowering, node, context).delay_n(_order(lowering, node, context))
    methods: dict[str, Callable[[_Memory], int]] = {
        "trend": _Memory.trend,
        "forecast": _Memory.forecast,
        "delay fixed": _Memory.delay_fixed,
        "delay material": _Memory.delay_material,
        "sample if true": _Memory.sample,
    }
    return methods[key](_Memory(lowering, node, context))


def _order(lowering: Lowering, node: Call, context: Context) -> int:
    """How many stages a SMOOTH N or DELAY N has.

    The order is worked out at the start, as Vensim does it, and then fixed, because
    it shapes the model.
    """
    written = node.arguments[3]
    start = lowering.expression(written, replace(context, mode="initial"))
    value = lowering.fixed_number(start, node.name)
    if value is None or not 1 <= value <= _HIGHEST_ORDER or value != int(value):
        raise LoweringFault(
            written, "order", f"the order of {node.name} must be a whole number from 1 to "
            f"{_HIGHEST_ORDER}",
        )  # fmt: skip
    return int(value)


class _Memory:
    """One call with memory, for one element."""

    def __init__(self, lowering: Lowering, node: Call, context: Context) -> None:
        self.lowering, self.node, self.context = lowering, node, context
        self.add, self.const = lowering.builder.add, lowering.builder.const

    def now(self, node: Expression) -> int:
        return self.lowering.expression(node, self.context)

    def start(self, node: Expression) -> int:
        return self.lowering.expression(node, replace(self.context, mode="initial"))

    @property
    def starting(self) -> bool:
        return self.context.mode == "initial"

    def states(self, count: int, kind: str = "stock") -> tuple[list[int], bool]:
        """State leaves of this call, and whether they are new."""
        memory = self.lowering.memory_of(self.node, self.context)
        fresh = not memory
        if fresh:
            # counted, not placed: a hash of the model must not change with a comment
            number = self.lowering.memories_in(self.context.name)
            for stage in range(count):
                name = f"{self.context.name}#{self.node.name}{number}.{stage + 1}"
                memory.append(self.lowering.new_state(State(name, kind, hidden=True)))
        return [self.add("state", data=index) for index in memory], fresh

    def state(self, leaf: int) -> State:
        index = self.lowering.builder.program.nodes[leaf].data
        return self.lowering.builder.program.states[index]  # type: ignore[index]

    def later(self, finish: Callable[[_Memory], None]) -> None:
        """Fill in rates after all variables have statements: a loop through memory is no cycle."""
        running = _Memory(self.lowering, self.node, replace(self.context, mode="run"))
        self.lowering.defer(self.context, lambda: finish(running))

    # -- averages -------------------------------------------------------------------------------

    def smooth(self, order: int) -> int:
        source, time, *rest = self.node.arguments
        if self.starting:
            return self.start(rest[0] if rest else source)
        leaves, fresh = self.states(order)

        def finish(memory: _Memory) -> None:
            begin = memory.start(rest[0] if rest else source)
            stage_time = memory.stage(memory.now(time), order)
            entering = memory.now(source)
            for leaf in leaves:
                state = memory.state(leaf)
                state.rate = memory.add("div", memory.add("sub", entering, leaf), stage_time)
                state.initial = begin
                entering = leaf

        if fresh:
            self.later(finish)
        return leaves[-1]

    def stage(self, time: int, order: int) -> int:
        return time if order == 1 else self.add("div", time, self.const(float(order)))

    # -- material delays ------------------------------------------------------------------------

    def delay(self, order: int) -> int:
        source, time, *rest = self.node.arguments
        if self.starting:
            return self.start(rest[0] if rest else source)
        leaves, fresh = self.states(order)

        def finish(memory: _Memory) -> None:
            begin_time = memory.stage(memory.start(time), order)
            begin = memory.add("mul", memory.start(rest[0] if rest else source), begin_time)
            stage_time = memory.stage(memory.now(time), order)
            entering = memory.now(source)
            for leaf in leaves:
                leaving = memory.add("div", leaf, stage_time)
                state = memory.state(leaf)
                state.rate = memory.add("sub", entering, leaving)
                state.initial = begin
                entering = leaving

        if fresh:
            self.later(finish)
        return self.add("div", leaves[-1], self.stage(self.now(time), order))

    def delay_n(self, order: int) -> int:
        """DELAY N(x, T, initial, n): as a chain of DELAY1, but T moves along with the material.

        The first stage empties at the delay time of now, the second at that of a step before, and
        so on; so a change of T reaches the outflow n - 1 steps later (Vensim's published output).
        """
        source, time, initial, _ = self.node.arguments
        if self.starting:
            return self.start(initial)
        stage_time = self.stage(self.now(time), order)
        if self.lowering.builder.level(stage_time) <= Level.DRAW or order == 1:
            return self.delay(order)
        leaves, fresh = self.states(2 * order - 1)
        stocks, lagging = leaves[:order], leaves[order:]
        for leaf in lagging:
            self.state(leaf).kind = "sample"
        times = [stage_time, *lagging]

        def finish(memory: _Memory) -> None:
            begin_time = memory.stage(memory.start(time), order)
            begin = memory.add("mul", memory.start(initial), begin_time)
            entering = memory.now(source)
            now = memory.stage(memory.now(time), order)
            for leaf, own_time in zip(stocks, [now, *lagging], strict=True):
                leaving = memory.add("div", leaf, own_time)
                memory.state(leaf).rate = memory.add("sub", entering, leaving)
                memory.state(leaf).initial = begin
                entering = leaving
            for leaf, before in zip(lagging, [now, *lagging[:-1]], strict=True):
                memory.state(leaf).rate, memory.state(leaf).initial = before, begin_time

        if fresh:
            self.later(finish)
        return self.add("div", stocks[-1], times[-1])

    # -- trends ---------------------------------------------------------------------------------

    def trend(self) -> int:
        """TREND(x, T, initial): fractional change of x a time unit, against its average."""
        source, time, initial = self.node.arguments
        if self.starting:
            return self.start(initial)
        value, period = self.now(source), self.now(time)
        average = self._average(source, time, lambda m: m.discounted(source, time, initial))
        return self.add(
            "div",
            self.add("sub", value, average),
            self.add("mul", period, self.add("abs", average)),
        )

    def discounted(self, source: Expression, time: Expression, initial: Expression) -> int:
        growth = self.add("mul", self.start(initial), self.start(time))
        return self.add("div", self.start(source), self.add("add", self.const(1.0), growth))

    def forecast(self) -> int:
        """FORECAST(x, T, horizon): x extrapolated by its trend."""
        source, time, horizon = self.node.arguments
        if self.starting:
            return self.start(source)
        value, period, ahead = self.now(source), self.now(time), self.now(horizon)
        average = self._average(source, time, lambda m: m.start(source))
        slope = self.add("div", self.add("sub", self.add("div", value, average), self.const(1.0)),
                         period)  # fmt: skip
        growth = self.add("add", self.const(1.0), self.add("mul", slope, ahead))
        return self.add("mul", value, growth)

    def _average(
        self, source: Expression, time: Expression, begin: Callable[[_Memory], int]
    ) -> int:
        leaves, fresh = self.states(1)

        def finish(memory: _Memory) -> None:
            state = memory.state(leaves[0])
            gap = memory.add("sub", memory.now(source), leaves[0])
            state.rate = memory.add("div", gap, memory.now(time))
            state.initial = begin(memory)

        if fresh:
            self.later(finish)
        return leaves[0]

    # -- discrete states ------------------------------------------------------------------------

    def delay_fixed(self) -> int:
        """DELAY FIXED(x, T, initial): what entered T ago, exactly."""
        source, time, initial, *_ = self.node.arguments
        if self.starting:
            return self.start(initial)
        leaves, fresh = self.states(1, "fixed")

        def finish(memory: _Memory) -> None:
            state = memory.state(leaves[0])
            state.rate = memory.now(source)
            state.delay = memory.start(time)
            state.initial = memory.start(initial)

        if fresh:
            self.later(finish)
        return leaves[0]

    def delay_material(self) -> int:
        """DELAY MATERIAL(x, T, initial, missing): each bit stays T, as long as T does not change.

        A time that changes would part or pile up what is under way; that is refused.
        """
        _, time, *_ = self.node.arguments
        if self.lowering.builder.level(self.now(time)) > Level.DRAW:
            raise LoweringFault(
                time, "unsupported", "DELAY MATERIAL is supported with a constant delay time only",
                "use DELAY3 or DELAY FIXED, or make the time a constant",
            )  # fmt: skip
        return self.delay_fixed()

    def sample(self) -> int:
        """SAMPLE IF TRUE(condition, x, initial): x while the condition holds, else the last x."""
        condition, source, initial = self.node.arguments
        if self.starting:
            return self.add("select", self.start(condition), self.start(source),
                            self.start(initial))  # fmt: skip
        leaves, fresh = self.states(1, "sample")
        held = self.add("select", self.now(condition), self.now(source), leaves[0])

        def finish(memory: _Memory) -> None:
            state = memory.state(leaves[0])
            state.rate = memory.add("select", memory.now(condition), memory.now(source), leaves[0])
            state.initial = memory.start(initial)

        if fresh:
            self.later(finish)
        return held
