"""Rounded division: PyTorch rounds each step of a half's to its own precision, but not where one number divides."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import flambeau
from tests.helpers.oracle import to_torch

NUMBERS = st.floats(-300, 300, width=16)


@pytest.mark.parametrize("mode", ["floor", "trunc"])
@pytest.mark.parametrize("name", ["float16", "bfloat16", "float32", "float64"])
@given(a=st.lists(NUMBERS, min_size=4, max_size=4), b=st.lists(NUMBERS, min_size=4, max_size=4), is_one=st.booleans())
def test_rounded_quotients(device, name, mode, a, b, is_one) -> None:
    if device == "webgpu" and name == "float64":
        pytest.skip("not every adapter has float64")
    divisor = b[:1] if is_one else b
    x, y = (torch.tensor(values, dtype=getattr(torch, name)) for values in (a, divisor))
    mine = (flambeau.tensor(values, dtype=getattr(flambeau, name), device=device) for values in (a, divisor))
    found = flambeau.div(*mine, rounding_mode=mode)
    torch.testing.assert_close(to_torch(found), torch.div(x, y, rounding_mode=mode), rtol=0, atol=0, equal_nan=True)


@pytest.mark.parametrize("mode", ["floor", "trunc"])
@pytest.mark.parametrize("name", ["float16", "float32"])
def test_their_gradients_are_zero(device, name, mode) -> None:
    a = flambeau.tensor([1.0, -3.0, 5.0], dtype=getattr(flambeau, name), device=device, requires_grad=True)
    b = flambeau.tensor([0.0, 2.0, -7.0], dtype=getattr(flambeau, name), device=device, requires_grad=True)
    for gradient in flambeau.autograd.grad(flambeau.div(a, b, rounding_mode=mode).sum(), (a, b)):
        assert gradient.tolist() == [0.0, 0.0, 0.0]


@pytest.mark.parametrize("name", ["floor_divide", "remainder", "fmod"])
def test_padding_around_quotients_of_integers_divides_nothing(device, name) -> None:
    """Operands read as 0 there. A zero that is divided by is an error all the same."""
    found = []
    for m in (torch, flambeau):
        where = {} if m is torch else {"device": device}
        a, b = m.arange(6, **where), m.tensor([1, 2, 3, 4, 5, 6], **where)
        divide = getattr(m, name)  # no quotient is kept: it would be in memory before the padding reads it
        found.append([m.nn.functional.pad(divide(a, b), (2, 3)).tolist(), m.cat([divide(a, b), a]).tolist()])
    assert found[0] == found[1]
    if device == "cpu":
        bad = flambeau.nn.functional.pad(getattr(flambeau, name)(flambeau.arange(3), flambeau.tensor([1, 0, 2])), (1, 1))
        with pytest.raises(RuntimeError, match="ZeroDivisionError"):
            bad.tolist()
