"""The equilibria of a model: prepared, found, judged, and what there is where there are none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from bullbear.analysis import symbolic_equilibria
from bullbear.analysis.conservation import conserved
from bullbear.analysis.growth import BalancedGrowth, balanced
from bullbear.analysis.kinks import Kinks, Switch
from bullbear.analysis.newton import SAME, Root
from bullbear.analysis.problem import Problem
from bullbear.analysis.reduction import Frozen
from bullbear.analysis.stability import Stability, judge
from bullbear.models.model import Model

Array = npt.NDArray[np.float64]
ALGEBRA, NEWTON = "algebra", "newton"
ON_THE_RUN = 8
SMALL_SYSTEM, MANY, FEW = 8, 400, 24
"""Random starts: so many for systems of at most so many states, and so few for larger ones."""
ARRIVED = 1e-9
STOOD = 1e-3
"""A stock below this share of its largest value has run out."""


@dataclass(frozen=True)
class Equilibrium:
    """A point at which every rate is 0.

    Attributes
    ----------
    states : value of every state that is left, stages of delays included [their units]
    residual : largest |rate| over the state's typical size [1/time unit]
    stability : of the point, conserved totals taken out; on a kink that of the side that holds
        least
    sides : verdicts on each side of a kink that the point stands on; empty elsewhere
    lines : states that can move together without any rate changing, per direction
    possible : whether no stock is negative that must not be
    """

    states: dict[str, float]
    residual: float
    stability: Stability
    sides: tuple[Stability, ...]
    lines: tuple[tuple[str, ...], ...]
    possible: bool


@dataclass(frozen=True)
class Answer:
    """All that is known about where a model can rest.

    Attributes
    ----------
    time : at which explicit time stands; `reads_time` says whether that matters [time unit]
    method : `algebra`, which finds all, or `newton`, which may not (`complete`)
    starts : from how many points Newton's method began
    families : equations of lines of equilibria that algebra found
    invariants : conserved sums of the whole model as text
    dropped : stocks that nothing reads; `still` those that no flow moves, with their values
    run_out : stocks that fell to nothing on the run and stayed there, and when [time unit]
    drift : of stocks that are held at a value, rate over value there [1/time unit], by equilibrium
    """

    time: float
    reads_time: bool
    method: str
    complete: bool
    starts: int
    equilibria: tuple[Equilibrium, ...]
    growth: tuple[BalancedGrowth, ...]
    families: tuple[str, ...]
    invariants: tuple[str, ...]
    dropped: tuple[str, ...]
    still: dict[str, float]
    held: dict[str, float]
    run_out: dict[str, float]
    switches: tuple[Switch, ...]
    drift: tuple[dict[str, float], ...] = field(default=())


def find(
    model: Model,
    scenario: str = "base",
    overrides: Mapping[str, float] | None = None,
    at: float | None = None,
    hold: Mapping[str, float] | None = None,
    seed: int = 0,
    also: Sequence[Mapping[str, float]] = (),
) -> Answer:
    """Find and judge the equilibria of a model.

    Parameters
    ----------
    at : time at which explicit time is frozen; the horizon of the model if None [time unit]
    hold : stocks that are held at a value because they move slowly; their drift is reported
    seed : of the random starts of Newton's method
    also : further starts, the values of states by name; those left out are as at the end of the run

    Raises
    ------
    ModelError
        For discrete states or random functions, which have no equilibria of rates.
    """
    frozen = Frozen(model, scenario, overrides, at, hold=hold)
    problem = frozen.problem()
    starts = [*_named(frozen, also), *starting_points(frozen, problem, seed)]
    algebra = symbolic_equilibria.solve(frozen, problem)
    roots = problem.solve([*(algebra.points if algebra else ()), *([] if algebra else starts)])
    if algebra is not None:
        roots = _confirmed(problem, algebra.points)
    kinks = Kinks(frozen)
    equilibria = [_judged(frozen, problem, kinks, root) for root in roots]
    equilibria.sort(key=lambda one: (not one.possible, _RANK[one.stability.kind]))
    return Answer(
        frozen.time, frozen.reads_time, ALGEBRA if algebra else NEWTON,
        bool(algebra and algebra.complete), 0 if algebra else len(starts),
        tuple(equilibria), tuple(balanced(problem, starts, seed)),
        algebra.families if algebra else (),
        tuple(one.text for one in conserved(model, scenario, overrides)), frozen.unread,
        frozen.still, {model.program.states[i].name: v for i, v in frozen.held.items()},
        run_out(frozen), tuple(kinks.switches()), tuple(_drift(frozen, one) for one in equilibria),
    )  # fmt: skip


def _named(frozen: Frozen, points: Sequence[Mapping[str, float]]) -> list[Array]:
    """States by their names as one array each."""
    end = frozen.trail.states[-1][frozen.kept]
    return [
        np.array([point.get(name, value) for name, value in zip(frozen.names, end, strict=True)])
        for point in points
    ]


_RANK = {"stable": 0, "neutral": 1, "saddle": 2, "unstable": 3}


def starting_points(frozen: Frozen, problem: Problem, seed: int) -> list[Array]:
    """Points of the run, where the frozen model goes from its end, and random ones around."""
    trail = frozen.trail.states[:, frozen.kept]
    points = list(trail[np.linspace(0, len(trail) - 1, ON_THE_RUN).astype(int)])
    settled = relaxed(problem, trail[-1], float(frozen.grid.final - frozen.grid.initial))
    points = [settled, *points] if settled is not None else points
    random = np.random.default_rng(seed)
    count = MANY if len(frozen.names) <= SMALL_SYSTEM else FEW
    guarded = bool(frozen.model.definition.nonnegative)  # the modeller said what may be below zero
    signs = np.where((trail < 0).any(axis=0) | (not guarded), -1.0, 1.0)
    for _ in range(count):
        size = frozen.scale * 10 ** random.uniform(-3, 1, len(frozen.names))
        points.append(size * np.where(random.random(len(size)) < 0.5, signs, 1.0))
    return points


def relaxed(problem: Problem, start: Array, span: float) -> Array | None:
    """Where the frozen field goes in a time [time unit]; None where it does not stay finite."""
    from scipy.integrate import solve_ivp

    if not problem.basis.shape[1]:
        return None
    with np.errstate(all="ignore"):
        try:
            found = solve_ivp(
                lambda _, z: problem.flow(z), (0.0, span), problem.coordinates(start),
                method="BDF", jac=lambda _, z: problem.slopes(z), rtol=1e-6, atol=1e-9,
            )  # fmt: skip
        except (ValueError, FloatingPointError, np.linalg.LinAlgError):
            return None
    end = problem.states(found.y[:, -1])
    return end if found.status == 0 and np.isfinite(end).all() else None


def _confirmed(problem: Problem, points: Sequence[Array]) -> list[Root]:
    """Candidates of algebra at which the rates are really 0, on the conserved totals."""
    found: list[Root] = []
    for point in points:
        inside = problem.states(problem.coordinates(point))
        rates = problem.field(inside)
        residual = float(np.max(np.abs(rates) / problem.scale, initial=0.0))
        off = np.max(np.abs(inside - point) / problem.scale, initial=0.0)
        known = any(np.max(np.abs(inside - r.states) / problem.scale) <= SAME for r in found)
        if residual <= ARRIVED and off <= 1e-9 and not known:
            found.append(Root(inside, residual))
    return found


def _judged(frozen: Frozen, problem: Problem, kinks: Kinks, root: Root) -> Equilibrium:
    states = _without_rounding(problem, root.states)
    watched = {frozen.program.states[i].name for i in frozen.model._watched_stocks}
    possible = not any(
        value < 0 and name in watched for name, value in zip(frozen.names, states, strict=True)
    )
    sides = kinks.sides(problem, states)
    own = judge(problem.slopes(problem.coordinates(states)))
    return Equilibrium(
        {name: float(value) for name, value in zip(frozen.names, states, strict=True)},
        float(np.max(np.abs(problem.field(states)) / problem.scale, initial=0.0)),
        max(sides, key=lambda side: float(side.eigenvalues[0].real), default=own),
        tuple(sides),
        tuple(map(tuple, problem.flat_directions(states))),
        possible,
    )


def _without_rounding(problem: Problem, states: Array) -> Array:
    """The same point with zeros where a state is nothing but rounding."""
    clean = np.where(np.abs(states) <= 1e-9 * problem.scale, 0.0, states)
    residual = np.abs(problem.field(clean)) / problem.scale
    return clean if np.max(residual, initial=0.0) <= ARRIVED else states


def run_out(frozen: Frozen) -> dict[str, float]:
    """Stocks of the equations that fell to nothing on the run and stayed there, and since when."""
    found = {}
    for place, state in enumerate(frozen.program.states):
        column = np.abs(frozen.trail.states[:, place])
        low = column <= STOOD * column.max()
        if state.hidden or not column.max() or not low[-1] or low.all():
            continue
        since = len(low) - int(np.argmin(low[::-1]))
        if column[0] > STOOD * column.max() or since < len(low) / 2:
            found[state.name] = float(frozen.trail.times[since])
    return found


def _drift(frozen: Frozen, found: Equilibrium) -> dict[str, float]:
    """How fast the stocks that are held would move, over their value."""
    rates = frozen.all_rates(frozen.full(np.array(list(found.states.values()))))
    return {
        frozen.program.states[i].name: float(rates[i]) / value
        for i, value in frozen.held.items()
        if value
    }
