"""STEP, PULSE, PULSE TRAIN and RAMP by Vensim's half-step rule."""

import numpy as np
import pytest


@pytest.mark.parametrize("step", [0.25, 0.1, 1 / 52, 0.5])
def test_dates_on_the_grid_take_effect_there(simulated, step):
    found = simulated("y = STEP(3, 2) ~~| p = PULSE(2, 1) ~~|", step=step)
    on = found["time"] >= 2 - 1e-9
    np.testing.assert_array_equal(found["y"], 3.0 * on)
    inside = on & (found["time"] < 3 - 1e-9)
    np.testing.assert_array_equal(found["p"], 1.0 * inside)


def test_a_pulse_in_weeks_lasts_as_long_as_it_says(simulated):
    """PySD lets it last 27 steps of 1/52 instead of 26."""
    found = simulated("p = PULSE(1, 0.5) ~~|", step=1 / 52, final=3)
    assert found["p"].sum() == 26


def test_a_pulse_without_width_lasts_one_step(simulated):
    found = simulated("p = PULSE(3, 0) ~~|")
    assert found["p"].sum() == 1
    assert found["p"][12] == 1


def test_a_ramp_ends_where_it_says(simulated):
    found = simulated("y = RAMP(2, 3, 6) ~~| open = RAMP(2, 3) ~~|")
    np.testing.assert_allclose(found["y"], 2 * np.clip(found["time"] - 3, 0, 3))
    np.testing.assert_allclose(found["open"], 2 * np.clip(found["time"] - 3, 0, None))


def test_a_train_repeats_until_its_end(simulated):
    found = simulated("y = PULSE TRAIN(1, 1, 3, 8) ~~|", step=1)
    np.testing.assert_array_equal(found["y"], [0, 1, 0, 0, 1, 0, 0, 1, 0, 0, 0])


def test_events_are_held_through_the_stages_of_a_step(simulated):
    found = simulated("x = INTEG(STEP(1, 2), 0) ~~| t = INTEG(Time, 0) ~~|", method="rk4")
    np.testing.assert_allclose(found["x"], np.clip(found["time"] - 2, 0, None), atol=1e-12)
    np.testing.assert_allclose(found["t"], found["time"] ** 2 / 2, atol=1e-12)
