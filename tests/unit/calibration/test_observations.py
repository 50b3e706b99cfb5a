"""The public numbers: every file well made, every figure and target in its place, faults told."""

from __future__ import annotations

import csv
import re
from datetime import date
from itertools import pairwise
from pathlib import Path

import pandas as pd
import pytest

from bullbear.calibration.observations import (
    COLUMNS,
    decimal_year,
    ledger,
    middle_of,
    read_folder,
    read_series,
    read_units,
    to_model_units,
)
from bullbear.errors import DataError

STEPS = [
    "rule_rounds_per_year", "rule_threshold_classic", "rule_threshold_signals",
    "rule_threshold_crypto", "rule_corr_multiplier_classic", "rule_contribution_multiplier_classic",
    "rule_corr_multiplier_other", "rule_contribution_multiplier_other", "rule_clip_classic",
    "rule_clip_other", "rule_target_coverage", "buyback_programme",
]  # fmt: skip
LOOKED_UP = [*STEPS, "nmr_price_month_mean"]
WEEKLY = {
    ("stake-classic-weekly.csv", "total_at_stake_nmr"): "stake_classic_weekly",
    ("stake-classic-weekly.csv", "cum_net_payout_nmr_since_r202"): "cum_net_payout_classic_weekly",
    ("stake-classic-weekly.csv", "cum_new_nmr_staked_nmr"): "cum_new_stake_classic_weekly",
    ("stake-signals-weekly.csv", "total_at_stake_nmr"): "stake_signals_weekly",
    ("stake-signals-weekly.csv", "cum_net_payout_nmr"): "cum_net_payout_signals_weekly",
    ("stake-signals-weekly.csv", "cum_new_nmr_staked_nmr"): "cum_new_stake_signals_weekly",
}
TARGETS = {
    "circulating": ["circulating_supply_nmr_implied", "circulating_supply_nmr"],
    "cum_payout_classic": ["cum_net_payout_classic_weekly"],
    "form13f": ["form13f_long_us_positions_usd"],
    "stake_classic": ["stake_classic_weekly"],
    "stake_classic_full": ["stake_classic_weekly"],
    "stake_signals": ["stake_signals_weekly"],
    "stake_total": ["total_staked_nmr"],
    "models": ["staked_models_total"],
    "aum": ["aum_usd_reported"],
    "burned": ["burned_cumulative_since_2019_nmr"],
    "cold_treasury": ["cold_treasury_nmr"],
    "return_1y": ["avg_1y_return_on_stake_nmr"],
    "payout_usd_month": ["payouts_all_tournaments_usd_month"],
    "metamodel_skill": ["metamodel_skill_reference"],
    "skill": ["stake_weighted_skill_reference"],
    "fee_coverage": ["seed_claims"],
    "price": ["nmr_price_month_mean"],
    "filing_margin_inequality": ["filing_margin_upper_bound", "filing_margin_lower_bound"],
}


@pytest.fixture(scope="module")
def folder(root: Path) -> Path:
    return root / "calibration" / "observations"


@pytest.fixture(scope="module")
def rows(folder: Path) -> pd.DataFrame:
    return ledger(folder)


def reference(shared: Path, *parts: str) -> list[dict[str, str]]:
    with shared.joinpath(*parts).open(newline="") as file:
        return list(csv.DictReader(file))


# The ledger


def test_every_file_reads_without_a_fault(folder: Path, rows: pd.DataFrame) -> None:
    assert set(rows["series"]) == {path.stem for path in folder.glob("*.csv")}


def test_no_public_number_stands_twice(rows: pd.DataFrame) -> None:
    assert not rows.duplicated(["quantity", "date", "value"]).any()
    assert not rows.duplicated(["quantity", "date"]).any()


def test_a_quantity_lives_in_one_file(rows: pd.DataFrame) -> None:
    assert rows.groupby("quantity")["series"].nunique().max() == 1


def test_nothing_was_published_before_the_period_it_is_about(folder: Path) -> None:
    for series in read_folder(folder).values():
        for row in series.rows:
            first, last = row.period or (row.date, row.date)
            assert row.published >= first
            assert row.note.startswith("period ") == (row.period is not None)
            if series.name not in ("net_payout_classic_nmr_round",):
                assert last == row.date, f"{series.path}:{row.line}"


