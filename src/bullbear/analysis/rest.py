"""Where a model comes to rest late in a long run, over values of one constant, and how firmly."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from bullbear.analysis.equilibrium import Equilibrium, find
from bullbear.analysis.reduction import Frozen
from bullbear.analysis.stability import Stability, judge
from bullbear.analysis.tipping import Tipping
from bullbear.analysis.tipping_file import Rest

Array = npt.NDArray[np.float64]
QUANTILES = (0.05, 0.5, 0.95)


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
class Rested:
    """Late means and their draws.

    Attributes
    ----------
    means : index the constant, one column per variable [its unit]
    quantiles : of the draws, shape (quantile, value, variable)
    resting : per value of the constant; None where Newton's method found no state of rest
    states : what a search from many starts found at the value that is looked at closely
    """

    rest: Rest
    means: pd.DataFrame
    quantiles: Array
    resting: tuple[Resting | None, ...]
    states: tuple[Equilibrium, ...]


def late(tipping: Tipping, rest: Rest) -> Rested:
    """Means over a late window, with the draws around them, and the state of rest nearby."""
    times = [float(t) for t in np.arange(rest.start, rest.end + 1e-9)]
    held = [name for name in rest.hold if name not in rest.variables]
    names = [*rest.variables, *held]

    def means(rows: pd.DataFrame) -> Array:
        found = tipping.model.ensemble(
            rows, names, times, scenario=tipping.study.scenario,
            overrides=tipping.study.settings, final_time=rest.end, events=False, statistics=False,
        )  # fmt: skip
        assert found.values is not None
        return np.asarray(found.values.mean(axis=1))

    base = means(pd.DataFrame({rest.over: rest.values}))
    priors = tipping.priors.drop(columns=rest.over, errors="ignore")
    every = pd.concat([priors] * len(rest.values), ignore_index=True)
    every[rest.over] = np.repeat(np.array(rest.values, dtype=float), len(priors))
    spread = means(every).reshape(len(rest.values), len(priors), len(names))
    table = pd.DataFrame(base, index=pd.Index(rest.values, name=rest.over), columns=names)
    levels = [dict(zip(names, row, strict=True)) for row in base.tolist()]
    resting = [
        _resting(tipping, rest, value, level)
        for value, level in zip(rest.values, levels, strict=True)
    ]
    return Rested(
        rest, table, np.nanquantile(spread, QUANTILES, axis=1), tuple(resting),
        _states_of_rest(tipping, rest, dict(zip(rest.values, levels, strict=True))),
    )  # fmt: skip


def _held(rest: Rest, level: Mapping[str, float]) -> dict[str, float]:
    return {name: level[name] for name in rest.hold} | dict.fromkeys(rest.at_zero, 0.0)


def _states_of_rest(
    tipping: Tipping, rest: Rest, levels: Mapping[float, Mapping[str, float]]
) -> tuple[Equilibrium, ...]:
    """All that a search from many starts finds at the value that is looked at closely."""
    if rest.closely is None:
        return ()
    settings = {**tipping.study.settings, rest.over: rest.closely}
    hold = _held(rest, levels[rest.closely])
    with np.errstate(all="ignore"):
        found = find(tipping.model, tipping.study.scenario, settings, rest.end, hold)
    return tuple(one for one in found.equilibria if one.possible)


def _resting(
    tipping: Tipping, rest: Rest, value: float, level: Mapping[str, float]
) -> Resting | None:
    """The quasi-steady state to which Newton's method goes from the end of the run."""
    settings = {**tipping.study.settings, rest.over: value}
    hold = _held(rest, level)
    frozen = Frozen(tipping.model, tipping.study.scenario, settings, rest.end, hold=hold)
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
