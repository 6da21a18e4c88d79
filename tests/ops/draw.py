"""How examples of operators' arguments are written: functions of a `Draw`, listed by `add` under an operator's name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy
import torch

__all__ = ["ALL", "COMPLEX", "EXAMPLES", "FLOATS", "INTEGERS", "LOOSE", "NUMBERS", "WHOLE", "WIDE", "Draw", "Example", "add"]

FLOATS = (torch.float32, torch.float64, torch.float16, torch.bfloat16)
INTEGERS = (torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8)
ALL = (*FLOATS, *INTEGERS, torch.bool)
NUMBERS = (*FLOATS, *INTEGERS)
WHOLE = (*INTEGERS, torch.bool)
WIDE = (torch.float32, torch.float64)
COMPLEX = (torch.complex64, torch.complex128)


class Draw:
    """Random tensors of one dtype (and others by name)."""

    def __init__(self, seed: int, dtype: torch.dtype) -> None:
        self.random = numpy.random.default_rng(seed)
        self.dtype = dtype
        self.is_singular = False
        """Whether the example has points without a second gradient in it."""

    def singular(self, t: torch.Tensor) -> torch.Tensor:
        """The tensor, with a note that the function has no second gradient there."""
        self.is_singular = True
        return t

    def f(self, *shape: int, low: float = -3.0, high: float = 3.0) -> torch.Tensor:
        """Numbers in [low, high], rounded for integers, no two alike where they are few; both parts of complex ones."""
        if self.dtype.is_complex:
            parts = torch.from_numpy(numpy.asarray(self.random.uniform(low, high, (2, *shape))))
            return torch.complex(parts[0], parts[1]).to(self.dtype)
        values = self.random.uniform(low, high, shape)
        t = torch.from_numpy(numpy.asarray(values))
        if self.dtype == torch.bool:
            return t > (low + high) / 2
        if not self.dtype.is_floating_point:
            t = t.mul(3).round()
            if self.dtype == torch.uint8:
                t = t.abs()
        return t.to(self.dtype)

    def pos(self, *shape: int, low: float = 0.4, high: float = 3.0) -> torch.Tensor:
        return self.f(*shape, low=low, high=high)

    def unit(self, *shape: int) -> torch.Tensor:
        return self.f(*shape, low=-0.9, high=0.9)

    def nonzero(self, *shape: int) -> torch.Tensor:
        t = self.f(*shape)
        return torch.where(t == 0, torch.ones_like(t), t)

    def distinct(self, *shape: int) -> torch.Tensor:
        """Numbers far from each other, so that no order is close."""
        n = int(numpy.prod(shape)) if shape else 1
        t = torch.from_numpy(self.random.permutation(n).reshape(shape) - (0 if self.dtype == torch.uint8 else n // 2))
        if self.dtype == torch.bool:
            return t > 0
        return (t.to(torch.float64) * 0.7 + 0.1 if self.dtype.is_floating_point else t).to(self.dtype)

    def special(self, *shape: int) -> torch.Tensor:
        """With NaN, infinities and zeros in it."""
        t = self.singular(self.f(*shape))
        if self.dtype.is_floating_point:
            flat = t.reshape(-1)
            for i, v in enumerate((float("nan"), float("inf"), -float("inf"), 0.0, -0.0)):
                if i < flat.numel():
                    flat[self.random.integers(flat.numel())] = v
        elif self.dtype.is_complex:
            flat = t.reshape(-1)
            parts = (float("inf"), -float("inf"), 0.0, -0.0, 1.0, -1.0, 50.0, float("nan"))
            for i, v in enumerate(parts):
                flat[i % flat.numel()] = complex(v, parts[self.random.integers(2, 7)])
        return t

    def i(self, *shape: int, below: int = 3, low: int = 0) -> torch.Tensor:
        return torch.from_numpy(numpy.asarray(self.random.integers(low, below, shape)))

    def b(self, *shape: int) -> torch.Tensor:
        return torch.from_numpy(numpy.asarray(self.random.random(shape) < 0.5))

    def spd(self, *shape: int) -> torch.Tensor:
        """Hermitian positive-definite matrices."""
        a = self.f(*shape)
        return a @ a.mH + 0.5 * torch.eye(shape[-1], dtype=self.dtype)

    def regular(self, *shape: int) -> torch.Tensor:
        """Well-conditioned square matrices."""
        return self.f(*shape, low=-1, high=1) + 3 * torch.eye(shape[-1], dtype=self.dtype)

    def symmetric(self, *shape: int) -> torch.Tensor:
        a = self.f(*shape)
        return a + a.mT + torch.diag(torch.arange(shape[-1], dtype=self.dtype) * 4)


class Example(NamedTuple):
    """A function from a `Draw` to arguments, the dtypes to draw, and whether gradients (and theirs) are compared."""

    draw: Callable[[Draw], Any]
    dtypes: tuple[torch.dtype, ...]
    differentiable: bool
    second: bool


EXAMPLES: dict[tuple[str | None, str], list[Example]] = {}
"""By namespace and name, as in the registry."""
LOOSE: dict[tuple[str | None, str], float] = {}
"""How many times the usual tolerance: functions whose PyTorch version has its own rounding."""


def add(
    names: str,
    *draws: Callable[[Draw], Any],
    ns: str | None = "",
    dtypes: tuple[torch.dtype, ...] = FLOATS,
    diff: bool = True,
    second: bool = True,
    loose: float = 1.0,
) -> None:
    """Adds examples to each of several operators; `second` is false where PyTorch has no second gradient."""
    for name in names.split():
        EXAMPLES.setdefault((ns, name), []).extend(Example(draw, dtypes, diff, second) for draw in draws)
        if loose != 1.0:
            LOOSE[ns, name] = loose
