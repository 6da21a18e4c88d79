"""What operators mean for sparse tensors, against PyTorch's on the CPU: expressions, run in both libraries."""

from __future__ import annotations

import warnings
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import flambeau
from tests.sparse.both import LIBRARIES, agree, drawn, lines, outcome, translated

warnings.filterwarnings("ignore", message="Sparse")

ANY = lines(
    """s.coalesce()
s.clone()
s.detach()
s.to_dense()
s.to_sparse()
s._nnz()
s.sparse_dim()
s.dense_dim()
s.is_sparse
s.layout == torch.sparse_coo
s.numel()
s.stride()
s.is_contiguous()
s.double()
s.to(torch.int64)
s.bool()
s.to('cpu') is s
s.transpose(0, 1)
s.T
s.mT
s.permute(1, 0, *range(2, s.dim()))
s.unsqueeze(0)
s.unsqueeze(1)
s.unsqueeze(-1)
s[0]
s[-1]
s[:, 0]
s[0, 0]
s[None]
s.select(0, 0)
s.select(-1, 0)
s[s.shape[0]]
s[:1]
s[torch.tensor([0])]
list(s)
s.index_select(0, torch.tensor([0, 0]))
s.index_select(-1, torch.tensor([0]))
s.index_select(1, torch.tensor([], dtype=torch.int64))
s.narrow_copy(0, 0, 1)
torch.cat([s, s])
torch.cat([s, s * 2], 1)
torch.cat([s, s], -1)
torch.stack([s, s], 1)
torch.cat([s, s.to_dense()])
s * 2
3 * s
s * torch.tensor(2.0)
s * s
s * s.coalesce()
s.coalesce() * (s * 3).coalesce()
s * torch.ones(s.shape)
torch.ones(s.shape) * s
s.mul(torch.ones(s.shape[-1:]))
s + s
s - s.coalesce()
s.add(s, alpha=3)
s + torch.ones(s.shape)
torch.ones(s.shape) + s
torch.ones(s.shape).sub(s, alpha=2)
torch.ones(s.shape).add_(s)
torch.full(s.shape, 3.0).mul_(s)
s + 1
1 + s
2 - s
s / 2
s // 2
s / s
2 / s
s ** 2
s.pow(0)
-s
s.abs()
s.sin()
s.expm1()
s.sign()
s.relu()
torch.relu(s)
s.isnan()
s.exp()
s.cos()
s.sigmoid()
s.clone().mul_(2)
s.clone().add_(s)
s.clone().neg_()
s.coalesce().abs_()
s.clone().zero_()
s.clone().copy_(s * 2)
s.clone().add_(torch.ones(s.shape))
s.sum()
s.sum(0)
s.sum(-1)
s.sum((0, 1))
s.sum(0, keepdim=True)
torch.sparse.sum(s)
torch.sparse.sum(s, 1)
torch.sparse.sum(s, 0, dtype=torch.float64)
torch.sparse.softmax(s, 0)
torch.sparse.softmax(s, -1)
torch.sparse.log_softmax(s, 1)
s.softmax(0)
s.mean()
s.norm()
s.norm(1)
s.any()
s.max()
s == s
torch.equal(s, s)
torch.allclose(s, s)
torch.where(s.to_dense() > 0, s, s)
torch.zeros_like(s)
torch.ones_like(s)
s.new_zeros((2, 3))
s.new_ones(2)
s.numpy()
s.tolist()
s.data_ptr()
s.storage()
s.contiguous()
s.view(-1)
s.reshape(-1)
s.flatten()
s.expand(s.shape)
s.fill_(1)
s.tril()
s.dot(s)
s.nonzero()
s.unique()
s.gather(0, torch.zeros(1, dtype=torch.int64))
torch.ones(s.shape).sparse_mask(s)
s.coalesce().sparse_mask(s.coalesce())
s.indices()
s.values()
s._indices()
s._values()
s.crow_indices()
s.clone().sparse_resize_and_clear_((5, 5), 2, 0)
s.is_pinned()
s.t()
s.clone().t_()
len(s)
bool(s.sum() == s.sum())
torch.nn.functional.dropout(s, 0.5)
torch.maximum(s, s)
s.masked_fill(s.to_dense() > 0, 1)"""
)

LOOSER = {"s.masked_fill(s.to_dense() > 0, 1)", "s.fill_(1)"}
"""What PyTorch refuses with another kind of error."""


@pytest.mark.parametrize("code", ANY)
@settings(max_examples=8, deadline=None)
@given(s=drawn())
def test_of_one_tensor(code: str, device: str, s: torch.Tensor) -> None:
    if (device != "cpu" and "'cpu'" in code) or (device == "webgpu" and ("double" in code or "float64" in code)):
        pytest.skip("another device")
    if code.endswith("unsqueeze(-1)") and s.dense_dim() == 0:
        return  # PyTorch's row of zeros comes first there
    theirs = outcome(lambda: eval(code, {"torch": torch, "s": s.clone()}))
    with flambeau.device(device):
        mine = outcome(lambda: eval(code, {"torch": flambeau, "s": translated(s, device)}))
    if code in LOOSER:
        assert isinstance(mine, Exception) and isinstance(theirs, Exception)
    else:
        agree(mine, theirs)


