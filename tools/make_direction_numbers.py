"""Writes `flambeau/quasirandom/direction_numbers.bin`: ``python -m tools.make_direction_numbers FILE``.

FILE is the authors' table "new-joe-kuo-6.21201", which their site offers; a line has the dimension, the polynomial's degree, its
inner coefficients as a number, and the initial numbers.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from flambeau.quasirandom import direction_numbers as held

ROOT = Path(__file__).resolve().parent.parent


def packed(rows: list[tuple[int, int, list[int]]]) -> bytes:
    """The file's bytes, of the degree, the inner coefficients and the initial numbers of each dimension after the first."""
    bits: list[str] = []
    for degree, polynomial, initial in rows:
        numbers = [polynomial, *(number >> 1 for number in initial[:degree])]
        bits += [format(number, f"0{width}b") for number, width in zip(numbers, held.widths(degree), strict=True) if width]
    return np.packbits(np.frombuffer("".join(bits).encode(), np.uint8) - ord("0")).tobytes()


if __name__ == "__main__":
    lines = Path(sys.argv[1]).read_text().splitlines()[1:]
    table = [(int(degree), int(polynomial), [*map(int, initial)]) for _, degree, polynomial, *initial in map(str.split, lines)]
    (ROOT / "flambeau/quasirandom/direction_numbers.bin").write_bytes(packed(table))
