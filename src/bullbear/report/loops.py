"""The report of `bullbear loops`: who rules when in words, then tables and diagrams."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np

from bullbear.analysis.causal import DrawnLoop, folded
from bullbear.analysis.feedback import Report
from bullbear.analysis.loop_scores import averaged, dominant
from bullbear.analysis.loops import IDLE
from bullbear.analysis.stock_flow import sectors
from bullbear.models.model import Model
from bullbear.report import causal, stock_flow

WINDOWS = 11
"""Of equal length, over which shares are averaged."""
LISTED = 20
"""Of loops without names the report lists as many, the longest reigns first."""


def pictures(found: Report, model: Model, *, constants: bool = False) -> dict[str, str]:
    """The diagrams of a model by file name, as SVG.

    Parameters
    ----------
    constants : whether the stock-and-flow diagrams show constants and lookups too
    """
    made = {}
    stocks = {v.name for v in model.system.variables.values() if v.kind == "stock"}
    for name, loops, title in (
        ("causal-loops", found.drawn, "feedback loops"),
        ("ruling-loops", found.ruling, "loops that rule"),
    ):
        if loops:
            made[f"{name}.svg"] = causal.diagram(
                folded(found.arrows, loops, stocks), f"{model.name}: {title}"
            )
    slugs: Counter[str] = Counter()
    for sector in sectors(model.system, model.name, constants=constants):
        slug = re.sub(r"\W+", "-", sector.title.casefold()).strip("-") or "model"
        slugs[slug] += 1
        number = f"-{slugs[slug]}" if slugs[slug] > 1 else ""
        made[f"stocks-{slug}{number}.svg"] = stock_flow.diagram(sector, model.system)
    return made


def text(found: Report, model: Model, scenario: str, files: Sequence[str]) -> str:
    """The report as Markdown."""
    parts = [
        f"# Feedback loops: {model.name}, {scenario}\n",
        *_words(found),
        "",
        *_periods(found),
        *_table(found),
        *_diagrams(files),
        f"Model {model.hash}, Euler's method at the model's time step.",
    ]
    return "\n".join(parts) + "\n"


def _words(found: Report) -> Iterator[str]:
    feedback = found.feedback
    if not feedback.loops:
        yield "No variable acts on itself: the model has no feedback loop."
        return
    best = sorted(range(len(found.loops)), key=lambda row: -found.reigns[row])
    shares = [(_named(found.loops[row]), 100 * found.reigns[row]) for row in best[:4]]
    told = [f"{name} for {share:.0f} %" for name, share in shares if share >= 1]
    if told:
        yield (
            f"Among the loops that rule is {_joined(told)} of the run. Those rule that are the "
            "fewest of one direction to make up more than half of all scores together."
        )
    if len(set(found.scores.parts)) == 1:
        yield _directions(found)
    if idle := [one.loop for one in found.named if one.polarity == IDLE]:
        where = "; ".join(f"{loop.name} acts in {loop.scenario}" for loop in idle)
        yield f"Nothing in this run goes around {_joined([loop.name for loop in idle])}: {where}."
    size = len(feedback.components[0])
    count = str(len(feedback.loops)) if feedback.complete else "more than 2000"
    scope = f" of at most {feedback.length} variables" if feedback.length else ""
    listed = f"the {len(found.loops)} that are named" if found.named else "those that were found"
    yield ""
    yield (
        f"{found.variables} variables change, {size} of them all act on each other, and there are "
        f"{count} loops{scope}. Shares are of the scores of {listed}; a loop that is not listed "
        "has no share, so they say which of the listed loops does most, not how much of the whole "
        "behaviour it explains. Scores are those of Loops That Matter (Schoenberg, Davidsen and "
        "Eberlein 2020)."
    )


def _directions(found: Report) -> str:
    """How long growth rules and how long balance does."""
    ends = found.scores.times
    whole = float(ends[-1] - ends[0]) * len(ends) / max(len(ends) - 1, 1)
    up = sum(p.end - p.start for p in found.periods if _sign(found, p.loops, p.start) > 0) / whole
    down = sum(p.end - p.start for p in found.periods) / whole - up
    return (
        f"Reinforcing loops rule for {100 * up:.0f} % of the run, balancing loops for "
        f"{100 * down:.0f} %, neither for {100 * max(0.0, 1 - up - down):.0f} %."
    )


def _sign(found: Report, loops: Sequence[int], start: float) -> float:
    step = int(np.searchsorted(found.scores.times, start - 1e-9))
    return float(found.scores.shares[list(loops), step].sum())


def _periods(found: Report) -> Iterator[str]:
    periods = found.periods
    if not periods:
        return
    mean = len(periods) > LISTED
    if mean:
        periods = tuple(dominant(averaged(found.scores, WINDOWS)))
    heading = f"rule on average over {WINDOWS} windows" if mean else "rule"
    yield f"| from | to | loops that {heading} |"
    yield "|---|---|---|"
    for period in periods:
        names = ", ".join(found.loops[row].name for row in period.loops)
        yield f"| {period.start:g} | {period.end:g} | {names} |"
    yield ""


def _table(found: Report) -> Iterator[str]:
    if not found.loops:
        return
    rows = sorted(range(len(found.loops)), key=lambda row: -found.reigns[row])
    if not found.named:
        rows = rows[:LISTED]
    kinds = [one.polarity for one in found.named] or [o.polarity for o in found.feedback.loops]
    means = np.abs(found.scores.shares).mean(axis=1)
    yield "| loop | | direction in this run | rules, % of the run | mean share |"
    yield "|---|---|---|---|---|"
    for row in rows:
        one = found.loops[row]
        yield (
            f"| {one.name} | {one.title} | {kinds[row]} | {100 * found.reigns[row]:.0f} | "
            f"{means[row]:.3f} |"
        )
    if len(rows) < len(found.loops):
        yield f"\n{len(found.loops) - len(rows)} more loops stand in loops.csv."
    yield ""


def _diagrams(files: Sequence[str]) -> Iterator[str]:
    for file in files:
        name = file.removesuffix(".svg").replace("-", " ")
        yield f"![{name}]({file})\n"


def _named(one: DrawnLoop) -> str:
    return f"{one.name} ({one.title})"


def _joined(parts: Sequence[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
