"""What a fit is tested by: held-out numbers, numbers that it misses, numbers that could be had."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from bullbear.calibration.backtest import backtest, linear_bands
from bullbear.calibration.curvature import curvature
from bullbear.calibration.goodness import goodness
from bullbear.calibration.objective import Evaluation, Objective, open_problem
from bullbear.calibration.predictions import outlook, read_predictions
from bullbear.calibration.search import POLISHED, descend
from bullbear.calibration.strain import missed, strain
from bullbear.calibration.worth import narrowed, worth

LINE = """
predictions = ["y at 8"]
[parameters.slope]
lower = 0.01
upper = 10
scale = "linear"
[held_out]
after = 4.5
[[observations]]
file = "seen.csv"
variable = "y"
kind = "normal"
scale = 0.1
"""
SEEN = {1: 0.62, 2: 1.15, 3: 1.83, 4: 2.41, 6: 3.3, 8: 9.0}


def rows(values: dict[int, float]) -> str:
    return "".join(f"{t},{value},Unit\n" for t, value in values.items())


@pytest.fixture
def line(problem: Callable[..., Path]) -> Objective:
    """A line through the origin, four numbers that are fitted and two that are not."""
    return open_problem(problem("line", LINE, seen=rows(SEEN)))


def fitted(objective: Objective) -> Evaluation:
    end = descend(objective, np.array([0.5]), POLISHED).end
    return objective.at(end, slopes=True)


def test_bands_of_a_line_are_those_of_a_regression(line: Objective) -> None:
    """Variance of a new number at x: s² (1 + x² / sum of squares)."""
    best = fitted(line)
    covariance = curvature(line, best).covariance
    x = np.array(list(SEEN), dtype=float)
    spread = 0.1 * np.sqrt(1 + x**2 / 30)
    bands = linear_bands(line, best, covariance)
    assert bands[2] - bands[1] == pytest.approx(1.6448536 * spread)
    assert bands[1] == pytest.approx(best.predictions)
    test = backtest(line, best, covariance)
    assert test is not None
    pulls = (best.predictions - list(SEEN.values())) / spread
    assert test.pulls[4:] == pytest.approx(pulls[4:])
    assert np.isnan(test.pulls[:4]).all()
    (one,) = test.series
    assert (one.n, one.most, test.share("most")) == (2, 0, 0.0)


def test_those_who_know_nothing_stand_beside_the_model(line: Objective) -> None:
    best = fitted(line)
    test = backtest(line, best, curvature(line, best).covariance)
    assert test is not None
    (one,) = test.series
    logs = np.log([2.41 / 3.3, 2.41 / 9.0])
    assert one.still == pytest.approx(np.sqrt(np.mean(logs**2)))
    rate = np.log(2.41 / 1.83)
    logs = np.log([2.41 * np.exp(2 * rate) / 3.3, 2.41 * np.exp(4 * rate) / 9.0])
    assert one.growing == pytest.approx(np.sqrt(np.mean(logs**2)))


def test_a_posterior_s_bands_decide_where_there_are_some(line: Objective) -> None:
    best = fitted(line)
    wide = np.array([[0.0], [1.0], [10.0]]) * np.ones(6)
    test = backtest(line, best, curvature(line, best).covariance, wide)
    assert test is not None
    assert test.share("most") == 1


def test_without_held_out_numbers_nothing_is_tested(problem: Callable[..., Path]) -> None:
    text = LINE.replace("[held_out]\nafter = 4.5\n", "")
    objective = open_problem(problem("line", text, seen=rows(SEEN)))
    best = fitted(objective)
    assert backtest(objective, best, curvature(objective, best).covariance) is None


def test_the_price_of_meeting_a_number_is_that_of_a_refit(problem: Callable[..., Path]) -> None:
    """For a line the first order is everything: a refit with a tiny scale costs the same."""
    text = LINE.replace("[held_out]\nafter = 4.5\n", "")
    objective = open_problem(problem("line", text, seen=rows(SEEN)))
    best = fitted(objective)
    found = strain(objective, best, curvature(objective, best).covariance, [5])
    objective.scales = np.where(np.arange(6) == 5, 1e-7, 0.1)
    refit = fitted(objective)
    assert refit.predictions[5] == pytest.approx(9.0)
    rise = (refit.residuals[:5] ** 2).sum() - (best.residuals[:6] ** 2).sum()
    assert found.price == pytest.approx(rise, rel=1e-6)
    assert found.beyond
    assert found.first == "seen"
    assert found.payers["seen"] == pytest.approx(rise + best.residuals[5] ** 2, rel=1e-6)


def test_two_numbers_that_one_constant_cannot_meet(line: Objective) -> None:
    best = fitted(line)
    found = strain(line, best, curvature(line, best).covariance, [0, 1])
    assert found.price == np.inf
    assert not found.payers


def test_the_number_that_costs_a_series_most_is_told(problem: Callable[..., Path]) -> None:
    text = LINE.replace("[held_out]\nafter = 4.5\n", "")
    objective = open_problem(problem("line", text, seen=rows(SEEN)))
    best = fitted(objective)
    (one,) = goodness(objective, best)
    misses = (best.predictions - objective.observed) ** 2
    assert one.costliest == int(np.argmax(misses))
    assert one.share == pytest.approx(misses.max() / misses.sum())
    assert one.r2_without != one.r2
    assert missed(objective, best, [one]) == [one.costliest]


def test_variance_after_one_more_number() -> None:
    """ln t* = ln T0 - ln b with variances 0.09 and 0.16: 0.25 goes to 0.122 if ln b is measured
    with 0.2, and to 0.169 if ln T0 is measured with 0.1."""
    slopes, covariance = np.array([1.0, -1.0]), np.diag([0.09, 0.16])
    assert narrowed(slopes, covariance, np.array([0, 1 / 0.2])) == pytest.approx(0.122)
    assert narrowed(slopes, covariance, np.array([1 / 0.1, 0])) == pytest.approx(0.169)


def test_a_number_is_worth_what_a_fit_with_it_gains(
    line: Objective, problem: Callable[..., Path]
) -> None:
    best = fitted(line)
    covariance = curvature(line, best).covariance
    outlooks = [outlook(line, p, best.values, covariance) for p in read_predictions(line)]
    found = worth(line, best, covariance, outlooks)
    assert [(one.name, one.time, one.published) for one in found] == [
        ("seen", 5.0, True), ("seen", 4.0, True)
    ]  # fmt: skip
    more = {t: v for t, v in SEEN.items() if t <= 4} | {5: float(best.values[0]) * 5}
    text = LINE.replace("after = 4.5", "after = 5.5")
    other = open_problem(problem("line", text, seen=rows(more)))
    again = fitted(other)
    spread = outlook(
        other, read_predictions(other)[0], again.values, curvature(other, again).covariance
    ).se
    assert found[0].spreads["y at 8"] == pytest.approx(spread)
