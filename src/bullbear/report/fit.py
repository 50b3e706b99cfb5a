"""The report of a fit, `report.md`: words first, then every number behind them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from bullbear.calibration.fit import Fit
from bullbear.calibration.folder import provenance
from bullbear.calibration.goodness import Goodness
from bullbear.report.fit_tests import foretold, next_numbers, table, unmet
from bullbear.report.fit_words import changes, learned, systematic, untold
from bullbear.report.numbers import percent, short


def fit_report(fit: Fit, figures: Sequence[str] = ()) -> str:
    """The text of `report.md`; `figures` are file names beside it."""
    title = fit.objective.problem.title or fit.objective.problem.path.stem
    parts = [
        f"# {title}",
        f"Status: **{fit.status}** — {fit.message}.",
        _section("What was learned", learned(fit)),
        _section("What the numbers cannot tell", untold(fit)),
        _section("What is systematically off", systematic(fit)),
        _section("Numbers that the fit does not meet", unmet(fit)),
        foretold(fit),
        next_numbers(fit),
        _section("What changed", changes(fit, 12)),
        *(f"![{name}]({name})" for name in figures),
        _constants(fit),
        _series(fit),
        _ledger(fit),
        _search(fit),
        _directions(fit),
        _sampled(fit),
        _influence(fit),
        _made(fit),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _section(title: str, lines: Iterable[str]) -> str:
    found = list(lines) or ["Nothing."]
    return f"## {title}\n\n" + "\n".join(f"- {line}" for line in found)


def _table(title: str, head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    return f"## {title}\n\n{table(head, rows)}"


def _constants(fit: Fit) -> str:
    objective, around = fit.objective, fit.curvature
    rows = []
    for i, name in enumerate(objective.space.names):
        profile = fit.profiles.get(name)
        ends = "–" if profile is None else f"{_end(profile.lower)} to {_end(profile.upper)}"
        if around.identifiable[i] and np.isfinite(around.se[i]):
            wald = f"± {short(1.96 * float(around.se[i]))}"
        else:
            wald = "not told by the numbers"
        prior = _prior(fit, i)
        mark = " (at bound)" if around.at_bound[i] else ""
        rows.append((
            name, short(float(objective.starts[i])), short(float(fit.best.values[i])) + mark, wald,
            ends, _posterior(fit, name), prior,
            f"{short(float(objective.space.lower[i]))} to {short(float(objective.space.upper[i]))}",
            percent(float(around.shrinkage[i])),
        ))  # fmt: skip
    head = ("constant", "before", "fit", "Wald 95 %", "profile 95 %", "posterior 5/50/95 %",
            "prior", "bounds", "learned")  # fmt: skip
    return _table("Constants", head, rows)


def _end(value: float | None) -> str:
    return "open" if value is None else short(value)


def _prior(fit: Fit, i: int) -> str:
    beliefs = fit.objective.beliefs
    centre, spread = float(beliefs.centre[i]), float(beliefs.spread[i])
    if not np.isfinite(spread):
        return "flat"
    if beliefs.logarithmic[i]:
        return f"lognormal({short(float(np.exp(centre)))}, {short(spread)})"
    return f"normal({short(centre)}, {short(spread)})"


def _posterior(fit: Fit, name: str) -> str:
    if fit.posterior is None:
        return "–"
    column = fit.posterior.draws[name].quantile([0.05, 0.5, 0.95])
    mark = "" if fit.posterior.converged else " (not converged)"
    return " / ".join(short(float(value)) for value in column) + mark


def _series(fit: Fit) -> str:
    rows = [_series_row(fit, found, "fitted") for found in fit.fitted]
    rows += [_series_row(fit, found, "held out") for found in fit.held_out]
    head = ("series", "use", "n", "RMSE", "R²", "costs most", "its share of the squares",
            "R² without it", "chi-square", "Uᴹ", "Uˢ", "Uᶜ", "autocorrelation of pulls",
            "largest pull")  # fmt: skip
    return _table("How well each series is met", head, rows)


def _series_row(fit: Fit, found: Goodness, use: str) -> tuple[str, ...]:
    costliest = fit.objective.targets[found.costliest].row
    shares = found.theil
    theil = ("–",) * 3 if shares is None else tuple(
        f"{share:.2f}" for share in (shares.um, shares.us, shares.uc))  # fmt: skip
    return (
        found.name, use, str(found.n), short(found.rmse), _decimals(found.r2),
        f"{short(costliest.value)} at {costliest.time:.2f}", percent(found.share),
        _decimals(found.r2_without), f"{found.chi2:.1f}", *theil,
        _decimals(found.autocorrelation), f"{max(found.pulls, key=abs):+.1f}",
    )  # fmt: skip


def _decimals(value: float) -> str:
    return f"{value:.3f}" if np.isfinite(value) else "–"


def _ledger(fit: Fit) -> str:
    pulls = fit.objective.terms(fit.best.predictions).residual
    rows = []
    for i, target in enumerate(fit.objective.targets):
        scale = fit.objective.scales[i]
        rows.append((
            target.series, f"{target.row.time:.3f}", target.run, short(target.row.value),
            short(float(fit.best.predictions[i])), target.kind, short(float(scale)),
            f"{pulls[i]:+.2f}", "held out" if target.held_out else "used", target.grade or "–",
            (target.row.title or "–").replace("|", "/"),
        ))  # fmt: skip
    head = (
        "series",
        "time",
        "run",
        "number",
        "fit",
        "law",
        "scale",
        "pull",
        "use",
        "grade",
        "source",
    )
    return _table("Ledger of numbers", head, rows)


def _search(fit: Fit) -> str:
    searches = fit.searches
    lines = [
        f"Objective (negative log likelihood, constants included): {fit.best.nll:.4f}; with "
        f"priors {fit.best.objective:.4f}; a perfect fit would have {searches.saturated:.4f}.",
        f"Waterfall: {', '.join(f'{s.objective:.2f}' for s in searches.all)}.",
        f"{searches.evaluations} evaluations; largest slope left "
        f"{searches.best.gradient_norm:.2g}.",
        f"Prior check: {fit.prior.failed} of {fit.prior.draws} draws failed; numbers that no draw "
        f"reaches are in: {', '.join(fit.prior.unreached) or 'no series'}.",
        f"Half the step changes a prediction by at most {fit.step_error:.2f} of its scale "
        f"({fit.step_series}).",
    ]
    return _section("The search", lines)


def _directions(fit: Fit) -> str:
    ranks = fit.ranks
    lines = [
        f"Exact rank test: {fit.structural}.",
        f"Rank of the exact sensitivities at {len(ranks.ranks)} points ({ranks.failed} more could "
        f"not be run): at most {ranks.rank} of {ranks.count}.",
    ]
    lines += [f"No number sees: {direction}." for direction in ranks.blind]
    lines += [
        f"information {direction.information:.3g}: {direction}."
        for direction in fit.curvature.spectrum
    ]
    return _section("What the numbers know, direction by direction", lines)


def _sampled(fit: Fit) -> str:
    drawn = fit.posterior
    if drawn is None:
        return ""
    worst = max(drawn.rhat, key=lambda name: drawn.rhat[name])
    least = min(drawn.ess, key=lambda name: drawn.ess[name])
    return _section("The posterior", [
        f"{drawn.steps} steps, {drawn.evaluations} evaluations, acceptance {drawn.acceptance:.2f}.",
        f"Largest split R-hat {drawn.rhat[worst]:.4f} ({worst}).",
        f"Fewest effective draws {drawn.ess[least]:.0f} ({least}, "
        f"autocorrelation time {drawn.tau[least]:.0f} steps).",
    ])  # fmt: skip


def _influence(fit: Fit) -> str:
    if not fit.influences:
        return ""
    names = [seen.prediction.name for seen in fit.outlooks]
    rows = []
    for one in fit.influences:
        told = [
            "never" if (value := one.predictions.get(name)) is None else
            (f"{value:.1f}" if seen.prediction.event else short(value))
            for name, seen in zip(names, fit.outlooks, strict=True)
        ]  # fmt: skip
        moved = one.failed or f"{one.moved[0]} by {one.moved[1]:+.1f} se"
        rows.append((one.series, one.change, moved, *told))
    return _table("Influence", ("series", "change", "moved most", *names), rows)


def _made(fit: Fit) -> str:
    made = provenance(fit)
    versions = ", ".join(f"{name} {value}" for name, value in made.pop("versions").items())
    lines = [f"{name.replace('_', ' ')}: {value}" for name, value in made.items()]
    return _section("How it was made", [*lines, f"versions: {versions}"])
