"""When the treasury runs out and the company closes, and how likely bull and bear are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.stats import qmc

from bullbear.analysis import claims as claimed
from bullbear.analysis.claims import Answer, Claims
from bullbear.analysis.columns import Column, Columns, request, span
from bullbear.analysis.evaluation import Evaluation, Journal, question_of
from bullbear.analysis.outcomes import Outcomes, columns_of, hold, together
from bullbear.analysis.survival import Survival, kaplan_meier
from bullbear.analysis.uncertain import Uncertain
from bullbear.errors import SimulationError, UsageError
from bullbear.models.model import Model

Array = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
_NORMAL = 1.959964
"""97.5 % quantile of the normal distribution."""


@dataclass(frozen=True)
class Share:
    """A share of the draws, and its 95 % interval (Wilson 1927, J. Am. Stat. Assoc. 22)."""

    value: float
    lower: float
    upper: float

    @classmethod
    def of(cls, flags: Flags) -> Share:
        """The share of True."""
        n, z2 = len(flags), _NORMAL**2
        p = float(flags.mean())
        centre = (p + z2 / (2 * n)) / (1 + z2 / n)
        spread = _NORMAL * float(np.sqrt(p * (1 - p) / n + z2 / (4 * n * n))) / (1 + z2 / n)
        return cls(p, max(0.0, min(p, centre - spread)), min(1.0, max(p, centre + spread)))


@dataclass(frozen=True)
class Prospect:
    """What awaits a set of draws.

    Attributes
    ----------
    scenario, belief : of which runs; `belief` is `priors`, `posterior`, or either `, known`: the
        draws alone that agree with what is known to have happened
    inputs, draws, failed : constants that vary, draws that count, and draws whose run failed
    events : event -> curve of the share in which it has not happened
    conditions : condition -> share of the draws in which it holds
    outcomes : bull, bear and neither; empty where nothing says what they are
    claims : an answer to each claim; empty where nothing says what was claimed
    """

    scenario: str
    belief: str
    inputs: int
    draws: int
    failed: int
    events: Mapping[str, Survival]
    conditions: Mapping[str, Share]
    outcomes: Mapping[str, Share]
    claims: tuple[Answer, ...] = ()


@dataclass(frozen=True)
class Question:
    """What is asked of the runs: events, outcomes where there are some, and claims."""

    model: Model
    outcomes: Outcomes | None = None
    claims: Claims | None = None

    def key(self, groups: Sequence[tuple[str, str, Uncertain]], *settings: object) -> str:
        """A short hash of model, outcomes, claims, and of which draws are run in which scenario."""
        files = [file.path for file in (self.outcomes, self.claims) if file is not None]
        asked = [(scenario, belief, inputs.key) for scenario, belief, inputs in groups]
        slugs = [scenario for scenario, _, _ in groups]
        return question_of(self.model, slugs, files, asked, *settings)

    def columns(self, scenario: str) -> Columns:
        """All numbers of a run that the answers need: events, tests, claims, in this order."""
        found = event_columns(self.model)
        if self.outcomes is not None:
            found = (*found, *columns_of(self.outcomes, self.model))
        if self.claims is not None:
            found = (*found, *claimed.columns_of(self.claims, self.model))
        return Columns(found, request(found, self.model, scenario))


def event_columns(model: Model) -> tuple[Column, ...]:
    """A column for each event of the model file.

    Raises
    ------
    UsageError
        If there is none.
    """
    events = model.definition.events
    if not events:
        raise UsageError(f'the model "{model.name}" names no events', code="no-events",
                         hint="add [[events]] to its model file")  # fmt: skip
    return tuple(Column(event.name, event=event.name) for event in events)


def sample(inputs: Uncertain, count: int, seed: int) -> Array:
    """Constants, shape (draw, input): the given sample, or scrambled Sobol points of the priors.

    Draw number k is the same whatever the count.
    """
    if inputs.sample is not None:
        return inputs.sample.to_numpy(dtype=np.float64)
    sampler = qmc.Sobol(len(inputs.names), scramble=True, rng=np.random.default_rng(seed))
    return inputs.table(sampler.random_base2((count - 1).bit_length())[:count])


def prospects(
    question: Question, scenario: str, belief: str, table: Array, evaluation: Evaluation,
    journal: Journal,
) -> list[Prospect]:  # fmt: skip
    """Run all draws of a scenario and say what awaits them, then those that agree with the known.

    Raises
    ------
    SimulationError
        If every run fails.
    """
    values = journal.outputs(evaluation, table, f"{scenario}-{belief}")
    good = np.asarray(np.isfinite(values).all(axis=1))
    failed = int((~good).sum())
    if not good.any():
        raise SimulationError("every run failed", code="failed-draws",
                              hint="`bullbear ensemble` says how")  # fmt: skip
    values = values[good]
    count = table.shape[1]
    found = [_prospect(question, scenario, belief, count, values, failed)]
    outcomes = question.outcomes
    if outcomes is not None and outcomes.known:
        conditions = hold(outcomes, values[:, len(question.model.definition.events) :])
        agree = together(outcomes.known, conditions, len(values))
        if agree.any() and not agree.all():
            known = f"{belief}, known"
            found.append(_prospect(question, scenario, known, count, values[agree], failed))
    return found


def _prospect(
    question: Question, scenario: str, belief: str, inputs: int, values: Array, failed: int
) -> Prospect:
    model, outcomes = question.model, question.outcomes
    horizon = span(model)[1]
    names = [event.name for event in model.definition.events]
    events = {name: curve(values[:, i], horizon) for i, name in enumerate(names)}
    rest = values[:, len(names) :]
    conditions: dict[str, Share] = {}
    shares: dict[str, Share] = {}
    if outcomes is not None:
        flags = hold(outcomes, rest)
        conditions = {name: Share.of(own) for name, own in flags.items()}
        shares = {n: Share.of(f) for n, f in classes(outcomes, flags, len(values)).items()}
        rest = rest[:, sum(len(condition.tests) for condition in outcomes.conditions) :]
    said: list[Answer] = []
    if question.claims is not None:
        said = claimed.answers(question.claims, rest)
    return Prospect(scenario, belief, inputs, len(values), failed, events, conditions, shares,
                    tuple(said))  # fmt: skip


def classes(outcomes: Outcomes, conditions: dict[str, Flags], count: int) -> dict[str, Flags]:
    """Which draws are bull, bear and neither; none is both, for a bull counts first."""
    bull = together(outcomes.bull, conditions, count)
    bear = together(outcomes.bear, conditions, count) & ~bull
    return {"bull": bull, "bear": bear, "neither": ~bull & ~bear}


def curve(times: Array, horizon: float) -> Survival:
    """The Kaplan-Meier curve of event times clipped at the horizon."""
    return kaplan_meier(np.where(times < horizon, times, np.nan), horizon)
