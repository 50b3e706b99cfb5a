"""`bullbear equations`: what a model computes, as text or LaTeX."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bullbear.cli.options import JsonOption, ModelArgument, load_model
from bullbear.cli.output import say, say_json, wrapped
from bullbear.errors import UsageError, did_you_mean

if TYPE_CHECKING:
    from bullbear.equations.document import Equation
    from bullbear.equations.expressions import Expression
    from bullbear.equations.system import System, Variable
    from bullbear.models.model import Model

INDENT = "    "
_KEPT = "\N{NO-BREAK SPACE}"


def command(
    ctx: typer.Context,
    model: ModelArgument = None,
    variable: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Any one variable, with what it reads and what reads it.",
            show_default=False,
        ),
    ] = None,
    latex: Annotated[
        bool, typer.Option("--latex", help="As LaTeX, to be set in a paper.", show_default=False)
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Show a model's differential equations with units.

    \b
    bullbear equations
    bullbear equations --variable "Treasury NMR"
    bullbear equations --latex > stocks.tex

    Without --variable, the equation and the beginning of each stock.
    """
    loaded = load_model(ctx, model)
    unit = _time_unit(loaded)
    shown = [_find(loaded.system, variable)] if variable else _stocks(loaded.system)
    if as_json:
        content = {one.name: _content(one, loaded, unit, latex) for one in shown}
        say_json({"ok": True, "model": loaded.name, "equations": content})
        return
    for number, one in enumerate(shown):
        if number:
            say()
        for line in _blocks(one, loaded, unit) if latex else _text(one, unit):
            say(line)
    if variable and not latex:
        for line in _neighbours(shown[0], loaded.system):
            say(line)


def _stocks(system: System) -> list[Variable]:
    return [one for one in system.variables.values() if one.kind == "stock"]


def _find(system: System, name: str) -> Variable:
    from bullbear.equations.names import canonical, split_element

    found = system.variables.get(canonical(split_element(name)[0]))
    if found is None:
        raise UsageError(
            f'the model has no variable "{name}"',
            code="unknown-variable",
            hint=did_you_mean(name, system.known_names()),
        )
    return found


def _time_unit(model: Model) -> str:
    """The unit of time of a model file, else that of the step in the equations."""
    if model.definition.time is not None:
        return model.definition.time.unit
    step = model.system.variables.get("time step")
    return (step.units if step else "") or "time"


def _content(variable: Variable, model: Model, time_unit: str, latex: bool) -> dict[str, Any]:
    sides = [s for one in variable.equations for s in _sides(one, variable, time_unit)]
    content = {
        "kind": variable.kind,
        "units": variable.units,
        "comment": variable.comment,
        "where": str(variable.where),
        "equations": [{"left": left, "right": right} for left, right in sides],
    }
    return content | ({"latex": list(_latex(variable, model, time_unit))} if latex else {})


def _blocks(variable: Variable, model: Model, time_unit: str) -> Iterator[str]:
    """The equations of a variable as displayed LaTeX, behind a remark that says what it is."""
    yield f"% {variable.name}: {' '.join(variable.comment.split())}"
    for formula in _latex(variable, model, time_unit):
        yield f"\\[\n{formula}\n\\]"


def _latex(variable: Variable, model: Model, time_unit: str) -> Iterator[str]:
    """Each equation of a variable, and the initial value of a stock, as LaTeX."""
    from bullbear.equations.latex import equation_latex, expression_latex, name_latex

    equations = model.equations.of(variable.name)
    if not equations:
        raise UsageError(
            f'"{variable.name}" is no equation but a {variable.kind}',
            code="no-equation",
            hint="without --latex it is shown as it stands in the file",
        )
    for equation in equations:
        yield equation_latex(equation, time_unit)
        if equation.initial is not None:
            initial = expression_latex(equation.initial)
            yield f"{name_latex(equation.name)}(t_0) = {initial}"


def _text(variable: Variable, time_unit: str) -> Iterator[str]:
    """What a variable is, and its equations, in lines that fit the terminal."""
    kind = "" if variable.kind == "stock" else f"  ({variable.kind})"
    yield f"{variable.name} [{variable.units or 'no unit'}]{kind}"
    if variable.comment:
        yield wrapped(variable.comment, INDENT)
    for equation in variable.equations:
        for left, right in _sides(equation, variable, time_unit):
            yield _broken(f"{left} = {right}", [variable.name, *_names(equation)])
    yield f"{INDENT}{variable.where}"


def _names(equation: Equation) -> Iterator[str]:
    """The names in an equation, as they are written there."""
    from bullbear.equations.expressions import Call, Name, walk

    for node in walk(equation.expression) if equation.expression is not None else ():
        if isinstance(node, Name | Call):
            yield node.name


def _broken(text: str, names: Iterable[str]) -> str:
    """An equation in lines that fit the terminal, broken before operators and not inside names."""
    for name in sorted(set(names), key=len, reverse=True):
        text = text.replace(name, name.replace(" ", _KEPT))
    for operator in "+-*/^=<>":
        text = text.replace(f"{operator} ", f"{operator}{_KEPT}")
    return wrapped(text, 2 * INDENT).removeprefix(INDENT).replace(_KEPT, " ")


def _sides(equation: Equation, variable: Variable, time_unit: str) -> Iterator[tuple[str, str]]:
    """Left and right sides of an equation as people write them: a stock's rate, its beginning."""
    from bullbear.equations.expressions import Call
    from bullbear.equations.names import element_name

    name = element_name(variable.name, equation.subscripts)
    node = equation.expression
    if variable.kind != "stock" or not isinstance(node, Call) or len(node.arguments) < 2:
        yield name, equation.right_text
        return
    rate, initial = node.arguments[:2]
    yield f"d {name} / d Time [{variable.units or '1'}/{time_unit}]", _written(equation, rate)
    yield f"{name} at first", _written(equation, initial)


def _written(equation: Equation, part: Expression) -> str:
    """A part of an equation on one line, as the modeller wrote it."""
    text = equation.source.text[part.span.start : part.span.end]
    return " ".join(text.replace("\\\n", " ").split())


def _neighbours(variable: Variable, system: System) -> Iterator[str]:
    """What a variable reads, and what reads it."""
    from bullbear.equations.names import canonical

    key = canonical(variable.name)
    reads = [system.variables[name].name for name in variable.depends]
    readers = [one.name for one in system.variables.values() if key in one.depends]
    for label, names in (("reads", reads), ("is read by", readers)):
        if names:
            yield wrapped(f"{label}: {', '.join(names)}", INDENT)
