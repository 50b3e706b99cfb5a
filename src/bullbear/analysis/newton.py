"""Equilibria by Newton's method from many starts."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Field = Callable[[Array], Array]
MOST_STEPS = 200
SAME = 1e-6  # scaled distance at which two solutions are one


@dataclass(frozen=True)
class Root:
    """A point where the field vanishes, and how well; `residual` is max |F| / rate scale."""

    states: Array
    residual: float


def solve(field: Field, jacobian: Field, start: Array, scale: Array, tol: float) -> Root | None:
    """Damped Newton from one start; None where it does not arrive.

    Parameters
    ----------
    field, jacobian : of the states, shapes (state,) and (state, state)
    start, scale : shape (state,); `scale` is the typical size of every state
    tol : largest |F| / scale that counts as zero [1/time unit]
    """
    x = start.astype(np.float64)
    f = field(x)
    size = _size(f, scale)
    for _ in range(MOST_STEPS):
        if size <= tol * 1e-3:
            break
        step = _newton_step(jacobian(x), f, scale)
        share = 1.0
        while share > 1e-6:
            trial = x + share * step
            g = field(trial)
            if np.isfinite(g).all() and _size(g, scale) < (1 - 1e-4 * share) * size:
                break
            share /= 2
        else:
            break
        x, f, size = trial, g, _size(g, scale)
    return Root(x, size) if size <= tol else None


def _size(f: Array, scale: Array) -> float:
    return float(np.max(np.abs(f) / scale, initial=0.0))


def _newton_step(jacobian: Array, f: Array, scale: Array) -> Array:
    """In scaled states; the shortest step where the Jacobian is singular."""
    scaled = jacobian * scale[None, :] / scale[:, None]
    if not np.isfinite(scaled).all():
        return np.zeros_like(f)
    step = np.linalg.lstsq(scaled, -f / scale, rcond=None)[0]
    return np.asarray(step * scale, dtype=np.float64)


def solve_many(
    field: Field, jacobian: Field, starts: Iterable[Array], scale: Array, tol: float = 1e-9
) -> list[Root]:
    """Every different root that Newton reaches from the starts, in the order found."""
    found: list[Root] = []
    for start in starts:
        root = solve(field, jacobian, start, scale, tol)
        if root is None:
            continue
        distances = [_size(root.states - known.states, scale) for known in found]
        if all(distance > SAME for distance in distances):
            found.append(root)
    return found
