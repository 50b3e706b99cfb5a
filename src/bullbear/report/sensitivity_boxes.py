"""What a scenario discovery found: in words, as JSON, as Markdown, as a trade-off curve."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from bullbear.report.drawing import DPI, INK, LINE_COLOURS, plain_style
from bullbear.report.numbers import percent, short

if TYPE_CHECKING:
    from bullbear.analysis.boxes import Boxes, Limit
    from bullbear.analysis.discovery import Quality
    from bullbear.analysis.study import Study

NAME = "trade-off.png"


def condition(limit: Limit) -> str:
    """`alpha below 0.3`, `beta from 1 to 2`."""
    if limit.lower is None:
        return f"{limit.name} below {short(float(limit.upper or 0.0))}"
    if limit.upper is None:
        return f"{limit.name} above {short(limit.lower)}"
    return f"{limit.name} from {short(limit.lower)} to {short(limit.upper)}"


def sentences(study: Study, found: Boxes) -> list[str]:
    """The box in words, and how sure it is."""
    assert study.discovery is not None
    case = study.discovery.case
    share = percent(found.cases / found.draws)
    texts = [
        f"{case}: {share} of {found.draws} draws"
        + (f" ({found.left_out} that contradict what is known left out)" if found.left_out else "")
        + "."
    ]
    if not found.limits:
        return [*texts, "No limit on any input raises that share by more than chance."]
    box = " and ".join(condition(limit) for limit in found.limits)
    texts.append(f"It happens when {box}.")
    own = found.confirmed
    texts.append(
        f"On the half of the draws that did not choose this box {percent(own.density)} inside are "
        f"cases, and {percent(own.coverage)} of all cases are inside; the box is "
        f"{percent(own.support)} of the draws."
    )
    if not found.dense:
        texts.append(f"No box is confirmed to have the {percent(study.discovery.density)} asked "
                     "for.")  # fmt: skip
    return texts


def content(study: Study, found: Boxes) -> dict[str, Any]:
    """The object of `box.json`."""
    assert study.discovery is not None

    def plain(quality: Quality) -> dict[str, float]:
        return {"coverage": quality.coverage, "density": quality.density,
                "support": quality.support}  # fmt: skip

    return {
        "method": "discovery", "title": study.title, "scenario": study.scenario,
        "case": study.discovery.case, "draws": found.draws, "failed": found.failed,
        "left_out": found.left_out, "cases": found.cases, "dense": found.dense,
        "box": [{"input": limit.name, "lower": limit.lower, "upper": limit.upper,
                 "chance": limit.chance} for limit in found.limits],
        "found": plain(found.found), "confirmed": plain(found.confirmed),
        "trade_off": [plain(quality) for quality in found.search.confirmed],
        "words": sentences(study, found),
    }  # fmt: skip


def report(study: Study, found: Boxes, made: str) -> str:
    """The report as Markdown; every number comes from the result, `made` says of what it is."""
    lines = [f"# {study.title}", "", *sentences(study, found), ""]
    lines += [f"![trade-off of coverage and density]({NAME})", ""]
    if found.limits:
        lines += ["| input | from | to | chance that the limit means nothing |",
                  "| --- | ---: | ---: | ---: |"]  # fmt: skip
        for limit in found.limits:
            ends = ["" if v is None else short(v) for v in (limit.lower, limit.upper)]
            lines.append(f"| {limit.name} | {ends[0]} | {ends[1]} | {limit.chance:.1g} |")
        lines.append("")
    lines += ["Coverage is the share of all cases inside the box, density the share of cases among "
              "the draws inside. The search saw one random half of the draws; what is told of the "
              "box is of the other half.", "", made, ""]  # fmt: skip
    return "\n".join(lines)


def draw(study: Study, found: Boxes, folder: Path) -> None:
    """Draw `trade-off.png`: coverage and density of every box, on both halves."""
    from matplotlib.figure import Figure

    with plain_style():
        figure = Figure(figsize=(8.0, 4.2), layout="constrained")
        axes = figure.subplots()
        for colour, label, every in (
            (LINE_COLOURS[5], "on the half that chose them", found.search.found),
            (LINE_COLOURS[0], "on the other half", found.search.confirmed),
        ):
            axes.plot([100 * q.coverage for q in every], [100 * q.density for q in every], "o-",
                      color=colour, markersize=4, label=label)  # fmt: skip
        own = found.confirmed
        axes.plot(100 * own.coverage, 100 * own.density, "D", color=LINE_COLOURS[1], markersize=8,
                  label="the box, on the other half")  # fmt: skip
        base = 100 * found.cases / found.draws
        axes.axhline(base, color=INK, linewidth=0.9, linestyle=(0, (3, 2)), label="all draws")
        axes.set_xlim(0, 103)
        axes.set_ylim(0, 103)
        axes.set_xlabel("coverage [%]")
        axes.set_ylabel("density [%]")
        axes.legend(fontsize=8, loc="lower left")
        figure.suptitle(study.title, fontweight="bold")
        figure.savefig(folder / NAME, dpi=DPI, metadata={"Software": None})
