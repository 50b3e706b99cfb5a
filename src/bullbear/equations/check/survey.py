"""All faults of resolving, several in one equation too, and what was read with which function."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from bullbear.equations.context import Context, LoweringFault
from bullbear.equations.expressions import Call, Expression, Name
from bullbear.equations.functions import FUNCTIONS
from bullbear.equations.lowering import Lowering
from bullbear.equations.names import canonical
from bullbear.equations.printers.python import PythonCode
from bullbear.equations.program import Level, LookupTable, Program
from bullbear.equations.source import Source
from bullbear.equations.system import System, Variable
from bullbear.errors import DataError, Finding, did_you_mean

_BLANKS = r"(?:[\s_\\]|\{[^}]*\})+"
_SAMPLES = 17  # times of a run at which what time decides is looked at


@dataclass(frozen=True)
class Place:
    """A part of an equation that a check may point at."""

    source: Source
    node: Expression

    def finding(self, code: str, message: str, hint: str, severity: str) -> Finding:
        return self.source.finding(self.node.span.start, code, message, hint, severity)


@dataclass(frozen=True)
class Lookup:
    """A lookup that is read somewhere: its statement, and the place of its argument."""

    name: str
    place: Place


@dataclass(frozen=True)
class Delay:
    """A call with memory: the statement of its time, and how many stages share that time."""

    function: str
    time: int
    order: int
    place: Place


class Survey(Lowering):
    """Resolves a system and goes on after a fault, with not-a-number in its place."""

    def __init__(self, system: System) -> None:
        super().__init__(system)
        self.lookups: dict[int, Lookup] = {}
        self.delays: list[Delay] = []
        self._silent = {
            key
            for key, variable in system.variables.items()
            if variable.kind == "lookup" and any(e.expression is None for e in variable.equations)
        }

    @property
    def program(self) -> Program:
        return self.builder.program

    def everything(self) -> None:
        self._read_tables()
        super().everything()
        nothing = self.builder.const(math.nan)
        for state in self.program.states:  # a faulty stock or delay has no rate or beginning
            state.rate = state.rate if state.rate >= 0 else nothing
            state.initial = state.initial if state.initial >= 0 else nothing
            if state.kind == "fixed" and state.delay < 0:
                state.delay = nothing

    def _read_tables(self) -> None:
        """Faults of tables outside are told where the table is named, not where it is read."""
        for key, variable in self.system.variables.items():
            for elements, definition in variable.elements.items():
                node = definition.equation.expression
                if variable.kind != "lookup" or not isinstance(node, Call):
                    continue
                try:
                    self.tables.lookup(variable, elements)
                except DataError as fault:
                    self._silent.add(key)
                    offset = (node.arguments[0] if node.arguments else node).span.start
                    text = f"{fault.message} ({fault.where})" if fault.where else fault.message
                    source = definition.equation.source
                    self._note(source.finding(offset, fault.code, text, fault.hint))

    def expression(self, node: Expression, context: Context) -> int:
        try:
            return super().expression(node, context)
        except LoweringFault as fault:
            told = fault
            if fault.code in ("unknown-name", "unknown-function") and isinstance(node, Name | Call):
                told = self._parted(node, context) or fault
            source = told.source or context.source
            self._note(source.finding(told.offset, told.code, told.message, told.hint))
            return self.builder.const(math.nan)

    def _parted(self, node: Name | Call, context: Context) -> LoweringFault | None:
        """The fault of two known names that no operator parts."""
        words = node.name.split()
        for count in range(len(words) - 1, 0, -1):
            left, right = " ".join(words[:count]), " ".join(words[count:])
            if self._is_known(left) and self._is_known(right):
                fault = LoweringFault(
                    node, "missing-operator",
                    f'no operator stands between "{left}" and "{right}"',
                    "add an operator, or a comma between two arguments",
                )  # fmt: skip
                pattern = _BLANKS.join(map(re.escape, words[:count])) + _BLANKS
                match = re.compile(pattern).match(context.source.text, node.span.start)
                fault.offset = match.end() if match else node.span.start
                return fault
        return None

    def _is_known(self, name: str) -> bool:
        key = canonical(name)
        number = name.replace(".", "", 1).isdecimal()
        return number or key == "time" or key in self.system.variables or key in FUNCTIONS

    def call(self, node: Call, context: Context) -> int:
        key = canonical(node.name)
        function = FUNCTIONS.get(key)
        variable = self.system.variables.get(key)
        try:
            statement = super().call(node, context)
        except LoweringFault as fault:
            if fault.offset != node.span.start:
                raise  # it is one of its arguments that is at fault
            for argument in node.arguments:  # its arguments may be faulty as well
                if function is None or function.kind not in ("external", "lookup"):
                    self.expression(argument, context)
            raise
        if function is not None and function.kind == "memory":
            self._note_delay(node, key, context)
        if self.program.nodes[statement].op == "lookup" and node.arguments:
            name = variable.name if variable else getattr(node.arguments[0], "name", node.name)
            if key == "with lookup":
                name = context.variable.name
            argument = node.arguments[-1 if key != "with lookup" else 0]
            self.lookups.setdefault(statement, Lookup(name, Place(context.source, argument)))
        return statement

    def _lookup_call(self, node: Call, variable: Variable, context: Context) -> int:
        if canonical(variable.name) in self._silent:
            return self.builder.const(math.nan)  # its points are a fault noted already
        return super()._lookup_call(node, variable, context)

    def table_named(self, name: Expression, call: Call, context: Context) -> int:
        key = canonical(getattr(name, "name", ""))
        if key in self._silent:
            return self._empty()
        if isinstance(name, Name) and key not in self.system.variables and context.scope is None:
            lookups = [v.name for v in self.system.variables.values() if v.kind == "lookup"]
            hint = did_you_mean(name.name, lookups)
            fault = LoweringFault(name, "unknown-name", f'no lookup is called "{name.name}"', hint)
            self._note(context.source.finding(fault.offset, fault.code, fault.message, fault.hint))
            return self._empty()
        return super().table_named(name, call, context)

    def _empty(self) -> int:
        """A table in the place of a faulty one."""
        nothing = np.array([0.0])
        self.program.tables.append(LookupTable("", nothing, nothing))
        return len(self.program.tables) - 1

    def _note_delay(self, node: Call, key: str, context: Context) -> None:
        if key == "sample if true":
            return
        order = 3 if key.startswith(("smooth3", "delay3")) else 1
        if key in ("smooth n", "delay n"):
            order = int(getattr(node.arguments[3], "value", 1))
        time = self.expression(node.arguments[1], context)
        place = Place(context.source, node.arguments[1])
        if not any(known.place == place for known in self.delays):
            self.delays.append(Delay(node.name, time, order, place))


@dataclass(frozen=True)
class Sampled:
    """What time alone decides, at times spread over a run.

    `values` holds, for each time, the value of every such statement that was asked for.
    """

    times: tuple[float, ...]
    values: tuple[Mapping[int, float], ...]


def sample(program: Program, wanted: Sequence[int], controls: Mapping[str, float]) -> Sampled:
    """Values of statements that no state decides; others are left out."""
    known = sorted({index for index in wanted if program.levels[index] <= Level.TIME})
    initial, final = controls["initial_time"], controls["final_time"]
    times = tuple(initial + (final - initial) * k / (_SAMPLES - 1) for k in range(_SAMPLES))
    if not known:
        return Sampled(times, tuple({} for _ in times))
    code = PythonCode(program, {"all": known})
    prepared = code.prepare(program.defaults.tolist(), controls)
    states = [math.nan] * len(program.states)
    rows = [prepared.functions["all"](time, time, states) for time in times]
    return Sampled(times, tuple(dict(zip(known, map(float, row), strict=True)) for row in rows))
