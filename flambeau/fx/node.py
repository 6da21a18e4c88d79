"""`torch.fx.Node`: one operation of a graph, in the order of the program. May import `flambeau.fx.immutable_collections`."""

from __future__ import annotations

import builtins
import inspect
import types
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from flambeau.fx.immutable_collections import immutable_dict, immutable_list

if TYPE_CHECKING:
    from flambeau.fx.graph import Graph

__all__ = ["Argument", "Node", "Target", "has_side_effect", "map_aggregate", "map_arg"]

Argument = Any
"""What a node's arguments hold: nodes, numbers, strings, dtypes …, and tuples, lists, dicts and slices of them."""
Target = Callable[..., Any] | str
"""What a node calls: a function, or a name."""

OPERATIONS = ("placeholder", "get_attr", "call_function", "call_method", "call_module", "output", "root")
_PACKAGE = __name__.partition(".")[0]
_with_side_effects: set[Callable[..., Any]] = set()


def has_side_effect(fn: Callable[..., Any]) -> Callable[..., Any]:
    """Notes, also as a decorator, that calls of `fn` are kept where their result isn't used."""
    _with_side_effects.add(fn)
    return fn


def map_aggregate(a: Argument, fn: Callable[[Any], Any]) -> Argument:
    """`fn` of all values in containers, in containers that can't be changed."""
    if isinstance(a, tuple):
        items = [map_aggregate(element, fn) for element in a]
        return type(a)(*items) if hasattr(a, "_fields") else tuple(items)
    if isinstance(a, list):
        return immutable_list([map_aggregate(element, fn) for element in a])
    if isinstance(a, dict):
        return immutable_dict({key: map_aggregate(value, fn) for key, value in a.items()})
    if isinstance(a, slice):
        return slice(*(map_aggregate(part, fn) for part in (a.start, a.stop, a.step)))
    return fn(a)


def map_arg(a: Argument, fn: Callable[[Node], Any]) -> Argument:
    """`fn` of all nodes in containers; other values as they are."""
    return map_aggregate(a, lambda value: fn(value) if isinstance(value, Node) else value)


def qualified_name(function: Any) -> str:
    """The name by which programs reach a function or class, such as "torch.nn.functional.relu".

    Raises RuntimeError for a lambda that was never given a name.
    """
    name: str = function.__name__
    if getattr(builtins, name, None) is function:
        return name
    if name == "<lambda>":
        try:
            name = inspect.getsource(function).split("=")[0].strip()
        except (OSError, TypeError) as error:
            raise RuntimeError("Unable to represent lambda") from error
    module = getattr(function, "__module__", None) or ""
    if not is_ours(function):
        return f"{module}.{name}"
    for kind in _tensor_class().__mro__[:-1]:
        if vars(kind).get(name) is function:
            return f"torch.Tensor.{name}"
    if getattr(_package(), name, None) is function:
        return f"torch.{name}"
    return f"torch{module[len(_PACKAGE) :]}.{name}"


def is_ours(value: Any) -> bool:
    """Whether a function or class is one of the library's, which generated code reaches through the name `torch`."""
    return (getattr(value, "__module__", None) or "").partition(".")[0] == _PACKAGE


def _package() -> types.ModuleType:
    import sys

    return sys.modules[_PACKAGE]


def _tensor_class() -> type:
    from flambeau.tensor import Tensor

    return Tensor


def type_text(kind: Any) -> str:
    """An annotation as people write it."""
    if isinstance(kind, type) and not isinstance(kind, types.GenericAlias):
        return kind.__qualname__ if kind.__module__ == "builtins" else qualified_name(kind)
    return "..." if kind is ... else kind.__name__ if isinstance(kind, types.FunctionType) else repr(kind)


