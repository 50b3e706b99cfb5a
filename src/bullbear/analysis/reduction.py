"""A model made ready for the search for equilibria, and what was done to it.

Explicit time is frozen.  Stocks that nothing reads, and stocks that no flow moves under these
constants, are set aside.  Linear invariants among what is left become conserved totals.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bullbear.analysis.problem import Problem
from bullbear.equations.differentiated import jacobian
from bullbear.equations.invariants import FlowMatrix
from bullbear.equations.names import canonical
from bullbear.equations.printers.python import PythonCode
from bullbear.equations.program import Program
from bullbear.errors import ModelError, UsageError, did_you_mean
from bullbear.models.field import refuse_discrete
from bullbear.models.model import Model
from bullbear.models.overrides import Setting, resolve
from bullbear.models.simulate import Grid, Simulator
from bullbear.models.stiff import STIFF, StiffSimulator

Array = npt.NDArray[np.float64]
Parameter = float | Sequence[float] | None
PROBES = 12


@dataclass(frozen=True)
class Trail:
    """A run to the horizon: where the model has been. `states` has shape (time, state)."""

    times: Array
    states: Array


@dataclass(frozen=True)
class Way:
    """What is moved along: a constant, at its places among the parameters, or a stock on hold."""

    places: tuple[int, ...]
    state: int | None = None


class Frozen:
    """The rates of a model at one time, as functions of the states that matter.

    Parameters
    ----------
    along : names of constants, or of stocks on hold, that are moved; their values are given to the
        methods as `parameter`, one number or one per name

    Attributes
    ----------
    time : at which explicit time stands [time unit]; `reads_time` says whether it matters
    names : of the states that are left
    unread : stocks that nothing reads
    still : stocks that no flow moves under these constants, with their values
    held : stocks that are held at a value on purpose
    trail : a run of the model
    """

    def __init__(
        self,
        model: Model,
        scenario: str = "base",
        overrides: Mapping[str, float] | None = None,
        at: float | None = None,
        along: Sequence[str] = (),
        hold: Mapping[str, float] | None = None,
    ) -> None:
        self.model, self.program = model, model.program
        _refuse_discrete(model)
        self.vector = model.parameter_vector(model.values(scenario, overrides)).tolist()
        self.grid = _to_the_horizon(model, model.grid(self.vector))
        self.time = self.grid.time(self.grid.steps) if at is None else at
        self.held = {self._stock(name): float(value) for name, value in (hold or {}).items()}
        self.ways = [self._way(name) for name in along]
        self.trail = _trail(self.program, self.grid, self.vector)
        self._compile()
        self._set_aside()
        for name, way in zip(along, self.ways, strict=True):
            if not self._enters(way):
                raise ModelError(
                    f'"{name}" does not enter: no rate that matters reads it', code="no-effect",
                    hint="`bullbear equations --variable` says who reads a constant",
                )  # fmt: skip

    def _way(self, name: str) -> Way:
        states = {canonical(self.program.states[i].name): i for i in self.held}
        if canonical(name) in states:
            return Way((), states[canonical(name)])
        return Way(tuple(parameter_places(self.model, name)))

    # -- rates ----------------------------------------------------------------------------------

    def _compile(self) -> None:
        program = self.program
        rates = [state.rate for state in program.states]
        leaves = {node.data: i for i, node in enumerate(program.nodes) if node.op == "param"}
        moved = [leaves[place] for way in self.ways for place in way.places]
        made = jacobian(program, rates, moved)
        self._structure = set(made.entries)
        self._entries = tuple(np.array(list(made.entries), dtype=np.intp).reshape(-1, 2).T)
        self._code = PythonCode(
            made.program, {"rates": rates, "slopes": list(made.entries.values())}
        )
        self._prepared: tuple[object, object] | None = None

    def _functions(self, parameter: Parameter) -> Mapping[str, object]:
        """The functions for a value of what is moved."""
        vector = list(self.vector)
        for way, value in self._moved(parameter):
            for place in way.places:
                vector[place] = value
        if self._prepared is None or self._prepared[0] != vector:
            prepared = self._code.prepare(vector, self.grid.controls())
            self._prepared = (vector, prepared)
        return self._prepared[1].functions  # type: ignore[attr-defined, no-any-return]

    def _moved(self, parameter: Parameter) -> list[tuple[Way, float]]:
        if parameter is None:
            return []
        values = [parameter] if isinstance(parameter, int | float) else list(parameter)
        return list(zip(self.ways, map(float, values), strict=True))

    def _placed(self, states: Array, parameter: Parameter) -> list[float]:
        """All states, with stocks on hold where they are moved to."""
        placed: list[float] = states.tolist()
        for way, value in self._moved(parameter):
            if way.state is not None:
                placed[way.state] = value
        return placed

    def all_rates(self, states: Array, parameter: Parameter = None) -> Array:
        """Rates of all states of the program, shape (state,)."""
        rates, placed = self._functions(parameter)["rates"], self._placed(states, parameter)
        with np.errstate(all="ignore"):
            return np.array(rates(self.time, self.time, placed))  # type: ignore[operator]

    def all_slopes(self, states: Array, parameter: Parameter = None) -> Array:
        """Derivatives of all rates by all states and then by the elements of what is moved."""
        count = len(self.program.states)
        found = np.zeros((count, count + sum(len(way.places) for way in self.ways)))
        slopes, placed = self._functions(parameter)["slopes"], self._placed(states, parameter)
        with np.errstate(all="ignore"):
            values = slopes(self.time, self.time, placed)  # type: ignore[operator]
        found[self._entries] = values
        return found

    def _columns(self, way: Way) -> list[int]:
        """Columns of `all_slopes` that belong to what is moved."""
        if way.state is not None:
            return [way.state]
        before = self.ways[: self.ways.index(way)]
        first = len(self.program.states) + sum(len(one.places) for one in before)
        return list(range(first, first + len(way.places)))

    # -- what is left ---------------------------------------------------------------------------

    def _stock(self, name: str) -> int:
        names = {canonical(state.name): i for i, state in enumerate(self.program.states)}
        if canonical(name) not in names:
            known = [s.name for s in self.program.states if not s.hidden]
            raise UsageError(f'no stock "{name}" to hold', code="unknown-stock",
                             hint=did_you_mean(name, known))  # fmt: skip
        return names[canonical(name)]

    def _set_aside(self) -> None:
        states = self.program.states
        start = self.trail.states[0]
        still = self._still()
        self.fixed = {i: float(start[i]) for i in still} | self.held
        kept = [i for i in range(len(states)) if i not in self.fixed]
        kept, unread = _read(self.program, kept)
        kept, loose = self._settling(kept)
        unread += loose
        self.kept = np.array(kept, dtype=np.intp)
        self.names = tuple(states[i].name for i in kept)
        self.unread = tuple(states[i].name for i in unread)
        self.still = {states[i].name: float(start[i]) for i in still}
        self.background = start.copy()
        for place, value in self.fixed.items():
            self.background[place] = value

    def _probes(self) -> Array:
        """Points of the run, shape (probe, state)."""
        states = self.trail.states
        return np.asarray(states[np.linspace(0, len(states) - 1, PROBES).astype(int)])

    def _still(self) -> list[int]:
        """States that no flow moves, at the points of the run or around them."""
        rows = self._probes()
        size = np.abs(self.trail.states).max(axis=0)
        step = np.where(size > 0, size, 1.0) * 1e-3
        still = np.zeros(len(size), dtype=bool)
        while True:
            around = np.concatenate([rows, rows + np.where(still, 0.0, step)])
            rates = np.array([self.all_rates(row) for row in around])
            found = ~(rates != 0).any(axis=0)
            if (found == still).all():
                still |= self._unpulled()
                return [int(i) for i in np.flatnonzero(still) if i not in self.held]
            still = found

    def _unpulled(self) -> npt.NDArray[np.bool_]:
        """States that stay where they start on the run, and that nothing there pulls at: where
        they stand is a matter of their beginning, as with a conserved total."""
        states = self.trail.states
        slopes = np.array([np.diag(self.all_slopes(row)) for row in self._probes()])
        resting = (states == states[0]).all(axis=0) & (len(states) > 1)
        return np.asarray(resting & (slopes == 0).all(axis=0))

    def _settling(self, kept: list[int]) -> tuple[list[int], list[int]]:
        """Without the states that only they themselves read and that do not settle by themselves,
        such as an index of past growth."""
        slopes = np.array([self.all_slopes(row) for row in self._probes()])
        readers = {
            i: {j for j in kept if self._reads(j, i)} - {i} for i in kept
        }  # fmt: skip
        loose = [
            i for i in kept
            if not readers[i] and any(self._reads(i, j) for j in kept if j != i)
            and not (slopes[:, i, i] < 0).all()
        ]  # fmt: skip
        return [i for i in kept if i not in loose], loose

    def _reads(self, reader: int, state: int) -> bool:
        return (reader, state) in self._structure

    def _enters(self, way: Way) -> bool:
        columns = self._columns(way)
        for point in self.trail.states[:: max(1, len(self.trail.states) // PROBES)]:
            if self.all_slopes(point)[self.kept][:, columns].any():
                return True
        return False

    def moved_to(self, parameter: Parameter) -> Frozen:
        """The same with what is moved where it is put; this one stays as it is."""
        there = copy(self)
        there.vector, there.background = list(self.vector), self.background.copy()
        for way, value in self._moved(parameter):
            for place in way.places:
                there.vector[place] = value
            if way.state is not None:
                there.background[way.state] = value
        return there

    def full(self, states: Array) -> Array:
        """All states of the program from those that are left."""
        found: Array = self.background.copy()
        found[self.kept] = states
        return found

    def rates(self, states: Array, parameter: Parameter = None) -> Array:
        return np.asarray(self.all_rates(self.full(states), parameter)[self.kept])

    def jacobian(self, states: Array, parameter: Parameter = None) -> Array:
        found = self.all_slopes(self.full(states), parameter)
        return np.asarray(found[np.ix_(self.kept, self.kept)])

    def by_parameter(self, states: Array, parameter: Parameter, way: int = 0) -> Array:
        """Derivatives of the rates by what is moved, shape (state,)."""
        found = self.all_slopes(self.full(states), parameter)
        columns = self._columns(self.ways[way])
        return np.asarray(found[self.kept][:, columns].sum(axis=1))

    @property
    def scale(self) -> Array:
        """The largest absolute value of each state on the run; 1 for those that stayed at 0."""
        size = np.abs(self.trail.states[:, self.kept]).max(axis=0)
        return np.where(size > 0, size, 1.0)

    @property
    def reads_time(self) -> bool:
        """Whether any rate depends on explicit time."""
        rates = [self.program.states[i].rate for i in self.kept]
        return any(self.program.nodes[i].op in ("time", "held") for i in self.program.needed(rates))

    def totals(self) -> Array:
        """Weights of the conserved sums of states that are left, shape (total, state)."""
        rows = []
        for invariant in FlowMatrix(self.program).invariants():
            inside = [i for i in invariant.weights if i not in self.fixed]
            if inside and set(inside) <= set(self.kept.tolist()):
                rows.append([float(invariant.weights.get(i, 0)) for i in self.kept.tolist()])
        return np.array(rows).reshape(len(rows), len(self.kept))

    def problem(self, parameter: Parameter = None) -> Problem:
        return Problem(
            self.names, lambda x: self.rates(x, parameter), lambda x: self.jacobian(x, parameter),
            self.scale, self.totals(), self.trail.states[0][self.kept],
        )  # fmt: skip


def parameter_places(model: Model, name: str) -> list[int]:
    """Positions of the constants that a name means.

    Raises
    ------
    UsageError
        If there is no such constant, or it is the initial value of a stock.
    ModelError
        If no equation reads it.
    """
    constants = model.program.parameter_index()
    elements = resolve([Setting(name, 0.0)], model.system)
    if any(element in model.program.initial_index() for element in elements):
        raise UsageError(
            f'"{name}" is a stock; its initial value moves no equilibrium', code="initial-value",
            hint="follow a constant, or hold the stock and follow where it is held",
        )  # fmt: skip
    places = [constants[element] for element in elements if element in constants]
    if not places:
        raise ModelError(f'"{name}" does not enter: no equation reads it', code="no-effect")
    return places


def _refuse_discrete(model: Model) -> None:
    try:
        refuse_discrete(model.program)
    except UsageError as fault:
        what = fault.message.removeprefix("a continuous solver cannot carry ")
        hint = (
            "`bullbear run` and `bullbear loops` work; SMOOTH or DELAY3 in its place has equilibria"
        )
        if "random functions" in what:
            hint = "`bullbear run` works; with means in place of chance there are equilibria"
        raise ModelError(
            f"equilibria of rates are not defined with {what}", code="discrete-state", hint=hint
        ) from None


def _to_the_horizon(model: Model, grid: Grid) -> Grid:
    bounds = model.definition.time
    horizon = bounds.horizon if bounds is not None and bounds.horizon is not None else grid.final
    return Grid(grid.initial, max(grid.final, horizon), grid.step, grid.step)


def _trail(program: Program, grid: Grid, vector: Sequence[float]) -> Trail:
    """A run as far as it is finite; by LSODA where Euler's method leaves all bounds."""
    simulator = Simulator(program, [], [])
    found = simulator.run(grid, "euler", vector)
    if not np.isfinite(found.states[-1]).all():
        found = StiffSimulator(simulator).run(grid, STIFF, vector)
    bad = np.flatnonzero(~np.isfinite(found.states).all(axis=1))
    count = int(bad[0]) if bad.size else len(found.states)
    if not count:
        raise ModelError("the states are not finite at the start", code="not-finite",
                         hint="`bullbear run` says which equation is at fault")  # fmt: skip
    return Trail(found.step_times[:count], found.states[:count])


def _read(program: Program, kept: Sequence[int]) -> tuple[list[int], list[int]]:
    """States that some rate of those left reads, and those that none does."""
    left = list(kept)
    while True:
        below = program.needed([program.states[i].rate for i in left])
        read = {program.nodes[i].data for i in below if program.nodes[i].op == "state"}
        fewer = [i for i in left if i in read]
        if fewer == left:
            return left, [i for i in kept if i not in left]
        left = fewer
