"""Tensor's methods, once there is a sparse tensor: they look for its meaning where they raise.

Programs of dense tensors never get here, and pay nothing. May import the other modules of `flambeau.tensor`.
"""

from __future__ import annotations

import functools
from typing import Any

from flambeau.tensor.meanings import answer, comes_first, has_meaning, sparse_among
from flambeau.tensor.overriding import replace_members, seen_as

__all__ = ["begin"]

_ALSO = {"__rsub__": "rsub", "__floordiv__": "floor_divide", "__rtruediv__": "reciprocal"}
"""The operators that `seen_as` doesn't tell, where overriding classes see a method."""
_begun: list[bool] = []


def begin() -> None:
    """There is a sparse tensor: from now on Tensor's methods look for its meaning where they raise."""
    if not _begun:
        _begun.append(True)
        replace_members(_guarded)


def _guarded(name: str, member: Any) -> Any:
    """A method or property that asks the table; None where it may stay as it is."""
    seen = _ALSO.get(name) or seen_as(name)
    if isinstance(member, property):
        return property(_method(seen, member.fget), member.fset, member.fdel, member.__doc__) if has_meaning(seen) else None
    return _method(seen, member)


def _method(name: str, function: Any) -> Any:
    if comes_first(name):

        @functools.wraps(function)
        def method(*args: Any, **kwargs: Any) -> Any:
            t = sparse_among(args[:1], kwargs)
            return function(*args, **kwargs) if t is None else answer(name, t, args, kwargs)

        return method

    @functools.wraps(function)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        try:
            return function(*args, **kwargs)
        except Exception as error:
            t = sparse_among(args, kwargs)
            if t is None:
                raise
            refused = error
        return answer(name, t, args, kwargs, refused)

    return guarded
