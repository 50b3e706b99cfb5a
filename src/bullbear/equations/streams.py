"""Random numbers as a pure function of counters: each random call has a stream of its own.

The number of a stream at a step is a hash of (seed, draw, stream, step), so that a run gives the
same numbers whatever the order, the threads and the other runs are.  Every printer works the same
hash on 64-bit integers (the finaliser of SplitMix64, Steele, Lea and Flood 2014).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

_MASK = (1 << 64) - 1
GOLDEN, FIRST, SECOND = 0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB
UNIT, HALF = 2.0**-53, 2.0**-54


def mixed(z: int) -> int:
    """A 64-bit integer scrambled."""
    z = ((z ^ (z >> 30)) * FIRST) & _MASK
    z = ((z ^ (z >> 27)) * SECOND) & _MASK
    return z ^ (z >> 31)


def uniform(seed: int, draw: int, stream: int, step: int) -> float:
    """A number inside (0, 1), never 0 or 1."""
    z = stream
    for counter in (seed, draw, step):
        z = mixed((z + GOLDEN * (counter + 1)) & _MASK)
    return (z >> 11) * UNIT + HALF


def uniform_array(
    seed: int, draws: npt.NDArray[np.uint64], stream: int, steps: npt.NDArray[np.uint64]
) -> npt.NDArray[np.float64]:
    """`uniform` for many draws at one step, shape (draw,), or one draw at many, shape (step,)."""
    one = np.uint64(1)
    golden, first, second = (np.uint64(c) for c in (GOLDEN, FIRST, SECOND))
    z = np.full(np.shape(draws), stream, dtype=np.uint64)
    with np.errstate(over="ignore"):
        for counter in (np.uint64(seed), draws, steps):
            z = z + golden * (counter + one)
            z = (z ^ (z >> np.uint64(30))) * first
            z = (z ^ (z >> np.uint64(27))) * second
            z = z ^ (z >> np.uint64(31))
    return (z >> np.uint64(11)).astype(np.float64) * UNIT + HALF


def stream_of(name: str, number: int) -> int:
    """The stream of a variable's n-th random call: a hash, so that other variables leave it be."""
    digest = hashlib.blake2b(f"{name}#{number}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1  # a positive signed integer too


def scalar_source(controls: Mapping[str, float]) -> Callable[[float, int], float]:
    """A function of (time at the start of the step, stream) for one run."""
    seed, draw = int(controls.get("seed", 0)), int(controls.get("draw", 0))
    initial, dt = float(controls["initial_time"]), float(controls["time_step"])

    def at(held: float, stream: int) -> float:
        return uniform(seed, draw, stream, round((held - initial) / dt))

    return at


def array_source(controls: Mapping[str, Any]) -> Callable[[Any, int], npt.NDArray[np.float64]]:
    """As `scalar_source`, for an array of draws in `controls["draw"]`, or for an array of times."""
    seed = int(controls.get("seed", 0))
    draws = np.asarray(controls.get("draw", 0)).astype(np.uint64)
    initial, dt = float(controls["initial_time"]), float(controls["time_step"])

    def at(held: Any, stream: int) -> npt.NDArray[np.float64]:
        steps = np.rint((np.asarray(held) - initial) / dt).astype(np.uint64)
        return uniform_array(seed, draws, stream, steps)

    return at
