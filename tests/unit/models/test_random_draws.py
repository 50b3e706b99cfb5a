"""Random functions in ensembles: every draw has streams of its own."""

import numpy as np
import pandas as pd
import pytest

from bullbear.models import engines
from bullbear.models.batch import NumpyRunner
from bullbear.models.engines import LlvmRunner
from bullbear.models.model import load
from bullbear.models.plan import Request, make_plan

TEXT = (
    "c = 1 ~~| u = RANDOM UNIFORM(0, c, 1) ~~| x = INTEG(u, 0) ~~| INITIAL TIME = 0 ~~|"
    "FINAL TIME = 3 ~~| TIME STEP = 1 ~~| SAVEPER = 1 ~~|"
)
ALL = TEXT.replace(
    "c = 1 ~~|",
    "c = 1 ~~| n = RANDOM NORMAL(-9, 9, 0, c, 2) ~~| e = RANDOM EXPONENTIAL(0, 9, 0, c, 3) ~~|"
    "t = RANDOM TRIANGULAR(0, 9, 1, 1 + c, 5, 4) ~~| z = RANDOM 0 1() ~~| y = INTEG(n + e, z) ~~|",
).replace("TIME STEP = 1", "TIME STEP = 0.25")


def test_draws_differ_and_a_draw_is_the_same_in_any_company(tmp_path):
    path = tmp_path / "random.mdl"
    path.write_text(TEXT)
    model = load(path)
    together = model.ensemble(pd.DataFrame({"c": [1.0, 1.0, 2.0]}), outputs=["u"]).values
    alone = model.ensemble(pd.DataFrame({"c": [1.0]}, index=[1]), outputs=["u"]).values
    np.testing.assert_array_equal(together[1], alone[0])
    assert (together[0] != together[1]).all()
    single = model.run().results["u"].to_numpy()
    np.testing.assert_array_equal(together[0, :, 0], single)


@pytest.mark.parametrize("method", ["euler", "rk4"])
@pytest.mark.parametrize("seed", [0, 5])
def test_machine_code_draws_what_numpy_and_plain_floats_draw(tmp_path, method, seed):
    pytest.importorskip("llvmlite", reason="machine code needs llvmlite")
    path = tmp_path / "random.mdl"
    path.write_text(ALL)
    model, names = load(path), ["u", "n", "e", "t", "z", "x", "y"]
    draws = pd.DataFrame({"c": np.linspace(0.5, 2, 21)}, index=[*range(20), 2**40 + 1])
    draws.loc[0, "c"] = 1.0
    plan = make_plan(model, draws, Request(outputs=names, method=method, seed=seed))
    fast, slow = (kind(plan.batch).run(plan.draws).values for kind in (LlvmRunner, NumpyRunner))
    np.testing.assert_array_equal(fast[..., [0, 4]], slow[..., [0, 4]])
    np.testing.assert_allclose(fast, slow, rtol=1e-13, atol=1e-14)
    plain = model.run(method=method).results[names].to_numpy()
    if seed:
        assert (fast[0, :, 0] != plain[:, 0]).all()
    else:
        np.testing.assert_allclose(fast[0], plain, rtol=1e-13, atol=1e-14)


def test_what_has_no_machine_code_is_run_by_numpy_with_a_remark(tmp_path, monkeypatch):
    path = tmp_path / "random.mdl"
    path.write_text(TEXT)
    model = load(path)
    monkeypatch.setattr(engines, "_codes", engines.OrderedDict())
    monkeypatch.setattr(
        "bullbear.equations.printers.llvm.native.unknown_operations", lambda _: ["bessel"]
    )
    found = model.ensemble(pd.DataFrame({"c": [1.0, 2.0]}, index=[0, 7]), outputs=["u", "x"])
    alone = model.run().results[["u", "x"]].to_numpy()
    np.testing.assert_allclose(found.values[0], alone, rtol=1e-13)
    assert found.engine == "numpy"
    assert "\n" not in found.remark
    assert "bessel" in found.remark
