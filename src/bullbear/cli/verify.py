"""`bullbear verify`: a model beside the numbers of another program."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bullbear.cli.options import JsonOption, load_file, model_file
from bullbear.cli.output import note, say, say_json, wrapped

if TYPE_CHECKING:
    from bullbear.models.verify import Difference, Verification
    from bullbear.models.workspace import ModelFile

SHOWN = 12


def command(
    ctx: typer.Context,
    model: Annotated[
        str,
        typer.Argument(
            metavar="MODEL",
            help="A name under models/, or the path of a .toml, .mdl, .xmile or .stmx file.",
            show_default=False,
        ),
    ],
    against: Annotated[
        Path,
        typer.Option(
            "--against",
            metavar="FILE",
            help="Results of another program: Vensim's export as text (time down or across), "
            "Stella's CSV, or a CSV of `bullbear run`.",
            show_default=False,
        ),
    ],
    rtol: Annotated[
        float,
        typer.Option(
            metavar="X",
            help="Error allowed, relative to the variable's largest absolute reference value; "
            "half a unit of the last printed digit is always allowed.",
        ),
    ] = 1e-4,
    scenario: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="Run this scenario, not the canonical one.", show_default=False
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Compare a model with the results of another program and find the first variable to depart.

    \b
    bullbear verify teacup.mdl --against teacup-from-vensim.tab
    bullbear verify numerai --against bullbear-out/run/base.csv --rtol 1e-9

    Names match as Vensim's do; a blank cell behind a number means the last value. Where variables
    differ, the run is repeated with one thing changed at a time (time step, method, saving step,
    start of smooths, lookups outside their points) to find the likely cause. Exit code 1 where
    anything differs.
    """
    found = _verify(model_file(ctx, model), against, rtol, scenario)
    if as_json:
        say_json(_content(found))
    else:
        _show(found)
    if not found.ok:
        raise typer.Exit(1)


def _verify(file: ModelFile, against: Path, rtol: float, scenario: str | None) -> Verification:
    from bullbear.models.verify import verify

    return verify(load_file(file), against, rtol, scenario)


def _content(found: Verification) -> dict[str, Any]:
    first = found.first
    content: dict[str, Any] = {
        "ok": found.ok,
        "model": found.model,
        "against": found.reference,
        "rtol": found.rtol,
        "compared": len(found.compared),
        "missing": found.missing,
        "differing": [
            {"name": d.name, "max_error": d.max_error, "first_time": d.first_time}
            for d in found.differing
        ],
        "first": None,
        "from": found.times[0],
        "to": found.times[1],
        "times": found.times[2],
        "times_left_out": found.left_out,
    }
    if first is not None and found.cause is not None:
        content["first"] = {
            "name": first.name,
            "max_error": first.max_error,
            "first_time": first.first_time,
            "reference": first.reference,
            "value": first.found,
            "cause": found.cause.kind,
            "explanation": found.cause.text,
            "proved": found.cause.proved,
            "trials": [
                {"cause": t.kind, "change": t.change, "watched": t.watched,
                 "differing": t.differing, "max_error": t.max_error}
                for t in found.cause.trials
            ],
        }  # fmt: skip
    return content


def _show(found: Verification) -> None:
    begin, end, count = found.times
    if found.missing:
        names = ", ".join(f'"{name}"' for name in found.missing[:SHOWN])
        more = ", ..." if len(found.missing) > SHOWN else ""
        note(wrapped(f"not in the model and not compared: {names}{more}"))
    if found.left_out:
        note(f"{found.left_out} times of the reference lie outside the run and were left out")
    span = f"{len(found.compared)} variables at {count} times from {begin:g} to {end:g}"
    if not found.compared:
        say(f"nothing compared: {found.model} and {found.reference} have no variable in common")
        return
    if found.ok:
        say(f"{found.model} agrees with {found.reference}: {span}")
        return
    say(f"{found.model} departs from {found.reference} in {len(found.differing)} of {span}")
    _show_first(found)
    say(f"{'variable':<44} {'first at':>12} {'largest error':>14}")
    for one in found.differing[:SHOWN]:
        say(f"{one.name:<44} {one.first_time:>12.7g} {_percent(one):>14}")
    if len(found.differing) > SHOWN:
        say(f"and {len(found.differing) - SHOWN} more; --json lists them all")


def _show_first(found: Verification) -> None:
    first, cause = found.first, found.cause
    if first is None or cause is None:
        return
    say(wrapped(
        f"the first is {first.name} at {first.first_time:.10g}: the reference has "
        f"{first.reference:.10g}, the model {first.found:.10g}"
    ))  # fmt: skip
    certainty = "cause" if cause.proved else "likely cause"
    say(wrapped(f"{certainty}: {cause.kind}: {cause.text}"))


def _percent(one: Difference) -> str:
    if one.max_error == float("inf"):
        return "reference is 0"
    return f"{100 * one.max_error:.3g} %"
