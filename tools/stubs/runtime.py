"""What the run time has and no signature describes: names with open types."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import re

import flambeau
from tools.stubs.layers import constructor_parameters


def modules() -> str:
    """The modules that `flambeau` has as attributes, as imports."""

    there = [name for name in sorted(flambeau._MODULES) if importlib.util.find_spec(f"flambeau.{name}") is not None]
    return "".join(f"from flambeau import {name} as {name}\n" for name in there)


def rest_of(namespace: str, written: str, kind: str) -> str:
    """What the run time has and no signature describes, with open types: for completion, and so that a typo is an error."""

    module = importlib.import_module("flambeau" + namespace)
    defined = set(
        re.findall(r"^(?:@overload\n)?(?:def|class) (\w+)|^from .* import .*?(?:as )?(\w+)$|^(\w+)(?:: | = )", written, re.M)
    )
    known = {name for match in defined for name in match if name} | {"functional", "init", "utils", "modules"}
    lines = []
    for name in sorted(vars(module) if namespace else set(module.__all__) | set(vars(module))):
        value = getattr(module, name, None)
        if name.startswith("_") or name in known or not name.isidentifier() or inspect.ismodule(value):
            continue
        if getattr(value, "__module__", "").startswith("flambeau") is False and not isinstance(value, float | type(None)):
            continue
        if namespace == ".nn" and inspect.isclass(value) and issubclass(value, module.Module):
            lines.append(f"class {name}(Module):\n    def __init__({constructor_parameters(value)}) -> None: ...")
            if kind == "portable":
                lines.append("    def __call__(self, *args: Any, **kwargs: Any) -> Any: ...")
        elif callable(value) and not inspect.isclass(value):
            lines.append(f"def {name}{_open_parameters(value)} -> Any: ...")
        else:
            lines.append(f"{name}: Any")
    return "\n".join(lines) + "\n"


def _open_parameters(function: object) -> str:

    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        return "(*args: Any, **kwargs: Any)"
    parameters = [
        p.replace(annotation=inspect.Parameter.empty, default=... if p.default is not p.empty else p.empty)
        for p in signature.parameters.values()
    ]
    text = str(signature.replace(parameters=parameters, return_annotation=inspect.Signature.empty))
    return text.replace("=Ellipsis", "=...")
