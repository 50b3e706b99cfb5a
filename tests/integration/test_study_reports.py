"""Reports of studies that are kept: made by the commands beside them, and of this model."""

from __future__ import annotations

import argparse
import re
import shlex
from pathlib import Path

import pytest

import bullbear
from bullbear.analysis import claims, outcomes
from bullbear.analysis.boxes import Draws
from bullbear.analysis.policies import Contest
from bullbear.analysis.policies_file import Policies
from bullbear.analysis.runway import Question
from bullbear.analysis.sensitivity import make_task
from bullbear.analysis.study import Study
from bullbear.cli.runway import groups_of
from bullbear.models.model import Model
from bullbear.report.sensitivity import mark

ANALYSIS = Path(__file__).parents[2] / "analysis"
ROW = re.compile(r"\]\((reports/sensitivity-[^)]+)/report\.md\) \| `bullbear ([^`]+)` \|")
ROWS = ROW.findall((ANALYSIS / "README.md").read_text(encoding="utf-8"))


def options(command: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("command")
    parser.add_argument("study", nargs="?", default="")
    parser.add_argument("--draws", type=int)
    parser.add_argument("--n", type=int)
    parser.add_argument("--method")
    parser.add_argument("--posterior", type=Path)
    parser.add_argument("--scenario", action="append")
    return parser.parse_args(shlex.split(command))


def question(command: str, model: Model) -> str:
    """The hash that the report of a command bears."""
    asked = options(command)
    if asked.command == "runway":
        posterior = None if asked.posterior is None else ANALYSIS.parent / asked.posterior
        groups = groups_of(model, asked.scenario or ["base"], posterior)
        files = (outcomes.Outcomes.read(ANALYSIS / outcomes.FILE),
                 claims.Claims.read(ANALYSIS / claims.FILE))  # fmt: skip
        return Question(model, *files).key(groups, asked.draws, 0)
    if asked.command == "policies":
        file = Policies.read(ANALYSIS / "policies.toml")
        return Contest(file, model, asked.draws, None).question
    path = ANALYSIS / f"{asked.study}.toml"
    if not path.is_file():
        path = ANALYSIS / f"sensitivity-{asked.study}.toml"
    study = Study.read(path)
    if (asked.method or study.method.name) == "discovery":
        return Draws(study, model, asked.n, None).question
    return make_task(study, model, asked.method, asked.n).question


@pytest.fixture(scope="module")
def model(root: Path) -> Model:
    return bullbear.load(root / "models" / "numerai.toml")


@pytest.mark.parametrize(("folder", "command"), ROWS, ids=[Path(f).name for f, _ in ROWS])
def test_a_kept_report_is_of_this_model(folder: str, command: str, model: Model) -> None:
    text = (ANALYSIS / folder / "report.md").read_text(encoding="utf-8")
    remedy = f"run `bullbear {command} --out analysis/{folder}`"
    assert mark(model.name, model.hash, question(command, model)) in text, remedy


def test_every_kept_report_is_listed() -> None:
    kept = {p.parent.name for p in (ANALYSIS / "reports").glob("sensitivity-*/report.md")}
    assert kept == {Path(folder).name for folder, _ in ROWS}


def test_another_question_has_another_hash(model: Model, tmp_path: Path) -> None:
    path = ANALYSIS / "sensitivity-price.toml"
    plain = make_task(Study.read(path), model).question
    assert make_task(Study.read(path), model, None, 128).question != plain
    assert make_task(Study.read(path), model, None, None, 9).question != plain
    copy = tmp_path / "copy.toml"
    copy.write_text("# said otherwise\n" + path.read_text(encoding="utf-8"), encoding="utf-8")
    assert make_task(Study.read(copy), model).question == plain
    copy.write_text(path.read_text(encoding="utf-8").replace("2036", "2037"), encoding="utf-8")
    assert make_task(Study.read(copy), model).question != plain
