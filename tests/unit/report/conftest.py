from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from bullbear.models.definition import ModelDefinition
from bullbear.models.model import Model, load
from bullbear.models.run import Run


@pytest.fixture(scope="session")
def numerai(root: Path) -> Model:
    return load("numerai", root)


@pytest.fixture(scope="session")
def runs(numerai: Model) -> dict[str, Run]:
    """Three runs that differ much: growth, a treasury that empties, a company that closes."""
    return {slug: numerai.run(slug) for slug in ("base", "bear", "bear_2021")}


@pytest.fixture(scope="session")
def definition(numerai: Model) -> ModelDefinition:
    return numerai.definition


@pytest.fixture(scope="session")
def many(numerai: Model, runs: Mapping[str, Run]) -> Callable[[int], dict[str, Run]]:
    """As many runs as asked for under the names of the model's scenarios; a few stand for all."""
    found = list(runs.values())
    slugs = [scenario.slug for scenario in numerai.scenarios.values() if not scenario.abstract]

    def some(count: int) -> dict[str, Run]:
        return {slug: found[i % len(found)] for i, slug in enumerate(slugs[:count])}

    return some
