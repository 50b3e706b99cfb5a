"""A model written as one Vensim file reads back to the same numbers."""

import numpy as np
import pytest

from bullbear.equations.export import export_vensim
from bullbear.equations.lowering import compile_system
from bullbear.equations.source import Source
from bullbear.equations.system import System
from bullbear.equations.vensim import read_source
from bullbear.models.simulate import Grid, Simulator

GRID = Grid(0.0, 10.0, 0.25, 0.25)
CONTROLS = GRID.controls()


def system(*texts, folder="."):
    return System(
        [read_source(Source(f"part{i}.mdl", text, folder)) for i, text in enumerate(texts)]
    )


def results(found):
    program = compile_system(found)
    run = Simulator(program, list(program.outputs.values()), [])
    values = run.run(GRID, "euler", program.defaults.tolist()).values
    return dict(zip(program.outputs, values.T, strict=True))


def again(found, **options):
    return results(system(export_vensim(found, CONTROLS, **options)))


def test_joined_sectors_run_alike():
    first = "k: A, B ~~|\nstart[k] = 1, 2 ~~|\nx[k] = INTEG(-x[k]/tau, start[k]) ~~|"
    second = "tau = 3 ~ Month ~ a time |\ny = SUM(x[k!]) - -2 ^ 2 ~~|\nz = (-2)^2 + 2^(3^0.5) ~~|"
    found = system(first, second)
    ours, theirs = results(found), again(found)
    assert list(ours) == [n for n in theirs if n not in ("INITIAL TIME", "FINAL TIME")][: len(ours)]
    for name, values in ours.items():
        np.testing.assert_array_equal(values, theirs[name])


@pytest.mark.parametrize(
    "text",
    [
        "y = 1 - (2 - 3) ~~|",
        "y = 8 / (4 / 2) / 2 ~~|",
        "y = -(1 + 2) * 3 - -4 ~~|",
        "y = IF THEN ELSE(:NOT: (1 > 2 :OR: 3 < 2) :AND: Time >= 2, 1, 0) ~~|",
        "y = 2 ^ (3 ^ 2) - (2 ^ 3) ^ 2 ~~|",
        "y = MAX(1, MIN(Time, 3)) ~~|",
        "f([(0,0)-(9,9)],(0,0),(9,3)) ~~| y = f(Time) ~~|",
        "y = WITH LOOKUP(Time, ((0,0),(9,3))) ~~|",
        "f((0,1),(2,5),(3,-1)) ~~| y = LOOKUP BACKWARD(f, Time) + LOOKUP FORWARD(f, Time) ~~|",
        '"a-b, c" = 3 ~~| y = "a-b, c" * 2 ~~|',
        "a: p, q ~~| y[a] :EXCEPT: [p] = 2 ~~| y[p] = Time ~~|",
        "a: p, q ~~| b <-> a ~~| x[a] = 1, 2 ~~| y[b] = x[b] * 2 ~~|",
    ],
)
def test_what_is_written_means_the_same(text):
    found = system(text)
    ours, theirs = results(found), again(found)
    np.testing.assert_array_equal(ours[[n for n in ours if n.startswith("y")][-1]],
                                  theirs[[n for n in ours if n.startswith("y")][-1]])  # fmt: skip


def test_time_bounds_are_those_of_the_run():
    text = export_vensim(system("TIME STEP = 1 ~ Year ~ the step |\nx = 1 ~~|"), CONTROLS)
    assert text.count("TIME STEP") == 1
    assert "TIME STEP  = 0.25" in text
    assert "FINAL TIME  = 10\n\t~\tYear" in text


def test_overridden_constants_and_initial_values_are_written_as_numbers():
    found = system(
        "k: A, B ~~| c = 1 ~~| d[k] = 1, 2 ~~| s[k] = INTEG(c, d[k]) ~~| r = INTEG(c, 0) ~~|"
    )
    theirs = again(found, values={"c": 5.0, "d[B]": 7.0, "s[A]": 9.0, "r": 2.5})
    assert theirs["c"][0] == 5
    assert (theirs["d[A]"][0], theirs["d[B]"][0]) == (1, 7)
    assert (theirs["s[A]"][0], theirs["s[B]"][0], theirs["r"][0]) == (9, 7, 2.5)
    assert theirs["s[A]"][-1] == 9 + 50


def test_tables_beside_the_model_are_written_in(tmp_path):
    (tmp_path / "rule.csv").write_text("time,value\n0,1\n2.5,4\n", encoding="utf-8")
    found = system(
        "rule(GET DIRECT LOOKUPS('rule.csv', ',', 'A', 'B2')) ~~|\n"
        "series = GET DIRECT DATA('rule.csv', ',', 'A', 'B2') ~~|\n"
        "held :HOLD BACKWARD: = GET DIRECT DATA('rule.csv', ',', 'A', 'B2') ~~|\n"
        "y = rule(Time) + series ~~|\n",
        folder=tmp_path,
    )
    text = export_vensim(found, CONTROLS)
    assert "GET" not in text
    ours, theirs = results(found), results(system(text))
    for name in ("y", "series", "held"):
        np.testing.assert_array_equal(ours[name], theirs[name])


def test_comments_cannot_end_an_entry():
    found = system("x = 1 ~ a/b ~ first line |")
    equation = found.documents[0].equations[0]
    object.__setattr__(equation, "comment", "this | or ~ that")
    assert again(found)["x"][0] == 1


PYSD = """k: A, B ~~|
start = 3 ~~|
s = INTEG(1 - s/4, 1) ~~|
m = SMOOTHI(s, 5, 2) ~~|
n = SMOOTH3I(s, 5, start) ~~|
table((0,0),(2.5,4),(5,1),(8,2)) ~~|
back = LOOKUP BACKWARD(table, Time) ~~|
ahead = LOOKUP FORWARD(table, Time) ~~|
p = PULSE(1, 0.7) + STEP(2, 3) ~~|
q[k] = -s ^ 2 * 2 ~~|
"""


def test_pysd_runs_its_dialect_to_the_same_numbers():
    from bullbear.models.witness import run_pysd

    found = system(PYSD)
    table = run_pysd(export_vensim(found, CONTROLS, dialect="pysd"))
    table.columns = [c.replace(", ", ",") for c in table.columns]
    for name, values in results(found).items():
        scale = max(np.abs(values).max(), 1e-300)
        assert np.abs(table[name].to_numpy(dtype=float) - values).max() <= 1e-12 * scale, name
