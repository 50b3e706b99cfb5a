"""The reader and the solver reproduce the published results of the prototype model."""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

import pytest

from bullbear.models.model import Model, load

# column of the results -> (variables that it sums, factor, difference that always passes)
COLUMNS = {
    "Treasury kNMR": (("Treasury NMR",), 1e-3, 1.0),
    "stake kNMR": (("total staked",), 1e-3, 1.0),
    "price $": (("NMR Price",), 1.0, 0.05),
    "AUM $M": (("Fund AUM", "House Capital"), 1e-6, 0.1),
    "cash $M": (("Company Cash",), 1e-6, 0.1),
    "payout k/yr": (("total netted payout",), 1e-3, 1.0),
}
HORIZON = 2060.0


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def prototype(shared: Path) -> Model:
    return load(shared / "model" / "prototype.mdl")


@pytest.fixture(scope="module")
def levers(shared: Path) -> Mapping[str, dict[str, float]]:
    found: dict[str, dict[str, float]] = defaultdict(dict)
    for row in rows(shared / "model" / "scenarios.csv"):
        found[row["scenario"]] |= {row["lever"]: float(row["value"])} if row["value"] else {}
    return found


def test_every_scenario_gives_the_published_numbers(
    prototype: Model, levers: Mapping[str, dict[str, float]], shared: Path
) -> None:
    results = defaultdict(list)
    for row in rows(shared / "model" / "scenario_results.csv"):
        results[row["scenario"]].append(row)
    assert len(results) == len(levers)
    wrong = []
    for scenario, expected in results.items():
        run = prototype.run(overrides=levers[scenario], final_time=HORIZON)
        for row in expected:
            at = run.at(float(row["year"]))
            for column, (names, factor, always) in COLUMNS.items():
                value = factor * sum(at[name] for name in names)
                published = float(row[column])
                if abs(value - published) > max(0.02 * abs(published), always):
                    wrong.append((scenario, row["year"], column, value, published))
    assert not wrong


def test_one_constant_changed_by_one_per_cent_changes_the_run(
    prototype: Model, shared: Path, tmp_path: Path
) -> None:
    text = (shared / "model" / "prototype.mdl").read_text(encoding="utf-8")
    assert text.count("reference churn = 0.282 ~") == 1
    copy = tmp_path / "prototype.mdl"
    copy.write_text(text.replace("reference churn = 0.282 ~", "reference churn = 0.28482 ~"))
    before = prototype.run().results["Active Models"].iloc[-1]
    after = load(copy).run().results["Active Models"].iloc[-1]
    assert after != pytest.approx(before, rel=1e-4)
