"""Vector functions against numbers of 200 bits, and the same bits at every width."""

from __future__ import annotations

import ctypes
from collections.abc import Callable

import mpmath
import numpy as np
import pytest

pytest.importorskip("llvmlite", reason="machine code needs llvmlite")

from bullbear.equations.printers.llvm import mathematics, tables
from bullbear.equations.printers.llvm.ir import Shape
from bullbear.equations.printers.llvm.machine import Library, Machine, host
from bullbear.equations.printers.llvm.module import ATTRIBUTES

NAMES = ("exp", "ln", "pow", "sin", "cos", "tan", "tanh")
EXACT: dict[str, Callable[..., mpmath.mpf]] = {
    "exp": mpmath.exp, "ln": mpmath.log, "pow": mpmath.power, "sin": mpmath.sin,
    "cos": mpmath.cos, "tan": mpmath.tan, "tanh": mpmath.tanh,
}  # fmt: skip
COUNT = 1000


def map_function(name: str, shape: Shape) -> str:
    """`map_NAME(x, y, out, vectors)`: the function over whole arrays."""
    v = shape.vector
    second = f", {v} %b" if name == "pow" else ""
    return f"""define void @map_{name}(ptr %x, ptr %y, ptr %o, i64 %n) #0 {{
entry:
  br label %loop
loop:
  %i = phi i64 [ 0, %entry ], [ %j, %loop ]
  %px = getelementptr {v}, ptr %x, i64 %i
  %py = getelementptr {v}, ptr %y, i64 %i
  %po = getelementptr {v}, ptr %o, i64 %i
  %a = load {v}, ptr %px, align 8
  %b = load {v}, ptr %py, align 8
  %r = call {v} @bb.{name}({v} %a{second})
  store {v} %r, ptr %po, align 8
  %j = add i64 %i, 1
  %c = icmp slt i64 %j, %n
  br i1 %c, label %loop, label %end
end:
  ret void
}}
"""


class Functions:
    """The vector functions of one machine over arrays."""

    def __init__(self, machine: Machine) -> None:
        shape = machine.shape
        self.width = shape.width
        self.library = Library(machine)
        parts = [mathematics.definitions(shape, NAMES), *(map_function(n, shape) for n in NAMES)]
        self.library.add(("\n".join([*parts, mathematics.declarations(shape), ATTRIBUTES]), 2))

    def __call__(self, name: str, x: np.ndarray, y: np.ndarray | None = None) -> np.ndarray:
        size = -(-len(x) // 8) * 8
        padded = [np.resize(a, size) for a in (x, x if y is None else y)]
        out = np.empty(size)
        pointers = [ctypes.c_void_p(a.ctypes.data) for a in (*padded, out)]
        function = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * 3, ctypes.c_int64)
        function(self.library.function(f"map_{name}"))(*pointers, size // self.width)
        return out[: len(x)]


@pytest.fixture(scope="module")
def widths() -> dict[int, Functions]:
    here = host()
    machines = [here, *(here.kin(width) for width in (4, 2) if width < here.shape.width)]
    return {machine.shape.width: Functions(machine) for machine in machines}


def arguments(name: str) -> tuple[np.ndarray, np.ndarray | None]:
    """Numbers over the whole range of a function, and many where it is hard."""
    random = np.random.default_rng(20)

    def between(low: float, high: float) -> np.ndarray:
        return random.uniform(low, high, COUNT)

    sign = random.choice([-1.0, 1.0], COUNT)
    if name == "exp":
        return np.concatenate([between(-745.1, 709.7), between(-1, 1)]), None
    if name == "ln":
        near = 1 + sign * 10 ** between(-16, -1)
        return np.concatenate([10 ** between(-323, 308), between(0.5, 2), near]), None
    if name == "pow":
        wide = between(-300, 300)
        x = np.concatenate([10**wide, between(0.5, 2), 1 + 10 ** between(-15, -1)])
        y = np.concatenate([between(-307, 307) / wide, between(-20, 20), 10 ** between(1, 14)])
        return x, y
    if name == "tanh":
        tiny = sign * 10 ** between(-12, 2)
        return np.concatenate([between(-3, 3), between(-25, 25), tiny]), None
    turns = np.rint(between(-6e5, 6e5)) * (np.pi / 2)
    return np.concatenate([between(-4, 4), between(-1e6, 1e6), sign * 10 ** between(-10, 15),
                           turns]), None  # fmt: skip


def worst_ulp(name: str, found: np.ndarray, x: np.ndarray, y: np.ndarray | None) -> float:
    worst = 0.0
    with mpmath.workprec(200):
        for i, value in enumerate(found.tolist()):
            given = [x[i]] if y is None else [x[i], y[i]]
            exact = EXACT[name](*(mpmath.mpf(float(g)) for g in given))
            rounded = float(exact)
            if not np.isfinite(rounded) or rounded == 0:
                assert value == rounded, (name, given)
                continue
            unit = mpmath.mpf(float(np.spacing(abs(rounded))))
            worst = max(worst, float(abs(mpmath.mpf(value) - exact) / unit))
    return worst


@pytest.mark.parametrize("name", NAMES)
def test_error_is_at_most_two_units_in_the_last_place(
    name: str, widths: dict[int, Functions]
) -> None:
    x, y = arguments(name)
    widest = max(widths)
    found = widths[widest](name, x, y)
    worst = worst_ulp(name, found, x, y)
    print(f"{name}: {worst:.2f} ulp over {len(x)} arguments")
    assert worst <= 2.0
    for width, functions in widths.items():
        np.testing.assert_array_equal(functions(name, x, y), found, err_msg=f"width {width}")


SPECIAL = np.array([0.0, -0.0, np.inf, -np.inf, np.nan, 1.0, -1.0, 5e-324, -5e-324, 2.3e-308,
                    1e308, -1e308, 2.0, -2.0, 0.5, 3.0])  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_special_values_are_those_of_ieee(name: str, widths: dict[int, Functions]) -> None:
    x, y = (a.ravel() for a in np.meshgrid(SPECIAL, SPECIAL))
    with np.errstate(all="ignore"):
        wanted = np.power(x, y) if name == "pow" else {"ln": np.log}.get(
            name, getattr(np, name, None))(x)  # fmt: skip
    for functions in widths.values():
        found = functions(name, x, y)
        np.testing.assert_allclose(found, wanted, rtol=5e-16, atol=0)
        plain = ~np.isnan(wanted)
        np.testing.assert_array_equal(np.signbit(found[plain]), np.signbit(wanted[plain]))


def test_tables_are_what_they_are_said_to_be() -> None:
    with mpmath.workdps(60):
        for j in range(16):
            root = mpmath.mpf(2) ** (mpmath.mpf(j) / 16)
            assert tables.ROOTS[j] == float(root)
            assert tables.ROOTS_LOW[j] == float(root - tables.ROOTS[j])
            share = mpmath.mpf(tables.SHARES[j])
            log = -mpmath.log(share)
            assert abs(tables.LOGS[j] + mpmath.mpf(tables.LOGS_LOW[j]) - log) < 1e-28
            assert (tables.LOGS[j] * 2**43).is_integer()
            ends = [share * (1 + mpmath.mpf(k) / 16) - 1 for k in (j, j + 1)]
            assert max(map(abs, ends)) <= 2**-4
            assert (tables.SHARES[j] * 32).is_integer()
