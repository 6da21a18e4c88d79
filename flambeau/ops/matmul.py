"""Products of matrices and vectors, each a contraction. May import what `flambeau.ops` may."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from flambeau.dtypes import c_name_of_dtype
from flambeau.graph.primitives.contraction import CONTRACT
from flambeau.ops.operands import check_tensor, expand, refuse, same_device
from flambeau.ops.registry import operator, scalar_name
from flambeau.ops.views import owned, reshape
from flambeau.shapes import joining
from flambeau.shapes import matmul as rules
from flambeau.size import contiguous_strides
from flambeau.tensor import Tensor

__all__ = ["matmul", "mm", "bmm", "mv", "dot", "addmm", "baddbmm", "outer", "tensordot", "kron", "contract"]


_matmul_rule = lru_cache(maxsize=1 << 12)(rules.matmul)


def contract(a: Tensor, b: Tensor, a_labels: tuple[int, ...], b_labels: tuple[int, ...], labels: tuple[int, ...]) -> Tensor:
    """The sum of products over labels that `labels` lacks. A label has one size in both operands."""
    return Tensor._apply(CONTRACT, (a, b), (a_labels, b_labels, labels))


def _operands(name: str, a: Any, b: Any, second: str = "mat2") -> tuple[Tensor, Tensor]:
    check_tensor(a, name, "input")
    check_tensor(b, name, second, 2)
    if a._storage.dtype is not b._storage.dtype:
        names = c_name_of_dtype(a.dtype), c_name_of_dtype(b.dtype)
        raise RuntimeError("expected m1 and m2 to have the same dtype, but got: {} != {}".format(*names))
    if a._storage.dtype.category == 0 and a.numel() and b.numel():
        raise NotImplementedError("\"addmm_impl_cpu_\" not implemented for 'Bool'")
    if a._storage.device != b._storage.device:
        _, (a, b) = same_device((a, b))
    return a, b


# --- two operands ------------------------------------------------------------------------------------------------------
@operator("matmul", out="exact")
def matmul(input: Tensor, other: Tensor) -> Tensor:
    """input @ other: [..., M, K] and [..., K, N] to [..., M, N], leading dimensions broadcast; a vector is one row or column.

    Raises RuntimeError for different dtypes or sizes that don't fit.

    >>> torch.ones(2, 3) @ torch.ones(3, 4)
    tensor([[3., 3., 3., 3.],
            [3., 3., 3., 3.]])
    >>> torch.matmul(torch.ones(5, 2, 3), torch.ones(3)).shape
    torch.Size([5, 2])
    """
    a, b = _operands("matmul", input, other, "other")
    left, right = tuple(a._shape), tuple(b._shape)
    shape = _matmul_rule(left, right)
    if len(left) == 1 and len(right) == 1:
        return contract(a, b, (0,), (0,), ())
    if len(right) <= 2:
        n = len(left)
        rows = tuple(range(n - 1))
        if len(right) == 1:
            return contract(a, b, (*rows, n), (n,), rows)
        return contract(a, b, (*rows, n), (n, n + 1), (*rows, n + 1))
    lead = len(shape) - (2 if len(left) > 1 else 1)
    batch = shape[:lead]
    m, k, n = lead, lead + 1, lead + 2
    a_labels, a = _batched(a, left[:-2] if len(left) > 1 else (), batch)
    b_labels, b = _batched(b, right[:-2], batch)
    rows = (m,) if len(left) > 1 else ()
    return contract(a, b, (*a_labels, *rows, k), (*b_labels, k, n), (*range(lead), *rows, n))


def _batched(t: Tensor, own: tuple[int, ...], batch: tuple[int, ...]) -> tuple[tuple[int, ...], Tensor]:
    """An operand's batch labels; what another operand's batch stretches is left out (size 1) rather than repeated."""
    skipped = len(batch) - len(own)
    labels, kept = [], []
    for d, n in enumerate(own):
        if n == batch[d + skipped]:
            labels.append(d + skipped)
            kept.append(n)
    rest = tuple(t._shape[len(own) :])
    return tuple(labels), t if len(kept) == len(own) else reshape(t, (*kept, *rest))


@operator(out="exact")
def mm(input: Tensor, mat2: Tensor) -> Tensor:
    """[M, K] and [K, N] to [M, N]."""
    a, b = _operands("mm", input, mat2)
    rules.mm(tuple(a._shape), tuple(b._shape))
    return contract(a, b, (0, 1), (1, 2), (0, 2))


@operator(out="exact")
def bmm(input: Tensor, mat2: Tensor) -> Tensor:
    """[B, M, K] and [B, K, N] to [B, M, N].

    >>> torch.bmm(torch.ones(5, 2, 3), torch.ones(5, 3, 4)).shape
    torch.Size([5, 2, 4])
    """
    a, b = _operands("bmm", input, mat2)
    rules.bmm(tuple(a._shape), tuple(b._shape))
    return contract(a, b, (0, 1, 2), (0, 2, 3), (0, 1, 3))


@operator(out="exact")
def mv(input: Tensor, vec: Tensor) -> Tensor:
    """[M, K] and [K] to [M]."""
    a, b = _operands("mv", input, vec, "vec")
    rules.mv(tuple(a._shape), tuple(b._shape))
    return contract(a, b, (0, 1), (1,), (0,))


def _same_types(name: str, a: Tensor, b: Tensor) -> None:
    if a.dtype is not b.dtype:
        raise RuntimeError(f"{name} : expected both vectors to have same dtype, but found {scalar_name(a)} and {scalar_name(b)}")


@operator(out="exact", remembered=True)
def dot(input: Tensor, tensor: Tensor) -> Tensor:
    """Σ input·tensor of two vectors of one length."""
    check_tensor(input, "dot", "input")
    check_tensor(tensor, "dot", "tensor", 2)
    rules.dot(tuple(input._shape), tuple(tensor._shape))
    _same_types("dot", input, tensor)
    a, b = _operands("dot", input, tensor)
    return contract(a, b, (0,), (0,), ())


@operator(out="exact")
def vdot(input: Tensor, other: Tensor) -> Tensor:
    """`dot` of the conjugate of input."""
    return dot(check_tensor(input, "vdot", "input").conj(), other)


@operator("outer", "ger", out=True, remembered=True)
def outer(input: Tensor, vec2: Tensor) -> Tensor:
    """[M] and [N] to [M, N]: all products; dtypes promote.

    >>> torch.outer(torch.arange(3), torch.arange(2))
    tensor([[0, 0],
            [0, 1],
            [0, 2]])
    """
    check_tensor(input, "outer", "input")
    check_tensor(vec2, "outer", "vec2", 2)
    rules.outer(tuple(input._shape), tuple(vec2._shape))
    return input.unsqueeze(1) * vec2


@operator(out="exact")
def inner(input: Tensor, other: Tensor) -> Tensor:
    """Products summed over the last dimensions: [..., K] and [..., K] to both leads; a scalar multiplies."""
    check_tensor(other, "inner", "other", 2)
    rules.inner(tuple(check_tensor(input, "inner", "input")._shape), tuple(other._shape))
    if not input._shape or not other._shape:
        return input * other
    refuse(input, "dot", bool)
    return tensordot(input, other, ([-1], [-1]))


# --- with something added ----------------------------------------------------------------------------------------------
def _added(input: Tensor, product: Tensor, beta: Any, alpha: Any) -> Tensor:
    """beta·input + alpha·product; with beta 0 the input isn't read. Floating factors of integers are truncated."""
    if input.dtype is not product.dtype:
        raise RuntimeError(f"self and mat2 must have the same dtype, but got {scalar_name(input)} and {scalar_name(product)}")
    if product.dtype.category < 2 and (isinstance(beta, float) or isinstance(alpha, float)):
        beta, alpha = int(beta), int(alpha)
    if alpha != 1:
        product = product * alpha
    if beta == 0:
        return product
    first = input if beta == 1 else input * beta
    return (expand(first, tuple(product._shape)) + product)._laid_out(contiguous_strides(product._shape))


