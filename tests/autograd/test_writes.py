"""Gradients of writes through views, in tensors whose memory is in any order."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import flambeau

WRITES: dict[str, Any] = {
    "slice": lambda o, a: o[1:, ..., :2].copy_(a[1:, ..., :2]),
    "transposed": lambda o, a: o.transpose(0, -1)[0].mul_(a.transpose(0, -1)[0]),
    "twice": lambda o, a: (o[0].add_(a[0]), o.select(-1, 1).mul_(a.select(-1, 0))),
    "flat": lambda o, a: o.as_strided((3,), (2,), 1).copy_(a.reshape(-1)[:3]),
    "item": lambda o, a: o.__setitem__((0, slice(1, None)), a[0, 1:] * 2),
}


@settings(max_examples=40)
@given(order=st.permutations((0, 1, 2)), name=st.sampled_from(sorted(WRITES)), reads_view=st.booleans(), is_complex=st.booleans())
def test_writes_through_views(device: str, order: list[int], name: str, reads_view: bool, is_complex: bool) -> None:
    rng = np.random.default_rng(0)
    arrays = [rng.standard_normal((2, 3, 4)).astype(np.float32) for _ in range(3)]
    shape = [(2, 3, 4)[d] for d in order]
    back = [order.index(d) for d in range(3)]
    found = []
    for library in (flambeau, torch):
        where = {"device": device} if library is flambeau else {}
        x, a, w = (library.tensor(v, **where) for v in arrays)
        leaf, start = a.requires_grad_(), x.requires_grad_()
        base = library.zeros(shape, **where).permute(back) + start.permute(order).contiguous().permute(back)
        assert base.stride() == x.permute(order).contiguous().permute(back).stride()
        value = leaf * 1
        if is_complex:
            base, value = library.complex(base, base * 2), library.complex(value, -value)
        view = base[..., 1:] if reads_view else base
        WRITES[name](base, value)
        out = library.view_as_real(view) if is_complex else view
        loss = (out * out * (library.view_as_real(library.complex(w, w))[..., 1:, :] if is_complex and reads_view else 1.0)).sum()
        loss.backward()
        found.append([loss.item(), leaf.grad.cpu().numpy(), start.grad.cpu().numpy()])
    for mine, theirs in zip(*found):
        np.testing.assert_allclose(mine, theirs, rtol=1e-4, atol=1e-4)


WRITTEN_AFTER = {
    "cumsum": lambda t, x: x.cumsum(0),
    "remainder": lambda t, x: x % 2,
    "fmod": lambda t, x: x.fmod(2),
    "sin": lambda t, x: x.sin(),
    "clamp": lambda t, x: x.clamp(0, 1),
}


@pytest.mark.parametrize("name", WRITTEN_AFTER)
def test_operands_written_after_they_were_read(name):
    """An error where the gradient reads them, as in PyTorch; nothing where it doesn't."""
    outcomes = []
    for t in (flambeau, torch):
        x = t.tensor([0.1, 0.6, 0.3], requires_grad=True)
        z = x * 1
        y = WRITTEN_AFTER[name](t, z)
        with t.no_grad():
            z.add_(1)
        try:
            y.sum().backward()
            outcomes.append(x.grad.tolist())
        except RuntimeError as error:
            outcomes.append("modified by an inplace operation" in str(error))
    assert outcomes[0] == outcomes[1]


def test_results_given_to_out_outside_of_recording():
    for t in (flambeau, torch):
        x, y = t.ones(2, requires_grad=True), t.zeros(2, requires_grad=True)
        with t.no_grad():
            t.add(x, 1, out=y)
        assert y.tolist() == [2, 2]
        with pytest.raises(RuntimeError, match="automatic differentiation"):
            t.add(x, 1, out=y)
        base = t.arange(4.0)
        with pytest.raises(RuntimeError, match="single memory location"):
            t.add(base[:3], 1, out=base[1:])
