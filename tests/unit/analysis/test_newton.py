"""Equilibria from many starts, and what their eigenvalues say."""

from __future__ import annotations

import numpy as np
import pytest

from bullbear.analysis.newton import Array, solve_many
from bullbear.analysis.stability import judge

A, B, C, D = 1.1, 0.4, 0.4, 0.1


def lotka(s: Array) -> Array:
    return np.array([A * s[0] - B * s[0] * s[1], D * s[0] * s[1] - C * s[1]])


def lotka_jacobian(s: Array) -> Array:
    return np.array([[A - B * s[1], -B * s[0]], [D * s[1], D * s[0] - C]])


def test_both_equilibria_of_prey_and_predators_are_found() -> None:
    starts = np.random.default_rng(0).random((50, 2)) * 10
    roots = solve_many(lotka, lotka_jacobian, starts, np.ones(2))
    points = sorted(tuple(np.round(r.states, 9)) for r in roots)
    assert points == [pytest.approx((0, 0), abs=1e-8), pytest.approx((4, 2.75), abs=1e-8)]


def test_predators_and_prey_circle_for_ever() -> None:
    centre = judge(lotka_jacobian(np.array([4.0, 2.75])))
    assert centre.kind == "neutral"
    assert abs(centre.eigenvalues[0].imag) == pytest.approx(0.663325, abs=1e-6)
    assert centre.period == pytest.approx(2 * np.pi / np.sqrt(0.44))
    assert judge(lotka_jacobian(np.zeros(2))).kind == "saddle"


@pytest.mark.parametrize(
    ("x", "eigenvalue", "kind"),
    [
        (0.0, 0.5, "unstable"),
        (0.6833752096, -0.203417, "stable"),
        (2.0, 0.14, "unstable"),
        (7.3166247904, -0.236583, "stable"),
    ],
)
def test_the_four_states_of_the_budworm(x: float, eigenvalue: float, kind: str) -> None:
    def field(s: Array) -> Array:
        return 0.5 * s * (1 - s / 10) - s**2 / (1 + s**2)

    def slope(s: Array) -> Array:
        return np.array([[0.5 - 0.1 * s[0] - 2 * s[0] / (1 + s[0] ** 2) ** 2]])

    roots = solve_many(field, slope, np.linspace(0, 10, 41)[:, None], np.ones(1))
    assert len(roots) == 4
    nearest = min(roots, key=lambda r: abs(r.states[0] - x))
    assert nearest.states[0] == pytest.approx(x, abs=1e-9)
    verdict = judge(slope(nearest.states))
    assert verdict.kind == kind
    assert verdict.eigenvalues[0].real == pytest.approx(eigenvalue, abs=1e-6)
    if kind == "stable":
        assert verdict.half_life == pytest.approx(np.log(2) / -eigenvalue, rel=1e-4)


def test_a_field_without_equilibrium_gives_none() -> None:
    roots = solve_many(
        lambda s: 1 + s**2, lambda s: np.diag(2 * s), np.linspace(-3, 3, 9)[:, None], np.ones(1)
    )
    assert roots == []
