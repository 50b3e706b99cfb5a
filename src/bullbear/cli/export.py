"""`bullbear export`: a whole model as one Vensim file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bullbear.cli.options import (
    JsonOption,
    ModelArgument,
    ParametersOption,
    SetOption,
    load_model,
)
from bullbear.cli.output import check_writable, note, say_json, write_text
from bullbear.errors import UsageError


def command(
    ctx: typer.Context,
    to: Annotated[
        Path,
        typer.Option("--to", metavar="FILE.mdl", help="The file to write.", show_default=False),
    ],
    model: ModelArgument = None,
    scenario: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="Write the levers of this scenario in.", show_default=False
        ),
    ] = None,
    settings: SetOption = None,
    parameters: ParametersOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write a model as one Vensim file.

    \b
    bullbear export numerai --to numerai.mdl
    bullbear export --scenario bear --to bear.mdl

    The file runs in Vensim and in PySD. Sectors are joined, tables from other files written in,
    the time bounds of the model file added, and initial values written as floats.
    """
    if to.suffix.lower() != ".mdl":
        raise UsageError(
            f"{to} does not end in .mdl", code="usage", hint="write it as in --to numerai.mdl"
        )
    from bullbear.equations.export import export_vensim
    from bullbear.models.overrides import parse_settings

    check_writable(to.parent)
    loaded = load_model(ctx, model)
    values = loaded.values(
        scenario or loaded.definition.canonical, parse_settings(settings or ()), parameters
    )
    grid = loaded.grid(loaded.parameter_vector(values).tolist())
    text = export_vensim(loaded.system, grid.controls(), values, method=loaded.definition.method)
    write_text(to, text)
    if as_json:
        say_json({"ok": True, "model": loaded.name, "file": to})
    else:
        note(f"wrote {to}")