@operator(inplace=True, out="exact")
def addmm(input: Tensor, mat1: Tensor, mat2: Tensor, *, beta: Any = 1, alpha: Any = 1) -> Tensor:
    """beta·input + alpha·(mat1 @ mat2)."""
    a, b = _operands("addmm", mat1, mat2)
    rules.addmm(tuple(check_tensor(input, "addmm", "input")._shape), tuple(a._shape), tuple(b._shape))
    return _added(input, contract(a, b, (0, 1), (1, 2), (0, 2)), beta, alpha)


@operator(inplace=True, inplace_function=True, out="exact")
def addmv(input: Tensor, mat: Tensor, vec: Tensor, *, beta: Any = 1, alpha: Any = 1) -> Tensor:
    """beta·input + alpha·(mat @ vec)."""
    a, b = _operands("addmv", mat, vec, "vec")
    rules.addmv(tuple(check_tensor(input, "addmv", "input")._shape), tuple(a._shape), tuple(b._shape))
    return _added(input, contract(a, b, (0, 1), (1,), (0,)), beta, alpha)


@operator(inplace=True, out=True)
def addr(input: Tensor, vec1: Tensor, vec2: Tensor, *, beta: Any = 1, alpha: Any = 1) -> Tensor:
    """beta·input + alpha·(vec1 ⊗ vec2)."""
    rules.addr(tuple(check_tensor(input, "addr", "input")._shape), tuple(vec1._shape), tuple(vec2._shape))
    product = outer(vec1, vec2)
    if product.dtype.category < 2 and input.dtype.category < 2:
        for name, factor in (("beta", beta), ("alpha", alpha)):
            if isinstance(factor, (float, complex)):
                raise RuntimeError(f"For integral input tensors, argument {name} must not be a floating point number.")
    if product.dtype.category == 0 and input.dtype.category == 0:  # of bools: or, and
        product = product & bool(alpha)
        return product | input if beta else product
    if alpha != 1:
        product = product * alpha
    if beta == 0:
        return product
    return (input if beta == 1 else input * beta) + product


