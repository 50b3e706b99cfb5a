"""The stocks and flows of a model, sector by sector: what a stock-and-flow diagram shows.

A term of a stock's net flow that is the name of a variable is a flow of that name; any other term
is a flow without a name.  A flow that leaves no stock comes from a cloud, and one that reaches no
stock goes to a cloud.  Initial values make no links.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from bullbear.equations.expressions import Binary, Call, Expression, Name, Number, Unary, walk
from bullbear.equations.names import canonical
from bullbear.equations.system import System, Variable

CHANGING = frozenset({"stock", "flow", "auxiliary", "data"})
GIVEN = frozenset({"constant", "lookup"})


@dataclass(frozen=True)
class Flow:
    """What changes stocks.

    Attributes
    ----------
    key : canonical name of its variable; of a flow without a name, an invented one
    own : whether it is defined in the sector that shows it
    out_of, into : canonical names of stocks, empty where there is a cloud
    """

    key: str
    named: bool
    own: bool
    out_of: tuple[str, ...]
    into: tuple[str, ...]


@dataclass(frozen=True)
class Sector:
    """One sector of a model.

    Attributes
    ----------
    title : the name of its group of equations, or that of the model where it has none
    members : canonical names of the stocks, auxiliaries and constants defined here
    flows : those defined here, and those of other sectors that change a stock of this one
    links : (cause, effect), both canonical; the effect is defined here
    """

    title: str
    members: tuple[str, ...]
    flows: tuple[Flow, ...]
    links: tuple[tuple[str, str], ...]


def sectors(system: System, title: str, *, constants: bool = False) -> list[Sector]:
    """The sectors of a model in the order of its equations; those that only hold constants not.

    Parameters
    ----------
    title : of the equations that stand in no group
    constants : whether constants and lookups are shown too
    """
    kinds = CHANGING | GIVEN if constants else CHANGING
    flows = _flows(system)
    grouped: dict[str, list[str]] = {}
    for key, variable in system.variables.items():
        if variable.kind in CHANGING | GIVEN:
            grouped.setdefault(variable.group.rpartition(".")[2] or title, []).append(key)
    return [
        _sector(system, name, keys, flows, kinds)
        for name, keys in grouped.items()
        if any(system.variables[key].kind in CHANGING for key in keys)
    ]


def _sector(
    system: System, title: str, keys: list[str], flows: list[_Term], kinds: frozenset[str]
) -> Sector:
    own = set(keys)
    here, links = [], []
    for flow, causes in flows:
        if flow.key in own or own.intersection(flow.out_of + flow.into):
            here.append(replace(flow, own=flow.key in own or not flow.named))
            links += [(cause, flow.key) for cause in causes]
    for key in keys:
        if system.variables[key].kind in kinds - {"stock"}:
            links += [(cause, key) for cause in system.variables[key].depends if cause != key]
    shown = [
        (a, b) for a, b in links if a in system.variables and system.variables[a].kind in kinds
    ]
    named = {flow.key for flow in here}
    members = [k for k in keys if k not in named and system.variables[k].kind in kinds]
    return Sector(title, tuple(members), tuple(here), tuple(dict.fromkeys(shown)))


_Term = tuple[Flow, tuple[str, ...]]


def _flows(system: System) -> list[_Term]:
    """Every flow, and for one without a name what its term reads."""
    out_of: dict[str, list[str]] = {}
    into: dict[str, list[str]] = {}
    causes: dict[str, tuple[str, ...]] = {}
    for key, variable in system.variables.items():
        if variable.kind != "stock":
            continue
        for place, (sign, term) in enumerate(_terms_of(variable)):
            name = canonical(term.name) if isinstance(term, Name) else ""
            named = name in system.variables and system.variables[name].kind != "stock"
            flow = name if named else f"{key}#{place}"
            side = into if sign > 0 else out_of
            stocks = side.setdefault(flow, [])
            if key not in stocks:
                stocks.append(key)
            if not named:
                causes[flow] = _reads(term)
    return [
        (Flow(f, f not in causes, True, tuple(out_of.get(f, ())), tuple(into.get(f, ()))),
         tuple(dict.fromkeys(causes.get(f, ()))))
        for f in dict.fromkeys([*out_of, *into])
    ]  # fmt: skip


def _terms_of(stock: Variable) -> Iterator[tuple[int, Expression]]:
    """The terms of a stock's net flow with their signs, those that read the same once."""
    seen = set()
    for equation in stock.equations:
        call = equation.expression
        if isinstance(call, Call) and canonical(call.name) == "integ" and call.arguments:
            for sign, term in _signed(_unbounded(call.arguments[0], stock), 1):
                mark = (sign, isinstance(term, Name), _reads(term))
                if mark not in seen and not (isinstance(term, Number) and term.value == 0):
                    seen.add(mark)
                    yield sign, term


def _unbounded(net: Expression, stock: Variable) -> Expression:
    """A net flow without the bound that only keeps the stock itself above a level."""
    if isinstance(net, Call) and canonical(net.name) == "max" and len(net.arguments) == 2:
        own = {canonical(stock.name), "time step"}
        if own.issuperset(_reads(net.arguments[1])):
            return net.arguments[0]
    return net


def _reads(term: Expression) -> tuple[str, ...]:
    return tuple(canonical(node.name) for node in walk(term) if isinstance(node, Name))


def _signed(node: Expression, sign: int) -> Iterator[tuple[int, Expression]]:
    if isinstance(node, Binary) and node.operator in ("+", "-"):
        yield from _signed(node.left, sign)
        yield from _signed(node.right, sign if node.operator == "+" else -sign)
    elif isinstance(node, Unary) and node.operator in ("+", "-"):
        yield from _signed(node.operand, sign if node.operator == "+" else -sign)
    elif isinstance(node, Call) and canonical(node.name) == "sum" and len(node.arguments) == 1:
        yield from _signed(node.arguments[0], sign)
    else:
        yield sign, node
