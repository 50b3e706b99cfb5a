"""Progress of long work, where somebody watches."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from bullbear.cli.output import note

if TYPE_CHECKING:
    from bullbear.analysis.evaluation import Journal


@contextmanager
def watched(what: str, total: int, done: int = 0) -> Iterator[Callable[[int], None]]:
    """A progress bar with rate and time left on a terminal; silent when piped.

    Parameters
    ----------
    what : what is counted
    total, done : how many there are, and how many of them were done before
    """
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn(what), BarColumn(), MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"), TimeRemainingColumn(),
    )  # fmt: skip
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(what, total=total, completed=done, rate="")

        def advance(count: int) -> None:
            speed = progress.tasks[0].speed
            progress.update(task, advance=count, rate=f"{speed:.0f}/s" if speed else "")

        yield advance


@contextmanager
def kept(journal: Journal) -> Iterator[Journal]:
    """Finished pieces stay after an interruption, and go with the work or with a fault."""
    try:
        yield journal
    except KeyboardInterrupt:
        note(f"what is done is kept in {journal.folder}; --resume goes on from there")
        raise
    except BaseException:
        journal.close()
        raise
    journal.close()
