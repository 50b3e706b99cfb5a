"""`bullbear ensemble`: many draws of the constants, their outputs, events or statistics."""

from __future__ import annotations

import warnings
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bullbear.cli.options import (
    ClusterOption,
    JsonOption,
    ModelArgument,
    OutOption,
    ResumeOption,
    ThreadsOption,
    load_model,
)
from bullbear.cli.output import check_writable, note, say, say_json, staged
from bullbear.cli.progress import watched
from bullbear.cli.run import Method
from bullbear.errors import UsageError

if TYPE_CHECKING:
    import pandas as pd

    from bullbear.models.ensemble import Ensemble, Part, Work
    from bullbear.models.model import Model
    from bullbear.models.plan import Request


def command(
    ctx: typer.Context,
    model: ModelArgument = None,
    draws: Annotated[
        str | None,
        typer.Option(
            metavar="N|FILE",
            help="How many draws from the priors of the parameter file, or a CSV or parquet file "
            "with one row per draw and one column per constant.",
            show_default=False,
        ),
    ] = None,
    outputs: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="A variable to keep; may be given again. Left out, the headline outputs.",
            show_default=False,
        ),
    ] = None,
    at: Annotated[
        list[float] | None,
        typer.Option(
            "--at",
            metavar="TIME",
            help="A time at which they are kept; may be given again. Left out, every SAVEPER.",
            show_default=False,
        ),
    ] = None,
    seed: Annotated[
        int, typer.Option(metavar="S", min=0, help="Which draws and random numbers are made.")
    ] = 0,
    threads: ThreadsOption = None,
    method: Annotated[
        Method | None,
        typer.Option(help="How to step; the model file says it if left out.", show_default=False),
    ] = None,
    cluster: ClusterOption = None,
    resume: ResumeOption = False,
    out: OutOption = Path("bullbear-out/ensemble"),
    as_json: JsonOption = False,
) -> None:
    """Simulate many draws of the constants.

    \b
    bullbear ensemble --draws 10000
    bullbear ensemble --draws 10000 --outputs "NMR Price" --at 2030 --at 2036 --seed 7
    bullbear ensemble my.mdl --draws table.csv --outputs stock --out results
    bullbear ensemble --draws 1000000 --resume

    A draw that fails is marked in events.csv and never stops the others. Where all values would
    not fit into memory, means and quantiles are written instead.
    """
    from bullbear.models.ensemble import Options, Work
    from bullbear.models.plan import Request, make_plan

    check_writable(out)
    loaded = load_model(ctx, model)
    table = _draws(loaded, draws, seed)
    chosen = method.value if method else None
    request = Request(outputs=outputs, save_at=at, method=chosen, seed=seed)
    plan = make_plan(loaded, table, request)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # said below, in one line
        work = Work(plan, Options(threads=threads, cluster=cluster))
    if work.remark:
        note(f"warning: no machine code: {work.remark}")
    with work:
        found, files = _run(work, table, request, out, resume)
    if as_json:
        say_json({
            "ok": True, "draws": len(table), "failed": len(found.failed),
            "seconds": found.seconds, "compile_seconds": found.compile_seconds,
            "ns_per_draw_step": found.ns_per_draw_step, "method": found.provenance.method,
            "files": files,
        })  # fmt: skip
    else:
        _show(found, files)


def _draws(model: Model, asked: str | None, seed: int) -> pd.DataFrame:
    """The table of draws that `--draws` means."""
    from bullbear.models.draws import read_draws, read_priors, sobol_draws

    if asked is None:
        raise UsageError("--draws is missing", code="draws",
                         hint="give a number, as in --draws 1000, or a file of draws")  # fmt: skip
    if not asked.strip().lstrip("-").isdigit():
        return read_draws(Path(asked))
    path = model.definition.parameters_path
    if path is None:
        raise UsageError(
            f'the model "{model.name}" has no parameter file with priors',
            code="draws",
            hint="give a file of draws instead of a number",
        )
    return sobol_draws(read_priors(path), int(asked), seed)


def _run(
    work: Work, draws: pd.DataFrame, request: Request, out: Path, resume: bool
) -> tuple[Ensemble, list[Path]]:
    """Work on what is not done yet, and put everything together."""
    from bullbear.models.blocks import BlockStore
    from bullbear.models.ensemble import gather

    store = BlockStore(out, work)
    missing = store.open(resume)
    done = len(draws) - sum(len(range(*work.blocks[i].indices(len(draws)))) for i in missing)
    with watched("draws", len(draws), done) as advance:

        def keep(index: int, part: Part) -> None:
            store.keep(index, part)
            advance(len(part.status))

        try:
            seconds = work.do(missing, keep)
        except KeyboardInterrupt:
            note(f"what is done is kept in {store.folder}; --resume goes on from there")
            raise
    found = gather(work, draws, request, store.__getitem__, len(draws) - done, seconds)
    files = _write(found, out)
    store.close()
    return found, files


def _write(found: Ensemble, out: Path) -> list[Path]:
    """All files of an ensemble, put into place together."""
    tables = {"draws": found.draws, "results": found.to_frame()}
    if found.values is None:
        tables["statistics"] = tables.pop("results")
    with staged(out) as scratch:
        for name, table in tables.items():
            if find_spec("pyarrow"):
                table.to_parquet(scratch / f"{name}.parquet")
            else:
                table.to_csv(scratch / f"{name}.csv", lineterminator="\n")
        found.outcomes().to_csv(scratch / "events.csv", lineterminator="\n")
        names = sorted(file.name for file in scratch.iterdir())
    return [out / name for name in names]


def _show(found: Ensemble, files: list[Path]) -> None:
    say(str(found))
    for name in found.events.columns:
        times = found.events[name].dropna()
        share = len(times) / len(found.draws)
        middle = f", median {times.median():.1f}" if len(times) else ""
        say(f"  {name}: in {share:.0%} of the draws before {found.horizon:g}{middle}")
    if found.failed:
        first = ", ".join(map(str, found.failed[:5]))
        say(f"  failed draws: {first}{', ...' if len(found.failed) > 5 else ''}")
    note("wrote " + ", ".join(map(str, files)))
