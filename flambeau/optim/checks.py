"""Checks of optimizers' arguments, with PyTorch's words. May import: tensor."""

from __future__ import annotations

from typing import Any

from flambeau.tensor import Tensor

__all__ = ["at_least_zero", "betas_in_range", "learning_rate", "one_implementation"]


def learning_rate(lr: Any) -> None:
    """Raises ValueError unless `lr` is a number at least 0, or a tensor of one element."""
    if isinstance(lr, Tensor) and lr.numel() != 1:
        raise ValueError("Tensor lr must be 1-element")
    if not lr >= 0.0:
        raise ValueError(f"Invalid learning rate: {lr}")


def at_least_zero(**values: float) -> None:
    """Raises ValueError for a value below 0; the keyword is the name in the message."""
    for name, value in values.items():
        if not value >= 0.0:
            raise ValueError(f"Invalid {name} value: {value}")


def betas_in_range(betas: Any) -> None:
    """Raises ValueError unless both are in [0, 1)."""
    for index, beta in enumerate(betas):
        if not 0.0 <= beta < 1.0:
            raise ValueError(f"Invalid beta parameter at index {index}: {beta}")


def one_implementation(fused: Any, foreach: Any, differentiable: bool) -> None:
    """PyTorch's choices of implementation exclude each other; here all mean the same computation."""
    if fused:
        if differentiable:
            raise RuntimeError("`fused` does not support `differentiable`")
        if foreach:
            raise RuntimeError("`fused` and `foreach` cannot be `True` together.")
