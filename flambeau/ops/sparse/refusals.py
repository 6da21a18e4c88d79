"""What sparse tensors have none of: PyTorch's errors, and its answers to questions about memory.

May import what `flambeau.ops` may.
"""

from __future__ import annotations

from typing import Any

from flambeau.tensor import Tensor
from flambeau.tensor.meanings import in_both, refusal

__all__: list[str] = []

_NO_STORAGE = "Cannot access storage of SparseTensorImpl"
_NO_POINTER = "Cannot access data pointer of Tensor that doesn't have storage"
_NO_RESHAPE = "reshape is not implemented for sparse tensors"
_ERRORS: dict[type[Exception], dict[str, tuple[str, ...]]] = {
    NotImplementedError: {_NO_STORAGE: ("storage", "untyped_storage", "is_shared", "share_memory_", "storage_offset")},
    TypeError: {"can't convert Sparse layout tensor to numpy. Use Tensor.to_dense() first.": ("numpy", "__array__")},
    RuntimeError: {
        _NO_POINTER: ("data_ptr", "tolist", "apply_", "map_"),
        _NO_RESHAPE: ("reshape", "flatten", "ravel", "reshape_as"),
        "expand is unsupported for Sparse tensors": ("expand", "expand_as", "broadcast_to"),
        "unsupported memory format option Contiguous": ("contiguous",),
        "nbytes is not defined for sparse tensors.  If you want the size of the constituent tensors, add the nbytes of the "
        "indices and values.  If you want the size of the  equivalent dense tensor, multiply numel() by element_size()": (
            "nbytes",
        ),
        "to(options) doesn't support converting to a different layout": ("type_as",),
    },
}


def _refuse(names: tuple[str, ...], error: type[Exception], text: str) -> None:
    @in_both(*names, first=True)
    def refuse(*args: Any, **kwargs: Any) -> Any:
        raise error(text)


for _error, _by_text in _ERRORS.items():
    for _text, _names in _by_text.items():
        _refuse(_names, _error, _text)


def _meaningless(name: str) -> None:
    @in_both(name, first=True)
    def refuse(self: Tensor, *args: Any, **kwargs: Any) -> Any:
        raise refusal(name, self)


for _name in (
    "new_ones",
    "new_full",
    "dim_order",
    "__dlpack__",
    "view",
    "view_as",
    "resize_",
    "resize_as_",
    "set_",
    "as_strided",
):
    _meaningless(_name)


@in_both("is_contiguous", first=True)
def _is_contiguous(self: Tensor, memory_format: Any = None) -> bool:
    return False


@in_both("stride", first=True)
def _stride(self: Tensor, dim: int | None = None) -> Any:
    return (0,) * len(self._shape) if dim is None else 0


@in_both("__deepcopy__")
def _deepcopy(self: Tensor, memo: dict[int, Any]) -> Tensor:
    if id(self) in memo:
        return memo[id(self)]
    if not self.is_leaf:
        raise RuntimeError(
            "Only Tensors created explicitly by the user (graph leaves) support the deepcopy protocol at the moment."
        )
    copy = object.__new__(type(self))
    copy._become(self.detach().clone())
    copy._requires_grad = self._requires_grad
    if self._grad is not None:
        copy._grad = self._grad.__deepcopy__(memo)
    memo[id(self)] = copy
    return copy
