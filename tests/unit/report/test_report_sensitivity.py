"""What the words of a sensitivity study say, on indices that are given."""

from __future__ import annotations

import numpy as np
import pytest

from bullbear.analysis.columns import Column
from bullbear.analysis.sensitivity import Result
from bullbear.analysis.study import Output, Study
from bullbear.report.sensitivity import report, verdict

STUDY = Study(title="What ends it", model="toy", priors=True, outputs=[Output(event="end")])


def result(values: list[float], half_width: float) -> Result:
    index = np.array(values)[:, None]
    width = np.full_like(index, half_width)
    return Result(
        STUDY, "sobol", 0, "toy", "aaaa", "bbbb", tuple("abcde"), (Column("end", event="end"),),
        {"s1": index / 2, "s1_conf": width, "st": index, "st_conf": width}, 64, 448, 0,
        np.ones(1, dtype=np.bool_),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("values", "half_width", "words"),
    [
        ([0.1, 0.5, 0.0, 0.3, 0.01], 0.01, "b, d, a. That these are the first is sure: no other "
         "interval reaches theirs. Their order is sure."),
        ([0.3, 0.5, 0.0, 0.31, 0.01], 0.01, "b, d, a. That these are the first is sure: no other "
         "interval reaches theirs. Of their order the place of b is sure."),
        ([0.1, 0.5, 0.09, 0.3, 0.01], 0.01, "b, d, a. Not all is sure: the intervals let c be "
         "among the first 3. Of their order the place of b, d is sure."),
        ([0.3, 0.31, 0.29, 0.3, 0.3], 0.1, "b, a, d. Not all is sure: the intervals let e, c be "
         "among the first 3. Their order is open."),
    ],
)  # fmt: skip
def test_the_first_words_say_what_decides_and_how_sure_that_is(
    values: list[float], half_width: float, words: str
) -> None:
    assert verdict(result(values, half_width)) == f"The three assumptions that decide end: {words}"


def test_what_may_be_nothing_is_not_said_to_decide() -> None:
    words = verdict(result([0.02, 0.5, 0.0, 0.01, 0.01], 0.05))
    assert words == (
        "The assumption that decides end: b. That it is the first is sure: no other interval "
        "reaches its own. Of no other assumption is it sure that it matters."
    )
    nothing = verdict(result([0.02, 0.01, 0.0, 0.01, 0.01], 0.05))
    assert nothing == "Of no assumption is it sure that it drives end."


def test_a_report_begins_with_them_and_ends_with_what_it_is_of() -> None:
    text = report(result([0.1, 0.5, 0.0, 0.3, 0.01], 0.01), [])
    assert text.startswith("# What ends it\n\nThe three assumptions that decide end: b, d, a.")
    assert "Model toy aaaa, question bbbb." in text
    assert "| 1 | b | 0.50 ± 0.01 | 0.25 ± 0.01 |" in text
