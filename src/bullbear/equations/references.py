"""Names in an expression: which statement a reference means where it stands."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

from bullbear.equations.context import INITIAL, RUN, Context, LoweringFault, Scope
from bullbear.equations.expressions import Call, Expression, Name, Subscript
from bullbear.equations.names import canonical
from bullbear.equations.program import Builder, Level
from bullbear.equations.system import CONTROL_NAMES, System, Variable
from bullbear.equations.tables import Tables
from bullbear.errors import did_you_mean


class References(ABC):
    """What every part of the lowering has, and the meaning of names."""

    system: System
    builder: Builder
    tables: Tables

    @abstractmethod
    def expression(self, node: Expression, context: Context) -> int:
        """The statement of an expression."""

    @abstractmethod
    def value(self, key: str, elements: tuple[str, ...], mode: str) -> int:
        """The statement of a variable's element in a mode."""

    @abstractmethod
    def scope_value(self, scope: Scope, key: str, mode: str) -> int:
        """The statement of a variable of a macro's body."""

    # -- names ----------------------------------------------------------------------------------

    def name(self, node: Name, context: Context) -> int:
        """The statement of a variable, of time, or of a subscript that stands for its position."""
        key = canonical(node.name)
        if context.scope is not None:
            return self._name_in_macro(node, key, context.scope, context)
        if key == "time":
            return self.time(context)
        if key in CONTROL_NAMES:  # it may stand in the model file instead of the equations
            return self.value(key, (), context.mode)
        variable = self.system.variables.get(key)
        if variable is None:
            return self._subscript_value(node, key, context)
        if variable.kind == "lookup":
            raise LoweringFault(
                node, "lookup", f'"{variable.name}" is a lookup and needs an argument',
                f"write {variable.name}(x)",
            )  # fmt: skip
        elements = self.indices(node, variable, context)
        return self.value(key, elements, context.mode)

    def _name_in_macro(self, node: Name, key: str, scope: Scope, context: Context) -> int:
        mode = context.mode
        if key in scope.arguments:
            argument, outer = scope.arguments[key]
            with _told_at(outer):
                return self.expression(argument, replace(outer, mode=mode))
        if key in scope.variables and not node.subscripts:
            return self.scope_value(scope, key, mode)
        if key == "time":
            return self.time(context)
        bare = key.rstrip("$")
        if bare in CONTROL_NAMES or (key != bare and bare in self.system.variables):
            return self.value(bare, (), mode)
        hint = did_you_mean(node.name, [*scope.macro.inputs, *scope.variables])
        raise LoweringFault(
            node, "unknown-name", f'nothing in the macro "{scope.macro.name}" is called '
            f'"{node.name}"', hint or "a macro sees its inputs and its own variables only",
        )  # fmt: skip

    def time(self, context: Context) -> int:
        """Time as the mode reads it."""
        if context.mode == INITIAL:
            return self.builder.add("control", data="initial_time")
        return self.builder.add("time" if context.mode == RUN else "held")

    def _subscript_value(self, node: Name, key: str, context: Context) -> int:
        """A range or an element standing as a number: its position, from 1."""
        if node.subscripts and (key in self.system.ranges or self.system.ranges.is_element(key)):
            raise LoweringFault(
                node, "subscripts", f'"{node.name}" is a subscript and has none itself',
                "is a part of a variable's name missing before the bracket?",
            )  # fmt: skip
        ranges = self.system.ranges
        element = context.bound.get(key) if key in ranges else key
        # an element counts within the whole range that it belongs to, a subrange's too
        home = ranges.home.get(element or "")
        if element is not None and home is not None and element in ranges.elements(home):
            return self.builder.const(1.0 + ranges.elements(home).index(element))
        hint = did_you_mean(node.name, [*self.system.known_names(), "Time"])
        raise LoweringFault(node, "unknown-name", f'no variable is called "{node.name}"', hint)

    def indices(self, node: Name | Call, variable: Variable, context: Context) -> tuple[str, ...]:
        """The element that a reference means where it stands."""
        if len(node.subscripts) != len(variable.dimensions):
            wanted = ", ".join(map(self.system.ranges.spelled, variable.dimensions)) or "none"
            raise LoweringFault(
                node, "subscripts",
                f'"{variable.name}" has {len(variable.dimensions)} subscripts, '
                f"{len(node.subscripts)} are given", f"its subscripts are: {wanted}",
            )  # fmt: skip
        elements = tuple(self._index(s, context) for s in node.subscripts)
        if elements not in variable.elements:
            spelled = ",".join(map(self.system.ranges.spelled, elements))
            raise LoweringFault(
                node, "subscripts", f'"{variable.name}" has no element [{spelled}]',
                f"it is defined at {variable.where}",
            )  # fmt: skip
        return elements

    def _index(self, subscript: Subscript, context: Context) -> str:
        key = canonical(subscript.name)
        ranges = self.system.ranges
        if subscript.reduced:
            if key + "!" in context.bound:
                return context.bound[key + "!"]
            raise LoweringFault(
                subscript, "subscripts", f'"{subscript.name}!" stands outside SUM and its kin'
            )
        if key not in ranges:
            if ranges.is_element(key):
                return key
            hint = did_you_mean(subscript.name, ranges.spelling.values())
            raise LoweringFault(
                subscript, "unknown-subscript", f'no subscript is called "{subscript.name}"', hint
            )
        plain = {k: v for k, v in context.bound.items() if not k.endswith("!")}
        element = ranges.follow(key, plain)
        if element is None:
            raise LoweringFault(
                subscript, "subscripts",
                f'"{subscript.name}" stands on the right side only',
                f'put it on the left side, or write "{subscript.name}!" inside SUM',
            )  # fmt: skip
        return element

    def timed(self, statements: tuple[int, ...]) -> bool:
        """Whether time decides the statements and no state does."""
        return max(map(self.builder.level, statements)) == Level.TIME

    def fold(self, op: str, values: Sequence[int]) -> int:
        """All values under one operation of two arguments, from the left."""
        total = values[0]
        for value in values[1:]:
            total = self.builder.add(op, total, value)
        return total


@contextmanager
def _told_at(outer: Context) -> Iterator[None]:
    """A fault in an argument of a macro stands where the macro is called."""
    try:
        yield
    except LoweringFault as fault:
        fault.source = fault.source or outer.source
        raise
