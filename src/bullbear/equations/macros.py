"""Macros: each call, for each element of the equation it stands in, is a small model of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bullbear.equations.context import Context, LoweringFault, Scope
from bullbear.equations.document import Equation, Macro
from bullbear.equations.expressions import Call
from bullbear.equations.names import canonical
from bullbear.equations.system import Definition, Variable, equation_kind

if TYPE_CHECKING:
    from bullbear.equations.lowering import Lowering

_DEEPEST = 50  # calls of macros inside macros


def lower(lowering: Lowering, node: Call, macro: Macro, context: Context) -> int:
    """The statement of a macro's result."""
    scope = _scope(node, macro, context)
    result = canonical(macro.name)
    if result not in scope.variables:
        raise LoweringFault(
            node, "macro", f'the macro "{macro.name}" has no equation for its own name',
            f"its result is the variable {macro.name} of its body",
        )  # fmt: skip
    return lowering.scope_value(scope, result, context.mode)


def _scope(node: Call, macro: Macro, context: Context) -> Scope:
    if len(node.arguments) != len(macro.inputs):
        raise LoweringFault(
            node, "arguments", f'the macro "{macro.name}" takes {len(macro.inputs)} arguments, '
            f"{len(node.arguments)} are given", "its inputs are: " + ", ".join(macro.inputs),
        )  # fmt: skip
    place = f"{context.name}#{macro.name}@{node.span.start}"
    if place.count("#") > _DEEPEST:
        raise LoweringFault(node, "macro", f'the macro "{macro.name}" calls itself without end')
    elements = ",".join(f"{name}={element}" for name, element in sorted(context.bound.items()))
    inputs = [canonical(name) for name in macro.inputs]
    return Scope(
        macro,
        f"{place}[{elements}]" if elements else place,
        {name: (given, context) for name, given in zip(inputs, node.arguments, strict=True)},
        _variables(macro, node),
    )


def _variables(macro: Macro, node: Call) -> dict[str, Variable]:
    found: dict[str, Variable] = {}
    for equation in macro.body.equations:
        if equation.subscripts:
            raise LoweringFault(
                node, "macro", f'"{equation.name}" in the macro "{macro.name}" has subscripts, '
                "which is not supported", "subscripts of the calling equation need none inside",
            )  # fmt: skip
        found.setdefault(canonical(equation.name), _variable(equation))
    return found


def _variable(equation: Equation) -> Variable:
    definition = Definition(equation, {}, ())
    return Variable(equation.name, equation_kind(equation), (), {(): definition}, [equation])
