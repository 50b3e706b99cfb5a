"""`bullbear calibrate`: fit a problem, say what it told, and accept a fit."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bullbear.cli.options import JsonOption, OutOption, ResumeOption, ThreadsOption
from bullbear.cli.output import check_writable, note, say, say_json, staged, wrapped
from bullbear.errors import UsageError

if TYPE_CHECKING:
    from bullbear.calibration.fit import Fit, Settings
    from bullbear.calibration.objective import Objective

_STARTS = 20


def command(
    ctx: typer.Context,
    problem: Annotated[
        str | None,
        typer.Argument(
            metavar="PROBLEM",
            help="A name under calibration/problems/, or the path of a problem file. Left out, "
            "the problem named after the model of the workspace.",
            show_default=False,
        ),
    ] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="Searches and Wald intervals; the default.")
    ] = False,
    full: Annotated[
        bool, typer.Option("--full", help="Profiles and a posterior besides; takes long.")
    ] = False,
    starts: Annotated[
        int,
        typer.Option(
            metavar="N", min=1,
            help="How many searches.",
        ),
    ] = _STARTS,
    seed: Annotated[int, typer.Option(metavar="S", min=0, help="Where searches begin.")] = 0,
    influence: Annotated[
        bool,
        typer.Option("--influence", help="Refit without each source, and with its scale doubled."),
    ] = False,
    resume: ResumeOption = False,
    threads: ThreadsOption = None,
    accept: Annotated[
        Path | None,
        typer.Option(
            "--accept", metavar="DIR",
            help="Take the fit in DIR: write its values into the parameter file and the equations.",
            show_default=False,
        ),
    ] = None,
    out: OutOption = Path("bullbear-out/calibrate"),
    as_json: JsonOption = False,
) -> None:  # fmt: skip
    """Fit constants to public numbers, and say what the numbers can and cannot tell.

    \b
    bullbear calibrate                        the Numerai problem, quickly
    bullbear calibrate numerai-2021 --full --seed 7
    bullbear calibrate my/problem.toml --influence
    bullbear calibrate --accept bullbear-out/calibrate

    Writes fit.json, parameters.csv, report.md and figures; --full adds draws.parquet.
    """
    # many small matrices: threads of the linear algebra would only wait for each other
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from bullbear.calibration.fit import Settings
    from bullbear.calibration.objective import open_problem

    if accept is not None:
        _accept(ctx, accept, as_json)
        return
    if quick and full:
        raise UsageError("--quick and --full exclude each other", code="usage")
    check_writable(out)
    objective = open_problem(_problem_file(ctx, problem))
    settings = Settings(starts, seed, full, influence, threads)
    found = _run(objective, settings, out, resume)
    files = _write(found, out)
    if as_json:
        _say_json(found, files)
    else:
        _show(found, files)


def _problem_file(ctx: typer.Context, argument: str | None) -> Path:
    """The problem that an argument means.

    Raises
    ------
    UsageError
        If there is none.
    """
    from bullbear.errors import did_you_mean
    from bullbear.models.workspace import find_model, find_workspace

    if argument is not None and (argument.endswith(".toml") or os.sep in argument):
        path = Path(argument)
        if path.is_file():
            return path
        if path.suffix:
            raise UsageError(f"there is no file {path}", code="unknown-problem",
                             hint="give the path of a problem file, or a name")  # fmt: skip
    place = find_workspace(ctx.find_root().obj)
    folder = place.root / "calibration" / "problems"
    name = argument or find_model(None, place.root).name
    known = sorted(str(file.relative_to(folder).with_suffix("")) for file in folder.rglob("*.toml"))
    found = [text for text in known if name in (text, text.rpartition("/")[2])]
    if not found:
        raise UsageError(
            f'unknown problem "{name}": {folder} has {", ".join(known) or "none"}',
            code="unknown-problem",
            hint=did_you_mean(name, known) or "give one of these names, or the path of a file",
        )
    return folder / f"{found[0]}.toml"


def _run(objective: Objective, settings: Settings, out: Path, resume: bool) -> Fit:
    from bullbear.calibration.fit import fit

    with _watched() as progress:
        try:
            return fit(objective, settings, out, resume=resume, progress=progress)
        except KeyboardInterrupt:
            note(f"what is done is kept in {out}; --resume goes on from there")
            raise


@contextmanager
def _watched() -> Iterator[Callable[[str, int, int], None]]:
    """One progress bar per phase, where somebody watches."""
    if not sys.stderr.isatty():
        yield lambda _phase, _done, _total: None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bars:
        tasks = {}

        def advance(phase: str, done: int, total: int) -> None:
            if phase not in tasks:
                tasks[phase] = bars.add_task(phase, total=total)
            bars.update(tasks[phase], completed=done, total=total)

        yield advance


def _write(found: Fit, out: Path) -> list[Path]:
    """All files of a fit, put into place together."""
    from bullbear.calibration.folder import write_fit
    from bullbear.report.fit import fit_report
    from bullbear.report.fit_figures import write_fit_figures

    with staged(out) as scratch:
        write_fit(found, scratch)
        figures = write_fit_figures(found, scratch)
        text = fit_report(found, figures)
        (scratch / "report.md").write_text(text, encoding="utf-8", newline="\n")
        names = sorted(file.name for file in scratch.iterdir())
    return [out / name for name in names]


def _say_json(found: Fit, files: list[Path]) -> None:
    from bullbear.calibration.folder import fit_json

    say_json({"ok": True, **fit_json(found), "files": files})


def _show(found: Fit, files: list[Path]) -> None:
    from bullbear.report.fit_words import changes, learned, systematic, untold

    say(f"{found.status}: {found.message}")
    parts = {
        "What was learned": learned, "What the numbers cannot tell": untold,
        "What is systematically off": systematic, "What changed": changes,
    }  # fmt: skip
    for title, words in parts.items():
        lines = list(words(found))
        if lines:
            say(f"\n{title}")
            for line in lines:
                say(wrapped(line, "  "))
    note("\nwrote " + ", ".join(map(str, files)))


def _accept(ctx: typer.Context, folder: Path, as_json: bool) -> None:
    import datetime
    import json

    import bullbear
    from bullbear.calibration.accept import accept
    from bullbear.models.workspace import find_workspace
    from bullbear.report.numbers import short

    root = find_workspace(ctx.find_root().obj).root
    try:
        name = json.loads((folder / "fit.json").read_text(encoding="utf-8"))["provenance"]["model"]
    except (OSError, ValueError, KeyError, TypeError):
        name = None  # the fault is told below
    model = bullbear.load(name, root)
    done = accept(folder, model, root, datetime.date.today())
    if as_json:
        changed = {n: {"before": a, "after": b} for n, (a, b) in done.changed.items()}
        say_json({"ok": True, "kept": done.kept, "changed": changed, "files": list(done.files)})
        return
    for name, (before, after) in done.changed.items():
        if before != after:
            say(f"{name}: {short(before)} → {short(after)}")
    note(f"kept in {done.kept}; wrote " + ", ".join(map(str, done.files)))
