"""Kinks: where MIN, MAX and IF THEN ELSE change from one piece of the equations to another."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bullbear.analysis.problem import Problem
from bullbear.analysis.reduction import Frozen
from bullbear.analysis.stability import Stability, judge
from bullbear.equations.differentiated import jacobian
from bullbear.equations.printers.numpy import NumpyCode
from bullbear.equations.printers.python import PythonCode
from bullbear.equations.program import Builder, Level

Array = npt.NDArray[np.float64]
TIE = 1e-7
"""Both sides of a choice are equal if they differ by less than this share of their size."""
ASIDE = 1e-6
"""How far beside a kink one side is looked at, in scaled states."""
_COMPARED = ("lt", "le", "gt", "ge")


@dataclass(frozen=True)
class Switch:
    """A choice that changed its piece on a run: when, and in the equation of what."""

    name: str
    time: float


class Kinks:
    """The choices among the rates that are left, as differences that change sign there."""

    def __init__(self, frozen: Frozen) -> None:
        self.frozen = frozen
        program = frozen.program
        self.roots = [program.states[i].rate for i in frozen.kept.tolist()]
        builder = Builder.onto(program)
        self.choices: list[int] = []
        self.differences: list[int] = []
        self.sizes: list[int] = []
        for index in program.needed(self.roots):
            sides = self._sides(index)
            if sides is not None and max(map(builder.level, sides)) == Level.DYNAMIC:
                self.choices.append(index)
                self.differences.append(builder.add("sub", *sides))
                left, right = (builder.add("abs", side) for side in sides)
                self.sizes.append(builder.add("add", left, right))
        made = jacobian(builder.program, self.differences, [])
        self.entries = list(made.entries)
        self.program = made.program
        self.groups = {
            "values": self.differences, "sizes": self.sizes, "slopes": list(made.entries.values())
        }  # fmt: skip

    def _sides(self, index: int) -> tuple[int, int] | None:
        nodes = self.frozen.program.nodes
        node = nodes[index]
        if node.op in ("min", "max"):
            return node.args[0], node.args[1]
        if node.op == "select" and nodes[node.args[0]].op in _COMPARED:
            condition = nodes[node.args[0]]
            return condition.args[0], condition.args[1]
        return None

    def sides(self, problem: Problem, states: Array) -> list[Stability]:
        """The stability on each side of the kinks that an equilibrium stands on.

        Empty where it stands on none, or where all sides have the same eigenvalues.
        """
        frozen = self.frozen
        code = PythonCode(self.program, self.groups)
        functions = code.prepare(frozen.vector, frozen.grid.controls()).functions
        point = (frozen.time, frozen.time, frozen.full(states).tolist())
        values, sizes = np.array(functions["values"](*point)), np.array(functions["sizes"](*point))
        slopes = np.zeros((len(values), len(frozen.program.states)))
        for (row, column), slope in zip(self.entries, functions["slopes"](*point), strict=True):
            slopes[row, column] = slope
        found: list[Array] = []
        for tied in np.flatnonzero(np.abs(values) <= TIE * np.maximum(sizes, 1e-300)).tolist():
            way = np.nan_to_num(slopes[tied, frozen.kept]) * problem.scale
            if not way.any():
                continue
            for sign in (1, -1):
                beside = states + sign * ASIDE * problem.scale * way / np.abs(way).max()
                if not _negative(frozen, beside, states):
                    found.append(problem.reduced(problem.jacobian(beside)))
        return _different(found)

    def switches(self) -> list[Switch]:
        """When choices changed their piece on the run, by straight lines between its steps.

        Those that only time decides, and those that change more than once, are left out.
        """
        frozen = self.frozen
        code = NumpyCode(self.program, {"values": self.differences})
        _, functions = code.prepare(frozen.vector, frozen.grid.controls())
        times, states = frozen.trail.times, list(frozen.trail.states.T)
        with np.errstate(all="ignore"):
            rows = functions["values"](times, times, states)  # type: ignore[arg-type]
        found = []
        for choice, row in zip(self.choices, rows, strict=True):
            values = np.broadcast_to(np.asarray(row, dtype=np.float64), times.shape)
            crossed = np.flatnonzero(values[:-1] * values[1:] < 0)
            if len(crossed) == 1:
                k = int(crossed[0])
                share = values[k] / (values[k] - values[k + 1])
                time = float(times[k] + share * (times[k + 1] - times[k]))
                found.append(Switch(self._owner(choice), time))
        return sorted(found, key=lambda switch: switch.time)

    def _owner(self, choice: int) -> str:
        """The variable in whose equation a choice stands: the nearest one above it."""
        program = self.frozen.program
        above = [
            (len(program.needed([root])), name)
            for name, root in program.outputs.items()
            if choice in program.needed([root])
        ]
        return min(above)[1] if above else "a net flow"


def _negative(frozen: Frozen, beside: Array, states: Array) -> bool:
    """Whether a side lies where a stock of the model that must not be below zero would be."""
    watched = {frozen.program.states[i].name for i in frozen.model._watched_stocks}
    return any(
        value < 0 <= here and name in watched
        for name, value, here in zip(frozen.names, beside, states, strict=True)
    )


def _different(jacobians: list[Array]) -> list[Stability]:
    """One verdict per side whose eigenvalues differ by more than the step aside makes them."""
    kept: list[Stability] = []
    for one in (judge(side) for side in jacobians if np.isfinite(side).all()):
        if not any(np.allclose(one.eigenvalues, k.eigenvalues, rtol=1e-3) for k in kept):
            kept.append(one)
    return kept if len(kept) > 1 else []
