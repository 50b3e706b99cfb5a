"""`bullbear policies`: proposals held against each other in the same uncertain draws."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

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
from bullbear.cli.sensitivity import study_file

FOLDER = Path("bullbear-out/policies")


def command(
    ctx: typer.Context,
    file: Annotated[
        str | None,
        typer.Argument(
            metavar="FILE",
            help="A file of policies; analysis/policies.toml if left out.",
            show_default=False,
        ),
    ] = None,
    draws: Annotated[
        int | None,
        typer.Option(metavar="N", min=1, help="Another number of draws.", show_default=False),
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(metavar="S", min=0, help="Which draws are made.", show_default=False),
    ] = None,
    cluster: ClusterOption = None,
    resume: ResumeOption = False,
    out: OutOption = FOLDER,
    as_json: JsonOption = False,
) -> None:
    """Hold proposals against each other under uncertainty.

    \b
    bullbear policies
    bullbear policies --draws 2048 --json
    bullbear policies my-policies.toml

    Every policy is run in the same draws of the uncertain constants. Told are regrets, the share of
    draws in which a policy is good enough, the Pareto front of the means, and which uncertain
    constant flips the choice between the two most robust ones.
    """
    from bullbear.analysis.evaluation import Journal
    from bullbear.analysis.policies import Contest
    from bullbear.analysis.policies_file import Policies
    from bullbear.models.ensemble import Options
    from bullbear.report.sensitivity import mark
    from bullbear.report.sensitivity_policies import NAME, content, draw, knowing, report, sentences

    check_writable(out)
    path = study_file(ctx, file, "policies-", "policies")
    read = Policies.read(path)
    contest = Contest(read, load_file(model_file(ctx, read.model_argument)), draws, seed)
    options = Options(cluster=cluster)
    with watched("runs", contest.most_runs) as advance:
        fingerprint = contest.evaluation(0, options, advance).fingerprint
        with kept(Journal(out, contest.label + fingerprint, resume)) as journal:
            found = contest.compare(options, journal, advance)
    model, question = contest.model, contest.question
    made = mark(model.name, model.hash, question)
    told = {"title": read.title, "model": model.name, "hash": model.hash, "question": question,
            **content(found)}  # fmt: skip
    with staged(out) as scratch:
        draw(read.title, found, scratch)
        write_json(scratch / "policies.json", told)
        (scratch / "report.md").write_text(report(read.title, found, made), encoding="utf-8")
    files = [out / name for name in ("policies.json", "report.md", NAME)]
    if as_json:
        say_json({"ok": True, **told, "files": files})
        return
    for text in (*sentences(found), *knowing(found)):
        say(wrapped(text))
    for i in found.order:
        say(f"  {float(found.robust[i]):>4.0%}  {found.policies[i]}")
    note("wrote " + ", ".join(map(str, files)))
