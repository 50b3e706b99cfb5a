"""Arguments and options that several commands have."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bullbear.errors import UsageError

if TYPE_CHECKING:
    from bullbear.models.model import Model
    from bullbear.models.workspace import ModelFile

ModelArgument = Annotated[
    str | None,
    typer.Argument(
        metavar="MODEL",
        help="A name under models/, or the path of a .toml, .mdl, .xmile or .stmx file. "
        "Left out, the model of the workspace.",
        show_default=False,
    ),
]
ScenarioOption = Annotated[
    list[str] | None,
    typer.Option(
        "--scenario",
        metavar="NAME",
        help="Conditions of the run, as `bullbear scenarios` lists them; may be given again.",
        show_default=False,
    ),
]
SetOption = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar='"NAME=VALUE"',
        help='Replaces a constant or the initial value of a stock, as in "alpha multiplier=0.3" '
        'or "Name[Element]=1"; may be given again.',
        show_default=False,
    ),
]
ParametersOption = Annotated[
    Path | None,
    typer.Option(
        "--parameters",
        metavar="FILE",
        help="A CSV with the columns name and value, or the folder of a fit; wins over the "
        "scenario and loses against --set.",
        show_default=False,
    ),
]
ClusterOption = Annotated[
    str | None,
    typer.Option(
        metavar="ADDRESS",
        help="A Dask scheduler that shares out the runs, as in tcp://host:8786.",
        show_default=False,
    ),
]
ThreadsOption = Annotated[
    int | None,
    typer.Option("--threads", metavar="T", min=1, help="Left out, one per core.",
                 show_default=False),
]  # fmt: skip
ResumeOption = Annotated[
    bool, typer.Option("--resume", help="Go on with the same work where it was interrupted.")
]
OutOption = Annotated[Path, typer.Option("--out", metavar="DIR", help="Where the files go.")]
JsonOption = Annotated[
    bool, typer.Option("--json", help="One JSON object on standard output, nothing else there.")
]


def load_model(ctx: typer.Context, argument: str | None) -> Model:
    """The model that a command's argument means; the errors of `load_file` and `model_file`."""
    return load_file(model_file(ctx, argument))


def load_file(file: ModelFile) -> Model:
    """Read a model.

    Raises
    ------
    EquationError, ModelError, DataError
        If its files are at fault.
    """
    import bullbear

    return bullbear.load(file.path)


def model_file(ctx: typer.Context, argument: str | None) -> ModelFile:
    """The file that a command's argument means, looked for in the workspace asked for.

    A path below the working directory is relative to it, and so are the places in messages.
    """
    from bullbear.models.workspace import find_model

    file = find_model(argument, ctx.find_root().obj)
    here = Path.cwd()
    if file.path.is_absolute() and file.path.is_relative_to(here):
        return replace(file, path=file.path.relative_to(here))
    return file


def check_times(time_step: float | None, saveper: float | None, final_time: float | None) -> None:
    """Refuse steps that are not above zero, and what is no finite number.

    Raises
    ------
    UsageError
        Naming the option.
    """
    steps = {"--time-step": time_step, "--saveper": saveper}
    for option, value in steps.items():
        if value is not None and not (math.isfinite(value) and value > 0):
            raise UsageError(
                f"{option} must be a number above zero, not {value:g}",
                code="bad-number",
                hint=f"for example {option} 0.0625",
            )
    if final_time is not None and not math.isfinite(final_time):
        raise UsageError(
            f"--final-time must be a finite number, not {final_time:g}",
            code="bad-number",
            hint="for example --final-time 2030",
        )
