"""The classes of tensors by dtype (`torch.FloatTensor`, …), to construct and for `isinstance`. May import `flambeau.ops`."""

from __future__ import annotations

from typing import Any

from flambeau import dtypes
from flambeau.dtypes import dtype
from flambeau.ops.conversion import TYPE_NAMES
from flambeau.ops.creation import empty, tensor
from flambeau.ops.operands import sizes
from flambeau.size import Size
from flambeau.tensor import Tensor
from flambeau.tensor.overriding import disabled_torch_function

__all__ = ["TYPES", "Variable", "set_default_tensor_type"]


class _TensorType(type(Tensor)):  # type: ignore[misc]
    """The class of the classes: they have no instances of their own, but tensors count as theirs by dtype."""

    dtype: dtype

    def __instancecheck__(cls, instance: Any) -> bool:
        return isinstance(instance, Tensor) and instance.dtype is cls.dtype and instance._storage.device == "cpu"

    def __call__(cls, *args: Any, device: Any = None) -> Tensor:
        """A tensor of this dtype: of sizes, of numbers, or of another tensor of this dtype."""
        if not args:
            return empty((0,), dtype=cls.dtype, device=device)
        data = args[0]
        if len(args) > 1 or isinstance(data, (int, Size)):
            return empty(sizes(cls.__name__, args), dtype=cls.dtype, device=device)
        if isinstance(data, Tensor):
            if data.dtype is not cls.dtype:
                raise TypeError(f"expected {cls.__name__} (got {data.type()})")
            return data.detach()
        return tensor(data, dtype=cls.dtype, device=device)

    def __repr__(cls) -> str:
        return f"<class 'torch.{cls.__name__}'>"


def _make(name: str, type: dtype) -> Any:
    return _TensorType(name, (Tensor,), {"__slots__": (), "__doc__": f"Tensors of {type} on the CPU.", "dtype": type})


TYPES: dict[str, Any] = {
    name: _make(name, getattr(dtypes, "bool_" if own == "bool" else own)) for own, name in TYPE_NAMES.items() if own != "uint32"
}
"""By name: FloatTensor, LongTensor and so on."""


class _VariableType(type(Tensor)):  # type: ignore[misc]
    def __instancecheck__(cls, instance: Any) -> bool:
        return isinstance(instance, Tensor)

    def __call__(cls, data: Tensor, requires_grad: bool = False, volatile: bool = False) -> Tensor:
        if not isinstance(data, Tensor):
            raise TypeError(f"Variable data has to be a tensor, but got {type(data).__name__}")
        if not requires_grad:
            return data
        return data.detach().requires_grad_()


class Variable(Tensor, metaclass=_VariableType):
    """What tensors with gradients were once called: `Variable(tensor)` is the tensor."""

    __torch_function__ = disabled_torch_function


def set_default_tensor_type(t: Any) -> None:
    """Makes the dtype of a floating tensor class, or of its name ("torch.DoubleTensor"), the default."""
    name = t.removeprefix("torch.") if isinstance(t, str) else t.__name__
    if name not in TYPES or TYPES[name].dtype.category != 2:
        raise TypeError("only floating-point types are supported as the default type")
    dtypes.set_default_dtype(TYPES[name].dtype)


def __getattr__(name: str) -> Any:
    if name in TYPES:
        return TYPES[name]
    raise AttributeError(f"module 'flambeau.typed_tensors' has no attribute '{name}'")
