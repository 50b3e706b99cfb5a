"""Macros of Vensim text."""

import numpy as np
import pytest

GROWTH = (
    ":MACRO: GROWTH(x, rate)\nGROWTH = level * 2 ~~|\nlevel = INTEG(level * rate, x) ~~|\n"
    ":END OF MACRO:\n"
)


def test_every_call_is_a_model_of_its_own(simulated):
    found = simulated(
        f"{GROWTH} y = GROWTH(10, 0.1) + GROWTH(1, 0) ~~| z = GROWTH(Time + 3, 0) ~~|"
    )
    np.testing.assert_allclose(found["y"], 20 * 1.025 ** np.arange(41) + 2)
    np.testing.assert_array_equal(found["z"], 6.0)  # an initial value is that of the start
    assert set(found) == {"time", "y", "z"}  # what is inside a macro is no result


def test_calls_with_subscripts(simulated):
    found = simulated(f"{GROWTH} k: a, b ~~| r[k] = 0, 0.2 ~~| y[k] = GROWTH(k, r[k]) ~~|")
    assert found["y[a]"][-1] == 2
    assert found["y[b]"][-1] == pytest.approx(4 * 1.05**40)


def test_macros_call_macros_and_hand_lookups_on(simulated):
    found = simulated(
        ":MACRO: INNER(table, x)\nINNER = table(x) + own(x) ~~|\nown((0,0),(10,1)) ~~|\n"
        ":END OF MACRO:\n:MACRO: OUTER(table, x)\nOUTER = INNER(table, x * 2) + TIME STEP ~~|\n"
        ":END OF MACRO:\nf((0,0),(10,100)) ~~| y = OUTER(f, 3) ~~|"
    )
    assert found["y"][0] == pytest.approx(60 + 0.6 + 0.25)


def test_a_loop_through_a_stock_in_a_macro_is_no_circle(simulated):
    found = simulated(
        ":MACRO: LAG(x, t)\nLAG = INTEG((x - LAG) / t, 1) ~~|\n:END OF MACRO:\n"
        "y = LAG(y * 1.1, 2) ~~|"
    )
    assert found["y"][1] == pytest.approx(1 + 0.25 * 0.1 / 2)


def test_delays_inside_macros(simulated):
    found = simulated(
        ":MACRO: TWICE(x, t)\nTWICE = SMOOTH(SMOOTH(x, t), t) ~~|\n:END OF MACRO:\n"
        "x = STEP(1, 1) ~~| y = TWICE(x, 2) ~~| z = SMOOTH(SMOOTH(x, 2), 2) ~~|"
    )
    np.testing.assert_array_equal(found["y"], found["z"])


@pytest.mark.parametrize(
    ("text", "code", "line"),
    [
        (f"{GROWTH}y = GROWTH(1) ~~|", "arguments", 5),
        (f"{GROWTH}y = GROWTH(1, nobody) ~~|", "unknown-name", 5),
        (f"{GROWTH}other = 3 ~~|\ny = GROWTH(1, othr) ~~|", "unknown-name", 6),
        (":MACRO: M(x)\nM = x + other ~~|\n:END OF MACRO:\nother = 1 ~~|\ny = M(1) ~~|",
         "unknown-name", 2),
        (":MACRO: M(x)\nN = x ~~|\n:END OF MACRO:\ny = M(1) ~~|", "macro", 4),
        (":MACRO: M(x)\nM = M(x) ~~|\n:END OF MACRO:\ny = M(1) ~~|", "macro", 2),
    ],
)  # fmt: skip
def test_faults_stand_where_they_are(refused, text, code, line):
    finding = refused(text)
    assert (finding.code, finding.where.line) == (code, line)


def test_names_of_the_model_are_seen_with_a_dollar(simulated):
    found = simulated(":MACRO: M(x)\nM = x + rate$ ~~|\n:END OF MACRO:\nrate = 5 ~~| y = M(1) ~~|")
    assert found["y"][0] == 6
