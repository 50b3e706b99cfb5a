"""What a check can say of a variable's course, and the sentence for where it is not so."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from bullbear.analysis.checks_file import Check
from bullbear.analysis.courses import Course

Array = npt.NDArray[np.float64]
ROUNDING = 1e-9
"""What a comparison lets pass, over the variable's largest absolute value [1]."""


def window(run: Course, column: str, check: Check) -> tuple[Array, Array]:
    """Steps in the check's window [time unit] and the variable there, shape (step,) each."""
    times = run.times
    low = times[0] if check.start is None else check.start
    high = times[-1] if check.end is None else check.end
    inside = (times >= low - ROUNDING) & (times <= high + ROUNDING)
    return times[inside], run.values[column][inside]


def mistimed(check: Check, run: Course) -> Iterator[str]:
    """The events that do not happen before, or do not happen after, the time of the check."""
    (limit,) = _numbers(check)
    for name in check.variables:
        time = run.events[name]
        early = time is not None and time < limit
        if early != (check.predicate == "before"):
            found = f"after {run.horizon:g}" if time is None else f"{time:.2f}"
            yield f"{name} is {found}, not {check.predicate} {limit:g}"


def broken(check: Check, times: Array, values: Array, base: Array | None) -> str | None:
    """What is wrong, where it is worst; None where nothing is.

    Parameters
    ----------
    times, values : the window, shape (time,)
    base : the variable in the run that it is compared with; None for the other predicates
    """
    if base is not None:
        return _broken_against_base(check, times, values, base)
    excess, wanted = _excess(check, values)
    worst = int(np.argmax(excess))
    if excess[worst] <= ROUNDING * float(np.max(np.abs(values))):
        return None
    return f"{wanted} and is {values[worst]:.6g} at {times[worst]:.6g}"


def _excess(check: Check, values: Array) -> tuple[Array, str]:
    """By how much the predicate is missed at every time, and what it asks for."""
    if check.predicate in ("never_rises", "never_falls"):
        rise = np.diff(values, prepend=values[0])
        falls = check.predicate == "never_falls"
        return (-rise, "must never fall") if falls else (rise, "must never rise")
    numbers = _numbers(check)
    low, high = numbers[0], numbers[-1]
    if check.predicate == "at_least":
        return low - values, f"must be at least {low:g}"
    if check.predicate == "at_most":
        return values - high, f"must be at most {high:g}"
    if check.predicate == "between":
        return np.maximum(low - values, values - high), f"must be between {low:g} and {high:g}"
    return np.abs(values - low) - ROUNDING * abs(low), f"must equal {low:g}"


def _numbers(check: Check) -> list[float]:
    value = check.value
    return [float(v) for v in (value if isinstance(value, list) else [value or 0.0])]


def _broken_against_base(check: Check, times: Array, values: Array, base: Array) -> str | None:
    scale = float(np.max(np.abs(base), initial=0.0))
    change = values - base
    if check.predicate == "unchanged":
        allowed = max([*_numbers(check), ROUNDING]) * scale
        worst = int(np.argmax(np.abs(change)))
        if abs(change[worst]) <= allowed:
            return None
        return (
            f"must not change and is {values[worst]:.6g}, not {base[worst]:.6g}, "
            f"at {times[worst]:.6g}"
        )
    wanted = change if check.predicate == "higher_than_base" else -change
    word = "higher" if check.predicate == "higher_than_base" else "lower"
    worst = int(np.argmin(wanted))
    if wanted[worst] < -ROUNDING * scale:
        return (
            f"must be {word} than in the base and is {values[worst]:.6g} against "
            f"{base[worst]:.6g} at {times[worst]:.6g}"
        )
    if float(np.max(wanted)) <= ROUNDING * scale:
        return f"must be {word} than in the base and is the same"
    return None
