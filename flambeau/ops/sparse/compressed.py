"""Matrices as the columns and values of their elements, row after row (`sparse_csr`), or with rows and columns exchanged
(`sparse_csc`). What they mean is mostly what the same matrix in coordinates does. May import what `flambeau.ops` may.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flambeau.dtypes import int32, int64
from flambeau.layout import layout as Layout
from flambeau.layout import sparse_coo, sparse_csc, sparse_csr, strided
from flambeau.ops import creation
from flambeau.ops.joining import repeat_interleave, stack
from flambeau.ops.sequences import arange
from flambeau.ops.sparse import parts, products
from flambeau.tensor import Tensor
from flambeau.tensor.meanings import meaning

__all__ = ["compressed", "sparse_compressed_tensor", "to_coordinates", "values_of", "with_values"]

_WORDS = {sparse_csr: ("crow", "col", "rows", "cols"), sparse_csc: ("ccol", "row", "cols", "rows")}


def _made(layout: Layout, starts: Tensor, others: Tensor, values: Tensor, shape: Sequence[int], title: str) -> Tensor:
    """A matrix of these parts, with the values' history."""
    result = parts.made(layout, (starts, others), values, shape, True)

    def rule(g: Tensor) -> Any:
        storage: Any = g._storage
        if g.layout is layout and storage.indices[1]._storage is others._storage:
            return (values_of(g),)
        return (parts.picked(g, _coordinates(result_storage, tuple(shape))),)

    result_storage: Any = result._storage
    return parts.recorded(result, title, (values,), rule)


def values_of(x: Tensor) -> Tensor:
    """The values, with the tensor's history."""
    storage: Any = x._storage
    starts, others = storage.indices
    layout, shape = x.layout, tuple(x._shape)

    def rule(g: Tensor) -> Any:
        return (_made(layout, starts, others, g, shape, "ValuesBackward0"),)

    return parts.recorded(parts.raw_values(x), "ValuesBackward0", (x,), rule)


def _coordinates(storage: Any, shape: tuple[int, ...]) -> Tensor:
    """The indices [2, nnz] of the elements in the order in which they are held."""
    starts, others = storage.indices
    key = storage.version, starts._storage.version, others._storage.version
    if storage.coalesced is None or storage.coalesced[0] != key:
        lengths = starts[1:] - starts[:-1]
        run = repeat_interleave(arange(lengths._shape[0], dtype=int64, device=starts.device), lengths)
        pair = (run, others.to(int64)) if storage.layout is sparse_csr else (others.to(int64), run)
        storage.coalesced = key, stack(pair)
    return storage.coalesced[1]


def to_coordinates(x: Tensor) -> Tensor:
    """The same matrix in coordinates; of a `sparse_csr` one its elements are in order."""
    storage: Any = x._storage
    starts, others = storage.indices
    layout, shape = x.layout, tuple(x._shape)
    indices = _coordinates(storage, shape)
    result = parts.made(sparse_coo, (indices,), parts.raw_values(x), shape, layout is sparse_csr)

    def back(g: Tensor) -> Tensor:
        if g.layout is strided:
            return g
        return _made(layout, starts, others, parts.picked(g, indices), shape, "ToSparseBackward0")

    return parts.coalesced(parts.passed_on(result, "ToSparseBackward0", x, back))


def compressed(x: Tensor, layout: Layout, dense_dim: int | None = None) -> Tensor:
    """A dense or sparse matrix in a compressed layout; one of that layout itself."""
    if x.layout is layout:
        return x
    if len(x._shape) != 2 or dense_dim:
        raise RuntimeError(
            f"to_sparse_{layout.name[-3:]}: only matrices have this layout here, got a tensor of {len(x._shape)} dimensions"
        )
    x = parts.coalesced(x.to_sparse_coo())
    indices, values = parts.indices_of(x), parts.values_of(x)
    along, other = indices[0], indices[1]
    if layout is sparse_csc:
        along, order = indices[1].sort(stable=True)
        other, values = indices[0].index_select(0, order), values.index_select(0, order)
    starts = parts.row_starts(along, x._shape[layout is sparse_csc])
    return _made(layout, starts, other, values, x._shape, f"ToSparse{layout.name[-3:].capitalize()}Backward0")


