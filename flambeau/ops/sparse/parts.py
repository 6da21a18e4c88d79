"""Sparse tensors from their parts, the parts of sparse tensors, and what of the tape lies in between.

A sparse tensor is made of ordinary ones: indices [sparse_dim, nnz] and values [nnz, *dense]. Operators compute on those; a
gradient comes to a sparse tensor as one of its shape, dense or sparse, and goes from there to its values. May import what
`flambeau.ops` may, and the tensor's guards.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from flambeau.autograd.entries import entitle
from flambeau.autograd.modes import no_grad, state
from flambeau.autograd.tape import AccumulateGrad, GradientFunction, SavedTensor, freed_error
from flambeau.dtypes import bool_, int32, int64
from flambeau.layout import layout, sparse_coo, strided
from flambeau.ops.sequences import arange
from flambeau.ops.sorting import searchsorted
from flambeau.size import contiguous_strides
from flambeau.sparse_storage import SparseStorage
from flambeau.tensor import Tensor, over
from flambeau.tensor.guards import begin

__all__ = [
    "added_at", "coalesced", "coo", "flat_places", "indices_of", "is_leaf", "is_sparse", "made", "nnz_of", "passed_on", "picked",
    "places", "raw_values", "recorded", "retitled", "row_starts", "sparse_dims", "values_of",
    "without_gradient",
]  # fmt: skip


class _SparseGradient(GradientFunction):
    """The tape entry of an operator on sparse tensors: `rule(g, *saved)` gives the gradients of its inputs.

    `is_form`: the result is another form of the one input, whose gradient may be of any layout.
    """

    __slots__ = ("is_form", "rule", "saved", "title")

    def __init__(self, title: str, inputs: Sequence[Tensor], rule: Callable[..., Any], saved: Sequence[Tensor]) -> None:
        super().__init__(tuple([t._edge() if t.requires_grad else (None, 0) for t in inputs]))
        self.title, self.is_form = title, False
        self.rule: Callable[..., Any] | None = rule
        self.saved = [SavedTensor(t, False) for t in saved]

    def name(self) -> str:
        return self.title

    def backward(self, gradients: list[Any]) -> Sequence[Any]:
        if self.rule is None:
            raise freed_error()
        found = self.rule(gradients[0], *[s.restore() for s in self.saved])
        return [None if function is None else g() if callable(g) else g for (function, _), g in zip(self.edges, found)]

    def release(self) -> None:
        self.rule, self.saved = None, []


def recorded(
    result: Tensor, title: str, inputs: Sequence[Tensor], rule: Callable[..., Any], saved: Sequence[Tensor] = ()
) -> Tensor:
    """The fresh result, on the tape where a gradient may be asked for.

    `rule(g, *saved)` gives for each input its gradient, or a function that computes it.
    """
    if state.enabled and result._storage.dtype.category >= 2 and any(t.requires_grad for t in inputs):
        result._requires_grad, result._output_index = True, 0
        result._grad_fn = _SparseGradient(title, inputs, rule, saved)
    return result


def retitled(t: Tensor, title: str) -> Tensor:
    """The fresh result; its entry on the tape, if any, shows another title."""
    if isinstance(t._grad_fn, _SparseGradient):
        t._grad_fn.title = title
        return t
    return entitle(t, title)


def without_gradient(result: Tensor, operator: str, *inputs: Tensor) -> Tensor:
    """The fresh result of an operator whose gradient PyTorch lacks: to ask for it raises RuntimeError."""

    def rule(g: Tensor) -> Any:
        raise RuntimeError(f"derivative for aten::{operator} is not implemented")

    return recorded(result, "NotImplemented", inputs, rule)


# --- what a sparse tensor is made of -------------------------------------------------------------------------------------
def is_sparse(value: Any) -> bool:
    """Whether a value is a sparse tensor in coordinates."""
    return isinstance(value, Tensor) and value._storage.layout is sparse_coo


def made(layout: layout, indices: tuple[Tensor, ...], values: Tensor, shape: Sequence[int], is_coalesced: bool = False) -> Tensor:
    """A sparse tensor of these parts, without history."""
    begin()
    parts = tuple([part._without_tape() for part in indices])
    storage: Any = SparseStorage(layout, parts, values._without_tape(), is_coalesced)
    return over(storage, tuple(shape))


def coo(
    indices: Tensor,
    values: Tensor,
    shape: Sequence[int],
    is_coalesced: bool = False,
    title: str = "SparseCooTensorWithDimsAndTensorsBackward0",
) -> Tensor:
    """A sparse tensor of indices [sparse_dim, nnz] and values [nnz, *dense], with the values' history."""
    shape = tuple(shape)
    result = made(sparse_coo, (indices,), values, shape, is_coalesced or values._shape[0] < 2)
    return recorded(result, title, (values,), lambda g: (picked(g, indices),))


def raw_values(x: Tensor) -> Tensor:
    """The values of a sparse tensor, without history, in the same memory."""
    storage: Any = x._storage
    return storage.values._without_tape()


def indices_of(x: Tensor) -> Tensor:
    """The indices of a sparse tensor, [sparse_dim, nnz]."""
    storage: Any = x._storage
    return storage.indices[0]


