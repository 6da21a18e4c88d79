"""Comparisons, logic and bits. May import what `flambeau.ops` may."""

from __future__ import annotations

from typing import Any

from flambeau.dtypes import bool_, float32
from flambeau.graph.node import Primitive
from flambeau.graph.primitives import elementwise as e
from flambeau.graph.primitives.complex import IMAG, REAL
from flambeau.ops.operands import cast, check_tensor, operands, pair, refuse_complex
from flambeau.ops.registry import operator, scalar_name
from flambeau.tensor import Tensor

__all__ = ["eq", "ne", "lt", "le", "gt", "ge", "isnan", "isinf", "isfinite", "isclose", "equal", "allclose", "logical_not"]

_apply = Tensor._apply


def _comparison(primitive: Primitive, *names: str, doc: str) -> Any:
    def compare(input: Tensor, other: Any) -> Tensor:
        if not isinstance(input, Tensor):
            check_tensor(input, names[0], "input")
        return _apply(primitive, pair(names[0], input, other))

    compare.__name__ = compare.__qualname__ = names[0]
    compare.__doc__ = doc
    operator(*names, inplace=True, out=True)(compare)
    return compare


eq = _comparison(e.EQ, "eq", doc="Whether elements are equal.")
ne = _comparison(e.NE, "ne", "not_equal", doc="Whether elements differ.")
lt = _comparison(e.LT, "lt", "less", doc="Whether input < other.")
le = _comparison(e.LE, "le", "less_equal", doc="Whether input ≤ other.")
gt = _comparison(e.GT, "gt", "greater", doc="Whether input > other.")
ge = _comparison(e.GE, "ge", "greater_equal", doc="Whether input ≥ other.")


@operator()
def equal(input: Tensor, other: Tensor) -> bool:
    """Whether two tensors have one shape and equal elements (a Python bool). Raises RuntimeError for different dtypes."""
    check_tensor(input, "equal", "input")
    check_tensor(other, "equal", "other", 2)
    if tuple(input._shape) != tuple(other._shape):
        return False
    return bool(eq(input, other).all().item())


@operator()
def isnan(input: Tensor) -> Tensor:
    """Whether elements are NaN."""
    check_tensor(input, "isnan", "input")
    if input.dtype.category < 2:
        return _never(input)
    return _apply(e.ISNAN, (input,))


def _never(input: Tensor, value: bool = False) -> Tensor:
    from flambeau.ops.creation import full_like

    return full_like(input, value, dtype=bool_)


@operator()
def isinf(input: Tensor) -> Tensor:
    """Whether elements are infinite."""
    if check_tensor(input, "isinf", "input").dtype.category < 2:
        return _never(input)
    return eq(_apply(e.ABS, (input.detach(),)), float("inf"))


@operator()
def isfinite(input: Tensor) -> Tensor:
    """Whether elements are neither infinite nor NaN."""
    if check_tensor(input, "isfinite", "input").dtype.category < 2:
        return _never(input, True)
    if input.dtype.category == 3:  # whose absolute value may overflow
        parts = (_apply(part, (input.detach(),)) for part in (REAL, IMAG))
        return _apply(e.BITWISE_AND, tuple([isfinite(part) for part in parts]))
    return lt(_apply(e.ABS, (input.detach(),)), float("inf"))


@operator(out="exact")
def isposinf(input: Tensor) -> Tensor:
    """Whether elements are +∞."""
    refuse_complex(input, "isposinf does not support complex inputs.", RuntimeError)
    return eq(input, float("inf")) if input.dtype.category == 2 else _never(input)


@operator(out="exact")
def isneginf(input: Tensor) -> Tensor:
    """Whether elements are -∞."""
    refuse_complex(input, "isneginf does not support complex inputs.", RuntimeError)
    return eq(input, float("-inf")) if input.dtype.category == 2 else _never(input)


@operator()
def isreal(input: Tensor) -> Tensor:
    """Whether the imaginary part is 0."""
    if input.dtype.category == 3:
        return eq(_apply(IMAG, (input.detach(),)), 0)
    return _never(input, True)


