"""Equilibria, folds and growth whose exact values are known, each from its own file."""

from __future__ import annotations

from math import sqrt
from pathlib import Path

import numpy as np
import pytest
from scipy.optimize import brentq

from bullbear.analysis.branches import trace
from bullbear.analysis.continuation import SpecialPoint
from bullbear.analysis.equilibrium import Answer, Equilibrium, find
from bullbear.analysis.folds import FoldMap, fold_lines
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


def specials(name: str, along: str, low: float, high: float) -> dict[str, list[SpecialPoint]]:
    """Special points over a constant by their kind, each kind in order of the constant."""
    found = trace(model(name), along, low, high).special
    return {kind: [p for p in found if p.kind == kind] for kind in ("fold", "hopf", "branch")}


def test_the_brusselator_begins_to_swing_at_one_plus_a_squared() -> None:
    (turn,) = specials("brusselator", "B", 1, 6)["hopf"]
    assert turn.parameter == pytest.approx(1 + 1.5**2, rel=1e-8)
    assert turn.states == pytest.approx([1.5, 3.25 / 1.5], rel=1e-8)
    assert turn.omega == pytest.approx(1.5, rel=1e-8)


def test_a_nerve_fires_between_two_currents() -> None:
    """The trace 1 - v² - φb vanishes at two potentials; FitzHugh's nerve cell fires in between."""
    turns = specials("fitzhugh_nagumo", "current", 0, 2)["hopf"]
    v = sqrt(1 - 0.08 * 0.8)
    exact = sorted((s * v + 0.7) / 0.8 - s * v + s * v**3 / 3 for s in (-1, 1))
    assert exact == pytest.approx([0.331281, 1.418719], abs=1e-6)
    assert [turn.parameter for turn in turns] == pytest.approx(exact, rel=1e-8)
    omega = sqrt(0.08 * (1 - 0.8 * (1 - v * v)))
    assert [turn.omega for turn in turns] == pytest.approx([omega] * 2, rel=1e-8)


def test_enriched_prey_and_hunters_swing() -> None:
    """Rosenzweig's paradox: stable until the hunters' isocline passes the hump of the prey's."""
    found = specials("rosenzweig_macarthur", "K", 0.1, 1.5)
    prey = 0.4 * 0.3 / (0.8 - 0.4)
    (turn,) = found["hopf"]
    assert turn.parameter == pytest.approx(0.3 + 2 * prey, rel=1e-8)
    assert turn.omega == pytest.approx(sqrt(0.4 * 0.3 * 0.5 * (1 - prey / 0.9) / 0.6), rel=1e-8)
    assert [p.parameter for p in found["branch"]] == pytest.approx([prey], rel=1e-7)


def test_schloegl_has_three_states_and_two_folds() -> None:
    found = answer("schloegl")
    for x, eigenvalue in ((1, -2), (2, 1), (3, -2)):
        assert near(found, x=x).stability.eigenvalues.real == pytest.approx([eigenvalue])
    folds = specials("schloegl", "B", 5, 7)["fold"]
    assert [p.parameter for p in folds] == pytest.approx(
        [6 - 2 / (3 * sqrt(3)), 6 + 2 / (3 * sqrt(3))], rel=1e-9
    )


def test_the_ocean_turns_over_at_two_folds() -> None:
    """Cessi 1994: with μ² = 6.2 two states between fresh water fluxes of about 0.96 and 1.29."""
    folds = specials("stommel_cessi", "p", 0.5, 2)["fold"]
    y = [(2 + s * sqrt(1 - 3 / 6.2)) / 3 for s in (1, -1)]
    exact = [at * (1 + 6.2 * (1 - at) ** 2) for at in y]
    assert exact == pytest.approx([0.96, 1.29], abs=0.01)
    assert [p.parameter for p in folds] == pytest.approx(exact, rel=1e-9)
    assert [p.states[0] for p in folds] == pytest.approx(y, rel=1e-6)


def test_glycolysis_swings_between_two_supplies() -> None:
    """b² = (1 - 2a ∓ √(1 - 8a)) / 2: Strogatz, Nonlinear Dynamics and Chaos, example 7.3.3."""
    turns = specials("selkov", "b", 0.1, 1.2)["hopf"]
    exact = [sqrt((1 - 0.16 + s * sqrt(1 - 0.64)) / 2) for s in (-1, 1)]
    assert [turn.parameter for turn in turns] == pytest.approx(exact, rel=1e-8)
    assert [turn.omega for turn in turns] == pytest.approx(
        [sqrt(0.08 + b * b) for b in exact], rel=1e-8
    )


