"""`tensor[index]` and `tensor[index] = value`: PyTorch's whole indexing. May import what `flambeau.ops` may.

An index is first applied as a view (`flambeau.ops.indices`), and what is left, integer tensors and masks, as one gather or
scatter over the flattened indexed dimensions.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flambeau import devices
from flambeau.autograd.entries import entitle
from flambeau.autograd.modes import state
from flambeau.dtypes import bool_, int64
from flambeau.graph.primitives.indexing import EITHER_END, GATHER
from flambeau.graph.primitives.movement import ASSIGN
from flambeau.host import is_put, put_number
from flambeau.ops.composite import repeated
from flambeau.ops.creation import iota, tensor
from flambeau.ops.gathering import along, into
from flambeau.ops.indices import items_of, out_of_bounds, seen_and_left, seen_at, simple_items, view_at
from flambeau.ops.masking import masked_fill
from flambeau.ops.operands import cast, check_fits, check_tensor, expand, python_number, scalar, strides_like
from flambeau.ops.registry import check_apart, operator, scalar_name
from flambeau.ops.slicing import pick
from flambeau.ops.strided import whole_memory
from flambeau.ops.views import alias, owned, reshape
from flambeau.shapes.broadcasting import broadcast
from flambeau.shapes.broadcasting import expand as expand_rule
from flambeau.shapes.errors import ShapeError
from flambeau.shapes.strides import pointwise
from flambeau.shared_storage import is_alone
from flambeau.storage import may_look, realize
from flambeau.tensor import Tensor

__all__ = ["index_put", "index_put_"]


class _Plan:
    """How the dimensions that tensors index become one flat dimension in front."""

    __slots__ = ("order", "flat", "indices", "places", "common", "rest", "at")

    def __init__(self, t: Tensor, advanced: list[Tensor | None]) -> None:
        shape = tuple(t._shape)
        indexed = [d for d, index in enumerate(advanced) if index is not None]
        indices = [index for index in advanced if index is not None]
        try:
            self.common = broadcast(*(tuple(i._shape) for i in indices))
        except ShapeError:
            raise IndexError(
                "shape mismatch: indexing tensors could not be broadcast together with shapes "
                + ", ".join(str(list(i._shape)) for i in indices)
            ) from None
        moved = []
        for index in indices:
            if index._storage.device != t._storage.device:
                if index._storage.device != "cpu":
                    raise RuntimeError(
                        f"indices should be either on cpu or on the same device as the indexed tensor ({t.device})"
                    )
                index = index.to(t.device)
            moved.append(index)
        if 0 in [shape[d] for d in indexed] and 0 not in self.common:
            raise IndexError("index is out of bounds for dimension with size 0")
        self.indices = moved
        together = indexed[-1] - indexed[0] + 1 == len(indexed)
        self.at = indexed[0] if together else 0
        others = [d for d in range(len(shape)) if d not in indexed]
        self.order = (*indexed, *others)
        self.rest = tuple(shape[d] for d in others)
        self.flat = 1
        for d in indexed:
            self.flat *= shape[d]
        if 0 in self.common:
            linear = moved[0].new_empty(self.common)
        elif len(moved) == 1:
            linear = moved[0]
        else:
            linear = None
            for d, index in zip(indexed, moved):
                # Gathering from 0, 1, … makes an index non-negative and has it checked against its own dimension.
                vector = reshape(index, (-1,))
                index = reshape(_checked(vector, shape[d], d), tuple(index._shape))
                linear = index if linear is None else linear * shape[d] + index
        assert linear is not None
        self.places = reshape(expand(linear, self.common), (-1,))

    def front(self, t: Tensor) -> Tensor:
        """t with the indexed dimensions flat in front."""
        moved = t if self.order == tuple(range(len(self.order))) else t.permute(self.order)
        return reshape(moved, (self.flat, *self.rest))

    def back(self, flat: Tensor, shape: tuple[int, ...]) -> Tensor:
        """What `front` undid."""
        moved = reshape(flat, tuple(shape[d] for d in self.order))
        inverse = [0] * len(self.order)
        for i, d in enumerate(self.order):
            inverse[d] = i
        return moved if tuple(inverse) == tuple(range(len(inverse))) else moved.permute(inverse)

    def result_shape(self) -> tuple[int, ...]:
        return (*self.rest[: self.at], *self.common, *self.rest[self.at :])

    def result(self, gathered: Tensor, t: Tensor) -> Tensor:
        """The rows gathered from `t` as the index's result, in memory of its own as PyTorch's lies there."""
        found = reshape(gathered, (*self.common, *self.rest))
        n = len(self.common)
        if self.at:
            found = found.permute((*range(n, n + self.at), *range(n), *range(n + self.at, len(found._shape))))
        elif t._strides is None and len(self.indices) == 1 and self.indices[0]._strides is None:
            return owned(found)
        own = [t.stride(d) for d in self.order[len(self.indices) :]]
        before, after = own[: self.at], own[self.at :]
        operands = [(*before, *(0,) * n, *after)]
        for index in self.indices:
            operands.append((*(0,) * len(before), *expand(index, self.common).stride(), *(0,) * len(after)))
        return owned(found._laid_out(pointwise(tuple(found._shape), *operands)))

    def rows(self, value: Tensor) -> Tensor:
        """A value of the result's shape as rows to scatter."""
        if self.at:
            n, rank = len(self.common), len(value._shape)
            value = value.permute((*range(self.at, self.at + n), *range(self.at), *range(self.at + n, rank)))
        return reshape(value, (self.places._shape[0], *self.rest))


