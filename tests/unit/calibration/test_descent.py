"""Searches side by side: on functions whose lowest points are known."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest

from bullbear.calibration.descent import Room, descend_all

Array = npt.NDArray[np.float64]


class Terms:
    """Residuals by a function of points (point, coordinate), slopes by complex steps."""

    def __init__(self, function: Callable[[Array], Array]) -> None:
        self.function = function
        self.asked: list[int] = []

    def values(self, lanes: npt.NDArray[np.int64], points: Array) -> Array:
        self.asked.append(len(lanes))
        return self.function(points)

    def slopes(self, lanes: npt.NDArray[np.int64], points: Array) -> tuple[Array, Array]:
        count = points.shape[1]
        columns = [self.function(points + 1e-30j * np.eye(count)[i]).imag / 1e-30
                   for i in range(count)]  # fmt: skip
        return self.function(points), np.stack(columns, axis=-1)


def room(lower: list[float], upper: list[float], count: int) -> Room:
    size = len(lower)
    return Room(np.array(lower), np.array(upper), np.ones(size), np.ones((count, size), dtype=bool))


def rosenbrock(points: Array) -> Array:
    x, y = points[:, 0], points[:, 1]
    return np.stack([10 * (y - x**2), 1 - x], axis=1)


STARTS = np.array([[-1.2, 1.0], [3.0, -4.0], [0.0, 0.0]])


def test_all_searches_find_the_valley_s_end() -> None:
    found = descend_all(Terms(rosenbrock), STARTS, room([-5, -5], [5, 5], 3), 1e-10)
    assert found.points == pytest.approx(np.ones((3, 2)), abs=1e-6)
    assert (found.misfits < 1e-12).all()
    assert found.ended.all()
    assert (found.evaluations > 1).all()


def test_a_search_does_not_feel_its_neighbours() -> None:
    together = descend_all(Terms(rosenbrock), STARTS, room([-5, -5], [5, 5], 3), 1e-8)
    for start, end in zip(STARTS, together.points, strict=True):
        alone = descend_all(Terms(rosenbrock), start[None], room([-5, -5], [5, 5], 1), 1e-8)
        assert alone.points[0].tolist() == end.tolist()


def test_a_bound_in_the_way_is_where_it_ends() -> None:
    """With x at most 0.5 the lowest point is x = 0.5, y = 0.25."""
    found = descend_all(Terms(rosenbrock), STARTS, room([-5, -5], [0.5, 5], 3), 1e-12)
    assert found.points == pytest.approx(np.tile([0.5, 0.25], (3, 1)), abs=1e-6)
    assert found.misfits == pytest.approx(np.full(3, 0.125))


def test_a_coordinate_that_is_not_free_stays() -> None:
    space = room([-5, -5], [5, 5], 2)
    space.free[:, 0] = False
    found = descend_all(Terms(rosenbrock), np.array([[2.0, 0.0], [-1.0, 3.0]]), space, 1e-12)
    assert found.points == pytest.approx(np.array([[2.0, 4.0], [-1.0, 1.0]]), abs=1e-8)


def test_points_that_cannot_be_evaluated_are_gone_round() -> None:
    """ln(x) is not a number below 0: steps that end there are refused, a start there fails."""

    def logarithm(points: Array) -> Array:
        with np.errstate(invalid="ignore"):
            return np.log(points) - np.log(0.01)

    starts = np.array([[5.0], [-1.0]])
    with np.errstate(invalid="ignore"):
        found = descend_all(Terms(logarithm), starts, room([-9], [9], 2), 1e-12)
    assert found.points[0, 0] == pytest.approx(0.01)
    assert found.refused[0] > 0
    assert np.isinf(found.misfits[1])
    assert found.points[1, 0] == -1


def test_a_valley_with_a_kink_does_not_go_on_for_ever() -> None:
    """|x| + 1 has no slope at its lowest point; the search comes to rest all the same."""
    terms = Terms(lambda points: 1 + points * np.sign(points.real))
    found = descend_all(terms, np.array([[3.0]]), room([-9], [9], 1), 1e-6)
    assert abs(found.points[0, 0]) < 1e-3
    assert found.ended.all()
