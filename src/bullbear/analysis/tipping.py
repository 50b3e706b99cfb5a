"""Tipping: which runs survive, where the boundary lies, and how sure that is.

Whole surfaces and all boundaries of a study are runs of the ensemble engine.  A boundary is found
by bisection along one constant, side by side for every other value and every draw, between two
ends with different outcomes.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from bullbear.analysis.tipping_file import Axis, Outcome, Shock, Surface, Threshold, TippingFile
from bullbear.errors import ModelError
from bullbear.models.draws import read_priors, sobol_draws
from bullbear.models.model import Model
from bullbear.models.overrides import Setting, resolve
from bullbear.models.scenarios import find_scenario

Array = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
CLOSE = 0.01
"""A boundary is known to this share of its value, or of a tenth of the range near zero."""
SURPLUS = 8
"""So many times the draws are made where some of them do not go with what happened."""
NEVER, ALWAYS = math.inf, -math.inf
"""No survival in the whole range; survival in all of it."""


@dataclass(frozen=True)
class Boundaries:
    """Values of a constant at which the outcome changes.

    Attributes
    ----------
    values : shape (row,); inf where nothing in the range survives, -inf where all of it does, NaN
        where a run failed
    settled : whether the outcome on both sides is the same at the horizon twice as far
    rising : whether survival is above the boundary (True) or below it
    """

    values: Array
    settled: Flags
    rising: bool


@dataclass(frozen=True)
class Map:
    """A surface: survival in every cell, and its boundary with the draws around it.

    Attributes
    ----------
    x, y : values of the axes, shape (cell,)
    alive : survival, shape (y, x); `changed` counts cells that differ at twice the horizon
    boundary, later : along x, one per y, at the horizon and at twice the horizon
    at : values of y at which draws were followed; `draws` their boundaries, shape (at, draw), and
        `there` the boundary with the model's own constants
    folded : rows of cells in which the outcome changes more than once
    """

    surface: Surface
    x: Array
    y: Array
    alive: Flags
    changed: int
    failed: int
    boundary: Boundaries
    later: Boundaries
    at: Array
    there: Boundaries
    draws: Array
    folded: int


@dataclass(frozen=True)
class Distance:
    """How large a shock tips the system: `value` with these constants, `draws` with each draw."""

    shock: Shock
    value: Boundaries
    later: Boundaries
    draws: Array


@dataclass(frozen=True)
class Line:
    """Boundaries over values of a second constant, and those of the draws, (value, draw)."""

    threshold: Threshold
    boundary: Boundaries
    draws: Array


class Tipping:
    """The runs of one study."""

    def __init__(self, model: Model, study: TippingFile) -> None:
        self.model, self.study = model, study
        self.priors, self.kept = self._priors()

    def _priors(self) -> tuple[pd.DataFrame, float]:
        """Draws of everything uncertain that neither the scenario nor the study sets.

        Of those that go with what is known to have happened, the first ones; and their share.
        """
        path = self.model.definition.parameters_path
        if path is None:
            raise ModelError("the model has no parameter set, so no priors to draw from",
                             code="no-priors", hint="name one by the key parameters")  # fmt: skip
        given, count = self.study.given, self.study.draws
        priors = read_priors(path)
        draws = sobol_draws(priors, count * (SURPLUS if given else 1), self.study.seed)
        scenario = find_scenario(self.model.scenarios, self.study.scenario)
        taken = self._elements([*scenario.levers, *self.study.settings])
        keep = [name for name in map(str, draws) if not self._elements([name]) & taken]
        if given is None:
            return draws[keep], 1.0
        found = self.model.ensemble(
            draws[keep], [given.variable], [given.at], scenario=self.study.scenario,
            overrides=self.study.settings, final_time=given.at, events=False, statistics=False,
        )  # fmt: skip
        assert found.values is not None
        good = found.values[:, 0, 0] > given.above
        if not good.any():
            raise ModelError(
                f"in none of {len(draws)} draws {given.variable} is above {given.above:g} at "
                f"{given.at:g}", code="no-draws", hint="ask for less in the table given",
            )  # fmt: skip
        return draws.loc[good, keep].head(count).reset_index(drop=True), float(good.mean())

    def _elements(self, names: Sequence[str]) -> set[str]:
        return set(resolve([Setting(name, 0.0) for name in names], self.model.system))

    def alive(
        self, rows: pd.DataFrame, settings: Mapping[str, float], outcome: Outcome
    ) -> tuple[Flags, Flags, Flags]:
        """Survival at the horizon and at twice the horizon, and which runs failed, (row,)."""
        found = self.model.ensemble(
            rows, [outcome.variable], [outcome.at, outcome.again], scenario=self.study.scenario,
            overrides={**self.study.settings, **settings}, final_time=outcome.again, events=False,
            statistics=False,
        )  # fmt: skip
        assert found.values is not None
        values = found.values[:, :, 0]
        failed = np.asarray(np.isnan(values).any(axis=1))
        return values[:, 0] > outcome.above, values[:, 1] > outcome.above, failed

    def boundaries(
        self, axis: Axis, rows: pd.DataFrame, settings: Mapping[str, float], outcome: Outcome
    ) -> Boundaries:
        """The boundary along an axis for every row of other constants."""
        count = len(rows)

        def at(values: Array) -> tuple[Flags, Flags, Flags]:
            columns = dict.fromkeys((axis.name, *axis.also), values)
            return self.alive(rows.assign(**columns), settings, outcome)

        low, high = np.full(count, axis.low), np.full(count, axis.high)
        (below, below_again, failed), (above, above_again, also) = at(low), at(high)
        failed = failed | also
        for _ in range(_halvings(axis)):
            middle = (low + high) / 2
            here, again, bad = at(middle)
            as_below = here == below
            low, high = np.where(as_below, middle, low), np.where(as_below, high, middle)
            below_again = np.where(as_below, again, below_again)
            above_again = np.where(as_below, above_again, again)
            failed |= bad
        one_sided = np.where(below, ALWAYS, NEVER)
        values = np.where(below == above, one_sided, (low + high) / 2)
        settled = (below == below_again) & (above == above_again)
        rising = bool(np.count_nonzero(above & ~below) >= np.count_nonzero(below & ~above))
        return Boundaries(np.where(failed, np.nan, values), settled, rising)

    def _with_draws(
        self, axis: Axis, rows: pd.DataFrame, settings: Mapping[str, float], outcome: Outcome
    ) -> Array:
        """Boundaries of every row with every draw, shape (row, draw)."""
        own = self._elements([axis.name, *axis.also, *map(str, rows.columns), *settings])
        keep = [name for name in map(str, self.priors) if not self._elements([name]) & own]
        priors = self.priors[keep]
        count, draws = len(rows), len(priors)
        every = pd.concat([priors] * count, ignore_index=True)
        for name in rows:
            every[name] = np.repeat(rows[name].to_numpy(), draws)
        return self.boundaries(axis, every, settings, outcome).values.reshape(count, draws)

    # -- what a study asks for ------------------------------------------------------------------

    def map(self, surface: Surface) -> Map:
        """Survival over two constants."""
        outcome = surface.outcome or self.study.outcome
        x = np.linspace(surface.x.low, surface.x.high, surface.cells)
        y = np.linspace(surface.y.low, surface.y.high, surface.cells)
        columns = {n: np.tile(x, len(y)) for n in (surface.x.name, *surface.x.also)}
        columns |= {n: np.repeat(y, len(x)) for n in (surface.y.name, *surface.y.also)}
        here, again, failed = self.alive(pd.DataFrame(columns), surface.settings, outcome)
        alive = here.reshape(len(y), len(x))
        at = np.linspace(surface.y.low, surface.y.high, surface.columns)
        rows = _rows(surface.y, y)
        boundary = self.boundaries(surface.x, rows, surface.settings, outcome)
        later = self.boundaries(surface.x, rows, surface.settings, twice(outcome))
        few = _rows(surface.y, at)
        return Map(
            surface, x, y, alive, int(np.count_nonzero(here != again)), int(failed.sum()), boundary,
            later, at, self.boundaries(surface.x, few, surface.settings, outcome),
            self._with_draws(surface.x, few, surface.settings, outcome),
            int((np.abs(np.diff(alive.astype(int), axis=1)).sum(axis=1) > 1).sum()),
        )  # fmt: skip

    def distance(self, shock: Shock) -> Distance:
        """How far a constant has to go."""
        one = pd.DataFrame({shock.x.name: [shock.x.low]})
        outcome = self.study.outcome
        value = self.boundaries(shock.x, one, shock.settings, outcome)
        later = self.boundaries(shock.x, one, shock.settings, twice(outcome))
        alone = one.drop(columns=shock.x.name)
        draws = self._with_draws(shock.x, alone, shock.settings, outcome)
        return Distance(shock, value, later, draws[0])

    def line(self, threshold: Threshold) -> Line:
        """Boundaries over values of another constant."""
        rows = pd.DataFrame({threshold.over: threshold.values})
        outcome = self.study.outcome
        value = self.boundaries(threshold.x, rows, threshold.settings, outcome)
        draws = self._with_draws(threshold.x, rows, threshold.settings, outcome)
        return Line(threshold, value, draws)


def twice(outcome: Outcome) -> Outcome:
    """The outcome at the horizon twice as far; a step behind it is looked at once more."""
    return outcome.model_copy(update={"at": outcome.again, "again": outcome.again + 1})


def _rows(axis: Axis, values: Array) -> pd.DataFrame:
    return pd.DataFrame(dict.fromkeys((axis.name, *axis.also), values))


def _halvings(axis: Axis) -> int:
    """Bisections until the bracket is narrow enough wherever in the range the boundary lies."""
    smallest = max(min(abs(axis.low), abs(axis.high)), (axis.high - axis.low) / 10)
    return max(1, math.ceil(math.log2((axis.high - axis.low) / (CLOSE * smallest))))
