"""A field whose equilibria are looked for, in coordinates in which conserved totals are gone.

States are x = base + scale · N z, where the columns of N are an orthonormal basis of the directions
that change no conserved total; so the Jacobian in z has the eigenvalues that matter and none of the
zeros that every total adds.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from bullbear.analysis import newton

Array = npt.NDArray[np.float64]
Field = Callable[[Array], Array]
FLAT = 1e-9
"""A singular value below this share of the largest counts as 0."""


@dataclass(frozen=True)
class Problem:
    """dx/dt = field(x) with totals · x fixed.

    Attributes
    ----------
    names : of the states, shape (state,)
    field, jacobian : of the states [unit/time unit], [1/time unit]; shapes (state,), (state, state)
    scale : typical size of every state [unit]
    totals : weights of the conserved sums, shape (total, state)
    base : a point on which the totals have the values that are meant, shape (state,)
    """

    names: tuple[str, ...]
    field: Field
    jacobian: Field
    scale: Array
    totals: Array
    base: Array

    @cached_property
    def basis(self) -> Array:
        """Directions that change no total, in scaled states, shape (state, coordinate)."""
        if not len(self.totals):
            return np.eye(len(self.names))
        scaled = self.totals * self.scale
        scaled = scaled / np.abs(scaled).max(axis=1, keepdims=True)
        _, values, vectors = np.linalg.svd(scaled)
        rank = int((values > FLAT * values[0]).sum())
        return np.asarray(vectors[rank:].T)

    def states(self, z: Array) -> Array:
        return np.asarray(self.base + self.scale * (self.basis @ z))

    def coordinates(self, states: Array) -> Array:
        """The nearest point that has the totals."""
        return np.asarray(self.basis.T @ ((states - self.base) / self.scale))

    def flow(self, z: Array) -> Array:
        with np.errstate(all="ignore"):  # a step too far is no fault; Newton takes a shorter one
            return np.asarray(self.basis.T @ (self.field(self.states(z)) / self.scale))

    def slopes(self, z: Array) -> Array:
        return self.reduced(self.jacobian(self.states(z)))

    def reduced(self, jacobian: Array) -> Array:
        """A Jacobian by states in these coordinates."""
        with np.errstate(all="ignore"):
            scaled = jacobian * self.scale[None, :] / self.scale[:, None]
            return np.asarray(self.basis.T @ scaled @ self.basis)

    def solve(self, starts: Sequence[Array], tol: float = 1e-9) -> list[newton.Root]:
        """Every different equilibrium that Newton's method reaches from the starts."""
        coordinates = [self.coordinates(start) for start in starts]
        found = newton.solve_many(
            self.flow, self.slopes, coordinates, np.ones(self.basis.shape[1]), tol
        )
        return [newton.Root(self.states(root.states), root.residual) for root in found]

    def flat_directions(self, states: Array) -> list[list[str]]:
        """States that can move together without any rate changing: lines of equilibria.

        Each entry names the states of one direction, the largest share first.
        """
        slopes = self.slopes(self.coordinates(states))
        if not slopes.size or not np.isfinite(slopes).all():
            return []
        _, values, vectors = np.linalg.svd(slopes)
        flat = vectors[values <= FLAT * max(float(values[0]), 1e-300)]
        return [self._largest(self.basis @ vector) for vector in flat]

    def _largest(self, direction: Array) -> list[str]:
        order = np.argsort(-np.abs(direction))
        return [self.names[i] for i in order if abs(direction[i]) > 0.05 * abs(direction[order[0]])]
