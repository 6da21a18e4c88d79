"""Differentiation as functions of functions: `grad`, `vjp`, `jvp`, Jacobians and Hessians.

Each call differentiates at places of its own on the tape, so that calls nest, and `.grad` is never touched. Products with the
Jacobian from the right come from two backward passes: the gradient of a gradient by the vector that it was weighted with.
May import `flambeau.tensor`, `flambeau.autograd`, `flambeau.ops`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

from flambeau.autograd.interface import initial_gradients
from flambeau.autograd.levels import Level
from flambeau.autograd.modes import enable_grad, set_grad_enabled
from flambeau.func.batching import vmap
from flambeau.ops.creation import zeros_like
from flambeau.ops.sequences import eye
from flambeau.tensor import Tensor
from flambeau.trees import Tree, flatten, map_leaves, unflatten

__all__ = ["grad", "grad_and_value", "vjp", "jvp", "linearize", "jacrev", "jacfwd", "hessian"]


def _placed(level: Level, value: Any) -> tuple[Any, list[Tensor]]:
    """A tree of tensors with places of their own, and the list of them."""
    leaves, tree = flatten(value)
    for leaf in leaves:
        if not isinstance(leaf, Tensor):
            raise ValueError(f"Thing passed to transform API must be Tensor, got {type(leaf)}")
        if leaf.dtype.category < 2:
            raise RuntimeError(f"only Tensors of floating point dtype can require gradients, got {leaf.dtype}")
    placed = [level.place(leaf) for leaf in leaves]
    return unflatten(placed, tree), placed


class _Star:
    def __repr__(self) -> str:
        return "*"


def _shown(tree: Tree) -> str:
    """A structure in errors: (*, *) for a pair."""
    return repr(unflatten([_Star() for _ in range(tree.leaves)], tree))


def _check_results(output: Any, outputs: Sequence[Any], what: str) -> None:
    if output is None or not outputs:
        shown = [None] if output is None else output
        raise RuntimeError(f"{what}: Expected f to be a function that has non-empty output (got output = {shown})")
    for o in outputs:
        if not isinstance(o, Tensor):
            raise RuntimeError(f"{what}: expected f(*primals) to return only tensors, got unsupported type {type(o)}")


def _auxiliary(level: Level, aux: Any) -> Any:
    """What a function gave beside its result, without the tape of this differentiation."""

    def outward(leaf: Any) -> Any:
        if not isinstance(leaf, Tensor):
            raise RuntimeError(f"Expected tensors, got unsupported type {type(leaf)}")
        return level.outward(leaf)

    return map_leaves(outward, aux)


def _chosen(argnums: int | tuple[int, ...], args: tuple[Any, ...]) -> Any:
    """The arguments to differentiate by: one, or a tuple of them."""
    if not isinstance(argnums, (int, tuple)):
        raise RuntimeError(f"argnums must be int or Tuple[int, ...], got: {type(argnums)}")
    for i in (argnums,) if isinstance(argnums, int) else argnums:
        if not isinstance(i, int):
            raise RuntimeError(f"argnum must be int, got: {type(i)}")
        if not -len(args) <= i < len(args):
            raise RuntimeError(f"Got argnum={i}, but only {len(args)} positional inputs")
    if isinstance(argnums, int):
        return args[argnums]
    if not argnums:
        raise RuntimeError("argnums must be non-empty")
    wrapped = [i % len(args) for i in argnums]
    if len(set(wrapped)) != len(wrapped):
        raise RuntimeError(f"argnums elements must be unique, got {argnums}")
    return tuple(args[i] for i in argnums)


def _with_chosen(argnums: int | tuple[int, ...], args: tuple[Any, ...], chosen: Any) -> list[Any]:
    result = list(args)
    for i, value in ((argnums, chosen),) if isinstance(argnums, int) else zip(argnums, chosen):
        result[i] = value
    return result


def _split(output: Any, has_aux: bool, what: str) -> tuple[Any, Any]:
    if not has_aux:
        return output, None
    if not isinstance(output, tuple) or len(output) != 2:
        raise RuntimeError(f"{what}: output of function f should be a tuple: (output, aux) if has_aux is True")
    return output


def grad_and_value(func: Callable[..., Any], argnums: int | tuple[int, ...] = 0, has_aux: bool = False) -> Callable[..., Any]:
    """A function giving (gradients, value) of `func`, which gives one number (and, with `has_aux`, anything else beside it)."""

    @functools.wraps(func)
    def differentiated(*args: Any, **kwargs: Any) -> Any:
        level = Level()
        with enable_grad():
            inputs, places = _placed(level, _chosen(argnums, args))
            output, aux = _split(func(*_with_chosen(argnums, args, inputs), **kwargs), has_aux, "grad_and_value(f)(*args)")
            if not isinstance(output, Tensor):
                raise RuntimeError(f"grad_and_value(f)(*args): Expected f(*args) to return a Tensor, got {type(output)}")
            if output.dim() != 0:
                raise RuntimeError("grad_and_value(f)(*args): Expected f(*args) to return a scalar Tensor, got tensor with "
                                   f"{output.dim()} dims. Maybe you wanted to use the vjp or jacrev APIs instead?")  # fmt: skip
            gradients = level.gradients([output], [output.new_ones(())], places)
            _, tree = flatten(inputs)
            found = unflatten([level.outward(g) for g in gradients], tree)
            value = level.outward(output)
        return (found, (value, _auxiliary(level, aux))) if has_aux else (found, value)

    return differentiated


def grad(func: Callable[..., Any], argnums: int | tuple[int, ...] = 0, has_aux: bool = False) -> Callable[..., Any]:
    """A function giving the gradient of `func` by argument `argnums` (a tuple of gradients for several).

    `func` gives a tensor of no dimensions; with `has_aux` (that, anything), and the result is (gradients, anything).
    """
    both = grad_and_value(func, argnums, has_aux)

    @functools.wraps(func)
    def differentiated(*args: Any, **kwargs: Any) -> Any:
        found, value = both(*args, **kwargs)
        return (found, value[1]) if has_aux else found

    return differentiated


def vjp(func: Callable[..., Any], *primals: Any, has_aux: bool = False) -> Any:
    """(func(*primals), a function from the outputs' weights to the tuple of the primals' gradients[, aux])."""
    level = Level()
    with enable_grad():
        inputs, places = _placed(level, primals)
        output, aux = _split(func(*inputs), has_aux, "vjp(f, *primals)")
        outputs, structure = flatten(output)
        _check_results(output, outputs, "vjp(f, *primals)")
        for o in outputs:
            if o.dtype.category < 2:
                raise RuntimeError("vjp(f, ...): All outputs of f must be floating-point or complex Tensors, got Tensor with "
                                   f"dtype {o.dtype}")  # fmt: skip
    _, tree = flatten(primals)

    def pull(*cotangents: Any) -> Any:
        given = cotangents[0] if len(cotangents) == 1 else cotangents
        weights, found = flatten(given)
        if found != structure:
            raise RuntimeError(f"Expected pytree structure of cotangents to be the same as pytree structure of outputs to the "
                               f"function. cotangents: {_shown(found)}, primal output: {_shown(structure)}")  # fmt: skip
        weights = initial_gradients(tuple(outputs), tuple(weights))
        with set_grad_enabled(level.outer):
            gradients = level.gradients(outputs, weights, places, retain=True)
            result = unflatten([level.outward(g) for g in gradients], tree)
        return result

    value = unflatten([level.outward(o) for o in outputs], structure)
    return (value, pull, _auxiliary(level, aux)) if has_aux else (value, pull)


def jvp(func: Callable[..., Any], primals: Any, tangents: Any, *, strict: bool = False, has_aux: bool = False) -> Any:
    """(func(*primals), the change of that along `tangents`[, aux])."""
    what = "jvp(f, primals, tangents)"
    vectors = _tangents(what, primals, tangents)
    level = Level()
    with enable_grad():
        inputs, places = _placed(level, primals)
        output, aux = _split(func(*inputs), has_aux, what)
        outputs, structure = flatten(output)
        _check_results(output, outputs, what)
        changes = level.changes(outputs, places, vectors)
        if changes is None:
            if strict:
                raise RuntimeError("jvp(f, primals, tangents, strict=True): the output of f is independent of the inputs.")
            changes = [zeros_like(o.detach()) for o in outputs]
        result = unflatten([level.outward(c) for c in changes], structure)
        value = unflatten([level.outward(o) for o in outputs], structure)
    return (value, result, _auxiliary(level, aux)) if has_aux else (value, result)


def _tangents(what: str, primals: Any, tangents: Any) -> list[Tensor]:
    """The tangents, a tensor of its shape for each of the primals. Raises RuntimeError or ValueError where they don't fit."""
    if not isinstance(primals, tuple):
        raise RuntimeError(f"{what}: Expected primals to be a tuple. E.g. it should be valid to call f(*primals).")
    (leaves, tree), (vectors, found) = flatten(primals), flatten(tangents)
    if found != tree:
        raise RuntimeError(f"{what}: Expected primals and tangents to have the same python structure. For example, if primals is "
                           "a tuple of 3 tensors, tangents also must be. Got primals with structure "
                           f"{_shown(tree)} and tangents with structure {_shown(found)}")  # fmt: skip
    if not leaves:
        raise RuntimeError(f"{what}: Expected primals to contain at least one Tensor.")
    for name, values in (("primals", leaves), ("tangents", vectors)):
        for value in values:
            if not isinstance(value, Tensor):
                raise RuntimeError(f"{what}: Expected {name} to only contain Tensors, got {type(value)}")
    for p, v in zip(leaves, vectors):
        if p.dtype.category < 2:
            raise ValueError(f"Expected primal to be floating point or complex, but got: {p.dtype}")
        if tuple(p.shape) != tuple(v.shape):
            raise RuntimeError("Trying to set a forward gradient that has a different size than that of the original Tensor, "
                               f"this is not supported. Tensor is of size {list(p.shape)} while the given forward gradient is "
                               f"of size {list(v.shape)}.")  # fmt: skip
    return vectors