@operator(inplace=True, out="exact")
def baddbmm(input: Tensor, batch1: Tensor, batch2: Tensor, *, beta: Any = 1, alpha: Any = 1) -> Tensor:
    """beta·input + alpha·bmm(batch1, batch2)."""
    a, b = _operands("baddbmm", batch1, batch2, "batch2")
    rules.baddbmm(tuple(check_tensor(input, "baddbmm", "input")._shape), tuple(a._shape), tuple(b._shape))
    return _added(input, contract(a, b, (0, 1, 2), (0, 2, 3), (0, 1, 3)), beta, alpha)


@operator(inplace=True, out="exact")
def addbmm(input: Tensor, batch1: Tensor, batch2: Tensor, *, beta: Any = 1, alpha: Any = 1) -> Tensor:
    """beta·input + alpha·the batch's sum of bmm(batch1, batch2)."""
    a, b = _operands("addbmm", batch1, batch2, "batch2")
    rules.addbmm(tuple(check_tensor(input, "addbmm", "input")._shape), tuple(a._shape), tuple(b._shape))
    return _added(input, contract(a, b, (0, 1, 2), (0, 2, 3), (1, 3)), beta, alpha)


# --- of any rank -------------------------------------------------------------------------------------------------------
@operator(method=False, out="exact")
def tensordot(a: Tensor, b: Tensor, dims: Any = 2) -> Tensor:
    """Products summed over the last `dims` dimensions of a and the first of b, or over given pairs of dimensions.

    >>> torch.tensordot(torch.ones(2, 3, 4), torch.ones(4, 3, 5), dims=([1, 2], [1, 0])).shape
    torch.Size([2, 5])
    """
    check_tensor(a, "tensordot", "a")
    check_tensor(b, "tensordot", "b", 2)
    if isinstance(dims, Tensor):
        dims = dims.tolist()
    if isinstance(dims, (list, tuple)):
        if len(dims) == 2 and all(isinstance(d, int) for d in dims):
            dims = ([dims[0]], [dims[1]])
        dims = (tuple(dims[0]), tuple(dims[1]))
    elif not isinstance(dims, int):
        raise RuntimeError(
            "tensordot expects dims to be int or tuple[list[int], list[int]] or list[list[int]] containing two lists, but got "
            f"dims={dims}"
        )
    _, first, second = rules.tensordot(tuple(a._shape), tuple(b._shape), dims)
    if a.dtype is not b.dtype:
        raise RuntimeError(f"both inputs should have same dtype, but got {a.dtype} and {b.dtype}")
    if a.numel() and b.numel():
        refuse(a, "addmm_impl_cpu_", bool)
    for i, j in zip(first, second):  # a size of 1 stretches: the other side is summed
        if a._shape[i] != b._shape[j]:
            if a._shape[i] == 1:
                b = b.sum(j, keepdim=True, dtype=b.dtype)
            else:
                a = a.sum(i, keepdim=True, dtype=a.dtype)
    a_labels = list(range(len(a._shape)))
    b_labels = list(range(len(a_labels), len(a_labels) + len(b._shape)))
    for i, j in zip(first, second):
        b_labels[j] = i
    out = [l for d, l in enumerate(a_labels) if d not in first] + [l for d, l in enumerate(b_labels) if d not in second]
    return contract(a, b, tuple(a_labels), tuple(b_labels), tuple(out))


