"""Nested containers of values: taken apart into a list of leaves, and put together again. May import nothing of flambeau.

Tuples (named ones too), lists and dicts are containers, and classes that were registered; everything else is a leaf.
"""

from __future__ import annotations

from collections import OrderedDict, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

__all__ = ["LEAF", "Tree", "flatten", "is_container_type", "map_leaves", "parts", "register", "spread", "unflatten"]


@dataclass(frozen=True)
class Tree:
    """The structure of nested containers: `kind` is the container's type, None for a leaf; `keys` a dict's. For a registered
    class `keys` holds what its `flatten` tells besides the parts."""

    kind: Any
    keys: tuple[Any, ...]
    children: tuple[Tree, ...]

    @property
    def leaves(self) -> int:
        """How many leaves there are."""
        return 1 if self.kind is None else sum(c.leaves for c in self.children)


LEAF = Tree(None, (), ())


_REGISTERED: dict[type, tuple[Callable[[Any], Any], Callable[[Any, Any], Any]]] = {}


def register(kind: type, take_apart: Callable[[Any], Any], put_together: Callable[[Any, Any], Any]) -> None:
    """Makes a class one of the containers: `take_apart(value)` gives its parts and a context, `put_together(parts, context)` a
    value again. Raises ValueError for a class that is one already."""
    if kind in _REGISTERED:
        raise ValueError(f"{kind} is already registered as pytree node.")
    _REGISTERED[kind] = take_apart, put_together


_DICTS = (dict, OrderedDict, defaultdict)


def is_container_type(kind: Any) -> bool:
    """Whether values of this class are containers."""
    return kind in _REGISTERED or kind in _DICTS or (isinstance(kind, type) and issubclass(kind, (tuple, list)))


def parts(value: Any) -> tuple[Any, tuple[Any, ...], list[Any]] | None:
    """A container's kind, keys and values; None for a leaf."""
    if type(value) in _REGISTERED:
        values, context = _REGISTERED[type(value)][0](value)
        return type(value), (context,), list(values)
    if isinstance(value, (tuple, list)):
        kind = type(value) if isinstance(value, list) or hasattr(value, "_fields") else tuple
        return kind, (), list(value)
    if type(value) in _DICTS:
        return type(value), tuple(value), list(value.values())
    return None


def flatten(value: Any, is_leaf: Callable[[Any], bool] | None = None) -> tuple[list[Any], Tree]:
    """The leaves in order, and the structure; containers of which `is_leaf` holds are leaves."""
    found = None if is_leaf is not None and is_leaf(value) else parts(value)
    if found is None:
        return [value], LEAF
    kind, keys, values = found
    leaves: list[Any] = []
    children = []
    for v in values:
        inner, child = flatten(v, is_leaf)
        leaves += inner
        children.append(child)
    return leaves, Tree(kind, keys, tuple(children))


def unflatten(leaves: Sequence[Any], tree: Tree) -> Any:
    """The value of structure `tree` with these leaves."""
    if tree.kind is None:
        return leaves[0]
    values, start = [], 0
    for child in tree.children:
        values.append(unflatten(leaves[start : start + child.leaves], child))
        start += child.leaves
    if tree.kind in _REGISTERED:
        return _REGISTERED[tree.kind][1](values, tree.keys[0])
    if tree.keys or issubclass(tree.kind, dict):
        pairs = list(zip(tree.keys, values))
        return OrderedDict(pairs) if tree.kind is OrderedDict else dict(pairs)
    return tree.kind(*values) if hasattr(tree.kind, "_fields") else tree.kind(values)


def map_leaves(function: Callable[..., Any], value: Any, *others: Any, is_leaf: Callable[[Any], bool] | None = None) -> Any:
    """`function` of each leaf, with the leaves of other values of the same structure beside it."""
    leaves, tree = flatten(value, is_leaf)
    columns = [flatten(o, is_leaf)[0] for o in others]
    return unflatten([function(*row) for row in zip(leaves, *columns, strict=True)], tree)


def spread(prefix: Any, tree: Tree) -> list[Any] | None:
    """For each leaf of `tree`, the leaf of `prefix` that stands for it: a container of `prefix` must be one of `tree`.

    None where the two don't fit.
    """
    taken = parts(prefix)
    if taken is None:
        return [prefix] * tree.leaves
    kind, keys, values = taken
    if kind in _REGISTERED or tree.kind in _REGISTERED:
        if kind is not tree.kind or keys != tree.keys or len(values) != len(tree.children):
            return None
    elif tree.kind is None or len(values) != len(tree.children) or issubclass(kind, dict) != issubclass(tree.kind, dict):
        return None
    elif issubclass(kind, dict):
        if set(keys) != set(tree.keys):
            return None
        values = [prefix[k] for k in tree.keys]
    result: list[Any] = []
    for value, child in zip(values, tree.children):
        found = spread(value, child)
        if found is None:
            return None
        result += found
    return result
