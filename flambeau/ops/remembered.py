"""Which operators are not called again for operands of kinds they know: what they built is built again node by node.

An operator of several primitives takes most of its time to look at its arguments and to find the primitives. Where no gradient is
recorded, its result's graph depends on the operands' kinds and the other arguments alone; so for those met twice it is noted
(`flambeau.autograd.repeated`). The registry wraps operators that say `remembered=True`. May import `flambeau.tensor`.
"""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import flambeau.graph.node as graph
from flambeau.autograd.modes import state
from flambeau.autograd.repeated import recalled
from flambeau.dtypes import dtype
from flambeau.graph.template import Unrepeatable
from flambeau.tensor import Tensor

__all__ = ["remembering"]

_PLAIN = frozenset((int, bool, str, type(None), dtype))
"""Types of arguments that are as good as their values, and that equal others of their type alone."""


def remembering(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function, which builds again what it built before.

    That is for functions that take longer to call than to build again, write nothing, draw no random numbers and depend on no
    setting but those that `recalled` knows.
    """
    known: dict[Any, Any] = {}

    @functools.wraps(function)
    def remembered(*args: Any, **kwargs: Any) -> Any:
        if graph.naming is None and state.autocast is None:
            key: list[Any] = []
            operands: list[Tensor] = []
            values: Any = args
            if kwargs:
                key.append(tuple(kwargs))
                values = (*args, *kwargs.values())
            if _noted(values, key, operands, state.enabled) and operands:
                found = recalled(known, key, operands, lambda others: _again(function, args, kwargs, others))
                if found is not None:
                    return found
        return function(*args, **kwargs)

    return remembered


def _noted(values: Sequence[Any], key: list[Any], operands: list[Tensor], is_taped: bool) -> bool:
    """Puts arguments into a key, but tensors: they become operands. False where they are no such arguments."""
    for value in values:
        kind = value.__class__
        if kind is Tensor or isinstance(value, Tensor):
            if is_taped and (value._requires_grad or (value._base is not None and value.requires_grad)):
                return False
            key.append(None)
            operands.append(value)
        elif kind in _PLAIN:
            key += (kind, value)
        elif kind is float:
            key += (kind, value or repr(value))  # 0.0 equals -0.0
        elif kind is tuple or kind is list:
            key += (kind, len(value))
            if not _noted(value, key, operands, is_taped):
                return False
        else:
            return False
    return True


def _again(function: Callable[..., Any], args: Sequence[Any], kwargs: dict[str, Any], others: Sequence[Tensor]) -> Any:
    """The function called with other tensors; Unrepeatable where it warns."""
    left = iter(others)

    def filled(value: Any) -> Any:
        if isinstance(value, Tensor):
            return next(left)
        return value.__class__([filled(v) for v in value]) if value.__class__ in (tuple, list) else value

    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        values = [filled(value) for value in args]
        result = function(*values, **{name: filled(value) for name, value in kwargs.items()})
    if warned:
        raise Unrepeatable
    return result