def test_filings_are_public_45_days_after_the_quarter(folder: Path) -> None:
    for row in read_series(folder / "form13f_long_us_positions_usd.csv").rows:
        assert (row.published - row.date).days == 45


@pytest.mark.parametrize("name", LOOKED_UP)
def test_series_that_equations_look_up_rise_strictly_in_time(folder: Path, name: str) -> None:
    times = [row.time for row in read_series(folder / f"{name}.csv").rows]
    assert all(a < b for a, b in pairwise(times))
    header = (folder / f"{name}.csv").read_text().splitlines()[0]
    assert header.startswith("time,value,")


@pytest.mark.parametrize("name", STEPS)
def test_steps_begin_in_2019(folder: Path, name: str) -> None:
    assert read_series(folder / f"{name}.csv").rows[0].date == date(2019, 1, 1)


@pytest.mark.parametrize("tournament", ["classic", "signals", "crypto"])
def test_v3_removes_the_cap(folder: Path, tournament: str) -> None:
    last = read_series(folder / f"rule_threshold_{tournament}.csv").rows[-1]
    assert last.date == date(2026, 8, 28)
    assert last.value > 64 * 11e6, "more than all NMR in all rounds at once"


def test_sums_in_the_ledger_are_the_sums_of_its_rows(rows: pd.DataFrame) -> None:
    def value(quantity: str, day: str) -> float:
        found = rows[(rows["quantity"] == quantity) & (rows["date"] == date.fromisoformat(day))]
        return float(found["value"].iloc[0])

    for day in ("2020-12-31", "2021-12-31"):
        parts = [value(f"staked_models_{t}_gt0.1nmr", day) for t in ("classic", "signals")]
        assert value("staked_models_total", day) == sum(parts)
    burned = value("burned_cumulative_since_2019_nmr", "2023-12-01")
    assert burned == value("max_supply_nmr", "2019-07-09") - value("total_supply_nmr", "2023-12-01")


@pytest.mark.parametrize("part", ["observations", "derived"])
def test_readme_has_one_line_for_each_series(root: Path, part: str) -> None:
    folder = root / "calibration" / part
    text = (folder / "README.md").read_text(encoding="utf-8")
    lines = re.findall(r"^\| `([^`]+)` \|(.+)\|$", text, flags=re.MULTILINE)
    columns = 4 if part == "observations" else 6
    table = [(name, rest.split("|")) for name, rest in lines if rest.count("|") == columns - 1]
    assert sorted(name for name, _ in table) == sorted(p.stem for p in folder.glob("*.csv"))
    for name, cells in table:
        assert all(cell.strip() for cell in cells), name
        assert re.match(r" [ABCD]\b", cells[-2]), name


# Units


def test_every_unit_of_the_ledger_can_be_translated(root: Path, folder: Path) -> None:
    rules = read_units(root / "calibration" / "units.csv")
    for series in read_folder(folder).values():
        to_model_units(series, rules)


def test_what_equations_look_up_is_in_units_of_the_model(root: Path, folder: Path) -> None:
    rules = read_units(root / "calibration" / "units.csv")
    series = [read_series(folder / f"{name}.csv") for name in LOOKED_UP]
    for one in [*series, *read_folder(folder.parent / "derived").values()]:
        assert {rules[row.unit].factor for row in one.rows} == {1.0}


def test_translation_scales_value_and_bounds(root: Path, folder: Path) -> None:
    rules = read_units(root / "calibration" / "units.csv")
    series = read_series(folder / "payouts_all_tournaments_usd_month.csv")
    before, after = series.rows[0], to_model_units(series, rules).rows[0]
    assert after.unit == "USD/Year"
    assert (after.value, after.lower, after.upper) == (12e6, 12e6, 14.4e6)
    assert (before.value, before.unit) == (1e6, "USD per month")


def test_unknown_unit_is_named_with_its_place(root: Path, folder: Path) -> None:
    series = read_series(folder / "treasury_nmr.csv")
    rules = read_units(root / "calibration" / "units.csv")
    with pytest.raises(DataError, match='no rule for the unit "NMR"') as caught:
        to_model_units(series, {"NMR/Year": rules["NMR/Year"]})
    assert str(caught.value.where).endswith("treasury_nmr.csv:2")


