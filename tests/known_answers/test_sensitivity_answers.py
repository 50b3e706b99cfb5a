"""Indices that are known in closed form, from studies of models."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from bullbear.analysis.evaluation import Evaluation, Journal
from bullbear.analysis.sensitivity import Result, examine, make_task
from bullbear.analysis.study import Study
from bullbear.models.model import load

MODELS = Path(__file__).parent / "models"
ISHIGAMI = """
title = "Ishigami"
model = "MODELS/ishigami.mdl"
[inputs.x1]
distribution = "uniform(-3.141592653589793, 3.141592653589793)"
[inputs.x2]
distribution = "uniform"
lower = -3.141592653589793
upper = 3.141592653589793
[inputs.x3]
distribution = "uniform(-3.141592653589793, 3.141592653589793)"
[[outputs]]
variable = "y"
at = 0
[[outputs]]
variable = "still"
at = 0
"""
RUN_OUT = """
title = "Run-out"
model = "MODELS/run_out_long.toml"
[inputs."initial treasury"]
distribution = "lognormal(100, 0.3)"
[inputs.b]
distribution = "lognormal(10, 0.4)"
[[outputs]]
event = "run-out"
"""
Done = Callable[..., Result]


@pytest.fixture
def done(tmp_path: Path) -> Done:
    def call(text: str, method: str, n: int | None = None) -> Result:
        file = tmp_path / "study.toml"
        file.write_text(text.replace("MODELS", MODELS.as_posix()))
        study = Study.read(file)
        model = load(study.model_argument)
        task = make_task(study, model, method, n)
        evaluation = Evaluation(model, task.inputs.names, task.columns)
        return examine(task, evaluation, Journal(tmp_path, task.label, resume=False))

    return call


def inside(result: Result, name: str, truth: list[float], column: int = 0) -> bool:
    distance = np.abs(result.indices[name][:, column] - truth)
    return bool((distance <= result.indices[f"{name}_conf"][:, column]).all())


def test_ishigami_as_a_model(done: Done) -> None:
    found = done(ISHIGAMI, "sobol", 16384)
    assert found.converged
    assert inside(found, "s1", [0.3139051911, 0.4424111448, 0])
    assert inside(found, "st", [0.5575888552, 0.4424111448, 0.2436836641])
    assert [stage.n for stage in found.stages] == sorted({s.n for s in found.stages})
    assert found.stages[-1].widest < 0.05 <= found.stages[-2].widest


def test_what_never_varies_is_said(done: Done) -> None:
    found = done(ISHIGAMI, "sobol", 64)
    assert found.varies.tolist() == [True, False]
    assert np.isnan(found.indices["st"][:, 1]).all()
    assert "still never varies, so nothing drives it there" in " ".join(found.remarks).replace(
        " at 0", ""
    )


def test_shapley_of_ishigami(done: Done) -> None:
    found = done(ISHIGAMI, "shapley", 16384)
    assert inside(found, "shapley", [0.4357470232, 0.4424111448, 0.1218418320])


def test_given_data_of_ishigami(done: Done) -> None:
    found = done(ISHIGAMI, "given-data", 40_000)
    np.testing.assert_allclose(
        found.indices["s1"][:, 0], [0.3139051911, 0.4424111448, 0], atol=0.02
    )


def test_the_run_out_of_a_level_treasury(done: Done) -> None:
    """t* = T0 / b: elasticities +1 and -1, and the indices of a lognormal ratio."""
    local = done(RUN_OUT, "local")
    np.testing.assert_allclose(local.indices["elasticity"][:, 0], [1, -1], rtol=1e-9)
    found = done(RUN_OUT, "sobol", 16384)
    assert found.converged
    np.testing.assert_allclose(found.indices["s1"][:, 0], [0.331570, 0.610899], atol=0.02)
    assert inside(found, "s1", [0.331570, 0.610899])
    # what is left after the first orders is joint, and in both total orders
    joint = 1 - 0.331570 - 0.610899
    assert inside(found, "st", [0.331570 + joint, 0.610899 + joint])


@pytest.mark.parametrize(("g", "time", "slope"), [(0.1, 6.931472, -19.314718)])
def test_growing_spending_ends_the_treasury_sooner(g: float, time: float, slope: float) -> None:
    model = load(MODELS / "run_out_long.toml")
    for step, tolerance in ((1 / 64, 2e-2), (1 / 256, 5e-3)):
        run = model.run(overrides={"g": g}, time_step=step, final_time=20)
        assert run.events["run-out"] == pytest.approx(time, rel=tolerance)
        exact = model.sensitivities(["Treasury"], ["g"], overrides={"g": g}, time_step=step)
        assert exact.events["run-out"] is not None
        assert exact.events["run-out"][0] == pytest.approx(slope, rel=tolerance)


def test_decay_passes_from_its_start_to_its_rate(done: Done) -> None:
    text = """
title = "Decay"
model = "MODELS/decay_of_two.mdl"
[inputs."initial y"]
distribution = "uniform(0.5, 1.5)"
[inputs.k]
distribution = "uniform(0.1, 0.5)"
[[outputs]]
variable = "exact"
at = [0, 1, 5, 20]
"""
    found = done(text, "sobol", 8192)
    truth = [[1, 0], [0.852607, 0.136055], [0.197260, 0.740991], [0.024978, 0.900020]]
    for column, shares in enumerate(truth):
        np.testing.assert_allclose(found.indices["s1"][:, column], shares, atol=0.01)
