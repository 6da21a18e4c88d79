"""Minimal filtering (Winograd): m outputs of three taps from fewer products than 3·m.

The outputs of a tile are Aᵀ[(G g) ⊙ (Bᵀ d)] for taps g and pixels d (Lavin and Gray, 2015); in two dimensions each matrix is
applied along both. `F2` takes four products for two outputs instead of six. `F2_STRIDED`, for outputs at every second pixel,
takes five: two taps meet the even pixels, which take three products for two outputs, and one tap meets the odd ones. No output of
either depends on a pixel that isn't its own, so that the error is bounded by the direct sum's terms, and smaller than the direct
sum's.

`F4` takes six products for four outputs instead of twelve. It evaluates polynomials at 0, ±√½, ±√2 and infinity (the usual points
±1 and ±2 give errors 4 to 6 times as large). Its outputs do depend, by rounding, on all pixels of their tile: where
neighbours differ by many orders of magnitude, small results drown. So it is used only where precision was given up.

Imports the builder.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

from flambeau.codegen.llvm.builder import Function
from flambeau.codegen.llvm.types import Value, constant

__all__ = ["F2", "F2_STRIDED", "F4", "Filtering", "Matrix", "combine", "flipped", "transform"]

Matrix = Sequence[Sequence[float]]


@dataclass(frozen=True)
class Filtering:
    """Bᵀ (products × pixels), G (products × taps; rows may repeat the last one) and Aᵀ (outputs × products), for outputs at every
    `stride`-th pixel."""

    input: tuple[tuple[float, ...], ...]
    filter: tuple[tuple[float, ...], ...]
    output: tuple[tuple[float, ...], ...]
    stride: int = 1

    @property
    def outputs(self) -> int:
        """Outputs on a tile's side."""
        return len(self.output)

    @property
    def filters(self) -> int:
        """Rows of G that differ."""
        return len(dict.fromkeys(self.filter))

    @property
    def points(self) -> int:
        """Products for a tile in two dimensions."""
        return len(self.input) ** 2


F2 = Filtering(
    ((1, 0, -1, 0), (0, 1, 1, 0), (0, -1, 1, 0), (0, 1, 0, -1)),
    ((1, 0, 0), (0.5, 0.5, 0.5), (0.5, -0.5, 0.5), (0, 0, 1)),
    ((1, 1, 1, 0), (0, 1, -1, -1)),
)
F2_STRIDED = Filtering(
    ((1, 0, -1, 0, 0), (0, 0, 1, 0, 0), (0, 0, 1, 0, -1), (0, 1, 0, 0, 0), (0, 0, 0, 1, 0)),
    ((1, 0, 0), (1, 0, 1), (0, 0, 1), (0, 1, 0), (0, 1, 0)),
    ((1, 1, 0, 1, 0), (0, 1, -1, 0, 1)),
    2,
)


def _interpolated(points: Sequence[float], outputs: int, taps: int) -> Filtering:
    """F(outputs, taps) from values at these points and at infinity (Toom and Cook's way of multiplying polynomials, transposed):
    with M the product of all x - point, Bᵀ has the coefficients of M / (x - point), and at last of M, G the powers of each point
    over M's derivative there, Aᵀ the powers."""

    def product(roots: Sequence[float]) -> list[float]:
        """Coefficients of the product of all x - root, the constant first."""
        total = [1.0]
        for root in roots:
            total = [a - root * b for a, b in zip([0.0, *total], [*total, 0.0])]
        return total

    others = [[q for q in points if q != p] for p in points]
    slopes = [prod(p - q for q in rest) for p, rest in zip(points, others)]
    last = [0.0] * (taps - 1)
    return Filtering(
        _exact([*([*product(rest), 0.0] for rest in others), product(points)]),
        _exact([*([p**i / slope for i in range(taps)] for p, slope in zip(points, slopes)), [*last, 1.0]]),
        _exact([[*(p**i for p in points), float(i == outputs - 1)] for i in range(outputs)]),
    )


def _exact(matrix: Matrix) -> tuple[tuple[float, ...], ...]:
    """Without the last digits, which rounding left where roots cancel."""
    return tuple(tuple(round(x, 15) + 0.0 for x in row) for row in matrix)


F4 = _interpolated((0.0, 0.5**0.5, -(0.5**0.5), 2**0.5, -(2**0.5)), 4, 3)


def flipped(matrix: Matrix) -> list[tuple[float, ...]]:
    """The transpose."""
    return list(zip(*matrix))


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


def transform(f: Function, matrix: Matrix, grid: Sequence[Sequence[Value]]) -> list[list[Value]]:
    """matrix · grid · matrixᵀ."""
    columns = list(zip(*grid))
    left = [[combine(f, row, column) for column in columns] for row in matrix]
    return [[combine(f, row, line) for row in matrix] for line in left]
