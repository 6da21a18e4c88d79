"""PyTorch as the oracle: run a function in both libraries on equal arguments and compare everything that shows.

Arguments are written with PyTorch's tensors (and dtypes); `translate` makes flambeau's of them.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch

import flambeau
from flambeau import devices
from flambeau.device import as_device_name

__all__ = ["to_flambeau", "to_torch", "translate", "compare", "check", "check_gradients", "outcome", "supports"]

RELATIVE = {"float16": 2e-3, "bfloat16": 1.6e-2, "float32": 1.3e-6, "float64": 1e-7}
ABSOLUTE = {"float16": 2e-3, "bfloat16": 1.6e-2, "float32": 1e-5, "float64": 1e-7}
for _tolerances in (RELATIVE, ABSOLUTE):
    _tolerances.update(complex64=_tolerances["float32"], complex128=_tolerances["float64"])
"""PyTorch's own tolerances; for half types also absolute, since PyTorch rounds between steps in some functions."""


# --- between the libraries ---------------------------------------------------------------------------------------------
def dtype_of(d: torch.dtype) -> Any:
    return getattr(flambeau, str(d).removeprefix("torch."))


def to_flambeau(t: torch.Tensor, device: str) -> Any:
    """An equal tensor with equal strides, memory of its own and the same requires_grad."""
    if t.is_conj():
        return to_flambeau(t.conj(), device).conj()
    strides, size = t.stride(), t.untyped_storage().nbytes() // t.itemsize
    if t.numel() and (size != t.numel() or strides != t.contiguous().clone(memory_format=torch.contiguous_format).stride()):
        memory = torch.as_strided(t.detach(), (size,), (1,), 0)
        result = _copied(memory, device).as_strided(tuple(t.shape), strides, t.storage_offset())
        result = result.detach()
    else:
        result = _copied(t.detach().contiguous(), device)
    if t.requires_grad:
        result.requires_grad_()
    return result


def _copied(t: torch.Tensor, device: str) -> Any:
    from flambeau.tensor import from_bytes

    data = bytes(t.reshape(-1).view(torch.uint8).numpy()) if t.numel() else b""
    return from_bytes(data, dtype_of(t.dtype), tuple(t.shape), device)


def to_torch(t: Any) -> torch.Tensor:
    """flambeau's tensor as PyTorch's."""
    data = bytearray(t.detach()._bytes())
    dtype = getattr(torch, t.dtype.name)
    if not data:
        return torch.empty(tuple(t.shape), dtype=dtype)
    return torch.frombuffer(data, dtype=dtype).reshape(tuple(t.shape))


def translate(value: Any, device: str) -> Any:
    """PyTorch's tensors, dtypes and sizes in nested arguments as flambeau's."""
    if isinstance(value, torch.Tensor):
        return to_flambeau(value, device)
    if isinstance(value, torch.dtype):
        return dtype_of(value)
    if isinstance(value, torch.Size):
        return flambeau.Size(value)
    if isinstance(value, (list, tuple)):
        items = [translate(v, device) for v in value]
        return items if isinstance(value, list) else tuple(items)
    if isinstance(value, slice):
        return slice(*(translate(v, device) for v in (value.start, value.stop, value.step)))
    if isinstance(value, dict):
        return {k: translate(v, device) for k, v in value.items()}
    return value


