"""A model whose stocks are pushed once, or held from a time on: what a study of tipping asks.

The equations of the stocks are rewritten before anything is compiled, so that an altered model runs
in every engine like any other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from bullbear.equations.document import Document, Equation
from bullbear.equations.expressions import Binary, Call, Expression, Name
from bullbear.equations.lowering import compile_system
from bullbear.equations.names import canonical
from bullbear.equations.parser import parse_expression
from bullbear.equations.source import Source
from bullbear.equations.system import System
from bullbear.equations.vensim import read_source
from bullbear.errors import ModelError, did_you_mean
from bullbear.models.model import Model

STEPS = 8
"""Time steps of a push."""
_RATE = '"the rate of the equation"'
"""Stands for the net flow as it was, in the text of the new one."""


@dataclass(frozen=True)
class Push:
    """A share of some stocks that is lost within a few time steps.

    What a stock earns and spends meanwhile comes on top; in one step alone its spending could not
    follow, and would take it below zero.

    Attributes
    ----------
    constant : name under which the share is set; 0 unless it is, below 0 for a gain
    stocks : those that lose it
    time : when [time unit]
    """

    constant: str
    stocks: tuple[str, ...]
    time: float


def altered(
    model: Model, pushes: Sequence[Push] = (), hold: Sequence[str] = (), since: float = 0.0
) -> Model:
    """The model with pushes, and with the stocks of `hold` at rest from the time `since` on.

    Raises
    ------
    ModelError
        If a name is no stock, or a push has the name of a variable.
    """
    rates: dict[str, str] = {}
    for push in pushes:
        if canonical(push.constant) in model.system.variables:
            raise ModelError(f'"{push.constant}" is a variable of the model already',
                             code="duplicate", hint="give the shock another name")  # fmt: skip
        for name in push.stocks:
            stock = _stock(model, name)
            step = f'(1 - (1 - "{push.constant}") ^ (1 / {STEPS})) / TIME STEP'
            lost = f"{_spelled(stock)} * {step} * PULSE({push.time!r}, {STEPS} * TIME STEP)"
            rates[canonical(name)] = f"{rates.get(canonical(name), _RATE)} - {lost}"
    for name in hold:
        _stock(model, name)
        moving = rates.get(canonical(name), _RATE)
        rates[canonical(name)] = f"IF THEN ELSE(Time < {since!r}, {moving}, 0)"
    documents = [_rewritten(document, rates) for document in model.system.documents]
    if pushes:
        lines = [f'"{push.constant}" = 0 ~ Dmnl ~ Share that is lost.|\n' for push in pushes]
        documents.append(read_source(Source("shocks", "{UTF-8}\n" + "".join(lines))))
    system = System(documents)
    return replace(model, system=system, program=compile_system(system))


def _stock(model: Model, name: str) -> Equation:
    """The equation of a stock."""
    variable = model.system.variables.get(canonical(name))
    if variable is None or variable.kind != "stock":
        known = [v.name for v in model.system.variables.values() if v.kind == "stock"]
        raise ModelError(f'"{name}" is no stock of the model', code="unknown-stock",
                         hint=did_you_mean(name, known))  # fmt: skip
    return variable.equations[0]


def _spelled(stock: Equation) -> str:
    """A stock as it is written on the left side, subscripts and all."""
    elements = f"[{','.join(stock.subscripts)}]" if stock.subscripts else ""
    return f'"{stock.name}"{elements}'


def _rewritten(document: Document, rates: Mapping[str, str]) -> Document:
    equations = [
        _with_rate(one, rates[canonical(one.name)]) if canonical(one.name) in rates else one
        for one in document.equations
    ]
    return replace(document, equations=equations)


def _with_rate(equation: Equation, text: str) -> Equation:
    """The equation of a stock with a new rate."""
    integral = equation.expression
    if not isinstance(integral, Call) or canonical(integral.name) != "integ":
        raise ModelError(f'the equation of "{equation.name}" is not one INTEG alone',
                         code="unknown-stock", where=equation.where,
                         hint="name a stock that is INTEG(net flow, initial value)")  # fmt: skip
    rate = _put(parse_expression(text), integral.arguments[0])
    return replace(equation, expression=replace(integral, arguments=(rate, integral.arguments[1])))


def _put(node: Expression, rate: Expression) -> Expression:
    """An expression with the rate of the equation in its place."""
    if isinstance(node, Name) and canonical(node.name) == canonical(_RATE):
        return rate
    if isinstance(node, Binary):
        return replace(node, left=_put(node.left, rate), right=_put(node.right, rate))
    if isinstance(node, Call):
        return replace(node, arguments=tuple(_put(part, rate) for part in node.arguments))
    return node
