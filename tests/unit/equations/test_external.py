"""Tables beside the model: CSV and workbooks, and what they may not do."""

import numpy as np
import pytest
from openpyxl import Workbook
from openpyxl.workbook.defined_name import DefinedName


@pytest.fixture
def book(tmp_path):
    workbook = Workbook()
    sheet = workbook.active
    sheet.title = "Data"
    for row in (
        ["time", 0, 2, None, 6],
        ["x", 1, 5, 9, "n/a"],
        ["y", 10, 50, 90, 130],
        [None, 3, 4],
        ["names", "north", "south"],
    ):
        sheet.append(row)
    workbook.defined_names["series"] = DefinedName("series", attr_text="Data!$B$2:$E$2")
    workbook.defined_names["axis"] = DefinedName("axis", attr_text="Data!$B$1:$E$1")
    workbook.save(tmp_path / "book.xlsx")
    return tmp_path


def test_a_workbook_by_cells_and_by_names(simulated, book):
    found = simulated(
        "k: a, b ~~| place: GET DIRECT SUBSCRIPT('book.xlsx', 'Data', 'B5', 'C', '') ~~|"
        "x := GET DIRECT DATA('book.xlsx', 'Data', '1', 'B2') ~~|"
        "named := GET DIRECT DATA('book.xlsx', 'data', 'axis', 'series') ~~|"
        "both[k] := GET DIRECT DATA('book.xlsx', 'Data', '1', 'B2') ~~|"
        "f(GET DIRECT LOOKUPS('book.xlsx', 'Data', '1', 'B3')) ~~| y = f(Time) ~~|"
        "c = GET DIRECT CONSTANTS('book.xlsx', 'Data', 'B4') ~~|"
        "row[k] = GET DIRECT CONSTANTS('book.xlsx', 'Data', 'B4') ~~|"
        "column[k] = GET DIRECT CONSTANTS('book.xlsx', 'Data', 'B2*') ~~|"
        "z[place] = 1 ~~|"
    )
    inside = found["time"] <= 2
    np.testing.assert_allclose(found["x"][inside], np.interp(found["time"][inside], [0, 2], [1, 5]))
    np.testing.assert_array_equal(found["named"], found["x"])
    np.testing.assert_array_equal(found["both[a]"], found["x"])
    np.testing.assert_allclose(found["both[b]"], np.interp(found["time"], [0, 2, 6], [10, 50, 130]))
    np.testing.assert_allclose(found["y"], np.interp(found["time"], [0, 2, 6], [10, 50, 130]))
    assert (found["c"][0], found["row[b]"][0], found["column[b]"][0]) == (3, 4, 10)
    assert {"z[north]", "z[south]"} <= set(found)


@pytest.mark.parametrize(
    ("keyword", "values"),
    [
        (":INTERPOLATE:", [10, 10, 15, 20, 20]),
        (":HOLD BACKWARD:", [10, 10, 10, 20, 20]),
        (":LOOK FORWARD:", [10, 10, 20, 20, 20]),
        (":RAW:", [-(2.0**109), 10, -(2.0**109), 20, -(2.0**109)]),
    ],
)
def test_how_data_are_read_between_their_points(simulated, tmp_path, keyword, values):
    (tmp_path / "d.csv").write_text("t,v\n1,10\n3,20\n")
    found = simulated(f"x {keyword} := GET DIRECT DATA('d.csv', ',', 'A', 'B2') ~~|", step=1,
                      final=4)  # fmt: skip
    np.testing.assert_array_equal(found["x"], values)


def test_data_at_other_times(simulated, tmp_path):
    (tmp_path / "d.csv").write_text("t,v\n1,10\n3,20\n")
    found = simulated(
        "x := GET DIRECT DATA('d.csv', ',', 'A', 'B2') ~~| a = GET DATA AT TIME(x, 2) ~~|"
        "b = GET DATA BETWEEN TIMES(x, 2, -1) ~~| c = GET DATA BETWEEN TIMES(x, 2, 1) ~~|"
        "d = GET DATA FIRST TIME(x) + GET DATA LAST TIME(x) ~~|", final=1,
    )  # fmt: skip
    assert [found[n][0] for n in "abcd"] == [15, 10, 20, 4]


def test_data_from_another_run_named_in_the_settings(simulated, tmp_path):
    (tmp_path / "base.tab").write_text("Time\tx[a]\tx[b]\n0\t1\t5\n10\t3\t\n")
    found = simulated(
        "k: a, b ~~| x[k] ~~| y[k] = x[k] ~~|\n\\\\\\---/// Sketch\n///---\\\\\\\n1:base.vdf\n"
    )
    np.testing.assert_allclose(found["y[a]"], np.interp(found["time"], [0, 10], [1, 3]))
    np.testing.assert_array_equal(found["y[b]"], 5.0)


def test_data_in_vensims_own_text_form(simulated, tmp_path):
    (tmp_path / "base.dat").write_text("x[a]\n0\t1\n10\t3\nx[b]\n0\t5\n")
    found = simulated("k: a, b ~~| x[k] ~~|\n\\\\\\---/// Sketch\n///---\\\\\\\n1:base.vdf\n")
    assert (found["x[a]"][20], found["x[b]"][20]) == (2, 5)


@pytest.mark.parametrize(
    ("reference", "code"),
    [
        ("/etc/hosts", "path-escape"),
        ("../../../../../../etc/hosts", "path-escape"),
        ("C:\\\\secret.csv", "path-escape"),
        ("\\\\\\\\server\\\\share.csv", "path-escape"),
        ("?book", "path-escape"),
        ("absent.csv", "no-file"),
    ],
)
def test_references_stay_beside_the_model(refused, reference, code):
    assert refused(f"x = GET DIRECT CONSTANTS('{reference}', ',', 'B2') ~~|").code == code


@pytest.mark.parametrize(
    ("content", "call", "code"),
    [
        ("t,v\n1,x\n", "GET DIRECT DATA('d.csv', ',', 'A', 'B2')", "number"),
        ("t,v\n", "GET DIRECT DATA('d.csv', ',', 'A', 'B2')", "empty"),
        ("t,v\n1,2\n", "GET DIRECT DATA('d.csv', ',', 'A', 'nowhere')", "cell"),
        ("t,v\n1,2\n", "GET DIRECT DATA('d.csv', ',,', 'A', 'B2')", "delimiter"),
        ("t,v\n1,2\n", "GET DIRECT CONSTANTS('d.csv', ',', 'C2')", "empty"),
        ("t,v\n1,2\n", "GET DIRECT DATA('d.csv')", "arguments"),
    ],
)
def test_faulty_tables_are_refused(refused, tmp_path, content, call, code):
    (tmp_path / "d.csv").write_text(content)
    assert refused(f"x := {call} ~~|").code in (code, "arguments")


def test_a_workbook_that_is_none(refused, tmp_path):
    (tmp_path / "b.xlsx").write_text("no workbook")
    finding = refused("x = GET DIRECT CONSTANTS('b.xlsx', 'Data', 'B2') ~~|")
    assert finding.code == "unreadable"
