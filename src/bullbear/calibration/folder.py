"""The folder of a fit: `fit.json`, `parameters.csv`, and the draws of a posterior."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from bullbear.calibration.fit import Fit
from bullbear.calibration.goodness import Goodness
from bullbear.models.versions import versions

FIT, PARAMETERS = "fit.json", "parameters.csv"
DRAWS, FORETOLD = "draws.parquet", "foretold.parquet"  # constants, and what follows from each


def write_fit(fit: Fit, folder: Path) -> None:
    """Write the numbers of a fit into an existing folder."""
    text = json.dumps(plain(fit_json(fit)), indent=2, allow_nan=False)
    (folder / FIT).write_text(text + "\n", encoding="utf-8")
    with (folder / PARAMETERS).open("w", encoding="utf-8", newline="") as stream:
        table = csv.writer(stream, lineterminator="\n")
        table.writerow(["name", "value"])
        for name, value in zip(fit.objective.space.names, fit.best.values.tolist(), strict=True):
            table.writerow([name, repr(value)])
    if fit.posterior is not None:
        names = list(fit.objective.space.names)
        fit.posterior.draws[names].to_parquet(folder / DRAWS)
        fit.posterior.draws.drop(columns=names).to_parquet(folder / FORETOLD)


def fit_json(fit: Fit) -> dict[str, Any]:
    """The content of `fit.json`."""
    best, searches, around = fit.best, fit.searches, fit.curvature
    data = best.residuals[: fit.objective.size]
    return {
        "status": fit.status,
        "message": fit.message,
        "objective": best.nll,
        "objective_with_priors": best.objective,
        "saturated": searches.saturated,
        "ssr": float(data @ data),
        "parameters": _parameters(fit),
        "starts": len(searches.all),
        "hits": searches.hits,
        "waterfall": [s.objective for s in searches.all],
        "evaluations": searches.evaluations,
        "failed_runs": searches.failed_runs,
        "gradient_norm": searches.best.gradient_norm,
        "correlations": _strong(fit),
        "spectrum": [{"information": d.information, "direction": d.weights}
                     for d in around.spectrum],
        "series": {g.name: _series(fit, g) for g in fit.fitted},
        "held_out": {g.name: _series(fit, g) for g in fit.held_out},
        "predictions": _predictions(fit),
        "backtest": _backtest(fit),
        "worth": [asdict(one) for one in fit.worth],
        "mcmc": _mcmc(fit),
        "influence": [
            {"series": i.series, "change": i.change, "moved": i.moved[0], "by_se": i.moved[1],
             "predictions": i.predictions, "failed": i.failed}
            for i in fit.influences
        ],
        "prior_check": {"draws": fit.prior.draws, "failed": fit.prior.failed,
                        "reached": fit.prior.reached},
        "identifiability": {
            "structural": fit.structural, "rank": fit.ranks.rank, "of": fit.ranks.count,
            "ranks": list(fit.ranks.ranks), "blind": [d.weights for d in fit.ranks.blind],
        },
        "step_error": fit.step_error,
        "provenance": provenance(fit),
    }  # fmt: skip


def provenance(fit: Fit) -> dict[str, Any]:
    """What made the fit, so that it can be made again."""
    objective = fit.objective
    problem, model = objective.problem, objective.model
    return {
        "problem": problem.path.name,
        "title": problem.title,
        "model": model.name,
        "model_hash": model.hash,
        "scenario": problem.scenario,
        "method": problem.method or model.definition.method,
        "time_step": problem.time_step or model.grid().step,
        "final_time": objective.final_time,
        "seed": fit.settings.seed,
        "starts": fit.settings.starts,
        "phases": "full" if fit.settings.full else "quick",
        "numbers": objective.size,
        "seconds": fit.seconds,
        "versions": versions(),
    }


def _parameters(fit: Fit) -> dict[str, dict[str, Any]]:
    found = {}
    around = fit.curvature
    for i, name in enumerate(fit.objective.space.names):
        profile = fit.profiles.get(name)
        found[name] = {
            "value": fit.best.values[i],
            "start": fit.objective.starts[i],
            "se": around.se[i],
            "profile_lower": profile.lower if profile else None,
            "profile_upper": profile.upper if profile else None,
            "at_bound": bool(around.at_bound[i]),
            "identifiable": bool(around.identifiable[i]),
            "shrinkage": around.shrinkage[i],
        }
    return found


def _strong(fit: Fit) -> list[dict[str, Any]]:
    """Pairs of constants whose correlation is above one half, strongest first."""
    names, table = fit.objective.space.names, fit.curvature.correlations
    pairs = [
        {"a": names[i], "b": names[j], "correlation": float(table[i, j])}
        for i in range(len(names))
        for j in range(i)
        if abs(table[i, j]) > 0.5
    ]
    return sorted(pairs, key=lambda pair: -abs(float(str(pair["correlation"]))))


def _series(fit: Fit, found: Goodness) -> dict[str, Any]:
    shares, costliest = found.theil, fit.objective.targets[found.costliest].row
    return {
        "n": found.n,
        "rmse": found.rmse,
        "R2": found.r2,
        "theil": None if shares is None
        else {"um": shares.um, "us": shares.us, "uc": shares.uc},
        "pulls": found.pulls.tolist(),
        "chi2": found.chi2,
        "autocorrelation": found.autocorrelation,
        "systematic": found.systematic,
        "costliest": {"time": costliest.time, "value": costliest.value, "share": found.share,
                      "R2_without": found.r2_without},
    }  # fmt: skip


def _predictions(fit: Fit) -> dict[str, dict[str, Any]]:
    found = {}
    for seen in fit.outlooks:
        profile = fit.profiles.get(seen.prediction.name)
        found[seen.prediction.name] = {
            "value": seen.value,
            "before": seen.before,
            "se": seen.se,
            "horizon": seen.horizon,
            "profile_lower": profile.lower if profile else None,
            "profile_upper": profile.upper if profile else None,
        }
    return found


def _backtest(fit: Fit) -> dict[str, Any] | None:
    test = fit.backtest
    if test is None:
        return None
    return {
        "n": test.n,
        "within_90": test.share("most"),
        "within_50": test.share("half"),
        "series": {one.name: {"n": one.n, "within_90": one.most, "within_50": one.half,
                              "miss": one.error, "last_number": one.still,
                              "last_growth": one.growing} for one in test.series},
    }  # fmt: skip


def _mcmc(fit: Fit) -> dict[str, Any] | None:
    drawn = fit.posterior
    if drawn is None:
        return None
    return {
        "converged": drawn.converged,
        "rhat": drawn.rhat,
        "ess": drawn.ess,
        "tau": drawn.tau,
        "steps": drawn.steps,
        "evaluations": drawn.evaluations,
        "acceptance": drawn.acceptance,
    }


def plain(value: Any) -> Any:
    """`value` in the types of JSON; what is no finite number becomes null."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, bool | str | int) or value is None:
        return value
    if isinstance(value, np.bool_):
        return bool(value)
    number = float(value)
    return number if math.isfinite(number) else None
