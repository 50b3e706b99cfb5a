"""Who runs the draws of a batch: machine code where it can be had, NumPy arrays otherwise."""

from __future__ import annotations

import os
import warnings
from collections import OrderedDict
from threading import Lock

import numpy as np

from bullbear.equations.printers.llvm.native import BoundTask, NativeCode, Task, Unsupported
from bullbear.models.batch import (
    DONE,
    NEGATIVE,
    NOT_FINITE,
    ROUNDING,
    Array,
    Batch,
    Block,
    NumpyRunner,
    Runner,
)

ENGINE = "BULLBEAR_ENGINE"
"""The environment variable that may say `numpy`, to do without machine code."""
_KEPT = 8
_codes: OrderedDict[tuple[object, ...], NativeCode] = OrderedDict()
_lock = Lock()


class LlvmRunner:
    """Blocks of draws by machine code."""

    engine = "llvm"

    def __init__(self, batch: Batch) -> None:
        self.batch = batch
        watched = tuple(watch.statement for watch in batch.watches)
        code, fresh = _native_code(batch, watched)
        before = 0.0 if fresh else code.seconds
        self.bound: BoundTask = code.bind(_task(batch))
        self.compile_seconds = code.seconds - before

    def run(self, draws: Array) -> Block:
        values, events, finite, fell = self.bound.run(draws)
        whole = np.isfinite(values).all(axis=(1, 2)) & (finite > 0)
        status = np.where(whole, np.where(fell > 0, NEGATIVE, DONE), NOT_FINITE)
        return Block(values, events, status.astype(np.uint8))


def make_runner(batch: Batch) -> tuple[Runner, str]:
    """The fastest runner of a batch, and why it is not the fastest there is.

    Where llvmlite is missing or fails, one warning says so; a model with an operation that has no
    machine code is run by NumPy as well.
    """
    if os.environ.get(ENGINE) == "numpy":
        return NumpyRunner(batch), f"{ENGINE} asks for it"
    try:
        return LlvmRunner(batch), ""
    except Unsupported as fault:
        return NumpyRunner(batch), f"there is no machine code for: {fault}"
    except (ImportError, OSError, RuntimeError, AttributeError, TypeError) as fault:
        remark = f"llvmlite does not work here ({fault}); NumPy computes, more slowly"
        warnings.warn(remark, RuntimeWarning, stacklevel=2)
        return NumpyRunner(batch), remark


def _native_code(batch: Batch, watched: tuple[int, ...]) -> tuple[NativeCode, bool]:
    """The compiled form of a program, made once; and whether it has just been made."""
    key = (batch.program.digest(), watched, batch.stocks)
    with _lock:
        fresh = key not in _codes
        if fresh:
            _codes[key] = NativeCode(batch.program, watched, batch.stocks)
            if len(_codes) > _KEPT:
                _codes.popitem(last=False)
        return _codes[key], fresh


def _task(batch: Batch) -> Task:
    grid, places = batch.grid, {node: i for i, node in enumerate(batch.program.outputs.values())}
    return Task(
        batch.method,
        np.array([grid.initial, grid.final, grid.step, grid.saveper]),
        batch.last,
        batch.steps,
        [places[statement] for statement in batch.outputs],
        np.array([[w.level, w.sign, w.lasting] for w in batch.watches]).reshape(-1, 3),
        batch.base,
        batch.places,
        batch.sources,
        ROUNDING,
        batch.seed,
        batch.numbered,
    )
