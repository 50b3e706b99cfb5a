"""The constants that a problem seeks: bounds, starts, the space of the search, and beliefs."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from bullbear.calibration.problem import ProblemFile, Sought
from bullbear.calibration.space import Space
from bullbear.errors import Finding, ModelError
from bullbear.models.draws import Prior, parse_prior, read_priors
from bullbear.models.overrides import Setting, resolve
from bullbear.models.toml_file import faults, key_places, place_of

if TYPE_CHECKING:
    from bullbear.models.model import Model

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Beliefs:
    """What is believed of the constants before any number is seen; arrays of shape (parameter,).

    `logarithmic` says whether a belief is a bell over the logarithm or over the value; where
    `spread` is infinite there is none.
    """

    centre: Array
    spread: Array
    logarithmic: npt.NDArray[np.bool_]

    def residuals(self, values: Array) -> Array:
        """Distances from the centres in spreads, shape (..., parameter)."""
        with np.errstate(divide="ignore", invalid="ignore"):
            x = np.where(self.logarithmic, np.log(values), values)
        return np.asarray((x - self.centre) / self.spread)

    def slopes(self, values: Array) -> Array:
        """d residual / d value, a table (parameter, parameter) for each row of values."""
        steepness = np.where(self.logarithmic, 1 / values, 1.0) / self.spread
        return np.asarray(steepness[..., None] * np.eye(len(self.spread)))


def read_sought(problem: ProblemFile, model: Model) -> tuple[Space, Array, Beliefs]:
    """The space of the search, the first start (parameter,) and the beliefs.

    What a problem leaves out is taken from the model's parameter set.

    Raises
    ------
    ModelError
        For a constant that the model does not have, bounds that are missing or exclude the start;
        all faults at once, each at its place in the problem.
    """
    known = _known_priors(model)
    places = key_places(problem.path.read_text(encoding="utf-8")) if problem.path.is_file() else {}
    rows: list[tuple[str, float, float, float, str, Prior | None]] = []
    findings: list[Finding] = []
    settings = [
        Setting(name, 0.0, place_of(problem.path, places, ("parameters", name)))
        for name in problem.parameters
    ]
    resolve(settings, model.system)
    values = _values(model, problem)
    for setting in settings:
        sought = problem.parameters[setting.name]
        for element in resolve([setting], model.system):
            found = _row(sought, known.get(element), values[element])
            if isinstance(found, str):
                findings.append(
                    Finding("bounds", f'"{element}": {found}', setting.where,
                            "give lower, upper and a start between them")
                )  # fmt: skip
            else:
                rows.append((element, *found))
    if findings:
        raise faults(findings, ModelError)
    names, lower, upper, start, scales, priors = zip(*rows, strict=True)
    space = Space(names, np.array(lower), np.array(upper), scales)
    return space, np.array(start), _beliefs(priors)


def _known_priors(model: Model) -> dict[str, Prior]:
    path = model.definition.parameters_path
    return read_priors(path) if path is not None else {}


def _values(model: Model, problem: ProblemFile) -> Mapping[str, float]:
    """Every constant and set initial value in the problem's scenario, by element."""
    vector = model.parameter_vector(model.values(problem.scenario))
    return {p.name: float(v) for p, v in zip(model.program.parameters, vector, strict=True)}


def _row(
    sought: Sought, known: Prior | None, value: float
) -> tuple[float, float, float, str, Prior | None] | str:
    """Lower, upper, start, scale and prior of one constant, or what is wrong."""
    lower = sought.lower if sought.lower is not None else known.lower if known else -math.inf
    upper = sought.upper if sought.upper is not None else known.upper if known else math.inf
    start = value if sought.start is None else sought.start
    if not (math.isfinite(lower) and math.isfinite(upper)):
        return "it has no bounds"
    if not lower <= start <= upper:
        return f"the start {start:g} lies outside {lower:g} to {upper:g}"
    scale = sought.scale or ("log" if lower > 0 else "linear")
    if scale == "log" and lower <= 0:
        return f"the lower bound {lower:g} has no logarithm"
    prior = parse_prior(sought.prior, lower, upper) if sought.prior is not None else known
    return lower, upper, start, scale, prior


def _beliefs(priors: tuple[Prior | None, ...]) -> Beliefs:
    count = len(priors)
    centre, spread = np.zeros(count), np.full(count, np.inf)
    logarithmic = np.zeros(count, dtype=bool)
    for i, prior in enumerate(priors):
        if prior is not None and prior.kind in ("normal", "lognormal"):
            logarithmic[i] = prior.kind == "lognormal"
            centre[i] = math.log(prior.first) if logarithmic[i] else prior.first
            spread[i] = prior.second
    return Beliefs(centre, spread, logarithmic)
