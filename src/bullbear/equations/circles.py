"""What is said of equations that wait for each other."""

from __future__ import annotations

from collections.abc import Sequence

from bullbear.equations.document import Equation
from bullbear.equations.expressions import Call, Name, walk
from bullbear.equations.names import canonical
from bullbear.errors import Finding

_CODE = "simultaneous"


def waiting(names: Sequence[str], equation: Equation, reads: str, *, initial: bool) -> Finding:
    """The finding for a circle of variables.

    Parameters
    ----------
    names : of the variables, each of which waits for the next and the last for the first
    equation : of the first of them
    reads : canonical name of the one that it reads
    initial : whether initial values wait, not equations
    """
    what = "initial values" if initial else "equations"
    return equation.source.finding(
        _reference(equation, reads), _CODE,
        f"these {what} wait for each other: " + " → ".join([*names, names[0]]),
        "use ACTIVE INITIAL to give one of them a start" if initial
        else "put a stock or a SMOOTH into the loop",
    )  # fmt: skip


def is_part_of(circle: Finding, known: Finding) -> bool:
    """Whether a known finding is of a circle that passes all variables of this one."""
    return known.code == _CODE and _names(circle) <= _names(known)


def _names(circle: Finding) -> set[str]:
    return set(circle.message.partition(": ")[2].split(" → "))


def _reference(equation: Equation, key: str) -> int:
    """Where an equation reads a variable; its beginning where the tree does not say."""
    if equation.expression is not None:
        for node in walk(equation.expression):
            if isinstance(node, Name | Call) and canonical(node.name) == key:
                return node.span.start
    return equation.span.start
