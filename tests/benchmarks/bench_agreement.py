"""Machine code against NumPy over the prior box, and what one unit in the last place does there.

    python tests/benchmarks/bench_agreement.py [DRAWS]

Lists the draws of Numerai in which the two differ by more than 1e-12 of a maximum, and at least the
ten that differ most.  Beside each stands by how much NumPy differs from itself when one input of
the draw moves by one unit in its last place, and machine code from a run of plain floats.
"""

from __future__ import annotations

import sys
from dataclasses import replace

import numpy as np

import bullbear
from bullbear.models.batch import NumpyRunner
from bullbear.models.draws import read_priors, sobol_draws
from bullbear.models.engines import LlvmRunner
from bullbear.models.model import Model
from bullbear.models.plan import Plan, Request, make_plan

TIMES = (2020.25 + 0.25 * np.arange(64)).tolist()
LIMIT, LEAST, BLOCK = 1e-12, 10, 1000
FEW = 12
"""Inputs that are moved by RK4, of those that amplify most by Euler: NumPy takes long for them."""


def gaps(found: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """The largest difference of every draw and variable, of its maximum; shape (draw, variable)."""
    scale = np.abs(wanted).max(axis=1)
    return np.abs(found - wanted).max(axis=1) / np.where(scale > 0, scale, 1.0)


def numpy_values(runner: NumpyRunner, draws: np.ndarray) -> np.ndarray:
    blocks = range(0, len(draws), BLOCK)
    return np.concatenate([runner.run(draws[k : k + BLOCK]).values for k in blocks])


def moved(plan: Plan, row: np.ndarray, columns: list[int]) -> np.ndarray:
    """The draw once for every column, in which that one is the next larger number."""
    rows = np.repeat(row[None], len(columns), axis=0)
    for k, column in enumerate(columns):
        rows[k, column] = np.nextafter(rows[k, column], np.inf)
    return rows


def plain_values(model: Model, plan: Plan, number: int) -> np.ndarray:
    overrides = dict(zip(plan.columns, plan.draws[number].tolist(), strict=True))
    results = model.run(overrides=overrides, method=plan.batch.method, saveper=0.25).results
    return results.loc[TIMES, list(plan.names)].to_numpy()[None]


def compare(model: Model, plan: Plan, columns: list[int]) -> list[int]:
    """The table of one method; the inputs that amplify most, most of all first."""
    fast, slow = LlvmRunner(plan.batch), NumpyRunner(plan.batch)
    machine, numpy = fast.run(plan.draws).values, numpy_values(slow, plan.draws)
    found = gaps(machine, numpy)
    gap = found.max(axis=1)
    count = int((gap > LIMIT).sum())
    listed = np.argsort(-gap)[: max(count, LEAST)]
    print(f"\n{plan.batch.method}: {count} of {len(plan.draws)} draws beyond {LIMIT:g}, "
          f"{gap.max():.1e} at most; median {np.median(gap):.1e}")  # fmt: skip
    print("| draw | variable | machine code - NumPy | NumPy, a unit in one input | input |"
          " machine code - plain floats |")  # fmt: skip
    print("|---|---|---|---|---|---|")
    most = np.zeros(len(plan.columns))
    below = 0
    for number in listed.tolist():
        shifted = gaps(numpy_values(slow, moved(plan, plan.draws[number], columns)),
                       numpy[number][None]).max(axis=1)  # fmt: skip
        np.maximum.at(most, columns, shifted)
        plain = gaps(machine[number][None], plain_values(model, plan, number)).max()
        below += shifted.max() < gap[number]
        print(f"| {number} | {plan.names[found[number].argmax()]} | {gap[number]:.1e} | "
              f"{shifted.max():.1e} | {plan.columns[columns[shifted.argmax()]]} | {plain:.1e} |",
              flush=True)  # fmt: skip
    print(f"in {below} of these no unit in an input does as much")
    return np.argsort(-most).tolist()


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    model = bullbear.load("numerai")
    assert model.definition.parameters_path is not None
    draws = sobol_draws(read_priors(model.definition.parameters_path), count, 1)
    request = Request(save_at=TIMES, method="euler", events=False)
    columns = list(range(draws.shape[1]))
    for method in ("euler", "rk4"):
        plan = make_plan(model, draws, replace(request, method=method))
        columns = compare(model, plan, columns)[:FEW]


if __name__ == "__main__":
    main()
