"""`operator_name`: which operator the program is in, from Python's stack. Called for each node while a profile is being taken.

May import `flambeau.ops.registry` and `flambeau.autograd`.
"""

from __future__ import annotations

import inspect
import sys
from types import CodeType

from flambeau.autograd.tape import GradientFunction
from flambeau.ops.registry import OPERATORS

__all__ = ["operator_name"]

_names: dict[CodeType, str] = {}
_known = 0


def operator_name() -> str | None:
    """The outermost operator on the stack by its name, a gradient as `name()` of its function, an optimizer as `SGD.step`.

    None where the program is in none of them.
    """
    global _known
    if _known != len(OPERATORS):  # the rest of the library is imported as it is used
        for operator in list(OPERATORS.values()):
            code = getattr(inspect.unwrap(operator.function), "__code__", None)
            if code is not None and not code.co_freevars:  # in-place forms are one closure
                _names.setdefault(code, operator.name)
        _known = len(OPERATORS)
    found = None
    frame = sys._getframe(1)
    while frame is not None:
        code = frame.f_code
        name = _names.get(code)
        if name is not None:
            found = name
        elif code.co_name == "backward":
            function = frame.f_locals.get("self")
            if isinstance(function, GradientFunction):
                found = function.name()
        elif code.co_name == "step" and frame.f_globals.get("__name__", "").startswith("flambeau.optim."):
            found = f"{type(frame.f_locals.get('self')).__name__}.step"
        frame = frame.f_back  # type: ignore[assignment]
    return found
