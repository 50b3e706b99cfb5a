"""Studies: what a file may say, and what is answered where it does not fit."""

from __future__ import annotations

from pathlib import Path

import pytest

import bullbear
from bullbear.analysis.columns import columns
from bullbear.analysis.study import SCHEMA, Study
from bullbear.analysis.uncertain import uncertain
from bullbear.errors import BullbearError

HEAD = 'title = "t"\nmodel = "toy"\n'
OUTPUT = '[[outputs]]\nvariable = "Drain"\nat = 2022\n'
INPUT = '[inputs."time constant"]\ndistribution = "uniform(2, 3)"\n'
BOUNDED = (
    "name,unit,value,lower,upper,prior,class\n"
    'time constant,Year,2.5,1,5,"lognormal(2.5, 0.2)",prior\n'
    "leak multiplier,Dmnl,1,1,1,fixed,lever\n"
)


def read(folder: Path, text: str) -> Study:
    file = folder / "study.toml"
    file.write_text(text)
    return Study.read(file)


def looked_up(folder: Path, text: str) -> None:
    study = read(folder, text)
    model = bullbear.load("toy")
    uncertain(study, model)
    columns(study, model)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (HEAD + OUTPUT, "nothing is uncertain"),
        (HEAD + "priors = true\nposterior = 'fit'\n" + OUTPUT, "brings its own inputs"),
        (HEAD + "priors = true\n", "nothing is looked at"),
        (HEAD + "prior = true\n" + OUTPUT, "unknown key prior"),
        (HEAD + INPUT + '[[outputs]]\nvariable = "Drain"\n', "either at, or from and to"),
        (HEAD + INPUT + '[[outputs]]\nevent = "half-empty"\nat = 3\n', "no key but before"),
        (HEAD + INPUT + '[[outputs]]\nvariable = "x"\nbefore = 3\nat = 2\n', "belongs to an event"),
        (HEAD + INPUT + '[[outputs]]\nvariable = "x"\nfrom = 3\nto = 2\n', "before it begins"),
        (HEAD + INPUT + OUTPUT + '[method]\nname = "saltelli"\n', "method.name"),
        (HEAD + '[inputs.x]\ndistribution = "uniform"\n' + OUTPUT, "needs the keys lower"),
        (
            HEAD + '[inputs.x]\ndistribution = "uniform"\nlower = 2\nupper = 2\n' + OUTPUT,
            "leaves nothing to vary",
        ),
    ],
)
def test_what_does_not_fit_the_schema_is_answered(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(BullbearError, match=message) as fault:
        read(tmp_path, text)
    assert "study.toml:" in str(fault.value)


@pytest.mark.parametrize(
    ("text", "message", "line"),
    [
        (HEAD + '[inputs.hose]\ndistribution = "uniform(1, 2)"\n' + OUTPUT, "hose", 3),
        (HEAD + '[inputs.outflow]\ndistribution = "uniform(1, 2)"\n' + OUTPUT, "outflow", 3),
        (
            HEAD + '[inputs."time constant"]\ndistribution = "uniform(0.5, 9)"\n' + OUTPUT,
            "outside the bounds of the constant, 1 to 5",
            3,
        ),
        (
            HEAD + '[inputs."time constant"]\ndistribution = "normal(3, 1)"\nupper = 7\n' + OUTPUT,
            "outside the bounds of the constant, 1 to 5",
            3,
        ),
        (HEAD + '[inputs."time constant"]\ndistribution = "fixed"\n' + OUTPUT, "not uncertain", 3),
        (HEAD + '[inputs."time constant"]\ndistribution = "normal(3, 0)"\n' + OUTPUT, "spread", 3),
        (HEAD + '[inputs."time constant"]\ndistribution = "beta(3, 1)"\n' + OUTPUT, "no prior", 3),
        (HEAD + INPUT + '[[outputs]]\nevent = "half-full"\n', 'no event "half-full"', 5),
        (HEAD + INPUT + '[[outputs]]\nvariable = "Drainn"\nat = 2022\n', 'no output "Drainn"', 5),
        (HEAD + INPUT + '[[outputs]]\nvariable = "Drain"\nat = 2050\n', "outside the run", 5),
        (HEAD + INPUT + OUTPUT + OUTPUT, "two outputs are called", 5),
    ],
)
def test_what_does_not_fit_the_model_is_answered_with_its_place(
    toy: Path, text: str, message: str, line: int
) -> None:
    (toy / "calibration" / "parameters.csv").write_text(BOUNDED)
    with pytest.raises(BullbearError, match=message) as fault:
        looked_up(toy, text)
    assert fault.value.findings[0].where.line == line


def test_priors_of_the_parameter_file_are_inputs_and_can_be_replaced(toy: Path) -> None:
    (toy / "calibration" / "parameters.csv").write_text(BOUNDED)
    model = bullbear.load("toy")
    plain = uncertain(read(toy, HEAD + "priors = true\n" + OUTPUT), model)
    assert plain.names == ("time constant",)
    assert plain.priors[0].kind == "lognormal"
    assert (plain.priors[0].lower, plain.priors[0].upper) == (1, 5)
    changed = uncertain(
        read(toy, HEAD + "priors = true\n" + INPUT.replace("time", "Time") + OUTPUT), model
    )
    assert changed.names == ("time constant",)
    assert changed.priors[0].kind == "uniform"


def test_all_faults_are_said_at_once(toy: Path) -> None:
    bad = '[inputs.one]\ndistribution = "x"\n[inputs.two]\ndistribution = "y"\n'
    with pytest.raises(BullbearError) as fault:
        looked_up(toy, HEAD + bad + OUTPUT)
    assert len(fault.value.findings) == 2


def test_a_window_is_a_column_for_each_of_its_times(toy: Path) -> None:
    window = '[[outputs]]\nvariable = "Tank"\nfrom = 2021\nto = 2023\nevery = 1\n'
    found = columns(read(toy, HEAD + INPUT + window), bullbear.load("toy"))
    assert found.labels[:3] == ("Tank[Near] at 2021", "Tank[Near] at 2022", "Tank[Near] at 2023")
    assert len(found.labels) == 6


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{}", "does not say of which model"),
        ('{"provenance": {"model_hash": "0123456789ab"}}', "of the model 0123456789ab"),
        ("nothing", "no folder of a fit"),
    ],
)
def test_a_fit_of_another_model_is_refused(toy: Path, content: str, message: str) -> None:
    (toy / "fit").mkdir()
    (toy / "fit" / "fit.json").write_text(content)
    with pytest.raises(BullbearError, match=message):
        looked_up(toy, HEAD + 'posterior = "fit"\n' + OUTPUT)


def test_the_published_schema_is_that_of_the_code(root: Path) -> None:
    """After a change: write what `schema_text` gives to the file."""
    assert (root / "analysis" / SCHEMA).read_text(encoding="utf-8") == Study.schema_text()


@pytest.mark.parametrize("name", ["runout", "price", "fund"])
def test_the_studies_that_come_along_fit_the_model(root: Path, name: str) -> None:
    study = Study.read(root / "analysis" / f"sensitivity-{name}.toml")
    model = bullbear.load("numerai")
    assert len(uncertain(study, model).names) > 100
    assert columns(study, model).labels
