"""What a sensitivity study found: in words, as tables, as JSON."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import takewhile
from typing import TYPE_CHECKING, Any

from bullbear.report.numbers import percent, short

if TYPE_CHECKING:
    import pandas as pd

    from bullbear.analysis.sensitivity import Result

SHOWN = 8
"""Inputs of a table in the terminal and in the report."""
NAMED = 3
"""Inputs that are named in a sentence."""
FEW_TIMES = 4
CALLED = {
    "s1": "first order", "st": "total order", "mu_star": "mean absolute effect",
    "sigma": "spread of effects", "elasticity": "elasticity", "shapley": "Shapley effect",
}  # fmt: skip
METHODS = {
    "local": "Local elasticities from exact derivatives of one run",
    "morris": "Elementary effects (Morris)",
    "sobol": "Sobol indices",
    "shapley": "Shapley effects",
    "given-data": "First-order indices from a sample of runs",
}


def headline(result: Result) -> list[int]:
    """Columns that are told in words: all of an output with few times, else four of its times."""
    found: list[int] = []
    for output in dict.fromkeys(column.output for column in result.columns):
        own = [i for i, column in enumerate(result.columns) if column.output == output]
        varying = [i for i in own if result.varies[i]]
        if len(own) > FEW_TIMES:
            last = len(varying) - 1
            places = sorted({round(last * k / FEW_TIMES) for k in range(1, FEW_TIMES + 1)})
            varying = [varying[p] for p in places] if varying else []
        found += varying
    return found


def overview(result: Result) -> str:
    """One paragraph: method, inputs, runs, model."""
    return (
        f"{METHODS[result.method]}: {len(result.inputs)} uncertain inputs, {result.runs} runs "
        f"({result.failed} failed), scenario {result.study.scenario}, seed {result.seed}. "
        + mark(result.model, result.hash, result.question)
    )


def mark(model: str, model_hash: str, question: str) -> str:
    """What a report is of; it is stale when one of the two is another."""
    return f"Model {model} {model_hash}, question {question}."


def times(result: Result) -> str:
    """How long it took this time; runs that were kept from before are not made again."""
    return f"Runs took {result.seconds_runs:.1f} s, the analysis {result.seconds_analysis:.2f} s."


def enough(result: Result) -> str:
    """Whether the runs are enough, in words; empty for methods without intervals."""
    if result.converged is None:
        return ""
    if result.converged:
        return "Every interval is narrower than ±0.05: there are enough runs."
    widths = result.indices[f"{result.judged}_conf"]
    wide = sorted({result.columns[i].label for i in range(widths.shape[1])
                   if (widths[:, i] >= 0.05).any()})  # fmt: skip
    some = ", ".join(wide[:NAMED]) + (f" and {len(wide) - NAMED} more" if len(wide) > NAMED else "")
    remedy = (
        "Ask for a larger --n."
        if result.study.posterior is None
        else ("Draw more from the posterior.")
    )
    return (
        f"Not enough runs: {len(wide)} of {len(result.columns)} outputs have intervals of ±0.05 "
        f"or more ({some}). {remedy}"
    )


def verdict(result: Result) -> str:
    """The inputs that decide the first output, and how sure that is: what comes first."""
    chosen = headline(result)
    order = result.order(chosen[0]) if chosen else []
    if not order:
        return "Nothing that is looked at varies."
    column, label = chosen[0], result.columns[chosen[0]].label
    own = list(takewhile(lambda i: _surely(result, i, column), order[:NAMED]))
    if not own:
        return f"Of no assumption is it sure that it drives {label}."
    named = ", ".join(result.inputs[i] for i in own)
    count = {1: "The assumption that decides", 2: "The two assumptions that decide",
             3: "The three assumptions that decide"}[len(own)]  # fmt: skip
    return " ".join([f"{count} {label}: {named}.", *_how_sure(result, column, own)])


def _surely(result: Result, i: int, column: int) -> bool:
    """Whether an input drives an output at all: its interval lies above 0, where it has one."""
    widths = result.indices.get(f"{result.judged}_conf")
    return widths is None or bool(result.indices[result.judged][i, column] > widths[i, column])


def _how_sure(result: Result, column: int, own: list[int]) -> Iterator[str]:
    """Whether others may belong to the first ones, and whether these are told apart."""
    if result.converged is None:
        return
    places, others = result.places(column), result.order(column)[len(own) :]
    rivals = [i for i in others if places[i][0] <= len(own)]
    if rivals:
        some = ", ".join(result.inputs[i] for i in rivals[:NAMED])
        more = f" and {len(rivals) - NAMED} more" if len(rivals) > NAMED else ""
        yield f"Not all is sure: the intervals let {some}{more} be among the first {len(own)}."
    elif others:
        these, theirs = ("these are", "theirs") if len(own) > 1 else ("it is", "its own")
        yield f"That {these} the first is sure: no other interval reaches {theirs}."
    if len(own) < min(NAMED, len(places)):
        yield "Of no other assumption is it sure that it matters."
    apart = [result.inputs[i] for i in own if places[i][0] == places[i][1]]
    if len(own) == 1:
        return
    if len(apart) == len(own):
        yield "Their order is sure."
    elif apart:
        yield f"Of their order the place of {', '.join(apart)} is sure."
    else:
        yield "Their order is open."


def sentence(result: Result, column: int) -> str:
    """Which inputs drive an output, as far as their intervals tell them apart."""
    order = result.order(column)
    label = result.columns[column].label
    if not order:
        return f"{label}: nothing to tell."
    places = result.places(column)
    named = []
    for i in order[:NAMED]:
        rank = f"{_place(places[i])}. " if result.converged is not None else ""
        named.append(f"{rank}{result.inputs[i]} ({_value(result, i, column)})")
    text = f"{label}: {', '.join(named)}."
    values = result.indices[result.judged][:, column]
    if result.method == "sobol" and values[order[0]] > 0:
        first, width = result.indices["s1"][:, column], result.indices["s1_conf"][:, column]
        alone = float(first[first > width].sum())
        text += f" Inputs that surely act alone explain {min(alone, 1):.0%} of the variance."
    return text


def _place(places: tuple[int, int]) -> str:
    """`2`, or `2-4` where intervals overlap."""
    first, last = places
    return str(first) if first == last else f"{first}-{last}"


def _value(result: Result, i: int, column: int) -> str:
    value = float(result.indices[result.judged][i, column])
    widths = result.indices.get(f"{result.judged}_conf")
    if widths is None:
        return short(value)
    return f"{value:.2f} ± {float(widths[i, column]):.2f}"


def _alone(result: Result, i: int, column: int) -> str:
    """The first order: what knowing this input alone would take off the variance."""
    return (f"{result.indices['s1'][i, column]:.2f} ± "
            f"{result.indices['s1_conf'][i, column]:.2f}")  # fmt: skip


def rows(result: Result, column: int, count: int = SHOWN) -> Iterator[tuple[str, str, str]]:
    """Place, input and index of the inputs that drive an output most."""
    places = result.places(column)
    for i in result.order(column)[:count]:
        first, last = places[i]
        place = str(first) if first == last else f"{first}-{last}"
        yield (
            place if result.converged is not None else "",
            result.inputs[i],
            _value(result, i, column),
        )


def table(result: Result) -> pd.DataFrame:
    """All indices, a row for each output, time and input."""
    import pandas as pd

    found = []
    for c, column in enumerate(result.columns):
        place = column.times[0] if column.time is not None else None
        for i, name in enumerate(result.inputs):
            found.append({"output": column.output, "time": place, "input": name}
                         | {key: float(v[i, c]) for key, v in result.indices.items()})  # fmt: skip
    return pd.DataFrame(found)


def content(result: Result) -> dict[str, Any]:
    """The object of `indices.json`; what a method does not give is null."""
    keys = ("s1", "s1_conf", "st", "st_conf", "mu_star", "sigma", "elasticity", "shapley",
            "shapley_conf")  # fmt: skip
    outputs: dict[str, Any] = {}
    for c, column in enumerate(result.columns):
        places = result.places(c)
        outputs[column.label] = {
            name: {key: float(result.indices[key][i, c]) if key in result.indices else None
                   for key in keys} | {"place": list(places[i])}
            for i, name in enumerate(result.inputs)
        }  # fmt: skip
    return {
        "method": result.method, "n": result.n, "runs": result.runs, "failed": result.failed,
        "converged": result.converged, "seed": result.seed, "model": result.model,
        "hash": result.hash, "question": result.question,
        "scenario": result.study.scenario, "title": result.study.title,
        "sequence": [{"n": s.n, "runs": s.runs, "widest": s.widest} for s in result.stages],
        "remarks": list(result.remarks), "seconds_runs": result.seconds_runs,
        "seconds_analysis": result.seconds_analysis,
        "left": {
            name: {column.label: [float(left.value[0, c]), float(left.half_width[0, c])]
                   for c, column in enumerate(result.columns)}
            for name, left in result.left.items()
        },
        "outputs": outputs,
    }  # fmt: skip


def report(result: Result, figures: list[str]) -> str:
    """The report as Markdown, words first; every number comes from the result."""
    chosen = headline(result)
    lines = [f"# {result.study.title}", "", verdict(result), ""]
    lines += [f"- {sentence(result, column)}" for column in chosen]
    lines += ["", enough(result), "", overview(result), ""]
    if result.remarks:
        lines += ["What has to be said:", "", *(f"- {remark}" for remark in result.remarks), ""]
    lines += [f"![{name}]({name})" for name in figures] + [""]
    if result.stages:
        lines += ["## Are the runs enough?", "", "| base sample | runs | widest interval |",
                  "| ---: | ---: | ---: |"]  # fmt: skip
        lines += [f"| {s.n} | {s.runs} | ±{s.widest:.3f} |" for s in result.stages] + [""]
    for column in chosen:
        lines += [f"## {result.columns[column].label}", ""]
        known = " known alone |" if result.method == "sobol" else ""
        lines += [f"| place | input | {CALLED[result.judged]} |{known}",
                  "| ---: | --- | ---: |" + (" ---: |" if known else "")]  # fmt: skip
        alone = [f" {_alone(result, i, column)} |" if known else "" for i in result.order(column)]
        lines += [f"| {' | '.join(row)} |{own}"
                  for row, own in zip(rows(result, column), alone, strict=False)]  # fmt: skip
        lines += [""]
    lines += [*_measured(result, chosen), _how_to_read(result), ""]
    return "\n".join(lines)


def _measured(result: Result, chosen: list[int]) -> list[str]:
    """A table of what measurements would leave of the variance of the outputs told in words."""
    if not result.left:
        return []
    labels = " | ".join(result.columns[c].label for c in chosen)
    lines = ["## What is left of the variance once an input is measured", "",
             f"| input | error | {labels} |",
             f"| --- | ---: |{' ---: |' * len(chosen)}"]  # fmt: skip
    for name, left in result.left.items():
        how = result.study.measurements[name]
        error = percent(how.error) if how.relative else short(how.error)
        cells = [f"{percent(float(left.value[0, c]))} ± {percent(float(left.half_width[0, c]))}"
                 for c in chosen]  # fmt: skip
        lines.append(f"| {name} | {error} | {' | '.join(cells)} |")
    return [*lines, ""]


def _how_to_read(result: Result) -> str:
    texts = {
        "local": "An elasticity of 2 means: one per cent more of the input, two per cent more of "
        "the output. Of an event it is that of the time since the begin of the run.",
        "morris": "The mean absolute effect is what the output moves, in its own unit, when the "
        "input goes through its whole range, over many places of the box.",
        "sobol": "The total order is the share of the output's variance that would go if the input "
        "were known, together with all it does jointly with others; known alone is the part that "
        "goes when nothing else is known (first order).",
        "shapley": "Shapley effects share the variance out: they add up to 1, and what inputs do "
        "jointly is split between them.",
        "given-data": "The first order is the share of the output's variance that knowing the "
        "input explains, correlated inputs included.",
    }
    ranges = " Intervals are 95 %; a place such as 2-4 means that intervals overlap."
    return texts[result.method] + (ranges if result.converged is not None else "")
