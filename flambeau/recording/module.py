"""A compiled module: PyTorch's `OptimizedModule`. May import `flambeau.nn` (a module is only compiled where there is one)."""

from __future__ import annotations

from typing import Any

from flambeau.nn import Module

__all__ = ["CompiledModule"]


class CompiledModule(Module):
    """Calls the module through its recordings; everything else is the module's own (`_orig_mod`)."""

    def __init__(self, module: Module, fullgraph: bool) -> None:
        super().__init__()
        from flambeau.recording.compiled import CompiledFunction

        self._orig_mod = module
        object.__setattr__(self, "_compiled", CompiledFunction(module, fullgraph))
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
