"""Sensitivity of a study's outputs to its uncertain constants, by the method asked for."""

from __future__ import annotations

import time as clock
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt

from bullbear.analysis.columns import Column, Columns, columns, request
from bullbear.analysis.doubling import NARROW, SHAPLEY, SOBOL, Grown, Stage, grow, sizes
from bullbear.analysis.evaluation import Evaluation, Journal, question_of
from bullbear.analysis.information import variance_left
from bullbear.analysis.local import local
from bullbear.analysis.outcomes import Outcomes, columns_of, hold, together
from bullbear.analysis.screening import elementary_effects, morris_design
from bullbear.analysis.study import N, Study
from bullbear.analysis.uncertain import Uncertain, uncertain
from bullbear.analysis.variance import Estimate, given_data
from bullbear.errors import SimulationError, UsageError, did_you_mean
from bullbear.models.model import Model

Array = npt.NDArray[np.float64]
JUDGED = {"local": "elasticity", "morris": "mu_star", "sobol": "st", "shapley": "shapley",
          "given-data": "s1"}  # fmt: skip
"""The index of each method by which inputs are ordered."""
FEWEST_DRAWS = 256
_SCREENED = 32
_ENDS = (0.005, 0.995)
_LARGEST_PIECE = 16384
MOST_SHAPLEY_INPUTS = 12


@dataclass(frozen=True)
class Result:
    """What a study found.

    Attributes
    ----------
    inputs : names, shape (input,)
    columns : the outputs, shape (column,)
    indices : name -> values of shape (input, column): `s1`, `st`, `shapley` with half widths of
        their 95 % intervals in `s1_conf`, `st_conf`, `shapley_conf`; `mu_star`, `sigma` in the
        unit of the output; `elasticity`; NaN where there is none
    question : a short hash of what was asked
    n, runs, failed : size of the design, runs made, how many of them failed
    left : name of a measurement -> share of the variance that it leaves, shape (input, column) with
        one input
    stages : the sequence of doublings, where there is one
    varies : which outputs vary at all, shape (column,)
    seconds_runs, seconds_analysis : [s]
    """

    study: Study
    method: str
    seed: int
    model: str
    hash: str
    question: str
    inputs: tuple[str, ...]
    columns: tuple[Column, ...]
    indices: Mapping[str, Array]
    n: int
    runs: int
    failed: int
    varies: npt.NDArray[np.bool_]
    left: Mapping[str, Estimate] = field(default_factory=dict)
    stages: tuple[Stage, ...] = ()
    remarks: tuple[str, ...] = ()
    seconds_runs: float = 0.0
    seconds_analysis: float = 0.0

    @property
    def judged(self) -> str:
        return JUDGED[self.method]

    @cached_property
    def converged(self) -> bool | None:
        """Whether every judged half width is narrow; None for methods without intervals."""
        widths = self.indices.get(f"{self.judged}_conf")
        if widths is None:
            return None
        return float(np.nanmax(widths, initial=0.0)) < NARROW

    def places(self, column: int) -> list[tuple[int, int]]:
        """The places that each input may have, from first to last, shape (input,).

        Two inputs whose intervals overlap have places in common: neither is before the other.
        """
        value = self._size(column)
        width = self.indices.get(f"{self.judged}_conf", np.zeros_like(self.indices[self.judged]))
        low, high = value - width[:, column], value + width[:, column]
        found = []
        for i in range(len(value)):
            before = int(np.sum(low > high[i]))
            behind = int(np.sum(high < low[i]))
            found.append((before + 1, len(value) - behind))
        return found

    def order(self, column: int) -> list[int]:
        """Inputs by the size of the judged index, largest first; those without one left out."""
        value = self._size(column)
        ranked = np.argsort(-np.nan_to_num(value, nan=-np.inf), kind="stable")
        return [int(i) for i in ranked if np.isfinite(value[i])]

    def _size(self, column: int) -> Array:
        """By how much inputs drive an output: a share below 0 is none, an elasticity is some."""
        value: Array = self.indices[self.judged][:, column]
        return np.abs(value) if self.judged == "elasticity" else value


