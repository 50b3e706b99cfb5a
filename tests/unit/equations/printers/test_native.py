"""Machine code against NumPy arrays on small models with every operation that it knows."""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

pytest.importorskip("llvmlite", reason="machine code needs llvmlite")

import bullbear
from bullbear.equations.printers.llvm.machine import host
from bullbear.equations.printers.llvm.module import unknown_operations
from bullbear.equations.printers.llvm.native import NativeCode, Unsupported
from bullbear.equations.program import Builder, Node
from bullbear.models import engines
from bullbear.models.batch import Block, NumpyRunner
from bullbear.models.engines import LlvmRunner
from bullbear.models.model import Model
from bullbear.models.plan import Request, make_plan

HEAD = "{UTF-8}\n"
TAIL = """
INITIAL TIME = 0 ~~|
FINAL TIME = 20 ~~|
TIME STEP = 0.25 ~~|
SAVEPER = 0.25 ~~|
"""
LONG = ",".join(f"({x},{np.sin(x):.6f})" for x in np.arange(0, 20.5, 0.5))
MODELS = {
    "arithmetic": """
a = 0.3 ~~|
b = 2 ~~|
s = INTEG(a * s * (1 - s / b) - EXP(-s) * SIN(s) / (1 + TANH(s)^2), 0.1) ~~|
p = s ^ a + SQRT(ABS(s)) + LN(s + 1) + COS(s * 7) + TAN(s / 9) ~~|
q = MIN(s, a) - MAX(s, b) + INTEGER(s * 5) + MODULO(Time, a + 1) + ARCTAN(s) ~~|
r = IF THEN ELSE(s > b * 0.4 :AND: Time > 3, p, -q) + ZIDZ(a, s - b) + QUANTUM(s, a) ~~|
u = IF THEN ELSE(:NOT: (s = a) :OR: s <> b, ARCSIN(a) + ARCCOS(a), SINH(s) + COSH(s)) ~~|
""",
    "lookups": f"""
a = 0.7 ~~|
short([(0,0)-(10,10)],(0,1),(1,3),(2,3),(4,-1),(10,2)) ~~|
long({LONG}) ~~|
s = INTEG(a * short(s) - 0.1 * s, 1) ~~|
one = short(s * a) + long(s) + long(Time * a) ~~|
ends = LOOKUP EXTRAPOLATE(short, s * 10 - 20) + LOOKUP EXTRAPOLATE(long, s * 10 - 20) ~~|
steps = LOOKUP FORWARD(short, s) + LOOKUP BACKWARD(short, s) ~~|
far = LOOKUP FORWARD(long, s * 4) + LOOKUP BACKWARD(long, s * 4) + LOOKUP FORWARD(long, 99) ~~|
""",
    "events": """
a = 1.3 ~~|
b = 4 ~~|
s = INTEG(PULSE(b, a) - STEP(a / 9, 5) + RAMP(a, 2, 8) / 50 - s / 7, a) ~~|
t = PULSE TRAIN(1, a, b, 15) * s ~~|
""",
    "memory": """
a = 1.3 ~~|
b = 4 ~~|
in = 1 + SIN(Time * a) + s / 10 ~~|
s = INTEG(in - DELAY FIXED(in, b, a) - DELAY1(s, b) / 9, a) ~~|
late = DELAY FIXED(s, a, b) ~~|
never = DELAY FIXED(s, 1000 * a, a) ~~|
at once = DELAY FIXED(s, 0 * a, a) ~~|
seen = SAMPLE IF TRUE(MODULO(Time, b) < 0.2, s, a) ~~|
smooth = SMOOTH3(in, a) + DELAY3(in, b) + FORECAST(s, a, b) + TREND(s, a, 0.1) ~~|
""",
}


def load(folder: Path, name: str) -> Model:
    file = folder / f"{name}.mdl"
    file.write_text(HEAD + MODELS[name] + TAIL, encoding="utf-8")
    return bullbear.load(file)


def draws_of(model: Model, count: int) -> pd.DataFrame:
    """Draws around the constants of a model."""
    random = np.random.default_rng(5)
    names = [p.name for p in model.program.parameters if p.name in ("a", "b")]
    index = model.program.parameter_index()
    table = {
        name: model.program.defaults[index[name]] * random.uniform(0.5, 1.5, count)
        for name in names
    }
    return pd.DataFrame(table)


def both(model: Model, method: str, draws: pd.DataFrame) -> tuple[Block, Block]:
    names = [name for name in model.program.outputs if name not in ("a", "b")]
    plan = make_plan(model, draws, Request(outputs=names, method=method))
    return NumpyRunner(plan.batch).run(plan.draws), LlvmRunner(plan.batch).run(plan.draws)


