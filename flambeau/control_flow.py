"""`torch.cond` and `torch.while_loop`: a branch and a loop on a tensor's value, which is looked at.

May import `flambeau.tensor`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flambeau.tensor import Tensor

__all__ = ["cond", "while_loop"]


def _decided(value: Any, what: str) -> bool:
    if isinstance(value, (bool, int, float)):
        return bool(value)
    if not isinstance(value, Tensor) or value.numel() != 1:
        raise RuntimeError(f"Expected {what} to be bool or single-element tensor, but got {value}.")
    return bool(value.item())


def cond(
    pred: bool | int | float | Tensor,
    true_fn: Callable[..., Any],
    false_fn: Callable[..., Any],
    operands: tuple[Any, ...] | list[Any] = (),
) -> Any:
    """`true_fn(*operands)` where `pred` holds, else `false_fn(*operands)`. RuntimeError for a `pred` of several elements.

    >>> torch.cond(torch.tensor(2.0).sum() > 1, lambda x: x + 1, lambda x: x - 1, (torch.zeros(2),))
    tensor([1., 1.])
    """
    if not callable(true_fn) or not callable(false_fn):
        raise RuntimeError("Expect both branches to be callable.")
    if not isinstance(operands, (tuple, list)):
        raise RuntimeError(f"Expect operands to be a tuple or a list of tensors, but got {operands}.")
    return (true_fn if _decided(pred, "pred") else false_fn)(*operands)


def while_loop(cond_fn: Callable[..., Any], body_fn: Callable[..., Any], carried_inputs: tuple[Any, ...] | list[Any]) -> Any:
    """`carried_inputs = body_fn(*carried_inputs)` for as long as `cond_fn(*carried_inputs)` holds; gives the last, a tuple.

    Raises RuntimeError where the body gives another number of values.

    >>> torch.while_loop(lambda i, x: i < 3, lambda i, x: (i + 1, x * 2), (torch.tensor(0), torch.ones(2)))
    (tensor(3), tensor([8., 8.]))
    """
    if not callable(cond_fn) or not callable(body_fn):
        raise RuntimeError("Expect cond_fn and body_fn to be callable.")
    if not isinstance(carried_inputs, (tuple, list)):
        raise RuntimeError(f"Expect carried_inputs to be a tuple or list, got {type(carried_inputs)}")
    values = tuple(carried_inputs)
    while _decided(cond_fn(*values), "cond_fn's result"):
        found = body_fn(*values)
        found = tuple(found) if isinstance(found, (tuple, list)) else (found,)
        if len(found) != len(values):
            raise RuntimeError(f"body_fn should return as many values as carried_inputs: {len(found)}, not {len(values)}")
        values = found
    return values
