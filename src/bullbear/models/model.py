"""A model: equations, scenarios and time bounds, ready to run."""

from __future__ import annotations

import time as clock
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Unpack

import numpy as np
import numpy.typing as npt

from bullbear.equations.lowering import compile_system
from bullbear.equations.program import Program
from bullbear.equations.read import read_document
from bullbear.equations.system import System
from bullbear.errors import UsageError
from bullbear.models.declared import Declared
from bullbear.models.definition import ModelDefinition, foreign_definition
from bullbear.models.ensemble import MEMORY, Ensemble, Options, run_ensemble
from bullbear.models.overrides import (
    Setting,
    check_scenarios,
    read_parameters,
    resolve,
    scenario_settings,
)
from bullbear.models.plan import Request
from bullbear.models.run import Provenance, Run
from bullbear.models.scenarios import (
    BASE,
    Scenario,
    find_scenario,
    foreign_scenarios,
    load_scenarios,
)
from bullbear.models.simulate import (
    METHODS,
    Grid,
    Simulator,
    Trajectory,
    control_values,
)
from bullbear.models.stiff import STIFF, StiffSimulator
from bullbear.models.varying import refuse_moving, refuse_structural
from bullbear.models.versions import versions
from bullbear.models.workspace import find_model

if TYPE_CHECKING:
    import pandas as pd

    from bullbear.equations.symbolic import SymbolicSystem
    from bullbear.models.adjoint import Gradient, Loss
    from bullbear.models.linearised import RunOptions
    from bullbear.models.sensitivities import Sensitivities


def load(path_or_name: str | Path | None = None, workspace: Path | None = None) -> Model:
    """Read a model by its name in the workspace, or from a file.

    Raises
    ------
    UsageError
        If there is no such model.
    ModelError, EquationError, DataError
        If its files cannot be read; all faults at once.
    """
    argument = None if path_or_name is None else str(path_or_name)
    file = find_model(argument, workspace)
    if file.path.suffix == ".toml":
        definition = ModelDefinition.read(file.path)
        system = System([read_document(path) for path in definition.sector_paths])
        folder = definition.scenarios_folder
        scenarios = load_scenarios(folder) if folder else foreign_scenarios()
    else:
        document = read_document(file.path)
        system = System([document])
        stocks = [v.name for v in system.variables.values() if v.kind == "stock"]
        definition = foreign_definition(file.path, stocks, document.method)
        scenarios = foreign_scenarios()
    return Model(file.name, definition, system, compile_system(system), scenarios)