def _checked(vector: Tensor, size: int, dim: int) -> Tensor:
    return Tensor._apply(GATHER, (iota(size, int64, vector._storage.device), vector), (0, EITHER_END.along(dim)))


# --- tensor[index] -----------------------------------------------------------------------------------------------------
def _getitem(self: Tensor, index: Any) -> Tensor:
    """The elements at an index: a view for integers, slices, None and Ellipsis, a copy for masks and integer tensors.

    Raises IndexError for too many indices, an integer out of range, or masks that don't fit; ValueError for a step below 1.
    """
    if index.__class__ is int:
        if not self._shape:
            raise IndexError(
                "invalid index of a 0-dim tensor. Use `tensor.item()` in Python or `tensor.item<T>()` in C++ to convert a "
                "0-dim tensor to a number"
            )
        size = self._shape[0]
        if not -size <= index < size:
            raise out_of_bounds(index, 0, size)
        return pick(self, 0, index + size if index < 0 else index)
    simple = simple_items(index)
    if simple is not None:
        result = seen_at(self, simple)
        return alias(self) if result is self else result
    result, advanced = seen_and_left(self, items_of(self, index))
    for found in advanced:
        if found is not None:
            return _take(result, advanced)
    return alias(self) if result is self else result


def _take(t: Tensor, advanced: list[Tensor | None]) -> Tensor:
    at = tuple([d for d, index in enumerate(advanced) if index is not None])
    (result,) = repeated(_TAKEN, _taken, (t, *[index for index in advanced if index is not None]), (at, len(advanced)))
    return entitle(result, "IndexBackward0")


def _taken(t: Tensor, *indices: Any) -> Tensor:
    """The elements at `indices` of the dimensions `at`, of `count` in all."""
    *tensors, at, count = indices
    found: dict[int, Tensor] = dict(zip(at, tensors))
    plan = _Plan(t, [found.get(d) for d in range(count)])
    return plan.result(along(plan.front(t), plan.places, 0), t)


_TAKEN: dict[Any, Any] = {}


# --- tensor[index] = value ---------------------------------------------------------------------------------------------
def _value_tensor(self: Tensor, value: Any) -> Tensor:
    if isinstance(value, Tensor):
        return value
    number = python_number(value)
    if number is not None:
        check_fits(number, self._storage.dtype)
        return scalar(number, self._storage.dtype, self._storage.device)
    if hasattr(value, "__array_interface__") or isinstance(value, (list, tuple)):
        if isinstance(value, (list, tuple)):
            raise TypeError(f"can't assign a {type(value).__name__} to a torch.{self.type().removeprefix('torch.')}")
        return tensor(value, dtype=self.dtype, device=self.device)
    raise TypeError(f"can't assign a {type(value).__name__} to a {self.type()}")


