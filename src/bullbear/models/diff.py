"""What an edit changes: constants and equations in words, derivatives at the start, and the run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from bullbear.equations.names import canonical
from bullbear.equations.printers.python import PythonCode
from bullbear.equations.system import System, Variable
from bullbear.equations.write import write_expression, write_number
from bullbear.errors import BullbearError, Where
from bullbear.models.compare import Movement, moved_events, movements
from bullbear.models.reference import key_of

if TYPE_CHECKING:
    from bullbear.equations.document import Equation
    from bullbear.models.model import Model
    from bullbear.models.run import Run
    from bullbear.models.sides import Side

CONSTANT, LOOKUP, EQUATION = "constant", "lookup", "equation"
ADDED, REMOVED, UNITS, SETTING, SCENARIO = "added", "removed", "units", "setting", "scenario"


@dataclass(frozen=True)
class Change:
    """One thing that differs; `old` and `new` are texts as a modeller reads them.

    `effective` is false where the numbers stay as they are, because another file overrides it.
    """

    kind: str
    name: str
    old: str
    new: str
    note: str = ""
    where: Where | None = None
    effective: bool = True

    def __str__(self) -> str:
        if self.kind == ADDED:
            text = f"added {self.name} = {self.new}"
        elif self.kind == REMOVED:
            text = f"removed {self.name} = {self.old}"
        else:
            text = f"{self.kind} {self.name}: {self.old} -> {self.new}"
        return f"{text} ({self.note})" if self.note else text


@dataclass(frozen=True)
class StartRate:
    """A stock at the start: its value and its derivative on both sides, None where it is not."""

    name: str
    units: str
    old_value: float | None
    new_value: float | None
    old_rate: float | None
    new_rate: float | None

    @property
    def same(self) -> bool:
        return (self.old_value, self.old_rate) == (self.new_value, self.new_rate)


@dataclass(frozen=True)
class ModelDiff:
    """Everything that differs between two models.

    `rates` has every stock; `moved` and `events` are of the canonical run of both, and `headline`
    names the variables that the model file puts first; `faults` says which side could not be run,
    and why.
    """

    old: str
    new: str
    changes: Sequence[Change]
    rates: Sequence[StartRate] = ()
    scenario: str = ""
    compared: int = 0
    moved: Sequence[Movement] = ()
    events: Mapping[str, tuple[float | None, float | None]] = field(default_factory=dict)
    faults: Mapping[str, BullbearError] = field(default_factory=dict)
    headline: Sequence[str] = ()

    @property
    def same(self) -> bool:
        return not (self.changes or self.moved or self.faults)


def diff(old: Side, new: Side) -> ModelDiff:
    """Compare two models: first what was written, then what comes of it."""
    if old.model is None or new.model is None:
        faults = {s.label: s.fault for s in (old, new) if s.fault is not None}
        changes = list(written_changes(old.system, new.system))
        found = ModelDiff(old.label, new.label, changes, faults=faults)
    else:
        found = diff_models(old.model, new.model, old.label, new.label)
    if new.writable:
        return found
    # the files of a revision are gone when somebody reads of them
    return replace(found, changes=[replace(change, where=None) for change in found.changes])


def diff_models(old: Model, new: Model, old_label: str, new_label: str) -> ModelDiff:
    """Compare two models that can be compiled; a run that stops is a fault of its side."""
    runs: list[Run] = []
    faults = {}
    for model, label in ((old, old_label), (new, new_label)):
        try:
            runs.append(model.run(model.definition.canonical))
        except BullbearError as fault:
            faults[label] = fault
    if faults:
        return replace(_before_runs(old, new, old_label, new_label), faults=faults)
    return diff_runs((old, runs[0]), (new, runs[1]), old_label, new_label)


def diff_runs(
    old: tuple[Model, Run], new: tuple[Model, Run], old_label: str, new_label: str
) -> ModelDiff:
    """Compare two models with their canonical runs."""
    found = _before_runs(old[0], new[0], old_label, new_label)
    given = {key_of(n) for model, _ in (old, new) for n in model.program.parameter_index()}
    before, after = (
        run.results.drop(columns=[c for c in run.results if key_of(str(c)) in given])
        for _, run in (old, new)
    )
    return replace(
        found,
        compared=len(after.columns),
        moved=movements(before, after),
        events=moved_events(old[1].events, new[1].events),
        headline=new[0].definition.headline,
    )


def _before_runs(old: Model, new: Model, old_label: str, new_label: str) -> ModelDiff:
    """What can be said of two models without running them."""
    constants = list(_constants(old, new))
    told = {canonical(c.name.partition("[")[0]) for c in constants}
    changes = [
        *constants,
        *_tables(old, new),
        *(c for c in written_changes(old.system, new.system) if canonical(c.name) not in told),
        *_settings(old, new),
        *_scenarios(old, new),
    ]
    rates = _start_rates(old, new)
    return ModelDiff(old_label, new_label, changes, rates, new.definition.canonical)


# -- what was written -----------------------------------------------------------------------------


def written_changes(old: System, new: System) -> Iterator[Change]:
    """Differences of the equation files: constants, equations, what is new and what is gone."""
    before, after = old.variables, new.variables
    common = [key for key in after if key in before]
    pairs = [(before[key], after[key]) for key in common]
    for a, b in pairs:
        if canonical(_text(a)) != canonical(_text(b)):
            kind = b.kind if b.kind == a.kind and b.kind in (CONSTANT, LOOKUP) else EQUATION
            yield Change(kind, b.name, _text(a), _text(b), _reads(a, b, old, new), b.where)
    for key, variable in after.items():
        if key not in before:
            yield Change(ADDED, variable.name, "", _text(variable), variable.units,
                         variable.where)  # fmt: skip
    for key, variable in before.items():
        if key not in after:
            yield Change(REMOVED, variable.name, _text(variable), "", variable.units)
    for a, b in pairs:
        if " ".join(a.units.split()) != " ".join(b.units.split()):
            yield Change(UNITS, b.name, a.units or "none", b.units or "none", "", b.where,
                         effective=False)  # fmt: skip


def _text(variable: Variable) -> str:
    """The right sides of a variable; several equations with their left sides."""
    parts = []
    for equation in variable.equations:
        right = _right(equation)
        several = len(variable.equations) > 1
        left = f"[{','.join(equation.subscripts)}] = " if several else ""
        parts.append(left + right)
    return "; ".join(parts)


def _right(equation: Equation) -> str:
    if equation.expression is None:
        return equation.right_text
    return write_expression(equation.expression)


def _reads(a: Variable, b: Variable, old: System, new: System) -> str:
    """Which variables an equation reads now that it did not, and the other way round."""
    now = [new.variables[k].name for k in b.depends if k not in a.depends]
    gone = [old.variables[k].name for k in a.depends if k not in b.depends]
    parts = [f"now reads {', '.join(now)}"] if now else []
    parts += [f"no longer reads {', '.join(gone)}"] if gone else []
    return "; ".join(parts)


# -- what the run is given ------------------------------------------------------------------------


def _constants(old: Model, new: Model) -> Iterator[Change]:
    """Constants of the canonical run, and written ones that another file overrides."""
    sides = [_values(model) for model in (old, new)]
    for key, (name, written, used) in sides[1].items():
        if key not in sides[0]:
            continue
        _, written_before, used_before = sides[0][key]
        variable = new.system.variables[canonical(name.partition("[")[0])]
        if used != used_before and not (np.isnan(used) and np.isnan(used_before)):
            place = variable.where if written != written_before else _overrider(new, name)
            note = _relative(used_before, used)
            unit = f" {variable.units}" if variable.units else ""
            yield Change(CONSTANT, name, _short(used_before), _short(used) + unit,
                         note, place)  # fmt: skip
        elif written != written_before:
            note = f"without effect: {_overrider(new, name)} gives {_short(used)}"
            yield Change(CONSTANT, name, _short(written_before), _short(written), note,
                         variable.where, effective=False)  # fmt: skip


def _values(model: Model) -> dict[str, tuple[str, float, float]]:
    """Key of a constant -> name, value in the equations, value in the canonical run."""
    used = model.parameter_vector(model.values(model.definition.canonical))
    written = model.program.defaults
    index = model.program.parameter_index()
    return {key_of(n): (n, float(written[i]), float(used[i])) for n, i in index.items()}


def _short(value: float) -> str:
    """The number as people write it: 4e+09, not 4000000000."""
    text = f"{value:g}"
    return text if float(text) == value else write_number(value)


def _overrider(model: Model, name: str) -> Where | None:
    """The file that gives a constant of the canonical run another value than its equation."""
    scenario = model.scenarios[model.definition.canonical]
    wanted = {key_of(name), key_of(name.partition("[")[0])}
    for lever, place in scenario.places.items():
        if key_of(lever) in wanted:
            return place
    path = model.definition.parameters_path
    return Where(str(path)) if path is not None else None


def _relative(old: float, new: float) -> str:
    return f"{100 * (new / old - 1):+.3g} %" if old else ""


def _tables(old: Model, new: Model) -> Iterator[Change]:
    """Tables whose points stand in other files: an equation is the same, its numbers are not."""
    before = {canonical(t.name): t for t in old.program.tables}
    texts = {k: canonical(_text(v)) for k, v in old.system.variables.items()}
    for table in new.program.tables:
        key = canonical(table.name)
        variable = new.system.variables.get(key)
        other = before.get(key)
        if variable is None or other is None or canonical(_text(variable)) != texts.get(key):
            continue
        if table.x.shape == other.x.shape:
            points = np.flatnonzero((table.x != other.x) | (table.y != other.y))
            if not points.size:
                continue
            i = int(points[0])
            old_text, new_text = (f"({t.x[i]:g}, {t.y[i]:g})" for t in (other, table))
            note = f"{points.size} of {len(table.x)} points, the first of them shown"
        else:
            old_text, new_text = (f"{len(t.x)} points" for t in (other, table))
            note = "its table"
        yield Change(LOOKUP, variable.name, old_text, new_text, note, variable.where)


def _settings(old: Model, new: Model) -> Iterator[Change]:
    grids = [model.grid(model.parameter_vector(model.values()).tolist()) for model in (old, new)]
    place = Where(str(new.definition.path))
    for name, label in (("initial", "initial time"), ("final", "final time"),
                        ("step", "time step"), ("saveper", "saving step")):  # fmt: skip
        a, b = (getattr(grid, name) for grid in grids)
        if a != b:
            yield Change(SETTING, label, _short(a), _short(b), "", place)
    if old.definition.method != new.definition.method:
        yield Change(SETTING, "method", old.definition.method, new.definition.method, "", place)


def _scenarios(old: Model, new: Model) -> Iterator[Change]:
    """Levers of scenarios; what the canonical one sets has been said among the constants."""
    for slug, scenario in new.scenarios.items():
        if slug == new.definition.canonical:
            continue
        other = old.scenarios.get(slug)
        if other is None:
            yield Change(SCENARIO, slug, "none", f"{len(scenario.levers)} levers", "", None)
            continue
        for lever in dict.fromkeys((*other.levers, *scenario.levers)):
            a, b = other.levers.get(lever), scenario.levers.get(lever)
            if a != b:
                old_text, new_text = ("not set" if v is None else _short(v) for v in (a, b))
                place = scenario.places.get(lever)
                yield Change(SCENARIO, f"{slug}: {lever}", old_text, new_text, "", place)
    for slug, scenario in old.scenarios.items():
        if slug not in new.scenarios:
            yield Change(SCENARIO, slug, f"{len(scenario.levers)} levers", "none", "", None)


# -- derivatives at the start ---------------------------------------------------------------------


def _start_rates(old: Model, new: Model) -> list[StartRate]:
    sides = [start_rates(model) for model in (old, new)]
    rows = []
    for key in dict.fromkeys((*sides[1], *sides[0])):
        a, b = (side.get(key) for side in sides)
        name = (b or a or ("", 0.0, 0.0))[0]
        model = new if b else old
        variable = model.system.variables[canonical(name.partition("[")[0])]
        rows.append(StartRate(name, variable.units, a and a[1], b and b[1], a and a[2], b and b[2]))
    return rows


def start_rates(model: Model) -> dict[str, tuple[str, float, float]]:
    """Key of every stock -> name, value at the start, derivative there, in the canonical run."""
    program = model.program
    vector = model.parameter_vector(model.values(model.definition.canonical)).tolist()
    grid = model.grid(vector)
    code = PythonCode(program, {"rates": [state.rate for state in program.states]})
    prepared = code.prepare(vector, grid.controls())
    start = list(prepared.start[: len(program.states)])
    rates = prepared.functions["rates"](grid.initial, grid.initial, start)
    return {
        key_of(state.name): (state.name, float(value), float(rate))
        for state, value, rate in zip(program.states, start, rates, strict=False)
        if state.kind == "stock" and not state.hidden
    }
