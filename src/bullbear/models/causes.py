"""Why a run departs from a reference, found by experiment where that is possible.

The run is repeated with one thing changed: the time step, the method, the saving step, the start of
smooths and delays, the reading of lookups outside their points.  What makes the difference go away
is named as the cause.  Where nothing does, the place of the first departure says what is left.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from bullbear.equations.names import canonical, split_element
from bullbear.equations.program import Level, Node, State
from bullbear.equations.scalar import MISSING
from bullbear.errors import SimulationError, UsageError
from bullbear.models.simulate import METHODS, Simulator

if TYPE_CHECKING:
    from bullbear.equations.system import Variable
    from bullbear.models.verify import Comparison, Difference, Setup

METHOD, TIME_STEP, SAVING_STEP = "method", "time step", "saving step"
SMOOTH_START, LOOKUP_RANGE = "smooth start", "lookup range"
CONSTANT, INITIAL_VALUE, EQUATION = "constant", "initial value", "equation"
ROUNDING, RANDOM = "rounding", "random numbers"
NO_VALUE, UNKNOWN = "no value", "unknown"
_FACTORS = (0.5, 2.0, 0.25, 4.0, 0.125, 8.0)
_DIVISORS = (1, 2, 4, 5, 8, 10, 16, 20)  # of the reference's saving step
_MOST_STEPS = 400_000
_EXACT = 1e-9  # an experiment that leaves no more than this has found it
_DISTURBANCE = 1e-6  # of a stock: what rounding in single precision adds up to over a run
_WATCHED = 12
_HELPED = 0.6  # a trial that leaves this share of the error says where to look


@dataclass(frozen=True)
class Trial:
    """One run with one thing changed, seen in the variables that were first to depart.

    Attributes
    ----------
    change : what was changed, in words
    watched, differing : how many variables were looked at, and how many of them still differed
    max_error : the largest error that was left [1]
    misfit : the largest error beyond what printing explains, whatever the tolerance [1]
    """

    kind: str
    change: str
    watched: int
    differing: int
    max_error: float
    misfit: float


@dataclass(frozen=True)
class Cause:
    """The likely cause; `proved` where an experiment made every difference go away."""

    kind: str
    text: str
    proved: bool
    trials: Sequence[Trial]


@dataclass(frozen=True)
class _Change:
    kind: str
    text: str
    setup: Setup


def find_cause(comparison: Comparison, setup: Setup, differing: Sequence[Difference]) -> Cause:
    """The likely cause of the differences, of which there must be at least one."""
    first = differing[0]
    for told in (_different_constant, _random, _without_value):
        cause = told(comparison, first)
        if cause is not None:
            return cause
    watched = [d.name for d in differing[:_WATCHED]]
    trials: list[tuple[Trial, _Change]] = []
    for change in _changes(comparison, setup, first, differing):
        trial = _try(comparison, change, watched)
        if trial is not None:
            trials.append((trial, change))
            if not trial.differing and trial.misfit <= _EXACT:
                break
    run = [trial for trial, _ in trials]
    settled = [pair for pair in trials if not pair[0].differing]
    for trial, change in sorted(settled, key=lambda pair: pair[0].misfit):
        if not comparison.differences(comparison.run(change.setup)):
            text = f"with {trial.change} all differences go away"
            return Cause(trial.kind, text, True, run)
    shifted = _shifted(comparison, setup)
    if shifted is not None:
        return Cause(SAVING_STEP, shifted, True, run)
    return _best(comparison, setup, differing, run)


def _try(comparison: Comparison, change: _Change, watched: Sequence[str]) -> Trial | None:
    """What still differs after a change; None where that cannot be run."""
    try:
        values = comparison.run(change.setup, watched)
    except (UsageError, SimulationError):
        return None
    values = {name: values[name] for name in watched}
    left = comparison.differences(values)
    worst = max((d.max_error for d in left), default=0.0)
    misfit = comparison.misfit(values)
    return Trial(change.kind, change.text, len(watched), len(left), worst, misfit)


# -- what a value at the start says ---------------------------------------------------------------


def _variable(comparison: Comparison, name: str) -> Variable | None:
    return comparison.model.system.variables.get(canonical(split_element(name)[0]))


def _different_constant(comparison: Comparison, first: Difference) -> Cause | None:
    variable = _variable(comparison, first.name)
    if variable is None or variable.kind != "constant":
        return None
    text = f"the constant is {first.found:.10g} here and {first.reference:.10g} in the reference"
    return Cause(CONSTANT, text, False, ())


def _random(comparison: Comparison, first: Difference) -> Cause | None:
    program = comparison.model.program
    below = program.needed([program.outputs[first.name]]) if first.name in program.outputs else []
    if not any(program.nodes[index].op == "random" for index in below):
        return None
    text = f'"{first.name}" draws random numbers, which no two programs draw alike'
    return Cause(RANDOM, text, False, ())


def _without_value(comparison: Comparison, first: Difference) -> Cause | None:
    if np.isfinite(first.found) and first.found != MISSING:
        return None
    where = getattr(_variable(comparison, first.name), "where", "")
    text = f'"{first.name}" has no value here at that time; are there data, or a division by zero?'
    return Cause(NO_VALUE, f"{text} ({where})", False, ())


def _at_start(setup: Setup, first: Difference) -> bool:
    return first.first_time <= setup.grid.initial + setup.grid.step * 1e-6


# -- the experiments ------------------------------------------------------------------------------


def _changes(
    comparison: Comparison, setup: Setup, first: Difference, differing: Sequence[Difference]
) -> Iterator[_Change]:
    """Experiments, the likeliest first; nothing of time can explain a difference at the start."""
    from bullbear.models.verify import replaced

    yield from _controls(comparison, setup)
    if not _at_start(setup, first):
        for step in _steps(comparison, setup):
            yield _Change(TIME_STEP, f"a time step of {step:.10g}", replaced(setup, step=step))
        other = next(m for m in METHODS if m != setup.method)
        yield _Change(METHOD, f"the method {other}", replace(setup, method=other))
    yield from _smooth_starts(setup, differing)
    yield from _lookup_ranges(setup)
    if not _at_start(setup, first):
        for step in _steps(comparison, setup)[:4]:
            both = f"the method {other} and a time step of {step:.10g}"
            yield _Change(METHOD, both, replaced(setup, step=step, method=other))


def _controls(comparison: Comparison, setup: Setup) -> Iterator[_Change]:
    """The time step and saving step that the reference itself names."""
    from bullbear.models.verify import replaced

    step = comparison.reference.constant("TIME STEP")
    if step is not None and step > 0 and _far(step, setup.grid.step):
        yield _Change(TIME_STEP, f"the reference's own time step of {step:.10g}",
                      replaced(setup, step=step))  # fmt: skip
    saveper = comparison.reference.constant("SAVEPER")
    if saveper is not None and saveper > 0 and _far(saveper, setup.grid.saveper):
        try:
            grid = replace(setup.grid, saveper=saveper)
        except UsageError:
            return
        text = f"the reference's own saving step of {saveper:.10g}"
        yield _Change(SAVING_STEP, text, replace(setup, grid=grid))


def _steps(comparison: Comparison, setup: Setup) -> list[float]:
    """Time steps to try: fractions and multiples of ours and of the reference's saving step."""
    own, times = setup.grid.step, comparison.reference.times
    span = setup.grid.final - setup.grid.initial
    every = float(times[-1] - times[0]) / max(len(times) - 1, 1)
    saved = [every / n for n in _DIVISORS]
    tried: list[float] = []
    ours = [own * factor for factor in _FACTORS]
    fits = abs(every / own - round(every / own)) <= 1e-3
    for step in ours + saved if fits else saved + ours:
        possible = 0 < step <= span and span / step <= _MOST_STEPS
        if possible and all(_far(step, other) for other in [own, *tried]):
            tried.append(step)
    return tried


