"""A tensor's place on the tape: leaves and their gradients, hooks, `backward`, `detach`.

May import `flambeau.autograd`'s tape and modes, and what `flambeau.tensor.values` may.
"""

from __future__ import annotations

import weakref
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Self

from flambeau.autograd.modes import state
from flambeau.autograd.tape import AccumulateGrad, Edge, GradientFunction, RemovableHandle, added
from flambeau.layout import strided
from flambeau.shapes.strides import memory_order
from flambeau.size import contiguous_strides
from flambeau.storage import RECORDERS, pending
from flambeau.tensor.values import Values

if TYPE_CHECKING:
    from flambeau.tensor.core import Tensor

__all__ = ["Gradients"]


class _Counter:
    """The write counter of tensors made by `.data`: their writes are hidden from autograd."""

    __slots__ = ("autograd_version",)

    def __init__(self) -> None:
        self.autograd_version = 0


class Gradients(Values):
    """What PyTorch's tensors have for autograd."""

    __slots__ = (
        "_counter", "_requires_grad", "_grad", "_grad_fn", "_output_index", "_accumulate", "_base", "_base_version",
        "_retains_grad", "_inference",
    )  # fmt: skip

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

    def _edge(self) -> Edge:
        """Where a gradient for this tensor goes: the function that made it, or the accumulation into this leaf."""
        function = self._history()
        if function is not None:
            return function, self._output_index
        if not self._requires_grad:  # of a view made in no_grad, too: no gradient goes through it to what it is a view of
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
    def requires_grad(self, value: bool | None) -> None:
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

    def requires_grad_(self, requires_grad: bool = True) -> Self:
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
            pending.recorder.set_grad(self, value is None)
        if value is None:
            self._grad = None
            return
        if not isinstance(value, Gradients):
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
            if gradient._storage.layout is not strided:
                self._grad = gradient if state.enabled else gradient.detach()
                return
            strides = contiguous_strides(self._shape)
            if self._strides is not None and memory_order(self._shape, self._strides) is not None:
                strides = self._strides  # a gradient lies in memory as a dense leaf does
            self._grad = gradient._laid_out(strides) if state.enabled else self._of(gradient._value(), strides)
        elif state.enabled or self._grad._storage.layout is not strided:
            self._grad = added(self._grad, gradient)
        else:
            self._grad._assign((self._grad + gradient).detach())

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
                if t._grad is not None:
                    t._grad = added(t._grad, gradient)
                elif gradient._storage.layout is not strided:
                    t._grad = gradient.detach()
                else:
                    t._grad = t._of(gradient._value(), gradient._dense_strides())

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
            function.post_hooks = OrderedDict()
        handle = RemovableHandle(function.post_hooks)
        function.post_hooks[handle.id] = hook
        return handle

    def _hookable(self) -> tuple[GradientFunction, int]:
        if not self.requires_grad:
            raise RuntimeError("cannot register a hook on a tensor that doesn't require gradient")
        function, output = self._edge()
        if function is None:  # a view made in no_grad, which no gradient reaches
            function = AccumulateGrad(self)
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

        backward(self, gradient, retain_graph, create_graph, inputs=inputs)  # type: ignore[arg-type]

    def detach(self) -> Tensor:
        """The same memory without history; writes to either are seen by both."""
        t = self._without_tape()
        t._inference = self._inference
        return t

    def detach_(self) -> Self:
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
        if not isinstance(value, Gradients):
            raise TypeError(f"Variable data has to be a tensor, but got {type(value).__name__}")
        if self.requires_grad and value._storage.dtype.category < 2:
            raise RuntimeError("data set to a tensor that requires gradients must be floating point or complex dtype")
        self._storage, self._shape, self._strides, self._offset = value._storage, value._shape, value._strides, value._offset
        self._node, self._node_version = value._node, value._node_version

    @property
    def _version(self) -> int:
        return self._counter.autograd_version

    def is_inference(self) -> bool:
        """Whether the tensor was made in inference mode."""
        return self._inference

    @property
    def output_nr(self) -> int:
        return self._output_index

    def _is_view(self) -> bool:
        return self._base is not None
