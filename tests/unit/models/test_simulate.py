"""Moving forward in time: closed forms, grids, events held at the step start."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from bullbear.errors import SimulationError, UsageError
from bullbear.models.model import Model, load
from bullbear.models.simulate import Grid

CONTROL = """
INITIAL TIME = {begin} ~ Year ~ |
FINAL TIME = {end} ~ Year ~ |
TIME STEP = {step} ~ Year ~ |
SAVEPER = {step} ~ Year ~ |
"""
Write = Callable[..., Model]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """A model from the text of its equations."""

    def make(text: str, begin: float = 0, end: float = 10, step: float = 0.125) -> Model:
        path = tmp_path / "model.mdl"
        path.write_text(text + CONTROL.format(begin=begin, end=end, step=step), encoding="utf-8")
        return load(path)

    return make


DECAY = "x = INTEG(-k*x, 8) ~ NMR ~ |\nk = 0.5 ~ 1/Year ~ |\n"


def test_euler_is_the_product_of_its_steps(write: Write) -> None:
    results = write(DECAY).run().results
    steps = np.arange(len(results))
    np.testing.assert_allclose(results["x"], 8 * (1 - 0.5 / 8) ** steps, rtol=1e-13)


def test_rk4_has_the_fourth_order_error_of_the_exponential(write: Write) -> None:
    model = write(DECAY)
    errors = []
    for step in (0.25, 0.125):
        end = model.run(method="rk4", time_step=step).results["x"].iloc[-1]
        errors.append(abs(end - 8 * math.exp(-5)))
    assert errors[0] / errors[1] == pytest.approx(16, rel=0.1)


def test_a_step_inside_rk4_starts_on_the_grid_and_loses_nothing(write: Write) -> None:
    """The stages of the step before the date must not see it."""
    model = write("x = INTEG(STEP(1, 3), 0) ~ NMR ~ |\n")
    for method in ("euler", "rk4"):
        results = model.run(method=method).results["x"]
        assert results.loc[3.0] == 0
        assert results.loc[3.125] == 0.125
        assert results.iloc[-1] == 7.0


def test_a_comparison_with_a_date_is_held_too(write: Write) -> None:
    model = write("x = INTEG(IF THEN ELSE(Time < 3, 1, 0), 0) ~ NMR ~ |\n")
    assert model.run(method="rk4").results["x"].iloc[-1] == 3.0


@pytest.mark.parametrize("step", [1 / 52, 0.1, 1 / 64, 1 / 3])
def test_a_pulse_on_the_grid_lasts_as_long_as_it_says(write: Write, step: float) -> None:
    model = write(f"x = INTEG(PULSE(1, {step * 26!r})/{step * 26!r}, 0) ~ NMR ~ |\n", step=step,
                  end=60 * step + 1)  # fmt: skip
    assert model.run().results["x"].iloc[-1] == pytest.approx(1, abs=0.5 / 26 + 1e-9)


def test_time_does_not_drift_over_many_steps(write: Write) -> None:
    results = write(DECAY, end=100, step=0.1).run().results
    assert results.index[-1] == 100.0
    np.testing.assert_allclose(results.index, 0.1 * np.arange(1001), rtol=0, atol=1e-12)


def test_delay_fixed_is_a_cliff(write: Write) -> None:
    model = write("out = DELAY FIXED(STEP(1, 2), 3, 0) ~ NMR ~ |\n")
    for method in ("euler", "rk4"):
        out = model.run(method=method).results["out"]
        assert set(out) == {0.0, 1.0}
        assert out[out == 1].index[0] == 5.0


def test_sample_if_true_keeps_the_last_value(write: Write) -> None:
    model = write("out = SAMPLE IF TRUE(Time < 4, Time, -1) ~ Year ~ |\n")
    out = model.run(method="rk4").results["out"]
    assert out.loc[2.0] == 2.0
    assert (out.loc[4.0:] == 3.875).all()


def test_two_runs_share_nothing(write: Write) -> None:
    model = write(DECAY)
    first = model.run(overrides={"K": 2}).results["x"].copy()
    model.run()
    assert model.run(overrides={"k": 2}).results["x"].equals(first)


def test_an_initial_value_can_be_set(write: Write) -> None:
    model = write(DECAY + "y = INTEG(0, 2*x) ~ NMR ~ |\n")
    results = model.run(overrides={"x": 3}).results
    assert results["x"].iloc[0] == 3
    assert results["y"].iloc[0] == 6


def test_a_run_that_leaves_the_numbers_stops_with_name_time_and_causes(write: Write) -> None:
    model = write("a = 1/(5 - Time) ~ 1/Year ~ |\nx = INTEG(a, 0) ~ Dmnl ~ |\n")
    with pytest.raises(SimulationError, match=r'"a" is inf at 5\.0') as caught:
        model.run()
    assert caught.value.where is not None
    assert caught.value.where.line == 1


def test_a_value_that_is_not_taken_may_be_infinite(write: Write) -> None:
    model = write("x = INTEG(IF THEN ELSE(Time > 0, 1/Time, 1), 0) ~ Dmnl ~ |\n")
    assert math.isfinite(model.run().results["x"].iloc[-1])


@pytest.mark.parametrize(
    ("grid", "words"),
    [
        ((0, 10, 0.3, 1.0), "does not divide"),
        ((0, 10, 0, 1.0), "must be positive"),
        ((0, -1, 1, 1), "before it begins"),
        ((0, 10, math.nan, 1.0), "must be positive"),
        ((0, math.inf, 1, 1), "has no end"),
    ],
)
def test_a_grid_that_does_not_fit_is_refused(
    grid: tuple[float, float, float, float], words: str
) -> None:
    with pytest.raises(UsageError, match=words):
        Grid(*grid)
