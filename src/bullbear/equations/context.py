"""Where an expression stands while it is lowered, and how a fault in it is told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from bullbear.equations.document import Macro
from bullbear.equations.expressions import Expression, Subscript
from bullbear.equations.source import Source
from bullbear.equations.system import Definition, Variable

RUN, HELD, INITIAL = "run", "held", "initial"


class LoweringFault(Exception):
    """A fault at one place of an equation; becomes a finding.

    `source` is set where the fault stands in another file than the equation being lowered, as an
    argument of a macro does.
    """

    def __init__(self, node: Expression | Subscript, code: str, message: str, hint: str = ""):
        super().__init__(message)
        self.offset, self.code, self.message, self.hint = node.span.start, code, message, hint
        self.source: Source | None = None


@dataclass(frozen=True)
class Context:
    """Where an expression stands: its equation, the subscripts bound there, and the mode."""

    variable: Variable
    definition: Definition
    bound: dict[str, str]
    mode: str
    name: str  # the element's full name
    scope: Scope | None = None  # inside a macro

    @property
    def source(self) -> Source:
        return self.definition.equation.source


@dataclass(frozen=True)
class Scope:
    """One call of a macro: what its inputs stand for, and the variables of its body.

    Everything in it is a scalar; a call with subscripts is one scope per element.
    """

    macro: Macro
    place: str  # unique; the prefix of the names of its hidden states
    arguments: Mapping[str, tuple[Expression, Context]] = field(repr=False)
    variables: Mapping[str, Variable] = field(repr=False)