# --- comparing ---------------------------------------------------------------------------------------------------------
def compare(mine: Any, theirs: Any, what: str = "result", factor: float = 1.0, layout: bool = True) -> None:
    """Raises AssertionError where flambeau's result isn't PyTorch's: type, dtype, shape, layout in memory, and values."""
    if isinstance(theirs, torch.Tensor):
        assert isinstance(mine, flambeau.Tensor), f"{what}: {type(mine).__name__} instead of a tensor"
        assert str(mine.dtype) == str(theirs.dtype), f"{what}: dtype {mine.dtype}, PyTorch {theirs.dtype}"
        assert tuple(mine.shape) == tuple(theirs.shape), f"{what}: shape {tuple(mine.shape)}, PyTorch {tuple(theirs.shape)}"
        assert mine.requires_grad == theirs.requires_grad, f"{what}: requires_grad {mine.requires_grad}"
        if layout:
            compare_layout(mine, theirs, what)
        name = mine.dtype.name
        relative, absolute = RELATIVE.get(name, 0.0) * factor, ABSOLUTE.get(name, 0.0) * factor
        torch.testing.assert_close(
            to_torch(mine),
            theirs.detach().resolve_conj().resolve_neg().contiguous(),
            rtol=relative,
            atol=absolute,
            equal_nan=True,
            msg=lambda m: f"{what}: {m}",
        )
    elif isinstance(theirs, (list, tuple)):
        assert isinstance(mine, (list, tuple)) and len(mine) == len(theirs), f"{what}: {mine!r}, PyTorch {theirs!r}"
        fields = getattr(theirs, "_fields", None) or [n for n in ("values", "indices") if hasattr(theirs, n)]
        for name in fields:
            assert hasattr(mine, name), f"{what}: no field {name}"
        for i, (a, b) in enumerate(zip(mine, theirs)):
            compare(a, b, f"{what}[{i}]", factor, layout)
    elif isinstance(theirs, float):
        assert isinstance(mine, float), f"{what}: {mine!r}, PyTorch {theirs!r}"
        assert math.isclose(mine, theirs, rel_tol=1e-5, abs_tol=1e-7) or (mine != mine and theirs != theirs), (
            f"{what}: {mine}, PyTorch {theirs}"
        )
    elif isinstance(theirs, torch.dtype):
        assert str(mine) == str(theirs), f"{what}: {mine}, PyTorch {theirs}"
    else:
        assert mine == theirs, f"{what}: {mine!r}, PyTorch {theirs!r}"


def compare_layout(mine: Any, theirs: torch.Tensor, what: str = "result") -> None:
    """Raises AssertionError where a tensor doesn't lie in memory as PyTorch's.

    Strides along dimensions of size 1 lead nowhere and are not compared (`tests/ops/test_layouts.py` does for elementwise
    results): which PyTorch gives depends on the steps inside its operators. Without elements there is nothing to compare.
    """
    if theirs.numel():
        found, expected = (tuple(s for s, n in zip(t.stride(), theirs.shape) if n != 1) for t in (mine, theirs))
        assert found == expected, f"{what}: strides {mine.stride()}, PyTorch {theirs.stride()}"


def outcome(f: Callable[..., Any], args: Any, kwargs: Any) -> tuple[Any, BaseException | None]:
    """A call's result, or the error that it raised."""
    try:
        result = f(*args, **kwargs)
    except Exception as error:
        return None, error
    return result, None


def _tensors(value: Any) -> list[Any]:
    if isinstance(value, (torch.Tensor, flambeau.Tensor)):
        return [value]
    if isinstance(value, (list, tuple)):
        return [t for v in value for t in _tensors(v)]
    return [t for v in value.values() for t in _tensors(v)] if isinstance(value, dict) else []


def supports(device: str, dtype: torch.dtype) -> bool:
    """Whether tensors of that dtype can live on the device."""
    return devices.backend(as_device_name(device)).supports(dtype_of(dtype))


def _supported(value: Any, device: str) -> bool:
    """Whether the device has the dtypes of all tensors (and dtypes named) in nested arguments."""
    if isinstance(value, dict):
        return all(_supported(v, device) for v in value.values())
    if isinstance(value, (list, tuple)):
        return all(_supported(v, device) for v in value)
    if isinstance(value, torch.Tensor):
        return supports(device, value.dtype)
    return not isinstance(value, torch.dtype) or supports(device, value)


def same_error(mine: BaseException, theirs: BaseException) -> bool:
    """Whether a program that catches PyTorch's error catches ours: a kind of the same builtin error.

    An index that is found to be out of range while values are computed is an IndexError here; some of PyTorch's operators raise
    RuntimeError.
    """
    if "out of bounds" in str(theirs) and isinstance(mine, IndexError):
        return True
    for kind in (IndexError, NotImplementedError, TypeError, ValueError, RuntimeError):
        if isinstance(theirs, kind):
            return isinstance(mine, kind)
    return isinstance(mine, type(theirs))


