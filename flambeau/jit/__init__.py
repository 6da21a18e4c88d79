"""`torch.jit`: functions and modules run as they are; `flambeau.compile` is what makes them fast.

May import `flambeau.futures`, `flambeau.absent`.
"""

from __future__ import annotations

import builtins
from collections.abc import Callable
from typing import Any, Final

from flambeau.absent import refusing, refusing_types
from flambeau.futures import Future

__all__ = [
    "Attribute", "CompilationUnit", "Error", "Final", "Future", "RecursiveScriptModule", "ScriptFunction", "ScriptModule",
    "ScriptWarning", "TracerWarning", "annotate", "enable_onednn_fusion", "export", "fork", "freeze", "ignore", "interface",
    "is_scripting", "is_tracing", "isinstance", "load", "onednn_fusion_enabled", "optimize_for_inference", "save", "script",
    "script_if_tracing", "script_method", "set_fusion_strategy", "strict_fusion", "trace", "trace_module", "unused", "wait",
]  # fmt: skip

_NO_SCRIPTS = "functions and modules run as they are, and there is no form of them to keep in files"
_REFUSED = f"torch.jit.{{name}} isn't in flambeau: {_NO_SCRIPTS}; torch.save keeps a module, or its state_dict"
globals().update(refusing(("load", "save"), NotImplementedError, _REFUSED, _NO_SCRIPTS))
globals().update(refusing_types(("CompilationUnit",), NotImplementedError, _REFUSED, _NO_SCRIPTS))


class Error(Exception):
    """What a scripted function raises. Never raised here: Python's own errors are."""


class ScriptWarning(Warning):
    """What scripting warns of. Never given here."""


class TracerWarning(Warning):
    """What tracing warns of. Never given here."""


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


export = unused = script_if_tracing = script_method = interface = _same
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


def fork(func: Callable[..., Any], *args: Any, **kwargs: Any) -> Future[Any]:
    """`func(*args, **kwargs)`, as a future. It is called at once, as PyTorch does outside of scripts."""
    later: Future[Any] = Future()
    later.set_result(func(*args, **kwargs))
    return later


def wait(future: Future[Any]) -> Any:
    """The value of what `fork` gave."""
    return future.wait()


def enable_onednn_fusion(enabled: bool) -> None:
    """Nothing: which operators become one kernel is decided for every graph alike."""


def onednn_fusion_enabled() -> bool:
    """False: oneDNN isn't used."""
    return False


def set_fusion_strategy(strategy: list[tuple[str, int]]) -> list[tuple[str, int]]:
    """The strategy itself, which changes nothing."""
    return strategy


class strict_fusion:
    """A context that changes nothing: in a script it would raise where operators don't become one kernel."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: Any) -> None:
        pass


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
