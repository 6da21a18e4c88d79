"""Questions about tensors and dtypes, whose answers are no tensors. May import what `flambeau.ops` may."""

from __future__ import annotations

from typing import Any

from flambeau import dtypes
from flambeau.dtypes import dtype
from flambeau.ops.operands import check_tensor, result_dtype
from flambeau.ops.registry import operator
from flambeau.tensor import Tensor

__all__ = ["can_cast", "get_device", "is_tensor", "numel", "promote_types", "result_type", "typename"]


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


@operator("is_signed", method=False)
def _is_signed(input: Tensor) -> bool:
    """Whether the dtype has negative numbers."""
    return input.is_signed()


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


@operator()
def get_device(input: Tensor) -> int:
    """The number of the device; -1 in the host's memory."""
    return input.device.index if input.device.index is not None else -1


@operator("is_inference", method=False)
def _is_inference(input: Tensor) -> bool:
    """Whether the tensor was made in inference mode."""
    return input.is_inference()
