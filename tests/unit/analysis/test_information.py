"""The value of information against closed forms."""

from __future__ import annotations

import numpy as np
import pytest

from bullbear.analysis.information import variance_left, worth


def test_one_input_decides_between_two_policies() -> None:
    """A sure 0.5 against a uniform y: to know y is worth E max(0.5, y) - 0.5 = 1/8."""
    points = np.random.default_rng(0).random((20000, 3))
    found = worth(points, np.stack([np.full(20000, 0.5), points[:, 1]]))
    assert found.now == pytest.approx(0.5, abs=0.01)
    assert found.everything == pytest.approx(0.125, abs=found.everything_width)
    assert found.each[1] == pytest.approx(0.125, abs=0.005)
    assert (np.abs(found.each[[0, 2]]) < 0.005).all()


def test_normal_payoffs() -> None:
    """0 against 3 x + 4 z: x alone is worth 3 φ(0), both together 5 φ(0); a rule of eight shares
    may miss a little."""
    points = np.random.default_rng(1).standard_normal((40000, 2))
    payoff = 3 * points[:, 0] + 4 * points[:, 1]
    found = worth(points, np.stack([np.zeros(40000), payoff]))
    peak = 1 / np.sqrt(2 * np.pi)
    assert found.everything == pytest.approx(5 * peak, rel=0.03)
    assert found.each[0] == pytest.approx(3 * peak, rel=0.05)
    assert found.each[1] == pytest.approx(4 * peak, rel=0.05)


def test_chance_is_not_taken_for_value() -> None:
    """Many policies that differ by noise alone: nothing is worth knowing."""
    random = np.random.default_rng(2)
    points, utility = random.random((2000, 40)), random.standard_normal((20, 2000))
    found = worth(points, utility)
    assert found.each.mean() < 0.06  # the best of 20 means of 250 draws is 0.12 by chance
    assert (found.each < 2 * found.each_width).all()


def test_measurements_of_a_run_out_time() -> None:
    """ln t* = ln T0 - ln b with variances 0.09 and 0.16: measuring ln b with sd 0.2 leaves 0.122,
    ln T0 with sd 0.1 leaves 0.169."""
    random = np.random.default_rng(3)
    logs = random.standard_normal((100000, 2)) * [0.3, 0.4]
    values = (logs[:, :1] - logs[:, 1:]) + np.log(10)
    absolute, relative = np.zeros(2, dtype=np.bool_), np.ones(2, dtype=np.bool_)
    errors, nothing = np.array([0.1, 0.2]), np.zeros(2)
    for columns, how in ((logs, absolute), (np.exp(logs), relative)):
        left = variance_left(columns, errors, how, values)
        assert left.covers(np.array([[0.169], [0.122]]) / 0.25).all()
        assert (left.half_width < 0.02).all()
        known = variance_left(columns, nothing, how, values)
        assert known.covers(np.array([[0.16], [0.09]]) / 0.25).all()
