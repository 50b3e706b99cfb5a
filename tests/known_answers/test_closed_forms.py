"""Small models whose answers are known: closed forms, published periods, conserved quantities."""

from __future__ import annotations

import math
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.interpolate import CubicSpline

from bullbear.models.model import Model, load

MODELS = Path(__file__).parent / "models"


def model(name: str) -> Model:
    return load(MODELS / name)


def crossings(series: pd.Series, level: float) -> np.ndarray:
    """Times at which a smooth series rises through a level."""
    times, values = series.index.to_numpy(), series.to_numpy() - level
    curve = CubicSpline(times, values)
    roots = curve.roots(extrapolate=False)
    return roots[curve(roots, 1) > 0]


def orders(loaded: Model, variable: str, method: str, exact: float, steps: list[float]) -> list:
    """Observed orders between successive halvings of the step."""
    errors = [
        abs(loaded.run(method=method, time_step=h, saveper=0.5).results[variable].iloc[-1] - exact)
        for h in steps
    ]
    return [math.log2(a / b) for a, b in pairwise(errors)]


# -- orders ----------------------------------------------------------------------------------------


def logistic(t: float, r: float = 0.8, K: float = 100, start: float = 5) -> float:
    return K / (1 + (K / start - 1) * math.exp(-r * t))


@pytest.mark.parametrize(
    ("name", "variable", "exact"),
    [("decay.mdl", "y", 3 * math.exp(-3)), ("logistic.mdl", "P", logistic(12))],
)
def test_rk4_is_of_fourth_order_and_euler_of_first(name: str, variable: str, exact: float) -> None:
    loaded = model(name)
    for observed in orders(loaded, variable, "rk4", exact, [1 / 8, 1 / 16, 1 / 32]):
        assert 3.9 < observed < 4.1
    for observed in orders(loaded, variable, "euler", exact, [1 / 128, 1 / 256, 1 / 512]):
        assert 0.95 < observed < 1.05


# -- closed forms ----------------------------------------------------------------------------------


def test_decay_and_its_sensitivities() -> None:
    """y = y0·exp(−kt), dy/dk = −t·y, dy/dy0 = y/y0."""
    loaded = model("decay.mdl")
    t = np.arange(11.0)
    exact = 3 * np.exp(-0.3 * t)
    np.testing.assert_allclose(loaded.run(method="lsoda").results["y"], exact, rtol=1e-7)
    found = loaded.sensitivities(["y"], ["k", "initial amount"], method="rk4")
    np.testing.assert_allclose(found.values[:, 0], exact, rtol=1e-7)
    np.testing.assert_allclose(found.derivatives[:, 0, 0], -t * exact, rtol=1e-6)
    np.testing.assert_allclose(found.derivatives[:, 0, 1], exact / 3, rtol=1e-7)


def test_logistic_growth_and_its_sensitivities() -> None:
    loaded = model("logistic.mdl")
    results = loaded.run(method="lsoda").results["P"]
    exact = np.array([logistic(t) for t in results.index])
    np.testing.assert_allclose(results, exact, rtol=1e-7)
    found = loaded.sensitivities(["P"], ["r", "K", "start"], method="rk4")
    t = found.times
    left = np.exp(-0.8 * t)
    below = (1 + 19 * left) ** 2
    np.testing.assert_allclose(found.derivatives[:, 0, 0], t * exact * (1 - exact / 100), rtol=3e-6)
    np.testing.assert_allclose(found.derivatives[:, 0, 1], (1 - left) / below, atol=1e-6)
    np.testing.assert_allclose(found.derivatives[:, 0, 2], 400 * left / below, rtol=1e-5)


def test_a_staked_share_settles_where_its_equation_says() -> None:
    results = model("staking.mdl").run(method="rk4").results
    assert results["staked share"].iloc[-1] == pytest.approx(0.618181818, abs=1e-9)
    total = results["Circulating"] + results["Staked"]
    np.testing.assert_allclose(total, 100 * np.exp(0.1 * results.index.to_numpy()), rtol=1e-9)