@dataclass
class Task:
    """A study made definite: its model, inputs, outputs, and who makes the runs."""

    study: Study
    model: Model
    method: str
    n: int
    seed: int
    inputs: Uncertain = field(init=False)
    columns: Columns = field(init=False)
    outcomes: Outcomes | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        self.inputs = uncertain(self.study, self.model)
        self.columns = columns(self.study, self.model)
        if self.study.known is not None:
            if self.method != "given-data":
                raise UsageError(
                    f"{self.method} needs all of its design, and the study leaves draws out",
                    code="known", hint="use --method given-data, or leave out the key known",
                )  # fmt: skip
            self.outcomes = Outcomes.read(self.study.path.parent / self.study.known)
        if self.inputs.sample is not None and self.method not in ("given-data", "local"):
            raise UsageError(
                f"{self.method} needs independent inputs, and those of a posterior are correlated",
                code="correlated", hint="use --method given-data",
            )  # fmt: skip
        if self.method in ("sobol", "shapley"):
            sizes(self.n)
        for name in self.study.measurements:
            if name not in self.inputs.names:
                raise UsageError(f'"{name}" is measured and no input of the study',
                                 code="no-input",
                                 hint=did_you_mean(name, self.inputs.names))  # fmt: skip
        if self.method == "given-data" and self.n < FEWEST_DRAWS:
            raise UsageError(f"given-data needs at least {FEWEST_DRAWS} draws, not {self.n}",
                             code="n", hint="for example --n 4096")  # fmt: skip

    @property
    def asked(self) -> Columns:
        """What is asked of every run: the outputs, then the tests of what is known."""
        if self.outcomes is None:
            return self.columns
        found = (*self.columns.columns, *columns_of(self.outcomes, self.model))
        return Columns(found, request(found, self.model, self.study.scenario))

    @property
    def most_runs(self) -> int:
        """Runs that the study takes at most."""
        inputs = len(self.inputs.names)
        if self.method == "sobol":
            return self.n * (inputs + 2)
        if self.method == "shapley":
            kept = min(inputs, MOST_SHAPLEY_INPUTS)
            screening = _SCREENED * (inputs + 1) if inputs > kept else 0
            return self.n * (kept + 1) + screening
        if self.method == "morris":
            return self.n * (inputs + 1)
        return self.n if self.method == "given-data" else 1

    @property
    def label(self) -> str:
        """Everything that decides the results."""
        return repr((self.method, self.n, self.seed, self.inputs.key))

    @property
    def question(self) -> str:
        """A short hash of model, study and design."""
        files = [self.study.path, *([] if self.outcomes is None else [self.outcomes.path])]
        return question_of(self.model, [self.study.scenario], files, self.label)


def make_task(
    study: Study, model: Model, method: str | None = None, n: int | None = None,
    seed: int | None = None,
) -> Task:  # fmt: skip
    """A study with what the command line changes of it.

    Raises
    ------
    BullbearError
        If the study does not fit the model, or the method does not fit the study.
    """
    chosen = method or study.method.name
    own = study.method.n if chosen == study.method.name else None
    size = n or own or N[chosen]
    return Task(study, model, chosen, size, study.method.seed if seed is None else seed)


def examine(task: Task, evaluation: Evaluation, journal: Journal) -> Result:
    """Do a study.

    Raises
    ------
    SimulationError
        If too many runs fail, or none is left.
    """
    begin = clock.perf_counter()
    plain = Result(
        task.study, task.method, task.seed, task.model.name, task.model.hash, task.question,
        task.inputs.names,
        task.columns.columns, {}, task.n, 0, 0, np.ones(len(task.columns.columns), dtype=np.bool_),
    )  # fmt: skip
    methods = {"local": _local, "morris": _morris, "sobol": _sobol, "shapley": _shapley,
               "given-data": _given_data}  # fmt: skip
    found = methods[task.method](task, evaluation, journal, plain)
    remarks = _still(found)
    total = clock.perf_counter() - begin
    return replace(found, remarks=(*found.remarks, *remarks),
                   seconds_runs=total - found.seconds_analysis)  # fmt: skip


