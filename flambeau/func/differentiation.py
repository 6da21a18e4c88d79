"""Differentiation as functions of functions: `grad`, `vjp`, `jvp`, Jacobians and Hessians.

Each call differentiates at places of its own on the tape, so that calls nest, and `.grad` is never touched. Products with the
Jacobian from the right come from two backward passes: the gradient of a gradient by the vector that it was weighted with.
May import `flambeau.tensor`, `flambeau.autograd`, `flambeau.ops`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

from flambeau.autograd.levels import Level
from flambeau.autograd.modes import enable_grad, set_grad_enabled
from flambeau.func.batching import name_of, vmap
from flambeau.ops.creation import zeros_like
from flambeau.ops.sequences import eye
from flambeau.tensor import Tensor
from flambeau.trees import flatten, map_leaves, unflatten

__all__ = ["grad", "grad_and_value", "vjp", "jvp", "linearize", "jacrev", "jacfwd", "hessian"]


def _placed(level: Level, value: Any, what: str) -> tuple[Any, list[Tensor]]:
    """A tree of tensors with places of their own, and the list of them."""
    leaves, tree = flatten(value)
    for leaf in leaves:
        if not isinstance(leaf, Tensor):
            raise RuntimeError(f"{what}: Expected tensors to differentiate by, got type {type(leaf)}")
        if leaf.dtype.category < 2:
            raise RuntimeError(
                f"{what}: only Tensors of floating point and complex dtype can require gradients, got {leaf.dtype}"
            )
    placed = [level.place(leaf) for leaf in leaves]
    return unflatten(placed, tree), placed


def _chosen(argnums: int | tuple[int, ...], args: tuple[Any, ...], what: str) -> Any:
    """The arguments to differentiate by: one, or a tuple of them."""
    for i in (argnums,) if isinstance(argnums, int) else argnums:
        if not isinstance(i, int):
            raise RuntimeError(f"argnum must be int, got: {type(i)}")
        if not -len(args) <= i < len(args):
            raise RuntimeError(f"Got argnum={i}, but only {len(args)} positional inputs")
    if isinstance(argnums, int):
        return args[argnums]
    if not argnums:
        raise RuntimeError(f"{what}: argnums must not be empty")
    wrapped = [i % len(args) for i in argnums]
    if len(set(wrapped)) != len(wrapped):
        raise RuntimeError(f"{what}: argnums elements must be unique, got {argnums}")
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
            inputs, places = _placed(level, _chosen(argnums, args, "grad"), "grad")
            output, aux = _split(func(*_with_chosen(argnums, args, inputs), **kwargs), has_aux, "grad_and_value(f)(*args)")
            if not isinstance(output, Tensor):
                raise RuntimeError(f"grad_and_value(f)(*args): Expected f(*args) to return one tensor, got {type(output)}")
            if output.dim() != 0:
                raise RuntimeError("grad_and_value(f)(*args): Expected f(*args) to return a scalar Tensor, got tensor with "
                                   f"{output.dim()} dims. Maybe you wanted to use the vjp or jacrev APIs instead?")  # fmt: skip
            gradients = level.gradients([output], [output.new_ones(())], places)
            _, tree = flatten(inputs)
            found = unflatten([level.outward(g) for g in gradients], tree)
            value = level.outward(output)
        return (found, (value, map_leaves(level.outward, aux))) if has_aux else (found, value)

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
        inputs, places = _placed(level, primals, "vjp(f, *primals)")
        output, aux = _split(func(*inputs), has_aux, "vjp(f, *primals)")
        outputs, structure = flatten(output)
        for o in outputs:
            if not isinstance(o, Tensor):
                raise RuntimeError(f"vjp(f, *primals): Expected f(*primals) to return only tensors, got {type(o)}")
    _, tree = flatten(primals)

    def pull(*cotangents: Any) -> Any:
        given = cotangents[0] if len(cotangents) == 1 else cotangents
        weights, found = flatten(given)
        if len(weights) != len(outputs):
            raise RuntimeError(f"Expected pytree structure of cotangents to be the same as pytree structure of outputs to the "
                               f"function. cotangents: {found}, primal output: {structure}")  # fmt: skip
        with set_grad_enabled(level.outer):
            gradients = level.gradients(outputs, weights, places, retain=True)
            result = unflatten([level.outward(g) for g in gradients], tree)
        return result

    value = unflatten([level.outward(o) for o in outputs], structure)
    return (value, pull, map_leaves(level.outward, aux)) if has_aux else (value, pull)


def jvp(func: Callable[..., Any], primals: Any, tangents: Any, *, strict: bool = False, has_aux: bool = False) -> Any:
    """(func(*primals), the change of that along `tangents`[, aux])."""
    if not isinstance(primals, tuple) or not primals:
        raise RuntimeError("jvp(f, primals, tangents): Expected primals to be a non-empty tuple. E.g. it should be valid to call "
                           "f(*primals).")  # fmt: skip
    vectors, found = flatten(tangents)
    _, tree = flatten(primals)
    if found.leaves != tree.leaves:
        raise RuntimeError("jvp(f, primals, tangents): Expected primals and tangents to have the same python structure.")
    for p, v in zip(flatten(primals)[0], vectors):
        if tuple(p.shape) != tuple(v.shape):
            raise RuntimeError(f"jvp(f, primals, tangents): tangent of shape {list(v.shape)} for a primal of {list(p.shape)}")
    level = Level()
    with enable_grad():
        inputs, places = _placed(level, primals, "jvp(f, primals, tangents)")
        output, aux = _split(func(*inputs), has_aux, "jvp(f, primals, tangents)")
        outputs, structure = flatten(output)
        changes = level.changes(outputs, places, vectors)
        if changes is None:
            if strict:
                raise RuntimeError("jvp(f, primals, tangents, strict=True): the output of f is independent of the inputs.")
            changes = [zeros_like(o.detach()) for o in outputs]
        result = unflatten([level.outward(c) for c in changes], structure)
        value = unflatten([level.outward(o) for o in outputs], structure)
    return (value, result, map_leaves(level.outward, aux)) if has_aux else (value, result)


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

    @functools.wraps(func)
    def jacobian(*args: Any, **kwargs: Any) -> Any:
        chosen = _chosen(argnums, args, "jacrev")

        def of_chosen(value: Any) -> Any:
            return func(*_with_chosen(argnums, args, value), **kwargs)

        output, pull, *aux = vjp(of_chosen, chosen, has_aux=has_aux)
        outputs, structure = flatten(output)
        if not outputs:
            raise RuntimeError(f"jacrev(f, *primals): Expected f = {name_of(func)} to return a tensor")
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
        chosen = _chosen(argnums, args, "jacfwd")
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
