"""The published schemas of what modellers write are those that files are checked against."""

from __future__ import annotations

from pathlib import Path

import pytest

from bullbear.models.definition import File, ModelDefinition
from bullbear.models.scenarios import ScenarioFile


@pytest.mark.parametrize(
    ("name", "schema"),
    [("model.schema.json", ModelDefinition), ("scenario.schema.json", ScenarioFile)],
)
def test_the_published_schema_is_the_one_in_use(
    root: Path, rewrite: bool, name: str, schema: type[File]
) -> None:
    published = root / "models" / name
    text = schema.schema_text()
    if rewrite:
        published.write_text(text)
    assert published.read_text() == text, "write it with: pytest --rewrite tests/unit/models"
