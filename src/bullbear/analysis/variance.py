"""Variance-based sensitivity: Sobol indices, Shapley effects, and estimates from given data.

Intervals come from independent replicates of the design (independent scrambles of the Sobol
sequence), so that they hold whatever the function: mean ± t · sd / √replicates.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from math import comb

import numpy as np
import numpy.typing as npt
from scipy.stats import qmc
from scipy.stats import t as student

Array = npt.NDArray[np.float64]
CONFIDENCE = 0.95
MOST_SHAPLEY_INPUTS = 12


@dataclass(frozen=True)
class Estimate:
    """An estimate and the half width of its 95 % interval; both of shape (input, output)."""

    value: Array
    half_width: Array

    def covers(self, truth: Array) -> npt.NDArray[np.bool_]:
        """Whether `truth` (input, output) lies inside the interval."""
        return np.abs(self.value - truth) <= self.half_width

    @classmethod
    def of_replicates(cls, values: Array) -> Estimate:
        """From independent estimates, shape (replicate, input, output)."""
        count = len(values)
        spread = values.std(axis=0, ddof=1) / np.sqrt(count)
        factor = float(student.ppf(0.5 + CONFIDENCE / 2, count - 1))
        return cls(values.mean(axis=0), factor * spread)


# -- Sobol indices ------------------------------------------------------------------------------


def sobol_design(inputs: int, size: int, seed: int) -> Array:
    """One replicate of the design in the unit cube, shape (inputs + 2, size, inputs).

    Rows 0 and 1 are two independent samples A and B; row 2 + i is A with column i from B.
    `size` must be a power of two (Owen-scrambled Sobol points in 2 · inputs dimensions).
    """
    sampler = qmc.Sobol(2 * inputs, scramble=True, rng=np.random.default_rng(seed))
    points = sampler.random_base2(int(size).bit_length() - 1)
    first, second = points[:, :inputs], points[:, inputs:]
    design = np.repeat(first[None], inputs + 2, axis=0)
    design[1] = second
    for i in range(inputs):
        design[2 + i, :, i] = second[:, i]
    return design


def sobol_indices(values: Array) -> tuple[Array, Array]:
    """First-order and total-order indices of one replicate, each of shape (input, output).

    Parameters
    ----------
    values : the function on `sobol_design`, shape (inputs + 2, size, output)

    First order by Saltelli et al. 2010 (Comput. Phys. Commun. 181, 259-270, table 2 b), total
    order by Jansen 1999 (Comput. Phys. Commun. 117, 35-43).  An output that does not vary has no
    indices: they are NaN.
    """
    a, b, mixed = values[0], values[1], values[2:]
    both = np.concatenate([a, b])
    centre, variance = both.mean(axis=0), both.var(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        first = ((b - centre) * (mixed - a)).mean(axis=1) / variance
        total = 0.5 * ((a - mixed) ** 2).mean(axis=1) / variance
    constant = np.ptp(both, axis=0) == 0
    first[:, constant] = total[:, constant] = np.nan
    return first, total


# -- Shapley effects ----------------------------------------------------------------------------


def shapley_design(inputs: int, size: int, seed: int) -> Array:
    """One replicate for Shapley effects, shape (2^inputs, size, inputs).

    Row `code` shares with row 0 (sample A) the inputs whose bit of `code` is not set; the others
    come from sample B.  At most 12 inputs.
    """
    if inputs > MOST_SHAPLEY_INPUTS:
        raise ValueError(f"Shapley effects are for at most {MOST_SHAPLEY_INPUTS} inputs")
    sampler = qmc.Sobol(2 * inputs, scramble=True, rng=np.random.default_rng(seed))
    points = sampler.random_base2(int(size).bit_length() - 1)
    first, second = points[:, :inputs], points[:, inputs:]
    codes = np.arange(2**inputs)[:, None]
    from_second = (codes >> np.arange(inputs)) & 1 == 1
    return np.where(from_second[:, None, :], second[None], first[None])


def shapley_effects(values: Array) -> Array:
    """Shapley effects of one replicate, shape (input, output); they add up to 1.

    Parameters
    ----------
    values : the function on `shapley_design`, shape (2^inputs, size, output)

    The value of a set of inputs is the total effect of the set, 1/2 E[(f(A) - f(A with the set
    from B))²] (Song, Nelson & Staum 2016, SIAM/ASA J. Uncertain. Quantif. 4, 1060-1083).
    """
    inputs = len(values).bit_length() - 1
    worth = 0.5 * ((values - values[0]) ** 2).mean(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        worth /= worth[-1]
    effects = np.zeros((inputs, values.shape[2]))
    for i in range(inputs):
        others = [j for j in range(inputs) if j != i]
        for count in range(inputs):
            weight = 1 / (inputs * comb(inputs - 1, count))
            for chosen in combinations(others, count):
                code = sum(1 << j for j in chosen)
                effects[i] += weight * (worth[code | 1 << i] - worth[code])
    return effects


# -- given data ---------------------------------------------------------------------------------


def rank_first_order(inputs: Array, values: Array) -> Array:
    """First-order indices from any sample, correlated or not, shape (input, output).

    Parameters
    ----------
    inputs : shape (draw, input)
    values : shape (draw, output)

    By the rank statistic of Gamboa, Gremaud, Klein & Lagnoux 2022 (Electron. J. Stat. 16,
    5786-5827): neighbours in rank of an input share what that input explains.
    """
    centred = values - values.mean(axis=0)
    variance = (centred**2).mean(axis=0)
    found = np.empty((inputs.shape[1], values.shape[1]))
    for column in range(inputs.shape[1]):
        order = np.argsort(inputs[:, column], kind="stable")
        ranked = centred[order]
        with np.errstate(divide="ignore", invalid="ignore"):
            found[column] = (ranked * np.roll(ranked, -1, axis=0)).mean(axis=0) / variance
    return found


def given_data(inputs: Array, values: Array, blocks: int = 16, seed: int = 0) -> Estimate:
    """First-order indices from a sample, with intervals from disjoint random blocks of it."""
    order = np.random.default_rng(seed).permutation(len(inputs))
    parts = np.array_split(order, blocks)
    replicates = np.array([rank_first_order(inputs[part], values[part]) for part in parts])
    spread = Estimate.of_replicates(replicates)
    return Estimate(rank_first_order(inputs, values), spread.half_width)
