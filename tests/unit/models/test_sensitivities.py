"""Sensitivities of whole runs: closed forms, complex steps, differences, and the twin program."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from complex_step import STEP, ComplexRun

from bullbear.equations.differentiated import directions, sensitivity_program
from bullbear.errors import SimulationError, UsageError
from bullbear.models.model import Model, load
from bullbear.models.simulate import Simulator

CONTROL = """
INITIAL TIME = 0 ~ Year ~ |
FINAL TIME = {end} ~ Year ~ |
TIME STEP = {step} ~ Year ~ |
SAVEPER = {step} ~ Year ~ |
"""
Write = Callable[..., Model]

# every kind of state: a stock, a smooth, a material delay, a sample, a ring buffer
MEMORIES = """
x = INTEG(inflow - outflow, start) ~ Unit ~ |
start = 5 ~ Unit ~ |
inflow = growth * (1 + wave * SIN(Time)) * MIN(x, limit) ~ Unit/Year ~ |
growth = 0.9 ~ 1/Year ~ |
wave = 0.4 ~ Dmnl ~ |
limit = 11 ~ Unit ~ |
outflow = perceived / life + DELAY FIXED(loss, 0.5, 0.1) + DELAY3(loss, 0.7) ~ Unit/Year ~ |
perceived = SMOOTHI(x, perception, start / 2) ~ Unit ~ |
perception = 0.6 ~ Year ~ |
life = 3 ~ Year ~ |
loss = rate * SQRT(x) * effect(x / limit) ~ Unit/Year ~ |
rate = 0.3 ~ 1/Year ~ |
effect((0,0.2),(0.6,1),(2,1.5)) ~ Dmnl ~ |
last = SAMPLE IF TRUE(MODULO(Time, 1) < 0.25, x * wave, start) ~ Unit ~ |
total = last + x ~ Unit ~ |
"""
NAMES = ["growth", "wave", "limit", "perception", "life", "rate", "start", "x"]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """A model from the text of its equations."""

    def make(text: str, end: float = 4, step: float = 0.125) -> Model:
        path = tmp_path / "model.mdl"
        path.write_text(text + CONTROL.format(end=end, step=step), encoding="utf-8")
        return load(path)

    return make


def differences(model: Model, outputs: list[str], name: str, method: str) -> np.ndarray:
    """Central differences, extrapolated once (Richardson): error of fourth order."""
    value = model.values().get(name)
    if value is None:
        index = model.program.parameter_index().get(name)
        value = (
            model.run().results[name].iloc[0]
            if index is None
            else model.program.parameters[index].value
        )

    def slope(share: float) -> np.ndarray:
        h = share * abs(value)
        up, down = (
            model.run(overrides={name: value + sign * h}, method=method).results[outputs].to_numpy()
            for sign in (1, -1)
        )
        return np.asarray((up - down) / (2 * h))

    return (4 * slope(5e-5) - slope(1e-4)) / 3


def test_euler_of_a_decay_has_its_exact_derivatives(write: Write) -> None:
    """x_n = x0·(1 − h·k)^n, so dx_n/dk = −n·h·x0·(1 − h·k)^(n−1) and dx_n/dx0 = x_n/x0."""
    model = write("x = INTEG(-k*x, 8) ~ Unit ~ |\nk = 0.5 ~ 1/Year ~ |\n")
    found = model.sensitivities(["x"], ["k", "x"])
    n = np.arange(33)
    left = 1 - 0.5 / 8
    np.testing.assert_allclose(
        found.derivatives[:, 0, 0], -n / 8 * 8 * left ** (n - 1.0), rtol=1e-13
    )
    np.testing.assert_allclose(found.derivatives[:, 0, 1], left**n, rtol=1e-13)


@pytest.mark.parametrize("method", ["euler", "rk4"])
def test_every_kind_of_state_agrees_with_differences(write: Write, method: str) -> None:
    model = write(MEMORIES)
    outputs = ["x", "outflow", "total"]
    found = model.sensitivities(outputs, NAMES, method=method)
    for column, name in enumerate(NAMES):
        expected = differences(model, outputs, name, method)
        scale = np.abs(expected).max(axis=0)
        error = np.abs(found.derivatives[:, :, column] - expected) / scale
        assert error.max() < 3e-8, name


@pytest.mark.parametrize("method", ["euler", "rk4"])
def test_chance_stays_as_it_is_while_constants_vary(write: Write, method: str) -> None:
    model = write(
        "x = INTEG(gain, 1) ~ Unit ~ |\n"
        "gain = k * x * RANDOM NORMAL(-1, 1, 0, spread, 3) ~ Unit/Year ~ |\n"
        "k = 0.7 ~ 1/Year ~ |\nspread = 0.3 ~ Dmnl ~ |\n"
    )
    found = model.sensitivities(["x", "gain"], ["k", "spread"], method=method)
    for column, name in enumerate(found.parameters):
        expected = differences(model, ["x", "gain"], name, method)
        np.testing.assert_allclose(found.derivatives[:, :, column], expected, atol=1e-8)
    backward = model.gradient(["x"], _last, method=method)
    assert backward.derivatives[backward.parameters.index("k")] == pytest.approx(
        found.derivatives[-1, 0, 0], rel=1e-12
    )


def _last(values: np.ndarray) -> tuple[float, np.ndarray]:
    weights = np.zeros_like(values)
    weights[-1, 0] = 1
    return float(values[-1, 0]), weights


def test_every_kind_of_state_agrees_with_the_complex_step(write: Write) -> None:
    model = write(MEMORIES.replace("MODULO(Time, 1) < 0.25", "SIN(3*Time) > 0"))
    outputs = ["x", "outflow", "total"]
    names = [name for name in NAMES if name != "x"]
    found = model.sensitivities(outputs, names)
    assert_complex_step(model, outputs, names, found.derivatives)


def assert_complex_step(
    model: Model, outputs: list[str], names: list[str], found: np.ndarray, **options: float
) -> None:
    vector = model.parameter_vector(model.values()).astype(complex)
    grid = model.grid(vector.real.tolist(), **options)
    run, index = ComplexRun(model.program, outputs), model.program.parameter_index()
    for column, name in enumerate(names):
        stepped = vector.copy()
        stepped[index[name]] += 1j * STEP
        expected = run.run(grid, stepped.tolist()).imag / STEP
        scale = np.abs(expected).max(axis=0)
        scale[scale == 0] = 1.0
        assert (np.abs(found[:, :, column] - expected) / scale).max() < 1e-10, name


@pytest.mark.parametrize("method", ["euler", "rk4"])
def test_the_program_with_twin_states_gives_the_same(write: Write, method: str) -> None:
    """The same derivatives by the ordinary integrator, from a program that carries them."""
    model = write(MEMORIES)
    outputs = ["x", "outflow", "total"]
    for logarithmic in (False, True):
        known = directions(model.program, logarithmic)
        twin = sensitivity_program(model.program, [known[n] for n in NAMES], outputs)
        labels = [f"d({o})/d({known[n].label})" for o in outputs for n in NAMES]
        simulator = Simulator(twin, [twin.outputs[label] for label in labels], [])
        vector = model.parameter_vector(model.values()).tolist()
        run = simulator.run(model.grid(vector), method, vector).values
        found = model.sensitivities(outputs, NAMES, logarithmic=logarithmic, method=method)
        expected = found.derivatives.reshape(len(run), -1)
        scale = np.maximum(np.abs(expected).max(axis=0), 1e-9)
        assert (np.abs(run - expected) / scale).max() < 1e-11


def test_states_that_nothing_reaches_get_no_twin(write: Write) -> None:
    model = write(
        "x = INTEG(a, 0) ~ Unit ~ |\ny = INTEG(b, 0) ~ Unit ~ |\n"
        "a = 1 ~ Unit/Year ~ |\nb = 2 ~ Unit/Year ~ |\n"
    )
    twin = sensitivity_program(model.program, [directions(model.program)["a"]], ["x", "y"])
    assert [s.name for s in twin.states] == ["x", "y", "d(x)/d(a)"]


def test_by_the_logarithm_and_as_elasticity(write: Write) -> None:
    model = write("x = INTEG(-k*x, 8) ~ Unit ~ |\nk = 0.5 ~ 1/Year ~ |\n")
    plain = model.sensitivities(["x"], ["k"])
    by_log = model.sensitivities(["x"], ["k"], logarithmic=True)
    np.testing.assert_allclose(by_log.derivatives, plain.derivatives * 0.5, rtol=1e-14)
    np.testing.assert_allclose(by_log.elasticities(), plain.elasticities(), rtol=1e-14)
    expected = plain.derivatives[:, 0, 0] * 0.5 / plain.values[:, 0]
    np.testing.assert_allclose(plain.elasticities()[:, 0, 0], expected, rtol=1e-14)


def test_an_initial_value_counts_whatever_else_is_asked_for(write: Write) -> None:
    """x(0) follows from a constant: both have their own, whole effect."""
    model = write("x = INTEG(-x, 2 * s) ~ Unit ~ |\ns = 3 ~ Unit ~ |\n")
    both = model.sensitivities(["x"], ["s", "x"]).derivatives[0, 0]
    assert both.tolist() == [2.0, 1.0]
    assert model.sensitivities(["x"], ["s"]).derivatives[0, 0].tolist() == [2.0]
    given = model.sensitivities(["x"], ["s", "x"], overrides={"x": 7.0}).derivatives[0, 0]
    assert given.tolist() == [0.0, 1.0]


def test_names_are_matched_as_vensim_does_and_arrays_are_spelled_out(write: Write) -> None:
    model = write("kind: A, B ~~|\nx[kind] = INTEG(r[kind], 0) ~ U ~ |\nr[kind] = 1, 2 ~ U ~ |\n")
    found = model.sensitivities(["X"], ["R"])
    assert found.variables == ("x[A]", "x[B]")
    assert found.parameters == ("r[A]", "r[B]")
    assert found.derivatives[-1].tolist() == [[4.0, 0.0], [0.0, 4.0]]
    assert list(found.to_frame().columns) == [(v, p) for v in found.variables
                                              for p in found.parameters]  # fmt: skip
    assert "r[A]: 4" in str(found)


@pytest.mark.parametrize(
    ("outputs", "by", "hint"),
    [(["y"], ["k"], "x"), (["x"], ["q"], "k"), (["x"], ["flow"], '"k"'), (["x[A]"], ["k"], "x")],
)
def test_an_unknown_name_is_refused(
    write: Write, outputs: list[str], by: list[str], hint: str
) -> None:
    model = write("x = INTEG(flow, 8) ~ U ~ |\nflow = -k*x ~ U/Year ~ |\nk = 0.5 ~ 1/Year ~ |\n")
    with pytest.raises(UsageError):
        model.sensitivities(outputs, by)


def test_lsoda_has_no_derivatives(write: Write) -> None:
    model = write("x = INTEG(-k*x, 8) ~ U ~ |\nk = 0.5 ~ 1/Year ~ |\n")
    with pytest.raises(UsageError, match="lsoda"):
        model.sensitivities(["x"], ["k"], method="lsoda")


def test_an_infinite_slope_is_an_error_and_not_a_number(write: Write) -> None:
    model = write("x = INTEG(k * SQRT(x), s) ~ U ~ |\nk = 1 ~ 1/Year ~ |\ns = 0 ~ U ~ |\n")
    assert model.sensitivities(["x"], ["k"]).derivatives.tolist() == [[[0.0]]] * 33
    with pytest.raises(SimulationError, match='"x" by "s"'):
        model.sensitivities(["x"], ["s"])


def test_a_run_that_explodes_is_an_error(write: Write) -> None:
    model = write("x = INTEG(k * x^3, 5) ~ U ~ |\nk = 10 ~ 1/Year ~ |\n")
    with pytest.raises(SimulationError, match="not finite"):
        model.sensitivities(["x"], ["k"])


# -- the Numerai model -----------------------------------------------------------------------------

OUTPUTS = ["Treasury NMR", "total staked", "NMR Price", "Fund AUM", "Company Cash"]
CONSTANTS = ["alpha multiplier", "netting factor", "innovation rate", "target volatility",
             "participation return on stake"]  # fmt: skip


@pytest.fixture(scope="module")
def numerai() -> Model:
    return load("numerai")


def test_numerai_agrees_with_the_complex_step(numerai: Model) -> None:
    found = numerai.sensitivities(OUTPUTS, CONSTANTS, final_time=2023)
    assert_complex_step(numerai, OUTPUTS, CONSTANTS, found.derivatives, final_time=2023)


@pytest.mark.long
def test_numerai_agrees_with_the_complex_step_to_the_end(numerai: Model) -> None:
    found = numerai.sensitivities(OUTPUTS, CONSTANTS)
    assert_complex_step(numerai, OUTPUTS, CONSTANTS, found.derivatives)


def test_the_run_out_of_numerai_moves_as_two_runs_say(numerai: Model) -> None:
    name = "netting factor"
    found = numerai.sensitivities(
        ["Treasury NMR"], [name], logarithmic=True, final_time=2045
    ).events["run-out"]
    value = numerai.run().results[name].iloc[0]
    times = [
        numerai.run(overrides={name: value * (1 + s)}).events["run-out"] for s in (1e-5, -1e-5)
    ]
    assert found is not None
    assert None not in times
    assert found[0] == pytest.approx((times[0] - times[1]) / 2e-5, rel=1e-4)
    assert math.isfinite(found[0])


def test_an_ensemble_carries_derivatives_as_outputs(numerai: Model) -> None:
    names = ["alpha multiplier", "netting factor"]
    derived = numerai.with_sensitivities(["NMR Price"], names, logarithmic=True)
    outputs = [f"d(NMR Price)/d(ln {name})" for name in names]
    draws = pd.DataFrame({"alpha multiplier": [0.2, 0.25]})
    options = {"final_time": 2022.0, "method": "rk4"}
    found = derived.ensemble(draws, ["NMR Price", *outputs], [2021.5], events=False, **options)
    for draw, value in enumerate(draws["alpha multiplier"]):
        changed = {"alpha multiplier": value}
        single = numerai.sensitivities(
            ["NMR Price"], names, logarithmic=True, overrides=changed, **options
        )
        row = int(np.searchsorted(single.times, 2021.5))
        expected = [single.values[row, 0], *single.derivatives[row, 0]]
        np.testing.assert_allclose(found.values[draw, 0], expected, rtol=1e-10)
