"""How far a model's number h is from a published one, for every kind of number.

Each kind gives the negative log likelihood, constants included, a least-squares residual r whose
half square is the negative log likelihood up to a constant, and its slope dr/dh.  All functions
take and give arrays of one shape (observation,).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import erfcx, gammaln, log_ndtr

Array = npt.NDArray[np.float64]

_HALF_LOG_2PI = 0.5 * np.log(2 * np.pi)


@dataclass(frozen=True)
class Terms:
    """Negative log likelihood, residual and slope dr/dh, each of shape (observation,)."""

    nll: Array
    residual: Array
    slope: Array


def normal(h: Array, y: Array, scale: Array) -> Terms:
    """A number with an error of known scale, in the unit of the number."""
    residual = (h - y) / scale
    nll = 0.5 * residual**2 + np.log(scale) + _HALF_LOG_2PI
    return Terms(nll, residual, np.broadcast_to(1 / scale, residual.shape).copy())


def lognormal(h: Array, y: Array, scale: Array) -> Terms:
    """A positive number with a relative error; `scale` is the standard deviation of ln y."""
    with np.errstate(divide="ignore", invalid="ignore"):
        residual = (np.log(h) - np.log(y)) / scale
        slope = 1 / (scale * h)
    nll = 0.5 * residual**2 + np.log(scale) + np.log(y) + _HALF_LOG_2PI
    return Terms(nll, residual, slope)


def stayed_below(h: Array, limit: Array, scale: Array) -> Terms:
    """A one-sided number: "h stayed below the limit" (a right-censored observation)."""
    return _one_sided((limit - h) / scale, -1 / scale)


def stayed_above(h: Array, limit: Array, scale: Array) -> Terms:
    """A one-sided number: "h stayed above the limit" (a left-censored observation)."""
    return _one_sided((h - limit) / scale, 1 / scale)


def _one_sided(z: Array, dz: Array) -> Terms:
    """-ln Phi(z) with residual sqrt(-2 ln Phi(z)), stable in both tails.

    dr/dz = -phi/(Phi r) is worked out as -sqrt(2/pi)/erfcx(-z/sqrt 2)/r, and is 0 where r is 0.
    """
    nll = -log_ndtr(z)
    residual = np.sqrt(2 * nll)
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        steepness = -np.sqrt(2 / np.pi) / erfcx(-z / np.sqrt(2)) / residual
    return Terms(nll, residual, np.where(residual > 0, steepness, 0.0) * dz)


def interval(h: Array, lower: Array, upper: Array, scale: Array) -> Terms:
    """A number known to lie between two others: an interval, or a rounded number ("3.4 M")."""
    low, high = (lower - h) / scale, (upper - h) / scale
    # both tails are taken from the side on which they are small
    mirrored = low > 0
    low, high = np.where(mirrored, -high, low), np.where(mirrored, -low, high)
    log_high, log_low = log_ndtr(high), log_ndtr(low)
    log_p = log_high + np.log1p(-np.exp(log_low - log_high))
    pull = np.exp(_log_density(high) - log_p) - np.exp(_log_density(low) - log_p)
    slope_of_nll = np.where(mirrored, -pull, pull) / scale
    residual = np.sqrt(-2 * log_p)
    with np.errstate(divide="ignore", invalid="ignore"):
        slope = np.where(residual > 0, slope_of_nll / residual, 0.0)
    return Terms(-log_p, residual, slope)


def _log_density(z: Array) -> Array:
    return np.asarray(-0.5 * z**2 - _HALF_LOG_2PI, dtype=np.float64)


def student_t(h: Array, y: Array, scale: Array, freedom: Array) -> Terms:
    """A number that may be far off: Student's t with `freedom` degrees of freedom."""
    z = (h - y) / scale
    excess = 0.5 * (freedom + 1) * np.log1p(z**2 / freedom)
    constant = (
        gammaln(freedom / 2)
        - gammaln((freedom + 1) / 2)
        + 0.5 * np.log(freedom * np.pi)
        + np.log(scale)
    )
    residual = np.sign(z) * np.sqrt(2 * excess)
    slope_of_nll = (freedom + 1) * z / (freedom + z**2) / scale
    at_zero = np.sqrt((freedom + 1) / freedom) / scale
    with np.errstate(divide="ignore", invalid="ignore"):
        slope = np.where(residual != 0, slope_of_nll / residual, at_zero)
    return Terms(excess + constant, residual, slope)


def negative_binomial(h: Array, y: Array, dispersion: Array) -> Terms:
    """A count with mean h and variance h + h²/dispersion."""
    nll = _count_nll(h, y, dispersion)
    excess = np.maximum(nll - _count_nll(np.maximum(y, 1e-300), y, dispersion), 0.0)
    residual = np.sign(h - y) * np.sqrt(2 * excess)
    slope_of_nll = dispersion * (h - y) / (h * (h + dispersion))
    at_zero = np.sqrt(dispersion / (h * (h + dispersion)))
    with np.errstate(divide="ignore", invalid="ignore"):
        slope = np.where(residual != 0, slope_of_nll / residual, at_zero)
    return Terms(nll, residual, slope)


def _count_nll(h: Array, y: Array, k: Array) -> Array:
    total = gammaln(y + k) - gammaln(k) - gammaln(y + 1)
    return -(total + k * np.log(k / (k + h)) + y * np.log(h / (k + h)))
