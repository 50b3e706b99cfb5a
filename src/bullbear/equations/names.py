"""Names as Vensim matches them: case, blanks, underscores and quotes do not matter."""

from __future__ import annotations

import re
from functools import lru_cache

_BLANKS = re.compile(r"[\s_\\]+")


@lru_cache(maxsize=65536)
def canonical(name: str) -> str:
    """The form under which two spellings of one name are equal.

    >>> canonical('  Treasury_NMR ') == canonical('"treasury  nmr"')
    True
    """
    text = name.strip()
    if len(text) > 1 and text[0] == text[-1] == '"':
        text = text[1:-1].replace('\\"', '"')
    return _BLANKS.sub(" ", text).strip().casefold()


def element_name(name: str, elements: tuple[str, ...]) -> str:
    """`Name[A,B]` without blanks between elements; the plain name of a scalar."""
    return f"{name}[{','.join(elements)}]" if elements else name


def split_element(text: str) -> tuple[str, tuple[str, ...]]:
    """`Name[A, B]` into the name and its elements, both as spelled."""
    body = text.strip()
    if not body.endswith("]") or "[" not in body:
        return body, ()
    name, _, inside = body[:-1].rpartition("[")
    return name.strip(), tuple(part.strip() for part in inside.split(","))
