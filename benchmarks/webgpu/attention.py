"""Attention on a GPU beside PyTorch's own kernels: `python -m benchmarks.webgpu.attention`.

By the wall, calls one after another and the wait at the end; flambeau's compiled, PyTorch's eager (float32 without TF32, and the
faster of its kernels). Values are compared first. FLAMBEAU_WEBGPU=wgpudawn runs on Dawn.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

import flambeau
from benchmarks.tensors import to_flambeau
from benchmarks.webgpu.figures import Table
from benchmarks.webgpu.networks import THEIRS, milliseconds

__all__ = ["measure"]

CASES = [
    (shape, causal, dtype)
    for shape in ((8, 8, 128, 64), (64, 6, 256, 64), (8, 8, 1024, 64), (1, 8, 4096, 64), (4, 8, 1024, 128))
    for causal in (False, True)
    for dtype in ("float32", "float16")
]


def measure(gradients: bool) -> None:
    """Forward, or forward and gradients, of each case."""
    what = "attention and its gradients" if gradients else "attention"
    table = Table(f"{what}, ms", ["batch, heads, length, width", "", "flambeau", "TFLOP/s", "PyTorch", "ratio", "error"])
    for shape, causal, dtype in CASES:
        torch.manual_seed(0)
        operands = [torch.randn(shape, dtype=getattr(torch, dtype)) for _ in range(3)]
        theirs = [t.to(THEIRS).requires_grad_(gradients) for t in operands]
        mine = [to_flambeau(t).to("webgpu").requires_grad_(gradients) for t in operands]

        def attend(library: Any, operands: Any, causal: bool = causal) -> Any:
            result = library.nn.functional.scaled_dot_product_attention(*operands, is_causal=causal)
            if not gradients:
                return result
            return library.autograd.grad((result * result).sum(), operands)

        compiled = flambeau.compile(lambda *operands: attend(flambeau, operands))
        found, expected = compiled(*mine), attend(torch, theirs)
        pairs = zip(found, expected) if gradients else [(found, expected)]
        error = max(_error(a, b) for a, b in pairs)
        own = milliseconds(lambda c=compiled, m=mine: c(*m), flambeau.synchronize, 0.4)
        other = milliseconds(lambda f=attend, t=theirs: f(torch, t), torch.cuda.synchronize, 0.4)
        n, heads, length, width = shape
        work = 4 * n * heads * length * length * width * (3.5 if gradients else 1) * (0.5 if causal else 1)
        label = f"{dtype}{', causal' if causal else ''}"
        table.row("×".join(map(str, shape)), label, own, work / own / 1e9, other, other / own, f"{error:.1e}")


def _error(a: Any, b: Any) -> float:
    found, expected = a.detach().cpu().float().numpy(), b.detach().cpu().float().numpy()
    return float(np.abs(found - expected).max() / np.abs(expected).max())


if __name__ == "__main__":
    for gradients in (False, True):
        measure(gradients)
