"""Run-out times that the horizon cuts off."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import ndtr, ndtri

from bullbear.analysis.survival import kaplan_meier


def test_the_textbook_example_of_kaplan_and_meier() -> None:
    """Deaths at .8, 3.1, 5.4, 9.2, losses at 1.0, 2.7, 7.0, 12.1 (Kaplan & Meier 1958, p. 464)."""
    times = [0.8, 3.1, 5.4, 9.2, None, None, None, None]
    ends = np.array([0.8, 3.1, 5.4, 9.2, 1.0, 2.7, 7.0, 12.1])
    curve = kaplan_meier(times, 12.1, ends)
    assert 1 - curve.before(0.8) == pytest.approx(7 / 8)
    assert 1 - curve.before(3.1) == pytest.approx(7 / 8 * 4 / 5)
    assert 1 - curve.before(5.4) == pytest.approx(7 / 8 * 4 / 5 * 3 / 4)
    assert 1 - curve.before(9.2) == pytest.approx(7 / 8 * 4 / 5 * 3 / 4 / 2)


def test_lognormal_run_out_has_its_known_quantiles_where_the_horizon_reaches() -> None:
    """t* = T0/b with medians 100 and 10 and log spreads .3 and .4, looked for until 20."""
    grid = (np.arange(200_000) + 0.5) / 200_000
    exact = 10 * np.exp(0.5 * ndtri(grid))
    curve = kaplan_meier(np.where(exact <= 20, exact, np.nan), 20.0)
    assert curve.quantile(0.05) == pytest.approx(4.393641, rel=1e-4)
    assert curve.quantile(0.5) == pytest.approx(10, rel=1e-4)
    assert curve.quantile(0.95) is None
    assert curve.before(5) == pytest.approx(0.0828285, abs=1e-5)
    assert curve.before(20) == pytest.approx(float(ndtr(np.log(2) / 0.5)), abs=1e-5)


def test_nothing_seen_means_no_quantile() -> None:
    curve = kaplan_meier([None, None], 2060.0)
    assert curve.quantile(0.05) is None
    assert curve.before(2060) == 0
