"""`bullbear run`: simulate scenarios; numbers, a table and plots."""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Callable, Iterable, Mapping
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bullbear.cli.options import (
    JsonOption,
    ModelArgument,
    OutOption,
    ParametersOption,
    ScenarioOption,
    SetOption,
    check_times,
    load_file,
    model_file,
)
from bullbear.cli.output import check_writable, note, say_json, staged, width, wrapped

if TYPE_CHECKING:
    import pandas as pd

    from bullbear.models.definition import ModelDefinition
    from bullbear.models.model import Model
    from bullbear.models.run import Run
    from bullbear.models.scenarios import Scenario
    from bullbear.models.workspace import ModelFile
    from bullbear.models.xmile import XmileModel


_MANY = 8


class Method(StrEnum):
    """Ways to step."""

    EULER = "euler"
    RK4 = "rk4"


class Engine(StrEnum):
    """Who computes: bullbear itself, or PySD as an independent witness."""

    NUMPY = "numpy"
    PYSD = "pysd"


def command(
    ctx: typer.Context,
    model: ModelArgument = None,
    scenario: ScenarioOption = None,
    settings: SetOption = None,
    parameters: ParametersOption = None,
    method: Annotated[
        Method | None,
        typer.Option(help="How to step; the model file says it if left out.", show_default=False),
    ] = None,
    time_step: Annotated[
        float | None,
        typer.Option(metavar="X", help="The step in the model's unit of time.", show_default=False),
    ] = None,
    saveper: Annotated[
        float | None,
        typer.Option(
            metavar="X",
            help="How often results are kept: a whole number of steps.",
            show_default=False,
        ),
    ] = None,
    final_time: Annotated[
        float | None,
        typer.Option(metavar="X", help="The end of the run, as in 2030.", show_default=False),
    ] = None,
    engine: Annotated[
        Engine,
        typer.Option(help="pysd lets PySD compute the same equations, slowly, as a witness."),
    ] = Engine.NUMPY,
    out: OutOption = Path("bullbear-out/run"),
    as_json: JsonOption = False,
) -> None:
    """Simulate a model under one or more scenarios.

    \b
    bullbear run
    bullbear run --scenario base --scenario bear --scenario bull --out results
    bullbear run --scenario bear --set "alpha multiplier=0.5" --final-time 2030
    bullbear run my.mdl --method rk4 --time-step 0.25 --json

    Writes one CSV per scenario (the time first, then every stock, flow, auxiliary and constant)
    and plots, and shows a table of what happened. Nothing is written unless all scenarios asked
    for have run.
    """
    from bullbear.models.overrides import parse_settings

    check_times(time_step, saveper, final_time)
    check_writable(out)
    file = model_file(ctx, model)
    loaded = _load(file, engine)
    picked = _pick(loaded, scenario)
    overrides = parse_settings(settings or ())
    simulate = _simulator(engine, loaded)
    runs = {
        one.slug: simulate(
            one.slug,
            overrides,
            parameters=parameters,
            method=method.value if method else None,
            time_step=time_step,
            saveper=saveper,
            final_time=final_time,
        )
        for one in _watched(picked)
    }
    files = _write(loaded, runs, out)
    if as_json:
        say_json(_report(loaded.definition, runs, out))
    else:
        _show(loaded, runs)
        plots = len(files) - len(runs)
        tables = f"{', '.join(runs)} as CSV" if len(runs) < _MANY else f"{len(runs)} CSV files"
        note(wrapped(f"wrote {tables} and {plots} plot{'s' * (plots != 1)} into {out}"))


