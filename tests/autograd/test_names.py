"""What tape entries are called: PyTorch's names, on `grad_fn`, along `next_functions`, and in printed tensors."""

from __future__ import annotations

from typing import Any

import pytest
import torch

import flambeau

CALLS = """
x + 1 | x * y | x - y | 1 - x | x / 2 | x ** 2 | x ** y | -x | x.abs() | x.exp() | x.log() | x.sqrt() | x.relu() | x.sigmoid()
x.tanh() | x.sum() | x.sum(0) | x.mean() | x.mean(1) | x.max() | x.max(1)[0] | x.amax(0) | x.std() | x.var(0) | x.norm()
x.t() | x.T | x.transpose(0, 1) | x.permute(1, 0) | x.view(6) | x.reshape(3, 2) | x[0] | x[:, 1:] | x[0, 1] | x.unsqueeze(0)
x.squeeze() | x.expand(4, 2, 3) | x.flatten() | x.unbind()[0] | x.split(1)[0] | x.chunk(2)[1] | t.cat([x, y]) | t.stack([x, y])
x @ y.T | t.mm(x, y.T) | t.bmm(x[None], y.T[None]) | x.mv(y[0]) | t.dot(x[0], y[0]) | t.addmm(x, x, y.T @ y) | x.clone()
x.clamp(0, 1) | x.clamp(min=0) | x.masked_fill(x > 1, 0) | t.where(x > 0, x, y) | x.index_select(0, i) | x[i]
x.gather(0, i[None])
x.cumsum(0) | x.sort()[0] | x.topk(1)[0] | x.median() | x.tril() | x.diagonal() | x.flip(0) | x.roll(1) | x.repeat(2, 1)
x.softmax(1) | x.log_softmax(1) | F.gelu(x) | F.silu(x) | F.leaky_relu(x) | F.elu(x) | F.softplus(x) | F.linear(x, y, y[:, 0])
F.linear(x[None], y, y[0, :2]) | F.mse_loss(x, y) | F.l1_loss(x, y) | F.cross_entropy(x, i) | F.nll_loss(x, i)
F.smooth_l1_loss(x, y)
F.binary_cross_entropy_with_logits(x, y) | F.layer_norm(x, (3,)) | F.conv2d(x[None, None], y[None, None]) | F.embedding(i, x)
F.max_pool2d(x[None, None], 2) | F.avg_pool2d(x[None, None], 2) | x.double()
""".replace("\n", "|").split("|")
CALLS = [call.strip() for call in CALLS if call.strip()]


def _run(t: Any, call: str) -> Any:
    x = t.tensor([[0.5, 1.5, 2.5], [3.5, 4.5, 5.5]], requires_grad=True)
    y = t.tensor([[1.5, 0.5, 1.5], [2.5, 1.0, 0.5]], requires_grad=True)
    return eval(call, {"t": t, "F": t.nn.functional, "x": x, "y": y, "i": t.tensor([0, 1])})


@pytest.mark.parametrize("call", CALLS)
def test_name_of_an_entry(call: str) -> None:
    expected, found = _run(torch, call).grad_fn, _run(flambeau, call).grad_fn
    assert type(found).__name__ == type(expected).__name__ == found.name()


def test_names_along_the_tape() -> None:
    def names(function: Any) -> list[Any]:
        return [type(function).__name__, *(names(f) for f, _ in function.next_functions if f is not None)]

    for call in ("((x + y).exp() * x).sum()", "(x @ y.T).relu().mean()"):
        assert names(_run(flambeau, call).grad_fn) == names(_run(torch, call).grad_fn)


def test_names_after_writes() -> None:
    def run(t: Any) -> list[str]:
        x = t.ones(2, 2, requires_grad=True)
        y = x * 2
        names = []
        for write in (lambda: y.add_(1), lambda: y.__setitem__(0, 3), lambda: y.copy_(x), lambda: y.view(-1).mul_(2)):
            write()
            names.append(type(y.grad_fn).__name__)
        return names

    assert run(flambeau) == run(torch)
