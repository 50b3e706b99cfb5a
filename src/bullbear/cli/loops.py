"""`bullbear loops`: feedback loops, their direction, and which of them rule when."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bullbear.cli.options import JsonOption, ModelArgument, SetOption, load_file, model_file
from bullbear.cli.output import check_writable, note, say, say_json, staged, wrapped

if TYPE_CHECKING:
    from bullbear.analysis.feedback import Report

SHOWN = 20
SAMPLED = "signs of exact partial derivatives at every step of the run"
FOLDER = Path("bullbear-out/loops")


def command(
    ctx: typer.Context,
    model: ModelArgument = None,
    scenario: Annotated[str, typer.Option(metavar="NAME", help="Conditions of the run.")] = "base",
    settings: SetOption = None,
    length: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            help="The longest loop, in variables and stages of delays.",
            show_default=False,
        ),
    ] = None,
    constants: Annotated[
        bool, typer.Option("--constants", help="Show constants in the stock-and-flow diagrams.")
    ] = False,
    out: Annotated[
        Path, typer.Option(metavar="DIR", help="Where report, diagrams and tables go.")
    ] = FOLDER,
    as_json: JsonOption = False,
) -> None:
    """List the feedback loops of a model and say which of them bring about what happens.

    \b
    bullbear loops
    bullbear loops numerai --scenario bear --json
    bullbear loops my.mdl --length 8

    Every simple cycle is listed; where there are more than 2000, a set of shortest loops stands
    for them in which every link of feedback appears. Loops that analysis/loops.toml names for the
    model are followed link by link, and a link that is missing is an error. Scores are those of
    Loops That Matter; shares are of the loops that are listed. Written are report.md, a
    causal-loop diagram of the named loops and one of those that rule, a stock-and-flow diagram of
    every sector (SVG), loops.csv with every loop and shares.csv with the shares over time.
    """  # fmt: skip
    from bullbear.analysis.feedback import examine
    from bullbear.analysis.named_loops import LoopsFile, loops_file
    from bullbear.models.overrides import parse_settings
    from bullbear.report.loops import pictures, text

    check_writable(out)
    file = model_file(ctx, model)
    loaded = load_file(file)
    named = None if file.foreign else loops_file(file.path)
    if named is not None and LoopsFile.read(named).model != loaded.name:
        named = None
    report = examine(loaded, scenario, parse_settings(settings or []), named, length)
    drawn = pictures(report, loaded, constants=constants)
    with staged(out) as folder:
        for name, picture in drawn.items():
            (folder / name).write_text(picture, encoding="utf-8", newline="\n")
        words = text(report, loaded, scenario, list(drawn))
        (folder / "report.md").write_text(words, encoding="utf-8", newline="\n")
        _write(report, folder)
        files = sorted(out / file.name for file in folder.iterdir())
    if as_json:
        say_json({"ok": True, "model": loaded.name, "scenario": scenario, **_content(report),
                  "files": files})  # fmt: skip
        return
    _say(report, loaded.name, scenario)
    note(f"written: {', '.join(map(str, files))}")


def _content(report: Report) -> dict[str, Any]:
    feedback = report.feedback
    return {
        "variables": report.variables,
        "links": report.links,
        "components": [len(part) for part in feedback.components],
        "complete": feedback.complete,
        "length": feedback.length,
        "polarity_by": SAMPLED,
        "loops": [
            {"variables": loop.variables, "length": len(loop.path), "polarity": loop.polarity}
            for loop in feedback.loops
        ],
        "named": [
            {
                "name": one.loop.name, "title": one.loop.title, "polarity": one.polarity,
                "cycles": one.cycles, "variables": one.loop.path,
            }
            for one in report.named
        ],
        "dominant": [
            {"from": p.start, "to": p.end, "loops": [report.labels[i] for i in p.loops]}
            for p in report.periods
        ],
        "ruling": [
            {"loop": label, "share_of_run": share}
            for label, share in zip(report.labels, report.reigns, strict=True) if share
        ],
    }  # fmt: skip


def _say(report: Report, name: str, scenario: str) -> None:
    feedback = report.feedback
    sizes = ", ".join(str(len(part)) for part in feedback.components) or "none"
    say(wrapped(f"{name}, {scenario}: {report.variables} variables that change, {report.links} "
                f"links; in feedback with each other: {sizes}."))  # fmt: skip
    bound = f" of at most {feedback.length} variables" if feedback.length else ""
    whole = (
        f"{len(feedback.loops)} loops{bound}, all there are" if feedback.complete
        else f"more than 2000 loops{bound}; {len(feedback.loops)} shortest ones have every link"
    )  # fmt: skip
    say(wrapped(f"{whole}. R reinforces, B balances, by the {SAMPLED}."))
    for one in report.named:
        cycles = f" ({one.cycles} cycles by element)" if one.cycles > 1 else ""
        say(wrapped(f"{one.loop.name} {one.polarity}: {one.loop.title}{cycles}", "  "))
    if not report.named:
        for loop in feedback.loops[:SHOWN]:
            say(wrapped(f"{loop.polarity}: {' -> '.join(loop.variables)}", "  "))
        if len(feedback.loops) > SHOWN:
            say(f"  ... and {len(feedback.loops) - SHOWN} more in loops.csv")
    _say_periods(report)


def _say_periods(report: Report) -> None:
    """Who rules when; of a run with many changes the means over windows."""
    from bullbear.analysis.loop_scores import averaged, dominant
    from bullbear.report.loops import WINDOWS

    say("More than half of the scores of the listed loops belong to:")
    periods = report.periods
    if len(periods) > SHOWN:
        periods = tuple(dominant(averaged(report.scores, WINDOWS)))
        say(f"  (means over {WINDOWS} windows; --json has all {len(report.periods)} periods)")
    for period in periods:
        loops = "; ".join(report.labels[i] for i in period.loops)
        say(wrapped(f"{period.start:g} to {period.end:g}: {loops}", "  "))
    if not periods:
        say("  no direction has more than half at any time")


def _write(report: Report, folder: Path) -> None:
    import pandas as pd

    loops = pd.DataFrame(
        [(loop.polarity, len(loop.path), " -> ".join(loop.variables))
         for loop in report.feedback.loops],
        columns=["polarity", "length", "variables"],
    )  # fmt: skip
    if not report.named:  # numbered as in the report and its diagrams
        loops.insert(0, "loop", [one.name for one in report.loops])
    loops.to_csv(folder / "loops.csv", index=False, lineterminator="\n")
    index = pd.Index(report.scores.times, name="time")
    shares = pd.DataFrame(report.scores.shares.T, index=index, columns=list(report.labels))
    shares.to_csv(folder / "shares.csv", lineterminator="\n", float_format="%.6g")
