"""Events are located inside the step, and have to last."""

from __future__ import annotations

import numpy as np
import pytest

from bullbear.models.definition import Event
from bullbear.models.events import locate

TIMES = np.arange(0.0, 5.0, 0.5)


def event(**keys: object) -> Event:
    return Event.model_validate({"name": "moment", "variable": "x"} | keys)


def test_a_crossing_is_where_the_straight_line_passes_the_level() -> None:
    assert locate(event(below=1.0), TIMES, 3 - TIMES) == pytest.approx(2.0)
    assert locate(event(below=1.1), TIMES, 3 - TIMES) == pytest.approx(1.9)
    assert locate(event(above=1.3), TIMES, TIMES) == pytest.approx(1.3)


def test_what_never_happens_has_no_time() -> None:
    assert locate(event(below=-10.0), TIMES, 3 - TIMES) is None


def test_what_holds_from_the_start_begins_at_the_start() -> None:
    assert locate(event(below=10.0), TIMES, 3 - TIMES) == 0.0


def test_a_short_dip_is_no_event_that_must_last() -> None:
    dips = np.array([1, 0, 1, 1, 0, 0, 0, 0, 1, 1], dtype=float)
    assert locate(event(below=0.5), TIMES, dips) == pytest.approx(0.25)
    assert locate(event(below=0.5, **{"for": 1}), TIMES, dips) == pytest.approx(1.75)


def test_a_condition_that_the_end_cuts_short_has_not_lasted() -> None:
    late = np.where(TIMES >= 4, 0.0, 1.0)
    assert locate(event(below=0.5, **{"for": 1}), TIMES, late) is None
