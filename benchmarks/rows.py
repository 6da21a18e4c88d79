"""Rows of benchmarks: programs written once for either library's namespace, and timed in turns on the same numbers.

A row's time is that of a call and its result being there. What a row computes can be compared before it is timed (rows that draw
random numbers excepted). May import `benchmarks.timing` and `benchmarks.tensors`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch

import flambeau
from benchmarks.tensors import to_flambeau
from benchmarks.timing import measure

__all__ = ["Make", "Row", "both", "gradients", "normal", "same", "times_of"]

Make = Callable[..., Callable[[], Any]]


@dataclass(frozen=True)
class Row:
    """A program to be timed: `make(library, *tensors)` gives the call. `inputs` draws PyTorch's tensors; `is_random`: the results
    differ."""

    group: str
    name: str
    make: Make
    inputs: Callable[[], tuple[torch.Tensor, ...]] = tuple
    is_random: bool = False


def normal(*shape: int, dtype: torch.dtype = torch.float32) -> Callable[[], tuple[torch.Tensor, ...]]:
    return lambda: (torch.randn(*shape, dtype=dtype) if dtype.is_complex else torch.randn(*shape).to(dtype),)


def gradients(lib: Any, f: Callable[..., Any], *leaves: Any) -> Callable[[], Any]:
    """A call of `f`, and the gradients to the leaves from one that is given."""
    leaves = tuple(t.detach().clone().requires_grad_() for t in leaves)
    gradient = f(*leaves).detach().cos()

    def call() -> Any:
        result = f(*leaves)
        return lib.autograd.grad(result, leaves, gradient if result.shape else None)

    return call


def both(group: str, name: str, f: Callable[..., Any], inputs: Callable[[], tuple[torch.Tensor, ...]]) -> Iterator[Row]:
    """The forward pass, and forward with all gradients."""
    yield Row(group, name, lambda lib, *t: lambda: f(lib, *t), inputs)
    yield Row(group, f"{name}, gradients", lambda lib, *t: gradients(lib, lambda *u: f(lib, *u), *t), inputs)


def same(lib: Any, build: Callable[[Any], Any]) -> Any:
    """A module with the weights that PyTorch's gets from a fixed seed."""
    torch.manual_seed(1)
    reference = build(torch)
    if lib is torch:
        return reference
    mine = build(lib)
    mine.load_state_dict({k: to_flambeau(v) for k, v in reference.state_dict().items()})
    return mine


def _flat(result: Any) -> list[Any]:
    """The tensors of a result, and PyTorch's of its numbers."""
    if isinstance(result, (tuple, list)):
        return [t for r in result for t in _flat(r)]
    return [torch.tensor(result) if isinstance(result, (int, float)) else result]


def _check(row: Row, mine: Any, theirs: Any) -> None:
    for a, b in zip(_flat(mine), _flat(theirs), strict=True):
        type = torch.complex128 if b.is_complex() else torch.float64
        a, b = torch.tensor(a.detach().tolist(), dtype=type), b.detach().to(type)
        if b.numel():
            error = ((a - b).abs().nan_to_num().max() / (b.abs().nan_to_num(posinf=0.0).max() + 1e-30)).item()
            assert error < 2e-2, f"{row.name}: error {error}"


def times_of(row: Row, seconds: float = 0.15, is_checked: bool = False) -> tuple[float, float]:
    """Seconds of flambeau and of PyTorch."""
    torch.manual_seed(0)
    tensors = row.inputs()
    mine = row.make(flambeau, *(to_flambeau(t) for t in tensors))
    theirs = row.make(torch, *tensors)
    if is_checked and not row.is_random:
        _check(row, mine(), theirs())

    def run() -> None:
        result = mine()
        flambeau.synchronize()
        del result

    found = measure({"flambeau": run, "PyTorch": theirs}, seconds, 5)
    return found["flambeau"], found["PyTorch"]
