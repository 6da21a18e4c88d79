"""A contraction in normal form: axes, and every operand as a strided view with the bounds that it must check.

May import `flambeau.kernels`, `flambeau.dtypes` and LLVM's types.

`normalize` turns the kernel's positions into linear addresses, drops axes of one element and bounds that always hold, and
merges neighbouring axes that every view walks as one. What is left is small: a 1×1 convolution, a batched matrix product
and a plain one come out alike.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import prod

from flambeau.codegen.llvm.types import bits_of, vector
from flambeau.dtypes import dtype
from flambeau.kernels.ir import ContractionKernel, Expr, Operand
from flambeau.traced import Traced, typical

__all__ = [
    "Check",
    "View",
    "Form",
    "sum_type",
    "normalize",
    "affine",
    "epilogue_axes",
    "rewrite",
    "substitute",
    "simplify",
    "order_summed",
    "merge",
]


def sum_type(type: dtype) -> str:
    """The LLVM type in which products of `type` are summed: float32 for the half types, 32-bit integers for narrower ones and
    bool (integers wrap, and wrapping commutes with narrowing; a bool's sum is tested against zero at the end), or its own."""
    if type.is_floating_point:
        return "double" if type.itemsize == 8 else "float"
    return f"i{max(32, 8 * type.itemsize)}"


@dataclass(frozen=True)
class Check:
    """A bound of a view: the position offset + Σ terms[k]·index[k] must be a multiple of `every` in [0, every·size), or the
    element is zero. With `every` > 1 the view's address gains `stride`·position/every; otherwise the view's own strides
    hold that already."""

    offset: int
    terms: tuple[int, ...]
    size: int
    every: int = 1
    stride: int = 0

    @property
    def limit(self) -> int:
        return self.size * self.every


@dataclass(frozen=True)
class View:
    """Memory of slot `slot` at offset + Σ strides[k]·index[k], zero where a check fails. Counted in elements."""

    slot: int
    type: dtype
    offset: int
    strides: tuple[int, ...]
    checks: tuple[Check, ...] = ()

    def varies(self, axis: int) -> bool:
        return self.strides[axis] != 0 or any(c.terms[axis] for c in self.checks)

    def checked(self, axis: int) -> bool:
        return any(c.terms[axis] for c in self.checks)


@dataclass(frozen=True)
class Form:
    """`extents` of the axes, output axes first (`outputs` of them, in order of falling output stride), then those summed over.

    `places[k]` says what original axis k is: (offset, coefficient of each axis here). `loads` are the epilogue's loads whose
    index is affine; the axes that the epilogue reads in another way are kept unmerged.
    """

    extents: tuple[int, ...]
    outputs: int
    a: View
    b: View
    out: View
    epilogue: Expr
    loads: tuple[tuple[Expr, View], ...]
    places: tuple[tuple[int, tuple[int, ...]], ...]

    @property
    def summed(self) -> range:
        return range(self.outputs, len(self.extents))

    @property
    def sum_type(self) -> str:
        """The LLVM type of the sums, and of the operands once they are read."""
        return sum_type(self.a.type)

    def vector(self, lanes: int) -> str:
        """The LLVM type of so many sums."""
        return vector(self.sum_type, lanes)

    @property
    def sum_bytes(self) -> int:
        return bits_of(self.sum_type) // 8

    @property
    def typical_extents(self) -> tuple[int, ...]:
        """The extents, or plain numbers about as large."""
        return tuple(map(typical, self.extents))

    @property
    def is_traced(self) -> bool:
        """Whether some of its sizes are known only when it is computed."""
        views = (self.a, self.b, self.out)
        return any(isinstance(n, Traced) for n in (*self.extents, *(s for v in views for s in (v.offset, *v.strides))))

    @property
    def size(self) -> int:
        """Elements of the result."""
        return prod(self.extents[: self.outputs])

    @property
    def terms(self) -> int:
        """Products in one sum."""
        return prod(self.extents[self.outputs :])


def affine(e: Expr) -> tuple[int, dict[int, int]] | None:
    """offset and axis coefficients of an integer expression, or None when it isn't affine."""
    if e.op == "axis":
        return 0, {e.param: 1}
    if e.op == "literal":
        return (int(e.param), {}) if not e.dtype.is_floating_point else None
    if (
        e.op == "cast"
        and e.dtype.category == 1
        and e.args[0].dtype.category == 1
        and e.dtype.itemsize >= e.args[0].dtype.itemsize
    ):
        return affine(e.args[0])
    if e.op not in ("add", "sub", "mul", "neg"):
        return None
    parts = [affine(x) for x in e.args]
    if any(p is None for p in parts):
        return None
    (o, t), *rest = parts  # type: ignore[misc]
    if e.op == "neg":
        return -o, {k: -c for k, c in t.items()}
    p, u = rest[0]  # type: ignore[misc]
    if e.op == "mul":
        if t and u:
            return None
        (scale, o, t) = (p, o, t) if t else (o, p, u)
        return o * scale, {k: c * scale for k, c in t.items()}
    sign = 1 if e.op == "add" else -1
    return o + sign * p, {k: t.get(k, 0) + sign * u.get(k, 0) for k in {**t, **u}}


def _view(operand: Operand, type: dtype, axes: int) -> View:
    offset, strides, checks = 0, [0] * axes, []
    stride = prod(operand.shape)
    for size, position in zip(operand.shape, operand.positions, strict=True):
        stride = stride // size if size else 0
        terms = [0] * axes
        for axis, coefficient in position.terms:
            terms[axis] += coefficient
        checks.append(Check(position.offset, tuple(terms), size, position.every, stride if position.every > 1 else 0))
        if position.every == 1:
            offset += stride * position.offset
            strides = [s + stride * t for s, t in zip(strides, terms)]
    return View(operand.slot, type, offset, tuple(strides), tuple(checks))


def normalize(kernel: ContractionKernel) -> Form:
    """The kernel's normal form: output axes in order, then the summed ones, outermost the one with the longest stride."""
    count = len(kernel.extents)
    summed = [k for k in range(count) if k not in kernel.outputs]
    order = [*kernel.outputs, *summed]
    to = {old: new for new, old in enumerate(order)}
    extents = tuple(kernel.extents[k] for k in order)
    out_strides, running = [0] * count, 1
    for k in reversed(range(len(kernel.outputs))):
        out_strides[k] = running
        running *= extents[k]
    identity = tuple((0, tuple(int(to[old] == new) for new in range(count))) for old in range(count))

    def moved(v: View) -> View:
        return replace(
            v,
            strides=tuple(v.strides[k] for k in order),
            checks=tuple(replace(c, terms=tuple(c.terms[k] for k in order)) for c in v.checks),
        )

    def type_of(operand: Operand) -> dtype:
        return kernel.slots[operand.slot].dtype

    loads: list[tuple[Expr, View]] = []
    seen: set[Expr] = set()

    def find(e: Expr) -> None:
        if e in seen:
            return
        seen.add(e)
        parsed = affine(e.args[0]) if e.op == "load" and len(e.args) == 1 else None
        if parsed is not None:
            strides = [0] * count
            for axis, coefficient in parsed[1].items():
                strides[to[axis]] = coefficient
            loads.append((e, View(e.param, e.dtype, parsed[0], tuple(strides))))
            return
        for x in e.args:
            find(x)

    find(kernel.epilogue)
    last = len(kernel.slots) - 1
    form = Form(
        extents,
        len(kernel.outputs),
        moved(_view(kernel.a, type_of(kernel.a), count)),
        moved(_view(kernel.b, type_of(kernel.b), count)),
        View(last, kernel.slots[last].dtype, 0, tuple(out_strides)),
        kernel.epilogue,
        tuple(loads),
        identity,
    )
    return order_summed(simplify(form))


def rewrite(form: Form, extents: Sequence[int], outputs: int, through: Sequence[tuple[int, dict[int, int]]]) -> Form:
    """The form over new axes: old axis k is offset + Σ coefficient·new axis, as `through[k]` says."""
    width = len(extents)

    def terms(old: tuple[int, ...]) -> tuple[int, tuple[int, ...]]:
        offset, new = 0, [0] * width
        for c, (o, t) in zip(old, through):
            if c:
                offset += c * o
                for k, x in t.items():
                    new[k] += c * x
        return offset, tuple(new)

    def view(v: View) -> View:
        offset, strides = terms(v.strides)
        checks = []
        for c in v.checks:
            shift, t = terms(c.terms)
            checks.append(replace(c, offset=c.offset + shift, terms=t))
        return replace(v, offset=v.offset + offset, strides=strides, checks=tuple(checks))

    places = []
    for o, t in form.places:
        shift, new = terms(t)
        places.append((o + shift, new))
    return Form(
        tuple(extents),
        outputs,
        view(form.a),
        view(form.b),
        view(form.out),
        form.epilogue,
        tuple((e, view(v)) for e, v in form.loads),
        tuple(places),
    )


def substitute(form: Form, changes: dict[int, tuple[int, int, int]]) -> Form:
    """Axis k of `changes` restricted to start + step·[0, extent): `changes[k] = (start, step, extent)`."""
    extents = [changes[k][2] if k in changes else e for k, e in enumerate(form.extents)]
    through = [(changes[k][0], {k: changes[k][1]}) if k in changes else (0, {k: 1}) for k in range(len(extents))]
    return rewrite(form, extents, form.outputs, through)


def simplify(form: Form) -> Form:
    """Drops axes of one element, and checks that always hold."""
    keep = [k for k, e in enumerate(form.extents) if e != 1]
    place = {old: new for new, old in enumerate(keep)}
    through = [(0, {place[k]: 1} if k in place else {}) for k in range(len(form.extents))]
    form = rewrite(form, [form.extents[k] for k in keep], sum(k < form.outputs for k in keep), through)

    def needed(c: Check) -> bool:
        low = c.offset + sum(min(0, t * (e - 1)) for t, e in zip(c.terms, form.extents))
        high = c.offset + sum(max(0, t * (e - 1)) for t, e in zip(c.terms, form.extents))
        return c.every > 1 or low < 0 or high >= c.size

    def view(v: View) -> View:
        return replace(v, checks=tuple(c for c in v.checks if needed(c)))

    return replace(form, a=view(form.a), b=view(form.b))


def order_summed(form: Form) -> Form:
    """Summed axes by falling stride in b, then a: the order in which memory is walked best, and in which most of them merge."""
    first, count = form.outputs, len(form.extents)

    def reach(view: View, axis: int) -> int:
        return abs(view.strides[axis]) or max((abs(c.terms[axis]) * c.stride for c in view.checks), default=0)

    tail = sorted(range(first, count), key=lambda k: (-max(reach(form.a, k), reach(form.b, k)), -reach(form.b, k)))
    order = [*range(first), *tail]
    through: list[tuple[int, dict[int, int]]] = [(0, {})] * count
    for new, old in enumerate(order):
        through[old] = (0, {new: 1})
    return rewrite(form, [form.extents[k] for k in order], first, through)


def epilogue_axes(form: Form) -> set[int]:
    """Axes whose value the epilogue reads other than through an affine load."""
    simple = {e for e, _ in form.loads}
    found: set[int] = set()
    seen: set[Expr] = set()

    def find(e: Expr) -> None:
        if e in seen or e in simple:
            return
        seen.add(e)
        if e.op == "axis":
            found.update(k for k, c in enumerate(form.places[e.param][1]) if c)
        for x in e.args:
            find(x)

    find(form.epilogue)
    return found


def merge(form: Form) -> Form:
    """Merges neighbouring axes, both of the output or both summed, that every view walks as one."""
    fixed = epilogue_axes(form)
    views = [form.a, form.b, form.out, *(v for _, v in form.loads)]
    k = 0
    while k + 1 < len(form.extents):
        i, j = k, k + 1
        n = form.extents[j]
        joined = (i < form.outputs) == (j < form.outputs) and i not in fixed and j not in fixed
        joined = joined and all(
            v.strides[i] == n * v.strides[j] and all(c.terms[i] == n * c.terms[j] for c in v.checks) for v in views
        )
        if not joined:
            k += 1
            continue
        extents = [*form.extents[:i], form.extents[i] * n, *form.extents[j + 1 :]]

        def drop(t: tuple[int, ...], i: int = i) -> tuple[int, ...]:
            return t[:i] + t[i + 1 :]

        def view(v: View, drop: Callable[[tuple[int, ...]], tuple[int, ...]] = drop) -> View:
            return replace(v, strides=drop(v.strides), checks=tuple(replace(c, terms=drop(c.terms)) for c in v.checks))

        form = Form(
            tuple(extents),
            form.outputs - (j < form.outputs),
            view(form.a),
            view(form.b),
            view(form.out),
            form.epilogue,
            tuple((e, view(v)) for e, v in form.loads),
            tuple((o, drop(t)) for o, t in form.places),
        )
        fixed = {f - (f >= j) for f in fixed}
        views = [form.a, form.b, form.out, *(v for _, v in form.loads)]
    return form
