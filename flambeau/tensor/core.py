"""`Tensor`: what it reads as a node, aliasing and in-place writes, and the tape entries that these make.

May import `flambeau.autograd.entries`, `flambeau.graph`, and what `flambeau.tensor.gradients` may.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from types import GenericAlias
from typing import TYPE_CHECKING, Any, NamedTuple

from flambeau.autograd.conjugation import conjugated
from flambeau.autograd.entries import (
    MOVEMENTS,
    AsStridedBackward0,
    CopyBackwards,
    CopySlices,
    PrimitiveGradient,
    entry_class,
)
from flambeau.autograd.modes import state
from flambeau.autograd.tape import GradientFunction, SavedTensor
from flambeau.device import as_device_name
from flambeau.dtypes import dtype
from flambeau.graph import primitives as p
from flambeau.graph.node import Node, Primitive
from flambeau.graph.primitives.movement import permuted
from flambeau.seen_storage import inverse, steps_of
from flambeau.shapes.strides import format_strides, memory_order, pointwise, preserved, suggested_format
from flambeau.size import contiguous_strides
from flambeau.storage import RECORDERS, Storage, pending, uploaded
from flambeau.tensor.gradients import Gradients
from flambeau.tensor.reading import Steps

__all__ = ["Tensor", "View", "from_node", "from_bytes", "over", "result_strides"]

RESHAPE, ASSIGN = p.movement.RESHAPE, p.movement.ASSIGN
_new = object.__new__
BUFFER, CAST = p.leaf.BUFFER, p.elementwise.CAST


class View(NamedTuple):
    """How a view is made: `steps`, movement primitives with their params, say what it reads, the rest where it writes.

    It depends on the tensor's shape, strides and offset alone, so the operators that make views remember it. `title`: what the
    tape entry shows, where it isn't the one primitive's name.
    """

    steps: Steps
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    offset: int
    title: str | None = None


class Tensor(Gradients):
    """A multi-dimensional array of one dtype on one device. Made by `flambeau.tensor`, `flambeau.zeros` and so on.

    `Tensor(2, 3)` is an uninitialised (zero) float tensor of that shape; `Tensor([1, 2])` holds those numbers as the
    default floating dtype, as in PyTorch.
    """

    __slots__ = ("_origin", "__dict__", "__weakref__")

    _origin: str | None  # for a view that may not be written on the tape: which kind (`_REFUSED`); None for others
    __hash__ = object.__hash__

    def __class_getitem__(cls, parameters: Any) -> GenericAlias:
        """`Tensor[float32, cpu]` in an annotation: what type checkers read and `flambeau.typing.checked` enforces."""
        return GenericAlias(cls, parameters)

    @staticmethod
    def _make_subclass(cls: type[Any], data: Tensor, require_grad: bool = False) -> Any:
        """A leaf of class `cls` that shares the memory of `data`."""
        made = object.__new__(cls)
        made._become(data)
        made.requires_grad = require_grad
        return made

    def _become(self, other: Tensor) -> None:
        """Takes over another tensor's storage and view, with a clean autograd state."""
        _initialise(self, other._storage, other._shape)
        self._strides, self._offset, self._node, self._node_version = (
            other._strides, other._offset, other._node, other._node_version,
        )  # fmt: skip

    if TYPE_CHECKING:  # what flambeau.ops adds
        __add__: Any
        __radd__: Any
        __sub__: Any
        __rsub__: Any
        __mul__: Any
        __rmul__: Any
        __truediv__: Any
        __rtruediv__: Any
        __floordiv__: Any
        __mod__: Any
        __pow__: Any
        __rpow__: Any
        __matmul__: Any
        __neg__: Any
        __invert__: Any
        __and__: Any
        __or__: Any
        __xor__: Any
        __lshift__: Any
        __rshift__: Any
        __lt__: Any
        __le__: Any
        __gt__: Any
        __ge__: Any
        __abs__: Any
        __getitem__: Any
        __setitem__: Any
        __torch_function__: Any

        def __init__(self, *args: Any, device: Any = None) -> None: ...
        def __eq__(self, other: object) -> Any: ...
        def __ne__(self, other: object) -> Any: ...
        def __repr__(self) -> str: ...
        def __getattr__(self, name: str) -> Any: ...

    def _view(
        self,
        primitive: Primitive,
        params: tuple[Any, ...],
        shape: tuple[int, ...],
        strides: tuple[int, ...],
        offset: int,
        title: str | None = None,
    ) -> Tensor:
        """A tensor that shares this one's storage: a `View` of one step."""
        return self._viewed(View(((primitive, params),), shape, strides, offset, title))

    def _viewed(self, view: View) -> Tensor:
        """A tensor that shares this one's storage, with one tape entry."""
        steps, shape, strides, offset, title = view
        node, before = self._unfollowed()
        made = self._alias((node, (*before, *steps)), shape, strides, offset)
        if state.enabled and self.requires_grad and self._storage.dtype.category >= 2:
            made._requires_grad = True
            kind = PrimitiveGradient if title is None else entry_class(title + "Backward0")
            if len(steps) == 1:
                ((primitive, params),) = steps
                made._grad_fn = kind(primitive, (self,), params, made)
            else:
                made._grad_fn = kind(MOVEMENTS, (self,), steps, made)
        return made

    def _view_of_parts(
        self,
        storage: Storage,
        primitive: Primitive,
        shape: tuple[int, ...],
        strides: tuple[int, ...],
        offset: int,
    ) -> Tensor:
        """A view of this tensor's memory as another storage sees it: complex numbers as parts, parts as complex numbers."""
        node = self._value()
        view = self._alias(primitive((node,)), shape, strides, offset, storage)
        if state.enabled and self.requires_grad:
            view._requires_grad = True
            view._grad_fn = PrimitiveGradient(primitive, (self,), (), view)
        return view

    def _alias(
        self,
        node: Node | tuple[Node, Steps],
        shape: tuple[int, ...],
        strides: tuple[int, ...],
        offset: int,
        storage: Storage | None = None,
    ) -> Tensor:
        """A view without its tape entry: `node` is what it reads, or where it begins and the steps from there (see `View`);
        `storage` where it isn't this tensor's."""
        view = object.__new__(Tensor)
        if storage is None:
            storage = self._storage
        _initialise(view, storage, shape)
        if storage.has_lasting_nodes:
            view._node, view._node_version = node, storage.version
        if offset or strides != contiguous_strides(shape) or prod(shape) != storage.size:
            view._strides, view._offset = strides, offset
        view._counter = self._counter
        view._inference = self._inference
        view._base = self if self._base is None else self._base
        view._base_version = self._counter.autograd_version
        view._origin = self._origin if state.enabled or self._origin is not None else "no_grad"
        return view

    def _check_origin(self, what: str) -> None:
        """Raises RuntimeError when this is a view whose history can't be made anew; `what` was, or is being, written."""
        if self._origin is None:
            return
        if self._grad_fn is None:
            start = f"A view was created in no_grad mode and {what} modified inplace with grad mode enabled."
        else:
            made_by = self._grad_fn.name().removesuffix("Backward0")
            start = f"Output {self._output_index} of {made_by} is a view and {what} modified inplace."
        raise RuntimeError(f"{start} {_REFUSED[self._origin]}")

    @staticmethod
    def _apply(primitive: Primitive, tensors: Sequence[Tensor], params: tuple[Any, ...] = ()) -> Tensor:
        """A new tensor by a primitive: the node, and the tape entry when a gradient may be asked for.

        An elementwise result lies in memory as its operands do: it is computed on operands whose dimensions are in that order.
        """
        nodes, strides = [], None
        for t in tensors:
            if t._strides is None:
                node = t._storage.node
                nodes.append(node if node.shape == t._shape and not RECORDERS else t._value())
                continue
            if strides is None and primitive.kind == "elementwise":
                strides = result_strides(tensors, preserved if primitive is CAST else pointwise)
                if strides is not None:
                    order = memory_order(t._shape, strides)
                    assert order is not None
                    nodes = [each._in_order(strides, order) for each in tensors]
                    break
            nodes.append(t._value())
        node = primitive.make(tuple(nodes), params)
        storage = _new(Storage)
        storage.begin(node)
        result: Tensor = _new(Tensor)
        _initialise(result, storage, node.shape)
        if strides is not None:
            result._shape, result._strides = tuple(tensors[0]._shape), strides
        if state.enabled and (category := node.dtype.category) >= 2 and primitive.gradient is not None:
            for t in tensors:
                if t._requires_grad or (t._base is not None and t.requires_grad):
                    if category == 3:
                        primitive = conjugated(primitive)
                    result._requires_grad = True
                    result._grad_fn = PrimitiveGradient(primitive, tensors, params, result)
                    break
        return result

    def _without_tape(self) -> Tensor:
        """The same memory, with no history; it shares the write counter."""
        t: Tensor = _new(Tensor)
        _initialise(t, self._storage, self._shape)
        t._strides, t._offset, t._node, t._node_version = self._strides, self._offset, self._node, self._node_version
        t._counter = self._counter
        return t

    def _with_memory(self) -> Tensor:
        """The same value in memory of its own, with no history; nothing is copied until one of both is written."""
        return from_node(self._value())

    def _with_tape(self, function: GradientFunction, output: int) -> Tensor:
        t = self._without_tape()
        t._requires_grad, t._grad_fn, t._output_index = True, function, output
        return t

    # --- writing ---------------------------------------------------------------------------------------------------------
    def _assign(self, value: Tensor, *, is_uniform: bool = False, overwrite: type[CopyBackwards] | None = None) -> Tensor:
        """Writes `value` (of this shape and dtype) into this tensor's memory and onto the tape; gives self.

        `is_uniform`: all elements are one number, so that it doesn't matter which of several writes to a place wins.
        `overwrite` is the tape entry for a value that isn't made of what was here before.
        """
        recorded = state.enabled and (value._requires_grad or self.requires_grad)
        if state.enabled and self._origin is not None and self._base is not None and self._base.requires_grad:
            self._check_origin("is being")
        self._check_writable(recorded, is_uniform)
        if RECORDERS and pending.recorder is not None:
            pending.recorder.read(self)
        storage, node = self._storage, value._value()
        if recorded:
            self._record_write(value, overwrite)
        if self._strides is None and prod(self._shape) == storage.size:
            storage.write(node)
        else:
            self._strides = self.stride()
            order = self._memory_order()
            if order is not None:
                storage.write(permuted(node, order.order))
            else:
                flat = storage.node
                if len(flat.shape) != 1:
                    flat = RESHAPE((flat,), ((storage.size,), flat.shape))
                storage.write(ASSIGN((flat, node), (tuple(self._shape), self._strides, self._offset)))
        self._counter.autograd_version += 1
        if self._strides is not None:
            self._node, self._node_version = node, storage.version
        if recorded:
            self._base_version = self._counter.autograd_version
        return self

    def _check_writable(self, recorded: bool, may_overlap: bool = False) -> None:
        if recorded:
            self._check_origin("is being")
        if recorded and self._grad_fn is None and self._requires_grad:
            raise RuntimeError("a leaf Variable that requires grad is being used in an in-place operation.")
        if recorded and self._base is not None and self._base._grad_fn is None and self.requires_grad:
            raise RuntimeError("a view of a leaf Variable that requires grad is being used in an in-place operation.")
        if self._inference and not state.inference:
            raise RuntimeError(
                "Inplace update to inference tensor outside InferenceMode is not allowed. "
                "You can make a clone to get a normal tensor before doing inplace update."
            )
        if not may_overlap and self._repeats():
            raise RuntimeError(
                "unsupported operation: more than one element of the written-to tensor refers to a single memory location. "
                "Please clone() the tensor before performing the operation."
            )

    def _repeats(self) -> bool:
        """Whether several elements are one place in memory, as after `expand`."""
        return self._strides is not None and any(s == 0 and n > 1 for s, n in zip(self._strides, self._shape))

    def _record_write(self, value: Tensor, overwrite: type[CopyBackwards] | None = None) -> None:
        """The tape after a write: this tensor's history is the value's; a view's base takes the part in, too."""
        base = self._base
        if base is None:
            before = self._edge() if self.requires_grad else (None, 0)
            function, output = value._edge() if value.requires_grad else (None, 0)
            self._requires_grad, self._output_index = True, output
            if function is None or (overwrite is not None and before[0] is not None):
                function = (overwrite or CopyBackwards)((before,) if function is None else (before, (function, output)))
                self._output_index = 0
            self._grad_fn = function
            return
        shape, offset = self._shape, self.storage_offset()
        strides = contiguous_strides(shape) if self._strides is None else self._strides
        edges = (base._edge() if base.requires_grad else (None, 0), value._edge() if value.requires_grad else (None, 0))
        base._requires_grad, base._output_index = True, 0
        place = tuple(base._shape), base._strides, tuple(shape), strides, offset, self._steps_from(base)
        base._grad_fn = CopySlices(edges, *place)
        self._requires_grad, self._output_index = True, 0
        self._grad_fn = AsStridedBackward0(((base._grad_fn, 0),), *place)

    def _steps_from(self, base: Tensor) -> tuple[str, ...]:
        """How this view's storage sees what its base's holds."""
        if self._storage is base._storage:
            return ()
        steps, before = list(steps_of(self._storage)[1]), list(steps_of(base._storage)[1])
        while steps and before and steps[0] == before[0]:
            del steps[0], before[0]
        return (*inverse(tuple(before)), *steps)

    def _refresh_history(self) -> None:
        """A view whose base was written through another alias, or that is to be written: its history is where it lies in its
        base, whatever views are in between, of which one may see less of the memory than this (`as_strided`)."""
        base = self._base
        assert base is not None
        if base.requires_grad:
            self._check_origin("its base or another view of its base has been")
        self._base_version = self._counter.autograd_version
        if not base.requires_grad or base._grad_fn is None:
            return
        strides = contiguous_strides(self._shape) if self._strides is None else self._strides
        self._requires_grad, self._output_index = True, 0
        offset = 0 if self._strides is None else self._offset
        place = tuple(base._shape), base._strides, tuple(self._shape), strides, offset, self._steps_from(base)
        self._grad_fn = AsStridedBackward0((base._edge(),), *place)

    def _laid_out(self, strides: tuple[int, ...]) -> Tensor:
        """This result, which nothing else has seen yet, in memory with these strides (of a dense tensor)."""
        if strides == self.stride():
            return self
        moved, entry = from_node(self._value(), strides), self._history()
        moved._requires_grad, moved._grad_fn, moved._output_index = self.requires_grad, entry, self._output_index
        if isinstance(entry, PrimitiveGradient) and entry.saved_output is not None:
            entry.saved_output = SavedTensor(moved, True)
        return moved

    def _laid_out_by(self, *operands: Tensor) -> Tensor:
        """This fresh result in memory as an elementwise one of these operands (of its shape) lies there."""
        return self._laid_out(result_strides(operands) or contiguous_strides(self._shape))

    def _laid_out_as_image(self, like: Tensor) -> Tensor:
        """This fresh result in the memory format in which operators on images answer for the image `like`."""
        if self._strides is like._strides is None:
            return self
        return self._laid_out(format_strides(tuple(self._shape), suggested_format(tuple(like._shape), like.stride())))

    def _dense_strides(self) -> tuple[int, ...]:
        """The strides of a copy: this tensor's where it is dense."""
        return preserved(self._shape, self.stride())

    # --- copies ------------------------------------------------------------------------------------------------------------
    def __copy__(self) -> Tensor:
        """A tensor of this class over the same memory, without history."""
        made: Tensor = object.__new__(type(self))
        made._become(self)
        made._requires_grad = self.requires_grad
        made.__dict__.update(self.__dict__)
        return made

    def __deepcopy__(self, memo: dict[int, Any]) -> Tensor:
        if id(self) in memo:
            return memo[id(self)]
        if not self.is_leaf:
            raise RuntimeError(
                "Only Tensors created explicitly by the user (graph leaves) support the deepcopy protocol at the moment."
            )
        storage = memo.get(id(self._storage))
        if storage is None:
            storage = memo[id(self._storage)] = Storage(self._storage.node)
        copy = object.__new__(type(self))
        _initialise(copy, storage, self._shape)
        copy._strides, copy._offset, copy._node_version = self._strides, self._offset, -1
        copy._requires_grad = self._requires_grad
        memo[id(self)] = copy
        if self._grad is not None:
            copy._grad = self._grad.__deepcopy__(memo)
        import copy as copying

        for name, value in self.__dict__.items():
            copy.__dict__[name] = copying.deepcopy(value, memo)
        return copy

    def __reduce_ex__(self, protocol: Any) -> Any:
        place = tuple(self._shape), self._strides, self._offset
        return _rebuild, (type(self), self._storage, *place, self._requires_grad, dict(self.__dict__))


