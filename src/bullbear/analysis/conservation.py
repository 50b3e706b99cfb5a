"""What no flow can change: found in the equations, and proved at every step of a run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from bullbear.equations.invariants import FlowMatrix, Invariant
from bullbear.equations.names import canonical, split_element
from bullbear.models.model import Model
from bullbear.models.simulate import Simulator

LARGEST_DEPARTURE = 1e-9
"""Of a total; rounding over some thousand steps stays a thousand times below it."""


@dataclass(frozen=True)
class Conserved:
    """A total that cannot change.

    Attributes
    ----------
    text : the sum as people write it, such as "A + B = 11 000 000 NMR"
    total : at the start [unit]
    departure : largest |total(t) - total(0)| over |total(0)| at any step [1]
    steps : how many steps were looked at
    """

    text: str
    total: float
    units: str
    departure: float
    steps: int

    @property
    def holds(self) -> bool:
        return self.departure <= LARGEST_DEPARTURE


def conserved(
    model: Model, scenario: str | None = None, overrides: Mapping[str, float] | None = None
) -> list[Conserved]:
    """Every linear invariant of a model, with its proof over a run of one scenario."""
    invariants = FlowMatrix(model.program).invariants()
    if not invariants:
        return []
    states = _states(model, scenario, overrides)
    return [_proved(model, invariant, states) for invariant in invariants]


def leaks(model: Model, names: list[str]) -> list[str]:
    """The flows that change the plain sum of some stocks, in words; empty where none does."""
    weights = {i: Fraction(1) for i in _positions(model, names)}
    left = set(FlowMatrix(model.program).residual(weights))
    if not left:
        return []
    flows = {
        node: name
        for name, node in model.program.outputs.items()
        if model.system.variables[canonical(split_element(name)[0])].kind == "flow"
    }
    matrix, coarse = FlowMatrix(model.program), FlowMatrix(model.program, whole=flows)
    found = []
    for monomial, weight in coarse.residual(weights).items():
        if len(monomial) == 1 and monomial[0] in flows:
            if left & set(matrix.polynomial(monomial[0])):
                found.append(f"{'+' if weight > 0 else '-'} {flows[monomial[0]]}")
        else:
            found.append("+ a term without a name" if weight > 0 else "- a term without a name")
    return list(dict.fromkeys(found))


def departure(
    model: Model,
    names: list[str],
    scenario: str | None = None,
    overrides: Mapping[str, float] | None = None,
) -> Conserved:
    """The plain sum of some stocks over a run."""
    weights = {i: Fraction(1) for i in _positions(model, names)}
    return _proved(model, Invariant(weights), _states(model, scenario, overrides))


def _positions(model: Model, names: list[str]) -> Iterator[int]:
    """Positions of the states of stocks; a name without elements means all of them."""
    wanted = {(canonical(base), tuple(map(canonical, parts))) for base, parts in
              map(split_element, names)}  # fmt: skip
    for index, state in enumerate(model.program.states):
        base, parts = split_element(state.name)
        key = canonical(base)
        if (key, ()) in wanted or (key, tuple(map(canonical, parts))) in wanted:
            yield index


def _states(
    model: Model, scenario: str | None, overrides: Mapping[str, float] | None
) -> np.ndarray:
    """The stocks at every step of a run, shape (step, state)."""
    values = model.values(scenario or model.definition.canonical, overrides)
    vector = model.parameter_vector(values).tolist()
    grid = model.grid(vector)
    simulator = Simulator(model.program, [], [])
    return simulator.run(grid, model.definition.method, vector, save_until=grid.initial).states


def _proved(model: Model, invariant: Invariant, states: np.ndarray) -> Conserved:
    positions = list(invariant.weights)
    weights = np.array([float(w) for w in invariant.weights.values()])
    totals = states[:, positions] @ weights
    size = max(float(np.max(np.abs(states[0, positions] * weights))), abs(float(totals[0])))
    gap = float(np.max(np.abs(totals - totals[0]), initial=0.0))
    units = model.system.variables[_base(model, positions[0])].units
    text = f"{_sum(model, invariant)} = {_grouped(float(totals[0]))} {units}".rstrip()
    worst = gap / size if size > 0 else gap
    return Conserved(text, float(totals[0]), units, worst, len(states) - 1)


def _base(model: Model, position: int) -> str:
    return canonical(split_element(model.program.states[position].name.partition("#")[0])[0])


def _sum(model: Model, invariant: Invariant) -> str:
    """The weighted sum; a stock all of whose elements have one weight stands once."""
    groups: dict[str, dict[int, Fraction]] = {}
    for position, weight in invariant.weights.items():
        groups.setdefault(_base(model, position), {})[position] = weight
    parts = []
    for key, members in groups.items():
        variable = model.system.variables[key]
        whole = len(members) == len(variable.elements) and len(set(members.values())) == 1
        if whole and not any(model.program.states[p].hidden for p in members):
            parts.append(_term(next(iter(members.values())), variable.name))
        else:
            parts += [_term(w, _state_name(model, p)) for p, w in members.items()]
    return " ".join(parts).removeprefix("+ ")


def _state_name(model: Model, position: int) -> str:
    state = model.program.states[position]
    return f"what is under way in {state.name.partition('#')[0]}" if state.hidden else state.name


def _term(weight: Fraction, name: str) -> str:
    size = abs(weight)
    return f"{'-' if weight < 0 else '+'} {'' if size == 1 else f'{size} '}{name}"


def _grouped(value: float) -> str:
    if value == round(value) and abs(value) < 1e15:
        return f"{value:,.0f}".replace(",", " ")
    return f"{value:.10g}"
