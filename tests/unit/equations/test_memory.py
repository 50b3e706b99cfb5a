"""Delays and averages against their definitions (Sterman 2000, ch. 11; Vensim's manual)."""

import numpy as np
import pytest


def chain(x, stage_times, dt, start, material):
    """n first-order stages by Euler's method, for one input and constant times."""
    n = len(stage_times)
    level = np.full(n, start * (stage_times[0] if material else 1.0))
    found = []
    for value in x:
        out = level / stage_times if material else level
        found.append(out[-1])
        entering = np.concatenate([[value], out[:-1]])
        flow = entering - out if material else (entering - out) / stage_times
        level = level + dt * flow
    return np.array(found)


@pytest.mark.parametrize(
    ("call", "order", "start", "material"),
    [
        ("SMOOTH(x, 3)", 1, None, False),
        ("SMOOTHI(x, 3, 1)", 1, 1, False),
        ("SMOOTH3(x, 3)", 3, None, False),
        ("SMOOTH3I(x, 3, 1)", 3, 1, False),
        ("SMOOTH N(x, 3, 1, 5)", 5, 1, False),
        ("DELAY1(x, 3)", 1, None, True),
        ("DELAY1I(x, 3, 1)", 1, 1, True),
        ("DELAY3(x, 3)", 3, None, True),
        ("DELAY3I(x, 3, 1)", 3, 1, True),
        ("DELAY N(x, 3, 1, 4)", 4, 1, True),
    ],
)
def test_exponential_delays(simulated, call, order, start, material):
    found = simulated(f"x = 2 + STEP(3, 1) ~~| y = {call} ~~|")
    times = np.full(order, 3.0 / order)
    wanted = chain(found["x"], times, 0.25, 2 if start is None else start, material)
    np.testing.assert_allclose(found["y"], wanted, rtol=1e-13)


def test_a_material_delay_loses_nothing_while_its_time_changes(simulated):
    found = simulated(
        "in = PULSE(1, 2) ~~| t = 2 + STEP(3, 3) ~~| out = DELAY3(in, t) ~~|"
        "total in = INTEG(in, 0) ~~| total out = INTEG(out, 0) ~~|", final=120,
    )  # fmt: skip
    assert found["total out"][-1] == pytest.approx(found["total in"][-1], rel=1e-9)


def test_delay_fixed_is_exact(simulated):
    found = simulated("x = Time * 2 ~~| y = DELAY FIXED(x, 3, 7) ~~|")
    np.testing.assert_array_equal(found["y"][:12], 7.0)
    np.testing.assert_array_equal(found["y"][12:], found["x"][:-12])


@pytest.mark.parametrize(("delay", "steps"), [(0, 1), (0.1, 1), (0.25, 1), (0.6, 2), (1.0, 4)])
def test_delay_fixed_rounds_to_steps_and_takes_one_at_least(simulated, delay, steps):
    found = simulated(f"x = Time ~~| y = DELAY FIXED(x, {delay}, -1) ~~|")
    np.testing.assert_array_equal(found["y"][steps:], found["x"][:-steps])


def test_delay_material_with_a_constant_time(simulated, refused):
    found = simulated("x = Time ~~| y = DELAY MATERIAL(x, 2, 5, 0) ~~|")
    np.testing.assert_array_equal(found["y"][8:], found["x"][:-8])
    assert refused("y = DELAY MATERIAL(Time, 2 + Time, 5, 0) ~~|").code == "unsupported"


def test_trend_is_the_growth_against_the_average(simulated):
    found = simulated("x = INTEG(0.05 * x, 100) ~~| y = TREND(x, 5, 0.05) ~~|", final=60)
    average = 100 / (1 + 0.05 * 5)
    for x, y in zip(found["x"], found["y"], strict=True):
        assert y == pytest.approx((x - average) / (5 * average), rel=1e-12)
        average += 0.25 * (x - average) / 5
    assert found["y"][-1] == pytest.approx(0.05, rel=0.01)


def test_forecast_extrapolates(simulated):
    found = simulated("x = 10 + Time ~~| y = FORECAST(x, 4, 2) ~~|")
    average = 10.0
    for x, y in zip(found["x"], found["y"], strict=True):
        assert y == pytest.approx(x * (1 + 2 * (x / average - 1) / 4), rel=1e-12)
        average += 0.25 * (x - average) / 4


def test_sample_if_true_holds_the_last_value(simulated):
    found = simulated("y = SAMPLE IF TRUE(MODULO(Time, 2) < 0.5, Time, -1) ~~|", step=1)
    np.testing.assert_array_equal(found["y"], [0, 0, 2, 2, 4, 4, 6, 6, 8, 8, 10])


def test_initial_and_active_initial(simulated):
    found = simulated(
        "x = INTEG(1, start) ~~| start = INITIAL(loop + 1) ~~|"
        "loop = ACTIVE INITIAL(x * 2, 5) ~~| first = INITIAL(x) ~~|"
    )
    assert found["start"][0] == found["first"][-1] == 6
    assert found["loop"][0] == 12


def test_the_order_is_worked_out_once_and_cannot_be_changed(simulated, tmp_path):
    from bullbear.errors import UsageError
    from bullbear.models.model import load

    found = simulated("n = 2 + STEP(3, 4) ~~| y = DELAY N(Time, 3, 0, n) ~~| z = DELAY N(Time, 3,"
                      " 0, 2) ~~|")  # fmt: skip
    np.testing.assert_array_equal(found["y"], found["z"])
    path = tmp_path / "order.mdl"
    path.write_text("n = 2 ~~| y = SMOOTH N(Time, 3, 0, n) ~~| FINAL TIME = 3 ~~|")
    with pytest.raises(UsageError, match="shapes the model"):
        load(path).run(overrides={"n": 3})


def test_delay_n_hands_its_time_on_with_the_material(simulated):
    """The published output of test_delays has 2.20442 at 16, one step behind a change of time."""
    found = simulated(
        "t = 4 + STEP(2, 15) ~~| x = -1 + STEP(5, 5) ~~| y = DELAY N(x, t, 6, 2) ~~|",
        step=1, final=20,
    )  # fmt: skip
    assert found["y"][15] == pytest.approx(3.94971, abs=5e-6)
    assert found["y"][16] == pytest.approx(2.20442, abs=5e-6)


@pytest.mark.parametrize("order", ["0", "2.5", "Time + 1 - 1", "-1"])
def test_an_order_that_is_no_whole_number_is_refused(refused, order):
    assert refused(f"y = DELAY N(Time, 3, 0, {order}) ~~|").code == "order"
