"""Writes `conv2d.json`: PyTorch's results of a convolution and its gradients, for the page (it has no PyTorch) to compare with.

python tests/browser/expected.py
"""

from __future__ import annotations

import json
from pathlib import Path

import torch

CASES = [
    # N, C, H, W, O, kernel, stride, padding, dilation, groups
    (2, 3, 9, 8, 4, 3, 1, 1, 1, 1),
    (1, 4, 10, 10, 6, 3, 2, 1, 1, 2),
    (2, 2, 7, 9, 3, 3, 1, 2, 2, 1),
    (1, 8, 8, 8, 8, 3, 1, 1, 1, 1),
]


def main() -> None:
    generator = torch.Generator().manual_seed(0)
    stored = []
    for n, c, h, w, o, k, stride, padding, dilation, groups in CASES:
        x = torch.randn(n, c, h, w, generator=generator).round(decimals=3).requires_grad_()
        weight = torch.randn(o, c // groups, k, k, generator=generator).round(decimals=3).requires_grad_()
        bias = torch.randn(o, generator=generator).round(decimals=3).requires_grad_()
        y = torch.nn.functional.conv2d(x, weight, bias, stride, padding, dilation, groups)
        (y * y).sum().backward()
        tensors = {"x": x, "weight": weight, "bias": bias, "y": y, "dx": x.grad, "dweight": weight.grad, "dbias": bias.grad}
        stored.append(
            {
                "arguments": [stride, padding, dilation, groups],
                **{
                    name: [list(t.shape), [float(f"{v:.8g}") for v in t.detach().flatten().tolist()]]
                    for name, t in tensors.items()
                },
            }
        )
    Path(__file__).with_name("conv2d.json").write_text(json.dumps(stored, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
