"""`bullbear export`: a whole model as one Vensim file that runs to the same numbers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Cli = Callable[..., Any]


def at_the_end(cli: Cli, *arguments: str) -> dict[str, float]:
    done = cli("run", *arguments, "--json")
    assert done.code == 0, done.err
    (scenario,) = done.json["scenarios"].values()
    return dict(scenario["at"]["end"])


@pytest.mark.parametrize("options", [[], ["--scenario", "leaky"], ["--set", "Tank[Far]=3"]])
def test_the_exported_file_runs_to_the_same_numbers(
    toy: Path, cli: Cli, options: list[str]
) -> None:
    done = cli("export", "--to", "out/whole.mdl", *options)
    assert (done.code, done.out) == (0, "")
    ours = at_the_end(cli, *options)
    whole = at_the_end(cli, "out/whole.mdl")
    assert {name: whole[name] for name in ours} == pytest.approx(ours, rel=1e-12)


def test_the_exported_file_stands_alone(toy: Path, cli: Cli) -> None:
    table = toy / "equations/toy/wear.csv"
    table.write_text("time,value\n2020,1\n2040,2\n")
    flows = toy / "equations/toy/flows.mdl"
    flows.write_text(
        flows.read_text().replace(
            "wear table((2020,1),(2040,2))",
            "wear table(GET DIRECT LOOKUPS('wear.csv', ',', 'A', 'B2'))",
        )
    )
    ours = at_the_end(cli)
    cli("export", "--to", "whole.mdl")
    table.unlink()
    text = (toy / "whole.mdl").read_text()
    assert "GET DIRECT" not in text
    assert "FINAL TIME" in text
    assert at_the_end(cli, "whole.mdl")["Tank[Near]"] == pytest.approx(ours["Tank[Near]"])


def test_the_answer_names_the_file(toy: Path, cli: Cli) -> None:
    said = cli("export", "--to", "whole.mdl", "--json").json
    assert said == {"ok": True, "model": "toy", "file": "whole.mdl"}


def test_a_place_that_cannot_be_written_is_said_before_any_work(toy: Path, cli: Cli) -> None:
    (toy / "taken").write_text("mine")
    done = cli("export", "--to", "taken/whole.mdl")
    assert done.code == 2
    assert "taken is a file" in done.err
