"""`torch.jit`: functions and modules run as they are; `flambeau.compile` is what makes them fast. Imports nothing of flambeau."""

from __future__ import annotations

import builtins
from typing import Any, Final

__all__ = [
    "Attribute", "Final", "RecursiveScriptModule", "ScriptFunction", "ScriptModule", "annotate", "export", "freeze", "ignore",
    "interface", "is_scripting", "is_tracing", "isinstance", "optimize_for_inference", "script", "script_if_tracing", "trace",
    "trace_module", "unused",
]  # fmt: skip


def script(obj: Any, *args: Any, **kwargs: Any) -> Any:
    """The function, module or class itself."""
    return obj


def trace(func: Any, example_inputs: Any = None, *args: Any, **kwargs: Any) -> Any:
    """The function or module itself."""
    return func


def annotate(the_type: Any, the_value: Any) -> Any:
    """The value; its type would be for a scripted function."""
    return the_value


def _same(function: Any) -> Any:
    """The function itself."""
    return function


export = unused = script_if_tracing = interface = _same
_script_if_tracing = _overload = _overload_method = _same  # packages use these names of PyTorch's, too


def ignore(drop: Any = False, **kwargs: Any) -> Any:
    """The function itself; also `@ignore()`."""
    return drop if callable(drop) else _same


def is_scripting() -> bool:
    """False: programs are run by Python."""
    return False


def is_tracing() -> bool:
    """False: programs are run by Python."""
    return False


def trace_module(mod: Any, inputs: Any = None, *args: Any, **kwargs: Any) -> Any:
    """The module itself."""
    return mod


def freeze(mod: Any, *args: Any, **kwargs: Any) -> Any:
    """The module itself; raises RuntimeError for one in training mode, as PyTorch does."""
    if getattr(mod, "training", False):
        raise RuntimeError("Freezing is currently only implemented for modules in eval mode. Please call .eval() on your module "
                           "before freezing.")  # fmt: skip
    return mod


def optimize_for_inference(mod: Any, other_methods: Any = None) -> Any:
    """The module itself."""
    return mod


def isinstance(obj: Any, target_type: Any) -> bool:
    """Python's, which `typing`'s generic containers may be given to: their kind is looked at, not what they hold."""
    kinds = target_type if builtins.isinstance(target_type, tuple) else (target_type,)
    return builtins.isinstance(obj, tuple(getattr(kind, "__origin__", None) or kind for kind in kinds))


class ScriptFunction:
    """What PyTorch makes of a scripted function. Nothing is one here: `script` gives the function itself."""

    def __init__(self) -> None:
        raise TypeError(f"flambeau makes no {type(self).__name__}: functions and modules run as they are")


class ScriptModule(ScriptFunction):
    """What PyTorch makes of a scripted module. Nothing is one here."""


class RecursiveScriptModule(ScriptModule):
    """What PyTorch makes of a module whose submodules are scripted. Nothing is one here."""


class Attribute:
    """A value with the type that a script gives it."""

    def __init__(self, value: Any, type: Any) -> None:
        self.value, self.type = value, type
