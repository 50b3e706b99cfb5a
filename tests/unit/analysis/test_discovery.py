"""A planted box is found, and nothing else."""

from __future__ import annotations

import numpy as np
import pytest

from bullbear.analysis.discovery import discover, quality
from bullbear.errors import UsageError


@pytest.mark.parametrize("seed", range(5))
def test_a_planted_box_is_found_at_full_density(seed: int) -> None:
    points = np.random.default_rng(seed).random((2000, 4))
    cases = (points[:, 0] > 0.3) & (points[:, 0] < 0.7) & (points[:, 1] < 0.5)
    found = discover(points, cases, seed=seed)
    best = found.best(1.0)
    assert found.found[best].density == 1
    assert found.found[best].coverage >= 0.85
    assert set(found.boxes[best].restricted) >= {0, 1}
    assert found.confirmed[best].density >= 0.95


def test_the_trade_off_goes_from_all_cases_to_only_cases() -> None:
    points = np.random.default_rng(9).random((1000, 3))
    cases = points[:, 0] + 0.2 * points[:, 1] > 0.8
    found = discover(points, cases)
    assert found.found[0].coverage == 1
    assert found.found[-1].density > found.found[0].density
    assert quality(found.boxes[0], points, cases).support == 1


@pytest.mark.parametrize("answer", [True, False])
def test_one_class_is_refused(answer: bool) -> None:
    points = np.random.default_rng(0).random((50, 2))
    with pytest.raises(UsageError, match="nothing to tell apart"):
        discover(points, np.full(50, answer))
