"""Statements of modellers are tried as they are written, and their faults have a place."""

from __future__ import annotations

from pathlib import Path

import pytest

import bullbear
from bullbear.analysis.checks import Behaviour, behaviour, checks_path
from bullbear.analysis.checks_file import SCHEMA, ChecksFile
from bullbear.analysis.conservation import conserved, leaks

EQUATIONS = """{UTF-8}
Tank = INTEG(inflow - outflow, first) ~ Litre ~ |
Sea = INTEG(outflow, 0) ~ Litre ~ |
Cloud = INTEG(-inflow, 1000) ~ Litre ~ |
inflow = tap ~ Litre/Day ~ |
outflow = Tank / residence ~ Litre/Day ~ |
first = 0 ~ Litre ~ |
tap = 2 ~ Litre/Day ~ |
residence = 8 ~ Day ~ |
level[part] = Tank * share[part] ~ Litre ~ |
part: low, high ~ ~ |
share[part] = 0.25, 0.75 ~ Dmnl ~ |
broken = 1 / (tap - 7) ~ Day/Litre ~ |
"""
MODEL = """title = "Tank"
sectors = ["../equations/tank.mdl"]
parameters = "../parameters.csv"
scenarios = "scenarios"
nonnegative = ["Cloud"]
[time]
unit = "Day"
initial = 0
final = 40
step = 0.125
saveper = 1
horizon = 80
[[events]]
name = "full"
variable = "Tank"
above = 10
[conservation]
water = ["Tank", "Sea", "Cloud"]
half = ["Tank", "Sea"]
"""
PARAMETERS = "name,value,lower,upper\ntap,2,1,4\nresidence,8,8,8\n"


@pytest.fixture
def tank(tmp_path: Path) -> Path:
    for path, text in {
        "equations/tank.mdl": EQUATIONS,
        "models/tank.toml": MODEL,
        "models/scenarios/base.toml": 'title = "Base"\n',
        "models/scenarios/dry.toml": 'title = "Dry"\n[levers]\n"tap" = 0.5\n',
        "parameters.csv": PARAMETERS,
    }.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text, encoding="utf-8")
    (tmp_path / "analysis").mkdir()
    return tmp_path


def tried(tank: Path, text: str) -> Behaviour:
    (tank / "analysis" / "checks.toml").write_text(text, encoding="utf-8")
    return behaviour(bullbear.load(tank / "models" / "tank.toml"))


def check(tank: Path, lines: str, inputs: str = "") -> list[str]:
    """What is found about one check."""
    text = f'[[check]]\nname = "x"\n{lines}\n'
    found = tried(tank, text + (f"[check.inputs]\n{inputs}\n" if inputs else ""))
    return [finding.message for finding in found.findings]


HOLDS = [
    'variable = "Tank"\npredicate = "at_least"\nvalue = 0',
    'variable = "Tank"\npredicate = "at_most"\nvalue = 16',
    'variable = ["Tank", "level"]\npredicate = "between"\nvalue = [0, 16]',
    'variable = "inflow"\npredicate = "equals"\nvalue = 2',
    'variable = "Tank"\npredicate = "equals"\nvalue = 0\nto = 0',
    'variable = "Tank"\npredicate = "never_falls"',
    'variable = "Cloud"\npredicate = "never_rises"',
    'variable = "full"\npredicate = "before"\nvalue = 8',
    'variable = "full"\npredicate = "after"\nvalue = 7.5',
    'scenario = "dry"\nvariable = "full"\npredicate = "after"\nvalue = 79',
    'scenario = "dry"\nvariable = "Tank"\npredicate = "lower_than_base"',
    'variable = "water"\npredicate = "conserved"\nscenario = "*"',
    'variable = "Tank"\npredicate = "at_least"\nvalue = 15.9\nfrom = 60\nto = 70',
]


@pytest.mark.parametrize("lines", HOLDS)
def test_what_is_true_holds(tank: Path, lines: str) -> None:
    assert check(tank, lines) == []


