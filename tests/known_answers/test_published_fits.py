"""Fits of differential equations whose best answer others have published."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bullbear.calibration.curvature import curvature
from bullbear.calibration.objective import Objective, open_problem
from bullbear.calibration.search import POLISHED, ROUGH, Search, descend, start_points

# Dolan, More and Munson (2004): Benchmarking optimization software with COPS 3.0, ANL/MCS-TM-273.
COPS = {"pinene": 19.8721, "gasoil": 5.23659e-3, "methanol": 9.02229e-3}
LAST_DIGIT = {"pinene": 1e-4, "gasoil": 1e-8, "methanol": 1e-8}

# Benchmark-Models-PEtab, Boehm_JProteomeRes2014: nominal values and their negative log likelihood.
BOEHM = (0.026982514033029, 15766.5070195731, 0.0163679184468, 0.006170228086381, 1.00067973851e-5)
BOEHM_SD = {"boehm_pstat5a": 3.85261197844677, "boehm_pstat5b": 6.59147818673419,
            "boehm_rstat5a": 3.15271275648527}  # fmt: skip
BOEHM_NLL = 138.22199693517703


def teaching(root: Path, name: str) -> Objective:
    return open_problem(root / "calibration" / "problems" / "teaching" / f"{name}.toml")


def squares(objective: Objective, found: Search) -> float:
    misses = objective.at(found.end).predictions - objective.observed
    return float(misses @ misses)


@pytest.mark.parametrize("name", COPS)
def test_rates_of_reactions_are_found(root: Path, name: str) -> None:
    objective = teaching(root, name)
    found = descend(objective, objective.space.to_fit(objective.starts), POLISHED)
    assert squares(objective, found) == pytest.approx(COPS[name], abs=LAST_DIGIT[name])


@pytest.mark.long
@pytest.mark.parametrize("name", COPS)
def test_rates_of_reactions_are_found_from_far_away(root: Path, name: str) -> None:
    objective = teaching(root, name)
    ends = [squares(objective, descend(objective, start, POLISHED))
            for start in start_points(objective, 8, seed=1)]  # fmt: skip
    assert min(ends) == pytest.approx(COPS[name], abs=LAST_DIGIT[name])
    assert sum(end < 1.001 * COPS[name] for end in ends) >= 6


def test_likelihood_of_a_published_optimum_with_three_scales(root: Path) -> None:
    """The model here lets pairs of a kind enter the nucleus at once, which the rate of 97749 per
    minute nearly does: the likelihood differs in the fourth decimal."""
    objective = teaching(root, "boehm")
    published = objective.space.to_fit(np.array(BOEHM))
    objective.scales = np.array([BOEHM_SD[t.series] for t in objective.targets])
    assert objective.at(published).nll == pytest.approx(BOEHM_NLL, abs=5e-4)
    objective.scales = np.full(objective.size, np.nan)
    found = descend(objective, published, ROUGH)
    assert found.objective == pytest.approx(BOEHM_NLL, abs=5e-4)
    assert objective.scales == pytest.approx(
        [BOEHM_SD[t.series] for t in objective.targets], rel=1e-3
    )
    best = objective.at(found.end, slopes=True)
    assert best.values == pytest.approx(BOEHM, rel=2e-3)
    around = curvature(objective, best)
    at_bound = dict(zip(objective.space.names, around.at_bound, strict=True))
    assert [name for name, at in at_bound.items() if at] == ["export of mixed pairs"]


@pytest.mark.long
def test_the_published_optimum_is_found_from_far_away(root: Path) -> None:
    objective = teaching(root, "boehm")
    reached = []
    for start in start_points(objective, 6, seed=0):
        objective.scales = np.full(objective.size, np.nan)
        reached.append(descend(objective, start, ROUGH).objective)
    assert min(reached) == pytest.approx(BOEHM_NLL, abs=5e-4)
    assert sum(one < BOEHM_NLL + 0.01 for one in reached) >= 4
