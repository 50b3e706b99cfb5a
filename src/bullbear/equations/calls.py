"""Calls: arithmetic, reductions over subscripts, lookups, and the way to the other functions."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import replace
from itertools import product

from bullbear.equations.context import HELD, INITIAL, RUN, Context, LoweringFault
from bullbear.equations.expressions import Call, Expression, Name, Table, children
from bullbear.equations.functions import FUNCTIONS, UNSUPPORTED, Function
from bullbear.equations.names import canonical
from bullbear.equations.references import References
from bullbear.equations.system import Variable
from bullbear.errors import did_you_mean

_SIMPLE = {
    "abs": "abs", "exp": "exp", "ln": "ln", "sqrt": "sqrt", "sin": "sin", "cos": "cos",
    "tan": "tan", "arcsin": "arcsin", "arccos": "arccos", "arctan": "arctan", "sinh": "sinh",
    "cosh": "cosh", "tanh": "tanh", "integer": "integer", "modulo": "modulo", "power": "pow",
}  # fmt: skip
_FOLDED = {"sum": "add", "prod": "mul", "vmin": "min", "vmax": "max", "min": "min", "max": "max"}
_NEARLY_ZERO = 1e-6  # below which ZIDZ and XIDZ take a divisor for zero (Vensim's manual)


class Calls(References):
    """The functions that need no states of their own."""

    def plain_call(self, node: Call, key: str, function: Function, context: Context) -> int:
        """A function that is arithmetic, a reduction, a lookup, or a start value."""
        if function.kind == "reduction":
            return self._reduction(node, key, context)
        if function.kind == "lookup":
            return self._lookup_function(node, key, context)
        if function.kind == "initial":
            return self._initial(node, key, context)
        if function.kind == "data":
            return self._data_function(node, key, context)
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
        if canonical(node.name) in UNSUPPORTED:
            raise LoweringFault(node, "unsupported", f"{node.name} is not supported")
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
        table = self.tables.lookup(variable, self.indices(node, variable, context))
        return self._lookup_in(table, node, context)

    def _lookup_in(self, table: int, node: Call, context: Context) -> int:
        """A lookup applied to its one argument."""
        if len(node.arguments) != 1:
            raise LoweringFault(node, "arguments", f'the lookup "{node.name}" takes 1 argument')
        return self.lookup(table, "interpolate", self.expression(node.arguments[0], context), None)

    def _lookup_function(self, node: Call, key: str, context: Context) -> int:
        if key == "with lookup":
            x, points = node.arguments
            if isinstance(points, Table):
                table = self.tables.inline(points, context.name, context.source)
            else:
                table = self.table_named(points, node, context)
            return self.lookup(table, "interpolate", self.expression(x, context), None)
        name, x = node.arguments
        table = self.table_named(name, node, context)
        if key == "lookup invert":
            inverse = self.tables.inverse(table)
            return self.lookup(inverse, "interpolate", self.expression(x, context), None)
        kind = key.removeprefix("lookup ")
        at = self.expression(x, context)
        if kind != "extrapolate" and context.mode == RUN and self.timed((at,)):
            at = self.expression(x, replace(context, mode=HELD))
        return self.lookup(table, kind, at, None)

    def _data_function(self, node: Call, key: str, context: Context) -> int:
        """What a data variable has at another time than now."""
        name, *rest = node.arguments
        variable = self.system.variables.get(canonical(getattr(name, "name", "")))
        if not isinstance(name, Name) or variable is None or variable.kind != "data":
            raise LoweringFault(name, "data", f"{node.name} needs a data variable")
        elements = self.indices(name, variable, context)
        table, kind = self.tables.data(variable.elements[elements], elements)
        times = self.tables.program.tables[table].x
        if key in ("get data first time", "get data last time"):
            return self.builder.const(float(times[0 if "first" in key else -1]))
        at = self.expression(rest[0], context)
        if key == "get data between times":
            how = self.fixed_number(self.expression(rest[1], context), node.name)
            if how not in (-1, 0, 1):
                raise LoweringFault(rest[1], "data", "the third argument must be -1, 0 or 1")
            kind = {-1: "backward", 0: "interpolate", 1: "forward"}[int(how)]
        return self.builder.add("lookup", at, data=(table, kind))

    @abstractmethod
    def fixed_number(self, index: int, function: str) -> float | None:
        """A number that shapes the statements; the constants below it cannot be changed later."""

    def table_named(self, name: Expression, call: Call, context: Context) -> int:
        """The table that a name stands for as an argument of a function."""
        if isinstance(name, Name):
            key = canonical(name.name)
            if context.scope is not None:
                table = self.table_in_macro(key, context)
                if table is not None:
                    return table
            variable = self.system.variables.get(key)
            if variable is not None and variable.kind == "lookup":
                return self.tables.lookup(variable, self.indices(name, variable, context))
        raise LoweringFault(name, "lookup", f"{call.name} needs a lookup as its argument")

    def table_in_macro(self, key: str, context: Context) -> int | None:
        """The table of a lookup that is handed to a macro, or stands in its body."""
        scope = context.scope
        if scope is None:
            return None
        if key in scope.arguments:
            given, outer = scope.arguments[key]
            if not isinstance(given, Name):
                return None
            if outer.scope is not None:
                return self.table_in_macro(canonical(given.name), outer)
            variable = self.system.variables.get(canonical(given.name))
            if variable is None or variable.kind != "lookup":
                return None
            return self.tables.lookup(variable, self.indices(given, variable, outer))
        own = scope.variables.get(key)
        if own is None or own.kind != "lookup":
            return None
        return self.tables.lookup(own, ())

    def lookup(self, table: int, kind: str, x: int, context: Context | None) -> int:
        """`kind`: interpolate (ends clamped), extrapolate, forward, backward, raw."""
        if context is not None and context.mode == RUN and kind in ("backward", "forward", "raw"):
            x = self.time(replace(context, mode=HELD))
        return self.builder.add("lookup", x, data=(table, kind))


def _reduced(node: Expression) -> Iterator[str]:
    """Canonical names of the subscripts with a bang that belong to the innermost reduction."""
    if isinstance(node, Name | Call):
        for subscript in node.subscripts:
            if subscript.reduced:
                yield canonical(subscript.name)
    if isinstance(node, Call):
        function = FUNCTIONS.get(canonical(node.name))
        if function is not None and function.kind == "reduction":
            return
    for child in children(node):
        yield from _reduced(child)
