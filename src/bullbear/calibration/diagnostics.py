"""Whether samples have converged: split R-hat over independent ensembles, and effective draws."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]


def split_rhat(chains: Array) -> float:
    """Split R-hat (Gelman et al. 2013) of one quantity; chains of shape (ensemble, step, walker).

    Walkers of one ensemble help each other along, so an ensemble is one chain: its halves are
    compared with those of the others.
    """
    half = chains.shape[1] // 2
    if half < 1:
        return float("nan")
    parts = [chain[start : start + half] for chain in chains for start in (0, half)]
    within = float(np.mean([part.var(ddof=1) for part in parts]))
    between = float(np.var([part.mean() for part in parts], ddof=1))
    if within == 0:
        return 1.0 if between == 0 else float("inf")
    return float(np.sqrt(1 + between / within))


def autocorrelation_time(chains: Array) -> float:
    """Steps that one independent draw costs, from chains of shape (ensemble, step, walker).

    Sokal's window; the longest of the ensembles' own times counts.
    """
    from emcee.autocorr import integrated_time

    found = [
        float(integrated_time(chain[:, :, None], tol=0, quiet=True)[0])
        if chain.std() > 0 else 1.0
        for chain in chains
    ]  # fmt: skip
    return max(max(found), 1.0) if np.isfinite(found).all() else float("inf")


def effective_draws(chains: Array) -> float:
    """How many independent draws chains of shape (ensemble, step, walker) are worth."""
    return chains.size / autocorrelation_time(chains)
