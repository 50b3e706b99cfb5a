"""Does a model give the numbers that another program gave?

Every variable of a reference is compared at the times of the reference.  The error is relative to
the variable's largest absolute reference value; half a unit of the last printed digit and 1e-12
are always allowed.  Where variables differ, the first one counts: the earliest, and at one time
the one that is worked out before the others.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from bullbear.equations.names import canonical, split_element
from bullbear.equations.program import Level, Program
from bullbear.equations.system import CONTROL_NAMES
from bullbear.errors import UsageError
from bullbear.models.reference import Reference, Series, key_of, read_reference
from bullbear.models.scenarios import BASE
from bullbear.models.simulate import Grid, Simulator

if TYPE_CHECKING:
    from bullbear.models.causes import Cause
    from bullbear.models.model import Model

Array = npt.NDArray[np.float64]
RTOL = 1e-4
ALWAYS_ALLOWED = 1e-12
_ON_GRID = 1e-6  # of a step


@dataclass(frozen=True)
class Difference:
    """A variable that departs from its reference.

    Attributes
    ----------
    max_error : largest |model - reference| over the variable's largest |reference| [1]
    first_time : when it first departs by more than is allowed [time unit]
    reference, found : the two values then [the variable's unit]
    """

    name: str
    max_error: float
    first_time: float
    reference: float
    found: float


@dataclass(frozen=True)
class Verification:
    """The verdict on a whole reference.

    Attributes
    ----------
    compared : names of the variables that both have
    missing : names of the reference that the model has not
    differing : the first to depart first
    times : first and last time compared, and how many
    left_out : times of the reference that the run does not reach
    """

    model: str
    reference: Path
    rtol: float
    compared: Sequence[str]
    missing: Sequence[str]
    differing: Sequence[Difference]
    times: tuple[float, float, int]
    left_out: int
    cause: Cause | None

    @property
    def ok(self) -> bool:
        """Whether something was compared and nothing differs."""
        return bool(self.compared) and not self.differing

    @property
    def first(self) -> Difference | None:
        return self.differing[0] if self.differing else None


@dataclass(frozen=True)
class Setup:
    """Everything that decides the numbers of one run."""

    program: Program
    grid: Grid
    method: str
    parameters: tuple[float, ...]


def verify(
    model: Model, against: Path, rtol: float = RTOL, scenario: str | None = None
) -> Verification:
    """Compare a model with the results of another program.

    Raises
    ------
    DataError
        If the reference cannot be read.
    UsageError
        If `rtol` is negative, or the reference and the run have no time in common.
    """
    from bullbear.models.causes import find_cause

    if not rtol >= 0:
        raise UsageError(f"the tolerance must not be negative, not {rtol!r}", code="bad-number",
                         hint="for example --rtol 1e-6")  # fmt: skip
    setup = setup_of(model, scenario or model.definition.canonical)
    reference = read_reference(against)
    comparison = Comparison(model, reference, rtol, setup)
    differing = comparison.differences(comparison.run(setup))
    cause = find_cause(comparison, setup, differing) if differing else None
    used = reference.times[comparison.rows]
    return Verification(
        model.name, against, rtol, comparison.compared, comparison.missing, differing,
        (float(used[0]), float(used[-1]), len(used)), len(reference.times) - len(used), cause,
    )  # fmt: skip


def setup_of(model: Model, scenario: str = BASE) -> Setup:
    """How a model is run where nobody says anything else."""
    parameters = model.parameter_vector(model.values(scenario)).tolist()
    grid = model.grid(parameters)
    return Setup(model.program, grid, model.definition.method, tuple(parameters))


class Comparison:
    """A reference beside a model, ready to be compared with runs of several setups."""

    def __init__(self, model: Model, reference: Reference, rtol: float, setup: Setup) -> None:
        self.model, self.reference, self.rtol = model, reference, rtol
        names = {key_of(name): name for name in model.program.outputs}
        controls = {name: name.upper() for name in CONTROL_NAMES if name not in names}
        self.controls = {spelled: CONTROL_NAMES[name] for name, spelled in controls.items()}
        known = names | controls
        self.pairs: dict[str, Series] = {
            known[key]: series for key, series in reference.series.items() if key in known
        }
        self.missing = [s.name for key, s in reference.series.items() if key not in known]
        begin, end = setup.grid.initial, setup.grid.time(setup.grid.steps)
        if setup.program.moving:
            end = np.inf  # the end is known when the run is over
        slack = _ON_GRID * setup.grid.step + reference.resolution / 2
        times = reference.times
        self.rows = np.flatnonzero((times >= begin - slack) & (times <= end + slack))
        if not self.rows.size:
            raise UsageError(
                f"the reference covers {times[0]:g} to {times[-1]:g}, the run {begin:g} to {end:g}",
                code="no-common-time", hint="is it a run of this model?",
            )  # fmt: skip
        self.times, self.printed = times[self.rows], reference.resolution[self.rows]
        self._simulators: dict[tuple[int, tuple[str, ...]], Simulator] = {}

    @property
    def compared(self) -> list[str]:
        return list(self.pairs)

    def run(self, setup: Setup, only: Sequence[str] | None = None) -> dict[str, Array]:
        """Compared variables, or `only` some, at the times of the reference, shape (time,)."""
        wanted = [n for n in (self.pairs if only is None else only) if n not in self.controls]
        key = (id(setup.program), tuple(wanted))
        if key not in self._simulators:
            statements = [setup.program.outputs[name] for name in wanted]
            # the program is kept with its simulator, so its id stays its own
            self._simulators[key] = Simulator(setup.program, [], statements)
        with np.errstate(all="ignore"):
            run = self._simulators[key].run(setup.grid, setup.method, setup.parameters)
        if setup.program.moving:  # there is no grid; the nearest step is the one printed
            gaps = np.abs(run.step_times[:, None] - self.times[None, :])
            rows = run.monitored[gaps.argmin(axis=0)]
        else:
            rows = sample(run.monitored, setup.grid, self.times, self.printed)
        values = {name: rows[:, column] for column, name in enumerate(wanted)}
        shown = setup.grid.controls()
        for name, control in self.controls.items():
            if name in self.pairs:
                values[name] = np.full(len(self.times), shown[control])
        return values

    def differences(self, values: Mapping[str, Array]) -> list[Difference]:
        """What departs by more than is allowed, the first to depart first."""
        found = [d for name in values if (d := self._difference(name, values[name]))]
        return sorted(found, key=lambda d: (d.first_time, self.rank[d.name]))

    def misfit(self, values: Mapping[str, Array]) -> float:
        """The largest error beyond what printing explains, whatever the tolerance [1]."""
        worst = 0.0
        for name in values:
            series = self.pairs[name]
            wanted, unit = series.values[self.rows], series.resolution[self.rows]
            scale = float(np.max(np.abs(wanted[np.isfinite(wanted)]), initial=0.0)) or 1.0
            beyond = _gap(values[name], wanted) - unit / 2 - ALWAYS_ALLOWED
            worst = max(worst, float(np.max(beyond)) / scale)
        return worst

    def _difference(self, name: str, values: Array) -> Difference | None:
        return difference(self.pairs[name], self.rows, self.times, name, values, self.rtol)

    @cached_property
    def rank(self) -> dict[str, tuple[bool, int, int]]:
        """Place of every variable in the order of evaluation: constants, stocks, the others.

        Two names of one statement stand in the order in which one is read for the other.
        """
        program, depth = self.model.program, _depths(self.model)
        ranks: dict[str, tuple[bool, int, int]] = dict.fromkeys(self.controls, (False, -1, 0))
        for name, node in program.outputs.items():
            moving = program.levels[node] > Level.DRAW
            ranks[name] = (moving, node, depth[canonical(split_element(name)[0])])
        return ranks


def difference(
    series: Series, rows: npt.NDArray[np.intp], times: Array, name: str, values: Array, rtol: float
) -> Difference | None:
    """How a variable departs from its series; None where it does not.

    Parameters
    ----------
    rows : which values of the series are compared, shape (time,)
    times, values : when that is [time unit], and the variable then, shape (time,)
    """
    wanted, unit = series.values[rows], series.resolution[rows]
    gap = _gap(values, wanted)
    scale = float(np.max(np.abs(wanted[np.isfinite(wanted)]), initial=0.0))
    beyond = gap - unit / 2 - ALWAYS_ALLOWED
    bad = np.flatnonzero(beyond > rtol * scale)
    if not bad.size:
        return None
    at = int(bad[0])
    worst = float(np.max(gap))
    return Difference(
        name, worst / scale if scale > 0 else float("inf"),
        float(times[at]), float(wanted[at]), float(values[at]),
    )  # fmt: skip


def sample(found: Array, grid: Grid, times: Array, printed: Array) -> Array:
    """Rows of `found`, shape (step, variable), at `times`; on straight lines between steps.

    A time that is a step's but for the digits it was printed with is that step's.
    """
    place = (times - grid.initial) / grid.step
    near = np.rint(place)
    on_grid = np.abs(place - near) <= _ON_GRID + printed / 2 / grid.step
    low = np.clip(np.where(on_grid, near, np.floor(place)), 0, grid.steps).astype(int)
    share = np.where(on_grid, 0.0, place - low)[:, None]
    padded = np.full((grid.steps + 2, found.shape[1]), np.nan)
    padded[: len(found)] = found
    with np.errstate(all="ignore"):
        between = padded[low] + share * (padded[low + 1] - padded[low])
    return np.asarray(np.where(share > 0, between, padded[low]), dtype=np.float64)


def replaced(setup: Setup, **changes: object) -> Setup:
    """The setup with another grid; a saving step that no longer fits becomes the step."""
    step = float(changes.pop("step", setup.grid.step))  # type: ignore[arg-type]
    saveper = setup.grid.saveper
    ratio = saveper / step
    if round(ratio) < 1 or abs(ratio - round(ratio)) > _ON_GRID * ratio:
        saveper = step
    grid = Grid(setup.grid.initial, setup.grid.final, step, saveper)
    return replace(setup, grid=grid, **changes)  # type: ignore[arg-type]


def _gap(values: Array, wanted: Array) -> Array:
    """|values - wanted|; nothing where both are the same kind of not finite or nothing is said."""
    with np.errstate(all="ignore"):
        gap = np.abs(values - wanted)
    same = (values == wanted) | np.isnan(wanted)
    return np.asarray(np.where(same, 0.0, np.where(np.isnan(gap), np.inf, gap)), dtype=np.float64)


def _depths(model: Model) -> dict[str, int]:
    """How far down each variable stands in the order in which variables read one another."""
    order: dict[str, int] = {}
    open_: set[str] = set()

    def visit(start: str) -> None:
        stack: list[tuple[str, Iterator[str]]] = [(start, _read_first(model, start))]
        open_.add(start)
        while stack:
            key, below = stack[-1]
            for other in below:
                if other not in open_ and other in model.system.variables:
                    open_.add(other)
                    stack.append((other, _read_first(model, other)))
                    break
            else:
                order[key] = len(order)
                stack.pop()

    for key in model.system.variables:
        if key not in open_:
            visit(key)
    return order


def _read_first(model: Model, key: str) -> Iterator[str]:
    variable = model.system.variables[key]
    return iter(() if variable.kind == "stock" else variable.depends)
