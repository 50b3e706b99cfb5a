"""Problems become numbers: rows are chosen, units translated, slopes exact."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bullbear.calibration.objective import open_problem
from bullbear.calibration.problem import ProblemFile
from bullbear.errors import BullbearError

PROBLEM = """
[parameters.rate]
lower = 0.01
upper = 1
[[observations]]
file = "points.csv"
variable = "stock"
scale = 0.1
"""
ROWS = "1,11,Ton\n5,16.4,Ton\n"


@pytest.mark.parametrize("name", ["numerai", "numerai-2021"])
def test_slopes_of_the_shipped_problems_are_those_of_differences(root: Path, name: str) -> None:
    objective = open_problem(root / "calibration" / "problems" / f"{name}.toml")
    x = objective.space.to_fit(objective.starts)
    exact = objective.at(x, slopes=True).jacobian
    assert exact is not None
    for k in range(0, len(x), 12):
        step = np.zeros(len(x))
        step[k] = 1e-6  # short, because fits end near kinks
        between = (objective.at(x - step).residuals - objective.at(x - 2 * step).residuals) / 1e-6
        onward = (objective.at(x).residuals - objective.at(x - step).residuals) / 1e-6
        slope = 1.5 * onward - 0.5 * between  # one-sided: some starts stand at a bound
        size = np.abs(exact[:, k]).max()
        assert slope == pytest.approx(exact[:, k], abs=1e-3 * size + 1e-6), objective.space.names[k]


def test_only_what_was_published_is_seen(root: Path) -> None:
    """What was published later is compared, and takes no part in the fit."""
    objective = open_problem(root / "calibration" / "problems" / "numerai-2021.toml")
    for target, fitted in zip(objective.targets, objective.fitted, strict=True):
        assert fitted == (target.row.published.isoformat() <= "2021-09-30")
    later = objective.targets[int(np.flatnonzero(~objective.fitted)[0])]
    start = objective.space.to_fit(objective.starts)
    before = objective.at(start)
    objective.observed = np.where(objective.fitted, objective.observed, 1.0)
    objective.targets = [
        t if fitted else replace(t, row=replace(t.row, value=1.0))
        for t, fitted in zip(objective.targets, objective.fitted, strict=True)
    ]
    assert later.held_out
    assert objective.at(start).objective == before.objective


def test_no_number_on_numerai_counts_twice_in_one_run(root: Path) -> None:
    targets = open_problem(root / "calibration" / "problems" / "numerai.toml").targets
    rows = [(t.run, t.variable, t.row.time, t.kind) for t in targets]
    assert len(rows) == len(set(rows))


def test_days_choose_rows(root: Path) -> None:
    targets = open_problem(root / "calibration" / "problems" / "numerai.toml").targets
    days = {t.row.date.isoformat(): t.scale for t in targets if t.series == "aum"}
    assert days["2023-02-15"] == 0.6
    assert days["2025-12-31"] == 0.08
    assert "2021-10-20" not in days


@pytest.mark.parametrize(
    ("text", "rows", "word"),
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
    problem: Callable[..., Path], text: str, rows: str, word: str
) -> None:
    with pytest.raises(BullbearError, match=word):
        open_problem(problem("growth", text, points=rows))


def test_a_problem_file_reads_back(problem: Callable[..., Path]) -> None:
    path = problem("growth", PROBLEM, points=ROWS)
    found: ProblemFile = open_problem(path).problem
    assert found.path == path
    assert list(found.parameters) == ["rate"]
