"""Machine code on every published test model: the numbers of a plain run, or a remark why not."""

import conformance_suite as suite
import numpy as np
import pandas as pd
import pytest

from bullbear.equations.printers.llvm.module import unknown_operations
from bullbear.errors import BullbearError, UsageError
from bullbear.models.batch import Batch
from bullbear.models.engines import make_runner
from bullbear.models.model import load

pytest.importorskip("llvmlite", reason="machine code needs llvmlite")

CASES = {p.relative_to(suite.CASES).as_posix(): p for p in suite.case_files()}
DRAWS = 5


def batch_of(model, method, place):
    """All outputs at every SAVEPER; the constant at `place`, if any, is taken from the draws."""
    grid = model.grid()
    program = model.program
    column = np.array([] if place is None else [0], dtype=np.int64)
    places = np.array([] if place is None else [place], dtype=np.int64)
    numbered = any(node.op.startswith("random") for node in program.nodes)
    return Batch(
        program, grid, method, tuple(program.outputs.values()),
        tuple(range(0, grid.steps + 1, grid.every)), (), (), program.defaults, places, column,
        numbered,
    )  # fmt: skip


def constant_of(model, method):
    """A constant that may be changed a little without the model breaking: name, position, value."""
    program = model.program
    nodes = [program.nodes[i] for i in program.needed(program.controls.values())]
    taken = {node.data for node in nodes if node.op == "param"} | set(program.structural)
    for name, place in program.parameter_index().items():
        value = float(program.defaults[place])
        if value and np.isfinite(value) and place not in taken:
            try:
                model.run(method=method, overrides={name: value * (1 + 1e-3 * DRAWS)})
            except BullbearError:
                continue
            return name, place, value
    return None, None, 0.0


def assert_close(found, wanted, names):
    """To 1e-12 of each variable's maximum, and not finite where the other is not."""
    np.testing.assert_array_equal(np.isfinite(found), np.isfinite(wanted))
    finite = np.where(np.isfinite(wanted), wanted, 0.0)
    error = np.abs(np.where(np.isfinite(wanted), found, 0.0) - finite).max(axis=0)
    scale = np.abs(finite).max(axis=0)
    beyond = error > 1e-12 * scale
    assert not beyond.any(), [(n, e, s) for n, e, s in zip(names, error, scale, strict=True)
                              if e > 1e-12 * s]  # fmt: skip


@pytest.mark.parametrize("count", [1, pytest.param(DRAWS, marks=pytest.mark.long)])
@pytest.mark.parametrize("name", [name for name in CASES if name not in suite.EXCEPTIONS])
def test_case(name, count):
    model = load(CASES[name])
    if model.program.moving:
        with pytest.raises(UsageError, match="change during a run"):
            model.ensemble(pd.DataFrame({"x": [1.0]}))
        return
    method = suite.method_of(CASES[name]) or model.definition.method
    names = list(model.program.outputs)
    constant, place, value = constant_of(model, method) if count > 1 else (None, None, 0.0)
    numbers = np.zeros(count)  # the streams of a single run
    draws = np.column_stack([value * (1 + 1e-3 * np.arange(count)), numbers])
    runner, remark = make_runner(batch_of(model, method, place))
    unknown = unknown_operations(model.program)
    assert runner.engine == ("numpy" if unknown else "llvm"), remark
    assert "\n" not in remark
    assert all(op in remark for op in unknown)
    for row, found in enumerate(runner.run(draws).values):
        overrides = {} if constant is None else {constant: draws[row, 0]}
        alone = model.run(method=method, overrides=overrides).results[names].to_numpy()
        assert_close(found, alone, names)
