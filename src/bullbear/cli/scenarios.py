"""`bullbear scenarios`: what a model can be asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from bullbear.cli.options import JsonOption, ModelArgument, model_file
from bullbear.cli.output import say, say_json, wrapped

if TYPE_CHECKING:
    from bullbear.models.scenarios import Scenario


def command(ctx: typer.Context, model: ModelArgument = None, as_json: JsonOption = False) -> None:
    """List the scenarios of a model with their stories.

    \b
    bullbear scenarios
    bullbear scenarios numerai --json
    """
    from bullbear.models.definition import ModelDefinition
    from bullbear.models.scenarios import foreign_scenarios, listed, load_scenarios

    file = model_file(ctx, model)
    folder = None if file.foreign else ModelDefinition.read(file.path).scenarios_folder
    found = listed(load_scenarios(folder) if folder else foreign_scenarios())
    if as_json:
        content = {one.slug: _content(one) for one in found}
        say_json({"ok": True, "model": file.name, "scenarios": content})
        return
    for one in found:
        mechanism = f" ({one.mechanism})" if one.mechanism.strip(" -") else ""
        say(wrapped(f"{one.slug}: {one.title}{mechanism}"))
        if one.story:
            say(wrapped(one.story, indent="    "))


def _content(scenario: Scenario) -> dict[str, object]:
    return {
        "title": scenario.title,
        "mechanism": scenario.mechanism,
        "story": scenario.story,
        "inherits": scenario.inherits,
        "levers": scenario.levers,
    }
