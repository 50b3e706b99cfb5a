"""The same run computed by PySD: an independent witness, slow and by Euler's method only.

PySD is given the whole model as one Vensim file, in the dialect that the exporter keeps for it.
"""

from __future__ import annotations

import tempfile
import time as clock
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from bullbear.equations.names import canonical, split_element
from bullbear.errors import SimulationError, UsageError
from bullbear.models import trust
from bullbear.models.events import locate
from bullbear.models.model import Model
from bullbear.models.run import Provenance, Run
from bullbear.models.scenarios import BASE
from bullbear.models.simulate import Grid
from bullbear.models.versions import versions

if TYPE_CHECKING:
    import pandas as pd


def run_witness(
    model: Model,
    scenario: str = BASE,
    overrides: Mapping[str, float] | None = None,
    *,
    parameters: Path | None = None,
    method: str | None = None,
    time_step: float | None = None,
    saveper: float | None = None,
    final_time: float | None = None,
) -> Run:
    """Let PySD simulate one scenario; the arguments are those of `Model.run`.

    Events are looked for at saved times, and not behind the end of the run; the error of the step
    is not measured.

    Raises
    ------
    UsageError
        For another method than Euler's, besides what `Model.run` refuses.
    SimulationError
        If PySD cannot translate or run the model.
    """
    from bullbear.equations.export import export_vensim

    if (method or model.definition.method) != "euler":
        raise UsageError(
            "PySD knows Euler's method only", code="method", hint="leave --method or --engine out"
        )
    values = model.values(scenario, overrides, parameters)
    vector = model.parameter_vector(values).tolist()
    grid = model.grid(vector, time_step, saveper, final_time)
    begin = clock.perf_counter()
    table = run_pysd(export_vensim(model.system, grid.controls(), values, dialect="pysd"))
    seconds = clock.perf_counter() - begin
    results = _in_our_spelling(table, model)
    return Run(
        results=results,
        events=_events(model, results),
        horizon=grid.final,
        trust=_trust(model, results),
        provenance=_provenance(model, scenario, values, grid),
        seconds=seconds,
    )


def run_pysd(text: str) -> pd.DataFrame:
    """The results of one Vensim file in PySD's spelling; translated and run in a scratch folder."""
    import pysd

    with tempfile.TemporaryDirectory(prefix="bullbear-pysd-") as scratch, quiet_pysd():
        file = Path(scratch, "model.mdl")
        file.write_text(text, encoding="utf-8", newline="\n")
        results: pd.DataFrame = pysd.read_vensim(str(file)).run()
    return results


@contextmanager
def quiet_pysd() -> Iterator[None]:
    """Work of PySD, without its words about its own code; its faults become one of ours.

    Raises
    ------
    SimulationError
        For whatever goes wrong inside.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            yield
        except Exception as fault:  # PySD raises whatever Python raises below it
            raise SimulationError(
                f"PySD cannot run this model: {type(fault).__name__}: {fault}", code="pysd"
            ) from fault


def _in_our_spelling(table: pd.DataFrame, model: Model) -> pd.DataFrame:
    """PySD's columns under our names and in our order; what PySD does not return is left out."""
    theirs = {_matched(column): column for column in table.columns}
    ours = {
        name: theirs[_matched(name)] for name in model.program.outputs if _matched(name) in theirs
    }
    results = table[list(ours.values())].astype(float)
    results.columns = list(ours)
    results.index.name = "time"
    return results


def _matched(element: str) -> tuple[str, ...]:
    name, elements = split_element(element)
    return (canonical(name), *map(canonical, elements))


def _events(model: Model, results: pd.DataFrame) -> dict[str, float | None]:
    times = results.index.to_numpy(dtype=np.float64)
    columns = {_matched(name): name for name in results.columns}
    return {
        event.name: locate(event, times, results[columns[_matched(event.variable)]].to_numpy())
        for event in model.definition.events
    }


def _trust(model: Model, results: pd.DataFrame) -> trust.Trust:
    names = [s.name for s in model.program.states if s.kind == "stock" and not s.hidden]
    stocks = [name for name in names if name in results.columns]
    states = results[stocks].to_numpy()
    times = results.index.to_numpy(dtype=np.float64)
    return trust.Trust(
        step_error=None,
        step_error_of=None,
        conservation_error=None,
        smallest_stock=trust.smallest_stock(dict(enumerate(stocks)), times, states),
    )


def _provenance(model: Model, scenario: str, values: Mapping[str, float], grid: Grid) -> Provenance:
    return Provenance(
        model=model.name,
        hash=model.hash,
        scenario=scenario,
        overrides=values,
        method="euler",
        time_step=grid.step,
        saveper=grid.saveper,
        final_time=grid.final,
        engine="pysd",
        versions=versions(),
    )
