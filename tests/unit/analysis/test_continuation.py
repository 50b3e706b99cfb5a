"""Branches, folds and Hopf points of fields with closed forms."""

from __future__ import annotations

import numpy as np
import pytest

from bullbear.analysis.continuation import Array, Branch, Problem, follow


def cusp() -> Problem:
    """p + x - x³, folds at ±2/(3√3)."""
    return Problem(
        lambda x, p: p + x - x**3,
        lambda x, p: np.array([[1 - 3 * x[0] ** 2]]),
        lambda x, p: np.ones(1),
        np.ones(1),
        1.0,
    )


def budworm() -> Problem:
    """r x (1 - x/10) - x²/(1 + x²) without the factor x, which is an equilibrium of its own."""
    return Problem(
        lambda x, r: r * (1 - x / 10) - x / (1 + x**2),
        lambda x, r: np.array([[-r / 10 - (1 - x[0] ** 2) / (1 + x[0] ** 2) ** 2]]),
        lambda x, r: 1 - x / 10,
        np.ones(1),
        0.1,
    )


def lorenz() -> Problem:
    sigma, beta = 10.0, 8 / 3

    def field(s: Array, rho: float) -> Array:
        x, y, z = s
        return np.array([sigma * (y - x), x * (rho - z) - y, x * y - beta * z])

    def by_states(s: Array, rho: float) -> Array:
        x, y, z = s
        return np.array([[-sigma, sigma, 0], [rho - z, -1, -x], [y, x, -beta]])

    return Problem(field, by_states, lambda s, _: np.array([0, s[0], 0]), np.full(3, 10.0), 10.0)


def kinds(branch: Branch) -> list[str]:
    return [point.kind for point in branch.special]


def test_a_cusp_has_two_folds_and_a_middle_that_is_unstable() -> None:
    branch = follow(cusp(), np.array([-1.5]), -1.875, (-2.0, 2.0))
    assert kinds(branch) == ["fold", "fold"]
    found = [point.parameter for point in branch.special]
    assert found == pytest.approx([0.3849001795, -0.3849001795], abs=1e-9)
    middle = [p for p in branch.points if abs(p.states[0]) < 0.5]
    assert middle
    assert not any(p.stability.stable for p in middle)
    assert branch.ended == "the parameter left its range"


def test_the_budworm_outbreak_has_its_two_folds() -> None:
    branch = follow(budworm(), np.array([0.2]), 0.2 / 1.04 / 0.98, (0.05, 0.8))
    folds = sorted((p.parameter, p.states[0]) for p in branch.special if p.kind == "fold")
    assert folds[0] == pytest.approx((0.3839707316, 4.781284), abs=1e-6)
    assert folds[1] == pytest.approx((0.5595250124, 1.137805), abs=1e-6)


def test_lorenz_turns_from_rest_to_two_centres_that_lose_their_hold() -> None:
    rest = follow(lorenz(), np.zeros(3), 0.2, (0.0, 5.0))
    assert kinds(rest) == ["branch"]
    assert rest.special[0].parameter == pytest.approx(1, abs=1e-8)
    side = np.sqrt(8 / 3 * 9)
    centre = follow(lorenz(), np.array([side, side, 9.0]), 10.0, (2.0, 30.0))
    assert kinds(centre) == ["hopf"]
    assert centre.special[0].parameter == pytest.approx(470 / 19, abs=1e-6)
    assert centre.special[0].omega == pytest.approx(9.624530, abs=1e-5)


def test_a_start_that_is_no_equilibrium_is_said() -> None:
    def never(x: Array, p: float) -> Array:
        return 1 + x**2

    problem = Problem(never, lambda x, p: np.array([[2 * x[0]]]), lambda x, p: np.zeros(1),
                      np.ones(1), 1.0)  # fmt: skip
    assert follow(problem, np.array([1.0]), 0.0, (-1, 1)).ended == "the start is no equilibrium"
