"""Linear, embeddings, distances, attention, dropout against PyTorch."""

from __future__ import annotations

import sys

import pytest
import torch

import flambeau
from flambeau.nn import functional
from tests.functional.comparison import Cases, assert_same, integers, mirror, normal, run_cases


def products(cases: Cases) -> None:
    cases("linear", normal(5, 3), normal(4, 3), normal(4))
    cases("linear", normal(2, 5, 3), normal(4, 3))
    cases("linear", normal(2, 5, 3), normal(4, 3), normal(4))
    cases("linear", normal(3), normal(4, 3), normal(4))
    cases("linear", normal(5, 3), normal(3))
    cases("linear", normal(5, 3), normal(3), normal())
    cases("linear", normal(5, 3), normal(4, 2))
    cases("linear", normal(0, 3), normal(4, 3), normal(4))
    cases("linear", normal(5, 3), normal(4, 3), normal(1))
    cases("linear", normal(5, 3), normal(4, 3), normal(3))
    cases("linear", normal(5, 3), normal(4, 3, dtype=torch.float32))
    for dtype in (torch.float32, torch.float16, torch.bfloat16):
        cases("linear", normal(5, 4, dtype=dtype), normal(3, 4, dtype=dtype), normal(3, dtype=dtype), second=False)
    cases("bilinear", normal(5, 3), normal(5, 2), normal(4, 3, 2), normal(4))
    cases("bilinear", normal(5, 2, 3), normal(5, 2, 2), normal(4, 3, 2))
    cases("bilinear", normal(5, 3), normal(5, 2), normal(4, 2, 2))


def tables(cases: Cases) -> None:
    cases("embedding", integers(5, 2, 3), normal(5, 4))
    cases("embedding", integers(5, 2, 3), normal(5, 4), padding_idx=2)
    cases("embedding", integers(5, 2, 3), normal(5, 4), padding_idx=-1)
    cases("embedding", integers(5, 2, 3), normal(5, 4), padding_idx=5)
    cases("embedding", integers(5, 2, 3), normal(5, 4), scale_grad_by_freq=True, second=False)
    cases("embedding", integers(5, 3).int(), normal(5, 4))
    cases("embedding", integers(5, 3), normal(5, 4, grad=False), max_norm=0.5)
    cases("embedding", normal(3), normal(5, 4))
    cases("embedding", integers(5, 3) + 5, normal(5, 4))
    cases("one_hot", integers(5, 2, 3))
    cases("one_hot", integers(5, 2, 3), 7)
    cases("one_hot", torch.tensor([0, 3]), 2)
    cases("one_hot", torch.tensor([0, -3]))
    offsets = torch.tensor([0, 2, 2, 5])
    for mode in ("sum", "mean", "max"):
        cases("embedding_bag", integers(5, 2, 3), normal(5, 4), mode=mode, second=False)
        cases("embedding_bag", integers(5, 7), normal(5, 4), offsets, mode=mode, second=False)
        cases("embedding_bag", integers(5, 7), normal(5, 4), offsets, mode=mode, padding_idx=1, second=False)
        ends = torch.tensor([0, 2, 2, 7])
        cases("embedding_bag", integers(5, 7), normal(5, 4), ends, mode=mode, include_last_offset=True, second=False)
    cases("embedding_bag", integers(5, 7), normal(5, 4), offsets, mode="sum", per_sample_weights=normal(7), second=False)
    cases("embedding_bag", integers(5, 7), normal(5, 4), offsets + 1)
    cases("embedding_bag", integers(5, 7), normal(5, 4), offsets, mode="median")


def distances(cases: Cases) -> None:
    cases("cosine_similarity", normal(3, 4), normal(3, 4))
    cases("cosine_similarity", normal(3, 4), normal(1, 4), 0)
    cases("pairwise_distance", normal(3, 4), normal(3, 4))
    cases("pairwise_distance", normal(3, 4), normal(4), 1, keepdim=True)
    cases("pdist", normal(4, 3), second=False)
    cases("pdist", normal(4, 3), 1.0, second=False)
    cases("pdist", normal(1, 3), second=False)
    for order in (0.0, 1.0, float("inf")):
        cases("pdist", normal(3, 0), order, second=False)
    cases("pdist", normal(3), second=False)


