"""A text file and the way from an offset in it to a line and a column."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field
from pathlib import Path

from bullbear.errors import ERROR, EquationError, Finding, Where


@dataclass(frozen=True)
class Source:
    """The text of one file; `name` is what messages call it."""

    name: str
    text: str
    folder: Path = Path()
    _starts: list[int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        starts = [0]
        starts.extend(i + 1 for i, c in enumerate(self.text) if c == "\n")
        object.__setattr__(self, "_starts", starts)

    @classmethod
    def read(cls, path: Path) -> Source:
        """Read a file as UTF-8, or as Latin-1 where it is not UTF-8 (old Vensim files)."""
        try:
            data = path.read_bytes()
        except OSError as fault:
            reason = fault.strerror or str(fault)
            raise EquationError(
                f"cannot read the equation file: {reason}",
                code="unreadable",
                where=Where(str(path)),
            ) from fault
        try:
            text = data.decode("utf-8-sig")
        except UnicodeDecodeError:
            text = data.decode("latin-1")
        return cls(str(path), text.replace("\r\n", "\n").replace("\r", "\n"), path.parent)

    def where(self, offset: int) -> Where:
        line = bisect_right(self._starts, offset)
        return Where(self.name, line, offset - self._starts[line - 1] + 1)

    def line_at(self, offset: int) -> str:
        line = bisect_right(self._starts, offset)
        end = self.text.find("\n", offset)
        return self.text[self._starts[line - 1] : len(self.text) if end < 0 else end]

    def finding(
        self, offset: int, code: str, message: str, hint: str = "", severity: str = ERROR
    ) -> Finding:
        """A finding at an offset, with the line it stands on."""
        return Finding(code, message, self.where(offset), hint, severity, self.line_at(offset))
