from __future__ import annotations

import doctest

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bullbear.report import numbers
from bullbear.report.numbers import columns_of, named_with_unit, percent, short, tick

FACTORS = {"k": 1e3, "M": 1e6, "bn": 1e9}


def read_back(text: str) -> float:
    for suffix, factor in FACTORS.items():
        if text.endswith(suffix):
            return float(text.removesuffix(suffix)) * factor
    return float(text)


def test_the_examples_of_the_docstrings_are_true() -> None:
    assert doctest.testmod(numbers).failed == 0


@given(st.floats(min_value=-1e300, max_value=1e300))
def test_a_short_number_is_short_and_within_half_a_digit(value: float) -> None:
    text = short(value)
    assert len(text) <= 9
    assert read_back(text) == pytest.approx(value, rel=0.051 if "e" in text else 0.00501, abs=0)


@given(st.floats(min_value=1e-3, max_value=9e11))
def test_a_short_number_never_has_four_digits_before_its_suffix(value: float) -> None:
    assert read_back(short(value).rstrip("kMbn")) < 1000


def test_what_is_no_number_is_called_so() -> None:
    assert short(float("nan")) == "nan"
    assert short(float("-inf")) == "-inf"


def test_nothing_is_told_from_zero() -> None:
    assert short(0, largest=1e6) == "0"
    assert short(1e-3, largest=1e6) == "~0"
    assert short(2, largest=1e6) == "2.00"


@given(st.integers(-9, 11), st.sampled_from([1.0, 2.0, 2.5, 5.0]))
def test_a_tick_is_exact(decade: int, digit: float) -> None:
    value = float(f"{digit}e{decade}")
    assert read_back(tick(value)) == pytest.approx(value, rel=1e-12)


@given(st.floats(min_value=1e-5, max_value=9))
def test_a_share_in_per_cent_has_two_digits(share: float) -> None:
    text = percent(share)
    assert text.endswith(" %")
    assert float(text[:-2]) == pytest.approx(100 * share, rel=0.051)


def test_a_variable_stands_for_all_its_elements_and_an_element_for_itself() -> None:
    columns = ["Staked NMR[Classic]", "Staked NMR[Signals]", "staked NMR value", "Treasury NMR"]
    assert columns_of("staked_nmr", columns) == columns[:2]
    assert columns_of("Staked NMR[ signals ]", columns) == [columns[1]]
    assert columns_of("Treasury NMR", columns) == ["Treasury NMR"]
    assert columns_of("no such", columns) == []


def test_only_real_units_are_written() -> None:
    assert named_with_unit("price", "USD/NMR") == "price [USD/NMR]"
    assert named_with_unit("share", "Dmnl") == "share"
