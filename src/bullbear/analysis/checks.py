"""Checks that modellers write: every statement is tried on every scenario and input it names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from pathlib import Path

from bullbear.analysis.checks_file import (
    AGAINST_BASE,
    EVENTS,
    FILE,
    Check,
    ChecksFile,
)
from bullbear.analysis.conservation import Conserved, conserved, departure, leaks
from bullbear.analysis.courses import Course, Courses
from bullbear.analysis.predicates import broken, mistimed, window
from bullbear.equations.names import canonical, split_element
from bullbear.errors import BullbearError, Finding, ModelError, Where, did_you_mean
from bullbear.models.check import findings_of
from bullbear.models.model import Model
from bullbear.models.overrides import SETTABLE
from bullbear.models.reference import key_of
from bullbear.models.scenarios import listed
from bullbear.models.toml_file import KeyPath, key_places, place_of

MOST_CASES = 64
FAILED = "behaviour"


@dataclass(frozen=True)
class Behaviour:
    """What came of all checks of a model.

    Attributes
    ----------
    findings : a check that cannot be tried or does not hold, each with its place
    checks, cases : how many checks there are, and on how many runs they were tried
    conserved : the totals that no flow can change, with their proof over the canonical run
    """

    findings: Sequence[Finding]
    checks: int
    cases: int
    conserved: Sequence[Conserved]


def checks_path(model: Model) -> Path | None:
    """The file of checks that belongs to a model: of its workspace, or beside a foreign file."""
    path = model.definition.path.resolve()
    if path.suffix.lower() != ".toml":
        beside = path.with_name(f"{path.stem}.{FILE}")
        return beside if beside.is_file() else None
    found = path.parent.parent / "analysis" / FILE
    return found if found.is_file() else None


def findings(model: Model) -> list[Finding]:
    """Every check of the model's file that does not hold; empty where there is no file."""
    return list(behaviour(model).findings)


def behaviour(model: Model, path: Path | None = None) -> Behaviour:
    """Try all checks of a model; where their file does not fit its schema, all misfits instead."""
    path = path or checks_path(model)
    totals = conserved(model)
    faults = [_not_conserved(model, total) for total in totals if not total.holds]
    if path is None:
        return Behaviour(faults, 0, 0, totals)
    try:
        content = ChecksFile.read(path)
    except ModelError as fault:
        return Behaviour([*faults, *findings_of(fault)], 0, 0, totals)
    if content.model not in (None, model.name):
        return Behaviour(faults, 0, 0, totals)
    trial = _Trial(model, path, content)
    for number, check in enumerate(content.check):
        trial.check(number, check)
    return Behaviour([*faults, *trial.findings], len(content.check), trial.cases, totals)


def _not_conserved(model: Model, total: Conserved) -> Finding:
    return Finding(
        "conservation",
        f"{total.text} departs by {total.departure:.2g} of itself within {total.steps} steps",
        Where(str(model.definition.path)),
        "no flow changes it on paper; take a smaller step, or look for values out of all scale",
    )


@dataclass(frozen=True)
class _Case:
    """One run that a check is tried on."""

    scenario: str
    inputs: tuple[tuple[str, float], ...]
    final: float | None
    to_horizon: bool

    def __str__(self) -> str:
        settings = [f"{name} = {value:g}" for name, value in self.inputs]
        return ", ".join([self.scenario, *settings])


