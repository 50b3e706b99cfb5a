"""Draws from the posterior: several independent ensembles of walkers.

The walkers of an ensemble are evaluated in one call of the ensemble engine.  Moves: stretch
(Goodman and Weare 2010), differential evolution (ter Braak 2006) and snooker (ter Braak and Vrugt
2008), all of them emcee's (Foreman-Mackey et al. 2013).
"""

from __future__ import annotations

import time as clock
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from bullbear.calibration.batches import Batches
from bullbear.calibration.curvature import Curvature, beforehand
from bullbear.calibration.diagnostics import autocorrelation_time, effective_draws, split_rhat
from bullbear.calibration.objective import Evaluation, Objective
from bullbear.calibration.predictions import read_predictions

if TYPE_CHECKING:
    import pandas as pd
    from emcee import EnsembleSampler

Array = npt.NDArray[np.float64]
ENSEMBLES = 4
RHAT, ESS = 1.02, 400
_THIN = 10  # steps between kept ones
_CHUNK = 50  # kept steps between two looks at the convergence
_MOST = 600  # kept steps at which it ends, converged or not
_FOLLOWED = 8  # walkers of each ensemble whose draws are kept
_LEVELS = (0.05, 0.5, 0.95)


@dataclass(frozen=True)
class Posterior:
    """What was drawn.

    Attributes
    ----------
    draws : index `draw`, one column per constant and one per prediction; the date of an event that
        stays away is infinite
    rhat, ess, tau : by constant and prediction; tau in steps
    bands : predictions of every target with their errors, shape (3, target), at 5, 50 and 95 %
    steps : of each walker, the first half of which is dropped
    """

    draws: pd.DataFrame
    rhat: dict[str, float]
    ess: dict[str, float]
    tau: dict[str, float]
    bands: Array
    acceptance: float
    steps: int
    evaluations: int
    seconds: float

    @property
    def converged(self) -> bool:
        """R-hat at most 1.02 and 400 effective draws, of every constant and prediction."""
        fine = all(value <= RHAT for value in self.rhat.values())
        return fine and all(value >= ESS for value in self.ess.values())


def sample(
    batches: Batches,
    best: Evaluation,
    around: Curvature,
    seed: int,
    progress: Callable[[str, int, int], None] = lambda _phase, _done, _total: None,
    most: int = _MOST,
) -> Posterior:
    """Draw until everything has converged, or `most` kept steps of every walker are done."""
    begin = clock.perf_counter()
    objective = batches.objective
    samplers = [
        _sampler(batches, objective, best, around, np.random.default_rng([seed, k]))
        for k in range(ENSEMBLES)
    ]
    done = 0
    progress("posterior", 0, most)
    while done < most:
        part = min(_CHUNK, most - done)
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(_advance, samplers, [part] * len(samplers)))
        done += part
        progress("posterior", done, most)
        chains = _chains(samplers)
        if done >= 4 * _CHUNK and _settled(chains):
            break
    return _gathered(objective, batches, samplers, _chains(samplers), clock.perf_counter() - begin)


def _sampler(
    batches: Batches,
    objective: Objective,
    best: Evaluation,
    around: Curvature,
    rng: np.random.Generator,
) -> tuple[EnsembleSampler, list[Array]]:
    """An ensemble and where it begins: draws of the normal law around the best fit."""
    import emcee

    size = len(best.values)
    walkers = max(2 * (size + 1), 32)
    lower, upper = objective.space.bounds
    scale = beforehand(objective, best.values)
    covariance = np.where(np.isfinite(around.covariance), around.covariance, 0.0)
    lost = ~np.isfinite(around.spread)
    covariance[lost, lost] = scale[lost] ** 2
    centre = objective.space.to_fit(best.values)
    wide = np.clip(covariance, -np.outer(scale, scale), np.outer(scale, scale))
    points = rng.multivariate_normal(centre, wide, size=walkers, method="svd", check_valid="ignore")
    margin = 1e-6 * (upper - lower) * (1 + rng.random((walkers, size)))
    points = np.clip(points, lower + margin, upper - margin)
    sampler = emcee.EnsembleSampler(
        walkers, size, batches.log_posterior, vectorize=True,
        moves=[(emcee.moves.StretchMove(), 0.2), (emcee.moves.DEMove(), 0.6),
               (emcee.moves.DESnookerMove(), 0.2)],
    )  # fmt: skip
    sampler.random_state = np.random.RandomState(rng.integers(2**31)).get_state()
    return sampler, [points]


def _advance(ensemble: tuple[EnsembleSampler, list[Array]], count: int) -> None:
    """Let the walkers go on from where they are; the beginning is used up by the first call."""
    sampler, begin = ensemble
    start = begin.pop() if begin else None
    sampler.run_mcmc(start, count, thin_by=_THIN, skip_initial_state_check=True)


def _chains(samplers: list[tuple[EnsembleSampler, list[Array]]]) -> Array:
    """The second half of all chains, shape (ensemble, step, walker, parameter)."""
    found = np.array([sampler.get_chain() for sampler, _ in samplers])
    return np.asarray(found[:, found.shape[1] // 2 :])


def _settled(chains: Array) -> bool:
    each = range(chains.shape[-1])
    return all(split_rhat(chains[..., i]) <= RHAT for i in each) and all(
        effective_draws(chains[..., i]) >= 2 * ESS for i in each
    )


def _gathered(
    objective: Objective,
    batches: Batches,
    samplers: list[tuple[EnsembleSampler, list[Array]]],
    chains: Array,
    seconds: float,
) -> Posterior:
    import pandas as pd

    names = objective.space.names
    followed = chains[:, :, :_FOLLOWED]
    flat = followed.reshape(-1, len(names))
    values = objective.space.from_fit(flat)
    foretold = {p.name: batches.foretold(p, values)[0] for p in read_predictions(objective)}
    horizon = objective.model.definition.time
    late = horizon.horizon if horizon is not None and horizon.horizon else 1e9
    quantities = {name: chains[..., i] for i, name in enumerate(names)}
    for name, column in foretold.items():
        quantities[name] = np.clip(column, None, late).reshape(followed.shape[:3])
    rhat = {name: split_rhat(found) for name, found in quantities.items()}
    ess = {name: effective_draws(found) for name, found in quantities.items()}
    tau = {name: _THIN * autocorrelation_time(found) for name, found in quantities.items()}
    draws = pd.DataFrame(values, columns=list(names)).assign(**foretold)
    draws.index.name = "draw"
    first = samplers[0][0]
    return Posterior(
        draws, rhat, ess, tau, _bands(objective, batches, values),
        float(np.mean([s.acceptance_fraction.mean() for s, _ in samplers])),
        _THIN * first.iteration, _THIN * first.iteration * first.nwalkers * len(samplers), seconds,
    )  # fmt: skip


def _bands(objective: Objective, batches: Batches, values: Array) -> Array:
    """Quantiles of what would be published, errors included, shape (3, target)."""
    some = values[:: max(1, len(values) // 1000)]
    predicted = batches.predictions(some)
    rng = np.random.default_rng(0)
    noise = rng.standard_normal(predicted.shape) * np.nan_to_num(objective.scales)
    kinds = np.array([t.kind for t in objective.targets])
    exact = np.isin(kinds, ["normal", "student_t"])
    published = np.where(exact, predicted + noise, predicted)
    published = np.where(kinds == "lognormal", predicted * np.exp(noise), published)
    return np.asarray(np.nanquantile(published, _LEVELS, axis=0))
