"""Random functions in ensembles: every draw has streams of its own."""

import numpy as np
import pandas as pd

from bullbear.models.model import load

TEXT = (
    "c = 1 ~~| u = RANDOM UNIFORM(0, c, 1) ~~| x = INTEG(u, 0) ~~| INITIAL TIME = 0 ~~|"
    "FINAL TIME = 3 ~~| TIME STEP = 1 ~~| SAVEPER = 1 ~~|"
)


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


def test_what_has_no_machine_code_is_run_by_numpy_with_a_remark(tmp_path):
    path = tmp_path / "random.mdl"
    path.write_text(TEXT.replace("c = 1 ~~|", "c = 1 ~~| n = RANDOM NORMAL(-9, 9, 0, c, 2) ~~|"))
    model = load(path)
    found = model.ensemble(pd.DataFrame({"c": [1.0, 2.0]}, index=[0, 7]), outputs=["u", "n", "x"])
    alone = model.run().results[["u", "n", "x"]].to_numpy()
    np.testing.assert_allclose(found.values[0], alone, rtol=1e-13)
    assert found.engine == "numpy"
    assert "\n" not in found.remark
    assert "random" in found.remark
