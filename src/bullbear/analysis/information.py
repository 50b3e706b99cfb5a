"""What knowing an uncertain constant would be worth, from draws that are there already."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bullbear.analysis.variance import CONFIDENCE, Array, Estimate, given_data

BINS = 8
FOLDS = 5


@dataclass(frozen=True)
class Worth:
    """What is gained by choosing among policies after looking, in the unit of the utility.

    Attributes
    ----------
    now : mean utility of the policy that is best without looking
    everything, everything_width : gain from knowing all inputs, and the half width of its 95 %
        interval (the expected value of perfect information)
    each, each_width : gain from knowing one input alone, shape (input,) (partial perfect
        information)
    """

    now: float
    everything: float
    everything_width: float
    each: Array
    each_width: Array


def worth(points: Array, utility: Array, seed: int = 0) -> Worth:
    """The expected value of perfect and of partial perfect information.

    Parameters
    ----------
    points : shape (draw, input)
    utility : shape (policy, draw); more is better

    The value of partial information is that of a rule: in each of `BINS` equal shares of the
    draws, ordered by the input, take the policy that is best there.  The rule is learnt on some
    folds of the draws and judged on another, so that chance is not taken for value; what a finer
    rule would bring more is missed.
    """
    draws = utility.shape[1]
    best = int(utility.mean(axis=1).argmax())
    gain, width = _mean(utility.max(axis=0) - utility[best])
    folds = np.random.default_rng(seed).permutation(draws) % FOLDS
    each = [_mean(_gain(column, utility, best, folds)) for column in points.T]
    return Worth(float(utility[best].mean()), gain, width, np.array([e[0] for e in each]),
                 np.array([e[1] for e in each]))  # fmt: skip


def _gain(column: Array, utility: Array, best: int, folds: npt.NDArray[np.int_]) -> Array:
    """What the rule brings more than the policy that is best without it, shape (draw,)."""
    share = np.empty(len(column), dtype=np.int_)
    share[np.argsort(column, kind="stable")] = np.arange(len(column)) * BINS // len(column)
    # sums of every policy over the draws of a fold and a share
    member = (folds * BINS + share)[None, :] == np.arange(FOLDS * BINS)[:, None]
    sums = (utility @ member.T.astype(np.float64)).reshape(len(utility), FOLDS, BINS)
    others = sums.sum(axis=1, keepdims=True) - sums
    chosen = others.argmax(axis=0)[folds, share]
    found: Array = utility[chosen, np.arange(len(column))] - utility[best]
    return found


def _mean(values: Array) -> tuple[float, float]:
    from scipy.stats import norm

    factor = float(norm.ppf(0.5 + CONFIDENCE / 2))
    return float(values.mean()), factor * float(values.std(ddof=1)) / float(np.sqrt(len(values)))


def variance_left(
    columns: Array, errors: Array, relative: npt.NDArray[np.bool_], values: Array, seed: int = 0
) -> Estimate:
    """Share of the outputs' variance that is left on average after one input is measured.

    Parameters
    ----------
    columns : the inputs that could be measured, shape (draw, input)
    errors : standard deviation of each measurement, of the logarithm where it is relative, shape
        (input,); 0 is perfect knowledge
    relative : shape (input,)
    values : shape (draw, output)

    Shape (input, output).  A measurement is an input of its own, which explains what it tells of
    the outputs: what is left is all but its first-order index.
    """
    noise = np.random.default_rng([seed, 1]).standard_normal(columns.shape) * errors
    read = np.where(relative, columns * np.exp(noise), columns + noise)
    found = given_data(read, values, seed=seed)
    return Estimate(1 - found.value, found.half_width)
