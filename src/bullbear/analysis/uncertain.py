"""The uncertain constants of a study, looked up in its model; every fault with its place."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from bullbear.analysis.checks import read_ranges
from bullbear.analysis.study import Input, Study
from bullbear.errors import BullbearError, DataError, Finding, ModelError, UsageError, Where
from bullbear.models.draws import Prior, parse_prior, read_draws, read_priors
from bullbear.models.overrides import Setting, resolve
from bullbear.models.reference import key_of
from bullbear.models.toml_file import faults, key_places, place_of
from bullbear.models.varying import refuse_structural

if TYPE_CHECKING:
    import pandas as pd

    from bullbear.models.model import Model

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Uncertain:
    """Uncertain constants: independent ones by their priors, or a sample of all of them.

    Attributes
    ----------
    names : shape (input,)
    priors : their priors, in the same order; empty where there is a sample
    sample : index `draw`, one column per constant, in its unit; None where there are priors
    """

    names: tuple[str, ...]
    priors: tuple[Prior, ...]
    sample: pd.DataFrame | None = None

    def table(self, unit: Array) -> Array:
        """Constants at points of the unit cube, shape (..., input), each in its unit."""
        columns = [prior.at(unit[..., i]) for i, prior in enumerate(self.priors)]
        return np.stack(columns, axis=-1)

    @property
    def key(self) -> str:
        """Everything that decides what is drawn, but the design."""
        drawn = b"" if self.sample is None else self.sample.to_numpy(dtype=np.float64).tobytes()
        return repr((self.names, self.priors, hashlib.sha256(drawn).hexdigest()))

    def kept(self, names: tuple[str, ...]) -> Uncertain:
        """Some of the constants alone."""
        places = [self.names.index(name) for name in names]
        return Uncertain(names, tuple(self.priors[i] for i in places))


def uncertain(study: Study, model: Model) -> Uncertain:
    """What is uncertain in a study.

    Raises
    ------
    ModelError
        For an input that is no constant of the model, a range outside the constant's bounds or a
        distribution that is none; all faults at once, each with its place.
    UsageError, DataError
        If the posterior cannot be read, or belongs to another model.
    """
    if study.posterior is not None:
        from bullbear.analysis.belief import believed  # which needs this module

        return believed(study.path.parent / study.posterior, model)
    priors = _free(model_priors(model), study.scenario, model) if study.priors else {}
    spelled = {key_of(name): name for name in priors}
    places = key_places(study.path.read_text(encoding="utf-8"))
    ranges = _ranges(model)
    found: list[Finding] = []
    for name, given in study.inputs.items():
        where = place_of(study.path, places, ("inputs", name))
        try:
            _check_constant(model, name)
            prior = _prior(given, ranges.get(key_of(name)), where)
        except BullbearError as fault:
            found.append(Finding(fault.code, fault.message, where, fault.hint))
            continue
        priors[spelled.get(key_of(name), name)] = prior
    if found:
        raise faults(found, ModelError)
    return Uncertain(tuple(priors), tuple(priors.values()))


def model_priors(model: Model) -> dict[str, Prior]:
    """The priors of the parameter file of a model.

    Raises
    ------
    UsageError
        If it has no such file, or nothing in it is uncertain.
    """
    path = model.definition.parameters_path
    if path is None:
        raise UsageError(
            f'the model "{model.name}" has no parameter file with priors',
            code="no-priors",
            hint="give a table [inputs] with distributions",
        )
    priors = read_priors(path)
    if not priors:
        raise UsageError(f"every constant in {path} is fixed", code="no-priors",
                         hint="give a table [inputs] with distributions")  # fmt: skip
    return priors


def not_set(model: Model, scenario: str, names: Sequence[str]) -> list[int]:
    """Places of the uncertain constants that the scenario does not set itself.

    What a scenario sets is what it asks about; drawn again, all scenarios would be one.
    """
    levers = model.scenarios[scenario].levers if scenario in model.scenarios else {}
    held = set(resolve([Setting(name, value) for name, value in levers.items()], model.system))
    return [
        i for i, name in enumerate(names)
        if not held & set(resolve([Setting(name, 0.0)], model.system))
    ]  # fmt: skip


def sampled(path: Path, model: Model) -> Uncertain:
    """A sample of constants: the draws of a fit, or a file of them.

    Raises
    ------
    UsageError
        If there is none, or the fit is of another model.
    DataError
        If it is damaged.
    """
    if path.is_dir():
        _check_fit(path, model)
        folder, path = path, path / "draws.parquet"
        if not path.is_file():
            raise UsageError(f"the fit in {folder} has no posterior: there is no {path.name}",
                             code="no-posterior",
                             hint="`bullbear calibrate --full` draws one")  # fmt: skip
    draws = read_draws(path)
    names = tuple(map(str, draws.columns))
    resolve([Setting(name, 0.0) for name in names], model.system)
    return Uncertain(names, (), draws)


def _free(priors: dict[str, Prior], scenario: str, model: Model) -> dict[str, Prior]:
    """The priors of what the scenario does not set."""
    names = tuple(priors)
    return {names[i]: priors[names[i]] for i in not_set(model, scenario, names)}


def _check_fit(folder: Path, model: Model) -> None:
    """Refuse the fit of another model; one that was accepted is about the model it has made."""
    file = folder / "fit.json"
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as fault:
        raise UsageError(f"{folder} is no folder of a fit: {file.name} cannot be read",
                         code="no-fit",
                         hint="`bullbear calibrate` makes one") from fault  # fmt: skip
    provenance = content.get("provenance") if isinstance(content, dict) else None
    found = provenance.get("model_hash") if isinstance(provenance, dict) else None
    if found is None:
        raise DataError(f"{file} does not say of which model it is", code="no-fit",
                        hint="the key provenance.model_hash is missing; fit again")  # fmt: skip
    accepted = content.get("accepted")
    made = accepted.get("model_hash") if isinstance(accepted, dict) else None
    if model.hash not in (found, made):
        raise UsageError(
            f"the fit in {folder} is of the model {found}, not of {model.hash} as it is now",
            code="other-model", hint="fit again, or go back to the equations of the fit",
        )  # fmt: skip


def _check_constant(model: Model, name: str) -> None:
    """Refuse what is no constant and no initial value, or shapes the model."""
    for element in resolve([Setting(name, 0.0)], model.system):
        place = model.program.parameter_index().get(element)
        if place is not None:
            refuse_structural(model.program, place)


def _prior(given: Input, allowed: tuple[float, float] | None, where: Where) -> Prior:
    low, high = allowed or (-math.inf, math.inf)
    for key, value in (("lower", given.lower), ("upper", given.upper)):
        if value is not None and not low <= value <= high:
            raise ModelError(
                f"{key} = {value:g} lies outside the bounds of the constant, {low:g} to {high:g}",
                code="out-of-bounds", hint="the parameter file of the model has the bounds",
            )  # fmt: skip
    lower = low if given.lower is None else given.lower
    upper = high if given.upper is None else given.upper
    prior = parse_prior(given.written, lower, upper, where)
    if prior.kind == "fixed":
        raise ModelError("a fixed constant is not uncertain", code="degenerate",
                         hint="leave it out, or give it a distribution")  # fmt: skip
    if prior.kind in ("uniform", "loguniform") and not low <= prior.first < prior.second <= high:
        raise ModelError(
            f"{given.written} lies outside the bounds of the constant, {low:g} to {high:g}",
            code="out-of-bounds", hint="the parameter file of the model has the bounds",
        )  # fmt: skip
    return prior


def _ranges(model: Model) -> dict[str, tuple[float, float]]:
    path = model.definition.parameters_path
    return {} if path is None else _read(path)


def _read(path: Path) -> dict[str, tuple[float, float]]:
    try:
        return read_ranges(path)
    except (OSError, KeyError, ValueError) as fault:
        raise DataError(f"cannot read the bounds in {path}: {fault}", code="unreadable",
                        hint="columns name, lower and upper") from fault  # fmt: skip
