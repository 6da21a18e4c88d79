"""Changing dtype and device, copying, writing whole tensors, and questions about dtypes. May import what `flambeau.ops` may."""

from __future__ import annotations

import math
import sys
import warnings
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from flambeau import dtypes
from flambeau.autograd.entries import CopyBackwards, FillBackward2, ZeroBackward0, entitle
from flambeau.autograd.modes import state
from flambeau.device import as_device_name
from flambeau.device import device as Device
from flambeau.dtypes import ALIASES, PYTHON_TYPES, default_dtype, dtype, name_of_dtype
from flambeau.graph.primitives.elementwise import BITCAST
from flambeau.graph.primitives.movement import PAD, RESHAPE
from flambeau.layout import contiguous_format, memory_format, preserve_format
from flambeau.ops.composite import Composite, record
from flambeau.ops.operands import (
    cast,
    check_fits,
    check_tensor,
    expand,
    format_argument,
    python_number,
    result_dtype,
    scalar,
    sizes,
    strides_like,
)
from flambeau.ops.registry import check_overlap, operator, scalar_name
from flambeau.shapes import strides as rules
from flambeau.shapes.broadcasting import expand as expand_rule
from flambeau.shared_storage import check_resizable
from flambeau.size import Size, contiguous_strides
from flambeau.storage import ReinterpretedStorage, part_storage, pending
from flambeau.tensor import Tensor, from_bytes, from_node, over

__all__ = ["to", "clone", "contiguous", "copy_"]

# --- copies ------------------------------------------------------------------------------------------------------------
_CLONE = Composite("clone", lambda g, y, inputs, params: (g,), saves="")


def _moved_back(g: Tensor, y: Any, inputs: Sequence[Any], params: tuple[Any, ...]) -> tuple[Tensor]:
    return (to(g, params[0]),)


_TO_DEVICE = Composite("to_copy", _moved_back, saves="")


@operator()
def clone(input: Tensor, *, memory_format: Any = None) -> Tensor:
    """A copy with memory of its own, through which gradients flow; unless told, it lies in memory as the input does.

    >>> torch.zeros(2, 3).t().clone().stride()
    (1, 3)
    >>> torch.zeros(2, 3).t().clone(memory_format=torch.contiguous_format).stride()
    (2, 1)
    """
    check_tensor(input, "clone", "input")
    return record(_CLONE, from_node(input._value(), strides_like(input, memory_format)), (input,))


@operator(namespace=None)
def contiguous(self: Tensor, memory_format: Any = contiguous_format) -> Tensor:
    """The tensor itself if its elements lie in row-major order (or in the given format), else a copy that does."""
    if is_contiguous(self, memory_format):
        return self
    if memory_format is preserve_format:
        raise RuntimeError("preserve memory format is unsupported by the contiguous operator")
    return clone(self, memory_format=memory_format)


@operator(namespace=None)
def is_contiguous(self: Tensor, memory_format: Any = contiguous_format) -> bool:
    """Whether the elements lie densely in row-major order (dimensions of size 1 don't matter), or in the given format."""
    if self._strides is None and memory_format is contiguous_format:
        return True
    return rules.is_contiguous(self._shape, self.stride(), format_argument("is_contiguous", memory_format))


@operator(namespace=None)
def dim_order(self: Tensor, *, ambiguity_check: Any = False) -> tuple[int, ...]:
    """The dimensions from the outermost in memory to the innermost.

    Where sizes of 1 or equal strides allow several orders it is one of them, or with `ambiguity_check` a RuntimeError; with a
    list of memory formats only if not exactly one of those fits.

    >>> torch.empty(2, 3, 5, 7, memory_format=torch.channels_last).dim_order()
    (0, 2, 3, 1)
    """
    formats = ambiguity_check if isinstance(ambiguity_check, list) else []
    if not isinstance(ambiguity_check, (bool, list)) or not all(isinstance(f, memory_format) for f in formats):
        raise TypeError("The ambiguity_check argument must be a bool or a list of memory formats.")
    strides = self.stride()
    is_ambiguous = 1 in self._shape or any(a == b for a, b in pairwise(strides))
    if ambiguity_check is not False and is_ambiguous and sum(is_contiguous(self, f) for f in formats) != 1:
        raise RuntimeError("The tensor does not have unique dim order, or cannot map to exact one of the given memory formats.")
    if ambiguity_check and not rules.has_one_order(self._shape, strides):
        raise RuntimeError("The tensor does not have unique dim order.")
    return rules.dim_order(self._shape, strides)