@dataclass
class _Trial:
    """All checks of a file on one model; runs are made once."""

    model: Model
    path: Path
    content: ChecksFile
    findings: list[Finding] = field(default_factory=list)
    cases: int = 0

    def __post_init__(self) -> None:
        self.lines = self.path.read_text(encoding="utf-8").splitlines()
        self.places = key_places("\n".join(self.lines))
        self.runs: dict[_Case, Course | BullbearError] = {}
        self.columns = {key_of(n): n for n in self.model.program.outputs}
        wanted = [c for check in self.content.check for name in check.variables
                  for c in self._elements(name)]  # fmt: skip
        self.courses = Courses(self.model, wanted)

    def check(self, number: int, check: Check) -> None:
        faults = list(self._misnamed(number, check))
        self.findings += faults
        if faults:
            return
        for case in self._cases(check):
            self.cases += 1
            for message in self._broken(check, case):
                text = f'"{check.name}" does not hold ({case}): {message}'
                self.findings.append(self._finding(FAILED, text, number, ()))

    def _finding(self, code: str, text: str, number: int, key: KeyPath, hint: str = "") -> Finding:
        where = place_of(self.path, self.places, ("check", number, *key))
        line = where.line or 1
        excerpt = self.lines[line - 1] if line <= len(self.lines) else ""
        return Finding(code, text, where, hint, excerpt=excerpt)

    # -- names ----------------------------------------------------------------------------------

    def _misnamed(self, number: int, check: Check) -> Iterator[Finding]:
        slugs = check.scenarios(self.model.definition.canonical, self._listed())
        for slug in slugs:
            if slug not in self.model.scenarios:
                yield self._finding("unknown-scenario", f'unknown scenario "{slug}"', number,
                                    ("scenario",), did_you_mean(slug, self._listed()))  # fmt: skip
        known, what = self._known(check)
        for name in check.variables:
            if not self._is_known(name, check):
                yield self._finding("unknown-variable", f'unknown {what} "{name}"', number,
                                    ("variable",), did_you_mean(name, known))  # fmt: skip
        yield from self._misnamed_inputs(number, check)

    def _listed(self) -> list[str]:
        return [scenario.slug for scenario in listed(self.model.scenarios)]

    def _known(self, check: Check) -> tuple[list[str], str]:
        if check.predicate in EVENTS:
            return [event.name for event in self.model.definition.events], "event"
        if check.predicate == "conserved":
            return list(self.model.definition.conservation), "total"
        return self.model.system.known_names(), "variable"

    def _is_known(self, name: str, check: Check) -> bool:
        if check.predicate in EVENTS or check.predicate == "conserved":
            return name in self._known(check)[0]
        return bool(self._elements(name))

    def _elements(self, name: str) -> list[str]:
        """Columns that a name means: the one element named, or all of them."""
        if key_of(name) in self.columns:
            return [self.columns[key_of(name)]]
        wanted = key_of(name)
        return [column for key, column in self.columns.items() if split_element(key)[0] == wanted]

    def _misnamed_inputs(self, number: int, check: Check) -> Iterator[Finding]:
        settable = [v.name for v in self.model.system.variables.values() if v.kind in SETTABLE]
        cases = 1
        for name, wanted in check.inputs.items():
            key = ("inputs", name)
            base = canonical(split_element(name)[0])
            if base not in map(canonical, settable) or not self._elements(name):
                yield self._finding("unknown-lever", f'the model has no constant "{name}"', number,
                                    key, did_you_mean(name, settable))  # fmt: skip
                continue
            try:
                cases *= len(self._values(name, wanted))
            except LookupError:
                yield self._finding(
                    "no-range", f'"{name}" has no minimum and maximum', number, key,
                    "give numbers here, or lower and upper in the parameter set of the model",
                )  # fmt: skip
        if cases > MOST_CASES:
            yield self._finding("too-many-cases", f"{cases} combinations of inputs", number,
                                ("inputs",), f"at most {MOST_CASES}; split the check")  # fmt: skip

    # -- cases ----------------------------------------------------------------------------------

    def _cases(self, check: Check) -> Iterator[_Case]:
        slugs = check.scenarios(self.model.definition.canonical, self._listed())
        names = list(check.inputs)
        choices = [self._values(name, check.inputs[name]) for name in names]
        for slug in slugs:
            for values in product(*choices):
                inputs = tuple(zip(names, values, strict=True))
                yield _Case(slug, inputs, self._final(check), check.predicate in EVENTS)

    def _values(self, name: str, wanted: object) -> list[float]:
        if isinstance(wanted, list):
            return [float(value) for value in wanted]
        if not isinstance(wanted, str):
            return [float(wanted)]  # type: ignore[arg-type]
        low, high = self._range(name)
        return {"minimum": [low], "maximum": [high], "extremes": [low, high]}[wanted]

    def _range(self, name: str) -> tuple[float, float]:
        low, high = self._ranges[key_of(name)]
        if not low < high:
            raise LookupError(name)
        return low, high

    @property
    def _ranges(self) -> Mapping[str, tuple[float, float]]:
        path = self.model.definition.parameters_path
        return {} if path is None else read_ranges(path)

    def _run(self, case: _Case) -> Course:
        if case not in self.runs:
            try:
                self.runs[case] = self.courses.run(
                    case.scenario, dict(case.inputs), case.final, to_horizon=case.to_horizon
                )
            except BullbearError as fault:
                self.runs[case] = fault
        found = self.runs[case]
        if isinstance(found, BullbearError):
            raise found
        return found

    def _final(self, check: Check) -> float | None:
        """Another end of the run where the window goes beyond that of the model."""
        bounds = self.model.definition.time
        later = check.end is not None and bounds is not None and check.end > bounds.final
        return check.end if later else None

    # -- predicates -----------------------------------------------------------------------------

    def _broken(self, check: Check, case: _Case) -> Iterator[str]:
        """Why a check does not hold in a case, a sentence each."""
        try:
            if check.predicate == "conserved":
                yield from self._leaking(check, case)
            elif check.predicate in EVENTS:
                yield from mistimed(check, self._run(case))
            else:
                yield from self._wrong_values(check, case)
        except BullbearError as fault:
            yield f"the run stops: {fault.message}"

    def _leaking(self, check: Check, case: _Case) -> Iterator[str]:
        for total in check.variables:
            names = self.model.definition.conservation[total]
            flows = leaks(self.model, names)
            if flows:
                yield f"the total {total} is changed by {', '.join(flows)}"
                continue
            found = departure(self.model, names, case.scenario, dict(case.inputs))
            if not found.holds:
                yield f"{found.text} departs by {found.departure:.2g} of itself"

    def _wrong_values(self, check: Check, case: _Case) -> Iterator[str]:
        run = self._run(case)
        base = None
        if check.predicate in AGAINST_BASE:
            plain = case.scenario if case.inputs else self.model.definition.canonical
            base = self._run(replace(case, scenario=plain, inputs=()))
        for name in check.variables:
            for column in self._elements(name):
                times, values = window(run, column, check)
                if not times.size:
                    yield "the window lies outside the run"
                    return
                other = None if base is None else window(base, column, check)[1]
                found = broken(check, times, values, other)
                if found:
                    yield f"{column} {found}"


def read_ranges(path: Path) -> dict[str, tuple[float, float]]:
    """Key of a constant -> its minimum and maximum in a parameter set."""
    import csv

    found = {}
    with path.open(encoding="utf-8-sig", newline="") as stream:
        for row in csv.DictReader(stream):
            low, high = (row.get("lower") or "").strip(), (row.get("upper") or "").strip()
            if low and high:
                found[key_of(row["name"])] = (float(low), float(high))
    return found
