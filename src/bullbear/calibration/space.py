"""The space in which constants are sought: logarithms, logits or the values themselves."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import expit, logit

Array = npt.NDArray[np.float64]
_EDGE = 1e-12  # a logit is infinite at a bound


@dataclass(frozen=True)
class Space:
    """Names, bounds and scales of what is sought; arrays of shape (parameter,)."""

    names: tuple[str, ...]
    lower: Array
    upper: Array
    scales: tuple[str, ...]

    def to_fit(self, values: Array) -> Array:
        """Values of the constants, shape (..., parameter), as coordinates of the search."""
        columns = [self._forward(scale, values[..., i], i) for i, scale in enumerate(self.scales)]
        return np.stack(columns, axis=-1)

    def from_fit(self, coordinates: Array) -> Array:
        """Coordinates of the search, shape (..., parameter), as values within the bounds."""
        columns = [
            self._backward(scale, coordinates[..., i], i) for i, scale in enumerate(self.scales)
        ]
        return np.clip(np.stack(columns, axis=-1), self.lower, self.upper)

    def slopes(self, values: Array) -> Array:
        """d value / d coordinate at given values, shape (..., parameter)."""
        found = np.ones(values.shape)
        for i, scale in enumerate(self.scales):
            if scale == "log":
                found[..., i] = values[..., i]
            elif scale == "logit":
                width = self.upper[i] - self.lower[i]
                share = (values[..., i] - self.lower[i]) / width
                found[..., i] = width * share * (1 - share)
        return found

    @property
    def bounds(self) -> tuple[Array, Array]:
        """The bounds as coordinates; a logit's are where rounding ends."""
        return self.to_fit(self.lower), self.to_fit(self.upper)

    def _forward(self, scale: str, value: Array, i: int) -> Array:
        if scale == "log":
            return np.asarray(np.log(value))
        if scale == "logit":
            share = (value - self.lower[i]) / (self.upper[i] - self.lower[i])
            return np.asarray(logit(np.clip(share, _EDGE, 1 - _EDGE)))
        return value

    def _backward(self, scale: str, coordinate: Array, i: int) -> Array:
        if scale == "log":
            return np.asarray(np.exp(coordinate))
        if scale == "logit":
            width = self.upper[i] - self.lower[i]
            return np.asarray(self.lower[i] + width * expit(coordinate))
        return coordinate
