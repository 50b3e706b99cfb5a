"""Which variable a name in a module means, and which subscripts it has."""

from __future__ import annotations

from dataclasses import dataclass, field

from bullbear.equations.names import canonical


@dataclass(frozen=True)
class Symbol:
    """A variable of some module: its full name, its dimensions, and the kind of its lookup."""

    name: str
    dimensions: tuple[str, ...]
    lookup: str = ""  # continuous, extrapolate or discrete, where calls read its points
    only_lookup: bool = False


@dataclass
class Symbols:
    """All variables of a file by canonical full name, and the elements of every dimension."""

    variables: dict[str, Symbol] = field(default_factory=dict)
    dimensions: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def full_name(self, text: str, prefix: str) -> str:
        """The full name that a reference from inside a module means.

        `.x` is the x of the root; `m.x` the x of a module inside this one, else of the root.
        """
        if text.startswith("."):
            return text[1:]
        inside = f"{prefix}{text}"
        if canonical(inside) in self.variables or "." not in text:
            return inside
        return text

    def find(self, text: str, prefix: str) -> Symbol | None:
        return self.variables.get(canonical(self.full_name(text, prefix)))

    def is_dimension(self, name: str) -> bool:
        return canonical(name) in self.dimensions


def spelled(name: str) -> str:
    """A name as people read it: the file writes line breaks as backslash and n."""
    return " ".join(name.replace("\\n", " ").replace('"', "").split())
