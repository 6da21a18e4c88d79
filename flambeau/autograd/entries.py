"""What the tape is made of: the entries of primitives, with what their gradient rules read, and those of writes.

A rule is called in full when it is new. What it built from operands of the same kinds before is otherwise built again
(`repeated.py`), several times quicker, with a tape entry of its own where the gradients are to be differentiated. Below the
tensor: of tensors this knows what they can do. May import `flambeau.autograd`, `flambeau.graph`, `flambeau.seen_storage`.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from math import prod
from types import FunctionType
from typing import TYPE_CHECKING, Any

from flambeau.autograd.modes import state
from flambeau.autograd.names import name_of_entry
from flambeau.autograd.repeated import NO_EDGE, RepeatedGradient, repeat
from flambeau.autograd.tape import Edge, GradientFunction, SavedTensor, freed_error
from flambeau.graph.node import Primitive
from flambeau.graph.primitives.movement import AS_STRIDED, ASSIGN, PERMUTE, RESHAPE
from flambeau.seen_storage import inverse, seen
from flambeau.shapes.strides import memory_order

if TYPE_CHECKING:
    from flambeau.tensor import Tensor

__all__ = [
    "AsStridedBackward0", "CopyBackwards", "CopySlices", "FillBackward2", "MOVEMENTS", "PrimitiveGradient", "ZeroBackward0",
    "entitle", "entry_class",
]  # fmt: skip


class _Form:
    """What is kept of an operand whose elements no gradient reads."""

    __slots__ = ("shape", "dtype")

    def __init__(self, t: Tensor) -> None:
        self.shape, self.dtype = t._shape, t._storage.dtype

    def restore(self) -> _Form:
        return self


class PrimitiveGradient(GradientFunction):
    """The tape entry of one primitive: its gradient rule, with what the rule reads."""

    __slots__ = ("primitive", "params", "saved", "saved_output", "needs", "released")

    def __init__(self, primitive: Primitive, tensors: Sequence[Tensor], params: tuple[Any, ...], output: Tensor) -> None:
        edges: list[Edge] = []
        for t in tensors:
            if t._base is None and t._grad_fn is not None:  # as `_edge` says, of most
                edges.append((t._grad_fn, t._output_index))
            else:
                edges.append(t._edge() if t._requires_grad or t._base is not None else NO_EDGE)
        super().__init__(tuple(edges))
        self.primitive, self.params = primitive, params
        self.saved: tuple[Any, ...] = ()
        if primitive.saves_inputs:
            reads: Any = primitive.reads
            if reads.__class__ is FunctionType:
                reads = reads(params)
            if reads is None:
                self.saved = tuple([SavedTensor(t, False) for t in tensors])
            else:
                wanted: tuple[int, ...] = ()
                for t, read in zip(tensors, reads):
                    if t._requires_grad or (t._base is not None and t.requires_grad):
                        wanted += read
                values = primitive.values
                self.saved = tuple(
                    [SavedTensor(t, False, i in values) if i in wanted else _Form(t) for i, t in enumerate(tensors)]
                )
        saves_output: Any = primitive.saves_output
        if saves_output.__class__ is FunctionType:
            saves_output = saves_output(params)
        self.saved_output = SavedTensor(output, True) if saves_output else None
        self.released = False

    def shown(self) -> GradientFunction:
        if self.__class__ is PrimitiveGradient:
            ranks = tuple([len(s.tensor._shape if isinstance(s, SavedTensor) else s.shape) for s in self.saved])
            self.__class__ = entry_class(name_of_entry(self.primitive.name, self.params, ranks))
        return self

    def backward(self, gradients: list[Any]) -> Sequence[Any]:
        if self.released:
            raise freed_error()
        known = self._repeated(gradients[0])
        if known is not None:
            return known
        inputs = tuple([s.restore() for s in self.saved])
        return self._by_rule(gradients[0], None if self.saved_output is None else self.saved_output.restore(self), inputs)

    def _repeated(self, g: Tensor) -> list[Any] | None:
        """The gradients, where the rule was called before with operands of these kinds; else None."""
        operands = [g]
        trail: list[tuple[Edge, SavedTensor | None]] | None = None
        if state.enabled:
            trail = [(g._edge() if g.requires_grad else NO_EDGE, None)]
        key: list[Any] = [self.params, self.edges.count(NO_EDGE) and tuple([edge[0] is not None for edge in self.edges])]
        for s in self.saved if self.saved_output is None else (*self.saved, self.saved_output):
            if s.__class__ is _Form:
                key += s.shape, s.dtype
            elif s.unpack is None:
                made_by = self if s is self.saved_output else None
                operands.append(s.checked(made_by))
                if trail is not None:
                    trail.append((s.edge(made_by), s))
            else:
                return None
        return repeat(self.primitive.known, key, operands, self._called, trail)

    def _called(self, operands: list[Tensor]) -> list[Any]:
        """The gradients from other operands: the gradient of the output, and for each saved tensor another in its place."""
        remaining = iter(operands[1:])
        inputs = tuple([s if s.__class__ is _Form else next(remaining) for s in self.saved])
        return self._by_rule(operands[0], None if self.saved_output is None else next(remaining), inputs)

    def _by_rule(self, g: Tensor, output: Tensor | None, inputs: tuple[Any, ...]) -> list[Any]:
        assert self.primitive.gradient is not None
        results = []
        for (function, _), part in zip(self.edges, self.primitive.gradient(g, output, inputs, self.params)):
            results.append(None if function is None else part() if part.__class__ is FunctionType else part)
        return results

    def saved_values(self) -> list[Tensor]:
        saved = [s for s in (*self.saved, self.saved_output) if isinstance(s, SavedTensor)]
        return [s.tensor for s in saved if s.unpack is None]

    def release(self) -> None:
        if self.saved or self.saved_output is not None:
            self.saved, self.saved_output, self.released = (), None, True


class _Movements:
    """Movement primitives one after the other, to the tape what one primitive is; the params are the `steps` of a `View`."""

    name, reads = "view", None
    saves_inputs = saves_output = False

    def __init__(self) -> None:
        self.known: dict[Any, Any] = {}

    def gradient(self, g: Any, output: Any, inputs: Any, params: Any) -> Any:
        for primitive, own in reversed(params):
            (g,) = primitive.gradient(g, None, (), own)
        return (g,)


MOVEMENTS: Any = _Movements()


@lru_cache(None)
def entry_class(name: str) -> type[PrimitiveGradient]:
    """The class of tape entries that show this name."""
    return type(name, (PrimitiveGradient,), {"__slots__": ()})


def entitle(t: Tensor, name: str) -> Tensor:
    """The tensor, whose tape entry (fresh, or None) shows `name` from now on."""
    entry = t._grad_fn
    if isinstance(entry, PrimitiveGradient):
        entry.__class__ = entry_class(name)
    elif isinstance(entry, RepeatedGradient):
        entry.show_as(name)
    return t


class _Place(GradientFunction):
    """Where a view lies in its base: shape, strides and offset in the base's memory, seen through `steps` (`storage.seen`).

    `base_strides` are None where the base's memory is in row-major order.
    """

    __slots__ = ("base_shape", "order", "shape", "strides", "offset", "steps")

    def __init__(
        self,
        edges: tuple[Edge, ...],
        base_shape: Any,
        base_strides: Any,
        shape: Any,
        strides: Any,
        offset: int,
        steps: tuple[str, ...],
    ) -> None:
        super().__init__(edges)
        self.base_shape, self.shape, self.strides, self.offset, self.steps = base_shape, shape, strides, offset, steps
        self.order = None if base_strides is None else memory_order(base_shape, base_strides)

    def _flat(self, g: Tensor) -> Tensor:
        """All of the base's memory, as the view sees it."""
        if self.order is not None:
            g = g._apply(PERMUTE, (g,), (self.order.order,))
        flat = g._apply(RESHAPE, (g,), ((prod(self.base_shape),), tuple(g.shape)))
        if self.steps:
            flat = seen(flat, self.steps, _applied)
            flat = flat._apply(RESHAPE, (flat,), ((flat.numel(),), tuple(flat.shape)))
        return flat

    def _whole(self, flat: Tensor) -> Tensor:
        """The base of what the view sees of it. Steps keep lengths and angles, so gradients go through them as values do."""
        if self.steps:
            flat = seen(flat, inverse(self.steps), _applied)
        shape = self.base_shape if self.order is None else self.order.shape
        whole = flat._apply(RESHAPE, (flat,), (shape, tuple(flat.shape)))
        return whole if self.order is None else whole._apply(PERMUTE, (whole,), (self.order.back,))


