"""Complex numbers: made of parts, taken apart, conjugated, seen as pairs. May import what `flambeau.ops` may.

The parts of a complex tensor, and its conjugate, are views of its memory: a write through one is seen through the other. A
conjugate is computed where it is read (`is_conj` tells of one, `resolve_conj` makes a copy of it).
"""

from __future__ import annotations

import math
from typing import Any

from flambeau.graph.node import Primitive
from flambeau.graph.primitives.complex import COMPLEX, CONJ, IMAG, REAL, VIEW_AS_COMPLEX, VIEW_AS_REAL
from flambeau.ops.binary import atan2
from flambeau.ops.choices import choose
from flambeau.ops.comparison import isnan
from flambeau.ops.composite import Composite, record, untaped
from flambeau.ops.operands import check_tensor, operands, scalar
from flambeau.ops.pointwise import abs, cos, sign, sin, unary_operand
from flambeau.ops.registry import operator, scalar_name
from flambeau.ops.views import transpose
from flambeau.seen_storage import part_storage, steps_of
from flambeau.shapes import views as rules
from flambeau.tensor import Tensor

__all__ = ["angle", "complex", "conj", "imag", "polar", "real", "sgn", "view_as_complex", "view_as_real"]

_apply = Tensor._apply


def _is_complex(t: Tensor) -> bool:
    return t._storage.dtype.category == 3


# --- from parts --------------------------------------------------------------------------------------------------------
def _check_parts(name: str, a: Any, b: Any, names: tuple[str, str]) -> tuple[Tensor, ...]:
    check_tensor(a, name, names[0])
    check_tensor(b, name, names[1], 2)
    if a.dtype.category != 2 or b.dtype.category != 2 or a.dtype.name == "bfloat16" or b.dtype.name == "bfloat16":
        raise RuntimeError(
            f"Expected both inputs to be Half, Float or Double tensors but got {scalar_name(a)} and {scalar_name(b)}"
        )
    if a.dtype is not b.dtype:
        raise RuntimeError(
            f"Expected object of scalar type {scalar_name(a)} but got scalar type {scalar_name(b)} for second argument"
        )
    if a.dtype.itemsize == 2:
        raise NotImplementedError(f"{name}(): there is no complex32 (ComplexHalf): convert both parts to float32 first")
    return operands(name, a, b)


@operator("complex", method=False, out="exact")
def complex(real: Tensor, imag: Tensor) -> Tensor:
    """real + i·imag, of two float32 (float64) tensors of shapes that broadcast: complex64 (complex128).

    >>> torch.complex(torch.tensor([1.0, 2.0]), torch.tensor([3.0, -4.0]))
    tensor([1.+3.j, 2.-4.j])
    """
    return _apply(COMPLEX, _check_parts("complex", real, imag, ("real", "imag")))


@operator(method=False, out=True)
def polar(abs: Tensor, angle: Tensor) -> Tensor:
    """The complex numbers of those absolute values and angles in radians.

    >>> torch.polar(torch.tensor([2.0]), torch.tensor([0.0]))
    tensor([2.+0.j])
    """
    size, turn = _check_parts("polar", abs, angle, ("abs", "angle"))
    return _apply(COMPLEX, (size * cos(turn), size * sin(turn)))


# --- views -------------------------------------------------------------------------------------------------------------
@operator()
def view_as_real(input: Tensor) -> Tensor:
    """The parts of complex numbers along a new last dimension of 2: a view.

    >>> torch.view_as_real(torch.tensor([1 + 2j, 3 - 4j]))
    tensor([[ 1.,  2.],
            [ 3., -4.]])
    """
    if not _is_complex(check_tensor(input, "view_as_real", "input")):
        raise RuntimeError("view_as_real is only supported for complex tensors")
    if is_conj(input):
        raise RuntimeError(
            "view_as_real doesn't work on unresolved conjugated tensors.  To resolve the conjugate tensor so you can view it as "
            "real, use self.resolve_conj(); however, be warned that the resulting tensor will NOT alias the original."
        )
    shape, strides = (*input._shape, 2), (*(2 * s for s in input.stride()), 1)
    storage = part_storage(input._storage, "real")
    return input._view_of_parts(storage, VIEW_AS_REAL, shape, strides, 2 * input.storage_offset())


