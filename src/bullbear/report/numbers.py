"""Numbers as people read them: three digits and k, M or bn; the only place that scales a number."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from bullbear.equations.names import canonical, split_element

if TYPE_CHECKING:
    from bullbear.models.definition import ModelDefinition

SUFFIXES = ((1e9, "bn"), (1e6, "M"), (1e3, "k"), (1.0, ""))
NOTHING = 1e-6
"""Below this share of the largest value of its kind a number is shown as `~0`."""
NO_UNIT = ("", "dmnl", "1")


def short(value: float, largest: float = 0.0) -> str:
    """Three significant digits; `~0` for what is nothing beside the largest value of its kind.

    >>> short(1641707268), short(999.9), short(0.0126), short(0), short(-2e-9, largest=1e6)
    ('1.64bn', '1.00k', '0.0126', '0', '~0')
    """
    if value == 0:
        return "0"
    if abs(value) < NOTHING * largest:
        return "~0"
    if not math.isfinite(value) or not 1e-3 <= abs(value) < 999.5e9:
        return f"{value:.1e}" if math.isfinite(value) else str(value)
    rounded = float(f"{value:.2e}")  # 999.9 is 1.00k, not 1000
    factor, suffix = _factor(rounded)
    return _digits(rounded / factor, 3) + suffix


def tick(value: float) -> str:
    """A round number at an axis, with no digit more than it needs.

    >>> tick(2.5e6), tick(1e9), tick(0.01)
    ('2.5M', '1bn', '0.01')
    """
    factor, suffix = _factor(value)
    return f"{value / factor:.6g}{suffix}"


def percent(share: float) -> str:
    """A share of one in per cent, with two digits.

    >>> percent(0.0237), percent(0.32), percent(2e-5), percent(0.0101), percent(1e-15), percent(0)
    ('2.4 %', '32 %', '0.0020 %', '1.0 %', 'under 0.001 %', '0 %')
    """
    if 0 < share < 1e-5:
        return "under 0.001 %"
    return f"{_digits(100 * share, 2)} %"


def year(time: float) -> str:
    """A time without needless digits: 2026, 2021.75."""
    return f"{time:g}"


def unit_label(unit: str) -> str:
    """A unit for an axis; what has none says so."""
    return "no unit" if unit.strip().casefold() in NO_UNIT else unit


def named_with_unit(name: str, unit: str) -> str:
    """`Name [unit]`; the name alone where there is no unit."""
    return name if unit.strip().casefold() in NO_UNIT else f"{name} [{unit}]"


def known_units(definition: ModelDefinition, units: Mapping[str, str] | None) -> dict[str, str]:
    """Units by canonical name: those of the plots of the model file, then those given."""
    found = {_key(name): plot.unit for plot in definition.plots for name in plot.variables}
    return found | {_key(name): unit for name, unit in (units or {}).items()}


def unit_of(name: str, units: Mapping[str, str]) -> str:
    """The unit of a variable or of one of its elements, empty where nobody said it."""
    return units.get(_key(name), "")


def columns_of(name: str, columns: Iterable[str]) -> list[str]:
    """The columns of a variable, all elements of it, or the one element that is named."""
    base, elements = split_element(name)
    wanted = (canonical(base), tuple(map(canonical, elements)))
    found = []
    for column in columns:
        variable, subscripts = split_element(column)
        key = (canonical(variable), tuple(map(canonical, subscripts)))
        if key == wanted or (not elements and key[0] == wanted[0]):
            found.append(column)
    return found


def _key(name: str) -> str:
    return canonical(split_element(name)[0])


def _digits(value: float, digits: int) -> str:
    """A number with so many significant digits, and no exponent."""
    rounded = float(f"{value:.{digits - 1}e}")
    if rounded == 0:
        return "0"
    return f"{rounded:.{max(0, digits - 1 - math.floor(math.log10(abs(rounded)) + 1e-9))}f}"


def _factor(value: float) -> tuple[float, str]:
    return next(((f, suffix) for f, suffix in SUFFIXES if abs(value) >= f * (1 - 1e-9)), (1.0, ""))
