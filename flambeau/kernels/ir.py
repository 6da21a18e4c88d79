"""The kernel IR: expressions over loop axes, and the few kinds of kernel. Every target reads this and nothing above it.

May import `flambeau.dtypes` only.

An expression has an `op`, `args`, a `dtype` and a `param`:

==============  ======================================  ======================================================================
op              param                                   meaning
==============  ======================================  ======================================================================
axis            the axis' number                        the loop variable, int64
literal         the number                              a constant of `dtype`
load            the slot                                args (index,) or (index, mask): element of a slot; 0 where mask is false
a primitive     None                                    an elementwise primitive by its name (`add`, `exp`, `where` …)
cast, bitcast   None                                    args (x,): conversion of args[0] to `dtype`
reduce          (kind, ((axis, extent), …))             args (body,): sum, prod, max, min, any, all, argmax, argmin over new axes
                                                        (those two give the row-major position over all of them)
scan            (kind, axis)                            args (body,): running combination along a parallel axis, in order
philox          None                                    args (seed, offset, position): uint32, see primitives/random.py
check           the `Bounds`                            args (index, size literal), int64: a position in [-size, size), or in
                                                        [0, size), made non-negative. One outside is the bounds' error, `{value}`
                                                        and `{size}` in its text standing for the position and the size
accumulator     None                                    in a contraction's epilogue: the sum of products
==============  ======================================  ======================================================================

Index arithmetic is ordinary expressions of dtype int64, non-negative where it addresses memory.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from weakref import WeakValueDictionary

from flambeau.dtypes import dtype
from flambeau.dtypes import dtype as DType  # an Expr has an attribute of that name

__all__ = [
    "Expr",
    "Slot",
    "Store",
    "LoopKernel",
    "SortKernel",
    "FourierKernel",
    "RoutineKernel",
    "Affine",
    "Operand",
    "ContractionKernel",
    "Strided",
    "AttentionKernel",
    "Kernel",
]


class Expr:
    """One hash-consed expression: structurally equal expressions are one object, so `is` compares and sharing is free.

    The table knows them weakly: those of plans that are forgotten go.
    """

    __slots__ = ("op", "args", "dtype", "param", "axes", "__weakref__")
    op: str
    args: tuple[Expr, ...]
    dtype: DType
    param: Any
    axes: frozenset[int]
    """The axes that the value varies with (those a reduce binds are not among them)."""

    _table: WeakValueDictionary[Any, Expr] = WeakValueDictionary()

    def __new__(cls, op: str, args: tuple[Expr, ...], type: DType, param: Any = None) -> Expr:
        key = (op, tuple(map(id, args)), type, param, param.__class__, repr(param) if isinstance(param, float) else None)
        found = cls._table.get(key)
        if found is not None:
            return found
        self = object.__new__(cls)
        self.op, self.args, self.dtype, self.param = op, args, type, param
        axes: set[int] = set()
        for a in args:
            axes |= a.axes
        if op == "axis":
            axes.add(param)
        elif op == "reduce":
            axes -= {axis for axis, _ in param[1]}
        elif op == "scan":
            axes.add(param[1])
        self.axes = frozenset(axes)
        cls._table[key] = self
        return self

    @property
    def divides_integers(self) -> bool:
        """Whether it divides by an integer that may be zero."""
        if self.op not in ("floor_divide", "remainder", "fmod", "div") or self.dtype.category > 1:
            return False
        divisor = self.args[1]
        return divisor.op != "literal" or not divisor.param

    @property
    def may_raise(self) -> bool:
        """Whether its values may be errors: a position outside, a division by zero."""
        return self.op == "check" or self.divides_integers

    def __repr__(self) -> str:
        if self.op in ("axis", "literal"):
            return f"i{self.param}" if self.op == "axis" else repr(self.param)
        inner = ", ".join(map(repr, self.args))
        return f"{self.op}{'' if self.param is None else f'[{self.param}]'}({inner}):{self.dtype.name}"


@dataclass(frozen=True)
class Slot:
    """One memory argument of a kernel: `size` elements of `dtype`; `access` is "in", "out" or "inout"."""

    dtype: dtype
    size: int
    access: str


@dataclass(frozen=True)
class Store:
    """Writes `value` at `index` of slot `slot`, where `guard` holds.

    `mode` other than "set" combines with what is there ("add", "mul", "amax", "amin"); then, and wherever `index` depends on
    loaded data, several iterations may meet at one place: the target orders or synchronises them (`is_scatter`).
    """

    slot: int
    index: Expr
    value: Expr
    mode: str = "set"
    guard: Expr | None = None
    is_scatter: bool = False


@dataclass(frozen=True)
class LoopKernel:
    """A nest of parallel axes 0…n-1 (extents outer to inner) whose body makes `stores`.

    Reduce expressions inside the stores open inner loops over their own axes (numbered from n). A sub-expression is
    evaluated at the outermost loop where its axes are known, so a softmax is one kernel: its row's maximum depends on
    the row axis alone.

    A plan may put a result in the memory of an operand (`Plan.aliases`) that is read only at the index where the same iteration
    stores. So an iteration computes the values of all its stores, then stores them, and no two iterations' order matters.
    """

    axes: tuple[int, ...]
    slots: tuple[Slot, ...]
    stores: tuple[Store, ...]


@dataclass(frozen=True)
class SortKernel:
    """Stable order of each row of slot 0 (`rows` × `length`, dense) as int64 positions in slot 1: of the first `kept` elements in
    that order. NaN counts as largest."""

    rows: int
    length: int
    kept: int
    descending: bool
    slots: tuple[Slot, ...]


@dataclass(frozen=True)
class FourierKernel:
    """Discrete Fourier transforms along the middle one of three dimensions (`outer`, points, `inner`), from slot 0 to slot 1,
    times `factor`; complex numbers are pairs of real ones.

    `kind`: "forward", "inverse"; "real", of n real numbers the first n/2 + 1 points; "half", back. Those two are of even n.
    """

    kind: str
    outer: int
    n: int
    inner: int
    factor: float
    slots: tuple[Slot, ...]


@dataclass(frozen=True)
class RoutineKernel:
    """A host function by name (`graph.primitives.routine.ROUTINES`) over dense arrays.

    The last slot, and the last shape, are the packed result's.
    """

    name: str
    arguments: tuple[Any, ...]
    shapes: tuple[tuple[int, ...], ...]
    slots: tuple[Slot, ...]


@dataclass(frozen=True)
class Affine:
    """A position: offset + Σ coefficient·axis. With `every` > 1 only multiples of it hold an element, position/every."""

    offset: int
    terms: tuple[tuple[int, int], ...]  # (axis, coefficient), coefficients may be negative
    every: int = 1


@dataclass(frozen=True)
class Operand:
    """One side of a contraction: dense row-major memory of `shape`, read at one affine position a dimension.

    Positions outside [0, size) and those that `every` skips read as zero: that is a convolution's padding and dilation
    of the input.
    """

    slot: int
    shape: tuple[int, ...]
    positions: tuple[Affine, ...]


@dataclass(frozen=True)
class ContractionKernel:
    """out[outputs…] = epilogue(Σ over the other axes of a·b). `extents[k]` is axis k's length.

    `epilogue` is an expression over the output axes in which `accumulator` stands for the sum (float32 for half types),
    with loads from further slots; its value is stored dense and row-major in `outputs` order in the last slot.
    """

    extents: tuple[int, ...]
    outputs: tuple[int, ...]
    a: Operand
    b: Operand
    epilogue: Expr
    slots: tuple[Slot, ...]


@dataclass(frozen=True)
class Strided:
    """A view of a slot: element (i, j, …) is at offset + Σ strides·indices."""

    slot: int
    offset: int
    strides: tuple[int, ...]


@dataclass(frozen=True)
class AttentionKernel:
    """Parts of one attention, or of its gradient to some operands (see `graph/primitives/attention.py`, which defines them).

    `parts`: the results, dense, in the last slots: "output", "logsumexp"; or "query"; or "key", "value". `sizes` are
    (L, S, E, V). `operands`: query, key, value [*batch, …]; for gradients also gradient, logsumexp and delta; then the mask
    [*batch, L, S], if there is one. With `dropout` the two slots before the results are seed and offset.
    """

    parts: tuple[str, ...]
    batch: tuple[int, ...]
    sizes: tuple[int, int, int, int]
    operands: tuple[Strided, ...]
    scale: float
    is_causal: bool
    has_mask: bool
    dropout: float
    slots: tuple[Slot, ...]

    @property
    def mask(self) -> Strided | None:
        return self.operands[-1] if self.has_mask else None


Kernel = LoopKernel | SortKernel | FourierKernel | RoutineKernel | ContractionKernel | AttentionKernel
