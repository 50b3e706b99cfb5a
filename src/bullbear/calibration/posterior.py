"""Draws from the posterior: several independent ensembles of walkers.

The walkers of an ensemble are evaluated in one call of the ensemble engine.  Moves: stretch
(Goodman and Weare 2010), differential evolution (ter Braak 2006) and snooker (ter Braak and Vrugt
2008), all of them emcee's (Foreman-Mackey et al. 2013); and steps that leave a normal law as it is
(Neal 1998; Cotter et al. 2013), which go far in the many directions that only the beliefs decide.
That law is first the one around the best fit, then the one that a warm-up has found.
"""

from __future__ import annotations

import time as clock
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from threading import Event
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
    from emcee.moves import Move

Array = npt.NDArray[np.float64]
Proposal = Callable[[Array, np.random.RandomState], tuple[Array, Array]]
ENSEMBLES = 4
RHAT, ESS = 1.02, 400
KEPT = 2000  # draws that a posterior has at most
_WARM = (100, 200, 400)  # steps before the first that counts, in parts
_THIN = 5  # steps between kept ones
_CHUNK = 40  # kept steps between two looks at the convergence
_MOST = 2000  # kept steps at which it ends, converged or not
_FOLLOWED = 16  # walkers of each ensemble whose predictions are worked out
_REACHES = (0.1, 0.3, 0.6)  # of the steps that leave a normal law as it is
_WIDER = 1.5  # how far the walkers begin apart, over the law around the best fit
_LONG = 20  # autocorrelation times that a chain must have for them to be known
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
    steps : of each walker, those of the warm-up left out
    evaluations : of the likelihood, those of the warm-up included
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
    alone = Batches(objective, 1)  # each ensemble stays on its own thread
    law = _Law.around(objective, best, around)
    stop = Event()
    ensembles = [
        _Ensemble(alone, law, np.random.default_rng([seed, number]), stop)
        for number in range(ENSEMBLES)
    ]
    done = 0
    progress("posterior", 0, most)
    with ThreadPoolExecutor(batches.threads) as pool:
        try:
            list(pool.map(_Ensemble.warm_up, ensembles))
            while done < most:
                part = min(_CHUNK, most - done)
                list(pool.map(_Ensemble.go_on, ensembles, [part] * len(ensembles)))
                done += part
                progress("posterior", done, most)
                if _settled(_chains(ensembles)):
                    break
        except BaseException:
            stop.set()  # nobody waits for what the walkers are in the middle of
            raise
    return _gathered(batches, ensembles, begin)


@dataclass(frozen=True)
class _Law:
    """A normal law over coordinates of the search: its centre and a root of its covariance."""

    centre: Array
    root: Array

    @classmethod
    def around(cls, objective: Objective, best: Evaluation, around: Curvature) -> _Law:
        """The law around the best fit, nowhere wider than what is believed beforehand."""
        scale = beforehand(objective, best.values)
        covariance = np.where(np.isfinite(around.covariance), around.covariance, 0.0)
        lost = ~np.isfinite(around.spread)
        covariance[lost, lost] = scale[lost] ** 2
        return cls.of(objective.space.to_fit(best.values), covariance)

    @classmethod
    def of(cls, centre: Array, covariance: Array) -> _Law:
        sizes, turns = np.linalg.eigh(covariance)
        least = 1e-12 * sizes.max(initial=1e-300)
        return cls(centre, turns * np.sqrt(np.maximum(sizes, least)))

    def proposal(self, reaches: tuple[float, ...]) -> Proposal:
        """Steps z' = sqrt(1 - b²) z + b n in the coordinates in which the law is the standard one.

        They leave the law as it is, so only its ratio to the density decides.
        """
        back = np.linalg.inv(self.root)

        def propose(points: Array, rng: np.random.RandomState) -> tuple[Array, Array]:
            z = (points - self.centre) @ back.T
            b = rng.choice(reaches, size=(len(points), 1))
            new = np.sqrt(1 - b**2) * z + b * rng.standard_normal(z.shape)
            factor = 0.5 * ((new**2).sum(axis=1) - (z**2).sum(axis=1))
            return self.centre + new @ self.root.T, factor

        return propose


