"""Single-token mutants of real equation files, and what becomes of each."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest

from bullbear.calibration import ledger_check
from bullbear.calibration.ledger_check import check_ledger
from bullbear.equations.check.survey import Survey
from bullbear.equations.document import Document
from bullbear.equations.printers.python import PythonCode
from bullbear.equations.program import Program
from bullbear.equations.system import System
from bullbear.equations.vensim import read_vensim
from bullbear.errors import Finding
from bullbear.models import check as model_check
from bullbear.models.check import check_model, known_units
from bullbear.models.workspace import ModelFile

# Words, numbers and signs, as a hand on a keyboard would delete, double or exchange them.
_TOKEN = re.compile(r"(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?|[\w$'’.]+|[<>]=|<>|[^\s\w]")
_OPERATIONS = ("delete", "duplicate", "swap")
_TIMES = (2019.5, 2022.3, 2026.7, 2031.1)


@dataclass(frozen=True)
class Mutant:
    """A changed text, how it was made, and the lines on which it differs."""

    text: str
    operation: str
    token: str
    lines: range

    def __str__(self) -> str:
        line = self.text.splitlines()[min(self.lines.start, self.text.count("\n")) - 1]
        return f"{self.operation} {self.token!r} in line {self.lines.start}: {line.strip()}"


def code_tokens(text: str) -> list[re.Match[str]]:
    """Tokens of the entries, their comments and the sketch left out; separators are tokens."""
    end = re.search(r"^\\{2,3}---///", text, re.MULTILINE)
    found: list[re.Match[str]] = []
    section = 0
    for match in _TOKEN.finditer(text, 7, end.start() if end else len(text)):
        if match[0] == "|":
            section = 0
        elif match[0] == "~":
            section += 1
        if match[0] in "~|" or section < 2:
            found.append(match)
    return found


def mutants(text: str, count: int, seed: int) -> Iterator[Mutant]:
    """`count` mutants at places and of kinds chosen at random."""
    tokens = code_tokens(text)
    chance = random.Random(seed)
    for _ in range(count):
        at = chance.randrange(len(tokens) - 1)
        yield mutant(text, tokens[at], tokens[at + 1], chance.choice(_OPERATIONS))


def mutant(text: str, one: re.Match[str], other: re.Match[str], operation: str) -> Mutant:
    before, after = text[: one.start()], text[one.end() :]
    last = one
    if operation == "delete":
        changed = before + after
    elif operation == "duplicate":
        changed = f"{before}{one[0]} {one[0]}{after}"
    else:
        between = text[one.end() : other.start()]
        changed = f"{before}{other[0]}{between}{one[0]}{text[other.end() :]}"
        last = other
    first_line = text.count("\n", 0, one.start()) + 1
    last_line = text.count("\n", 0, last.start()) + 1
    return Mutant(changed, operation, one[0], range(first_line, last_line + 1))


class Judge:
    """Says what becomes of a mutant of one file of a model."""

    def __init__(self, model: ModelFile, monkeypatch: pytest.MonkeyPatch) -> None:
        self.model = model
        # The files that a mutant leaves alone are read once.
        monkeypatch.setattr(ledger_check, "read_series", lru_cache(ledger_check.read_series))
        monkeypatch.setattr(model_check, "read_document", self.read)
        self._read: dict[tuple[str, str], Document] = {}
        checked = check_model(model, known_units(model.path.parent.parent))
        assert checked.system is not None
        self.before = behaviour(checked.system)

    def read(self, path: str | Path) -> Document:
        key = (str(path), Path(path).read_text(encoding="utf-8"))
        if key not in self._read:
            if len(self._read) > 50:
                self._read.clear()
            self._read[key] = read_vensim(path)
        return self._read[key]

    def verdict(self, path: Path, mutant: Mutant) -> tuple[str, list[Finding]]:
        """`answered`, `answered elsewhere`, `same` or `changed`, with the findings."""
        original = path.read_text(encoding="utf-8")
        path.write_text(mutant.text, encoding="utf-8")
        try:
            units = known_units(self.model.path.parent.parent)
            checked = check_model(self.model, units)
            findings = checked.findings + check_ledger(checked, units)
            near = range(mutant.lines.start, mutant.lines.stop + 1)
            here = [f for f in findings if f.where.line in near and _is_file(f, path)]
            if here:
                return "answered", here
            if findings:
                return "answered elsewhere", findings
            assert checked.system is not None
            after = behaviour(checked.system)
            return ("same" if alike(self.before, after) else "changed"), []
        finally:
            path.write_text(original, encoding="utf-8")


def _is_file(finding: Finding, path: Path) -> bool:
    return Path(str(finding.where.file)).resolve() == path.resolve()


# -- meaning --------------------------------------------------------------------------------------


def behaviour(system: System) -> Mapping[str, float]:
    """Every variable, rate and initial value at a few times, with states moved at random."""
    survey = Survey(system)
    survey.everything()
    program = survey.program
    found: dict[str, float] = {}
    roots = {f"value {name}": node for name, node in program.outputs.items()}
    roots |= {f"rate {state.name}": state.rate for state in program.states}
    starts = {f"initial {state.name}": state.initial for state in program.states}
    controls = {"initial_time": _TIMES[0], "final_time": 2036.0, "time_step": 1 / 64,
                "saveper": 1 / 16}  # fmt: skip
    initial = _evaluate(program, starts, controls, _TIMES[0], [0.0] * len(program.states))
    found |= initial
    for number, time in enumerate(_TIMES):
        states = [
            (initial[f"initial {s.name}"] or 1.0) * (1 + 0.3 * _moved(s.name, number))
            for s in program.states
        ]
        values = _evaluate(program, roots, controls, time, states)
        found |= {f"{name} at {time}": value for name, value in values.items()}
    return found


def _moved(name: str, number: int) -> float:
    return random.Random(f"{name}{number}").uniform(-1, 1)


def _evaluate(
    program: Program,
    roots: Mapping[str, int],
    controls: Mapping[str, float],
    time: float,
    states: list[float],
) -> dict[str, float]:
    code = PythonCode(program, {"all": list(roots.values())})
    prepared = code.prepare(program.defaults.tolist(), controls)
    values = prepared.functions["all"](time, time, states)
    return dict(zip(roots, map(float, values), strict=True))


def alike(one: Mapping[str, float], other: Mapping[str, float]) -> bool:
    """Whether two models compute the same; names without case, as Vensim matches them."""
    left = {name.casefold(): value for name, value in one.items()}
    right = {name.casefold(): value for name, value in other.items()}
    if left.keys() != right.keys():
        return False
    a, b = np.array(list(left.values())), np.array([right[name] for name in left])
    return bool(np.allclose(a, b, rtol=1e-12, atol=1e-12, equal_nan=True))
