"""`Target`: what generated WGSL may use: one adapter's limits and features, and the compiler's dialect.

The two WGSL compilers differ in a few words only, and those are all here: wgpu-native compiles with naga, Dawn and browsers
built on it with Tint. May import nothing of flambeau.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Target"]


@dataclass(frozen=True)
class Target:
    """Limits in WebGPU's units (bytes, counts); features by what they let a kernel do.

    `dialect` is "naga" or "tint". `is_software` says that the adapter runs on the CPU, where a barrier costs more than
    reading memory again; `has_subgroup_matrix` that subgroups of 32 multiply 16×16 matrices of float16 with sums in float32.
    """

    dialect: str = "tint"
    is_software: bool = False
    has_float16: bool = False
    has_float64: bool = False
    has_subgroups: bool = False
    has_subgroup_matrix: bool = False
    max_storage_buffers: int = 8
    max_binding_bytes: int = 128 << 20
    max_buffer_bytes: int = 256 << 20
    max_workgroup_bytes: int = 16 << 10
    max_invocations: int = 256
    max_workgroups: int = 65535

    def enables(self, *, float16: bool = False, subgroups: bool = False, subgroup_matrix: bool = False) -> str:
        """The directives that a shader using these features starts with, in this dialect."""
        lines = []
        if float16:
            lines.append("enable f16;")
        if subgroups and self.dialect == "tint":  # naga has no such directive: the device's feature is enough
            lines.append("enable subgroups;")
        if subgroup_matrix:
            lines.append("enable chromium_experimental_subgroup_matrix;")
        return "".join(line + "\n" for line in lines)
