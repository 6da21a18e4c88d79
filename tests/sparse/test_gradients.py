"""Gradients to and through sparse tensors: the same values, and the same kind (sparse or dense), as PyTorch's."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import flambeau
from tests.sparse.both import drawn, lines, same, translated

EXPRESSIONS = lines(
    """s.to_dense()
s.to_dense(masked_grad=False)
torch.mm(s, b)
torch.sparse.mm(s, b)
torch.spmm(s, b)
torch.addmm(o, s, b)
torch.addmm(o, s, b, beta=2, alpha=3)
torch.sparse.addmm(o, s, b)
s.mv(b[:, 0])
s @ b
d + s
d - s
torch.add(d, s, alpha=2)
(s + s * 2).to_dense()
(s - s * 3).to_dense()
(s * s).to_dense()
(s * 2).to_dense()
(s / 2).to_dense()
(-s).to_dense()
(s ** 2).to_dense()
s.abs().to_dense()
s.relu().to_dense()
s.sum()
torch.sparse.sum(s)
torch.sparse.sum(s, 1).to_dense()
s.t().to_dense()
s.clone().to_dense()
s.coalesce().values()
torch.sparse.softmax(s, 1).to_dense()
s.double().to_dense()
torch.sparse.mm(s, s.t()).to_dense()
d.t() @ s
d.sparse_mask(s.detach().coalesce()).to_dense()
(d * 2).to_sparse().to_dense()
torch.nn.functional.linear(s, b.t())"""
)


def _run(code: str, library: Any, s: Any, others: dict[str, Any], is_leaf: bool, is_coalesced: bool) -> list[Any]:
    """The result and the gradients of the sparse tensor (or of its values), and of the dense operands."""
    indices, values = s._indices(), s._values().clone().requires_grad_(not is_leaf)
    x = library.sparse_coo_tensor(indices, values, tuple(s.shape))
    if is_coalesced:
        x = x.coalesce()
    if is_leaf:
        x = x.detach().requires_grad_()
    result = eval(code, {"torch": library, "s": x, **others})
    weights = library.arange(1, 1 + result.numel(), device=result.device).reshape(tuple(result.shape)).to(result.dtype)
    (result * weights).sum().backward()
    return [result.detach(), x.grad if is_leaf else values.grad, *[t.grad for t in others.values()]]


@pytest.mark.parametrize("is_leaf", [False, True])
@pytest.mark.parametrize("code", EXPRESSIONS)
@settings(max_examples=6, deadline=None)
@given(s=drawn(dense=0), is_coalesced=st.booleans())
def test_gradients(code: str, is_leaf: bool, s: torch.Tensor, is_coalesced: bool) -> None:
    rows, columns = s.shape
    plain = {
        "d": torch.arange(1.0, 1 + rows * columns).reshape(rows, columns),
        "b": torch.arange(2.0, 2 + columns * 2).reshape(columns, 2),
        "o": torch.ones(rows, 2),
    }
    theirs = _run(code, torch, s, {k: t.clone().requires_grad_() for k, t in plain.items()}, is_leaf, is_coalesced)
    others = {k: translated(t, "cpu").requires_grad_() for k, t in plain.items()}
    mine = _run(code, flambeau, translated(s, "cpu"), others, is_leaf, is_coalesced)
    for m, t in zip(mine, theirs, strict=True):
        assert (m is None) == (t is None)
        if t is not None:
            same(m, t, places=False)


OF_ROWS = lines(
    """s @ b
