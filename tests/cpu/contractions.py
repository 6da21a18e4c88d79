"""For tests and benchmarks: kernels of convolutions and products, and their meaning in NumPy."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from flambeau import dtypes
from flambeau.dtypes import dtype
from flambeau.graph.numpy import array_type
from flambeau.kernels.ir import Affine, ContractionKernel, Expr, Operand, Slot


def accumulator(type: dtype) -> Expr:
    held = dtypes.float32 if type in (dtypes.float16, dtypes.bfloat16) else type
    return Expr("accumulator", (), held)


def plain_epilogue(type: dtype) -> Expr:
    sum_ = accumulator(type)
    return sum_ if sum_.dtype is type else Expr("cast", (sum_,), type)


def kernel(
    extents: tuple[int, ...],
    outputs: tuple[int, ...],
    a_shape: tuple[int, ...],
    a_positions: tuple[Affine, ...],
    b_shape: tuple[int, ...],
    b_positions: tuple[Affine, ...],
    type: dtype = dtypes.float32,
    epilogue: Expr | None = None,
    more: tuple[Slot, ...] = (),
) -> ContractionKernel:
    """A contraction with a in slot 0, b in slot 1, `more` after them and the result last."""
    epilogue = plain_epilogue(type) if epilogue is None else epilogue
    size = prod(extents[k] for k in outputs)
    slots = (Slot(type, prod(a_shape), "in"), Slot(type, prod(b_shape), "in"), *more, Slot(epilogue.dtype, size, "out"))
    return ContractionKernel(
        extents, outputs, Operand(0, a_shape, a_positions), Operand(1, b_shape, b_positions), epilogue, slots
    )


@dataclass(frozen=True)
class Conv:
    """conv2d's sizes; `groups` as in PyTorch."""

    n: int
    c: int
    h: int
    w: int
    o: int
    kh: int
    kw: int
    stride: int = 1
    padding: int | tuple[int, int] = 0
    dilation: int = 1
    groups: int = 1

    @property
    def pads(self) -> tuple[int, int]:
        return self.padding if isinstance(self.padding, tuple) else (self.padding, self.padding)

    @property
    def out(self) -> tuple[int, int]:
        (p, q), d = self.pads, self.dilation
        return (
            (self.h + 2 * p - d * (self.kh - 1) - 1) // self.stride + 1,
            (self.w + 2 * q - d * (self.kw - 1) - 1) // self.stride + 1,
        )

    @property
    def flops(self) -> int:
        oh, ow = self.out
        return 2 * self.n * self.o * oh * ow * self.c // self.groups * self.kh * self.kw


def _axis(k: int) -> Affine:
    return Affine(0, ((k, 1),))


