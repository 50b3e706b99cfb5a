"""Machine code against NumPy on the bundled model: one command, a table of ratios.

    python tests/benchmarks/bench_ensemble.py [draws]

Everything is measured in one process, the sides in turns, and medians are told.  CPU time is
used where one thread works, so that other work on the machine disturbs little.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial

import numpy as np

import bullbear
from bullbear.equations.printers.llvm.machine import FOLDER
from bullbear.models import engines
from bullbear.models.batch import Batch, NumpyRunner
from bullbear.models.draws import read_priors, sobol_draws
from bullbear.models.engines import LlvmRunner
from bullbear.models.model import Model
from bullbear.models.plan import Plan, Request, make_plan

DATES = (2020.25 + 0.25 * np.arange(64)).tolist()
ROUNDS = 5


def cpu(work: Callable[[], object]) -> float:
    begin = time.process_time()
    work()
    return time.process_time() - begin


def wall(work: Callable[[], object]) -> float:
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


def in_turns(*works: Callable[[], float], rounds: int = ROUNDS) -> list[float]:
    """The median of each, measured one after the other again and again."""
    found = [[work() for work in works] for _ in range(rounds)]
    return [statistics.median(column) for column in zip(*found, strict=True)]


def plan_of(model: Model, count: int, method: str) -> Plan:
    assert model.definition.parameters_path is not None
    draws = sobol_draws(read_priors(model.definition.parameters_path), count, 1)
    return make_plan(model, draws, Request(save_at=DATES, method=method, events=False))


def per_step(seconds: float, plan: Plan, draws: int) -> float:
    """[ns] per draw and step."""
    return seconds * 1e9 / draws / plan.batch.last


def against_numpy(model: Model, count: int) -> None:
    for method, few in (("euler", 1024), ("rk4", 256)):
        plan = plan_of(model, count, method)
        llvm, numpy = LlvmRunner(plan.batch), NumpyRunner(plan.batch)
        llvm.run(plan.draws[:64])
        many, some = partial(llvm.run, plan.draws[:1024]), partial(numpy.run, plan.draws[:few])
        fast, slow = in_turns(partial(cpu, many), partial(cpu, some), rounds=3)
        ns = per_step(fast, plan, 1024), per_step(slow, plan, few)
        print(f"{method}: LLVM {ns[0]:.0f} ns, NumPy {ns[1]:.0f} ns per draw and step on one core; "
              f"ratio {ns[1] / ns[0]:.1f}")  # fmt: skip
        same = llvm.run(plan.draws[:few]).values, numpy.run(plan.draws[:few]).values
        scale = np.abs(same[1]).max(axis=1, keepdims=True)
        error = (np.abs(same[0] - same[1]) / np.where(scale > 0, scale, 1)).max((1, 2))
        print(f"  largest difference {error.max():.1e} of a maximum; beyond 1e-12 in "
              f"{(error > 1e-12).mean():.2%} of {few} draws")  # fmt: skip


def threads(model: Model, count: int) -> None:
    assert model.definition.parameters_path is not None
    draws = sobol_draws(read_priors(model.definition.parameters_path), count, 1)

    def run(number: int) -> Callable[[], float]:
        return lambda: wall(
            lambda: model.ensemble(draws, save_at=DATES, events=False, threads=number)
        )

    one, two = in_turns(run(1), run(2), rounds=3)
    plan = plan_of(model, 64, "euler")
    print(f"{count} draws written at 64 dates: {one:.2f} s with one thread "
          f"({per_step(one, plan, count):.0f} ns per draw and step), {two:.2f} s with two; "
          f"ratio {one / two:.2f}")  # fmt: skip


def compiling(batch: Batch) -> None:
    """Everything that a batch needs: rates, saved outputs, statements of time."""

    def make() -> None:
        engines._codes.clear()
        LlvmRunner(batch)

    with tempfile.TemporaryDirectory() as folder:
        before = os.environ.get(FOLDER)
        os.environ[FOLDER] = ""
        cold = statistics.median(cpu(make) for _ in range(3))
        os.environ[FOLDER] = folder
        make()
        warm = statistics.median(cpu(make) for _ in range(5))
        os.environ.pop(FOLDER) if before is None else os.environ.update({FOLDER: before})
    print(f"from statements to machine code: {cold:.2f} s cold, {warm:.3f} s from the cache (CPU)")


def scaling(model: Model) -> None:
    for count in (1, 8, 64, 512, 2048):
        plan = plan_of(model, count, "euler")
        runner = LlvmRunner(plan.batch)
        (seconds,) = in_turns(partial(cpu, partial(runner.run, plan.draws)))
        print(f"{count} draws: {per_step(seconds, plan, count):.0f} ns per draw and step")


def single(model: Model) -> None:
    """One run, every variable kept at every SAVEPER."""
    draws = plan_of(model, 1, "euler").draws
    assert model.definition.parameters_path is not None
    table = sobol_draws(read_priors(model.definition.parameters_path), 1, 1)
    request = Request(outputs=list(model.program.outputs), events=False)
    plan = make_plan(model, table, request)
    runner = LlvmRunner(plan.batch)
    (seconds,) = in_turns(lambda: wall(lambda: runner.run(draws)), rounds=15)
    shape = f"{len(plan.names)} variables at {len(plan.times)} times"
    print(f"one run, {shape}: {seconds * 1e3:.2f} ms")


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    model = bullbear.load("numerai")
    plan = plan_of(model, 8, "euler")
    runner, remark = engines.make_runner(plan.batch)
    if runner.engine != "llvm":
        sys.exit(f"no machine code here: {remark}")
    states = len(model.program.states)
    print(f"{model.name}: {states} states, {len(model.program.outputs)} variables")
    compiling(plan.batch)
    against_numpy(model, 2048)
    threads(model, count)
    scaling(model)
    single(model)


if __name__ == "__main__":
    main()