torch.sparse.mm(s, b)
s.mv(b[:, 0])
s.to_dense()
s.values()
s.sum()
(s * 2).to_dense()
torch.sparse.mm(s, b, "mean")
torch.sparse.mm(s, b, "amax")
torch.sparse.mm(s, b, "amin")"""
)


@pytest.mark.parametrize("is_leaf", [False, True])
@pytest.mark.parametrize("code", OF_ROWS)
def test_compressed_matrices(code: str, is_leaf: bool) -> None:
    found = []
    for library in (torch, flambeau):
        values = library.tensor([3.0, 4.0, 5.0, -2.0], requires_grad=not is_leaf)
        s = library.sparse_csr_tensor([0, 1, 3, 3, 4], [2, 0, 2, 1], values, (4, 3), requires_grad=is_leaf)
        b = library.arange(6.0).reshape(3, 2).requires_grad_()
        result = eval(code, {"torch": library, "s": s, "b": b})
        (result * result).sum().backward()
        found.append([result.detach(), s.grad if is_leaf else values.grad, b.grad])
    for mine, theirs in zip(found[1], found[0], strict=True):
        assert (mine is None) == (theirs is None)
        if theirs is not None:
            same(mine, theirs)


def test_a_product_of_compressed_matrices_is_one() -> None:
    for library in (torch, flambeau):
        x = library.eye(3).to_sparse_csr()
        assert (x @ x).layout == library.sparse.mm(x, x).layout == library.sparse_csr


def test_a_dense_factor_gets_a_sparse_gradient_where_pytorch_gives_one() -> None:
    for library in (torch, flambeau):
        x, d = library.eye(2).to_sparse(), library.ones(2, 2).requires_grad_()
        (x * d).sum().backward()
        assert d.grad.is_sparse and d.grad.to_dense().tolist() == [[1.0, 0.0], [0.0, 1.0]]
        d = library.ones(2, 2).requires_grad_()
        (x * (d * 3)).sum().backward()
        assert d.grad.to_dense().tolist() == [[3.0, 0.0], [0.0, 3.0]]


def test_gradients_accumulate_in_any_mixture() -> None:
    for library in (torch, flambeau):
        x = library.eye(2).to_sparse().requires_grad_()
        library.sparse.mm(x, library.ones(2, 2)).sum().backward()
        library.sparse.mm(x, library.ones(2, 2)).sum().backward()
        assert x.grad.is_sparse and x.grad.to_dense().tolist() == [[4.0, 0.0], [0.0, 4.0]]
        library.mm(x, library.ones(2, 2)).sum().backward()
        assert not x.grad.is_sparse and x.grad.tolist() == [[6.0, 2.0], [2.0, 6.0]]


OF_VALUES = [
    lambda s, b: s @ b,
    lambda s, b: flambeau.sparse.mm(s, b),
    lambda s, b: (s * s).to_dense(),
    lambda s, b: flambeau.sparse.softmax(s, 1).to_dense(),
    lambda s, b: flambeau.sparse.mm(s, s.t()).to_dense(),
    lambda s, b: s.index_select(0, flambeau.tensor([1, 0, 1])).to_dense(),
    lambda s, b: s.to_sparse_csr() @ b,
    lambda s, b: flambeau.cat([s, s * 2]).coalesce().values(),
]


@pytest.mark.parametrize("function", OF_VALUES)
def test_gradients_of_gradients(function: Any) -> None:
    indices = flambeau.tensor([[0, 1, 1, 0], [2, 0, 2, 2]])
    values = flambeau.tensor([0.5, 1.5, -2.0, 0.25], dtype=flambeau.float64, requires_grad=True)
    b = flambeau.arange(6.0, dtype=flambeau.float64).reshape(3, 2).requires_grad_()

    def of_values(v: Any, b: Any) -> Any:
        return function(flambeau.sparse_coo_tensor(indices, v, (2, 3)), b)

    assert flambeau.autograd.gradcheck(of_values, (values, b))
    assert flambeau.autograd.gradgradcheck(of_values, (values, b))


def test_a_freed_graph_and_a_value_written_since_are_errors() -> None:
    v = flambeau.ones(2, requires_grad=True)
    b = flambeau.ones(2, 2)
    y = (flambeau.sparse_coo_tensor([[0, 1], [0, 1]], v, (2, 2)) @ b).sum()
    y.backward()
    with pytest.raises(RuntimeError, match="backward through the graph a second time"):
        y.backward()
    y = (flambeau.sparse_coo_tensor([[0, 1], [0, 1]], v, (2, 2)) @ b).sum()
    b.add_(1)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.backward()


@pytest.mark.parametrize("name", ["hspmm", "smm"])
def test_what_has_no_gradient_says_so(name: str) -> None:
    for library in (torch, flambeau):
        x = library.eye(2).to_sparse().requires_grad_()
        result = getattr(library, name)(x, library.ones(2, 2))
        with pytest.raises(RuntimeError, match=r"derivative for aten::.* is not implemented"):
            library.sparse.sum(result).backward()
