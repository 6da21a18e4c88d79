"""Minimal filtering (Winograd): some outputs of several taps from fewer products than one for each output and tap.

The outputs of a tile are Aᵀ S[(G g) ⊙ (Bᵀ d)] for taps g and pixels d (Lavin and Gray, 2015; S is our addition): each row of G
and Bᵀ makes a *term*, each term belongs to a *point*, at which polynomials are evaluated, and S adds the terms of a point. In two
dimensions each matrix is applied along both. Channels of a sum are further terms.

`minimal` gives two outputs of any number of taps. The taps that meet pixels of one residue of the stride (a phase) are cut into
chunks of at most three, for two outputs of which one product more than taps is enough: values at 0, 1, -1 and infinity; two taps
take 0, 1 and infinity, one takes 0 and infinity. So all chunks share points, and outputs are read off their sums. Three taps
take four products instead of six, of stride 2 five; seven of stride 2 ten instead of fourteen. No output depends on a pixel that
isn't its own, so that the error is bounded by the direct sum's terms, and about as large as the direct sum's.

`F4` takes six products for four outputs of three taps instead of twelve. It evaluates polynomials at 0, ±√½, ±√2 and infinity
(the usual points ±1 and ±2 give errors 4 to 6 times as large). Its outputs do depend, by rounding, on all pixels of their tile:
where neighbours differ by many orders of magnitude, small results drown. So it is used only where precision was given up.
Imports nothing of flambeau.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from math import prod

__all__ = ["F2", "F4", "PLAIN", "Filtering", "Matrix", "flipped", "minimal"]

Matrix = Sequence[Sequence[float]]


@dataclass(frozen=True)
class Filtering:
    """Bᵀ (terms × pixels), G (terms × taps) and Aᵀ (outputs × points), for outputs at every `stride`-th pixel; `places` has the
    point of each term, in rising order."""

    input: tuple[tuple[float, ...], ...]
    filter: tuple[tuple[float, ...], ...]
    output: tuple[tuple[float, ...], ...]
    places: tuple[int, ...]
    stride: int = 1

    @property
    def outputs(self) -> int:
        """Outputs on a tile's side."""
        return len(self.output)

    @property
    def points(self) -> int:
        return len(self.output[0])

    @property
    def terms(self) -> int:
        return len(self.places)

    @property
    def pixels(self) -> int:
        """Pixels on a tile's side."""
        return len(self.input[0])

    @property
    def taps(self) -> int:
        return len(self.filter[0])


PLAIN = Filtering(((1.0,),), ((1.0,),), ((1.0,),), (0,))
"""One output of one tap."""


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
        tuple(range(len(points) + 1)),
    )


def _exact(matrix: Matrix) -> tuple[tuple[float, ...], ...]:
    """Without the last digits, which rounding left where roots cancel."""
    return tuple(tuple(round(x, 15) + 0.0 for x in row) for row in matrix)


@cache
def minimal(taps: int, stride: int = 1) -> Filtering:
    """Two outputs of so many taps (more than `stride`)."""
    longest = min(len(_POINTS), -(-taps // stride))
    pixels = stride + taps
    rows: list[tuple[int, list[float], list[float]]] = []
    """Of each term the point, and its rows of Bᵀ and G."""
    for phase in range(stride):
        own = range(phase, taps, stride)
        for start in range(0, len(own), longest):
            chunk = own[start : start + longest]
            part = _interpolated(_POINTS[: len(chunk)], 2, len(chunk))
            for point, (b, g) in enumerate(zip(part.input, part.filter)):
                read, weight = [0.0] * pixels, [0.0] * taps
                read[chunk[0] : chunk[0] + stride * len(b) : stride] = b
                weight[chunk[0] : chunk[0] + stride * len(g) : stride] = g
                rows.append((point if point < len(chunk) else longest, read, weight))
    rows.sort(key=lambda row: row[0])
    return Filtering(
        tuple(tuple(read) for _, read, _ in rows),
        tuple(tuple(weight) for _, _, weight in rows),
        _interpolated(_POINTS[:longest], 2, longest).output,
        tuple(point for point, _, _ in rows),
        stride,
    )


_POINTS = (0.0, 1.0, -1.0)
F2 = minimal(3)
F4 = _interpolated((0.0, 0.5**0.5, -(0.5**0.5), 2**0.5, -(2**0.5)), 4, 3)


def flipped(matrix: Matrix) -> list[tuple[float, ...]]:
    """The transpose."""
    return list(zip(*matrix))
