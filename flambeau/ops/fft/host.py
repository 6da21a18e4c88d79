"""The host's side of Fourier transforms: NumPy's, registered as routines. May import `flambeau.graph`.

`scale` is what a transform's sum is divided by: 0 for nothing, 1 for √n, 2 for n, where n is the number of points.
"""

from __future__ import annotations

from typing import Any

from flambeau.graph.numpy import np
from flambeau.graph.primitives.routine import register

__all__: list[str] = []

_FORWARD = ("backward", "ortho", "forward")
_INVERSE = ("forward", "ortho", "backward")
"""NumPy's names of the scales."""


def _complex_to_complex(x: Any, axes: tuple[int, ...], inverse: bool, scale: int) -> Any:
    if inverse:
        return np.fft.ifftn(x, axes=axes, norm=_INVERSE[scale])
    return np.fft.fftn(x, axes=axes, norm=_FORWARD[scale])


def _real_to_complex(x: Any, axis: int, scale: int) -> Any:
    return np.fft.rfft(x, axis=axis, norm=_FORWARD[scale])


def _complex_to_real(x: Any, axis: int, n: int, scale: int) -> Any:
    return np.fft.irfft(x, n, axis=axis, norm=_INVERSE[scale])


for _name, _function in (
    ("complex_to_complex", _complex_to_complex), ("real_to_complex", _real_to_complex), ("complex_to_real", _complex_to_real),
):  # fmt: skip
    register("fft_" + _name, _function)