def _fit(value: Tensor, shape: tuple[int, ...]) -> Tensor:
    """The value repeated to `shape`; dimensions of size 1 too many in front are dropped."""
    own = tuple(value._shape)
    extra = len(own) - len(shape)
    if extra > 0 and all(n == 1 for n in own[:extra]):
        own = own[extra:]
        value = reshape(value, own)
    if own != shape and broadcast_fails(own, shape):
        raise RuntimeError(
            f"shape mismatch: value tensor of shape {list(own)} cannot be broadcast to indexing result of shape {list(shape)}"
        )
    return expand(value, shape)


def broadcast_fails(own: tuple[int, ...], shape: tuple[int, ...]) -> bool:
    """Whether `own` doesn't broadcast to `shape`."""
    return len(own) > len(shape) or any(n not in (1, m) for n, m in zip(own[::-1], shape[::-1]))


def _setitem(self: Tensor, index: Any, value: Any) -> None:
    """Writes `value` (a tensor or a number), broadcast, to the elements at an index.

    Raises as reading the index does, and RuntimeError for a value whose shape doesn't fit.
    """
    if isinstance(index, Tensor) and index.dtype is bool_ and index._shape and _set_masked(self, index, value):
        return
    simple = simple_items(index)
    if simple is not None and _put_number(self, simple, value):
        return
    items = items_of(self, index) if simple is None else []
    source = _value_tensor(self, value)
    target, advanced = seen_and_left(self, items) if simple is None else (seen_at(self, simple), [])
    is_whole = target is self
    if is_whole:
        target = alias(self)
    if all(found is None for found in advanced):
        shape = tuple(target._shape)
        extra = len(source._shape) - len(shape)
        if extra > 0 and all(n == 1 for n in source._shape[:extra]):
            source = reshape(source, tuple(source._shape[extra:]))
        if source._shape != shape:
            expand_rule(tuple(source._shape), shape)
            source = expand(source, shape)
        if not _is_same(target, source):
            target.copy_(source)
        return
    if source.dtype is not self.dtype:
        tensors = [item for item in items if isinstance(item, Tensor)]
        if source.numel() != 1 or len(tensors) != 1 or tensors[0].dtype is not bool_:
            raise RuntimeError(
                f"Index put requires the source and destination dtypes match, got {scalar_name(self)} for the destination and "
                f"{scalar_name(source)} for the source."
            )
        source = cast(source, self.dtype)
    check_apart(self if is_whole else target, source)  # the tensor itself is told by what it is, also where it isn't dense
    _put(target, advanced, source.to(self.device), "set")


def _is_same(target: Tensor, source: Tensor) -> bool:
    """Whether a view that is to be written is what it is written from, as after `x[i] += 1`: then that counts as written."""
    if source._storage is not target._storage or source.storage_offset() != target.storage_offset():
        return False
    if (
        source.stride() != target.stride()
        or target._repeats()
        or (state.enabled and (target.requires_grad or source.requires_grad))
    ):
        return False
    target._counter.autograd_version += 1
    return True


_SMALL = 1 << 12
"""Elements of a tensor that is computed so that single numbers can be written to it."""


def _put_number(self: Tensor, items: tuple[Any, ...], value: Any) -> bool:
    """Writes a Python number to a single element where it lies, if nothing else knows that memory, lazy or not. Says whether it
    was that."""
    storage = self._storage
    if not is_put(value, storage.dtype) or self._strides is not None or self._base is not None or self._requires_grad:
        return False
    view = view_at(self._shape, self.stride(), 0, items)
    if view is None or view.shape or not may_look(storage.device):
        return False
    backend = devices.backend(storage.device)
    if not (backend.is_host and backend.runs_plans):
        return False
    if storage.node.buffer is None:
        if storage.size > _SMALL or (storage.node.inputs and storage.node.primitive is not ASSIGN):
            return False
        realize([storage.node])
    if not (is_alone(storage) and storage.node.buffer.is_writable):
        return False
    check_fits(value, storage.dtype)
    self._check_writable(False)
    buffer = storage.node.buffer
    put_number(value, devices.host_backend(storage.device).address(buffer) + view.offset * storage.dtype.itemsize, storage.dtype)
    buffer.packed = None
    storage.version += 1
    self._counter.autograd_version += 1
    return True