def _far(a: float, b: float) -> bool:
    return abs(a - b) > 1e-6 * abs(b)


def _smooth_starts(setup: Setup, differing: Sequence[Difference]) -> Iterator[_Change]:
    """Smooths and delays that begin where the reference has them."""
    starts = {d.name: d for d in differing if _at_start(setup, d)}
    nodes, levels = [*setup.program.nodes], [*setup.program.levels]
    states: list[State] = []
    begun: list[str] = []
    for state in setup.program.states:
        found = starts.get(state.name.partition("#")[0]) if state.hidden else None
        if found is None:
            states.append(state)
            continue
        # a factor, because a delay holds its flow times its delay
        factor = found.found != 0 and np.isfinite(found.found)
        nodes.append(Node("const", (), found.reference / (found.found if factor else 1.0)))
        levels.append(Level.CONSTANT)
        if factor:
            nodes.append(Node("mul", (state.initial, len(nodes) - 1)))
            levels.append(levels[state.initial])
        states.append(replace(state, initial=len(nodes) - 1))
        begun.append(f'"{found.name}"')
    if begun:
        program = replace(setup.program, nodes=nodes, levels=levels, states=states)
        names = ", ".join(list(dict.fromkeys(begun))[:3])
        text = f"smooths and delays of {names} begun where the reference has them"
        yield _Change(SMOOTH_START, text, replace(setup, program=program))


def _lookup_ranges(setup: Setup) -> Iterator[_Change]:
    """Lookups read otherwise outside their points; only where one is read there."""
    beyond = _read_beyond(setup)
    if not beyond:
        return
    names = ", ".join(f'"{name}"' for name in sorted(beyond.values())[:3])
    for kind, text in (("extrapolate", "extended beyond"), ("interpolate", "held outside")):
        nodes = [
            replace(node, data=(node.data[0], kind))
            if index in beyond and isinstance(node.data, tuple)
            else node
            for index, node in enumerate(setup.program.nodes)
        ]
        if nodes != setup.program.nodes:
            program = replace(setup.program, nodes=nodes)
            yield _Change(LOOKUP_RANGE, f"{names} {text} the first and last point",
                          replace(setup, program=program))  # fmt: skip


