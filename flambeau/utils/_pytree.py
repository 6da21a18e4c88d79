"""`torch.utils._pytree`: nested containers as lists of leaves, by names that programs use. May import `flambeau.trees`."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

from flambeau.trees import LEAF, flatten, is_container_type, map_leaves, parts, register, unflatten
from flambeau.trees import Tree as TreeSpec

__all__ = [
    "Context", "LeafSpec", "MappingKey", "PyTree", "TreeSpec",
    "register_pytree_node", "tree_all", "tree_any", "tree_flatten", "tree_leaves", "tree_map",
    "tree_map_", "tree_map_only", "tree_structure", "tree_unflatten",
]  # fmt: skip


PyTree: TypeAlias = Any
"""A leaf, or a container of them."""


Context: TypeAlias = Any
"""What a registered class tells of a container besides its parts."""


def LeafSpec() -> TreeSpec:
    """The structure of a leaf."""
    return LEAF


class _NodeDef(NamedTuple):
    """How containers of a class are taken apart: a function that gives the parts and a context."""

    flatten_fn: Callable[[Any], tuple[list[Any], Any]]


class _SupportedNodes:
    """The classes of containers, each with its `_NodeDef`, as a mapping."""

    def __contains__(self, kind: Any) -> bool:
        return is_container_type(kind)

    def __getitem__(self, kind: Any) -> _NodeDef:
        if kind not in self:
            raise KeyError(kind)
        return _NodeDef(_parts_and_context)


def _parts_and_context(container: Any) -> tuple[list[Any], Any]:
    found = parts(container)
    if found is None:
        raise ValueError(f"{type(container).__name__} is no container")
    return found[2], found[1]


def _get_node_type(tree: Any) -> Any:
    """A container's class, as a `TreeSpec` holds it; a leaf's own."""
    found = parts(tree)
    return type(tree) if found is None else found[0]


SUPPORTED_NODES = _SupportedNodes()


@dataclass(frozen=True)
class MappingKey:
    """Where a value stands in a dict."""

    key: Any


def _dict_flatten_with_keys(d: dict[Any, Any]) -> tuple[list[tuple[MappingKey, Any]], list[Any]]:
    """A dict's values, each with its place, and the keys: what classes that are dicts give as `flatten_with_keys_fn`."""
    return [(MappingKey(key), value) for key, value in d.items()], list(d)


def _dict_flatten(d: dict[Any, Any]) -> tuple[list[Any], list[Any]]:
    """A dict's values, and the keys: what classes that are dicts give as `flatten_fn`."""
    return list(d.values()), list(d)


def _dict_unflatten(values: Iterable[Any], context: list[Any]) -> dict[Any, Any]:
    """The dict of `_dict_flatten`'s values and keys."""
    return dict(zip(context, values))


def register_pytree_node(
    cls: type,
    flatten_fn: Callable[[Any], tuple[Iterable[Any], Any]],
    unflatten_fn: Callable[[Iterable[Any], Any], Any],
    *,
    serialized_type_name: str | None = None,
    to_dumpable_context: Callable[[Any], Any] | None = None,
    from_dumpable_context: Callable[[Any], Any] | None = None,
    flatten_with_keys_fn: Callable[[Any], Any] | None = None,
) -> None:
    """Makes a class a container: `flatten_fn(value)` gives its parts and a context, `unflatten_fn(parts, context)` a value.

    The other arguments are for writing structures to files and for the places of leaves, of which there is neither. Raises
    ValueError for a class that is a container already.
    """
    register(cls, flatten_fn, unflatten_fn)


_register_pytree_node = register_pytree_node  # its older name


def tree_flatten(tree: Any, is_leaf: Callable[[Any], bool] | None = None) -> tuple[list[Any], TreeSpec]:
    """The leaves of nested tuples, lists and dicts, in order, and the structure."""
    return flatten(tree, is_leaf)


def tree_unflatten(leaves: Iterable[Any], treespec: TreeSpec) -> Any:
    """Containers of that structure with these leaves; raises ValueError for another number of them."""
    values = list(leaves)
    if len(values) != treespec.leaves:
        raise ValueError(f"tree_unflatten(leaves, treespec): `leaves` has length {len(values)} but the spec refers to a pytree "
                         f"that holds {treespec.leaves} items")  # fmt: skip
    return unflatten(values, treespec)


def tree_leaves(tree: Any, is_leaf: Callable[[Any], bool] | None = None) -> list[Any]:
    """The leaves, in order."""
    return flatten(tree, is_leaf)[0]


def tree_structure(tree: Any, is_leaf: Callable[[Any], bool] | None = None) -> TreeSpec:
    """The structure."""
    return flatten(tree, is_leaf)[1]


def tree_map(func: Callable[..., Any], tree: Any, *rests: Any, is_leaf: Callable[[Any], bool] | None = None) -> Any:
    """The same containers with `func` of each leaf (and of those in the same places of `rests`)."""
    return map_leaves(func, tree, *rests, is_leaf=is_leaf)


def tree_map_(func: Callable[..., Any], tree: Any, *rests: Any, is_leaf: Callable[[Any], bool] | None = None) -> Any:
    """`func` of each leaf, for what it does to it; the tree itself."""
    tree_map(func, tree, *rests, is_leaf=is_leaf)
    return tree


def tree_map_only(type_or_types_or_pred: Any, func: Callable[[Any], Any], tree: Any) -> Any:
    """The same containers with `func` of the leaves of a type (of types, or that a function chooses)."""
    if isinstance(type_or_types_or_pred, (type, tuple)):
        return map_leaves(lambda leaf: func(leaf) if isinstance(leaf, type_or_types_or_pred) else leaf, tree)
    return map_leaves(lambda leaf: func(leaf) if type_or_types_or_pred(leaf) else leaf, tree)


def tree_all(pred: Callable[[Any], bool], tree: Any) -> bool:
    """Whether it holds of all leaves."""
    return all(map(pred, tree_leaves(tree)))


def tree_any(pred: Callable[[Any], bool], tree: Any) -> bool:
    """Whether it holds of any leaf."""
    return any(map(pred, tree_leaves(tree)))
