"""`bullbear runway`: when the treasury runs out, and how likely bull and bear are."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bullbear.cli.options import (
    ClusterOption,
    JsonOption,
    ModelArgument,
    OutOption,
    ResumeOption,
    ScenarioOption,
    load_file,
    model_file,
)
from bullbear.cli.output import check_writable, note, say, say_json, staged, wrapped, write_json
from bullbear.cli.progress import kept, watched

if TYPE_CHECKING:
    from bullbear.analysis.claims import Claims
    from bullbear.analysis.outcomes import Outcomes
    from bullbear.analysis.runway import Prospect, Question
    from bullbear.analysis.uncertain import Uncertain
    from bullbear.models.model import Model

FOLDER = Path("bullbear-out/runway")
BEFORE = (0.25, 0.5, 0.75)
"""Without a file of outcomes: shares of the run before whose end chances are told."""
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


def command(
    ctx: typer.Context,
    model: ModelArgument = None,
    scenario: ScenarioOption = None,
    posterior: Annotated[
        Path | None,
        typer.Option(
            metavar="FIT",
            help="The folder of a fit, or a file of draws; the priors are told beside it.",
            show_default=False,
        ),
    ] = None,
    draws: Annotated[
        int, typer.Option(metavar="N", min=2, help="How many draws from the priors.")
    ] = 4096,
    seed: Annotated[int, typer.Option(metavar="S", min=0, help="Which draws are made.")] = 0,
    cluster: ClusterOption = None,
    resume: ResumeOption = False,
    out: OutOption = FOLDER,
    as_json: JsonOption = False,
) -> None:
    """Say how likely run-out, closure, bull and bear are.

    \b
    bullbear runway
    bullbear runway --scenario base --scenario m1_policy_rule --json
    bullbear runway --posterior bullbear-out/calibrate

    Every draw of the uncertain constants is one run to the horizon; events that are not seen by
    then count as later, not as never (Kaplan-Meier). What counts as the fund alive, the token
    alive, bull and bear stands in analysis/outcomes.toml, and so does what is known: everything is
    told again of the draws that agree with it. The report also answers the claims of
    analysis/claims.toml.
    """
    from bullbear.analysis.runway import Question
    from bullbear.report.runway import content, report
    from bullbear.report.runway_plots import NAME, draw
    from bullbear.report.sensitivity import mark

    check_writable(out)
    loaded = load_file(model_file(ctx, model))
    question = Question(loaded, *_files(ctx, loaded))
    slugs = scenario or [loaded.definition.canonical]
    groups = groups_of(loaded, slugs, posterior)
    found = _prospects(question, groups, (draws, seed), out, resume, cluster)
    before, shares = _told(loaded, question.outcomes)
    key = question.key(groups, draws, seed)
    told = {"ok": True, "model": loaded.name, "hash": loaded.hash, "question": key, "seed": seed,
            **content(found, before, shares, question.claims)}  # fmt: skip
    text = report(loaded.definition.title, found, before, shares, NAME, question.claims,
                  mark(loaded.name, loaded.hash, key))  # fmt: skip
    with staged(out) as scratch:
        draw(found, loaded.definition.title, loaded.grid().initial, scratch)
        write_json(scratch / "runway.json", told)
        (scratch / "report.md").write_text(text, encoding="utf-8")
    files = [out / name for name in (NAME, "report.md", "runway.json")]
    if as_json:
        say_json({**told, "files": files})
        return
    _show(found, before, shares)
    note("wrote " + ", ".join(map(str, files)))


def _files(ctx: typer.Context, model: Model) -> tuple[Outcomes | None, Claims | None]:
    """The files of outcomes and of claims of the workspace, where they are about this model."""
    from bullbear.analysis import claims, outcomes
    from bullbear.models.workspace import find_workspace

    folder = find_workspace(ctx.find_root().obj).root / "analysis"
    file = folder / outcomes.FILE
    first = outcomes.Outcomes.read(file) if file.is_file() else None
    file = folder / claims.FILE
    second = claims.Claims.read(file) if file.is_file() else None
    return (
        first if first is not None and first.model == model.name else None,
        second if second is not None and second.model == model.name else None,
    )


def groups_of(
    model: Model, slugs: list[str], posterior: Path | None
) -> list[tuple[str, str, Uncertain]]:
    """Scenario, belief and what is uncertain, of each set of runs.

    The priors of the first scenario are told beside its posterior, where the model has some.
    """
    from bullbear.analysis.belief import believed
    from bullbear.analysis.uncertain import Uncertain, model_priors

    if posterior is not None and model.definition.parameters_path is None:
        return [(slug, "posterior", believed(posterior, model)) for slug in slugs]
    priors = model_priors(model)
    own = Uncertain(tuple(priors), tuple(priors.values()))
    if posterior is None:
        return [(slug, "priors", own) for slug in slugs]
    groups = [(slug, "posterior", believed(posterior, model)) for slug in slugs]
    return [groups[0], (slugs[0], "priors", own), *groups[1:]]


def _told(model: Model, outcomes: Outcomes | None) -> tuple[list[float], list[float]]:
    """Times before which chances are told, and shares for which times are."""
    from bullbear.analysis.columns import span

    if outcomes is not None:
        return list(outcomes.before), list(outcomes.quantiles)
    first, last, _ = span(model)
    return [first + share * (last - first) for share in BEFORE], list(QUANTILES)


def _prospects(
    question: Question, groups: list[tuple[str, str, Uncertain]], drawn: tuple[int, int],
    out: Path, resume: bool, cluster: str | None,
) -> list[Prospect]:  # fmt: skip
    """All sets of runs, one after the other; what is done is kept until the files are written."""
    from bullbear.analysis.evaluation import Evaluation, Journal
    from bullbear.analysis.runway import prospects, sample
    from bullbear.analysis.uncertain import not_set
    from bullbear.models.ensemble import Options

    free = [not_set(question.model, slug, inputs.names) for slug, _, inputs in groups]
    tables = [sample(inputs, *drawn)[:, places]
              for (_, _, inputs), places in zip(groups, free, strict=True)]  # fmt: skip
    names = [tuple(inputs.names[i] for i in places)
             for (_, _, inputs), places in zip(groups, free, strict=True)]  # fmt: skip
    with watched("runs", sum(map(len, tables))) as advance:
        evaluations = [
            Evaluation(question.model, own, question.columns(slug), Options(cluster=cluster),
                       advance)
            for (slug, _, _), own in zip(groups, names, strict=True)
        ]  # fmt: skip
        sums = [float(table.sum()) for table in tables]
        label = repr(([e.fingerprint for e in evaluations], names, sums, drawn))
        found = []
        with kept(Journal(out, label, resume)) as journal:
            for (slug, belief, _), table, evaluation in zip(
                groups, tables, evaluations, strict=True
            ):
                found += prospects(question, slug, belief, table, evaluation, journal)
    return found


def _show(found: list[Prospect], before: list[float], shares: list[float]) -> None:
    from bullbear.report.runway import about, answer, line, lines

    say(wrapped(answer(found)))
    say()
    for prospect in found:
        say(wrapped(line(prospect)))
    for prospect in found:
        say()
        say(wrapped(about(prospect)))
        for text in lines(prospect, before, shares):
            say(wrapped(text, "  "))
