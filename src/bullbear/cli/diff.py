"""`bullbear diff`: what an edit changes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bullbear.cli.options import JsonOption
from bullbear.cli.output import note, say, say_json, wrapped, write_text
from bullbear.errors import UsageError, Where

if TYPE_CHECKING:
    from bullbear.models.compare import Movement
    from bullbear.models.diff import Change, ModelDiff, StartRate
    from bullbear.models.sides import Side

SHOWN = 12
INDENT = "  "


def command(
    ctx: typer.Context,
    old: Annotated[
        str,
        typer.Argument(
            metavar="OLD",
            help="A model file, a folder, a name under models/, or a git revision such as HEAD~1 "
            "or HEAD:models/numerai.toml.",
        ),
    ] = "HEAD",
    new: Annotated[
        str | None,
        typer.Argument(
            metavar="NEW",
            help="The same; left out, the model of the workspace.",
            show_default=False,
        ),
    ] = None,
    rewrite: Annotated[
        bool,
        typer.Option(
            "--rewrite", help="Agree to NEW: write its canonical run to models/canonical/."
        ),
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Say what an edit changes: constants and equations, then which variables moved.

    \b
    bullbear diff                            the last commit and the files as they are now
    bullbear diff HEAD~1 HEAD
    bullbear diff old.mdl new.mdl --json

    First what was written, in words; then the derivatives of all stocks at the start, side by
    side; then the variables of the canonical run that moved, from when, and by how much of their
    largest value, ranked.
    """
    from bullbear.models.diff import diff
    from bullbear.models.sides import sides

    with sides(old, new, ctx.find_root().obj) as (before, after):
        found = diff(before, after)
        if rewrite:
            _rewrite(after)
    fault = next(iter(found.faults.values()), None)
    fault = next(iter(found.faults.values()), None)
    if as_json and fault is None:
        say_json(_content(found))
    if not as_json:
        for line in lines(found):
            say(line)
    if fault is not None:
        raise fault


def _rewrite(side: Side) -> None:
    from bullbear.models.canonical import canonical_path, canonical_text

    if not side.writable:
        raise UsageError(
            f"{side.label} is a revision and cannot be written to", code="usage",
            hint="leave NEW out to write the run of the files as they are now",
        )  # fmt: skip
    if side.model is not None:  # else its fault is raised after the report
        path = canonical_path(side.model)
        write_text(path, canonical_text(side.model))
        note(f"wrote {path}")


def _content(found: ModelDiff) -> dict[str, Any]:
    return {
        "ok": True,
        "old": found.old,
        "new": found.new,
        "changes": [
            {"kind": c.kind, "name": c.name, "old": c.old, "new": c.new, "note": c.note,
             "where": str(c.where) if c.where else None, "effective": c.effective}
            for c in found.changes
        ],
        "derivatives": [
            {"name": r.name, "units": r.units, "old_value": r.old_value, "new_value": r.new_value,
             "old_rate": r.old_rate, "new_rate": r.new_rate}
            for r in found.rates
        ],
        "scenario": found.scenario,
        "compared": found.compared,
        "moved": [
            {"name": m.name, "first_time": m.first_time, "change": m.change, "at": m.at,
             "old": m.old, "new": m.new}
            for m in found.moved
        ],
        "events": {name: {"old": a, "new": b} for name, (a, b) in found.events.items()},
    }  # fmt: skip


def lines(found: ModelDiff) -> Iterator[str]:
    """The comparison as lines that fit the terminal."""
    if found.same:
        yield f"{found.old} and {found.new} are the same model"
        return
    for change in found.changes:
        yield from _change(change)
    if not found.changes:
        yield "nothing was written differently"
    if found.rates:
        yield from _rates(found)
    if found.faults:
        return
    if not found.moved:
        yield f"no variable of the run {found.scenario} moved"
        return
    yield from _moved(found)


def _change(change: Change) -> Iterator[str]:
    yield wrapped(str(change))
    if change.where is not None and change.where.file:
        yield f"{INDENT}{_seen_from_here(change.where)}"


def _seen_from_here(where: Where) -> Where:
    """The place with its file as seen from the working directory."""
    path, here = Path(str(where.file)).resolve(), Path.cwd()
    shown = path.relative_to(here) if path.is_relative_to(here) else path
    return Where(str(shown), where.line, where.column)


def _rates(found: ModelDiff) -> Iterator[str]:
    different = [rate for rate in found.rates if not rate.same]
    if not different:
        yield f"derivatives at the start: the same for all {len(found.rates)} stocks"
        return
    same = len(found.rates) - len(different)
    yield f"derivatives at the start ({same} other stocks have the same):"
    yield f"{INDENT}{'stock':<34} {'value':>12} {'rate before':>12} {'rate now':>12}"
    for rate in different[:SHOWN]:
        yield f"{INDENT}{rate.name:<34} {_value(rate)} {_number(rate.old_rate)} " + _number(
            rate.new_rate
        )
    if len(different) > SHOWN:
        yield f"{INDENT}and {len(different) - SHOWN} more; --json has them all"


def _value(rate: StartRate) -> str:
    return _number(rate.new_value if rate.new_value is not None else rate.old_value)


def _number(value: float | None) -> str:
    return f"{'none':>12}" if value is None else f"{value:>12.6g}"


def _moved(found: ModelDiff) -> Iterator[str]:
    from bullbear.models.reference import key_of

    yield f"run {found.scenario}: {len(found.moved)} of {found.compared} computed variables moved"
    for name, (a, b) in found.events.items():
        old, new = ("never" if t is None else f"{t:.2f}" for t in (a, b))
        yield f"{INDENT}{name}: {old} -> {new}"
    yield f"{INDENT}{'variable':<32} {'from':>8} {'moved':>7} {'at':>8} {'old':>10} {'new':>10}"
    for one in found.moved[:SHOWN]:
        yield _row(one)
    more = len(found.moved) - SHOWN
    if more > 0:
        yield f"{INDENT}and {more} more; --json has them all"
    keys = {key_of(name) for name in found.headline}
    others = [m for m in found.moved[SHOWN:] if key_of(m.name.partition("[")[0]) in keys]
    if others:
        yield f"{INDENT}headline outputs among them:"
        for one in others:
            yield _row(one)


def _row(one: Movement) -> str:
    return (
        f"{INDENT}{one.name:<32} {one.first_time:>8.2f} {_percent(one.change):>7} "
        f"{one.at:>8.2f} {one.old:>10.4g} {one.new:>10.4g}"
    )


def _percent(share: float) -> str:
    return f"{100 * share:.2g} %"
