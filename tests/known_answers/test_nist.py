"""Fits with certified answers: NIST Statistical Reference Datasets, nonlinear regression."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bullbear.calibration.objective import Objective
from bullbear.calibration.problem import ProblemFile
from bullbear.calibration.search import POLISHED, descend
from bullbear.models.model import load

CERTIFIED = {
    "boxbod": (1168.0088766, (213.80940889, 0.54723748542), (12.354515176, 0.10455993237)),
    "misra1a": (0.12455138894, (238.94212918, 5.5015643181e-4), (2.7070075241, 7.2668688436e-6)),
    "rat43": (
        8786.4049080, (699.64151270, 5.2771253025, 0.75962938329, 1.2792483859),
        (16.302297817, 2.0828735829, 0.19566123451, 0.68761936385),
    ),
    "mgh10": (
        87.945855171, (5.6096364710e-3, 6181.3463463, 345.22363462),
        (1.5687892471e-4, 23.309021107, 0.78486103508),
    ),
    "eckerle4": (
        1.4635887487e-3, (1.5543827178, 4.0888321754, 451.54121844),
        (0.015408051163, 0.046803020753, 0.046800518816),
    ),
    "mgh09": (
        3.0750560385e-4, (0.19280693458, 0.19128232873, 0.12305650693, 0.13606233068),
        (0.011435312227, 0.19633220911, 0.080842031232, 0.090025542308),
    ),
    "thurber": (
        5642.7082397,
        (1288.1396800, 1491.0792535, 583.23836877, 75.416644291, 0.96629502864, 0.39797285797,
         0.049727297349),
        (4.6647963344, 39.571156086, 28.698696102, 5.5675370270, 0.031333340687, 0.014984928198,
         0.0065842344623),
    ),
}  # fmt: skip
"""Sum of squares, constants, their standard deviations."""
STARTS = [("boxbod", (1, 1)), ("boxbod", (100, 0.75)), ("misra1a", (500, 1e-4)),
          ("misra1a", (250, 5e-4)), ("rat43", (100, 10, 1, 1)), ("rat43", (700, 5, 0.75, 1.3)),
          ("mgh10", (2, 4e5, 25e3)), ("mgh10", (0.02, 4e3, 250)),
          ("eckerle4", (1, 10, 500)), ("eckerle4", (1.5, 5, 450)),
          ("mgh09", (25, 39, 41.5, 39)), ("mgh09", (0.25, 0.39, 0.415, 0.39)),
          ("thurber", (1000, 1000, 400, 40, 0.7, 0.3, 0.03)),
          ("thurber", (1300, 1500, 500, 75, 1, 0.4, 0.05))]  # fmt: skip


def problem(root: Path, name: str, **changes: object) -> ProblemFile:
    found = ProblemFile.read(root / "calibration" / "problems" / "teaching" / f"{name}.toml")
    return found.model_copy(update=changes)


def ready(found: ProblemFile) -> Objective:
    return Objective(found, load(found.model_argument))


@pytest.mark.parametrize(("name", "start"), STARTS)
def test_certified_answers_are_reached_from_both_starts(
    root: Path, name: str, start: tuple[float, ...]
) -> None:
    objective = ready(problem(root, name))
    found = descend(objective, objective.space.to_fit(np.array(start, dtype=float)), POLISHED)
    best = objective.at(found.end, slopes=True)
    assert best.jacobian is not None
    ssr = float(((best.predictions - objective.observed) ** 2).sum())
    slopes = best.jacobian[: objective.size] / objective.space.slopes(best.values)
    slopes = slopes * objective.scales[:, None]
    freedom = objective.size - len(start)
    spread = np.sqrt(np.diag(np.linalg.inv(slopes.T @ slopes)) * ssr / freedom)
    certified, values, deviations = CERTIFIED[name]
    assert ssr == pytest.approx(certified, rel=1e-10)
    assert best.values == pytest.approx(values, rel=3e-6)
    assert spread == pytest.approx(deviations, rel=3e-6)


def test_a_coarse_step_is_an_error_that_a_fit_hides(root: Path) -> None:
    """Euler with step 1: another rate gives the same fit, to the last digit."""
    objective = ready(problem(root, "boxbod", method="euler", time_step=1.0))
    at_truth = objective.at(np.array([213.80940889, 0.54723748542]))
    assert (at_truth.residuals[:6] ** 2).sum() == pytest.approx(2982.748, abs=1e-3)
    found = descend(objective, np.array([213.8, 0.5]), POLISHED)
    best = objective.at(found.end)
    assert (best.residuals[:6] ** 2).sum() == pytest.approx(1168.0088766, rel=1e-9)
    assert best.values == pytest.approx((213.80940889, 1 - np.exp(-0.54723748542)), rel=1e-6)
