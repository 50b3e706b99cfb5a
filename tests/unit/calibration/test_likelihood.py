"""Kinds of numbers: values with closed forms, and slopes against differences."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize
from scipy.stats import lognorm, nbinom, norm, t

from bullbear.calibration import likelihood
from bullbear.calibration.likelihood import Array, Terms


def one(value: float) -> Array:
    return np.array([value], dtype=np.float64)


def below(z: float) -> Terms:
    """The one-sided term at a distance z from the limit, scale 1."""
    return likelihood.stayed_below(one(-z), one(0.0), one(1.0))


@pytest.mark.parametrize(
    ("z", "nll", "residual", "slope"),
    [
        (1.0, 0.172754, 0.587799, -0.489283),
        (0.0, 0.693147, 1.177410, -0.677661),
    ],
)
def test_one_sided_numbers_have_their_known_values(
    z: float, nll: float, residual: float, slope: float
) -> None:
    found = below(z)
    assert found.nll[0] == pytest.approx(nll, abs=1e-6)
    assert found.residual[0] == pytest.approx(residual, abs=1e-6)
    assert -found.slope[0] == pytest.approx(slope, abs=1e-6)  # dz/dh is -1


def test_one_sided_numbers_hold_in_both_tails() -> None:
    far = below(-40.0)
    assert far.residual[0] == pytest.approx(40.115046, abs=1e-6)
    assert -far.slope[0] == pytest.approx(-0.9977545393, abs=1e-10)
    safe = below(8.0)
    assert safe.residual[0] == pytest.approx(3.52731075e-8, rel=1e-8)
    assert -safe.slope[0] == pytest.approx(-1.43232945e-7, rel=1e-8)
    none = below(45.0)
    assert none.residual[0] == 0
    assert none.slope[0] == 0


def test_an_interval_has_its_known_value() -> None:
    found = likelihood.interval(one(2.2), one(2.0), one(3.0), one(0.5))
    assert found.nll[0] == pytest.approx(0.509789, abs=1e-6)


@given(st.floats(-30, 30), st.floats(0.01, 5))
def test_an_interval_far_away_is_finite_and_symmetric(h: float, width: float) -> None:
    right = likelihood.interval(one(h), one(-width), one(width), one(1.0))
    left = likelihood.interval(one(-h), one(-width), one(width), one(1.0))
    assert np.isfinite(right.nll[0])
    assert right.nll[0] == pytest.approx(left.nll[0], rel=1e-12)
    assert right.slope[0] == pytest.approx(-left.slope[0], rel=1e-12)


def test_likelihoods_carry_their_constants() -> None:
    h, y, s = one(1.3), one(2.0), one(0.4)
    assert likelihood.normal(h, y, s).nll == pytest.approx(-norm.logpdf(2.0, 1.3, 0.4))
    assert likelihood.lognormal(h, y, s).nll == pytest.approx(-lognorm.logpdf(2.0, 0.4, scale=1.3))
    assert likelihood.student_t(h, y, s, one(4.0)).nll == pytest.approx(
        -t.logpdf(2.0, 4, loc=1.3, scale=0.4)
    )
    k = 3.0
    assert likelihood.negative_binomial(one(5.0), one(7.0), one(k)).nll == pytest.approx(
        -nbinom.logpmf(7, k, k / (k + 5.0))
    )


KINDS: dict[str, Callable[[Array], Terms]] = {
    "normal": lambda h: likelihood.normal(h, one(2.0), one(0.3)),
    "lognormal": lambda h: likelihood.lognormal(h, one(2.0), one(0.3)),
    "below": lambda h: likelihood.stayed_below(h, one(2.0), one(0.3)),
    "above": lambda h: likelihood.stayed_above(h, one(2.0), one(0.3)),
    "interval": lambda h: likelihood.interval(h, one(1.8), one(2.1), one(0.3)),
    "student": lambda h: likelihood.student_t(h, one(2.0), one(0.3), one(4.0)),
    "count": lambda h: likelihood.negative_binomial(h, one(2.0), one(3.0)),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("h", [0.4, 1.7, 1.999, 2.4, 6.0])
def test_slopes_are_the_derivatives_of_the_residuals(kind: str, h: float) -> None:
    step = 1e-5
    ahead, behind = KINDS[kind](one(h + step)), KINDS[kind](one(h - step))
    difference = (ahead.residual[0] - behind.residual[0]) / (2 * step)
    assert KINDS[kind](one(h)).slope[0] == pytest.approx(difference, rel=1e-6, abs=1e-9)


@pytest.mark.parametrize("kind", KINDS)
def test_half_the_squared_residual_is_the_likelihood_up_to_a_constant(kind: str) -> None:
    near, far = KINDS[kind](one(1.9)), KINDS[kind](one(3.1))
    assert 0.5 * (far.residual[0] ** 2 - near.residual[0] ** 2) == pytest.approx(
        far.nll[0] - near.nll[0], rel=1e-10
    )


def test_censored_normal_numbers_are_fitted_to_their_known_optimum() -> None:
    """1.2, .7, 1.9, 1.4 and two numbers known only to exceed 2.0."""
    seen = np.array([1.2, 0.7, 1.9, 1.4])

    def nll(mean: float, scale: float) -> float:
        spread = np.full(4, scale)
        first = likelihood.normal(np.full(4, mean), seen, spread).nll.sum()
        # a value beyond the limit is a model value above it
        second = likelihood.stayed_above(np.full(2, mean), np.full(2, 2.0), spread[:2]).nll.sum()
        return float(first + second)

    options = {"xatol": 1e-10, "fatol": 1e-14}
    known = minimize(lambda p: nll(p[0], 0.5), [1.0], method="Nelder-Mead", options=options)
    assert known.x[0] == pytest.approx(1.630198, abs=1e-6)
    free = minimize(lambda p: nll(p[0], p[1]), [1.0, 1.0], method="Nelder-Mead", options=options)
    assert free.x == pytest.approx([1.677758, 0.670396], abs=1e-6)
    assert free.fun == pytest.approx(5.842493, abs=1e-6)
