"""`torch.testing`: `assert_close`, and tensors to test with. May import `flambeau.tensor` and the operators."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from flambeau.dtypes import dtype, finfo, iinfo, int64, promote
from flambeau.ops.creation import empty
from flambeau.ops.operands import sizes
from flambeau.ops.sharing import as_tensor
from flambeau.tensor import Tensor
from flambeau.tensor.overriding import dispatch, overloaded

__all__ = ["assert_allclose", "assert_close", "make_tensor"]

_TOLERANCES = {"float16": (1e-3, 1e-5), "bfloat16": (1.6e-2, 1e-5), "float32": (1.3e-6, 1e-5), "float64": (1e-7, 1e-7)}
_TOLERANCES.update(complex64=_TOLERANCES["float32"], complex128=_TOLERANCES["float64"])
"""(rtol, atol) where none is given, as PyTorch's; other dtypes compare exactly."""


def assert_close(
    actual: Any,
    expected: Any,
    *,
    allow_subclasses: bool = True,
    rtol: float | None = None,
    atol: float | None = None,
    equal_nan: bool = False,
    check_device: bool = True,
    check_dtype: bool = True,
    check_layout: bool = True,
    check_stride: bool = False,
    msg: str | Callable[[str], str] | None = None,
) -> None:
    """Raises AssertionError unless |actual - expected| ≤ atol + rtol·|expected| everywhere.

    Takes tensors, numbers, and sequences or mappings of them; shapes, dtypes and devices must agree too. Without tolerances,
    PyTorch's for the (promoted) dtype are used; `rtol` and `atol` are given both or neither (ValueError). `msg` is the error's
    text, or makes it of the usual one.
    """
    if (rtol is None) != (atol is None):
        raise ValueError("rtol and atol must both be specified or both be unspecified")
    options = {
        "rtol": rtol, "atol": atol, "equal_nan": equal_nan, "check_device": check_device, "check_dtype": check_dtype,
        "check_stride": check_stride,
    }  # fmt: skip
    problem = _difference(actual, expected, "", options)
    if problem is not None:
        raise AssertionError(msg(problem) if callable(msg) else msg or problem)


def assert_allclose(
    actual: Any, expected: Any, rtol: float | None = None, atol: float | None = None, equal_nan: bool = True, msg: str = ""
) -> None:
    """`assert_close` of tensors of any dtypes, by its old name."""
    warnings.warn(
        "`torch.testing.assert_allclose()` is deprecated since 1.12. Please use `torch.testing.assert_close()` instead.",
        FutureWarning,
        stacklevel=2,
    )
    if rtol is None and atol is None:
        found = [t.dtype.name if isinstance(t, Tensor) else "float64" for t in (actual, expected)]
        rtol, atol = (max(_TOLERANCES.get(name, (0.0, 0.0))[i] for name in found) for i in (0, 1))
    actual, expected = as_tensor(actual), as_tensor(expected)
    assert_close(actual, expected, rtol=rtol, atol=atol, equal_nan=equal_nan, check_dtype=False, msg=msg or None)


def _difference(actual: Any, expected: Any, where: str, options: dict[str, Any]) -> str | None:
    """What differs first, in words; None when nothing does."""
    if isinstance(actual, Mapping) and isinstance(expected, Mapping):
        if actual.keys() != expected.keys():
            return f"The keys of the mappings do not match: {sorted(map(str, actual))} and {sorted(map(str, expected))}{where}"
        found = (_difference(actual[k], expected[k], f"{where}\nThe failure occurred for item [{k!r}]", options) for k in actual)
        return next((f for f in found if f is not None), None)
    if _is_sequence(actual) and _is_sequence(expected):
        if len(actual) != len(expected):
            return f"The length of the sequences mismatch: {len(actual)} != {len(expected)}{where}"
        pairs = enumerate(zip(actual, expected, strict=True))
        found = (_difference(a, e, f"{where}\nThe failure occurred for item [{i}]", options) for i, (a, e) in pairs)
        return next((f for f in found if f is not None), None)
    return _tensor_difference(as_tensor(actual).detach(), as_tensor(expected).detach(), where, options)


def _is_sequence(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, (str, bytes))


