"""How likely run-out, closure, bull and bear are: in a line, in words, as a table, as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from bullbear.report import claims as claimed
from bullbear.report.numbers import year

if TYPE_CHECKING:
    from bullbear.analysis.claims import Claims
    from bullbear.analysis.runway import Prospect, Share
    from bullbear.analysis.survival import Survival

BELIEFS = {"priors": "over all priors", "posterior": "over the posterior"}
KNOWN = ", known"
FITTED = (
    "Over the posterior the constants of the fit are drawn, as correlated as they are, and those "
    "that change nothing before the end of its numbers from their priors; all others keep their "
    "values."
)


def about(prospect: Prospect) -> str:
    """Of which runs a prospect is."""
    plain = BELIEFS[prospect.belief.removesuffix(KNOWN)]
    agreeing = ", draws that agree with what is known" if prospect.belief.endswith(KNOWN) else ""
    constants = f"{prospect.inputs} constant{'s' if prospect.inputs != 1 else ''}"
    return f"{prospect.scenario}, {plain}{agreeing} ({prospect.draws} draws of {constants})"


def line(prospect: Prospect) -> str:
    """A prospect in one sentence: events by the horizon, their medians, bull and bear."""
    return f"{about(prospect)}: {'; '.join(_parts(prospect))}."


def best(prospects: Sequence[Prospect]) -> Prospect:
    """What is known best of the first scenario: its first belief, of draws that agree with the
    known where that is told."""
    first = prospects[0]
    return next((p for p in prospects[1:2] if p.belief == first.belief + KNOWN), first)


def answer(prospects: Sequence[Prospect]) -> str:
    """The one sentence to quote."""
    chosen = best(prospects)
    parts = _parts(chosen)
    return f"{parts[0].capitalize()}; {'; '.join(parts[1:])} ({about(chosen)})."


def _parts(prospect: Prospect) -> list[str]:
    parts = []
    for name, curve in prospect.events.items():
        median = curve.quantile(0.5)
        middle = f"half by {year(round(median, 1))}" if median is not None else "fewer than half"
        parts.append(f"{name} before {year(curve.horizon)} in {curve.before(curve.horizon):.0%} "
                     f"({middle})")  # fmt: skip
    return parts + [f"{name} {share.value:.0%}" for name, share in prospect.outcomes.items()]


def spread(share: Share) -> str:
    """A share with its interval: `41 % (39-43)`."""
    return f"{share.value:.0%} ({100 * share.lower:.0f}-{100 * share.upper:.0f})"


def lines(prospect: Prospect, before: Sequence[float], shares: Sequence[float]) -> list[str]:
    """All of a prospect in words, a line each."""
    found = []
    for name, curve in prospect.events.items():
        chances = ", ".join(f"{year(t)} {curve.before(t):.0%}" for t in before)
        found.append(f"{name} before {chances}")
        said = ", ".join(f"{share:.0%} {_by(curve, share)}" for share in shares)
        found.append(f"{name}: {said}")
    both = [*prospect.conditions.items(), *prospect.outcomes.items()]
    found += [f"{name}: {spread(share)}" for name, share in both]
    if prospect.failed:
        found.append(f"{prospect.failed} runs failed and are left out")
    return found


def _by(curve: Survival, share: float) -> str:
    """`by 2034.1`, or `after 2060`."""
    time = curve.quantile(share)
    return f"after {year(curve.horizon)}" if time is None else f"by {year(round(time, 1))}"


def report(
    title: str, prospects: Sequence[Prospect], before: Sequence[float], shares: Sequence[float],
    picture: str, claims: Claims | None, made: str,
) -> str:  # fmt: skip
    """The report as Markdown, the answer in a sentence first; every number comes from the runs,
    and `made` says of what it is."""
    text = [f"# Runway: {title}", "", answer(prospects), "",
            *(f"- {line(prospect)}" for prospect in prospects), "",
            f"![{picture}]({picture})", ""]  # fmt: skip
    if claims is not None:
        chosen = best(prospects)
        text += claimed.section(claims, chosen.claims, about(chosen))
    for prospect in prospects:
        text += [f"## {about(prospect)}", ""]
        text += [f"- {told}" for told in lines(prospect, before, shares)] + [""]
    text += ["An event that a draw does not show by the end counts as later, not as never. Ranges "
             "in brackets are 95 % intervals.", ""]  # fmt: skip
    if any(prospect.belief.startswith("posterior") for prospect in prospects):
        text += [FITTED, ""]
    text += [made, ""]
    return "\n".join(text)


def content(
    prospects: Sequence[Prospect], before: Sequence[float], shares: Sequence[float],
    claims: Claims | None,
) -> dict[str, Any]:  # fmt: skip
    """The JSON object: the first prospect at the top, all of them under `prospects`."""
    each = [_one(prospect, before, shares) for prospect in prospects]
    top = {key: each[0][key] for key in ("events", "outcomes", "conditions")}
    said = [] if claims is None else claimed.content(claims, best(prospects).claims)
    return {**top, "answer": answer(prospects), "lines": [line(p) for p in prospects],
            "claims": said, "prospects": each}  # fmt: skip


def _one(prospect: Prospect, before: Sequence[float], shares: Sequence[float]) -> dict[str, Any]:
    everything = {**prospect.conditions, **prospect.outcomes}
    return {
        "scenario": prospect.scenario, "belief": prospect.belief,
        "inputs": prospect.inputs, "draws": prospect.draws, "failed": prospect.failed,
        "events": {
            name: {
                "p_before": {year(t): curve.before(t) for t in (*before, curve.horizon)},
                "quantiles": {f"{share:g}": curve.quantile(share) for share in shares},
            }
            for name, curve in prospect.events.items()
        },
        "outcomes": {name: share.value for name, share in prospect.outcomes.items()},
        "conditions": {name: share.value for name, share in prospect.conditions.items()},
        "intervals": {name: [s.lower, s.upper] for name, s in everything.items()},
    }  # fmt: skip
