"""Every engine on every benchmark model: one command, one process, one table of ratios.

    python tests/benchmarks/run_all.py

The engines take turns and medians are told, in CPU time per draw and step, so that other work on
the machine disturbs little; only the second thread is judged by the clock.  PySD, which would take
minutes for the bundled model, goes a few steps of every model only: what a longer run takes more
than a shorter one, per step.  What is not installed is left out.
"""

from __future__ import annotations

import ctypes
import os
import re
import statistics
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import bench_ensemble as bench
import numpy as np
import pandas as pd

import bullbear
from bullbear.equations.export import export_vensim
from bullbear.equations.printers.llvm.machine import Library, host
from bullbear.equations.printers.llvm.module import ATTRIBUTES, Module
from bullbear.models.batch import NumpyRunner
from bullbear.models.draws import read_priors, sobol_draws
from bullbear.models.engines import LlvmRunner
from bullbear.models.model import Model
from bullbear.models.plan import Plan, Request, make_plan
from bullbear.models.simulate import Simulator
from bullbear.models.witness import quiet_pysd

MODELS = Path(__file__).parent / "models"
VARIED = {
    "sir": ("contact rate", "infectivity", "duration"),
    "commodity": ("demand elasticity", "cover elasticity", "supply elasticity", "time to expect"),
}
ROUNDS, PYSD_ROUNDS = 5, 3
FEW_STEPS = {"numerai": (8, 40)}
"""Steps of the two runs of PySD; of small models 100 and 1100."""
_UNITS = re.compile(r"(\n\t~\t)[^\n]*(\n\t~\t)")
Task = Callable[[], object]


def draws_of(model: Model, count: int) -> pd.DataFrame:
    """From the prior box, or a fifth around the constants of a small model."""
    if model.definition.parameters_path is not None:
        return sobol_draws(read_priors(model.definition.parameters_path), count, 1)
    random, index = np.random.default_rng(1), model.program.parameter_index()
    return pd.DataFrame({
        name: model.program.defaults[index[name]] * random.uniform(0.8, 1.2, count)
        for name in VARIED[model.name]
    })  # fmt: skip


def plan_of(model: Model, count: int, step: float | None = None) -> Plan:
    grid = model.grid()
    end = grid.time(grid.steps)
    dates = np.linspace(grid.initial, end, 65)[1:].tolist()
    outputs = model.definition.headline or [s.name for s in model.program.states if not s.hidden]
    request = Request(save_at=dates, method="euler", events=False, outputs=outputs, time_step=step)
    return make_plan(model, draws_of(model, count), request)


# -- engines: a task and the draws that it runs ---------------------------------------------------


def own_engines(model: Model) -> dict[str, tuple[Task, int]]:
    small = len(model.program.outputs) < 100
    many = 4096 if small else 1024
    plan = plan_of(model, many)
    llvm, numpy = LlvmRunner(plan.batch), NumpyRunner(plan.batch)
    simulator = Simulator(model.program, list(model.program.outputs.values()), [])
    vector, grid = plan.batch.base.tolist(), model.grid()
    return {
        "LLVM": (partial(llvm.run, plan.draws), many),
        "NumPy": (partial(numpy.run, plan.draws), many),
        "plain Python": (partial(simulator.run, grid, "euler", vector), 1),
    }


def pysd_engine(model: Model, folder: Path) -> Callable[[], float]:
    """CPU time that PySD takes for one step more [ns]."""
    import pysd

    text = export_vensim(model.system, model.grid().controls(), model.values(), dialect="pysd")
    file = folder / "witness.mdl"
    file.write_text(text, encoding="utf-8")
    witness, grid = pysd.read_vensim(str(file)), model.grid()
    few, many = FEW_STEPS.get(model.name, (100, 1100))

    def run(steps: int) -> float:
        end = grid.time(steps)
        return bench.cpu(lambda: witness.run(final_time=end, return_timestamps=[end]))

    run(1)
    return lambda: (run(many) - run(few)) * 1e9 / (many - few)


