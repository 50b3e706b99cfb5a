"""The parts of a fit: batches, curvature, journals, searches, samples."""

from __future__ import annotations

import _thread
import copy
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from bullbear.calibration.batches import Batches
from bullbear.calibration.curvature import curvature, null_space, ranks
from bullbear.calibration.diagnostics import effective_draws, split_rhat
from bullbear.calibration.influence import DOUBLED, LEFT_OUT, influence
from bullbear.calibration.journal import Journal
from bullbear.calibration.objective import Objective, open_problem
from bullbear.calibration.posterior import sample
from bullbear.calibration.predictions import foretell, read_predictions
from bullbear.calibration.prior_check import prior_points
from bullbear.calibration.search import descend, race, search, start_points
from bullbear.errors import DataError

PROBLEM = """
[parameters."birth rate"]
lower = 0.01
upper = 1
PRIOR
[parameters."death rate"]
lower = 0.01
upper = 1
[[observations]]
file = "points.csv"
variable = "stock"
scale = 0.05
[[observations]]
file = "peak.csv"
variable = "stock"
kind = "below"
window = "maximum(0, 8)"
scale = 1
"""
PRIOR = 'prior = "lognormal(0.2, 0.1)"'
Two = Callable[..., Objective]


@pytest.fixture
def two(problem: Callable[..., Path]) -> Two:
    """Opens a problem about two rates of which the numbers tell only the difference."""

    def opened(prior: str = "") -> Objective:
        return open_problem(
            problem("two", PROBLEM.replace("PRIOR", prior), peak="8,23,Ton\n",
                    points="1,11.2,Ton\n4.3,15.1,Ton\n9,24.9,Ton\n")
        )  # fmt: skip

    return opened


@pytest.mark.long
def test_a_date_is_that_of_a_run_and_its_slopes_those_of_differences(root: Path) -> None:
    objective = open_problem(root / "calibration" / "problems" / "numerai.toml")
    date = read_predictions(objective)[0]
    values = objective.starts
    found = foretell(objective, date, values, slopes=True)
    run = objective.model.run(overrides=dict(zip(objective.space.names, values, strict=True)))
    assert found.value == pytest.approx(run.events["run-out"], abs=1e-8)
    assert found.slopes is not None
    i = objective.space.names.index("netting factor")
    step = np.zeros(len(values))
    step[i] = 1e-5
    ends = [foretell(objective, date, values + sign * step).value for sign in (-1, 1)]
    assert (ends[1] - ends[0]) / 2e-5 == pytest.approx(found.slopes[i], rel=1e-3)


@pytest.mark.long
def test_a_batch_gives_what_single_points_give(root: Path) -> None:
    objective = open_problem(root / "calibration" / "problems" / "numerai.toml")
    batches = Batches(objective)
    start = objective.space.to_fit(objective.starts)
    points = prior_points(objective, 4, 3)
    points[0] = start
    many = batches.predictions(objective.space.from_fit(points))
    density = batches.log_posterior(points)
    for point, row in zip(points, many, strict=True):
        assert row == pytest.approx(objective.at(point).predictions, rel=1e-7)
    # all but the normal beliefs about positive constants are bells over the coordinates
    objectives = np.array([objective.at(point).objective for point in points])
    normal = ~objective.beliefs.logarithmic & np.array([s == "log" for s in objective.space.scales])
    carried = np.log(objective.space.from_fit(points)[:, normal]).sum(axis=1)
    assert density - density[0] == pytest.approx(
        (carried - objectives) - (carried - objectives)[0], abs=1e-4
    )


def test_points_outside_the_bounds_have_no_density(two: Two) -> None:
    objective = two()
    outside = objective.space.to_fit(np.array([[2.0, 0.1], [0.2, 0.1]]))
    assert np.isneginf(Batches(objective).log_posterior(outside)).tolist() == [True, False]


def test_only_the_difference_of_two_rates_is_told(two: Two) -> None:
    objective = two()
    best = objective.at(descend(objective, np.log([0.2, 0.1])).end, slopes=True)
    around = curvature(objective, best)
    assert around.identifiable.tolist() == [False, False]
    assert np.isinf(around.se).all()
    assert around.untouched == ()
    found = ranks(Batches(objective), start_points(objective, 8, 0))
    assert found.rank == 1
    assert len(found.blind) == 1
    assert set(found.blind[0].weights) == {"birth rate", "death rate"}
    objective.scales = np.full(len(objective.scales), np.nan)  # as before free ones are found
    assert ranks(Batches(objective), start_points(objective, 8, 0)) == found


def test_a_prior_tells_what_the_numbers_do_not(two: Two) -> None:
    objective = two(PRIOR)
    best = objective.at(descend(objective, np.log([0.3, 0.1])).end, slopes=True)
    around = curvature(objective, best)
    assert np.isfinite(around.se).all()
    assert around.shrinkage[0] < 0.01
    assert around.shrinkage[1] > 0.9
    assert around.identifiable.tolist() == [False, False]


