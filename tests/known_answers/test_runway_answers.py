"""Event times whose distribution is known in closed form."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bullbear.analysis.evaluation import Evaluation, Journal
from bullbear.analysis.runway import Prospect, Question, prospects, sample
from bullbear.analysis.uncertain import Uncertain
from bullbear.models.draws import parse_prior
from bullbear.models.model import load

MODELS = Path(__file__).parent / "models"
RANDOM = """
title = "A random treasury"
sectors = ["{models}/random_treasury.mdl"]
[[events]]
name = "run-out"
variable = "Treasury"
below = 0
"""


def prospect(model: Path, priors: dict[str, str], count: int, folder: Path) -> Prospect:
    loaded = load(model)
    inputs = Uncertain(tuple(priors), tuple(parse_prior(text) for text in priors.values()))
    question = Question(loaded)
    evaluation = Evaluation(loaded, inputs.names, question.columns("base"))
    table = sample(inputs, count, 1)
    journal = Journal(folder, "label", resume=False)
    (found,) = prospects(question, "base", "priors", table, evaluation, journal)
    return found


def test_a_lognormal_run_out(tmp_path: Path) -> None:
    priors = {"initial treasury": "lognormal(100, 0.3)", "b": "lognormal(10, 0.4)"}
    found = prospect(MODELS / "run_out_long.toml", priors, 16384, tmp_path)
    curve = found.events["run-out"]
    for share, time in ((0.05, 4.393641), (0.5, 10), (0.95, 22.760166)):
        assert curve.quantile(share) == pytest.approx(time, rel=5e-3)
    assert curve.before(5) == pytest.approx(0.0828285, abs=1e-3)
    assert 1 - curve.before(20) == pytest.approx(0.0828285, abs=1e-3)


def test_late_events_are_later_not_never(tmp_path: Path) -> None:
    """The same treasury, followed for 20 years only: what is known by then is the same."""
    priors = {"initial treasury": "lognormal(100, 0.3)", "b": "lognormal(10, 0.4)"}
    found = prospect(MODELS / "run_out.toml", priors, 4096, tmp_path).events["run-out"]
    assert found.horizon == 20
    assert found.quantile(0.5) == pytest.approx(10, rel=0.01)
    assert found.quantile(0.95) is None


def test_the_first_passage_of_a_random_treasury(tmp_path: Path) -> None:
    """dT = -10 dt + 15 dW from 100: inverse Gaussian, later by 0.874 √dt as it is looked at
    every step only; every draw has noise of its own, whichever piece it is in."""
    file = tmp_path / "random.toml"
    file.write_text(RANDOM.format(models=MODELS.as_posix()))
    found = prospect(file, {"initial treasury": "uniform(99.9, 100.1)"}, 8192, tmp_path)
    curve = found.events["run-out"]
    times = np.repeat(curve.times, np.round(-np.diff(curve.alive, prepend=1) * 8192).astype(int))
    late = 0.874 * np.sqrt(1 / 32)
    assert len(np.unique(times)) > 8000
    assert times.mean() == pytest.approx(10 + late, abs=4 * np.sqrt(22.5 / 8192))
    assert times.var() == pytest.approx(22.5, rel=0.1)
    assert curve.quantile(0.5) == pytest.approx(9.002364 + late, abs=0.2)
