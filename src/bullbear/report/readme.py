"""The parts of the README that are computed: answer, picture and table of mechanisms.

`python -m bullbear.report.readme` runs the model and rewrites what stands between the markers
`<!-- generated: NAME -->` and `<!-- end -->` in the documents, and the picture; `--check` only says
whether they are as they should be.
"""

from __future__ import annotations

import csv
import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from bullbear.calibration.observations import read_series
from bullbear.equations.names import canonical, split_element
from bullbear.errors import BullbearError, DataError, Where, did_you_mean
from bullbear.models.model import Model, load
from bullbear.models.trust import LARGEST_STEP_ERROR
from bullbear.models.workspace import find_workspace
from bullbear.report import drawing
from bullbear.report.edit_loop import daily_act, edit_loop
from bullbear.report.numbers import columns_of, named_with_unit, percent, short, tick, year
from bullbear.report.panels import Figure, overview

if TYPE_CHECKING:
    from bullbear.models.definition import Event
    from bullbear.models.run import Run
    from bullbear.models.scenarios import Scenario

MODEL = "numerai"
TODAY = ("base", "bear", "bull")
"""The cases of the picture."""
IN_2021 = ("bear_2021", "neutral_2021", "bull_2021")
"""The cases as they looked when the thread was written; the table has them too."""
PICTURED = ("Treasury NMR", "NMR Price", "Fund AUM", "fee coverage ratio")
"""The picture has the first plot of each of these."""
HINGES = ("low_score_env", "no_v3", "m6_small_pool", "m6_large_pool", "m5_bad_year")
"""Assumptions with little behind them and much hanging on them."""
HINGE_OUTPUTS = ("NMR Price", "total staked", "Fund AUM")
COVERAGE = "fee coverage ratio"
CLAIM = "claim_fee_coverage_ratio"
DOCUMENTS = ("README.md", "models/README.md")
PICTURE = Path("models/figures/overview.png")
CLAIMS = Path("calibration/observations/seed_claims.csv")
MECHANISMS = Path("models/mechanisms.csv")
REPORTS = Path("analysis/reports")
STUDIES = (
    ("How likely is it?", "sensitivity-runway", "- base, "),
    ("What decides when the treasury runs out?", "sensitivity-runout-known", "The "),
    ("Where does it settle?", "tipping-2026", "- "),
    ("Which proposal is robust?", "sensitivity-policies", "- Satisfies"),
    ("What of the thread's figures holds?", "sensitivity-runway", "Of "),
    ("Which feedback rules?", "loops", "Among"),
)
"""Questions, the kept report that answers each, and how the lines begin that do; of bullets beside
one scenario all, else the first."""
SLOW = ("daily",)
"""Parts that take longer than all others together."""
PART = re.compile(r"(<!-- generated: ([a-z-]+) -->\n).*?(\n<!-- end -->)", re.DOTALL)


