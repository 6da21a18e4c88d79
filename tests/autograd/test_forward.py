"""Forward mode: tangents of results, as PyTorch's."""

from __future__ import annotations

import pytest
import torch
import torch.autograd.forward_ad as theirs

import flambeau
from flambeau.autograd import forward_ad as ours
from tests.helpers.oracle import compare, to_flambeau

FUNCTIONS = {
    "linear": lambda t, a: a * 2,
    "product": lambda t, a: (a.sin() @ a.mT).exp(),
    "softmax": lambda t, a: a.softmax(1)[1],
    "in place": lambda t, a: (a * a).add_(a),
    "complex": lambda t, a: t.fft.fft(a).abs(),
    "sum": lambda t, a: a.sum(),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_tangents(device: str, name: str) -> None:
    generator = torch.Generator().manual_seed(0)
    x, v = (torch.randn(3, 4, generator=generator) for _ in range(2))
    found = []
    for t, mode in ((flambeau, ours), (torch, theirs)):
        primal, tangent = (to_flambeau(a, device) if t is flambeau else a for a in (x, v))
        with mode.dual_level():
            y = FUNCTIONS[name](t, mode.make_dual(primal, tangent))
            found.append(mode.unpack_dual(y))
            assert mode.unpack_dual(primal).tangent is None
    for mine, expected in zip(*found):
        compare(mine, expected, factor=20, layout=False)


def test_tangents_beside_gradients(device: str) -> None:
    """What has a tangent may have a gradient, too."""
    for t, mode in ((flambeau, ours), (torch, theirs)):
        w = t.tensor([3.0], device=device if t is flambeau else "cpu", requires_grad=True)
        with mode.dual_level():
            y = mode.make_dual(w, t.ones_like(w)) ** 3
            tangent = mode.unpack_dual(y).tangent
        assert tangent.tolist() == [27] and t.autograd.grad(tangent.sum(), w)[0].tolist() == [18]


def test_levels_end() -> None:
    for t, mode in ((flambeau, ours), (torch, theirs)):
        one = t.ones(2)
        with pytest.raises(RuntimeError, match="no level exists"):
            mode.make_dual(one, one)
        with mode.dual_level():
            dual = mode.make_dual(one, one)
            with pytest.raises(RuntimeError, match="Nested forward mode"):
                mode.enter_dual_level()
            with pytest.raises(RuntimeError, match="different size"):
                mode.make_dual(one, t.ones(3))
            with pytest.raises(ValueError, match="floating point"):
                mode.make_dual(t.ones(2, dtype=t.int64), one)
        assert mode.unpack_dual(dual).tangent is None
        with pytest.raises(RuntimeError, match=r"forward AD level|Dual level"):
            mode.exit_dual_level()
