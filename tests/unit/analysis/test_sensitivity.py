"""Sensitivity studies: failures, interruption, ranks, and agreement with central differences."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import bullbear
from bullbear.analysis.columns import Column
from bullbear.analysis.doubling import SOBOL, grow, sizes
from bullbear.analysis.evaluation import Evaluation, Journal
from bullbear.analysis.sensitivity import Result, Task, examine, make_task, strength_of
from bullbear.analysis.study import Study
from bullbear.errors import SimulationError, UsageError

RATIO = """{UTF-8}
y = SQRT(x - least) + 0 * z ~ Dmnl ~ Not a number where x is below the least. |
x = 1 ~ Dmnl ~ Input. |
z = 1 ~ Dmnl ~ Input. |
least = 0 ~ Dmnl ~ Level. |
INITIAL TIME = 0 ~ Year ~ |
FINAL TIME = 1 ~ Year ~ |
TIME STEP = 1 ~ Year ~ |
SAVEPER = 1 ~ Year ~ |
"""
STUDY = """
title = "Root"
model = "root.mdl"
[inputs.x]
distribution = "uniform({low}, 1)"
[inputs.z]
distribution = "uniform(0, 1)"
[[outputs]]
variable = "y"
at = 1
"""


def task(folder: Path, low: float, method: str, n: int) -> Task:
    (folder / "root.mdl").write_text(RATIO)
    (folder / "study.toml").write_text(STUDY.format(low=low))
    study = Study.read(folder / "study.toml")
    return make_task(study, bullbear.load(study.model_argument), method, n)


def done(made: Task, folder: Path, resume: bool = False) -> Result:
    evaluation = Evaluation(made.model, made.inputs.names, made.columns)
    return examine(made, evaluation, Journal(folder, made.label, resume))


def test_more_than_one_failure_in_a_thousand_stops_a_design(tmp_path: Path) -> None:
    with pytest.raises(SimulationError, match="more than one in a thousand"):
        done(task(tmp_path, -0.01, "sobol", 1024), tmp_path)


def test_few_failures_are_redrawn_and_said(tmp_path: Path) -> None:
    found = done(task(tmp_path, -0.0004, "sobol", 65536), tmp_path)
    assert found.failed > 0
    assert "were redrawn" in found.remarks[0]
    assert np.isfinite(found.indices["st"]).all()
    np.testing.assert_allclose(found.indices["st"][:, 0], [1, 0], atol=0.01)


def test_failures_are_left_out_of_a_sample_and_of_trajectories(tmp_path: Path) -> None:
    sample = done(task(tmp_path, -0.1, "given-data", 1000), tmp_path)
    assert 50 < sample.failed < 130
    assert f"{sample.failed} runs failed and are left out" in sample.remarks
    screened = done(task(tmp_path, -0.1, "morris", 16), tmp_path)
    assert "trajectories had a run that failed" in screened.remarks[0]


def test_the_inert_input_is_last_and_no_order_is_claimed_without_difference(
    tmp_path: Path,
) -> None:
    found = done(task(tmp_path, 0, "sobol", 512), tmp_path)
    assert found.order(0) == [0, 1]
    assert found.places(0) == [(1, 1), (2, 2)]
    wide = {name: np.full_like(v, 0.6) for name, v in found.indices.items() if "conf" in name}
    unsure = replace(found, indices={**found.indices, **wide})
    assert unsure.places(0) == [(1, 2), (1, 2)]


def test_an_interrupted_study_goes_on_to_the_same_numbers(tmp_path: Path) -> None:
    made = task(tmp_path, 0, "sobol", 1024)
    whole = done(made, tmp_path / "whole")
    journal = Journal(tmp_path / "cut", made.label, resume=False)
    calls = 0

    def interrupt(_count: int) -> None:
        nonlocal calls
        calls += 1
        if calls == 20:
            raise KeyboardInterrupt

    evaluation = Evaluation(made.model, made.inputs.names, made.columns, watch=interrupt)
    with pytest.raises(KeyboardInterrupt):
        grow(SOBOL, made.inputs, evaluation, journal, made.n, made.seed)
    kept = len(list(journal.folder.glob("*.npz")))
    assert kept > 0
    again = done(made, tmp_path / "cut", resume=True)
    for name, values in whole.indices.items():
        np.testing.assert_array_equal(again.indices[name], values)
    with pytest.raises(UsageError, match="another study"):
        done(task(tmp_path, 0.5, "sobol", 1024), tmp_path / "cut", resume=True)


@pytest.mark.parametrize("n", [100, 32, 0])
def test_a_design_is_a_power_of_two(n: int) -> None:
    with pytest.raises(UsageError, match="power of two"):
        sizes(n)


def test_correlated_inputs_take_no_design(tmp_path: Path) -> None:
    (tmp_path / "root.mdl").write_text(RATIO)
    random = np.random.default_rng(0)
    x = random.random(600)
    pd.DataFrame({"x": x, "z": x + 0.1 * random.random(600)}).to_csv(
        tmp_path / "sample.csv", index=False
    )
    text = STUDY.format(low=0).split("[inputs")[0]
    (tmp_path / "study.toml").write_text(
        f'{text}posterior = "sample.csv"\n[[outputs]]\nvariable = "y"\nat = 1\n'
    )
    study = Study.read(tmp_path / "study.toml")
    model = bullbear.load(study.model_argument)
    with pytest.raises(UsageError, match="correlated"):
        make_task(study, model, "sobol", 1024)
    found = done(make_task(study, model, "given-data"), tmp_path)
    # z drives nothing, and yet tells nearly all of x
    assert (found.indices["s1"][:, 0] > 0.9).all()


NUMERAI = """
title = "Elasticities"
model = "numerai"
[inputs."score environment future"]
distribution = "lognormal(0.7, 0.4)"
[inputs."strong skill"]
distribution = "uniform(1.2, 1.8)"
[inputs."mean corr[Classic]"]
distribution = "lognormal(0.0126, 0.2)"
[inputs."fund capacity"]
distribution = "lognormal(4e9, 0.35)"
[[outputs]]
variable = "NMR Price"
at = 2030
[[outputs]]
variable = "Treasury NMR"
at = 2029
[[outputs]]
variable = "Fund AUM"
statistic = "mean"
from = 2028
to = 2030
[[outputs]]
event = "run-out"
"""


def test_elasticities_of_numerai_equal_central_differences(tmp_path: Path) -> None:
    (tmp_path / "study.toml").write_text(NUMERAI)
    study = Study.read(tmp_path / "study.toml")
    model = bullbear.load("numerai")
    made = make_task(study, model, "local")
    found = done(made, tmp_path).indices["elasticity"]
    evaluation = Evaluation(model, made.inputs.names, made.columns)
    values = model.values("base")
    base = np.array([values.get(n, 0.0) for n in made.inputs.names])
    assert (base > 0).all()
    step = 1e-6  # short, because fits end near kinks
    table = np.concatenate([base * (1 + step * sign * np.eye(4)) for sign in (1, -1)])
    made_values = np.concatenate([evaluation(base[None]), evaluation(table)])
    made_values[:, 3] -= 2019.5
    slopes = (made_values[1:5] - made_values[5:]) / (2 * step) / made_values[0]
    np.testing.assert_allclose(found, slopes, rtol=1e-5, atol=1e-6)


@pytest.mark.long
def test_a_planted_irrelevant_input_is_found_as_such_among_all_of_numerai(tmp_path: Path) -> None:
    """A second token is never minted in the base case, so its parity cannot matter."""
    text = (
        'title = "t"\nmodel = "numerai"\npriors = true\n'
        '[inputs."NWR parity base"]\ndistribution = "uniform(0.1, 1)"\n'
        '[[outputs]]\nvariable = "Treasury NMR"\nat = 2030\n'
    )
    (tmp_path / "study.toml").write_text(text)
    made = make_task(Study.read(tmp_path / "study.toml"), bullbear.load("numerai"), "morris", 4)
    found = done(made, tmp_path)
    place = found.inputs.index("NWR parity base")
    assert found.indices["mu_star"][place, 0] == 0
    assert np.count_nonzero(found.indices["mu_star"][:, 0]) > 60


def test_inputs_of_an_output_at_many_times_do_not_crowd_out_the_others() -> None:
    """The strongest at one of ten times counts for less than the strongest of another output."""
    columns = (*(Column("a", float(time)) for time in range(10)), Column("b"))
    effects = np.zeros((4, 11))
    effects[0, :9], effects[1, 9], effects[2, 10], effects[3, 10] = 5, 7, 3, 1.5
    assert strength_of(effects, columns) == pytest.approx([0.9, 0.1, 1, 0.5])