@dataclass(frozen=True)
class Readme:
    """The README of a workspace and what it is computed from."""

    root: Path
    _known: dict[str, Run] = field(default_factory=dict, repr=False, compare=False)

    @cached_property
    def model(self) -> Model:
        return load(MODEL, self.root)

    @cached_property
    def runs(self) -> Mapping[str, Run]:
        """The cases of the first table."""
        return {slug: self.run(slug) for slug in (*TODAY, *IN_2021)}

    def run(self, slug: str) -> Run:
        """The run of a scenario, made once."""
        if slug not in self._known:
            self._known[slug] = self.model.run(slug)
        return self._known[slug]

    def documents(self, *, slow: bool = True) -> dict[Path, str]:
        """The documents of the workspace with all their computed parts made anew.

        The slow parts stay as they are unless they are wanted.

        Raises
        ------
        DataError
            If one asks for a part that nobody computes.
        """
        paths = [self.root / document for document in DOCUMENTS]
        return {path: self._renewed(path, slow) for path in paths if path.is_file()}

    def _renewed(self, path: Path, slow: bool) -> str:
        makers: dict[str, Callable[[], str]] = {
            "answer": self.answer,
            "cases": self.cases,
            "daily": lambda: daily_act(self.root),
            "hinges": self.hinges,
            "loop": lambda: edit_loop(self.root),
            "mechanisms": self.mechanisms,
            "studies": self.studies,
        }

        def part(found: re.Match[str]) -> str:
            if found[2] not in makers:
                raise DataError(
                    f'no part "{found[2]}" is computed', code="unknown-part",
                    where=Where(str(path)), hint=did_you_mean(found[2], makers),
                )  # fmt: skip
            if found[2] in SLOW and not slow:
                return found[0]
            return found[1] + makers[found[2]]() + found[3]

        return PART.sub(part, path.read_text(encoding="utf-8"))

    def studies(self) -> str:
        """The first words of the kept reports, each with its report."""
        return "\n".join(self._studied(*study) for study in STUDIES)

    def _studied(self, question: str, report: str, begin: str) -> str:
        path = REPORTS / report / "report.md"
        lines = (self.root / path).read_text(encoding="utf-8").splitlines()
        found = [line.removeprefix("- ") for line in lines if line.startswith(begin)]
        linked = f"- **[{question}]({path.as_posix()})**"
        if begin.endswith(", "):
            return "\n".join((linked, *(f"  - {line}" for line in found)))
        return f"{linked} {found[0]}"

    # -- the answer -----------------------------------------------------------------------------

    def answer(self) -> str:
        """Picture, table and the stories of its columns."""
        listed = [f"- {_case(self.model.scenarios[slug])}" for slug in self.runs]
        picture = f"![Bands of NMR, price, fund assets and coverage under {', '.join(TODAY)}]"
        return "\n\n".join(
            (
                f"{picture}({PICTURE.as_posix()})",
                _table(["", *(f"`{slug}`" for slug in self.runs)], self._rows(), words=1),
                "\n".join(listed),
                self._coverage(),
                f"Computed with {self._method()}.",
            )
        )

    def _rows(self) -> Iterable[list[str]]:
        """Events, headline outputs in the last summary year, and how far the step matters."""
        definition, runs = self.model.definition, list(self.runs.values())
        for event in definition.events:
            yield [self._event(event), *(run.event_text(event.name) for run in runs)]
        last = definition.summary.years[-1]
        for name in definition.headline:
            for column in columns_of(name, runs[0].results.columns):
                label = named_with_unit(column, self._unit(column))
                yield [f"{label} in {year(last)}", *(_value(run, column, last) for run in runs)]
        errors = [run.trust.step_error for run in runs]
        trusted = f"step error, trusted up to {percent(LARGEST_STEP_ERROR)}"
        yield [trusted, *("" if error is None else percent(error) for error in errors)]

    def _event(self, event: Event) -> str:
        side, level = ("below", event.below) if event.above is None else ("above", event.above)
        lasting = f" for {event.lasting:g} {self._time_unit()}" if event.lasting else ""
        bound = f"{tick(level or 0.0)} {self._unit(event.variable)}".removesuffix(" Dmnl")
        return f"**{event.name}**: {event.variable} {side} {bound}{lasting}"

    def _coverage(self) -> str:
        """What the thread said of coverage, beside the base run."""
        (claim,) = read_series(self.root / CLAIMS).select(CLAIM).rows
        base = self.runs[TODAY[0]]
        then = base.at(claim.time)[COVERAGE]
        later = [f"{short(base.at(t)[COVERAGE])} in {year(t)}"
                 for t in self.model.definition.summary.years]  # fmt: skip
        return (
            f"The thread put fee income at 1/{1 / claim.value:.0f} of what the rewards were worth "
            f"in {claim.date:%B %Y}. In `{TODAY[0]}` it is 1/{1 / then:.0f} then, "
            f"{', '.join(later)}."
        )

    def _method(self) -> str:
        origin = self.runs[TODAY[0]].provenance
        return f"{origin.method}, step {origin.time_step:g} {self._time_unit()}"

    def _time_unit(self) -> str:
        time = self.model.definition.time
        return time.unit if time else ""

    def _unit(self, name: str) -> str:
        variable = self.model.system.variables.get(canonical(split_element(name)[0]))
        return variable.units if variable else ""

    def cases(self) -> str:
        """The cases of today with their outputs in the summary years after the first."""
        definition = self.model.definition
        years = definition.summary.years[1:]
        events = [event.name for event in definition.events]
        outputs = [f"{named_with_unit(name, self._unit(name))} in {' / '.join(map(year, years))}"
                   for name in HINGE_OUTPUTS]  # fmt: skip
        rows = []
        for slug in TODAY:
            run = self.runs[slug]
            row = [f"`{slug}`", *(run.event_text(name) for name in events)]
            row += [" / ".join(_value(run, name, t) for t in years) for name in HINGE_OUTPUTS]
            rows.append(row)
        return _table(["case", *events, *outputs], rows, words=1)

    def hinges(self) -> str:
        """What moves the answer most: the base run beside runs that differ in one assumption."""
        definition = self.model.definition
        last = definition.summary.years[-1]
        events = [event.name for event in definition.events]
        outputs = [named_with_unit(name, self._unit(name)) for name in HINGE_OUTPUTS]
        heading = ["scenario", "what differs", *events, *(f"{o} in {year(last)}" for o in outputs)]
        rows = []
        for slug in (TODAY[0], *HINGES):
            run = self.run(slug)
            row = [f"`{slug}`", self.model.scenarios[slug].story]
            row += [run.event_text(name) for name in events]
            rows.append(row + [_value(run, name, last) for name in HINGE_OUTPUTS])
        return _table(heading, rows, words=2)

    # -- the mechanisms -------------------------------------------------------------------------

    def mechanisms(self) -> str:
        """From what the thread says to equation file, lever and scenario."""
        rows = []
        for tag, what in _mechanisms(self.root / MECHANISMS):
            scenarios = _about(tag, self.model.scenarios.values())
            levers = self._levers(scenarios)
            files = sorted({self._file(name) for name in levers})
            rows.append(
                [
                    tag,
                    what,
                    ", ".join(f"[{file.stem}]({file.as_posix()})" for file in files),
                    "; ".join(f"`{name}` {change}" for name, change in levers.items()),
                    ", ".join(self._outcome(scenario.slug) for scenario in scenarios),
                ]
            )
        first, *others = (event.name for event in self.model.definition.events)
        outcome = f"scenario: {first} (and {', '.join(others)})"
        heading = ["", "the thread's mechanism", "equations", "lever: base → set to", outcome]
        return _table(heading, rows, words=len(heading))

    def _outcome(self, slug: str) -> str:
        """When the first event of the model happens in a scenario; the others where they happen."""
        run = self.run(slug)
        first, *others = self.model.definition.events
        happened = [f"{event.name} {run.event_text(event.name)}" for event in others
                    if run.events[event.name] is not None]  # fmt: skip
        also = f" ({', '.join(happened)})" if happened else ""
        return f"`{slug}`: {run.event_text(first.name)}{also}"

    def _levers(self, scenarios: Sequence[Scenario]) -> dict[str, str]:
        """Each lever that the scenarios set, with its value in the base run and theirs."""
        base = self.runs[TODAY[0]].results
        values: dict[str, list[float]] = {}
        for scenario in scenarios:
            for name, value in scenario.levers.items():
                values.setdefault(name, []).append(value)
        changes = {}
        for name, settings in values.items():
            before = float(base[columns_of(name, base.columns)[0]].iloc[0])
            after = [_setting(value) for value in dict.fromkeys(settings) if value != before]
            if after:
                changes[name] = f"{_setting(before)} → {', '.join(after)}"
        return changes

    def _file(self, name: str) -> Path:
        """The equation file of a variable, relative to the workspace."""
        where = self.model.system.variables[canonical(split_element(name)[0])].where
        return Path(where.file or "").resolve().relative_to(self.root.resolve())

    # -- the picture ----------------------------------------------------------------------------

    def picture(self) -> Figure:
        """The plots that answer the question, for the cases of today."""
        definition = self.model.definition
        plots = [
            next(plot for plot in definition.plots if name in plot.variables) for name in PICTURED
        ]
        return overview(
            definition.title, plots, {slug: self.runs[slug] for slug in TODAY}, definition
        )

    def draw(self) -> Path:
        """Make the picture anew."""
        path = self.root / PICTURE
        path.parent.mkdir(parents=True, exist_ok=True)
        return drawing.save(self.picture(), path, columns=len(TODAY))


