"""Elementary effects (Morris 1991): which inputs matter at all, for few runs an input."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
LEVELS = 4


@dataclass(frozen=True)
class ElementaryEffects:
    """Mean, mean absolute value and spread of the elementary effects, each (input, output)."""

    mu: Array
    mu_star: Array
    sigma: Array


def morris_design(inputs: int, trajectories: int, seed: int) -> Array:
    """Trajectories in the unit cube, shape (trajectory, inputs + 1, inputs).

    Two following points of a trajectory differ in one input.  The sampler is SALib's.
    """
    from SALib.sample import morris

    problem = {
        "num_vars": inputs,
        "names": [str(i) for i in range(inputs)],
        "bounds": [[0.0, 1.0]] * inputs,
    }
    points = morris.sample(problem, trajectories, num_levels=LEVELS, seed=seed)
    return np.asarray(points, dtype=np.float64).reshape(trajectories, inputs + 1, inputs)


def elementary_effects(design: Array, values: Array) -> ElementaryEffects:
    """Effects over the whole range of every input.

    Parameters
    ----------
    design : shape (trajectory, inputs + 1, inputs), in the unit cube
    values : shape (trajectory, inputs + 1, output)
    """
    moves = np.diff(design, axis=1)
    moved = np.argmax(np.abs(moves), axis=2)  # (trajectory, input): which one moved
    distance = np.take_along_axis(moves, moved[:, :, None], axis=2)
    slopes = np.diff(values, axis=1) / distance
    order = np.argsort(moved, axis=1)
    effects = np.take_along_axis(slopes, order[:, :, None], axis=1)
    return ElementaryEffects(
        effects.mean(axis=0), np.abs(effects).mean(axis=0), effects.std(axis=0, ddof=1)
    )