def attention(cases: Cases) -> None:
    name = "scaled_dot_product_attention"
    q, k, v = normal(2, 4, 3, 5), normal(2, 4, 6, 5), normal(2, 4, 6, 7)
    cases(name, q, k, v)
    cases(name, q, k, v, is_causal=True)
    cases(name, q, k, v, normal(3, 6, grad=False))
    cases(name, q, k, v, torch.rand(3, 6) > 0.3)
    cases(name, q, normal(2, 2, 6, 5), normal(2, 2, 6, 7), enable_gqa=True, scale=0.3)
    cases(name, q, k, v, torch.rand(3, 6) > 0.3, is_causal=True)
    cases(name, q, normal(2, 4, 6, 4), v)
    name, width, heads = "multi_head_attention_forward", 8, 2
    for extra in (False, True):
        biases = (normal(1, 1, width), normal(1, 1, width)) if extra else (None, None)
        for mask in (None, normal(5, 5, grad=False), torch.rand(5, 5) > 0.7):
            padding = torch.tensor([[False] * 5, [False] * 4 + [True]]) if extra else None
            cases(
                name, normal(5, 2, width), normal(5, 2, width), normal(5, 2, width), width, heads, normal(3 * width, width),
                normal(3 * width), *biases, extra, 0.0, normal(width, width), normal(width), key_padding_mask=padding,
                attn_mask=mask,
            )  # fmt: skip
    for mask in (None, normal(5, 5, grad=False), torch.rand(4, 5, 5) > 0.7):  # PyTorch's kernel has no second derivative
        cases(
            name, normal(5, 2, width), normal(5, 2, width), normal(5, 2, width), width, heads, normal(3 * width, width),
            normal(3 * width), None, None, False, 0.0, normal(width, width), normal(width), need_weights=False, attn_mask=mask,
            second=False,
        )  # fmt: skip
    same = normal(5, width)
    cases(
        name, same, same, same, width, heads, normal(3 * width, width), normal(3 * width), None, None, False, 0.0,
        normal(width, width), normal(width), average_attn_weights=False,
    )  # fmt: skip


@pytest.mark.parametrize("build", [products, tables, distances, attention])
def test_values_and_gradients(build, device):
    run_cases(build, device)


def rows_of_attention(cases: Cases) -> None:
    name = "scaled_dot_product_attention"
    for rows, columns in ((9, 9), (9, 5), (5, 9)):
        q, k, v = normal(2, rows, 3), normal(2, columns, 3), normal(2, columns, 4)
        cases(name, q, k, v)
        cases(name, q, k, v, is_causal=True)
        for mask in (normal(rows, columns, grad=False), torch.rand(2, 1, columns) > 0.5, torch.rand(2, rows, 1) > 0.3):
            cases(name, q, k, v, mask)
        cases(name, q, k, v, normal(columns, grad=False))


def test_attention_some_rows_at_a_time(device, monkeypatch):
    attention = sys.modules["flambeau.nn.functional.attention"]
    monkeypatch.setattr(attention, "is_fusible", lambda *_: False)
    monkeypatch.setattr(attention, "_CAUSAL_ROWS", 4)
    monkeypatch.setattr(attention, "_FEWEST", 0)
    monkeypatch.setattr(attention, "_MOST", 1)
    run_cases(rows_of_attention, device)


def test_embedding_renormalises_the_rows_it_reads(device):
    weight = normal(5, 4, grad=False)
    mine = mirror(weight, device)
    indices = torch.tensor([1, 3])
    torch.nn.functional.embedding(indices, weight, max_norm=0.5)
    functional.embedding(mirror(indices, device), mine, max_norm=0.5)
    assert_same(mine, weight, "weight", 1e5)  # PyTorch adds 1e-7 to the norm


@pytest.mark.parametrize("name", ["dropout", "alpha_dropout", "feature_alpha_dropout", "dropout1d", "dropout2d", "dropout3d"])
def test_dropout(name, device):
    """Zero at the given rate, mean kept, whole channels where it says so; the gradient passes where the value did."""
    flambeau.manual_seed(0)
    function = getattr(functional, name)
    rank = {"dropout1d": 1, "dropout2d": 2, "dropout3d": 3}.get(name, 2)
    x = (flambeau.rand(64, 64, *(2,) * rank, device=device) + 1).requires_grad_()
    y = function(x, 0.25, training=True)
    y.sum().backward()
    dropped = x.grad == 0
    assert abs(dropped.float().mean().item() - 0.25) < 0.02
    if name not in ("dropout", "alpha_dropout"):
        by_channel = dropped.flatten(2)
        assert bool((by_channel.all(2) | ~by_channel.any(2)).all())
    if "alpha" not in name:
        assert flambeau.allclose(y, (x / 0.75).masked_fill(dropped, 0))
    assert functional.dropout(x, 0.5, training=False) is x
    assert function(x, 0.0, training=True).tolist() == pytest.approx(x.tolist()) if rank == 0 else True
    assert not bool(functional.dropout(x, 1.0).any())
    with pytest.raises(ValueError, match=r"dropout probability has to be between 0 and 1, but got 1\.5"):
        function(x, 1.5)
    again = function(x, 0.25, training=True)
    assert not flambeau.equal(y, again)
    flambeau.manual_seed(0)
    flambeau.rand(64, 64, *(2,) * rank, device=device)
    assert flambeau.equal(function(x, 0.25, training=True), y)


def test_dropout_of_nothing_is_the_input(device):
    """So that a softmax whose result is dropped from in place, with p = 0, keeps its gradient."""
    x = flambeau.ones(2, 3, 4, 5, requires_grad=True, device=device)
    y = x.softmax(-1)
    for name in ("dropout", "alpha_dropout", "feature_alpha_dropout", "dropout2d"):
        assert getattr(functional, name)(y, 0.0, True, True) is y and getattr(functional, name)(y, 0.0, True) is y
    empty = flambeau.ones(0, 3, device=device)
    assert functional.dropout(empty) is empty and y._version == 0
    y.sum().backward()


def test_dropout_in_place(device):
    x = flambeau.ones(1000, device=device)
    assert functional.dropout(x, 0.5, inplace=True) is x
    assert set(x.tolist()) == {0.0, 2.0}