PRODUCTS = lines(
    """s @ d
d.t() @ s.t()
s @ v
s.mv(v)
torch.mm(s, d)
torch.spmm(s, d)
torch.dsmm(s, d)
torch.sparse.mm(s, d)
torch.sparse.mm(d.t(), s.t())
torch.matmul(s, d)
s @ s.t()
torch.sparse.mm(s, s.t())
s.t() @ s
torch.hspmm(s, d)
torch.smm(s, d)
torch.addmm(o, s, d)
torch.addmm(o, s, d, beta=2, alpha=3)
torch.sparse.addmm(o, s, d, beta=2, alpha=0.5)
torch.nn.functional.linear(s, d.t())
torch.bmm(torch.stack([s, s]), torch.stack([d, d]))
torch.mm(s, o)
s.mv(d)
s.to_sparse_csr() @ d
s.to_sparse_csr().mv(v)
s.to_sparse_csr().to_dense()
s.to_sparse_csr().to_sparse_coo()
s.to_sparse_csr().crow_indices()
s.to_sparse_csr().col_indices()
s.to_sparse_csr().values()
s.to_sparse_csr() * 2
s.to_sparse_csr() + s.to_sparse_csr()
s.to_sparse_csr().t().to_dense()
s.to_sparse_csr().sum()
s.to_sparse_csr().indices()
s.to_sparse_csr().coalesce()
s.to_sparse_csr().double()
s.to_sparse_csr().abs()
s.to_sparse_csr().clone()
s.to_sparse_csr().is_sparse
s.to_sparse_csr().is_sparse_csr
s.to_sparse_csc().ccol_indices()
s.to_sparse_csc().row_indices()
s.to_sparse_csc().to_dense()
s.to_sparse_csr()[0]
torch.addmm(o, s.to_sparse_csr(), d)
torch.sparse.mm(s.to_sparse_csr(), d)
torch.sparse.sampled_addmm(s.to_sparse_csr(), o, d.t())"""
)


@pytest.mark.parametrize("code", PRODUCTS)
@settings(max_examples=8, deadline=None)
@given(s=drawn(dense=0), columns=st.integers(1, 3))
def test_products_and_compressed_matrices(code: str, device: str, s: torch.Tensor, columns: int) -> None:
    if device == "webgpu" and "double" in code:
        pytest.skip("there is no float64")
    d = torch.arange(1.0, 1 + s.shape[1] * columns).reshape(s.shape[1], columns)
    others = {"d": d, "v": d[:, 0].clone(), "o": torch.ones(s.shape[0], columns)}
    theirs = outcome(lambda: eval(code, {"torch": torch, "s": s, **others}))
    given = {name: translated(t, device) for name, t in {"s": s, **others}.items()}
    agree(outcome(lambda: eval(code, {"torch": flambeau, **given})), theirs)


DTYPES = [torch.int64, torch.float64, torch.complex64, torch.bool, torch.float16]
TYPED = ["s.coalesce()", "s.to_dense()", "s.t()", "s + s", "s * s", "s * 2", "s * 2.5", "s.sum()", "s.sum(0)", "-s", "s.abs()"]


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("code", TYPED)
@settings(max_examples=8, deadline=None)
@given(data=st.data())
def test_dtypes(code: str, dtype: torch.dtype, data: Any) -> None:
    s = data.draw(drawn(dtype, dense=0))
    theirs = outcome(lambda: eval(code, {"torch": torch, "s": s}))
    if not isinstance(theirs, Exception):  # PyTorch's kernels lack some dtypes
        agree(outcome(lambda: eval(code, {"torch": flambeau, "s": translated(s, "cpu")})), theirs)


