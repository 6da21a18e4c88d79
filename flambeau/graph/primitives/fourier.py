"""Discrete Fourier transforms along one dimension. May import `flambeau.dtypes` and `flambeau.graph`."""

from __future__ import annotations

from typing import Any

from flambeau.dtypes import dtype
from flambeau.graph.batching import everywhere
from flambeau.graph.node import Node, Primitive
from flambeau.graph.numpy import array_type, np
from flambeau.graph.parts import Pair

__all__ = ["FOURIER"]


def _shape(shape: tuple[int, ...], params: tuple[Any, ...]) -> tuple[int, ...]:
    kind, axis, n, _ = params
    return (*shape[:axis], n // 2 + 1 if kind == "real" else n, *shape[axis + 1 :])


def _infer(inputs: Any, params: tuple[Any, ...]) -> tuple[tuple[int, ...], dtype]:
    type = inputs[0].dtype
    return _shape(inputs[0].shape, params), type.real if params[0] == "half" else type.to_complex()


def _evaluate(node: Node, x: Any) -> Any:
    kind, axis, n, factor = node.params
    if kind == "forward":
        y = np.fft.fft(x, axis=axis)
    elif kind == "inverse":
        y = np.fft.ifft(x, axis=axis, norm="forward")
    elif kind == "real":
        y = np.fft.rfft(x, axis=axis)
    else:
        y = np.fft.irfft(x, n, axis=axis, norm="forward")
    return (y * factor).astype(array_type(node.dtype))


def _parts(node: Node, operands: Any) -> Any:
    (x,) = operands
    made = _PARTS((x.whole if isinstance(x, Pair) else x,), node.params)
    return made if node.params[0] == "half" else Pair(whole=made)


_further = everywhere(lambda params, n: (params[0], params[1] + 1, *params[2:]))
"""Batching: the axis is one further along."""

FOURIER = Primitive("fourier", "routine", _infer, _evaluate, batch=_further, parts=_parts)
"""`params = (kind, axis, n, factor)`: Σ_j x[j]·exp(-2πi·jk/n)·factor along an axis ("forward"), with exp(+2πi·jk/n) ("inverse"),
of real numbers for k up to n/2 ("real"), and of such a half of a spectrum the n real sums with exp(+2πi·jk/n) ("half")."""


def _infer_parts(inputs: Any, params: tuple[Any, ...]) -> tuple[tuple[int, ...], dtype]:
    shape = inputs[0].shape
    whole = _shape(shape if params[0] == "real" else shape[:-1], params)
    return whole if params[0] == "half" else (*whole, 2), inputs[0].dtype


def _evaluate_parts(node: Node, x: Any) -> Any:
    kind = node.params[0]
    pairs = x if kind == "real" else x[..., 0] + 1j * x[..., 1]
    y = _evaluate(Node(FOURIER, (), node.params, node.shape, node.dtype.to_complex(), node.device), pairs)
    return y.real if kind == "half" else np.stack([y.real, y.imag], -1)


_PARTS = Primitive("fourier_parts", "routine", _infer_parts, _evaluate_parts, batch=_further)
"""`FOURIER` where complex numbers have their parts along a last axis of 2."""
