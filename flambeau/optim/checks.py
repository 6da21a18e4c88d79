"""Checks of optimizers' arguments, with PyTorch's words. May import: tensor."""

from __future__ import annotations

from typing import Any

from flambeau.tensor import Tensor

__all__ = [
    "at_least_zero", "betas_in_range", "betas_of_one_kind", "learning_rate", "not_below_zero", "not_negative", "one_element",
    "one_implementation",
]  # fmt: skip


def one_element(lr: Any) -> None:
    """Raises ValueError for a learning rate that is a tensor of more."""
    if isinstance(lr, Tensor) and lr.numel() != 1:
        raise ValueError("Tensor lr must be 1-element")


def learning_rate(lr: Any) -> None:
    """Raises ValueError unless `lr` is a number at least 0, or a tensor of one element."""
    one_element(lr)
    if not lr >= 0.0:
        raise ValueError(f"Invalid learning rate: {lr}")


def at_least_zero(**values: float) -> None:
    """Raises ValueError for a value below 0; the keyword is the name in the message."""
    for name, value in values.items():
        if not value >= 0.0:
            raise ValueError(f"Invalid {name} value: {value}")


def not_below_zero(values: dict[str, Any]) -> None:
    """Raises ValueError for a value below 0, by its name in the message. NaN passes: so SGD checks, unlike all others."""
    for name, value in values.items():
        if value < 0.0:
            raise ValueError(f"Invalid {name}: {value}")


def not_negative(**values: Any) -> None:
    """`at_least_zero` in the words of PyTorch's newer optimizers."""
    for name, value in values.items():
        if not value >= 0.0:
            raise ValueError(f"{name.replace('_', ' ')} should be >= 0 but is: {value}")


def betas_in_range(betas: Any) -> None:
    """Raises ValueError unless both are in [0, 1)."""
    for index in range(2):
        if not 0.0 <= betas[index] < 1.0:
            raise ValueError(f"Invalid beta parameter at index {index}: {betas[index]}")


def betas_of_one_kind(betas: Any, numbers_only: Any) -> None:
    """Raises ValueError unless both are floats or both tensors of one element, which `numbers_only` excludes."""
    kinds = [isinstance(beta, Tensor) for beta in betas]
    if any(kinds) != all(kinds) or not (all(kinds) or all(isinstance(beta, float) for beta in betas)):
        raise ValueError("betas must be either both floats or both Tensors")
    for index, beta in enumerate(betas if all(kinds) else ()):
        if numbers_only:
            raise ValueError(f"betas[{index}] as a Tensor is not supported for capturable=False and foreach=True")
        if beta.numel() != 1:
            raise ValueError(f"Tensor betas[{index}] must be 1-element")


def one_implementation(fused: Any, foreach: Any, differentiable: bool) -> None:
    """PyTorch's choices of implementation exclude each other; here all mean the same computation."""
    if fused:
        if differentiable:
            raise RuntimeError("`fused` does not support `differentiable`")
        if foreach:
            raise RuntimeError("`fused` and `foreach` cannot be `True` together.")