def _rebuild(
    cls: type[Tensor],
    storage: Storage,
    shape: tuple[int, ...],
    strides: tuple[int, ...] | None,
    offset: int,
    requires_grad: bool,
    rest: Any,
) -> Tensor:
    t = object.__new__(cls)
    _initialise(t, storage, shape)
    t._strides, t._offset, t._requires_grad = strides, offset, requires_grad
    t.__dict__.update(rest)
    return t


def result_strides(tensors: Sequence[Tensor], rule: Any = pointwise) -> tuple[int, ...] | None:
    """The strides of an elementwise result of operands of one shape; None where they are row-major.

    Numbers among the operands say nothing about it.
    """
    first = tensors[0]
    shape = first._shape
    if first._strides is None and not first._storage.is_program and 1 not in shape:
        return None
    row_major = contiguous_strides(shape)
    strides = rule(shape, *[t._strides or (_NOWHERE[len(shape)] if t._storage.is_program else row_major) for t in tensors])
    return None if strides == row_major else strides


_NOWHERE = [(0,) * rank for rank in range(65)]
"""By rank: the strides of a number that is repeated, which say nothing of an order."""


def _initialise(t: Tensor, storage: Storage, shape: tuple[int, ...]) -> None:
    t._storage = storage
    t._shape = shape
    t._strides = None
    t._offset = 0
    t._node = None
    t._node_version = -1
    t._counter = storage
    t._requires_grad = False
    t._grad = None
    t._grad_fn = None
    t._output_index = 0
    t._accumulate = None
    t._base = None
    t._base_version = 0
    t._retains_grad = False
    t._inference = state.inference
    t._origin = None


