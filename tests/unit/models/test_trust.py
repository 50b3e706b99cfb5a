"""The trust line says what it measures."""

from __future__ import annotations

import numpy as np

from bullbear.models.trust import Trust, conservation_error, smallest_stock, step_error


def test_step_error_is_relative_to_the_largest_value_of_each_output() -> None:
    fine = np.array([[1.0, 100.0], [2.0, 50.0]])
    coarse = np.array([[1.0, 100.0], [2.1, 52.0]])
    error, name = step_error(["a", "b"], coarse, fine)
    assert name == "a"
    assert error == (2.1 - 2.0) / 2.0


def test_a_leak_of_one_token_is_seen() -> None:
    states = np.array([[6.0, 5.0], [5.0, 6.0], [5.0, 5.0]])
    assert conservation_error({"NMR": [0, 1]}, states) == 1 / 11
    assert conservation_error({}, states) is None


def test_the_smallest_stock_has_its_name_and_time() -> None:
    states = np.array([[3.0, 5.0], [2.0, -1.0], [4.0, 0.0]])
    found = smallest_stock({0: "a", 1: "b"}, np.array([0.0, 1.0, 2.0]), states)
    assert found is not None
    assert (found.name, found.value, found.time) == ("b", -1.0, 1.0)


def test_one_per_cent_is_the_limit_of_trust() -> None:
    assert Trust(0.01, "a", None, None).trusted
    assert not Trust(0.011, "a", None, None).trusted
    assert not Trust(None, None, None, None).trusted
