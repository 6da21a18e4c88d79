"""`Tensor`: a view (size, stride, offset) of a storage, with its place on the tape.

What PyTorch's tensors do beyond arithmetic lives here: aliasing and in-place writes, leaves and gradients, looking at
values. Operators, and the methods that are operators, are added by `flambeau.ops`. May import `flambeau.autograd.tape`,
`flambeau.autograd.modes`, `flambeau.storage`, `flambeau.graph`, `flambeau.device(s)`, `flambeau.dtypes`.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator, Sequence
from types import GenericAlias
from typing import TYPE_CHECKING, Any

from flambeau import devices
from flambeau.autograd.conjugation import conjugated
from flambeau.autograd.entries import (
    AsStridedBackward0,
    CopyBackwards,
    CopySlices,
    PrimitiveGradient,
    entry_class,
)
from flambeau.autograd.modes import state
from flambeau.autograd.tape import AccumulateGrad, Edge, GradientFunction, RemovableHandle, SavedTensor
from flambeau.device import as_device_name, device
from flambeau.dtypes import dtype
from flambeau.graph import primitives as p
from flambeau.graph.node import Node, Primitive
from flambeau.graph.primitives.movement import permuted
from flambeau.host import nest, unpack
from flambeau.layout import layout, strided
from flambeau.shapes.strides import Order, format_strides, memory_order, pointwise, preserved, suggested_format
from flambeau.shared_storage import share
from flambeau.size import Size, contiguous_strides
from flambeau.storage import RECORDERS, SeenStorage, Storage, inverse, pending, realize, steps_of

__all__ = ["Tensor", "from_node", "from_bytes", "over", "result_strides"]

RESHAPE, PERMUTE, AS_STRIDED, ASSIGN = p.movement.RESHAPE, p.movement.PERMUTE, p.movement.AS_STRIDED, p.movement.ASSIGN
BUFFER, CONSTANT, CAST = p.leaf.BUFFER, p.leaf.CONSTANT, p.elementwise.CAST


class _Counter:
    """The write counter of tensors made by `.data`: their writes are hidden from autograd."""

    __slots__ = ("autograd_version",)

    def __init__(self) -> None:
        self.autograd_version = 0


class Tensor:
    """A multi-dimensional array of one dtype on one device. Made by `flambeau.tensor`, `flambeau.zeros` and so on.

    `Tensor(2, 3)` is an uninitialised (zero) float tensor of that shape; `Tensor([1, 2])` holds those numbers as the
    default floating dtype, as in PyTorch.
    """

    __slots__ = (
        "_storage", "_shape", "_strides", "_offset", "_node", "_node_version", "_counter",
        "_requires_grad", "_grad", "_grad_fn", "_output_index", "_accumulate", "_base", "_base_version", "_retains_grad",
        "_inference", "_origin", "__dict__", "__weakref__",
    )  # fmt: skip

    _storage: Storage
    _shape: tuple[int, ...]
    _strides: tuple[int, ...] | None  # None: row-major over the whole storage
    _offset: int
    _node: Any  # what this view reads, while `_node_version` is the storage's; None before
    _node_version: int
    _counter: Any  # has `autograd_version`: the storage, or a counter that `.data` made
    _requires_grad: bool
    _grad: Tensor | None
    _grad_fn: GradientFunction | None
    _output_index: int
    _accumulate: Any  # the AccumulateGrad of a leaf, or a weak reference to it
    _base: Tensor | None
    _base_version: int
    _retains_grad: bool
    _inference: bool
    _origin: str | None  # for a view that may not be written on the tape: which kind (`_REFUSED`); None for others
    __hash__ = object.__hash__

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        return object.__new__(cls)

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

        def __init__(self, *args: Any, device: Any = None) -> None: ...
        def __eq__(self, other: object) -> Any: ...
        def __ne__(self, other: object) -> Any: ...
        def __repr__(self) -> str: ...
        def __getattr__(self, name: str) -> Any: ...

    # --- the value as a node ---------------------------------------------------------------------------------------------
    def _value(self) -> Node:
        """This tensor's elements as a node: the structural view, or a strided one when the storage was written since."""
        storage = self._storage
        if RECORDERS and pending.recorder is not None:
            pending.recorder.read(self)
        node = storage.node
        if self._strides is None:
            if node.shape == self._shape:
                return node
            if self._node_version == storage.version:
                return self._node
            if _size(self._shape) != storage.size:  # another tensor of this memory was resized
                self._strides = contiguous_strides(self._shape)
                return self._value()
            node = RESHAPE((node,), (tuple(self._shape), node.shape))
        elif self._node_version == storage.version:
            return self._node
        else:
            found = self._memory_order()
            if found is not None:
                node = permuted(node if node.shape == found.shape else RESHAPE((node,), (found.shape, node.shape)), found.back)
            else:
                flat = node if len(node.shape) == 1 else RESHAPE((node,), ((storage.size,), node.shape))
                node = AS_STRIDED((flat,), (tuple(self._shape), self._strides, self._offset, storage.size))
        if storage.has_lasting_nodes:
            self._node, self._node_version = node, storage.version
        return node

    def _memory_order(self) -> Order | None:
        """How the dimensions of a tensor with strides lie in memory, where it is all of its storage; else None."""
        if self._offset or _size(self._shape) != self._storage.size:
            return None
        assert self._strides is not None
        return memory_order(self._shape, self._strides)

    def _in_order(self, strides: tuple[int, ...], order: Order) -> Node:
        """This tensor's elements, with the dimensions in the order in which a tensor of these strides has them in memory."""
        storage = self._storage
        if self._strides == strides and storage.node.shape == order.shape and self._memory_order() is not None:
            if RECORDERS and pending.recorder is not None:
                pending.recorder.read(self)
            return storage.node
        node = self._value()
        if node.primitive is CONSTANT:
            return Node(CONSTANT, (), node.params, order.shape, node.dtype, node.device)
        return permuted(node, order.order)

    def _view(
        self,
        primitive: Primitive,
        params: tuple[Any, ...],
        shape: tuple[int, ...],
        strides: tuple[int, ...],
        offset: int,
        title: str | None = None,
    ) -> Tensor:
        """A tensor that shares this one's storage: `primitive` says what it reads, the strides where it writes.

        `title`: what the tape entry shows, where it isn't the primitive's name.
        """
        value = self._value()
        node = permuted(value, *params) if primitive is PERMUTE else primitive((value,), params)
        view = self._alias(node, shape, strides, offset)
        if state.enabled and self.requires_grad and self._storage.dtype.category >= 2:
            view._requires_grad = True
            kind = PrimitiveGradient if title is None else entry_class(title + "Backward0")
            view._grad_fn = kind(primitive, (self,), params, view)
        return view

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
        self, node: Node, shape: tuple[int, ...], strides: tuple[int, ...], offset: int, storage: Storage | None = None
    ) -> Tensor:
        """A view without its tape entry: `node` is what it reads; `storage` where it isn't this tensor's."""
        view = object.__new__(Tensor)
        if storage is None:
            storage = self._storage
        _initialise(view, storage, shape)
        if storage.has_lasting_nodes:
            view._node, view._node_version = node, storage.version
        if offset or strides != contiguous_strides(shape) or _size(shape) != storage.size:
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
        node = primitive(tuple(nodes), params)
        result = from_node(node)
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
        t = object.__new__(Tensor)
        _initialise(t, self._storage, self._shape)
        t._strides, t._offset, t._node, t._node_version = self._strides, self._offset, self._node, self._node_version
        t._counter = self._counter
        return t

    def _with_tape(self, function: GradientFunction, output: int) -> Tensor:
        t = self._without_tape()
        t._requires_grad, t._grad_fn, t._output_index = True, function, output
        return t

    # --- writing ---------------------------------------------------------------------------------------------------------
    def _assign(self, value: Tensor, *, is_uniform: bool = False, overwrite: type[CopyBackwards] | None = None) -> Tensor:
        """Writes `value` (of this shape and dtype) into this tensor's memory and onto the tape; gives self.

        `is_uniform`: all elements are one number, so that it doesn't matter which of several writes to a place wins.
        `overwrite` is the tape entry for a value without history.
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
        if self._strides is None and _size(self._shape) == storage.size:
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
        if recorded and self._base is not None and self._base._grad_fn is None and self._base._requires_grad:
            raise RuntimeError("a view of a leaf Variable that requires grad is being used in an in-place operation.")
        if self._inference and not state.inference:
            raise RuntimeError(
                "Inplace update to inference tensor outside InferenceMode is not allowed. "
                "You can make a clone to get a normal tensor before doing inplace update."
            )
        if self._strides is not None and not may_overlap and any(s == 0 and n > 1 for s, n in zip(self._strides, self._shape)):
            raise RuntimeError(
                "unsupported operation: more than one element of the written-to tensor refers to a single memory location. "
                "Please clone() the tensor before performing the operation."
            )

    def _record_write(self, value: Tensor, overwrite: type[CopyBackwards] | None = None) -> None:
        """The tape after a write: this tensor's history is the value's; a view's base takes the part in, too."""
        base = self._base
        if base is None:
            before = self._edge() if self.requires_grad else (None, 0)
            function, output = value._edge() if value.requires_grad else (None, 0)
            self._requires_grad, self._output_index = True, output
            self._grad_fn = function if function is not None else (overwrite or CopyBackwards)((before,))
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
        """A view whose base was written through another alias: its history is a view of the base's."""
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

    # --- the tape --------------------------------------------------------------------------------------------------------
    def _edge(self) -> Edge:
        """Where a gradient for this tensor goes: the function that made it, or the accumulation into this leaf."""
        function = self._history()
        if function is not None:
            return function, self._output_index
        if not self.requires_grad:
            return None, 0
        accumulate = self._accumulate
        found = accumulate() if isinstance(accumulate, weakref.ref) else accumulate
        if found is None:
            found = AccumulateGrad(self)
            self._accumulate = weakref.ref(found)
        return found, 0

    @property
    def grad_fn(self) -> GradientFunction | None:
        """The tape entry that made this tensor; None for a leaf."""
        function = self._history()
        return None if function is None else function.shown()

    def _history(self) -> GradientFunction | None:
        if self._base is not None and self._base_version != self._counter.autograd_version:
            self._refresh_history()
        return self._grad_fn

    @property
    def is_leaf(self) -> bool:
        """Whether no recorded operation made this tensor: `backward` fills `.grad` of leaves that require it."""
        return self._history() is None

    @property
    def requires_grad(self) -> bool:
        """Whether `backward` computes a gradient for this tensor."""
        if self._base is None or self._requires_grad:
            return self._requires_grad
        return self._base.requires_grad  # also of a view made in no_grad, or before the base was written

    @requires_grad.setter
    def requires_grad(self, value: bool) -> None:
        if value and self._storage.dtype.category < 2:
            raise RuntimeError("only Tensors of floating point and complex dtype can require gradients")
        if not value and self._grad_fn is not None:
            raise RuntimeError(
                "you can only change requires_grad flags of leaf variables. If you want to use a computed variable in a "
                "subgraph that doesn't require differentiation use var_no_grad = var.detach()."
            )
        if value and self._inference and not state.inference:
            raise RuntimeError("Setting requires_grad=True on inference tensor outside InferenceMode is not allowed.")
        self._requires_grad = bool(value)

    def requires_grad_(self, requires_grad: bool = True) -> Tensor:
        """Sets `requires_grad` in place."""
        self.requires_grad = requires_grad
        return self

    @property
    def grad(self) -> Tensor | None:
        """The gradient that `backward` accumulated, or None."""
        if RECORDERS and pending.recorder is not None:
            pending.recorder.get_grad(self)
        return self._grad

    @grad.setter
    def grad(self, value: Tensor | None) -> None:
        if RECORDERS and pending.recorder is not None:
            pending.recorder.set_grad(self)
        if value is None:
            self._grad = None
            return
        if not isinstance(value, Tensor):
            raise TypeError(f"assigned grad expected to be a Tensor or None but got grad of type {type(value).__name__}")
        if value is self:
            raise RuntimeError("can't assign Variable as its own grad")
        for what, mine, other in (
            ("shape", tuple(self._shape), tuple(value._shape)),
            ("dtype", self.dtype, value.dtype),
            ("device", self._storage.device, value._storage.device),
        ):
            if mine != other:
                raise RuntimeError(f"assigned grad has data of a different {what}: expected {mine}, got {other}")
        self._grad = value

    @grad.deleter
    def grad(self) -> None:
        self.grad = None

    def _accumulate_grad(self, gradient: Tensor) -> None:
        if RECORDERS and pending.recorder is not None:
            pending.recorder.get_grad(self)
        if tuple(gradient._shape) != tuple(self._shape):
            raise RuntimeError(f"expected a gradient of shape {list(self._shape)} but got {list(gradient._shape)}")
        if self._grad is None:
            strides = self.stride()  # a gradient lies in memory as a dense leaf does
            if self._strides is not None and memory_order(self._shape, strides) is None:
                strides = contiguous_strides(self._shape)
            self._grad = gradient._laid_out(strides) if state.enabled else from_node(gradient._value(), strides)
        elif state.enabled:
            self._grad = self._grad + gradient
        else:
            self._grad._assign((self._grad + gradient).detach())

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

    @property
    def retains_grad(self) -> bool:
        """Whether this non-leaf tensor keeps its gradient."""
        return self._grad_fn is not None and self._retains_grad

    def retain_grad(self) -> None:
        """Makes `backward` fill `.grad` of this non-leaf tensor too."""
        if not self.requires_grad:
            raise RuntimeError("can't retain_grad on Tensor that has requires_grad=False")
        if self.is_leaf or self._retains_grad:
            return
        self._retains_grad = True
        mine = weakref.ref(self)

        def keep(gradient: Tensor) -> None:
            t = mine()
            if t is not None:
                t._grad = from_node(gradient._value(), gradient._dense_strides()) if t._grad is None else t._grad + gradient

        function, output = self._edge()
        assert function is not None
        function.add_tensor_hook(output, keep)

    def register_hook(self, hook: Callable[[Tensor], Tensor | None]) -> RemovableHandle:
        """`hook(grad)` runs when this tensor's gradient is computed; what it returns replaces the gradient."""
        function, output = self._hookable()
        return function.add_tensor_hook(output, hook)

    def register_post_accumulate_grad_hook(self, hook: Callable[[Tensor], None]) -> RemovableHandle:
        """`hook(tensor)` runs after `.grad` of this leaf was updated."""
        if not self.is_leaf:
            raise RuntimeError("post accumulate grad hooks cannot be registered on non-leaf tensors")
        function, _ = self._hookable()
        assert isinstance(function, AccumulateGrad)
        if function.post_hooks is None:
            from collections import OrderedDict

            function.post_hooks = OrderedDict()
        handle = RemovableHandle(function.post_hooks)
        function.post_hooks[handle.id] = hook
        return handle

    def _hookable(self) -> tuple[GradientFunction, int]:
        if not self.requires_grad:
            raise RuntimeError("cannot register a hook on a tensor that doesn't require gradient")
        function, output = self._edge()
        assert function is not None
        if self._grad_fn is None:
            self._accumulate = function  # the hook must outlive this iteration's tape
        return function, output

    def backward(
        self,
        gradient: Tensor | None = None,
        retain_graph: bool | None = None,
        create_graph: bool = False,
        inputs: Tensor | Sequence[Tensor] | None = None,
    ) -> None:
        """Accumulates d(self)/d(leaf)·gradient into `.grad` of the leaves; `gradient` is 1 for a single element."""
        from flambeau.autograd.interface import backward

        backward(self, gradient, retain_graph, create_graph, inputs=inputs)

    def detach(self) -> Tensor:
        """The same memory without history; writes to either are seen by both."""
        t = self._without_tape()
        t._inference = self._inference
        return t

    def detach_(self) -> Tensor:
        """Forgets this tensor's history, in place."""
        if self._base is not None:
            raise RuntimeError("Can't detach views in-place. Use detach() instead.")
        self._grad_fn, self._requires_grad, self._output_index = None, False, 0
        return self

    @property
    def data(self) -> Tensor:
        """The same memory without history, whose writes autograd doesn't see."""
        t = self._without_tape()
        t._counter = _Counter()
        return t

    @data.setter
    def data(self, value: Tensor) -> None:
        if not isinstance(value, Tensor):
            raise TypeError(f"Variable data has to be a tensor, but got {type(value).__name__}")
        self._storage, self._shape, self._strides, self._offset = value._storage, value._shape, value._strides, value._offset
        self._node, self._node_version = value._node, value._node_version

    @property
    def _version(self) -> int:
        return self._counter.autograd_version

    def is_inference(self) -> bool:
        """Whether the tensor was made in inference mode."""
        return self._inference

    # --- what it is ------------------------------------------------------------------------------------------------------
    @property
    def shape(self) -> Size:
        """The sizes of the dimensions."""
        shape = self._shape
        return shape if shape.__class__ is Size else Size(shape)  # type: ignore[return-value]

    def size(self, dim: int | None = None) -> Any:
        """The shape, or the size of dimension `dim`."""
        if dim is None:
            return self.shape
        from flambeau.shapes.dims import wrap_dim

        return self._shape[wrap_dim(dim, len(self._shape))]

    @property
    def dtype(self) -> dtype:
        """The type of the elements."""
        return self._storage.dtype

    @property
    def layout(self) -> layout:
        """How the elements are stored: always `torch.strided`."""
        return strided

    @property
    def device(self) -> device:
        """Where the elements live."""
        return device(self._storage.device)

    @property
    def ndim(self) -> int:
        """The number of dimensions."""
        return len(self._shape)

    def dim(self) -> int:
        """The number of dimensions."""
        return len(self._shape)

    ndimension = dim

    def numel(self) -> int:
        """The number of elements."""
        return _size(self._shape)

    nelement = numel

    def stride(self, dim: int | None = None) -> Any:
        """How many elements apart neighbours of a dimension lie in memory: all dimensions, or one."""
        strides = contiguous_strides(self._shape) if self._strides is None else self._strides
        if dim is None:
            return strides
        from flambeau.shapes.dims import wrap_dim

        return strides[wrap_dim(dim, len(strides))]

    def storage_offset(self) -> int:
        """Where in its storage the tensor begins, in elements."""
        return 0 if self._strides is None else self._offset

    def element_size(self) -> int:
        """Bytes of one element."""
        return self._storage.dtype.itemsize

    @property
    def itemsize(self) -> int:
        return self._storage.dtype.itemsize

    @property
    def nbytes(self) -> int:
        """Bytes of all elements."""
        return self.numel() * self._storage.dtype.itemsize

    def data_ptr(self) -> int:
        """The address of the first element; 0 of an empty tensor. The memory stays there as long as the tensor lives.

        On a GPU a number that two tensors share when they begin at the same place of the same memory.
        """
        return self._address() + self.storage_offset() * self.itemsize if self.numel() else 0

    def _address(self) -> int:
        """Where the storage begins; on a GPU a number of it."""
        backend = devices.backend(self._storage.device)
        if not backend.is_host:
            storage = self._storage
            return id(storage.whole if isinstance(storage, SeenStorage) else storage)
        host = devices.host_backend(self._storage.device)
        return host.address(share(self._storage, is_address=True).buffer) if self._storage.size else 0

    def is_floating_point(self) -> bool:
        return self._storage.dtype.category == 2

    def is_complex(self) -> bool:
        return self._storage.dtype.category == 3

    def is_signed(self) -> bool:
        return self._storage.dtype.is_signed

    @property
    def is_cpu(self) -> bool:
        return self._storage.device == "cpu"

    is_cuda = is_sparse = is_quantized = is_meta = is_mps = is_xpu = is_nested = property(lambda self: False)

    @property
    def output_nr(self) -> int:
        return self._output_index

    def _is_view(self) -> bool:
        return self._base is not None

    # --- looking at values -------------------------------------------------------------------------------------------------
    def _bytes(self) -> memoryview:
        """The elements in row-major order, as bytes; computes them if need be."""
        if RECORDERS and pending.recorder is not None:
            pending.recorder.look()
        node = self._value()
        if node.buffer is None:
            realize([node])
        return devices.backend(node.device).download(node.buffer, self.nbytes)

    def _to_bytes(self) -> bytes:
        """The elements in row-major order, as bytes of their own."""
        return bytes(self._bytes())

    def item(self) -> Any:
        """The only element as a Python number; raises RuntimeError when there are more or none."""
        if self.numel() != 1:
            raise RuntimeError(f"a Tensor with {self.numel()} elements cannot be converted to Scalar")
        return unpack(self._bytes(), self._storage.dtype)[0]

    def tolist(self) -> Any:
        """The elements as nested lists; a number for a zero-dimensional tensor."""
        if not self._shape:
            return self.item()
        return nest(unpack(self._bytes(), self._storage.dtype), self._shape)

    def numpy(self, *, force: bool = False) -> Any:
        """A NumPy array over the tensor's memory: a write to either is seen by both.

        Raises RuntimeError for a tensor that requires a gradient, TypeError for one that isn't in the host's memory or whose
        dtype NumPy lacks. `force` detaches it and copies it to the CPU first, where that is needed.
        """
        if self.requires_grad:
            if not force:
                raise RuntimeError("Can't call numpy() on Tensor that requires grad. Use tensor.detach().numpy() instead.")
            return self.detach().numpy(force=True)
        storage = self._storage
        backend = devices.backend(storage.device)
        if not backend.is_host:
            if not force:
                raise TypeError(
                    f"can't convert {storage.device} device type tensor to numpy. "
                    "Use Tensor.cpu() to copy the tensor to host memory first."
                )
            return self.cpu().numpy()
        if storage.dtype.name == "bfloat16":
            raise TypeError("Got unsupported ScalarType BFloat16")
        for what, step, resolve in (("conjugate", "conj", "resolve_conj"), ("negative", "neg", "resolve_neg")):
            if step in steps_of(storage)[1]:
                if not force:
                    raise RuntimeError(
                        f"Can't call numpy() on Tensor that has {what} bit set. Use tensor.{resolve}().numpy() instead."
                    )
                return getattr(self, resolve)().numpy(force=True)
        from flambeau.graph.numpy import array_type

        return self._array(array_type(storage.dtype))

    def _array(self, element: Any) -> Any:
        """A NumPy array of dtype `element`, as wide as the tensor's, over the tensor's memory."""
        from flambeau.graph.numpy import np

        storage, shape = self._storage, tuple(self._shape)
        if _size(shape) == 0:
            return np.empty(shape, element)
        strides, offset = self.stride(), self.storage_offset()
        self._node, self._node_version = None, -1
        memory = np.asarray(share(storage).buffer)
        if memory.dtype != np.uint8:
            memory = memory.reshape(-1).view(np.uint8)
        return np.ndarray(shape, element, memory, offset * element.itemsize, [s * element.itemsize for s in strides])

    def __dlpack__(
        self, *, stream: Any = -1, max_version: tuple[int, int] | None = None, dl_device: Any = None, copy: bool | None = None
    ) -> Any:
        """A DLPack capsule of the tensor's memory, or with `copy` of a copy's; versioned where the caller knows version 1.

        Raises BufferError for a tensor that requires a gradient, or isn't in the host's memory.
        """
        if self.requires_grad:
            raise BufferError("Can't export tensors that require gradient, use tensor.detach()")
        for what, step in (("conjugate", "conj"), ("negative", "neg")):
            if step in steps_of(self._storage)[1]:
                raise BufferError(f"Can't export tensors with the {what} bit set")
        if stream is not None and type(stream) is not int:
            raise TypeError("stream must be ``int`` or ``none``")
        if not devices.backend(self._storage.device).is_host:
            raise BufferError(f"Can't export tensors on {self._storage.device}: use tensor.cpu()")
        if stream not in (None, -1):
            raise AssertionError("stream should be None on cpu.")
        if dl_device is not None and tuple(dl_device) != (1, 0):
            raise BufferError(f"Can't export a tensor in the host's memory to device {tuple(dl_device)}")
        from flambeau import dlpack
        from flambeau.graph.numpy import array_type

        t = self.clone() if copy else self  # type: ignore[attr-defined]
        array = t._array(array_type(dlpack.STAND_INS.get(self.dtype, self.dtype)))
        return dlpack.capsule(array, self.dtype, max_version)

    def __dlpack_device__(self) -> tuple[Any, int]:
        """Where the elements lie, as DLPack numbers it: (1, 0) is the host's memory."""
        from flambeau.dlpack import DLDeviceType

        on = device(self._storage.device)
        is_host = devices.backend(self._storage.device).is_host
        return DLDeviceType.kDLCPU if is_host else DLDeviceType.kDLWebGPU, on.index or 0

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        """`numpy()`, converted to `dtype` where that is another; a copy with `copy`, and never one where that is False."""
        array = self.numpy()
        if dtype is not None and array.dtype != dtype:
            if copy is False:
                raise ValueError(f"Unable to avoid copy: the tensor is of {self.dtype}, and {dtype} was asked for")
            return array.astype(dtype)
        return array.copy() if copy else array

    def __bool__(self) -> bool:
        n = self.numel()
        if n == 0:
            raise RuntimeError("Boolean value of Tensor with no values is ambiguous")
        if n > 1:
            raise RuntimeError("Boolean value of Tensor with more than one value is ambiguous")
        return bool(self.item())

    def _python_number(self) -> Any:
        if self.numel() != 1:
            raise ValueError("only one element tensors can be converted to Python scalars")
        return self.item()

    def _real_number(self, type: str) -> Any:
        found = self._python_number()
        if not isinstance(found, complex):
            return found
        if found.imag:
            raise RuntimeError(f"value cannot be converted to type {type} without overflow")
        return found.real

    def __float__(self) -> float:
        return float(self._real_number("double"))

    def __int__(self) -> int:
        return int(self._real_number("int64_t"))

    def __complex__(self) -> complex:
        return complex(self._python_number())

    def __index__(self) -> int:
        if self._storage.dtype.category >= 2 or self.numel() != 1:
            raise TypeError("only integer tensors of a single element can be converted to an index")
        return int(self.item())

    def __len__(self) -> int:
        if not self._shape:
            raise TypeError("len() of a 0-d tensor")
        return self._shape[0]

    def __iter__(self) -> Iterator[Tensor]:
        if not self._shape:
            raise TypeError("iteration over a 0-d tensor")
        return iter(self.unbind(0))

    def __reversed__(self) -> Tensor:
        """The first dimension reversed; a zero-dimensional tensor as it is."""
        return self.flip(0) if self._shape else self

    def __contains__(self, element: Any) -> bool:
        if isinstance(element, (Tensor, int, float, bool, complex)):
            return bool((self == element).any())  # type: ignore[attr-defined]
        raise RuntimeError(f"Tensor.__contains__ only supports Tensor or scalar, but you passed in a {type(element)}.")

    def __format__(self, spec: str) -> str:
        return self.item().__format__(spec) if not self._shape else object.__format__(self, spec)

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
        arguments = (type(self), self._to_bytes(), self.dtype, tuple(self._shape), self._storage.device, self._requires_grad)
        return _rebuild, (*arguments, dict(self.__dict__))


