"""Equilibria, folds and growth whose exact values are known, each from its own file."""

from __future__ import annotations

from math import sqrt
from pathlib import Path

import numpy as np
import pytest

from bullbear.analysis.branches import fold_line, trace
from bullbear.analysis.equilibrium import Answer, Equilibrium, find
from bullbear.errors import ModelError, UsageError
from bullbear.models.model import Model, load

MODELS = Path(__file__).parent / "models"


def model(name: str) -> Model:
    return load(MODELS / f"{name}.mdl")


def answer(name: str, **overrides: float) -> Answer:
    return find(model(name), overrides=overrides)


def near(found: Answer, **states: float) -> Equilibrium:
    """The one equilibrium at these values, to nine digits."""
    (one,) = [
        e for e in found.equilibria
        if all(abs(e.states[n] - v) <= 1e-9 * max(1, abs(v)) for n, v in states.items())
    ]  # fmt: skip
    return one


# -- points ----------------------------------------------------------------------------------------


def test_predator_and_prey() -> None:
    found = answer("lotka_volterra")
    assert found.complete
    assert len(found.equilibria) == 2
    centre = near(found, x=4, y=2.75)
    assert centre.stability.kind == "neutral"
    assert np.abs(centre.stability.eigenvalues.imag) == pytest.approx([sqrt(0.44)] * 2, rel=1e-9)
    assert near(found, x=0, y=0).stability.kind == "saddle"


def test_budworm_has_four_states() -> None:
    found = answer("budworm")
    assert len(found.equilibria) == 4
    exact = {0: 0.5, 0.6833752096446: -0.203417, 2: 0.14, 7.3166247903554: -0.236583}
    for x, eigenvalue in exact.items():
        real = near(found, x=x).stability.eigenvalues[0].real
        assert real == pytest.approx(eigenvalue, abs=1e-6)


def test_the_treasury_comes_to_rest_on_its_income() -> None:
    found = answer("treasury_switch")
    one = near(found, Treasury=2)
    assert one.stability.eigenvalues.real == pytest.approx([-2])
    assert one.stability.half_life == pytest.approx(np.log(2) / 2)
    (switch,) = found.switches
    assert switch.name == "spending"
    assert switch.time == pytest.approx(15 + 5 / 6, abs=1e-9)


def test_staking_rests_at_nothing_and_grows_in_balance() -> None:
    found = answer("staking")
    assert near(found, Circulating=0, Staked=0).stability.eigenvalues.real == pytest.approx(
        [0.1, -1.0]
    )
    (growth,) = found.growth
    assert growth.rates[("Circulating", "Staked")] == pytest.approx(0.1, rel=1e-9)
    assert growth.shares["Staked"] == pytest.approx(0.6181818181818, rel=1e-9)
    assert growth.stability.eigenvalues.real == pytest.approx([-1.1], rel=1e-9)


def test_the_arms_race_grows_by_its_leading_eigenvalue() -> None:
    found = answer("arms_race")
    level = near(found, A=0, B=0, C=0).stability.eigenvalues
    assert level[0].real == pytest.approx(0.0997779, abs=1e-7)
    assert level[1] == pytest.approx(-0.1998890 + 0.0115508j, abs=1e-7)
    (growth,) = found.growth
    assert next(iter(growth.rates.values())) == pytest.approx(0.0997779, abs=1e-7)


def test_a_value_over_its_mark_settles_while_both_grow() -> None:
    """Only the ratio enters: it is at 1.04, where fees take a fifth of the gain."""
    found = answer("nav_over_mark")
    growth = max(found.growth, key=lambda one: one.shares["NAV"])
    assert growth.shares["NAV"] / growth.shares["Mark"] == pytest.approx(1.04, rel=1e-9)
    assert growth.rates[("NAV", "Mark")] == pytest.approx(0.08, rel=1e-9)
    assert growth.levels["Cash"] == pytest.approx(40, rel=1e-9)
    assert growth.stability.kind == "stable"


def test_adoption_is_judged_on_its_conserved_total() -> None:
    found = answer("bass")
    assert found.invariants == ("Potential + Adopters = 1 000 person",)
    assert found.run_out == {"Potential": pytest.approx(7, abs=0.5)}
    one = near(found, Adopters=1000, Potential=0)
    assert one.stability.eigenvalues.real == pytest.approx([-1.511])


def test_a_kink_has_two_half_lives() -> None:
    one = near(answer("budget_kink"), Fund=20)
    assert sorted(side.eigenvalues[0].real for side in one.sides) == pytest.approx([-2, -0.5])
    assert one.stability.half_life == pytest.approx(np.log(2) / 0.5)


def test_newton_finds_what_algebra_finds(monkeypatch: pytest.MonkeyPatch) -> None:
    import bullbear.analysis.symbolic_equilibria as algebra

    exact = answer("budworm"), answer("lorenz"), answer("bass")
    monkeypatch.setattr(algebra, "MOST_STATES", 0)
    for name, known in zip(("budworm", "lorenz", "bass"), exact, strict=True):
        found = answer(name)
        assert (found.method, found.complete) == ("newton", False)
        for one in known.equilibria:
            near_enough = [
                e for e in found.equilibria
                if all(abs(e.states[n] - v) < 1e-6 for n, v in one.states.items())
            ]  # fmt: skip
            assert len(near_enough) == 1, (name, one.states)


