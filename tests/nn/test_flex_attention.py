"""`flex_attention`: scores that a function changes, positions that a function allows."""

from __future__ import annotations

import importlib

import numpy as np
import pytest
import torch

import flambeau

RANDOM = np.random.RandomState(3)
DATA = [RANDOM.randn(2, 4, 10, 6).astype("float32") for _ in range(3)]
BIAS, DOCUMENTS = RANDOM.randn(4).astype("float32"), RANDOM.randint(0, 3, (2, 10))


def changes(m, bias):
    """Functions of scores."""
    documents = m.from_numpy(DOCUMENTS)
    return [
        lambda s, b, h, q, k: s + bias[h] * (q - k),
        lambda s, b, h, q, k: m.where(documents[b, q] == documents[b, k], s, -float("inf")),
        lambda s, b, h, q, k: 5 * m.tanh(s / 5),
    ]


def masks(m, flex):
    """Block masks: causal; causal within documents, where some queries see nothing."""
    documents = m.from_numpy(DOCUMENTS)
    apart = flex.and_masks(lambda b, h, q, k: q > k, lambda b, h, q, k: documents[b, q] == documents[b, k])
    return [
        flex.create_block_mask(lambda b, h, q, k: q >= k, None, None, 10, 10, device="cpu", BLOCK_SIZE=4),
        flex.create_block_mask(apart, 2, None, 10, 10, device="cpu", BLOCK_SIZE=(4, 3)),
    ]


def forward(m):
    flex = importlib.import_module(f"{m.__name__}.nn.attention.flex_attention")
    q, k, v, bias = map(m.from_numpy, (*DATA, BIAS))
    found = [flex.flex_attention(q, k[:, :2], v[:, :2], enable_gqa=True, scale=0.3)]
    for change in (None, *changes(m, bias)):
        for mask in (None, *masks(m, flex)):
            found += flex.flex_attention(q, k, v, score_mod=change, block_mask=mask, return_lse=True)
    for mask in masks(m, flex):
        found += [mask.to_dense(), m.tensor(mask.sparsity()), m.tensor(mask.shape), m.tensor(mask.numel())]
    either = flex.or_masks(lambda b, h, q, k: q > k, lambda b, h, q, k: h == k)
    return [t.numpy() for t in (*found, flex.create_mask(either, None, 4, 5, 6, device="cpu"))]


def test_forward():
    ours, theirs = forward(flambeau), forward(torch)
    assert len(ours) == len(theirs)
    for a, b in zip(ours, theirs):
        assert a.shape == b.shape and a.dtype == b.dtype
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)


def test_gradients():
    """PyTorch has no gradient of it on the CPU: the formula, written out in its operators, is the oracle."""
    flex = importlib.import_module("flambeau.nn.attention.flex_attention")
    q, k, v, bias = (flambeau.tensor(a, requires_grad=True) for a in (*DATA, BIAS))
    result = flex.flex_attention(q, k, v, score_mod=changes(flambeau, bias)[0], block_mask=masks(flambeau, flex)[0])
    (result**2).sum().backward()
    tq, tk, tv, tbias = (torch.tensor(a, requires_grad=True) for a in (*DATA, BIAS))
    distance = torch.arange(10)[:, None] - torch.arange(10)
    scores = tq @ tk.mT / 6**0.5 + tbias[:, None, None] * distance
    ((scores.masked_fill(distance < 0, -torch.inf).softmax(-1) @ tv) ** 2).sum().backward()
    for ours, theirs in zip((q, k, v, bias), (tq, tk, tv, tbias)):
        np.testing.assert_allclose(ours.grad.numpy(), theirs.grad.numpy(), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("m", [flambeau, torch], ids=["flambeau", "torch"])
def test_errors(m):
    flex = importlib.import_module(f"{m.__name__}.nn.attention.flex_attention")
    q, k, v = map(m.from_numpy, DATA)
    with pytest.raises(ValueError, match="same number of heads but got Hq=4 and Hkv=2"):
        flex.flex_attention(q, k[:, :2], v[:, :2])
    with pytest.raises(ValueError, match="but got q_len=5 and kv_len=10"):
        flex.flex_attention(q[:, :, :5], k, v, block_mask=masks(m, flex)[0])
    with pytest.raises(NotImplementedError, match="must be 4D tensors"):
        flex.flex_attention(q[0], k, v)
    with pytest.raises(RuntimeError, match="callable mask_mods"):
        flex.and_masks(3)
