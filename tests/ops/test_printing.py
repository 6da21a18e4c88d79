"""`repr` of tensors, character for character PyTorch's."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import flambeau
from tests.helpers.oracle import to_flambeau

NUMBERS = st.floats(width=32, allow_nan=True) | st.integers(-1000, 1000).map(float) | st.floats(-10, 10, width=32)


def _same(x: torch.Tensor) -> None:
    mine = re.sub(r",\s*device='reference'", "", repr(to_flambeau(x, "reference")))
    assert mine.split() == repr(x).split()


@pytest.fixture(autouse=True)
def _defaults() -> Iterator[None]:
    yield
    torch.set_printoptions(profile="default", sci_mode=None)
    flambeau.set_printoptions(profile="default", sci_mode=None)


@given(
    values=st.lists(NUMBERS, min_size=0, max_size=30),
    dtype=st.sampled_from([torch.float32, torch.float64, torch.float16, torch.bfloat16, torch.int64, torch.bool, torch.int8]),
    columns=st.integers(1, 6),
)
def test_drawn_values(values: list[float], dtype: torch.dtype, columns: int) -> None:
    if not dtype.is_floating_point:
        values = [v if v == v and abs(v) < 100 else 1.0 for v in values]
    x = torch.tensor(values, dtype=torch.float64).to(dtype)
    n = len(values) // columns * columns
    _same(x[:n].reshape(-1, columns) if n else x)


def _exactly(mine: Any, theirs: Any) -> None:
    assert repr(mine) == repr(theirs)


@pytest.mark.parametrize(
    "make",
    [
        lambda t: t.tensor(1.5), lambda t: t.tensor([1, 2]), lambda t: t.tensor([1.0, 2.0]), lambda t: t.zeros(0),
        lambda t: t.zeros(0, 3), lambda t: t.zeros(2, 0, dtype=t.int64), lambda t: t.arange(2000), lambda t: t.arange(2000.0),
        lambda t: t.arange(10000).reshape(100, 100), lambda t: t.arange(4096).reshape(16, 16, 16) / 7,
        lambda t: t.tensor([1e-5, 1.0]), lambda t: t.tensor([1e9, 1.0]), lambda t: t.tensor([float("nan"), 1.0]),
        lambda t: t.tensor([float("inf"), 1.5, -2.25]), lambda t: t.ones(2, 3, dtype=t.float16), lambda t: t.tensor(True),
        lambda t: t.ones(3, requires_grad=True), lambda t: t.ones(2, 2, requires_grad=True) * 2, lambda t: t.eye(3).double(),
        lambda t: t.arange(24).reshape(2, 3, 4), lambda t: t.tensor([[-1.5, 200.25], [3.0, 0.001]]),
        lambda t: t.tensor([0.1] * 40),
        lambda t: t.ones(2, dtype=t.uint8), lambda t: t.Size([2, 3]), lambda t: t.float32, lambda t: t.finfo(t.float32),
        lambda t: t.iinfo(t.int8), lambda t: t.tensor([[1, 2], [3, 4]]).max(1), lambda t: t.tensor(2**40),
        lambda t: t.arange(30) * 1000,
    ],
)  # fmt: skip
def test_exact_text(make: Any) -> None:
    _exactly(make(flambeau), make(torch))


def test_options() -> None:
    options: list[dict[str, Any]] = [
        {"precision": 2}, {"linewidth": 40}, {"threshold": 5, "edgeitems": 1}, {"sci_mode": True}, {"sci_mode": False},
        {"profile": "short"}, {"profile": "full"},
    ]  # fmt: skip
    for option in options:
        for library in (torch, flambeau):
            library.set_printoptions(profile="default")
            library.set_printoptions(**option)
        for make in (lambda t: t.arange(24).reshape(4, 6) / 7, lambda t: t.arange(1200.0), lambda t: t.tensor([1e-6, 1.0])):
            _exactly(make(flambeau), make(torch))
    with pytest.raises(ValueError):
        flambeau.set_printoptions(profile="unheard of")


def test_format() -> None:
    assert f"{flambeau.tensor(1.25):.1f}" == f"{torch.tensor(1.25):.1f}"
    assert f"{flambeau.tensor(3)}" == f"{torch.tensor(3)}"