# -- branches --------------------------------------------------------------------------------------


def test_budworm_tips_at_two_folds() -> None:
    found = trace(model("budworm"), "r", 0.2, 0.8)
    places = [(p.kind, p.parameter, p.states[0]) for p in found.special]
    assert [kind for kind, *_ in places] == ["fold", "fold"]
    assert places[0][1:] == pytest.approx((0.3839707316, 4.781284), abs=1e-6)
    assert places[1][1:] == pytest.approx((0.5595250124, 1.137805), abs=1e-6)


def test_lorenz_has_a_pitchfork_and_two_hopf_points() -> None:
    found = trace(model("lorenz"), "rho", 0.2, 30)
    fork, *turns = found.special
    assert (fork.kind, fork.parameter) == ("branch", pytest.approx(1, abs=1e-8))
    assert [turn.kind for turn in turns] == ["hopf", "hopf"]
    for turn in turns:
        assert turn.parameter == pytest.approx(470 / 19, abs=1e-6)
        assert turn.omega == pytest.approx(9.624530, abs=1e-6)


def test_van_der_pol_begins_to_swing_where_friction_changes_its_sign() -> None:
    found = trace(model("van_der_pol"), "mu", -1, 2)
    assert [point.kind for point in found.special] == ["hopf"]
    assert found.special[0].parameter == pytest.approx(0, abs=1e-9)
    assert found.special[0].omega == pytest.approx(1, abs=1e-9)


def test_the_line_of_folds_is_the_cusp() -> None:
    found = fold_line(model("cusp"), "l", (-2, 2), "q", [0.5, 1, 1.5])
    assert len(found) == 6
    for point in found:
        assert abs(point.along) == pytest.approx(2 * (point.across / 3) ** 1.5, rel=1e-9)


# -- bad input -------------------------------------------------------------------------------------


def test_a_model_that_cannot_rest_is_told_so() -> None:
    found = answer("no_rest")
    assert found.complete
    assert found.equilibria == ()
    assert found.growth == ()


def test_stocks_that_nothing_reads_and_totals_are_set_aside() -> None:
    found = answer("two_tanks")
    assert found.dropped == ("Air",) or "Air" in found.still
    one = near(found, Left=20, Right=20)
    assert one.stability.eigenvalues.real == pytest.approx([-1])
    assert not one.lines


def test_a_line_of_equilibria_names_its_stocks(tmp_path: Path) -> None:
    file = tmp_path / "line.mdl"
    file.write_text(
        "{UTF-8}\na = INTEG(b - a, 1) ~ m ~ |\nb = INTEG(2 * (a - b) * EXP(-c), 2) ~ m ~ |\n"
        "c = INTEG(a - b - c, 0) ~ m ~ |\nINITIAL TIME = 0 ~ Year ~ |\nFINAL TIME = 9 ~ Year ~ |\n"
        "TIME STEP = 0.0625 ~ Year ~ |\nSAVEPER = 1 ~ Year ~ |\n"
    )
    found = find(load(file))
    assert found.equilibria
    assert all(set(line) == {"a", "b"} for one in found.equilibria for line in one.lines)
    assert any(one.lines for one in found.equilibria)


def test_a_constant_that_does_not_enter_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "spare.mdl"
    text = (MODELS / "budworm.mdl").read_text()
    file.write_text(
        text.replace("k = 10", "spare = 3 ~ Dmnl ~ |\nmemo = spare * x ~ Dmnl ~ |\nk = 10")
    )
    with pytest.raises(ModelError, match="does not enter"):
        trace(load(file), "spare", 0, 1)


def test_discrete_states_are_refused_by_name(tmp_path: Path) -> None:
    file = tmp_path / "late.mdl"
    file.write_text(
        "{UTF-8}\nx = INTEG(late - x, 1) ~ m ~ |\nlate = DELAY FIXED(x, 2, 1) ~ m ~ |\n"
        "INITIAL TIME = 0 ~ Year ~ |\nFINAL TIME = 9 ~ Year ~ |\nTIME STEP = 0.5 ~ Year ~ |\n"
        "SAVEPER = 1 ~ Year ~ |\n"
    )
    with pytest.raises(ModelError) as caught:
        find(load(file))
    assert 'DELAY FIXED in "late"' in caught.value.message
    assert "bullbear loops" in caught.value.hint


def test_wrong_names_and_ranges_are_refused() -> None:
    with pytest.raises(UsageError, match="no stock"):
        find(model("budworm"), hold={"y": 1})
    with pytest.raises(UsageError, match="range"):
        trace(model("budworm"), "r", 1, 0)
    with pytest.raises(UsageError, match="initial value"):
        trace(model("budworm"), "x", 0, 1)
