"""What `bullbear equilibrium STUDY` does with a study of tipping points."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from bullbear.cli.options import load_model
from bullbear.cli.output import check_writable, note, say, say_json, staged

if TYPE_CHECKING:
    from bullbear.analysis.equilibrium import Equilibrium
    from bullbear.analysis.folds import FoldMap
    from bullbear.analysis.tipping import Tipping
    from bullbear.analysis.tipping_file import Course
    from bullbear.report.tipping import Followed, Results


def find_study(ctx: typer.Context, argument: str | None) -> Path | None:
    """The study that an argument means: a path, or a name under `analysis/` of the workspace."""
    from bullbear.analysis.tipping_file import is_tipping
    from bullbear.errors import UsageError
    from bullbear.models.workspace import find_workspace

    if argument is None:
        return None
    places = [Path(argument)]
    if len(Path(argument).parts) == 1 and not argument.endswith(".toml"):
        try:
            root = find_workspace(ctx.find_root().obj).root
        except UsageError:
            return None
        places = [root / "analysis" / f"{argument}.toml"]
    return next((place for place in places if is_tipping(place)), None)


def run_study(ctx: typer.Context, path: Path, out: Path, *, as_json: bool) -> None:
    """Run a study and write its tables, pictures and report."""
    from bullbear.analysis.rest import late
    from bullbear.analysis.tipping import Tipping
    from bullbear.analysis.tipping_file import TippingFile, study_hash
    from bullbear.report.tipping import Results, text

    check_writable(out)
    study = TippingFile.read(path)
    model = load_model(ctx, study.model)
    tipping = Tipping(model, study)
    courses = [_follow(tipping, course) for course in study.course]
    passed = [
        states for one in courses for states in one.diagram.at(tipping.today(one.course.x.name))
    ]
    results = Results(
        study, model.hash, study_hash(path),
        [tipping.map(surface) for surface in study.surface],
        [tipping.distance(shock) for shock in study.shock],
        [tipping.line(threshold) for threshold in study.threshold],
        len(tipping.draws),
        tipping.kept,
        courses,
        late(tipping, study.rest, passed) if study.rest is not None else None,
    )  # fmt: skip
    report = text(results)
    with staged(out) as folder:
        _write(results, report, folder)
        files = sorted(out / file.name for file in folder.iterdir())
    if as_json:
        empty: dict[str, Any] = {"invariants": [], "dropped": []}
        say_json({"ok": True, "study": path, **empty, **_content(results), "files": files})
        return
    say(report)
    note(f"written: {out}")


def _follow(tipping: Tipping, course: Course) -> Followed:
    """States of rest over one constant, and their folds over a second one."""
    from bullbear.analysis.branches import trace
    from bullbear.analysis.folds import fold_lines
    from bullbear.report.tipping import Followed

    scenario, settings = tipping.study.scenario, {**tipping.settings, **course.settings}
    x, across = course.x, course.across
    diagram = trace(tipping.source, x.name, x.low, x.high, scenario, settings, course.at,
                    course.hold)  # fmt: skip
    if across is None:
        return Followed(course, diagram, None)
    folds = fold_lines(tipping.source, x.name, (x.low, x.high), across.name,
                       (across.low, across.high), scenario, settings, course.at,
                       course.hold)  # fmt: skip
    return Followed(course, diagram, folds)


def judgement(one: Equilibrium) -> dict[str, Any]:
    """What is said of a state of rest in JSON."""
    stability = one.stability
    return {
        "residual": one.residual,
        "eigenvalues": [[float(v.real), float(v.imag)] for v in stability.eigenvalues],
        "stable": stability.stable,
        "kind": stability.kind,
        "half_life": stability.half_life,
    }


def lines(found: FoldMap) -> list[dict[str, Any]]:
    """Lines of folds in JSON."""
    return [
        {
            "along": found.along, "across": found.across, "ended": line.ended,
            "points": [[p.along, p.across] for p in line.points],
            "cusps": [[p.along, p.across] for p in line.cusps],
        }
        for line in found.lines
    ]  # fmt: skip


def _content(results: Results) -> dict[str, Any]:
    states = results.rested.states if results.rested is not None else ()
    return {
        "equilibria": [{**judgement(one), "states": one.states} for one in states],
        "special_points": [
            {
                "parameter": point.parameter, "kind": point.kind, "along": one.course.x.name,
                "states": dict(zip(one.diagram.names, point.states, strict=True)),
                "omega": point.omega,
            }
            for one in results.courses
            for point in one.diagram.special
        ],
        "fold_lines": [
            line for one in results.courses if one.folds is not None for line in lines(one.folds)
        ],
        "surfaces": [
            {
                "name": one.surface.name, "cells": one.alive.size, "alive": int(one.alive.sum()),
                "changed_at_twice_the_horizon": int(one.verdict.changed.sum()),
                "undecided": int(one.undecided.sum()), "failed": int(one.verdict.failed.sum()),
                "y": one.y.tolist(), "boundary": one.boundary.values.tolist(),
                "later": one.later.values.tolist(),
            }
            for one in results.maps
        ],
        "distances": [
            {
                "title": one.shock.title, "constant": one.shock.x.name,
                "today": one.today, "survives": one.survives,
                "boundary": float(one.value.values[0]), "later": float(one.later.values[0]),
                "draws": one.draws.values[0].tolist(),
            }
            for one in results.distances
        ],
        "thresholds": [
            {
                "title": one.threshold.title, "values": one.threshold.values,
                "boundary": one.boundary.values.tolist(),
            }
            for one in results.lines
        ],
    }  # fmt: skip


def _write(results: Results, report: str, folder: Path) -> None:
    import numpy as np
    import pandas as pd

    from bullbear.report.branches import branch_table, draw_branches, draw_rest, fold_table
    from bullbear.report.surfaces import draw_surface

    def save(rows: pd.DataFrame, name: str) -> None:
        rows.to_csv(folder / name, index=False, lineterminator="\n")

    planes = {one.course.surface: one.folds for one in results.courses}
    for one in results.maps:
        x, y, name = one.surface.x.name, one.surface.y.name, one.surface.name
        cells = {x: np.tile(one.x, len(one.y)), y: np.repeat(one.y, len(one.x)),
                 "survives": one.verdict.alive.astype(int),
                 "undecided": one.verdict.undecided.astype(int),
                 "share of draws": one.share.ravel()}  # fmt: skip
        save(pd.DataFrame(cells), f"{name}.csv")
        edge = {y: one.y, f"boundary in {x}": one.boundary.values,
                "at twice the horizon": one.later.values}  # fmt: skip
        save(pd.DataFrame(edge), f"{name}-boundary.csv")
        draw_surface(one, folder / f"{name}.png", results.drawn, planes.get(name))
    for followed in results.courses:
        course = followed.course
        branch_table(followed.diagram).pipe(save, f"{course.name}.csv")
        draw_branches(followed.diagram, folder / f"{course.name}.png", course.shown)
        if followed.folds is not None:
            fold_table(followed.folds).pipe(save, f"{course.name}-folds.csv")
    if results.rested is not None:
        save(results.rested.means.reset_index(), "rest.csv")
        draw_rest(results.rested, folder / "rest.png", results.drawn)
    (folder / "report.md").write_text(report, encoding="utf-8", newline="\n")
