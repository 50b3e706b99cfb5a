"""Every fault of a model in one pass: its files, its equations, their units, its scenarios."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from bullbear.equations.check import lookups, naming, slips, timing
from bullbear.equations.check.survey import Survey
from bullbear.equations.document import Document
from bullbear.equations.names import canonical, split_element
from bullbear.equations.read import read_document
from bullbear.equations.system import CONTROL_NAMES, System
from bullbear.equations.units_check import check_units, time_unit_of
from bullbear.errors import (
    ERROR,
    WARNING,
    BullbearError,
    Finding,
    ModelError,
    Where,
    did_you_mean,
)
from bullbear.models.definition import ModelDefinition
from bullbear.models.overrides import check_scenarios
from bullbear.models.scenarios import ScenarioFile, load_scenarios
from bullbear.models.simulate import control_values
from bullbear.models.toml_file import KeyPath, key_places, place_of
from bullbear.models.workspace import ModelFile, find_workspace
from bullbear.units import UnitError, Units


def known_units(workspace: Path | None = None) -> Units:
    """The units of a workspace: `equations/units.toml`, where synonyms stand."""
    table = find_workspace(workspace).root / "equations" / "units.toml"
    return Units.from_table(table) if table.is_file() else Units()


@dataclass
class Checked:
    """What a check found; `coverage` [percent] of equations whose units are all known.

    `system` and `definition` are what could be read, for checks that go on from here.
    """

    name: str
    findings: list[Finding] = field(default_factory=list)
    coverage: float = 100.0
    definition: ModelDefinition | None = None
    system: System | None = None


def check_model(file: ModelFile, units: Units) -> Checked:
    """All findings about one model, in the order of its files."""
    if file.foreign:
        return _check_foreign(file, units)
    checked = Checked(file.name)
    try:
        definition = checked.definition = ModelDefinition.read(file.path)
    except ModelError as error:
        checked.findings += findings_of(error)
        return checked
    text = TomlText(file.path)
    documents = list(_read_sectors(definition, text, checked.findings))
    system = checked.system = System(documents)
    bounds = definition.time
    named = list(_names_in(definition))
    survey = _check_equations(system, checked.findings, [name for _, name in named], ERROR)
    if bounds is not None:
        checked.findings += _bounds_twice(system)
        checked.findings += _time_unit(bounds.unit, units, text)
        known = {"initial_time": bounds.initial, "final_time": bounds.final,
                 "time_step": bounds.step, "saveper": bounds.saveper or bounds.step}  # fmt: skip
        where = text.place(("time", "step"))
        checked.findings += _check_times(survey, known, where, text.line(where))
    else:
        checked.findings += _check_times(survey, _controls(survey), None)
    report = check_units(system, units, bounds.unit if bounds else time_unit_of(system))
    checked.findings += report.findings
    checked.coverage = report.coverage
    checked.findings += _unknown_names(system, named, text)
    checked.findings += _check_scenarios(definition, system, text)
    return checked


def _check_foreign(file: ModelFile, units: Units) -> Checked:
    """A file of its own: units are a warning there, and a variable may be without."""
    checked = Checked(file.name)
    try:
        document = read_document(file.path)
    except BullbearError as error:
        checked.findings += findings_of(error)
        return checked
    system = checked.system = System([document])
    survey = _check_equations(system, checked.findings, [], WARNING)
    checked.findings += _missing_bounds(system, document)
    checked.findings += _check_times(survey, _controls(survey), None)
    report = check_units(system, units, time_unit_of(system), severity=WARNING, complete=False)
    checked.findings += report.findings
    checked.coverage = report.coverage
    return checked


def findings_of(error: BullbearError) -> list[Finding]:
    """What an error says, as findings."""
    if error.findings:
        return list(error.findings)
    return [Finding(error.code, error.message, error.where or Where(), error.hint)]


# -- equations -----------------------------------------------------------------------------------


def _read_sectors(
    definition: ModelDefinition, text: TomlText, findings: list[Finding]
) -> Iterator[Document]:
    for sector, path in zip(definition.sectors, definition.sector_paths, strict=True):
        try:
            yield read_document(os.path.normpath(path))
        except BullbearError as error:
            where = text.quoted(sector, ("sectors",))
            folder = path.parent
            near = [(Path(sector).parent / f.name).as_posix() for f in folder.glob("*.mdl")]
            findings.append(
                Finding("no-sector", f'"{sector}": {error.message}', where,
                        did_you_mean(sector, near), excerpt=text.line(where))
            )  # fmt: skip


def _check_equations(
    system: System, findings: list[Finding], named: Iterable[str], severity: str
) -> Survey:
    """What can be said without the time bounds; `severity` of what Vensim lets pass."""
    survey = Survey(system)
    survey.everything()
    findings += system.findings
    findings += survey.findings
    findings += lookups.out_of_order(system, severity)
    findings += slips.stray_signs(system)
    findings += slips.elements_as_numbers(system)
    findings += naming.look_alikes(system)
    twice = {f.where for f in system.findings if f.code == "duplicate"}
    findings += (f for f in naming.spellings(system) if f.where not in twice)
    findings += naming.renamed(system, [*system.findings, *survey.findings])
    findings += naming.run_together(system, [*system.findings, *survey.findings])
    findings += naming.unused_ranges(system)
    findings += naming.unused(system, findings, named)
    return survey


def _check_times(
    survey: Survey, controls: Mapping[str, float], where: Where | None, excerpt: str = ""
) -> Iterator[Finding]:
    step = controls["time_step"]
    if not step > 0 or not controls["final_time"] > controls["initial_time"]:
        return
    yield from lookups.read_outside(survey, controls)
    yield from timing.short_delays(survey, controls)
    yield from timing.uneven_step(survey.system, step, where, excerpt)


def _controls(survey: Survey) -> Mapping[str, float]:
    return control_values(survey.program, survey.program.defaults.tolist())


def _missing_bounds(system: System, document: Document) -> Iterator[Finding]:
    missing = [n.upper() for n in CONTROL_NAMES if n not in system.variables and n != "saveper"]
    if missing:
        yield Finding(
            "no-time", f"the file does not say {', '.join(missing)}",
            Where(document.source.name, 1, 1),
            "a run takes INITIAL TIME = 0, FINAL TIME = 100, TIME STEP = 1 for what is missing",
            WARNING, document.source.line_at(0),
        )  # fmt: skip


def _bounds_twice(system: System) -> Iterator[Finding]:
    for key in CONTROL_NAMES:
        if key in system.variables:
            equation = system.variables[key].equations[0]
            yield equation.source.finding(
                equation.span.start, "time-twice",
                f'"{equation.name}" stands in the equations and in the model file',
                "take it out here; the model file decides", ERROR,
            )  # fmt: skip


# -- the model file ------------------------------------------------------------------------------


class TomlText:
    """The text of a model file, for the places of keys and of quoted names in it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        text = path.read_text(encoding="utf-8")
        self.lines = text.splitlines()
        self.places = key_places(text)

    def place(self, key: KeyPath) -> Where:
        return place_of(self.path, self.places, key)

    def line(self, where: Where) -> str:
        number = where.line or 0
        return self.lines[number - 1] if 0 < number <= len(self.lines) else ""

    def quoted(self, name: str, key: KeyPath) -> Where:
        """Where a name stands in quotes, from the place of its key on."""
        start = self.place(key)
        for number in range(start.line or 1, len(self.lines) + 1):
            column = self.lines[number - 1].find(f'"{name}"')
            if column >= 0:
                return Where(str(self.path), number, column + 1)
        return start


