"""Reading a model file of any format that bullbear knows."""

from __future__ import annotations

from pathlib import Path

from bullbear.equations.document import Document
from bullbear.equations.vensim import read_vensim


def read_document(path: str | Path) -> Document:
    """Read a Vensim, XMILE or Stella file, told by its ending; faults stand in `findings`."""
    from bullbear.equations.xmile.reader import SUFFIXES, read_xmile

    suffix = Path(path).suffix.lower()
    return read_xmile(path) if suffix in SUFFIXES else read_vensim(path)
