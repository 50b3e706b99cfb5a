"""Fits with certified answers: NIST Statistical Reference Datasets, nonlinear regression."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bullbear.calibration.objective import Objective
from bullbear.calibration.problem import ProblemFile, read_problem
from bullbear.calibration.search import POLISHED, descend
from bullbear.models.model import load

CERTIFIED = {
    "boxbod": (1168.0088766, (213.80940889, 0.54723748542), (12.354515176, 0.10455993237)),
    "misra1a": (0.12455138894, (238.94212918, 5.5015643181e-4), (2.7070075241, 7.2668688436e-6)),
}
STARTS = [("boxbod", (1, 1)), ("boxbod", (100, 0.75)), ("misra1a", (500, 1e-4)),
          ("misra1a", (250, 5e-4))]  # fmt: skip


def problem(root: Path, name: str, **changes: object) -> ProblemFile:
    found = read_problem(root / "calibration" / "problems" / "teaching" / f"{name}.toml")
    changed = found.model_copy(update=changes)
    changed._path = found.path
    return changed


def ready(found: ProblemFile) -> Objective:
    return Objective(found, load(found.model_argument))


@pytest.mark.parametrize(("name", "start"), STARTS)
def test_certified_answers_are_reached_from_both_starts(
    root: Path, name: str, start: tuple[float, float]
) -> None:
    objective = ready(problem(root, name))
    found = descend(objective, objective.space.to_fit(np.array(start, dtype=float)), POLISHED)
    best = objective.at(found.end, slopes=True)
    assert best.jacobian is not None
    ssr = float((best.residuals[: objective.size] ** 2).sum())
    slopes = best.jacobian[: objective.size]
    spread = np.sqrt(np.diag(np.linalg.inv(slopes.T @ slopes)) * ssr / (objective.size - 2))
    certified, values, deviations = CERTIFIED[name]
    assert ssr == pytest.approx(certified, rel=1e-10)
    assert best.values == pytest.approx(values, rel=1e-7)
    assert spread == pytest.approx(deviations, rel=1e-6)


def test_a_coarse_step_is_an_error_that_a_fit_hides(root: Path) -> None:
    """Euler with step 1: another rate gives the same fit, to the last digit."""
    objective = ready(problem(root, "boxbod", method="euler", time_step=1.0))
    at_truth = objective.at(np.array([213.80940889, 0.54723748542]))
    assert (at_truth.residuals[:6] ** 2).sum() == pytest.approx(2982.748, abs=1e-3)
    found = descend(objective, np.array([213.8, 0.5]), POLISHED)
    best = objective.at(found.end)
    assert (best.residuals[:6] ** 2).sum() == pytest.approx(1168.0088766, rel=1e-9)
    assert best.values == pytest.approx((213.80940889, 1 - np.exp(-0.54723748542)), rel=1e-6)
