"""Automatic differentiation: the tape and what users do with it (`torch.autograd`).

`modes` and `tape` know nothing of the tensor class; the rest is written in tensors and is imported when first asked for.
"""

from __future__ import annotations

import importlib
from typing import Any

from flambeau.autograd.modes import enable_grad, inference_mode, no_grad, set_grad_enabled

__all__ = [
    "enable_grad", "inference_mode", "no_grad", "set_grad_enabled",
    "Function", "Variable", "backward", "functional", "grad", "gradcheck", "gradgradcheck",
]  # fmt: skip

_HOMES = {
    "backward": "interface", "grad": "interface", "Function": "function", "gradcheck": "gradcheck", "gradgradcheck": "gradcheck",
}  # fmt: skip


def __getattr__(name: str) -> Any:
    if name == "Variable":
        from flambeau.tensor import Tensor

        return Tensor
    if name == "functional":
        return importlib.import_module("flambeau.autograd.functional")
    if name not in _HOMES:
        raise AttributeError(f"module 'flambeau.autograd' has no attribute '{name}'")
    value = getattr(importlib.import_module(f"flambeau.autograd.{_HOMES[name]}"), name)
    globals()[name] = value
    return value