def _still(found: Result) -> list[str]:
    """A sentence for each output that does not vary, or not at some times."""
    remarks = []
    for output in dict.fromkeys(column.output for column in found.columns):
        own = [v for c, v in zip(found.columns, found.varies, strict=True) if c.output == output]
        still = sum(not v for v in own)
        part = f" at {still} of its {len(own)} times" if still < len(own) else ""
        if still:
            remarks.append(f"{output} never varies{part}, so nothing drives it there")
    return remarks


def _local(task: Task, _evaluation: Evaluation, _journal: Journal, plain: Result) -> Result:
    found = local(task.model, task.inputs.names, task.columns)
    return replace(plain, indices={"elasticity": found.elasticity}, runs=1, remarks=found.remarks)


def _morris(task: Task, evaluation: Evaluation, journal: Journal, plain: Result) -> Result:
    design, values, dropped = _trajectories(task, evaluation, journal, task.n)
    begin = clock.perf_counter()
    effects = elementary_effects(design, values)
    remark = (f"{dropped} of {task.n} trajectories had a run that failed and are left out",)
    return replace(
        plain, indices={"mu_star": effects.mu_star, "sigma": effects.sigma},
        runs=design.shape[1] * task.n, failed=int(dropped), varies=_varies(values),
        remarks=remark if dropped else (), seconds_analysis=clock.perf_counter() - begin,
    )  # fmt: skip


