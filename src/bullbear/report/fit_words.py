"""What a fit learned, in sentences: the beginning of its report and what the command says."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from bullbear.calibration.fit import Fit
from bullbear.calibration.predictions import Outlook
from bullbear.report.numbers import percent, short

_LEARNED, _SLOPPY = 0.5, 1.0
_UNDERSTATED = 2.0  # reduced chi-square above which scales are doubted
_MOST = 6  # names that a sentence lists


def learned(fit: Fit) -> Iterator[str]:
    """What the numbers told."""
    names, around = fit.objective.space.names, fit.curvature
    well = [n for n, s in zip(names, around.shrinkage, strict=True) if s >= _LEARNED]
    data = fit.best.residuals[: fit.objective.size]
    freedom = max(fit.objective.size - len(names), 1)
    yield (
        f"{fit.objective.size} numbers and {len(names)} constants: misfit {data @ data:.1f}, "
        f"reduced chi-square {data @ data / freedom:.2f}."
    )
    if well:
        yield (
            f"The numbers took at least half of the variance believed beforehand from {len(well)} "
            f"constants: {_listed(well)}."
        )
    hits, count = fit.searches.hits, len(fit.searches.all)
    yield (
        f"{hits} of {count} searches from all over the bounds came to the same fit within 1 % of "
        f"its misfit; {fit.searches.failed_runs} runs failed on the way."
    )
    yield from (_outlook_line(fit, seen) for seen in fit.outlooks)
    if fit.backtest is not None:
        yield (
            f"Of {fit.backtest.n} numbers that the fit did not see "
            f"{percent(fit.backtest.share('most'))} lie in the 90 % bands of what it foretells."
        )
    yield from _next(fit)


def _next(fit: Fit) -> Iterator[str]:
    """Which number would narrow the first prediction most."""
    first = next((seen for seen in fit.outlooks if seen.slopes is not None and seen.se), None)
    if first is None or not fit.worth or not np.isfinite(first.se or np.nan):
        return
    best = fit.worth[0]
    yield (
        f"The number that would narrow {first.prediction.name} most is {best.name} at "
        f"{best.time:.1f}: its standard error goes from {short(first.se or 0.0)} to "
        f"{short(best.spreads[first.prediction.name])}."
    )


def untold(fit: Fit) -> Iterator[str]:
    """What the numbers cannot tell."""
    names, around = fit.objective.space.names, fit.curvature
    if around.untouched:
        yield (
            f"No number depends on {_listed(around.untouched)}: what is said of them is the prior, "
            "or the start where there is none."
        )
    blind = [n for n, known in zip(names, around.identifiable, strict=True) if not known]
    blind = [n for n in blind if n not in around.untouched]
    if blind:
        yield f"The numbers tell only combinations of {_listed(blind)}."
    weak = [n for n, s in zip(names, around.shrinkage, strict=True) if s < 0.1]
    weak = [n for n in weak if n not in around.untouched and n not in blind]
    if weak:
        yield f"Little was learnt of {_listed(weak)}: what is said of them is the prior."
    sloppy = [d for d in around.spectrum if d.information < _SLOPPY]
    if sloppy:
        yield (
            f"{len(sloppy)} of {len(names)} directions are known less by the numbers than by the "
            f"priors; the weakest: {sloppy[-1]}."
        )
    bound = [n for n, at in zip(names, around.at_bound, strict=True) if at]
    if bound:
        yield f"At a bound: {_listed(bound)}. Its interval ends where the bound was put."
    opened = [n for n, p in fit.profiles.items() if p.lower is None or p.upper is None]
    if opened:
        yield f"The profile has an open end for {_listed(opened)}."


def systematic(fit: Fit) -> Iterator[str]:
    """What is missed in a way that chance does not explain."""
    for found in fit.fitted:
        worst = fit.objective.targets[found.largest]
        reasons = []
        if found.systematic:
            signs = "".join("+" if pull > 0 else "-" for pull in found.pulls)
            reasons.append(f"misses keep their sign ({signs if len(signs) <= 30 else 'long runs'})")
        if found.biased and found.theil is not None:
            what = "its mean" if found.theil.um > found.theil.us else "its spread"
            reasons.append(f"most of the error is of {what}")
        if found.n <= 2 and found.chi2 / found.n > 4:
            reasons.append("it is missed by more than two scales")
        if reasons:
            yield (
                f"{found.name}: {'; '.join(reasons)}; the worst number is "
                f"{short(worst.row.value)} at {worst.row.time:.2f}, "
                f"met with {short(float(fit.best.predictions[found.largest]))}."
            )
    data = fit.best.residuals[: fit.objective.size]
    freedom = max(fit.objective.size - len(fit.objective.space.names), 1)
    if data @ data / freedom > _UNDERSTATED:
        yield (
            f"Reduced chi-square is {data @ data / freedom:.1f}: scales are too small or the model "
            "is wrong, and every interval is too narrow."
        )
    better = [(n, p.best) for n, p in fit.profiles.items() if p.best < fit.best.objective - 0.01]
    if better:
        name, value = min(better, key=lambda pair: pair[1])
        yield (
            f"The profile of {name} found a fit that is better by "
            f"{fit.best.objective - value:.2f}: the searches had not ended at the best one."
        )


def changes(fit: Fit, count: int = _MOST) -> Iterator[str]:
    """What moved against the values before, largest first, and what is foretold then."""
    start, best = fit.objective.starts, fit.best.values
    with np.errstate(invalid="ignore", divide="ignore"):
        shift = np.abs(best - start) / fit.curvature.se
    order = np.argsort(-np.nan_to_num(shift, nan=0.0, posinf=0.0))
    moved = [i for i in order if short(start[i]) != short(best[i])]
    if not moved:
        yield "No constant moved in the digits that are shown."
    for i in moved[:count]:
        yield f"{fit.objective.space.names[i]}: {short(start[i])} → {short(best[i])}"
    for seen in fit.outlooks:
        yield f"{seen.prediction.name}: {_when(seen, seen.before)} → {_when(seen, seen.value)}"


def _outlook_line(fit: Fit, seen: Outlook) -> str:
    """A prediction with the best interval that there is."""
    name = seen.prediction.name
    text = f"{name}: {_when(seen, seen.value)}"
    profile = fit.profiles.get(name)
    if fit.posterior is not None:
        low, middle, high = fit.posterior.draws[name].quantile([0.05, 0.5, 0.95], "nearest")
        text += f"; in the draws {_when(seen, middle)}, {_when(seen, low)} to {_when(seen, high)}"
        text += " (5 to 95 %" + (")" if fit.posterior.converged else ", not converged)")
    if profile is not None:
        ends = (_when(seen, end) if end is not None else "open" for end in
                (profile.lower, profile.upper))  # fmt: skip
        text += f"; profile, 95 %: {' to '.join(ends)}"
    elif seen.se is not None and np.isfinite(seen.se):
        spread = f"{1.96 * seen.se:.1f}" if seen.prediction.event else short(1.96 * seen.se)
        text += f" ± {spread} (Wald, 95 %)"
    return text + "."


def _when(seen: Outlook, value: float | None) -> str:
    if not seen.prediction.event:
        return "unknown" if value is None else short(value)
    late = value is None or not np.isfinite(value)
    return f"after {seen.horizon:g}" if late else f"{value:.1f}"


def _listed(names: list[str] | tuple[str, ...]) -> str:
    shown = ", ".join(names[:_MOST])
    rest = len(names) - _MOST
    return shown if rest <= 0 else f"{shown} and {rest} more"
