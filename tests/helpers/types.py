"""The element types that kernels have: complex numbers are two real ones before kernels are made."""

from __future__ import annotations

from flambeau.dtypes import ALL

__all__ = ["TYPES_OF_KERNELS"]

TYPES_OF_KERNELS = [type for type in ALL if not type.is_complex]
