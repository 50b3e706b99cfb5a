"""What the eigenvalues of an equilibrium say, in half-lives, doubling times and periods."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Complex = npt.NDArray[np.complex128]
NEUTRAL = 1e-9  # |real part| over the largest |eigenvalue| below which it counts as zero


@dataclass(frozen=True)
class Stability:
    """The verdict on one equilibrium.

    Attributes
    ----------
    eigenvalues : by descending real part [1/time unit]
    kind : `stable`, `unstable`, `saddle` or `neutral`
    half_life : of the slowest decaying mode, None where a mode grows or stands [time unit]
    doubling_time : of the fastest growing mode, None where none grows [time unit]
    period : of the least damped oscillation, None where there is none [time unit]
    """

    eigenvalues: Complex
    kind: str
    half_life: float | None
    doubling_time: float | None
    period: float | None

    @property
    def stable(self) -> bool:
        return self.kind == "stable"


def judge(jacobian: Array) -> Stability:
    """The stability that a Jacobian, shape (state, state), tells."""
    values = np.linalg.eigvals(jacobian) if jacobian.size else np.array([], dtype=complex)
    values = values[np.argsort(-values.real, kind="stable")].astype(np.complex128)
    size = float(np.abs(values).max(initial=0.0))
    real = np.where(np.abs(values.real) <= NEUTRAL * size, 0.0, values.real)
    growing, decaying = real > 0, real < 0
    kind = (
        "saddle" if growing.any() and decaying.any()
        else "unstable" if growing.any()
        else "stable" if decaying.all() and real.size
        else "neutral"
    )  # fmt: skip
    turning = np.abs(values.imag) > NEUTRAL * size
    return Stability(
        values,
        kind,
        float(np.log(2) / -real.max()) if kind == "stable" else None,
        float(np.log(2) / real.max()) if growing.any() else None,
        float(2 * np.pi / np.abs(values.imag[turning][0])) if turning.any() else None,
    )
