"""Policies under uncertainty: regret, satisficing, the Pareto front, and what flips the choice."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt

from bullbear.analysis.columns import Columns, columns
from bullbear.analysis.evaluation import Evaluation, Journal, question_of
from bullbear.analysis.information import Worth, worth
from bullbear.analysis.outcomes import Outcomes, columns_of, hold, together
from bullbear.analysis.policies_file import Policies
from bullbear.analysis.study import Method, Study
from bullbear.analysis.uncertain import uncertain
from bullbear.analysis.variance import Estimate, given_data
from bullbear.errors import BullbearError, Finding, ModelError, UsageError
from bullbear.models.ensemble import Options
from bullbear.models.model import Model
from bullbear.models.overrides import Setting, resolve
from bullbear.models.toml_file import faults, key_places, place_of

Array = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
FEWEST = 256


@dataclass(frozen=True)
class Comparison:
    """What policies come to in the same draws of the uncertain constants.

    Attributes
    ----------
    criteria : names, shape (criterion,)
    policies : names, shape (policy,)
    inputs : names of the uncertain constants, shape (input,)
    drawn, failed, left_out : draws that were made; in which a run failed; that contradict what is
        known
    points : the draws that count, shape (draw, input)
    values : shape (policy, draw, criterion)
    signs : 1 where more is better, -1 where less is, shape (criterion,)
    enough : what satisfies, shape (criterion,)
    """

    criteria: tuple[str, ...]
    policies: tuple[str, ...]
    inputs: tuple[str, ...]
    drawn: int
    failed: int
    left_out: int
    points: Array
    values: Array
    signs: Array
    enough: Array

    @cached_property
    def regret(self) -> Array:
        """What the best policy of a draw has more, shape (policy, draw, criterion)."""
        good = self.values * self.signs
        found: Array = good.max(axis=0) - good
        return found

    @cached_property
    def satisfied(self) -> Flags:
        """Where a policy reaches what is enough, shape (policy, draw, criterion)."""
        return np.asarray(self.values * self.signs >= self.enough * self.signs)

    @cached_property
    def robust(self) -> Array:
        """Share of draws in which a policy satisfies all criteria, shape (policy,)."""
        return np.asarray(self.satisfied.all(axis=2).mean(axis=1))

    @cached_property
    def front(self) -> tuple[int, ...]:
        """Policies that no other one beats or equals in every mean and beats in one."""
        means = (self.values * self.signs).mean(axis=1)
        return tuple(
            i for i, own in enumerate(means)
            if not any((other >= own).all() and (other > own).any() for other in means)
        )  # fmt: skip

    @cached_property
    def order(self) -> tuple[int, ...]:
        """Policies by the share of draws in which they satisfy everything, best first."""
        return tuple(int(i) for i in np.argsort(-self.robust, kind="stable"))

    def gain(self, policy: int) -> tuple[Array, Array]:
        """Mean by which a policy is better than the first one, and the half width of its 95 %
        interval; draws are the same, so differences are paired.  Shape (criterion,) each."""
        difference = (self.values[policy] - self.values[0]) * self.signs
        spread = difference.std(axis=0, ddof=1) / np.sqrt(len(difference))
        return difference.mean(axis=0), 1.96 * spread

    @cached_property
    def burden(self) -> Array:
        """Sum of the regrets, each over the spread of its criterion, shape (policy, draw)."""
        scale = self.values.reshape(-1, len(self.criteria)).std(axis=0)
        found: Array = (self.regret / np.where(scale > 0, scale, 1.0)).sum(axis=2)
        return found

    @cached_property
    def information(self) -> tuple[Worth, Worth]:
        """What knowing inputs before choosing is worth: in the share of draws in which all
        criteria are satisfied, and in the sum of regrets."""
        enough = np.asarray(self.satisfied.all(axis=2), dtype=np.float64)
        return worth(self.points, enough), worth(self.points, np.negative(self.burden))

    @cached_property
    def flips(self) -> Flip:
        """What the choice between the two most robust policies hangs on."""
        first, second = self.order[:2]
        better = self.burden[second] < self.burden[first]
        found = given_data(self.points, better[:, None].astype(np.float64))
        means = [self.points[better == side].mean(axis=0) if (better == side).any() else 0.0
                 for side in (True, False)]  # fmt: skip
        return Flip(first, second, float(better.mean()), found, np.sign(means[0] - means[1]))


@dataclass(frozen=True)
class Flip:
    """Where the second policy is better than the first, by the sum of regrets, each over the
    spread of its criterion.

    Attributes
    ----------
    share : of the draws
    indices : first-order index of each input for whether it is so, shape (input, 1)
    direction : 1 where the second is better for more of the input, shape (input,)
    """

    first: int
    second: int
    share: float
    indices: Estimate
    direction: Array

    @property
    def telling(self) -> list[int]:
        """Inputs whose interval lies above 0, the strongest first."""
        value, width = self.indices.value[:, 0], self.indices.half_width[:, 0]
        return [int(i) for i in np.argsort(-np.nan_to_num(value)) if value[i] > width[i]]


class Contest:
    """A file of policies made definite.

    Raises
    ------
    ModelError
        For inputs, criteria or levers that do not fit the model; each with its place.
    UsageError
        For too few draws.
    """

    def __init__(self, file: Policies, model: Model, n: int | None, seed: int | None) -> None:
        self.file, self.model = file, model
        self.n, self.seed = n or file.n, file.seed if seed is None else seed
        if self.n < FEWEST:
            raise UsageError(f"at least {FEWEST} draws are needed, not {self.n}", code="n",
                             hint="for example --draws 4096")  # fmt: skip
        study = Study(title=file.title, model=file.model, scenario=file.scenario,
                      priors=file.priors, inputs=file.inputs, outputs=list(file.criteria),
                      method=Method(name="given-data"))  # fmt: skip
        study._path = file.path
        self.inputs = uncertain(study, model)
        self.columns = _placed(file, columns, study, model)
        self.outcomes: Outcomes | None = None
        if file.outcomes is not None:
            self.outcomes = Outcomes.read(file.path.parent / file.outcomes)
        self._check_levers()
        unit = np.random.default_rng(self.seed).random((self.n, len(self.inputs.names)))
        self.table = self.inputs.table(unit)

    @property
    def most_runs(self) -> int:
        return self.n * len(self.file.policies)

    @property
    def label(self) -> str:
        """Everything but the model that decides the runs."""
        return repr((self.n, self.seed, self.inputs.key, self.file.policies, self.columns))

    @property
    def question(self) -> str:
        """A short hash of model, policies, outcomes and design."""
        outcomes = [] if self.outcomes is None else [self.outcomes.path]
        key = (self.n, self.seed, self.inputs.key)
        return question_of(self.model, [self.file.scenario], [self.file.path, *outcomes], key)

    def evaluation(self, policy: int, options: Options, watch: Callable[[int], None]) -> Evaluation:
        """Who runs one policy; for the first one, what is known is looked at as well."""
        found = self.columns.columns
        request = replace(self.columns.request, overrides=self.file.policies[policy].levers)
        if policy == 0 and self.outcomes is not None:
            tests = columns_of(self.outcomes, self.model)
            found = (*found, *tests)
            times = {t for column in found for t in column.times} | set(request.save_at or ())
            variables = [*(request.outputs or ()), *(c.variable for c in tests if c.variable)]
            request = replace(request, outputs=tuple(dict.fromkeys(variables)),
                              save_at=sorted(times), events=True,
                              final_time=max(request.final_time or 0, *times))  # fmt: skip
        return Evaluation(self.model, self.inputs.names, Columns(found, request), options, watch)

    def compare(
        self, options: Options, journal: Journal, watch: Callable[[int], None]
    ) -> Comparison:
        """Run all policies in the same draws.

        Raises
        ------
        UsageError
            If too few draws are left.
        """
        count = len(self.columns.columns)
        first = journal.outputs(self.evaluation(0, options, watch), self.table, "policy-0")
        failed = np.isnan(first).any(axis=1)
        keep = ~failed
        if self.outcomes is not None:
            flags = hold(self.outcomes, first[:, count:])
            keep &= together(self.outcomes.known, flags, len(first))
        table = self.table[keep]
        if len(table) < FEWEST:
            raise UsageError(f"only {len(table)} draws are left", code="n",
                             hint="ask for more draws, or for less that is known")  # fmt: skip
        values = [first[keep, :count]]
        for i in range(1, len(self.file.policies)):
            evaluation = self.evaluation(i, options, watch)
            values.append(journal.outputs(evaluation, table, f"policy-{i}"))
        together_ = np.stack(values)
        good = np.asarray(np.isfinite(together_).all(axis=(0, 2)))
        criteria = self.file.criteria
        pairs = zip(criteria, self.columns.labels, strict=True)
        return Comparison(
            tuple(c.name or label for c, label in pairs),
            tuple(policy.name for policy in self.file.policies), self.inputs.names,
            self.n, int(failed.sum() + (~good).sum()), int((~failed & ~keep).sum()), table[good],
            together_[:, good], np.array([1.0 if c.better == "more" else -1.0 for c in criteria]),
            np.array([c.enough for c in criteria]),
        )  # fmt: skip

    def _check_levers(self) -> None:
        """Refuse levers that are no constants, or that are uncertain."""
        places = key_places(self.file.path.read_text(encoding="utf-8"))
        drawn = resolve([Setting(name, 0.0) for name in self.inputs.names], self.model.system)
        found = []
        for number, policy in enumerate(self.file.policies):
            where = place_of(self.file.path, places, ("policies", number))
            for name, value in policy.levers.items():
                try:
                    elements = resolve([Setting(name, value)], self.model.system)
                except BullbearError as fault:
                    found.append(Finding(fault.code, fault.message, where, fault.hint))
                    continue
                if set(elements) & set(drawn):
                    found.append(Finding("lever-drawn", f'"{name}" is uncertain and a lever', where,
                                         "leave it out of one of the two"))  # fmt: skip
        if found:
            raise faults(found, ModelError)


def _placed(
    file: Policies, make: Callable[[Study, Model], Columns], study: Study, model: Model
) -> Columns:
    """The criteria as columns; faults stand where the criterion does, not at an output."""
    try:
        found = make(study, model)
    except BullbearError as fault:
        places = key_places(file.path.read_text(encoding="utf-8"))
        where = place_of(file.path, places, ("criteria",))
        raise ModelError(fault.findings[0].message if fault.findings else fault.message,
                         code=fault.code, where=where, hint=fault.hint) from fault  # fmt: skip
    if len(found.columns) != len(file.criteria):
        raise ModelError("a criterion is one number, and an array has several", code="elements",
                         where=place_of(file.path, {}, ()),
                         hint='name one element, as in "Name[Element]"')  # fmt: skip
    return found
