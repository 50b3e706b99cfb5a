"""Every function against its documented definition (Vensim Reference Manual)."""

import math

import numpy as np
import pytest
from scipy import stats

from bullbear.equations.distributions import normal_quantile, normal_tail
from bullbear.equations.program import Builder
from bullbear.equations.streams import uniform, uniform_array

NA = -(2.0**109)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("INTEGER(-1.7)", -1), ("INTEGER(1.7)", 1), ("MODULO(-7, 3)", -1), ("MODULO(7, -3)", 1),
        ("QUANTUM(7.9, 2)", 6), ("QUANTUM(-7.9, 2)", -6), ("QUANTUM(7.9, 0)", 7.9),
        ("XIDZ(3, 0, 9)", 9), ("XIDZ(3, 2, 9)", 1.5), ("ZIDZ(3, 1e-7)", 0), ("ZIDZ(3, 2)", 1.5),
        ("LOG(100, 10)", 2), ("POWER(2, 0.5)", math.sqrt(2)), ("MAX(1, MIN(5, 3))", 3),
        ("2^3^2", 512), ("-2^2", -4), ("(-2)^2", 4), ("2^-1", 0.5), ("10 - 2 - 3", 5),
        ("8 / 2 / 2", 2), ("-3 * -2", 6), ("1 - -1", 2),
        (":NA:", NA), ("IF THEN ELSE(:NA: = :NA:, 1, 0)", 1),
        ("IF THEN ELSE(1 < 2 :AND: :NOT: (2 < 1) :OR: 0, 5, 6)", 5),
        ("IF THEN ELSE(3 :AND: 0, 1, 2)", 2), ("(2 > 1) + (1 >= 1)", 2), ("GAME(4)", 4),
        ("ARCTAN(1)", math.pi / 4), ("ARCSIN(1)", math.pi / 2), ("ARCCOS(1)", 0), ("COSH(0)", 1),
        ("SINH(1)", math.sinh(1)), ("TANH(1)", math.tanh(1)),
        ("EXP(1) - LN(2)", math.e - math.log(2)),
        ("SQRT(2)", math.sqrt(2)), ("ABS(-2)", 2), ("{note} 3 {more, and ~ sign}", 3),
    ],
)  # fmt: skip
def test_scalar_functions(simulated, text, value):
    assert simulated(f"y = {text} ~~|", final=1)["y"][0] == pytest.approx(value, rel=1e-15)


LOOKUP = "f((0,0),(1,10),(3,20)) ~~| y = "


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("f(x)", [0, 0, 5, 10, 20, 20]),
        ("LOOKUP EXTRAPOLATE(f, x)", [-10, 0, 5, 10, 20, 25]),
        ("LOOKUP FORWARD(f, x)", [0, 0, 10, 10, 20, 20]),
        ("LOOKUP BACKWARD(f, x)", [0, 0, 0, 10, 20, 20]),
        ("WITH LOOKUP(x, ((0,0),(1,10),(3,20)))", [0, 0, 5, 10, 20, 20]),
        ("LOOKUP INVERT(f, x * 10)", [0, 0, 0.5, 1, 3, 3]),
    ],
)
def test_lookups_of_every_kind(simulated, text, values):
    for x, wanted in zip([-1, 0, 0.5, 1, 3, 4], values, strict=True):
        found = simulated(f"x = {x} ~~| {LOOKUP}{text} ~~|", final=1)
        assert found["y"][0] == pytest.approx(wanted), x


def test_points_out_of_order_are_sorted(simulated):
    """As in the published output of subscripted_lookups."""
    found = simulated("f((2,-3),(1,-7),(0,-1)) ~~| y = f(Time) ~~|", final=1)
    np.testing.assert_allclose(found["y"], np.interp(found["time"], [0, 1, 2], [-1, -7, -3]))


def test_a_lookup_without_inverse_is_refused(refused):
    assert refused("f((0,0),(1,2),(2,1)) ~~| y = LOOKUP INVERT(f, 1) ~~|").code == "lookup-inverse"


# -- vectors ------------------------------------------------------------------------------------

VECTOR = "k: a, b, c, d ~~| v[k] = 3, 1, 2, 1 ~~| m: p, q ~~| "


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("VECTOR SORT ORDER(v[k], 1)", [1, 3, 2, 0]),
        ("VECTOR SORT ORDER(v[k], -1)", [0, 2, 3, 1]),
        ("VECTOR RANK(v[k], 1)", [4, 1, 3, 2]),
        ("VECTOR REORDER(v[k], VECTOR SORT ORDER(v[k], 1))", [1, 1, 2, 3]),
        ("VECTOR ELM MAP(v[a], k - 1)", [3, 1, 2, 1]),
        ("VECTOR ELM MAP(v[b], k)", [2, 1, NA, NA]),
    ],
)
def test_vector_functions(simulated, text, values):
    found = simulated(f"{VECTOR} y[k] = {text} ~~|", final=1)
    assert [found[f"y[{e}]"][0] for e in "abcd"] == pytest.approx(values)