class _Ensemble:
    """Walkers that help each other along, and know of no others."""

    def __init__(self, batches: Batches, law: _Law, rng: np.random.Generator, stop: Event) -> None:
        self.batches, self.rng, self.stop = batches, rng, stop
        self.size = len(law.centre)
        self.walkers = max(128, 2 * (self.size + 1))
        self.sampler = self._sampler(law)
        self.points = self._begin(law)

    def _begin(self, law: _Law) -> Array:
        """Where the walkers begin: draws of a wider law at which the model can be run."""
        lower, upper = self.batches.objective.space.bounds
        margin = 1e-6 * (upper - lower)
        points, wide = np.empty((0, self.size)), _WIDER
        while len(points) < self.walkers:
            drawn = self.rng.standard_normal((self.walkers, self.size)) @ law.root.T
            drawn = np.clip(law.centre + wide * drawn, lower + margin, upper - margin)
            drawn += margin * self.rng.standard_normal(drawn.shape)
            points = np.vstack([points, drawn[np.isfinite(self.batches.log_posterior(drawn))]])
            wide *= 0.8  # where next to nothing can be run, nearer to the best fit
        return points[: self.walkers]

    def _sampler(self, law: _Law) -> EnsembleSampler:
        import emcee

        moves: list[tuple[Move, float]] = [
            (emcee.moves.MHMove(law.proposal(_REACHES)), 0.6),
            (emcee.moves.DEMove(), 0.2),
            (emcee.moves.DESnookerMove(), 0.1),
            (emcee.moves.StretchMove(), 0.1),
        ]
        sampler = emcee.EnsembleSampler(
            self.walkers, self.size, self.batches.log_posterior, vectorize=True, moves=moves
        )
        sampler.random_state = np.random.RandomState(self.rng.integers(2**31)).get_state()
        return sampler

    def warm_up(self) -> None:
        """Forget the beginning, and learn the law of the walkers bit by bit."""
        for count in _WARM:
            self.go_on(count, thin=1)
            seen = self.sampler.get_chain(discard=count // 2, flat=True)
            self.sampler = self._sampler(_Law.of(seen.mean(axis=0), np.atleast_2d(np.cov(seen.T))))

    def go_on(self, count: int, thin: int = _THIN) -> None:
        """`count` kept steps more.

        Where all is to stop it ends between two of them: emcee prints what its density raises.
        """
        for state in self.sampler.sample(
            self.points, iterations=count, thin_by=thin, skip_initial_state_check=True
        ):
            if self.stop.is_set():
                raise InterruptedError
            self.points = state.coords


def _chains(ensembles: list[_Ensemble]) -> Array:
    """All kept steps, shape (ensemble, step, walker, parameter)."""
    return np.array([ensemble.sampler.get_chain() for ensemble in ensembles])


def _settled(chains: Array) -> bool:
    """Whether every constant has more than enough draws, and chains long enough to say so."""
    for i in range(chains.shape[-1]):
        tau = autocorrelation_time(chains[..., i])
        enough = chains[..., i].size >= 2 * ESS * tau and chains.shape[1] >= _LONG * tau
        if not enough or split_rhat(chains[..., i]) > RHAT:
            return False
    return True


def _gathered(batches: Batches, ensembles: list[_Ensemble], begin: float) -> Posterior:
    """What the walkers have seen; predictions and draws are taken from some of the kept steps."""
    import pandas as pd

    objective, chains = batches.objective, _chains(ensembles)
    names, asked = objective.space.names, read_predictions(objective)
    quantities = {name: chains[..., i] for i, name in enumerate(names)}
    followed = _followed(chains)
    shape = followed.shape[:3]
    values = objective.space.from_fit(followed.reshape(-1, len(names)))
    foretold = {p.name: batches.foretold(p, values)[0] for p in asked}
    for p in asked:
        found = np.minimum(foretold[p.name], batches.horizon(p))
        quantities[p.name] = found.reshape(shape)
    rhat = {name: split_rhat(found) for name, found in quantities.items()}
    ess = {name: effective_draws(found) for name, found in quantities.items()}
    tau = {name: _THIN * autocorrelation_time(found) for name, found in quantities.items()}
    draws = pd.DataFrame(values, columns=list(names)).assign(**foretold)
    draws = draws.iloc[:: -(-len(draws) // KEPT)].reset_index(drop=True)
    draws.index.name = "draw"
    steps = _THIN * chains.shape[1]
    return Posterior(
        draws, rhat, ess, tau, _bands(objective, batches, draws[list(names)].to_numpy()),
        float(np.mean([e.sampler.acceptance_fraction.mean() for e in ensembles])), steps,
        (steps + sum(_WARM)) * chains.shape[2] * ENSEMBLES, clock.perf_counter() - begin,
    )  # fmt: skip


def _followed(chains: Array) -> Array:
    """Some walkers of each ensemble at all kept steps: predictions cost more than likelihoods."""
    return chains[:, :, :: max(1, chains.shape[2] // _FOLLOWED)]


def _bands(objective: Objective, batches: Batches, values: Array) -> Array:
    """Quantiles of what would be published, errors included, shape (3, target)."""
    some = values[:: max(1, len(values) // 1000)]
    predicted = batches.predictions(some)
    rng = np.random.default_rng(0)
    noise = rng.standard_normal(predicted.shape) * np.nan_to_num(objective.scales)
    kinds = np.array([t.kind for t in objective.targets])
    exact = np.isin(kinds, ["normal", "student_t"])
    relative = np.where(kinds == "lognormal", noise, 0.0)
    published = np.where(exact, predicted + noise, predicted * np.exp(relative))
    return np.asarray(np.nanquantile(published, _LEVELS, axis=0))