def csv_text(results: pd.DataFrame) -> str:
    """The table of a run as CSV: time first, floats so that they read back exactly, LF."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(["time", *results.columns])
    values = results.to_numpy(dtype=float).tolist()
    for moment, row in zip(results.index.tolist(), values, strict=True):
        writer.writerow([repr(float(moment)), *map(repr, row)])
    return buffer.getvalue()


def _pick(model: Model | XmileModel, names: list[str] | None) -> list[Scenario]:
    """The scenarios asked for, each once; the canonical one where none is named."""
    from bullbear.models.scenarios import find_scenario

    asked = names or [model.definition.canonical]
    return [find_scenario(model.scenarios, name) for name in dict.fromkeys(asked)]


def _load(file: ModelFile, engine: Engine) -> Model | XmileModel:
    """The model in the hands of whoever reads it."""
    from bullbear.models.workspace import XMILE_SUFFIXES

    if engine is Engine.PYSD and file.path.suffix.lower() in XMILE_SUFFIXES:
        from bullbear.models.xmile import load_xmile

        return load_xmile(file.path)
    return load_file(file)


def _simulator(engine: Engine, model: Model | XmileModel) -> Callable[..., Run]:
    from bullbear.models.model import Model

    if engine is Engine.NUMPY or not isinstance(model, Model):
        return model.run
    from bullbear.models.witness import run_witness

    return partial(run_witness, model)


def _watched(scenarios: list[Scenario]) -> Iterable[Scenario]:
    """The scenarios, with a progress bar where somebody watches several of them."""
    if len(scenarios) < 2 or not sys.stderr.isatty():
        return scenarios
    from rich.console import Console
    from rich.progress import track

    return track(scenarios, "running", console=Console(stderr=True), transient=True)


def _write(model: Model | XmileModel, runs: Mapping[str, Run], out: Path) -> list[str]:
    """The names of the files of all runs, which are put into place together."""
    from bullbear.report.plots import write_run_plots

    with staged(out) as scratch:
        for slug, run in runs.items():
            text = csv_text(run.results)
            (scratch / f"{slug}.csv").write_text(text, encoding="utf-8", newline="\n")
        write_run_plots(runs, model.definition, scratch, _units(model))
        return sorted(file.name for file in scratch.iterdir())


def _show(model: Model | XmileModel, runs: Mapping[str, Run]) -> None:
    from rich.console import Console

    from bullbear.report.tables import run_summary

    summary = run_summary(runs, model.definition, _units(model))
    Console(width=width(), highlight=False).print(summary)


def _units(model: Model | XmileModel) -> Mapping[str, str]:
    """Units of the variables by name."""
    from bullbear.models.model import Model

    if not isinstance(model, Model):
        return model.units
    return {variable.name: variable.units for variable in model.system.variables.values()}


def _report(definition: ModelDefinition, runs: Mapping[str, Run], out: Path) -> dict[str, Any]:
    """The JSON object of the command."""
    provenance = next(iter(runs.values())).provenance
    years = definition.summary.years
    return {
        "ok": True,
        "model": provenance.model,
        "hash": provenance.hash,
        "method": provenance.method,
        "time_step": provenance.time_step,
        "saveper": provenance.saveper,
        "engine": provenance.engine,
        "seconds": sum(run.seconds for run in runs.values()),
        "scenarios": {
            slug: {
                "file": out / f"{slug}.csv",
                "events": run.events,
                "horizon": run.horizon,
                "at": _at(run, years),
                "trust": _trust(run),
            }
            for slug, run in runs.items()
        },
        "versions": provenance.versions,
    }


def _at(run: Run, years: Iterable[float]) -> dict[str, Mapping[str, float]]:
    """All values at each year within the run, and at its end."""
    rows = {f"{year:g}": run.at(year) for year in years}
    last = float(run.results.index[-1])
    return {year: values for year, values in rows.items() if values} | {"end": run.at(last)}


def _trust(run: Run) -> dict[str, Any]:
    trust = run.trust
    smallest = trust.smallest_stock
    return {
        "step_error": trust.step_error,
        "conservation_error": trust.conservation_error,
        "smallest_stock": smallest
        and {"name": smallest.name, "value": smallest.value, "time": smallest.time},
        "trusted": trust.trusted,
    }
