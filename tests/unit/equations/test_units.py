"""Dimensional consistency: units as an algebra, and what each function asks of them."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bullbear.equations.document import Document
from bullbear.equations.functions import FUNCTIONS
from bullbear.equations.source import Source
from bullbear.equations.system import System
from bullbear.equations.unit_inference import signatures
from bullbear.equations.units_check import check_units, time_unit_of, unit_offset
from bullbear.equations.vensim import read_source, read_vensim
from bullbear.errors import Finding
from bullbear.units import DIMENSIONLESS, Unit, UnitError, Units

# -- the algebra ----------------------------------------------------------------------------------

powers = st.fractions(min_value=-4, max_value=4, max_denominator=4)
units = st.dictionaries(st.sampled_from(["NMR", "USD", "Year", "Models"]), powers).map(Unit.of)


@given(units, units, units)
def test_units_form_a_group(a: Unit, b: Unit, c: Unit) -> None:
    assert a * b == b * a
    assert (a * b) * c == a * (b * c)
    assert a * DIMENSIONLESS == a
    assert a / a == DIMENSIONLESS
    assert (a * b).to(Fraction(1, 2)) == a.to(Fraction(1, 2)) * b.to(Fraction(1, 2))


@given(units)
def test_a_unit_reads_back_as_it_is_printed(unit: Unit) -> None:
    assert Units([["NMR"], ["USD"], ["Year"], ["Models"]]).read(str(unit)) == unit


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("", "Dmnl"),
        ("dmnl", "Dmnl"),
        ("1", "Dmnl"),
        ("Years", "year"),
        ("USD/(NMR*Year)", "USD/NMR/Year"),
        ("1/Year^0.5", "Year^-0.5"),
        ("NMR * Year ^ 2 / Year", "NMR*Year"),
        ("m**2", "m*m"),
        ("Person-Year", "Person*Year"),
        ("real estate unit", "Real_Estate  Unit"),
        ("$/Year", "dollars/Year"),
        ("Year^(1/2)", "Year^0.5"),
    ],
)
def test_two_ways_to_write_a_unit(text: str, same: str) -> None:
    table = Units([["Year", "Years"], ["USD", "$", "dollars"]])
    assert table.read(text) == table.read(same)


@pytest.mark.parametrize(
    ("text", "offset"),
    [("NMR/", 4), ("/NMR", 0), ("(NMR", 4), ("NMR)", 3), ("12 Month", 0), ("NMR ^ x", 6),
     ("NMR/@", 4), ("NMR//Year", 4)],
)  # fmt: skip
def test_what_is_no_unit_is_told_with_its_place(text: str, offset: int) -> None:
    with pytest.raises(UnitError) as caught:
        Units().read(text)
    assert caught.value.offset == offset


@given(st.text(alphabet="ab1 /*^()-._$", max_size=12))
def test_any_text_is_a_unit_or_answered(text: str) -> None:
    offset = 0
    try:
        Units().read(text)
    except UnitError as fault:
        offset = fault.offset
    assert 0 <= offset <= len(text)


# -- equations ------------------------------------------------------------------------------------

DECLARED = """{UTF-8}
nmr = 5 ~ NMR ~ C. |
usd = 5 ~ USD ~ C. |
years = 5 ~ Year ~ C. |
plain = 5 ~ Dmnl ~ C. |
rate = 5 ~ NMR/Year ~ C. |
area = 5 ~ NMR^2 ~ C. |
table((0,0),(1,1)) ~ USD ~ C. |
side: A, B ~ ~ C. |
list[side] = 1, 2 ~ NMR ~ C. |
"""


def faults(equation: str, unit: str) -> list[Finding]:
    text = f"{DECLARED}x = {equation} ~ {unit} ~ C. |\n"
    system = System([read_source(Source("model.mdl", text))])
    assert not system.findings
    table = Units([["Year", "Years"], ["NMR"], ["USD"]])
    return list(check_units(system, table, "Year").findings)


@pytest.mark.parametrize(
    ("equation", "unit"),
    [
        ("nmr * usd / years", "NMR*USD/Year"),
        ("nmr + 0", "NMR"),
        ("MAX(0, nmr)", "NMR"),
        ("INTEG(rate, nmr)", "NMR"),
        ("INTEG(rate - nmr / years, 0)", "NMR"),
        ("SQRT(area)", "NMR"),
        ("area ^ 0.5", "NMR"),
        ("area ^ (1/2)", "NMR"),
        ("nmr ^ -1", "1/NMR"),
        ("plain ^ plain", "Dmnl"),
        ("LN(nmr / nmr)", "Dmnl"),
        ("IF THEN ELSE(Time > years, nmr, 0)", "NMR"),
        ("nmr * STEP(1, years)", "NMR"),
        ("PULSE(years, years)", "Dmnl"),
        ("RAMP(rate, years, years)", "NMR"),
        ("SMOOTHI(nmr, years, nmr)", "NMR"),
        ("DELAY3(rate, years)", "NMR/Year"),
        ("DELAY FIXED(rate, years, 0)", "NMR/Year"),
        ("TREND(nmr, years, 1 / years)", "1/Year"),
        ("FORECAST(nmr, years, years)", "NMR"),
        ("ZIDZ(nmr, years)", "NMR/Year"),
        ("XIDZ(nmr, years, rate)", "NMR/Year"),
        ("table(plain)", "USD"),
        ("LOOKUP EXTRAPOLATE(table, plain)", "USD"),
        ("WITH LOOKUP(plain, ((0,0),(1,1)))", "NMR/Year"),
        ("LOOKUP INVERT(table, usd)", "Dmnl"),
        ("SUM(list[side!])", "NMR"),
        ("nmr * (plain > 3 :AND: years > 2 * years)", "NMR"),
        ("Time - years", "Year"),
        ("TIME STEP * rate", "NMR"),
        ("0 * usd", "NMR"),
        (":NA:", "NMR"),
    ],
)
def test_equations_that_are_consistent(equation: str, unit: str) -> None:
    text = "TIME STEP = 1 ~ Year ~ C. |" if "TIME STEP" in equation else ""
    if text:
        equation = f"{equation} ~ {unit} ~ C. |\nTIME STEP = 1"
        unit = "Year"
    assert faults(equation, unit) == []


@pytest.mark.parametrize(
    ("equation", "unit", "message"),
    [
        ("nmr + usd", "NMR", '"usd" is USD, "x" is NMR: differs by USD/NMR'),
        ("nmr + 1", "NMR", '"1" is Dmnl, "x" is NMR: differs by 1/NMR'),
        ("nmr * years", "NMR", 'right side is NMR*Year, "x" is NMR: differs by Year'),
        ("INTEG(nmr, nmr)", "NMR",
         'right side is NMR, an inflow of "x" must be NMR/Year: differs by Year'),
        ("INTEG(rate - nmr, nmr)", "NMR",
         '"nmr" is NMR, an outflow of "x" must be NMR/Year: differs by Year'),
        ("INTEG(rate, usd)", "NMR",
         'right side is USD, the initial value of "x" must be NMR: differs by USD/NMR'),
        ("LN(nmr)", "Dmnl", "argument 1 of LN is NMR, it must be Dmnl: differs by NMR"),
        ("EXP(years)", "Dmnl", "argument 1 of EXP is Year"),
        ("SQRT(nmr)", "NMR", 'right side is NMR^0.5, "x" is NMR'),
        ("nmr ^ plain", "NMR", "a power of NMR needs a number as exponent"),
        ("plain ^ nmr", "Dmnl", "an exponent must be dimensionless, it is NMR"),
        ("MAX(nmr, usd)", "NMR", "argument 2 of MAX is USD, it must be NMR"),
        ("IF THEN ELSE(plain > 0, nmr, usd)", "NMR", "argument 3 of IF THEN ELSE is USD"),
        ("IF THEN ELSE(nmr > usd, 1, 0)", "Dmnl", '">" compares NMR with USD'),
        ("STEP(1, plain)", "Dmnl", "argument 2 of STEP is Dmnl, it must be Year"),
        ("SMOOTH(nmr, plain)", "NMR", "argument 2 of SMOOTH is Dmnl, it must be Year"),
        ("SMOOTHI(nmr, years, usd)", "NMR", "argument 3 of SMOOTHI is USD, it must be NMR"),
        ("TREND(nmr, years, plain)", "1/Year", "argument 3 of TREND is Dmnl, it must be 1/Year"),
        ("table(years)", "USD", 'the argument of the lookup "table" must be dimensionless'),
        ("XIDZ(nmr, years, nmr)", "NMR/Year", "argument 3 of XIDZ is NMR, it must be NMR/Year"),
        ("LOOKUP INVERT(table, nmr)", "Dmnl", "argument 2 of LOOKUP INVERT is NMR"),
        ("plain * (nmr - usd)", "NMR", "a term in USD is added to one in NMR"),
    ],
)  # fmt: skip
def test_equations_that_are_not(equation: str, unit: str, message: str) -> None:
    found = faults(equation, unit)
    assert [f.severity for f in found] == ["error"]
    assert message in found[0].message


def test_every_function_of_a_plain_kind_has_units() -> None:
    by_hand = {"sqrt", "power", "a function of", "prod", "elmcount", "invert matrix"}
    kinds = {"stock", "lookup", "external"}  # their rules stand in the code
    plain = {key for key, function in FUNCTIONS.items() if function.kind not in kinds}
    assert plain - by_hand <= set(signatures())
    for key, signature in signatures().items():
        function = FUNCTIONS[key]
        repeated = any(part.endswith("*") for part in signature.arguments)
        assert len(signature.arguments) == function.most or repeated, key


def test_an_equation_without_unit_is_told_where_the_unit_is_missing() -> None:
    (finding,) = faults("2 * plain", "")
    assert (finding.code, finding.where.line, finding.where.column) == ("no-unit", 11, 15)


def test_a_missing_unit_elsewhere_is_counted_and_spreads_no_faults() -> None:
    text = "{UTF-8}\na = b * 2 ~ NMR ~ C. |\nb = 3 ~ ~ C. |\nc = 4 ~ NMR ~ C. |\n"
    system = System([read_source(Source("m.mdl", text))])
    report = check_units(system, Units(), "Year", complete=False)
    assert report.findings == ()
    assert report.coverage == pytest.approx(100 / 3)


def test_units_of_the_settings_block_are_synonyms() -> None:
    text = (
        "{UTF-8}\na = b ~ Widget ~ C. |\nb = 3 ~ Widgets ~ C. |\n"
        "\\\\\\---/// Sketch\n///---\\\\\\\n22:Widget,Widgets\n"
    )
    system = System([read_source(Source("m.mdl", text))])
    assert check_units(system, Units([["NMR"]]), "Year", complete=False).findings == ()


# -- the Numerai model ----------------------------------------------------------------------------


def numerai(root: Path) -> list[Document]:
    return [read_vensim(path) for path in sorted((root / "equations" / "numerai").glob("*.mdl"))]


def found_in(documents: list[Document], root: Path) -> tuple[Finding, ...]:
    table = Units.from_table(root / "equations" / "units.toml")
    return check_units(System(documents), table, "Year").findings


def test_the_numerai_model_is_consistent_and_wholly_covered(root: Path) -> None:
    table = Units.from_table(root / "equations" / "units.toml")
    report = check_units(System(numerai(root)), table, "Year")
    assert report.findings == ()
    assert report.coverage == 100


def test_the_prototype_is_consistent(root: Path, shared: Path) -> None:
    system = System([read_vensim(shared / "model" / "prototype.mdl")])
    table = Units.from_table(root / "equations" / "units.toml")
    report = check_units(system, table, time_unit_of(system), complete=False)
    assert (report.findings, report.coverage) == ((), 100)


def unit_mutations(documents: list[Document]) -> list[tuple[int, int, str, str]]:
    """(document, offset, unit, other unit) for every unit of the model."""
    found = []
    for number, document in enumerate(documents):
        for equation in document.equations:
            if equation.units:
                other = {"Dmnl": "Year", "USD": "NMR"}.get(equation.units, equation.units + "*Year")
                found.append((number, unit_offset(equation), equation.units, other))
    return found


def missed_mutations(documents: list[Document], root: Path, every: int) -> list[str]:
    missed = []
    for number, offset, unit, other in unit_mutations(documents)[::every]:
        source = documents[number].source
        text = source.text[:offset] + other + source.text[offset + len(unit) :]
        mutated = read_source(Source(source.name, text, source.folder))
        if not found_in([*documents[:number], mutated, *documents[number + 1 :]], root):
            missed.append(f"{source.where(offset)}: {unit} as {other}")
    return missed


def test_a_hundred_wrong_units_are_all_found(root: Path) -> None:
    documents = numerai(root)
    every = len(unit_mutations(documents)) // 100
    assert missed_mutations(documents, root, every) == []


@pytest.mark.long
def test_every_wrong_unit_is_found(root: Path) -> None:
    documents = numerai(root)
    assert missed_mutations(documents, root, 1) == []
