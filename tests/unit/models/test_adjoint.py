"""The gradient by the adjoint: against the forward sensitivities, which are checked elsewhere."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from test_sensitivities import CONTROL, MEMORIES

from bullbear.models.model import Model, load

Array = np.ndarray


def weighted(values: Array) -> tuple[float, Array]:
    """A loss that reads every saved value, each with a weight of its own."""
    weight = np.cos(np.arange(values.size)).reshape(values.shape) / np.abs(values).max(axis=0)
    return float(0.5 * np.sum(weight * values**2)), weight * values


def assert_agrees(model: Model, outputs: list[str], **options: str | float) -> None:
    found = model.gradient(outputs, weighted, **options)  # type: ignore[arg-type]
    some = found.parameters[:: max(1, len(found.parameters) // 60)]  # forward costs each its own
    forward = model.sensitivities(outputs, some, **options)  # type: ignore[arg-type]
    loss, slopes = weighted(forward.values)
    assert found.loss == loss
    expected = np.einsum("tv,tvp->p", slopes, forward.derivatives)
    terms = np.einsum("tv,tvp->p", np.abs(slopes), np.abs(forward.derivatives))
    places = [found.parameters.index(name) for name in forward.parameters]
    # rounding is that of the sum's terms, which cancel
    assert (np.abs(found.derivatives[places] - expected) <= 1e-10 * terms).all()
    assert np.count_nonzero(expected) > 5


@pytest.mark.parametrize("method", ["euler", "rk4"])
def test_every_kind_of_state_agrees_with_forward_sensitivities(tmp_path: Path, method: str) -> None:
    path = tmp_path / "model.mdl"
    path.write_text(MEMORIES + CONTROL.format(end=4, step=0.125), encoding="utf-8")
    assert_agrees(load(path), ["x", "outflow", "total"], method=method)


@pytest.mark.parametrize("method", ["euler", "rk4"])
def test_numerai_agrees_with_forward_sensitivities(method: str) -> None:
    outputs = ["Treasury NMR", "total staked", "NMR Price", "Fund AUM", "fee coverage ratio"]
    assert_agrees(load("numerai"), outputs, method=method, final_time=2024)


def test_a_decay_has_its_exact_gradient(tmp_path: Path) -> None:
    """The loss is x at the end: x0·(1 − h·k)^n."""
    path = tmp_path / "model.mdl"
    text = "x = INTEG(-k*x, s) ~ U ~ |\nk = 0.5 ~ 1/Year ~ |\ns = 8 ~ U ~ |\n"
    path.write_text(text + CONTROL.format(end=4, step=0.125), encoding="utf-8")

    def last(values: Array) -> tuple[float, Array]:
        slopes = np.zeros_like(values)
        slopes[-1] = 1.0
        return float(values[-1, 0]), slopes

    found = load(path).gradient(["x"], last).to_frame()
    end = (1 - 0.5 / 8) ** 32
    assert found.loc["k", "derivative"] == pytest.approx(-4 * 8 * end / (1 - 0.5 / 8), rel=1e-13)
    assert found.loc["s", "derivative"] == pytest.approx(end, rel=1e-13)
    assert found.loc["x", "derivative"] == pytest.approx(end, rel=1e-13)
    assert found.loc["s", "logarithmic"] == pytest.approx(8 * end, rel=1e-13)


@pytest.mark.parametrize("method", ["euler", "rk4"])
def test_the_prototype_agrees_with_forward_sensitivities(shared: Path, method: str) -> None:
    model = load(shared / "model" / "prototype.mdl")
    assert_agrees(model, ["Treasury NMR", "NMR Price"], method=method, final_time=2021.5)
