"""What operators mean for sparse tensors: one table, which is asked when an operator has refused one.

An operator that reads a sparse tensor's elements raises (`flambeau.sparse_storage`); the public functions find here what was
meant, as they find arguments of foreign classes; so do methods, once there is a sparse tensor (`flambeau.tensor.guards`).
May import `flambeau.tensor.core`, `flambeau.sparse_storage`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from flambeau.layout import sparse_coo, strided
from flambeau.sparse_storage import NoElements
from flambeau.tensor.core import Tensor

__all__ = ["answer", "comes_first", "has_meaning", "in_both", "in_place", "meaning", "refusal", "sparse_among"]

F = TypeVar("F", bound=Callable[..., Any])

_COO: dict[str, Callable[..., Any]] = {}
_COMPRESSED: dict[str, Callable[..., Any]] = {}
_FIRST: set[str] = set()
_WRITTEN: set[str] = set()


def meaning(*names: str, compressed: bool = False, first: bool = False) -> Callable[[F], F]:
    """Registers what operators of these names do for arguments of which one is sparse (in coordinates, or `compressed`).

    `first`: a method that would give an answer for a sparse tensor, too, and another than this one.
    """

    def register(function: F) -> F:
        for name in names:
            (_COMPRESSED if compressed else _COO)[name] = function
            if first:
                _FIRST.add(name)
        return function

    return register


def in_both(*names: str, first: bool = False) -> Callable[[F], F]:
    """`meaning` for tensors in coordinates and for compressed ones."""

    def register(function: F) -> F:
        return meaning(*names, first=first)(meaning(*names, compressed=True)(function))

    return register


def in_place(*names: str) -> None:
    """Registers operators whose meaning may be written into their operand, as `name_`."""
    _WRITTEN.update(name + "_" for name in names)


def has_meaning(name: str) -> bool:
    """Whether an operator means something for a sparse tensor in coordinates."""
    return name in _COO


def comes_first(name: str) -> bool:
    """Whether a method is not to be called for sparse tensors at all."""
    return name in _FIRST


def _tensors(values: Iterable[Any]) -> Iterable[Tensor]:
    for value in values:
        if isinstance(value, Tensor):
            yield value
        elif isinstance(value, (list, tuple)):
            yield from _tensors(value)


def sparse_among(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Tensor | None:
    """The first argument that is sparse, coordinates last where layouts are mixed."""
    found = [t for t in _tensors((*args, *kwargs.values())) if t._storage.layout is not strided]
    return next((t for t in found if t._storage.layout is not sparse_coo), found[0] if found else None)


def refusal(name: str, t: Tensor) -> NotImplementedError:
    """The error of an operator that means nothing for a tensor, or of one that needs a sparse one."""
    if t._storage.layout is strided:
        return NotImplementedError(
            f"Could not run 'aten::{name}' with arguments from the 'CPU' backend: it takes sparse tensors."
        )
    backend = "Sparse" if t._storage.layout is sparse_coo else "SparseCsr"
    device = {"cpu": "CPU", "cuda": "CUDA"}.get(t._storage.device.partition(":")[0], t._storage.device)
    return NotImplementedError(
        f"Could not run 'aten::{name}' with arguments from the '{backend}{device}' backend. This operator means nothing for "
        f"tensors of layout {t.layout!r}, with PyTorch or here: to_dense() makes a tensor that has elements."
    )


def answer(name: str, t: Tensor, args: tuple[Any, ...], kwargs: dict[str, Any], refused: Exception | None = None) -> Any:
    """What the operator means for these arguments, `t` being sparse.

    Raises NotImplementedError where it means nothing; `refused`, the error of the operator itself, where that is about something
    else.
    """
    table = _COO if t._storage.layout is sparse_coo else _COMPRESSED
    found = table.get(name)
    if found is not None:
        return found(*args, **kwargs)
    if name in _WRITTEN and name[:-1] in table:
        return _write(args[0], table[name[:-1]](*args, **kwargs))
    if refused is None or isinstance(refused, (NoElements, AssertionError, AttributeError)):
        raise refusal(name, t) from (None if isinstance(refused, NoElements) else refused)
    raise refused


def _write(target: Tensor, result: Tensor) -> Tensor:
    """Writes an operator's result into its first operand, and onto the tape."""
    if target._storage.layout is strided:
        return target._assign((result if result._storage.layout is strided else result.to_dense()).to(target.dtype))
    if tuple(result._shape) != tuple(target._shape):
        raise RuntimeError(f"output with shape {list(target._shape)} doesn't match the broadcast shape {list(result._shape)}")
    if result.dtype is not target.dtype:
        raise RuntimeError(f"result type {result.dtype} can't be cast to the desired output type {target.dtype}")
    target._check_writable(result.requires_grad)
    storage: Any = target._storage
    storage.become(result._storage)
    if result.requires_grad:
        target._requires_grad, target._grad_fn, target._output_index = True, result._grad_fn, result._output_index
    return target
