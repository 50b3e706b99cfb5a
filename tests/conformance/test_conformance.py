"""Every published test model agrees with its published output, but for a closed list."""

import conformance_suite as suite
import numpy as np
import pytest

from bullbear.equations.export import export_vensim
from bullbear.models.model import load
from bullbear.models.reference import read_reference

CASES = {p.relative_to(suite.CASES).as_posix(): p for p in suite.case_files()}


def test_the_suite_is_whole():
    assert len(CASES) == 144
    assert set(suite.EXCEPTIONS) <= set(CASES)
    assert (suite.CASES / "LICENSE").is_file()


@pytest.mark.parametrize("name", CASES)
def test_case(name):
    outcome = suite.ours(CASES[name])
    expected = suite.REFUSED if name in suite.EXCEPTIONS else suite.AGREES
    assert outcome.status == expected, outcome.note
    if expected == suite.AGREES:
        assert outcome.compared > 0


@pytest.mark.parametrize("name", [name for name in CASES if name not in suite.EXCEPTIONS])
def test_the_exported_model_runs_to_the_same_numbers(name, tmp_path):
    model = load(CASES[name])
    file = tmp_path / "exported.mdl"
    file.write_text(export_vensim(model.system, model.grid().controls()), encoding="utf-8")
    exported = load(file)
    assert exported.definition.method == model.definition.method
    again = exported.run().results
    columns = {suite.key_of(column): again[column].to_numpy() for column in again.columns}
    for column, values in model.run().results.items():
        np.testing.assert_array_equal(columns[suite.key_of(column)], values, err_msg=column)


@pytest.mark.parametrize("name", suite.EXCEPTIONS)
def test_refusals_name_the_line(name):
    note = suite.ours(CASES[name]).note
    file, line, column, *_ = note.split(":")
    assert file.endswith(CASES[name].name)
    assert "???" in CASES[name].read_text().splitlines()[int(line) - 1] or "MACRO" in note
    assert int(column) > 0


def test_the_table_lists_every_case():
    text = (suite.CASES.parent / "TABLE.md").read_text(encoding="utf-8")
    for name in CASES:
        expected = suite.REFUSED if name in suite.EXCEPTIONS else suite.AGREES
        assert f"| `{name}` | {expected} |" in text


def test_the_published_chaotic_path_is_the_one_of_single_precision():
    path = CASES["samples/Roessler_Chaos/roessler_chaos.mdl"]
    double = load(path).run().results["x"].to_numpy()
    np.testing.assert_allclose(rossler(np.float64, len(double)), double, rtol=1e-9, atol=1e-9)
    published = read_reference(suite.reference_of(path)).series["x"]
    single = rossler(np.float32, len(double))
    printed = 0.51 * published.resolution
    assert (np.abs(single - published.values) <= printed).all()
    assert (np.abs(double - published.values) > printed).any()
    np.testing.assert_allclose(double, published.values, atol=1e-4 * np.abs(double).max())


def rossler(kind, count):
    """x of the Rössler equations by Euler's method, in one precision throughout."""
    a, b, c, dt = (kind(v) for v in (0.2, 0.2, 5.7, 0.03125))
    x, y, z = kind(0.5), kind(0.5), kind(0.4)
    found = []
    for _ in range(count):
        found.append(x)
        dx, dy, dz = -y - z, x + a * y, b + z * (x - c)
        x, y, z = kind(x + dt * dx), kind(y + dt * dy), kind(z + dt * dz)
    return np.array(found, dtype=np.float64)
