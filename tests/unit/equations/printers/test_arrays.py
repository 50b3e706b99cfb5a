"""NumPy arrays against plain floats where a unit in the last place is seen."""

from __future__ import annotations

import math

import numpy as np

from bullbear.equations.printers.numpy import NumpyCode
from bullbear.equations.program import Builder, Parameter


def test_one_less_an_exponential_near_one_is_what_plain_floats_give() -> None:
    builder = Builder()
    builder.program.parameters.append(Parameter("x", 0.0))
    x = builder.add("param", data=0)
    rest = builder.add("sub", builder.const(1.0), builder.add("exp", builder.add("neg", x)))
    both = builder.add("add", rest, builder.add("exp", builder.add("neg", x)))
    code = NumpyCode(builder.program, {"value": [rest, both]})
    small = 10 ** np.random.default_rng(3).uniform(-9, -2, 2000)
    values = np.concatenate([small, [0.0, -800.0, 800.0, np.inf, -np.inf, np.nan, 3.0, -3.0]])
    _, functions = code.prepare([values], {})
    with np.errstate(all="ignore"):
        found, one = functions["value"](0.0, 0.0, [])
    wanted = [1.0 - math.exp(-v) if v > -700 else -math.inf if v < 0 else v for v in values]
    np.testing.assert_allclose(found, wanted, rtol=3e-16, atol=1.2e-16)
    seldom = np.mean(np.abs(found[:2000] - wanted[:2000]) > 1e-17)
    assert seldom < 0.005  # by rounding twice; NumPy's own exponential is off in 0.05
    np.testing.assert_allclose(np.asarray(one)[:2000], 1.0, rtol=3e-16)
