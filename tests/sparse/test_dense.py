"""Dense tensors answer what sparse ones are asked as PyTorch's do; what would make blocks says that there are none."""

from __future__ import annotations

import pytest
import torch

import flambeau
from tests.helpers.oracle import to_flambeau

DENSE = ["coalesce", "is_coalesced", "indices", "values", "crow_indices", "col_indices", "ccol_indices", "row_indices"]


@pytest.mark.parametrize("name", DENSE)
def test_questions_for_sparse_tensors(name: str) -> None:
    with pytest.raises(RuntimeError) as theirs:
        getattr(torch.ones(2), name)()
    with pytest.raises(RuntimeError) as mine:
        getattr(flambeau.ones(2), name)()
    assert str(mine.value) == str(theirs.value)


def test_a_dense_tensor_is_dense(device: str) -> None:
    x = to_flambeau(torch.ones(2, 3), device)
    assert x.to_dense() is x and x.to_dense(flambeau.float16).dtype is flambeau.float16
    assert (x.sparse_dim(), x.dense_dim()) == (0, 2) and not x.is_sparse


@pytest.mark.parametrize("name", ["sparse_bsr_tensor", "sparse_bsc_tensor", "Tensor.to_sparse_bsr", "Tensor.to_sparse_bsc"])
def test_what_makes_blocks_says_that_there_are_none(name: str) -> None:
    place, _, last = name.rpartition(".")
    found = getattr(getattr(flambeau, place) if place else flambeau, last)
    with pytest.raises(NotImplementedError, match=f"{last}: .*no blocks"):
        found(flambeau.ones(2, 2), (1, 1))
