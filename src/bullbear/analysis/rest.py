"""Where a model comes to rest late in a long run, over values of one constant, and how firmly."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from bullbear.analysis.equilibrium import Equilibrium, find
from bullbear.analysis.problem import Problem
from bullbear.analysis.reduction import Frozen
from bullbear.analysis.stability import Stability, judge
from bullbear.analysis.tipping import Tipping
from bullbear.analysis.tipping_file import Rest
from bullbear.errors import ModelError, did_you_mean

Array = npt.NDArray[np.float64]
QUANTILES = (0.05, 0.5, 0.95)
SETTLING = 400.0
"""Time that a collapsed run is given to come to rest [time unit]."""
PUSH = 0.01
"""Share of its usual size by which every stock is pushed there."""


@dataclass(frozen=True)
class Resting:
    """A quasi-steady state: slow stocks held, all others at rest.

    Attributes
    ----------
    states : of the outputs that are states
    drift : of each held stock, rate over value [1/time unit]
    """

    states: dict[str, float]
    stability: Stability
    drift: dict[str, float]


@dataclass(frozen=True)
class Collapsed:
    """The state of rest at the other side of the edge.

    Powers of stocks that are 0 there can have an infinite slope, and then there are no eigenvalues;
    so a trial decides: every stock is pushed a little, and is to come back.

    Attributes
    ----------
    states : where a collapsed run comes to rest under the constants of the study
    fastest : largest rate over usual size that is left [1/time unit]
    staying : stocks that stay where the trial pushed them
    """

    states: dict[str, float]
    fastest: float
    staying: tuple[str, ...]


@dataclass(frozen=True)
class Rested:
    """Late means and their draws.

    Attributes
    ----------
    means : index the constant, one column per variable [its unit]
    quantiles : of the draws, shape (quantile, value, variable)
    began : when the event came, index the constant, columns the quantiles of the draws and `here`
        with the model's own constants; inf where it does not come [time unit]
    resting : per value of the constant; None where Newton's method found no state of rest
    states : what a search from many starts found at the value that is looked at closely
    """

    rest: Rest
    means: pd.DataFrame
    quantiles: Array
    began: pd.DataFrame | None
    resting: tuple[Resting | None, ...]
    states: tuple[Equilibrium, ...]
    collapsed: Collapsed | None


def late(tipping: Tipping, rest: Rest, also: Sequence[Mapping[str, float]] = ()) -> Rested:
    """Means over a late window, with the draws around them, and the state of rest nearby.

    Parameters
    ----------
    also : states by name, from which Newton's method begins too where it is looked at closely
    """
    held = [name for name in rest.hold if name not in rest.variables]
    names = [*rest.variables, *held]
    alone = pd.DataFrame({rest.over: rest.values})
    drawn = tipping.draws.drop(columns=rest.over, errors="ignore")
    every = pd.concat([drawn] * len(rest.values), ignore_index=True)
    every[rest.over] = np.repeat(np.array(rest.values, dtype=float), len(drawn))
    base = _means(tipping, rest, alone, names)
    spread = _means(tipping, rest, every, names).reshape(len(rest.values), len(drawn), len(names))
    table = pd.DataFrame(base, index=pd.Index(rest.values, name=rest.over), columns=names)
    levels = [dict(zip(names, row, strict=True)) for row in base.tolist()]
    began = None
    if rest.event is not None:
        dates = _dates(tipping, rest, rest.event, every).reshape(len(rest.values), len(drawn))
        found = np.quantile(dates, QUANTILES, axis=1, method="nearest").T
        began = pd.DataFrame(found, index=table.index, columns=list(QUANTILES))
        began["here"] = _dates(tipping, rest, rest.event, alone)
    pairs = list(zip(rest.values, levels, strict=True))
    return Rested(
        rest, table, np.nanquantile(spread, QUANTILES, axis=1), began,
        tuple(_resting(tipping, rest, value, level) for value, level in pairs),
        _states_of_rest(tipping, rest, dict(pairs), also), _collapsed(tipping, rest, dict(pairs)),
    )  # fmt: skip


def _means(tipping: Tipping, rest: Rest, rows: pd.DataFrame, names: list[str]) -> Array:
    times = [float(t) for t in np.arange(rest.start, rest.end + 1e-9)]
    found = tipping.model.ensemble(
        rows, names, times, scenario=tipping.study.scenario,
        overrides=tipping.settings, final_time=rest.end, events=False, statistics=False,
    )  # fmt: skip
    assert found.values is not None
    return np.asarray(found.values.mean(axis=1))


def _dates(tipping: Tipping, rest: Rest, event: str, rows: pd.DataFrame) -> Array:
    """When an event comes, shape (row,); inf where it does not."""
    known = [one.name for one in tipping.model.definition.events]
    if event not in known:
        raise ModelError(f'the model has no event "{event}"', code="unknown-event",
                         hint=did_you_mean(event, known))  # fmt: skip
    found = tipping.model.ensemble(
        rows, rest.variables[:1], scenario=tipping.study.scenario, overrides=tipping.settings,
        statistics=False,
    )  # fmt: skip
    return np.asarray(found.events[event].fillna(np.inf).to_numpy())


def _held(rest: Rest, level: Mapping[str, float]) -> dict[str, float]:
    return {name: level[name] for name in rest.hold} | dict.fromkeys(rest.at_zero, 0.0)


def _states_of_rest(
    tipping: Tipping, rest: Rest, levels: Mapping[float, Mapping[str, float]],
    also: Sequence[Mapping[str, float]],
) -> tuple[Equilibrium, ...]:  # fmt: skip
    """All that a search from many starts finds at the value that is looked at closely."""
    if rest.closely is None:
        return ()
    settings = {**tipping.settings, rest.over: rest.closely}
    hold = _held(rest, levels[rest.closely])
    with np.errstate(all="ignore"):
        found = find(tipping.source, tipping.study.scenario, settings, rest.end, hold, also=also)
    return tuple(one for one in found.equilibria if one.possible)


def _resting(
    tipping: Tipping, rest: Rest, value: float, level: Mapping[str, float]
) -> Resting | None:
    """The quasi-steady state to which Newton's method goes from the end of the run."""
    settings = {**tipping.settings, rest.over: value}
    hold = _held(rest, level)
    frozen = Frozen(tipping.source, tipping.study.scenario, settings, rest.end, hold=hold)
    problem = frozen.problem()
    with np.errstate(all="ignore"):
        roots = problem.solve([frozen.trail.states[-1][frozen.kept]])
    if not roots:
        return None
    states = roots[0].states
    rates = frozen.all_rates(frozen.full(states))
    drift = {
        frozen.program.states[i].name: float(rates[i]) / v for i, v in frozen.held.items() if v
    }
    return Resting(
        {n: float(v) for n, v in zip(frozen.names, states, strict=True)},
        judge(problem.slopes(problem.coordinates(states))), drift,
    )  # fmt: skip


