"""Counts of elements on the tape: what PyTorch has no derivative for says so in the backward pass."""

from __future__ import annotations

from typing import Any

import pytest
import torch

import flambeau

CALLS = """
m.histogram(x, 3)[0] | m.histogram(x, 3)[1] | m.histogram(x, m.tensor([0.0, 1.0, 2.0]))[0] | m.histogram(d, 3, weight=x)[0]
m.histogramdd(x[:, None], [3])[0] | m.histogramdd(x[:, None], [3])[1][0] | m.bincount(m.tensor([0, 1, 2]), x)
m.histogram(d, 3)[0]
m.histogramdd(x[:, None], [m.tensor([0.0, 1.0])])[0] | m.histogramdd(x[:, None], [m.tensor([0.0, 1.0])])[1][0]
""".replace("\n", "|").split("|")


@pytest.mark.parametrize("call", [call.strip() for call in CALLS if call.strip()])
def test_gradients(call: str) -> None:
    def run(m: Any) -> Any:
        x = m.tensor([0.0, 1.0, 2.0], requires_grad=True)
        result = eval(call, {"m": m, "x": x, "d": x.detach()})
        if not result.requires_grad:
            return result.tolist()
        with pytest.raises(RuntimeError) as caught:
            result.sum().backward()
        return str(caught.value), result.tolist()

    assert run(flambeau) == run(torch)
