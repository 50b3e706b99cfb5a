"""The processor at hand, and how text becomes functions that Python can call.

Object code is kept in the user's cache folder under a hash of everything that makes it: the text,
the processor and the versions of LLVM.  What is read from there is used only if it belongs to the
user and its own hash fits, so that a damaged or foreign file costs a compilation and no more.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import tempfile
from contextlib import suppress
from ctypes.util import find_library
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from bullbear.equations.printers.llvm.ir import Shape
from bullbear.equations.printers.llvm.mathematics import LIBRARY
from bullbear.equations.printers.llvm.order import scheduled

_HEAD = b"bullbear object code 1\n"
_ORDER = "order 1"  # to be changed with what `order.scheduled` does
FOLDER = "BULLBEAR_CACHE"
"""The environment variable that names another cache folder; empty, nothing is kept."""


@dataclass(frozen=True)
class Machine:
    """A kind of processor as LLVM names it."""

    triple: str
    processor: str
    features: str
    shape: Shape

    def kin(self, width: int) -> Machine:
        """The same processor with narrower vectors, as an older one would have."""
        without = {4: "avx512f", 2: "avx512f,avx2,avx"}[width].split(",")
        features = ",".join([self.features, *(f"-{name}" for name in without)])
        return Machine(self.triple, "x86-64", features, Shape(width)) if width < 8 else self


@cache
def host() -> Machine:
    """This processor.

    Raises
    ------
    ImportError, OSError, RuntimeError
        Where llvmlite is missing or does not work.
    """
    import llvmlite.binding as llvm

    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    features = llvm.get_host_cpu_features()
    wide = bool(features.get("avx512f") and features.get("avx512dq"))
    width = 8 if wide else 4 if features.get("avx2") or features.get("avx") else 2
    return Machine(
        llvm.get_process_triple(), llvm.get_host_cpu_name(), features.flatten(),
        Shape(width, scalef=wide),
    )  # fmt: skip


class Library:
    """Functions in memory, of one or more object files."""

    def __init__(self, machine: Machine) -> None:
        import llvmlite.binding as llvm

        self.machine = machine
        self._engine = llvm.create_mcjit_compiler(
            llvm.parse_assembly(""), _target_machine(machine, 0)
        )
        for name in LIBRARY:
            llvm.add_symbol(name, _address(name))
        self.compiled = 0

    def add(self, *texts: tuple[str, int]) -> None:
        """Take in the functions of texts, each with how hard LLVM is to try, from 0 to 3.

        They come from the cache where they are known, and may call each other.
        """
        import llvmlite.binding as llvm

        for text, effort in texts:
            key = _key(text, effort, self.machine)
            code = read_object(key)
            if code is None:
                self.compiled += 1
                _keep_order()
                module = llvm.parse_assembly(scheduled(text) if effort else text)
                code = _target_machine(self.machine, effort).emit_object(module)
                write_object(key, code)
            self._engine.add_object_file(llvm.ObjectFileRef.from_data(code))
        self._engine.finalize_object()

    def function(self, name: str) -> int:
        """The address of a function."""
        address = self._engine.get_function_address(name)
        if not address:
            raise RuntimeError(f"the compiled code has no function {name}")
        return int(address)


def _target_machine(machine: Machine, effort: int) -> Any:
    import llvmlite.binding as llvm

    target = llvm.Target.from_triple(machine.triple)
    return target.create_target_machine(
        cpu=machine.processor, features=machine.features, opt=effort, codemodel="jitdefault"
    )


@cache
def _keep_order() -> None:
    """LLVM is not to schedule instructions itself: it does not know how few its window holds."""
    import llvmlite.binding as llvm

    llvm.set_option("bullbear", "-enable-misched=0")


@cache
def _address(name: str) -> int:
    """Where a function of the mathematics library stands, which the code may call."""
    library = ctypes.CDLL(None if os.name == "posix" else "msvcrt")
    try:
        function = getattr(library, name)
    except AttributeError:  # it is not in the process itself
        function = getattr(ctypes.CDLL(find_library("m")), name)
    address = ctypes.cast(function, ctypes.c_void_p).value
    if address is None:
        raise OSError(f"the mathematics library has no {name}")
    return address


# -- the cache ----------------------------------------------------------------------------------


def _key(text: str, effort: int, machine: Machine) -> str:
    import llvmlite
    import llvmlite.binding as llvm

    parts = (_ORDER, text, effort, machine, llvmlite.__version__, llvm.llvm_version_info)
    return hashlib.sha256("\0".join(map(str, parts)).encode()).hexdigest()


def cache_folder() -> Path | None:
    """Where object code is kept; None where nothing is."""
    asked = os.environ.get(FOLDER)
    if asked is not None:
        return Path(asked) if asked else None
    base = os.environ.get("XDG_CACHE_HOME") or os.environ.get("LOCALAPPDATA")
    try:
        return (Path(base) if base else Path.home() / ".cache") / "bullbear"
    except RuntimeError:  # nobody's home
        return None


def read_object(key: str) -> bytes | None:
    """The object code kept under a key, if it is there, whole and the user's own."""
    folder = cache_folder()
    if folder is None:
        return None
    file = folder / f"{key}.o"
    try:
        with file.open("rb") as stream:
            if not _own(os.fstat(stream.fileno())) or not _own(folder.stat()):
                return None
            content = stream.read()
    except OSError:
        return None
    head = _head(key, content[len(_HEAD) + 130 :])
    return content[len(head) :] if content.startswith(head) else None


def write_object(key: str, code: bytes) -> None:
    """Keep object code; a folder that cannot be written is no fault."""
    folder = cache_folder()
    if folder is None:
        return
    with suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle, name = tempfile.mkstemp(prefix=".unfinished-", dir=folder)
        try:
            with os.fdopen(handle, "wb") as stream:
                stream.write(_head(key, code) + code)
            Path(name).replace(folder / f"{key}.o")
        except OSError:
            Path(name).unlink(missing_ok=True)


def _head(key: str, code: bytes) -> bytes:
    return _HEAD + key.encode() + b"\n" + hashlib.sha256(code).hexdigest().encode() + b"\n"


def _own(status: os.stat_result) -> bool:
    """Whether nobody but the user could have written there."""
    if not hasattr(os, "getuid"):
        return True
    return status.st_uid == os.getuid() and not status.st_mode & 0o022


def aligned(count: int) -> Any:
    """A zeroed array of doubles that begins at a cache line, shape (count,)."""
    import numpy as np

    raw = np.zeros(count + 8)
    skip = -(raw.ctypes.data // 8) % 8
    return raw[skip : skip + max(count, 1)]
