"""Runs at many points with slopes: those of one run at a time, for constants and initial values."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bullbear.calibration.batches import Batches
from bullbear.calibration.courses import Course
from bullbear.calibration.objective import open_problem
from bullbear.calibration.predictions import Prediction, foretell
from bullbear.models.model import load
from bullbear.models.plan import Request

MODEL = """{UTF-8}
stock= INTEG(birth * stock - DELAY FIXED(stock * death, 1, 0), 10)
	~	Ton
	~	|
other= INTEG(MAX(stock - limit, 0) ^ 1.5, first)
	~	Ton
	~	|
birth= 0.2
	~	1/Year
	~	|
death= 0.1
	~	1/Year
	~	|
limit= 11
	~	Ton
	~	|
first= 3
	~	Ton
	~	|
unread= 1
	~	Dmnl
	~	|
INITIAL TIME= 0
	~	Year
	~	|
FINAL TIME= 10
	~	Year
	~	|
TIME STEP= 0.125
	~	Year
	~	|
SAVEPER= TIME STEP
	~	Year
	~	|
"""
NAMES = ("birth", "death", "limit", "first", "unread", "stock")


@pytest.mark.parametrize("method", ["euler", "rk4"])
@pytest.mark.parametrize("engine", ["llvm", "numpy"])
def test_slopes_are_those_of_single_runs(
    tmp_path: Path, method: str, engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if engine == "numpy":
        monkeypatch.setenv("BULLBEAR_ENGINE", "numpy")
    (tmp_path / "m.mdl").write_text(MODEL)
    model = load(tmp_path / "m.mdl")
    starts = np.array([0.2, 0.1, 11, 3, 1, 10])
    request = Request(outputs=("stock", "other"), save_at=(2.5, 10), method=method, events=False)
    course = Course(model, NAMES, starts, request)
    points = np.array([starts, [0.1, 0.3, 9, 2, 1, 12], [0.3, 0.05, 14, 1, 2, 8]])
    found = course.at(points, slopes=True)
    assert found.slopes is not None
    assert found.values == pytest.approx(course.at(points).values, rel=1e-13)
    for point, values, slopes in zip(points, found.values, found.slopes, strict=True):
        single = model.sensitivities(
            ["stock", "other"], NAMES, method=method, saveper=2.5,
            overrides=dict(zip(NAMES, point.tolist(), strict=True)),
        )  # fmt: skip
        assert values == pytest.approx(single.values[[1, 4]], rel=1e-12)
        assert slopes == pytest.approx(single.derivatives[[1, 4]], rel=1e-10, abs=1e-12)


def test_a_point_that_cannot_be_run_spoils_no_other(tmp_path: Path) -> None:
    (tmp_path / "m.mdl").write_text(MODEL.replace("birth * stock", "LN(birth) * stock"))
    course = Course(load(tmp_path / "m.mdl"), ("birth",), np.array([0.2]),
                    Request(outputs=("stock",), save_at=(10,), events=False))  # fmt: skip
    found = course.at(np.array([[0.2], [-1.0], [0.3]]), slopes=True)
    assert np.isfinite(found.values[:, 0, 0]).tolist() == [True, False, True]


def test_random_numbers_are_those_of_a_single_run(tmp_path: Path) -> None:
    noisy = MODEL.replace("birth * stock", "birth * stock * RANDOM UNIFORM(0, 2, 7)")
    (tmp_path / "m.mdl").write_text(noisy)
    model = load(tmp_path / "m.mdl")
    request = Request(outputs=("stock",), save_at=(10,), events=False)
    course = Course(model, ("birth",), np.array([0.2]), request)
    points = np.array([[0.2], [0.1]])
    found = course.at(points, slopes=True)
    assert found.slopes is not None
    assert found.values == pytest.approx(course.at(points).values, rel=1e-13)
    for point, value, slope in zip(points[:, 0], found.values, found.slopes, strict=True):
        ends = [
            model.run(overrides={"birth": point + step}).results["stock"].iloc[-1]
            for step in (0.0, 1e-6, -1e-6)
        ]
        assert value[0, 0] == pytest.approx(ends[0], rel=1e-12)
        assert slope[0, 0, 0] == pytest.approx((ends[1] - ends[2]) / 2e-6, rel=1e-6)


@pytest.mark.long
def test_predictions_have_the_slopes_of_single_runs(root: Path) -> None:
    objective = open_problem(root / "calibration" / "problems" / "numerai.toml")
    batches = Batches(objective)
    values = np.array([objective.starts, objective.starts * 1.01])
    for asked in (Prediction("run-out"), Prediction("AUM", "Fund AUM", 2030.0)):
        found, slopes = batches.foretold(asked, values, slopes=True)
        assert slopes is not None
        for point, when, slope in zip(values, found, slopes, strict=True):
            single = foretell(objective, asked, point, slopes=True)
            assert when == pytest.approx(single.value, rel=1e-10)
            assert single.slopes is not None
            assert slope == pytest.approx(single.slopes, rel=1e-6, abs=1e-9 * np.abs(slope).max())
