"""A program as machine code, and one call that runs many draws of it."""

from __future__ import annotations

import ctypes
import hashlib
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from threading import Lock

import numpy as np
import numpy.typing as npt

from bullbear.equations.printers.llvm.kernel import ARGUMENTS, STAGES, Kernel
from bullbear.equations.printers.llvm.machine import Library, Machine, aligned, host
from bullbear.equations.printers.llvm.module import Layout, Module, unknown_operations
from bullbear.equations.program import Program

Array = npt.NDArray[np.float64]
_CALL = ctypes.CFUNCTYPE(None, ctypes.c_void_p)  # lets go of the interpreter's lock while it runs


_ONCE, _OFTEN = 0, 1
"""How hard LLVM tries: what runs once per draw is rather compiled fast; a second degree for the
rest gains nothing and takes large programs three times as long."""


class Unsupported(Exception):
    """The program has an operation that cannot be written as vector code."""


@dataclass(frozen=True)
class Task:
    """What every call of a program has in common.

    Attributes
    ----------
    method : euler or rk4
    controls : initial time, final time, time step, saveper, shape (4,) [time unit]
    steps : the last step that is taken
    saved : the steps at which outputs are kept
    outputs : positions among the program's outputs of those that are kept
    watches : level, sign, least duration of every watched statement, shape (watch, 3)
    base : values of all parameters, shape (parameter,)
    places, sources : parameter `places[i]` takes column `sources[i]` of the draws
    rounding : how far below zero a guarded stock may be, over its largest value
    seed : of random streams
    numbered : whether the last column of the draws is their number
    """

    method: str
    controls: Array
    steps: int
    saved: Sequence[int]
    outputs: Sequence[int]
    watches: Array
    base: Array
    places: npt.NDArray[np.int64]
    sources: npt.NDArray[np.int64]
    rounding: float
    seed: int = 0
    numbered: bool = False


class NativeCode:
    """The compiled form of a program.

    Raises
    ------
    Unsupported
        If an operation of the program is not known here.
    ImportError, OSError, RuntimeError
        Where llvmlite is missing or does not work.
    """

    def __init__(
        self,
        program: Program,
        watched: Sequence[int] = (),
        stocks: Sequence[int] = (),
        machine: Machine | None = None,
    ) -> None:
        unknown = unknown_operations(program)
        if unknown:
            raise Unsupported(", ".join(unknown))
        begin = time.perf_counter()
        self.machine = machine or host()
        self.layout = Layout(program, tuple(watched), tuple(stocks))
        self.kernel = Kernel(self.layout, self.machine.shape)
        once = Module(self.layout, self.machine.shape)
        once.prepare()
        self._library = Library(self.machine)
        self._library.add((once.text(), _ONCE), (self.kernel.text(), _OFTEN))
        self._added: dict[tuple[object, ...], int] = {}
        self._moved: dict[str, list[frozenset[int]]] = {}
        self._lock = Lock()
        self.seconds = time.perf_counter() - begin
        """What making it took [s]."""

    def covering(self, method: str, moved: frozenset[int]) -> frozenset[int]:
        """The least set of statements with `moved` in it for which there is a step; else `moved`.

        A step that takes more for different between draws than is gives the same numbers.
        """
        with self._lock:
            known = self._moved.setdefault(method, [])
            enough = [other for other in known if moved <= other]
            if not enough:
                known.append(moved)
            return min(enough, key=len, default=moved)

    def times(self, moved: frozenset[int]) -> int:
        """The address of a function for a row of the table; `moved` are not in it."""
        return self._add(_ONCE, Module.times, "times", moved)

    def step(self, method: str, moved: frozenset[int]) -> int:
        """The address of a function for a step without outputs."""
        return self._add(_OFTEN, Module.step, "step", method, moved)

    def save(
        self, method: str, moved: frozenset[int], outputs: Sequence[int]
    ) -> tuple[int, Sequence[int]]:
        """The address of a function for a step, and where in its results the outputs are.

        One for all outputs serves whoever wants most of them; who wants few has one for these.
        """
        known = self.layout.outputs
        if 2 * len(outputs) > len(known):
            return self._add(_OFTEN, Module.step, "save", method, moved, known), outputs
        wanted = tuple(known[i] for i in outputs)
        save = self._add(_OFTEN, Module.step, "save", method, moved, wanted)
        return save, range(len(outputs))

    def _add(
        self, effort: int, write: Callable[..., None], kind: str, *what: Collection[int] | str
    ) -> int:
        """The address of a function that `write` writes, made once."""
        key = kind, *what
        with self._lock:
            if key not in self._added:
                begin = time.perf_counter()
                name = f"{kind}_{_digest(what)}"
                module = Module(self.layout, self.machine.shape)
                write(module, name, *what)
                self._library.add((module.text(), effort))
                self._added[key] = self._library.function(name)
                self.seconds += time.perf_counter() - begin
            return self._added[key]

    def bind(self, task: Task) -> BoundTask:
        return BoundTask(self, task)

    def call(self, name: str, arguments: Mapping[str, int]) -> None:
        words = np.array([arguments.get(key, 0) for key in ARGUMENTS], dtype=np.int64)
        _CALL(self._library.function(name))(words.ctypes.data)


