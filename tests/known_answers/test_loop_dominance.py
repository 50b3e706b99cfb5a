"""Loop scores against closed forms and against an independent implementation, pysimlin 0.8.5.

Its shares stand in `loop_shares_pysimlin.csv`: for each model and loop the share in the change that
arrives at a time.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bullbear.analysis.feedback import Report, examine
from bullbear.models.model import load

HERE = Path(__file__).parent


def report(name: str, **overrides: float) -> Report:
    return examine(load(HERE / "models" / f"{name}.mdl"), overrides=overrides)


def share(found: Report, *variables: str) -> np.ndarray:
    """The share of the loop of exactly these variables."""
    (row,) = [i for i, loop in enumerate(found.feedback.loops) if set(loop.path) == set(variables)]
    return found.scores.shares[row]


def population(name: str, **overrides: float) -> np.ndarray:
    return load(HERE / "models" / f"{name}.mdl").run(overrides=overrides).results["P"].to_numpy()


@pytest.mark.parametrize("start", [5.0, 60.0])
def test_of_one_logistic_flow_growth_has_what_is_left_of_the_capacity(start: float) -> None:
    """Exact at any step of Euler's method."""
    found = report("logistic_one_flow", P=start)
    P = population("logistic_one_flow", P=start)[:-1]
    assert share(found, "P", "net growth") == pytest.approx(1 - P / 100, abs=1e-9)
    assert share(found, "P", "growth rate", "net growth") == pytest.approx(-P / 100, abs=1e-9)


def test_with_births_and_deaths_apart_the_share_comes_as_the_step_goes_to_zero() -> None:
    found, P = report("logistic_apart"), population("logistic_apart")
    middle = (P[:-1] + P[1:]) / 2  # what the difference quotient over a step stands for
    births = share(found, "P", "births")
    assert births == pytest.approx(1 / (1 + 2 * middle / 100), abs=1e-9)


def test_rule_passes_from_growth_to_crowding_at_half_the_capacity() -> None:
    found = report("logistic_one_flow")
    first, second = found.periods
    P = load(HERE / "models" / "logistic_one_flow.mdl").run().results["P"]
    assert P[first.end - 0.125] < 50 < P[first.end + 0.125]
    assert [found.feedback.loops[i].polarity for i in (*first.loops, *second.loops)] == ["R", "B"]


def test_three_parties_have_eight_loops() -> None:
    loops = report("arms_race").feedback.loops
    assert sorted(len([n for n in loop.path if len(n) == 1]) for loop in loops) == [
        1, 1, 1, 2, 2, 2, 3, 3,
    ]  # fmt: skip
    assert [loop.polarity for loop in loops].count("B") == 3


@pytest.mark.parametrize("name", ["logistic_one_flow", "arms_race", "bass"])
def test_shares_are_those_of_pysimlin(name: str) -> None:
    reference = pd.read_csv(HERE / "loop_shares_pysimlin.csv").query("model == @name")
    found = report(name)
    step = load(HERE / "models" / f"{name}.mdl").grid().step
    ours = {
        as_written(loop.path): shares
        for loop, shares in zip(found.feedback.loops, found.scores.shares, strict=True)
    }
    assert set(ours) == set(reference["variables"])
    for variables, rows in reference.groupby("variables"):
        begun = np.rint(rows["time"] / step).astype(int).to_numpy() - 1
        assert ours[variables][begun] == pytest.approx(rows["share"].to_numpy(), abs=1e-9)


def as_written(path: tuple[str, ...]) -> str:
    """A cycle from the variable that is first in the alphabet, in small letters."""
    names = [name.casefold() for name in path]
    first = names.index(min(names))
    return " -> ".join(names[first:] + names[:first])
