"""What is believed after a fit: its posterior, and the priors of what no number of it tells."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from bullbear.analysis.columns import Column, Columns, request
from bullbear.analysis.evaluation import Evaluation
from bullbear.analysis.uncertain import Uncertain, model_priors, sampled
from bullbear.models.draws import Prior
from bullbear.models.overrides import Setting, resolve

if TYPE_CHECKING:
    from bullbear.models.model import Model

Array = npt.NDArray[np.float64]
_ENDS = (0.025, 0.975)
_EVERY = 0.25
"""How far apart the states of two runs are compared [time unit]."""


def believed(path: Path, model: Model) -> Uncertain:
    """A sample of constants: a file of draws as it is, or a fit's with what acts after it only.

    A constant that changes no stock before the end of the fit is not in the fit's numbers: after it
    its prior holds as before.  All others that were not fitted keep their values.

    Raises
    ------
    UsageError, DataError
        As `sampled`.
    """
    import pandas as pd

    found = sampled(path, model)
    if found.sample is None or not path.is_dir() or model.definition.parameters_path is None:
        return found
    provenance = json.loads((path / "fit.json").read_text(encoding="utf-8"))["provenance"]
    if "final_time" not in provenance:
        return found
    priors = model_priors(model)
    rest = {n: prior for n, prior in priors.items() if not _among(n, found.names, model)}
    names = acting_later(model, rest, str(provenance["scenario"]), float(provenance["final_time"]))
    if not names:
        return found
    drawn = _drawn([rest[name] for name in names], len(found.sample))
    more = pd.DataFrame(drawn, columns=list(names), index=found.sample.index)
    sample = pd.concat([found.sample, more], axis=1)
    return Uncertain((*found.names, *names), (), sample)


def acting_later(
    model: Model, priors: dict[str, Prior], scenario: str, end: float
) -> tuple[str, ...]:
    """The constants that change no stock before `end`, wherever in their priors they are.

    Each is set to the ends of its prior; the runs are compared with that of the scenario's values,
    and have to be the same to the last bit.
    """
    values = model.parameter_vector(model.values(scenario))
    places = model.program.parameter_index()
    elements = {n: [places[e] for e in resolve([Setting(n, 0.0)], model.system)] for n in priors}
    names = tuple(n for n, own in elements.items() if len({values[p] for p in own}) == 1)
    base = np.array([values[elements[n][0]] for n in names])
    table = np.tile(base, (1 + 2 * len(names), 1))
    for i, name in enumerate(names):
        table[1 + 2 * i, i], table[2 + 2 * i, i] = priors[name].at(np.array(_ENDS))
    stocks = [s.name for s in model.program.states if s.name in model.program.outputs]
    first = model.grid().initial
    times = np.arange(first, end - _EVERY / 2, _EVERY)
    columns = tuple(Column(s, float(t), s, (float(t),)) for s in stocks for t in times)
    found = Evaluation(model, names, Columns(columns, request(columns, model, scenario)))(table)
    same = (found == found[0]).all(axis=1)
    return tuple(n for i, n in enumerate(names) if same[1 + 2 * i] and same[2 + 2 * i])


def _among(name: str, names: tuple[str, ...], model: Model) -> bool:
    """Whether a constant, or an element of it, is one of the others."""
    own = set(resolve([Setting(name, 0.0)], model.system))
    return any(own & set(resolve([Setting(other, 0.0)], model.system)) for other in names)


def _drawn(priors: list[Prior], count: int) -> Array:
    """Independent draws of the priors, shape (draw, input).

    Not of a Sobol sequence, in which neighbours in one input are not random in the others: the
    rank statistic of given data would take that for an effect.
    """
    unit = np.random.default_rng(0).random((count, len(priors)))
    return np.stack([prior.at(unit[:, i]) for i, prior in enumerate(priors)], axis=1)
