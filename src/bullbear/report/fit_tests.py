"""Parts of a fit's report that test it: numbers not met, numbers not seen, numbers to be had."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence

from bullbear.calibration.fit import Fit
from bullbear.calibration.strain import BELIEFS, missed, strain
from bullbear.report.numbers import percent, short

_PAYERS = 3  # that a sentence names
_CHANCE = 0.05  # of so few numbers within their bands, below which bands are called too narrow
_BEST = 12  # numbers to be had that a table shows


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table in Markdown."""
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in rows)])


# -- numbers that are not met ---------------------------------------------------------------------


def unmet(fit: Fit) -> Iterator[str]:
    """What is missed, what it costs, and whether the structure could meet it."""
    objective = fit.objective
    for episode in objective.problem.episodes:
        positions = [
            i for i, t in enumerate(objective.targets)
            if objective.fitted[i] and t.row.date.isoformat() in episode.rows.get(t.series, ())
        ]  # fmt: skip
        if positions:
            told = "; ".join(_met_with(fit, i) for i in positions)
            yield f"**{episode.name}**: {told}. {_price(fit, positions)}"
    for position in missed(objective, fit.best, fit.fitted):
        yield f"{_met_with(fit, position)}{_cost(fit, position)}. {_price(fit, [position])}"


def _met_with(fit: Fit, position: int) -> str:
    target = fit.objective.targets[position]
    pull = float(fit.objective.terms(fit.best.predictions).residual[position])
    when = f"on {target.row.date}" if target.row.date.year > 1 else f"at {target.row.time:g}"
    return (
        f"{target.series}, {short(target.row.value)} {when} is met with "
        f"{short(float(fit.best.predictions[position]))} ({pull:+.1f} scales)"
    )


def _cost(fit: Fit, position: int) -> str:
    """Which share of its series' misses a number has, if it has the largest one."""
    target = fit.objective.targets[position]
    series = next(one for one in fit.fitted if one.name == target.series)
    if series.costliest != position or series.n < 3:
        return ""
    text = f"; it has {percent(series.share)} of the squared misses of its series"
    if math.isfinite(series.r2) and math.isfinite(series.r2_without):
        text += f", whose R² is {series.r2:.2f} with it and {series.r2_without:.2f} without"
    return text


def _price(fit: Fit, positions: Sequence[int]) -> str:
    """What meeting numbers exactly would do to everything else, by the slopes at the fit."""
    objective = fit.objective
    found = strain(objective, fit.best, fit.curvature.covariance, positions)
    it = "it" if len(positions) == 1 else "them"
    if not found.payers:
        return f"No constant that is sought moves {it} so: the structure cannot meet {it}."
    text = f"Meeting {it} would cost about {found.price:.0f} in twice the objective"
    if not found.beyond:
        return f"{text}: the structure can, at the price of other numbers."
    paid = [(name, rise) for name, rise in found.payers.items() if rise > 0.5][:_PAYERS]
    listed = ", ".join(f"{name} {rise:+.0f}" for name, rise in paid)
    own = {objective.targets[i].series for i in positions}
    if found.first == BELIEFS:
        why = f"the structure cannot meet {it} with constants that anybody would believe"
    elif found.first in own:
        why = f"the numbers beside {it} in the same series say otherwise"
    else:
        why = f"the structure cannot meet {it} and the other numbers at once"
    return f"{text} ({listed}): {why}."


# -- numbers that the fit did not see -------------------------------------------------------------


def foretold(fit: Fit) -> str:
    """The back-test: how the held-out numbers lie in what was foretold; empty if there are none."""
    test = fit.backtest
    if test is None:
        return ""
    lines = [
        f"- {test.n} numbers were held out. {percent(test.share('most'))} lie in the 90 % bands of "
        f"what was foretold, {percent(test.share('half'))} in the 50 % bands.",
        *(f"- {line}" for line in _narrow(fit)),
        *(f"- {line}" for line in _against_nothing(fit)),
    ]
    rows = [
        (one.name, str(one.n), f"{one.most} of {one.n}", f"{one.half} of {one.n}",
         _share(one.error), _share(one.still), _share(one.growing))
        for one in test.series
    ]  # fmt: skip
    head = ("series", "n", "in the 90 % band", "in the 50 % band", "typical miss of the model",
            "of the last number going on", "of last year's growth going on")  # fmt: skip
    return "## What was foretold\n\n" + "\n".join(lines) + "\n\n" + table(head, rows)


def _narrow(fit: Fit) -> Iterator[str]:
    """Whether the bands hold what they promise."""
    from scipy.stats import binom

    test = fit.backtest
    if test is None:
        return
    inside = sum(one.most for one in test.series)
    if binom.cdf(inside, test.n, 0.9) < _CHANCE:
        worst = [one.name for one in test.series if one.most < 0.9 * one.n]
        yield (
            f"The bands are too narrow: they know the errors of numbers and constants, not what "
            f"the scenario takes as given. Short of 90 %: {', '.join(worst)}."
        )
    else:
        yield "That is no fewer than bands of 90 % allow."


def _against_nothing(fit: Fit) -> Iterator[str]:
    test = fit.backtest
    known = [one for one in test.series if math.isfinite(one.still)] if test else []
    if known:
        still = [one.name for one in known if one.error < one.still]
        both = [one for one in known if math.isfinite(one.growing)]
        growing = [one.name for one in both if one.error < one.growing]
        yield (
            f"It foretold {len(still)} of {len(known)} series better than their last number going "
            f"on ({', '.join(still) or 'none'}), and {len(growing)} of {len(both)} better than "
            f"last year's growth going on ({', '.join(growing) or 'none'})."
        )


def _share(error: float) -> str:
    """A typical logarithmic miss as a factor."""
    return f"x {short(math.exp(error))}" if math.isfinite(error) else "–"


# -- numbers that could be had --------------------------------------------------------------------


def next_numbers(fit: Fit) -> str:
    """What one more number would be worth; empty where nothing is foretold."""
    if not fit.worth:
        return ""
    before = {o.prediction.name: o.se for o in fit.outlooks if o.se}
    names = [name for name in fit.worth[0].spreads if name in before]
    if not names:
        return ""
    best = fit.worth[0]
    spread = before[names[0]] or 0.0
    words = (
        f"One more number narrows {names[0]} most if it is {best.name} at {best.time:g}: the "
        f"standard error goes from {spread:.2g} to {best.spreads[names[0]]:.2g}. Linear, at the "
        "best fit; numbers that nobody publishes are taken as known to 5 %."
    )
    rows = [
        (one.name, f"{one.time:.1f}", short(one.scale), "yes" if one.published else "no",
         *(percent(1 - one.spreads[name] / (before[name] or math.inf)) for name in names))
        for one in fit.worth[:_BEST]
    ]  # fmt: skip
    head = ("number", "at", "scale", "published", *(f"narrows {name} by" for name in names))
    return f"## Which number to get next\n\n- {words}\n\n{table(head, rows)}"