@operator()
def isclose(input: Tensor, other: Tensor, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False) -> Tensor:
    """Whether |input - other| ≤ atol + rtol·|other|, or both are the same infinity (or NaN with `equal_nan`).

    >>> torch.isclose(torch.tensor([1.0, 2.0]), torch.tensor([1.0 + 1e-9, 2.1]))
    tensor([ True, False])
    """
    check_tensor(input, "isclose", "input")
    check_tensor(other, "isclose", "other", 2)
    if input.dtype is not other.dtype:
        raise RuntimeError(f"{scalar_name(input)} did not match {scalar_name(other)}")
    if rtol < 0 or atol < 0:
        which, value = ("rtol", rtol) if rtol < 0 else ("atol", atol)
        raise RuntimeError(f"{which} must be greater than or equal to zero, but got {value}")
    a, b = operands("isclose", input.detach(), other.detach())
    close = eq(a, b)
    if a.dtype.category >= 2 and equal_nan:
        close = logical_or(close, logical_and(isnan(a), isnan(b)))
    if rtol == 0 and atol == 0:
        return close
    if a.dtype.category < 2:
        a, b = cast(a, float32), cast(b, float32)
    allowed = b.mul(rtol).abs().add(atol)
    error = a.sub(b).abs()
    return logical_or(close, logical_and(isfinite(error), le(error, allowed)))


@operator()
def allclose(input: Tensor, other: Tensor, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False) -> bool:
    """Whether all elements are close (a Python bool), as `isclose` says."""
    return bool(isclose(input, other, rtol, atol, equal_nan).all().item())


# --- logic -------------------------------------------------------------------------------------------------------------
@operator(inplace=True, out=True)
def logical_not(input: Tensor) -> Tensor:
    """Whether elements are zero."""
    return _apply(e.BITWISE_NOT, (cast(check_tensor(input, "logical_not", "input").detach(), bool_),))


def _logical(primitive: Primitive, name: str, doc: str) -> Any:
    def combine(input: Tensor, other: Tensor) -> Tensor:
        check_tensor(input, name, "input")
        check_tensor(other, name, "other", 2)
        return _apply(primitive, operands(name, cast(input.detach(), bool_), cast(other.detach(), bool_)))

    combine.__name__ = combine.__qualname__ = name
    combine.__doc__ = doc
    operator(name, inplace=True, out=True)(combine)
    return combine


logical_and = _logical(e.BITWISE_AND, "logical_and", "Whether both are non-zero.")
logical_or = _logical(e.BITWISE_OR, "logical_or", "Whether one is non-zero.")
logical_xor = _logical(e.BITWISE_XOR, "logical_xor", "Whether exactly one is non-zero.")


# --- bits --------------------------------------------------------------------------------------------------------------
def _refuse_floats(name: str, *tensors: Tensor) -> None:
    for t in tensors:
        if t.dtype.category >= 2:
            raise NotImplementedError(f"\"{name}_cpu\" not implemented for '{scalar_name(t)}'")


@operator(inplace=True, out="exact")
def bitwise_not(input: Tensor) -> Tensor:
    """Every bit inverted; for bools the logical not."""
    _refuse_floats("bitwise_not", check_tensor(input, "bitwise_not", "input"))
    return _apply(e.BITWISE_NOT, (input,))


def _bitwise(primitive: Primitive, name: str, kernel: str, doc: str) -> Any:
    def combine(input: Any, other: Any) -> Tensor:
        a, b = pair(name, input, other)
        _refuse_floats(kernel, a)
        if a.dtype is bool_ and kernel in ("lshift", "rshift"):
            raise NotImplementedError(f"\"{kernel}_cpu\" not implemented for 'Bool'")
        return _apply(primitive, (a, b))

    combine.__name__ = combine.__qualname__ = name
    combine.__doc__ = doc
    operator(name, inplace=True, out=True)(combine)
    return combine


bitwise_and = _bitwise(e.BITWISE_AND, "bitwise_and", "bitwise_and", "The bits that both have.")
bitwise_or = _bitwise(e.BITWISE_OR, "bitwise_or", "bitwise_or", "The bits that one has.")
bitwise_xor = _bitwise(e.BITWISE_XOR, "bitwise_xor", "bitwise_xor", "The bits that exactly one has.")
bitwise_left_shift = _bitwise(e.LEFT_SHIFT, "bitwise_left_shift", "lshift", "input · 2^other, in the dtype's bits.")
bitwise_right_shift = _bitwise(e.RIGHT_SHIFT, "bitwise_right_shift", "rshift", "⌊input / 2^other⌋, the sign kept.")