def _collapsed(
    tipping: Tipping, rest: Rest, levels: Mapping[float, Mapping[str, float]]
) -> Collapsed | None:
    """Where a collapsed run rests once what made it collapse is over, and whether firmly."""
    if not rest.collapse or rest.closely is None:
        return None
    settings = {**tipping.settings, rest.over: rest.closely}
    hold = _held(rest, levels[rest.closely])
    scenario = tipping.study.scenario
    gone = Frozen(tipping.source, scenario, {**settings, **rest.collapse}, rest.end, hold=hold)
    frozen = Frozen(tipping.source, scenario, settings, rest.end, hold=hold)
    problem, step = frozen.problem(), frozen.grid.step
    states = _left_alone(problem, gone.trail.states[-1][frozen.kept], step)
    size = np.where(problem.scale > 0, problem.scale, 1.0)
    back = _left_alone(problem, states + PUSH * size, step)
    away = np.abs(back - states) / size
    return Collapsed(
        {name: float(value) for name, value in zip(frozen.names, states, strict=True)},
        float(np.max(np.abs(problem.field(states)) / size)),
        tuple(n for n, far in zip(frozen.names, away, strict=True) if far > PUSH / 10),
    )


def _left_alone(problem: Problem, states: Array, step: float) -> Array:
    """The states after the time of settling, by the steps of a run."""
    for _ in range(round(SETTLING / step)):
        states = states + step * problem.field(states)
    return states