def test_null_space_of_a_known_matrix() -> None:
    found = null_space(np.array([[1.0, 1, 0], [2, 2, 0]]))
    assert found.shape == (2, 3)
    assert found @ [1, 1, 0] == pytest.approx([0, 0])


def test_threads_and_neighbours_change_nothing(two: Two) -> None:
    objective = two(PRIOR)
    alone = search(Batches(objective, 1), 3, 5)
    shared = search(Batches(objective, 2), 3, 5)
    assert [s.objective for s in shared.all] == [s.objective for s in alone.all]
    assert alone.hits == 3
    points = start_points(objective, 3, 5)
    together = race(Batches(objective), points)
    for point, one in zip(points, together, strict=True):
        assert race(Batches(objective), point[None])[0].end.tolist() == one.end.tolist()


def test_what_was_searched_before_is_not_searched_again(two: Two) -> None:
    objective = two(PRIOR)
    batches = Batches(objective)
    first = search(batches, 3, 5)
    done: list[int] = []
    known = {0: first.all[0], 2: first.all[2]}
    search(batches, 3, 5, known, lambda number, _: done.append(number))
    assert done == [1]


def test_influence_changes_one_series(two: Two) -> None:
    """What is left out decides nothing; what is believed half as much decides less."""
    objective = two(PRIOR)
    best = objective.at(descend(objective, np.log([0.2, 0.1])).end, slopes=True)
    found = influence(Batches(objective), best, curvature(objective, best))
    assert [(i.series, i.change) for i in found] == [
        (series, change) for series in ("points", "peak") for change in (LEFT_OUT, DOUBLED)
    ]
    assert all(not i.failed for i in found)
    without = descend(only(objective, "points"), objective.space.to_fit(best.values))
    shift = without.end - objective.space.to_fit(best.values)
    name, by_se = found[2].moved
    i = objective.space.names.index(name)
    assert by_se == pytest.approx(shift[i] / curvature(objective, best).spread[i], rel=1e-2)
    assert abs(found[3].moved[1]) < abs(found[2].moved[1])


def only(objective: Objective, series: str) -> Objective:
    other = copy.copy(objective)
    other.fitted = np.array([t.series == series for t in objective.targets])
    return other


def test_an_interrupted_posterior_stops_at_once(
    two: Two, capfd: pytest.CaptureFixture[str]
) -> None:
    objective = two('prior = "lognormal(0.2, 0.1)"')
    best = objective.at(descend(objective, np.log([0.2, 0.1])).end, slopes=True)
    begun = []

    def begin(_phase: str, _done: int, _of: int) -> None:
        begun.append(time.perf_counter())
        threading.Timer(0.3, _thread.interrupt_main).start()

    with pytest.raises(KeyboardInterrupt):
        sample(Batches(objective, 2), best, curvature(objective, best), 0, begin)
    assert time.perf_counter() - begun[0] < 5
    assert capfd.readouterr() == ("", "")


def test_a_journal_gives_back_what_was_kept(tmp_path: Path) -> None:
    first = Journal(tmp_path, "a", resume=False)
    first.put("search", 3, {"end": [1.5]})
    with first.path.open("a") as stream:
        stream.write('{"phase": "sea')  # the interruption cut this line
    again = Journal(tmp_path, "a", resume=True)
    assert dict(again.of("search")) == {"3": {"end": [1.5]}}
    again.put("search", 4, None)
    assert len(dict(Journal(tmp_path, "a", resume=True).of("search"))) == 2
    with pytest.raises(DataError, match="another problem"):
        Journal(tmp_path, "b", resume=True)
    again.close()
    assert not again.path.exists()


def test_prior_points_follow_the_beliefs(two: Two) -> None:
    objective = two(PRIOR)
    points = prior_points(objective, 256, 0)
    assert points[:, 0].mean() == pytest.approx(np.log(0.2), abs=0.005)
    assert points[:, 0].std() == pytest.approx(0.1, abs=0.005)
    assert points[:, 1].min() >= np.log(0.01)
    assert points[:, 1].mean() == pytest.approx(np.log(0.1), abs=0.02)


def test_rhat_and_effective_draws_of_known_samples() -> None:
    rng = np.random.default_rng(1)
    same = rng.standard_normal((4, 500, 8))
    assert split_rhat(same) == pytest.approx(1, abs=0.003)
    assert effective_draws(same) == pytest.approx(same.size, rel=0.2)
    apart = same + np.array([0, 0, 0, 1.0])[:, None, None]
    assert split_rhat(apart) > 1.05
    slow = np.empty((2, 4000, 4))
    slow[:, 0] = rng.standard_normal((2, 4))
    for k in range(1, 4000):  # its autocorrelation time is (1 + 0.9) / (1 - 0.9) = 19
        slow[:, k] = 0.9 * slow[:, k - 1] + np.sqrt(1 - 0.81) * rng.standard_normal((2, 4))
    assert effective_draws(slow) == pytest.approx(slow.size / 19, rel=0.2)