def _trajectories(
    task: Task, evaluation: Evaluation, journal: Journal, count: int
) -> tuple[Array, Array, int]:
    """A design of Morris, its values, and how many trajectories were left out."""
    inputs = len(task.inputs.names)
    design = morris_design(inputs, count, task.seed)
    # a distribution without bounds has its ends at infinity
    shares = np.clip(design, *_ENDS)
    step = max(1, _LARGEST_PIECE // (inputs + 1))
    parts = []
    for low in range(0, count, step):
        some = shares[low : low + step]
        table = task.inputs.table(some.reshape(-1, inputs))

        def make(table: Array = table) -> dict[str, Array]:
            return {"values": evaluation(table)}

        made = journal.piece(f"morris-{low}", make)
        parts.append(made["values"].reshape(*some.shape[:2], -1))
    values = np.concatenate(parts)
    whole = np.asarray(np.isfinite(values).all(axis=(1, 2)))
    if whole.sum() < 2:
        raise SimulationError("fewer than two trajectories had no run that failed",
                              code="failed-draws", hint="narrow the inputs")  # fmt: skip
    return design[whole], values[whole], int((~whole).sum())


def _sobol(task: Task, evaluation: Evaluation, journal: Journal, plain: Result) -> Result:
    found = grow(SOBOL, task.inputs, evaluation, journal, task.n, task.seed)
    return _grown(plain, found)


def _shapley(task: Task, evaluation: Evaluation, journal: Journal, plain: Result) -> Result:
    names, remarks, before = task.inputs.names, [], 0
    if len(names) > MOST_SHAPLEY_INPUTS:
        design, values, _ = _trajectories(task, evaluation, journal, _SCREENED)
        before = _SCREENED * design.shape[1]
        strength = strength_of(elementary_effects(design, values).mu_star, task.columns.columns)
        chosen = np.argsort(-strength, kind="stable")[:MOST_SHAPLEY_INPUTS]
        names = tuple(task.inputs.names[i] for i in sorted(chosen))
        remarks.append(
            f"the {len(names)} of {len(task.inputs.names)} inputs with the largest "
            "elementary effects vary; the others keep the scenario's values"
        )
    kept = task.inputs.kept(names)
    fewer = Evaluation(task.model, names, task.columns, evaluation.options, evaluation.watch)
    found = grow(SHAPLEY, kept, fewer, journal, task.n, task.seed)
    result = _grown(replace(plain, inputs=names), found)
    return replace(result, runs=result.runs + before, remarks=(*remarks, *result.remarks))


def strength_of(effects: Array, columns: tuple[Column, ...]) -> Array:
    """How much of an output an input moves, the mean over its times, of the output where that is
    most, shape (input,).

    Effects are over those of the strongest input; an output that nothing moves does not count.
    """
    relative = effects / np.maximum(effects.max(axis=0), np.finfo(float).tiny)
    outputs = np.array([column.output for column in columns])
    means = [relative[:, outputs == output].mean(axis=1) for output in dict.fromkeys(outputs)]
    found: Array = np.max(means, axis=0)
    return found


def _grown(plain: Result, found: Grown) -> Result:
    indices: dict[str, Array] = {}
    for name, estimate in found.estimates.items():
        indices |= {name: estimate.value, f"{name}_conf": estimate.half_width}
    remark = (f"{found.failed} runs failed; {found.redrawn} points of the design were redrawn",)
    return replace(
        plain, indices=indices, n=found.stages[-1].n, runs=found.stages[-1].runs,
        failed=found.failed, varies=found.varies, stages=found.stages,
        remarks=remark if found.failed else (), seconds_analysis=found.analysis,
    )  # fmt: skip


def _given_data(task: Task, evaluation: Evaluation, journal: Journal, plain: Result) -> Result:
    table = _sample(task)
    values = journal.outputs(evaluation, table, "draws")
    good = np.asarray(np.isfinite(values).all(axis=1))
    failed, remarks = int((~good).sum()), []
    if task.outcomes is not None:
        count = len(task.columns.columns)
        flags = hold(task.outcomes, values[:, count:])
        agree = good & together(task.outcomes.known, flags, len(values))
        remarks.append(f"{int((good & ~agree).sum())} of {len(values)} draws contradict what is "
                       "known and are left out")  # fmt: skip
        values, good = values[:, :count], agree
    if good.sum() < FEWEST_DRAWS:
        raise SimulationError(f"only {int(good.sum())} of {len(good)} draws count",
                              code="failed-draws",
                              hint="narrow the inputs, or draw more")  # fmt: skip
    begin = clock.perf_counter()
    found = given_data(table[good], values[good], seed=task.seed)
    still = table.max(axis=0) == table.min(axis=0)
    indices = {"s1": found.value, "s1_conf": found.half_width}
    remarks += [f"{task.inputs.names[i]} has one value in all draws" for i in np.flatnonzero(still)]
    if failed:
        remarks.append(f"{failed} runs failed and are left out")
    for array in indices.values():
        array[still] = np.nan
    varies = _varies(values[good])
    for array in indices.values():
        array[:, ~varies] = np.nan
    return replace(
        plain, indices=indices, n=len(table), runs=len(table), failed=failed,
        varies=varies, remarks=tuple(remarks), left=_left(task, table[good], values[good]),
        seconds_analysis=clock.perf_counter() - begin,
    )  # fmt: skip


def _left(task: Task, table: Array, values: Array) -> dict[str, Estimate]:
    """What every measurement of the study would leave of the variance."""
    found = {}
    for name, measurement in task.study.measurements.items():
        column = table[:, [task.inputs.names.index(name)]]
        how = np.array([measurement.relative])
        found[name] = variance_left(column, np.array([measurement.error]), how, values, task.seed)
    return found


def _sample(task: Task) -> Array:
    """Constants, shape (draw, input)."""
    if task.inputs.sample is not None:
        found = task.inputs.sample.to_numpy(dtype=np.float64)
        if len(found) < FEWEST_DRAWS:
            raise UsageError(f"the sample has {len(found)} draws, given-data needs {FEWEST_DRAWS}",
                             code="n", hint="draw more from the posterior")  # fmt: skip
        return found
    # independent points: in a Sobol sequence neighbours in one input are not random in the others,
    # on which the rank statistic rests
    points = np.random.default_rng(task.seed).random((task.n, len(task.inputs.names)))
    return task.inputs.table(points)


def _varies(values: Array) -> npt.NDArray[np.bool_]:
    found: npt.NDArray[np.bool_] = np.ptp(values.reshape(-1, values.shape[-1]), axis=0) > 0
    return found