@pytest.mark.parametrize(
    ("action", "value"),
    list(enumerate([3 + 2 * 2 + 3, 3 * 4 * 3, 3, 4, 10 / 3, 3 * 2**2 * 1**3, 6, 6, 1, 3, 2])),
)
def test_vector_select(simulated, action, value):
    found = simulated(
        f"{VECTOR} s[k] = 1, 0, 2, 3 ~~| y = VECTOR SELECT(s[k!], v[k!], -1, {action}, 0) ~~|"
        f"none = VECTOR SELECT(s[k!] * 0, v[k!], -1, {action}, 0) ~~|", final=1,
    )  # fmt: skip
    assert found["y"][0] == pytest.approx(value)
    assert found["none"][0] == -1


@pytest.mark.parametrize("size", [1, 2, 5])
def test_the_inverse_of_a_matrix(simulated, size):
    random = np.random.default_rng(size)
    matrix = random.normal(size=(size, size))
    matrix[0, 0] = 0.0 if size > 1 else 2.0  # wants an exchange of rows
    rows = "; ".join(", ".join(map(repr, row.tolist())) for row in matrix) + ";"
    names = f"(r1-r{size})" if size > 1 else "r1"
    found = simulated(
        f"r: {names} ~~| c: {names.replace('r', 'c')} ~~| a[r,c] = {rows if size > 1 else 2} ~~|"
        f"b[r,c] = INVERT MATRIX(a[r,c], {size}) ~~|", final=1,
    )  # fmt: skip
    inverse = np.array([[found[f"b[r{i + 1},c{j + 1}]"][0] for j in range(size)]
                        for i in range(size)])  # fmt: skip
    np.testing.assert_allclose(inverse, np.linalg.inv(matrix), rtol=1e-10)


def test_reductions_run_over_subranges_too(simulated):
    found = simulated(
        "k: a, b, c ~~| sub: b, c ~~| v[k] = 1, 2, 4 ~~| total = SUM(v[k!]) ~~|"
        "part = SUM(v[sub!]) ~~| product = PROD(v[k!]) ~~| low = VMIN(v[sub!]) ~~|"
        "high = VMAX(v[k!] * -1) ~~| n = ELMCOUNT(sub) ~~|", final=1,
    )  # fmt: skip
    names = ("total", "part", "product", "low", "high", "n")
    assert [found[n][0] for n in names] == [7, 6, 8, 2, -1, 2]


# -- allocation ---------------------------------------------------------------------------------

ALLOCATION = (
    "k: a, b, c ~~| request[k] = 10, 6, 3 ~~| profile: ptype, ppriority, pwidth, pextra ~~|"
)


@pytest.mark.parametrize("supply", [-1, 0, 2.5, 9, 18.9, 19, 40])
def test_allocation_by_priority_hands_out_what_there_is(simulated, supply):
    found = simulated(
        f"{ALLOCATION} p[k] = 2, 4, 3 ~~|"
        f"y[k] = ALLOCATE BY PRIORITY(request[k], p[k], ELMCOUNT(k), 3, {supply}) ~~|", final=1,
    )  # fmt: skip
    shares = [found[f"y[{e}]"][0] for e in "abc"]
    assert sum(shares) == pytest.approx(min(max(supply, 0), 19))
    met = np.array(shares) / [10, 6, 3]
    assert met[1] >= met[2] >= met[0] - 1e-12  # by priority


@pytest.mark.parametrize("kind", [1, 2, 3, 4])
@pytest.mark.parametrize("supply", [0.5, 7, 15])
def test_allocation_by_curves(simulated, kind, supply):
    found = simulated(
        f"{ALLOCATION} q[k,profile] = {kind},2,1.5,0; {kind},4,1.5,0; {kind},3,1.5,0; ~~|"
        f"y[k] = ALLOCATE AVAILABLE(request[k], q[k,ptype], {supply}) ~~|", final=1,
    )  # fmt: skip
    shares = np.array([found[f"y[{e}]"][0] for e in "abc"])
    assert shares.sum() == pytest.approx(supply, rel=1e-10)
    curve = {
        1: lambda x: np.clip(0.5 - x, 0, 1),
        2: lambda x: stats.triang.sf(x, 0.5, -0.5, 1),
        3: stats.norm.sf,
        4: stats.laplace.sf,
    }[kind]
    priorities, requests = np.array([2, 4, 3]), np.array([10, 6, 3])
    low, high = -100.0, 100.0
    for _ in range(200):
        price = (low + high) / 2
        total = (requests * curve((price - priorities) / 1.5)).sum()
        low, high = (price, high) if total > supply else (low, price)
    wanted = requests * curve((low - priorities) / 1.5)
    np.testing.assert_allclose(shares, wanted, atol=1e-7)


