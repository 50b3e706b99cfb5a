"""One base run, all variables kept: this engine beside PySD, in one process.

    python tests/benchmarks/bench_base_run.py [MODEL]

MODEL is a name or a file; the bundled model if left out.  PySD runs once (tens of seconds), this
engine five times before and five times after it, compiled and warm; the ratio is of PySD's time to
the median.  Translation and compilation are not counted on either side.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from bullbear.equations.export import export_vensim
from bullbear.equations.names import canonical, split_element
from bullbear.models.model import Model, load
from bullbear.models.simulate import Simulator
from bullbear.models.witness import quiet_pysd

ALWAYS_ALLOWED = 1e-12
"""Absolute difference that counts as none: rounding in a variable that should be zero."""


def ours(model: Model, times: int) -> tuple[list[float], np.ndarray]:
    """Seconds of each warm run, and the saved values (time, variable)."""
    values = model.values()
    vector = model.parameter_vector(values).tolist()
    grid = model.grid(vector)
    simulator = Simulator(model.program, list(model.program.outputs.values()), [])
    found = simulator.run(grid, "euler", vector)
    seconds = []
    for _ in range(times):
        begin = time.perf_counter()
        found = simulator.run(grid, "euler", vector)
        seconds.append(time.perf_counter() - begin)
    return seconds, found.values


def main() -> None:
    model = load(sys.argv[1] if len(sys.argv) > 1 else "numerai")
    before, values = ours(model, 5)
    grid = model.grid()
    text = export_vensim(model.system, grid.controls(), model.values(), dialect="pysd")
    with tempfile.TemporaryDirectory() as scratch, quiet_pysd():
        import pysd

        path = Path(scratch, "model.mdl")
        path.write_text(text, encoding="utf-8")
        witness = pysd.read_vensim(str(path))
        begin = time.perf_counter()
        table = witness.run()
        theirs = time.perf_counter() - begin
    after, _ = ours(model, 5)
    mine = statistics.median(before + after)
    columns = {key(column): column for column in table.columns}
    worst, name = 0.0, ""
    for position, output in enumerate(model.program.outputs):
        if key(output) in columns:
            other = table[columns[key(output)]].to_numpy(dtype=float)
            difference = np.abs(values[:, position] - other)
            difference[difference <= ALWAYS_ALLOWED] = 0.0
            error = float(difference.max()) / max(float(np.abs(other).max()), 1e-300)
            if error > worst:
                worst, name = error, output
    print(f"steps                {grid.steps}")
    print(f"variables kept       {len(model.program.outputs)}")
    print(f"bullbear, warm       {mine * 1e3:.1f} ms (median of {len(before + after)})")
    print(f"PySD                 {theirs * 1e3:.0f} ms")
    print(f"ratio                {theirs / mine:.0f}")
    print(f"largest difference   {worst:.2g} of the variable's maximum ({name})")


def key(element: str) -> tuple[str, ...]:
    """An element's name as Vensim compares it."""
    name, elements = split_element(element)
    return (canonical(name), *map(canonical, elements))


if __name__ == "__main__":
    main()