FAILS = [
    ('variable = "Tank"\npredicate = "at_least"\nvalue = 1', "must be at least 1 and is 0 at 0"),
    (
        'variable = "Tank"\npredicate = "at_most"\nvalue = 15',
        "at most 15 and is 15.8964 at 40",
    ),
    ('variable = "level[high]"\npredicate = "between"\nvalue = [0, 1]', "level[high] must be betw"),
    ('variable = "inflow"\npredicate = "equals"\nvalue = 2.1', "must equal 2.1 and is 2 at 0"),
    ('variable = "Tank"\npredicate = "never_rises"', "must never rise and is 0.25 at 0.125"),
    ('variable = "full"\npredicate = "before"\nvalue = 7', "full is 7.79, not before 7"),
    ('scenario = "dry"\nvariable = "full"\npredicate = "before"\nvalue = 70', "full is after 80"),
    ('scenario = "dry"\nvariable = "Tank"\npredicate = "higher_than_base"', "must be higher than"),
    ('variable = "Tank"\npredicate = "lower_than_base"', "lower than in the base and is the same"),
    ('variable = "half"\npredicate = "conserved"', "is changed by + inflow"),
    ('variable = "Tank"\npredicate = "at_least"\nvalue = 0\nfrom = 41\nto = 40.5', "before it"),
]


@pytest.mark.parametrize(("lines", "message"), FAILS[:-1])
def test_what_is_false_is_said_with_the_worst_time(tank: Path, lines: str, message: str) -> None:
    (found,) = check(tank, lines)
    assert message in found
    assert '"x" does not hold' in found


def test_a_named_input_is_tried_at_both_extremes(tank: Path) -> None:
    lines = 'variable = "Tank"\npredicate = "at_most"\nvalue = 7'
    first, second = check(tank, lines, '"tap" = "extremes"')
    assert "(base, tap = 1)" in first
    assert "(base, tap = 4)" in second
    assert len(check(tank, lines, '"tap" = "maximum"')) == 1


def test_several_inputs_are_tried_in_all_combinations(tank: Path) -> None:
    lines = 'variable = "Tank"\npredicate = "at_least"\nvalue = 0'
    text = (
        f'[[check]]\nname = "x"\n{lines}\n[check.inputs]\n"Tap" = "extremes"\nfirst = [1, 2, 3]\n'
    )
    assert tried(tank, text).cases == 6


def test_if_this_input_then_that_follows(tank: Path) -> None:
    for value, predicate in ((3, "higher"), (1, "lower")):
        lines = f'variable = "Sea"\npredicate = "{predicate}_than_base"'
        assert check(tank, lines, f'"tap" = {value}') == []
    assert check(tank, 'variable = "outflow"\npredicate = "unchanged"', '"first" = 1')
    lines = 'variable = "outflow"\npredicate = "unchanged"\nvalue = 0.5'
    assert check(tank, lines, '"first" = 1') == []


def test_a_run_that_stops_breaks_the_check(tank: Path) -> None:
    (found,) = check(tank, 'variable = "broken"\npredicate = "at_most"\nvalue = 9', "tap = 7")
    assert "the run stops" in found
    (found,) = check(tank, 'variable = "Sea"\npredicate = "at_least"\nvalue = 0', "tap = 70")
    assert 'the stock "Cloud" is' in found


FAULTS = [
    ('variable = "Tnk"\npredicate = "at_least"\nvalue = 0', "unknown-variable", 3, '"Tank"'),
    ('variable = "fll"\npredicate = "before"\nvalue = 0', "unknown-variable", 3, '"full"'),
    ('variable = "watr"\npredicate = "conserved"', "unknown-variable", 3, '"water"'),
    ('variable = "Tank"\nscenario = "dri"\npredicate = "never_rises"', "unknown-scenario", 4,
     '"dry"'),
    ('variable = "Tank"\npredicate = "never_rises"\n[check.inputs]\ntpa = 1', "unknown-lever", 6,
     '"tap"'),
    ('variable = "Tank"\npredicate = "never_rises"\n[check.inputs]\nresidence = "extremes"',
     "no-range", 6, "lower and upper"),
    ('variable = "Tank"\npredicate = "never_rises"\n[check.inputs]\ninflow = 1', "unknown-lever", 6,
     ""),
]  # fmt: skip


