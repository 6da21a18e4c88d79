"""NumPy, imported when first used: the primitives' meanings need it, a browser without NumPy never calls them.

`array_type(dtype)` is the NumPy dtype of a flambeau dtype (`ml_dtypes` gives bfloat16). May import `flambeau.dtypes` only.
"""

from __future__ import annotations

import importlib
from functools import cache
from typing import Any

from flambeau.dtypes import ALL, dtype

__all__ = ["np", "array_type", "from_array_type"]


class _Lazy:
    """A module that is imported when an attribute is first asked for."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, attribute: str) -> Any:
        value = getattr(importlib.import_module(self._name), attribute)
        setattr(self, attribute, value)
        return value


np: Any = _Lazy("numpy")


@cache
def array_type(d: dtype) -> Any:
    """The NumPy dtype that stores `d`."""
    if d.name == "bfloat16":
        import ml_dtypes

        return np.dtype(ml_dtypes.bfloat16)
    return np.dtype(d.name)


@cache
def from_array_type(numpy_dtype: Any) -> dtype:
    """The flambeau dtype of a NumPy dtype; raises TypeError for one that has none."""
    name = np.dtype(numpy_dtype).name
    for d in ALL:
        if d.name == name:
            return d
    raise TypeError(
        f"can't convert np.ndarray of type {name}. The only supported types are: "
        "float64, float32, float16, bfloat16, complex64, complex128, int64, int32, int16, int8, uint8, and bool."
    )
