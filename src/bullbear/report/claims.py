"""What runs say of claims in numbers: in a sentence, as a Markdown table, as JSON."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from bullbear.analysis.claims import row_of
from bullbear.report.numbers import percent, short

if TYPE_CHECKING:
    from bullbear.analysis.claims import Answer, Claim, Claims, Public

_OPEN, _HOLDS = "open", "holds"


def summary(claims: Claims, answers: Sequence[Answer]) -> str:
    """How many claims hold, in a sentence."""
    count = Counter(answer.verdict for answer in answers)
    wrong = len(answers) - count[_HOLDS] - count[_OPEN]
    return (
        f"Of {len(answers)} claims of {claims.title} {count[_HOLDS]} hold, {wrong} do not, and of "
        f"{count[_OPEN]} the runs leave it open."
    )


def section(claims: Claims, answers: Sequence[Answer], about: str) -> list[str]:
    """Lines of a report: the table, and the rule behind its verdicts."""
    lines = [f"## What was claimed: {claims.title}", "", summary(claims, answers), "",
             "| claim | post | claimed | public then | public now | the model | verdict |",
             "| --- | ---: | --- | --- | --- | --- | --- |"]  # fmt: skip
    sources: list[str] = []
    for claim, answer in zip(claims.claims, answers, strict=True):
        then, now = (_public(claims, p, sources) for p in (claim.then, claim.now))
        cells = [f'{claim.name}: "{claim.quote}"', str(claim.post), claimed(claim), then, now,
                 _model(claim, answer), _verdict(answer)]  # fmt: skip
        lines.append(f"| {' | '.join(cells)} |")
    lines += [
        "", f"The model's number is the median of its draws, in brackets 5 and 95 % of them: "
        f"{about}. The verdict is by these ends alone: a claim holds if both lie within what is "
        "claimed, is less or more than claimed if both lie on one side of it, and open if an end "
        "of what is claimed lies between them; then the share of the draws in which it is so "
        f"stands beside it. Post 1 is of {claims.said.isoformat()}, {claims.source}.", "",
        *(f"{number}. {text}" for number, text in enumerate(sources, start=1)), "",
    ]  # fmt: skip
    return lines


def claimed(claim: Claim) -> str:
    """The range of a claim in words."""
    unit = f" {claim.unit}" if claim.unit else ""
    if claim.at_most is None:
        return f"{short(claim.at_least or 0.0)}{unit} at least"
    if claim.at_least is None:
        return f"{short(claim.at_most)}{unit} at most"
    return f"{short(claim.at_least)} to {short(claim.at_most)}{unit}"


def content(claims: Claims, answers: Sequence[Answer]) -> list[dict[str, Any]]:
    """The claims as JSON."""
    found = []
    for claim, answer in zip(claims.claims, answers, strict=True):
        public = {key: row_of(claims, p) for key, p in (("then", claim.then), ("now", claim.now))}
        found.append({
            "claim": claim.name, "quote": claim.quote, "post": claim.post, "unit": claim.unit,
            "at_least": claim.at_least, "at_most": claim.at_most,
            **{key: None if row is None else vars(row) for key, row in public.items()},
            "draws": answer.draws, "share": answer.share, "lower": answer.lower,
            "median": answer.median, "upper": answer.upper, "verdict": answer.verdict,
        })  # fmt: skip
    return found


def _public(claims: Claims, public: Public | None, sources: list[str]) -> str:
    """A public number with its day and the number of its source, which is added to `sources`."""
    row = row_of(claims, public)
    if row is None:
        return "none"
    text = f"{row.title}, {row.source}"
    if text not in sources:
        sources.append(text)
    return f"{short(row.value)} {row.unit}, {row.day} [{sources.index(text) + 1}]"


def _model(claim: Claim, answer: Answer) -> str:
    if math.isnan(answer.median):
        return f"{answer.draws} draws"
    numbers = [short(v) for v in (answer.median, answer.lower, answer.upper)]
    given = f"; {answer.draws} draws" if claim.given is not None else ""
    return f"{numbers[0]} ({numbers[1]} to {numbers[2]}{given})"


def _verdict(answer: Answer) -> str:
    if answer.verdict != _OPEN:
        return answer.verdict
    return f"{_OPEN}: so in {percent(answer.share)}"
