"""Runs one call in PyTorch and in flambeau and compares what can be seen: values, dtypes, shapes, gradients, errors."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import torch

import flambeau
from flambeau.tensor import Tensor
from tests.helpers.oracle import compare_layout, to_flambeau

TOLERANCES = {
    torch.float64: (1e-9, 1e-10), torch.float32: (2e-5, 2e-5), torch.float16: (4e-3, 4e-3), torch.bfloat16: (3e-2, 3e-2),
    torch.complex128: (1e-9, 1e-10),
}  # fmt: skip


def mirror(value: Any, device: str, made: dict[int, Any] | None = None) -> Any:
    """PyTorch's tensors in any nesting as flambeau's, with their strides and requires_grad; everything else as it is.

    A tensor that occurs twice is one tensor in the result too.
    """
    made = {} if made is None else made
    if isinstance(value, torch.Tensor):
        if id(value) in made:
            return made[id(value)]
        result = to_flambeau(value.detach(), device)
        made[id(value)] = result.requires_grad_() if value.requires_grad else result
        return result
    if isinstance(value, torch.dtype):
        return getattr(flambeau, str(value)[6:])
    if isinstance(value, (list, tuple)) and not hasattr(value, "_fields"):
        return type(value)(mirror(v, device, made) for v in value)
    if isinstance(value, dict):
        return {k: mirror(v, device, made) for k, v in value.items()}
    return value


def array(t: Any) -> Any:
    if isinstance(t, torch.Tensor):
        t = t.detach()
        return (t.float() if t.dtype is torch.bfloat16 else t).numpy(force=True)
    return np.array((t.detach().float() if t.dtype is flambeau.bfloat16 else t.detach()).tolist()).reshape(tuple(t.shape))


def assert_same(found: Any, expected: Any, what: str, loosen: float = 1, layout: bool = True) -> None:
    """Equal shape, dtype and layout in memory, and values within the dtype's tolerance."""
    if isinstance(expected, torch.Tensor):
        assert isinstance(found, Tensor), (what, found)
        assert tuple(found.shape) == tuple(expected.shape), (what, found.shape, expected.shape)
        assert str(found.dtype) == str(expected.dtype), (what, found.dtype, expected.dtype)
        if layout:
            compare_layout(found, expected, what)
        rtol, atol = TOLERANCES.get(expected.dtype, (0, 0))
        np.testing.assert_allclose(array(found), array(expected), rtol=rtol * loosen, atol=atol * loosen, err_msg=what)
    elif isinstance(expected, (tuple, list)):
        assert len(found) == len(expected), what
        for i, (f, e) in enumerate(zip(found, expected)):
            assert_same(f, e, f"{what}[{i}]", loosen, layout)
    else:
        assert found == expected, (what, found, expected)


def tensors(value: Any) -> list[Any]:
    """Every tensor in a nesting, in order."""
    if isinstance(value, (torch.Tensor, Tensor)):
        return [value]
    if isinstance(value, dict):
        value = list(value.values())
    return [t for v in value for t in tensors(v)] if isinstance(value, (list, tuple)) else []