def _put(target: Tensor, advanced: list[Tensor | None], source: Tensor, mode: str) -> None:
    if target._repeats():
        _put_into_memory(target, advanced, source, mode)
    else:
        target._assign(_with_put(target, advanced, source, mode))


def _put_into_memory(target: Tensor, advanced: list[Tensor | None], source: Tensor, mode: str) -> None:
    """Writes at an index of a tensor in which several elements are one place, as after `expand`: each write counts."""
    target._check_writable(state.enabled and (target.requires_grad or source.requires_grad), may_overlap=True)
    plan = _Plan(target, advanced)
    rows = plan.rows(_fit(source, plan.result_shape()))
    memory = whole_memory(target)
    numbered = iota(memory._shape[0], int64, target._storage.device)
    own = numbered.as_strided(tuple(target._shape), target.stride(), target.storage_offset())
    places = along(plan.front(own), plan.places, 0)
    memory._assign(into(memory, reshape(places, (-1,)), 0, reshape(rows, (-1,)), mode))


def _with_put(target: Tensor, advanced: list[Tensor | None], source: Tensor, mode: str) -> Tensor:
    plan = _Plan(target, advanced)
    rows = plan.rows(_fit(source, plan.result_shape()))
    return plan.back(into(plan.front(target), plan.places, 0, rows, mode), tuple(target._shape))


def _set_masked(self: Tensor, mask: Tensor, value: Any) -> bool:
    """`self[mask] = number`, which needs no count of the mask's elements. Says whether it was that."""
    if isinstance(value, Tensor):
        if value.numel() != 1 or len(value._shape) > len(self._shape):
            return False
        value = cast(reshape(value, ()), self.dtype)
    else:
        value = python_number(value)
        if value is None:
            return False
        check_fits(value, self.dtype)
    rank = len(mask._shape)
    if self._repeats():
        return False
    if rank > len(self._shape) or tuple(mask._shape) != tuple(self._shape[:rank]):
        return False
    wide = reshape(mask, (*mask._shape, *(1,) * (len(self._shape) - rank)))
    if not isinstance(value, Tensor) and self.dtype.category < 2:
        value = scalar(value, self.dtype, self._storage.device)
    self._assign(masked_fill(self, wide, value))
    return True


_getitem.__name__, _setitem.__name__ = "__getitem__", "__setitem__"
Tensor.__getitem__ = _getitem  # type: ignore[attr-defined]
Tensor.__setitem__ = _setitem  # type: ignore[attr-defined]


# --- as functions ------------------------------------------------------------------------------------------------------
@operator()
def index_put(input: Tensor, indices: Sequence[Tensor | None], values: Tensor, accumulate: bool = False) -> Tensor:
    """`input[indices] = values` (or `+=` with `accumulate`, places repeating), as a new tensor."""
    target, advanced = _put_operands(input, indices, values)
    result = _with_put(target, advanced, values, "add" if accumulate else "set")
    return reshape(result, tuple(input._shape))._laid_out(strides_like(input))


def _put_operands(input: Tensor, indices: Sequence[Tensor | None], values: Tensor) -> tuple[Tensor, list[Tensor | None]]:
    """What is indexed, and by what, after a check of the operands of `index_put`."""
    items = [slice(None) if i is None else check_tensor(i, "index_put", "indices", 2) for i in indices]
    if not items:
        raise RuntimeError("index_put: indices must have at least one tensor, got none")
    if values.dtype is not input.dtype:
        raise RuntimeError(
            f"Index put requires the source and destination dtypes match, got {scalar_name(input)} for the destination and "
            f"{scalar_name(values)} for the source."
        )
    read = [reshape(i, (1,)) if isinstance(i, Tensor) and not i._shape and i.dtype is not bool_ else i for i in items]
    return seen_and_left(input, items_of(input, tuple(read)))


@operator()
def index_put_(input: Tensor, indices: Sequence[Tensor | None], values: Tensor, accumulate: bool = False) -> Tensor:
    """`index_put`, written into this tensor."""
    target, advanced = _put_operands(input, indices, values)
    check_apart(target, values)
    _put(target, advanced, values, "add" if accumulate else "set")
    return input