# Against the collection that the ledger was filled from


def test_every_collected_observation_has_its_place_once(shared: Path, rows: pd.DataFrame) -> None:
    collected = reference(shared, "data", "observations.csv")
    assert len(collected) == 459
    places = {(q, d.isoformat()): v for q, d, v in rows[["quantity", "date", "value"]].to_numpy()}
    for row in collected:
        # Monthly prices are kept with more digits than the collection prints.
        slack = 5.01e-4 if row["quantity"] == "nmr_price_usd_month_mean" else 0
        assert abs(places[row["quantity"], row["date"]] - float(row["value"])) <= slack, row


def test_every_collected_rule_has_its_place_once(shared: Path, rows: pd.DataFrame) -> None:
    places = {(q, d.isoformat()): v for q, d, v in rows[["quantity", "date", "value"]].to_numpy()}
    for row in reference(shared, "data", "rules.csv"):
        assert places[row["quantity"], row["date"]] == float(row["value"])


@pytest.mark.parametrize("place", WEEKLY, ids=lambda place: " ".join(place))
def test_every_weekly_figure_has_its_place(
    shared: Path, folder: Path, place: tuple[str, str]
) -> None:
    file, column = place
    known = {
        row.date.isoformat(): row.value for row in read_series(folder / f"{WEEKLY[place]}.csv").rows
    }
    for row in reference(shared, "data", file):
        if row[column]:
            assert known[row["open_date"]] == float(row[column])


def test_every_claim_and_every_btc_month_has_its_place(shared: Path, folder: Path) -> None:
    claims = {row.quantity: row.value for row in read_series(folder / "seed_claims.csv").rows}
    for row in reference(shared, "data", "seed-claims.csv"):
        assert claims[row["quantity"]] == float(row["value"])
    for name, column in (("btc_usd_month", "mean"), ("btc_usd_month_end", "last")):
        months = {r.date.isoformat()[:7]: r.value for r in read_series(folder / f"{name}.csv").rows}
        for row in reference(shared, "data", "btc-monthly-usd.csv"):
            assert months[row[""][:7]] == float(row[column])


def test_no_target_without_a_row(shared: Path, folder: Path) -> None:
    series = read_folder(folder)
    for target in reference(shared, "model", "calibration_targets.csv"):
        candidates = [row for name in TARGETS[target["series"]] for row in series[name].rows]
        values = [row for row in candidates if row.value == pytest.approx(float(target["value"]))]
        assert values, target
        # The target is placed at the day or, coarsely, in the middle of the period it is about.
        assert any(
            abs(row.time - float(target["time"])) < 0.026
            or (row.period and covers(row.period, float(target["time"])))
            for row in values
        ), target


def covers(period: tuple[date, date], time: float) -> bool:
    return decimal_year(period[0]) <= time <= decimal_year(period[1]) + 0.003


# Times


def test_time_of_a_day_is_year_plus_day_of_year() -> None:
    assert decimal_year(date(2020, 1, 1)) == 2020
    assert decimal_year(date(2020, 12, 31)) == 2020 + 365 / 365.25
    assert middle_of(date(2021, 1, 1), date(2021, 1, 31)) == pytest.approx(2021 + 15.5 / 365.25)
    with pytest.raises(ValueError, match="is before"):
        middle_of(date(2021, 2, 1), date(2021, 1, 31))


# Faults

HEADER = ",".join(COLUMNS)
GOOD = "2020.0,1,2020-01-01,2020-01-01,stake,NMR,,,somewhere,a title,"


def faults_of(tmp_path: Path, *lines: str) -> list[tuple[str, int | None, int | None]]:
    path = tmp_path / "series.csv"
    path.write_text("\n".join(lines) + "\n")
    with pytest.raises(DataError) as caught:
        read_series(path)
    assert caught.value.exit_code == 1
    assert all(f.where.file == str(path) and f.message and f.hint for f in caught.value.findings)
    return [(f.code, f.where.line, f.where.column) for f in caught.value.findings]