def main(arguments: Sequence[str]) -> int:
    """Rewrite the documents, or with `--check` say which are not as they should be."""
    readme = Readme(find_workspace().root)
    try:
        documents = readme.documents()
        stale = [path for path, text in documents.items() if text != path.read_text("utf-8")]
        if "--check" in arguments:
            sys.stderr.writelines(f"{path} is not what the model says\n" for path in stale)
            return 1 if stale else 0
        readme.draw()
    except BullbearError as fault:
        sys.stderr.write(f"error: {fault}\n")
        return fault.exit_code
    for path in stale:
        unfinished = path.with_name(f".{path.name}.unfinished")
        unfinished.write_text(documents[path], encoding="utf-8", newline="\n")
        unfinished.replace(path)
    return 0


def _case(scenario: Scenario) -> str:
    return f"`{scenario.slug}`: {scenario.title}. {scenario.story}"


def _setting(value: float) -> str:
    """The value of a lever: years as they are, what is larger with k, M or bn."""
    return f"{value:.7g}" if abs(value) < 1e4 else tick(float(f"{value:.3g}"))


def _value(run: Run, column: str, time: float) -> str:
    return short(run.at(time)[column], largest=float(run.results[column].abs().max()))


def _table(heading: Sequence[str], rows: Iterable[Sequence[str]], words: int) -> str:
    """A table in Markdown; the first `words` columns are text, the others numbers."""
    rule = ["---"] * words + ["---:"] * (len(heading) - words)
    return "\n".join("| " + " | ".join(line) + " |" for line in (heading, rule, *rows))


def _mechanisms(path: Path) -> list[tuple[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return [(row["mechanism"], row["what it is"]) for row in csv.DictReader(file)]


def _about(tag: str, scenarios: Iterable[Scenario]) -> list[Scenario]:
    """The scenarios of one mechanism: named after it, or about nothing else."""
    return [
        scenario
        for scenario in scenarios
        if scenario.slug.startswith(f"{tag}_") or scenario.mechanism.split() == [tag]
    ]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
