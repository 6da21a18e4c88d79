"""Which memory a tensor looks at, and how: as another dtype, of another size, another tensor's, other processes' too.

May import what `flambeau.ops` may.
"""

from __future__ import annotations

import math
import sys
from typing import Any

from flambeau.autograd.modes import state
from flambeau.dtypes import dtype, name_of_dtype
from flambeau.graph.primitives.elementwise import BITCAST
from flambeau.graph.primitives.movement import PAD, RESHAPE
from flambeau.layout import contiguous_format, preserve_format
from flambeau.ops.operands import format_argument, sizes
from flambeau.ops.registry import operator, scalar_name
from flambeau.seen_storage import ReinterpretedStorage, part_storage
from flambeau.shapes import strides as rules
from flambeau.shared_storage import check_resizable
from flambeau.size import contiguous_strides
from flambeau.storage import pending
from flambeau.tensor import Tensor, over

__all__ = ["reinterpreted", "resize_", "resize_as_", "set_", "share_memory_"]


def reinterpreted(t: Tensor, type: dtype) -> Tensor:
    """The same memory read as another dtype; the last dimension stretches or shrinks with the item size.

    Raises RuntimeError where elements of the new dtype would not lie side by side, or begin between two of them.
    """
    own, whole = t.dtype, t._storage
    if own is type:
        return t.detach() if not t.requires_grad else t.view_as(t)
    shape, strides, offset = tuple(t._shape), t.stride(), t.storage_offset()
    if own.itemsize != type.itemsize:
        how = f"to view {scalar_name(t)} as {name_of_dtype(type)} (different element sizes)"
        if not shape:
            raise RuntimeError(f"self.dim() cannot be 0 {how}")
        if own.itemsize < type.itemsize and shape[-1] % (type.itemsize // own.itemsize):
            n = type.itemsize // own.itemsize
            raise RuntimeError(f"self.size(-1) must be divisible by {n} {how}, but got {shape[-1]}")
        if strides[-1] != 1:
            raise RuntimeError(f"self.stride(-1) must be 1 {how}, but got {strides[-1]}")
        if own.itemsize < type.itemsize:
            n = type.itemsize // own.itemsize
            named = [("self.storage_offset()", offset)]
            named += [(f"self.stride({d})", s) for d, s in enumerate(strides[:-1])]
            for name, found in named:
                if found % n:
                    raise RuntimeError(f"{name} must be divisible by {n} {how}, but got {found}")
            shape, offset = (*shape[:-1], shape[-1] // n), offset // n
            strides = (*(s // n for s in strides[:-1]), 1)
        else:
            n = own.itemsize // type.itemsize
            shape, offset = (*shape[:-1], shape[-1] * n), offset * n
            strides = (*(s * n for s in strides[:-1]), 1)
    has_parts = 3 in (own.category, type.category)
    if pending.recorder is not None and own.itemsize == type.itemsize and not has_parts:  # it has no memory to share
        return Tensor._apply(BITCAST, (t,), (type,))
    if has_parts and own.real is type.real:
        storage = part_storage(whole, "real" if own.category == 3 else "complex")
    else:
        storage = whole.whole if isinstance(whole, ReinterpretedStorage) else whole
        storage = storage if storage.dtype is type else ReinterpretedStorage(storage, type)
    covers = offset == 0 and math.prod(shape) == storage.size and strides == contiguous_strides(shape)
    result = over(storage, shape, None if covers else strides, 0 if covers else offset)
    result._counter, result._inference = t._counter, t._inference
    return result


@operator(namespace=None)
def resize_(self: Tensor, *size: Any, memory_format: Any = None) -> Tensor:
    """Changes the shape in place; elements beyond those that were there are zeros."""
    shape = sizes("resize_", size)
    if any(n < 0 for n in shape):
        raise RuntimeError(f"Trying to create tensor with negative dimension {min(shape)}: {list(shape)}")
    if self._requires_grad:
        raise RuntimeError("cannot resize variables that require grad")
    form = contiguous_format if memory_format is None else format_argument("resize_", memory_format)
    if form is preserve_format:
        raise RuntimeError("Unsupported memory formatPreserve")
    return _resize(self, shape, form)


def _resize(self: Tensor, shape: tuple[int, ...], form: Any = contiguous_format) -> Tensor:
    """`resize_`, also of a tensor that requires a gradient."""
    offset = self.storage_offset()
    wanted, storage = offset + math.prod(shape), self._storage
    if wanted > storage.size:
        check_resizable(storage)
        node = storage.node
        if len(node.shape) != 1:
            node = RESHAPE((node,), ((storage.size,), node.shape))
        grown = PAD((node,), ((0,), (wanted - storage.size,), (0,), 0))
        storage.size = wanted
        storage.write(grown)
    self._shape = shape
    wanted_strides, row_major = rules.format_strides(shape, form), contiguous_strides(shape)
    whole = offset == 0 and wanted == storage.size and wanted_strides == row_major
    self._strides, self._offset = (None, 0) if whole else (wanted_strides, offset)
    self._node_version = -1
    return self


Tensor._resize = _resize  # type: ignore[attr-defined]


@operator()
def resize_as_(self: Tensor, the_template: Tensor, *, memory_format: Any = None) -> Tensor:
    """`resize_` to another tensor's shape."""
    return resize_(self, tuple(the_template._shape))


@operator(namespace=None)
def set_(self: Tensor, source: Any = None, storage_offset: int = 0, size: Any = None, stride: Any = None) -> Tensor:
    """Makes this tensor view the source's memory: a tensor's, or a storage's as elements of this tensor's dtype."""
    from flambeau.ops.storages import UntypedStorage

    if source is None:
        source = self.new_empty((0,))
    if isinstance(source, UntypedStorage):
        source = source.seen_as(self.dtype)
    if not isinstance(source, Tensor):
        raise TypeError(f"set_(): argument 'source' (position 1) must be Tensor, not {source.__class__.__name__}")
    if source.dtype is not self.dtype:
        raise RuntimeError(f"Could not set tensor of type {source.dtype} to a tensor of type {self.dtype}")
    if size is not None:
        shape = sizes("set_", (size,))
        source = source.as_strided(shape, contiguous_strides(shape) if stride is None else tuple(stride), storage_offset)
    self._check_writable(state.enabled and self.requires_grad, may_overlap=True)
    self.data = source
    self._counter = source._counter
    self._counter.autograd_version += 1
    return self


@operator(namespace=None)
def is_set_to(self: Tensor, tensor: Tensor) -> bool:
    """Whether both view the same elements of the same memory."""
    return (
        self._storage is tensor._storage
        and tuple(self._shape) == tuple(tensor._shape)
        and self.stride() == tensor.stride()
        and self.storage_offset() == tensor.storage_offset()
    )


@operator(namespace=None)
def is_shared(self: Tensor) -> bool:
    """Whether other processes may have the memory: after `share_memory_`, or where it was sent or came from another process."""
    process_memory = sys.modules.get("flambeau.process_memory")  # while nobody has asked for it, nothing is shared
    return process_memory is not None and process_memory.is_between_processes(self._storage)


@operator(namespace=None)
def share_memory_(self: Tensor) -> Tensor:
    """Moves the tensor's memory, and so that of its views, to where other processes can have it, too, and gives the tensor.

    Processes that are forked from then on have it, and those to which the tensor is sent: as an argument of a
    `multiprocessing.Process`, by a queue or a pipe. A write is seen by all before it returns; nothing keeps two processes from
    writing at once. Raises RuntimeError for a device whose memory is its own.
    """
    from flambeau.process_memory import share_between_processes

    share_between_processes(self._storage)
    return self


@operator(namespace=None)
def is_pinned(self: Tensor, device: Any = None) -> bool:
    """Whether the memory is page-locked: never."""
    return False


@operator(namespace=None)
def pin_memory(self: Tensor, device: Any = None) -> Tensor:
    """The tensor itself: there is no page-locked memory here."""
    return self
