"""Problems become numbers: rows are chosen, units translated, slopes exact."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bullbear.calibration.objective import Objective
from bullbear.calibration.problem import ProblemFile, read_problem
from bullbear.errors import BullbearError
from bullbear.models.model import load

MODEL = """{UTF-8}
stock= INTEG(growth, 10)
	~	Ton
	~	|
growth= rate * stock
	~	Ton/Year
	~	|
rate= 0.1
	~	1/Year
	~	|
unused= 2
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
PROBLEM = """
model = "growth.mdl"
[parameters.rate]
lower = 0.01
upper = 1
[[observations]]
file = "points.csv"
variable = "stock"
scale = 0.1
"""


def made(folder: Path, problem: str = PROBLEM, rows: str = "1,11,Ton\n5,16.4,Ton\n") -> Objective:
    (folder / "growth.mdl").write_text(MODEL)
    (folder / "points.csv").write_text("time,value,unit\n" + rows)
    (folder / "problem.toml").write_text(problem)
    read = read_problem(folder / "problem.toml")
    return Objective(read, load(read.model_argument))


@pytest.mark.parametrize("name", ["numerai", "numerai-2021"])
def test_slopes_of_the_shipped_problems_are_those_of_differences(root: Path, name: str) -> None:
    problem = read_problem(root / "calibration" / "problems" / f"{name}.toml")
    objective = Objective(problem, load(problem.model_argument))
    x = objective.space.to_fit(objective.starts)
    exact = objective.at(x, slopes=True).jacobian
    assert exact is not None
    for k in range(0, len(x), 12):
        step = np.zeros(len(x))
        step[k] = 1e-5
        between = (objective.at(x - step).residuals - objective.at(x - 2 * step).residuals) / 1e-5
        onward = (objective.at(x).residuals - objective.at(x - step).residuals) / 1e-5
        slope = 1.5 * onward - 0.5 * between  # one-sided: some starts stand at a bound
        size = np.abs(exact[:, k]).max()
        assert slope == pytest.approx(exact[:, k], abs=1e-3 * size + 1e-6), objective.space.names[k]


def test_only_what_was_published_is_seen(root: Path) -> None:
    problem = read_problem(root / "calibration" / "problems" / "numerai-2021.toml")
    objective = Objective(problem, load(problem.model_argument))
    assert max(t.row.published.isoformat() for t in objective.targets) <= "2021-09-30"
    assert objective.final_time <= 2021.75


def test_no_number_on_numerai_counts_twice_in_one_run(root: Path) -> None:
    problem = read_problem(root / "calibration" / "problems" / "numerai.toml")
    targets = Objective(problem, load(problem.model_argument)).targets
    rows = [(t.run, t.variable, t.row.time, t.kind) for t in targets]
    assert len(rows) == len(set(rows))


def test_days_choose_rows(root: Path) -> None:
    problem = read_problem(root / "calibration" / "problems" / "numerai.toml")
    targets = Objective(problem, load(problem.model_argument)).targets
    days = {t.row.date.isoformat(): t.scale for t in targets if t.series == "aum"}
    assert days["2023-02-15"] == 0.6
    assert days["2025-12-31"] == 0.08
    assert "2021-10-20" not in days


@pytest.mark.parametrize(
    ("problem", "rows", "word"),
    [
        (PROBLEM, "11,11,Ton\n", "outside"),
        (PROBLEM.replace('"stock"', '"stok"'), "1,11,Ton\n", "stok"),
        (PROBLEM.replace("upper = 1", "upper = 0.05"), "1,11,Ton\n", "start"),
        (PROBLEM.replace("[parameters.rate]", "[parameters.rat]"), "1,11,Ton\n", "rat"),
        (PROBLEM.replace("scale = 0.1", "scale = -1"), "1,11,Ton\n", "scale"),
        (PROBLEM, "1,11,kg\n", "kg"),
        (PROBLEM, "1,11,USD\n", "USD"),
    ],
)
def test_a_faulty_problem_is_told_before_any_run(
    tmp_path: Path, problem: str, rows: str, word: str
) -> None:
    with pytest.raises(BullbearError, match=word):
        made(tmp_path, problem, rows)


def test_a_problem_file_reads_back(tmp_path: Path) -> None:
    found: ProblemFile = made(tmp_path).problem
    assert found.path == tmp_path / "problem.toml"
    assert list(found.parameters) == ["rate"]
