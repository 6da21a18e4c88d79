"""Helpers around training (PyTorch's `torch.utils`)."""

from __future__ import annotations

import importlib
from typing import Any

_MODULES = frozenset(("data", "hooks", "checkpoint", "dlpack", "benchmark", "_pytree", "model_zoo"))


def swap_tensors(t1: Any, t2: Any) -> None:
    """Lets two tensors (or subclasses of them) change places: what every reference to one sees is the other.

    Raises RuntimeError for a tensor that a graph leads to: its gradient would reach the other one.
    """
    from flambeau.tensor import Tensor

    for name, t in (("t1", t1), ("t2", t2)):
        if not isinstance(t, Tensor):
            raise TypeError(f"swap_tensors(): argument '{name}' must be Tensor, not {type(t).__name__}")
        node = t._accumulate() if callable(t._accumulate) else t._accumulate
        if node is not None:
            raise RuntimeError(f"Cannot swap {name}: the graph of a computation with it is still there")
    t1.__class__, t2.__class__ = t2.__class__, t1.__class__
    for slot in {slot for kind in Tensor.__mro__ for slot in getattr(kind, "__slots__", ())}:
        if slot != "__weakref__":
            mine, other = getattr(t1, slot), getattr(t2, slot)
            setattr(t1, slot, other)
            setattr(t2, slot, mine)


def set_module(obj: Any, mod: str) -> None:
    """Sets what `obj.__module__` says."""
    if not isinstance(mod, str):
        raise TypeError("The mod argument should be a string")
    obj.__module__ = mod


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return importlib.import_module(f"flambeau.utils.{name}")
    raise AttributeError(f"module 'flambeau.utils' has no attribute '{name}'")