class Node:
    """One operation.

    Attributes:
        op: "placeholder" (an argument of the function), "get_attr" (a parameter or other attribute of the module),
            "call_function", "call_method", "call_module" or "output" (what the function gives).
        target: the function for `call_function`; else the name of the argument, attribute, method or module.
        args, kwargs: what it is called with; assign new ones to change them.
        name: unique in the graph.
        users: the nodes that have it among their arguments, as the keys of a dict.
        type: the annotation of its result, or None.
        meta: whatever passes note.
    """

    def __init__(
        self,
        graph: Graph,
        name: str,
        op: str,
        target: Target,
        args: tuple[Argument, ...],
        kwargs: dict[str, Argument],
        return_type: Any = None,
    ) -> None:
        if op not in OPERATIONS:
            raise AssertionError(f"Node op {op!r} is none of {', '.join(OPERATIONS)}")
        if op == "call_function":
            if not callable(target):
                raise ValueError(
                    f"Node [graph = {graph}, name = '{name}'] target {target} has type {type(target)} but a Callable is expected"
                )
        elif not isinstance(target, str):
            raise ValueError(
                f"Node [graph = {graph}, name = '{name}'] target {target} has type {type(target)} but a str is expected"
            )
        self.graph, self.name, self.op, self.target, self.type = graph, name, op, target, return_type
        self.users: dict[Node, None] = {}
        self.meta: dict[str, Any] = {}
        self._input_nodes: dict[Node, None] = {}
        self._prev = self._next = self
        self._erased = False
        self._set_arguments(map_arg(args, lambda n: n), map_arg(kwargs, lambda n: n))

    # What it is called with

    @property
    def args(self) -> tuple[Argument, ...]:
        return self._args

    @args.setter
    def args(self, a: tuple[Argument, ...]) -> None:
        self._set_arguments(map_arg(a, lambda n: n), self._kwargs)

    @property
    def kwargs(self) -> dict[str, Argument]:
        return self._kwargs

    @kwargs.setter
    def kwargs(self, k: dict[str, Argument]) -> None:
        self._set_arguments(self._args, map_arg(k, lambda n: n))

    def _set_arguments(self, args: tuple[Argument, ...], kwargs: dict[str, Argument]) -> None:
        for node in self._input_nodes:
            node.users.pop(self, None)
        self._args, self._kwargs, self._input_nodes = args, kwargs, {}
        map_arg((args, kwargs), self._note_input)

    def _note_input(self, node: Node) -> Node:
        self._input_nodes.setdefault(node)
        node.users.setdefault(self)
        return node

    @property
    def all_input_nodes(self) -> list[Node]:
        """The nodes among the arguments, each once, in order."""
        return list(self._input_nodes)

    def update_arg(self, idx: int, arg: Argument) -> None:
        """Sets the positional argument of a number."""
        args = list(self.args)
        args[idx] = arg
        self.args = tuple(args)

    def insert_arg(self, idx: int, arg: Argument) -> None:
        """Puts a positional argument before that of a number, 0 to the number of arguments."""
        if not 0 <= idx <= len(self.args):
            raise AssertionError("insert_args index must be between 0 and len(self.args)")
        self.args = (*self.args[:idx], arg, *self.args[idx:])

    def update_kwarg(self, key: str, arg: Argument) -> None:
        """Sets an argument by keyword."""
        self.kwargs = {**self.kwargs, key: arg}

    def replace_input_with(self, old_input: Node, new_input: Node) -> None:
        """Puts another node wherever one is among the arguments."""
        self._set_arguments(*map_arg((self._args, self._kwargs), lambda n: new_input if n is old_input else n))

    def replace_all_uses_with(
        self,
        replace_with: Node,
        delete_user_cb: Callable[[Node], bool] = lambda user: True,
        *,
        propagate_meta: bool = False,
    ) -> list[Node]:
        """Puts another node in this one's place in all users for which `delete_user_cb` holds; gives all that used it."""
        if propagate_meta:
            if replace_with.meta:
                raise AssertionError("Called node.replace_all_uses_with(replace_with, propagate_meta=True), but replace_with "
                                     "already has .meta keys")  # fmt: skip
            replace_with.meta.update(self.meta)
        users = list(self.users)
        for user in users:
            if delete_user_cb(user):
                user.replace_input_with(self, replace_with)
        return users

    # Its place

    @property
    def next(self) -> Node:
        """The operation after this one; the last one is followed by the graph's root."""
        return self._next

    @property
    def prev(self) -> Node:
        """The operation before this one."""
        return self._prev

    def prepend(self, x: Node) -> None:
        """Moves `x`, a node of the same graph, before this one."""
        if self.graph is not x.graph:
            raise AssertionError("Attempting to move a Node into a different Graph")
        if self is x:
            return
        x._remove_from_list()
        before = self._prev
        before._next, x._prev, x._next, self._prev = x, before, self, x

    def append(self, x: Node) -> None:
        """Moves `x`, a node of the same graph, after this one."""
        self._next.prepend(x)

    def _remove_from_list(self) -> None:
        self._prev._next, self._next._prev = self._next, self._prev

    # Questions

    def is_impure(self, impure_random: bool = True) -> bool:
        """Whether it does more than give a value, so that it stays where that isn't used."""
        if self.op in ("placeholder", "output"):
            return True
        if self.op == "call_function":
            if self.target in _with_side_effects:
                return True
            name = getattr(self.target, "__name__", "")
            return is_ours(self.target) and name.endswith("_") and not name.endswith("__")
        if self.op == "call_method":
            return str(self.target).endswith("_") and not str(self.target).endswith("__")
        if self.op == "call_module":
            module = self.graph.owning_module
            if module is None:
                raise AssertionError("self.graph.owning_module not set for purity check")
            return getattr(module.get_submodule(str(self.target)), "_is_impure", False)
        return False

    @property
    def stack_trace(self) -> str | None:
        """Where the program called it, if that was noted."""
        return self.meta.get("stack_trace")

    @stack_trace.setter
    def stack_trace(self, trace: str | None) -> None:
        self.meta["stack_trace"] = trace

    # Text

    def __repr__(self) -> str:
        return self.name

    def _target_text(self) -> str:
        if isinstance(self.target, str):
            return self.target
        if getattr(self.target, "__module__", None) == "_operator":
            return f"operator.{self.target.__name__}"
        found = qualified_name(self.target)
        return found if "." in found else f"builtins.{found}"

    def format_node(self) -> str:
        """The node in a line."""
        typed = f"{type_text(self.type)} " if self.type is not None else ""
        start = f"%{self.name} : {typed}[num_users={len(self.users)}] = {self.op}[target={self._target_text()}]"
        if self.op == "placeholder":
            return start + (f"(default={self.args[0]})" if self.args else "")
        if self.op == "output":
            return f"return {self.args[0]}"
        if self.op == "get_attr":
            return start
        return f"{start}(args = {_argument_text(self.args)}, kwargs = {_argument_text(self.kwargs)})"

    def __iter__(self) -> Iterator[Any]:
        raise TypeError(f"'Node' object is not iterable: {self.name} stands for one value of a graph")


def _argument_text(a: Argument) -> str:
    if isinstance(a, Node):
        return f"%{a.name}"
    if isinstance(a, list):
        return f"[{', '.join(map(_argument_text, a))}]"
    if isinstance(a, tuple):
        return f"({', '.join(map(_argument_text, a))}{',' if len(a) == 1 else ''})"
    if isinstance(a, dict):
        return f"{{{', '.join(f'{key}: {_argument_text(value)}' for key, value in a.items())}}}"
    return str(a)
