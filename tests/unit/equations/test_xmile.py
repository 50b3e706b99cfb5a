"""XMILE (OASIS 1.0) and Stella files: what they say, and what is refused."""

import numpy as np
import pytest

from bullbear.equations.source import Source
from bullbear.equations.xmile.reader import read_xmile_source

SPECS = '<sim_specs method="{method}"><start>0</start><stop>10</stop><dt>0.25</dt></sim_specs>'


def xmile(variables, *, before="", after="", method="Euler"):
    return (
        f'<xmile version="1.0">{SPECS.format(method=method)}{before}'
        f"<model><variables>{variables}</variables></model>{after}</xmile>"
    )


def aux(name, equation, more=""):
    return f'<aux name="{name}"><eqn>{equation}</eqn>{more}</aux>'


@pytest.mark.parametrize(
    ("equation", "value"),
    [
        ("IF 1 &gt; 2 THEN 3 ELSE 4", 4), ("IF 1 &lt;&gt; 2 AND NOT (3 = 3) THEN 1 ELSE 2", 2),
        ("7 MOD 4", 3), ("7 // 0", 0), ("SAFEDIV(7, 0, 9)", 9), ("SAFEDIV(7, 2)", 3.5),
        ("INT(3.7)", 3), ("ROUND(2.5)", 3), ("LOG10(1000)", 3), ("PI", np.pi), ("MAX(1, 5, 3)", 5),
        ("-2^2", -4), ("2^3^2", 512), ("{note} 1 + 2", 3), ("DT * 4", 1), ("STOPTIME", 10),
        ("INIT(TIME + 5)", 5), ("ABS(-3) + SQRT(4)", 5), ("ARCTAN(1) * 4", np.pi),
    ],
)  # fmt: skip
def test_expressions(simulated, equation, value):
    assert simulated(xmile(aux("y", equation)))["y"][3] == pytest.approx(value)


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ("continuous", [0, 0, 5, 10, 10]),
        ("extrapolate", [-10, 0, 5, 10, 20]),
        ("discrete", [0, 0, 0, 10, 10]),
    ],
)
def test_graphical_functions(simulated, kind, values):
    points = f'<gf type="{kind}"><xscale min="0" max="1"/><ypts>0,10</ypts></gf>'
    for x, wanted in zip([-1, 0, 0.5, 1, 2], values, strict=True):
        text = xmile(
            aux("y", x, points) + f'<gf name="shape" type="{kind}"><xpts>0,1</xpts>'
            f"<ypts>0,10</ypts></gf>" + aux("z", f"LOOKUP(shape, {x})") + aux("w", f"shape({x})")
        )
        found = simulated(text)
        assert [found[n][0] for n in "yzw"] == [wanted] * 3


def test_stocks_flows_and_delays(simulated):
    found = simulated(xmile(
        '<stock name="s"><eqn>100</eqn><inflow>in</inflow><outflow>out</outflow></stock>'
        '<flow name="in"><eqn>5</eqn></flow><flow name="out"><eqn>s / 10</eqn></flow>'
        + aux("d1", "SMTH1(s, 2)") + aux("d2", "DELAY(s, 1, -1)") + aux("d3", "PREVIOUS(s, 7)")
        + aux("d4", "DELAYN(s, 2, 3)") + aux("d5", "DELAY3(s, 2)") + aux("d6", "TREND(s, 2)")
    ))  # fmt: skip
    level = [100.0]
    for _ in range(40):
        level.append(level[-1] + 0.25 * (5 - level[-1] / 10))
    np.testing.assert_allclose(found["s"], level)
    np.testing.assert_array_equal(found["d2"], [*[-1.0] * 4, *found["s"][:-4]])
    np.testing.assert_array_equal(found["d3"], [7.0, *found["s"][:-1]])
    np.testing.assert_allclose(found["d4"], found["d5"])
    assert found["d1"][0] == 100


def test_the_pulse_of_the_dialect_is_a_quantity_in_one_step(simulated):
    found = simulated(xmile(
        '<stock name="once"><eqn>0</eqn><inflow>a</inflow></stock>'
        '<flow name="a"><eqn>PULSE(6, 2, 0)</eqn></flow>'
        '<stock name="again"><eqn>0</eqn><inflow>b</inflow></stock>'
        '<flow name="b"><eqn>PULSE(6, 2, 3)</eqn></flow>'
    ))  # fmt: skip
    assert found["a"][8] == 24
    np.testing.assert_allclose(found["once"], 6.0 * (found["time"] > 2.1))
    assert found["again"][-1] == 18


ARRAYS = (
    '<dimensions><dim name="kind"><elem name="A"/><elem name="B"/></dim><dim name="age" size="3"/>'
    "</dimensions>"
)


def dims(*names):
    return "<dimensions>" + "".join(f'<dim name="{n}"/>' for n in names) + "</dimensions>"


def test_arrays(simulated):
    found = simulated(xmile(
        f'<aux name="x">{dims("kind", "age")}<eqn>1, 2, 3; 4, 5, 6</eqn></aux>'
        f'<aux name="part">{dims("kind")}<element subscript="A"><eqn>10</eqn></element>'
        f'<element subscript="B"><eqn>TIME</eqn></element></aux>'
        f'<aux name="twice">{dims("kind", "age")}<eqn>x * 2</eqn></aux>'
        f'<aux name="rows">{dims("kind")}<eqn>SUM(x[kind, *])</eqn></aux>'
        + aux("all", "SUM(x)") + aux("mean", "MEAN(x[*, 2])") + aux("one", "x[B, 3]")
        + aux("low", "MIN(x[A, *])") + aux("n", "SIZE(x)") + aux("sd", "STDDEV(x[A, *])")
        + f'<stock name="s">{dims("kind")}<eqn>part</eqn><inflow>f</inflow></stock>'
        f'<flow name="f">{dims("kind")}<eqn>rows</eqn></flow>', before=ARRAYS,
    ))  # fmt: skip
    assert [found[n][0] for n in ("all", "mean", "one", "low", "n", "sd")] == [21, 3.5, 6, 1, 6, 1]
    assert found["twice[B,2]"][0] == 10
    assert (found["rows[A]"][0], found["rows[B]"][0]) == (6, 15)
    assert found["part[B]"][4] == 1
    assert found["s[B]"][4] == 15