def simlin_engine(model: Model, folder: Path) -> tuple[Task, int] | None:
    """pysimlin's loop over draws: reset, set a constant, run, read one number."""
    try:
        import simlin
    except ImportError:
        return None
    file = folder / "simlin.mdl"
    text = export_vensim(model.system, model.grid().controls(), model.values())
    file.write_text(_UNITS.sub(r"\1\2", text), encoding="utf-8")  # it reads no roots of units
    try:
        run = simlin.load(file).simulate()
        run.run_to_end()
    except Exception as fault:
        print(f"  pysimlin does not run it: {' '.join(str(fault).split())[:200]}")
        return None
    name = VARIED[model.name][0] if model.name in VARIED else None
    value = run.get_value(name) if name else 0.0
    states = (s.name for s in model.program.states if not s.hidden)
    stock = next(iter(model.definition.headline), None) or next(states)
    ours = model.run(method="euler").results[stock].iloc[-1]
    print(f"  {stock} of pysimlin at the end differs by {abs(run.get_value(stock) / ours - 1):.1e}")

    def work() -> None:
        for turn in range(20):
            run.reset()
            if name:
                run.set_value(name, value * (1 + 1e-3 * turn))
            run.run_to_end()
            run.get_value(stock)

    return work, 20


def compare(model: Model) -> float:
    """The table of one model; CPU time of LLVM per draw and step [ns]."""
    steps = model.grid().steps
    variables = len(model.program.outputs)
    print(f"\n{model.name}: {variables} variables, {steps} steps, Euler, outputs at 64 dates")
    engines = own_engines(model)
    with tempfile.TemporaryDirectory() as folder, quiet_pysd():
        found = simlin_engine(model, Path(folder))
        if found:
            engines["pysimlin"] = found
        measures = {
            name: partial(_measured, task, draws * steps) for name, (task, draws) in engines.items()
        }
        for measure in measures.values():
            measure()
        measures["PySD"] = pysd_engine(model, Path(folder))
        found_ns: dict[str, list[float]] = {name: [] for name in measures}
        for turn in range(ROUNDS):
            for name, measure in measures.items():
                if name != "PySD" or turn < PYSD_ROUNDS:
                    found_ns[name].append(measure())
    medians = {name: statistics.median(values) for name, values in found_ns.items()}
    print("| engine | ns per draw and step | over LLVM |")
    print("|---|---|---|")
    for name, value in medians.items():
        print(f"| {name} | {value:.1f} | {value / medians['LLVM']:.1f} |")
    return medians["LLVM"]


def _measured(task: Task, runs: int) -> float:
    """CPU time of a task over its runs and steps [ns]."""
    return bench.cpu(task) * 1e9 / runs


# -- threads, scaling, share of the peak ----------------------------------------------------------


def threads(model: Model, count: int) -> None:
    table = draws_of(model, count)

    def run(number: int) -> Callable[[], float]:
        work = partial(model.ensemble, table, events=False, method="euler", threads=number)
        return lambda: bench.wall(lambda: work(save_at=bench.DATES))

    run(2)()
    one, two = bench.in_turns(run(1), run(2), rounds=3)
    gain, load = one / two, os.getloadavg()[0]
    print(f"\n{count} draws, outputs written, by the clock: {one:.2f} s with one thread, "
          f"{two:.2f} s with two; ratio {gain:.2f}; load {load:.1f}")  # fmt: skip


def scaling(models: list[Model]) -> None:
    print("\nscaling [ns per draw and step]")
    bench.scaling(models[-1])
    for step in (0.125, 0.0625, 0.03125, 0.015625):
        plan = plan_of(models[0], 1024, step)
        runner = LlvmRunner(plan.batch)
        (seconds,) = bench.in_turns(partial(bench.cpu, partial(runner.run, plan.draws)))
        print(f"{plan.batch.last} steps of {models[0].name}: "
              f"{bench.per_step(seconds, plan, 1024):.2f} ns")  # fmt: skip


def sectors(count: int) -> str:
    """A model of so many sectors of 8 variables, each of which the one before it feeds."""
    parts = [
        f"""stock {i} = INTEG(inflow {i} - outflow {i}, {1 + i % 3}) ~~|
inflow {i} = base {i} * appetite {i} + outflow {(i or count) - 1} / 9 ~~|
outflow {i} = stock {i} / (life {i} * (1 + pressure {i})) ~~|
pressure {i} = MAX(0, stock {i} - 2) / 5 ~~|
appetite {i} = EXP(-stock {i} / 4) * (1 + pressure {i}) ^ 0.7 ~~|
base {i} = 0.5 ~~|
life {i} = {4 + i % 5} ~~|
share {i} = stock {i} / (1 + stock {(i or count) - 1}) ~~|
"""
        for i in range(count)
    ]
    bounds = {"INITIAL TIME": 0, "FINAL TIME": 10, "TIME STEP": 0.0625, "SAVEPER": 1}
    return "".join(
        ["{UTF-8}\n", *parts, *(f"{name} = {value} ~~|\n" for name, value in bounds.items())]
    )


