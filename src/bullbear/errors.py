"""What can go wrong, said so that the reader knows what to do next.

Every error has four parts: where (file, line, column), what was found, what was expected, and the
nearest remedy.  Reading and checking collect `Finding` objects, so that all faults of a file are
answered at once; whatever cannot go on raises one child of `BullbearError`.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

ERROR, WARNING, NOTE = "error", "warning", "note"


@dataclass(frozen=True, slots=True)
class Where:
    """A place in a text file; lines and columns count from 1."""

    file: str | None = None
    line: int | None = None
    column: int | None = None

    @property
    def order(self) -> tuple[str, int, int]:
        """What places are sorted by."""
        return self.file or "", self.line or 0, self.column or 0

    def __str__(self) -> str:
        parts = [str(part) for part in (self.file, self.line, self.column) if part is not None]
        return ":".join(parts)


@dataclass(frozen=True, slots=True)
class Finding:
    """One fault of a file that a modeller writes.

    `excerpt` is the line of the file on which the fault stands, without its line end.
    """

    code: str
    message: str
    where: Where
    hint: str = ""
    severity: str = ERROR
    excerpt: str = ""

    def __str__(self) -> str:
        return f"{self.where}: {self.severity} {self.code}: {self.message}"

    def pointed(self) -> str:
        """The finding, the line it is about with a caret below it, and the remedy."""
        lines = [str(self)]
        if self.excerpt and self.where.column is not None:
            margin = self.excerpt[: self.where.column - 1]
            lines.append("  " + self.excerpt)
            lines.append("  " + "".join("\t" if c == "\t" else " " for c in margin) + "^")
        if self.hint:
            lines.append(f"  hint: {self.hint}")
        return "\n".join(lines)


class BullbearError(Exception):
    """Base of all errors that a user can cause and mend."""

    exit_code = 1

    def __init__(
        self,
        message: str,
        *,
        code: str = "error",
        where: Where | None = None,
        hint: str = "",
        findings: Sequence[Finding] = (),
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.where = where
        self.hint = hint
        self.findings = tuple(findings)

    def __str__(self) -> str:
        place = f"{self.where}: " if self.where and str(self.where) else ""
        remedy = f"\n  hint: {self.hint}" if self.hint else ""
        return f"{place}{self.message}{remedy}"


class UsageError(BullbearError):
    """The command or call names something that does not exist or cannot be had."""

    exit_code = 2


class EquationError(BullbearError):
    """Equation files that cannot be read, resolved or ordered."""

    @classmethod
    def from_findings(cls, findings: Sequence[Finding]) -> EquationError:
        """One error that carries all `findings`; its text shows each with its line."""
        text = "\n".join(finding.pointed() for finding in findings)
        return cls(text, code=findings[0].code, findings=findings)


class ModelError(BullbearError):
    """A model or scenario file that does not say what it must."""


class DataError(BullbearError):
    """A table of numbers that cannot be read or trusted."""


class SimulationError(BullbearError):
    """A run that went where no stock may go: negative, infinite or not a number."""


def nearest(name: str, candidates: Iterable[str], count: int = 3) -> list[str]:
    """The candidates that look most like `name`, best first, ignoring case and blanks."""
    return list(_nearest(name, tuple(candidates), count))


@lru_cache(maxsize=1024)  # a name that is wrong in one place is wrong in many
def _nearest(name: str, candidates: tuple[str, ...], count: int) -> tuple[str, ...]:
    spelled = {" ".join(c.replace("_", " ").casefold().split()): c for c in candidates}
    wanted = " ".join(name.replace("_", " ").casefold().split())
    found = difflib.get_close_matches(wanted, spelled, n=count, cutoff=0.6)
    return tuple(spelled[f] for f in found)


def did_you_mean(name: str, candidates: Iterable[str]) -> str:
    """A hint that names the nearest candidates, or an empty text where none is near."""
    found = nearest(name, candidates)
    return "did you mean " + " or ".join(f'"{f}"' for f in found) + "?" if found else ""