@pytest.mark.parametrize("method", ["euler", "rk4"])
@pytest.mark.parametrize("name", MODELS)
def test_agrees_with_numpy(tmp_path: Path, name: str, method: str) -> None:
    model = load(tmp_path, name)
    numpy, llvm = both(model, method, draws_of(model, 37))
    scale = np.abs(numpy.values).max(axis=1, keepdims=True)
    np.testing.assert_array_equal(np.isfinite(llvm.values), np.isfinite(numpy.values))
    error = np.abs(llvm.values - numpy.values) / np.where(scale > 0, scale, 1.0)
    assert np.nanmax(error) <= 1e-12
    np.testing.assert_array_equal(llvm.status, numpy.status)


@pytest.mark.parametrize("name", MODELS)
def test_numpy_agrees_with_single_runs(tmp_path: Path, name: str) -> None:
    model = load(tmp_path, name)
    draws = draws_of(model, 5)
    for method in ("euler", "rk4"):
        numpy, _ = both(model, method, draws)
        for row in range(len(draws)):
            alone = model.run(overrides=draws.loc[row].to_dict(), method=method).results
            wanted = alone.drop(columns=["a", "b"], errors="ignore").to_numpy()
            scale = np.abs(wanted).max(axis=0)
            found = np.abs(numpy.values[row] - wanted) / np.where(scale > 0, scale, 1.0)
            assert found.max() <= 1e-12


def test_bits_do_not_depend_on_count_lane_or_width(tmp_path: Path) -> None:
    model = load(tmp_path, "arithmetic")
    draws = draws_of(model, 29)
    _, whole = both(model, "rk4", draws)
    for part in (slice(0, 1), slice(3, 12), slice(20, 29)):
        _, some = both(model, "rk4", draws.iloc[part])
        np.testing.assert_array_equal(some.values, whole.values[part])
    plan = make_plan(model, draws, Request(outputs=["s", "p", "q", "r", "u"], method="rk4"))
    runner = LlvmRunner(plan.batch)
    wide = runner.run(plan.draws).values
    for width in (4, 2):
        if width < host().shape.width:
            code = NativeCode(model.program, machine=host().kin(width))
            values, *_ = code.bind(runner.bound.task).run(plan.draws)
            np.testing.assert_array_equal(values, wide)


@pytest.mark.parametrize(("method", "order", "coarse"), [("euler", 1, 0.01), ("rk4", 4, 0.05)])
def test_methods_have_their_order(tmp_path: Path, method: str, order: int, coarse: float) -> None:
    file = tmp_path / "smooth.mdl"
    file.write_text(
        HEAD + "a = 1 ~~|\nx = INTEG(a * y, 1) ~~|\ny = INTEG(-a * x - 0.1 * y, 0) ~~|\n"
        + TAIL, encoding="utf-8",
    )  # fmt: skip
    model = bullbear.load(file)
    draws = pd.DataFrame({"a": [0.5, 1.0, 1.5]})
    coarse_end, middle, fine = (
        model.ensemble(draws, ["x"], [5], method=method, time_step=coarse / part).values
        for part in (1, 2, 4)
    )
    assert coarse_end is not None
    observed = np.log2(np.abs(coarse_end - middle) / np.abs(middle - fine))
    np.testing.assert_allclose(observed, order, atol=0.1)


def test_fewer_columns_need_no_other_code_and_change_no_bit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engines, "_codes", OrderedDict())  # as in a fresh process
    model = load(tmp_path, "events")
    draws, names = draws_of(model, 9), ["s", "t"]

    def runner(columns: list[str]) -> tuple[LlvmRunner, np.ndarray]:
        plan = make_plan(model, draws[columns], Request(outputs=names))
        made = LlvmRunner(plan.batch)
        return made, made.run(plan.draws).values

    few, alone = runner(["a"])
    both, _ = runner(["a", "b"])
    again, late = runner(["b"])
    assert few.bound.functions["step"] != both.bound.functions["step"]
    assert again.bound.functions == both.bound.functions
    numpy = NumpyRunner(again.batch).run(draws[["b"]].to_numpy()).values
    np.testing.assert_allclose(late, numpy, rtol=1e-12, atol=1e-12)
    np.testing.assert_array_equal(runner(["a"])[1], alone)


def test_an_unknown_operation_is_refused_by_name() -> None:
    builder = Builder()
    builder.program.nodes.append(Node("bessel"))
    assert unknown_operations(builder.program) == ["bessel"]
    with pytest.raises(Unsupported, match="bessel"):
        NativeCode(builder.program)