def nnz_of(x: Tensor) -> int:
    """How many values a sparse tensor holds."""
    return raw_values(x)._shape[0]


def sparse_dims(x: Tensor) -> int:
    """How many of a sparse tensor's dimensions the indices are of; the others are the values' own."""
    return indices_of(x)._shape[0]


def is_leaf(x: Tensor) -> bool:
    """Whether gradients of `x` are seen by the program as they come, rather than used up on the way to something else."""
    function, _ = x._edge()
    while isinstance(function, _SparseGradient) and function.is_form:
        function = function.edges[0][0]
    return function is None or isinstance(function, AccumulateGrad)


def values_of(x: Tensor) -> Tensor:
    """The values of a sparse tensor, with its history; of one that isn't coalesced only where no gradient is asked for."""
    indices, shape = indices_of(x), tuple(x._shape)
    return recorded(raw_values(x), "ValuesBackward0", (x,), lambda g: (coo(indices, g, shape, True),))


def passed_on(result: Tensor, title: str, x: Tensor, back: Callable[[Tensor], Tensor] | None = None) -> Tensor:
    """A result that is the same matrix as `x`, which gets its gradient, `back` in the form of `x` where that is another."""
    recorded(result, title, (x,), lambda g: (g if back is None else back(g),))
    if isinstance(result._grad_fn, _SparseGradient):
        result._grad_fn.is_form = True
    return result


def places(x: Tensor) -> tuple[Tensor, Tensor]:
    """The indices and the values, with history: of the coalesced tensor where a gradient is asked for, which else would count
    several values of one place each."""
    if state.enabled and x.requires_grad:
        x = coalesced(x)
    return indices_of(x), values_of(x)


# --- places as numbers ---------------------------------------------------------------------------------------------------
def flat_places(indices: Tensor, sizes: Sequence[int]) -> Tensor:
    """Where each column of indices is in a row-major tensor of these sizes: int64 [nnz]."""
    found = None
    for row, stride in enumerate(contiguous_strides(tuple(sizes))):
        part = indices[row] if stride == 1 else indices[row] * stride
        found = part if found is None else found + part
    return indices.new_zeros((indices._shape[1],)) if found is None else found


def _unflat(places: Tensor, sizes: Sequence[int]) -> Tensor:
    from flambeau.ops.joining import stack

    if not sizes:
        return places.new_zeros((0, places._shape[0]))
    rows = [
        (places // stride if stride > 1 else places) % max(size, 1)
        for size, stride in zip(sizes, contiguous_strides(tuple(sizes)))
    ]
    return stack(rows)


def added_at(places: Tensor, values: Tensor, count: int) -> Tensor:
    """Values [nnz, *rest] added up by place in `count` rows; truth values by `or`."""
    if values.dtype is bool_:
        return added_at(places, values.to(int32), count) != 0
    return values.new_zeros((count, *values._shape[1:])).index_add(0, places, values)


def picked(x: Tensor, indices: Tensor) -> Tensor:
    """The values [nnz, *dense] of a dense or sparse tensor at indices [sparse_dim, nnz]."""
    count = indices._shape[0]
    shape = tuple(x._shape)
    sizes, dense = shape[:count], shape[count:]
    if x._storage.layout is strided:
        rows = 1
        for size in sizes:
            rows *= size
        return x.reshape((rows, *dense)).index_select(0, flat_places(indices, sizes))
    x = x if is_sparse(x) else x.to_sparse_coo()
    if indices_of(x)._storage is indices._storage and indices_of(x)._shape == indices._shape:
        return values_of(x)
    x = coalesced(x)
    wanted, n = flat_places(indices, sizes), nnz_of(x)
    values = values_of(x)
    if not n:
        return values.new_zeros((wanted._shape[0], *dense))
    known = flat_places(indices_of(x), sizes)
    at = searchsorted(known, wanted).clamp(max=n - 1)
    found = known.index_select(0, at) == wanted
    kept = found.reshape((-1,) + (1,) * len(dense))
    return values.index_select(0, at).masked_fill(~kept, 0)


def coalesced(x: Tensor) -> Tensor:
    """The same matrix with each place once, in order: `x` itself where it is so. Computes the indices."""
    storage: Any = x._storage
    if storage.is_coalesced:
        return x
    indices, values = storage.indices[0], storage.values
    known = storage.coalesced
    if known is None or known[0] != _versions(storage, indices, values, *known[1:]):
        sizes = tuple(x._shape[: indices._shape[0]])
        with no_grad():
            distinct, inverse = flat_places(indices, sizes).unique(return_inverse=True)
            found = _unflat(distinct, sizes), added_at(inverse, values, distinct._shape[0])
        known = storage.coalesced = _versions(storage, indices, values, *found), *found
    return passed_on(made(sparse_coo, known[1:2], known[2], x._shape, True), "CoalesceBackward0", x)


def _versions(storage: SparseStorage, *parts: Tensor) -> tuple[int, ...]:
    """What changes when the storage, or one of the parts, is written."""
    return storage.version, *[part._storage.version for part in parts]


def row_starts(rows: Tensor, count: int) -> Tensor:
    """Where in `rows`, which are in order, each of `count` rows begins, and the end: int64 [count + 1]."""
    return searchsorted(rows, arange(count + 1, dtype=int64, device=rows.device))
