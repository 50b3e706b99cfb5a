"""Diagrams as written: nothing named overlaps anything, the same bytes every time."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

import bullbear
from bullbear.analysis.causal import Arrow, DrawnLoop, arrows, folded
from bullbear.analysis.feedback import Report, examine
from bullbear.analysis.named_loops import LoopsFile, loops_file
from bullbear.analysis.stock_flow import Sector, sectors
from bullbear.models.model import Model
from bullbear.report import causal
from bullbear.report.lettering import label, width
from bullbear.report.loops import pictures, text
from bullbear.report.stock_flow import diagram

ROOT = Path(__file__).parents[3]
CASES = ROOT / "tests" / "conformance" / "cases" / "samples"
FOREIGN = [
    CASES / "bpowers-hares_and_lynxes_modules" / "model.xmile",
    CASES / "Roessler_Chaos" / "roessler_chaos.mdl",
    CASES / "Query_file" / "Query_file.mdl",
]


@dataclass(frozen=True)
class Shape:
    """A rectangle of a picture."""

    kind: str
    left: float
    top: float
    right: float
    bottom: float

    def overlaps(self, other: Shape) -> bool:
        return (
            min(self.right, other.right) - max(self.left, other.left) > 0.05
            and min(self.bottom, other.bottom) - max(self.top, other.top) > 0.05
        )

    def holds(self, other: Shape) -> bool:
        return (
            self.left <= other.left and self.right >= other.right
            and self.top <= other.top and self.bottom >= other.bottom
        )  # fmt: skip


def shapes(picture: str) -> list[Shape]:
    """The rectangles around all texts, boxes, valves and clouds of a picture."""
    found = []
    for element in ET.fromstring(picture).iter():
        tag, its = element.tag.rpartition("}")[2], element.attrib
        if tag == "text":
            x, y, wide = float(its["x"]), float(its["y"]), float(its["textLength"])
            found.append(Shape("text", x, y - 8.5, x + wide, y + 2.5))
        elif tag == "rect" and "class" in its:
            x, y = float(its["x"]), float(its["y"])
            size = float(its["width"]), float(its["height"])
            found.append(Shape("box", x, y, x + size[0], y + size[1]))
        elif its.get("class") in ("valve", "cloud"):
            numbers = [
                float(n)
                for n in re.findall(r"-?\d+(?:\.\d+)?", its.get("points", its.get("d", "")))
            ]
            xs, ys = numbers[::2], numbers[1::2]
            found.append(Shape(its["class"], min(xs), min(ys), max(xs), max(ys)))
    return found


def overlaps(picture: str) -> list[tuple[Shape, Shape]]:
    """What overlaps; a name inside its box does not."""
    return [
        (a, b) for a, b in combinations(shapes(picture), 2)
        if a.overlaps(b) and not (a.kind == "box" and b.kind == "text" and a.holds(b))
    ]  # fmt: skip


@pytest.fixture(scope="module")
def numerai() -> Model:
    return bullbear.load(ROOT / "models" / "numerai.toml")


@pytest.fixture(scope="module")
def found(numerai: Model) -> Report:
    return examine(numerai, named=loops_file(numerai.definition.path), length=3)


@pytest.fixture(scope="module")
def drawn(numerai: Model, found: Report) -> dict[str, str]:
    return pictures(found, numerai)


# -- pictures --------------------------------------------------------------------------------------


def test_every_sector_and_the_loops_are_drawn(drawn: dict[str, str]) -> None:
    assert {"causal-loops.svg", "ruling-loops.svg"} < set(drawn)
    assert sum(name.startswith("stocks-") for name in drawn) == 10
    for picture in drawn.values():
        assert len(picture.encode()) < 150_000
        assert len(shapes(picture)) > 5


def test_no_label_overlaps_another_or_a_box(drawn: dict[str, str]) -> None:
    assert {name: overlaps(picture) for name, picture in drawn.items() if overlaps(picture)} == {}


def test_nor_with_constants(numerai: Model) -> None:
    for sector in sectors(numerai.system, "numerai", constants=True):
        assert overlaps(diagram(sector, numerai.system)) == [], sector.title


@pytest.mark.parametrize("path", FOREIGN, ids=lambda path: path.stem)
@pytest.mark.parametrize("constants", [False, True])
def test_nor_in_models_of_others(path: Path, constants: bool) -> None:
    model = bullbear.load(path)
    made = sectors(model.system, model.name, constants=constants)
    assert made
    for sector in made:
        assert overlaps(diagram(sector, model.system)) == [], sector.title


@pytest.mark.parametrize("path", FOREIGN[:2], ids=lambda path: path.stem)
def test_nor_in_causal_diagrams_of_models_of_others(path: Path) -> None:
    model = bullbear.load(path)
    made = pictures(examine(model), model)
    assert "ruling-loops.svg" in made
    assert {name: overlaps(picture) for name, picture in made.items() if overlaps(picture)} == {}


def test_everything_is_inside_the_page(drawn: dict[str, str]) -> None:
    for picture in drawn.values():
        x, y, wide, high = map(float, ET.fromstring(picture).attrib["viewBox"].split())
        page = Shape("page", x, y, x + wide, y + high)
        assert all(page.holds(shape) for shape in shapes(picture))


def test_the_same_bytes_in_another_process(drawn: dict[str, str], tmp_path: Path) -> None:
    script = (
        "import bullbear, sys\n"
        "from bullbear.analysis.stock_flow import sectors\n"
        "from bullbear.report.stock_flow import diagram\n"
        f"model = bullbear.load({str(ROOT / 'models' / 'numerai.toml')!r})\n"
        "sys.stdout.write(diagram(sectors(model.system, 'numerai')[6], model.system))\n"
    )
    again = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True,
        env={**os.environ, "PYTHONHASHSEED": "7"}, cwd=tmp_path,
    )  # fmt: skip
    assert again.stdout == drawn["stocks-fund.svg"]


def test_and_twice_of_a_causal_diagram(found: Report) -> None:
    some = folded(found.arrows, found.ruling[:3], ())
    assert causal.diagram(some, "twice") == causal.diagram(some, "twice")


def test_the_report_says_in_words_who_rules(found: Report, numerai: Model) -> None:
    words = text(found, numerai, "base", ["causal-loops.svg"])
    assert re.search(
        r"Among the loops that rule is .*R1 \(Compounding of payouts in the stake\) for", words
    )
    assert re.search(r"Reinforcing loops rule for \d+ % of the run", words)
    assert "R10 acts in m17_swap_lines" in words
    assert "![causal loops](causal-loops.svg)" in words
    assert sum(line.startswith("| R") for line in words.splitlines()) >= 10


def test_the_kept_report_is_of_this_model(numerai: Model) -> None:
    kept = (ROOT / "analysis" / "reports" / "loops" / "report.md").read_text(encoding="utf-8")
    remedy = "run `bullbear loops --out analysis/reports/loops`"
    assert f"Model {numerai.hash}, Euler's method" in kept, remedy
    for loop in LoopsFile.read(loops_file(numerai.definition.path)).loop:
        assert f"| {loop.name} | {loop.title} |" in kept, remedy


# -- stocks and flows ------------------------------------------------------------------------------

TANKS = """\
{UTF-8}
********************************************************
\t.Upper
********************************************************~
\t\tWhat flows down.
\t|
Tank = INTEG(rain - pipe - Tank * leak, 10) ~ Litre ~ |
rain = 2 ~ Litre/Year ~ |
pipe = Tank / time to drain ~ Litre/Year ~ |
time to drain = 4 ~ Year ~ |
leak = 0.1 ~ 1/Year ~ |
********************************************************
\t.Lower
********************************************************~
\t\tWhere it arrives.
\t|
Pond = INTEG(MAX(pipe - drying, -Pond / TIME STEP), 0) ~ Litre ~ |
drying = Pond * drought ~ Litre/Year ~ |
drought = 0.2 + Tank * 0 ~ 1/Year ~ |
INITIAL TIME = 0 ~ Year ~ |
FINAL TIME = 4 ~ Year ~ |
TIME STEP = 1 ~ Year ~ |
SAVEPER = 1 ~ Year ~ |
"""


@pytest.fixture
def tanks(tmp_path: Path) -> Model:
    file = tmp_path / "tanks.mdl"
    file.write_text(TANKS)
    return bullbear.load(file)


def flows(sector: Sector) -> dict[str, tuple[tuple[str, ...], tuple[str, ...], bool]]:
    return {flow.key: (flow.out_of, flow.into, flow.own) for flow in sector.flows}


def test_terms_of_net_flows_are_flows(tanks: Model) -> None:
    upper, lower = sectors(tanks.system, "tanks")
    assert (upper.title, lower.title) == ("Upper", "Lower")
    assert flows(upper) == {
        "rain": ((), ("tank",), True),
        "pipe": (("tank",), ("pond",), True),
        "tank#2": (("tank",), (), True),
    }
    assert flows(lower) == {
        "pipe": (("tank",), ("pond",), False),
        "drying": (("pond",), (), True),
    }
    assert ("tank", "tank#2") in upper.links
    assert ("leak", "tank#2") not in upper.links
    assert ("tank", "drought") in lower.links


def test_constants_are_shown_when_asked_for(tanks: Model) -> None:
    upper = sectors(tanks.system, "tanks", constants=True)[0]
    assert {"leak", "time to drain"} <= set(upper.members)
    assert ("leak", "tank#2") in upper.links


def test_what_is_drawn_of_stocks_and_flows(tanks: Model) -> None:
    upper, lower = (diagram(one, tanks.system) for one in sectors(tanks.system, "tanks"))
    kinds = [shape.kind for shape in shapes(upper)]
    assert (kinds.count("box"), kinds.count("valve"), kinds.count("cloud")) == (2, 3, 2)
    assert "&lt;Pond&gt;" in upper  # the stock of another sector
    assert "&lt;pipe&gt;" in lower
    assert "&lt;Tank&gt;" in lower
    kinds = [shape.kind for shape in shapes(lower)]
    assert (kinds.count("box"), kinds.count("valve"), kinds.count("cloud")) == (2, 2, 1)


# -- causal links ----------------------------------------------------------------------------------


def test_stages_and_elements_stand_in_one_link_with_its_sign() -> None:
    one = np.ones(2)
    slopes = {("a", "b#1"): one, ("b#1", "b#2"): -one, ("b#2", "b"): one, ("b", "a"): one}
    other = {("a[x]", "b[x]"): one, ("b[x]", "a[x]"): one}
    cycle = ("a", "b#1", "b#2", "b")
    assert arrows([(cycle, slopes)]) == (Arrow("a", "b", "-", True), Arrow("b", "a", "+", False))
    both = arrows([(cycle, slopes), (("a[x]", "b[x]"), other)])
    assert both[0] == Arrow("a", "b", "+/-", True)


def test_a_link_that_does_nothing_has_no_sign() -> None:
    slopes = {("a", "b"): np.zeros(2), ("b", "a"): np.ones(2)}
    assert arrows([(("a", "b"), slopes)])[0].sign == ""


def test_chains_are_folded_into_links_with_the_product_of_signs() -> None:
    ring = [Arrow("a", "b", "-", False), Arrow("b", "c", "-", True), Arrow("c", "d", "+", False),
            Arrow("d", "a", "-", False)]  # fmt: skip
    loops = [DrawnLoop("B1", "", "B", ("a", "b", "c", "d"))]
    made = folded(ring, loops, {"a", "d"}, most=2)
    assert made.folded == 2
    assert made.loops[0].variables == ("a", "d")
    assert set(made.arrows) == {Arrow("a", "d", "+", True), Arrow("d", "a", "-", False)}
    assert folded(ring, loops, (), most=4).folded == 0


def test_signs_around_every_named_loop_give_its_direction(found: Report) -> None:
    signs = {(a.start, a.end): a.sign for a in folded(found.arrows, found.drawn, ()).arrows}
    made = folded(found.arrows, found.drawn, ())
    for loop in made.loops:
        way = zip(loop.variables, loop.variables[1:] + loop.variables[:1], strict=True)
        met = [signs[link] for link in way]
        if "+/-" not in met:
            assert (met.count("-") % 2 == 0) == (loop.polarity == "R"), loop.name


# -- words -----------------------------------------------------------------------------------------


def test_words_are_measured_and_broken_at_blanks() -> None:
    assert width("mmm") > 2 * width("iii")
    assert width("mmm", 22.0) == pytest.approx(2 * width("mmm"), abs=0.2)
    assert label("Pending Withdrawal NMR").lines == ("Pending", "Withdrawal NMR")
    assert label("unbreakable_name_of_one_word").lines == ("unbreakable_name_of_one_word",)