def _read_beyond(setup: Setup) -> dict[int, str]:
    """Statements that read a lookup outside its points during the run, and its name."""
    program = setup.program
    reads = [(i, n) for i, n in enumerate(program.nodes)
             if n.op == "lookup" and isinstance(n.data, tuple)
             and n.data[1] in ("interpolate", "extrapolate")]  # fmt: skip
    if not reads:
        return {}
    simulator = Simulator(program, [], [node.args[0] for _, node in reads])
    found = simulator.run(setup.grid, setup.method, setup.parameters).monitored
    beyond = {}
    for column, (index, node) in enumerate(reads):
        table = program.tables[int(node.data[0])]  # type: ignore[index,arg-type]
        at = found[:, column]
        if np.any((at < table.x[0]) | (at > table.x[-1])):
            beyond[index] = table.name
    return beyond


def _shifted(comparison: Comparison, setup: Setup) -> str | None:
    """Whether the reference's rows are our rows one saving step earlier or later."""
    values = comparison.run(setup)
    if len(comparison.times) < 4:
        return None
    every = float(np.min(np.diff(comparison.times)))
    for by, word in ((1, "later"), (-1, "earlier")):
        moved = {name: np.roll(column, by) for name, column in values.items()}
        inner = [_ignoring_edge(comparison, moved, name, by) for name in comparison.pairs]
        if not any(inner):
            return f"the reference's rows stand one saving step of {every:.6g} {word} than ours"
    return None


def _ignoring_edge(
    comparison: Comparison, moved: dict[str, np.ndarray], name: str, by: int
) -> bool:
    """Whether a moved column differs anywhere but in the row that came from the other end."""
    column = moved[name].copy()
    edge = 0 if by > 0 else -1
    column[edge] = comparison.pairs[name].values[comparison.rows][edge]
    return any(d.name == name for d in comparison.differences({**moved, name: column}))


# -- what is left where no experiment settles it --------------------------------------------------


def _best(
    comparison: Comparison,
    setup: Setup,
    differing: Sequence[Difference],
    trials: Sequence[Trial],
) -> Cause:
    before = max(d.max_error for d in differing[:_WATCHED])
    helped = [t for t in trials if t.max_error <= _HELPED * before or t.differing < t.watched]
    best = min(helped, key=lambda t: (t.differing, t.max_error), default=None)
    place = _by_place(comparison, setup, differing[0])
    if best is not None and (best.differing <= best.watched / 2 or place.kind == UNKNOWN):
        text = (
            f"with {best.change} {best.differing} of the first {best.watched} variables still "
            f"differ, by at most {best.max_error:.2g} instead of {before:.2g}"
        )
        return Cause(best.kind, text, False, trials)
    if _rounding_grows(comparison, setup, differing[0]):
        text = (
            f"every stock moved by {_DISTURBANCE:g} of itself at the start departs as far by then: "
            "the model lets differences of rounding grow"
        )
        return Cause(ROUNDING, text, False, trials)
    return replace(place, trials=trials)


def _rounding_grows(comparison: Comparison, setup: Setup, first: Difference) -> bool:
    """Whether a tiny disturbance at the start moves the first variable as far as it departs."""
    nodes, levels = [*setup.program.nodes], [*setup.program.levels]
    states = []
    for state in setup.program.states:
        nodes += [Node("const", (), 1 + _DISTURBANCE),
                  Node("mul", (state.initial, len(nodes)))]  # fmt: skip
        levels += [Level.CONSTANT, levels[state.initial]]
        states.append(replace(state, initial=len(nodes) - 1))
    program = replace(setup.program, nodes=nodes, levels=levels, states=states)
    row = int(np.searchsorted(comparison.times, first.first_time))
    both = (replace(setup, program=program), setup)
    moved, own = (comparison.run(one, [first.name])[first.name][row] for one in both)
    return bool(abs(moved - own) >= _HELPED / 2 * abs(first.reference - first.found))


def _by_place(comparison: Comparison, setup: Setup, first: Difference) -> Cause:
    """What the first variable to depart reads says where the fault must be."""
    variable = _variable(comparison, first.name)
    if variable is None:
        return Cause(UNKNOWN, f"{first.name} differs from the reference", False, ())
    where = f" ({variable.where})"
    if variable.kind == "stock" and _at_start(setup, first):
        text = f'the initial value of "{first.name}" differs{where}'
        return Cause(INITIAL_VALUE, text, False, ())
    keys = [key for key in variable.depends if key != canonical(variable.name)]
    known = {canonical(split_element(name)[0]) for name in comparison.pairs}
    unseen = [comparison.model.system.variables[k].name for k in keys if k not in known]
    if unseen:
        names = ", ".join(f'"{name}"' for name in unseen[:5])
        text = f'"{first.name}" reads {names}, which the reference does not have{where}'
        return Cause(UNKNOWN, text, False, ())
    text = f'all that "{first.name}" reads agrees until then, so its own equation differs{where}'
    return Cause(EQUATION, text, False, ())
