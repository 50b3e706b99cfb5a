"""What windows make of a course that is known."""

from __future__ import annotations

import numpy as np
import pytest

from bullbear.calibration.measures import measure

GRID = np.linspace(0.0, 10.0, 41)


def value(window: str, numbers: tuple[float, ...], time: float) -> float:
    return measure(window, numbers, time, GRID).of(3 * GRID)[0]


@pytest.mark.parametrize("time", [0.0, 0.1, 4.25, 9.99, 10.0])
def test_windows_of_a_straight_line(time: float) -> None:
    assert value("at", (), time) == pytest.approx(3 * time)
    assert value("since", (2.0,), time) == pytest.approx(3 * (time - 2))


@pytest.mark.parametrize("time", [0.6, 4.25, 8.3])
def test_periods_of_a_straight_line(time: float) -> None:
    assert value("average", (1.1,), time) == pytest.approx(3 * time)
    assert value("sum", (1.1,), time) == pytest.approx(3 * time * 1.1)
    assert value("increment", (1.1,), time) == pytest.approx(3.3)


def test_extremes_are_taken_where_they_are_and_so_are_their_slopes() -> None:
    hill = -((GRID - 4.0) ** 2)
    slopes = np.column_stack([GRID, np.ones_like(GRID)])
    top = measure("maximum", (2.0, 9.0), 0.0, GRID)
    assert top.of(hill, slopes)[0] == 0
    np.testing.assert_array_equal(top.of(hill, slopes)[1], [4.0, 1.0])
    assert measure("minimum", (2.0, 9.0), 0.0, GRID).of(hill)[0] == -25


def test_slopes_follow_the_same_weights_as_values() -> None:
    course = np.sin(GRID)
    found, slopes = measure("average", (2.0,), 5.0, GRID).of(course, course[:, None])
    assert slopes is not None
    assert slopes[0] == pytest.approx(found)


@pytest.mark.parametrize(
    ("window", "numbers", "time"),
    [("at", (), 10.5), ("average", (2.0,), 9.5), ("since", (-1.0,), 5.0),
     ("maximum", (5.0, 12.0), 5.0)],
)  # fmt: skip
def test_what_lies_outside_the_run_is_refused(
    window: str, numbers: tuple[float, ...], time: float
) -> None:
    with pytest.raises(ValueError, match="outside the run"):
        measure(window, numbers, time, GRID)
