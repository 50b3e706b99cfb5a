"""From resolved equations to the statement list.

Every variable's element becomes a statement.  Three modes say how time and states are read:
`run` inside the run, `held` with time at the start of the step (what decides events), `initial`
for initial values, where a stock stands for its own initial value.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from itertools import product

from bullbear.equations import events, memory
from bullbear.equations.expressions import (
    Array,
    Binary,
    Call,
    Expression,
    Missing,
    Name,
    Number,
    Subscript,
    Table,
    Text,
    Unary,
    children,
)
from bullbear.equations.functions import FUNCTIONS, Function
from bullbear.equations.names import canonical, element_name
from bullbear.equations.program import Builder, Level, Parameter, Program, State, evaluate
from bullbear.equations.scalar import MISSING
from bullbear.equations.source import Source
from bullbear.equations.system import CONTROL_NAMES, Definition, System, Variable, equation_kind
from bullbear.equations.tables import Tables
from bullbear.errors import DataError, EquationError, Finding, did_you_mean

RUN, HELD, INITIAL = "run", "held", "initial"
_BINARY = {
    "+": "add", "-": "sub", "*": "mul", "/": "div", "^": "pow", "=": "eq", "<>": "ne",
    "<": "lt", "<=": "le", ">": "gt", ">=": "ge", ":AND:": "and", ":OR:": "or",
}  # fmt: skip
_COMPARISON = frozenset({"=", "<>", "<", "<=", ">", ">="})
_SIMPLE = {
    "abs": "abs", "exp": "exp", "ln": "ln", "sqrt": "sqrt", "sin": "sin", "cos": "cos",
    "tan": "tan", "arcsin": "arcsin", "arccos": "arccos", "arctan": "arctan", "sinh": "sinh",
    "cosh": "cosh", "tanh": "tanh", "integer": "integer", "modulo": "modulo", "power": "pow",
}  # fmt: skip
_FOLDED = {"sum": "add", "prod": "mul", "vmin": "min", "vmax": "max", "min": "min", "max": "max"}
_NEARLY_ZERO = 1e-6  # below which ZIDZ and XIDZ take a divisor for zero (Vensim's manual)

Key = tuple[str, tuple[str, ...], str]


class LoweringFault(Exception):
    """A fault at one place of an equation; becomes a finding."""

    def __init__(self, node: Expression | Subscript, code: str, message: str, hint: str = ""):
        super().__init__(message)
        self.offset, self.code, self.message, self.hint = node.span.start, code, message, hint


@dataclass(frozen=True)
class Context:
    """Where an expression stands: its equation, the subscripts bound there, and the mode."""

    variable: Variable
    definition: Definition
    bound: dict[str, str]
    mode: str
    name: str  # the element's full name

    @property
    def source(self) -> Source:
        return self.definition.equation.source


def compile_system(system: System) -> Program:
    """The statement list of a system.

    Raises
    ------
    EquationError
        With all findings, those of reading included.
    """
    program, findings = lower(system)
    errors = [f for f in [*system.findings, *findings] if f.severity == "error"]
    if errors:
        raise EquationError.from_findings(errors)
    return program


def lower(system: System) -> tuple[Program, list[Finding]]:
    """The statement list as far as it can be made, and every fault met on the way."""
    lowering = Lowering(system)
    lowering.everything()
    return lowering.builder.program, lowering.findings


class Lowering:
    """One pass over a system; remembers every statement by element and mode."""

    def __init__(self, system: System) -> None:
        self.system = system
        self.builder = Builder()
        self.tables = Tables(system, self.builder.program)
        self.findings: list[Finding] = []
        self._done: dict[Key, int] = {}
        self._active: list[Key] = []
        self._parameters: dict[tuple[str, str], int] = {}
        self._states: dict[tuple[str, tuple[str, ...]], int] = {}
        self._memories: dict[tuple[str, int, tuple[tuple[str, str], ...]], list[int]] = {}
        self._pending: list[tuple[Context, Callable[[], None]]] = []

    # -- the whole model ------------------------------------------------------------------------

    def everything(self) -> None:
        with _deep_recursion():
            program = self.builder.program
            for key, elements, name in self._all_elements():
                variable = self.system.variables[key]
                if variable.kind == "stock":
                    self.stock_state(variable, elements, name)
            for key, elements, name in self._all_elements():
                program.outputs[name] = self.value(key, elements, RUN)
            while self._pending:
                context, finish = self._pending.pop(0)
                with self.guarded(context):
                    finish()
            for key, control in CONTROL_NAMES.items():
                if key in self.system.variables:
                    program.controls[control] = self.value(key, (), INITIAL, spelled_out=True)

    def _all_elements(self) -> Iterator[tuple[str, tuple[str, ...], str]]:
        for key, variable in self.system.variables.items():
            if variable.kind != "lookup":
                for elements, name in self.system.element_names(variable):
                    yield key, elements, name

    def defer(self, context: Context, finish: Callable[[], None]) -> None:
        """Do something once every variable has a statement."""
        self._pending.append((context, finish))

    def memory_of(self, node: Call, context: Context) -> list[int]:
        """Indices of the states of one call with memory; empty before they are made."""
        place = (context.name, node.span.start, tuple(sorted(context.bound.items())))
        return self._memories.setdefault(place, [])

    def memories_in(self, name: str) -> int:
        """How many calls with memory an element's equation has so far."""
        return sum(1 for place in self._memories if place[0] == name)

    # -- one element of a variable --------------------------------------------------------------

    def value(
        self, key: str, elements: tuple[str, ...], mode: str, *, spelled_out: bool = False
    ) -> int:
        """The statement of a variable's element in a mode.

        A control variable (TIME STEP and its kin) is read from the run, not from its equation,
        unless `spelled_out`.
        """
        if key in CONTROL_NAMES and not spelled_out:
            return self.builder.add("control", data=CONTROL_NAMES[key])
        memo: Key = (key, elements, mode)
        if memo not in self._done:
            if memo in self._active:
                self._report_cycle(memo)
                return self.builder.const(float("nan"))
            self._active.append(memo)
            self._done[memo] = self._define(key, elements, mode)
            self._active.pop()
        return self._done[memo]

    def _define(self, key: str, elements: tuple[str, ...], mode: str) -> int:
        variable = self.system.variables[key]
        definition = variable.elements[elements]
        spelled = tuple(map(self.system.ranges.spelled, elements))
        name = element_name(variable.name, spelled)
        context = Context(variable, definition, dict(definition.bound), mode, name)
        node = definition.equation.expression
        found = self.builder.const(float("nan"))  # stays where the equation has a fault
        with self.guarded(context):
            if equation_kind(definition.equation) == "data":
                found = self._data(context, elements)
            elif isinstance(node, Call) and canonical(node.name) == "integ":
                found = self._stock(context, elements, node)
            elif node is not None:
                constant = self._constant(context, node)
                found = self.expression(node, context) if constant is None else constant
        return found

    def _constant(self, context: Context, node: Expression) -> int | None:
        """The parameter of an element whose equation is a number, else None."""
        if isinstance(node, Array):
            number: float | None = self._array_item(node, context.definition.position)
        elif isinstance(node, Call) and FUNCTIONS.get(canonical(node.name), _NONE).kind == (
            "external"
        ):
            number = self.tables.constant(node, context.definition)
        else:
            number = _number(node)
        return None if number is None else self.parameter(context.name, number, "constant")

    def _array_item(self, node: Array, position: tuple[int, ...]) -> float:
        rows = node.rows
        try:
            if len(rows) == 1 and len(position) == 1:
                return rows[0][position[0]]
            if len(position) == 1:
                return [v for row in rows for v in row][position[0]]
            return rows[position[-2]][position[-1]]
        except IndexError:
            count = sum(map(len, rows))
            raise LoweringFault(
                node, "array", f"the array has {count} numbers, fewer than there are elements",
                "give one number per element, rows ended by ;",
            ) from None  # fmt: skip

    def parameter(self, name: str, value: float, role: str) -> int:
        program = self.builder.program
        if (name, role) not in self._parameters:
            self._parameters[name, role] = len(program.parameters)
            program.parameters.append(Parameter(name, value, role))
        return self.builder.add("param", data=self._parameters[name, role])

    # -- stocks ---------------------------------------------------------------------------------

    def stock_state(self, variable: Variable, elements: tuple[str, ...], name: str) -> int:
        key = (canonical(variable.name), elements)
        if key not in self._states:
            definition = variable.elements[elements]
            call = definition.equation.expression
            self._states[key] = self.new_state(State(name, "stock", hidden=False))
            context = Context(variable, definition, dict(definition.bound), RUN, name)
            state = self.builder.program.states[-1]
            if isinstance(call, Call):
                self.defer(context, partial(self._finish_stock, state, context, key, call))
        return self._states[key]

    def _finish_stock(
        self, state: State, context: Context, key: tuple[str, tuple[str, ...]], call: Call
    ) -> None:
        self.arity(call, FUNCTIONS["integ"])
        state.rate = self.expression(call.arguments[0], context)
        state.initial = self.value(*key, INITIAL)

    def number_now(self, index: int) -> float | None:
        """What a statement of initial values comes to with the constants as the files have them."""
        known: dict[str, float] = dict(zip(CONTROL_NAMES.values(), (0.0, 100.0, 1.0, 1.0)))  # noqa: B905
        for key, control in CONTROL_NAMES.items():
            if key in self.system.variables:
                spelled = self.value(key, (), INITIAL, spelled_out=True)
                known[control] = evaluate(self.builder.program, spelled, known) or known[control]
        return evaluate(self.builder.program, index, known)

    def new_state(self, state: State) -> int:
        self.builder.program.states.append(state)
        return len(self.builder.program.states) - 1

    def _stock(self, context: Context, elements: tuple[str, ...], call: Call) -> int:
        if context.mode != INITIAL:
            index = self.stock_state(context.variable, elements, context.name)
            return self.builder.add("state", data=index)
        self.arity(call, FUNCTIONS["integ"])
        given = self.parameter(context.name, float("nan"), "initial")
        written = self.expression(call.arguments[1], context)
        is_given = self.builder.add("eq", given, given)  # false for not-a-number
        return self.builder.add("select", is_given, given, written)

    def _data(self, context: Context, elements: tuple[str, ...]) -> int:
        """A series over time from outside the model."""
        table, kind = self.tables.data(context.definition, elements)
        return self.lookup(table, kind, self.time(context), context)

    # -- expressions ----------------------------------------------------------------------------

    def expression(self, node: Expression, context: Context) -> int:
        add = self.builder.add
        if isinstance(node, Number):
            return self.builder.const(node.value)
        if isinstance(node, Missing):
            return self.builder.const(MISSING)
        if isinstance(node, Name):
            return self.name(node, context)
        if isinstance(node, Unary):
            operand = self.expression(node.operand, context)
            return operand if node.operator == "+" else add(
                "neg" if node.operator == "-" else "not", operand
            )  # fmt: skip
        if isinstance(node, Binary):
            left, right = self.operands((node.left, node.right), context, node.operator)
            return add(_BINARY[node.operator], left, right)
        if isinstance(node, Call):
            return self.call(node, context)
        raise LoweringFault(node, "expression", f"{_described(node)} cannot stand here")

    def operands(
        self, nodes: tuple[Expression, ...], context: Context, operator: str
    ) -> tuple[int, ...]:
        """Operands of a comparison that only time decides are read at the start of the step."""
        lowered = tuple(self.expression(node, context) for node in nodes)
        if operator in _COMPARISON and self.timed(lowered) and context.mode == RUN:
            held = replace(context, mode=HELD)
            return tuple(self.expression(node, held) for node in nodes)
        return lowered

    def timed(self, statements: tuple[int, ...]) -> bool:
        """Whether time decides the statements and no state does."""
        return max(map(self.builder.level, statements)) == Level.TIME

    def name(self, node: Name, context: Context) -> int:
        key = canonical(node.name)
        if key == "time":
            return self.time(context)
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

    def time(self, context: Context) -> int:
        if context.mode == INITIAL:
            return self.builder.add("control", data="initial_time")
        return self.builder.add("time" if context.mode == RUN else "held")

    def _subscript_value(self, node: Name, key: str, context: Context) -> int:
        """A range or an element standing as a number: its position, from 1."""
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

    # -- functions ------------------------------------------------------------------------------

    def call(self, node: Call, context: Context) -> int:
        key = canonical(node.name)
        variable = self.system.variables.get(key)
        if variable is not None and variable.kind == "lookup":
            return self._lookup_call(node, variable, context)
        function = FUNCTIONS.get(key)
        if function is None:
            return self._unknown_function(node, variable)
        self.arity(node, function)
        if function.kind == "reduction":
            return self._reduction(node, key, context)
        if function.kind == "time":
            return events.lower(self, node, key, context)
        if function.kind == "memory":
            return memory.lower(self, node, key, context)
        if function.kind == "lookup":
            return self._lookup_function(node, key, context)
        if function.kind == "initial":
            return self._initial(node, key, context)
        if function.kind in ("stock", "external"):
            raise LoweringFault(
                node, "placement", f"{function.name} must be the whole right side of its equation"
            )
        return self._arithmetic(node, key, context)

    def arity(self, node: Call, function: Function) -> None:
        given, most = len(node.arguments), function.most
        if given < function.least or (most is not None and given > most):
            wanted = (
                f"{function.least}" if most == function.least
                else f"{function.least} or more" if most is None
                else f"{function.least} to {most}"
            )  # fmt: skip
            raise LoweringFault(
                node, "arguments", f"{function.name} takes {wanted} arguments, {given} are given"
            )

    def _unknown_function(self, node: Call, variable: Variable | None) -> int:
        if variable is not None:
            raise LoweringFault(
                node, "not-a-function", f'"{variable.name}" is no lookup and takes no argument',
                "is an operator missing before the parenthesis?",
            )  # fmt: skip
        lookups = [v.name for v in self.system.variables.values() if v.kind == "lookup"]
        hint = did_you_mean(node.name, [*(f.name for f in FUNCTIONS.values()), *lookups])
        raise LoweringFault(node, "unknown-function", f'no function is called "{node.name}"', hint)

    def _arithmetic(self, node: Call, key: str, context: Context) -> int:
        add = self.builder.add
        values = [self.expression(argument, context) for argument in node.arguments]
        if key in _SIMPLE:
            return add(_SIMPLE[key], *values)
        if key in _FOLDED:
            return self.fold(_FOLDED[key], values)
        if key == "if then else":
            return add("select", *values)
        if key in ("xidz", "zidz"):
            otherwise = values[2] if key == "xidz" else self.builder.const(0.0)
            small = add("lt", add("abs", values[1]), self.builder.const(_NEARLY_ZERO))
            return add("select", small, otherwise, add("div", values[0], values[1]))
        if key == "log":
            return add("div", add("ln", values[0]), add("ln", values[1]))
        if key == "quantum":
            whole = add("mul", add("integer", add("div", values[0], values[1])), values[1])
            positive = add("gt", values[1], self.builder.const(0.0))
            return add("select", positive, whole, values[0])
        if key in ("game", "simultaneous"):
            return values[0]
        raise LoweringFault(node, "unsupported", f"{node.name} is not supported here")

    def fold(self, op: str, values: list[int]) -> int:
        total = values[0]
        for value in values[1:]:
            total = self.builder.add(op, total, value)
        return total

    def _reduction(self, node: Call, key: str, context: Context) -> int:
        argument = node.arguments[0]
        if key == "elmcount":
            if isinstance(argument, Name) and canonical(argument.name) in self.system.ranges:
                return self.builder.const(float(len(self.system.ranges.elements(argument.name))))
            raise LoweringFault(argument, "subscripts", "ELMCOUNT takes a subscript range")
        names = list(dict.fromkeys(_reduced(argument)))
        if not names:
            raise LoweringFault(
                node, "subscripts", f'{node.name} has no subscript with "!" to run over',
                f"write {node.name}(x[range!])",
            )  # fmt: skip
        values = []
        for combination in product(*(self.system.ranges.elements(name) for name in names)):
            marks = {f"{n}!": e for n, e in zip(names, combination, strict=True)}
            inner = replace(context, bound={**context.bound, **marks})
            values.append(self.expression(argument, inner))
        return self.fold(_FOLDED[key], values)

    def _initial(self, node: Call, key: str, context: Context) -> int:
        start = replace(context, mode=INITIAL)
        if key == "active initial":
            at_start = context.mode == INITIAL
            return self.expression(node.arguments[1 if at_start else 0], context)
        return self.expression(node.arguments[0], start)

    # -- lookups --------------------------------------------------------------------------------

    def _lookup_call(self, node: Call, variable: Variable, context: Context) -> int:
        if len(node.arguments) != 1:
            raise LoweringFault(node, "arguments", f'the lookup "{variable.name}" takes 1 argument')
        table = self.tables.lookup(variable, self.indices(node, variable, context))
        return self.lookup(table, "interpolate", self.expression(node.arguments[0], context), None)

    def _lookup_function(self, node: Call, key: str, context: Context) -> int:
        if key == "with lookup":
            x, points = node.arguments
            if not isinstance(points, Table):
                raise LoweringFault(points, "lookup", "expected the points of a lookup")
            table = self.tables.inline(points, context.name, context.source)
            return self.lookup(table, "interpolate", self.expression(x, context), None)
        name, x = node.arguments
        variable = self.system.variables.get(canonical(getattr(name, "name", "")))
        if not isinstance(name, Name) or variable is None or variable.kind != "lookup":
            raise LoweringFault(name, "lookup", f"{node.name} needs a lookup as first argument")
        table = self.tables.lookup(variable, self.indices(name, variable, context))
        kind = key.removeprefix("lookup ")
        at = self.expression(x, context)
        if kind != "extrapolate" and context.mode == RUN and self.timed((at,)):
            at = self.expression(x, replace(context, mode=HELD))
        return self.lookup(table, kind, at, None)

    def lookup(self, table: int, kind: str, x: int, context: Context | None) -> int:
        """`kind`: interpolate (ends clamped), extrapolate, forward, backward, raw."""
        if context is not None and context.mode == RUN and kind in ("backward", "forward", "raw"):
            x = self.time(replace(context, mode=HELD))
        return self.builder.add("lookup", x, data=(table, kind))

    # -- faults ---------------------------------------------------------------------------------

    @contextmanager
    def guarded(self, context: Context) -> Iterator[None]:
        """Turn a fault inside into a finding, once per place."""
        try:
            yield
        except LoweringFault as fault:
            finding = context.source.finding(fault.offset, fault.code, fault.message, fault.hint)
            self._note(finding)
        except DataError as fault:
            start = context.definition.equation.span.start
            place = f" ({fault.where})" if fault.where else ""
            self._note(context.source.finding(start, fault.code, fault.message + place, fault.hint))

    def _note(self, finding: Finding) -> None:
        if finding not in self.findings:
            self.findings.append(finding)

    def _report_cycle(self, memo: Key) -> None:
        loop = self._active[self._active.index(memo) :]
        names = [self.system.variables[key].name for key, _, _ in loop]
        first = self.system.variables[loop[0][0]]
        if any(f.code == "simultaneous" and set(names) <= set(_cycle_names(f)) for f in
               self.findings):  # fmt: skip
            return
        initial = memo[2] == INITIAL
        what = "initial values" if initial else "equations"
        equation = first.elements[loop[0][1]].equation
        self._note(
            equation.source.finding(
                equation.span.start, "simultaneous",
                f"these {what} wait for each other: " + " → ".join([*names, names[0]]),
                "use ACTIVE INITIAL to give one of them a start" if initial
                else "put a stock or a SMOOTH into the loop",
            )
        )  # fmt: skip