@pytest.mark.parametrize(("lines", "code", "line", "hint"), FAULTS)
def test_a_name_that_is_not_there_has_its_place_and_the_nearest(
    tank: Path, lines: str, code: str, line: int, hint: str
) -> None:
    (finding,) = tried(tank, f'[[check]]\nname = "x"\n{lines}\n').findings
    assert (finding.code, finding.where.line) == (code, line)
    assert hint in finding.hint


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ('variable = "Tank"\npredicate = "at_leest"\nvalue = 0', "predicate"),
        ('variable = "Tank"\npredicate = "at_least"', "at_least needs a number"),
        ('variable = "Tank"\npredicate = "between"\nvalue = [2, 1]', "between needs value"),
        ('variable = "Tank"\npredicate = "never_rises"\nvalue = 2', "takes no such value"),
        ('variable = "Tank"\npredicat = "never_rises"', "unknown key check[0].predicat"),
        FAILS[-1],
    ],
)
def test_the_schema_is_enforced_with_places(tank: Path, lines: str, message: str) -> None:
    found = tried(tank, f'[[check]]\nname = "x"\n{lines}\n').findings
    assert message in " ".join(finding.message for finding in found)
    assert all(finding.where.line is not None for finding in found)
    assert found[0].where.file is not None
    assert found[0].where.file.endswith("checks.toml")


def test_checks_of_another_model_are_left_alone(tank: Path) -> None:
    text = (
        'model = "other"\n[[check]]\nname = "x"\nvariable = "nothing"\npredicate = "never_rises"\n'
    )
    assert tried(tank, text).checks == 0


def test_a_foreign_file_may_have_checks_beside_it(tmp_path: Path) -> None:
    (tmp_path / "x.mdl").write_text("A = INTEG(-A, 1) ~ ~ |\n", encoding="utf-8")
    model = bullbear.load(tmp_path / "x.mdl")
    assert checks_path(model) is None
    (tmp_path / "x.checks.toml").write_text(
        '[[check]]\nname = "falls"\nvariable = "A"\npredicate = "never_falls"\n', encoding="utf-8"
    )
    assert len(behaviour(model).findings) == 1


# -- conservation -------------------------------------------------------------------------------


def test_totals_are_found_printed_and_proved_at_every_step(tank: Path) -> None:
    (found,) = conserved(bullbear.load(tank / "models" / "tank.toml"))
    assert found.text == "Tank + Sea + Cloud = 1 000 Litre"
    assert found.total == 1000
    assert found.steps == 320
    assert found.departure < 1e-14


def test_a_leak_is_named(tank: Path) -> None:
    model = bullbear.load(tank / "models" / "tank.toml")
    assert leaks(model, ["Tank", "Sea", "Cloud"]) == []
    assert leaks(model, ["Tank", "Cloud"]) == ["- outflow"]


# -- the model of the project ---------------------------------------------------------------------


def test_the_published_schema_is_that_of_the_code(root: Path) -> None:
    """After a change: write what `schema_text` gives to the file."""
    assert (root / "analysis" / SCHEMA).read_text(encoding="utf-8") == ChecksFile.schema_text()


def test_every_check_of_the_numerai_model_holds() -> None:
    found = behaviour(bullbear.load("numerai"))
    assert [finding.message for finding in found.findings] == []
    assert found.checks >= 20
    texts = [total.text for total in found.conserved]
    assert (
        "Treasury NMR + Liquid NMR + Staked NMR + Pending Withdrawal NMR + Burned NMR"
        " = 11 000 000 NMR" in texts
    )
