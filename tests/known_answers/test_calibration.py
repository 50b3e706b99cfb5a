"""Calibration against answers that are known from closed forms or published tables."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from bullbear.calibration.curvature import curvature
from bullbear.calibration.goodness import goodness, runs_chance, theil
from bullbear.calibration.objective import Objective, open_problem
from bullbear.calibration.profile import RISE, Side, Task, one_side
from bullbear.calibration.search import POLISHED, descend


def censored(problem: Callable[..., Path], scale: str) -> Objective:
    """Values 1.2, 0.7, 1.9, 1.4, and two that are only known to lie above 2."""
    text = f"""
[parameters.level]
lower = 0.1
upper = 10
scale = "linear"
[[observations]]
file = "seen.csv"
group = "sample"
variable = "shown level"
kind = "normal"
scale = {scale}
[[observations]]
file = "limits.csv"
group = "sample"
variable = "shown level"
kind = "above"
scale = {scale}
"""
    seen = "1,1.2,Unit\n2,0.7,Unit\n3,1.9,Unit\n4,1.4,Unit\n"
    return open_problem(problem("line", text, seen=seen, limits="5,2.0,Unit\n6,2.0,Unit\n"))


def test_mean_of_a_censored_sample(problem: Callable[..., Path]) -> None:
    objective = censored(problem, "0.5")
    found = descend(objective, np.array([1.0]), POLISHED)
    assert found.end == pytest.approx([1.630198], abs=5e-7)


def test_mean_and_scale_of_a_censored_sample(problem: Callable[..., Path]) -> None:
    """One scale is estimated for the numbers and the limits, because they are one group."""
    objective = censored(problem, '"free"')
    found = descend(objective, np.array([1.0]), POLISHED)
    assert found.end == pytest.approx([1.677758], abs=5e-7)
    assert objective.scales == pytest.approx(np.full(6, 0.670396), abs=5e-7)
    assert found.objective == pytest.approx(5.842493, abs=5e-7)


def test_a_wrong_shape_is_met_closely_and_told(problem: Callable[..., Path]) -> None:
    """The truth bends, the model does not: a tiny standard error, and misses in one long row."""
    x = np.linspace(0.2, 4, 11)
    rows = "".join(f"{t!r},{0.65 * t / (1 + t / 20)!r},Unit\n" for t in x.tolist())
    text = """
[parameters.slope]
lower = 0.01
upper = 10
scale = "linear"
[[observations]]
file = "bent.csv"
variable = "y"
kind = "normal"
scale = 0.01
"""
    objective = open_problem(problem("line", text, bent=rows))
    best = objective.at(descend(objective, np.array([0.5]), POLISHED).end, slopes=True)
    around = curvature(objective, best)
    (found,) = goodness(objective, best)
    assert best.values == pytest.approx([0.562599272], abs=1e-9)
    assert around.se == pytest.approx([0.00124617], abs=5e-9)
    assert found.chi2 == pytest.approx(264.349, abs=5e-4)
    assert (found.pulls < 0).tolist() == [True] * 8 + [False] * 3
    assert found.systematic


A = np.array([1.0, 2, 3, 4, 5])


@pytest.mark.parametrize(
    ("model", "share"),
    [(A + 1, "um"), (1.5 * (A - 3) + 3, "us"), (np.array([2, 1, 3, 5, 4.0]), "uc")],
)
def test_theil_shares(model: np.ndarray, share: str) -> None:
    found = theil(model, A)
    assert found is not None
    assert getattr(found, share) == pytest.approx(1)
    assert found.um + found.us + found.uc == pytest.approx(1)


def test_chance_of_few_runs() -> None:
    assert runs_chance(np.array([1.0] * 8 + [-1.0] * 3)) < 0.01
    assert runs_chance(np.array([1.0, -1] * 6)) > 0.5
    assert np.isnan(runs_chance(np.array([1.0, -1, 1])))


def boxbod(root: Path, scale: float) -> Objective:
    objective = open_problem(root / "calibration" / "problems" / "teaching" / "boxbod.toml")
    objective.scales = np.full(6, scale)
    return objective


def ends(objective: Objective, what: int) -> list[float | None]:
    best = objective.at(descend(objective, np.array([200.0, 0.5]), POLISHED).end, slopes=True)
    around = curvature(objective, best)
    start = objective.space.to_fit(best.values)
    sides: list[Side] = [
        one_side(objective, Task(what, sign, start, best.objective, around.covariance,
                                 objective.scales, 1e-7))
        for sign in (-1, 1)
    ]  # fmt: skip
    return [side.end for side in sides]


@pytest.mark.parametrize(
    ("what", "lower", "upper", "digits"),
    [(0, 189.9759, 243.1568, 5e-4), (1, 0.3612979, 0.8602849, 5e-6)],
)
def test_profiles_of_boxbod(
    root: Path, what: int, lower: float, upper: float, digits: float
) -> None:
    assert ends(boxbod(root, 17.0880724), what) == pytest.approx([lower, upper], abs=digits)


@pytest.mark.parametrize(("what", "lower", "upper"), [(0, 180.967, 258.568), (1, 0.30259, 1.07305)])
def test_profile_t_of_boxbod(root: Path, what: int, lower: float, upper: float) -> None:
    """SSR ≤ SSR0 (1 + F/4): the rise of 3.84 with the scale that makes the two limits one."""
    scale = float(np.sqrt(1168.0088766 * 7.708647 / 4 / RISE))
    assert ends(boxbod(root, scale), what) == pytest.approx([lower, upper], rel=1e-5)
