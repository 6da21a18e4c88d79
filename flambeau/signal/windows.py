"""`torch.signal.windows`: M numbers that fall towards both ends. May import `flambeau.ops`.

A window is symmetric or, with `sym=False`, one period of a periodic function: the symmetric one of M + 1 numbers but the last.
Formulas: F. Harris, "On the use of windows for harmonic analysis with the discrete Fourier transform" (1978).
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Iterable
from typing import Any

from flambeau.dtypes import default_dtype, dtype
from flambeau.layout import strided
from flambeau.ops.creation import empty, ones, tensor
from flambeau.ops.sequences import arange
from flambeau.tensor import Tensor

__all__ = [
    "bartlett", "blackman", "cosine", "exponential", "gaussian", "general_cosine", "general_hamming", "hamming", "hann", "kaiser",
    "nuttall",
]  # fmt: skip

_Formula = Callable[[Tensor, int], Tensor]


def _window(name: str, M: Any, sym: bool, options: dict[str, Any], formula: _Formula) -> Tensor:
    """`formula(0 … M-1, steps)`, where `steps` lead from one end of the symmetric window to the other."""
    type, layout = options.pop("dtype") or default_dtype(), options.pop("layout")
    if M < 0:
        raise ValueError(f"{name} requires non-negative window length, got M={M}")
    if layout not in (None, strided):
        raise ValueError(f"{name} is implemented for strided tensors only, got: {layout}")
    if type.name not in ("float32", "float64"):
        raise ValueError(f"{name} expects float32 or float64 dtypes, got: {type}")
    wants_gradient = options.pop("requires_grad")
    if M == 0:
        made = empty((0,), dtype=type, **options)
    elif M == 1 and name not in ("exponential", "gaussian"):  # which don't divide by the number of steps
        made = ones((1,), dtype=type, **options)
    else:
        made = formula(arange(M, dtype=type, **options), M - 1 if sym or M == 1 else M)
    return made.requires_grad_(wants_gradient)


def _add(name: str, what: str, formula: Callable[..., _Formula], **parameters: Any) -> Callable[..., Tensor]:
    """A window function, whose further parameters are keywords with these defaults."""

    def window(
        M: int,
        *,
        sym: bool = True,
        dtype: dtype | None = None,
        layout: Any = strided,
        device: Any = None,
        requires_grad: bool = False,
        **given: Any,
    ) -> Tensor:
        unknown = set(given) - set(parameters)
        if unknown:
            raise TypeError(f"{name}() got an unexpected keyword argument {unknown.pop()!r}")
        if sym and given.get("center") is not None:
            raise ValueError("Center must be None for symmetric windows")
        options = {"dtype": dtype, "layout": layout, "device": device, "requires_grad": requires_grad}
        return _window(name, M, sym, options, formula(**{**parameters, **given}))

    own = inspect.signature(window)
    plain = [p for p in own.parameters.values() if p.kind is not p.VAR_KEYWORD]
    extra = [inspect.Parameter(p, inspect.Parameter.KEYWORD_ONLY, default=default) for p, default in parameters.items()]
    window.__signature__ = own.replace(parameters=[plain[0], *extra, *plain[1:]])  # type: ignore[attr-defined]
    window.__name__ = window.__qualname__ = name
    window.__doc__ = f"""{what}

    M numbers in float32 or float64; `sym=False` gives one period. Raises ValueError for another dtype and for M < 0.
    """
    return window


def _sum_of_cosines(a: Iterable[float]) -> _Formula:
    return lambda k, steps: sum(((-1) ** i * w * (k * (2 * math.pi * i / steps)).cos() for i, w in enumerate(a)), k * 0)


def _exponential(center: float | None, tau: float) -> _Formula:
    if tau <= 0:
        raise ValueError(f"Tau must be positive, got: {tau} instead.")
    return lambda k, steps: (-(k - (steps / 2 if center is None else center)).abs() / tau).exp()


def _gaussian(std: float) -> _Formula:
    if std <= 0:
        raise ValueError(f"Standard deviation must be positive, got: {std} instead.")
    return lambda k, steps: (-(((k - steps / 2) / std) ** 2) / 2).exp()


def _kaiser(beta: float) -> _Formula:
    if beta < 0:
        raise ValueError(f"beta must be non-negative, got: {beta} instead.")

    def formula(k: Tensor, steps: int) -> Tensor:
        side = k * (2 / steps) - 1
        return (beta * (1 - side * side).clamp(min=0).sqrt()).i0() / tensor(float(beta), dtype=k.dtype, device=k.device).i0()

    return formula


bartlett = _add("bartlett", "Bartlett's window, a triangle: 1 - |2k/(M-1) - 1|.",
                lambda: lambda k, steps: 1 - (k * (2 / steps) - 1).abs())  # fmt: skip
blackman = _add("blackman", "Blackman's window: 0.42 - 0.5 cos(2πk/(M-1)) + 0.08 cos(4πk/(M-1)).",
                lambda: _sum_of_cosines((0.42, 0.5, 0.08)))  # fmt: skip
cosine = _add("cosine", "Half a wave: sin(π(k + ½)/M).", lambda: lambda k, steps: ((k + 0.5) * (math.pi / (steps + 1))).sin())
exponential = _add("exponential", "exp(-|k - center| / τ); `center` is the middle of symmetric windows.", _exponential,
                   center=None, tau=1.0)  # fmt: skip
gaussian = _add("gaussian", "exp(-½ ((k - (M-1)/2) / std)²).", _gaussian, std=1.0)
kaiser = _add("kaiser", "Kaiser's window: I₀(β√(1 - (2k/(M-1) - 1)²)) / I₀(β).", _kaiser, beta=12.0)
hann = _add("hann", "Hann's window: ½ - ½ cos(2πk/(M-1)).", lambda: _sum_of_cosines((0.5, 0.5)))
hamming = _add("hamming", "Hamming's window: 0.54 - 0.46 cos(2πk/(M-1)).", lambda: _sum_of_cosines((0.54, 0.46)))
general_hamming = _add("general_hamming", "α - (1 - α) cos(2πk/(M-1)).", lambda alpha: _sum_of_cosines((alpha, 1 - alpha)),
                       alpha=0.54)  # fmt: skip
nuttall = _add("nuttall", "Nuttall's window, four cosines (A. Nuttall, 1981).",
               lambda: _sum_of_cosines((0.3635819, 0.4891775, 0.1365995, 0.0106411)))  # fmt: skip


def general_cosine(
    M: int,
    *,
    a: Iterable[float],
    sym: bool = True,
    dtype: dtype | None = None,
    layout: Any = strided,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """a[0] - a[1] cos(2πk/(M-1)) + a[2] cos(4πk/(M-1)) - …, M numbers.

    Raises TypeError where `a` isn't a sequence, ValueError for an empty one.
    """
    if not isinstance(a, Iterable):
        raise TypeError("Coefficients must be a list/tuple")
    weights = list(a)
    if not weights and M > 1:
        raise ValueError("Coefficients cannot be empty")
    options = {"dtype": dtype, "layout": layout, "device": device, "requires_grad": requires_grad}
    return _window("general_cosine", M, sym, options, _sum_of_cosines(weights))
