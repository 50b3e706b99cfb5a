"""`bullbear check`: every fault of a model in one pass."""

from __future__ import annotations

import csv
import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bullbear.cli.options import JsonOption, load_model, model_file
from bullbear.cli.output import note, say, say_json, wrapped
from bullbear.errors import ERROR, WARNING, Finding, Where

if TYPE_CHECKING:
    from bullbear.models.check import Checked
    from bullbear.models.workspace import ModelFile


def command(
    ctx: typer.Context,
    models: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="MODEL",
            help="Names under models/, or paths of .toml or .mdl files. Left out, the model of "
            "the workspace.",
            show_default=False,
        ),
    ] = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Warnings are errors, units of other files included.")
    ] = False,
    units: Annotated[
        bool, typer.Option("--units", help="Say how many equations have all their units known.")
    ] = False,
    behaviour: Annotated[
        bool,
        typer.Option(
            "--behaviour",
            help="Run the model too, and try every statement of analysis/checks.toml.",
        ),
    ] = False,
    codes: Annotated[
        bool, typer.Option("--codes", help="List every finding there can be, and stop.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Find every fault of a model: files, names, subscripts, loops, units, lookups, constants.

    \b
    bullbear check numerai
    bullbear check numerai my.mdl --strict
    bullbear check --behaviour

    A model without a fault gives no output. Exit code 1 if there is an error.
    """
    if codes:
        _say_codes()
        return
    found: list[Finding] = []
    names: list[str | None] = [*models] if models else [None]
    for name in names:
        checked = check(model_file(ctx, name), ctx.find_root().obj)
        found += [f for f in checked.findings if f not in found]
        if behaviour and _passes(found):
            found += _behaviour(ctx, name)
        if units:
            note(f"{checked.name}: all units are known in {checked.coverage:.1f} % of equations")
    shown = [shortened(_strictly(finding) if strict else finding) for finding in found]
    if as_json:
        say_json({"ok": _passes(shown), "findings": [_content(finding) for finding in shown]})
    else:
        for finding in shown:
            say(finding.pointed())
    if not _passes(shown):
        raise typer.Exit(1)


def check(file: ModelFile, workspace: Path | None = None) -> Checked:
    """All findings about a model, in the order of its files; sorted by line within a file."""
    from bullbear.calibration.ledger_check import check_ledger
    from bullbear.calibration.problem_check import check_problems
    from bullbear.models.check import check_model, known_units
    from bullbear.models.workspace import find_workspace

    beside = None if file.foreign else file.path.parent
    units = known_units(find_workspace(workspace, beside).root)
    checked = check_model(file, units)
    checked.findings += check_ledger(checked, units)
    checked.findings += check_problems(checked, units)
    # a series that equations, plots and several problems read is at fault once
    checked.findings[:] = dict.fromkeys(checked.findings)
    files = {f.where.file: i for i, f in reversed(list(enumerate(checked.findings)))}
    checked.findings.sort(
        key=lambda f: (files[f.where.file], f.where.line or 0, f.where.column or 0)
    )
    return checked


def _behaviour(ctx: typer.Context, name: str | None) -> list[Finding]:
    """The checks that modellers wrote, tried on runs; what is conserved is said on the way."""
    from bullbear.analysis.checks import behaviour

    done = behaviour(load_model(ctx, name))
    for total in done.conserved:
        note(f"conserved: {total.text} (largest departure {total.departure:.1g})")
    note(f"{done.checks} checks of behaviour tried on {done.cases} runs")
    return list(done.findings)


def shortened(finding: Finding) -> Finding:
    """The finding with its files as seen from the working directory."""
    here = str(Path.cwd())
    file = finding.where.file
    shown = None if file is None else str(Path(file).resolve()).removeprefix(here + os.sep)
    return replace(
        finding,
        where=Where(shown, finding.where.line, finding.where.column),
        message=finding.message.replace(here + os.sep, ""),
        hint=finding.hint.replace(here + os.sep, ""),
    )


def _strictly(finding: Finding) -> Finding:
    return replace(finding, severity=ERROR) if finding.severity == WARNING else finding


def _passes(findings: list[Finding]) -> bool:
    return all(finding.severity != ERROR for finding in findings)


def _content(finding: Finding) -> dict[str, object]:
    return {
        "file": finding.where.file,
        "line": finding.where.line,
        "column": finding.where.column,
        "code": finding.code,
        "severity": finding.severity,
        "message": finding.message,
        "hint": finding.hint,
    }


def _say_codes() -> None:
    from bullbear.equations import check as package

    table = Path(str(package.__file__)).with_name("codes.csv")
    with table.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            say(f"{row['code']} ({row['severity']})")
            say(wrapped(f"{row['meaning']} {row['remedy']}", "    "))
