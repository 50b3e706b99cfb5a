"""XMILE and Stella files in PySD's hands: the witness beside the reader in `equations.xmile`."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
import time as clock
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bullbear.equations.names import canonical
from bullbear.equations.system import CONTROL_NAMES
from bullbear.errors import UsageError, did_you_mean
from bullbear.models.definition import ModelDefinition, foreign_definition
from bullbear.models.overrides import Setting, read_parameters
from bullbear.models.run import Provenance, Run
from bullbear.models.scenarios import BASE, Scenario, foreign_scenarios
from bullbear.models.trust import Trust, smallest_stock
from bullbear.models.versions import versions
from bullbear.models.witness import quiet_pysd

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class XmileModel:
    """A model in PySD's hands; it is run as `Model.run` runs one of ours."""

    name: str
    definition: ModelDefinition
    hash: str
    translated: Any = field(repr=False)
    scenarios: Mapping[str, Scenario] = field(default_factory=foreign_scenarios)

    @property
    def units(self) -> dict[str, str]:
        """Units of the variables by name, where the file has them."""
        doc = self.translated.doc
        pairs = zip(doc["Real Name"], doc["Units"], strict=True)
        return {str(name): unit for name, unit in pairs if isinstance(unit, str)}

    def run(
        self,
        scenario: str = BASE,
        overrides: Mapping[str, float] | None = None,
        *,
        parameters: Path | None = None,
        method: str | None = None,
        time_step: float | None = None,
        saveper: float | None = None,
        final_time: float | None = None,
    ) -> Run:
        """Let PySD simulate the model.

        Raises
        ------
        UsageError
            For another method than Euler's, or a name that is no constant of the model.
        SimulationError
            If PySD cannot run it.
        """
        if method not in (None, "euler"):
            raise UsageError("PySD knows Euler's method only", code="method")
        settings = read_parameters(parameters) if parameters is not None else []
        settings += [Setting(name, value) for name, value in (overrides or {}).items()]
        values = {self._constant(setting.name): setting.value for setting in settings}
        times = {"time_step": time_step, "saveper": saveper, "final_time": final_time}
        begin = clock.perf_counter()
        with quiet_pysd():
            table = self.translated.run(
                params=values, **{k: v for k, v in times.items() if v is not None}
            )
        return self._run(table.astype(float), scenario, values, clock.perf_counter() - begin)

    def _run(
        self, table: pd.DataFrame, scenario: str, values: Mapping[str, float], seconds: float
    ) -> Run:
        table.index.name = "time"
        last = {canonical(name): float(table[name].iloc[-1]) for name in map(str, table.columns)}
        wanted = set(map(canonical, self.definition.headline))
        stocks = [n for n in map(str, table.columns) if canonical(n.partition("[")[0]) in wanted]
        smallest = smallest_stock(
            dict(enumerate(stocks)), table.index.to_numpy(float), table[stocks].to_numpy()
        )
        return Run(
            results=table,
            events={},
            horizon=float(table.index[-1]),
            trust=Trust(None, None, None, smallest),
            provenance=Provenance(
                self.name, self.hash, scenario, values, "euler", last["time step"],
                last["saveper"], float(table.index[-1]), "pysd", versions(),
            ),
            seconds=seconds,
        )  # fmt: skip

    def _constant(self, name: str) -> str:
        """The spelling of a constant in the file."""
        doc = self.translated.doc
        names: list[str] = doc.loc[doc["Type"] == "Constant", "Real Name"].tolist()
        known = {canonical(one): one for one in names if canonical(one) not in CONTROL_NAMES}
        if canonical(name) not in known:
            raise UsageError(
                f'the model has no constant "{name}"',
                code="unknown-lever",
                hint=did_you_mean(name, known.values()),
            )
        return known[canonical(name)]


def load_xmile(path: Path) -> XmileModel:
    """Have PySD read a file, in a scratch folder, because it writes beside the file.

    Raises
    ------
    SimulationError
        If PySD cannot read it.
    """
    import pysd

    with tempfile.TemporaryDirectory(prefix="bullbear-pysd-") as scratch, quiet_pysd():
        translated = pysd.read_xmile(shutil.copy(path, Path(scratch, "model.xmile")))
    doc = translated.doc
    stocks = doc.loc[doc["Subtype"] == "Integ", "Real Name"]
    digest = hashlib.sha256(path.read_bytes()).hexdigest()[:12]
    return XmileModel(path.stem, foreign_definition(path, stocks), digest, translated)
