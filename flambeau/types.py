"""`torch.types`: what annotations call the kinds of arguments. May import `flambeau.tensor`, `flambeau.ops`."""

from __future__ import annotations

import builtins
import os
from collections.abc import Sequence
from typing import IO, Any, TypeAlias

from flambeau.device import device as _device
from flambeau.dtypes import dtype as _Dtype
from flambeau.ops.storages import UntypedStorage as Storage
from flambeau.size import Size
from flambeau.tensor import Tensor

__all__ = ["Device", "FileLike", "Number", "Storage"]

_dtype: TypeAlias = _Dtype
_int: TypeAlias = builtins.int
_float: TypeAlias = builtins.float
_bool: TypeAlias = builtins.bool
_complex: TypeAlias = builtins.complex
_size: TypeAlias = "Size | list[int] | tuple[int, ...]"
_dispatchkey: TypeAlias = Any
_TensorOrTensors: TypeAlias = "Tensor | Sequence[Tensor]"
_TensorOrTensorsOrGradEdge: TypeAlias = Any

Number: TypeAlias = int | float | bool
"""A Python number, as `Tensor.item` gives it."""
Device: TypeAlias = _device | str | int | None
"""What names a device; None is the default one."""
FileLike: TypeAlias = str | os.PathLike[str] | IO[bytes]
"""What `torch.save` and `torch.load` take."""

py_sym_types: tuple[type, ...] = ()
PySymType: TypeAlias = Any
