"""Results of other programs are read as they were meant."""

from __future__ import annotations

import math
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bullbear.errors import DataError
from bullbear.models.reference import key_of, read_reference


def write(tmp_path: Path, text: str, name: str = "reference.tab") -> Path:
    path = tmp_path / name
    path.write_bytes(text.encode())
    return path


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_any_line_end_is_read(tmp_path: Path, end: str) -> None:
    path = write(tmp_path, end.join(["Time\tLevel", "0\t1.5", "1\t2.5", ""]))
    found = read_reference(path)
    assert found.times.tolist() == [0, 1]
    assert found.series["level"].values.tolist() == [1.5, 2.5]


def test_a_blank_cell_is_the_last_value(tmp_path: Path) -> None:
    found = read_reference(write(tmp_path, "Time\tA\tB\n0\t3\t1\n1\t\t2\n2\t\t\n"))
    assert found.series["a"].values.tolist() == [3, 3, 3]
    assert found.series["b"].values.tolist() == [1, 2, 2]


def test_a_cell_blank_from_the_start_says_nothing(tmp_path: Path) -> None:
    found = read_reference(write(tmp_path, "Time\tA\n0\t\n1\t4\n"))
    assert math.isnan(found.series["a"].values[0])


def test_variables_may_run_down_the_first_column(tmp_path: Path) -> None:
    text = 'Time\t0\t0.5\t1\nLevel\t1\t2\t3\n"Two[A,B]"\t7\t\t\n'
    found = read_reference(write(tmp_path, text))
    assert found.times.tolist() == [0, 0.5, 1]
    assert found.series["level"].values.tolist() == [1, 2, 3]
    assert found.series["two[a,b]"].values.tolist() == [7, 7, 7]


def test_stella_writes_its_time_unit_first_and_commas(tmp_path: Path) -> None:
    text = 'Months,"Stock A[B, C]",FINAL TIME\n0,5,10\n1,6,10\n'
    found = read_reference(write(tmp_path, text, "output_stella.csv"))
    assert found.series["stock a[b,c]"].values.tolist() == [5, 6]
    assert found.constant("final time") == 10


def test_a_semicolon_parts_cells_where_it_comes_first(tmp_path: Path) -> None:
    found = read_reference(write(tmp_path, "Time;A[x,y]\n0;1\n1;2\n", "r.csv"))
    assert found.series["a[x,y]"].values.tolist() == [1, 2]


def test_names_match_as_vensim_matches_them() -> None:
    assert key_of("Treasury_NMR [ Classic , b ]") == key_of('"treasury  nmr"[classic,B]')


def test_vensims_words_for_what_is_no_number(tmp_path: Path) -> None:
    found = read_reference(write(tmp_path, "Time\tA\tB\n0\t-1.#IND\tinf\n1\t1\t2\n"))
    assert math.isnan(found.series["a"].values[0])
    assert found.series["b"].values[0] == math.inf


# -- how exact a printed number is ----------------------------------------------------------------


def test_fixed_decimals_are_exact_to_the_last_of_them(tmp_path: Path) -> None:
    found = read_reference(write(tmp_path, "Time\tA\n0\t180.00\n1\t178.63\n"))
    assert found.series["a"].resolution.tolist() == pytest.approx([0.01, 0.01])


def test_a_whole_number_is_exact_to_one(tmp_path: Path) -> None:
    found = read_reference(write(tmp_path, "Time\tA\n0\t95\n1\t110\n"))
    assert found.series["a"].resolution.tolist() == [1, 1]


def test_zeros_that_were_left_out_count_as_printed(tmp_path: Path) -> None:
    """Six significant digits: 4 stands for 4.00000."""
    text = "Time\tA\tB\n0\t4\t23.4567\n1\t4.25\t178.632\n2\t4.31337\t9.87654\n"
    found = read_reference(write(tmp_path, text))
    assert found.series["a"].resolution.tolist() == pytest.approx([1e-5, 1e-5, 1e-5])


def test_exponents_move_the_last_digit(tmp_path: Path) -> None:
    found = read_reference(write(tmp_path, "Time\tA\n0\t1.5e+06\n1\t2e-05\n"))
    assert found.series["a"].resolution.tolist() == pytest.approx([1e5, 1e-5])


# -- faults ---------------------------------------------------------------------------------------


def fault(path: Path) -> DataError:
    with pytest.raises(DataError) as caught:
        read_reference(path)
    return caught.value


def test_what_is_no_number_has_its_place(tmp_path: Path) -> None:
    error = fault(write(tmp_path, "Time\tA\tB\n0\t1\t2\n1\t2\tx3\n"))
    assert (error.where.line, error.where.column) == (3, 3)  # type: ignore[union-attr]
    assert '"x3"' in error.message


def test_what_is_no_number_in_a_turned_table_has_its_place(tmp_path: Path) -> None:
    error = fault(write(tmp_path, "Time\t0\t1\nA\t1\t2\nB\t2\tx3\n"))
    assert (error.where.line, error.where.column) == (3, 3)  # type: ignore[union-attr]


def test_time_must_ascend(tmp_path: Path) -> None:
    assert fault(write(tmp_path, "Time\tA\n0\t1\n2\t1\n1\t1\n")).code == "time-order"


def test_a_name_given_twice_is_refused(tmp_path: Path) -> None:
    assert fault(write(tmp_path, "Time\tMy A\tmy_a\n0\t1\t1\n1\t1\t1\n")).code == "duplicate"


@pytest.mark.parametrize("text", ["", "Time\tA\n", "just a sentence\nand another\n"])
def test_what_is_no_table_is_refused(tmp_path: Path, text: str) -> None:
    assert fault(write(tmp_path, text)).code == "reference"


def test_a_binary_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "run.vdf"
    path.write_bytes(b"\x7f\0\0\1")
    assert "export" in fault(path).hint


def test_a_missing_file_names_the_nearest(tmp_path: Path) -> None:
    write(tmp_path, "Time\tA\n0\t1\n", "output.tab")
    assert "output.tab" in fault(tmp_path / "outptu.tab").hint


EDITS = st.tuples(st.integers(0, 400), st.integers(0, 6), st.binary(max_size=3))


@given(st.lists(EDITS, min_size=1, max_size=4))
def test_a_damaged_file_is_read_or_refused(edits: list[tuple[int, int, bytes]]) -> None:
    rows = "".join(f"{t}\t{t * 1.5}\t\t-{t}e-3\n" for t in range(20))
    data = ('Time\t"A[b,c]"\tConstant\tD\n' + rows).encode()
    for place, cut, put in edits:
        data = data[:place] + put + data[place + cut :]
    with TemporaryDirectory() as folder:
        path = Path(folder, "reference.tab")
        path.write_bytes(data)
        with suppress(DataError):
            read_reference(path)


def test_values_are_floats(tmp_path: Path) -> None:
    found = read_reference(write(tmp_path, "Time\tA\n0\t1\n1\t1e3\n"))
    assert found.series["a"].values.dtype == np.float64
