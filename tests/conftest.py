"""What every test may use: the checkout, the reference folder beside it, and the command line."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

ROOT = Path(__file__).resolve().parent.parent

# A shared machine stalls now and then, so no example has a deadline; the examples are the same on
# every run, so a failure can be met again.
settings.register_profile("bullbear", deadline=None, derandomize=True)
settings.load_profile("bullbear")

# A shell that starts a job in its background has it ignore Ctrl-C, and so would every command that
# the tests interrupt.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--rewrite",
        action="store_true",
        help="write what is computed into the files it is compared with; look at the difference",
    )


@pytest.fixture(scope="session")
def rewrite(request: pytest.FixtureRequest) -> bool:
    """Whether files that tests compare with are to be written anew."""
    return bool(request.config.getoption("--rewrite"))


@dataclass(frozen=True)
class Outcome:
    """What a finished command left behind."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@pytest.fixture(scope="session")
def root() -> Path:
    """The checkout: models/, equations/, calibration/ stand below it."""
    return ROOT


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of reference material beside the checkout; the test is skipped without it."""
    folder = ROOT.parent / "shared"
    if not folder.is_dir():
        pytest.skip("the reference folder ../shared is not here")
    return folder


@pytest.fixture
def bullbear(tmp_path: Path) -> Callable[..., Outcome]:
    """Runs `bullbear ARGUMENTS` as a process of its own, by default in an empty folder."""

    def call(*arguments: object, cwd: Path = tmp_path, timeout: float = 120) -> Outcome:
        done = subprocess.run(
            [sys.executable, "-m", "bullbear.cli.main", *map(str, arguments)],
            cwd=cwd,
            env=os.environ | {"COLUMNS": "80", "NO_COLOR": "1", "PYTHONWARNINGS": "default"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        return Outcome(done.returncode, done.stdout, done.stderr)

    return call


TOY = {
    "equations/toy/stocks.mdl": """\
{UTF-8}
pool: Near, Far ~~ Two places.|
Tank[pool] = INTEG(inflow[pool] - outflow[pool], initial content) ~ Litre ~ What is in a tank.|
Drain = INTEG(SUM(outflow[pool!]) - SUM(inflow[pool!]), 0) ~ Litre ~ What has left the tanks.|
initial content = 100 ~ Litre ~ Content at the start.|
""",
    "equations/toy/flows.mdl": """\
{UTF-8}
inflow[pool] = Drain * pump share / time constant ~ Litre/Year ~ Pumped back.|
outflow[pool] = leak multiplier * wear table(Time / one year) * Tank[pool] / time constant
	~ Litre/Year
	~ Leaks out.|
leak multiplier = 1 ~ Dmnl ~ Lever.|
pump share = 0 ~ Dmnl ~ Lever.|
time constant = 2 ~ Year ~ How long the content stays.|
one year = 1 ~ Year ~ Unit converter.|
wear table((2020,1),(2040,2)) ~ Dmnl ~ Older tanks leak more.|
""",
    "models/toy.toml": """\
title = "Two tanks"
sectors = ["../equations/toy/stocks.mdl", "../equations/toy/flows.mdl"]
parameters = "../calibration/parameters.csv"
scenarios = "scenarios"
headline = ["Tank", "Drain"]
nonnegative = ["Tank"]

[time]
unit = "Year"
initial = 2020
final = 2024
step = 0.03125
saveper = 0.25
horizon = 2030

[[events]]
name = "half-empty"
variable = "Tank[Near]"
below = 50

[conservation]
water = ["Tank", "Drain"]

[summary]
years = [2021, 2022.5]
""",
    "models/scenarios/base.toml": 'title = "As it is"\nstory = "Nothing changes."\n',
    "models/scenarios/leaky.toml": """\
title = "A bigger hole"
mechanism = "m1"
story = "Twice as much leaks out."
inherits = "holes"
[levers]
"leak multiplier" = 2
""",
    "models/scenarios/holes.toml": """\
title = "Parent of all holes"
abstract = true
[levers]
"pump share" = 0.1
""",
    "calibration/parameters.csv": "name,unit,value,class\ntime constant,Year,2.5,lever\n",
}


@pytest.fixture
def toy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small workspace with the model `toy`; the working directory while the test runs."""
    for name, text in TOY.items():
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def cli(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Outcome]:
    """Runs `bullbear ARGUMENTS` in this process, which is quicker than a process of its own."""
    from bullbear.cli.main import main

    monkeypatch.setenv("COLUMNS", "80")

    def call(*arguments: object) -> Outcome:
        capsys.readouterr()
        with pytest.raises(SystemExit) as left:
            main([str(argument) for argument in arguments])
        said = capsys.readouterr()
        return Outcome(int(left.value.code or 0), said.out, said.err)

    return call


_CLOCK = """\
INITIAL TIME = 0 ~ Year ~ Begin.|
FINAL TIME = 10 ~ Year ~ End.|
TIME STEP = 0.125 ~ Year ~ Step.|
SAVEPER = TIME STEP ~ Year ~ Every step.|
"""
CALIBRATED = {
    "growth": """\
{UTF-8}
stock = INTEG(rate * stock, 10) ~ Ton ~ Grows.|
rate = 0.1 ~ 1/Year ~ Sought.|
unused = 2 ~ Dmnl ~ No number depends on it.|
""",
    "two": """\
{UTF-8}
stock = INTEG(birth rate * stock - death rate * stock, 10) ~ Ton ~ Only the difference tells.|
birth rate = 0.2 ~ 1/Year ~ Sought.|
death rate = 0.1 ~ 1/Year ~ Sought.|
""",
    "line": """\
{UTF-8}
y = slope * x / (1 + curve * x) ~ Unit ~ A line, or a curve.|
x = Time * one ~ Unit ~ Abscissa.|
one = 1 ~ Unit/Year ~ Makes time a length.|
slope = 0.6 ~ Dmnl ~ Sought.|
curve = 0 ~ 1/Unit ~ A line.|
level = 1.5 ~ Unit ~ Sought.|
shown level = level + 0 * x ~ Unit ~ The same at all times.|
""",
}
"""Small models that calibration problems are about."""


@pytest.fixture
def problem(tmp_path: Path) -> Callable[..., Path]:
    """Writes a calibration problem about one of the small models, and its series beside it.

    A series is given by its rows `time,value,unit`; what comes back is the path of the problem.
    """

    def write(model: str, text: str, **series: str) -> Path:
        (tmp_path / f"{model}.mdl").write_text(CALIBRATED[model] + _CLOCK)
        for name, rows in series.items():
            (tmp_path / f"{name}.csv").write_text("time,value,unit\n" + rows)
        path = tmp_path / "problem.toml"
        path.write_text(f'model = "{model}.mdl"\n{text}')
        return path

    return write
