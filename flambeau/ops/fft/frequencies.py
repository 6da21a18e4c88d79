"""The frequencies of a transform's points, and their order. May import what `flambeau.ops` may."""

from __future__ import annotations

import math
from typing import Any

from flambeau.device import as_device_name
from flambeau.dtypes import default_dtype, dtype, int64, name_of_dtype
from flambeau.ops.creation import iota
from flambeau.ops.joining import roll
from flambeau.ops.operands import cast, check_tensor, dims_argument, integer
from flambeau.ops.registry import operator, write_made
from flambeau.ops.sequences import finest
from flambeau.shapes.dims import wrap_dims
from flambeau.tensor import Tensor

__all__: list[str] = []


def _frequencies(name: str, of_half: bool, doc: str) -> None:
    def frequencies(
        n: int,
        d: float = 1.0,
        *,
        out: Tensor | None = None,
        dtype: dtype | None = None,
        layout: Any = None,
        device: Any = None,
        requires_grad: bool | None = False,
    ) -> Tensor:
        count = integer(n, name, "n")
        type = dtype or (default_dtype() if out is None else out.dtype)
        if type.category < 2:
            raise RuntimeError(f"{name} requires a floating point or complex dtype")
        if type.category == 3:
            raise NotImplementedError(f"\"arange_cpu\" not implemented for '{name_of_dtype(type)}'")
        where = as_device_name(device)
        k = iota(count // 2 + 1 if of_half else count, int64, where)
        if not of_half:
            k = k - (k >= (count + 1) // 2).to(int64) * count
        result = cast(cast(k, finest(where)) * (1 / (count * d) if count * d else math.inf), type)
        result.requires_grad = requires_grad
        return result if out is None else write_made(out, result)

    frequencies.__name__ = frequencies.__qualname__ = name
    frequencies.__doc__ = doc
    operator(name, namespace="fft", method=False)(frequencies)


_frequencies("fftfreq", False, """The frequencies of the n points of `fft`, for samples at steps of d: 0, 1, … -2, -1, over n·d.

    >>> torch.fft.fftfreq(4)
    tensor([ 0.0000,  0.2500, -0.5000, -0.2500])
    """)  # fmt: skip
_frequencies("rfftfreq", True, "The frequencies of the points of `rfft`, for n samples at steps of d.")


def _shift(name: str, by: Any, doc: str) -> None:
    def shift(input: Tensor, dim: Any = None) -> Tensor:
        shape = tuple(check_tensor(input, name, "input")._shape)
        dims = tuple(range(len(shape))) if dim is None else wrap_dims(dims_argument(dim), len(shape), empty_is_all=False)
        return roll(input, tuple([by(shape[d]) for d in dims]), dims) if dims else input.clone()

    shift.__name__ = shift.__qualname__ = name
    shift.__doc__ = doc
    operator(name, namespace="fft", method=False)(shift)


_shift("fftshift", lambda n: n // 2, "Points in the order of their frequencies, 0 in the middle.")
_shift("ifftshift", lambda n: (n + 1) // 2, "The inverse of `fftshift`.")
