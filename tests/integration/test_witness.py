"""PySD as a witness: the same file, run by somebody else's code, gives the same numbers."""

from pathlib import Path

import numpy as np
import pytest

from bullbear.models.model import load
from bullbear.models.witness import run_witness

PER_MAXIMUM = 1e-9  # of each variable's largest absolute value
ALWAYS = 1e-12  # what rounding leaves of a difference that should be 0


def agrees(model, **options):
    """The largest difference over a variable's maximum, and the variable that has it."""
    ours = model.run(**options).results
    theirs = run_witness(model, **options).results
    np.testing.assert_allclose(ours.index, theirs.index, rtol=1e-12)
    assert set(theirs.columns) == set(ours.columns)
    for name in ours.columns:
        scale = float(np.abs(theirs[name]).max())
        gap = float(np.abs(ours[name] - theirs[name]).max())
        assert gap <= PER_MAXIMUM * scale + ALWAYS, name


def test_the_first_two_years_of_the_prototype(shared: Path):
    model = load(shared / "model" / "prototype.mdl")
    agrees(model, final_time=2021.5)


@pytest.mark.long
def test_the_whole_prototype(shared: Path):
    agrees(load(shared / "model" / "prototype.mdl"))


@pytest.mark.long
@pytest.mark.parametrize("scenario", ["base", "bear", "bull"])
def test_the_numerai_model(scenario: str):
    agrees(load("numerai"), scenario=scenario, final_time=2021.5)
