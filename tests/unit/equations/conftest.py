"""A model in a few lines, run."""

import numpy as np
import pytest

from bullbear.equations.lowering import compile_system
from bullbear.equations.printers.numpy import NumpyCode
from bullbear.equations.source import Source
from bullbear.equations.system import System
from bullbear.equations.vensim import read_source
from bullbear.equations.xmile.reader import read_xmile_source
from bullbear.errors import EquationError
from bullbear.models.simulate import Grid, Simulator


@pytest.fixture
def simulated(tmp_path):
    """simulated(text, step, final, method) -> {name: values over time}; both printers agree."""

    def run(text, step=0.25, final=10.0, method="euler", initial=0.0):
        program = compile_system(System([_read(text, tmp_path)]))
        grid = Grid(initial, final, step, step)
        simulator = Simulator(program, list(program.outputs.values()), [])
        found = simulator.run(grid, method, program.defaults.tolist())
        _same_in_arrays(program, grid, found)
        return {"time": found.times} | dict(zip(program.outputs, found.values.T, strict=True))

    return run


@pytest.fixture
def refused(tmp_path):
    """refused(text) -> the first finding of a model that must not run."""

    def run(text):
        with pytest.raises(EquationError) as caught:
            compile_system(System([_read(text, tmp_path)]))
        return caught.value.findings[0]

    return run


def _read(text, folder):
    if text.lstrip().startswith("<"):
        return read_xmile_source(Source("model.xmile", text, folder))
    return read_source(Source("model.mdl", text, folder))


def _same_in_arrays(program, grid, found):
    """The array form gives what the plain one gives, at every step."""
    code = NumpyCode(program, {"all": list(program.outputs.values())})
    _, functions = code.prepare(program.defaults, grid.controls())
    with np.errstate(all="ignore"):
        for k in range(0, len(found.step_times), 7):
            t = found.step_times[k]
            values = functions["all"](t, t, found.states[k])
            np.testing.assert_allclose(
                np.array([float(v) for v in values]), found.values[k], rtol=1e-12, atol=1e-300
            )
