"""PyTorch's old spelling of a loss's reduction. Imports nothing."""

from __future__ import annotations

import warnings

__all__ = ["legacy_get_string"]


def legacy_get_string(size_average: bool | None, reduce: bool | None, emit_warning: bool = True) -> str:
    """ "mean", "sum" or "none" for the deprecated arguments `size_average` and `reduce`."""
    if reduce is not None and not reduce:
        reduction = "none"
    else:
        reduction = "mean" if size_average is None or size_average else "sum"
    if emit_warning:
        warnings.warn(
            f"size_average and reduce args will be deprecated, please use reduction='{reduction}' instead.", stacklevel=3
        )
    return reduction
