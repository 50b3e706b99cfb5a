"""`bullbear diff`: the committed model and one edited constant."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Cli = Callable[..., Any]


def git(folder: Path, *arguments: str) -> None:
    who = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
    subprocess.run(["git", "-C", str(folder), *who, *arguments], check=True, capture_output=True)


def committed(folder: Path) -> Path:
    git(folder, "init", "-q")
    git(folder, "add", ".")
    git(folder, "commit", "-qm", "as it was")
    return folder


def edit(file: Path, old: str, new: str) -> None:
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new, 1), encoding="utf-8")


def test_one_edited_constant_is_the_first_line_and_what_moved_is_ranked(
    toy: Path, cli: Cli
) -> None:
    committed(toy)
    edit(toy / "equations/toy/flows.mdl", "leak multiplier = 1", "leak multiplier = 1.5")
    done = cli("diff")
    assert done.code == 0
    lines = done.out.splitlines()
    assert lines[0] == "constant leak multiplier: 1 -> 1.5 Dmnl (+50 %)"
    assert lines[1].strip() == "equations/toy/flows.mdl:6:1"
    assert any("half-empty: 2021.65 -> 2021.11" in line for line in lines)
    said = cli("diff", "HEAD", "toy", "--json").json
    assert said["changes"][0]["name"] == "leak multiplier"
    changes = [one["change"] for one in said["moved"]]
    assert changes == sorted(changes, reverse=True)
    assert len(changes) >= 5
    assert {d["name"] for d in said["derivatives"]} == {"Tank[Near]", "Tank[Far]", "Drain"}
    assert said["events"]["half-empty"]["new"] < said["events"]["half-empty"]["old"]


def test_the_numerai_model_and_one_edited_constant(root: Path, tmp_path: Path, cli: Cli) -> None:
    for folder in ("models", "equations", "calibration"):
        shutil.copytree(root / folder, tmp_path / folder)
    committed(tmp_path)
    edit(tmp_path / "equations/numerai/07_fund.mdl", "alpha multiplier =\n\t1\n",
         "alpha multiplier =\n\t0.8\n")  # fmt: skip
    edit(tmp_path / "calibration/parameters.csv", "\nalpha multiplier,Dmnl,1,",
         "\nalpha multiplier,Dmnl,0.8,")  # fmt: skip
    said = cli("--workspace", tmp_path, "diff", "HEAD", "numerai", "--json").json
    assert said["changes"][0]["name"] == "alpha multiplier"
    assert (said["changes"][0]["old"], said["changes"][0]["new"]) == ("1", "0.8 Dmnl")
    assert len(said["changes"]) == 1
    since = {one["name"]: one["first_time"] for one in said["moved"]}
    assert since["fund gross return"] == 2019.5
    assert since["Fund AUM"] >= 2026  # until then the fund earns what it earned
    assert said["moved"][0]["change"] == max(one["change"] for one in said["moved"])


def test_an_idle_edit_names_the_file_that_decides(toy: Path, cli: Cli) -> None:
    committed(toy)
    edit(toy / "equations/toy/flows.mdl", "time constant = 2", "time constant = 3")
    said = cli("diff", "--json").json
    assert said["changes"][0]["effective"] is False
    assert said["changes"][0]["note"].endswith("calibration/parameters.csv gives 2.5")
    assert said["moved"] == []
    base = toy / "models/scenarios/base.toml"
    base.write_text(base.read_text(encoding="utf-8") + '[levers]\n"time constant" = 4\n')
    said = cli("diff", "--json").json
    assert said["changes"][0]["name"] == "time constant"
    assert said["changes"][0]["new"] == "4 Year"


def test_without_git_the_message_says_so(toy: Path, cli: Cli) -> None:
    done = cli("diff")
    assert done.code == 2
    assert "is not under git" in done.err


def test_the_same_files_are_the_same_model(toy: Path, cli: Cli) -> None:
    done = cli("diff", toy, "toy")
    assert done.code == 0
    assert "are the same model" in done.out


def test_a_faulty_edit_shows_what_was_written_and_leaves_with_one(toy: Path, cli: Cli) -> None:
    committed(toy)
    edit(toy / "equations/toy/flows.mdl", "Drain * pump share", "Drane * pump share")
    done = cli("diff")
    assert done.code == 1
    assert "equation inflow: " in done.out
    assert '"Drane"' in done.err
    assert 'did you mean "Drain"' in done.err
    done = cli("diff", "--json")
    assert done.code == 1
    assert done.json["ok"] is False
    assert done.json["error"]["code"] == "unknown-name"


def test_rewrite_makes_the_canonical_run_and_verify_agrees(toy: Path, cli: Cli) -> None:
    committed(toy)
    assert cli("diff", "--rewrite").code == 0
    path = toy / "models/canonical/toy.csv"
    assert path.read_text(encoding="utf-8").startswith("time,2020,2021,2022,2023,2024\n")
    assert cli("verify", "toy", "--against", path, "--rtol", "1e-8").code == 0
    edit(toy / "equations/toy/flows.mdl", "leak multiplier = 1", "leak multiplier = 1.01")
    assert cli("verify", "toy", "--against", path, "--rtol", "1e-8").code == 1


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["HEAD~9"], 2, "no git revision"),
        (["HEAD", "HEAD", "--rewrite"], 2, "cannot be written"),
        (["no-such-folder/model.mdl"], 2, "no git revision"),
        (["HEAD:models/toyy.toml"], 2, "has no file"),
    ],
)
def test_what_cannot_be_compared_is_a_usage_error(
    toy: Path, cli: Cli, arguments: list[str], code: int, said: str
) -> None:
    committed(toy)
    done = cli("diff", *arguments)
    assert done.code == code
    assert said in done.err


def test_the_canonical_run_of_the_numerai_model_is_the_one_agreed_to() -> None:
    """After a change that is meant: `bullbear diff --rewrite`."""
    import bullbear
    from bullbear.models.canonical import check_canonical

    found = check_canonical(bullbear.load("numerai"))
    moved = [f"{d.name} from {d.first_time:g} by {d.max_error:.2g}" for d in found.differing]
    assert not moved[:10], "agree to it with `bullbear diff --rewrite`"
    assert not found.missing, "agree to it with `bullbear diff --rewrite`"
