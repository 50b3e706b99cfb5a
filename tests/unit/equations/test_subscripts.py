"""Ranges, subranges, mappings, exceptions and partial definitions."""

import numpy as np
import pytest


def test_definitions_in_parts(simulated):
    found = simulated(
        "k: a, b, c ~~| m: p, q ~~| sub: b, c ~~|"
        "x[k] :EXCEPT: [a] = 2 ~~| x[a] = Time ~~|"
        "y[sub, m] = 5 ~~| y[a, m] = 1, 2 ~~|"
        "z[k, p] = 1, 2, 3 ~~| z[k, q] = x[k] ~~|"
        "w[k, m] :EXCEPT: [a, p], [c, m] = 7 ~~| w[a, p] = 8 ~~| w[c, m] = 9 ~~|"
    )
    assert [found[f"x[{e}]"][4] for e in "abc"] == [1, 2, 2]
    assert [found[f"y[{e},q]"][0] for e in "abc"] == [2, 5, 5]
    assert [found[f"z[{e},p]"][0] for e in "abc"] == [1, 2, 3]
    assert [found[f"w[{e},{f}]"][0] for e in "abc" for f in "pq"] == [8, 7, 7, 7, 9, 9]


def test_arrays_of_constants_in_two_and_three_dimensions(simulated):
    found = simulated(
        "k: a, b ~~| m: p, q, r ~~| n: u, v ~~|"
        "x[k, m] = 1, 2, 3; 4, 5, 6; ~~|"
        "y[k, m, u] = 1, 2, 3; 4, 5, 6; ~~| y[k, m, v] = 7, 8, 9; 10, 11, 12; ~~|"
        "t[k, m] = TABBED ARRAY(1 2 3\n 4 5 6) ~~|"
    )
    assert found["x[b,q]"][0] == found["t[b,q]"][0] == 5
    assert (found["y[b,r,u]"][0], found["y[a,q,v]"][0]) == (6, 8)


def test_numeric_ranges_aliases_and_ranges_of_ranges(simulated):
    found = simulated(
        "k: (r1-r3), other ~~| same <-> k ~~| whole: k, last ~~|"
        "x[k] = 1, 2, 3, 4 ~~| y[same] = x[same] * 2 ~~| z[whole] = whole ~~|"
        "n = ELMCOUNT(whole) ~~|"
    )
    assert found["y[r3]"][0] == 6
    assert (found["z[last]"][0], found["n"][0]) == (5, 5)


def test_mappings(simulated):
    found = simulated(
        "big: b1, b2 -> (small: grp1, grp2) ~~| small: s1, s2, s3 ~~| grp1: s1, s2 ~~|"
        "grp2: s3 ~~| v[big] = 10, 20 ~~| x[small] = v[big] ~~|"
        "one: o1, o2 -> two ~~| two: t1, t2 ~~| u[one] = 1, 2 ~~| y[two] = u[one] ~~|"
    )
    assert [found[f"x[s{i}]"][0] for i in (1, 2, 3)] == [10, 10, 20]
    assert [found["y[t1]"][0], found["y[t2]"][0]] == [1, 2]


def test_an_element_counts_within_its_whole_range(simulated):
    found = simulated("k: a, b, c ~~| sub: c, b ~~| x[sub] = sub ~~| y = b ~~|")
    assert (found["x[b]"][0], found["x[c]"][0], found["y"][0]) == (2, 3, 2)


def test_unicode_and_quoted_names(simulated):
    found = simulated('"größe (m²)" = 3 ~~| été = 2 ~~| y = "Größe (m²)" * ÉTÉ ~~|')
    assert found["y"][0] == 6


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("k: a, b ~~| x[k] = 1 ~~| y = x[c] ~~|", "unknown-subscript"),
        ("k: a, b ~~| x[k] = 1 ~~| y = x[k] ~~|", "subscripts"),
        ("k: a, b ~~| x[k] = 1 ~~| y = x ~~|", "subscripts"),
        ("k: a, b ~~| x[a] = 1 ~~| y = x[b] ~~|", "subscripts"),
        ("k: a, b ~~| x[k] = 1 ~~| x[a] = 2 ~~|", "duplicate"),
        ("k: a, b ~~| x[k] = 1, 2; ~~| y[k] = 1 ~~| y = 2 ~~|", "subscripts"),
        ("k: a, b, c ~~| x[k] = 1, 2 ~~|", "array"),
        ("k: (r1-r9999999) ~~| x[k] = 1 ~~|", "range"),
        ("k: (r1-r9999) ~~| m: (s1-s9999) ~~| x[k,m] = 1 ~~|", "too-large"),
        ("k: k2 ~~| k2: k ~~| x[k] = 1 ~~|", "range"),
    ],
)
def test_faults_of_subscripts(refused, text, code):
    assert refused(text).code == code


def test_partial_sums(simulated):
    found = simulated(
        "k: a, b ~~| m: p, q, r ~~| x[k, m] = 1, 2, 3; 4, 5, 6; ~~|"
        "rows[k] = SUM(x[k, m!]) ~~| columns[m] = SUM(x[k!, m]) ~~| all = SUM(x[k!, m!]) ~~|"
        "nested = SUM(rows[k!] * SUM(x[k!, p])) ~~|"
    )
    assert [found["rows[a]"][0], found["columns[q]"][0], found["all"][0]] == [6, 7, 21]
    np.testing.assert_array_equal(found["nested"], (6 + 15) * 5)
