"""After a fit: what its numbers cannot tell keeps its prior."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import bullbear
from bullbear.analysis.belief import acting_later, believed
from bullbear.analysis.uncertain import model_priors
from bullbear.models.model import Model

EQUATIONS = """{UTF-8}
Treasury = INTEG(-spending * habit - STEP(late spending, 5), 100) ~ NMR ~ What is left. |
spending = 3 ~ NMR/Year ~ At once. |
habit = 1 ~ Dmnl ~ At once, and not fitted. |
late spending = 2 ~ NMR/Year ~ After five years. |
"""
MODEL = """
title = "Spending"
sectors = ["spending.mdl"]
parameters = "parameters.csv"
[time]
unit = "Year"
initial = 0
final = 10
step = 0.125
saveper = 1
horizon = 10
"""
PARAMETERS = """name,unit,value,lower,upper,prior,class
spending,NMR/Year,3,1,9,"uniform(1, 9)",prior
habit,Dmnl,1,0.5,2,"uniform(0.5, 2)",prior
late spending,NMR/Year,2,1,4,"uniform(1, 4)",prior
"""


@pytest.fixture
def model(tmp_path: Path) -> Model:
    (tmp_path / "spending.mdl").write_text(EQUATIONS)
    (tmp_path / "spending.toml").write_text(MODEL)
    (tmp_path / "parameters.csv").write_text(PARAMETERS)
    return bullbear.load(tmp_path / "spending.toml")


def fitted(folder: Path, model: Model, end: float) -> Path:
    fit = folder / "fit"
    fit.mkdir()
    provenance = {"model_hash": model.hash, "scenario": "base", "final_time": end}
    (fit / "fit.json").write_text(json.dumps({"provenance": provenance}))
    draws = pd.DataFrame({"spending": np.linspace(2.9, 3.1, 300)})
    draws.index.name = "draw"
    draws.to_parquet(fit / "draws.parquet")
    return fit


def test_what_acts_after_the_fit_keeps_its_prior(model: Model, tmp_path: Path) -> None:
    found = believed(fitted(tmp_path, model, 5), model)
    assert found.names == ("spending", "late spending")
    assert found.sample is not None
    assert found.sample["spending"].between(2.9, 3.1).all()
    late = found.sample["late spending"]
    assert late.mean() == pytest.approx(2.5, abs=0.15)
    assert late.std() == pytest.approx(3 / np.sqrt(12), rel=0.1)
    assert abs(np.corrcoef(found.sample.T)[0, 1]) < 0.15


def test_what_acts_within_it_does_not(model: Model, tmp_path: Path) -> None:
    assert believed(fitted(tmp_path, model, 8), model).names == ("spending",)
    assert acting_later(model, model_priors(model), "base", 5) == ("late spending",)
    assert acting_later(model, model_priors(model), "base", 6) == ()


def test_a_file_of_draws_is_taken_as_it_is(model: Model, tmp_path: Path) -> None:
    file = fitted(tmp_path, model, 5) / "draws.parquet"
    assert believed(file, model).names == ("spending",)
