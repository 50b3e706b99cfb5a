"""A run in complex numbers: its imaginary part, over a tiny step, is the derivative.

An interpreter of statements of its own, so that it shares nothing with what it checks.  Choices go
by the real part.
"""

from __future__ import annotations

import cmath
import math
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from bullbear.equations.program import Level, Program
from bullbear.models.simulate import Grid

STEP = 1e-100
NAN = complex(math.nan, math.nan)


def _safe(function: Callable[..., complex]) -> Callable[..., complex]:
    def call(*arguments: complex) -> complex:
        try:
            return function(*arguments)
        except (ArithmeticError, ValueError):
            return NAN  # in a branch that is not taken

    return call


def _power(a: complex, b: complex) -> complex:
    if a == 0:
        return complex(0.0**b.real)
    return cmath.exp(b * cmath.log(a)) if b.imag else _real_power(a, b.real)


def _real_power(a: complex, b: float) -> complex:
    value = a.real**b
    return complex(value, b * value / a.real * a.imag)


def _truth(test: Callable[[float, float], bool]) -> Callable[[complex, complex], complex]:
    return lambda a, b: complex(test(a.real, b.real))


OPERATIONS: dict[str, Callable[..., complex]] = {
    "add": lambda a, b: a + b, "sub": lambda a, b: a - b, "mul": lambda a, b: a * b,
    "neg": lambda a: -a, "div": _safe(lambda a, b: a / b), "pow": _safe(_power),
    "exp": _safe(cmath.exp), "ln": _safe(cmath.log), "sqrt": _safe(cmath.sqrt),
    "sin": cmath.sin, "cos": cmath.cos, "tanh": cmath.tanh,
    "abs": lambda a: a if a.real >= 0 else -a,
    "min": lambda a, b: a if a.real < b.real else b,
    "max": lambda a, b: a if a.real > b.real else b,
    "integer": lambda a: complex(math.trunc(a.real)),
    "lt": _truth(lambda a, b: a < b), "le": _truth(lambda a, b: a <= b),
    "gt": _truth(lambda a, b: a > b), "ge": _truth(lambda a, b: a >= b),
    "eq": _truth(lambda a, b: a == b), "ne": _truth(lambda a, b: a != b),
    "and": lambda a, b: complex(bool(a.real and b.real)),
    "or": lambda a, b: complex(bool(a.real or b.real)),
    "not": lambda a: complex(not a.real),
    "select": lambda c, a, b: a if c.real else b,
}  # fmt: skip


class ComplexRun:
    """One program, run by Euler in complex numbers; stocks, samples and ring buffers."""

    def __init__(self, program: Program, outputs: Sequence[str]) -> None:
        self.program = program
        self.outputs = [program.outputs[name] for name in outputs]
        roots = [s.rate for s in program.states] + self.outputs
        starts = [s.initial for s in program.states]
        starts += [s.delay for s in program.states if s.kind == "fixed"]
        needed = program.needed([*roots, *starts])
        self.once = [i for i in needed if program.levels[i] <= Level.DRAW]
        self.often = [i for i in program.needed(roots) if program.levels[i] > Level.DRAW]

    def slopes(
        self, time: float, states: Sequence[float], parameters: Sequence[float], grid: Grid
    ) -> np.ndarray:
        """Derivatives of the rates (row) by the states (column) at one point."""
        values: dict[int, complex] = {}
        self._work(self.once, values, 0.0, (), parameters, grid.controls())
        columns = []
        for column in range(len(states)):
            stepped = [complex(x, STEP * (i == column)) for i, x in enumerate(states)]
            self._work(self.often, values, time, stepped, parameters, grid.controls())
            columns.append([values[s.rate].imag / STEP for s in self.program.states])
        return np.array(columns).T

    def run(self, grid: Grid, parameters: Sequence[complex]) -> np.ndarray:
        """Saved outputs, shape (time, output), complex."""
        controls = grid.controls()
        values: dict[int, complex] = {}
        self._work(self.once, values, 0.0, (), parameters, controls)
        states = [values[s.initial] for s in self.program.states]
        kinds = [s.kind for s in self.program.states]
        buffers = {
            i: [states[i]] * (max(1, math.floor(values[s.delay].real / grid.step + 0.5)) - 1)
            for i, s in enumerate(self.program.states)
            if s.kind == "fixed"
        }
        saved = []
        for k in range(grid.steps + 1):
            self._work(self.often, values, grid.time(k), states, parameters, controls)
            if k % grid.every == 0:
                saved.append([values[i] for i in self.outputs])
            rates = [values[s.rate] for s in self.program.states]
            for i, buffer in buffers.items():
                buffer.append(rates[i])
            states = [
                s + grid.step * r if kind == "stock" else r if kind == "sample" else
                buffers[i].pop(0)
                for i, (s, r, kind) in enumerate(zip(states, rates, kinds, strict=True))
            ]  # fmt: skip
        return np.array(saved)

    def _work(
        self,
        statements: Sequence[int],
        values: dict[int, complex],
        time: float,
        states: Sequence[complex],
        parameters: Sequence[complex],
        controls: Mapping[str, float],
    ) -> None:
        leaves: dict[str, Callable[..., complex]] = {
            "const": complex, "param": lambda i: complex(parameters[i]),
            "control": lambda name: complex(controls[name]), "time": lambda _: complex(time),
            "held": lambda _: complex(time), "state": lambda i: states[i],
        }  # fmt: skip
        for index in statements:
            node = self.program.nodes[index]
            if node.op in leaves:
                values[index] = leaves[node.op](node.data)
            elif node.op == "lookup":
                values[index] = self._lookup(node.data, values[node.args[0]])
            else:
                values[index] = OPERATIONS[node.op](*(values[a] for a in node.args))

    def _lookup(self, data: tuple[int, str], x: complex) -> complex:
        table, kind = data
        assert kind in ("interpolate", "backward")
        xs, ys = self.program.tables[table].x, self.program.tables[table].y
        i = bisect_right(xs, x.real) - 1
        if kind == "backward":
            return complex(ys[max(i, 0)])
        if i < 0 or i >= len(xs) - 1:
            return complex(ys[0] if i < 0 else ys[-1])
        return complex(ys[i] + (ys[i + 1] - ys[i]) / (xs[i + 1] - xs[i]) * (x - xs[i]))
