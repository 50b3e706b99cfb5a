"""`bullbear verify`: the published test cases, and a run with another time step."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

Cli = Callable[..., Any]
CASES = Path(__file__).parents[1] / "conformance" / "cases"

# What departs from its reference, and what verify must say is the cause.
DEPARTS = {
    "samples/Query_file/output.tab": "random numbers",
    "samples/Roessler_Chaos/output.tab": "rounding",
    "tests/active_initial/output_stella.csv": "initial value",
    "tests/control_vars/output.tab": "equation",
    "tests/data_from_other_model/output.tab": "no value",
    "tests/dynamic_final_time/output.tab": "equation",
}


def pairs() -> Iterator[tuple[Path, Path]]:
    """Every Vensim file of the suite with each of its references."""
    for model in sorted(CASES.rglob("*.mdl")):
        if model.name != "model_to_generate_data.mdl":
            for reference in sorted(model.parent.glob("output*")):
                yield model, reference


def test_every_case_agrees_or_departs_for_a_known_reason() -> None:
    import bullbear
    from bullbear.errors import BullbearError
    from bullbear.models.verify import verify

    agreed, refused, departed = 0, [], {}
    for path, reference in pairs():
        name = reference.relative_to(CASES).as_posix()
        try:
            found = verify(bullbear.load(path), reference)
        except BullbearError:
            refused.append(path.name)
            continue
        if found.ok:
            agreed += 1
        else:
            assert found.cause is not None
            departed[name] = found.cause.kind
    for name, cause in departed.items():
        assert DEPARTS.get(name) == cause, f"{name}: {cause}"
    assert agreed >= 95, (agreed, refused)


def test_a_run_with_another_time_step_names_the_time_step(toy: Path, cli: Cli) -> None:
    cli("run", "--time-step", "0.0625")
    done = cli("verify", "toy", "--against", "bullbear-out/run/base.csv", "--json")
    assert done.code == 1
    said = done.json
    assert said["ok"] is False
    assert said["missing"] == []
    assert said["compared"] == 12
    assert {"name", "max_error", "first_time"} <= {*said["differing"][0]}
    assert said["first"]["name"] == said["differing"][0]["name"]
    assert said["first"]["cause"] == "time step"
    assert "0.0625" in said["first"]["explanation"]


def test_the_numerai_model_with_twice_the_time_step(tmp_path: Path, cli: Cli) -> None:
    cli("run", "numerai", "--time-step", "0.03125", "--out", tmp_path)
    said = cli("verify", "numerai", "--against", tmp_path / "base.csv", "--json").json
    assert len(said["differing"]) > 100
    assert said["first"]["cause"] == "time step"
    assert said["first"]["proved"] is True


def test_the_text_names_the_first_when_by_how_much_and_why(toy: Path, cli: Cli) -> None:
    cli("run", "--method", "rk4")
    done = cli("verify", "toy", "--against", "bullbear-out/run/base.csv")
    assert done.code == 1
    assert "the first is " in done.out
    assert "at 2020." in done.out
    assert "cause: method: with the method rk4 all differences go away" in " ".join(
        done.out.split()
    )


def test_agreement_is_said_and_leaves_with_zero(toy: Path, cli: Cli) -> None:
    cli("run")
    done = cli("verify", "toy", "--against", "bullbear-out/run/base.csv", "--rtol", "0")
    assert done.code == 0
    assert "toy agrees with bullbear-out/run/base.csv" in done.out
    assert cli("verify", "toy", "--against", "bullbear-out/run/base.csv", "--json").json[
        "first"
    ] is None  # fmt: skip


def test_another_scenario_is_compared_where_it_is_asked_for(toy: Path, cli: Cli) -> None:
    cli("run", "--scenario", "leaky")
    leaky = "bullbear-out/run/leaky.csv"
    assert cli("verify", "toy", "--against", leaky, "--scenario", "leaky").code == 0
    done = cli("verify", "toy", "--against", leaky, "--json")
    assert done.json["first"]["cause"] == "constant"
    assert done.json["first"]["name"] in ("leak multiplier", "pump share")


def test_a_stella_file_is_compared(cli: Cli) -> None:
    folder = CASES / "tests" / "limits"
    file = folder / "test_limits.stmx"
    assert cli("verify", file, "--against", folder / "output_stella.csv").code == 0
    other = CASES / "tests" / "ln" / "output_stella.csv"
    done = cli("verify", file, "--against", other, "--json")
    assert done.code == 1
    assert done.json["first"]["name"]


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["--against", "nothing.csv"], 1),
        (["--against", "bad.csv"], 1),
        (["--against", "bad.csv", "--rtol", "-1"], 2),
        ([], 2),
        (["--against", "bad.csv", "--scenario", "leeky"], 2),
    ],
)
def test_faults_have_the_exit_codes_of_all_commands(
    toy: Path, cli: Cli, arguments: list[str], code: int
) -> None:
    (toy / "bad.csv").write_text("time,Drain\n2020,zero\n2021,1\n", encoding="utf-8")
    done = cli("verify", "toy", *arguments)
    assert done.code == code
    assert done.err
    assert "Traceback" not in done.err