def test_a_good_file_reads(tmp_path: Path) -> None:
    (tmp_path / "s.csv").write_text(f'{HEADER}\n{GOOD}"note, with comma"\n')
    row = read_series(tmp_path / "s.csv").rows[0]
    assert (row.time, row.value, row.lower, row.note, row.line) == (
        2020.0, 1.0, None, "note, with comma", 2,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("line", "code", "column"),
    [
        (GOOD.replace(",1,", ",one,"), "not-a-number", 8),
        (GOOD.replace(",1,", ",,"), "not-a-number", 8),
        (GOOD.replace(",1,", ",1_000,"), "not-a-number", 8),
        (GOOD.replace(",1,", ",nan,"), "not-a-number", 8),
        (GOOD.replace(",2020-01-01,", ",2020-02-30,", 1), "bad-date", 10),
        (GOOD.replace(",2020-01-01,", ",1.1.2020,", 1), "bad-date", 10),
        (GOOD.replace("2020-01-01,stake", "soon,stake"), "bad-date", 21),
        (GOOD.replace("2020.0,", "2020.01,"), "time-not-date", 1),
        (GOOD + "period 2020-01-01/2020-12-31", "time-not-date", 1),
        (GOOD + "period 2020-01-01/2020-13-31", "bad-date", 62),
        (GOOD + "period 2020-12-01/2020-01-31", "bad-date", 62),
        (GOOD.replace("somewhere", ""), "blank-cell", 44),
        (GOOD.replace(",,,", ",2,3,"), "value-outside-bounds", 8),
        (GOOD + "a,b", "wrong-cell-count", 1),
        ("", "wrong-cell-count", 1),
    ],
)
def test_a_fault_is_named_with_its_place(tmp_path: Path, line: str, code: str, column: int) -> None:
    assert faults_of(tmp_path, HEADER, line) == [(code, 2, column)]


def test_all_faults_of_a_file_come_at_once(tmp_path: Path) -> None:
    later = GOOD.replace("2020.0", "2021.0").replace("2020-01-01", "2021-01-01")
    found = faults_of(
        tmp_path, HEADER, later, GOOD, GOOD.replace("NMR", "USD"), GOOD.replace(",1,", ",x,")
    )
    assert found == [
        ("unsorted-time", 3, 1),
        ("repeated-number", 4, 1),
        ("two-units", 4, 1),
        ("not-a-number", 5, 8),
    ]


def test_missing_columns_are_named(tmp_path: Path) -> None:
    found = faults_of(tmp_path, HEADER.replace("published,", "").replace("unit", "units"), GOOD)
    assert found == [("missing-column", 1, 1), ("missing-column", 1, 1)]
    assert faults_of(tmp_path, HEADER + ",more", GOOD) == [("wrong-columns", 1, 1)]
    assert faults_of(tmp_path, HEADER.replace("time,value", "value,time"), GOOD) == [
        ("wrong-columns", 1, 1)
    ]


def test_a_file_without_rows_or_text_is_a_fault(tmp_path: Path) -> None:
    assert faults_of(tmp_path, HEADER) == [("no-rows", 1, None)]
    with pytest.raises(DataError, match="cannot be read"):
        read_series(tmp_path / "missing.csv")
    (tmp_path / "bytes.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DataError, match="cannot be read"):
        read_series(tmp_path / "bytes.csv")


def test_a_folder_tells_the_faults_of_all_its_files(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / f"{name}.csv").write_text(f"{HEADER}\n{GOOD.replace(',1,', ',x,')}\n")
    (tmp_path / "c.csv").write_bytes(b"\xff")
    with pytest.raises(DataError) as caught:
        ledger(tmp_path)
    assert [Path(f.where.file or "").name for f in caught.value.findings] == [
        "a.csv", "b.csv", "c.csv",
    ]  # fmt: skip


def test_an_unknown_quantity_is_answered_with_the_nearest(folder: Path) -> None:
    series = read_series(folder / "stake_classic_weekly.csv")
    assert len(series.select("total_staked_classic_nmr").rows) == 23
    with pytest.raises(DataError, match="did you mean"):
        series.select("total_staked_clasic_nmr")
