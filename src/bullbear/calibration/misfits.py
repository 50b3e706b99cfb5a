"""The residuals of a problem at points of many searches, each with its own view of the numbers."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bullbear.calibration.batches import Batches
from bullbear.calibration.curvature import beforehand
from bullbear.calibration.descent import Lanes, Room
from bullbear.calibration.predictions import Prediction

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Held:
    """A prediction that a search must keep at `place`, within about `tight`."""

    prediction: Prediction
    place: float
    tight: float


class Misfits:
    """Residuals of all targets and beliefs, for `descend_all`.

    Parameters
    ----------
    scales : of the targets, shape (search, target)
    counted : whether a target counts, shape (search, target); its residual is 0 where it does not
    held : one per search, or none
    """

    def __init__(
        self,
        batches: Batches,
        scales: Array,
        counted: npt.NDArray[np.bool_],
        held: Sequence[Held | None] = (),
    ) -> None:
        self.batches, self.objective = batches, batches.objective
        self.scales, self.counted, self.held = scales, counted, held

    @classmethod
    def plain(cls, batches: Batches, count: int) -> Misfits:
        """The problem as it is, for `count` searches."""
        objective = batches.objective
        size = (count, len(objective.targets))
        return cls(batches, np.broadcast_to(objective.scales, size).copy(),
                   np.broadcast_to(objective.fitted, size))  # fmt: skip

    def values(self, lanes: Lanes, points: Array) -> Array:
        values = self.objective.space.from_fit(points)
        return self._residuals(lanes, values, self.batches.predictions(values))

    def slopes(self, lanes: Lanes, points: Array) -> tuple[Array, Array]:
        objective = self.objective
        values = objective.space.from_fit(points)
        predicted, by_value = self.batches.slopes(values)
        residuals = self._residuals(lanes, values, predicted)
        counted = self.counted[lanes]
        slope = objective.terms(predicted, self.scales[lanes]).slope
        rows = np.where(counted[..., None], slope[..., None] * by_value, 0.0)
        tables = [rows, objective.beliefs.slopes(values)]
        if self.held:
            tables.append(self._held_slopes(lanes, values))
        return residuals, np.concatenate(tables, axis=1) * objective.space.slopes(values)[:, None]

    def _residuals(self, lanes: Lanes, values: Array, predicted: Array) -> Array:
        terms = self.objective.terms(predicted, self.scales[lanes])
        parts = [
            np.where(self.counted[lanes], terms.residual, 0.0),
            self.objective.beliefs.residuals(values),
        ]
        failed = np.isnan(predicted).any(axis=1)
        if self.held:
            parts.append(self._held_residuals(lanes, values)[:, None])
        found = np.concatenate(parts, axis=1)
        found[failed] = np.nan
        return found

    # -- likelihoods and free scales -------------------------------------------------------------

    def objectives(self, points: Array) -> Array:
        """Negative log of likelihood and beliefs at one point per search; infinite where it fails.

        Constants are as in `Evaluation.objective`.
        """
        objective = self.objective
        values = objective.space.from_fit(points)
        nll = objective.terms(self.batches.predictions(values), self.scales).nll
        nlp = 0.5 * (objective.beliefs.residuals(values) ** 2).sum(axis=1)
        found = np.where(self.counted, nll, 0.0).sum(axis=1) + nlp
        return np.where(np.isfinite(found), found, np.inf)

    def rescale(self, points: Array) -> float:
        """Set the free scales of every search to the spread there; the largest relative change."""
        if all(target.scale is not None for target in self.objective.targets):
            return 0.0
        predicted = self.batches.predictions(self.objective.space.from_fit(points))
        other, change = copy.copy(self.objective), 0.0
        for lane in np.flatnonzero(np.isfinite(predicted).all(axis=1)):
            other.scales = self.scales[lane]
            change = max(change, other.rescale(predicted[lane]))
            self.scales[lane] = other.scales
        return change

    # -- predictions that are held ---------------------------------------------------------------

    def _held_residuals(self, lanes: Lanes, values: Array) -> Array:
        found = np.zeros(len(lanes))
        for prediction, rows in self._asked(lanes):
            value, _ = self.batches.foretold(prediction, values[rows])
            value = np.minimum(value, self.batches.horizon(prediction))
            found[rows] = self._distance(lanes[rows], value)
        return found

    def _held_slopes(self, lanes: Lanes, values: Array) -> Array:
        found = np.zeros((len(lanes), 1, values.shape[1]))
        for prediction, rows in self._asked(lanes):
            _, slopes = self.batches.foretold(prediction, values[rows], slopes=True)
            assert slopes is not None
            tight = np.array([self._of(lane).tight for lane in lanes[rows]])
            found[rows, 0] = slopes / tight[:, None]
        return found

    def _asked(self, lanes: Lanes) -> list[tuple[Prediction, Lanes]]:
        """Predictions that some lanes hold, and the positions of these."""
        held = [self.held[lane] for lane in lanes]
        names = {h.prediction.name: h.prediction for h in held if h is not None}
        return [
            (p, np.array([i for i, h in enumerate(held) if h is not None and h.prediction == p]))
            for p in names.values()
        ]

    def _of(self, lane: int) -> Held:
        found = self.held[lane]
        assert found is not None
        return found

    def _distance(self, lanes: Lanes, value: Array) -> Array:
        held = [self._of(lane) for lane in lanes]
        place = np.array([h.place for h in held])
        with np.errstate(invalid="ignore"):
            return np.asarray((value - place) / np.array([h.tight for h in held]))

    # -- the room of a search --------------------------------------------------------------------

    def room(self, count: int) -> Room:
        """The bounds of the problem; a unit step is what is believed of a constant beforehand."""
        objective = self.objective
        lower, upper = objective.space.bounds
        scale = beforehand(objective, objective.starts)
        logit = np.array([s == "logit" for s in objective.space.scales])
        scale = np.where(logit & ~np.isfinite(objective.beliefs.spread), 1.0, scale)
        return Room(lower, upper, scale, np.ones((count, len(lower)), dtype=bool))
