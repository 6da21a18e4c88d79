"""`torch.fft`: discrete Fourier transforms. Filled from the operator registry; may import `flambeau.ops`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flambeau.ops.registry import OPERATORS

globals().update({name: o.public for (namespace, name), o in OPERATORS.items() if namespace == "fft"})
__all__ = sorted(name for namespace, name in OPERATORS if namespace == "fft")

if TYPE_CHECKING:

    def __getattr__(name: str) -> Any: ...
