"""Vensim text files: entries, units, comments, groups, subscripts, macros, and faults in them."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bullbear.equations.document import Document
from bullbear.equations.expressions import Number
from bullbear.equations.source import Source
from bullbear.equations.vensim import read_source, read_vensim
from bullbear.errors import EquationError


def read(text: str) -> Document:
    return read_source(Source("model.mdl", text))


def codes(document: Document) -> list[str]:
    return [f.code for f in document.findings]


def test_an_entry_in_full() -> None:
    document = read(
        "{UTF-8}\n*****\n\t.Sector one\n*****~\n\t\tAbout it.\n\t|\n\n"
        "Treasury\tNMR[side, A] :EXCEPT: [B, A] =\n\t 1 +\\\n\t\t2\n"
        "\t~\tNMR/Year [0,10,1]\n\t~\tA comment,\n\t\ttwo lines.\n\t~\t:SUPPLEMENTARY\n\t|\n"
    )
    (equation,) = document.equations
    assert document.findings == []
    assert equation.name == "Treasury NMR"
    assert equation.subscripts == ("side", "A")
    assert equation.exceptions == (("B", "A"),)
    assert (equation.units, equation.limits) == ("NMR/Year", "[0,10,1]")
    assert equation.comment == "A comment, two lines."
    assert equation.group == "Sector one"
    assert equation.supplementary
    assert equation.right_text == "1 + 2"
    assert (equation.where.line, equation.where.column) == (8, 1)


def test_bars_and_tildes_in_quotes_and_braces_end_nothing() -> None:
    document = read('{UTF-8}\n"a | b ~ c" = 1 {| ~} + 2 ~ Dmnl ~ C. |\n')
    assert codes(document) == []
    assert document.equations[0].name == '"a | b ~ c"'


def test_windows_line_ends_old_encodings_and_byte_order_marks(tmp_path: Path) -> None:
    path = tmp_path / "old.mdl"
    path.write_bytes("größe = 1\r\n\t~\tDmnl\r\n\t~\tC.\r\n\t|\r\n".encode("latin-1"))
    assert read_vensim(path).equations[0].name == "größe"
    path.write_bytes("\ufeff{UTF-8}\r\ngröße = 1 ~ ~ |\r\n".encode())
    document = read_vensim(path)
    assert document.equations[0].name == "größe"
    assert document.findings == []


def test_a_file_that_is_not_there_is_answered(tmp_path: Path) -> None:
    with pytest.raises(EquationError, match="cannot read") as caught:
        read_vensim(tmp_path / "nothing.mdl")
    assert caught.value.code == "unreadable"


def test_sketch_and_settings_are_no_equations() -> None:
    document = read(
        "{UTF-8}\na = 1 ~ ~ |\n\n\\\\\\---/// Sketch information\n*View 1\n10,1,a,1,2\n"
        "///---\\\\\\\n:L<%^E!@\n22:Year,Years\n"
    )
    assert len(document.equations) == 1
    assert "22:Year,Years" in document.settings


def test_ranges_aliases_numbers_and_mappings() -> None:
    document = read(
        "{UTF-8}\nside: A, B -> (big: C, D), other ~ ~ |\nnames: (layer1-layer3) ~ ~ |\n"
        "twin <-> side ~ ~ |\n"
    )
    side, names, twin = document.ranges
    assert side.elements == ("A", "B")
    assert [(m.target, m.elements) for m in side.mappings] == [("big", ("C", "D")), ("other", ())]
    assert names.elements == ("layer1", "layer2", "layer3")
    assert twin.alias == "side"


def test_macros_are_documents_of_their_own() -> None:
    document = read(
        "{UTF-8}\n:MACRO: GROW(x, rate : twice)\nGROW = x * rate ~ ~ |\ntwice = 2 * x ~ ~ |\n"
        ":END OF MACRO:\na = 1 ~ ~ |\n"
    )
    (macro,) = document.macros
    assert (macro.name, macro.inputs, macro.outputs) == ("GROW", ("x", "rate"), ("twice",))
    assert [e.name for e in macro.body.equations] == ["GROW", "twice"]
    assert [e.name for e in document.equations] == ["a"]


def test_reading_goes_on_after_every_fault() -> None:
    document = read(
        "{UTF-8}\na = 1 + ~ Dmnl ~ C. |\nb-c = 2 ~ Dmnl ~ C. |\nd = (3 ~ Dmnl ~ C. |\n"
        "e[] = 4 ~ Dmnl ~ C. |\nf = 5 ~ Dmnl ~ C. |\n"
    )
    errors = [f for f in document.findings if f.severity == "error"]
    assert [f.where.line for f in errors] == [2, 3, 4, 5]
    assert isinstance(document.equations[-1].expression, Number)


def test_entries_that_run_into_each_other_are_parted() -> None:
    document = read(
        "{UTF-8}\na = 1\n\t~\tDmnl\n\t~\tFirst.\n\nb = 2\n\t~\tDmnl\n\t~\tSecond.\n\t|\n"
    )
    assert codes(document) == ["entry-end"]
    assert [(e.name, e.comment) for e in document.equations] == [("a", "First."), ("b", "Second.")]


def test_a_missing_equals_sign_before_a_function_is_seen_through() -> None:
    document = read("{UTF-8}\nStock INTEG(flow, 1) ~ NMR ~ C. |\nflow = 1 ~ NMR/Year ~ C. |\n")
    assert codes(document) == ["left-side"]
    assert [e.name for e in document.equations] == ["Stock", "flow"]


WORDS = [
    *("a", "=", "1", "~", "|", "b", "(", ")", "[", "]", "x:", "A,", "{", "}", "***", "+", "é"),
    *(":MACRO:", "<->", "->", ":=", "==", "INTEG(", ":RAW:"),
    *("\n", '"', "\\", ":END OF MACRO:", "\\\\\\---///", ":EXCEPT:", "TABBED ARRAY("),
]


@given(st.lists(st.sampled_from(WORDS), max_size=40))
def test_any_file_is_read_with_findings_inside_it(parts: list[str]) -> None:
    text = " ".join(parts)
    document = read(text)
    lines = text.count("\n") + 1
    for finding in document.findings:
        assert 1 <= (finding.where.line or 0) <= lines
        assert (finding.where.column or 0) >= 1


def test_a_large_file_is_read_quickly() -> None:
    entry = "variable {0} =\n\tvariable {1} * (1 + rate) + MAX(0, 3)\n\t~\tNMR\n\t~\tText.\n\t|\n\n"
    text = "{UTF-8}\n" + "".join(entry.format(i, i + 1) for i in range(3000))
    begin = time.perf_counter()
    assert len(read(text).equations) == 3000
    assert time.perf_counter() - begin < 5  # a third of a second on an idle machine