def linearize(func: Callable[..., Any], *primals: Any) -> tuple[Any, Callable[..., Any]]:
    """(func(*primals), the function from tangents to the change along them)."""
    value = func(*primals)

    def change(*tangents: Any) -> Any:
        return jvp(func, primals, tangents)[1]

    return value, change


def _basis(leaves: Sequence[Tensor]) -> list[Tensor]:
    """For each tensor the unit vectors of all of them together, [total, *shape]."""
    sizes = [t.numel() for t in leaves]
    total = sum(sizes)
    result, start = [], 0
    for t, n in zip(leaves, sizes):
        whole = eye(total, dtype=t.dtype, device=t.device)
        result.append(whole[:, start : start + n].reshape(total, *t.shape))
        start += n
    return result


def _parts(t: Tensor, leaves: Sequence[Tensor]) -> list[Tensor]:
    """A tensor whose first dimension counts the elements of all `leaves`, as one for each, of its shape."""
    return [p.reshape((*like.shape, *t.shape[1:])) for p, like in zip(t.split([like.numel() for like in leaves]), leaves)]


def jacrev(
    func: Callable[..., Any],
    argnums: int | tuple[int, ...] = 0,
    *,
    has_aux: bool = False,
    chunk_size: int | None = None,
    _preallocate_and_copy: bool = False,
) -> Callable[..., Any]:
    """A function giving the Jacobian of `func` by argument `argnums`, one backward pass for each element of the result.

    The result has the structure of func's output, in it that of the argument, with tensors of [*output's shape, *argument's].
    """
    if chunk_size is not None and chunk_size <= 0:
        raise ValueError("jacrev: `chunk_size` should be greater than 0.")

    @functools.wraps(func)
    def jacobian(*args: Any, **kwargs: Any) -> Any:
        chosen = _chosen(argnums, args)

        def of_chosen(value: Any) -> Any:
            return func(*_with_chosen(argnums, args, value), **kwargs)

        output, pull, *aux = vjp(of_chosen, chosen, has_aux=has_aux)
        outputs, structure = flatten(output)
        rows = vmap(lambda *weights: pull(unflatten(weights, structure))[0], chunk_size=chunk_size)(*_basis(outputs))
        columns, tree = flatten(rows)
        table = [_parts(c, outputs) for c in columns]  # [argument][output]
        found = unflatten([unflatten([column[i] for column in table], tree) for i in range(len(outputs))], structure)
        return (found, aux[0]) if has_aux else found

    return jacobian


