"""Streaming statistics against those of the whole sample."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bullbear.models.statistics import ACCURACY, Statistics, merge

RANDOM = np.random.default_rng(8)
VALUES = np.concatenate([
    RANDOM.lognormal(3, 2, (700, 2, 2)), -RANDOM.lognormal(-9, 1, (500, 2, 2)),
    np.zeros((57, 2, 2)),
])  # fmt: skip


def parts(values: np.ndarray, cuts: list[int]) -> list[Statistics]:
    return [Statistics.of(part) for part in np.split(values, cuts)]


def test_moments_are_those_of_the_sample() -> None:
    found = merge(parts(VALUES, [1, 300, 300, 900]))
    assert found.count == len(VALUES)
    np.testing.assert_allclose(found.mean, VALUES.mean(axis=0), rtol=1e-13)
    np.testing.assert_allclose(found.deviation, VALUES.std(axis=0, ddof=1), rtol=1e-12)
    np.testing.assert_array_equal(found.low, VALUES.min(axis=0))
    np.testing.assert_array_equal(found.high, VALUES.max(axis=0))


@pytest.mark.parametrize("share", [0, 0.01, 0.25, 0.4, 0.5, 0.9, 0.999, 1])
def test_quantiles_are_near_a_value_of_the_sample(share: float) -> None:
    found = merge(parts(VALUES, [100, 800])).quantile(share)
    wanted = np.quantile(VALUES, share, axis=0, method="lower")
    np.testing.assert_allclose(found, wanted, rtol=1.01 * ACCURACY, atol=1e-300)


@given(st.permutations(range(6)), st.lists(st.integers(0, len(VALUES)), min_size=5, max_size=5))
def test_the_order_of_the_parts_changes_no_bucket(order: list[int], cuts: list[int]) -> None:
    pieces = parts(VALUES, sorted(cuts))
    found, whole = merge([pieces[i] for i in order]), Statistics.of(VALUES)
    np.testing.assert_array_equal(found.keys, whole.keys)
    np.testing.assert_array_equal(found.counts, whole.counts)


def test_histograms_count_every_draw_once() -> None:
    edges = [-10.0, -1e-4, 1e-4, 1.0, 100.0, 1e9]
    found = merge(parts(VALUES, [64])).histogram(1, 0, edges)
    wanted, _ = np.histogram(VALUES[:, 1, 0], edges)
    assert found.sum() == len(VALUES)
    assert np.abs(found - wanted).max() <= 0.01 * len(VALUES)


def test_no_draws_have_no_statistics() -> None:
    empty = Statistics.of(VALUES[:0])
    assert np.isnan(empty.quantile(0.5)).all()
    assert merge([empty, Statistics.of(VALUES[:3]), empty]).count == 3
    assert np.isnan(Statistics.of(VALUES[:1]).deviation).all()
