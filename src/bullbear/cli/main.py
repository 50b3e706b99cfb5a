"""The command `bullbear`: its commands, and how every fault ends in a message and an exit code."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from bullbear.cli import (
    calibrate,
    check,
    diff,
    ensemble,
    equations,
    equilibrium,
    export,
    init,
    loops,
    policies,
    run,
    runway,
    scenarios,
    sensitivity,
    verify,
    watch,
)
from bullbear.cli.output import note, say, say_error
from bullbear.errors import BullbearError, UsageError

INTERRUPTED = 130

app = typer.Typer(
    name="bullbear",
    add_completion=False,
    no_args_is_help=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
app.command("run")(run.command)
app.command("ensemble")(ensemble.command)
app.command("calibrate")(calibrate.command)
app.command("scenarios")(scenarios.command)
app.command("equations")(equations.command)
app.command("check")(check.command)
app.command("export")(export.command)
app.command("init")(init.command)
app.command("verify")(verify.command)
app.command("diff")(diff.command)
app.command("equilibrium")(equilibrium.command)
app.command("loops")(loops.command)
app.command("sensitivity")(sensitivity.command)
app.command("runway")(runway.command)
app.command("policies")(policies.command)
app.command("watch")(watch.command)


def _say_version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        say(f"bullbear {version('bullbear')}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def overview(
    ctx: typer.Context,
    workspace: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="The folder with models/ and equations/. Left out: the nearest one at or above "
            "the working directory, else the one that came with bullbear.",
            show_default=False,
        ),
    ] = None,
    _version: Annotated[
        bool,
        typer.Option(
            "--version", help="Say the version and stop.", callback=_say_version, is_eager=True
        ),
    ] = False,
) -> None:
    """System dynamics of a token economy: models as Vensim text, run from one command.

    \b
    bullbear run                          the calibrated case of the bundled model
    bullbear run --scenario bear --scenario bull
    bullbear run my.mdl                   any Vensim file
    bullbear scenarios                    what can be asked
    bullbear equations --variable "Treasury NMR"
    bullbear init my-economy              your own copy to edit
    """
    ctx.obj = workspace
    if ctx.invoked_subcommand is None:
        say(ctx.get_help())


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and leave with its exit code.

    0 done; 1 the model, the data or the problem is at fault; 2 usage; 130 interrupted.
    """
    words = sys.argv[1:] if arguments is None else list(arguments)
    stdout = sys.stdout
    try:
        code = _invoke(words)
        stdout.flush()
    except BrokenPipeError:
        # Whoever read the output has gone; the rest of it goes nowhere without a complaint.
        os.dup2(os.open(os.devnull, os.O_WRONLY), stdout.fileno())
        code = 0
    sys.exit(code)


def _invoke(words: list[str]) -> int:
    as_json = "--json" in words
    try:
        code = typer.main.get_command(app).main(words, prog_name="bullbear", standalone_mode=False)
    except BullbearError as error:
        say_error(error, as_json)
        return error.exit_code
    except (KeyboardInterrupt, typer.Abort):
        code = INTERRUPTED
    except SystemExit as left:  # how typer answers a broken pipe
        raise BrokenPipeError from left
    except Exception as error:
        if not hasattr(error, "format_message"):  # not one of typer's: a fault of the program
            raise
        say_error(_usage(error), as_json)
        return UsageError.exit_code
    if code == INTERRUPTED:
        note("interrupted")
    return code or 0


def _usage(error: Exception) -> UsageError:
    """Typer's complaint about the words of a command, as one of ours."""
    context = getattr(error, "ctx", None)
    path = context.command_path if context is not None else "bullbear"
    return UsageError(
        error.format_message().replace("Value error, ", ""),  # type: ignore[attr-defined]
        code="usage",
        hint=f"`{path} --help` says what can be given",
    )


if __name__ == "__main__":
    main()
