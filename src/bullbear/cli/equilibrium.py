"""`bullbear equilibrium`: where a model can rest, how firmly, and what moving a constant does."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bullbear.cli.options import JsonOption, OutOption, SetOption, load_model
from bullbear.cli.output import check_writable, note, say, say_json, staged, wrapped
from bullbear.errors import UsageError

if TYPE_CHECKING:
    from bullbear.analysis.branches import Diagram
    from bullbear.analysis.equilibrium import Answer, Equilibrium
    from bullbear.analysis.folds import FoldMap
    from bullbear.analysis.growth import BalancedGrowth
    from bullbear.analysis.stability import Stability
    from bullbear.models.model import Model

FOLDER = Path("bullbear-out/equilibrium")
INDENT = "    "
Range = tuple[str, float, float]


def command(
    ctx: typer.Context,
    model: Annotated[
        str | None,
        typer.Argument(
            metavar="MODEL|STUDY",
            help="A name under models/ or a study of tipping points under analysis/, or the path "
            "of a .toml or .mdl file. Left out, the model of the workspace.",
            show_default=False,
        ),
    ] = None,
    scenario: Annotated[str, typer.Option(metavar="NAME", help="Conditions.")] = "base",
    settings: SetOption = None,
    at: Annotated[
        float | None,
        typer.Option(
            metavar="TIME",
            help="When explicit time stands still; by default at the horizon.",
            show_default=False,
        ),
    ] = None,
    hold: Annotated[
        list[str] | None,
        typer.Option(
            metavar='"STOCK=VALUE"',
            help="A stock that is held because it moves slowly; its "
            "drift is reported. May be given again.",
            show_default=False,
        ),
    ] = None,
    along: Annotated[
        str | None,
        typer.Option(
            metavar='"NAME=LOW:HIGH"',
            help="A constant, or a stock on --hold, over which equilibria are followed.",
            show_default=False,
        ),
    ] = None,
    across: Annotated[
        str | None,
        typer.Option(
            metavar='"NAME=LOW:HIGH"',
            help="A second one, over which the folds along the first are followed.",
            show_default=False,
        ),
    ] = None,
    out: OutOption = FOLDER,
    as_json: JsonOption = False,
) -> None:
    """Find the equilibria of a model and say whether they are stable, and how fast.

    \b
    bullbear equilibrium my.mdl
    bullbear equilibrium my.mdl --along "growth rate=0.2:0.8"
    bullbear equilibrium my.mdl --along "growth rate=0.2:0.8" --across "capacity=5:20"
    bullbear equilibrium tipping-2026
    bullbear equilibrium --at 2099 --hold "Liquid NMR=4.5e6" --hold "House Capital=0"

    Small systems of rational equations are solved by algebra, which finds every equilibrium;
    others by Newton's method from many starts, which may miss some. Stocks that nothing reads are
    set aside, conserved totals are taken out before stability is judged. Where no level can rest,
    balanced growth is looked for. With --along, folds, Hopf and branch points are located and the
    branches written to branches.csv and branches.png; with --across the line on which a fold
    lies, and its cusps, to folds.csv and folds.png.
    """  # fmt: skip
    from bullbear.analysis.branches import trace
    from bullbear.analysis.equilibrium import find
    from bullbear.cli.tipping import find_study, lines, run_study
    from bullbear.models.overrides import parse_settings

    study = find_study(ctx, model)
    if study is not None:
        if scenario != "base" or settings or hold or along or across or at is not None:
            raise UsageError("a study says itself under which conditions it runs", code="usage",
                             hint=f"change {study}, and leave the other options out")  # fmt: skip
        run_study(ctx, study, out, as_json=as_json)
        return
    check_writable(out)
    loaded = load_model(ctx, model)
    overrides, held = parse_settings(settings or []), parse_settings(hold or [])
    if across is not None and along is None:
        raise UsageError("--across needs --along: folds are met along a first constant",
                         code="usage", hint='add --along "NAME=LOW:HIGH"')  # fmt: skip
    followed = _range(along) if along is not None else None
    diagram = trace(loaded, *followed, scenario, overrides, at, held) if followed else None
    folds = _folds(loaded, followed, _range(across), scenario, overrides, at, held) if (
        across is not None and followed is not None
    ) else None  # fmt: skip
    answer = find(loaded, scenario, overrides, at, held)
    files = [] if diagram is None else _write(diagram, folds, out)
    if as_json:
        say_json({"ok": True, "model": loaded.name, "scenario": scenario,
                  **_content(answer, diagram),
                  "fold_lines": [] if folds is None else lines(folds),
                  "files": files})  # fmt: skip
        return
    _say(answer, loaded.name, scenario, _unit(loaded.definition.time))
    if diagram is not None:
        _say_branches(diagram)
        if folds is not None:
            _say_folds(folds)
        note("written: " + ", ".join(map(str, files)))


def _folds(
    model: Model, along: Range, across: Range, scenario: str, overrides: Mapping[str, float],
    at: float | None, hold: Mapping[str, float],
) -> FoldMap:  # fmt: skip
    from bullbear.analysis.folds import fold_lines

    name, *bounds = along
    other, *span = across
    return fold_lines(model, name, (bounds[0], bounds[1]), other, (span[0], span[1]), scenario,
                      overrides, at, hold)  # fmt: skip


def _unit(bounds: object) -> str:
    unit = getattr(bounds, "unit", "")
    return f" {unit}" if unit else ""


def _range(text: str) -> Range:
    """`NAME=LOW:HIGH` into its parts.

    Raises
    ------
    UsageError
        If it is written in another way.
    """
    from bullbear.models.overrides import parse_number

    name, _, bounds = text.rpartition("=")
    low, _, high = bounds.partition(":")
    numbers = parse_number(low), parse_number(high)
    if not name.strip() or numbers[0] is None or numbers[1] is None:
        raise UsageError(f'"{text}" is no range of a constant', code="range",
                         hint='write it as in --along "growth rate=0.2:0.8"')  # fmt: skip
    return name.strip(), numbers[0], numbers[1]


# -- JSON ------------------------------------------------------------------------------------------


def _content(answer: Answer, diagram: Diagram | None) -> dict[str, Any]:
    return {
        "time": answer.time,
        "method": answer.method,
        "complete": answer.complete,
        "starts": answer.starts,
        "equilibria": [
            {
                "states": one.states, "residual": one.residual, **_judgement(one.stability),
                "sides": [_judgement(side) for side in one.sides], "lines": one.lines,
                "possible": one.possible, "drift": drift,
            }
            for one, drift in zip(answer.equilibria, answer.drift, strict=True)
        ],
        "growth": [
            {
                "shares": one.shares, "levels": one.levels, "residual": one.residual,
                "rates": [{"stocks": names, "rate": rate} for names, rate in one.rates.items()],
                **_judgement(one.stability),
            }
            for one in answer.growth
        ],
        "families": answer.families,
        "invariants": answer.invariants,
        "dropped": answer.dropped,
        "still": answer.still,
        "held": answer.held,
        "run_out": answer.run_out,
        "switches": [{"name": one.name, "time": one.time} for one in answer.switches],
        "special_points": [] if diagram is None else [
            {
                "parameter": point.parameter, "kind": point.kind,
                "states": dict(zip(diagram.names, point.states, strict=True)),
                "omega": point.omega,
            }
            for point in diagram.special
        ],
    }  # fmt: skip


def _judgement(stability: Stability) -> dict[str, Any]:
    return {
        "eigenvalues": [[float(v.real), float(v.imag)] for v in stability.eigenvalues],
        "stable": stability.stable,
        "kind": stability.kind,
        "half_life": stability.half_life,
        "doubling_time": stability.doubling_time,
        "period": stability.period,
    }


# -- words -----------------------------------------------------------------------------------------


def _say(answer: Answer, name: str, scenario: str, unit: str) -> None:
    frozen = f", time frozen at {answer.time:g}" if answer.reads_time else ""
    say(wrapped(f"{name}, {scenario}{frozen}."))
    for text in _preparation(answer):
        say(wrapped(text, "  "))
    for one, drift in zip(answer.equilibria, answer.drift, strict=True):
        _say_equilibrium(one, drift, unit)
    for grown in answer.growth:
        _say_growth(grown, unit)
    for family in answer.families:
        say(wrapped(f"A line of equilibria: {family}"))
    say(wrapped(_search(answer)))


def _preparation(answer: Answer) -> list[str]:
    told = []
    if answer.dropped:
        told.append(
            f"Set aside, because no rate that matters reads them: {', '.join(answer.dropped)}."
        )
    if answer.still:
        told.append(f"No flow moves: {', '.join(answer.still)}.")
    if answer.held:
        told.append("Held: " + ", ".join(f"{n} = {v:g}" for n, v in answer.held.items()) + ".")
    told += [f"Conserved: {text}." for text in answer.invariants]
    told += [f"On the run {n} has run out at {t:g}." for n, t in answer.run_out.items()]
    told += [f"On the run the equation of {s.name} changes its piece at {s.time:g}."
             for s in answer.switches]  # fmt: skip
    return told


def _say_equilibrium(one: Equilibrium, drift: Mapping[str, float], unit: str) -> None:
    apart = "" if one.possible else " (impossible: a stock below zero)"
    say(wrapped(f"Equilibrium, {_in_words(one.stability, unit)}{apart}:"))
    shown = ", ".join(f"{n} = {v:.7g}" for n, v in one.states.items() if "#" not in n)
    say(wrapped(shown, INDENT))
    for side in one.sides:
        say(wrapped(f"on one side of its kink: {_in_words(side, unit)}", INDENT))
    for line in one.lines:
        say(wrapped(f"one of a line of equilibria along {', '.join(line)}", INDENT))
    for name, rate in drift.items():
        say(wrapped(f"{name} drifts by {rate:.3g} of its value per time unit", INDENT))


def _say_growth(one: BalancedGrowth, unit: str) -> None:
    for names, rate in one.rates.items():
        say(wrapped(f"Balanced growth of {', '.join(names)} by {rate:.7g} per time unit; the "
                    f"proportions are {_in_words(one.stability, unit)}:"))  # fmt: skip
    shown = [f"{n} = {v:.7g} of the sum" for n, v in one.shares.items()]
    shown += [f"{n} = {v:.7g}" for n, v in one.levels.items() if "#" not in n]
    say(wrapped(", ".join(shown), INDENT))


def _in_words(stability: Stability, unit: str) -> str:
    """A verdict with the times that belong to it."""
    times = [
        f"{what} {value:.4g}{unit}"
        for what, value in (
            ("half-life", stability.half_life),
            ("doubling time", stability.doubling_time),
            ("period", stability.period),
        )
        if value is not None
    ]
    return ", ".join([stability.kind, *times])


def _search(answer: Answer) -> str:
    """What was looked at, and what to do where nothing was found."""
    if answer.complete:
        found = "These are all: solved by algebra." if answer.equilibria or answer.families else (
            "No level can rest: the equations have no equilibrium (solved by algebra)."
        )  # fmt: skip
    elif answer.starts:
        found = f"Newton's method from {answer.starts} starts; there may be others."
        if not answer.equilibria:
            found = f"No equilibrium was found from {answer.starts} starts; there may be one."
    else:
        found = "Solved by algebra piece by piece; there may be others where pieces meet."
    if answer.equilibria or answer.families:
        return found
    if answer.growth:
        return f"{found} The model grows in balance instead."
    return f"{found} No block of stocks grows in balance; a slow stock can be held by --hold."


def _say_branches(diagram: Diagram) -> None:
    count = len(diagram.branches)
    say(wrapped(f"Over {diagram.parameter} from {diagram.low:g} to {diagram.high:g}: "
                f"{count} branch{'es' if count != 1 else ''}."))  # fmt: skip
    for point in diagram.special:
        omega = "" if point.omega is None else f", angular frequency {point.omega:.7g}"
        say(wrapped(f"{point.kind} at {point.parameter:.10g}{omega}", "  "))


def _say_folds(found: FoldMap) -> None:
    """Where folds go over the second constant."""
    where = f"over {found.across} from {found.span[0]:g} to {found.span[1]:g}"
    if not found.lines:
        met = ", ".join(f"{value:g}" for value in found.sections)
        say(wrapped(f"No fold along {found.along} {where}: none at {found.across} = {met}."))
    for line in found.lines:
        first, last = line.points[0], line.points[-1]
        say(wrapped(f"A line of folds {where}: from {found.along} = {first.along:.7g} at "
                    f"{first.across:.7g} to {last.along:.7g} at {last.across:.7g}; it ends because "
                    f"{line.ended}."))  # fmt: skip
    for cusp in found.cusps:
        say(wrapped(f"cusp at {found.along} = {cusp.along:.10g}, {found.across} = "
                    f"{cusp.across:.10g}", "  "))  # fmt: skip


def _write(diagram: Diagram, folds: FoldMap | None, out: Path) -> list[Path]:
    from bullbear.report.branches import branch_table, draw_branches, draw_folds, fold_table

    with staged(out) as folder:
        tables = {"branches": branch_table(diagram)}
        draw_branches(diagram, folder / "branches.png")
        if folds is not None:
            tables["folds"] = fold_table(folds)
            draw_folds(folds, folder / "folds.png")
        for name, table in tables.items():
            table.to_csv(folder / f"{name}.csv", index=False, lineterminator="\n")
    return [out / f"{name}.{kind}" for name in tables for kind in ("csv", "png")]
