"""Loops that a modeller names: a text file that lists their variables, each a link to the next."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import networkx as nx
from pydantic import Field

from bullbear.analysis.links import Links
from bullbear.equations.names import canonical, split_element
from bullbear.errors import Finding, ModelError, did_you_mean
from bullbear.models.definition import File, Table
from bullbear.models.toml_file import faults, key_places, place_of

FILE = "loops.toml"


class NamedLoop(Table):
    """One loop of the file."""

    name: str = Field(description="A short name, such as R1 or B2.")
    title: str = Field(description="What it does, in a few words.")
    polarity: Literal["R", "B", "R/B"] = Field(
        description="R reinforcing, B balancing, R/B where that depends on where the model stands."
    )
    scenario: str = Field("base", description="A scenario in which the loop acts.")
    path: list[str] = Field(
        min_length=1,
        description="Variables in order; each stands in the equation of the next, the last in that "
        "of the first. A name without elements means any element.",
    )


class LoopsFile(File):
    """The content of `analysis/loops.toml`."""

    model: str = Field(description="The model whose loops these are.")
    loop: list[NamedLoop] = Field(default_factory=list)


@dataclass(frozen=True)
class Found:
    """A named loop and its cycles in the model: one per combination of elements."""

    loop: NamedLoop
    paths: tuple[tuple[str, ...], ...]


def find_named(links: Links, file: LoopsFile) -> list[Found]:
    """The cycles of every named loop.

    Raises
    ------
    ModelError
        Naming every variable that does not exist and every link that is missing, with its place.
    """
    places = key_places(file.path.read_text(encoding="utf-8"))
    found, wrong = [], []
    for number, loop in enumerate(file.loop):
        where = place_of(file.path, places, ("loop", number, "path"))
        try:
            found.append(Found(loop, tuple(paths(links, loop.path))))
        except ModelError as fault:
            text = f"{loop.name}: {fault.message}"
            wrong.append(Finding(fault.code, text, where, fault.hint))
    if wrong:
        raise faults(wrong)
    return found


def paths(links: Links, names: Sequence[str]) -> list[tuple[str, ...]]:
    """Every cycle of the model that passes through variables with these names in this order.

    Raises
    ------
    ModelError
        Naming the first variable or link that is not there.
    """
    layers = [_vertices(links, name) for name in names]
    cycles = []
    for first in layers[0]:
        cycles += list(_walk(links, layers, [first], 1, first))
    unique = list(dict.fromkeys(cycles))
    if not unique:
        raise _no_cycle(links, names, layers)
    return unique


def _walk(
    links: Links, layers: Sequence[Sequence[str]], path: list[str], depth: int, first: str
) -> Iterator[tuple[str, ...]]:
    targets = layers[depth] if depth < len(layers) else [first]
    for target in targets:
        step = _step(links, path[-1], target)
        if step is None:
            continue
        longer = [*path, *step]
        if depth == len(layers):
            yield tuple(longer[:-1])
        elif target not in path:
            yield from _walk(links, layers, longer, depth + 1, first)


def _step(links: Links, start: str, end: str) -> list[str] | None:
    """The vertices after `start` up to `end`: a link, or one through the stages of its delay."""
    if links.graph.has_edge(start, end):
        return [end]
    stages = [name for name in links.names if name.startswith(f"{end}#")]
    part = links.graph.subgraph([start, end, *stages])
    if not stages or not nx.has_path(part, start, end):
        return None
    return list(nx.shortest_path(part, start, end)[1:])


def _vertices(links: Links, name: str) -> list[str]:
    base, elements = split_element(name)
    wanted = (canonical(base), tuple(map(canonical, elements)))
    found = []
    for vertex in links.names:
        own, its = split_element(vertex)
        key = (canonical(own), tuple(map(canonical, its)))
        if key == wanted or (not elements and key[0] == wanted[0]):
            found.append(vertex)
    if not found:
        known = [split_element(vertex)[0] for vertex in links.names if "#" not in vertex]
        raise ModelError(f'no variable "{name}" that changes', code="unknown-variable",
                         hint=did_you_mean(base, dict.fromkeys(known)))  # fmt: skip
    return found


def _no_cycle(links: Links, names: Sequence[str], layers: Sequence[Sequence[str]]) -> ModelError:
    """The first link that no combination of elements has."""
    for place, start in enumerate(layers):
        end = layers[(place + 1) % len(layers)]
        if any(_step(links, a, b) is not None for a in start for b in end):
            continue
        a, b = names[place], names[(place + 1) % len(names)]
        ways = [nx.shortest_path(links.graph, x, y) for x in start for y in end
                if nx.has_path(links.graph, x, y)]  # fmt: skip
        way: list[str] = min(ways, key=len, default=[])
        hint = "the shortest way is " + " -> ".join(n for n in way if "#" not in n) if way else ""
        return ModelError(f'"{b}" does not read "{a}"', code="no-link", hint=hint)
    return ModelError("the links do not close for any element", code="no-cycle",
                      hint="name the elements, as in Name[Element]")  # fmt: skip


def loops_file(model_path: Path) -> Path | None:
    """The file of named loops in the workspace of a model file, if there is one."""
    file = model_path.resolve().parent.parent / "analysis" / FILE
    return file if file.is_file() else None