def jacfwd(
    func: Callable[..., Any], argnums: int | tuple[int, ...] = 0, has_aux: bool = False, *, randomness: str = "error"
) -> Callable[..., Any]:
    """A function giving the Jacobian of `func` by argument `argnums`, one product for each element of the argument.

    The result has the structure of func's output, in it that of the argument, with tensors of [*output's shape, *argument's].
    """

    @functools.wraps(func)
    def jacobian(*args: Any, **kwargs: Any) -> Any:
        chosen = _chosen(argnums, args)
        leaves, tree = flatten(chosen)
        aux: list[Any] = []

        def push(*vectors: Any) -> Any:
            _, change, *rest = jvp(
                lambda value: func(*_with_chosen(argnums, args, value), **kwargs),
                (chosen,),
                (unflatten(vectors, tree),),
                has_aux=has_aux,
            )
            aux[:] = rest
            return change

        columns, structure = flatten(vmap(push, randomness=randomness)(*_basis(leaves)))
        found = []
        for column in columns:  # [elements of all arguments, *output's shape]
            parts = []
            for part, like in zip(_parts(column, leaves), leaves):
                rank = like.dim()
                parts.append(part.permute((*range(rank, part.dim()), *range(rank))))
            found.append(unflatten(parts, tree))
        result = unflatten(found, structure)
        return (result, aux[0]) if has_aux else result

    return jacobian


def hessian(func: Callable[..., Any], argnums: int | tuple[int, ...] = 0) -> Callable[..., Any]:
    """A function giving the second derivatives of `func` by argument `argnums`."""
    return jacfwd(jacrev(func, argnums), argnums)