@operator(out=True)
def kron(input: Tensor, other: Tensor) -> Tensor:
    """The Kronecker product: every element of input times the whole of other.

    >>> torch.kron(torch.eye(2), torch.ones(1, 2))
    tensor([[1., 1., 0., 0.],
            [0., 0., 1., 1.]])
    """
    a, b = tuple(input._shape), tuple(other._shape)
    shape = joining.kron(a, b)
    rank = len(shape)
    a, b = (1,) * (rank - len(a)) + a, (1,) * (rank - len(b)) + b
    left = reshape(input, tuple(n for size in a for n in (size, 1)))
    right = reshape(other, tuple(n for size in b for n in (1, size)))
    return owned(reshape(left * right, shape))


@operator(method=False, out=True)
def chain_matmul(*matrices: Tensor) -> Tensor:
    """The product of several matrices, in the cheapest order."""
    return multi_dot(list(matrices))


@operator(namespace="linalg", method=False, out="exact")
def multi_dot(tensors: Any) -> Tensor:
    """The product of several matrices (the first and last may be vectors), in the cheapest order."""
    found = list(tensors)
    rules.multi_dot([tuple(t._shape) for t in found])
    first_vector, last_vector = len(found[0]._shape) == 1, len(found[-1]._shape) == 1
    if first_vector:
        found[0] = found[0].unsqueeze(0)
    if last_vector:
        found[-1] = found[-1].unsqueeze(1)
    sizes = [t._shape[0] for t in found] + [found[-1]._shape[1]]
    n = len(found)
    cost = [[0] * n for _ in range(n)]
    cut = [[0] * n for _ in range(n)]
    for length in range(1, n):
        for i in range(n - length):
            j = i + length
            options = [(cost[i][k] + cost[k + 1][j] + sizes[i] * sizes[k + 1] * sizes[j + 1], k) for k in range(i, j)]
            cost[i][j], cut[i][j] = min(options)

    def product(i: int, j: int) -> Tensor:
        return found[i] if i == j else mm(product(i, cut[i][j]), product(cut[i][j] + 1, j))

    result = product(0, n - 1)
    if first_vector:
        result = result.squeeze(0)
    return result.squeeze(-1) if last_vector else result
