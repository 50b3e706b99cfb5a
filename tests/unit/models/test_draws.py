"""Priors: their grammar, their shapes, and the numbers drawn from them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from bullbear.errors import DataError, UsageError
from bullbear.models.draws import Prior, parse_prior, read_draws, read_priors, sobol_draws

HEADER = "name,unit,value,lower,upper,prior,class,source,note\n"


@pytest.mark.parametrize(
    ("text", "law"),
    [
        ("lognormal(2, 0.5)", stats.lognorm(0.5, scale=2)),
        ("normal(-1, 0.3)", stats.norm(-1, 0.3)),
        ("uniform(1, 3)", stats.uniform(1, 2)),
        ("loguniform(0.1, 10)", stats.loguniform(0.1, 10)),
    ],
)
def test_draws_follow_the_prior(text: str, law: stats.rv_continuous) -> None:
    values = sobol_draws({"x": parse_prior(text)}, 4096, 3)["x"]
    assert stats.kstest(values, law.cdf).statistic < 0.005


@pytest.mark.parametrize(
    "text", ["lognormal(2, 0.5)", "normal(2, 2)", "uniform(0, 9)", "loguniform(0.1, 10)"]
)
def test_bounds_cut_the_prior_off(text: str) -> None:
    values = sobol_draws({"x": parse_prior(text, 1.5, 2.5)}, 1000, 1)["x"]
    assert values.min() >= 1.5
    assert values.max() <= 2.5
    assert values.nunique() == 1000


def test_fixed_constants_are_not_drawn(tmp_path: Path) -> None:
    file = tmp_path / "parameters.csv"
    file.write_text(HEADER + 'a,1,1,0,2,"uniform(0, 2)",prior,,\nb,1,1,1,1,fixed,fact,,\n')
    assert list(read_priors(file)) == ["a"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("lognormal(1)", "numbers"), ("gauss(1, 2)", "no prior"), ("normal(1, x)", "numbers"),
        ("uniform(2, 1)", "below"), ("loguniform(0, 1)", "above zero"), ("", "no prior"),
        ("lognormal(-1, 1)", "above zero"), ("fixed(1)", "numbers"), ("uniform(5, 9)", "lies"),
    ],
)  # fmt: skip
def test_what_is_no_prior_is_answered_with_its_line(tmp_path: Path, text: str, says: str) -> None:
    file = tmp_path / "parameters.csv"
    file.write_text(HEADER + f'a,1,1,0,2,"{text}",prior,,\n')
    with pytest.raises(DataError, match=says) as caught:
        read_priors(file)
    assert caught.value.where is not None
    assert caught.value.where.line == 2


def test_a_draw_is_the_same_whatever_the_count() -> None:
    priors = {"x": Prior("uniform", 0, 1), "y": Prior("normal", 0, 1)}
    few, many = sobol_draws(priors, 5, 9), sobol_draws(priors, 700, 9)
    np.testing.assert_array_equal(few, many.iloc[:5])
    assert not np.array_equal(few, sobol_draws(priors, 5, 10))


@pytest.mark.parametrize("count", [0, -1])
def test_there_must_be_draws(count: int) -> None:
    with pytest.raises(UsageError, match="number of draws"):
        sobol_draws({"x": Prior("uniform", 0, 1)}, count)
    with pytest.raises(UsageError, match="no constant with a prior"):
        sobol_draws({}, 1)


def test_files_of_draws_are_read_exactly(tmp_path: Path) -> None:
    file = tmp_path / "draws.csv"
    file.write_text("draw,a,b[X]\n7,0.1,2e-300\n9,0.30000000000000004,1\n")
    table = read_draws(file)
    assert list(table.index) == [7, 9]
    assert table["a"].tolist() == [0.1, 0.1 + 0.2]
    again = tmp_path / "draws.parquet"
    pytest.importorskip("pyarrow", reason="parquet needs pyarrow")
    table.to_parquet(again)
    np.testing.assert_array_equal(read_draws(again), table)


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("a,a\n1,2\n", 1, "twice"), ("a\n1\nx\n", 3, '"x"'), ("a\n1\n\nnan\n", 4, "nan"),
        ("a\ninf\n", 2, "inf"), ("a\n", None, "no draws"), ("", None, "no draws"),
        ("draw\n1\n", None, "no draws"),
    ],
)  # fmt: skip
def test_bad_files_of_draws_are_answered(
    tmp_path: Path, text: str, line: int | None, says: str
) -> None:
    file = tmp_path / "draws.csv"
    file.write_text(text)
    with pytest.raises((DataError, UsageError), match=says) as caught:
        read_draws(file)
    if line is not None:
        assert caught.value.where is not None
        assert caught.value.where.line == line


def test_a_missing_file_of_draws_is_answered(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot read"):
        read_draws(tmp_path / "none.csv")