_NONE = Function("", 0, 0, "")


def _cycle_names(finding: Finding) -> list[str]:
    return finding.message.partition(": ")[2].split(" → ")


def _number(node: Expression) -> float | None:
    """The value of a number with its signs."""
    if isinstance(node, Number):
        return node.value
    if isinstance(node, Missing):
        return MISSING
    if isinstance(node, Unary) and node.operator != ":NOT:":
        inner = _number(node.operand)
        return None if inner is None else (-inner if node.operator == "-" else inner)
    return None


def _reduced(node: Expression) -> Iterator[str]:
    """Canonical names of the subscripts with a bang that belong to the innermost reduction."""
    if isinstance(node, Name | Call):
        for subscript in node.subscripts:
            if subscript.reduced:
                yield canonical(subscript.name)
    if isinstance(node, Call) and FUNCTIONS.get(canonical(node.name), _NONE).kind == "reduction":
        return
    for child in children(node):
        yield from _reduced(child)


def _described(node: Expression) -> str:
    if isinstance(node, Text):
        return "quoted text"
    return "a table of points" if isinstance(node, Table) else "an array of constants"


@contextmanager
def _deep_recursion() -> Iterator[None]:
    """Long chains of auxiliaries are followed by recursion."""
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(max(before, 50_000))
    try:
        yield
    finally:
        sys.setrecursionlimit(before)