def _rebuild(
    cls: type[Tensor], data: bytes, type: dtype, shape: tuple[int, ...], device: str, requires_grad: bool, rest: Any
) -> Tensor:
    t = object.__new__(cls)
    t._become(from_bytes(data, type, shape, device))
    t._requires_grad = requires_grad
    t.__dict__.update(rest)
    return t


def _size(shape: tuple[int, ...]) -> int:
    n = 1
    for s in shape:
        n *= s
    return n


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
    t = object.__new__(Tensor)
    shape = node.shape
    if strides is None or strides == contiguous_strides(shape):
        _initialise(t, Storage(node), shape)
    else:
        order = memory_order(shape, strides)
        assert order is not None
        _initialise(t, Storage(permuted(node, order.order)), shape)
        t._strides = strides
    return t


def over(storage: Storage, shape: tuple[int, ...], strides: tuple[int, ...] | None = None, offset: int = 0) -> Tensor:
    """A tensor without history over existing memory; strides None: all of it, row-major."""
    t = object.__new__(Tensor)
    _initialise(t, storage, shape)
    t._strides, t._offset = strides, offset
    return t


def from_bytes(data: Any, type: dtype, shape: Sequence[int], device: Any = None) -> Tensor:
    """A tensor of a copy of bytes in row-major order; raises RuntimeError when their number doesn't fit the shape."""
    shape = tuple(shape)
    nbytes = _size(shape) * type.itemsize
    if memoryview(data).nbytes != nbytes:
        raise RuntimeError(f"{list(shape)} elements of {type} take {nbytes} bytes, got {memoryview(data).nbytes}")
    name = as_device_name(device)
    backend = devices.backend(name)
    if not backend.supports(type):
        raise TypeError(f"device {name} has no {type}: convert the tensor first, with .to(torch.float32) for example")
    node = Node(BUFFER, (), (), shape, type, name)
    node.buffer = backend.upload(data, nbytes)
    return from_node(node)


Tensor._of = staticmethod(from_node)  # type: ignore[attr-defined]
