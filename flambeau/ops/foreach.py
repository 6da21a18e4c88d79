"""`torch._foreach_*`: an operator done to each tensor of a list, as optimizers and averages of weights do it.

Tensors are lazy, so the calls are recorded one by one and computed together. May import what `flambeau.ops` may.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from flambeau.ops.linalg.norms import vector_norm
from flambeau.ops.operands import Scalar
from flambeau.tensor import Tensor

__all__ = ["FUNCTIONS"]

_UNARY = (
    "abs acos asin atan ceil cos cosh erf erfc exp expm1 floor frac lgamma log log10 log1p log2 neg reciprocal round rsqrt "
    "sigmoid sign sin sinh sqrt tan tanh trunc"
)
_BINARY = "add sub mul div clamp_max clamp_min maximum minimum pow"
_METHODS = {"maximum": "clamp_min", "minimum": "clamp_max"}  # the same of tensors, and there of numbers, and in place
_OPERAND = ("other", "scalar", "scalars", "exponent")
_WEIGHT = ("weight", "weights", "scalars")


def _listed(name: str, tensors: Any, place: str = "self") -> Sequence[Tensor]:
    if not isinstance(tensors, (list, tuple)):
        raise TypeError(f"{name}(): argument '{place}' must be tuple of Tensors, not {type(tensors).__name__}")
    for i, t in enumerate(tensors):
        if not isinstance(t, Tensor):
            raise TypeError(f"expected Tensor as element {i} in argument '{place}', but got {type(t).__name__}")
    if not tensors:
        raise RuntimeError("Tensor list must have at least one tensor.")
    return tensors


def _beside(first: Sequence[Tensor], other: Sequence[Tensor]) -> Sequence[Tensor]:
    if len(first) != len(other):
        raise RuntimeError(f"Tensor lists must have the same number of tensors, got {len(first)} and {len(other)}")
    return other


def _spread(first: Sequence[Tensor], other: Any) -> Sequence[Any]:
    """What each tensor meets: its partner in a list of tensors, its number in one of numbers, or the one there is."""
    if not isinstance(other, (list, tuple)):
        if isinstance(other, Tensor) and other.ndim:
            raise RuntimeError(
                f"scalar tensor expected to be 0 dim but it has {other.ndim} dimensions and {other.numel()} elements."
            )
        return [other] * len(first)
    if other and isinstance(other[0], Tensor):
        return _beside(first, other)
    if len(other) != len(first):
        raise RuntimeError("Tensor list must have same number of elements as scalar list.")
    return other


def _chosen(name: str, positional: tuple[Any, ...], named: dict[str, Any], names: Iterable[str], *default: Any) -> Any:
    """The one operand that a call gives, by position or under one of its names."""
    given = [*positional, *(named.pop(n) for n in names if n in named)] or list(default)
    if named or len(given) != 1:
        what = f"unexpected {', '.join(named)}" if named else f"{len(given)} of 1 operands"
        raise TypeError(f"{name}() received an invalid combination of arguments: {what}")
    return given[0]


def _unary(name: str, method: str) -> Callable[..., Any]:
    def function(self: Any) -> list[Any]:
        return [getattr(t, method)() for t in _listed(name, self)]

    return function


def _binary(name: str, method: str) -> Callable[..., Any]:
    stem = method.rstrip("_")

    def function(self: Any, *operands: Any, alpha: Any = None, **named: Any) -> list[Any]:
        if stem == "pow" and isinstance(self, Scalar):  # a number to the power of each
            return [self**t for t in _listed(name, _chosen(name, operands, named, _OPERAND), "exponent")]
        tensors = _listed(name, self)
        other = _chosen(name, operands, named, _OPERAND)
        each = _spread(tensors, other)
        if alpha is None:
            return [getattr(t, method)(o) for t, o in zip(tensors, each, strict=True)]
        if stem not in ("add", "sub") or not all(isinstance(o, Tensor) for o in each):
            raise TypeError(f"{name}() received an invalid combination of arguments: alpha goes with tensors to add or subtract")
        return [getattr(t, method)(o, alpha=alpha) for t, o in zip(tensors, each, strict=True)]

    return function


def _ternary(name: str, method: str) -> Callable[..., Any]:
    def function(self: Any, tensor1: Any, tensor2: Any, *values: Any, **named: Any) -> list[Any]:
        tensors = _listed(name, self)
        first = _beside(tensors, _listed(name, tensor1, "tensor1"))
        second = _beside(tensors, _listed(name, tensor2, "tensor2"))
        value = _chosen(name, values, named, ("value", "scalars"), 1)
        if isinstance(value, Tensor):  # a number for each, on the CPU
            value = value.tolist()
            if isinstance(value, list) and len(value) != len(tensors):
                raise RuntimeError(
                    f"Expected length of scalars to match input of length {len(tensors)} but got {len(value)} instead."
                )
        each = zip(tensors, first, second, _spread(tensors, value), strict=True)
        return [getattr(t, method)(a, b, value=v) for t, a, b, v in each]

    return function


def _lerp(name: str, method: str) -> Callable[..., Any]:
    def function(self: Any, tensors1: Any, *weights: Any, **named: Any) -> list[Any]:
        tensors = _listed(name, self)
        ends = _beside(tensors, _listed(name, tensors1, "tensors1"))
        each = _spread(tensors, _chosen(name, weights, named, _WEIGHT))
        return [getattr(t, method)(end, w) for t, end, w in zip(tensors, ends, each, strict=True)]

    return function


def _norm(self: Any, ord: float = 2, dtype: Any = None) -> tuple[Tensor, ...]:
    return tuple(vector_norm(t, ord, dtype=dtype) for t in _listed("_foreach_norm", self))


def _powsum(self: Any, ord: float = 2, dtype: Any = None) -> tuple[Tensor, ...]:
    return tuple(t.to(dtype or t.dtype).abs().pow(ord).sum() for t in _listed("_foreach_powsum", self))  # type: ignore[misc]


def _max(self: Any) -> tuple[Tensor, ...]:
    return tuple(t.max() for t in _listed("_foreach_max", self))


def _clone(self: Any) -> tuple[Tensor, ...]:
    return tuple(t.clone() for t in _listed("_foreach_clone", self))


def _mm(self: Any, mat2: Any) -> tuple[Tensor, ...]:
    tensors = _listed("_foreach_mm", self)
    return tuple(t.mm(o) for t, o in zip(tensors, _beside(tensors, _listed("_foreach_mm", mat2, "mat2")), strict=True))


def _copy_(self: Any, src: Any, non_blocking: bool = False) -> list[Tensor]:
    tensors = _listed("_foreach_copy_", self)
    return [t.copy_(o) for t, o in zip(tensors, _beside(tensors, _listed("_foreach_copy_", src, "src")), strict=True)]


def _made() -> dict[str, Callable[..., Any]]:
    functions: dict[str, Callable[..., Any]] = {
        "_foreach_norm": _norm, "_foreach_powsum": _powsum, "_foreach_max": _max, "_foreach_clone": _clone, "_foreach_mm": _mm,
        "_foreach_copy_": _copy_, "_foreach_zero_": _unary("_foreach_zero_", "zero_"),
    }  # fmt: skip
    for makes, names in ((_unary, _UNARY), (_binary, _BINARY), (_ternary, "addcdiv addcmul"), (_lerp, "lerp")):
        for stem in names.split():
            method = _METHODS.get(stem, stem)
            functions[f"_foreach_{stem}_"] = makes(f"_foreach_{stem}_", f"{method}_")
            functions[f"_foreach_{stem}"] = _as_tuple(makes(f"_foreach_{stem}", method))
    for name, function in functions.items():
        function.__name__ = function.__qualname__ = name
    return functions


def _as_tuple(function: Callable[..., list[Any]]) -> Callable[..., tuple[Any, ...]]:
    return lambda *args, **kwargs: tuple(function(*args, **kwargs))


FUNCTIONS = _made()
"""By PyTorch's names. What writes gives the list of tensors that it was given, others a tuple of new ones."""
