"""`bullbear check` as a modeller meets it: files edited and broken, answers and exit codes."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bullbear.calibration.ledger_check import check_ledger
from bullbear.calibration.problem_check import check_problems
from bullbear.equations.lowering import compile_system
from bullbear.equations.source import Source
from bullbear.equations.system import System
from bullbear.equations.vensim import read_source, read_vensim
from bullbear.errors import Finding
from bullbear.models.check import check_model, known_units
from bullbear.models.model import Model, load
from bullbear.models.workspace import ModelFile

SHOP = """{UTF-8}
buyers: Old, New
	~
	~	Who buys.
	|

Goods =
	INTEG(delivery - sales, initial goods)
	~	Unit
	~	What is in store.
	|

initial goods =
	100
	~	Unit
	~	At the beginning.
	|

delivery =
	LOOKUP BACKWARD(delivery history, Time / one year)
	~	Unit/Year
	~	From the record.
	|

delivery history(
	GET DIRECT LOOKUPS('../calibration/observations/delivery.csv', ',', 'A', 'B2'))
	~	Unit/Year
	~	Deliveries.
	|

one year =
	1
	~	Year
	~	Unit converter.
	|

share[buyers] =
	0.25, 0.5
	~	1/Year
	~	Part of the goods that each group buys.
	|

sales =
	Goods * SUM(share[buyers!])
	~	Unit/Year
	~	All sales.
	|
"""
PARAMETERS = """name,unit,value,lower,upper,prior,class,source,note
initial goods,Unit,100,50,200,fixed,fact,counted,
one year,Year,1,1,1,fixed,guard,see note,
share[Old],1/Year,0.25,0,1,fixed,prior,judgement,
share[New],1/Year,0.5,0,1,fixed,prior,judgement,
"""
LEDGER = """time,value,date,published,quantity,unit,lower,upper,source,title,note
2020.0,12,2020-01-01,2020-01-01,delivery,Unit/Year,,,https://example.org,Title,
2021.0,15,2021-01-01,2021-01-01,delivery,Unit/Year,,,https://example.org,Title,
"""
MODEL = """title = "Shop"
sectors = ["../equations/shop.mdl"]
parameters = "../calibration/parameters.csv"
scenarios = "scenarios"
headline = ["Goods"]

[time]
unit = "Year"
initial = 2020
final = 2024
step = 0.25

[[events]]
name = "empty"
variable = "Goods"
below = 1

[[plots]]
title = "Sales"
unit = "Unit/Year"
variables = ["sales"]
observations = "../calibration/observations/delivery.csv"
"""
PROBLEM = """model = "shop"
[parameters."share[Old]"]
[[observations]]
file = "../observations/delivery.csv"
quantity = "delivery"
variable = "sales"
scale = 0.1
[[episodes]]
name = "the start"
rows = { delivery = ["2020-01-01"] }
"""
FILES = {
    "calibration/problems/shop.toml": PROBLEM,
    "equations/shop.mdl": SHOP,
    "equations/units.toml": "[synonyms]\nUnit = ['Units']\nYear = ['Years']\n",
    "calibration/parameters.csv": PARAMETERS,
    "calibration/units.csv": "unit,model_unit,factor,note\nUnit/Year,Unit/Year,1,\n"
    "Unit/month,Unit/Year,12,\nUnit,Unit,1,\n",
    "calibration/observations/delivery.csv": LEDGER,
    "models/shop.toml": MODEL,
    "models/scenarios/base.toml": 'title = "Base"\n',
    "models/scenarios/more.toml": 'title = "More"\n[levers]\n"initial goods" = 150\n',
}


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A workspace with one small model that has no fault."""
    for name, text in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return tmp_path


def findings(root: Path) -> list[Finding]:
    units = known_units(root)
    checked = check_model(ModelFile("shop", root / "models" / "shop.toml"), units)
    return checked.findings + check_ledger(checked, units) + check_problems(checked, units)


