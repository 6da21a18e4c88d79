"""`view(dtype)`: another dtype over the same memory, read and written from both sides."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import flambeau
from tests.helpers.oracle import dtype_of, to_flambeau, to_torch

DTYPES = [torch.float32, torch.float64, torch.float16, torch.int8, torch.int16, torch.int32, torch.int64, torch.uint8]
VIEWS = {
    "all": lambda x: x,
    "rows": lambda x: x[1:],
    "columns": lambda x: x[:, 2:6],
    "transposed": lambda x: x.t(),
    "one": lambda x: x[0, 0],
}


@pytest.mark.parametrize("view", VIEWS)
@given(own=st.sampled_from(DTYPES), other=st.sampled_from(DTYPES), data=st.data())
def test_both_see_one_memory(view: str, device: str, own: Any, other: Any, data: st.DataObject) -> None:
    if device == "webgpu":
        pytest.skip("a kernel for every pair of dtypes takes a software GPU minutes; the mechanism knows nothing of devices")
    x = torch.arange(24).reshape(3, 8).to(own)
    mine = to_flambeau(x, device)
    try:
        seen = VIEWS[view](x).view(other)
    except RuntimeError as error:
        with pytest.raises(RuntimeError) as found:
            VIEWS[view](mine).view(dtype_of(other))
        assert str(found.value) == str(error)
        return
    my_seen = VIEWS[view](mine).view(dtype_of(other))
    assert my_seen.stride() == seen.stride() and my_seen.storage_offset() == seen.storage_offset()
    for _ in range(2):
        if data.draw(st.booleans()):
            seen.fill_(1), my_seen.fill_(1)
        else:
            x[1].fill_(3), mine[1].fill_(3)
        for a, b in ((mine, x), (my_seen, seen)):
            assert torch.equal(
                to_torch(a).view(torch.uint8) if b.dim() else to_torch(a), b.contiguous().view(torch.uint8) if b.dim() else b
            )


def test_writes_count() -> None:
    x = flambeau.ones(2, requires_grad=True)
    y = x * 2
    z = y.exp()
    y.detach().view(flambeau.int32).zero_()
    assert z._version == 0 and y._version == 1
    w = x * 3
    product = w * w
    w.detach().view(flambeau.int32).zero_()
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        product.sum().backward()
