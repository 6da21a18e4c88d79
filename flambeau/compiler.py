"""`torch.compiler`: what surrounds `flambeau.compile`. May import `flambeau.storage`, `flambeau.recording`."""

from __future__ import annotations

import functools
from typing import Any

from flambeau.recording import compile as compile
from flambeau.storage import pending

__all__ = [
    "allow_in_graph", "assume_constant_result", "compile", "cudagraph_mark_step_begin", "disable", "is_compiling",
    "is_dynamo_compiling", "is_exporting", "list_backends", "reset",
]  # fmt: skip


def is_compiling() -> bool:
    """Whether a call is being recorded by `flambeau.compile`."""
    return pending.recorder is not None


def disable(fn: Any = None, recursive: bool = True, *, reason: str | None = None) -> Any:
    """The function, not to be recorded: a call being recorded that comes to it runs plainly from then on. Also a decorator."""
    if fn is None:
        return functools.partial(disable, recursive=recursive, reason=reason)

    @functools.wraps(fn)
    def plain(*args: Any, **kwargs: Any) -> Any:
        if pending.recorder is not None:
            pending.recorder.look()
        return fn(*args, **kwargs)

    return plain


def allow_in_graph(fn: Any) -> Any:
    """The function, or the list of them, as it is: recorded calls are recorded in full. TypeError for what can't be called."""
    for one in fn if isinstance(fn, (list, tuple)) else [fn]:
        if not callable(one):
            raise TypeError(f"allow_in_graph expects a callable, but got {type(one).__name__}")
    return fn


def reset() -> None:
    """Nothing: recordings belong to the functions that `compile` gave, and go with them."""


def cudagraph_mark_step_begin() -> None:
    """Nothing: results of a replay are memory of their own."""


def is_dynamo_compiling() -> bool:
    """Whether a call is being recorded: as `is_compiling`."""
    return is_compiling()


def is_exporting() -> bool:
    """Whether a program is being exported: never."""
    return False


def list_backends(exclude_tags: Any = ("debug", "experimental")) -> list[str]:
    """What `backend` of `compile` may name: flambeau's own, by its name and by that of PyTorch's default."""
    return ["flambeau", "inductor"]


assume_constant_result = allow_in_graph
