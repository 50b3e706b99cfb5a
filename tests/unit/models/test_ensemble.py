"""Ensembles: the same numbers whatever the engine, count, blocks or threads; every fault named."""

from __future__ import annotations

import math
import re
import sys
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import bullbear
from bullbear.equations.printers.llvm.machine import host
from bullbear.errors import DataError, UsageError
from bullbear.models import engines
from bullbear.models import ensemble as module
from bullbear.models.draws import read_priors, sobol_draws
from bullbear.models.engines import ENGINE
from bullbear.models.ensemble import Ensemble, block_size
from bullbear.models.model import Model

TEXT = """{UTF-8}
rate[Region] = 0.1, 0.3 ~~|
Region: North, South ~~|
stock[Region] = INTEG(rate[Region] * stock[Region] / gap, 1) ~~|
gap = 1 - burst * STEP(1, 5) ~~|
burst = 0 ~~|
root = SQRT(1 - burst * 2) ~~|
INITIAL TIME = 0 ~~|
FINAL TIME = 10 ~~|
TIME STEP = 0.25 ~~|
SAVEPER = 1 ~~|
"""


@pytest.fixture
def small(tmp_path: Path) -> Model:
    file = tmp_path / "small.mdl"
    file.write_text(TEXT, encoding="utf-8")
    return bullbear.load(file)


@pytest.fixture(scope="module")
def numerai() -> Model:
    return bullbear.load("numerai")


def priors(model: Model, count: int, seed: int = 1) -> pd.DataFrame:
    assert model.definition.parameters_path is not None
    return sobol_draws(read_priors(model.definition.parameters_path), count, seed)


def same(one: Ensemble, other: Ensemble) -> None:
    assert one.values is not None
    assert other.values is not None
    np.testing.assert_array_equal(one.values, other.values)
    np.testing.assert_array_equal(one.events, other.events)
    np.testing.assert_array_equal(one.status, other.status)


# -- what comes out --------------------------------------------------------------------------------


def test_values_stand_by_draw_time_and_variable(small: Model) -> None:
    draws = pd.DataFrame({"rate": [0.0, 0.1]}, index=pd.Index([4, 9], name="draw"))
    found = small.ensemble(draws, ["stock", "gap"], [0, 10])
    assert found.names == ("stock[North]", "stock[South]", "gap")
    assert found.values is not None
    assert found.values.shape == (2, 2, 3)
    np.testing.assert_array_equal(found.values[0, :, 0], [1, 1])
    np.testing.assert_allclose(found.values[1, 1, :2], 1.025**40)
    assert found.to_frame().loc[(9, 10.0), "gap"] == 1
    assert found.outcomes()["status"].tolist() == ["done", "done"]


def test_times_between_steps_stand_on_a_straight_line(small: Model) -> None:
    found = small.ensemble(pd.DataFrame({"rate": [0.4]}), ["stock[North]"], [1, 1.1, 1.25])
    assert found.values is not None
    first, middle, last = found.values[0, :, 0]
    assert middle == pytest.approx(first + 0.4 * (last - first), rel=1e-14)


def test_a_draw_repeated_alone_gives_the_same_run(numerai: Model) -> None:
    draws = priors(numerai, 20)
    found = numerai.ensemble(draws, save_at=[2026, 2030, 2036])
    assert found.values is not None
    for number in (3, 17):
        run = numerai.run(overrides=found.overrides(number))
        for name, event in run.events.items():
            located = found.events.loc[number, name]
            assert (event is None and math.isnan(located)) or event == pytest.approx(located)
        for column, name in enumerate(found.names):
            scale = run.results[name].abs().max()
            wanted = [run.at(time)[name] for time in found.times]
            np.testing.assert_allclose(found.values[number, :, column], wanted, rtol=0,
                                       atol=1e-11 * scale)  # fmt: skip