def sparse_compressed_tensor(
    starts: Any, others: Any, values: Any, size: Sequence[int] | None, layout: Layout, options: dict[str, Any]
) -> Tensor:
    """A matrix of where each row (column) begins, [n + 1], and the columns (rows) and values [nnz] of its elements.

    Raises RuntimeError where they don't fit each other; what they hold is looked at if `check_invariants`.
    """
    from flambeau.ops.sparse.construction import as_tensor, is_checked

    data = as_tensor(values, options.get("dtype"), options.get("device"))
    first, second = (as_tensor(t, None, options.get("device") or data.device) for t in (starts, others))
    first, second = (t if t.dtype in (int32, int64) else t.to(int64) for t in (first, second))
    start, plain, lines, entries = _WORDS[layout]
    if first.dim() != 1 or second.dim() != 1 or data.dim() != 1:
        raise NotImplementedError(f"sparse_{layout.name[-3:]}_tensor: batches and dense dimensions are not there")
    if second.numel() != data.numel():
        raise RuntimeError(f"number of elements in {plain}_indices and values must be the same")
    if size is None:
        count = int(second.max()) + 1 if second.numel() else 0
        size = (first.numel() - 1, count) if layout is sparse_csr else (count, first.numel() - 1)
    shape = tuple(int(n) for n in size)
    along, across = (shape[0], shape[1]) if layout is sparse_csr else (shape[1], shape[0])
    if first.numel() != along + 1:
        raise RuntimeError(
            f"`{start}_indices.shape[-1]` must be equal to the number of {lines} + 1: {along + 1}, got {first.numel()}"
        )
    check = options.get("check_invariants")
    if is_checked() if check is None else check:
        _check(first, second, across, (start, plain, lines, entries))
    requires_grad = options.get("requires_grad")
    result = _made(layout, first, second, data.detach() if requires_grad else data, shape, "SparseCompressedTensorBackward0")
    if requires_grad:
        result.requires_grad = True
    return result


def _check(starts: Tensor, others: Tensor, across: int, words: tuple[str, ...]) -> None:
    start, plain, lines, entries = words
    nnz = others.numel()
    steps = starts[1:] - starts[:-1]
    lasting = others[1:] <= others[:-1]  # fine where a row begins
    begins = creation.zeros(nnz + 1, dtype=int64, device=others.device).index_add(
        0, starts.to(int64).clamp(0, nnz), starts * 0 + 1
    )
    for holds, text in (
        (int(starts[0]) == 0, f"{start}_indices[..., 0] == 0"),
        (int(starts[-1]) == nnz, f"{start}_indices[..., -1] == nnz"),
        (
            bool(((steps >= 0) & (steps <= across)).all()),
            f"0 <= {start}_indices[..., 1:] - {start}_indices[..., :-1] <= n{entries}",
        ),
        (not nnz or (int(others.min()) >= 0 and int(others.max()) < across), f"0 <= {plain}_indices < n{entries}"),
        (
            nnz < 2 or not bool((lasting & (begins[1:nnz] == 0)).any()),
            f"{plain}_indices[..., {start}_indices[..., i - 1]:{start}_indices[..., i]] for all i = 1, ..., n{lines} are sorted "
            "and distinct along the last dimension values",
        ),
    ):
        if not holds:
            raise RuntimeError(f"`{text}` is not satisfied.")


# --- what operators mean -------------------------------------------------------------------------------------------------
def with_values(x: Tensor, values: Tensor, title: str) -> Tensor:
    """A matrix with the indices of `x` and other values."""
    storage: Any = x._storage
    starts, others = storage.indices
    return _made(x.layout, starts, others, values, x._shape, title)


def _in_coordinates(value: Any) -> Any:
    """Compressed tensors among arguments in coordinates."""
    if isinstance(value, (list, tuple)):
        return type(value)(_in_coordinates(v) for v in value)
    return to_coordinates(value) if isinstance(value, Tensor) and value.layout in _WORDS else value


def _as_before(name: str, is_back: bool) -> None:
    @meaning(name, compressed=True)
    def function(*args: Any, **kwargs: Any) -> Any:
        layout = next(t.layout for t in args if isinstance(t, Tensor) and t.layout in _WORDS)
        found = getattr(Tensor, name)(*_in_coordinates(args), **kwargs)
        is_kept = is_back and isinstance(found, Tensor) and found.layout is sparse_coo
        return compressed(found, layout) if is_kept else found


