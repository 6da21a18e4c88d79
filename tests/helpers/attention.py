"""Cases of attention, and their check against PyTorch: values and gradients.

Shapes that don't fill blocks, masks, views, halves.
"""

from __future__ import annotations

from typing import Any

import torch
from hypothesis import strategies as st

import flambeau.nn.functional as F
from tests.helpers.oracle import compare, supports, to_flambeau

__all__ = ["cases", "check"]

MASKS = ("none", "causal", "bool", "blind", "float", "keys", "row")


def _mask(kind: str, batch: Any, rows: int, columns: int, dtype: Any) -> Any:
    if kind == "bool":
        return torch.rand(rows, columns) > 0.3
    if kind == "blind":
        mask = torch.rand(*batch, rows, columns) > 0.3
        mask[..., 1, :] = False
        return mask
    if kind == "float":
        return torch.randn(*batch, rows, columns).to(dtype)
    if kind == "keys":
        return torch.rand(*batch[:1], *(1,) * (len(batch) - 1), 1, columns) > 0.2
    if kind == "row":
        return torch.randn(columns).to(dtype)
    return None


@st.composite
def cases(draw: Any) -> Any:
    dtype = draw(st.sampled_from((torch.float32,) * 3 + (torch.float64, torch.float16, torch.bfloat16)))
    batch = draw(st.sampled_from(((), (3,), (2, 2), (1, 2, 1))))
    rows, columns = (draw(st.sampled_from((8, 15, 33, 64, 70, 129))) for _ in range(2))
    width, value_width = draw(st.sampled_from(((4, 4), (5, 7), (16, 16), (20, 33), (64, 64))))
    turned = draw(st.booleans()) and len(batch) > 0
    return dtype, batch, (rows, columns, width, value_width), draw(st.sampled_from(MASKS)), turned, draw(st.integers(0, 99))


def _operand(shape: Any, dtype: Any, turned: bool) -> Any:
    t = torch.randn(shape).to(dtype)
    return t.transpose(-2, -3).contiguous().transpose(-2, -3) if turned else t


def check(device: str, case: Any) -> None:
    """Compares value and gradients of one of `cases` with PyTorch's."""
    dtype, batch, (rows, columns, width, value_width), kind, turned, seed = case
    if not supports(device, dtype):
        return
    torch.manual_seed(seed)
    shapes = (rows, width), (columns, width), (columns, value_width)
    theirs = [_operand((*batch, *s), dtype, turned).requires_grad_() for s in shapes]
    gradient = torch.randn(*batch, rows, value_width).to(dtype)
    mask = _mask(kind, batch, rows, columns, dtype)
    mine = [to_flambeau(t, device) for t in theirs]
    with torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH):
        # PyTorch's fused kernel accumulates the gradients of halves in halves
        wide = torch.float32 if dtype.itemsize == 2 else dtype
        operands = [t.detach().to(wide).requires_grad_() for t in theirs]
        added = mask if mask is None or mask.dtype is torch.bool else mask.to(wide)
        expected = torch.nn.functional.scaled_dot_product_attention(*operands, attn_mask=added, is_causal=kind == "causal")
        expected.backward(gradient.to(wide))
    found = F.scaled_dot_product_attention(
        *mine, attn_mask=None if mask is None else to_flambeau(mask, device), is_causal=kind == "causal"
    )
    found.backward(to_flambeau(gradient, device))
    compare(found, expected.to(dtype), "result", 30, layout=False)
    for name, a, b in zip(("query", "key", "value"), mine, operands):
        compare(a.grad, b.grad.to(dtype), f"{name}'s gradient", 100, layout=False)
