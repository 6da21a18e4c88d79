"""Kernels with plain numbers for traced ones. May import `kernels.ir`, `kernels.traverse`, `flambeau.traced`."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

from flambeau.kernels.ir import Expr
from flambeau.kernels.traverse import rebuild
from flambeau.traced import Traced

__all__ = ["is_traced", "replaced", "settled"]


def settled(item: Any) -> Any:
    """The kernel, or part of one, with the values of now for its traced numbers, which are noted."""
    return replaced(item, Traced.settle)


def is_traced(item: Any) -> bool:
    """Whether there are traced numbers in a kernel."""
    return replaced(item, lambda x: None) is not item


def replaced(item: Any, number: Callable[[Traced], Any], done: dict[Any, Any] | None = None) -> Any:
    """A kernel, or any part of one, with other numbers for the traced ones."""
    done = {} if done is None else done
    if isinstance(item, Traced):
        return number(item)
    if isinstance(item, Expr):
        return _expression(item, number, done)
    if item.__class__ is tuple:
        parts = [replaced(x, number, done) for x in item]
        return item if all(a is b for a, b in zip(parts, item)) else tuple(parts)
    if isinstance(item, tuple):  # a named one
        return item._replace(**{f: replaced(getattr(item, f), number, done) for f in item._fields})  # type: ignore[attr-defined]
    if item.__class__ is dict:
        changed = {k: replaced(x, number, done) for k, x in item.items()}
        return item if all(changed[k] is x for k, x in item.items()) else changed
    if dataclasses.is_dataclass(item) and not isinstance(item, type):
        changes = {}
        for f in dataclasses.fields(item):
            old = getattr(item, f.name)
            new = replaced(old, number, done)
            if new is not old:
                changes[f.name] = new
        return dataclasses.replace(item, **changes) if changes else item
    return item


def _expression(e: Expr, number: Callable[[Traced], Any], done: dict[Any, Any]) -> Expr:
    def visit(x: Expr, args: tuple[Expr, ...]) -> Expr:
        param = replaced(x.param, number, done)
        return x if param is x.param and all(a is b for a, b in zip(args, x.args)) else Expr(x.op, args, x.dtype, param)

    return rebuild(e, visit, done)