for _name in ("mv", "addmm", "select", "__getitem__", "norm", "to_dense"):
    _as_before(_name, False)
for _name in ("sub", "mul", "matmul", "mm"):
    _as_before(_name, True)


@meaning("spmm", "dsmm", compressed=True)
def _spmm(input: Tensor, mat2: Tensor) -> Tensor:
    return products.matrix_product(_in_coordinates(input), _in_coordinates(mat2))


@meaning("linear", compressed=True)
def _linear(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    product = products.matrix_product(_in_coordinates(input), _in_coordinates(weight.t()))
    return product if bias is None else product + bias


@meaning("add", compressed=True)
def _add(input: Any, other: Any, *, alpha: Any = 1) -> Tensor:
    for one, another in ((input, other), (other, input)):
        if isinstance(another, Tensor) and another.layout is strided and another._shape:
            return (
                another + to_coordinates(one) * (alpha if one is other else 1)
                if alpha == 1 or one is other
                else (another * alpha + to_coordinates(one))
            )
    if not (isinstance(input, Tensor) and isinstance(other, Tensor)):
        raise RuntimeError("add(sparse, number) is not supported: the result would be dense")
    layout = input.layout if input.layout in _WORDS else other.layout
    return compressed(_in_coordinates(input).add(_in_coordinates(other), alpha=alpha), layout)


@meaning("sum", compressed=True)
def _sum(input: Tensor, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Tensor:
    if dim is None or dim == ():
        return to_coordinates(input).sum(dtype=dtype)
    if not keepdim:
        raise RuntimeError("reduction operations on CSR tensors with keepdim=False is unsupported")
    return compressed(to_coordinates(input).sum(dim, True, dtype=dtype), input.layout)


@meaning("t", "T", "mT", "transpose", "swapaxes", "adjoint", "H", "mH", compressed=True)
def _t(input: Tensor, dim0: int = 0, dim1: int = 1) -> Tensor:
    if dim0 % 2 == dim1 % 2:
        return input
    storage: Any = input._storage
    other = sparse_csc if input.layout is sparse_csr else sparse_csr
    starts, others = storage.indices
    return _made(other, starts, others, values_of(input), tuple(reversed(input._shape)), "TransposeBackward0")


def _elementwise(name: str) -> None:
    @meaning(name, compressed=True)
    def function(input: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        values = getattr(values_of(input), name)(*args, **kwargs)
        return with_values(input, values, f"{name.capitalize()}Backward0")


for _name in (
    "abs", "asin", "asinh", "atan", "atanh", "ceil", "conj_physical", "deg2rad", "erf", "erfinv", "expm1", "floor", "frac",
    "isinf", "isnan", "isneginf", "isposinf", "log1p", "neg", "rad2deg", "relu", "round", "sgn", "sign", "signbit", "sin", "sinh",
    "sqrt", "tan", "tanh", "trunc", "float", "double", "half", "bfloat16", "int", "long", "bool",
):  # fmt: skip
    _elementwise(_name)


@meaning("clone", compressed=True)
def _clone(input: Tensor, *, memory_format: Any = None) -> Tensor:
    storage: Any = input._storage
    starts, others = storage.indices
    return _made(input.layout, starts.clone(), others.clone(), values_of(input).clone(), input._shape, "CloneBackward0")


@meaning("to", "cpu", "cuda", compressed=True)
def _to(input: Tensor, *args: Any, **kwargs: Any) -> Tensor:
    storage: Any = input._storage
    values = values_of(input).to(*args, **kwargs)
    starts, others = (t.to(values.device) for t in storage.indices)
    return _made(input.layout, starts, others, values, input._shape, "ToCopyBackward0")


@meaning("zeros_like", "empty_like", compressed=True)
def _zeros_like(input: Tensor, *, dtype: Any = None, device: Any = None, requires_grad: bool = False, **_: Any) -> Tensor:
    storage: Any = input._storage
    starts, others = storage.indices
    values = parts.raw_values(input)[:0].to(device=device, dtype=dtype)
    result = _made(input.layout, (starts * 0).to(values.device), others[:0].to(values.device), values, input._shape, "")
    result._requires_grad = bool(requires_grad)
    return result