def _names_in(definition: ModelDefinition) -> Iterator[tuple[KeyPath, str]]:
    """Every variable that the model file names, with the key under which it stands."""
    yield from ((("headline",), name) for name in definition.headline)
    yield from ((("nonnegative",), name) for name in definition.nonnegative)
    for number, event in enumerate(definition.events):
        yield ("events", number, "variable"), event.variable
    for total, names in definition.conservation.items():
        yield from ((("conservation", total), name) for name in names)
    for number, plot in enumerate(definition.plots):
        yield from ((("plots", number, "variables"), name) for name in plot.variables)


def _time_unit(unit: str, units: Units, text: TomlText) -> Iterator[Finding]:
    try:
        units.read(unit)
    except UnitError as fault:
        where = text.place(("time", "unit"))
        yield Finding("unit-syntax", f'"{unit}" is no unit: {fault.message}', where,
                      "write it as Year", excerpt=text.line(where))  # fmt: skip


def _unknown_names(
    system: System, named: Iterable[tuple[KeyPath, str]], text: TomlText
) -> Iterator[Finding]:
    for key, name in named:
        base, elements = split_element(name)
        variable = system.variables.get(canonical(base))
        where = text.quoted(name, key)
        if variable is None:
            yield Finding(
                "unknown-variable", f'{key[0]} names "{base}", which is no variable of the model',
                where, did_you_mean(base, system.known_names()), excerpt=text.line(where),
            )  # fmt: skip
        elif elements and tuple(map(canonical, elements)) not in variable.elements:
            known = ", ".join(full for _, full in system.element_names(variable))
            yield Finding(
                "unknown-element", f'"{variable.name}" has no element [{",".join(elements)}]',
                where, f"known: {known}", excerpt=text.line(where),
            )  # fmt: skip


def _check_scenarios(
    definition: ModelDefinition, system: System, text: TomlText
) -> Iterator[Finding]:
    folder = definition.scenarios_folder
    if folder is None:
        return
    try:
        scenarios = load_scenarios(folder)
    except ModelError as error:
        faulty = list(_scenario_files(folder))
        yield from faulty or findings_of(error)
        return
    if definition.canonical not in scenarios:
        where = text.place(("canonical",))
        yield Finding(
            "unknown-scenario", f'canonical names an unknown scenario "{definition.canonical}"',
            where, did_you_mean(definition.canonical, scenarios), excerpt=text.line(where),
        )  # fmt: skip
    try:
        check_scenarios(scenarios, system)
    except BullbearError as error:
        yield from findings_of(error)


def _scenario_files(folder: Path) -> Iterator[Finding]:
    """The faults of each scenario file on its own."""
    for path in sorted(folder.glob("*.toml")):
        try:
            ScenarioFile.read(path)
        except ModelError as error:
            yield from findings_of(error)
