"""Variance-based sensitivity: Sobol indices, Shapley effects, and estimates from given data.

Intervals come from independent replicates of the design (independent scrambles of the Sobol
sequence), so that they hold whatever the function: mean ± t · sd / √replicates.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.stats import qmc
from scipy.stats import t as student

Array = npt.NDArray[np.float64]
CONFIDENCE = 0.95


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


# -- designs ------------------------------------------------------------------------------------


def base_points(inputs: int, size: int, seed: int) -> tuple[Array, Array]:
    """Two independent samples A and B of the unit cube, shape (size, inputs) each.

    Owen-scrambled Sobol points in 2 · inputs dimensions; `size` must be a power of two.  A larger
    sample of one seed begins with the smaller one.
    """
    sampler = qmc.Sobol(2 * inputs, scramble=True, rng=np.random.default_rng(seed))
    points = sampler.random_base2(int(size).bit_length() - 1)
    return points[:, :inputs], points[:, inputs:]


def sobol_design(inputs: int, size: int, seed: int) -> Array:
    """One replicate of the design in the unit cube, shape (inputs + 2, size, inputs)."""
    return sobol_rows(*base_points(inputs, size, seed))


def sobol_rows(first: Array, second: Array, _order: npt.NDArray[np.int_] | None = None) -> Array:
    """Rows of the design of Sobol indices, shape (inputs + 2, size, inputs).

    Rows 0 and 1 are A and B; row 2 + i is A with column i from B.
    """
    inputs = first.shape[1]
    design = np.repeat(first[None], inputs + 2, axis=0)
    design[1] = second
    for i in range(inputs):
        design[2 + i, :, i] = second[:, i]
    return design


def orders(inputs: int, size: int, seed: int) -> npt.NDArray[np.int_]:
    """A random order of the inputs for each point, shape (size, inputs).

    A larger sample of one seed begins with the smaller one.
    """
    return np.argsort(np.random.default_rng([seed, inputs]).random((size, inputs)), axis=1)


def shapley_rows(first: Array, second: Array, order: npt.NDArray[np.int_]) -> Array:
    """Rows of the design of Shapley effects, shape (inputs + 1, size, inputs).

    Row 0 is A; in row k the first k inputs of a point's order come from B, so that the last row
    is B.
    """
    inputs = first.shape[1]
    place = np.argsort(order, axis=1)  # where in the order an input stands
    from_second = place[None] < np.arange(inputs + 1)[:, None, None]
    return np.where(from_second, second[None], first[None])


# -- Sobol indices ------------------------------------------------------------------------------


@dataclass(frozen=True)
class SobolSums:
    """What a part of a replicate tells about its indices; parts of one replicate add up.

    Attributes
    ----------
    count : points of A, shape ()
    mean, spread : of the values at A and B, and the sum of their squared distances from that
        mean, shape (output,)
    lowest, highest : of these values, shape (output,)
    crossed : sum of (b - mean)(m - a), shape (input, output), where m is A with a column of B
    moved, distance : sums of m - a and of its square, shape (input, output)
    """

    count: Array
    mean: Array
    spread: Array
    lowest: Array
    highest: Array
    crossed: Array
    moved: Array
    distance: Array

    @classmethod
    def of(cls, values: Array, _order: npt.NDArray[np.int_] | None = None) -> SobolSums:
        """From the function on rows of the design, shape (inputs + 2, size, output)."""
        a, b = values[0], values[1]
        both = np.concatenate([a, b])
        mean = both.mean(axis=0)
        crossed, moved, distance = [], [], []
        for mixed in values[2:]:
            move = mixed - a
            crossed.append(((b - mean) * move).sum(axis=0))
            moved.append(move.sum(axis=0))
            distance.append((move**2).sum(axis=0))
        return cls(
            np.array(float(len(a))), mean, ((both - mean) ** 2).sum(axis=0), both.min(axis=0),
            both.max(axis=0), np.array(crossed), np.array(moved), np.array(distance),
        )  # fmt: skip

    def plus(self, other: SobolSums) -> SobolSums:
        """Both parts together."""
        count = self.count + other.count
        step = other.mean - self.mean
        mean = self.mean + step * other.count / count
        between = 2 * step**2 * self.count * other.count / count
        crossed = sum(p.crossed + (p.mean - mean) * p.moved for p in (self, other))
        return SobolSums(
            count, mean, self.spread + other.spread + between,
            np.minimum(self.lowest, other.lowest), np.maximum(self.highest, other.highest),
            np.asarray(crossed), self.moved + other.moved, self.distance + other.distance,
        )  # fmt: skip

    def estimates(self) -> dict[str, Array]:
        """First order `s1` and total order `st`, each of shape (input, output).

        First order by Saltelli et al. 2010 (Comput. Phys. Commun. 181, 259-270, table 2 b), total
        order by Jansen 1999 (Comput. Phys. Commun. 117, 35-43).  An output that does not vary has
        no indices: they are NaN.
        """
        variance = self.spread / (2 * self.count)
        with np.errstate(divide="ignore", invalid="ignore"):
            first = self.crossed / self.count / variance
            total = 0.5 * self.distance / self.count / variance
        constant = self.highest == self.lowest
        first[:, constant] = total[:, constant] = np.nan
        return {"s1": first, "st": total}


def sobol_indices(values: Array) -> tuple[Array, Array]:
    """First-order and total-order indices of one replicate, each of shape (input, output).

    Parameters
    ----------
    values : the function on `sobol_design`, shape (inputs + 2, size, output)
    """
    found = SobolSums.of(values).estimates()
    return found["s1"], found["st"]


# -- Shapley effects ----------------------------------------------------------------------------


@dataclass(frozen=True)
class ShapleySums:
    """What a part of a replicate tells about Shapley effects; parts of one replicate add up.

    `effect` is the sum of what every input does at its place of the order, shape (input, output),
    `distance` that of half the squared distances of A and B, shape (output,); `lowest` and
    `highest` are those of all values, shape (output,).
    """

    effect: Array
    distance: Array
    lowest: Array
    highest: Array

    @classmethod
    def of(cls, values: Array, order: npt.NDArray[np.int_]) -> ShapleySums:
        """From the function on rows of the design, shape (inputs + 1, size, output).

        Half of (f(A) - f(B)) times the step that an input makes: what the input adds to the
        variance of the inputs before it, 1/2 E[(f(A) - f(A with a set from B))²] of a set, seen
        from A and from B (after Goda 2021, Reliab. Eng. Syst. Saf. 213, 107702).
        """
        distance = values[0] - values[-1]
        steps = -np.diff(values, axis=0) * distance / 2  # (place, point, output)
        place = np.argsort(order, axis=1)
        every = np.arange(len(order))
        effect = [steps[place[:, i], every].sum(axis=0) for i in range(order.shape[1])]
        return cls(np.array(effect), (distance**2).sum(axis=0) / 2, values.min(axis=(0, 1)),
                   values.max(axis=(0, 1)))  # fmt: skip

    def plus(self, other: ShapleySums) -> ShapleySums:
        """Both parts together."""
        return ShapleySums(
            self.effect + other.effect, self.distance + other.distance,
            np.minimum(self.lowest, other.lowest), np.maximum(self.highest, other.highest),
        )  # fmt: skip

    def estimates(self) -> dict[str, Array]:
        """Effects `shapley`, shape (input, output); they add up to 1 (Song, Nelson & Staum 2016,
        SIAM/ASA J. Uncertain. Quantif. 4, 1060-1083)."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return {"shapley": self.effect / self.distance}


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
