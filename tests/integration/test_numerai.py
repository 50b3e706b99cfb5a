"""What must be true of every run of the Numerai model, whatever its numbers."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from bullbear.models.model import Model, load
from bullbear.models.run import Run
from bullbear.models.scenarios import listed

CONSERVED = 1e-9
EXTREMES = tomllib.loads(
    (Path(__file__).parents[1] / "data" / "extreme_conditions.toml").read_text(encoding="utf-8")
)["condition"]
HORIZON = 2060.0
LIMITS: dict[str, Callable[[float, float, float], bool]] = {
    "at_most": lambda value, limit, _: value <= limit,
    "at_least": lambda value, limit, _: value >= limit,
    "at_most_of_base": lambda value, limit, base: value <= limit * base,
    "at_least_of_base": lambda value, limit, base: value >= limit * base,
}
SCENARIOS = [s.slug for s in listed(load("numerai").scenarios)]


@pytest.fixture(scope="module")
def numerai() -> Model:
    return load("numerai")


@pytest.fixture(scope="module")
def run(numerai: Model) -> Callable[[str], Run]:
    """The run of a scenario, made once."""
    return cache(numerai.run)


@pytest.fixture(scope="module")
def long_base(numerai: Model) -> Run:
    return numerai.run(final_time=HORIZON)


def assert_sound(found: Run) -> None:
    """Tokens are conserved and no guarded stock went below zero; finite is what every run is."""
    assert found.trust.conservation_error is not None
    assert found.trust.conservation_error <= CONSERVED
    assert found.trust.smallest_stock is not None
    assert found.trust.smallest_stock.value >= 0


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_tokens_are_conserved_and_no_stock_goes_below_zero(
    run: Callable[[str], Run], scenario: str
) -> None:
    assert_sound(run(scenario))


def test_every_scenario_is_a_different_run(
    numerai: Model, run: Callable[[str], Run], long_base: Run
) -> None:
    """A lever that moves nothing is a lever that was lost; some act after run-out alone."""

    def treasury(found: Run) -> pd.Series:
        return found.results["Treasury NMR"]

    base = treasury(run("base"))
    same = [s for s in SCENARIOS if s != "base" and treasury(run(s)).equals(base)]
    whole = {slug: treasury(numerai.run(slug, final_time=HORIZON)) for slug in same}
    assert not [slug for slug, found in whole.items() if found.equals(treasury(long_base))]


@pytest.mark.parametrize("condition", EXTREMES, ids=lambda c: c["name"])
def test_extreme_conditions_do_what_they_must(
    numerai: Model, long_base: Run, condition: dict[str, Any]
) -> None:
    found = numerai.run(overrides=condition["settings"], final_time=HORIZON)
    assert_sound(found)
    for expected in condition.get("expect", []):
        value, base = (r.at(expected["time"])[expected["variable"]] for r in (found, long_base))
        named = {key: limit for key, limit in expected.items() if key not in ("variable", "time")}
        assert named
        for key, limit in named.items():
            assert LIMITS[key](value, limit, base), f"{expected}: {value:g}, base {base:g}"


def test_a_quarter_of_the_step_moves_no_headline_output_by_more_than_one_per_cent(
    numerai: Model, run: Callable[[str], Run]
) -> None:
    coarse, fine = run("base").results, numerai.run(time_step=1 / 256).results
    for name in numerai.definition.headline:
        for column in [c for c in coarse if c == name or c.startswith(name + "[")]:
            error = (coarse[column] - fine[column]).abs().max() / fine[column].abs().max()
            assert error <= 0.01, f"{column}: {error:.4f}"
