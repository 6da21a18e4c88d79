"""Clipping gradients. May import: ops, autograd, tensor."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from types import GeneratorType

from flambeau.autograd.modes import no_grad
from flambeau.ops import creation, joining
from flambeau.tensor import Tensor

__all__ = ["clip_grad_norm_", "clip_grad_value_", "clip_grads_with_norm_", "get_total_norm"]

Tensors = Tensor | Iterable[Tensor]


def _listed(tensors: Tensors) -> list[Tensor]:
    return [tensors] if isinstance(tensors, Tensor) else list(tensors)


def _gradients(parameters: Tensors) -> list[Tensor]:
    return [p.grad for p in _listed(parameters) if p.grad is not None]


def _vector_norm(tensor: Tensor, norm_type: float) -> Tensor:
    """The p-norm of all elements as one number."""
    if tensor.is_complex():
        tensor = tensor.abs()
    if norm_type == 2.0:
        return (tensor * tensor).sum().sqrt()
    if norm_type == float("inf"):
        return tensor.abs().max()
    if norm_type == float("-inf"):
        return tensor.abs().min()
    if norm_type == 0.0:
        return (tensor != 0).sum().to(tensor.dtype)
    if norm_type == 1.0:
        return tensor.abs().sum()
    return (tensor.abs() ** norm_type).sum() ** (1.0 / norm_type)


@no_grad()
def get_total_norm(
    tensors: Tensors, norm_type: float = 2.0, error_if_nonfinite: bool = False, foreach: bool | None = None
) -> Tensor:
    """The norm of the norms of `tensors`: that of all their elements together. `foreach` is accepted and unused."""
    tensors = _listed(tensors)
    norm_type = float(norm_type)
    if not tensors:
        return creation.tensor(0.0)
    first = tensors[0].device
    total = _vector_norm(joining.stack([_vector_norm(t, norm_type).to(first) for t in tensors]), norm_type)
    if error_if_nonfinite and not bool(total.isfinite()):
        raise RuntimeError(
            f"The total norm of order {norm_type} for gradients from `parameters` is non-finite, so it cannot be clipped. "
            "To disable this error and scale the gradients by the non-finite norm anyway, set `error_if_nonfinite=False`"
        )
    return total


@no_grad()
def clip_grads_with_norm_(parameters: Tensors, max_norm: float, total_norm: Tensor, foreach: bool | None = None) -> None:
    """Scales the gradients in place by min(1, max_norm / (total_norm + 1e-6)), without looking at the norm."""
    factor = (float(max_norm) / (total_norm + 1e-6)).clamp(max=1.0)
    for grad in _gradients(parameters):
        grad.mul_(factor.to(grad.device))


@no_grad()
def clip_grad_norm_(
    parameters: Tensors,
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    """Scales the gradients of `parameters` in place so that their total norm is at most `max_norm`; returns that norm.

    Raises RuntimeError for a norm that isn't finite, if `error_if_nonfinite`.

    >>> w = torch.zeros(2, requires_grad=True)
    >>> w.grad = torch.tensor([3.0, 4.0])
    >>> nn.utils.clip_grad_norm_([w], max_norm=1.0)
    tensor(5.)
    >>> w.grad
    tensor([0.6000, 0.8000])
    """
    generated = isinstance(parameters, GeneratorType)
    parameters = _listed(parameters)
    if generated and not parameters:
        warnings.warn("`parameters` is an empty generator, no gradient clipping will occur.", stacklevel=3)
    total = get_total_norm(_gradients(parameters), norm_type, error_if_nonfinite, foreach)
    clip_grads_with_norm_(parameters, max_norm, total, foreach)
    return total


@no_grad()
def clip_grad_value_(parameters: Tensors, clip_value: float, foreach: bool | None = None) -> None:
    """Clamps the gradients of `parameters` in place to [-clip_value, clip_value]."""
    clip_value = float(clip_value)
    for grad in _gradients(parameters):
        grad.clamp_(min=-clip_value, max=clip_value)