# --- dtype and device --------------------------------------------------------------------------------------------------
def _to_device(t: Tensor, name: str) -> Tensor:
    data = bytes(0) if name == "meta" else t._bytes()
    moved = from_bytes(data, t.dtype, t._shape, name)._laid_out(strides_like(t))
    return record(_TO_DEVICE, moved, (t,), (t._storage.device,))


def warn_of_discarding(own: dtype, type: dtype) -> None:
    """Warns where complex numbers become real ones."""
    if own.category == 3 and 0 < type.category < 3:
        warnings.warn("Casting complex values to real discards the imaginary part", UserWarning, stacklevel=4)


def _convert(t: Tensor, type: dtype | None, device: str | None, copy: bool, format: Any = None) -> Tensor:
    result = t
    if type is not None and type is not t._storage.dtype:
        from flambeau import devices

        warn_of_discarding(t._storage.dtype, type)
        target = t._storage.device if device is None else device
        if not devices.backend(target).supports(type):
            raise TypeError(f"device {target} has no {type}: convert to another dtype, such as torch.float32")
        result = cast(result, type)
    if device is not None and device != t._storage.device:
        result = _to_device(result, device)
    if format is not None and format is not preserve_format:
        found = rules.suggested_format(t._shape, t.stride()) if result is t else None
        return result if found is format and not copy else clone(result, memory_format=format)
    return clone(result) if copy and result is t else result


@operator(namespace=None)
def to(self: Tensor, *args: Any, **kwargs: Any) -> Tensor:
    """The tensor with another dtype, device, or both: `to(dtype)`, `to(device, dtype)`, `to(other)`; itself when it has them."""
    type = device = None
    if len(args) == 1 and not kwargs and args[0].__class__ is dtype:
        return self if args[0] is self._storage.dtype else _convert(self, args[0], None, False)
    copy = bool(kwargs.pop("copy", False))
    kwargs.pop("non_blocking", None)
    format = kwargs.pop("memory_format", None)
    positional = list(args)
    if positional:
        first = positional.pop(0)
        if isinstance(first, Tensor):
            type, device = first.dtype, first._storage.device
        elif isinstance(first, dtype):
            type = first
        elif first in PYTHON_TYPES:
            type = PYTHON_TYPES[first]
        elif first is None or (isinstance(first, (str, int, Device)) and not isinstance(first, bool)):
            device = None if first is None else as_device_name(first)
            if positional and (positional[0] is None or isinstance(positional[0], dtype)):
                type = positional.pop(0)
        else:
            raise TypeError(f"to() received an invalid combination of arguments - got ({first.__class__.__name__})")
        flags = [f for f in positional if isinstance(f, bool)]
        if len(flags) != len(positional) or len(flags) > 2:
            raise TypeError("to() received an invalid combination of arguments")
        copy = copy or (len(flags) == 2 and flags[1])
    if kwargs.get("device") is not None:
        device = as_device_name(kwargs["device"])
    if kwargs.get("dtype") is not None:
        type = PYTHON_TYPES.get(kwargs["dtype"], kwargs["dtype"])
    if isinstance(kwargs.get("other"), Tensor):
        type, device = kwargs["other"].dtype, kwargs["other"]._storage.device
    unknown = set(kwargs) - {"device", "dtype", "other"}
    if unknown:
        raise TypeError(f"to() got an unexpected keyword argument '{unknown.pop()}'")
    if type is not None and not isinstance(type, dtype):
        raise TypeError(f"to(): argument 'dtype' must be torch.dtype, not {type.__class__.__name__}")
    return _convert(self, type, device, copy, None if format is None else format_argument("to", format))


def _caster(name: str, type: dtype) -> None:
    def convert(self: Tensor, memory_format: Any = None) -> Tensor:
        warn_of_discarding(self._storage.dtype, type)
        return cast(self, type) if memory_format is None else to(self, type, memory_format=memory_format)

    convert.__name__ = convert.__qualname__ = name
    convert.__doc__ = f"`to(torch.{type.name})`."
    operator(name, namespace=None)(convert)


for _name, _type in {
    **ALIASES,
    "bool": dtypes.bool_,
    "byte": dtypes.uint8,
    "char": dtypes.int8,
    "bfloat16": dtypes.bfloat16,
}.items():
    _caster(_name, _type)


@operator(namespace=None)
def cpu(self: Tensor, memory_format: Any = None) -> Tensor:
    """The tensor in the CPU's memory."""
    return _convert(self, None, "cpu", False, memory_format)