def _applied(primitive: Primitive, t: Tensor, params: tuple[Any, ...]) -> Tensor:
    return t._apply(primitive, (t,), params)


class CopySlices(_Place):
    """A write through a view, seen from its base: the part's gradient goes to the value, the rest to the old base."""

    __slots__ = ()

    def backward(self, gradients: list[Any]) -> Sequence[Any]:
        flat = self._flat(gradients[0])
        base = value = None
        if self.edges[0][0] is not None:
            kept = flat._apply(ASSIGN, (flat, flat.new_zeros(self.shape)), (self.shape, self.strides, self.offset))
            base = self._whole(kept)
        if self.edges[1][0] is not None:
            value = flat._apply(AS_STRIDED, (flat,), (self.shape, self.strides, self.offset, flat.numel()))
        return base, value


class AsStridedBackward0(_Place):
    """The gradient of a view, given by where it lies in its base."""

    __slots__ = ()

    def backward(self, gradients: list[Any]) -> Sequence[Any]:
        wider, narrower = self.steps.count("real"), self.steps.count("complex")
        n = prod(self.base_shape) * 2**wider // 2**narrower
        gradient = AS_STRIDED.gradient
        assert gradient is not None
        (flat,) = gradient(gradients[0], None, (), (self.shape, self.strides, self.offset, n))
        return (self._whole(flat),)


class CopyBackwards(GradientFunction):
    """A value was written over one that had a history: nothing of the gradient goes to that, all of it to the value's, if any."""

    __slots__ = ()

    def backward(self, gradients: list[Any]) -> Sequence[Any]:
        g = gradients[0]
        return None if self.edges[0][0] is None else g.new_zeros(tuple(g.shape)), g


class FillBackward2(CopyBackwards):
    """A number was written everywhere."""

    __slots__ = ()


class ZeroBackward0(CopyBackwards):
    """Zeros were written everywhere."""

    __slots__ = ()
