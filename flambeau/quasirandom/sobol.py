"""`SobolEngine`: points that fill a cube evenly. May import `flambeau.tensor`, `flambeau.ops`, `flambeau.generator`.

Point i of a sequence is the exclusive or of the direction numbers that the bits of i's Gray code choose, so that a point and the
next differ by one direction number. Points are made on the host, of integers.
"""

from __future__ import annotations

import numpy as np

from flambeau.dtypes import default_dtype, dtype, float32, float64, name_of_dtype
from flambeau.generator import Generator
from flambeau.ops.joining import cat
from flambeau.ops.random import randint
from flambeau.ops.sharing import from_numpy
from flambeau.quasirandom.direction_numbers import BITS, DIMENSIONS, direction_numbers
from flambeau.tensor import Tensor

__all__ = ["SobolEngine"]


class SobolEngine:
    """A Sobol sequence of points in the unit cube of `dimension` dimensions.

    With `scramble` its digits are scrambled at random (Owen, 1998, by linear matrices and a shift); `seed` says how. `sobolstate`
    are the direction numbers, int64 [dimension, 30]; `quasi` is the last point, int64 [dimension], in units of 2^-30. Raises
    ValueError for fewer than 1 or more than 21201 dimensions.

    >>> torch.quasirandom.SobolEngine(2).draw(3)
    tensor([[0.0000, 0.0000],
            [0.5000, 0.5000],
            [0.7500, 0.2500]])
    """

    MAXBIT = BITS
    MAXDIM = DIMENSIONS

    def __init__(self, dimension: int, scramble: bool = False, seed: int | None = None) -> None:
        if not 1 <= dimension <= self.MAXDIM:
            raise ValueError(f"Supported range of dimensionality for SobolEngine is [1, {self.MAXDIM}]")
        self.seed, self.scramble, self.dimension = seed, scramble, dimension
        numbers, shift = direction_numbers(dimension), np.zeros(dimension, np.int64)
        if scramble:
            numbers, shift = _scrambled(numbers, seed)
        self.sobolstate, self.shift = from_numpy(numbers), from_numpy(shift)
        self.quasi = self.shift.clone()
        self._first_point = (self.quasi / 2**BITS).reshape(1, -1)
        self.num_generated = 0

    def draw(self, n: int = 1, out: Tensor | None = None, dtype: dtype | None = None) -> Tensor:
        """The next `n` points, [n, dimension], in float32, float64 or by default the default dtype.

        Raises RuntimeError for fewer than none (or none, before any was drawn), NotImplementedError for other dtypes.
        """
        least = 1 if self.num_generated == 0 else 0
        if n < least:
            raise RuntimeError(f"Trying to create tensor with negative dimension {n - least}: [{n - least}, {self.dimension}]")
        kind = default_dtype() if dtype is None else dtype
        if kind not in (float32, float64) and n > least:
            raise NotImplementedError(f"\"_sobol_engine_draw\" not implemented for '{name_of_dtype(kind)}'")
        points = self._points(n)
        result = from_numpy(points).to(kind) * 2.0**-BITS
        if least:  # in the default dtype's precision, as PyTorch has it
            result = cat([self._first_point.to(kind), result[1:]])
        if n:
            self.quasi = from_numpy(points[-1].copy())
        self.num_generated += n
        if out is not None:
            return out.resize_as_(result).copy_(result)
        return result

    def draw_base2(self, m: int, out: Tensor | None = None, dtype: dtype | None = None) -> Tensor:
        """The next 2^m points; raises ValueError where all points so far are then no power of two, as balance requires."""
        n, before = 2**m, self.num_generated
        if (before + n) & (before + n - 1):
            raise ValueError(
                f"The balance properties of Sobol' points require n to be a power of 2. {before} points have been previously "
                f"generated, then: n={before}+2**{m}={before + n}. If you still want to do this, please use 'SobolEngine.draw()' "
                "instead."
            )
        return self.draw(n=n, out=out, dtype=dtype)

    def reset(self) -> SobolEngine:
        """Begins again; gives the engine."""
        self.quasi.copy_(self.shift)
        self.num_generated = 0
        return self

    def fast_forward(self, n: int) -> SobolEngine:
        """Leaves out `n` points; gives the engine."""
        if n > 0:
            self.quasi.copy_(from_numpy(self._point(self.num_generated + n - 1)))
        self.num_generated += n
        return self

    def _point(self, index: int) -> np.ndarray:
        """Point `index`, [dimension]."""
        gray = index ^ (index >> 1)
        chosen = [bit for bit in range(gray.bit_length()) if gray >> bit & 1]
        return np.bitwise_xor.reduce(self.sobolstate.numpy()[:, chosen], 1, initial=0) ^ self.shift.numpy()

    def _points(self, n: int) -> np.ndarray:
        """The next `n` points, [n, dimension]."""
        if n == 0:
            return np.zeros((0, self.dimension), np.int64)
        following = np.arange(self.num_generated + 1, self.num_generated + n, dtype=np.int64)
        lowest = np.log2(following & -following).astype(np.int64)  # the bit in which a Gray code differs from the one before
        steps = np.concatenate([self._point(self.num_generated)[None], self.sobolstate.numpy().T[lowest]])
        return np.bitwise_xor.accumulate(steps, 0)

    def __repr__(self) -> str:
        parts = [f"dimension={self.dimension}"]
        if self.scramble:
            parts.append("scramble=True")
        if self.seed is not None:
            parts.append(f"seed={self.seed}")
        return f"{type(self).__name__}({', '.join(parts)})"


def _scrambled(numbers: np.ndarray, seed: int | None) -> tuple[np.ndarray, np.ndarray]:
    """Direction numbers [dimension, BITS] times a random lower triangular matrix of bits each, and a random shift [dimension]."""
    generator = None if seed is None else Generator().manual_seed(seed)
    dimension = len(numbers)
    shift = randint(2, (dimension, BITS), generator=generator).numpy() @ (1 << np.arange(BITS))
    matrices = np.tril(randint(2, (dimension, BITS, BITS), generator=generator).numpy())
    return _multiplied(matrices, numbers), shift


def _multiplied(matrices: np.ndarray, numbers: np.ndarray) -> np.ndarray:
    """Matrices of bits [dimension, BITS, BITS], their diagonals taken as ones, times the bits of numbers, highest bit first."""
    matrices = matrices | np.eye(BITS, dtype=np.int64)
    places = np.arange(BITS)[::-1]
    bits = numbers[:, None, :] >> places[:, None] & 1
    return ((matrices @ bits & 1) << places[:, None]).sum(1)
