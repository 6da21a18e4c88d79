"""`AttentionKernel` → compute shaders. A workgroup has a block of rows, and goes through the other side's rows some *steps* at a
time: a block of weights is made, shared through workgroup memory and used up before the next.

Rows are queries, for the result and the query's gradient, or keys, for the gradients of key and value. Products of float16 are
the matrix units', where the adapter has them (`matrices.py`), others registers' (`registers.py`); `shader.py` is what both write.
May import `flambeau.dtypes`, `kernels.ir`, `flambeau.graph.primitives` and `codegen.wgsl`.
"""

from __future__ import annotations

from collections.abc import Sequence

from flambeau.codegen.wgsl.attention.matrices import MatrixAttention
from flambeau.codegen.wgsl.attention.registers import RegisterAttention
from flambeau.codegen.wgsl.program import Program
from flambeau.codegen.wgsl.target import Target
from flambeau.kernels.ir import AttentionKernel

__all__ = ["generate_attention"]


def generate_attention(kernel: AttentionKernel, target: Target, same: Sequence[int]) -> Program:
    """Shaders that compute the kernel's parts. Raises RuntimeError where heads are too wide for the adapter's workgroups."""
    shape = MatrixAttention.shape_for(kernel, target)
    if shape is not None:
        return MatrixAttention(kernel, target, same, shape).program
    return RegisterAttention(kernel, target, same).program
