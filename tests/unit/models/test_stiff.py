"""LSODA: against Euler and RK4 with small steps, at switches, and what it refuses."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from complex_step import ComplexRun

from bullbear.errors import SimulationError, UsageError
from bullbear.models.field import Field
from bullbear.models.model import Model, load
from bullbear.models.simulate import Simulator
from bullbear.models.stiff import StiffSimulator

CONTROL = """
INITIAL TIME = 0 ~ Year ~ |
FINAL TIME = {end} ~ Year ~ |
TIME STEP = {step} ~ Year ~ |
SAVEPER = {step} ~ Year ~ |
"""
Write = Callable[..., Model]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """A model from the text of its equations."""

    def make(text: str, end: float = 10, step: float = 0.125) -> Model:
        path = tmp_path / "model.mdl"
        path.write_text(text + CONTROL.format(end=end, step=step), encoding="utf-8")
        return load(path)

    return make


@pytest.fixture(scope="module")
def numerai() -> Model:
    return load("numerai")


def stretches(model: Model) -> list[tuple[int, int]]:
    vector = model.parameter_vector(model.values()).tolist()
    return StiffSimulator(model._simulator).pieces(model.grid(vector), vector)


def test_it_stops_where_a_date_takes_effect_and_nowhere_else(write: Write) -> None:
    assert stretches(write("x = INTEG(MIN(x, 3) + Time, 1) ~ U ~ |\n")) == [(0, 80)]
    pulsed = write("x = INTEG(PULSE(1, 0.5) + STEP(2, 4), 1) ~ U ~ |\n")
    assert stretches(pulsed) == [(0, 8), (8, 12), (12, 32), (32, 80)]
    compared = write("x = INTEG(IF THEN ELSE(Time >= 3, 1, 0), 1) ~ U ~ |\n")
    assert stretches(compared) == [(0, 24), (24, 80)]


def test_events_have_the_area_that_euler_and_rk4_give_them(write: Write) -> None:
    """A pulse of no width lasts one step; a date between grid points moves to one."""
    model = write(
        "x = INTEG(PULSE(1, 0) + PULSE(2, 0.5) + STEP(2, 4.03) - IF THEN ELSE(Time > 6, 1, 0)"
        " + PULSE TRAIN(7, 0.25, 1, 9), 1) ~ U ~ |\n"
    )
    exact = model.run(method="euler").results["x"]
    np.testing.assert_allclose(model.run(method="lsoda").results["x"], exact, rtol=1e-9)


def test_a_stiff_model_that_euler_cannot_run(write: Write) -> None:
    text = "x = INTEG((COS(Time) - x) / 0.0001, 1) ~ U ~ |\ny = INTEG(x, 0) ~ U ~ |\n"
    model = write(text)
    with pytest.raises(SimulationError):
        model.run(method="rk4", final_time=100)
    results = model.run(method="lsoda").results
    # x lags cos t by the time constant of 1e-4
    assert results["y"].iloc[-1] == pytest.approx(math.sin(10), abs=2e-4)


def test_the_results_are_those_of_the_saved_times(write: Write) -> None:
    model = write("x = INTEG(-k*x, 8) ~ U ~ |\nk = 0.5 ~ 1/Year ~ |\ntwice = 2*x ~ U ~ |\n")
    run = model.run(method="lsoda", saveper=0.5, final_time=3)
    assert run.results.index.tolist() == [0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0]
    exact = 8 * np.exp(-0.5 * run.results.index.to_numpy())
    np.testing.assert_allclose(run.results["x"], exact, rtol=1e-7)
    np.testing.assert_allclose(run.results["twice"], 2 * exact, rtol=1e-7)
    assert run.provenance.method == "lsoda"
    assert run.trust.trusted
    assert run.trust.step_error is not None
    assert run.trust.step_error < 1e-6


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("y = DELAY FIXED(x, 1, 0) ~ U ~ |\n", 'DELAY FIXED in "y"'),
        ("y = SAMPLE IF TRUE(x > 2, x, 0) ~ U ~ |\n", 'SAMPLE IF TRUE in "y"'),
    ],
)
def test_discrete_states_are_refused_by_name(write: Write, text: str, named: str) -> None:
    model = write("x = INTEG(1, 0) ~ U ~ |\n" + text)
    with pytest.raises(UsageError) as caught:
        model.run(method="lsoda")
    assert named in str(caught.value)
    assert "euler or rk4" in caught.value.hint


def test_a_rate_that_is_not_finite_is_named_with_its_time(write: Write) -> None:
    model = write("x = INTEG(-1, 1) ~ U ~ |\ny = INTEG(LN(x), 0) ~ U ~ |\n")
    with pytest.raises(SimulationError, match='rate of "y"'):
        model.run(method="lsoda")


def test_an_unknown_method_names_the_known_ones(write: Write) -> None:
    with pytest.raises(UsageError) as caught:
        write("x = INTEG(1, 0) ~ U ~ |\n").run(method="heun")
    assert "euler, rk4, lsoda" in caught.value.hint


@pytest.mark.parametrize("step", [64, 300, 544, 900])
def test_the_jacobian_is_that_of_complex_steps(numerai: Model, step: int) -> None:
    """Every rate by every state, at four moments of a run."""
    vector = numerai.parameter_vector(numerai.values()).tolist()
    grid = numerai.grid(vector)
    states = numerai._simulator.run(grid, "rk4", vector).states[step]
    time = grid.time(step)
    found = Field(numerai.program).at(vector, grid.controls()).jacobian(time, time, states)
    expected = ComplexRun(numerai.program, []).slopes(time, states.tolist(), vector, grid)
    # a stock at zero sits on the kink of MAX(0, stock): complex steps then take either side
    found, expected = found[:, states != 0], expected[:, states != 0]
    # the effect of each state, over the largest effect of any on the same rate
    effect = np.abs(expected * states[states != 0])
    error = np.abs((found - expected) * states[states != 0])
    scale = effect.max(axis=1, keepdims=True)
    assert (error <= 1e-10 * scale).all()
    assert np.count_nonzero(expected) > 100


def test_rk4_agrees_with_lsoda_on_numerai(numerai: Model) -> None:
    """With the same TIME STEP, so that dates mean the same."""
    vector = numerai.parameter_vector(numerai.values()).tolist()
    grid = numerai.grid(vector, final_time=2028)
    program = numerai.program
    outputs = [program.outputs[name] for name in ("Treasury NMR", "NMR Price", "Fund AUM")]
    simulator = Simulator(program, outputs, [])
    stiff = StiffSimulator(simulator).run(grid, "lsoda", vector).values
    rk4 = simulator.run(grid, "rk4", vector).values
    assert (np.abs(rk4 - stiff).max(axis=0) / np.abs(stiff).max(axis=0)).max() < 3e-5


def test_a_trial_point_where_a_rate_is_not_finite_is_not_the_end(numerai: Model) -> None:
    """In this scenario the treasury runs dry in 2029, and LSODA tries points below zero."""
    vector = numerai.parameter_vector(numerai.values("bear_2021")).tolist()
    grid = numerai.grid(vector, final_time=2030.5)
    simulator = Simulator(numerai.program, [numerai.program.outputs["Treasury NMR"]], [])
    stiff = StiffSimulator(simulator).run(grid, "lsoda", vector).values
    rk4 = simulator.run(grid, "rk4", vector).values
    assert np.abs(rk4 - stiff).max() < 1e-3 * np.abs(stiff).max()
