"""`bullbear sensitivity`: which uncertain constants drive the outputs of a study."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bullbear.cli.options import (
    ClusterOption,
    JsonOption,
    OutOption,
    ResumeOption,
    load_file,
    model_file,
)
from bullbear.cli.output import check_writable, note, say, say_json, staged, wrapped, write_json
from bullbear.cli.progress import kept, watched
from bullbear.errors import UsageError, did_you_mean

if TYPE_CHECKING:
    from bullbear.analysis.boxes import Draws
    from bullbear.analysis.sensitivity import Result, Task

FOLDER = Path("bullbear-out/sensitivity")
PREFIX = "sensitivity-"


class MethodOption(StrEnum):
    """Methods that can be asked for."""

    local = "local"
    morris = "morris"
    sobol = "sobol"
    shapley = "shapley"
    given_data = "given-data"
    discovery = "discovery"


def command(
    ctx: typer.Context,
    study: Annotated[
        str | None,
        typer.Argument(
            metavar="STUDY",
            help="A study file, or the name of one under analysis/, as in `price`. Left out, "
            "the study of the run-out date.",
            show_default=False,
        ),
    ] = None,
    method: Annotated[
        MethodOption | None,
        typer.Option(help="Another method than that of the study.", show_default=False),
    ] = None,
    n: Annotated[
        int | None,
        typer.Option(
            "--n",
            metavar="N",
            min=2,
            help="Trajectories of morris; the largest base sample of sobol and shapley, a power of "
            "two; draws of given-data and discovery.",
            show_default=False,
        ),
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(metavar="S", min=0, help="Which design is made.", show_default=False),
    ] = None,
    cluster: ClusterOption = None,
    resume: ResumeOption = False,
    out: OutOption = FOLDER,
    as_json: JsonOption = False,
) -> None:
    """Say which uncertain constants drive the outputs of a study.

    \b
    bullbear sensitivity                        when the treasury runs out
    bullbear sensitivity price --method morris
    bullbear sensitivity my-study.toml --method sobol --n 1024 --json
    bullbear sensitivity --method local         exact derivatives of one run
    bullbear sensitivity discovery-bear         the box of constants in which it happens

    Sobol and Shapley designs are doubled until every 95 % interval is narrower than ±0.05, or N is
    reached; inputs whose intervals overlap are not ranked. indices.json and indices.csv have all
    numbers, report.md the words. A study of discovery (PRIM) writes box.json instead.
    """
    from bullbear.analysis.boxes import Draws
    from bullbear.analysis.sensitivity import make_task
    from bullbear.analysis.study import Study

    check_writable(out)
    path = study_file(ctx, study, PREFIX, "sensitivity-runout")
    read = Study.read(path)
    model = load_file(model_file(ctx, read.model_argument))
    chosen = None if method is None else method.value
    if (chosen or read.method.name) == "discovery":
        _discover(Draws(read, model, n, seed), out, resume, cluster, as_json)
        return
    task = make_task(read, model, chosen, n, seed)
    result = _examine(task, out, resume, cluster)
    files = _write(result, out)
    if as_json:
        from bullbear.report.sensitivity import content

        say_json({"ok": True, "study": str(path), **content(result), "files": files})
        return
    _show(result)
    note("wrote " + ", ".join(map(str, files)))


def study_file(ctx: typer.Context, argument: str | None, prefix: str, default: str) -> Path:
    """The file that a study argument means: a path, or a name under `analysis/`.

    Raises
    ------
    UsageError
        If there is no such file.
    """
    from bullbear.models.workspace import find_workspace

    if argument is not None and (argument.endswith(".toml") or len(Path(argument).parts) > 1):
        path = Path(argument)
        if not path.is_file():
            raise UsageError(f"no study file {path}", code="unknown-study",
                             hint="give the path of a .toml file")  # fmt: skip
        return path
    folder = find_workspace(ctx.find_root().obj).root / "analysis"
    name = default if argument is None else argument
    for candidate in (name, prefix + name):
        path = folder / f"{candidate}.toml"
        if path.is_file():
            here = Path.cwd()
            return path.relative_to(here) if path.is_relative_to(here) else path
    known = [p.stem.removeprefix(prefix) for p in sorted(folder.glob(f"{prefix}*.toml"))]
    raise UsageError(
        f'unknown study "{name}"', code="unknown-study",
        hint=did_you_mean(name, known) or f"{folder} has {', '.join(known) or 'none'}",
    )  # fmt: skip


def _examine(task: Task, out: Path, resume: bool, cluster: str | None) -> Result:
    """Do the study; what is done is kept until its files are written."""
    from bullbear.analysis.evaluation import Evaluation, Journal
    from bullbear.analysis.sensitivity import examine
    from bullbear.models.ensemble import Options

    with watched("runs", task.most_runs) as advance:
        evaluation = Evaluation(
            task.model, task.inputs.names, task.asked, Options(cluster=cluster), advance
        )
        with kept(Journal(out, task.label + evaluation.fingerprint, resume)) as journal:
            found = examine(task, evaluation, journal)
    return found


def _discover(draws: Draws, out: Path, resume: bool, cluster: str | None, as_json: bool) -> None:
    """Do a study of discovery and say what came out."""
    from bullbear.analysis.evaluation import Journal
    from bullbear.models.ensemble import Options
    from bullbear.report.sensitivity import mark
    from bullbear.report.sensitivity_boxes import NAME, content, draw, report, sentences

    with watched("runs", draws.count) as advance:
        evaluation = draws.evaluation(Options(cluster=cluster), advance)
        with kept(Journal(out, draws.label + evaluation.fingerprint, resume)) as journal:
            found = draws.boxes(evaluation, journal)
    model, question = draws.model, draws.question
    made = mark(model.name, model.hash, question)
    told = {**content(draws.study, found), "model": model.name, "hash": model.hash,
            "question": question}  # fmt: skip
    with staged(out) as scratch:
        draw(draws.study, found, scratch)
        write_json(scratch / "box.json", told)
        (scratch / "report.md").write_text(report(draws.study, found, made), encoding="utf-8")
    files = [out / name for name in ("box.json", "report.md", NAME)]
    if as_json:
        say_json({"ok": True, **told, "files": files})
        return
    for text in sentences(draws.study, found):
        say(wrapped(text))
    note("wrote " + ", ".join(map(str, files)))


def _write(result: Result, out: Path) -> list[Path]:
    from bullbear.report.sensitivity import content, report, table
    from bullbear.report.sensitivity_plots import draw

    with staged(out) as scratch:
        figures = draw(result, scratch)
        table(result).to_csv(scratch / "indices.csv", index=False, lineterminator="\n")
        write_json(scratch / "indices.json", content(result))
        (scratch / "report.md").write_text(report(result, figures), encoding="utf-8")
        names = sorted(file.name for file in scratch.iterdir())
    return [out / name for name in names]


def _show(result: Result) -> None:
    from bullbear.report.sensitivity import (
        enough,
        headline,
        overview,
        rows,
        sentence,
        times,
        verdict,
    )

    say(wrapped(f"{result.study.title}. {verdict(result)}"))
    for column in headline(result):
        say(wrapped(sentence(result, column), "  "))
    for column in headline(result)[:1]:
        say()
        for place, name, value in rows(result, column):
            say(f"  {place:>6}  {name:<40} {value:>14}")
    say()
    for stage in result.stages:
        say(f"  n = {stage.n:>6}, {stage.runs:>8} runs: widest interval ±{stage.widest:.3f}")
    for text in (enough(result), *result.remarks):
        if text:
            say(wrapped(text))
    note(wrapped(f"{overview(result)} {times(result)}"))