def call(function: Any, args: Any, kwargs: Any) -> tuple[Any, Exception | None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return function(*args, **kwargs), None
        except Exception as error:
            return None, error


def compare(
    reference: Any,
    candidate: Any,
    args: Any,
    kwargs: Any,
    device: str,
    *,
    second: bool = False,
    what: str = "",
    loosen: float = 1,
) -> Any:
    """Calls both functions with the same arguments: results or errors must agree, then gradients to every input that
    requires one, and with `second` gradients of those. Gives flambeau's result, or None where both raised."""
    my_args, my_kwargs = mirror((args, kwargs), device)
    expected, error = call(reference, args, kwargs)
    found, my_error = call(lambda *a, **k: _computed(candidate(*a, **k)), my_args, my_kwargs)
    what = f"{what}{describe(args)} {describe(kwargs)}"
    if error is not None:
        assert my_error is not None, f"{what}: PyTorch raises {type(error).__name__}: {error}"
        assert isinstance(my_error, kinds(error)), f"{what}: {my_error!r} where PyTorch raises {error!r}"
        return None
    if my_error is not None:
        raise AssertionError(f"{what}: raises, PyTorch does not") from my_error
    assert_same(found, expected, what, loosen)
    inputs = [t for t in tensors((args, kwargs)) if t.requires_grad]
    mine = [t for t in tensors((my_args, my_kwargs)) if t.requires_grad]
    outputs = [(e, f) for e, f in zip(tensors(expected), tensors(found)) if e.requires_grad]
    for e, f in zip(tensors(expected), tensors(found)):
        assert e.requires_grad == f.requires_grad, f"{what}: requires_grad is {f.requires_grad}"
    if not inputs or not outputs or not all(e.numel() for e, _ in outputs):
        return found
    weights = [torch.randn(e.shape).to(e.dtype).requires_grad_(second) for e, _ in outputs]
    my_weights = mirror(weights, device)
    first = torch.autograd.grad([e for e, _ in outputs], inputs, weights, create_graph=second, allow_unused=True)
    my_first = flambeau.autograd.grad([f for _, f in outputs], mine, my_weights, create_graph=second, allow_unused=True)
    _compare_gradients(my_first, first, what + " gradient", loosen)
    chosen = [(a, b) for a, b in zip(first, my_first) if a is not None and a.requires_grad and b is not None]
    if second and chosen:
        weights2 = [torch.randn(a.shape).to(a.dtype) for a, _ in chosen]
        again = torch.autograd.grad([a for a, _ in chosen], inputs + weights, weights2, allow_unused=True)
        my_again = flambeau.autograd.grad([b for _, b in chosen], mine + my_weights, mirror(weights2, device), allow_unused=True)
        _compare_gradients(my_again, again, what + " second gradient", loosen * 10)
    return found


def _computed(value: Any) -> Any:
    """Errors that depend on values come when they are looked at."""
    for t in tensors(value):
        t.detach().tolist()
    return value


def _compare_gradients(found: Any, expected: Any, what: str, loosen: float) -> None:
    for i, (f, e) in enumerate(zip(found, expected)):
        if f is None or e is None:  # PyTorch gives None or zeros by the operator's implementation
            rest = e if f is None else f
            assert rest is None or not array(rest).any(), f"{what}[{i}]: {f} where PyTorch has {e}"
        else:
            assert_same(f, e, f"{what}[{i}]", loosen, layout=False)


def kinds(error: Exception) -> Any:
    """What may be raised for PyTorch's error: its own type; NotImplementedError is a RuntimeError there and here."""
    return (type(error), RuntimeError) if isinstance(error, RuntimeError) else type(error)


def describe(value: Any) -> str:
    if isinstance(value, torch.Tensor):
        return f"{str(value.dtype)[6:]}{list(value.shape)}"
    if isinstance(value, (list, tuple)):
        return "(" + ", ".join(map(describe, value)) + ")"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{k}={describe(v)}" for k, v in value.items()) + "}"
    return repr(value)


# --- tables of calls -----------------------------------------------------------------------------------------------------------
class Cases:
    """A list of calls `name(*args, **kwargs)` of nn.functional; `cases("relu", x)` adds one."""

    def __init__(self) -> None:
        self.by_name: dict[str, list[tuple[tuple[Any, ...], dict[str, Any], bool, float]]] = {}

    def __call__(self, name: str, *args: Any, second: bool = True, loosen: float = 1, **kwargs: Any) -> None:
        """`second`: compare second derivatives too; `loosen` multiplies the tolerance."""
        self.by_name.setdefault(name, []).append((args, kwargs, second, loosen))


def run_cases(build: Any, device: str) -> None:
    """Every call of the table that `build(cases)` fills, compared with PyTorch."""
    from flambeau.nn import functional

    cases = Cases()
    build(cases)
    compiled = device != "reference"  # where every new shape is new code: a sample of the calls, first derivatives alone
    for name, calls in cases.by_name.items():
        for args, kwargs, second, loosen in [*calls[:1], *calls[1::5]] if compiled else calls:
            compare(
                getattr(torch.nn.functional, name), getattr(functional, name), args, kwargs, device,
                second=second and not compiled, what=name, loosen=loosen,
            )  # fmt: skip


def normal(*shape: int, grad: bool = True, dtype: Any = torch.float64) -> Any:
    """Standard normal numbers, requiring grad."""
    return torch.randn(shape, dtype=dtype).requires_grad_(grad)


def uniform(*shape: int, grad: bool = True, dtype: Any = torch.float64) -> Any:
    """Numbers in [0.02, 0.98], requiring grad."""
    return (torch.rand(shape, dtype=dtype) * 0.96 + 0.02).requires_grad_(grad)


def integers(high: int, *shape: int) -> Any:
    return torch.randint(0, high, shape)
