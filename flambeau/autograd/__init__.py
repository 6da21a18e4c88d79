"""Automatic differentiation: the tape and what users do with it (`torch.autograd`).

`modes` and `tape` know nothing of the tensor class; the rest is written in tensors and is imported when first asked for.
"""

from __future__ import annotations

import importlib
from typing import Any

from flambeau.autograd import modes as grad_mode
from flambeau.autograd.modes import enable_grad, inference_mode, no_grad, set_grad_enabled

__all__ = [
    "enable_grad", "inference_mode", "no_grad", "set_grad_enabled",
    "Function", "Variable", "anomaly_mode", "backward", "detect_anomaly", "forward_ad",
    "functional", "grad", "gradcheck", "gradgradcheck",
    "grad_mode", "graph", "set_detect_anomaly",
]  # fmt: skip

_HOMES = {
    "backward": "interface", "grad": "interface", "Function": "function", "gradcheck": "gradcheck", "gradgradcheck": "gradcheck",
    "detect_anomaly": "anomaly_mode", "set_detect_anomaly": "anomaly_mode",
}  # fmt: skip


def __getattr__(name: str) -> Any:
    if name == "Variable":
        from flambeau.typed_tensors import Variable

        return Variable
    if name in ("functional", "graph", "anomaly_mode", "forward_ad", "profiler", "variable"):
        return importlib.import_module(f"flambeau.autograd.{name}")
    if name not in _HOMES:
        raise AttributeError(f"module 'flambeau.autograd' has no attribute '{name}'")
    value = getattr(importlib.import_module(f"flambeau.autograd.{_HOMES[name]}"), name)
    globals()[name] = value
    return value