def _memory(t: Any) -> Any:
    """What a tensor's elements lie in: of a complex tensor's parts, and its conjugate, the tensor's."""
    return getattr(t._storage, "whole", t._storage)


def check(
    mine: Callable[..., Any],
    theirs: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: dict[str, Any] | None = None,
    *,
    device: str = "reference",
    factor: float = 1.0,
    strides: bool = True,
    layout: bool = True,
) -> Any:
    """Calls both on equal arguments: the same error, or equal results; a view where PyTorch gives one, with its strides.

    Arguments that the call wrote into are compared too. Gives both results.
    """
    kwargs = kwargs or {}
    if not _supported((args, kwargs), device):
        return None, None
    my_args, my_kwargs = translate(args, device), translate(kwargs, device)
    expected, error = outcome(theirs, args, kwargs)
    if not _supported(expected, device):
        assert outcome(mine, my_args, my_kwargs)[1] is not None, f"no error, though {device} lacks the result's dtype"
        return None, None
    found, my_error = outcome(mine, my_args, my_kwargs)
    if my_error is None and error is not None:
        for t in _tensors(found):  # errors about values show when values are computed
            _, my_error = outcome(to_torch, (t,), {})
            if my_error is not None:
                break
    if error is not None:
        assert my_error is not None, f"no error, PyTorch: {type(error).__name__}: {error}"
        assert same_error(my_error, error), f"{type(my_error).__name__}: {my_error}, PyTorch: {type(error).__name__}: {error}"
        return None, None
    if my_error is not None:
        raise my_error
    compare(found, expected, factor=factor, layout=layout)
    inputs, my_inputs = _tensors((args, kwargs)), _tensors((my_args, my_kwargs))
    for i, (a, b) in enumerate(zip(my_inputs, inputs)):
        compare(a, b, f"argument {i} afterwards", factor, layout)
    if strides:
        for a, b in zip(_tensors(found), _tensors(expected)):
            for mine_in, theirs_in in zip(my_inputs, inputs):
                shares = b.untyped_storage().data_ptr() == theirs_in.untyped_storage().data_ptr() and b.numel() > 0
                if shares:
                    assert _memory(a) is _memory(mine_in), "PyTorch gives a view, flambeau a copy"
                    assert a.stride() == b.stride(), f"strides {a.stride()}, PyTorch {b.stride()}"
                    offset = b.storage_offset() * b.itemsize - theirs_in.storage_offset() * theirs_in.itemsize
                    assert a.storage_offset() * a.itemsize - mine_in.storage_offset() * mine_in.itemsize == offset
                elif b.numel() > 0:
                    assert _memory(a) is not _memory(mine_in), "PyTorch gives a copy, flambeau a view"
    return found, expected


