"""Local elasticities of the outputs of a study, from exact derivatives of one run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from bullbear.analysis.columns import Column, Columns, span
from bullbear.models.overrides import Setting, resolve

if TYPE_CHECKING:
    from bullbear.models.model import Model
    from bullbear.models.sensitivities import Sensitivities

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Local:
    """Elasticities, shape (input, column), NaN where there is none; and why there is none."""

    elasticity: Array
    remarks: tuple[str, ...]


def local(model: Model, names: Sequence[str], columns: Columns) -> Local:
    """d ln output / d ln input at the scenario's own values.

    Of an event it is that of the time from the begin of the run.  Inputs that are 0 have
    elasticity 0; outputs that are 0, indicators, and events that do not happen, have none.

    Raises
    ------
    SimulationError
        If the run or a derivative is not finite.
    """
    wanted = tuple(dict.fromkeys(c.variable for c in columns.columns if c.variable))
    wanted = wanted or (next(iter(model.program.outputs)),)
    events = any(column.event for column in columns.columns)
    final = max(span(model)[1] if events else 0.0, columns.request.final_time or 0.0)
    found = model.sensitivities(
        list(wanted), list(names), scenario=columns.request.scenario, final_time=final
    )
    groups = _elements(model, names, found)
    when = model.run(columns.request.scenario).events if events else {}
    since = {name: None if t is None else t - span(model)[0] for name, t in when.items()}
    each = [_Derivative(found, groups, column, since) for column in columns.columns]
    remarks = [d.remark for d in each if d.remark]
    return Local(np.stack([d.elasticity for d in each], axis=1), tuple(dict.fromkeys(remarks)))


def _elements(model: Model, names: Sequence[str], found: Sensitivities) -> list[list[int]]:
    """Places of the elements of each input among the parameters of the derivatives."""
    places = {name: i for i, name in enumerate(found.parameters)}
    return [[places[e] for e in resolve([Setting(n, 0.0)], model.system)] for n in names]


class _Derivative:
    """The elasticity of one column by all inputs, shape (input,)."""

    def __init__(
        self,
        found: Sensitivities,
        groups: list[list[int]],
        column: Column,
        since: Mapping[str, float | None],
    ) -> None:
        self.found, self.column, self.remark = found, column, ""
        if column.event:
            value, slopes = self._event(since[column.event])
        else:
            value, slopes = self._variable()
        scaled = slopes * found.parameter_values
        with np.errstate(divide="ignore", invalid="ignore"):
            relative = scaled / value if value != 0 else np.full(len(scaled), np.nan)
        if value == 0:
            self.remark = f"{column.label} is 0 and has no elasticity"
        self.elasticity = np.array([relative[group].sum() for group in groups])

    def _event(self, since: float | None) -> tuple[float, Array]:
        """The time from the begin and its derivatives."""
        name, nothing = self.column.event, np.full(len(self.found.parameters), np.nan)
        if self.column.before is not None:
            self.remark = f"{self.column.label} is yes or no and has no elasticity"
            return np.nan, nothing
        slopes = self.found.events[name]
        if slopes is None or since is None:
            self.remark = f"{name} does not happen, so its time has no elasticity"
            return np.nan, nothing
        return since, slopes

    def _variable(self) -> tuple[float, Array]:
        """The value, or the statistic, and its derivatives."""
        place = self.found.variables.index(self.column.variable)
        times = self.found.times
        wanted = np.array(self.column.times)
        values = np.interp(wanted, times, self.found.values[:, place])
        table = self.found.derivatives[:, place]
        slopes = np.stack([np.interp(wanted, times, row) for row in table.T], axis=1)
        if self.column.statistic == "mean":
            return float(values.mean()), slopes.mean(axis=0)
        at = {"minimum": np.argmin, "maximum": np.argmax}.get(self.column.statistic)
        one = 0 if at is None else int(at(values))
        return float(values[one]), slopes[one]