def conv_forward(s: Conv, type: dtype = dtypes.float32, bias: bool = True) -> ContractionKernel:
    """Axes g n o oh ow | c kh kw; result [n, g, o, oh, ow]; slots x, w, bias, y."""
    (oh, ow), (p, q), g = s.out, s.pads, s.groups
    sum_ = accumulator(type)
    more: tuple[Slot, ...] = ()
    epilogue: Expr = sum_
    if bias:
        i64 = dtypes.int64
        place = Expr(
            "add",
            (
                Expr("mul", (Expr("axis", (), i64, 0), Expr("literal", (), i64, s.o // g)), i64),
                Expr("axis", (), i64, 2),
            ),
            i64,
        )
        loaded: Expr = Expr("load", (place,), type, 2)
        if sum_.dtype is not type:
            loaded = Expr("cast", (loaded,), sum_.dtype)
        epilogue = Expr("add", (sum_, loaded), sum_.dtype)
        more = (Slot(type, s.o, "in"),)
    if sum_.dtype is not type:
        epilogue = Expr("cast", (epilogue,), type)
    return kernel(
        (g, s.n, s.o // g, oh, ow, s.c // g, s.kh, s.kw),
        (1, 0, 2, 3, 4),
        (s.n, g, s.c // g, s.h, s.w),
        (
            _axis(1),
            _axis(0),
            _axis(5),
            Affine(-p, ((3, s.stride), (6, s.dilation))),
            Affine(-q, ((4, s.stride), (7, s.dilation))),
        ),
        (g, s.o // g, s.c // g, s.kh, s.kw),
        (_axis(0), _axis(2), _axis(5), _axis(6), _axis(7)),
        type,
        epilogue,
        more,
    )


def conv_weight(s: Conv, type: dtype = dtypes.float32) -> ContractionKernel:
    """The weight's gradient: axes g o c kh kw | n oh ow; slots x, dy, dw."""
    (oh, ow), (p, q), g = s.out, s.pads, s.groups
    return kernel(
        (g, s.o // g, s.c // g, s.kh, s.kw, s.n, oh, ow),
        (0, 1, 2, 3, 4),
        (s.n, g, s.c // g, s.h, s.w),
        (
            _axis(5),
            _axis(0),
            _axis(2),
            Affine(-p, ((6, s.stride), (3, s.dilation))),
            Affine(-q, ((7, s.stride), (4, s.dilation))),
        ),
        (s.n, g, s.o // g, oh, ow),
        (_axis(5), _axis(0), _axis(1), _axis(6), _axis(7)),
        type,
    )


def conv_input(s: Conv, type: dtype = dtypes.float32) -> ContractionKernel:
    """The input's gradient: axes g n c h w | o kh kw; slots dy (spread by the stride), w flipped, dx.

    dx[h] = Σ dy[(h + p - d·kh)/s]·w[kh], with kh counted from the last tap as the graph's flipped weight has it.
    """
    (oh, ow), (p, q), g, d = s.out, s.pads, s.groups, s.dilation
    return kernel(
        (g, s.n, s.c // g, s.h, s.w, s.o // g, s.kh, s.kw),
        (1, 0, 2, 3, 4),
        (s.n, g, s.o // g, oh, ow),
        (
            _axis(1),
            _axis(0),
            _axis(5),
            Affine(p - d * (s.kh - 1), ((3, 1), (6, d)), s.stride),
            Affine(q - d * (s.kw - 1), ((4, 1), (7, d)), s.stride),
        ),
        (g, s.o // g, s.c // g, s.kh, s.kw),
        (_axis(0), _axis(5), _axis(2), Affine(s.kh - 1, ((6, -1),)), Affine(s.kw - 1, ((7, -1),))),
        type,
    )


def matmul(
    m: int, k: int, n: int, a: str = "mk", b: str = "kn", batch: int = 0, type: dtype = dtypes.float32
) -> ContractionKernel:
    """A (batched) matrix product, with either operand stored transposed. Axes m n k and, when there is one, the batch."""
    number = {"m": 0, "n": 1, "k": 2}
    sizes = (m, n, k, batch) if batch else (m, n, k)
    lead = ((batch,), (_axis(3),)) if batch else ((), ())

    def operand(letters: str) -> tuple[Any, Any]:
        return lead[0] + tuple(sizes[number[x]] for x in letters), lead[1] + tuple(_axis(number[x]) for x in letters)

    return kernel(sizes, (3, 0, 1) if batch else (0, 1), *operand(a), *operand(b), type)


# --- meaning ------------------------------------------------------------------------------------------------------------


def _expand(operand: Operand, data: np.ndarray, extents: tuple[int, ...]) -> tuple[np.ndarray, list[int]]:
    """The operand's values over the axes that it depends on, and those axes."""
    axes = sorted({axis for p in operand.positions for axis, _ in p.terms})
    shape = tuple(extents[k] for k in axes)
    grids = dict(zip(axes, np.meshgrid(*[np.arange(n) for n in shape], indexing="ij", sparse=True) if axes else ()))
    inside: Any = np.ones(shape, bool)
    where: Any = np.zeros(shape, np.int64)
    for size, position in zip(operand.shape, operand.positions, strict=True):
        at: Any = np.full(shape, position.offset, np.int64)
        for axis, coefficient in position.terms:
            at = at + coefficient * grids[axis]
        inside = inside & (at >= 0) & (at % position.every == 0) & (at // position.every < size)
        where = where * size + at // position.every
    flat = np.append(data.reshape(-1), np.zeros(1, data.dtype))
    return flat[np.where(inside, where, data.size)], axes


def meaning(k: ContractionKernel, arrays: list[np.ndarray], extra: Any = None) -> np.ndarray:
    """The kernel's result. `extra(sums)` is the epilogue in NumPy; without it the sum is cast."""
    type = k.slots[k.a.slot].dtype
    held: Any = array_type(type)
    if type.category != 1:
        held = np.float64 if type.category == 2 else np.int64
    (a, in_a), (b, in_b) = (_expand(side, arrays[side.slot].astype(held), k.extents) for side in (k.a, k.b))
    lone = [x for x in range(len(k.extents)) if x not in in_a and x not in in_b]
    ones = np.ones([k.extents[x] for x in lone], held)
    with np.errstate(all="ignore"):
        b = np.multiply.outer(b, ones).astype(held)
        sums = np.einsum(a, in_a, b, in_b + lone, list(k.outputs), optimize=type.category == 2)
    if extra is not None:
        sums = extra(sums)
    return np.asarray(sums).astype(array_type(k.slots[-1].dtype))
