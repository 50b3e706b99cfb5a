"""The hash of a program: it differs wherever the numbers could."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from bullbear.equations.program import Builder, Program, State


def small() -> Program:
    builder = Builder()
    one, two = builder.const(1.0), builder.const(2.0)
    builder.program.states.append(State("late", "fixed", False, rate=one, initial=one, delay=one))
    builder.program.outputs["late"] = builder.add("state", data=0)
    builder.program.controls["time_step"] = two
    return builder.program


def change(**to: object) -> Callable[[Program], object]:
    def work(program: Program) -> None:
        program.states[0] = replace(program.states[0], **to)

    return work


@pytest.mark.parametrize(
    "changed",
    [
        change(delay=1), change(hidden=True), change(kind="stock"), change(rate=1),
        change(initial=1), change(name="other"),
        lambda program: program.controls.update(time_step=0),
        lambda program: program.moving.update(time_step=1),
        lambda program: program.outputs.update(late=0),
    ],
)  # fmt: skip
def test_whatever_decides_the_numbers_decides_the_hash(
    changed: Callable[[Program], object],
) -> None:
    program = small()
    assert program.digest() == small().digest()
    changed(program)
    assert program.digest() != small().digest()
