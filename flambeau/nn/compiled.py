"""A compiled module: PyTorch's `OptimizedModule`. May import `flambeau.nn.modules.module`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flambeau.nn.modules.module import Module

__all__ = ["CompiledModule"]


class CompiledModule(Module):
    """Calls a module through `compiled`, its recordings; everything else is the module's own (`_orig_mod`)."""

    def __init__(self, module: Module, compiled: Callable[..., Any]) -> None:
        super().__init__()
        self._orig_mod = module
        object.__setattr__(self, "_compiled", compiled)
        self.training = module.training

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        return self._compiled(*args, **kwargs)

    def __getattr__(self, name: str) -> Any:
        try:
            return super().__getattr__(name)
        except AttributeError:
            return getattr(super().__getattr__("_orig_mod"), name)

    def train(self, mode: bool = True) -> CompiledModule:
        self.training = mode
        self._orig_mod.train(mode)
        return self
