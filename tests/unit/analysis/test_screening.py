"""Elementary effects of functions that are known."""

from __future__ import annotations

import numpy as np

from bullbear.analysis.screening import elementary_effects, morris_design


def test_a_sum_has_its_weights_as_effects_and_no_spread() -> None:
    design = morris_design(3, 10, seed=1)
    values = design @ np.array([1.0, 2.0, 3.0])
    found = elementary_effects(design, values[..., None])
    np.testing.assert_allclose(found.mu_star[:, 0], [1, 2, 3], rtol=1e-12)
    assert (found.sigma < 1e-14).all()


def test_an_interaction_shows_as_spread_and_an_idle_input_as_nothing() -> None:
    design = morris_design(3, 20, seed=2)
    values = design[..., 0] * design[..., 1]
    found = elementary_effects(design, values[..., None])
    assert (found.sigma[:2] > 0.1).all()
    assert found.mu_star[2, 0] == 0
