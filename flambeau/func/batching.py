"""`vmap`: a function of one example as a function of many. May import `flambeau.tensor`, `flambeau.autograd`, `flambeau.ops`."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from flambeau.autograd.batching import ExampleBatch
from flambeau.ops.joining import cat
from flambeau.ops.views import movedim
from flambeau.shapes.dims import wrap_dim
from flambeau.tensor import Tensor
from flambeau.trees import Tree, flatten, spread, unflatten

__all__ = ["vmap", "name_of"]


def name_of(function: Callable[..., Any]) -> str:
    """How errors call a function."""
    return getattr(function, "__name__", None) or repr(function)


def vmap(
    func: Callable[..., Any],
    in_dims: Any = 0,
    out_dims: Any = 0,
    randomness: str = "error",
    *,
    chunk_size: int | None = None,
) -> Callable[..., Any]:
    """A function that calls `func` for each example and puts the results beside each other, computed for all at once.

    in_dims: for each positional argument the dimension of the examples, or None for one that all share; an int for all arguments;
    or containers of those, in the structure of the arguments. out_dims: where the examples' dimension goes in each result.
    randomness: "error" (random operators raise), "same" or "different" numbers for the examples. chunk_size: how many examples
    to compute at a time. Keyword arguments are shared. Raises ValueError for arguments that don't fit, RuntimeError inside `func`
    for a look at a value that differs from example to example.
    """
    if randomness not in ("error", "different", "same"):
        raise RuntimeError(f"Only allowed values for randomness are 'error', 'different', or 'same'. Got {randomness}")
    if chunk_size is not None and chunk_size < 1:
        raise ValueError(f"vmap: chunk_size should be None or greater than 0. (got {chunk_size})")

    @functools.wraps(func)
    def batched(*args: Any, **kwargs: Any) -> Any:
        leaves, tree = flatten(args)
        dims = _dims(func, in_dims, args, leaves, tree)
        n = _count(func, in_dims, dims, leaves)
        wholes = [leaf if d is None else movedim(leaf, d, 0) for leaf, d in zip(leaves, dims)]
        flags = [d is not None for d in dims]
        if chunk_size is None or chunk_size >= n:
            results, structure = _call(func, n, randomness, wholes, flags, tree, kwargs, out_dims)
        else:
            parts = []
            for start in range(0, n, chunk_size):
                stop = min(start + chunk_size, n)
                part = [w[start:stop] if b else w for w, b in zip(wholes, flags)]
                found, structure = _call(func, stop - start, randomness, part, flags, tree, kwargs, out_dims)
                parts.append(found)
            results = [(cat([p[i][0] for p in parts]) if d is not None else t, d) for i, (t, d) in enumerate(parts[0])]
        return unflatten([t if d is None else movedim(t, 0, d) for t, d in results], structure)

    return batched


def _dims(func: Any, in_dims: Any, args: tuple[Any, ...], leaves: list[Any], tree: Tree) -> list[int | None]:
    """For each leaf of the arguments its dimension of examples, counted from the front."""
    call = f"vmap({name_of(func)}, in_dims={in_dims}, ...)(<inputs>)"
    if not isinstance(in_dims, (int, tuple, list)):
        raise ValueError(f"{call}: expected `in_dims` to be int or a (potentially nested) tuple matching the structure of "
                         f"inputs, got: {type(in_dims)}.")  # fmt: skip
    if not args:
        raise ValueError(f"{call}: got no inputs. Maybe you forgot to add inputs, or you are trying to vmap over a function with "
                         "no inputs. The latter is unsupported.")  # fmt: skip
    dims = spread(tuple(in_dims) if isinstance(in_dims, list) else in_dims, tree)
    if dims is None:
        raise ValueError(f"{call}: in_dims is not compatible with the structure of `inputs`. in_dims has structure "
                         f"{_shown(in_dims)} but inputs has structure {_shown(args)}.")  # fmt: skip
    found: list[int | None] = []
    for leaf, dim in zip(leaves, dims):
        if dim is not None and not isinstance(dim, int):
            raise ValueError(f"{call}: Got in_dim={dim} for an input but in_dim must be either an integer dimension or None.")
        if dim is not None and not isinstance(leaf, Tensor):
            raise ValueError(f"{call}: Got in_dim={dim} for an input but the input is of type {type(leaf)}. We cannot vmap over "
                             "non-Tensor arguments, please use None as the respective in_dim")  # fmt: skip
        if dim is None:
            found.append(None)
            continue
        rank = leaf.dim()
        if not -rank <= dim < rank:
            raise ValueError(f"{call}: Got in_dim={dim} for some input, but that input is a Tensor of dimensionality {rank} so "
                             f"expected in_dim to satisfy -{rank} <= in_dim < {rank}.")  # fmt: skip
        found.append(dim % rank)
    return found


def _shown(value: Any) -> str:
    """The structure of a value, `*` for each leaf."""
    if isinstance(value, (tuple, list)):
        inside = ", ".join(_shown(v) for v in value)
        return f"({inside}{',' * (len(value) == 1)})" if isinstance(value, tuple) else f"[{inside}]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{k!r}: {_shown(v)}" for k, v in value.items()) + "}"
    return "*"


def _count(func: Any, in_dims: Any, dims: list[int | None], leaves: list[Any]) -> int:
    sizes = [leaf.shape[d] for leaf, d in zip(leaves, dims) if d is not None]
    if not sizes:
        raise ValueError(f"vmap({name_of(func)}, in_dims={in_dims}, ...)(<inputs>): at least one of the inputs must be mapped "
                         "over: an in_dim that is not None")  # fmt: skip
    if any(s != sizes[0] for s in sizes):
        raise ValueError(f"vmap: Expected all tensors to have the same size in the mapped dimension, got sizes {sizes} for the "
                         "mapped dimension")  # fmt: skip
    return sizes[0]


def _call(
    func: Any, n: int, randomness: str, wholes: list[Any], flags: list[bool], tree: Tree, kwargs: dict[str, Any], out_dims: Any
) -> tuple[list[tuple[Any, int | None]], Tree]:
    """The results for all examples, each with the place of the examples' dimension, and their structure."""
    batch = ExampleBatch(n, randomness)
    try:
        with batch:
            ones = [batch.one(w) if b else w for w, b in zip(wholes, flags)]
            outputs, structure = flatten(func(*unflatten(ones, tree), **kwargs))
            dims = _out_dims(func, out_dims, outputs, structure)
            for output, dim in zip(outputs, dims):
                if dim is None:
                    if isinstance(output, Tensor) and batch.depends(output._value()):
                        raise ValueError(f"vmap({name_of(func)}, ...): `{name_of(func)}` can not return a BatchedTensor when "
                                         "out_dim is None")  # fmt: skip
                elif not isinstance(output, Tensor):
                    raise ValueError(f"vmap({name_of(func)}, ...): `{name_of(func)}` must only return Tensors, got type "
                                     f"{type(output)}. Did you mean to set out_dims= to None for output?")  # fmt: skip
            written = [(w, o) for w, o, b in zip(wholes, ones, flags) if b and o._storage.version]
            found = iter(batch.whole([o for o, d in zip(outputs, dims) if d is not None] + [o for _, o in written]))
            results: list[tuple[Any, int | None]] = []
            for output, dim in zip(outputs, dims):
                results.append((output, None) if dim is None else (next(found), wrap_dim(dim, output.dim() + 1)))
            values = list(found)
    finally:
        batch.end()
    for (whole, _), value in zip(written, values):  # what the function wrote into an argument
        whole.copy_(value)
    return results, structure


def _out_dims(func: Any, out_dims: Any, outputs: list[Any], structure: Tree) -> list[int | None]:
    whole = out_dims
    if structure.kind is None and isinstance(out_dims, tuple) and len(out_dims) == 1:
        whole = out_dims[0]
    dims = spread(whole, structure)
    if dims is None or any(d is not None and not isinstance(d, int) for d in dims):
        raise ValueError(f"vmap({name_of(func)}, ..., out_dims={out_dims}): out_dims is not compatible with the structure of "
                         f"`outputs`. out_dims has structure {_shown(out_dims)} but outputs has structure "
                         f"{_shown(unflatten(outputs, structure))}.")  # fmt: skip
    return dims
