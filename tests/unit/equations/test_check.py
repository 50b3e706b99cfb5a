"""What `check` finds in equations: the gallery of broken files, and the subjects one by one."""

from __future__ import annotations

import ast
import csv
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import pytest

from bullbear.equations import check as check_package
from bullbear.equations.source import Source
from bullbear.equations.system import System
from bullbear.equations.vensim import read_source
from bullbear.errors import Finding
from bullbear.models.check import check_model, known_units
from bullbear.models.workspace import ModelFile

GALLERY = Path(__file__).resolve().parents[2] / "gallery"
SOURCES = Path(str(check_package.__file__)).resolve().parents[2]
CODES = Path(str(check_package.__file__)).with_name("codes.csv")
BOUNDS = """
INITIAL TIME = 0 ~ Year ~ Begin. |
FINAL TIME = 10 ~ Year ~ End. |
TIME STEP = 0.25 ~ Year ~ Step. |
SAVEPER = TIME STEP ~ Year ~ Saving step. |
"""


def expectations() -> dict[str, list[dict[str, str]]]:
    found = defaultdict(list)
    with (GALLERY / "expected.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            found[row["file"]].append(row)
    return found


EXPECTED = expectations()


def check_text(folder: Path, text: str) -> list[Finding]:
    path = folder / "model.mdl"
    path.write_text(text + BOUNDS, encoding="utf-8")
    return check_model(ModelFile("model", path), known_units()).findings


@pytest.fixture
def checked(tmp_path: Path) -> Callable[[str], list[Finding]]:
    return lambda text: check_text(tmp_path, text)


# -- the gallery ----------------------------------------------------------------------------------


def test_the_gallery_has_enough_broken_files() -> None:
    files = {path.relative_to(GALLERY).as_posix() for path in GALLERY.rglob("*.mdl")}
    assert files == set(EXPECTED)
    assert sum(name.startswith("one/") for name in files) >= 40
    assert sum(name.startswith("many/") for name in files) >= 5
    assert all(len(EXPECTED[name]) >= 5 for name in files if name.startswith("many/"))


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_each_fault_has_its_place_code_and_remedy(name: str) -> None:
    file = ModelFile(Path(name).stem, GALLERY / name)
    findings = check_model(file, known_units()).findings
    wanted = [(int(r["line"]), int(r["column"]), r["severity"], r["code"]) for r in EXPECTED[name]]
    found = [(f.where.line, f.where.column, f.severity, f.code) for f in findings]
    assert sorted(found, key=str) == sorted(wanted, key=str)
    for row in EXPECTED[name]:
        place = (int(row["line"]), int(row["column"]), row["code"])
        said = [f for f in findings if (f.where.line, f.where.column, f.code) == place]
        assert any(row["message"] in f.message and row["hint"] in f.hint for f in said)


def test_the_caret_stands_below_the_fault() -> None:
    file = ModelFile("name", GALLERY / "one" / "name_misspelled.mdl")
    shown = check_model(file, known_units()).findings[0].pointed().splitlines()
    assert shown[1][shown[2].index("^") :].startswith("lifetmie")


# -- codes ----------------------------------------------------------------------------------------


def documented() -> set[str]:
    with CODES.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert all(row["severity"] and row["meaning"] and row["remedy"] for row in rows)
    names = [row["code"] for row in rows]
    assert len(names) == len(set(names))
    return set(names)


def written_codes(path: Path) -> set[str]:
    """The literal codes that a module gives to findings and faults."""
    position = {"Finding": 0, "finding": 1, "SyntaxFault": 1, "LoweringFault": 1, "_fault": 1,
                "_in": 2, "_at": 1, "note": 2, "_note": 3, "Mismatch": 3}  # fmt: skip
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.Call):
            continue
        name = getattr(node.func, "id", getattr(node.func, "attr", ""))
        given = [keyword.value for keyword in node.keywords if keyword.arg == "code"]
        if name in position and len(node.args) > position[name]:
            given.append(node.args[position[name]])
        for value in given:
            if isinstance(value, ast.Constant) and isinstance(value.value, str):
                found.add(value.value)
    return found