@dataclass(frozen=True)
class Model:
    """A model that can be run; nothing of it changes by running it."""

    name: str
    definition: ModelDefinition
    system: System
    program: Program
    scenarios: Mapping[str, Scenario]

    def __post_init__(self) -> None:
        check_scenarios(self.scenarios, self.system)
        self._declared.check()

    @cached_property
    def hash(self) -> str:
        """A short hash of everything in the model that decides its numbers."""
        return self.program.digest()[:12]

    # -- values and time ------------------------------------------------------------------------

    def values(
        self,
        scenario: str = BASE,
        overrides: Mapping[str, float] | None = None,
        parameters: Path | None = None,
    ) -> dict[str, float]:
        """Constants that differ from the equations, by element; the last source wins.

        Order: parameter set of the model, scenario, `parameters` file, `overrides`.
        """
        settings: list[Setting] = []
        if self.definition.parameters_path is not None:
            settings += read_parameters(self.definition.parameters_path)
        settings += scenario_settings(find_scenario(self.scenarios, scenario))
        if parameters is not None:
            settings += read_parameters(parameters)
        settings += [Setting(name, float(value)) for name, value in (overrides or {}).items()]
        return resolve(settings, self.system)

    def parameter_vector(self, values: Mapping[str, float]) -> npt.NDArray[np.float64]:
        """All parameters, shape (parameter,), with `values` in their places."""
        vector = self.program.defaults
        constants, initials = self.program.parameter_index(), self.program.initial_index()
        for name, value in values.items():
            index = constants.get(name, initials.get(name))
            if index is not None:
                if vector[index] != value:
                    refuse_structural(self.program, index)
                vector[index] = value
        return vector

    def grid(
        self,
        parameters: Sequence[float] | None = None,
        time_step: float | None = None,
        saveper: float | None = None,
        final_time: float | None = None,
    ) -> Grid:
        """The time grid: of the model file, else of the equations, changed by what is given."""
        bounds = self.definition.time
        if bounds is not None:
            known = {"initial": bounds.initial, "final": bounds.final, "step": bounds.step,
                     "saveper": bounds.saveper or bounds.step}  # fmt: skip
        else:
            found = control_values(
                self.program, self.program.defaults.tolist() if parameters is None else parameters
            )
            known = {"initial": found["initial_time"], "final": found["final_time"],
                     "step": found["time_step"], "saveper": found["saveper"]}  # fmt: skip
        if time_step is not None and saveper is None and known["saveper"] == known["step"]:
            saveper = time_step  # a model that saves every step goes on doing so
        given = {"step": time_step, "saveper": saveper, "final": final_time}
        return Grid(**(known | {k: v for k, v in given.items() if v is not None}))

    # -- running --------------------------------------------------------------------------------

    def run(
        self,
        scenario: str = BASE,
        overrides: Mapping[str, float] | None = None,
        *,
        parameters: Path | None = None,
        method: str | None = None,
        time_step: float | None = None,
        saveper: float | None = None,
        final_time: float | None = None,
    ) -> Run:
        """Simulate one scenario by `euler`, `rk4`, or `lsoda` (see `models.stiff`).

        Raises
        ------
        UsageError
            For an unknown scenario, constant or method, a grid that does not fit, or discrete
            states that `lsoda` cannot carry.
        SimulationError
            If a variable is no longer finite, or a stock that must not goes below zero.
        """
        if any(given is not None for given in (time_step, saveper, final_time)):
            refuse_moving(self.program, "another time step, saving step or end")
        method = self._method(method)
        values = self.values(scenario, overrides, parameters)
        vector = self.parameter_vector(values).tolist()
        grid = self.grid(vector, time_step, saveper, final_time)
        horizon = max(grid.final, self._horizon(grid))
        long_grid = Grid(grid.initial, horizon, grid.step, grid.saveper)
        simulator = self._stiff_simulator if method == STIFF else self._simulator
        begin = clock.perf_counter()
        found = simulator.run(long_grid, method, vector, save_until=grid.final)
        seconds = clock.perf_counter() - begin
        self._declared.refuse(found, grid, vector)
        return Run(
            results=self._frame(found),
            events=self._declared.events(found),
            horizon=horizon,
            trust=self._declared.trust(found, grid, method, vector),
            provenance=Provenance(
                self.name, self.hash, scenario, values, method, grid.step, grid.saveper,
                grid.final, "numpy", versions(),
            ),
            seconds=seconds,
        )  # fmt: skip

    def ensemble(
        self,
        draws: pd.DataFrame,
        outputs: Sequence[str] | None = None,
        save_at: Sequence[float] | None = None,
        *,
        scenario: str = BASE,
        overrides: Mapping[str, float] | None = None,
        method: str | None = None,
        time_step: float | None = None,
        final_time: float | None = None,
        events: bool = True,
        statistics: bool | None = None,
        memory: int = MEMORY,
        threads: int | None = None,
        cluster: str | None = None,
        progress: Callable[[int], None] | None = None,
        seed: int = 0,
    ) -> Ensemble:
        """Simulate many draws of the constants; see `Ensemble` for what comes out.

        Parameters
        ----------
        draws : one row per draw, one column per constant or initial value, in its unit; they win
            over the scenario and `overrides`
        outputs, save_at, events : what is kept of each draw, as `plan.Request` describes
        statistics : True keeps moments and quantiles alone, False all values; None keeps the
            values where they fit into `memory` [byte]
        threads : blocks worked on at a time; the processor's cores if None
        cluster : address of a Dask scheduler that shares out the blocks
        progress : called with the number of draws that have just been done
        seed : of the model's random functions

        Raises
        ------
        UsageError, DataError
            For unknown names, times outside the run, numbers that are not finite, too little
            memory or an unreachable scheduler.  A draw that fails is marked, never fatal.
        """
        request = Request(scenario, overrides, outputs, save_at, method, time_step, final_time,
                          events, seed)  # fmt: skip
        refuse_moving(self.program, "an ensemble")
        options = Options(statistics, memory, threads, cluster)
        return run_ensemble(self, draws, request, options, progress)

    def _method(self, method: str | None) -> str:
        chosen, known = method or self.definition.method, (*METHODS, STIFF)
        if chosen not in known:
            raise UsageError(f'unknown method "{chosen}"', code="method",
                             hint="known: " + ", ".join(known))  # fmt: skip
        return chosen

    def _horizon(self, grid: Grid) -> float:
        bounds = self.definition.time
        return grid.final if bounds is None or bounds.horizon is None else bounds.horizon

    # -- derivatives and symbols ----------------------------------------------------------------

    @cached_property
    def equations(self) -> SymbolicSystem:
        """The equations as SymPy expressions."""
        from bullbear.equations.symbolic import SymbolicSystem

        return SymbolicSystem(self.system)

    def sensitivities(
        self,
        outputs: Sequence[str],
        by: Sequence[str],
        *,
        logarithmic: bool = False,
        **options: Unpack[RunOptions],
    ) -> Sensitivities:
        """Exact derivatives of a run; see `models.sensitivities`."""
        from bullbear.models.sensitivities import sensitivities

        return sensitivities(self, outputs, by, logarithmic, options)

    def with_sensitivities(
        self, outputs: Sequence[str], by: Sequence[str], logarithmic: bool = False
    ) -> Model:
        """The model with its derivatives as further outputs; see `models.sensitivities`."""
        from bullbear.models.sensitivities import with_sensitivities

        return with_sensitivities(self, outputs, by, logarithmic)

    def gradient(
        self, outputs: Sequence[str], loss: Loss, **options: Unpack[RunOptions]
    ) -> Gradient:
        """Derivatives of one number by all constants; see `models.adjoint`."""
        from bullbear.models.adjoint import gradient

        return gradient(self, outputs, loss, options)

    @cached_property
    def differentiated(self) -> dict[object, object]:
        """Compiled derivatives, by what they are derivatives of."""
        return {}

    @cached_property
    def _declared(self) -> Declared:
        return Declared(self.definition, self.system, self.program)

    @cached_property
    def _watched_stocks(self) -> dict[int, str]:
        """Positions and names of the stocks that must not go below zero."""
        return self._declared.nonnegative

    @cached_property
    def _simulator(self) -> Simulator:
        watched = [self.program.outputs[name] for name in self._declared.event_names]
        return Simulator(self.program, list(self.program.outputs.values()), watched)

    @cached_property
    def _stiff_simulator(self) -> StiffSimulator:
        return StiffSimulator(self._simulator)

    def _frame(self, found: Trajectory) -> pd.DataFrame:
        import pandas as pd

        index = pd.Index(found.times, name="time")
        return pd.DataFrame(found.values, index=index, columns=list(self.program.outputs))