# --- gradients ---------------------------------------------------------------------------------------------------------
def check_gradients(
    mine: Callable[..., Any],
    theirs: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: dict[str, Any] | None = None,
    *,
    device: str = "reference",
    second: bool = True,
    factor: float = 1.0,
) -> None:
    """Compares the gradients, and the gradients of gradients, with respect to all floating tensors among the arguments.

    Not where they lie in memory, which comes from the steps of a formula (`.grad` of a leaf lies as the leaf does:
    `tests/ops/test_layouts.py`).
    """
    kwargs = kwargs or {}

    def leaf(value: Any) -> Any:
        if isinstance(value, torch.Tensor):
            return (
                value.detach()
                .clone(memory_format=torch.preserve_format)
                .requires_grad_(value.is_floating_point() or value.is_complex())
            )
        if isinstance(value, (list, tuple)):
            return type(value)(leaf(v) for v in value) if not hasattr(value, "_fields") else value
        return {k: leaf(v) for k, v in value.items()} if isinstance(value, dict) else value

    args, kwargs = leaf(args), leaf(kwargs)
    if not _supported((args, kwargs), device):
        return
    my_args, my_kwargs = translate(args, device), translate(kwargs, device)
    inputs = [t for t in _tensors((args, kwargs)) if t.requires_grad]
    my_inputs = [t for t in _tensors((my_args, my_kwargs)) if t.requires_grad]
    outputs, my_outputs = _tensors(theirs(*args, **kwargs)), _tensors(mine(*my_args, **my_kwargs))
    assert [t.requires_grad for t in my_outputs] == [t.requires_grad for t in outputs], "requires_grad of results"
    pairs = [(a, b) for a, b in zip(my_outputs, outputs) if b.requires_grad]
    if not pairs or not inputs:
        return
    generator = torch.Generator().manual_seed(7)
    starts = [torch.rand(b.shape, generator=generator, dtype=b.dtype) + 0.5 for _, b in pairs]
    starts = [s.requires_grad_() for s in starts]
    my_starts = [to_flambeau(s, device) for s in starts]
    try:
        first = torch.autograd.grad([b for _, b in pairs], inputs, starts, create_graph=second, allow_unused=True)
    except RuntimeError:  # PyTorch itself has no gradient here
        return
    ends = [a for a, _ in pairs]
    my_first = flambeau.autograd.grad(ends, my_inputs, my_starts, retain_graph=True, create_graph=second, allow_unused=True)
    for i, (a, b) in enumerate(zip(my_first, first)):
        if a is None or b is None:
            other = b if a is None else a
            assert other is None or not bool((other != 0).any()), f"gradient {i} is missing on one side"
            continue
        compare(a.detach(), b.detach(), f"gradient {i}", factor, layout=False)
    for _ in range(2):  # what a rule built is built again from the second time on
        my_again = flambeau.autograd.grad(ends, my_inputs, my_starts, retain_graph=True, allow_unused=True)
    for i, (a, before, b) in enumerate(zip(my_again, my_first, first)):
        assert (a is None) is (before is None), f"gradient {i}, repeated"
        if a is not None and b is not None:
            assert a.stride() == before.stride(), f"gradient {i}, repeated: {a.stride()} != {before.stride()}"
            compare(a.detach(), b.detach(), f"gradient {i}, repeated", factor, layout=False)
    if not second:
        return
    again = [(a, b) for a, b in zip(my_first, first) if b is not None and b.requires_grad]
    if not again:
        return
    again = [(a, b) for a, b in again if a is not None]

    def weighted(t: Any, weights: Any) -> Any:
        """A real number that depends on all parts of all elements."""
        s = (t * weights).sum()
        return s.real + 2 * s.imag if s.is_complex() else s

    numbers = [torch.linspace(0.5, 1.5, b.numel(), dtype=b.dtype).reshape(b.shape) for _, b in again]
    total = sum(weighted(b, n) for (_, b), n in zip(again, numbers))
    my_total = sum(weighted(a, to_flambeau(n, device)) for (a, _), n in zip(again, numbers))
    places, my_places = [*inputs, *starts], [*my_inputs, *my_starts]
    try:
        seconds = torch.autograd.grad(total, places, allow_unused=True)
    except RuntimeError:
        return
    if not my_total.requires_grad:
        assert all(b is None or not b.any() for b in seconds), "the gradient has no gradient, PyTorch's has"
        return
    my_seconds = flambeau.autograd.grad(my_total, my_places, allow_unused=True)
    for i, (a, b) in enumerate(zip(my_seconds, seconds)):
        if b is None or a is None:
            other = b if a is None else a
            assert other is None or not bool((other != 0).any()), f"second gradient {i} is missing on one side"
            continue
        compare(a.detach(), b.detach(), f"second gradient {i}", factor * 10, layout=False)


FIRST_DRAW_ONLY = ("webgpu",)
"""Devices that take one draw of a test: a software GPU compiles each new kernel for a tenth of a second."""
_first: dict[Any, int] = {}


def has_enough(device: str, seed: int, *test: Any) -> bool:
    """Whether a test has had its draws on this device, and `seed` is not the first of them."""
    return device in FIRST_DRAW_ONLY and _first.setdefault((device, test), seed) != seed