CONSTRUCTIONS = lines(
    """torch.sparse_coo_tensor(i, v)
torch.sparse_coo_tensor(i, v, (2, 3))
torch.sparse_coo_tensor(i, v, (2, 4), check_invariants=True)
torch.sparse_coo_tensor(i, v, (1, 3), check_invariants=True)
torch.sparse_coo_tensor(-i, v)
torch.sparse_coo_tensor(i, torch.ones(4), (2, 3))
torch.sparse_coo_tensor(i, v, (2, 3, 4))
torch.sparse_coo_tensor(i, torch.ones(3, 2), (2, 3, 3))
torch.sparse_coo_tensor(i, torch.ones(3, 2))
torch.sparse_coo_tensor(i.int(), v, (2, 3))
torch.sparse_coo_tensor([[0, 1]], [1, 2], (2,), dtype=torch.float32)
torch.sparse_coo_tensor([[0, 1]], [1, 2], (2,), is_coalesced=True).is_coalesced()
torch.sparse_coo_tensor([[1, 1]], [1, 2], (2,), is_coalesced=True, check_invariants=True)
torch.sparse_coo_tensor([[0, 1]], 1.0, (2,))
torch.sparse_coo_tensor((2, 3))
torch.sparse_coo_tensor(size=(2, 3)).is_coalesced()
torch.sparse_coo_tensor(torch.zeros(2, 0).long(), torch.zeros(0))
torch.sparse_coo_tensor(torch.zeros(0, 1).long(), torch.ones(1), ())
torch.sparse_coo_tensor(i, v, (2, 3), requires_grad=True).requires_grad
torch.sparse.FloatTensor(i, v, torch.Size([2, 3]))
torch.sparse.FloatTensor(i, v)
torch.sparse.FloatTensor(2, 3)
torch.sparse.LongTensor(i, v.long(), (2, 3))
isinstance(torch.sparse.FloatTensor(i, v), torch.sparse.FloatTensor)
isinstance(torch.ones(2), torch.sparse.FloatTensor)
torch.sparse_coo_tensor(i, v).type()
torch.eye(3).to_sparse().is_coalesced()
torch.eye(3).to_sparse(1)
torch.eye(3).to_sparse(3)
torch.eye(3).to_sparse(0)
torch.zeros(2, 0).to_sparse()
torch.tensor(3.0).to_sparse()
torch.sparse_coo_tensor([[0]], [5.0], (1,)).item()
torch.sparse_csr_tensor([0, 1, 3], [2, 0, 2], [3.0, 4.0, 5.0], (2, 3))
torch.sparse_csr_tensor([0, 1, 3], [2, 0, 2], [3.0, 4.0, 5.0])
torch.sparse_csr_tensor([0, 1, 3], [2, 0, 3], [3.0, 4.0, 5.0], (2, 3), check_invariants=True)
torch.sparse_csr_tensor([0, 1, 3], [2, 2, 0], [3.0, 4.0, 5.0], (2, 3), check_invariants=True)
torch.sparse_csc_tensor([0, 1, 1, 3], [1, 0, 1], [3.0, 4.0, 5.0], (2, 3)).to_dense()
torch.sparse_compressed_tensor([0, 1, 3], [2, 0, 2], [3.0, 4.0, 5.0], (2, 3), layout=torch.sparse_csr)
torch.sparse.spdiags(torch.arange(9.0).reshape(3, 3), torch.tensor([0, -1, 1]), (3, 3))
torch.sparse.spdiags(torch.arange(9.0).reshape(3, 3), torch.tensor([0, -2]), (3, 3))
torch.sparse.spdiags(torch.arange(6.0).reshape(2, 3), torch.tensor([2, -2]), (3, 4))"""
)


@pytest.mark.parametrize("code", CONSTRUCTIONS)
def test_construction(code: str) -> None:
    found = []
    for library in LIBRARIES:
        i, v = library.tensor([[0, 1, 1], [2, 0, 2]]), library.tensor([3.0, 4.0, 5.0])
        names = {"torch": library, "i": i, "v": v}
        found.append(outcome(lambda names=names: eval(code, names)))
    theirs, mine = found
    agree(mine, theirs)
    if isinstance(theirs, Exception):
        assert str(mine) == str(theirs) or type(theirs) is ValueError or "sparse_csr_tensor" in code
    elif isinstance(theirs, torch.Tensor):
        assert repr(mine) == repr(theirs)


@settings(max_examples=30, deadline=None)
@given(s=drawn())
def test_text(s: torch.Tensor) -> None:
    assert repr(translated(s, "cpu")) == repr(s)
    if not s.dense_dim():
        assert repr(translated(s, "cpu").to_sparse_csr()) == repr(s.to_sparse_csr())


def test_operands_of_two_dtypes_are_refused() -> None:
    for library in LIBRARIES:
        with pytest.raises(RuntimeError):
            library.eye(2).to_sparse() @ library.ones(2, 2).double()


def test_writes_and_what_shares_memory() -> None:
    x = flambeau.sparse_coo_tensor([[1, 0, 1]], [1.0, 2.0, 3.0], (2,))
    first = x.coalesce()
    first.mul_(10)
    assert x.coalesce().values().tolist() == [2.0, 4.0]
    x._values().mul_(2)
    assert x.coalesce().values().tolist() == [4.0, 8.0]
    x.add_(x)
    assert x.to_dense().tolist() == [8.0, 16.0]


def test_invariants_are_checked_where_the_program_says_so() -> None:
    control = flambeau.sparse.check_sparse_tensor_invariants
    assert not control.is_enabled()
    with control():
        assert control.is_enabled()
        with pytest.raises(RuntimeError, match="size is inconsistent with indices"):
            flambeau.sparse_coo_tensor([[5]], [1.0], (2,))
    assert not control.is_enabled()
