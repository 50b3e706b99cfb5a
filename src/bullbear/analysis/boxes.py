"""Scenario discovery of a study: the box of uncertain constants in which an outcome happens."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.stats import binom

from bullbear.analysis.columns import Columns, request
from bullbear.analysis.discovery import Box, Discovery, Flags, Quality, discover, quality
from bullbear.analysis.evaluation import Evaluation, Journal, question_of
from bullbear.analysis.outcomes import Outcomes, columns_of, hold, together
from bullbear.analysis.runway import Share, classes, sample
from bullbear.analysis.study import Case, N, Study
from bullbear.analysis.uncertain import uncertain
from bullbear.errors import UsageError, did_you_mean
from bullbear.models.ensemble import Options
from bullbear.models.model import Model

Array = npt.NDArray[np.float64]
CHANCE = 0.01
"""A limit stays only if chance would do as well this seldom."""
_FEWEST = 64


@dataclass(frozen=True)
class Limit:
    """One side of a box: an input, where it is cut, and what the cut is worth.

    `chance` is how likely a limit without meaning would raise the density as much (the quasi-p
    value of Bryant & Lempert 2010).
    """

    name: str
    lower: float | None
    upper: float | None
    chance: float


@dataclass(frozen=True)
class Boxes:
    """What a discovery found.

    Attributes
    ----------
    draws, failed, left_out : draws that count; that failed; that contradict what is known
    cases : how many of the draws are cases
    search : the boxes of the peeling, from the widest to the narrowest
    limits : of the box that was chosen, limits without meaning dropped
    found, confirmed : what it is worth on the half that chose it, and on the other half
    dense : whether it has the density asked for, on the half that did not choose it
    """

    draws: int
    failed: int
    left_out: int
    cases: int
    search: Discovery
    limits: tuple[Limit, ...]
    found: Quality
    confirmed: Quality
    dense: bool


class Draws:
    """A study of discovery made definite: its draws, outcomes and columns.

    Raises
    ------
    UsageError
        If the study has no table [discovery], or too few draws are asked for.
    BullbearError
        If the study or its file of outcomes does not fit the model.
    """

    def __init__(self, study: Study, model: Model, n: int | None, seed: int | None) -> None:
        if study.discovery is None:
            raise UsageError("the study does not say what is to be discovered", code="no-case",
                             hint='add a table [discovery] with case = "bear"')  # fmt: skip
        own = study.method.n if study.method.name == "discovery" else None
        self.study, self.model, self.case = study, model, study.discovery
        self.seed = study.method.seed if seed is None else seed
        self.inputs = uncertain(study, model)
        self.outcomes = Outcomes.read(study.outcomes_path)
        _check_case(self.case.case, self.outcomes)
        self.table = sample(self.inputs, n or own or N["discovery"], self.seed)
        found = columns_of(self.outcomes, model)
        self.columns = Columns(found, request(found, model, study.scenario))

    @property
    def count(self) -> int:
        return len(self.table)

    @property
    def label(self) -> str:
        """Everything but the model that decides the runs."""
        return repr((self.count, self.seed, self.inputs.key))

    @property
    def question(self) -> str:
        """A short hash of model, study, outcomes and design."""
        files = [self.study.path, self.study.outcomes_path]
        return question_of(self.model, [self.study.scenario], files, self.label)

    def evaluation(self, options: Options, watch: Callable[[int], None]) -> Evaluation:
        """Who makes the runs."""
        return Evaluation(self.model, self.inputs.names, self.columns, options, watch)

    def boxes(self, evaluation: Evaluation, journal: Journal) -> Boxes:
        """Run all draws and look for the box; the errors of `boxes`."""
        return boxes(self.inputs.names, self.table, self.case, self.outcomes, evaluation, journal,
                     self.seed)  # fmt: skip


def boxes(
    names: tuple[str, ...], table: Array, case: Case, outcomes: Outcomes, evaluation: Evaluation,
    journal: Journal, seed: int,
) -> Boxes:  # fmt: skip
    """Run all draws and look for the box.

    Raises
    ------
    UsageError
        If too few draws are left, or all or none of them are cases.
    """
    values = journal.outputs(evaluation, table, "draws")
    good = np.asarray(np.isfinite(values).all(axis=1))
    points, values = table[good], values[good]
    conditions = hold(outcomes, values)
    keep = np.ones(len(points), dtype=np.bool_)
    if case.known:
        keep = together(outcomes.known, conditions, len(points))
    if keep.sum() < _FEWEST:
        raise UsageError(f"only {int(keep.sum())} draws are left", code="n",
                         hint="ask for more draws, or for less that is known")  # fmt: skip
    everything = conditions | classes(outcomes, conditions, len(points))
    cases = together([case.case], everything, len(points))[keep]
    found = box_of(names, points[keep], cases, case.density, seed)
    return Boxes(int(keep.sum()), int((~good).sum()), int((~keep).sum()), int(cases.sum()), *found)


def box_of(
    names: tuple[str, ...], points: Array, cases: Flags, density: float, seed: int
) -> tuple[Discovery, tuple[Limit, ...], Quality, Quality, bool]:
    """Search on one half of the draws, drop limits without meaning, confirm on the other half."""
    search = discover(points, cases, seed=seed)
    train, test = np.array_split(np.random.default_rng(seed).permutation(len(points)), 2)
    box, chances = _chosen(search, points[train], cases[train], density)
    limits = tuple(
        Limit(names[i], _finite(box.lower[i]), _finite(box.upper[i]), chances[i])
        for i in sorted(chances, key=chances.__getitem__)
    )
    confirmed = quality(box, points[test], cases[test])
    return (search, limits, quality(box, points[train], cases[train]), confirmed,
            confirmed.density >= density)  # fmt: skip


def _chosen(
    search: Discovery, points: Array, cases: Flags, density: float
) -> tuple[Box, dict[int, float]]:
    """Of all boxes, limits without meaning dropped, the one of the largest coverage that is dense
    enough; the densest where none is.

    The best of many boxes looks denser than it is where it was chosen, so the lower end of the
    interval of its density has to reach what is asked for.
    """
    pruned = [_pruned(box, points, cases) for box in search.boxes]
    inside = [box.holds(points) for box, _ in pruned]
    worth = [Share.of(cases[flags]) if flags.any() else Share(0, 0, 0) for flags in inside]
    dense = [i for i, share in enumerate(worth) if share.lower >= density or share.value == 1]
    if dense:
        return pruned[max(dense, key=lambda i: int(cases[inside[i]].sum()))]
    return pruned[max(range(len(pruned)), key=lambda i: worth[i].value)]


def _pruned(box: Box, points: Array, cases: Flags) -> tuple[Box, dict[int, float]]:
    """The box without limits that chance explains, and the chance of each that stays."""
    while True:
        chances = {i: _chance(box, i, points, cases) for i in box.restricted}
        worst = max(chances, key=chances.__getitem__, default=None)
        if worst is None or chances[worst] < CHANCE:
            return box, chances
        box = _without(box, worst)


def _chance(box: Box, i: int, points: Array, cases: Flags) -> float:
    inside, wider = box.holds(points), _without(box, i).holds(points)
    share = float(cases[wider].mean())
    return float(binom.sf(int(cases[inside].sum()) - 1, int(inside.sum()), share))


def _without(box: Box, i: int) -> Box:
    lower, upper = box.lower.copy(), box.upper.copy()
    lower[i], upper[i] = -np.inf, np.inf
    return Box(lower, upper)


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _check_case(name: str, outcomes: Outcomes) -> None:
    known = ["bull", "bear", "neither", *(c.name for c in outcomes.conditions)]
    if name.removeprefix("not ") not in known:
        hint = did_you_mean(name, known) or "known: " + ", ".join(known)
        raise UsageError(f'no outcome is called "{name}"', code="unknown-case", hint=hint)