@operator(namespace=None)
def cuda(self: Tensor, device: Any = None, non_blocking: bool = False, memory_format: Any = None) -> Tensor:
    """The tensor on "cuda", which isn't here: raises AssertionError; flambeau's GPU device is "webgpu"."""
    return _convert(self, None, as_device_name("cuda"), False, memory_format)


TYPE_NAMES = {d.name: name_of_dtype(d) + "Tensor" for d in dtypes.ALL}


@operator("type", namespace=None)
def _type_method(self: Tensor, dtype: Any = None, non_blocking: bool = False) -> Any:
    """The type's name, such as "torch.FloatTensor"; with `dtype` (or such a name) the tensor converted to it."""
    if dtype is None:
        prefix = "" if self._storage.device == "cpu" else self._storage.device.partition(":")[0] + "."
        return f"torch.{prefix}{TYPE_NAMES[self.dtype.name]}"
    if isinstance(dtype, str):
        found = [n for n, t in TYPE_NAMES.items() if dtype == f"torch.{t}"]
        if not found:
            raise ValueError(f"invalid type: '{dtype}'")
        dtype = getattr(dtypes, found[0] if found[0] != "bool" else "bool_")
    elif isinstance(dtype, type):  # torch.FloatTensor, or Tensor itself
        dtype = getattr(dtype, "dtype", None) if issubclass(dtype, Tensor) and dtype is not Tensor else default_dtype()
    return to(self, dtype)


@operator(namespace=None)
def type_as(self: Tensor, other: Tensor) -> Tensor:
    """`to(other.dtype)` on the other's device."""
    return _convert(self, other.dtype, other._storage.device, False)


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


# --- writing -----------------------------------------------------------------------------------------------------------
@operator(namespace=None)
def copy_(self: Tensor, other: Any, non_blocking: bool = False) -> Tensor:
    """Writes `other`, broadcast and converted, into this tensor."""
    if not isinstance(other, Tensor):
        value = python_number(other)
        if value is None:
            raise TypeError(f"copy_(): argument 'other' (position 1) must be Tensor, not {other.__class__.__name__}")
        other = scalar(value, dtypes.scalar_dtype(value), self._storage.device)
    if other._storage is self._storage:
        check_overlap(self, other)
    shape = tuple(self._shape)
    if other._shape != shape:
        expand_rule(other._shape, shape)
    is_same = other._storage is self._storage and other._offset == self._offset and other.stride() == self.stride()
    value = _convert(other, self._storage.dtype, self._storage.device, False)
    if value is other:
        value = entitle(clone(value), "CopyBackwards")
    return self._assign(expand(value, shape), is_uniform=is_same, overwrite=CopyBackwards)


@operator()
def fill_(self: Tensor, value: Any) -> Tensor:
    """Writes a number (or a zero-dimensional tensor) into every element."""
    if isinstance(value, Tensor):
        if value._shape:
            raise RuntimeError(f"fill_ only supports 0-dimension value tensor but got tensor with {value.ndim} dimensions.")
        return entitle(copy_(self, value), "FillBackward3")
    found = python_number(value)
    if found is None:
        raise TypeError(f"fill_(): argument 'value' (position 1) must be Number, not {value.__class__.__name__}")
    type = self._storage.dtype
    check_fits(found, type)
    return _fill(self, found, FillBackward2)


def _fill(t: Tensor, value: Any, overwrite: type[FillBackward2 | ZeroBackward0]) -> Tensor:
    filled = expand(scalar(value, t._storage.dtype, t._storage.device), tuple(t._shape))
    return t._assign(filled, is_uniform=True, overwrite=overwrite)


@operator()
def zero_(self: Tensor) -> Tensor:
    """Writes zeros."""
    return _fill(self, 0, ZeroBackward0)


@operator(method=False)
def fill(input: Tensor, value: Any) -> Tensor:
    """A tensor like `input` with every element `value`."""
    return clone(input).fill_(value)


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


# --- questions about dtypes --------------------------------------------------------------------------------------------
@operator(method=False)
def result_type(tensor: Any, other: Any) -> dtype:
    """The dtype that an operator on these two tensors or numbers gives."""
    return result_dtype((tensor, other))


@operator(method=False)
def promote_types(type1: dtype, type2: dtype) -> dtype:
    """The smallest dtype that holds both, by PyTorch's table."""
    return dtypes.promote(type1, type2)


@operator(method=False)
def can_cast(from_: dtype, to: dtype) -> bool:
    """Whether a value of one dtype may be written into another: float may not become integer, nor integer bool."""
    return dtypes.can_cast(from_, to)


