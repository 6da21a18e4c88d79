"""Direction numbers of Sobol sequences: where the bits of a point's number lead in each dimension. May import NumPy only.

The numbers are those of S. Joe and F. Y. Kuo (Constructing Sobol sequences with better two-dimensional projections, 2008;
criterion D(6)), which PyTorch and SciPy have, too. `direction_numbers.bin` holds, for each dimension after the first, its
primitive polynomial without the first and last coefficient, and its initial numbers, which are odd, without their last bit;
`tools/make_direction_numbers.py` writes it.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np

__all__ = ["BITS", "DEGREES", "DIMENSIONS", "direction_numbers", "widths"]

BITS = 30
"""Bits of a coordinate."""

DEGREES = (1, 1, 2, 2, 6, 6, 18, 16, 48, 60, 176, 144, 630, 756, 1800, 2048, 7710, 7776)
"""How many primitive polynomials over the field of two elements have degree 1, 2, ..., 18: each is one dimension's."""

DIMENSIONS = 1 + sum(DEGREES)


def widths(degree: int) -> list[int]:
    """How many bits the file has of each number of a dimension: of the polynomial, and of the initial numbers."""
    return [degree - 1, *range(degree)]


@lru_cache(maxsize=1)
def _file() -> bytes:
    return Path(__file__).with_name("direction_numbers.bin").read_bytes()


def _group(degree: int, first_bit: int, count: int) -> np.ndarray:
    """The direction numbers of `count` dimensions of that degree, [count, BITS], whose bits begin there in the file."""
    each = sum(widths(degree))
    start, offset = divmod(first_bit, 8)
    held = np.frombuffer(_file(), np.uint8, (offset + each * count + 7) // 8, start)
    bits = np.unpackbits(held)[offset : offset + each * count].reshape(count, each).astype(np.int64)
    numbers, at = [], 0
    for width in widths(degree):
        numbers.append(bits[:, at : at + width] @ (1 << np.arange(width)[::-1]))
        at += width
    polynomial, initial = numbers[0], [2 * number + 1 for number in numbers[1:]]
    while len(initial) < BITS:  # a number is made of the `degree` numbers before it, as the polynomial says
        new = initial[-degree] ^ (initial[-degree] << degree)
        for back in range(1, degree):
            new ^= (initial[-back] << back) * (polynomial >> (degree - 1 - back) & 1)
        initial.append(new)
    return np.stack(initial, 1) << np.arange(BITS)[::-1]


def direction_numbers(dimension: int) -> np.ndarray:
    """The direction numbers of the first dimensions, int64 [dimension, BITS]: number j is an odd one times 2^(BITS - 1 - j)."""
    groups, left, bit = [np.int64(1) << np.arange(BITS)[None, ::-1]], dimension - 1, 0
    for degree, there in enumerate(DEGREES, 1):
        count = min(left, there)
        if not count:
            break
        groups.append(_group(degree, bit, count))
        left, bit = left - count, bit + there * sum(widths(degree))
    return np.concatenate(groups)
