"""Tipping: which runs survive, where the boundary lies, and how sure that is.

Whole surfaces and all boundaries of a study are runs of the ensemble engine.  A boundary is found
by bisection along one constant, side by side for every other value and every draw, between two
ends with different outcomes.

The verdict on a run hangs on no date.  Near a fold a run that is lost stays close to the state of
rest that has just vanished, the longer the nearer (as one over the root of the distance: Strogatz,
Nonlinear Dynamics and Chaos, section 4.3), so a run whose verdict changes when the horizon is
doubled is followed over horizons that double again, and is undecided if the last one changes it
still.  Stocks that drift for ever would carry the fold itself along; the study names them, and they
are held from a time on.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from bullbear.analysis.altered import Push, altered
from bullbear.analysis.tipping_file import (
    Axis,
    Given,
    Outcome,
    Shock,
    Surface,
    Threshold,
    TippingFile,
)
from bullbear.analysis.uncertain import sampled
from bullbear.errors import ModelError
from bullbear.models.draws import read_priors, sobol_draws
from bullbear.models.model import Model
from bullbear.models.overrides import Setting, resolve
from bullbear.models.plan import output_names
from bullbear.models.scenarios import find_scenario

Array = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
Places = npt.NDArray[np.intp]
CLOSE = 0.01
"""A boundary is known to this share of its value, or of a tenth of the range near zero."""
SURPLUS = 256
"""So many times the draws are made where some of them do not go with what happened."""
NEVER, ALWAYS = math.inf, -math.inf
"""No survival in the whole range; survival in all of it."""
DOUBLINGS = 2
"""So often the horizon is doubled once more for runs that have changed their verdict."""
LOOKS = 17
"""Times of which the mean over the window of an outcome is made."""
FOR_EVER = 1e9
"""The date that stands for never."""


@dataclass(frozen=True)
class Verdict:
    """What becomes of some runs, each of shape (row,).

    Attributes
    ----------
    alive : survival at the last horizon that was looked at
    changed : whether it was another one at half the second horizon
    undecided : whether the last doubling of the horizon changed it still
    failed : whether the run did not come to its end
    """

    alive: Flags
    changed: Flags
    undecided: Flags
    failed: Flags


@dataclass(frozen=True)
class Boundaries:
    """Values of a constant at which the outcome changes.

    Attributes
    ----------
    values : shape (row,) or (row, draw); inf where nothing in the range survives, -inf where all of
        it does, NaN where a run failed
    rising : whether survival is above the boundary (True) or below it, same shape
    settled : whether the last run beside the boundary is decided, same shape
    """

    values: Array
    rising: Flags
    settled: Flags

    def alive(self, x: Array) -> Array:
        """Share of the draws that survive at values of the constant, shape (row, x)."""
        values, rising = self.values[:, :, None], self.rising[:, :, None]
        inside = np.where(rising, x > values, x < values)
        alive = np.where(np.isinf(values), values < 0, inside)
        good = np.maximum(np.count_nonzero(~np.isnan(self.values), axis=1), 1)
        counted = (alive & ~np.isnan(values)).sum(axis=1)
        return np.asarray(counted / good[:, None], dtype=np.float64)


@dataclass(frozen=True)
class Map:
    """A surface: survival in every cell, and its boundary with the draws around it.

    Attributes
    ----------
    x, y : values of the axes, shape (cell,)
    verdict : of every cell, shape (y, x) when reshaped
    boundary, later : along x, one per y, with the outcome's horizon and with twice that
    at : places in y at which draws were followed; `draws` their boundaries, shape (at, draw)
    share : share of draws that survive, shape (y, x); between `at` on straight lines
    folded : rows of cells in which the outcome changes more than once
    today : values of both constants in the scenario
    """

    surface: Surface
    x: Array
    y: Array
    today: tuple[float, float]
    verdict: Verdict
    boundary: Boundaries
    later: Boundaries
    at: Places
    draws: Boundaries
    share: Array
    folded: int

    @property
    def alive(self) -> Flags:
        """Survival, shape (y, x)."""
        return self.verdict.alive.reshape(len(self.y), len(self.x))

    @property
    def undecided(self) -> Flags:
        """Cells that no horizon decides, shape (y, x)."""
        return self.verdict.undecided.reshape(len(self.y), len(self.x))


@dataclass(frozen=True)
class Distance:
    """How large a shock tips the system.

    Attributes
    ----------
    today : value of the constant without the shock
    survives : whether the system survives there
    value, later : the boundary, with the outcome's horizon and with twice that, shape (1,)
    draws : with each draw, shape (1, draw)
    """

    shock: Shock
    today: float
    survives: bool
    value: Boundaries
    later: Boundaries
    draws: Boundaries


@dataclass(frozen=True)
class Line:
    """Boundaries over values of a second constant, and those of the draws, (value, draw)."""

    threshold: Threshold
    boundary: Boundaries
    draws: Boundaries


class Tipping:
    """The runs of one study.

    Attributes
    ----------
    source : the model as it is; `model` has the shocks of the study and its slow stocks held
    draws : of everything uncertain; `kept` is the share that goes with what is known
    settings : constants under which everything runs
    """

    def __init__(self, model: Model, study: TippingFile) -> None:
        self.source, self.study = model, study
        slow = study.slow
        pushes = [
            Push(one.x.name, tuple(one.stocks), one.time)
            for one in study.shock
            if one.time is not None
        ]
        self.model = altered(
            model, pushes, slow.stocks if slow else (), slow.since if slow else 0.0
        )
        self.settings = {**self._never(), **study.settings}
        self.draws, self.kept = self._draws()

    def _never(self) -> dict[str, float]:
        """Dates that mean never, put off for ever: runs go beyond the number that says so."""
        vector = self.model.parameter_vector(self.model.values(self.study.scenario))
        constants = self.model.program.parameter_index().items()
        return {name: FOR_EVER for name, place in constants if vector[place] == self.study.never}

    def _draws(self) -> tuple[pd.DataFrame, float]:
        """Draws of everything uncertain that neither the scenario nor the study sets.

        Of those that go with what is known to have happened, the first ones; and their share.
        """
        given, count = self.study.given, self.study.draws
        draws = self._sample(count * (SURPLUS if given else 1))
        scenario = find_scenario(self.model.scenarios, self.study.scenario)
        taken = self._elements([*scenario.levers, *self.study.settings])
        draws = draws[[name for name in map(str, draws) if not self._elements([name]) & taken]]
        if not given:
            return draws, 1.0
        good = self._known(draws, given)
        if not good.any():
            raise ModelError(
                f"none of {len(draws)} draws has all that is given: "
                + "; ".join(f"{one.variable} in {one.at:g}" for one in given),
                code="no-draws", hint="ask for less under given",
            )  # fmt: skip
        return draws.loc[good].head(count).reset_index(drop=True), float(good.mean())

    def _known(self, draws: pd.DataFrame, given: Sequence[Given]) -> Flags:
        """Whether draws go with what is known to have happened, (draw,)."""
        names, times = list({one.variable for one in given}), sorted({one.at for one in given})
        found = self.model.ensemble(
            draws, names, times, scenario=self.study.scenario, overrides=self.settings,
            final_time=times[-1], events=False, statistics=False,
        )  # fmt: skip
        assert found.values is not None
        good = np.ones(len(draws), dtype=bool)
        for one in given:
            place = found.names.index(output_names(self.model, one.variable)[0])
            values = found.values[:, times.index(one.at), place]
            good &= values > (-math.inf if one.above is None else one.above)
            good &= values < (math.inf if one.below is None else one.below)
        return good

    def _sample(self, count: int) -> pd.DataFrame:
        """Draws from the posterior of the study, from the priors, or from both side by side."""
        study = self.study
        if study.posterior is None:
            return self._from_priors(count)
        sample = sampled(study.path.parent / study.posterior, self.source).sample
        assert sample is not None
        order = np.random.default_rng(study.seed).permutation(len(sample))
        rows = sample.iloc[np.resize(order, count) if study.priors else order[:count]]
        rows = rows.reset_index(drop=True)
        if not study.priors:
            return rows
        others = self._from_priors(count)
        known = self._elements(list(map(str, rows)))
        left = [name for name in map(str, others) if not self._elements([name]) & known]
        return pd.concat([rows, others[left]], axis=1)

    def _from_priors(self, count: int) -> pd.DataFrame:
        path = self.source.definition.parameters_path
        if path is None:
            raise ModelError("the model has no parameter set, so no priors to draw from",
                             code="no-priors", hint="name one by the key parameters")  # fmt: skip
        return sobol_draws(read_priors(path), count, self.study.seed)

    def _elements(self, names: Sequence[str]) -> set[str]:
        return set(resolve([Setting(name, 0.0) for name in names], self.model.system))

    # -- verdicts -------------------------------------------------------------------------------

    def judge(self, rows: pd.DataFrame, settings: Mapping[str, float], outcome: Outcome) -> Verdict:
        """What becomes of every row of constants."""
        first, last, failed = self._looks(rows, settings, outcome)
        changed = first != last
        open_, asked = changed & ~failed, outcome
        for _ in range(DOUBLINGS):
            places = np.flatnonzero(open_)
            if not places.size:
                break
            asked = twice(asked, float(self.source.grid().initial))
            before, after, bad = self._looks(rows.iloc[places], settings, asked)
            last[places], failed[places] = after, bad
            open_[places] = (before != after) & ~bad
        return Verdict(last, changed, open_, failed)

    def _looks(
        self, rows: pd.DataFrame, settings: Mapping[str, float], outcome: Outcome
    ) -> tuple[Flags, Flags, Flags]:
        """Survival at the horizon and at twice the horizon, and which runs failed, (row,)."""
        looks = LOOKS if outcome.window else 1
        times = [
            end - back
            for end in (outcome.at, outcome.again)
            for back in np.linspace(outcome.window, 0.0, looks)
        ]
        found = self.model.ensemble(
            rows, [outcome.variable], times, scenario=self.study.scenario,
            overrides={**self.settings, **settings}, final_time=outcome.again, events=False,
            statistics=False,
        )  # fmt: skip
        assert found.values is not None
        values = found.values[:, :, 0]
        first, last = values[:, :looks].mean(axis=1), values[:, looks:].mean(axis=1)
        failed = np.asarray(np.isnan(values).any(axis=1))
        return first > outcome.above, last > outcome.above, failed

    def boundaries(
        self, axis: Axis, rows: pd.DataFrame, settings: Mapping[str, float], outcome: Outcome
    ) -> Boundaries:
        """The boundary along an axis for every row of other constants."""

        def at(places: Places, values: Array) -> Verdict:
            columns = dict.fromkeys((axis.name, *axis.also), values)
            return self.judge(rows.iloc[places].assign(**columns), settings, outcome)

        every = np.arange(len(rows))
        low, high = np.full(len(rows), axis.low), np.full(len(rows), axis.high)
        below, above = at(every, low), at(every, high)
        failed, start = below.failed | above.failed, below.alive
        open_ = below.undecided | above.undecided
        crossed = (start != above.alive) & ~failed
        for _ in range(_halvings(axis)):
            places = np.flatnonzero(crossed & ~failed)
            if not places.size:
                break
            middle = (low[places] + high[places]) / 2
            here = at(places, middle)
            as_below = here.alive == start[places]
            low[places] = np.where(as_below, middle, low[places])
            high[places] = np.where(as_below, high[places], middle)
            open_[places], failed[places] = here.undecided, here.failed
        values = np.where(crossed, (low + high) / 2, np.where(start, ALWAYS, NEVER))
        return Boundaries(np.where(failed, np.nan, values), ~start, ~open_)

    def with_draws(
        self, axis: Axis, rows: pd.DataFrame, settings: Mapping[str, float], outcome: Outcome
    ) -> Boundaries:
        """Boundaries of every row with every draw, shape (row, draw)."""
        own = self._elements([axis.name, *axis.also, *map(str, rows.columns), *settings])
        keep = [name for name in map(str, self.draws) if not self._elements([name]) & own]
        count, draws = len(rows), len(self.draws)
        every = pd.concat([self.draws[keep]] * count, ignore_index=True)
        for name in rows:
            every[name] = np.repeat(rows[name].to_numpy(), draws)
        found = self.boundaries(axis, every, settings, outcome)
        shape = (count, draws)
        return Boundaries(
            found.values.reshape(shape), found.rising.reshape(shape), found.settled.reshape(shape)
        )

    # -- what a study asks for ------------------------------------------------------------------

    def map(self, surface: Surface) -> Map:
        """Survival over two constants."""
        outcome = surface.outcome or self.study.outcome
        x = np.linspace(surface.x.low, surface.x.high, surface.cells)
        y = np.linspace(surface.y.low, surface.y.high, surface.cells)
        columns = {n: np.tile(x, len(y)) for n in (surface.x.name, *surface.x.also)}
        columns |= {n: np.repeat(y, len(x)) for n in (surface.y.name, *surface.y.also)}
        verdict = self.judge(pd.DataFrame(columns), surface.settings, outcome)
        rows = pd.DataFrame(dict.fromkeys((surface.y.name, *surface.y.also), y))
        at = np.linspace(0, len(y) - 1, min(surface.columns, len(y))).round().astype(np.intp)
        draws = self.with_draws(
            surface.x, rows.iloc[at].reset_index(drop=True), surface.settings, outcome
        )
        share = np.array([np.interp(y, y[at], column) for column in draws.alive(x).T]).T
        alive = verdict.alive.reshape(len(y), len(x)).astype(int)
        return Map(
            surface, x, y, (self.today(surface.x.name), self.today(surface.y.name)), verdict,
            self.boundaries(surface.x, rows, surface.settings, outcome),
            self.boundaries(surface.x, rows, surface.settings, self.later(outcome)), at,
            draws, share, int((np.abs(np.diff(alive, axis=1)).sum(axis=1) > 1).sum()),
        )  # fmt: skip

    def distance(self, shock: Shock) -> Distance:
        """How far a constant, or a stock, has to go."""
        outcome, one = self.study.outcome, pd.DataFrame(index=[0])
        today = self.today(shock.x.name) if shock.today is None else shock.today
        now = self.judge(one.assign(**{shock.x.name: today}), shock.settings, outcome)
        return Distance(
            shock, today, bool(now.alive[0]),
            self.boundaries(shock.x, one, shock.settings, outcome),
            self.boundaries(shock.x, one, shock.settings, self.later(outcome)),
            self.with_draws(shock.x, one, shock.settings, outcome),
        )  # fmt: skip

    def today(self, name: str) -> float:
        """The value of a constant in the scenario."""
        vector = self.model.parameter_vector(self.model.values(self.study.scenario, self.settings))
        (first, *_) = resolve([Setting(name, 0.0)], self.model.system)
        return float(vector[self.model.program.parameter_index()[first]])

    def line(self, threshold: Threshold) -> Line:
        """Boundaries over values of another constant."""
        rows = pd.DataFrame({threshold.over: threshold.values})
        outcome = self.study.outcome
        return Line(
            threshold, self.boundaries(threshold.x, rows, threshold.settings, outcome),
            self.with_draws(threshold.x, rows, threshold.settings, outcome),
        )  # fmt: skip

    def later(self, outcome: Outcome) -> Outcome:
        """The outcome at a horizon twice as far."""
        return twice(outcome, float(self.source.grid().initial))


def twice(outcome: Outcome, start: float) -> Outcome:
    """The outcome at twice the horizons, counted from the start of the run."""
    return outcome.model_copy(update={"at": outcome.again, "again": 2 * outcome.again - start})


def _halvings(axis: Axis) -> int:
    """Bisections until the bracket is narrow enough wherever in the range the boundary lies."""
    smallest = max(min(abs(axis.low), abs(axis.high)), (axis.high - axis.low) / 10)
    return max(1, math.ceil(math.log2((axis.high - axis.low) / (CLOSE * smallest))))
