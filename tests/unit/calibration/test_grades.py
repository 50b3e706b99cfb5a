"""Grades of sources, and scales that follow from them."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from bullbear.calibration.grades import GRADES, read_grades
from bullbear.calibration.objective import open_problem
from bullbear.calibration.observations import read_series
from bullbear.errors import BullbearError, DataError

PROBLEM = """
[parameters.rate]
lower = 0.01
upper = 1
[grades]
A = 0.01
D = 0.3
[[observations]]
file = "observations/content.csv"
variable = "stock"
kind = "KIND"
scale = "grade"
"""
LEDGER = """\
time,value,date,published,quantity,unit,lower,upper,source,title,note
2.0,12,0002-01-01,0002-01-01,content,Ton,,,a scale,a title,exact
3.0,14,0003-01-01,0003-01-01,content,Ton,,,a plot,a title,digitised from a plot
4.0,15,0004-01-01,0004-01-01,content,Ton,,,judgement,a title,guessed
"""
TABLE = "series,rows,grade\ncontent,digitised,D\ncontent,,A\n"


@pytest.fixture
def graded(problem: Callable[..., Path], tmp_path: Path) -> Callable[..., Path]:
    def write(kind: str = "lognormal", table: str = TABLE) -> Path:
        (tmp_path / "observations").mkdir(exist_ok=True)
        (tmp_path / "observations" / "content.csv").write_text(LEDGER)
        (tmp_path / "grades.csv").write_text(table)
        return problem("growth", PROBLEM.replace("KIND", kind))

    return write


def test_a_scale_is_that_of_the_source(graded: Callable[..., Path]) -> None:
    """A judgement is of the last grade, whatever its series is."""
    targets = open_problem(graded()).targets
    assert [t.grade for t in targets] == ["A", "D", "D"]
    assert [t.scale for t in targets] == [0.01, 0.3, 0.3]
    assert [t.scale for t in open_problem(graded("normal")).targets] == pytest.approx(
        [0.12, 4.2, 4.5]
    )


@pytest.mark.parametrize(
    ("table", "word"),
    [
        ("series,rows,grade\ncontent,,B\n", 'no scale for the grade "B"'),
        ("series,rows,grade\nothers,,A\n", "no grade"),
        ("series,rows,grade\ncontent,,E\n", 'grade is "E"'),
        ("series,grade\ncontent,A\n", "rows"),
    ],
)
def test_a_row_without_a_grade_is_told(graded: Callable[..., Path], table: str, word: str) -> None:
    with pytest.raises(BullbearError, match=word):
        open_problem(graded(table=table))


def test_a_faulty_table_names_its_line(tmp_path: Path) -> None:
    (tmp_path / "grades.csv").write_text("series,rows,grade\na,,A\nb,,good\n")
    with pytest.raises(DataError) as fault:
        read_grades(tmp_path / "grades.csv")
    assert fault.value.findings[0].where.line == 3


def test_the_table_says_what_the_list_of_series_says(root: Path) -> None:
    """Every series of the ledger has a grade, and the README tells the same."""
    folder = root / "calibration" / "observations"
    grades = read_grades(root / "calibration" / "grades.csv")
    series = {path.stem for path in folder.glob("*.csv")}
    assert set(grades.lines) == series
    told = {}
    for line in (folder / "README.md").read_text(encoding="utf-8").splitlines():
        if found := re.match(r"\| `(\w+)` \|.*\| ([ABCD][^|]*)\|[^|]*\|$", line):
            told[found[1]] = found[2]
    assert set(told) == series
    for name, text in told.items():
        assert text[0] == grades.lines[name][-1][1], name
        rows = read_series(folder / f"{name}.csv").rows
        assert {grades.of(name, row) for row in rows} <= set(GRADES)
        assert ("digitised" in text) == (len(grades.lines[name]) > 1), name
