"""Switches of libraries that PyTorch may be built with (`torch.backends`). None is here: the switches are kept and do nothing.

Imports nothing of flambeau.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

__all__ = ["cuda", "cudnn", "mkl", "mkldnn", "mps", "openmp", "opt_einsum"]


class _Backend:
    """A library: whether it is there, and its switches."""

    def __init__(self, **switches: Any) -> None:
        self.__dict__.update(switches)

    def is_available(self) -> bool:
        """Whether the library is there: False."""
        return False

    def is_built(self) -> bool:
        """Whether it was built with it: False."""
        return False

    def version(self) -> None:
        """The library's version: None."""

    @contextlib.contextmanager
    def flags(self, **switches: Any) -> Iterator[None]:
        """Sets switches for as long as the context lasts."""
        before = dict(self.__dict__)
        self.__dict__.update(switches)
        try:
            yield
        finally:
            self.__dict__.update(before)


cudnn = _Backend(enabled=True, benchmark=False, deterministic=False, allow_tf32=True, benchmark_limit=10)
cuda = _Backend(matmul=_Backend(allow_tf32=False, allow_fp16_reduced_precision_reduction=True))
mps, mkl, mkldnn, openmp = _Backend(), _Backend(), _Backend(enabled=True), _Backend()
opt_einsum = _Backend(enabled=True, strategy="auto")