def _digest(what: tuple[Collection[int] | str, ...]) -> str:
    """A name for what a function does, the same in every process: the cache goes by the text."""
    parts = [part if isinstance(part, str) else sorted(part) for part in what[:2]]
    return hashlib.blake2b(repr((parts, what[2:])).encode(), digest_size=8).hexdigest()


class BoundTask:
    """A task with its table of times, ready for any block of draws, in any thread."""

    def __init__(self, code: NativeCode, task: Task) -> None:
        self.code, self.task = code, task
        self.width = code.machine.shape.width
        layout = code.layout
        moved = code.covering(task.method, layout.moved_by(task.places.tolist()))
        self.slots = len(layout.times(moved))
        self.saves = np.full(task.steps + 1, -1, dtype=np.int64)
        self.saves[list(task.saved)] = np.arange(len(task.saved))
        save, chosen = code.save(task.method, moved, task.outputs)
        step = code.step(task.method, moved)
        self.functions = {"times": code.times(moved), "step": step, "save": save}
        self.chosen = np.array(chosen, dtype=np.int64)
        self.controls = np.ascontiguousarray(task.controls)
        self.watches = np.ascontiguousarray(task.watches, dtype=np.float64)
        self.rounding = np.array([task.rounding])
        self.common, self.table = self._tabulate()

    def run(self, draws: Array) -> tuple[Array, Array, Array, Array]:
        """Run draws of shape (draw, column).

        Returns
        -------
        outputs (draw, saved step, output), events (draw, watch), and per draw whether its states
        are finite and whether a guarded stock fell below zero, shape (draw,).
        """
        task, count = self.task, len(draws)
        groups = -(-count // self.width)
        params = self._params(draws, groups)
        out = np.empty((count, len(task.saved), len(task.outputs)))
        watches = len(self.code.layout.watched)
        found = aligned(groups * (watches + 2) * self.width)
        space = self._workspace()
        self.code.call(f"run_{task.method}", space.addresses | self.functions | {
            "params": params.ctypes.data, "controls": self.controls.ctypes.data,
            "table": self.table.ctypes.data, "slots": self.slots, "groups": groups,
            "c": self.common.ctypes.data, "seed": task.seed,
            "steps": task.steps, "draws": count, "saves": self.saves.ctypes.data,
            "chosen": self.chosen.ctypes.data, "width": len(task.outputs),
            "out": out.ctypes.data, "rows": len(task.saved),
            "watches": self.watches.ctypes.data, "found": found.ctypes.data,
            "rounding": self.rounding.ctypes.data,
        })  # fmt: skip
        lanes = found[: groups * (watches + 2) * self.width]
        table = lanes.reshape(groups, watches + 2, self.width)
        table = table.transpose(0, 2, 1).reshape(-1, watches + 2)[:count]
        return out, np.ascontiguousarray(table[:, :watches]), table[:, -2], table[:, -1]

    def _params(self, draws: Array, groups: int) -> Array:
        """Constants as (group, parameter, lane); empty lanes repeat the last draw."""
        task, size = self.task, len(self.task.base) + 1
        flat = aligned(groups * size * self.width)
        params: Array = flat[: groups * size * self.width].reshape(groups, size, self.width)
        params[:, : len(task.base), :] = task.base[None, :, None]
        padded = np.minimum(np.arange(groups * self.width), len(draws) - 1)
        lanes = draws[padded].reshape(groups, self.width, -1)
        params[:, task.places, :] = lanes[:, :, task.sources].transpose(0, 2, 1)
        if task.numbered:
            params[:, -1, :] = lanes[:, :, -1]
        return params

    def _workspace(self) -> Workspace:
        layout, kernel = self.code.layout, self.code.kernel
        sizes = {
            "d": layout.drawn, "s": len(layout.rates),
            "r": len(layout.rates), "o": len(layout.outputs), "b": kernel.scratch,
            "history": len(kernel.fixed) * self.task.steps,
        }  # fmt: skip
        return Workspace(sizes, self.width)

    def _tabulate(self) -> tuple[Array, Array]:
        """What depends on constants, shape (slot,), and on time, shape (step · stages, slot), for
        the base values."""
        task = self.task
        start = task.controls[0] + np.arange(task.steps + 1) * task.controls[2]
        share = np.array([0.0, task.controls[2] / 2, task.controls[2]])[: STAGES[task.method]]
        moments = np.empty((len(start), len(share), 2))
        moments[..., 0] = start[:, None] + share
        moments[..., 1] = start[:, None]
        table = np.empty((moments.shape[0] * moments.shape[1], self.slots))
        params = self._params(np.zeros((1, 1 + int(max(task.sources, default=0)))), 1)
        params[0, : len(task.base), :] = task.base[:, None]
        space = self._workspace()
        self.code.call("tabulate", space.addresses | self.functions | {
            "params": params.ctypes.data, "controls": self.controls.ctypes.data,
            "slots": self.slots, "table": table.ctypes.data, "history": moments.ctypes.data,
            "steps": len(table),
        })  # fmt: skip
        return space["d"][:: self.width].copy(), table


class Workspace:
    """The vectors that one call works in."""

    def __init__(self, sizes: Mapping[str, int], width: int) -> None:
        self._arrays: dict[str, Array] = {n: aligned(size * width) for n, size in sizes.items()}

    def __getitem__(self, name: str) -> Array:
        return self._arrays[name]

    @property
    def addresses(self) -> dict[str, int]:
        return {name: int(array.ctypes.data) for name, array in self._arrays.items()}
