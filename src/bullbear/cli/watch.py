"""`bullbear watch`: check and run again on every save."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bullbear.cli.options import ModelArgument, model_file
from bullbear.cli.output import say, wrapped
from bullbear.errors import ERROR, BullbearError, Finding

if TYPE_CHECKING:
    from bullbear.models.model import Model
    from bullbear.models.run import Run
    from bullbear.models.workspace import ModelFile

CLEAR = "\x1b[2J\x1b[H"
INDENT = "  "


def command(
    ctx: typer.Context,
    model: ModelArgument = None,
    every: Annotated[
        float,
        typer.Option(
            metavar="SECONDS", min=0.05, max=60, help="How often the files are looked at."
        ),
    ] = 0.3,
) -> None:
    """Check and run a model again on every save, and say what moved since it last ran.

    \b
    bullbear watch
    bullbear watch my.mdl

    Every comparison is with the last good version. While a fault keeps the model from running, it
    is shown with its place and the last good results stay. Ctrl-C ends it.
    """
    from bullbear.models.watch import changed, stamps

    file = model_file(ctx, model)
    seen = stamps(file)
    watch = _Watch(file, ctx.find_root().obj)
    watch.again([])
    while True:
        time.sleep(every)
        now = stamps(file)
        saved = changed(seen, now)
        if saved:
            seen = now
            watch.again(saved)


@dataclass
class _Watch:
    """The last good version of a model and its run: it ran, and had no more faults than before."""

    file: ModelFile
    workspace: Path | None
    good: Model | None = None
    run: Run | None = None
    errors: int = 0

    def again(self, saved: list[Path]) -> None:
        """Check and run the files as they are, and show what came of it."""
        started = time.perf_counter()
        findings, model, run = self._try()
        lines = [finding.pointed() for finding in findings]
        if model is None or run is None:
            lines.append(self._standing())
        else:
            lines += self._moved(model, run)
            errors = sum(finding.severity == ERROR for finding in findings)
            if self.good is None or errors <= self.errors:
                self.good, self.run, self.errors = model, run, errors
        shown = run or self.run
        if shown is not None:
            lines += _results(shown)
        names = ", ".join(path.name for path in saved) or self.file.name
        seconds = time.perf_counter() - started
        self._show([f"== {time.strftime('%H:%M:%S')} {names} ({seconds:.1f} s)", *lines])

    def _try(self) -> tuple[list[Finding], Model | None, Run | None]:
        """All findings; the model and its run where it runs, be it with faults of other kinds."""
        from bullbear.cli.check import check, shortened
        from bullbear.models.model import load

        findings: list[Finding] = []
        try:
            findings = [shortened(f) for f in check(self.file, self.workspace).findings]
            model = load(self.file.path)
            return findings, model, model.run(model.definition.canonical)
        except BullbearError as fault:
            own = [shortened(f) for f in fault.findings] or [_finding(fault)]
            said = {(f.code, str(f.where)) for f in findings}
            new = [f for f in own if (f.code, str(f.where)) not in said]
            return [*findings, *new], None, None

    def _moved(self, model: Model, run: Run) -> list[str]:
        from bullbear.cli.diff import lines
        from bullbear.models.diff import diff_runs

        if self.good is None or self.run is None:
            return [f"{self.file.name} runs; waiting for a save, Ctrl-C ends"]
        before = (self.good, self.run)
        found = diff_runs(before, (model, run), "the last good version", "this")
        return ["nothing that counts has changed"] if found.same else list(lines(found))

    def _standing(self) -> str:
        if self.run is None:
            return "no good version yet"
        return "not run; the results of the last good version stay:"

    def _show(self, lines: list[str]) -> None:
        if sys.stdout.isatty():
            sys.stdout.write(CLEAR)
        for line in lines:
            say(line)
        say()
        sys.stdout.flush()


def _finding(fault: BullbearError) -> Finding:
    from bullbear.errors import Where

    return Finding(fault.code, fault.message, fault.where or Where(), fault.hint)


def _results(run: Run) -> list[str]:
    events = "; ".join(f"{name} {run.event_text(name)}" for name in run.events)
    first = f"{run.provenance.scenario} {run.results.index[0]:g} to {run.results.index[-1]:g}"
    text = "; ".join(part for part in (first, events, str(run.trust)) if part)
    return [wrapped(text, INDENT)]
