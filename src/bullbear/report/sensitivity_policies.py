"""A comparison of policies: the regret table, the front, and what flips the choice."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bullbear.report.drawing import DPI, LINE_COLOURS, plain_style
from bullbear.report.numbers import percent, short

if TYPE_CHECKING:
    from bullbear.analysis.information import Worth
    from bullbear.analysis.policies import Comparison

NAME = "policies.png"
NAMED = 3
SHOWN = 8


def sentences(found: Comparison) -> list[str]:
    """What the comparison comes to, in words."""
    best = found.order[0]
    flip = found.flips
    telling = [
        f"{'more' if flip.direction[i] > 0 else 'less'} {found.inputs[i]} "
        f"({flip.indices.value[i, 0]:.2f} ± {flip.indices.half_width[i, 0]:.2f})"
        for i in flip.telling[:NAMED]
    ]
    count = found.values.shape[1]
    return [
        f"{count} draws, the same for every policy; {found.left_out} that contradict what is known "
        f"and {found.failed} that failed are left out.",
        f"Satisfies everything most often: {found.policies[best]} "
        f"({percent(float(found.robust[best]))} of the draws; {found.policies[0]} "
        f"{percent(float(found.robust[0]))}).",
        "On the front, where no other policy is better in every mean: "
        + "; ".join(found.policies[i] for i in found.front) + ".",
        f"{found.policies[flip.second]} has the smaller sum of regrets in {percent(flip.share)} of "
        f"the draws. " + (f"Most telling for it: {', '.join(telling)}." if telling else
                          "No single input tells when."),
    ]  # fmt: skip


def telling(found: Comparison) -> list[int]:
    """Inputs of which it is sure that knowing them is worth something, the most valuable first."""
    share, regret = found.information
    sure = (share.each > share.each_width) | (regret.each > regret.each_width)
    order = np.lexsort((-regret.each, -share.each))
    return [int(i) for i in order if sure[i]]


def knowing(found: Comparison) -> list[str]:
    """What it would be worth to know the uncertain constants before choosing, in words."""
    share, regret = found.information
    calm = found.policies[int(found.burden.mean(axis=1).argmin())]
    texts = [
        f"The smallest expected sum of regrets has: {calm}. Knowing every constant before choosing "
        f"would save {percent(_part(regret))} of it, and raise the share of draws in which the "
        f"chosen policy satisfies everything from {percent(share.now)} to "
        f"{percent(share.now + share.everything)}."
    ]
    first = telling(found)[:NAMED]
    if not first:
        return [*texts, "No constant alone is surely worth knowing for this choice."]
    named = [
        f"{found.inputs[i]} ({_points(share, i)} of the draws, "
        f"{percent(float(regret.each[i] / -regret.now))} of the regret)"
        for i in first
    ]
    return [*texts, f"Of single constants most worth knowing: {', '.join(named)}."]


def _points(share: Worth, i: int) -> str:
    """`1.4 ± 1.2 points`."""
    return f"{100 * share.each[i]:.1f} ± {100 * share.each_width[i]:.1f} points"


def _part(worth: Worth) -> float:
    """The share of the regret that goes with full knowledge."""
    return worth.everything / -worth.now if worth.now else 0.0


def _knowing_table(found: Comparison) -> list[str]:
    share, regret = found.information
    lines = ["## What knowing would be worth", "", *(f"- {text}" for text in knowing(found)), ""]
    rows = telling(found)[:SHOWN]
    if not rows:
        return lines
    lines += ["| constant | more draws that satisfy everything | regret saved |",
              "| --- | ---: | ---: |"]  # fmt: skip
    lines += [
        f"| {found.inputs[i]} | {_points(share, i)} | {short(float(regret.each[i]))} ± "
        f"{short(float(regret.each_width[i]))} |" for i in rows
    ]  # fmt: skip
    return [*lines, "", f"Regret is the sum over the criteria, each over the spread of its values; "
            f"without knowledge it is {short(-regret.now)} at best. A constant is worth what is "
            "gained by choosing in each eighth of its range what is best there, in draws that did "
            "not choose it.", ""]  # fmt: skip


def content(found: Comparison) -> dict[str, Any]:
    """The object of `policies.json`."""
    share, regret = found.information
    flip = found.flips
    return {
        "criteria": [
            {"name": name, "better": "more" if sign > 0 else "less", "enough": float(enough)}
            for name, sign, enough in zip(found.criteria, found.signs, found.enough, strict=True)
        ],
        "draws": found.values.shape[1], "drawn": found.drawn, "failed": found.failed,
        "left_out": found.left_out,
        "policies": {name: _policy(found, i) for i, name in enumerate(found.policies)},
        "front": [found.policies[i] for i in found.front],
        "flip": {
            "first": found.policies[flip.first], "second": found.policies[flip.second],
            "share": flip.share,
            "inputs": [
                {"input": found.inputs[i], "s1": float(flip.indices.value[i, 0]),
                 "s1_conf": float(flip.indices.half_width[i, 0]),
                 "direction": float(flip.direction[i])}
                for i in flip.telling
            ],
        },
        "information": {
            "satisfied": {"now": share.now, "everything": share.everything,
                          "everything_conf": share.everything_width},
            "regret": {"now": -regret.now, "everything": regret.everything,
                       "everything_conf": regret.everything_width},
            "inputs": [
                {"input": found.inputs[i], "regret": float(regret.each[i]),
                 "regret_conf": float(regret.each_width[i]), "satisfied": float(share.each[i]),
                 "satisfied_conf": float(share.each_width[i])}
                for i in telling(found)
            ],
        },
        "words": [*sentences(found), *knowing(found)],
    }  # fmt: skip


def _policy(found: Comparison, i: int) -> dict[str, Any]:
    values, regret = found.values[i], found.regret[i]
    worst = np.where(found.signs > 0, values.min(axis=0), values.max(axis=0))
    gain, width = found.gain(i)
    by = {
        name: {"mean": float(values[:, c].mean()), "worst": float(worst[c]),
               "gain": float(gain[c]), "gain_conf": float(width[c]),
               "mean_regret": float(regret[:, c].mean()),
               "worst_regret": float(regret[:, c].max()),
               "satisfied": float(found.satisfied[i, :, c].mean())}
        for c, name in enumerate(found.criteria)
    }  # fmt: skip
    return {"robust": float(found.robust[i]), "front": i in found.front, "criteria": by}


def table(found: Comparison) -> list[str]:
    """A Markdown table of each criterion: mean, worst case, regrets, satisficing share."""
    lines = ["| policy | satisfies all | on the front |", "| --- | ---: | --- |"]
    lines += [f"| {found.policies[i]} | {percent(float(found.robust[i]))} | "
              f"{'yes' if i in found.front else ''} |" for i in found.order]  # fmt: skip
    for c, name in enumerate(found.criteria):
        lines += ["", f"## {name}", "", f"Enough is {_number(float(found.enough[c]))}.", "",
                  "| policy | mean | against the first | worst case | mean regret | worst regret | "
                  "satisfied |", "| --- | ---: | ---: | ---: | ---: | ---: | ---: |"]  # fmt: skip
        for i in found.order:
            own = _policy(found, i)["criteria"][name]
            cells = [_number(own["mean"]), f"{_number(own['gain'])} ± {short(own['gain_conf'])}",
                     _number(own["worst"]), _number(own["mean_regret"]),
                     _number(own["worst_regret"]), percent(own["satisfied"])]  # fmt: skip
            lines.append(f"| {found.policies[i]} | {' | '.join(cells)} |")
    return lines


def _number(value: float) -> str:
    """A number; a year keeps its digits."""
    return f"{value:.1f}" if 1900 < value < 2200 else short(value)


def report(title: str, found: Comparison, made: str) -> str:
    """The report as Markdown; every number comes from the comparison, `made` says of what it is."""
    lines = [f"# {title}", "", *(f"- {text}" for text in sentences(found)), ""]
    lines += [f"![policies]({NAME})", "", *_knowing_table(found), *table(found), ""]
    lines += [
        "Regret is what the best policy of a draw has more. Events that do not happen count "
        "as at the horizon. Differences are of the same draws; ± is a 95 % interval.",
        "",
        made,
        "",
    ]
    return "\n".join(lines)


def draw(title: str, found: Comparison, folder: Path) -> None:
    """Draw `policies.png`: the share of draws in which each policy satisfies."""
    from matplotlib.figure import Figure

    order = found.order[::-1]
    places = np.arange(len(order))
    with plain_style():
        figure = Figure(figsize=(8.0, 1.2 + 0.3 * len(order)), layout="constrained")
        axes = figure.subplots()
        shares = [100 * float(found.robust[i]) for i in order]
        axes.barh(places, shares, color=LINE_COLOURS[0], height=0.6, label="all criteria")
        for c, name in enumerate(found.criteria):
            own = [100 * float(found.satisfied[i, :, c].mean()) for i in order]
            axes.plot(own, places, "o", color=LINE_COLOURS[c + 1], markersize=5, label=name)
        axes.set_ylim(-0.7, len(order) - 0.3)
        axes.set_yticks(places, [found.policies[i] for i in order], fontsize=8)
        axes.set_xlim(0, 102)
        axes.set_xlabel("share of draws in which it is enough [%]")
        axes.grid(visible=False, axis="y")
        axes.legend(fontsize=7.5, loc="lower left", bbox_to_anchor=(0, 1.0), ncols=2)
        figure.suptitle(title, fontweight="bold")
        figure.savefig(folder / NAME, dpi=DPI, metadata={"Software": None})