def edit(root: Path, name: str, old: str, new: str) -> None:
    path = root / name
    text = path.read_text(encoding="utf-8")
    assert text.count(old) == 1, (name, old)
    path.write_text(text.replace(old, new), encoding="utf-8")


def test_a_model_without_fault_has_no_findings(shop: Path) -> None:
    assert findings(shop) == []


BROKEN = [
    # file edited, old text, new text; then file, line, severity, code, message, hint
    ("equations/shop.mdl", "~	Unit\n	~	At", "~	\n	~	At",
     "shop.mdl", 15, "error", "no-unit", '"initial goods" has no unit', "Dmnl"),
    ("equations/shop.mdl", "~	Unit\n	~	What", "~	Unti\n	~	What",
     "shop.mdl", 9, "warning", "unknown-unit", '"Unti"', '"Unit"'),
    ("equations/shop.mdl", "INTEG(delivery - sales,", "INTEG(delivery - Goods,",
     "shop.mdl", 8, "error", "unit",
     '"Goods" is Unit, an outflow of "Goods" must be Unit/Year: differs by Year', "Goods [Unit]"),
    ("equations/shop.mdl", "	100\n", "	101\n",
     "shop.mdl", 14, "error", "ledger-value", '"initial goods" is 101 here and 100 in', "wins"),
    ("equations/shop.mdl", "0.25, 0.5", "0.25, 0.6",
     "shop.mdl", 38, "error", "ledger-value", '"share[New]" is 0.6 here and 0.5 in', "same number"),
    ("calibration/parameters.csv", "initial goods,Unit,", "initial goods,Year,",
     "shop.mdl", 15, "error", "ledger-unit", "in Unit here and in Year in", "same unit"),
    ("calibration/parameters.csv", "share[Old],1/Year,0.25,0,1,fixed,prior,judgement,\n", "",
     "shop.mdl", 37, "error", "no-source", '"share[Old]" has no row', "add its row"),
    ("calibration/parameters.csv", "fixed,fact,counted,", "fixed,fact,,",
     "parameters.csv", 2, "error", "no-source", '"initial goods" has no source', "judgement"),
    ("calibration/parameters.csv", "initial goods,", "inital goods,",
     "parameters.csv", 2, "error", "unknown-lever", '"inital goods"', '"initial goods"'),
    ("calibration/parameters.csv", "share[New]", "share[Nwe]",
     "parameters.csv", 5, "error", "unknown-element", '"share[Nwe]"', "share[New]"),
    ("calibration/parameters.csv", "one year,Year,1,1", "one year,Year,one,1",
     "parameters.csv", 3, "error", "bad-number", '"one"', "0.3"),
    ("models/shop.toml", 'headline = ["Goods"]', 'headline = ["Godos"]',
     "shop.toml", 5, "error", "unknown-variable", '"Godos"', '"Goods"'),
    ("models/shop.toml", 'variable = "Goods"', 'variable = "Good"',
     "shop.toml", 15, "error", "unknown-variable", "events", '"Goods"'),
    ("models/shop.toml", "shop.mdl", "shpo.mdl",
     "shop.toml", 2, "error", "no-sector", "shpo.mdl", "shop.mdl"),
    ("models/shop.toml", "headline =", "headlines =",
     "shop.toml", 5, "error", "unknown-key", "headlines", '"headline"'),
    ("models/shop.toml", "step = 0.25", "step = 0.1",
     "shop.toml", 11, "warning", "time-step", "no power of 1/2", "0.0625 or 0.125"),
    ("models/shop.toml", 'unit = "Year"', 'unit = "Year)"',
     "shop.toml", 8, "error", "unit-syntax", '"Year)" is no unit', "Year"),
    ("models/shop.toml", "delivery.csv", "delivrey.csv",
     "shop.toml", 22, "error", "no-file", "delivrey.csv", "delivery.csv"),
    ("models/shop.toml", 'unit = "Unit/Year"', 'unit = "Unit"',
     "shop.toml", 22, "error", "observation-unit", "differs by 1/Year", "another file"),
    ("models/shop.toml", 'scenarios = "scenarios"', 'scenarios = "scenarios"\ncanonical = "bas"',
     "shop.toml", 5, "error", "unknown-scenario", '"bas"', '"base"'),
    ("models/scenarios/more.toml", '"initial goods" = 150', '"inital goods" = 150',
     "more.toml", 3, "error", "unknown-lever", '"inital goods"', '"initial goods"'),
    ("models/scenarios/more.toml", '"initial goods" = 150', '"sales" = 150',
     "more.toml", 3, "error", "not-a-constant", '"sales" is computed', '"initial goods"'),
    ("models/scenarios/more.toml", '"initial goods" = 150', "initial goods = 150",
     "more.toml", 3, "error", "bad-toml", "not valid TOML", "quotes"),
    ("calibration/problems/shop.toml", "share[Old]", "share[Odl]",
     "shop.toml", 2, "error", "unknown-element", "share", "share[Old]"),
    ("calibration/problems/shop.toml", '"share[Old]"', '"shares"',
     "shop.toml", 2, "error", "unknown-lever", '"shares"', '"share"'),
    ("calibration/problems/shop.toml", 'variable = "sales"', 'variable = "Goods"',
     "shop.toml", 4, "error", "observation-unit", "differs by 1/Year", "another file"),
    ("calibration/problems/shop.toml", 'variable = "sales"', 'variable = "slaes"',
     "shop.toml", 6, "error", "unknown-variable", '"slaes"', '"sales"'),
    ("calibration/problems/shop.toml", "delivery.csv", "delivrey.csv",
     "shop.toml", 4, "error", "no-file", "delivrey.csv", "delivery.csv"),
    ("calibration/problems/shop.toml", 'quantity = "delivery"', 'quantity = "deliveries"',
     "shop.toml", 4, "error", "observation-unit", '"deliveries"', ""),
    ("calibration/problems/shop.toml", "{ delivery =", "{ delivrey =",
     "shop.toml", 10, "error", "unknown-series", '"delivrey"', '"delivery"'),
]  # fmt: skip


