"""What derivatives cost, as ratios to the run that they are derivatives of.

    python tests/benchmarks/bench_derivatives.py

Everything in one process, one after the other in every round; medians over the rounds.
"""

from __future__ import annotations

import csv
import statistics
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from bullbear.models.linearised import chosen_outputs
from bullbear.models.model import Model, load
from bullbear.models.simulate import Simulator

ROUNDS = 9
OUTPUTS = ["Treasury NMR", "total staked", "NMR Price", "Fund AUM", "Company Cash", "Burned NMR"]
PARAMETERS = Path(__file__).resolve().parents[2] / "calibration" / "parameters.csv"
SAVEPER = 0.5  # 34 dates of 6 outputs: 204 residuals


def medians(tasks: Mapping[str, Callable[[], object]], rounds: int = ROUNDS) -> dict[str, float]:
    """Seconds of each task, the tasks taking turns."""
    taken: dict[str, list[float]] = {name: [] for name in tasks}
    for task in tasks.values():
        task()
    for _ in range(rounds):
        for name, task in tasks.items():
            begin = time.perf_counter()
            task()
            taken[name].append(time.perf_counter() - begin)
    return {name: statistics.median(times) for name, times in taken.items()}


def calibrated(count: int) -> list[str]:
    with PARAMETERS.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    return [row["name"] for row in rows if row["class"] == "calibrated"][:count]


def loss(values: np.ndarray) -> tuple[float, np.ndarray]:
    return float(np.sum(values**2) / 2), values


def single_runs(model: Model, by: list[str], method: str) -> list[tuple[str, float, float]]:
    """Derivatives of one run, over the run alone."""
    names = chosen_outputs(model, OUTPUTS)
    simulator = Simulator(model.program, [model.program.outputs[n] for n in names], [])
    vector = model.parameter_vector(model.values()).tolist()
    grid = model.grid(vector, saveper=SAVEPER)
    few = by[:4]
    found = medians(
        {
            "the run alone": lambda: simulator.run(grid, method, vector),
            f"Jacobian, {len(by)} parameters": lambda: model.sensitivities(
                OUTPUTS, by, method=method, saveper=SAVEPER
            ),
            f"Jacobian, {len(few)} parameters": lambda: model.sensitivities(
                OUTPUTS, few, method=method, saveper=SAVEPER
            ),
            "adjoint, all parameters": lambda: model.gradient(
                OUTPUTS, loss, method=method, saveper=SAVEPER
            ),
        }
    )
    base = found["the run alone"]
    return [(f"{method}: {name}", taken, taken / base) for name, taken in found.items()]


def ensembles(model: Model, by: list[str], draws: int) -> list[tuple[str, float, float]]:
    """Derivatives as outputs of machine code, over the machine code of the run alone."""
    derived = model.with_sensitivities(OUTPUTS, by)
    names = [f"d({o})/d({p})" for o in chosen_outputs(model, OUTPUTS) for p in by]
    value = model.run(final_time=2019.6).results[by[0]].iloc[0]
    table = pd.DataFrame({by[0]: np.linspace(0.99, 1.01, draws) * value})
    times = np.arange(2019.5, 2036, SAVEPER).tolist()

    def alone() -> object:
        return model.ensemble(table, OUTPUTS, times, events=False, threads=1)

    def with_derivatives() -> object:
        return derived.ensemble(table, names, times, events=False, threads=1)

    found = medians({"alone": alone, "derived": with_derivatives})
    return [
        (f"machine code, {draws} draws: the runs alone", found["alone"], 1.0),
        (f"machine code, {draws} draws: Jacobian, {len(by)} parameters", found["derived"],
         found["derived"] / found["alone"]),
    ]  # fmt: skip


def main() -> None:
    model, by = load("numerai"), calibrated(12)
    rows = [*single_runs(model, by, "euler"), *single_runs(model, by, "rk4")]
    rows += [*ensembles(model, by, 1), *ensembles(model, by, 256)]
    stiff = medians({"lsoda": lambda: model.run(method="lsoda"),
                     "rk4": lambda: model.run(method="rk4")}, rounds=3)  # fmt: skip
    rows += [(f"whole `model.run` by {n}", t, t / stiff["rk4"]) for n, t in stiff.items()]
    sys.stdout.write("| task | seconds | ratio |\n|---|---|---|\n")
    for name, seconds, ratio in rows:
        sys.stdout.write(f"| {name} | {seconds:.4f} | {ratio:.2f} |\n")


if __name__ == "__main__":
    main()