def test_a_stirred_reactor_lights_goes_out_and_swings() -> None:
    """u(1 - u) = (1 + β) / B at the folds; the Hopf point is where the trace vanishes."""
    found = specials("stirred_reactor", "D", 0.02, 0.2)
    q = sqrt(1 - 4 * 2.55 / 14)
    lit = [(1 - q) / 2, (1 + q) / 2]
    exact = sorted(u / (1 - u) * np.exp(-14 * u / 2.55) for u in lit)
    assert [p.parameter for p in found["fold"]] == pytest.approx(exact, rel=1e-8)
    # the trace -1/(1 - u) - (1 + β) + B u is 0 where (1 - u)(B u - 1 - β) = 1
    u = max(np.roots([-14, 14 + 2.55, -2.55 - 1]).real)
    place = u / (1 - u) * np.exp(-14 * u / 2.55)
    assert [p.parameter for p in found["hopf"]] == pytest.approx([place], rel=1e-8)


@pytest.mark.parametrize("luminosity", [0.9, 1.0, 1.2])
def test_daisies_hold_their_own_temperatures(luminosity: float) -> None:
    """Where both grow, each is 5 degrees from its best, whatever the sun does."""
    bare = 0.3 / (1 - 0.003265 * 25)

    def gap(albedo: float) -> float:
        warm = (917 * luminosity * (1 - albedo) / 5.67e-8) ** 0.25 - 273
        return float(warm + 20 * (albedo - 0.75) - 17.5)

    albedo = brentq(gap, 0.3, 0.75, xtol=1e-14)
    white = 2 * (albedo - 0.5 * bare - 0.25 * (1 - bare))
    found = find(model("daisyworld"), overrides={"luminosity": luminosity})
    (both,) = [one for one in found.equilibria if min(one.states.values()) > 1e-6]
    assert both.states["White"] == pytest.approx(white, rel=1e-8)
    assert both.states["Black"] == pytest.approx(1 - bare - white, rel=1e-8)
    assert both.stability.stable


# -- lines of folds --------------------------------------------------------------------------------


def lines(name: str, *ranges: object) -> FoldMap:
    found = fold_lines(model(name), *ranges)  # type: ignore[arg-type]
    assert found.lines
    return found


def test_the_line_of_folds_is_the_cusp() -> None:
    found = lines("cusp", "l", (-2, 2), "q", (-1, 1.5))
    for point in (p for line in found.lines for p in line.points):
        assert abs(point.along) == pytest.approx(2 * (point.across / 3) ** 1.5, abs=1e-9)
    (cusp,) = found.cusps
    assert (cusp.along, cusp.across) == pytest.approx((0, 0), abs=1e-9)


def test_the_budworm_tips_within_a_wedge() -> None:
    """r = 2x³/(1 + x²)², k = 2x³/(x² - 1): Strogatz, section 3.7; both turn back at x = √3."""
    found = lines("budworm", "r", (0.05, 1), "k", (4, 20))
    (line,) = found.lines
    for point in line.points:
        x = float(point.states[0])
        assert point.along == pytest.approx(2 * x**3 / (1 + x * x) ** 2, rel=1e-9)
        assert point.across == pytest.approx(2 * x**3 / (x * x - 1), rel=1e-9)
    assert min(p.states[0] for p in line.points) < 1.1
    assert max(p.states[0] for p in line.points) > 9
    (cusp,) = found.cusps
    exact = (3 * sqrt(3) / 8, 3 * sqrt(3), sqrt(3))
    assert (cusp.along, cusp.across, cusp.states[0]) == pytest.approx(exact, rel=1e-7)


@pytest.mark.parametrize(
    ("name", "ranges", "cusp"),
    [
        ("schloegl", ("B", (1, 12), "k", (9, 14)), (8, 12)),
        ("stommel_cessi", ("p", (0.5, 2), "mu", (1, 8)), (8 / 9, 3)),
    ],
)
def test_cusps_lie_where_a_cubic_has_a_triple_root(
    name: str, ranges: tuple[object, ...], cusp: tuple[float, float]
) -> None:
    (found,) = lines(name, *ranges).cusps
    assert (found.along, found.across) == pytest.approx(cusp, rel=1e-7)


def test_where_nothing_folds_no_line_is_found() -> None:
    found = fold_lines(model("brusselator"), "B", (1, 6), "A", (1, 2))
    assert found.lines == ()
    assert found.sections == (1.25, 1.5, 1.75)


def test_a_stock_on_hold_can_be_moved_along() -> None:
    """With the hunters held the prey has a fold where they pass the hump of its isocline."""
    found = trace(model("rosenzweig_macarthur"), "Hunters", 0.02, 0.4, hold={"Hunters": 0.1})
    folds = [p for p in found.special if p.kind == "fold"]
    x = (0.7 - 0.3) / 2
    exact = 0.5 * (1 - x / 0.7) * (0.3 + x)
    assert [p.parameter for p in folds] == pytest.approx([exact], rel=1e-8)


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