def _tensor_difference(a: Tensor, e: Tensor, where: str, options: dict[str, Any]) -> str | None:
    if tuple(a.shape) != tuple(e.shape):
        return f"The values for attribute 'shape' do not match: {a.shape} != {e.shape}.{where}"
    if options["check_device"] and a.device != e.device:
        return f"The values for attribute 'device' do not match: {a.device} != {e.device}.{where}"
    if options["check_dtype"] and a.dtype is not e.dtype:
        return f"The values for attribute 'dtype' do not match: {a.dtype} != {e.dtype}.{where}"
    if options["check_stride"] and a.stride() != e.stride():
        return f"The values for attribute 'stride()' do not match: {a.stride()} != {e.stride()}.{where}"
    common: dtype = promote(a.dtype, e.dtype)
    rtol, atol = options["rtol"], options["atol"]
    if rtol is None:
        rtol, atol = _TOLERANCES.get(common.name, (0.0, 0.0))
    a, e = a.to("cpu").to(common), e.to("cpu").to(common)
    close = a.isclose(e, rtol=rtol, atol=atol, equal_nan=options["equal_nan"])
    if close.all().item():
        return None
    wrong = int((~close).sum().item())
    kind = "Scalars" if a.ndim == 0 else "Tensor-likes"
    difference = (a - e if common.is_complex else a.double() - e.double()).abs()
    worst = int(difference.reshape(-1).nan_to_num(float("inf")).argmax().item())
    return (
        f"{kind} are not close!\n\nMismatched elements: {wrong} / {a.numel()} ({wrong / a.numel():.1%})\n"
        f"Greatest absolute difference: {difference.reshape(-1)[worst].item()} at flat index {worst} "
        f"({a.reshape(-1)[worst].item()} instead of {e.reshape(-1)[worst].item()}); "
        f"allowed: rtol {rtol}, atol {atol}{where}"
    )


def make_tensor(
    *shape: Any,
    dtype: dtype,
    device: Any,
    low: float | None = None,
    high: float | None = None,
    requires_grad: bool = False,
    noncontiguous: bool = False,
    exclude_zero: bool = False,
    memory_format: Any = None,
) -> Tensor:
    """A tensor of numbers drawn uniformly from [low, high): by default [-9, 9), [0, 10) for unsigned integers, 0 or 1 for bool.

    With `exclude_zero` zeros become the smallest number that isn't. With `noncontiguous` every second element in memory is left
    out. Raises ValueError for a range that is empty or has NaN in it, RuntimeError for an integer dtype with `requires_grad`.
    """
    size = sizes("make_tensor", shape or ((),))
    if noncontiguous and memory_format is not None:
        raise ValueError(f"The parameters `noncontiguous` and `memory_format` are mutually exclusive, but got {memory_format=}")
    if requires_grad and dtype.category < 2:
        raise ValueError(f"`requires_grad=True` is not supported for boolean and integral dtypes, but got {dtype=}")
    least, greatest, start, stop = _range_of(dtype)
    low = start if low is None else max(float(low), least)
    high = stop if high is None else min(float(high), greatest)
    if not low <= high:
        raise ValueError(f"`low` and `high` must not be NaN, and `low` not above `high`, but got {low=} and {high=}")
    if low == high and (dtype.category < 2 or low in (least, greatest)):
        raise ValueError(f"`low` must be less than `high`, but got {low} >= {high}")
    padded = (*size[:-1], 2 * size[-1]) if noncontiguous and size and size[-1] else size
    if dtype.category < 2:
        first, last = (math.ceil(end) for end in (low, high))
        made = empty(padded, dtype=int64, device=device).random_(first, max(last, first + 1)).to(dtype)
    else:
        part = dtype.real
        made = empty((*padded, 2) if dtype.is_complex else padded, dtype=part, device=device).uniform_(low, high)
        made = made.view_as_complex() if dtype.is_complex else made
    if exclude_zero:
        smallest = 1 if dtype.category < 2 else finfo(dtype).tiny
        made[made == 0] = smallest
    if padded != size:
        made = made[..., ::2]
    if memory_format is not None:
        made = made.clone(memory_format=memory_format)
    return made.requires_grad_(requires_grad)


def _range_of(type: dtype) -> tuple[float, float, float, float]:
    """The least and the greatest number of a dtype, and the usual range."""
    if type.category == 0:
        return 0, 2, 0, 2
    if type.category == 1:
        limits = iinfo(type)
        return limits.min, limits.max, -9 if type.is_signed else 0, 10
    greatest = finfo(type).max
    return -greatest, greatest, -9, 9


def _assert(condition: Any, message: str) -> None:
    """`torch._assert`: raises AssertionError with the message where the condition doesn't hold."""
    found = overloaded((condition,))
    if found:
        dispatch(_assert, found, (condition, message), {})
    elif not condition:
        raise AssertionError(message)


def _assert_async(condition: Tensor, message: str = "Expected Tensor with single nonzero value, but got zero") -> None:
    """`torch._assert_async`: raises RuntimeError with the message where the tensor's one element is zero. It is looked at."""
    if not condition:
        raise RuntimeError(message)
