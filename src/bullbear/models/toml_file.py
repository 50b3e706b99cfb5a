"""TOML that a modeller writes, read against a schema; every fault with its line and remedy."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from bullbear.errors import BullbearError, Finding, ModelError, Where, did_you_mean

KeyPath = tuple[str | int, ...]
Schema = TypeVar("Schema", bound=BaseModel)

_BARE = r"[A-Za-z0-9_-]+"
_PART = re.compile(rf'\s*({_BARE}|"(?:[^"\\]|\\.)*"|\'[^\']*\')\s*')
_TABLE = re.compile(r"^\s*(\[\[?)(.+?)(\]\]?)\s*(?:#.*)?$")
_PLACE = re.compile(r"\s*\(at (?:line (\d+), column (\d+)|end of document)\)$")


def read_toml(path: Path, schema: type[Schema]) -> Schema:
    """Read `path` and check it against `schema`.

    Raises
    ------
    ModelError
        If the file cannot be read, is not TOML or does not fit the schema; all misfits at once,
        each with file, line, column, key and, for an unknown key, the nearest known one.
    """
    text = _read(path)
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as fault:
        raise _not_toml(path, text, str(fault)) from None
    try:
        return schema.model_validate(data)
    except ValidationError as fault:
        places = key_places(text)
        raise faults([_finding(path, places, schema, error) for error in fault.errors()]) from None


def faults(findings: Sequence[Finding], kind: type[BullbearError] = ModelError) -> BullbearError:
    """One error of that kind that says all `findings`."""
    first = findings[0]
    if len(findings) == 1:
        where, hint = first.where, first.hint
        return kind(first.message, code=first.code, where=where, hint=hint, findings=findings)
    text = "\n".join(finding.pointed() for finding in findings)
    return kind(text, code=first.code, findings=findings)


def key_places(text: str) -> dict[KeyPath, tuple[int, int]]:
    """Line and column of every key and table header of a TOML text.

    The n-th `[[events]]` is `("events", n)`, and a table `[events.x]` behind it is
    `("events", n, "x")`.  Keys inside inline tables are not told apart.
    """
    places: dict[KeyPath, tuple[int, int]] = {}
    counts: dict[KeyPath, int] = {}
    table: KeyPath = ()
    for number, line in enumerate(text.splitlines(), start=1):
        column = len(line) - len(line.lstrip()) + 1
        header = _TABLE.match(line)
        if header:
            table = _within(_split(header[2])[0], counts, whole=header[1] == "[")
            if header[1] == "[[":
                counts[table] = counts.get(table, -1) + 1
                places.setdefault(table, (number, column))
                table = (*table, counts[table])
            places.setdefault(table, (number, column))
            continue
        key, rest = _split(line)
        if key and rest.startswith("="):
            places.setdefault((*table, *key), (number, column))
    return places


def _within(table: KeyPath, counts: Mapping[KeyPath, int], *, whole: bool) -> KeyPath:
    """The table's key with the number of the array element that each part stands in."""
    found: KeyPath = ()
    for number, part in enumerate(table, start=1):
        found = (*found, part)
        if found in counts and (whole or number < len(table)):
            found = (*found, counts[found])
    return found


def place_of(path: Path, places: Mapping[KeyPath, tuple[int, int]], key: KeyPath) -> Where:
    """Where `key` stands, or else the innermost table around it that has a line."""
    for length in range(len(key), 0, -1):
        if key[:length] in places:
            return Where(str(path), *places[key[:length]])
    return Where(str(path), 1, 1)


def spelled(key: Sequence[str | int]) -> str:
    """A key path as people write it: `events[0].below`."""
    text = ""
    for part in key:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            shown = part if re.fullmatch(_BARE, part) else f'"{part}"'
            text += f".{shown}" if text else shown
    return text


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as fault:
        reason = fault.strerror or str(fault)
        raise ModelError(
            f"cannot read the file: {reason}", code="unreadable", where=Where(str(path))
        ) from fault
    except UnicodeDecodeError as fault:
        raise ModelError(
            "not a text in UTF-8, which TOML must be",
            code="bad-toml",
            where=Where(str(path)),
            hint=f"the first byte that does not fit is number {fault.start + 1}; "
            "save the file as UTF-8",
        ) from fault


def _not_toml(path: Path, text: str, message: str) -> ModelError:
    place = _PLACE.search(message)
    line, column = len(text.splitlines()), 1
    if place and place[1]:
        line, column = int(place[1]), int(place[2])
    return ModelError(
        f"not valid TOML: {_PLACE.sub('', message)}",
        code="bad-toml",
        where=Where(str(path), line, column),
        hint='texts stand in quotes, and so do names with blanks: "Treasury NMR" = 1',
    )


def _split(text: str) -> tuple[KeyPath, str]:
    """A dotted key at the start of `text`, and what follows it."""
    parts: list[str | int] = []
    while match := _PART.match(text):
        part = match[1]
        parts.append(part if part[0] not in "\"'" else part[1:-1])
        text = text[match.end() :]
        if not text.startswith("."):
            break
        text = text[1:]
    return tuple(parts), text


def _finding(
    path: Path,
    places: Mapping[KeyPath, tuple[int, int]],
    schema: type[BaseModel],
    error: ErrorDetails,
) -> Finding:
    key = error["loc"]
    name = spelled(key)
    where = place_of(path, places, key)
    if error["type"] == "extra_forbidden":
        known = _known_keys(schema, key[:-1])
        hint = did_you_mean(str(key[-1]), known) or f"known here: {', '.join(known)}"
        return Finding("unknown-key", f"unknown key {name}", where, hint)
    if error["type"] == "missing":
        return Finding("missing-key", f"the key {name} is missing", where)
    message = error["msg"].removeprefix("Value error, ")
    message = message[0].lower() + message[1:]
    found = error["input"]
    shown = f", not {found!r}" if isinstance(found, str | int | float | bool) else ""
    return Finding("bad-value", f"{name}: {message}{shown}" if name else message, where)


def _known_keys(schema: type[BaseModel], table: KeyPath) -> list[str]:
    """The keys that the schema knows in a table."""
    properties: dict[str, Any] = schema.model_json_schema()
    current: dict[str, Any] = properties
    for part in table:
        if isinstance(part, int):
            current = current["items"]
        else:
            current = current.get("properties", {}).get(part) or current["additionalProperties"]
        options = [o for o in current.get("anyOf", ()) if o.get("type") != "null"]
        current = options[0] if options else current
        if "$ref" in current:
            current = properties["$defs"][current["$ref"].rpartition("/")[2]]
    return list(current.get("properties", ()))
