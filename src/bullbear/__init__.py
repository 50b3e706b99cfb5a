"""bullbear: system dynamics of a token economy.

>>> import bullbear
>>> model = bullbear.load("numerai")
>>> run = model.run(overrides={"alpha multiplier": 0.8})
>>> run.results["Treasury NMR"]  # doctest: +SKIP
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bullbear.models.model import Model, load
    from bullbear.models.run import Run

__all__ = ["Model", "Run", "load"]
_HOMES = {"Model": "bullbear.models.model", "Run": "bullbear.models.run",
          "load": "bullbear.models.model"}  # fmt: skip


def __getattr__(name: str) -> Any:
    """Names are imported when they are asked for: the command line must start fast."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)