@operator(method=False, overridden=False)
def typename(obj: Any) -> str:
    """The name of a tensor's type ("torch.FloatTensor"), or of any object's class with its module."""
    if isinstance(obj, Tensor):
        return obj.type()
    kind = obj if isinstance(obj, type) else type(obj)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


@operator(method=False, overridden=False)
def is_tensor(obj: Any) -> bool:
    """Whether `obj` is a tensor."""
    return isinstance(obj, Tensor)


@operator(method=False)
def is_floating_point(input: Tensor) -> bool:
    """Whether the elements are floating-point numbers."""
    return check_tensor(input, "is_floating_point", "input").is_floating_point()


@operator(method=False)
def numel(input: Tensor) -> int:
    """The number of elements."""
    return check_tensor(input, "numel", "input").numel()


@operator()
def is_nonzero(input: Tensor) -> bool:
    """Whether the single element is not zero."""
    if input.numel() != 1:
        raise RuntimeError(
            "Boolean value of Tensor with " + ("no values" if not input.numel() else "more than one value") + " is ambiguous"
        )
    return bool(input.item())


@operator()
def is_same_size(input: Tensor, other: Tensor) -> bool:
    """Whether two tensors have one shape."""
    return tuple(input._shape) == tuple(other._shape)


@operator(namespace=None)
def is_shared(self: Tensor) -> bool:
    """Whether other processes may have the memory: after `share_memory_`, or where it was sent or came from another process."""
    process_memory = sys.modules.get("flambeau.process_memory")  # while nobody has asked for it, nothing is shared
    return process_memory is not None and process_memory.is_between_processes(self._storage)


@operator(namespace=None)
def is_pinned(self: Tensor, device: Any = None) -> bool:
    """Whether the memory is page-locked: never."""
    return False


@operator(namespace=None)
def pin_memory(self: Tensor, device: Any = None) -> Tensor:
    """The tensor itself: there is no page-locked memory here."""
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


# --- names of what is trivial here ---------------------------------------------------------------------------------------
@operator("detach", method=False)
def _detach(input: Tensor) -> Tensor:
    """The same memory without history."""
    return check_tensor(input, "detach", "input").detach()


@operator("detach_", method=False)
def _detach_in_place(input: Tensor) -> Tensor:
    """Forgets the tensor's history, in place."""
    return check_tensor(input, "detach_", "input").detach_()


@operator("is_inference", method=False)
def _is_inference(input: Tensor) -> bool:
    """Whether the tensor was made in inference mode."""
    return input.is_inference()


@operator("is_signed", method=False)
def _is_signed(input: Tensor) -> bool:
    """Whether the dtype has negative numbers."""
    return input.is_signed()


@operator()
def get_device(input: Tensor) -> int:
    """The number of the device; -1 in the host's memory."""
    return input.device.index if input.device.index is not None else -1


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
def apply_(self: Tensor, callable: Any) -> Tensor:
    """Writes a Python function of each element: slow, for the host only."""
    if not self._storage.device.startswith(("cpu", "reference")):
        raise TypeError(f"apply_ is only implemented on CPU tensors, not on {self._storage.device}")
    from flambeau.host import flatten, pack

    found, _ = flatten(self.detach().tolist())
    data = pack([callable(v) for v in found], self.dtype)
    return self._assign(from_bytes(data, self.dtype, self._shape, self._storage.device))


@operator(namespace=None)
def map_(self: Tensor, other: Tensor, callable: Any) -> Tensor:
    """Writes a Python function of each pair of elements: slow, for the host only."""
    if not self._storage.device.startswith(("cpu", "reference")):
        raise TypeError(f"map_ is only implemented on CPU tensors, not on {self._storage.device}")
    from flambeau.host import flatten, pack

    mine, _ = flatten(self.detach().tolist())
    theirs, _ = flatten(expand(other.detach(), tuple(self._shape)).tolist())
    data = pack([callable(a, b) for a, b in zip(mine, theirs)], self.dtype)
    return self._assign(from_bytes(data, self.dtype, self._shape, self._storage.device))


@operator(namespace=None)
def new(self: Tensor, *args: Any) -> Tensor:
    """A tensor of this one's dtype: of given sizes, or of given numbers."""
    if args and not isinstance(args[0], int):
        return self.new_tensor(args[0]) if not isinstance(args[0], Size) else self.new_empty(args[0])
    return self.new_empty(args or (0,))
