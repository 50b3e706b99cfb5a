"""What must be true of every run of the Numerai model, whatever its numbers."""

from __future__ import annotations

import pytest

from bullbear.models.model import Model, load
from bullbear.models.scenarios import listed

CONSERVED = 1e-9


@pytest.fixture(scope="module")
def numerai() -> Model:
    return load("numerai")


SCENARIOS = [s.slug for s in listed(load("numerai").scenarios)]


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_tokens_are_conserved_and_no_stock_goes_below_zero(numerai: Model, scenario: str) -> None:
    run = numerai.run(scenario)
    trust = run.trust
    assert trust.conservation_error is not None
    assert trust.conservation_error <= CONSERVED
    assert trust.smallest_stock is not None
    assert trust.smallest_stock.value >= 0


def test_a_quarter_of_the_step_moves_no_headline_output_by_more_than_one_per_cent(
    numerai: Model,
) -> None:
    coarse, fine = numerai.run(), numerai.run(time_step=1 / 256)
    for name in numerai.definition.headline:
        columns = [c for c in coarse.results if c == name or c.startswith(name + "[")]
        for column in columns:
            exact = fine.results[column]
            error = (coarse.results[column] - exact).abs().max() / exact.abs().max()
            assert error <= 0.01, f"{column}: {error:.4f}"


def test_every_scenario_is_a_different_run(numerai: Model) -> None:
    """A lever that moves nothing is a lever that was lost."""
    base = numerai.run("base").results
    same = [
        slug
        for slug in SCENARIOS
        if slug != "base" and numerai.run(slug).results["Treasury NMR"].equals(base["Treasury NMR"])
    ]
    assert not same