_REFUSED = {
    "several": "This view is the output of a function that returns multiple views. Such functions do not allow the output "
    "views to be modified inplace. You should replace the inplace operation by an out-of-place one.",
    "no_grad": "Given that this use case is ambiguous and error-prone, it is forbidden. You can clarify your code by moving both "
    "the view and the inplace either both inside the no_grad block (if you don't want the inplace to be tracked) or both outside "
    "(if you want the inplace to be tracked).",
}
"""Why a view may not be written while gradients are recorded, by the view's `_origin`."""


def from_node(node: Node, strides: tuple[int, ...] | None = None) -> Tensor:
    """A tensor with memory of its own whose value is `node`; `strides`, those of a dense tensor, say how it lies there."""
    t: Tensor = _new(Tensor)
    shape = node.shape
    storage = _new(Storage)
    if strides is None or strides == contiguous_strides(shape):
        storage.begin(node)
    else:
        order = memory_order(shape, strides)
        assert order is not None
        storage.begin(permuted(node, order.order))
        _initialise(t, storage, shape)
        t._strides = strides
        return t
    _initialise(t, storage, shape)
    return t


def over(storage: Storage, shape: tuple[int, ...], strides: tuple[int, ...] | None = None, offset: int = 0) -> Tensor:
    """A tensor without history over existing memory; strides None: all of it, row-major."""
    t = object.__new__(Tensor)
    _initialise(t, storage, shape)
    t._strides, t._offset = strides, offset
    return t


def from_bytes(data: Any, type: dtype, shape: Sequence[int], device: Any = None) -> Tensor:
    """A tensor of a copy of bytes in row-major order; raises RuntimeError when their number doesn't fit the shape.

    On the meta device any bytes will do.
    """
    shape = tuple(shape)
    nbytes = prod(shape) * type.itemsize
    name = as_device_name(device)
    if memoryview(data).nbytes != nbytes and name != "meta":
        raise RuntimeError(f"{list(shape)} elements of {type} take {nbytes} bytes, got {memoryview(data).nbytes}")
    return from_node(uploaded(data, type, shape, name))


Tensor._of = staticmethod(from_node)  # type: ignore[attr-defined]
