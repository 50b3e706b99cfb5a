"""Verdicts that are known from the literature and by hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from bullbear.calibration.identifiability import Identifiability, structural
from bullbear.errors import ModelError
from bullbear.models.model import load

CONTROL = "INITIAL TIME=0~~|\nFINAL TIME=1~~|\nTIME STEP=1~~|\nSAVEPER=1~~|\n"


def verdict(
    folder: Path, text: str, outputs: list[str], known: tuple[str, ...] = ()
) -> Identifiability:
    """All constants and initial values are unknown, but for the initial values in `known`."""
    path = folder / "model.mdl"
    path.write_text("\n".join(f"{line} ~~|" for line in text.strip().splitlines()) + CONTROL)
    program = load(path).program
    constants = [p.name for p in program.parameters if p.role == "constant"]
    controls = ("INITIAL TIME", "FINAL TIME", "TIME STEP", "SAVEPER")
    stocks = [s.name for s in program.states if s.name not in known]
    return structural(program, outputs, [c for c in constants if c not in controls], stocks)


def lost(found: Identifiability) -> set[str]:
    return {name for name, known in found.identifiable.items() if not known}


COMPARTMENTS = """
x0 = INTEG(-(a01 + a21)*x0 + a12*x1, 1)
x1 = INTEG(a21*x0 - a12*x1, 1)
a01 = 1
a12 = 1
a21 = 1
"""
LOTKA = """
x = INTEG(a*x - b*x*y, 1)
y = INTEG(d*x*y - c*y, 1)
a = 1
b = 1
c = 1
d = 1
"""
TOKENS = """
T = INTEG(-e*T, 1)
C = INTEG(e*T + q*S - s*C - b*U, 1)
S = INTEG(s*C - q*S, 1)
U = INTEG(g*U*(1 - U/K), 1)
e = 1
q = 1
b = 1
g = 1
K = 1
"""


def test_two_compartments_hide_their_rates(tmp_path: Path) -> None:
    found = verdict(tmp_path, COMPARTMENTS, ["x0"])
    assert lost(found) == {"a01", "a12", "a21", "x1 (initial)"}
    assert not lost(verdict(tmp_path, COMPARTMENTS, ["x0"], known=("x1",)))


def test_prey_alone_do_not_tell_how_many_predators_there_are(tmp_path: Path) -> None:
    assert lost(verdict(tmp_path, LOTKA, ["x"])) == {"b", "y (initial)"}


def test_the_circulating_supply_alone_leaves_one_scale_open(tmp_path: Path) -> None:
    # names are matched without case, so the withdrawal rate s is written w here
    text = TOKENS.replace("s*C", "w*C") + "w = 1\n"
    found = verdict(tmp_path, text, ["C"])
    assert found.rank == 9
    assert len(found.unknowns) == 10
    assert lost(found) == {"b", "K", "U (initial)"}
    assert not lost(verdict(tmp_path, text, ["C", "U"]))


def test_a_constant_that_nothing_reads_is_not_learnt(tmp_path: Path) -> None:
    assert "idle" in lost(verdict(tmp_path, LOTKA + "idle = 1\n", ["x", "y"]))


def test_a_model_that_is_not_rational_is_refused_with_the_reason(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="exp"):
        verdict(tmp_path, "x = INTEG(-EXP(x*a), 1)\na = 1\n", ["x"])