def test_modules(simulated):
    inner = (
        '<model name="farm"><variables><aux name="price" access="input"><eqn>{none}</eqn></aux>'
        '<aux name="income" access="output"><eqn>price * yield</eqn></aux>'
        + aux("yield", 3) + "</variables></model>"
    )  # fmt: skip
    found = simulated(xmile(
        '<module name="farm"><connect to="price" from=".market price"/></module>'
        + aux("market_price", "2 + TIME") + aux("total", "farm.income + 1"), after=inner,
    ))  # fmt: skip
    assert found["farm.income"][4] == 9
    assert found["total"][4] == 10


def test_macros(simulated):
    macro = (
        '<macro name="growth"><parm>x</parm><parm>rate</parm><eqn>level * 2</eqn><variables>'
        '<stock name="level"><eqn>x</eqn><inflow>gain</inflow></stock>'
        '<flow name="gain"><eqn>level * rate</eqn></flow></variables></macro>'
    )
    found = simulated(xmile(aux("y", "growth(10, 0.1)") + aux("z", "growth(1, 0)"), before=macro))
    np.testing.assert_allclose(found["y"], 20 * 1.025 ** np.arange(41))
    np.testing.assert_array_equal(found["z"], 2.0)


def test_what_must_not_go_below_zero(simulated):
    found = simulated(xmile(
        '<stock name="tank"><eqn>2</eqn><outflow>first</outflow><outflow>second</outflow>'
        '<non_negative/></stock><stock name="sink"><eqn>0</eqn><inflow>first</inflow>'
        '<inflow>second</inflow></stock><flow name="first"><eqn>1</eqn></flow>'
        '<flow name="second"><eqn>5</eqn></flow>'
        '<flow name="up"><eqn>-3</eqn><non_negative/></flow>'
        '<flow name="down"><eqn>-3</eqn><non_negative>false</non_negative></flow>'
    ))  # fmt: skip
    assert found["tank"].min() == pytest.approx(0, abs=1e-12)
    np.testing.assert_allclose(found["tank"] + found["sink"], 2.0)  # nothing is made or lost
    assert found["first"][1] == 1  # the first outflow is served first
    assert (found["up"][0], found["down"][0]) == (0, -3)


def test_the_declared_method_and_step(tmp_path):
    text = xmile(aux("y", "1"), method="RK4").replace("<dt>0.25", '<dt reciprocal="true">4')
    path = tmp_path / "declared.xmile"
    path.write_text(text)
    from bullbear.models.model import load

    model = load(path)
    assert model.definition.method == "rk4"
    assert model.grid().step == 0.25
    assert model.run().provenance.method == "rk4"
    assert model.run(method="euler").provenance.method == "euler"


@pytest.mark.parametrize(
    ("text", "code", "line"),
    [
        ("<xmile>\n<model>", "xml", 2),
        ('<!DOCTYPE x [<!ENTITY a "b">]>\n<xmile>&a;</xmile>', "xml", 1),
        ('<!DOCTYPE x SYSTEM "file:///etc/hosts">\n<xmile/>', "xml", 1),
        ("<a>" * 1000, "xml", 1),
        ("<xmile><model/></xmile>", "xmile", 1),
        (xmile("\n" + aux("y", "1 +")), "syntax", 2),
        (xmile("\n\n" + aux("y", "x\n+ ???")), "untranslated", 4),
        (xmile("\n" + aux("y", "MY MACRO(1)")), "syntax", 2),
        (xmile("\n" + aux("y", "MY_MACRO(1)")), "unknown-function", 2),
        (xmile("\n" + aux("y", "nobody * 2")), "unknown-name", 2),
        (xmile("\n" + aux("y", "")), "no-equation", 2),
        (xmile("\n" + aux("y", "POISSON(3)")), "unsupported", 2),
        (xmile("\n" + aux("y", "(" * 500)), "syntax", 2),
        (xmile('\n<stock name="s"><eqn>1</eqn><conveyor/></stock>'), "unsupported", 2),
        (xmile('<module name="m"/>'), "module", 1),
        (xmile("", before='<dimensions>\n<dim name="a" size="9999999"/></dimensions>'), "range", 2),
        (xmile("", method="LSODES"), "method", 1),
        (xmile("\n" + aux("y", "1", "<gf><ypts>1,x</ypts></gf>")), "lookup", 2),
    ],
)
def test_faults_have_a_place(refused, text, code, line):
    finding = refused(text)
    assert finding.code == code
    assert finding.where.file == "model.xmile"
    assert finding.where.line == line


def test_a_variable_left_open_is_mended_with_a_warning():
    text = xmile('<flow name="a"><eqn>1</eqn>\n         <aux name="b"><eqn>2</eqn></aux>')
    document = read_xmile_source(Source("model.xmile", text))
    assert [f.severity for f in document.findings] == ["warning"]
    assert [e.name for e in document.equations][-2:] == ["a", "b"]
