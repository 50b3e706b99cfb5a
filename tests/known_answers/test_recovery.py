"""Synthetic Numerai records with known constants: intervals cover them as often as they say."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bullbear.calibration.curvature import curvature
from bullbear.calibration.objective import Objective, open_problem
from bullbear.calibration.search import descend

SOUGHT = (
    "score environment classic 2020", "score environment classic 2021", "netting factor",
    "top up per model", "potential models", "imitation rate", "speculative value level",
    "reference inflow rate",
)  # fmt: skip
REPLICATES = 100
Z = 1.6448536269514722


def reduced(root: Path, folder: Path) -> Objective:
    """The shipped problem at its dates and scales, with fewer constants and flat priors."""
    text = (root / "calibration" / "problems" / "numerai.toml").read_text(encoding="utf-8")
    text = re.sub(r'\[parameters\."[^\n]*\n', "", text)
    blocks = [f'[parameters."{name}"]\nprior = "fixed"\n' for name in SOUGHT]
    place = root / "calibration" / "observations"
    text = text.replace('"../observations/', f'"{place}/')
    (folder / "reduced.toml").write_text(text + "\n" + "".join(blocks), encoding="utf-8")
    return open_problem(folder / "reduced.toml")


def published(objective: Objective, exact: np.ndarray, rng: np.random.Generator) -> None:
    """Put numbers drawn around the exact ones into the problem; bounds are left out."""
    noise = rng.standard_normal(len(exact)) * objective.scales
    kinds = np.array([t.kind for t in objective.targets])
    relative = kinds == "lognormal"
    drawn = exact + noise
    drawn[relative] = (exact * np.exp(np.where(relative, noise, 0.0)))[relative]
    objective.fitted = np.isin(kinds, ["lognormal", "normal"])
    objective.targets = [
        replace(t, row=replace(t.row, value=float(y)))
        for t, y in zip(objective.targets, drawn, strict=True)
    ]
    objective.observed = drawn


@pytest.mark.long
def test_intervals_cover_the_truth_as_often_as_they_say(root: Path, tmp_path: Path) -> None:
    objective = reduced(root, tmp_path)
    truth = objective.space.to_fit(objective.starts)
    exact = objective.at(truth).predictions
    rng = np.random.default_rng(11)
    covered = np.zeros((REPLICATES, len(truth)), dtype=bool)
    for k in range(REPLICATES):
        published(objective, exact, rng)
        end = descend(objective, truth + 0.1 * rng.standard_normal(len(truth))).end
        around = curvature(objective, objective.at(end, slopes=True))
        covered[k] = np.abs(end - truth) <= Z * around.spread
    each = covered.mean(axis=0)
    print("pooled", covered.mean(), dict(zip(objective.space.names, each, strict=True)))
    assert 0.87 <= covered.mean() <= 0.93
    assert each.min() >= 0.80