def scaling_in_variables(folder: Path) -> None:
    for count in (1, 4, 16, 64, 256):
        file = folder / f"sectors{count}.mdl"
        file.write_text(sectors(count), encoding="utf-8")
        model = bullbear.load(file)
        draws = pd.DataFrame({
            f"base {i}": np.random.default_rng(i).uniform(0.3, 0.7, 512) for i in range(count)
        })  # fmt: skip
        request = Request(save_at=[10.0], outputs=["stock 0"], events=False, method="euler")
        plan = make_plan(model, draws, request)
        runner = LlvmRunner(plan.batch)
        (seconds,) = bench.in_turns(partial(bench.cpu, partial(runner.run, plan.draws)))
        found, variables = bench.per_step(seconds, plan, 512), len(model.program.outputs)
        print(f"{variables} variables: {found:.1f} ns, {found / variables:.3f} ns per variable; "
              f"compiled in {runner.compile_seconds:.2f} s or read from the cache")  # fmt: skip


def peak(rounds: int = 2_000_000) -> float:
    """Multiply-adds of a core in vectors, 2 operations each [operations per second]."""
    machine = host()
    vector, chains = machine.shape.vector, 16
    head = "\n".join(
        f"  %a{i} = phi {vector} [ zeroinitializer, %entry ], [ %b{i}, %loop ]"
        for i in range(chains)
    )
    one = "splat (double 0x3FEFFFFFFFFFFFFF)"
    work = "\n".join(
        f"  %b{i} = call {vector} @llvm.fma.{machine.shape.suffix}({vector} %a{i}, {vector} {one}, "
        f"{vector} {one})" for i in range(chains)
    )  # fmt: skip
    stores = "\n".join(f"  store volatile {vector} %b{i}, ptr %o, align 8" for i in range(chains))
    text = f"""declare {vector} @llvm.fma.{machine.shape.suffix}({vector}, {vector}, {vector})
define void @peak(ptr %o, i64 %n) #0 {{
entry:
  br label %loop
loop:
  %i = phi i64 [ 0, %entry ], [ %j, %loop ]
{head}
{work}
  %j = add i64 %i, 1
  %c = icmp slt i64 %j, %n
  br i1 %c, label %loop, label %end
end:
{stores}
  ret void
}}
{ATTRIBUTES}"""
    library = Library(machine)
    library.add((text, 2))
    function = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64)(library.function("peak"))
    room = np.zeros(8)
    seconds = [bench.cpu(lambda: function(room.ctypes.data, rounds)) for _ in range(5)]
    return 2 * chains * machine.shape.width * rounds / statistics.median(seconds)


def share_of_peak(model: Model, nanoseconds: float) -> None:
    plan = plan_of(model, 8)
    layout = LlvmRunner(plan.batch).bound.code.layout
    module = Module(layout, host().shape)
    module.step("step", "euler", layout.moved_by(plan.batch.places.tolist()))
    (text,) = module.texts
    single = len(re.findall(r" = f(?:add|sub|mul|div) ", text))
    double = len(re.findall(r"@llvm\.fma\.", text))
    count, most = single + 2 * double, peak()
    print(f"\none step of {model.name}: {count} floating-point operations per draw "
          f"({double} multiply-adds); {count / nanoseconds:.1f} GFlop/s, "
          f"{count / nanoseconds / most * 1e9:.0%} of {most / 1e9:.1f}")  # fmt: skip


def main() -> None:
    begin = time.perf_counter()
    small = [bullbear.load(MODELS / f"{name}.mdl") for name in VARIED]
    models = [*small, bullbear.load("numerai")]
    print(f"load of the machine {os.getloadavg()[0]:.1f}, vectors of {host().shape.width} doubles")
    nanoseconds = [compare(model) for model in models]
    bench.compiling(plan_of(models[-1], 8).batch)
    share_of_peak(models[-1], nanoseconds[-1])
    scaling(models)
    with tempfile.TemporaryDirectory() as folder:
        scaling_in_variables(Path(folder))
    bench.single(models[-1])
    threads(models[-1], 4096)
    print(f"({time.perf_counter() - begin:.0f} s)")


if __name__ == "__main__":
    main()
