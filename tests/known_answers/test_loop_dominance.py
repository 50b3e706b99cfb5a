"""Loop scores against closed forms, published tables and an independent implementation.

The tables are those of Schoenberg, Davidsen and Eberlein 2020 (System Dynamics Review 36, 158-190)
and of Schoenberg, Hayward and Eberlein 2023 (the same journal 39, 140-151), as summaries of these
papers quote them.

The independent implementation is pysimlin 0.8.5.  Its shares stand in `loop_shares_pysimlin.csv`:
for each model and loop the share in the change that arrives at a time.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bullbear.analysis.feedback import Report, examine
from bullbear.analysis.links import Links
from bullbear.analysis.loop_scores import link_scores
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


def test_with_advertising_every_share_of_the_diffusion_has_a_closed_form() -> None:
    """Exact at any step: growth p + q splits into q P/N, q A/N and p."""
    found = report("bass")
    P = load(HERE / "models" / "bass.mdl").run().results["Potential"].to_numpy()[:-1]
    p, q = 0.011, 100 * 0.015
    word = "from word of mouth"
    assert share(found, "Adopters", word, "adoption") == pytest.approx(q * P / 1000 / (p + q))
    crowded = -q * (1 - P / 1000) / (p + q)
    assert share(found, "Potential", word, "adoption") == pytest.approx(crowded, abs=1e-9)
    advertised = share(found, "Potential", "from advertising", "adoption")
    assert advertised == pytest.approx(-p / (p + q))


def test_the_published_diffusion_has_its_published_scores() -> None:
    """Table 3 of 2020: the shift comes at half the market, where scores grow without bound."""
    found = report("bass_word_of_mouth")
    rows = [
        [set(loop.path) for loop in found.feedback.loops].index({stock, "adopting"})
        for stock in ("Adopters", "Potential Adopters")
    ]
    table = {  # time: scores and shares of R1 and of B1
        1.0: (1.000, 0.000, 1.000, 0.000),
        9.5: (11.46, -9.958, 0.535, -0.465),
        9.5625: (9806, -9358, 0.512, -0.488),
        9.625: (10.41, -10.91, 0.488, -0.512),
    }
    for time, published in table.items():
        step = int(np.searchsorted(found.scores.times, time))
        ours = [*found.scores.scores[rows, step], *found.scores.shares[rows, step]]
        for mine, theirs in zip(ours, published, strict=True):
            assert mine == pytest.approx(theirs, rel=5e-4, abs=5e-4)


def test_far_out_a_linear_model_has_loop_gains_over_powers_of_its_growth_rate() -> None:
    """All changes are then in proportion to the leading eigenvector, which cancels in a loop."""
    gains = {"AA": -1, "BB": -1, "CC": -1, "BA": 1, "CA": 0.9, "AB": 1, "CB": 1.1, "AC": 1.1,
             "BC": 0.9}  # fmt: skip
    growth = 0.0997779
    found = report("arms_race")
    assert len(found.feedback.loops) == 8
    for loop, score in zip(found.feedback.loops, found.scores.scores[:, -1], strict=True):
        parties = [name for name in loop.path if len(name) == 1]
        around = zip(parties, parties[1:] + parties[:1], strict=True)
        gain = np.prod([gains[a + b] / 10 for a, b in around])
        assert score == pytest.approx(gain / growth ** len(parties), rel=3e-5)


YEAST = {"R": ("Cells", "births"), "B1": ("Cells", "deaths"), "B2": ("Alcohol", "births"),
         "B3": ("Alcohol", "deaths")}  # fmt: skip


def test_yeast_is_ruled_by_its_loops_one_after_the_other() -> None:
    """The order of 2020 stays with the link scores into stocks that were corrected in 2023."""
    found = report("yeast")
    order = ["B2" if {"births", "Alcohol"} <= set(loop.path) else
             "B3" if "Alcohol" in loop.path else
             "R" if "births" in loop.path else "B1" for loop in found.feedback.loops]  # fmt: skip
    alone = [order[p.loops[0]] for p in found.periods if len(p.loops) == 1]
    assert alone == ["R", "B2", "B3", "B1"]


def test_with_links_into_stocks_as_in_2020_yeast_has_the_published_dates() -> None:
    """Table 4: B2 from 52, B3 from 66.5, B1 from 75.5 on, and nobody at 74."""
    model = load(HERE / "models" / "yeast.mdl")
    links = Links(model.system)
    course = links.along(model)
    scores = link_scores(links, course, list(YEAST.values()))
    flows = {name: course.values[links.position[name], :-1] for name in ("births", "deaths")}
    net = np.abs(flows["births"] - flows["deaths"])
    table = np.array([np.abs(scores[link]) * np.abs(flows[link[1]]) / net
                      for link in YEAST.values()])  # fmt: skip
    table /= table.sum(axis=0)
    rulers = np.where(table.max(axis=0) > 0.5, table.argmax(axis=0), -1)
    names = [*YEAST, "nobody"]
    starts = {names[rulers[k]]: course.times[k] for k in range(len(rulers) - 1, -1, -1)
              if k == 0 or rulers[k] != rulers[k - 1]}  # fmt: skip
    assert starts == {"R": 0.0, "B2": 52.0, "B3": 66.5, "nobody": 74.0, "B1": 75.5}


@pytest.mark.parametrize("time_to_hire", [1.5, 3.0, 9.0])
def test_the_major_loop_swings_and_the_minor_one_damps(time_to_hire: float) -> None:
    """Exact at any step: by how much the change of each stock moves hiring."""
    found = report("inventory_workforce", **{"time to hire": time_to_hire})
    run = load(HERE / "models" / "inventory_workforce.mdl").run(
        overrides={"time to hire": time_to_hire}
    )
    by_inventory, by_workers = (
        np.abs(np.diff(run.results[name].to_numpy())) for name in ("Inventory", "Workers")
    )
    major = share(found, "Inventory", "desired workers", "hiring", "Workers", "production")
    minor = share(found, "Workers", "hiring")
    step = slice(16, 200)  # after the disturbance, and before the swings have died away
    wanted = by_inventory[step] / 4 / 10 / (by_inventory[step] / 4 / 10 + by_workers[step])
    assert -major[step] == pytest.approx(wanted, abs=1e-9)
    assert -minor[step] == pytest.approx(1 - wanted, abs=1e-9)
    assert not np.any(major[:7])  # an equilibrium says nothing


EXAMPLES: dict[tuple[str, ...], dict[tuple[str, str], float]] = {  # links in the first of two steps
    ("z = 2 * x + y", "x = 5 + 2 * Time", "y = 4 + Time"): {("x", "z"): 0.8, ("y", "z"): 0.2},
    ("z = (w + x) / y", "w = 7 + 3 * Time", "x = 2 + 2 * Time", "y = 3 + 2 * Time"): {
        ("w", "z"): 5.0, ("x", "z"): 10 / 3, ("y", "z"): -6.0,
    },
    ("S = INTEG(in - out, 100)", "in = 5 + 5 * Time", "out = 4 + Time"): {
        ("in", "S"): 1.25, ("out", "S"): -0.25,
    },
    ("S = INTEG(net, 100)", "net = in - out", "in = 5 + 5 * Time", "out = 4 + Time"): {
        ("in", "net"): 1.25, ("out", "net"): -0.25, ("net", "S"): 1.0,
    },
}  # fmt: skip
TIMES = ("INITIAL TIME = 0", "FINAL TIME = 2", "TIME STEP = 1", "SAVEPER = 1")


@pytest.mark.parametrize("equations", EXAMPLES)
def test_worked_examples_of_links(equations: tuple[str, ...], tmp_path: Path) -> None:
    """Tables 1 and 2 of 2020, table 1 of 2023: joined flows have the same scores as single ones."""
    file = tmp_path / "example.mdl"
    file.write_text("{UTF-8}\n" + "".join(f"{line} ~ ~ |\n" for line in (*equations, *TIMES)))
    model = load(file)
    links = Links(model.system)
    found = link_scores(links, links.along(model), list(EXAMPLES[equations]))
    assert {link: score[0] for link, score in found.items()} == pytest.approx(EXAMPLES[equations])


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
