"""The right-hand side of a model at one point, with its exact Jacobian."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bullbear.equations.differentiated import jacobian
from bullbear.equations.printers.python import PythonCode, StepFunction
from bullbear.equations.program import Program
from bullbear.errors import UsageError

Array = npt.NDArray[np.float64]
_DISCRETE = {"fixed": "DELAY FIXED", "sample": "SAMPLE IF TRUE"}


class Field:
    """dx/dt and its derivatives by the states, for a program without discrete states.

    Raises
    ------
    UsageError
        Naming the discrete states or random functions, which have no rate of change.
    """

    def __init__(self, program: Program) -> None:
        refuse_discrete(program)
        self.program = program
        rates = [state.rate for state in program.states]
        made = jacobian(program, rates, [])
        self.places = tuple(np.array(list(made.entries), dtype=np.intp).reshape(-1, 2).T)
        self.code = PythonCode(
            made.program, {"rates": rates, "slopes": list(made.entries.values())}
        )

    def at(self, parameters: Sequence[float], controls: Mapping[str, float]) -> Rates:
        """The field for given constants and time bounds."""
        prepared = self.code.prepare(parameters, controls)
        start = np.array(prepared.start[: len(self.program.states)], dtype=np.float64)
        functions = prepared.functions
        return Rates(start, functions["rates"], functions["slopes"], self.places)


@dataclass(frozen=True)
class Rates:
    """A field with its constants; `start` are the initial states, shape (state,)."""

    start: Array
    _rates: StepFunction
    _slopes: StepFunction
    _places: tuple[npt.NDArray[np.intp], ...]

    def rates(self, time: float, held: float, states: Array) -> Array:
        """dx/dt, shape (state,) [unit of the state / time unit]; events are those at `held`."""
        return np.array(self._rates(time, held, states.tolist()), dtype=np.float64)

    def jacobian(self, time: float, held: float, states: Array) -> Array:
        """Derivatives of the rates (row) by the states (column), shape (state, state)."""
        found = np.zeros((len(states), len(states)))
        found[self._places] = self._slopes(time, held, states.tolist())
        return found


def refuse_discrete(program: Program) -> None:
    """Refuse a program with states that jump from step to step.

    Raises
    ------
    UsageError
        Naming them.
    """
    names = [
        f'{_DISCRETE[state.kind]} in "{state.name.partition("#")[0]}"'
        for state in program.states
        if state.kind in _DISCRETE
    ]
    if any(node.op == "random" for node in program.nodes):
        names.append("random functions")
    if names:
        raise UsageError(
            f"a continuous solver cannot carry {', '.join(dict.fromkeys(names))}",
            code="discrete-state",
            hint="run it by euler or rk4, which move discrete states from step to step",
        )
