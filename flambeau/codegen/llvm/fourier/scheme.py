"""How a Fourier transform of a given size is done: which numbers share a vector, and in which factors. May import `butterfly`,
`flambeau.kernels` and LLVM's target.

Numbers of transforms that are done together share a vector, so that no pass of a transform moves numbers between lanes. Either
they are those of neighbouring transforms, or a transform of n = n₁·n₂ numbers is itself cut: n₂ transforms of n₁ numbers that
lie n₂ apart, turned by roots of unity, then n₁ transforms of n₂ numbers (Cooley and Tukey's; Bailey, "FFTs in external or
hierarchical memory", 1990).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache

from flambeau.codegen.llvm.fourier.butterfly import instructions, smallest_factor
from flambeau.codegen.llvm.target import Target
from flambeau.kernels.ir import FourierKernel

__all__ = ["Scheme", "choose", "radices"]

_SHARED = 4096
"""From how many numbers on all threads do one transform, where there are fewer transforms than threads."""


_UNEVEN = 0.02
"""What a cut into halves of different sizes costs more, as measured, for each time that one is twice as long again."""


@dataclass(frozen=True)
class Scheme:
    """`kind`, `n`, `inner` and `factor` are the kernel's. `first` and `second` are the factors of a transform that is cut, else
    `second` is 1; `lanes` are those of both halves. `is_shared`: all threads do one transform."""

    kind: str
    n: int
    inner: int
    factor: float
    first: int
    second: int
    lanes: tuple[int, int]
    is_shared: bool = False

    @property
    def size(self) -> int:
        """Complex numbers of a transform: those of real numbers take two as one complex number."""
        return self.first * self.second

    @property
    def is_cut(self) -> bool:
        return self.second > 1


MOST = 8
"""The largest composite number of values that a pass takes into registers: of 16, even 32 registers can't hold what is needed."""


@cache
def _divisors(n: int) -> list[int]:
    """Those of n but for 1 and itself."""
    small = [d for d in range(2, math.isqrt(n) + 1) if n % d == 0]
    return sorted({*small, *(n // d for d in small)})


@cache
def _planned(n: int) -> tuple[float, tuple[int, ...]]:
    """The cost of a transform of n numbers, in instructions for each number, and the radices of its passes."""
    best: tuple[float, tuple[int, ...]]
    best = (instructions(n) / max(n, 1) + 4.0, (n,)) if n <= MOST or smallest_factor(n) == n else (math.inf, ())
    for radix in _divisors(n):
        if radix <= MOST or smallest_factor(radix) == radix:
            cost, rest = _planned(n // radix)
            cost += instructions(radix) / radix + 8.0
            if cost < best[0]:
                best = cost, (radix, *rest)
    return best


def radices(n: int) -> tuple[int, ...]:
    """The radices of the passes of a transform of n numbers."""
    return _planned(n)[1]


def _power(n: int) -> int:
    """The largest power of two up to n."""
    return 1 << n.bit_length() - 1


def choose(kernel: FourierKernel, target: Target, threads: int) -> Scheme:
    """The scheme with the least estimated time."""
    size = kernel.n if kernel.kind in ("forward", "inverse") else kernel.n // 2
    nbytes = kernel.slots[0].dtype.itemsize
    lanes = target.lanes(8 * nbytes)

    def scheme(first: int, second: int, used: tuple[int, int], is_shared: bool = False) -> Scheme:
        return Scheme(kernel.kind, kernel.n, kernel.inner, kernel.factor, first, second, used, is_shared)

    across = min(lanes, _power(kernel.outer if kernel.inner == 1 else kernel.inner))
    tasks = -(-kernel.outer // across) if kernel.inner == 1 else kernel.outer * -(-kernel.inner // across)
    slower = _slowness(4 * size * across * nbytes, target)
    copied = 10.0 if kernel.inner == 1 else 4.0
    best = _turns(tasks, threads) * size * (_planned(size)[0] * slower + copied), scheme(size, 1, (across, 1))
    if kernel.inner > 1:
        return best[1]
    is_shared = kernel.outer < threads and size >= _SHARED
    for first in _divisors(size):
        second = size // first
        used = min(lanes, _power(second)), min(lanes, _power(first), _power(second))  # rows are turned in square blocks
        cost = 0.0
        for points, others, width, more in ((first, second, used[0], 9.0), (second, first, used[1], 10.0)):
            slower = _slowness(4 * points * width * nbytes, target)
            cost += -(-others // width) * points * (_planned(points)[0] * slower + more)
        cost *= 1 + _UNEVEN * abs(math.log2(first / second))
        total = cost * (kernel.outer / threads if is_shared else _turns(kernel.outer, threads))
        if total < best[0]:
            best = total, scheme(first, second, used, is_shared)
    return best[1]


def _slowness(held: int, target: Target) -> float:
    """How much longer passes take between buffers of so many bytes together than in the first cache."""
    return 1.0 if held <= target.l1 else 1.5 if 2 * held <= target.l2 else 4.0


def _turns(tasks: int, threads: int) -> int:
    """Tasks that one thread does after another."""
    return -(-tasks // threads)
