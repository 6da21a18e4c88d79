"""`torch.special`: special functions under their names in mathematics. May import `flambeau.ops`."""

from __future__ import annotations

import math
from typing import Any

from flambeau.ops.registry import OPERATORS
from flambeau.tensor import Tensor

_NAMES = {
    "digamma": "digamma", "psi": "digamma", "erf": "erf", "erfc": "erfc", "erfinv": "erfinv", "exp2": "exp2", "expm1": "expm1",
    "expit": "sigmoid", "gammaln": "lgamma", "i0": "i0", "log1p": "log1p", "logit": "logit", "logsumexp": "logsumexp",
    "multigammaln": "mvlgamma", "polygamma": "polygamma", "round": "round", "sinc": "sinc", "xlogy": "xlogy",
    "softmax": "softmax", "log_softmax": "log_softmax",
}  # fmt: skip
globals().update({name: OPERATORS["", own].public for name, own in _NAMES.items()})


def entr(input: Tensor) -> Any:
    """-x log x for positive numbers, 0 at 0, -∞ below."""
    x: Any = input
    return (-x * x.masked_fill(x == 0, 1).log()).masked_fill(x < 0, -math.inf)


def ndtr(input: Tensor) -> Any:
    """The area under the normal curve up to each number."""
    x: Any = input
    return (x * -math.sqrt(0.5)).erfc() * 0.5


def ndtri(input: Tensor) -> Any:
    """The inverse of `ndtr`."""
    x: Any = input
    return (x * 2 - 1).erfinv() * math.sqrt(2)


def xlog1py(input: Any, other: Any) -> Any:
    """input · log1p(other), and 0 where input is 0."""
    a, b = (v if isinstance(v, Tensor) else None for v in (input, other))
    like: Any = a if a is not None else b
    x: Any = input if a is not None else like.new_full((), input)
    y: Any = other if b is not None else like.new_full((), other)
    nothing = (x == 0) & (y == y)
    return x * y.masked_fill(nothing, 0).log1p()


__all__ = sorted([*_NAMES, "entr", "ndtr", "ndtri", "xlog1py"])
