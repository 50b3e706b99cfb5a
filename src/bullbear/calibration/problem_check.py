"""Whether the calibration problems of a model speak of what the model has, in its units."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from bullbear.calibration.ledger_check import check_series, plain
from bullbear.calibration.observations import is_points, read_units
from bullbear.calibration.problem import ObservationsFile, ProblemFile, parse_window
from bullbear.equations.names import canonical, split_element
from bullbear.equations.system import System, Variable
from bullbear.errors import ERROR, BullbearError, Finding, did_you_mean
from bullbear.models.check import Checked, TomlText, findings_of
from bullbear.units import UnitError, Units

FOLDER = "problems"
"""Where calibration problems stand, beside the parameter set."""


def check_problems(checked: Checked, units: Units) -> list[Finding]:
    """Findings about the problem files of a checked model; none for a foreign model."""
    definition, system = checked.definition, checked.system
    if definition is None or system is None or definition.parameters_path is None:
        return []
    folder = plain(definition.parameters_path.parent)
    findings: list[Finding] = []
    for path in sorted((folder / FOLDER).glob("*.toml")):
        try:
            problem = ProblemFile.read(path)
            if problem.model == checked.name:
                findings += _Check(problem, system, units, folder / "units.csv").everything()
        except BullbearError as error:
            findings += findings_of(error)
    return findings


class _Check:
    def __init__(self, problem: ProblemFile, system: System, units: Units, table: Path) -> None:
        self.problem, self.system, self.units = problem, system, units
        self.rules = read_units(table)
        self.text = TomlText(problem.path)

    def everything(self) -> Iterator[Finding]:
        for name in self.problem.parameters:
            yield from self.constant(name, ("parameters", name))
        for number, run in enumerate(self.problem.runs):
            for name in run.set:
                yield from self.constant(name, ("runs", number, "set"))
        for number, observation in enumerate(self.problem.observations):
            yield from self.observation(observation, number)
        series = {o.name or Path(o.file).stem for o in self.problem.observations}
        for number, episode in enumerate(self.problem.episodes):
            for name in sorted(episode.rows.keys() - series):
                yield self.fault(("episodes", number, "rows"), "unknown-series",
                                 f'the episode "{episode.name}" speaks of "{name}", which the '
                                 "problem does not have", did_you_mean(name, series))  # fmt: skip

    def fault(self, key: tuple[str | int, ...], code: str, message: str, hint: str) -> Finding:
        where = self.text.place(key)
        return Finding(code, message, where, hint, ERROR, self.text.line(where))

    def constant(self, name: str, key: tuple[str | int, ...]) -> Iterator[Finding]:
        """A name that must be a constant, or the initial value of a stock."""
        base, elements = split_element(name)
        variable = self.system.variables.get(canonical(base))
        if variable is None or variable.kind not in ("constant", "stock"):
            names = [v.name for v in self.system.variables.values() if v.kind == "constant"]
            what = "is no variable" if variable is None else f"is no constant ({variable.kind})"
            yield self.fault(key, "unknown-lever", f'"{name}" {what} of the model',
                             did_you_mean(base, names))  # fmt: skip
        else:
            yield from self.element(variable, elements, key)

    def element(
        self, variable: Variable, elements: tuple[str, ...], key: tuple[str | int, ...]
    ) -> Iterator[Finding]:
        if elements and tuple(map(canonical, elements)) not in variable.elements:
            known = ", ".join(full for _, full in self.system.element_names(variable))
            yield self.fault(key, "unknown-element",
                             f'"{variable.name}" has no element [{",".join(elements)}]',
                             f"known: {known}")  # fmt: skip

    def observation(self, observation: ObservationsFile, number: int) -> Iterator[Finding]:
        """The variable must be there, and the numbers in its unit."""
        base, elements = split_element(observation.variable)
        variable = self.system.variables.get(canonical(base))
        key = ("observations", number, "variable")
        if variable is None:
            yield self.fault(key, "unknown-variable",
                             f'"{base}" is no variable of the model',
                             did_you_mean(base, self.system.known_names()))  # fmt: skip
            return
        yield from self.element(variable, elements, key)
        unit = variable.units
        if parse_window(observation.window)[0] == "sum":
            unit = f"({unit})*{self.time_unit()}"
        try:
            self.units.read(unit)
        except UnitError:
            return
        place = self.fault(("observations", number, "file"), "observation-unit", "", "")
        path = plain(self.problem.path.parent / observation.file)
        if path.is_file() and is_points(path):
            return  # plain points have no unit
        if path.is_file():
            yield from check_series(path, unit, observation.variable, self.rules, self.units, place,
                                    quantity=observation.quantity)  # fmt: skip
        else:
            yield self.fault(("observations", number, "file"), "no-file",
                             f'there is no file "{observation.file}"',
                             did_you_mean(path.name, (p.name for p in path.parent.glob("*.csv"))),
                             )  # fmt: skip

    def time_unit(self) -> str:
        step = self.system.variables.get("time step")
        return (step.units if step else "") or "Year"
