"""Embeddings with sparse gradients, and the optimizers that take them, against PyTorch."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import flambeau
from tests.sparse.both import LIBRARIES, same

OPTIMIZERS: list[tuple[str, dict[str, Any]]] = [
    ("SGD", {"lr": 0.1}), ("SGD", {"lr": 0.1, "maximize": True}), ("Adagrad", {"lr": 0.1, "lr_decay": 0.01}),
    ("SparseAdam", {"lr": 0.1, "betas": (0.8, 0.9)}), ("SparseAdam", {"lr": 0.1, "maximize": True}),
]  # fmt: skip


def _table(library: Any, padding: int | None = None) -> Any:
    table = library.nn.Embedding(6, 3, padding_idx=padding, sparse=True)
    with library.no_grad():
        table.weight.copy_(library.arange(18.0).reshape(6, 3) / 7 - 1)
    return table


@pytest.mark.parametrize("padding", [None, 2])
def test_the_gradient_holds_the_rows_that_were_looked_up(padding: int | None) -> None:
    found = []
    for library in LIBRARIES:
        table = _table(library, padding)
        (table(library.tensor([[0, 2], [2, 5]])) ** 2).sum().backward()
        found.append(table.weight.grad)
    same(found[1], found[0])
    assert found[1]._nnz() == found[0]._nnz() and found[1].is_coalesced() == found[0].is_coalesced()


@pytest.mark.parametrize(("name", "options"), OPTIMIZERS)
def test_optimizers_move_those_rows(name: str, options: dict[str, Any]) -> None:
    found = []
    for library in LIBRARIES:
        table = _table(library)
        optimizer = getattr(library.optim, name)(table.parameters(), **options)
        for rows in ([0, 2, 2], [1], [5, 0], [2], [3, 3, 4]):
            optimizer.zero_grad()
            (table(library.tensor(rows)) ** 2).sum().backward()
            optimizer.step()
        state = optimizer.state_dict()["state"].get(0, {})
        kept = [np.asarray(state[key].tolist()).ravel() for key in sorted(state) if key != "step" and state[key] is not None]
        found.append([np.asarray(table.weight.tolist()).ravel(), *kept])
    for mine, theirs in zip(found[1], found[0], strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-5, atol=1e-7)


def test_a_row_with_a_gradient_of_zero_is_one_that_has_one() -> None:
    found = []
    for library in LIBRARIES:
        table = _table(library)
        optimizer = library.optim.SparseAdam(table.parameters(), lr=0.1)
        for factor in (1.0, 0.0):
            optimizer.zero_grad()
            (table(library.tensor([1])) * factor).sum().backward()
            optimizer.step()
        found.append(table.weight.tolist())
    np.testing.assert_allclose(found[1], found[0], rtol=1e-5)


@pytest.mark.parametrize("name", ["Adam", "AdamW", "RMSprop"])
def test_other_optimizers_refuse_sparse_gradients(name: str) -> None:
    for library in LIBRARIES:
        table = _table(library)
        table(library.tensor([1])).sum().backward()
        with pytest.raises(RuntimeError, match="does not support sparse gradients"):
            getattr(library.optim, name)(table.parameters()).step()


def test_sparse_adam_refuses_dense_gradients() -> None:
    for library in LIBRARIES:
        weight = library.ones(2, requires_grad=True)
        weight.sum().backward()
        with pytest.raises(RuntimeError, match="SparseAdam does not support dense gradients, please consider Adam instead"):
            library.optim.SparseAdam([weight]).step()


def test_a_table_that_is_computed_gets_a_gradient_too() -> None:
    weight = flambeau.ones(3, 2, requires_grad=True)
    flambeau.nn.functional.embedding(flambeau.tensor([0, 0, 2]), weight * 2, sparse=True).sum().backward()
    assert weight.grad.tolist() == [[4.0, 4.0], [0.0, 0.0], [2.0, 2.0]]