@pytest.mark.parametrize("case", BROKEN, ids=[f"{c[6]}-{c[2][:12].strip()}" for c in BROKEN])
def test_one_fault_in_the_workspace(shop: Path, case: tuple[Any, ...]) -> None:
    edited, old, new, file, line, severity, code, message, hint = case
    edit(shop, edited, old, new)
    found = findings(shop)
    said = [f for f in found if f.code == code and f.where.line == line]
    assert said, [str(f) for f in found]
    assert Path(str(said[0].where.file)).name == file
    assert said[0].severity == severity
    assert message in said[0].message
    assert hint in said[0].hint


def test_numbers_of_another_scale_are_told_from_their_unit(shop: Path) -> None:
    ledger = shop / "calibration" / "observations" / "delivery.csv"
    ledger.write_text(LEDGER.replace("Unit/Year", "Unit/month"), encoding="utf-8")
    found = [f for f in findings(shop) if f.code == "observation-unit"]
    assert [Path(str(f.where.file)).name for f in found] == ["shop.mdl"]
    assert "differs by the factor 12" in found[0].message


def test_a_series_that_several_read_is_at_fault_once(
    shop: Path, cli: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(shop)
    (shop / "calibration" / "problems" / "again.toml").write_text(PROBLEM, encoding="utf-8")
    edit(shop, "calibration/observations/delivery.csv", "2020.0,12", "2020.5,12")
    said = cli("check", "shop").out
    assert said.count("time-not-date") == 1


def test_a_unit_that_no_table_translates_is_told(shop: Path) -> None:
    ledger = shop / "calibration" / "observations" / "delivery.csv"
    ledger.write_text(LEDGER.replace("Unit/Year", "Unit/yaer"), encoding="utf-8")
    found = [f for f in findings(shop) if f.code == "observation-unit"]
    assert {Path(str(f.where.file)).name for f in found} == {"shop.mdl", "shop.toml"}
    assert found[0].hint.startswith('did you mean "Unit/Year"')


def test_several_faults_in_several_files_are_told_at_once(shop: Path) -> None:
    edit(shop, "equations/shop.mdl", "	100\n", "	101\n")
    edit(shop, "equations/shop.mdl", "Goods * SUM", "Godos * SUM")
    edit(shop, "models/shop.toml", 'headline = ["Goods"]', 'headline = ["Godos"]')
    edit(shop, "models/scenarios/more.toml", '"initial goods"', '"inital goods"')
    codes = {f.code for f in findings(shop)}
    assert {"ledger-value", "unknown-name", "unknown-variable", "unknown-lever"} <= codes


def test_time_bounds_stand_in_one_place(shop: Path) -> None:
    path = shop / "equations" / "shop.mdl"
    path.write_text(SHOP + "\nTIME STEP = 1 ~ Year ~ C. |\n", encoding="utf-8")
    (finding,) = findings(shop)
    assert finding.code == "time-twice"


# -- the command ----------------------------------------------------------------------------------


def test_a_clean_check_says_nothing(bullbear: Callable[..., Any], shop: Path) -> None:
    outcome = bullbear("check", "shop", cwd=shop)
    assert (outcome.code, outcome.out, outcome.err) == (0, "", "")
    outcome = bullbear("check", "--units", cwd=shop)
    assert "100.0 %" in outcome.err


def test_an_error_has_place_line_caret_and_remedy(bullbear: Callable[..., Any], shop: Path) -> None:
    edit(shop, "equations/shop.mdl", "delivery - sales", "delivery - slaes")
    outcome = bullbear("check", "shop", cwd=shop)
    first, line, caret, hint = outcome.out.splitlines()[:4]
    assert outcome.code == 1
    assert first == 'equations/shop.mdl:8:19: error unknown-name: no variable is called "slaes"'
    assert line[caret.index("^") :].startswith("slaes")
    assert hint.startswith('  hint: did you mean "sales"')


def test_other_places_are_told_as_seen_from_here(bullbear: Callable[..., Any], shop: Path) -> None:
    path = shop / "equations" / "shop.mdl"
    path.write_text(SHOP + "\nsales = 3 ~ Unit/Year ~ C. |\n", encoding="utf-8")
    outcome = bullbear("check", "shop", cwd=shop)
    assert "the other definition is at equations/shop.mdl:43:1" in outcome.out
    assert str(shop) not in outcome.out


def test_json_has_the_same_findings(bullbear: Callable[..., Any], shop: Path) -> None:
    edit(shop, "equations/shop.mdl", "delivery - sales", "delivery - slaes")
    outcome = bullbear("check", "shop", "--json", cwd=shop)
    content = json.loads(outcome.out)
    assert outcome.code == 1
    assert content["ok"] is False
    assert set(content["findings"][0]) == {
        "file", "line", "column", "code", "severity", "message", "hint",
    }  # fmt: skip
    assert content["findings"][0]["file"] == "equations/shop.mdl"


def test_warnings_fail_only_when_strict(bullbear: Callable[..., Any], shop: Path) -> None:
    edit(shop, "models/shop.toml", "step = 0.25", "step = 0.1")
    outcome = bullbear("check", "shop", "--json", cwd=shop)
    assert (outcome.code, outcome.json["ok"]) == (0, True)
    assert [f["severity"] for f in outcome.json["findings"]] == ["warning"]
    outcome = bullbear("check", "shop", "--json", "--strict", cwd=shop)
    assert (outcome.code, outcome.json["ok"]) == (1, False)
    assert [f["severity"] for f in outcome.json["findings"]] == ["error"]


def test_units_of_a_foreign_file_are_errors_only_when_strict(
    bullbear: Callable[..., Any], root: Path
) -> None:
    file = root / "tests" / "gallery" / "one" / "unit_of_sum.mdl"
    assert bullbear("check", file).code == 0
    assert bullbear("check", file, "--strict").code == 1


def test_a_model_that_is_not_there_is_a_fault_of_usage(bullbear: Callable[..., Any]) -> None:
    outcome = bullbear("check", "nothing")
    assert outcome.code == 2
    assert "unknown model" in outcome.err


def test_every_code_can_be_looked_up(bullbear: Callable[..., Any]) -> None:
    outcome = bullbear("check", "--codes")
    assert outcome.code == 0
    assert "unknown-name (error)" in outcome.out


def test_the_numerai_model_is_clean(bullbear: Callable[..., Any], root: Path) -> None:
    outcome = bullbear("check", "numerai", "--strict", cwd=root)
    assert (outcome.code, outcome.out) == (0, "")


def test_the_second_check_takes_less_than_two_seconds(
    bullbear: Callable[..., Any], root: Path
) -> None:
    # Processor time of the whole process, which other work on the machine does not lengthen.
    bullbear("check", "numerai", cwd=root)
    before = os.times()
    bullbear("check", "numerai", cwd=root)
    after = os.times()
    used = after.children_user + after.children_system
    assert used - before.children_user - before.children_system < 2


# -- how equations are laid out does not matter ---------------------------------------------------


def numerai(root: Path) -> Model:
    return load(root / "models" / "numerai.toml")


def entries(path: Path) -> list[str]:
    """The entries of a file, each with what closes it, without those of groups."""
    text = path.read_text(encoding="utf-8").partition("}")[2]
    parts = [part + "|" for part in text.split("|")[:-1]]
    return [part for part in parts if not part.strip().startswith("***")]


def test_results_do_not_change_when_equations_are_reordered(root: Path) -> None:
    model = numerai(root)
    pieces = [p for path in model.definition.sector_paths for p in entries(path)]
    # Equations of one variable whose unit stands at the last of them stay together.
    grouped: list[str] = []
    for piece in pieces:
        if grouped and grouped[-1].rstrip().endswith("~~|"):
            grouped[-1] += piece
        else:
            grouped.append(piece)
    folder = model.definition.sector_paths[0].parent
    text = "{UTF-8}\n" + "\n".join(reversed(grouped))
    system = System([read_source(Source("reversed.mdl", text, folder))])
    other = Model(model.name, model.definition, system, compile_system(system), model.scenarios)
    first, second = model.run().results, other.run().results
    assert set(first.columns) == set(second.columns)
    assert ((first - second[first.columns]).abs() <= 1e-9 * (1 + first.abs().max())).all().all()


def test_results_do_not_change_when_files_are_split_otherwise(root: Path) -> None:
    model = numerai(root)
    folder = model.definition.sector_paths[0].parent
    whole = [p for path in model.definition.sector_paths for p in entries(path)]
    half = next(i for i in range(len(whole) // 2, len(whole)) if not whole[i - 1].endswith("~~|"))
    parts = ["{UTF-8}\n" + "\n".join(part) for part in (whole[:half], whole[half:])]
    sources = [Source(f"part{i}.mdl", text, folder) for i, text in enumerate(parts)]
    system = System([read_source(source) for source in sources])
    together = System([read_vensim(path) for path in model.definition.sector_paths])
    assert compile_system(system).digest() == compile_system(together).digest()


def test_a_copy_of_the_workspace_elsewhere_is_checked_alike(root: Path, tmp_path: Path) -> None:
    for folder in ("models", "equations", "calibration"):
        shutil.copytree(root / folder, tmp_path / folder)
    checked = check_model(
        ModelFile("numerai", tmp_path / "models" / "numerai.toml"), known_units(tmp_path)
    )
    assert checked.findings == []
    assert checked.coverage == 100