def test_fixed_quantities_are_met_in_proportion(simulated, refused):
    """As the published output of SDEverywhere's model `allocate`, made by Vensim."""
    text = (
        f"{ALLOCATION} q[k,profile] = 0,2,1,0; 0,4,1,0; 0,3,1,0; ~~|"
        "y[k] = ALLOCATE AVAILABLE(request[k], q[k,ptype], 9.5) ~~|"
    )
    found = simulated(text, final=1)
    assert [found[f"y[{e}]"][0] for e in "abc"] == pytest.approx([5, 3, 1.5])
    assert refused(text.replace("0,4,1,0", "3,4,1,0")).code == "unsupported"


# -- random functions ---------------------------------------------------------------------------


def test_the_normal_distribution_is_exact():
    builder = Builder()

    def value(function, x):
        return builder.constant_value(function(builder, builder.const(x)))

    for x in np.linspace(-30, 30, 241):
        assert value(normal_tail, float(x)) == pytest.approx(stats.norm.sf(x), rel=2e-14)
    for p in [1e-300, 1e-12, *np.linspace(0.001, 0.999, 101), 1 - 1e-12]:
        assert value(normal_quantile, float(p)) == pytest.approx(stats.norm.ppf(p), abs=1e-13)


@pytest.mark.parametrize(
    ("call", "distribution"),
    [
        ("RANDOM 0 1()", stats.uniform()),
        ("RANDOM UNIFORM(2, 5, 0)", stats.uniform(2, 3)),
        ("RANDOM NORMAL(-1, 2, 0.5, 1, 0)", stats.truncnorm(-1.5, 1.5, 0.5, 1)),
        ("RANDOM EXPONENTIAL(0, 3, 0, 1, 0)", stats.truncexpon(3)),
        ("RANDOM TRIANGULAR(0, 10, 1, 2, 5, 0)", stats.triang(0.25, 1, 4)),
    ],
)
def test_random_numbers_have_their_distribution(simulated, call, distribution):
    found = simulated(f"y = {call} ~~| z = {call} ~~|", step=1, final=4000)
    assert stats.kstest(found["y"], distribution.cdf).pvalue > 0.001
    assert abs(np.corrcoef(found["y"], found["z"])[0, 1]) < 0.05
    assert abs(np.corrcoef(found["y"][1:], found["y"][:-1])[0, 1]) < 0.05


def test_a_stream_depends_on_its_own_variable_only(simulated):
    alone = simulated("y = RANDOM UNIFORM(0, 1, 0) ~~|", final=3)["y"]
    among = simulated("a = RANDOM 0 1() ~~| y = RANDOM UNIFORM(0, 1, 0) ~~|", final=3)["y"]
    np.testing.assert_array_equal(alone, among)


def test_random_numbers_are_the_same_in_every_form():
    draws = np.arange(5, dtype=np.uint64)
    found = uniform_array(3, draws, 12345, np.array(77, dtype=np.uint64))
    assert found.tolist() == [uniform(3, int(d), 12345, 77) for d in draws]
    assert len(set(found.tolist())) == 5
    assert found.min() > 0
    assert found.max() < 1


def test_random_numbers_are_held_through_the_stages_of_a_step(simulated):
    text = "u = RANDOM 0 1() ~~| x = INTEG(u, 0) ~~|"
    euler, rk4 = simulated(text), simulated(text, method="rk4")
    np.testing.assert_allclose(rk4["x"], euler["x"], rtol=1e-13)


# -- what is refused ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("y = NPV(1, 2, 3, 4) ~~|", "unsupported"),
        ("y = RANDOM POISSON(0, 9, 3, 0, 1, 0) ~~|", "unsupported"),
        ("y = SMOTH(Time, 3) ~~|", "unknown-function"),
        ("y = STEP(1) ~~|", "arguments"),
        ("y = tme ~~|", "unknown-name"),
        ("y = 3 + INTEG(1, 2) ~~|", "placement"),
        ("y = y + 1 ~~|", "simultaneous"),
    ],
)
def test_what_cannot_be_done_is_refused_by_place(refused, text, code):
    finding = refused(text)
    assert finding.code == code
    assert finding.where.file == "model.mdl"
    assert finding.where.line == 1
