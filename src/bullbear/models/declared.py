"""What the model file asks to be looked at in every run: events, totals, headlines, stocks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from bullbear.equations.names import canonical, split_element
from bullbear.equations.program import Program
from bullbear.equations.system import System
from bullbear.errors import ModelError, Where, did_you_mean
from bullbear.models import diagnosis
from bullbear.models.definition import ModelDefinition
from bullbear.models.events import locate
from bullbear.models.simulate import Grid, Simulator, Trajectory, grid_index
from bullbear.models.stiff import STIFF, StiffSimulator
from bullbear.models.trust import Trust, conservation_error, smallest_stock, step_error

_ROUNDING = 1e-9
"""How far below zero rounding may take a stock, over its largest value."""


@dataclass(frozen=True)
class Declared:
    """The variables that a model file names, and what is made of them in a trajectory."""

    definition: ModelDefinition
    system: System
    program: Program

    # -- names ----------------------------------------------------------------------------------

    def check(self) -> None:
        """Look up every name.

        Raises
        ------
        ModelError
            For the first that is no variable.
        """
        wanted = [(n, "headline") for n in self.definition.headline]
        wanted += [(e.variable, "events") for e in self.definition.events]
        wanted += [(n, "nonnegative") for n in self.definition.nonnegative]
        wanted += [(n, "conservation") for ns in self.definition.conservation.values() for n in ns]
        for name, key in wanted:
            self._outputs_named(name, key)

    @property
    def event_names(self) -> list[str]:
        """The variable of each event."""
        return [self._outputs_named(e.variable, "events")[0] for e in self.definition.events]

    @cached_property
    def nonnegative(self) -> dict[int, str]:
        """Positions and names of the stocks that must not go below zero."""
        names = {o for n in self.definition.nonnegative for o in self._outputs_named(n, "")}
        return {i: name for i, name in self._named_stocks.items() if name in names}

    @cached_property
    def _headline_names(self) -> list[str]:
        return [o for n in self.definition.headline for o in self._outputs_named(n, "headline")]

    @cached_property
    def _named_stocks(self) -> dict[int, str]:
        """Positions and names of the stocks of the equations."""
        states = enumerate(self.program.states)
        return {i: s.name for i, s in states if s.kind == "stock" and not s.hidden}

    @cached_property
    def _totals(self) -> dict[str, list[int]]:
        """Positions of the stocks of every conserved total."""
        position = {s.name: i for i, s in enumerate(self.program.states)}
        return {
            total: [position[o] for n in names for o in self._outputs_named(n, "conservation")]
            for total, names in self.definition.conservation.items()
        }

    def _outputs_named(self, name: str, key: str) -> list[str]:
        """Element names of a variable that the model file speaks of."""
        base, elements = split_element(name)
        variable = self.system.variables.get(canonical(base))
        if variable is None:
            raise ModelError(
                f'{key} names "{name}", which is no variable of the model', code="unknown-variable",
                where=Where(str(self.definition.path)),
                hint=did_you_mean(base, self.system.known_names()),
            )  # fmt: skip
        names = dict(self.system.element_names(variable))
        wanted = tuple(map(canonical, elements))
        return [names[wanted]] if wanted in names else list(names.values())

    # -- what is made of a trajectory -----------------------------------------------------------

    def events(self, found: Trajectory) -> dict[str, float | None]:
        """When each event began, None for never."""
        return {
            event.name: locate(event, found.step_times, found.monitored[:, column])
            for column, event in enumerate(self.definition.events)
        }

    def trust(self, found: Trajectory, grid: Grid, method: str, vector: Sequence[float]) -> Trust:
        """How far the run can be believed; runs the headlines again at half the step."""
        names = [] if self.program.moving else self._headline_names
        headline = self._headline_simulator
        simulator = StiffSimulator(headline) if method == STIFF else headline
        finer = simulator.run(grid.finer(), method, vector)
        columns = [list(self.program.outputs).index(name) for name in names]
        error, worst = step_error(names, found.values[:, columns], finer.values)
        last = grid_index(grid, grid.final) + 1
        stocks = self.nonnegative or self._named_stocks
        return Trust(
            error if names else None,
            worst,
            conservation_error(self._totals, found.states),
            smallest_stock(stocks, found.step_times[:last], found.states[:last]),
        )

    @cached_property
    def _headline_simulator(self) -> Simulator:
        return Simulator(self.program, [self.program.outputs[n] for n in self._headline_names], [])

    def refuse(self, found: Trajectory, grid: Grid, vector: Sequence[float]) -> None:
        """Stop at the first value that no stock may have.

        Raises
        ------
        SimulationError
            Saying where, when and why.
        """
        parts = (self.system, self.program, grid, vector)
        if not np.isfinite(found.values).all() or not np.isfinite(found.states[-1]).all():
            rows = np.flatnonzero(~np.isfinite(found.values).all(axis=1))
            step = int(rows[0]) * grid.every if rows.size else max(len(found.states) - 2, 0)
            time = float(found.step_times[step])
            raise diagnosis.not_finite(*parts, time, found.states[step].tolist())
        self._refuse_negative(found, parts)

    def _refuse_negative(
        self, found: Trajectory, parts: tuple[System, Program, Grid, Sequence[float]]
    ) -> None:
        for position in self.nonnegative:
            column = found.states[:, position]
            below = np.flatnonzero(column < -_ROUNDING * np.max(np.abs(column)))
            if below.size:
                step = int(below[0])
                raise diagnosis.negative(
                    *parts, float(found.step_times[step]), found.states[step].tolist(), position
                )
