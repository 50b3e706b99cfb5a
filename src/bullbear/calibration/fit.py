"""A whole fit, phase by phase; every finished piece is kept, so that it can be interrupted."""

from __future__ import annotations

import time as clock
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bullbear.calibration.backtest import Backtest, backtest
from bullbear.calibration.batches import Batches
from bullbear.calibration.curvature import Curvature, Ranks, curvature, ranks
from bullbear.calibration.goodness import Goodness, goodness
from bullbear.calibration.identifiability import structural
from bullbear.calibration.influence import Influence, influence
from bullbear.calibration.journal import Journal, fingerprint
from bullbear.calibration.objective import Evaluation, Objective
from bullbear.calibration.posterior import Posterior, sample
from bullbear.calibration.predictions import Outlook, outlook, read_predictions
from bullbear.calibration.prior_check import PriorCheck, prior_check
from bullbear.calibration.profile import Profile, profiles
from bullbear.calibration.search import Search, Searches, search, start_points
from bullbear.calibration.worth import Worth, worth
from bullbear.errors import BullbearError, ModelError

Array = npt.NDArray[np.float64]
Progress = Callable[[str, int, int], None]  # phase, done, of how many
_PRIOR_DRAWS = 32
_RANK_POINTS = 20


@dataclass(frozen=True)
class Settings:
    """How thorough a fit is; `full` adds profiles and a posterior, `influence` refits."""

    starts: int = 20
    seed: int = 0
    full: bool = False
    influence: bool = False
    threads: int | None = None


@dataclass(frozen=True)
class Fit:
    """Everything that a fit found out.

    Attributes
    ----------
    structural : verdict of the exact rank test, or why there is none
    step_error : largest change of a prediction with half the step, in scales of its number;
        `step_series` is the series that has it
    worth : what further numbers would be worth, the best first
    backtest : how held-out numbers were foretold; None if there are none
    """

    objective: Objective
    settings: Settings
    prior: PriorCheck
    structural: str
    ranks: Ranks
    searches: Searches
    best: Evaluation
    curvature: Curvature
    fitted: list[Goodness]
    held_out: list[Goodness]
    outlooks: list[Outlook]
    step_error: float
    step_series: str
    worth: list[Worth] = field(default_factory=list)
    backtest: Backtest | None = None
    profiles: dict[str, Profile] = field(default_factory=dict)
    posterior: Posterior | None = None
    influences: list[Influence] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def status(self) -> str:
        """`unidentified`, `quick`, `converged` or `not converged`."""
        if self.curvature.untouched:
            return "unidentified"
        if self.posterior is None:
            return "quick"
        return "converged" if self.posterior.converged else "not converged"

    @property
    def message(self) -> str:
        if self.curvature.untouched:
            return "no number depends on " + ", ".join(self.curvature.untouched)
        if self.posterior is None:
            return "the best of several searches, with Wald intervals; no posterior was drawn"
        if self.posterior.converged:
            return "every constant has split R-hat at most 1.02 and at least 400 effective draws"
        return "the posterior has not converged: bands are marked"


def fit(
    objective: Objective,
    settings: Settings,
    out: Path,
    *,
    resume: bool = False,
    progress: Progress = lambda _phase, _done, _total: None,
) -> Fit:
    """Fit a problem; what is done is kept in `out` until all of it is.

    Raises
    ------
    BullbearError
        If the problem is at fault, or every search failed.
    """
    begin = clock.perf_counter()
    journal = Journal(out, fingerprint(objective, _decisive(settings)), resume)
    read_predictions(objective)  # faults of the problem before any work
    batches = Batches(objective, settings.threads)
    found = _quick(batches, settings, journal, progress)
    extra: dict[str, Any] = {}
    if settings.full:
        extra["profiles"] = profiles(batches, found.best, found.curvature, journal, progress)
    if settings.influence:
        extra["influences"] = influence(batches, found.best, found.curvature, progress)
    if settings.full:
        drawn = sample(batches, found.best, found.curvature, settings.seed, progress)
        extra["posterior"] = drawn
        extra["backtest"] = backtest(objective, found.best, found.curvature.covariance, drawn.bands)
    journal.close()
    own = {name: getattr(found, name) for name in found.__dataclass_fields__}
    return Fit(**{**own, **extra, "seconds": clock.perf_counter() - begin})


def _decisive(settings: Settings) -> dict[str, object]:
    return {"starts": settings.starts, "seed": settings.seed}


def _quick(batches: Batches, settings: Settings, journal: Journal, progress: Progress) -> Fit:
    """Prior check, rank tests, searches, and what stands around the best of them."""
    objective = batches.objective
    progress("prior check", 0, 1)
    prior = prior_check(batches, _PRIOR_DRAWS, settings.seed)
    progress("ranks", 0, 1)
    known = ranks(batches, start_points(objective, _RANK_POINTS, settings.seed))
    searches = _searches(batches, settings, journal, progress)
    best = objective.at(searches.best.end, slopes=True)
    around = curvature(objective, best)
    progress("predictions", 0, 1)
    outlooks = [
        outlook(objective, p, best.values, around.covariance) for p in read_predictions(objective)
    ]
    return Fit(
        objective, settings, prior, _structural(objective), known, searches, best, around,
        goodness(objective, best), goodness(objective, best, held_out=True), outlooks,
        *_step_error(objective, best), worth(objective, best, around.covariance, outlooks),
        backtest(objective, best, around.covariance),
    )  # fmt: skip


def _searches(
    batches: Batches, settings: Settings, journal: Journal, progress: Progress
) -> Searches:
    known = {int(key): _search_of(value) for key, value in journal.of("search")}
    done = len(known)

    def keep(number: int, one: Search) -> None:
        nonlocal done
        done += 1
        content = asdict(one) | {"start": one.start.tolist(), "end": one.end.tolist()}
        journal.put("search", number, content)
        progress("searches", done, settings.starts)

    progress("searches", done, settings.starts)
    return search(batches, settings.starts, settings.seed, known, keep)


def _search_of(content: dict[str, Any]) -> Search:
    arrays = {name: np.array(content[name]) for name in ("start", "end")}
    return Search(**{**content, **arrays})


def _structural(objective: Objective) -> str:
    """Verdict of the exact test for models of rational equations."""
    outputs = list(dict.fromkeys(t.variable for t in objective.targets))
    program = objective.model.program
    initials = [name for name in objective.space.names if name in program.initial_index()]
    constants = [name for name in objective.space.names if name not in initials]
    try:
        return str(structural(program, outputs, constants, initials))
    except ModelError as fault:
        return f"not tested: {fault.message}"


def _step_error(objective: Objective, best: Evaluation) -> tuple[float, str]:
    """Largest change of a prediction when the step is halved, in scales, and its series.

    NaN if half the step cannot be run.
    """
    step = objective.problem.time_step or objective.model.grid().step
    finer = objective.problem.model_copy(update={"time_step": step / 2})
    try:
        other = Objective(finer, objective.model)
        other.scales = objective.scales
        pulls = other.terms(other.at(objective.space.to_fit(best.values)).predictions).residual
    except BullbearError:
        return float("nan"), ""
    change = np.abs(pulls - objective.terms(best.predictions).residual)
    return float(change.max()), objective.targets[int(np.argmax(change))].series
