"""`bullbear runway`: when the treasury runs out, and how likely bull and bear are."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bullbear.cli.options import (
    ClusterOption,
    JsonOption,
    ModelArgument,
    ScenarioOption,
    load_file,
    model_file,
)
from bullbear.cli.output import check_writable, note, say, say_json, staged, wrapped, write_json
from bullbear.cli.progress import kept, watched

if TYPE_CHECKING:
    from bullbear.analysis.outcomes import Outcomes
    from bullbear.analysis.runway import Prospect
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
            help="The folder of a fit, or a file of draws, instead of the priors.",
            show_default=False,
        ),
    ] = None,
    draws: Annotated[
        int, typer.Option(metavar="N", min=2, help="How many draws from the priors.")
    ] = 4096,
    seed: Annotated[int, typer.Option(metavar="S", min=0, help="Which draws are made.")] = 0,
    cluster: ClusterOption = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on where the same question was interrupted.")
    ] = False,
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Where the files go.")] = FOLDER,
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
    told again of the draws that agree with it.
    """
    from bullbear.analysis.uncertain import Uncertain, model_priors, sampled
    from bullbear.report.runway import content, report
    from bullbear.report.runway_plots import NAME, draw

    check_writable(out)
    loaded = load_file(model_file(ctx, model))
    outcomes = _outcomes(ctx, loaded)
    if posterior is not None:
        inputs = sampled(posterior, loaded)
    else:
        priors = model_priors(loaded)
        inputs = Uncertain(tuple(priors), tuple(priors.values()))
    slugs = scenario or [loaded.definition.canonical]
    found = _prospects(loaded, outcomes, slugs, inputs, (draws, seed), out, resume, cluster)
    before, shares = _told(loaded, outcomes)
    told = {"ok": True, "model": loaded.name, "hash": loaded.hash, "seed": seed,
            **content(found, before, shares)}  # fmt: skip
    text = report(loaded.definition.title, found, before, shares, NAME)
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


def _outcomes(ctx: typer.Context, model: Model) -> Outcomes | None:
    """The file of outcomes of the workspace, where it is about this model."""
    from bullbear.analysis.outcomes import FILE, load_outcomes
    from bullbear.models.workspace import find_workspace

    path = find_workspace(ctx.find_root().obj).root / "analysis" / FILE
    if not path.is_file():
        return None
    found = load_outcomes(path)
    return found if found.model == model.name else None


def _told(model: Model, outcomes: Outcomes | None) -> tuple[list[float], list[float]]:
    """Times before which chances are told, and shares for which times are."""
    from bullbear.analysis.columns import span

    if outcomes is not None:
        return list(outcomes.before), list(outcomes.quantiles)
    first, last, _ = span(model)
    return [first + share * (last - first) for share in BEFORE], list(QUANTILES)


def _prospects(
    model: Model, outcomes: Outcomes | None, slugs: list[str], inputs: Uncertain,
    drawn: tuple[int, int], out: Path, resume: bool, cluster: str | None,
) -> list[Prospect]:  # fmt: skip
    """All scenarios, one after the other; what is done is kept until the files are written."""
    from bullbear.analysis.evaluation import Evaluation, Journal
    from bullbear.analysis.runway import prospects, sample, wanted
    from bullbear.models.ensemble import Options

    table = sample(inputs, *drawn)
    belief = "priors" if inputs.sample is None else "posterior"
    with watched("runs", len(table) * len(slugs)) as advance:
        evaluations = [
            Evaluation(model, inputs.names, wanted(model, outcomes, slug),
                       Options(cluster=cluster), advance)
            for slug in slugs
        ]  # fmt: skip
        label = repr([e.fingerprint for e in evaluations]) + repr((inputs.names, drawn))
        found = []
        with kept(Journal(out, label + repr(float(table.sum())), resume)) as journal:
            for slug, evaluation in zip(slugs, evaluations, strict=True):
                found += prospects(model, outcomes, slug, belief, table, evaluation, journal)
    return found


def _show(found: list[Prospect], before: list[float], shares: list[float]) -> None:
    from bullbear.report.runway import about, line, lines

    for prospect in found:
        say(wrapped(line(prospect)))
    for prospect in found:
        say()
        say(wrapped(about(prospect)))
        for text in lines(prospect, before, shares):
            say(wrapped(text, "  "))
