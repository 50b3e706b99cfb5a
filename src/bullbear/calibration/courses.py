"""One run of a model at many points: outputs at some times, and their exact slopes.

Slopes come from the program that carries tangents beside its states
(`bullbear.equations.differentiated.seeded_program`): each draw of it has a few directions, so a
point takes as many draws as its constants need.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from bullbear.equations.differentiated import directions, seeded_program
from bullbear.models.batch import DONE, Runner
from bullbear.models.engines import make_runner
from bullbear.models.plan import Plan, Request, make_plan

if TYPE_CHECKING:
    from bullbear.models.model import Model

Array = npt.NDArray[np.float64]
_TOGETHER = 4  # directions of one draw: more are little faster and take longer to compile


@dataclass(frozen=True)
class Found:
    """Results at some points.

    Attributes
    ----------
    values : shape (point, time, output); NaN where the run or a slope is not finite, or a guarded
        stock went below zero
    slopes : by the constants, shape (point, time, output, parameter); None if not asked for
    events : shape (point, event), NaN where one does not happen
    """

    values: Array
    slopes: Array | None
    events: Array


class Course:
    """One run of a model, made ready for values of the constants `names`."""

    def __init__(
        self, model: Model, names: tuple[str, ...], starts: Array, request: Request
    ) -> None:
        import pandas as pd

        self.model, self.names = model, names
        frame = pd.DataFrame(starts[None], columns=list(names))
        self.plan: Plan = make_plan(model, frame, request)
        self.runner, _ = make_runner(self.plan.batch)

    @property
    def outputs(self) -> tuple[str, ...]:
        return self.plan.names

    @cached_property
    def _together(self) -> int:
        return min(_TOGETHER, len(self.names))

    @cached_property
    def _twin(self) -> Runner:
        """The run with tangents; the parts of the directions are further columns of the draws."""
        batch, program = self.plan.batch, self.model.program
        known = directions(program)
        wanted = [known[name] for name in self.names]
        made = seeded_program(program, wanted, self.outputs, self._together)
        old, fresh = len(program.parameters), len(made.parameters) - len(program.parameters)
        new = replace(
            batch, program=made, outputs=tuple(made.outputs.values()),
            base=np.concatenate([batch.base, np.zeros(fresh)]),
            places=np.concatenate([batch.places, old + np.arange(fresh)]),
            sources=np.concatenate([batch.sources, len(self.names) + np.arange(fresh)]),
        )  # fmt: skip
        return make_runner(new)[0]

    @cached_property
    def _seeds(self) -> Array:
        """Unit directions, shape (draw of a point, part): each draw has the next few of them."""
        count, together = len(self.names), self._together
        seeds = np.zeros((-(-count // together), together, count))
        for i in range(count):
            seeds[i // together, i % together, i] = 1.0
        return seeds.reshape(len(seeds), -1)

    def at(self, values: Array, *, slopes: bool = False) -> Found:
        """The run at values of the constants, shape (point, parameter)."""
        if slopes:
            return self._linear(values)
        block = self.runner.run(self._numbered(values))
        found = np.array(self.plan.at_times(block))
        found[block.status != DONE] = np.nan
        return Found(found, None, block.events)

    def _linear(self, values: Array) -> Found:
        points, draws = len(values), len(self._seeds)
        rows = np.hstack([np.repeat(values, draws, axis=0), np.tile(self._seeds, (points, 1))])
        block = self._twin.run(self._numbered(rows))
        shape = (points, draws, -1, 1 + self._together, len(self.outputs))
        table = block.values[:, self.plan.lower].reshape(shape)
        bad = (block.status != DONE).reshape(points, draws).any(axis=1)
        found = table[:, 0, :, 0].copy()
        found[bad] = np.nan
        # (point, draw, time, direction, output) to (point, time, output, draw and direction)
        tangents = table[:, :, :, 1:].transpose(0, 2, 4, 1, 3)
        slopes = tangents.reshape(*found.shape, -1)[..., : len(self.names)]
        return Found(found, slopes, block.events.reshape(points, draws, -1)[:, 0])

    def _numbered(self, rows: Array) -> Array:
        """The draws with their number, where random streams need one: that of a single run."""
        if self.plan.batch.numbered:
            rows = np.hstack([rows, np.zeros((len(rows), 1))])
        return np.ascontiguousarray(rows)
