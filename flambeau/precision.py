"""How precise products of float32 must be: `set_float32_matmul_precision`. A leaf that every room may import; imports nothing.

Whatever compiles a product asks `may_round_products()` and keeps the answer in the key of what it compiled.
"""

from __future__ import annotations

import warnings

__all__ = ["set_float32_matmul_precision", "get_float32_matmul_precision", "may_round_products"]

_PRECISIONS = ("highest", "high", "medium")
_precision = "highest"


def set_float32_matmul_precision(precision: str) -> None:
    """Lets products and convolutions of float32 lose precision for speed: "highest" (the default) forbids it.

    With "high" and "medium" the factors may be rounded to 10 explicit bits of mantissa (TF32's), and a device may choose an
    algorithm whose rounding errors are larger; sums are kept in float32. Any other text warns and changes nothing, as in
    PyTorch; raises RuntimeError when `precision` is not a string.
    """
    global _precision
    if not isinstance(precision, str):
        raise RuntimeError(f"set_float32_matmul_precision expects a str, but got {type(precision).__name__}")
    if precision not in _PRECISIONS:
        warnings.warn(
            f"{precision} is not one of 'highest', 'high', or 'medium'; the current setFloat32MatmulPrecision call has no"
            " effect.",
            UserWarning,
            stacklevel=2,
        )
        return
    _precision = precision


def get_float32_matmul_precision() -> str:
    """What `set_float32_matmul_precision` set: "highest", "high" or "medium"."""
    return _precision


def may_round_products() -> bool:
    """Whether factors of float32 products may be rounded, or less precise algorithms be used for them."""
    return _precision != "highest"
