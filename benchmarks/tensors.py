"""PyTorch's tensors as flambeau's, for programs that time both."""

from __future__ import annotations

from typing import Any

import torch

import flambeau

__all__ = ["to_flambeau"]


def to_flambeau(t: torch.Tensor) -> Any:
    """A copy with the same strides, as a program's own numbers are: memory that another library knows too may change at any
    time, so that nothing of it can be kept in packed form from one call to the next."""
    if t.dtype is torch.bfloat16:  # which NumPy has not
        return to_flambeau(t.float()).to(flambeau.bfloat16)
    return flambeau.from_numpy(t.detach().numpy()).clone()
