"""`torch.library`: operators that a program defines, called through `torch.ops.<namespace>.<name>`.

An operator here is its Python function, run without a tape, with the gradient that `register_autograd` gives it. Shapes come from
running it, so what describes an operator to a compiler (`register_fake`) is taken and not needed. May import: autograd, ops,
tensor, trees.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from typing import Any

from flambeau.autograd.function import Function
from flambeau.autograd.modes import no_grad
from flambeau.ops.defined import define, defined, refused
from flambeau.tensor import Tensor
from flambeau.trees import Tree, flatten, unflatten

__all__ = ["CustomOpDef", "custom_op", "register_autograd", "register_fake", "register_kernel"]


class _Call(Function):
    """One call of an operator that has a gradient: its arguments' leaves are the function's arguments."""

    @staticmethod
    def forward(ctx: Any, operator: CustomOpDef, tree: Tree, kinds: list[type], *leaves: Any) -> Any:
        ctx.operator, ctx.tree = operator, tree
        arguments, keywords = unflatten(leaves, tree)
        output = operator._function(*arguments, **keywords)
        if operator._setup_context is not None:
            named = {"keyword_only_inputs": keywords} if keywords else {}
            operator._setup_context(ctx=ctx, inputs=arguments, output=output, **named)
        kinds.append(type(output))
        ctx.is_list = isinstance(output, list)
        return tuple(output) if ctx.is_list else output

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> tuple[Any, ...]:
        operator = ctx.operator
        if operator._backward is None:
            raise RuntimeError(
                f"Trying to backward through {operator._title}.default but no autograd formula was registered. Please use "
                "register_autograd to add one."
            )
        found = operator._backward(ctx, list(grads)) if ctx.is_list else operator._backward(ctx, *grads)
        found = found if isinstance(found, tuple) else (found,)
        positional, keywords = ctx.tree.children
        if len(found) != len(positional.children):
            raise RuntimeError(f"Expected {operator._title}'s backward to return {len(positional.children)} gradients, one for "
                               f"each argument, got {len(found)}")  # fmt: skip
        leaves: list[Any] = [None] * 3  # `operator`, `tree` and `kinds`
        for gradient, child in zip(found, positional.children):
            leaves += [None] * child.leaves if gradient is None else flatten(gradient)[0]
        return (*leaves, *[None] * keywords.leaves)


class CustomOpDef:
    """An operator that a program defined (`custom_op`): called as its function is."""

    def __init__(self, namespace: str, name: str, function: Callable[..., Any], mutates: tuple[str, ...]) -> None:
        self._namespace, self._name, self._function, self._mutates = namespace, name, function, mutates
        self._signature = inspect.signature(function)
        self._backward: Callable[..., Any] | None = None
        self._setup_context: Callable[..., Any] | None = None
        self.__name__, self.__doc__ = name, function.__doc__

    @property
    def _title(self) -> str:
        return f"{self._namespace}.{self._name}"

    def __repr__(self) -> str:
        return f"<CustomOpDef({self._namespace}::{self._name})>"

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        bound = self._signature.bind(*args, **kwargs)
        bound.apply_defaults()
        leaves, tree = flatten((bound.args, bound.kwargs))
        if self._mutates or not any(isinstance(leaf, Tensor) and leaf.requires_grad for leaf in leaves):
            with no_grad():
                return self._function(*bound.args, **bound.kwargs)
        kinds: list[type] = []
        output = _Call.apply(self, tree, kinds, *leaves)
        return list(output) if kinds == [list] else output

    @property
    def default(self) -> CustomOpDef:
        """The operator: it has one signature."""
        return self

    def register_autograd(self, backward: Callable[..., Any], /, *, setup_context: Callable[..., Any] | None = None) -> None:
        """Gives the operator a gradient: `backward(ctx, *grads)` returns one for each argument, None where there is none.

        `setup_context(ctx, inputs, output)` saves what it needs. Raises RuntimeError for an operator that writes its arguments.
        """
        if self._mutates:
            raise RuntimeError(f"Cannot register autograd formula for non-functional operator {self!r}: it writes its arguments")
        self._backward, self._setup_context = backward, setup_context

    def register_fake(self, fn: Callable[..., Any], /) -> Callable[..., Any]:
        """The function, unused: shapes come from running the operator."""
        return fn

    def register_kernel(
        self, device_types: str | Iterable[str] | None, func: Callable[..., Any] | None = None, /
    ) -> Callable[..., Any]:
        """Makes the function the operator's on the CPU, or on all devices (None); other devices' are unused. Also a decorator."""
        kinds = (device_types,) if isinstance(device_types, str) else device_types

        def register(function: Callable[..., Any]) -> Callable[..., Any]:
            if kinds is None or "cpu" in kinds:
                self._function = function
            return function

        return register if func is None else register(func)


def custom_op(
    name: str,
    fn: Callable[..., Any] | None = None,
    /,
    *,
    mutates_args: str | Iterable[str],
    device_types: str | Iterable[str] | None = None,
    schema: str | None = None,
    tags: Any = None,
) -> Any:
    """Makes an operator "namespace::name" of a function; without one, a decorator.

    `mutates_args` names the arguments that the function writes ("unknown": any). Raises ValueError for a name of another form,
    for one in `mutates_args` that is no parameter and, unless a `schema` is given, for a parameter without annotation.

    >>> @torch.library.custom_op("doc::double", mutates_args=())
    ... def double(x: torch.Tensor) -> torch.Tensor:
    ...     return x * 2
    >>> double.register_autograd(lambda ctx, grad: grad * 2)
    >>> torch.ops.doc.double(torch.ones(2))
    tensor([2., 2.])
    """

    def make(function: Callable[..., Any]) -> CustomOpDef:
        parts = name.split("::")
        signature = inspect.signature(function)
        mutates = (mutates_args,) if isinstance(mutates_args, str) else tuple(mutates_args)
        bare = next((p.name for p in signature.parameters.values() if p.annotation is p.empty), None)
        if schema is None and bare is not None:
            raise ValueError(
                f"infer_schema(func): Parameter {bare} must have a type annotation. Got func with signature {signature})"
            )
        unknown = set(mutates) - {"unknown", *signature.parameters}
        if unknown:
            raise ValueError(
                f"infer_schema(func): {unknown} in mutates_args were not found in the custom op's signature. mutates_args should "
                "contain the names of all args that the custom op mutates, or just the string 'unknown' if you don't know. Got "
                f"func with signature {signature})"
            )
        if len(parts) != 2 or not all(parts):
            raise ValueError(f"Expected namespace::name as the operator's name, got {name!r}")
        made = CustomOpDef(parts[0], parts[1], function, mutates)
        define(parts[0], parts[1], made)
        return made

    return make if fn is None else make(fn)


def _operator(op: str | CustomOpDef) -> CustomOpDef:
    if isinstance(op, CustomOpDef):
        return op
    found: CustomOpDef | None = defined(*op.split("::")) if op.count("::") == 1 else None
    if found is None:
        raise RuntimeError(f"operator {op} does not exist")
    return found


def register_autograd(
    op: str | CustomOpDef, backward: Callable[..., Any], /, *, setup_context: Callable[..., Any] | None = None, lib: Any = None
) -> None:
    """`CustomOpDef.register_autograd` of an operator by name; raises RuntimeError where there is none."""
    _operator(op).register_autograd(backward, setup_context=setup_context)


def register_fake(
    op: str | CustomOpDef, func: Callable[..., Any] | None = None, /, *, lib: Any = None, allow_override: bool = False
) -> Any:
    """`CustomOpDef.register_fake` of an operator by name, also as a decorator; raises RuntimeError where there is none.

    An operator that isn't there may be one of a library that could not be loaded, which programs catch: then the function is
    taken and, as always, unused.
    """
    take = _given_back if isinstance(op, str) and _is_refused(op) else _operator(op).register_fake
    return take if func is None else take(func)


def _given_back(function: Callable[..., Any]) -> Callable[..., Any]:
    return function


def _is_refused(op: str) -> bool:
    """Whether an operator is one of a library that could not be loaded: libraries bear their namespace's name."""
    space, _, name = op.partition("::")
    return defined(space, name) is None and any(space in path for path in refused)


def register_kernel(
    op: str | CustomOpDef, device_types: str | Iterable[str] | None, func: Callable[..., Any] | None = None, /, *, lib: Any = None
) -> Any:
    """`CustomOpDef.register_kernel` of an operator by name; raises RuntimeError where there is none."""
    return _operator(op).register_kernel(device_types, func)
