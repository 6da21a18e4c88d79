"""What a signature is, the list of all, and the texts that several topics share. May import nothing of flambeau."""

from __future__ import annotations

from typing import NamedTuple


class Signature(NamedTuple):
    """One way to call one operator.

    `places` are letters: ``t`` the `flambeau` namespace, ``f`` `nn.functional`, ``l`` `linalg`, ``s`` `fft` (spectra), ``m`` a
    method of Tensor (the first parameter is the tensor), ``i`` also an in-place method ``name_``. `checks` are rules of the mypy
    plugin alone, whose errors count where all that they need is known; in Pyrefly they would leave the result open otherwise.
    """

    name: str
    places: str
    parameters: str
    result: str
    checks: tuple[str, ...] = ()


SIGNATURES: list[Signature] = []

INPUT = "input: Tensor[D, V, S]"
FLOATS = "input: Tensor[DF, V, S]"
INTS = "input: Tensor[DI, V, S]"
SAME = "Tensor[D, V, S]"


def add(names: str, places: str, parameters: str, result: str, *checks: str) -> None:
    """The same signature for several names, separated by spaces."""
    SIGNATURES.extend(Signature(name, places, parameters, result, checks) for name in names.split())


COMPLEX = (("complex64", "float32"), ("complex128", "float64"))
REDUCED = "reduce(S, Axes, Keep)"
OVER = "dim: Axes = None, keepdim: Keep = False"
PAIR = "input: Tensor[D, V, S], {}: Tensor[D, V, T]"
WINDOWS = "kernel_size: Axes1, dilation: Axes2 = 1, padding: Axes3 = 0, stride: Axes4 = 1"
SPREAD = "spread(Axes1, 2), spread(Axes2, 2), twice(spread(Axes3, 2)), spread(Axes4, 2)"
BROADCAST = "broadcast(S, T)"
