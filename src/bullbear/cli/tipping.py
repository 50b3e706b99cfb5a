"""What `bullbear equilibrium STUDY` does with a study of tipping points."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from bullbear.cli.options import load_model
from bullbear.cli.output import check_writable, note, say, say_json, staged

if TYPE_CHECKING:
    from bullbear.analysis.equilibrium import Equilibrium
    from bullbear.report.tipping import Results


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
    from bullbear.analysis.branches import trace
    from bullbear.analysis.rest import late
    from bullbear.analysis.tipping import Tipping
    from bullbear.analysis.tipping_file import load_tipping
    from bullbear.report.tipping import Results, text

    check_writable(out)
    study = load_tipping(path)
    model = load_model(ctx, study.model)
    tipping = Tipping(model, study)
    results = Results(
        study, model.hash,
        [tipping.map(surface) for surface in study.surface],
        [tipping.distance(shock) for shock in study.shock],
        [tipping.line(threshold) for threshold in study.threshold],
        len(tipping.priors),
        tipping.kept,
        [
            (
                one,
                trace(model, one.x.name, one.x.low, one.x.high, study.scenario,
                      {**study.settings, **one.settings}, one.at, one.hold),
            )
            for one in study.course
        ],
        late(tipping, study.rest) if study.rest is not None else None,
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


def _content(results: Results) -> dict[str, Any]:
    states = results.rested.states if results.rested is not None else ()
    return {
        "equilibria": [{**judgement(one), "states": one.states} for one in states],
        "special_points": [
            {
                "parameter": point.parameter, "kind": point.kind, "along": course.x.name,
                "states": dict(zip(diagram.names, point.states, strict=True)),
                "omega": point.omega,
            }
            for course, diagram in results.courses
            for point in diagram.special
        ],
        "surfaces": [
            {
                "name": one.surface.name, "cells": one.alive.size, "alive": int(one.alive.sum()),
                "changed_at_twice_the_horizon": one.changed, "failed": one.failed,
                "y": one.y.tolist(), "boundary": one.boundary.values.tolist(),
            }
            for one in results.maps
        ],
        "distances": [
            {
                "title": one.shock.title, "constant": one.shock.x.name,
                "boundary": float(one.value.values[0]), "later": float(one.later.values[0]),
                "draws": one.draws.tolist(),
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

    from bullbear.report.branches import branch_table, draw_branches
    from bullbear.report.surfaces import draw_surface

    def save(rows: pd.DataFrame, name: str) -> None:
        rows.to_csv(folder / name, index=False, lineterminator="\n")

    for one in results.maps:
        x, y = one.surface.x.name, one.surface.y.name
        cells = {x: np.tile(one.x, len(one.y)), y: np.repeat(one.y, len(one.x)),
                 "survives": one.alive.ravel().astype(int)}  # fmt: skip
        save(pd.DataFrame(cells), f"{one.surface.name}.csv")
        edge = {y: one.y, f"boundary in {x}": one.boundary.values,
                "at twice the horizon": one.later.values}  # fmt: skip
        save(pd.DataFrame(edge), f"{one.surface.name}-boundary.csv")
        draws = pd.DataFrame(one.draws).assign(**{y: one.at})
        save(draws[[y, *range(one.draws.shape[1])]], f"{one.surface.name}-draws.csv")
        draw_surface(one, folder / f"{one.surface.name}.png")
    for course, diagram in results.courses:
        branch_table(diagram).pipe(save, f"{course.name}.csv")
        draw_branches(diagram, folder / f"{course.name}.png", course.shown)
    if results.rested is not None:
        save(results.rested.means.reset_index(), "rest.csv")
    (folder / "report.md").write_text(report, encoding="utf-8", newline="\n")