# -- periods and conserved quantities --------------------------------------------------------------


@pytest.mark.parametrize("method", ["rk4", "lsoda"])
def test_lotka_volterra_has_its_period_and_first_integral(method: str) -> None:
    results = model("lotka_volterra.mdl").run(method=method).results
    np.testing.assert_allclose(results["first integral"], 1.546122361, rtol=3e-6)
    times = crossings(results["x"], 4.0)
    np.testing.assert_allclose(np.diff(times), 14.343514, atol=1e-5)


@pytest.mark.parametrize(("mu", "period"), [(1.0, 6.663287), (5.0, 11.612231)])
@pytest.mark.parametrize("method", ["rk4", "lsoda"])
def test_van_der_pol_has_its_period(mu: float, period: float, method: str) -> None:
    results = (
        model("van_der_pol.mdl")
        .run(method=method, overrides={"mu": mu}, time_step=1 / 256, saveper=1 / 64)
        .results
    )
    assert np.diff(crossings(results["x"], 0.0))[-1] == pytest.approx(period, abs=1e-5)


# -- switches --------------------------------------------------------------------------------------


def test_a_treasury_that_is_nearly_empty_pays_what_it_can() -> None:
    """T' = y − min(b, T/τ): full budget until t = 15.833333, then decay to y·τ."""
    loaded = model("treasury_switch.mdl")
    results = loaded.run(method="lsoda").results
    assert results["Treasury"].loc[20.0] == pytest.approx(2.000721108, abs=1e-7)
    short = results.index[results["spending"] < 10 - 1e-6]
    assert short[0] - 1 / 16 <= 15.833333 < short[0]
    finer = loaded.run(method="rk4", time_step=1 / 512).results
    assert finer["Treasury"].loc[20.0] == pytest.approx(2.000721108, abs=1e-6)


def test_the_run_out_date_has_elasticities_of_plus_and_minus_one() -> None:
    """t* = T0/b."""
    loaded = model("run_out.toml")
    assert loaded.run().events["run-out"] == pytest.approx(10.0, abs=1e-12)
    by = ["initial treasury", "b", "Treasury"]
    slopes = loaded.sensitivities(["Treasury"], by, logarithmic=True).events["run-out"]
    np.testing.assert_allclose(slopes / 10.0, [1.0, -1.0, 1.0], rtol=1e-12)


@pytest.mark.parametrize(("g", "date"), [(0.1, 6.931472), (-0.05, 13.862944), (-0.1, None)])
def test_the_run_out_date_of_growing_spending(g: float, date: float | None) -> None:
    """t* = ln(1 + g·T0/b)/g."""
    found = model("run_out.toml").run(method="rk4", overrides={"g": g}).events["run-out"]
    assert found == (None if date is None else pytest.approx(date, abs=2e-4))
    exact = model("run_out.toml").run(method="rk4", overrides={"g": g}, time_step=1 / 512)
    assert exact.events["run-out"] == (None if date is None else pytest.approx(date, abs=2e-6))


def test_the_run_out_date_moves_with_the_growth_of_spending() -> None:
    """The date lies on the line between two steps, so its slope errs in the first order."""
    found = model("run_out.toml").sensitivities(
        ["Treasury"], ["g"], method="rk4", overrides={"g": 0.1}, time_step=1 / 512, saveper=1 / 16
    )
    assert found.events["run-out"] == pytest.approx([-19.314718], rel=2e-4)


# -- stiff -----------------------------------------------------------------------------------------


def test_robertsons_reaction_by_the_stiff_solver() -> None:
    """A standard problem of the literature (Robertson 1966; Hairer & Wanner 1996, IV.1)."""
    results = model("robertson.mdl").run(method="lsoda").results
    found = results.loc[40.0, ["A", "B", "C"]].to_numpy()
    np.testing.assert_allclose(found, [0.7158270688, 9.185534765e-6, 0.2841637457], rtol=1e-6)
    np.testing.assert_allclose(results[["A", "B", "C"]].sum(axis=1), 1.0, rtol=1e-12)
