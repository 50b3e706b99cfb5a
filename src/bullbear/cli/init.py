"""`bullbear init`: a copy of the models to edit."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Annotated

import typer

from bullbear.cli.options import JsonOption
from bullbear.cli.output import check_writable, say, say_json, staged
from bullbear.errors import UsageError


def command(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="A new or empty folder.", show_default=False)
    ],
    as_json: JsonOption = False,
) -> None:
    """Copy the bundled models into a folder of your own.

    \b
    bullbear init my-economy
    cd my-economy
    bullbear run                    now runs your copy

    Edit equations/*.mdl, models/*.toml and models/scenarios/*.toml there.
    """
    from bullbear.models.workspace import FOLDERS, own_workspace

    check_writable(folder)
    if folder.is_dir() and any(folder.iterdir()):
        raise UsageError(
            f"{folder} is not empty",
            code="not-empty",
            hint="name a folder that does not exist yet, as in `bullbear init my-economy`",
        )
    source = own_workspace()
    with staged(folder) as scratch:
        for name in FOLDERS:
            if (source.root / name).is_dir():
                shutil.copytree(source.root / name, scratch / name, ignore=_IGNORED)
    count = sum(1 for file in folder.rglob("*") if file.is_file())
    if as_json:
        say_json({"ok": True, "folder": folder, "files": count})
    else:
        say(f"copied {count} files into {folder}; try: cd {folder} && bullbear run")


_IGNORED = shutil.ignore_patterns("__pycache__", "bullbear-out", ".*")
