"""Positions outside a dimension: refused with PyTorch's error, at the call or at the latest when a value is looked at."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import flambeau
from tests.helpers.oracle import check, compare, to_flambeau

OPERATORS: dict[str, Callable[..., Any]] = {
    "gather": lambda t, x, i: t.gather(x, 0, i.reshape(1, 1)),
    "scatter": lambda t, x, i: x.scatter(0, i.reshape(1, 1), 1.0),
    "scatter_add": lambda t, x, i: x.scatter_add(0, i.reshape(1, 1), x),
    "index_select": lambda t, x, i: x.index_select(0, i),
    "index_add": lambda t, x, i: x.index_add(0, i, x[:1]),
    "index_add of a vector": lambda t, x, i: x[:, 0].index_add(0, i, x[:1, 0]),
    "index_copy": lambda t, x, i: x.index_copy(0, i, x[:1]),
    "index_fill": lambda t, x, i: x.index_fill(0, i, 1.0),
    "take": lambda t, x, i: x.take(i),
    "put": lambda t, x, i: x.put(i, x[0, :1]),
    "index": lambda t, x, i: x[i],
    "index of the second dimension": lambda t, x, i: x[i * 0, i],
    "index_put": lambda t, x, i: x.index_put((i,), x[0]),
    "embedding": lambda t, x, i: t.nn.functional.embedding(i, x),
    "cross_entropy": lambda t, x, i: t.nn.functional.cross_entropy(x[:1], i),
    "nll_loss": lambda t, x, i: t.nn.functional.nll_loss(x[:1], i),
    "multi_margin_loss": lambda t, x, i: t.nn.functional.multi_margin_loss(x[:1], i),
}


@pytest.mark.parametrize("name", OPERATORS)
@given(position=st.integers(-14, 14))
def test_positions(name: str, device: str, position: int) -> None:
    x, index = torch.arange(12.0).reshape(4, 3), torch.tensor([position])
    mine_x, mine_index = to_flambeau(x, device), to_flambeau(index, device)
    try:
        expected = OPERATORS[name](torch, x, index)
    except (IndexError, RuntimeError) as error:
        with pytest.raises((IndexError, RuntimeError)) as found:
            OPERATORS[name](flambeau, mine_x, mine_index).tolist()
        assert str(found.value) == str(error) or "INDICES element" in str(error)
        assert type(found.value) is type(error) or "INDICES element" in str(error)
        return
    compare(OPERATORS[name](flambeau, mine_x, mine_index), expected)


@pytest.mark.parametrize("reduce", ["prod", "mean", "amax", "amin"])
def test_one_number_reduced_at_a_strided_index(device: str, reduce: str) -> None:
    index = torch.zeros(2, dtype=torch.int64)[::2]
    args = torch.tensor(3.0), 0, index, torch.tensor(2.0), reduce
    check(flambeau.index_reduce, torch.index_reduce, args, device=device)


@pytest.mark.parametrize("shape", [(1, 3), (2, 1), (1, 1), (3,)])
def test_filling_expanded_tensors(device, shape):
    """Elements that share memory are written once: filled if any of them is to be."""
    mask = torch.tensor([[True, False, False], [False, False, True]])
    calls = [
        lambda x, t: x.masked_fill_(t(mask), 7.0),
        lambda x, t: x.masked_fill_(t(mask[:1]), 7.0),
        lambda x, t: x.index_fill_(0, t(torch.tensor([1])), 7.0),
        lambda x, t: x.index_fill_(-1, t(torch.tensor([-1, 0])), 7.0),
        lambda x, t: x.index_fill_(0, t(torch.tensor([], dtype=torch.int64)), 7.0),
    ]
    for call in calls:
        found = []
        for convert in (lambda t: t, lambda t: to_flambeau(t, device)):
            own = convert(torch.arange(float(math.prod(shape))).reshape(shape))
            with pytest.warns(UserWarning, match="on expanded tensors is deprecated"):
                result = call(own.expand(2, 3), convert)
            found.append((own.tolist(), result.tolist()))
        assert found[0] == found[1]
    with pytest.warns(UserWarning), pytest.raises(IndexError, match="out of bounds"):
        to_flambeau(torch.zeros(1, 3), device).expand(2, 3).index_fill_(0, to_flambeau(torch.tensor([2]), device), 1.0).tolist()


@pytest.mark.parametrize("fraction", [0.0, 1e-4, 0.01, 0.04])
def test_few_positions_of_many(device, fraction):
    mask = torch.rand(1 << 15, generator=torch.Generator().manual_seed(1)) < fraction
    mask[-1] = True
    assert to_flambeau(mask, device).nonzero(as_tuple=True)[0].tolist() == mask.nonzero(as_tuple=True)[0].tolist()
    numbers = mask.int().cumsum(0)
    found = to_flambeau(numbers, device).unique_consecutive(return_counts=True)
    assert [t.tolist() for t in found] == [t.tolist() for t in numbers.unique_consecutive(return_counts=True)]
