"""Gradients of writes through views, in tensors whose memory is in any order."""

from __future__ import annotations

from typing import Any

import numpy as np
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
