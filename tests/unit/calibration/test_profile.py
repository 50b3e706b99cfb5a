"""Profiles of dates: they are seen as far as the horizon, and no further."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bullbear.calibration.batches import Batches
from bullbear.calibration.curvature import curvature
from bullbear.calibration.objective import Objective, open_problem
from bullbear.calibration.predictions import Prediction, read_predictions
from bullbear.calibration.profile import Side, Task, all_sides
from bullbear.calibration.search import descend

MODEL = """
title = "Growth"
sectors = ["growth.mdl"]
[time]
initial = 0
final = 9
step = 0.125
saveper = 0.125
horizon = {horizon}
[[events]]
name = "full"
variable = "stock"
above = 20
"""
EQUATIONS = """{UTF-8}
stock = INTEG(rate * stock, 10) ~ Ton ~ |
rate = 0.1 ~ 1/Year ~ |
"""
PROBLEM = """
model = "growth.toml"
predictions = ["full"]
[parameters.rate]
lower = 0.001
upper = 1
[[observations]]
file = "points.csv"
variable = "stock"
scale = 0.3
"""


def growth(folder: Path, horizon: float) -> Objective:
    (folder / "growth.toml").write_text(MODEL.replace("{horizon}", str(horizon)))
    (folder / "growth.mdl").write_text(EQUATIONS)
    (folder / "points.csv").write_text("time,value,unit\n4,15,Ton\n9,24,Ton\n")
    (folder / "problem.toml").write_text(PROBLEM)
    return open_problem(folder / "problem.toml")


def sides(objective: Objective, what: int | Prediction) -> list[Side]:
    best = objective.at(descend(objective, np.log([0.1])).end, slopes=True)
    start = objective.space.to_fit(best.values)
    covariance = curvature(objective, best).covariance
    tasks = [
        Task(what, sign, start, best.objective, covariance, objective.scales, 1e-4)
        for sign in (-1, 1)
    ]
    found: dict[int, Side] = {}
    all_sides(Batches(objective), tasks, found.__setitem__)
    return [found[0], found[1]]


def test_the_profile_of_a_date_is_that_of_the_constant_behind_it(tmp_path: Path) -> None:
    """With one constant the ends are where it doubles at the ends of the rate."""
    objective = growth(tmp_path, 60)
    (date,) = read_predictions(objective)
    below, above = sides(objective, date)
    slow, fast = sides(objective, 0)
    step = 0.125

    def doubling(rate: float | None) -> float:
        assert rate is not None
        factor = 1 + rate * step
        whole = np.floor(np.log(2) / np.log(factor))
        return float(step * (whole + (2 / factor**whole - 1) / (rate * step)))

    assert below.end == pytest.approx(doubling(fast.end), rel=2e-3)
    assert above.end == pytest.approx(doubling(slow.end), rel=2e-3)


def test_behind_the_horizon_an_end_is_open(tmp_path: Path) -> None:
    objective = growth(tmp_path, 9)
    (date,) = read_predictions(objective)
    below, above = sides(objective, date)
    assert below.end is not None
    assert above.end is None
    assert max(above.values) == 9