@operator()
def view_as_complex(input: Tensor) -> Tensor:
    """The complex numbers whose parts lie along the last dimension, of size 2: a view.

    >>> torch.view_as_complex(torch.tensor([[1.0, 2.0], [3.0, -4.0]]))
    tensor([1.+2.j, 3.-4.j])
    """
    type = check_tensor(input, "view_as_complex", "input").dtype
    if type.name not in ("float16", "float32", "float64"):
        raise RuntimeError(
            "view_as_complex is only supported for half, float and double tensors, but got a tensor of scalar type: "
            f"{scalar_name(input)}"
        )
    if type.itemsize == 2:
        raise NotImplementedError("view_as_complex(): there is no complex32 (ComplexHalf): convert to float32 first")
    shape, strides, offset = tuple(input._shape), input.stride(), input.storage_offset()
    if not shape:
        raise RuntimeError("Input tensor must have one or more dimensions")
    if shape[-1] != 2:
        raise RuntimeError("Tensor must have a last dimension of size 2")
    if strides[-1] != 1:
        raise RuntimeError("Tensor must have a last dimension with stride 1")
    if any(s % 2 for s in strides[:-1]):
        raise RuntimeError("Tensor must have a stride divisible by 2 for all but last dimension")
    if offset % 2:
        raise RuntimeError("Tensor must have a storage_offset divisible by 2")
    if input._storage.size % 2:
        raise RuntimeError("view_as_complex(): the memory holds an odd number of elements: clone() the tensor first")
    storage = part_storage(input._storage, "complex")
    return input._view_of_parts(storage, VIEW_AS_COMPLEX, shape[:-1], tuple([s // 2 for s in strides[:-1]]), offset // 2)


def _part(input: Tensor, primitive: Primitive, which: int) -> Tensor:
    strides = tuple([2 * s for s in input.stride()])
    storage = part_storage(_unconjugated(input), "real")
    offset = 2 * input.storage_offset() + which
    if which and is_conj(input):
        storage = part_storage(storage, "neg")
    return input._view_of_parts(storage, primitive, tuple(input._shape), strides, offset)


def _unconjugated(t: Tensor) -> Any:
    """The memory of a tensor without its last step, where that conjugates."""
    return part_storage(t._storage, "conj") if is_conj(t) else t._storage


@operator("real", method=False)
def real(input: Tensor) -> Tensor:
    """The real parts of complex numbers: a view. A real tensor as it is."""
    return _part(input, REAL, 0) if _is_complex(check_tensor(input, "real", "input")) else input


@operator("imag", method=False)
def imag(input: Tensor) -> Tensor:
    """The imaginary parts of complex numbers: a view."""
    if not _is_complex(check_tensor(input, "imag", "input")):
        raise RuntimeError("imag is not implemented for tensors with non-complex dtypes.")
    return _part(input, IMAG, 1)


def _set_part(part: Any) -> Any:
    def write(self: Tensor, value: Any) -> None:
        part(self).copy_(value)

    return write


Tensor.real = property(real, _set_part(real))  # type: ignore[attr-defined]
Tensor.imag = property(imag, _set_part(imag))  # type: ignore[attr-defined]


@operator()
def conj(input: Tensor) -> Tensor:
    """The conjugate: a view for complex numbers, a real tensor as it is.

    >>> torch.tensor([1 + 2j]).conj()
    tensor([1.-2.j])
    """
    if not _is_complex(check_tensor(input, "conj", "input")):
        return input
    storage = part_storage(input._storage, "conj")
    return input._view_of_parts(storage, CONJ, tuple(input._shape), input.stride(), input.storage_offset())


@operator(inplace=True, inplace_function=True, out="exact")
def conj_physical(input: Tensor) -> Tensor:
    """The conjugate in memory of its own; a real tensor as it is."""
    return _apply(CONJ, (input,)) if _is_complex(check_tensor(input, "conj_physical", "input")) else input


@operator()
def is_conj(input: Tensor) -> bool:
    """Whether the tensor is a view of what it is the conjugate of."""
    return "conj" in steps_of(check_tensor(input, "is_conj", "input")._storage)[1]


@operator()
def is_neg(input: Tensor) -> bool:
    """Whether the tensor is a view of what it is the negative of: the imaginary part of a conjugate."""
    return "neg" in steps_of(check_tensor(input, "is_neg", "input")._storage)[1]


@operator()
def resolve_conj(input: Tensor) -> Tensor:
    """The tensor itself, or a copy of one that `is_conj`."""
    return input.clone() if is_conj(input) else input


@operator()
def resolve_neg(input: Tensor) -> Tensor:
    """The tensor itself, or a copy of one that `is_neg`."""
    return input.clone() if is_neg(input) else input


@operator(method=False)
def is_complex(input: Tensor) -> bool:
    """Whether the elements are complex numbers."""
    return _is_complex(check_tensor(input, "is_complex", "input"))


@operator()
def adjoint(input: Tensor) -> Tensor:
    """The conjugate with its last two dimensions exchanged."""
    if len(input._shape) < 2:
        raise RuntimeError(f"tensor.adjoint() is only supported on matrices or batches of matrices. Got {input.ndim}-D tensor.")
    return conj(transpose(input, -2, -1))


def _matrix_adjoint(self: Tensor) -> Tensor:
    """The conjugate with its last two dimensions exchanged."""
    rules.matrix_transpose(tuple(self._shape))
    return conj(transpose(self, -2, -1) if self._shape else self)


Tensor.H = property(adjoint)  # type: ignore[attr-defined]
Tensor.mH = property(_matrix_adjoint)  # type: ignore[attr-defined]


# --- size and direction --------------------------------------------------------------------------------------------------
def _angle_gradient(g: Tensor, y: Any, inputs: Any, params: Any) -> tuple[Any]:
    """i·z / |z|², and 0 where z is 0; for real numbers 0."""
    (x,) = inputs

    def part() -> Tensor:
        if not _is_complex(x):
            return g * 0
        size = abs(x)
        direction = sgn(x) / choose(size == 0, 1.0, size, "angle")
        return _apply(COMPLEX, (-(g * direction.imag), g * direction.real))

    return (part,)


_ANGLE = Composite("angle", _angle_gradient)


@operator(out=True)
def angle(input: Tensor) -> Tensor:
    """The angle in radians, in [-π, π]: of a real number 0 or, if it is negative, π.

    >>> torch.tensor([1j, -1 + 0j, 2 + 0j]).angle()
    tensor([1.5708, 3.1416, 0.0000])
    """
    x = unary_operand("angle", input)
    with untaped():
        if _is_complex(x):
            y = atan2(_apply(IMAG, (x,)), _apply(REAL, (x,))).contiguous()  # in row-major order, as PyTorch's
        else:
            y = choose(isnan(x), x, choose(x < 0, scalar(math.pi, x.dtype, x._storage.device), 0.0, "angle"), "angle")
    return record(_ANGLE, y, (x,))


def _sgn_gradient(g: Tensor, y: Tensor, inputs: Any, params: Any) -> tuple[Any]:
    """What is across the direction, over |z|: (g - Re(g·conj(sgn z))·sgn z) / |z|, and 0 where z is 0."""
    (x,) = inputs

    def part() -> Tensor:
        size = abs(x)
        across = g - (g * conj(y)).real * y
        return (across / choose(size == 0, 1.0, size, "sgn"))._fill_where(size == 0, 0)

    return (part,)


_SGN = Composite("sgn", _sgn_gradient, saves="inputs output", conjugates=False)


@operator("sgn", inplace=True, out="exact")
def sgn(input: Tensor) -> Tensor:
    """z / |z|, and 0 of 0: the sign of a real number (of NaN, 0)."""
    if not _is_complex(check_tensor(input, "sgn", "input")):
        return sign(input)
    with untaped():
        size = abs(input)
        y = (input / choose(size == 0, 1.0, size, "sgn"))._fill_where(size == 0, 0)
    return record(_SGN, y, (input,))
