"""From resolved equations to the statement list.

Every variable's element becomes a statement.  Three modes say how time and states are read:
`run` inside the run, `held` with time at the start of the step (what decides events), `initial`
for initial values, where a stock stands for its own initial value.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from itertools import chain

from bullbear.equations import allocation, events, macros, memory, random_functions, vectors
from bullbear.equations.calls import Calls
from bullbear.equations.circles import is_part_of, waiting
from bullbear.equations.constants import array_item, described, number_of
from bullbear.equations.context import HELD, INITIAL, RUN, Context, LoweringFault, Scope
from bullbear.equations.expressions import (
    Array,
    Binary,
    Call,
    Expression,
    Missing,
    Name,
    Number,
    Unary,
)
from bullbear.equations.functions import FUNCTIONS, Function
from bullbear.equations.names import canonical, element_name
from bullbear.equations.program import Builder, Level, Parameter, Program, State, evaluate
from bullbear.equations.scalar import MISSING
from bullbear.equations.system import CONTROL_NAMES, System, Variable, equation_kind
from bullbear.equations.tables import Tables
from bullbear.errors import DataError, EquationError, Finding

_BINARY = {
    "+": "add", "-": "sub", "*": "mul", "/": "div", "^": "pow", "=": "eq", "<>": "ne",
    "<": "lt", "<=": "le", ">": "gt", ">=": "ge", ":AND:": "and", ":OR:": "or",
}  # fmt: skip
_COMPARISON = frozenset({"=", "<>", "<", "<=", ">", ">="})

Key = tuple[str, tuple[str, ...], str]


def compile_system(system: System) -> Program:
    """The statement list of a system.

    Raises
    ------
    EquationError
        With all findings, those of reading included.
    """
    program, findings = lower(system)
    # faults of reading first: some of the others only follow from them
    in_order = [sorted(part, key=lambda f: f.where.order) for part in (system.findings, findings)]
    errors = [f for f in chain(*in_order) if f.severity == "error"]
    if errors:
        raise EquationError.from_findings(errors)
    return program


def lower(system: System) -> tuple[Program, list[Finding]]:
    """The statement list as far as it can be made, and every fault met on the way."""
    lowering = Lowering(system)
    lowering.everything()
    return lowering.builder.program, lowering.findings


class Lowering(Calls):
    """One pass over a system; remembers every statement by element and mode."""

    def __init__(self, system: System) -> None:
        self.system = system
        self.builder = Builder()
        self.tables = Tables(system, self.builder.program)
        self.findings: list[Finding] = []
        self._done: dict[Key, int] = {}
        self._active: list[Key] = []
        self._parameters: dict[tuple[str, str], int] = {}
        self._states: dict[str, int] = {}
        self._scopes: dict[str, Scope] = {}
        self._random_calls: dict[str, list[int]] = {}
        self._memories: dict[tuple[str, int, tuple[tuple[str, str], ...]], list[int]] = {}
        self._pending: list[tuple[Context, Callable[[], None]]] = []

    # -- the whole model ------------------------------------------------------------------------

    def everything(self) -> None:
        with _deep_recursion():
            program = self.builder.program
            for key, elements, name in self._all_elements():
                context = self._context(self.system.variables[key], elements, RUN, name)
                call = context.definition.equation.expression
                if isinstance(call, Call) and canonical(call.name) == "integ":
                    self.stock_state(context, call)
            self._find_moving()
            for key, elements, name in self._all_elements():
                program.outputs[name] = self.value(key, elements, RUN)
            while self._pending:
                context, finish = self._pending.pop(0)
                with self.guarded(context):
                    finish()
            for key, control in CONTROL_NAMES.items():
                if key in self.system.variables:
                    program.controls[control] = self.value(key, (), INITIAL, spelled_out=True)

    def _find_moving(self) -> None:
        """Time bounds whose equations change during a run."""
        program = self.builder.program
        for key in ("time step", "saveper", "final time", "initial time"):
            if key in self.system.variables:
                found = self.value(key, (), RUN, spelled_out=True)
                if self.builder.level(found) > Level.DRAW:
                    program.moving[CONTROL_NAMES[key]] = found

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
        moving = self.builder.program.moving
        if key in CONTROL_NAMES and not spelled_out and CONTROL_NAMES[key] not in moving:
            return self.builder.add("control", data=CONTROL_NAMES[key])
        memo: Key = (key, elements, mode)
        known = self._done.get(memo)
        if known is not None:
            return known
        variable = self.system.variables[key]
        spelled = tuple(map(self.system.ranges.spelled, elements))
        name = element_name(variable.name, spelled)
        return self._once(memo, self._context(variable, elements, mode, name))

    def scope_value(self, scope: Scope, key: str, mode: str) -> int:
        """The statement of a variable of a macro's body."""
        variable, name = scope.variables[key], f"{scope.place}.{key}"
        self._scopes[name] = scope
        context = replace(self._context(variable, (), mode, name), scope=scope)
        return self._once((name, (), mode), context)

    def _context(
        self, variable: Variable, elements: tuple[str, ...], mode: str, name: str
    ) -> Context:
        definition = variable.elements[elements]
        return Context(variable, definition, dict(definition.bound), mode, name)

    def _variable_at(self, key: str) -> Variable:
        """The variable behind a key of the memory, one of a macro's body too."""
        scope = self._scopes.get(key)
        if scope is None:
            return self.system.variables[key]
        return scope.variables[key.removeprefix(f"{scope.place}.")]

    def _once(self, memo: Key, context: Context) -> int:
        """The statement behind a key, made on the first visit."""
        if memo not in self._done:
            if memo in self._active:
                self._report_cycle(memo)
                return self.builder.const(float("nan"))
            self._active.append(memo)
            self._done[memo] = self._define(context, memo[1])
            self._active.pop()
        return self._done[memo]

    def _define(self, context: Context, elements: tuple[str, ...]) -> int:
        definition = context.definition
        node = definition.equation.expression
        found = self.builder.const(float("nan"))  # stays where the equation has a fault
        with self.guarded(context):
            if equation_kind(definition.equation) == "data":
                found = self._data(context, elements)
            elif isinstance(node, Call) and canonical(node.name) == "integ":
                found = self._stock(context, node)
            elif node is not None:
                constant = self._constant(context, node)
                found = self.expression(node, context) if constant is None else constant
        return found

    def _constant(self, context: Context, node: Expression) -> int | None:
        """The parameter of an element whose equation is a number, else None."""
        if isinstance(node, Array):
            number: float | None = array_item(node, context.definition.position)
        elif isinstance(node, Call) and FUNCTIONS.get(canonical(node.name), _NONE).kind == (
            "external"
        ):
            number = self.tables.constant(node, context.definition)
        else:
            number = number_of(node)
        if number is None:
            return None
        if context.scope is not None:
            return self.builder.const(number)  # a macro's own numbers are no constants of the model
        return self.parameter(context.name, number, "constant")

    def parameter(self, name: str, value: float, role: str) -> int:
        program = self.builder.program
        if (name, role) not in self._parameters:
            self._parameters[name, role] = len(program.parameters)
            program.parameters.append(Parameter(name, value, role))
        return self.builder.add("param", data=self._parameters[name, role])

    # -- stocks ---------------------------------------------------------------------------------

    def stock_state(self, context: Context, call: Call) -> int:
        """The place of a stock's state, made on the first visit."""
        if context.name not in self._states:
            state = State(context.name, "stock", hidden=context.scope is not None)
            self._states[context.name] = self.new_state(state)
            running = replace(context, mode=RUN)
            self.defer(running, partial(self._finish_stock, state, running, call))
        return self._states[context.name]

    def _finish_stock(self, state: State, context: Context, call: Call) -> None:
        self.arity(call, FUNCTIONS["integ"])
        state.rate = self.expression(call.arguments[0], context)
        state.initial = self._initial_stock(replace(context, mode=INITIAL), call)

    def random_call(self, context: Context, place: int) -> int:
        """The how-manieth random call of an element's equation stands at a place."""
        known = self._random_calls.setdefault(context.name, [])
        if place not in known:
            known.append(place)
        return known.index(place)

    def fixed_number(self, index: int, function: str) -> float | None:
        """A number that shapes the statements; the constants below it cannot be changed later."""
        program = self.builder.program
        for below in program.needed([index]):
            if program.nodes[below].op == "param":
                program.structural[program.nodes[below].data] = function  # type: ignore[index]
        return self.number_now(index)

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

    def _stock(self, context: Context, call: Call) -> int:
        if context.mode != INITIAL:
            return self.builder.add("state", data=self.stock_state(context, call))
        return self._initial_stock(context, call)

    def _initial_stock(self, context: Context, call: Call) -> int:
        """The initial value written in the equation, unless another one is given."""
        self.arity(call, FUNCTIONS["integ"])
        written = self.expression(call.arguments[1], context)
        if context.scope is not None:
            return written
        given = self.parameter(context.name, float("nan"), "initial")
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
        raise LoweringFault(node, "expression", f"{described(node)} cannot stand here")

    def operands(
        self, nodes: tuple[Expression, ...], context: Context, operator: str
    ) -> tuple[int, ...]:
        """Operands of a comparison that only time decides are read at the start of the step."""
        lowered = tuple(self.expression(node, context) for node in nodes)
        if operator in _COMPARISON and self.timed(lowered) and context.mode == RUN:
            held = replace(context, mode=HELD)
            return tuple(self.expression(node, held) for node in nodes)
        return lowered

    # -- functions ------------------------------------------------------------------------------

    def call(self, node: Call, context: Context) -> int:
        """The statement of a function, a macro or a lookup applied to arguments."""
        key = canonical(node.name)
        variable = None if context.scope else self.system.variables.get(key)
        table = self.table_in_macro(key, context)
        if table is not None:
            return self._lookup_in(table, node, context)
        if variable is not None and variable.kind == "lookup":
            return self._lookup_call(node, variable, context)
        if key in self.system.macros:
            return macros.lower(self, node, self.system.macros[key], context)
        function = FUNCTIONS.get(key)
        if function is None:
            return self._unknown_function(node, variable)
        self.arity(node, function)
        if function.kind in _ELSEWHERE:
            return _ELSEWHERE[function.kind](self, node, key, context)
        return self.plain_call(node, key, function, context)

    # -- faults ---------------------------------------------------------------------------------

    @contextmanager
    def guarded(self, context: Context) -> Iterator[None]:
        """Turn a fault inside into a finding, once per place."""
        try:
            yield
        except LoweringFault as fault:
            source = fault.source or context.source
            self._note(source.finding(fault.offset, fault.code, fault.message, fault.hint))
        except DataError as fault:
            start = context.definition.equation.span.start
            place = f" ({fault.where})" if fault.where else ""
            self._note(context.source.finding(start, fault.code, fault.message + place, fault.hint))

    def _note(self, finding: Finding) -> None:
        if finding not in self.findings:
            self.findings.append(finding)

    def _report_cycle(self, memo: Key) -> None:
        loop = self._active[self._active.index(memo) :]
        variables = [self._variable_at(key) for key, _, _ in loop]
        equation = variables[0].elements[loop[0][1]].equation
        found = waiting([v.name for v in variables], equation, loop[1 % len(loop)][0],
                        initial=memo[2] == INITIAL)  # fmt: skip
        if not any(is_part_of(found, known) for known in self.findings):
            self._note(found)


_NONE = Function("", 0, 0, "")


@contextmanager
def _deep_recursion() -> Iterator[None]:
    """Long chains of auxiliaries are followed by recursion."""
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(max(before, 50_000))
    try:
        yield
    finally:
        sys.setrecursionlimit(before)


_ELSEWHERE: dict[str, Callable[[Lowering, Call, str, Context], int]] = {
    "time": events.lower,
    "memory": memory.lower,
    "vector": vectors.lower,
    "allocation": allocation.lower,
    "random": random_functions.lower,
}
