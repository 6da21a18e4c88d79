"""Sparse tensors in both libraries, and whether they are the same."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from hypothesis import strategies as st

import flambeau
from tests.helpers.oracle import to_flambeau, to_torch

__all__ = ["LIBRARIES", "agree", "drawn", "lines", "outcome", "same", "translated"]

LIBRARIES = (torch, flambeau)


def lines(text: str) -> list[str]:
    """The lines of a text, each an example."""
    return text.split("\n")


def translated(t: Any, device: str) -> Any:
    """PyTorch's tensor, of any layout, as flambeau's; other values as they are."""
    if not isinstance(t, torch.Tensor):
        return t
    if t.layout is torch.strided:
        return to_flambeau(t, device)
    plain = t.detach()
    if t.layout is torch.sparse_coo:
        parts = to_flambeau(plain._indices(), device), to_flambeau(plain._values(), device)
        made = flambeau.sparse_coo_tensor(*parts, tuple(t.shape), is_coalesced=t.is_coalesced())
    else:
        parts = to_flambeau(plain.crow_indices(), device), to_flambeau(plain.col_indices(), device)
        made = flambeau.sparse_csr_tensor(*parts, to_flambeau(plain.values(), device), tuple(t.shape))
    return made.requires_grad_(t.requires_grad)


def same(mine: Any, theirs: Any, places: bool = True) -> None:
    """Checks that a result is PyTorch's: layout, shape, dtype, elements, and (`places`) which are there, though they be zero."""
    if isinstance(theirs, (tuple, list)):
        assert len(mine) == len(theirs)
        for m, t in zip(mine, theirs):
            same(m, t, places)
        return
    if not isinstance(theirs, torch.Tensor):
        assert mine == theirs
        return
    assert str(mine.layout) == str(theirs.layout)
    assert tuple(mine.shape) == tuple(theirs.shape) and str(mine.dtype) == str(theirs.dtype)
    if theirs.layout is torch.strided:
        _equal(mine, theirs)
        return
    assert type(mine) is flambeau.Tensor
    if theirs.is_sparse:
        assert (mine.sparse_dim(), mine.dense_dim()) == (theirs.sparse_dim(), theirs.dense_dim())
        if places:
            _equal(mine.coalesce().indices(), theirs.coalesce().indices())
    _equal(mine.detach().to_dense(), theirs.detach().to_dense())


def _equal(mine: Any, theirs: torch.Tensor) -> None:
    torch.testing.assert_close(to_torch(mine), theirs.detach(), equal_nan=True)


def outcome(function: Callable[[], Any]) -> Any:
    """The result, or the error."""
    try:
        return function()
    except Exception as error:
        return error


def agree(mine: Any, theirs: Any) -> None:
    """`same`, or an error of the same kind; where PyTorch says that an operator isn't for sparse tensors, so do we."""
    if not isinstance(theirs, Exception):
        if isinstance(mine, Exception):
            raise mine
        same(mine, theirs)
        return
    assert isinstance(mine, Exception), f"PyTorch raises {theirs}"
    assert type(mine).__name__ == type(theirs).__name__, (mine, theirs)
    assert ("Could not run 'aten::" in str(mine)) == ("Could not run 'aten::" in str(theirs)), (mine, theirs)


@st.composite
def drawn(draw: Any, dtype: torch.dtype = torch.float32, dense: int | None = None, rank: int = 2) -> torch.Tensor:
    """A sparse tensor in coordinates: any number of elements, with duplicates, perhaps hybrid, perhaps coalesced."""
    shape = [draw(st.integers(1, 4)) for _ in range(rank)]
    count = draw(st.integers(0, 1)) if dense is None else dense
    shape += [draw(st.integers(1, 3)) for _ in range(count)]
    nnz = draw(st.integers(0, 7))
    generator = torch.Generator().manual_seed(draw(st.integers(0, 10**6)))
    indices = torch.stack([torch.randint(n, (nnz,), generator=generator) for n in shape[:rank]])
    values = torch.randint(-4, 5, (nnz, *shape[rank:]), generator=generator).to(dtype)
    if dtype.is_complex:
        values = values * (1 + 0.5j)
    made = torch.sparse_coo_tensor(indices, values, shape)
    return made.coalesce() if draw(st.booleans()) else made