@pytest.mark.parametrize("engine", ["", "numpy"])
def test_a_draw_that_fails_is_marked_and_stops_no_other(
    small: Model, engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(ENGINE, engine)
    draws = pd.DataFrame({"burst": [0.0, 1.0, 0.4, 0.8]})
    found = small.ensemble(draws, ["stock[North]", "root"], [10])
    assert found.failed == [1, 3]  # a division by zero, and the root of a negative number
    assert found.values is not None
    assert np.isfinite(found.values[[0, 2]]).all()
    assert np.isnan(found.values[[1, 3]]).all()
    assert found.outcomes()["status"].tolist() == ["done", "not finite", "done", "not finite"]


# -- the same numbers ------------------------------------------------------------------------------


def test_nothing_depends_on_count_blocks_or_threads(
    numerai: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    draws = priors(numerai, 300)
    whole = numerai.ensemble(draws, save_at=[2030, 2036])
    for threads in (1, 2, 5):
        same(numerai.ensemble(draws, save_at=[2030, 2036], threads=threads), whole)
    part = numerai.ensemble(draws.iloc[101:206], save_at=[2030, 2036])
    assert part.values is not None
    assert whole.values is not None
    np.testing.assert_array_equal(part.values, whole.values[101:206])
    np.testing.assert_array_equal(part.events, whole.events.iloc[101:206])
    monkeypatch.setattr(module, "block_size", lambda count, engine: 7)
    same(numerai.ensemble(draws, save_at=[2030, 2036]), whole)


def from_floats(model: Model, draw: dict[str, float], found: Ensemble, row: int) -> float:
    """How far a row is from a single run of plain floats, over each variable's maximum."""
    origin = found.provenance
    run = model.run(overrides=draw, method=origin.method, time_step=origin.time_step)
    assert found.values is not None
    wanted = np.array([[run.at(time)[name] for name in found.names] for time in found.times])
    error = np.abs(found.values[row] - wanted) / np.maximum(np.abs(wanted).max(axis=0), 1e-300)
    return float(error.max())


def agreement(
    model: Model, draws: pd.DataFrame, method: str, times: list[float], step: float | None = None
) -> None:
    """The promise of two back ends: 1e-12 of the maximum in 99.8 % of draws, 1e-8 in all.

    Draws whose collapsing price amplifies the roundings of NumPy's functions beyond that are
    listed; they count where machine code is as far from a run of plain floats.
    """
    with pytest.MonkeyPatch.context() as patch:
        llvm = model.ensemble(draws, save_at=times, method=method, time_step=step)
        patch.setenv(ENGINE, "numpy")
        numpy = model.ensemble(draws, save_at=times, method=method, time_step=step)
    assert (llvm.engine, numpy.engine) == ("llvm", "numpy")
    assert llvm.values is not None
    assert numpy.values is not None
    np.testing.assert_array_equal(llvm.status, numpy.status)
    scale = np.abs(numpy.values).max(axis=1, keepdims=True)
    error = (np.abs(llvm.values - numpy.values) / np.where(scale > 0, scale, 1)).max((1, 2))
    beyond = np.flatnonzero(error > 1e-12)
    apart = 0
    for row in beyond:
        draw = llvm.overrides(int(draws.index[row]))
        alone = from_floats(model, draw, llvm, row), from_floats(model, draw, numpy, row)
        apart += alone[0] > 1e-12
        print(f"draw {draws.index[row]}: LLVM and NumPy {error[row]:.1e} apart; from plain floats "
              f"LLVM is {alone[0]:.1e} away, NumPy {alone[1]:.1e}")  # fmt: skip
    print(f"{method}: {len(beyond)} of {len(draws)} beyond 1e-12, {apart} of them from floats")
    assert error.max() <= 1e-8
    assert apart <= max(0.002 * len(draws), 1)
    assert ((llvm.events.isna() == numpy.events.isna()).mean() >= 0.998).all()
    assert np.nanmax(np.abs(llvm.events.to_numpy() - numpy.events.to_numpy())) <= 1e-6


@pytest.mark.parametrize(("method", "step"), [("euler", None), ("rk4", 0.0625)])
def test_machine_code_agrees_with_numpy(numerai: Model, method: str, step: float | None) -> None:
    """RK4 with a coarser step, because NumPy takes long."""
    pytest.importorskip("llvmlite", reason="machine code needs llvmlite")
    agreement(numerai, priors(numerai, 200), method, [2022, 2026, 2030, 2036], step)


@pytest.mark.long
@pytest.mark.parametrize("method", ["euler", "rk4"])
def test_machine_code_agrees_with_numpy_over_the_prior_box(numerai: Model, method: str) -> None:
    pytest.importorskip("llvmlite", reason="machine code needs llvmlite")
    times = (2020.25 + 0.25 * np.arange(64)).tolist()
    agreement(numerai, priors(numerai, 10_000), method, times)


def test_ten_thousand_draws_of_the_prior_box_are_finite(numerai: Model) -> None:
    pytest.importorskip("llvmlite", reason="NumPy takes minutes for them")
    found = numerai.ensemble(priors(numerai, 10_000), save_at=[2026, 2030, 2036])
    assert found.outcomes()["status"].value_counts().to_dict() == {"done": 10_000}


# -- statistics and memory -------------------------------------------------------------------------


def test_statistics_stand_in_where_the_values_do_not_fit(numerai: Model) -> None:
    draws = priors(numerai, 700)
    full = numerai.ensemble(draws, save_at=[2026, 2036])
    streamed = numerai.ensemble(draws, save_at=[2026, 2036], memory=40_000)
    assert streamed.values is None
    assert full.values is not None
    assert streamed.statistics is not None
    np.testing.assert_allclose(streamed.statistics.mean, full.values.mean(axis=0), rtol=1e-12)
    table = streamed.to_frame()
    median = np.quantile(full.values, 0.5, axis=0, method="lower")
    np.testing.assert_allclose(table["q0.5"], median.ravel(), rtol=2e-3)
    again = numerai.ensemble(draws, save_at=[2026, 2036], statistics=True, threads=1)
    pd.testing.assert_frame_equal(again.to_frame(), table, check_exact=True)


def test_too_little_memory_is_refused(numerai: Model) -> None:
    with pytest.raises(UsageError, match="one block"):
        numerai.ensemble(priors(numerai, 100), memory=1000)
    with pytest.raises(UsageError, match="all values"):
        numerai.ensemble(priors(numerai, 700), memory=10**6, statistics=False)


def test_blocks_are_neither_tiny_nor_huge() -> None:
    sizes = [block_size(n, "llvm") for n in (1, 64, 10_000, 10**6, 10**8)]
    assert sizes == [32, 32, 32, 1984, 4096]
    assert block_size(10_000, "numpy") == 1024


# -- faults ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("columns", "options", "fault", "says"),
    [
        ({"gap": [1.0]}, {}, UsageError, "computed by an equation"),
        ({"rat": [1.0]}, {}, UsageError, 'no constant "rat"'),
        ({"rate": [1.0, math.nan]}, {}, DataError, "draw 1"),
        ({"rate": [math.inf]}, {}, DataError, "inf"),
        ({"rate": ["x"]}, {}, DataError, "no numbers"),
        ({"rate": [1.0], "rate[South]": [2.0]}, {}, UsageError, "both set"),
        ({"rate": []}, {}, DataError, "no draws"),
        ({"rate": [1.0]}, {"outputs": ["stok"]}, UsageError, 'did you mean "stock"'),
        ({"rate": [1.0]}, {"outputs": ["stock[East]"]}, UsageError, "stock"),
        ({"rate": [1.0]}, {"outputs": []}, UsageError, "no output"),
        ({"rate": [1.0]}, {"save_at": [11]}, UsageError, "outside the run"),
        ({"rate": [1.0]}, {"save_at": []}, UsageError, "no time"),
        ({"rate": [1.0]}, {"method": "heun"}, UsageError, "heun"),
        ({"rate": [1.0]}, {"scenario": "bear"}, UsageError, "bear"),
    ],
)
def test_bad_requests_are_answered(
    small: Model, columns: dict[str, list[float]], options: dict[str, object],
    fault: type[Exception], says: str,
) -> None:  # fmt: skip
    with pytest.raises(fault, match=re.escape(says)):
        small.ensemble(pd.DataFrame(columns), **options)  # type: ignore[arg-type]


def test_without_llvmlite_numpy_computes_with_one_warning(
    small: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    draws = pd.DataFrame({"rate": [0.1, 0.2]})
    with_llvm = small.ensemble(draws, ["stock"])
    engines._codes.clear()
    host.cache_clear()
    monkeypatch.setitem(sys.modules, "llvmlite", None)
    monkeypatch.setitem(sys.modules, "llvmlite.binding", None)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        without = small.ensemble(draws, ["stock"])
    assert [w.category for w in caught] == [RuntimeWarning]
    assert without.engine == "numpy"
    assert "llvmlite" in without.remark
    assert with_llvm.values is not None
    assert without.values is not None
    np.testing.assert_allclose(without.values, with_llvm.values, rtol=1e-13)
    host.cache_clear()


def test_a_constant_that_decides_the_time_grid_is_refused_as_a_column(tmp_path: Path) -> None:
    file = tmp_path / "bound.mdl"
    text = TEXT.replace("FINAL TIME = 10", "FINAL TIME = years * 2 ~~|\nyears = 5")
    file.write_text(text, encoding="utf-8")
    model = bullbear.load(file)
    with pytest.raises(UsageError, match='"years" decides FINAL TIME'):
        model.ensemble(pd.DataFrame({"years": [5.0, 6.0]}))
    assert model.ensemble(pd.DataFrame({"rate": [0.1]}), ["gap"]).times[-1] == 10
