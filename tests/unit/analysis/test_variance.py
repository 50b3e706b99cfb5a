"""Sensitivity indices against functions whose indices are known."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from bullbear.analysis.variance import (
    Array,
    Estimate,
    ShapleySums,
    base_points,
    given_data,
    orders,
    rank_first_order,
    shapley_rows,
    sobol_design,
    sobol_indices,
)

FIRST = np.array([[0.3139051911], [0.4424111448], [0.0]])
TOTAL = np.array([[0.5575888552], [0.4424111448], [0.2436836641]])
SHAPLEY = np.array([[0.4357470232], [0.4424111448], [0.1218418320]])
Function = Callable[[Array], Array]


def ishigami(unit: Array) -> Array:
    """sin x1 + 7 sin² x2 + 0.1 x3⁴ sin x1 on (-π, π)³ (Ishigami & Homma 1990)."""
    x = (2 * unit - 1) * np.pi
    first = np.sin(x[..., 0])
    return first + 7 * np.sin(x[..., 1]) ** 2 + 0.1 * x[..., 2] ** 4 * first


def linear(unit: Array) -> Array:
    return unit @ np.array([1.0, 2.0, 3.0])


def estimated(function: Function, size: int, replicates: int = 8, seed: int = 0) -> list[Estimate]:
    pairs = []
    for replicate in range(replicates):
        design = sobol_design(3, size, seed * replicates + replicate)
        pairs.append(sobol_indices(function(design)[..., None]))
    return [Estimate.of_replicates(np.array(values)) for values in zip(*pairs, strict=True)]


def test_ishigami_has_its_known_indices() -> None:
    first, total = estimated(ishigami, 2**13)
    np.testing.assert_allclose(first.value, FIRST, atol=2e-3)
    np.testing.assert_allclose(total.value, TOTAL, atol=2e-3)
    assert first.covers(FIRST).all()
    assert total.covers(TOTAL).all()


def test_intervals_cover_the_truth_as_often_as_they_say() -> None:
    """95 % intervals; the bounds leave room for the binomial spread of 400 seeds."""
    hits = np.zeros((2, 3))
    for seed in range(400):
        first, total = estimated(ishigami, 256, seed=seed)
        hits += [first.covers(FIRST)[:, 0], total.covers(TOTAL)[:, 0]]
    shares = hits / 400
    assert (shares >= 0.91).all(), shares
    assert (shares <= 0.985).all(), shares


def test_a_sum_shares_its_variance_by_the_squares() -> None:
    truth = np.array([[1.0], [4.0], [9.0]]) / 14
    for estimate in estimated(linear, 2**10):
        np.testing.assert_allclose(estimate.value, truth, atol=1e-3)


def shapley(function: Function, inputs: int, size: int, seed: int = 0) -> Estimate:
    """From eight replicates of `size` points each."""
    found = []
    for replicate in range(8 * seed, 8 * seed + 8):
        order = orders(inputs, size, replicate)
        design = shapley_rows(*base_points(inputs, size, replicate), order)
        found.append(ShapleySums.of(function(design)[..., None], order).estimates()["shapley"])
    return Estimate.of_replicates(np.array(found))


def test_shapley_effects_of_ishigami_are_known_and_add_up_to_one() -> None:
    estimate = shapley(ishigami, 3, 2**13)
    np.testing.assert_allclose(estimate.value, SHAPLEY, atol=5e-3)
    assert estimate.covers(SHAPLEY).all()
    assert estimate.value.sum() == pytest.approx(1)


def test_intervals_of_shapley_effects_cover_the_truth_as_often_as_they_say() -> None:
    hits = np.zeros(3)
    for seed in range(400):
        hits += shapley(ishigami, 3, 64, seed).covers(SHAPLEY)[:, 0]
    shares = hits / 400
    assert (shares >= 0.91).all(), shares
    assert (shares <= 0.985).all(), shares


def test_shapley_effects_of_a_sum_are_its_variances_even_of_many_inputs() -> None:
    weights = np.arange(1, 41)
    estimate = shapley(lambda unit: unit @ weights, 40, 2**10)
    truth = (weights**2 / (weights**2).sum())[:, None]
    np.testing.assert_allclose(estimate.value, truth, atol=3e-3)


@pytest.mark.parametrize(
    ("time", "shares"),
    [(0, (1, 0)), (1, (0.852607, 0.136055)), (5, (0.197260, 0.740991)), (20, (0.024978, 0.900020))],
)
def test_decay_passes_from_its_start_to_its_rate(time: float, shares: tuple[float, float]) -> None:
    def decay(unit: Array) -> Array:
        return (0.5 + unit[..., 0]) * np.exp(-(0.1 + 0.4 * unit[..., 1]) * time)

    replicates = [sobol_indices(decay(sobol_design(2, 2**13, s))[..., None])[0] for s in range(8)]
    estimate = Estimate.of_replicates(np.array(replicates))
    np.testing.assert_allclose(estimate.value[:, 0], shares, atol=4e-3)


def test_an_output_that_does_not_vary_has_no_index() -> None:
    first, total = sobol_indices(np.ones((5, 64, 1)))
    assert np.isnan(first).all()
    assert np.isnan(total).all()


def test_given_data_see_the_same_first_order_indices() -> None:
    unit = np.random.default_rng(1).random((40_000, 3))
    estimate = given_data(unit, ishigami(unit)[:, None])
    np.testing.assert_allclose(estimate.value, FIRST, atol=0.02)
    assert (estimate.half_width < 0.05).all()


def test_given_data_take_correlated_inputs() -> None:
    """Y = X1 with X2 = X1 + noise of the same size: X2 explains half of Y."""
    random = np.random.default_rng(2)
    x1 = random.normal(size=50_000)
    x2 = x1 + random.normal(size=50_000)
    found = rank_first_order(np.stack([x1, x2], axis=1), x1[:, None])
    np.testing.assert_allclose(found[:, 0], [1.0, 0.5], atol=0.02)
