"""Determinants and their logarithms. May import what `flambeau.ops` may."""

from __future__ import annotations

import math
from typing import Any

from flambeau.ops.complex import complex
from flambeau.ops.linalg.routines import call_routine, check_matrices
from flambeau.ops.linalg.solving import inv
from flambeau.ops.registry import operator
from flambeau.ops.results import result_type
from flambeau.tensor import Tensor

__all__ = ["det", "logdet", "slogdet"]


def _wide(t: Tensor) -> Tensor:
    return t.unsqueeze(-1).unsqueeze(-1)


def _det(name: str, a: Tensor) -> Tensor:
    check_matrices(name, a)
    return call_routine(
        "determinant", (a,), (), (tuple(a._shape[:-2]),),
        lambda gs, ys, inputs: (lambda: _wide(gs[0] * ys[0]) * inv(inputs[0]).mT,), reads=(0,),
    )[0]  # fmt: skip


@operator("det", namespace="linalg", method=False, out="exact")
def det(A: Tensor) -> Tensor:
    """The determinant of square matrices. Its gradient needs them to be regular.

    >>> torch.linalg.det(torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
    tensor(-2.)
    """
    return _det("linalg.det", A)


@operator("det")
def _old_det(input: Tensor) -> Tensor:
    """`linalg.det`."""
    return _det("linalg.det", input)


_slogdet_result = result_type("linalg_slogdet", "sign logabsdet")
_old_slogdet_result = result_type("slogdet", "sign logabsdet")


@operator("slogdet", namespace="linalg", method=False, out="exact")
def slogdet(A: Tensor) -> Any:
    """The determinant's sign (of complex matrices a number of size 1) and the logarithm of its size."""
    check_matrices("linalg.slogdet", A)
    lead = tuple(A._shape[:-2])
    sign, size = call_routine("sign_and_log", (A,), (), (lead, lead), _slogdet_gradient, conjugates=False, real=(1,), reads=(0,))
    return _slogdet_result(sign, size)


def _slogdet_gradient(gs: Any, ys: Any, inputs: Any) -> tuple[Any]:
    """d log|det A| = Re tr(A⁻¹ dA), and the angle's change is the imaginary part."""

    def part() -> Tensor:
        turn = (gs[0].conj() * ys[0]).imag if ys[0].is_complex() else None
        weight = gs[1] if turn is None else complex(gs[1].real, -turn)
        return _wide(weight) * inv(inputs[0]).mH

    return (part,)


@operator("slogdet")
def _old_slogdet(input: Tensor) -> Any:
    """`linalg.slogdet`."""
    return _old_slogdet_result(*slogdet(input))


@operator()
def logdet(input: Tensor) -> Tensor:
    """log det; NaN where the determinant is negative."""
    sign, log = slogdet(input)
    return log + sign.log() if input.is_complex() else log._fill_where(sign == -1, math.nan)