def test_every_code_stands_in_the_table() -> None:
    modules = [
        *(SOURCES / "equations").glob("*.py"),
        *(SOURCES / "equations" / "check").glob("*.py"),
        *(SOURCES / "models" / f"{name}.py" for name in ("check", "scenarios", "toml_file")),
        *(SOURCES / "calibration" / f"{n}.py" for n in ("ledger_check", "observations", "tables")),
    ]
    elsewhere = {"export"}  # told by `bullbear export`
    written = set().union(*map(written_codes, modules)) - elsewhere
    assert len(written) > 50
    assert written <= documented()
    assert {row["code"] for rows in EXPECTED.values() for row in rows} <= documented()


# -- subjects -------------------------------------------------------------------------------------


def test_an_indicator_that_nothing_reads_is_no_fault(checked: Callable) -> None:
    assert checked("{UTF-8}\na = 2 ~ Dmnl ~ C. |\nindicator = a * 3 ~ Dmnl ~ C. |") == []


def test_a_supplementary_constant_may_be_unread(checked: Callable) -> None:
    assert checked("{UTF-8}\na = 2 ~ Dmnl ~ C. ~ :SUPPLEMENTARY |") == []


def test_a_lookup_may_hold_its_last_value_where_that_is_its_purpose(checked: Callable) -> None:
    text = (
        "{UTF-8}\none year = 1 ~ Year ~ C. |\ntable((0,1),(2,3)) ~ Dmnl ~ C. |\n"
        "a = LOOKUP BACKWARD(table, Time / one year) ~ Dmnl ~ C. |"
    )
    assert checked(text) == []


def test_a_branch_that_is_not_taken_reads_no_lookup(checked: Callable) -> None:
    text = (
        "{UTF-8}\none year = 1 ~ Year ~ C. |\ntable((0,1),(2,3)) ~ Dmnl ~ C. |\n"
        "end = 2 ~ Year ~ C. |\n"
        "a = IF THEN ELSE(Time < end, table(Time / one year), 7) ~ Dmnl ~ C. |"
    )
    assert checked(text) == []


def test_a_step_is_even_only_as_a_sum_of_halves(checked: Callable) -> None:
    text = "{UTF-8}\na = STEP(1, 2) ~ Dmnl ~ C. |"
    assert checked(text) == []
    codes = [f.code for f in checked(text.replace("2)", "2) + 0 * TIME STEP"))]
    assert codes == []


def test_quotes_and_underscores_are_no_other_spelling(checked: Callable) -> None:
    assert checked('{UTF-8}\n"a b" = 2 ~ Dmnl ~ C. |\nc = a_b * 3 ~ Dmnl ~ C. |') == []


def test_one_slip_in_a_name_is_told_once_for_each_place(checked: Callable) -> None:
    text = "{UTF-8}\na = x + x ~ Dmnl ~ C. |\nb = x ~ Dmnl ~ C. |"
    assert [f.code for f in checked(text)] == ["unknown-name"] * 3


def test_a_long_chain_of_equations_is_followed(checked: Callable) -> None:
    links = "\n".join(f"v{i} = v{i + 1} + 1 ~ Dmnl ~ C. |" for i in range(3000))
    assert checked("{UTF-8}\n" + links + "\nv3000 = 1 ~ Dmnl ~ C. |") == []


def test_macros_and_their_arguments_are_no_faults(checked: Callable) -> None:
    text = (
        "{UTF-8}\n:MACRO: DOUBLE(x)\nDOUBLE = 2 * x ~ Dmnl ~ C. |\n:END OF MACRO:\n"
        "a = DOUBLE(b) ~ Dmnl ~ C. |\nb = 1 ~ Dmnl ~ C. |"
    )
    assert checked(text) == []


def test_files_that_vensim_runs_have_no_errors(shared: Path) -> None:
    # What these use is outside the language: Vensim's queries and allocation.
    for path in sorted((shared / "test-models").rglob("*.mdl")):
        findings = check_model(ModelFile(path.stem, path), known_units()).findings
        errors = [f for f in findings if f.severity == "error"]
        assert not errors or {f.code for f in errors} <= {"unknown-function", "subscripts"}, path


def test_the_order_of_equations_and_files_does_not_matter(root: Path) -> None:
    paths = sorted((root / "equations" / "numerai").glob("*.mdl"))
    whole = "".join(path.read_text(encoding="utf-8").partition("}")[2] for path in paths)
    system = System([read_source(Source("one", "{UTF-8}\n" + whole, paths[0].parent))])
    assert system.findings == []
