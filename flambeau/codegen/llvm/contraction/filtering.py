"""The transforms of minimal filtering (`kernels.filtering`) on vectors. Imports the builder."""

from __future__ import annotations

from collections.abc import Sequence

from flambeau.codegen.llvm.builder import Function
from flambeau.codegen.llvm.types import Value, constant
from flambeau.kernels.filtering import Matrix

__all__ = ["combine", "transform"]


def combine(f: Function, coefficients: Sequence[float], vectors: Sequence[Value]) -> Value:
    """Σ coefficient·vector, with additions where a coefficient is 1 or -1."""
    total: Value | None = None
    for c, v in sorted(zip(coefficients, vectors), key=lambda p: -p[0]):  # positive ones first: nothing to negate
        if c == 0:
            continue
        if total is None:
            total = v if c == 1 else f.binary("fmul", v, constant(v.type, c))
        elif abs(c) == 1:
            total = f.binary("fadd" if c > 0 else "fsub", total, v)
        else:
            total = f.multiply_add(v, constant(v.type, c), total)
    assert total is not None
    return total


def transform(f: Function, vertical: Matrix, horizontal: Matrix, grid: Sequence[Sequence[Value]]) -> list[list[Value]]:
    """vertical · grid · horizontalᵀ."""
    columns = list(zip(*grid))
    left = [[combine(f, row, column) for column in columns] for row in vertical]
    return [[combine(f, row, line) for row in horizontal] for line in left]
