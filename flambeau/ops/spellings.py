"""The further names under which PyTorch takes an operator's arguments: NumPy's, and that of an argument given as `*sizes`.

May import `flambeau.dtypes`, `flambeau.layout`; `ops/registry.py` gives every operator what it needs of this.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any

from flambeau.dtypes import PYTHON_TYPES
from flambeau.layout import strided

__all__ = ["with_spellings"]

NUMPY = {"dim": "axis", "keepdim": "keepdims"}
"""NumPy's name of a parameter, which every function with that parameter takes too."""


def with_spellings(function: Callable[..., Any], others: Mapping[str, str]) -> Callable[..., Any]:
    """The function, taking its arguments also by other names; itself where there are none.

    `others` gives a parameter by each other name. A parameter `*sizes` may also be given as `sizes=(2, 3)`, a `dtype` as Python's
    bool, int or float. A `layout` that tensors don't have is a NotImplementedError.
    """
    parameters = inspect.signature(function).parameters
    renamed = {other: name for name, other in NUMPY.items() if name in parameters} | dict(others)
    first = next(iter(parameters), None)
    variadic = next((p.name for p in parameters.values() if p.kind is p.VAR_POSITIONAL), None)
    takes_dtype, takes_layout = "dtype" in parameters, "layout" in parameters
    if not (renamed or takes_dtype) and (variadic is None or variadic == "args"):
        return function

    @functools.wraps(function)
    def called(*args: Any, **kwargs: Any) -> Any:
        if kwargs:
            for other in renamed.keys() & kwargs.keys():
                if renamed[other] in kwargs:
                    raise TypeError(f"{function.__name__}() got both '{renamed[other]}' and '{other}', which are one argument")
                kwargs[renamed[other]] = kwargs.pop(other)
            if takes_dtype and kwargs.get("dtype").__class__ is type:
                kwargs["dtype"] = PYTHON_TYPES.get(kwargs["dtype"], kwargs["dtype"])
            if takes_layout and kwargs.get("layout") not in (None, strided):
                raise NotImplementedError(
                    f"{function.__name__}(): expected layout torch.strided, got {kwargs['layout']!r}: sparse tensors are made by "
                    "sparse_coo_tensor and to_sparse"
                )
            if variadic is not None and variadic in kwargs:
                leading = () if first is None or first == variadic or args else (kwargs.pop(first),)
                args = (*leading, *args, kwargs.pop(variadic))
        return function(*args, **kwargs)

    return called
