"""Switches of libraries that PyTorch may be built with (`torch.backends`). None is here: the switches are kept and do nothing.

May import `flambeau.devices`, in functions.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from types import ModuleType
from typing import Any

__all__ = ["cuda", "cudnn", "mkl", "mkldnn", "mps", "openmp", "opt_einsum", "cpu", "mha", "quantized"]


class _Backend(ModuleType):
    """A library: whether it is there, and its switches. It can be imported."""

    def __init__(self, name: str, **switches: Any) -> None:
        super().__init__(f"{__name__}.{name}")
        self.__dict__.update(switches)
        sys.modules[self.__name__] = self

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


cudnn = _Backend("cudnn", enabled=True, benchmark=False, deterministic=False, allow_tf32=True, benchmark_limit=10)


class _Cuda(_Backend):
    """CUDA's libraries, among them kernels of attention, each of which may be switched off."""

    def __init__(self) -> None:
        super().__init__(
            "cuda",
            matmul=_Backend(
                "cuda.matmul",
                allow_tf32=False,
                allow_fp16_reduced_precision_reduction=True,
                allow_bf16_reduced_precision_reduction=True,
            ),
        )
        self._attention = dict.fromkeys(("flash_sdp", "math_sdp", "mem_efficient_sdp", "cudnn_sdp"), True)
        self._libraries = {"linalg": "default", "blas": "default"}

    def is_flash_attention_available(self) -> bool:
        """Whether that kernel is there: False."""
        return False

    def can_use_flash_attention(self, params: Any, debug: bool = False) -> bool:
        """Whether that kernel can be used: False."""
        return False

    can_use_efficient_attention = can_use_cudnn_attention = can_use_flash_attention

    def preferred_linalg_library(self, backend: str | None = None) -> str:
        """The library chosen; with an argument, chooses it."""
        self._libraries["linalg"] = backend or self._libraries["linalg"]
        return self._libraries["linalg"]

    def preferred_blas_library(self, backend: str | None = None) -> str:
        """The library chosen; with an argument, chooses it."""
        self._libraries["blas"] = backend or self._libraries["blas"]
        return self._libraries["blas"]

    @contextlib.contextmanager
    def sdp_kernel(
        self, enable_flash: bool = True, enable_math: bool = True, enable_mem_efficient: bool = True, enable_cudnn: bool = True
    ) -> Iterator[None]:
        """Sets the switches of attention's kernels for as long as the context lasts."""
        before = dict(self._attention)
        given = (enable_flash, enable_math, enable_mem_efficient, enable_cudnn)
        self._attention.update(zip(self._attention, given))
        try:
            yield
        finally:
            self._attention.update(before)

    def __getattr__(self, name: str) -> Any:
        kernel = name.removeprefix("enable_").removesuffix("_enabled")
        if kernel not in self.__dict__.get("_attention", ()):
            raise AttributeError(f"module 'torch.backends.cuda' has no attribute '{name}'")
        if name.startswith("enable_"):
            return lambda enabled: self._attention.__setitem__(kernel, enabled)
        return lambda: self._attention[kernel]


class _Cpu(_Backend):
    def get_cpu_capability(self) -> str:
        """The vectors that kernels are made for: AVX512, AVX2, or DEFAULT for others. Programs choose their way by it."""
        try:
            from flambeau.devices.cpu.machine import host

            return {512: "AVX512", 256: "AVX2"}.get(host().vector_bits, "DEFAULT")
        except ImportError:  # no LLVM, as in a browser
            return "DEFAULT"


class _Attention(_Backend):
    """The fast path of `nn.TransformerEncoderLayer`, which has none here: its kernels are fused in any case."""

    _enabled = True

    def get_fastpath_enabled(self) -> bool:
        """What was set last."""
        return self._enabled

    def set_fastpath_enabled(self, value: bool) -> None:
        """Keeps the switch."""
        self._enabled = value


cuda, cpu, mha = _Cuda(), _Cpu("cpu"), _Attention("mha")
quantized = _Backend("quantized", engine="none", supported_engines=["none"])
mps, mkl, mkldnn, openmp = _Backend("mps"), _Backend("mkl"), _Backend("mkldnn", enabled=True), _Backend("openmp")
opt_einsum = _Backend("opt_einsum", enabled=True, strategy="auto")
