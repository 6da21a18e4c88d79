"""`autograd.Function`: operators with a gradient that the user writes. May import `flambeau.tensor` and below."""

from __future__ import annotations

import functools
import weakref
from collections.abc import Callable, Sequence
from typing import Any

from flambeau.autograd.modes import no_grad, state
from flambeau.autograd.tape import GradientFunction, SavedTensor, freed_error
from flambeau.tensor import Tensor, from_node

__all__ = ["Function", "FunctionCtx", "InplaceFunction", "once_differentiable"]


class FunctionCtx:
    """What `forward` leaves for `backward`: saved tensors, flags, and any attribute that is set on it."""

    def __init__(self) -> None:
        self.needs_input_grad: tuple[bool, ...] = ()
        self.to_save: tuple[Any, ...] = ()
        self.dirty_tensors: tuple[Any, ...] = ()
        self.non_differentiable: tuple[Any, ...] = ()
        self.materialize_grads = True
        self._saved: tuple[SavedTensor | None, ...] = ()
        self._saved_outputs: frozenset[int] = frozenset()
        self._entry: Any = None  # a weak reference to the tape entry, which holds this context
        self._is_released = False

    def save_for_backward(self, *tensors: Tensor | None) -> None:
        """Keeps tensors (inputs, outputs or others) for `backward`, checked against later in-place writes. Call it once."""
        for i, t in enumerate(tensors):
            if t is not None and not isinstance(t, Tensor):
                raise TypeError(f"save_for_backward can only save variables, but argument {i} is of type {type(t).__name__}")
        self.to_save = tensors

    def save_for_forward(self, *tensors: Tensor | None) -> None:
        """Accepted for programs that also define `jvp`; there is no forward mode, so nothing is kept."""

    def mark_dirty(self, *tensors: Tensor) -> None:
        """Says that these inputs were written in place; they must be returned."""
        self.dirty_tensors = tensors

    def mark_non_differentiable(self, *tensors: Tensor) -> None:
        """Says that these outputs have no gradient."""
        self.non_differentiable = tensors

    def set_materialize_grads(self, value: bool) -> None:
        """Whether `backward` gets zeros (the default) or None for an output that nothing depended on."""
        self.materialize_grads = value

    @property
    def saved_tensors(self) -> tuple[Any, ...]:
        """What `save_for_backward` kept; raises RuntimeError after the graph was freed."""
        if self._is_released:
            raise freed_error()
        outputs, entry = self._saved_outputs, self._entry()
        return tuple([None if s is None else s.restore(entry if i in outputs else None) for i, s in enumerate(self._saved)])

    def _keep(self, entry: FunctionGradient, outputs: Sequence[Any]) -> None:
        """After forward: the tensors to save, each with its place on the tape; an output's is `entry`."""
        self._entry = weakref.ref(entry)
        self._saved_outputs = frozenset(i for i, t in enumerate(self.to_save) if _is_in(t, outputs))
        self._saved = tuple([None if t is None else SavedTensor(t, i in self._saved_outputs) for i, t in enumerate(self.to_save)])
        for i in self._saved_outputs:  # what is saved must not hold the entry that holds it
            saved = self._saved[i]
            assert saved is not None
            saved.function = None
        self._forget()

    def _forget(self) -> None:
        self.to_save = self.dirty_tensors = self.non_differentiable = ()


class FunctionGradient(GradientFunction):
    """The tape entry of one call of a Function: runs the user's backward and checks what it returns.

    Reading an attribute that it lacks reads the context's, so that `result.grad_fn.saved_tensors` works as in PyTorch.
    """

    __slots__ = ("function", "context", "inputs", "results")

    def __init__(self, function: type[Function], context: FunctionCtx, args: Sequence[Any]) -> None:
        super().__init__(tuple([a._edge() if a.requires_grad else (None, 0) for a in args if isinstance(a, Tensor)]))
        self.function, self.context = function, context
        self.inputs = tuple([_Form(a) if isinstance(a, Tensor) else None for a in args])
        self.results: tuple[_Form | None, ...] = ()

    def name(self) -> str:
        return self.function.__name__ + "Backward"

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or name == "context":
            raise AttributeError(name)
        return getattr(self.context, name)

    def backward(self, gradients: list[Any]) -> Sequence[Any]:
        if self.context.materialize_grads:
            gradients = [r.zeros() if g is None and r is not None else g for g, r in zip(gradients, self.results)]
        found = self.function._derivative()(self.context, *gradients)
        found = found if isinstance(found, tuple) else (found,)
        expected = len(self.inputs)
        if len(found) < expected or any(g is not None for g in found[expected:]):
            raise RuntimeError(
                f"function {self.name()} returned an incorrect number of gradients (expected {expected}, got {len(found)})"
            )
        results: list[Any] = []
        for i, (form, g) in enumerate(zip(self.inputs, found)):
            if form is not None:
                results.append(None if g is None else form.fit(g, self.name(), len(results)))
            elif g is not None:
                raise RuntimeError(
                    f"function {self.name()} returned a gradient different than None at position {i + 1}, but the "
                    "corresponding forward input was not a Variable"
                )
        return results

    def release(self) -> None:
        context = self.context
        if context._saved:
            context._saved, context._is_released = (), True


class _Form:
    """The shape, dtype and device that a gradient must have."""

    __slots__ = ("shape", "dtype", "device")

    def __init__(self, t: Tensor) -> None:
        self.shape, self.dtype, self.device = tuple(t._shape), t._storage.dtype, t._storage.device

    def zeros(self) -> Tensor:
        from flambeau.ops.creation import zeros

        return zeros(self.shape, dtype=self.dtype, device=self.device)

    def fit(self, g: Any, name: str, index: int) -> Tensor:
        """The gradient summed to the input's shape where it is a broadcast of it, in the input's dtype."""
        if not isinstance(g, Tensor):
            raise TypeError(f"function {name} returned a gradient of type {type(g).__name__}: expected a Tensor or None")
        shape = tuple(g._shape)
        if shape != self.shape:
            lead = len(shape) - len(self.shape)
            if lead < 0 or any(mine not in (1, n) for mine, n in zip(self.shape, shape[lead:])):
                raise RuntimeError(
                    f"Function {name} returned an invalid gradient at index {index} - got {list(shape)} but expected shape "
                    f"compatible with {list(self.shape)}"
                )
            dims = tuple(d for d, n in enumerate(shape) if d < lead or (self.shape[d - lead] == 1 and n != 1))
            g = g.sum(dims, keepdim=True).reshape(self.shape) if dims else g.reshape(self.shape)
        if g._storage.device != self.device:
            raise RuntimeError(
                f"Function {name} returned an invalid gradient at index {index} - expected device {self.device} but got "
                f"{g._storage.device}"
            )
        return g if g._storage.dtype is self.dtype else g.to(self.dtype)


class Function:
    """A differentiable operator: subclass it, define the static methods `forward` and `backward`, and call `apply`.

    Either `forward(ctx, *args)`, or `forward(*args)` with `setup_context(ctx, inputs, output)`. `forward` runs without a tape.
    `backward(ctx, *grad_outputs)` returns one gradient (or None) for each argument of `forward`; what it does in tensor
    operations can be differentiated again.

    >>> class Cube(torch.autograd.Function):
    ...     @staticmethod
    ...     def forward(ctx, x):
    ...         ctx.save_for_backward(x)
    ...         return x**3
    ...     @staticmethod
    ...     def backward(ctx, grad):
    ...         (x,) = ctx.saved_tensors
    ...         return 3 * x**2 * grad
    >>> x = torch.tensor(2.0, requires_grad=True)
    >>> Cube.apply(x).backward()
    >>> x.grad
    tensor(12.)
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        raise RuntimeError(
            f"{type(self)} should not be instantiated. Methods on autograd functions are all static, so you should invoke them "
            f"on the class itself. Instantiating an autograd function is not supported: use {type(self).__name__}.apply(...)"
        )

    @staticmethod
    def forward(*args: Any, **kwargs: Any) -> Any:
        """The result, a tensor or a tuple of tensors and other values."""
        raise NotImplementedError("You must implement the forward function for custom autograd.Function.")

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> Any:
        """Saves what `backward` needs, where `forward` takes no context."""
        raise NotImplementedError("setup_context is not implemented.")

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Any, **_: Any) -> Any:
        """The gradients of the arguments of `forward`."""
        raise NotImplementedError(
            "You must implement either the backward or vjp method for your custom autograd.Function to use it with backward "
            "mode AD."
        )

    @staticmethod
    def vjp(ctx: Any, *grad_outputs: Any) -> Any:
        """Another name for `backward`."""
        raise NotImplementedError("You must implement either the backward or vjp method")

    @classmethod
    def _derivative(cls) -> Callable[..., Any]:
        return cls.vjp if cls.backward is Function.backward and cls.vjp is not Function.vjp else cls.backward

    @classmethod
    def apply(cls, *args: Any, **kwargs: Any) -> Any:
        """Calls `forward` and records the call."""
        if kwargs:
            raise TypeError(f"{cls.__name__}.apply() takes no keyword arguments")
        context = FunctionCtx()
        context.needs_input_grad = tuple([isinstance(a, Tensor) and a.requires_grad for a in args])
        entry = FunctionGradient(cls, context, args) if state.enabled and any(context.needs_input_grad) else None
        with no_grad():
            if cls.setup_context is Function.setup_context:
                output = cls.forward(context, *args)
            else:
                output = cls.forward(*args)
                cls.setup_context(context, args, output)
        outputs = output if isinstance(output, tuple) else (output,)
        _check_dirty(context, args, outputs)
        placed = []
        for index, o in enumerate(outputs):
            if isinstance(o, Tensor):
                if _is_in(o, args) and not _is_in(o, context.dirty_tensors):
                    # An input that comes back unchanged is handed on as a view of itself.
                    placed.append(o.view_as(o) if entry is None else o._without_tape())
                else:
                    placed.append(o)
                if entry is not None:
                    _enter(entry, o, placed[index], index)
            else:
                placed.append(o)
        if entry is not None:
            entry.outputs = len(outputs)
            entry.results = tuple([_Form(o) if isinstance(o, Tensor) else None for o in outputs])
            context._keep(entry, outputs)
        else:
            context._forget()
        if not isinstance(output, tuple):
            return placed[0]
        return type(output)(*placed) if hasattr(output, "_fields") else tuple(placed)


class InplaceFunction(Function):
    """A Function with a conventional `inplace` flag, kept for programs that subclass it."""


def _is_in(t: Any, tensors: Sequence[Any]) -> bool:
    return any(t is other for other in tensors)


def _check_dirty(context: FunctionCtx, args: Sequence[Any], outputs: Sequence[Any]) -> None:
    for t in context.dirty_tensors:
        if not _is_in(t, outputs):
            raise RuntimeError(
                "Some elements marked as dirty during the forward method were not returned as output. The inputs that are "
                "modified inplace must all be outputs of the Function."
            )
        if state.enabled and _is_in(t, args) and t._grad_fn is None and t._requires_grad:
            raise RuntimeError("a leaf Variable that requires grad is being used in an in-place operation.")


def _enter(entry: FunctionGradient, output: Tensor, placed: Tensor, index: int) -> None:
    """Puts an output onto the tape."""
    if _is_in(output, entry.context.non_differentiable) or output._storage.dtype.category < 2:
        return
    if _is_in(output, entry.context.dirty_tensors):
        value = from_node(placed._value())._with_tape(entry, index)
        placed._record_write(value)
        placed._base_version = placed._counter.autograd_version
        return
    placed._requires_grad, placed._grad_fn, placed._output_index = True, entry, index


def once_differentiable(function: Callable[..., Any]) -> Callable[..., Any]:
    """Marks a `backward` that can't be differentiated again: doing so raises RuntimeError."""

    @functools.wraps(function)
    def wrapper(ctx: Any, *grads: Any) -> Any:
        with no_grad():
            outputs = function(ctx, *grads)
        if not state.enabled or not any(isinstance(g, Tensor) and g.requires_grad for g in grads):
            return outputs
        results = outputs if isinstance(outputs, tuple) else (outputs,)
        error = _DelayedError([g for g in grads if isinstance(g, Tensor) and g.requires_grad])
        raised = tuple([error.attach(o) if isinstance(o, Tensor) else o for o in results])
        return raised if isinstance(outputs, tuple) else raised[0]

    return wrapper


class _DelayedError(GradientFunction):
    """A tape entry that raises when it is reached."""

    def __init__(self, tensors: Sequence[Tensor]) -> None:
        super().__init__(tuple([t._edge() for t in tensors]))

    def attach(self, t: Tensor) -> Tensor:
        return t._with_tape(self, 0)

    def backward(self, gradients: list[Any]) -> Sequence[Any]:
        raise RuntimeError("trying to differentiate twice a function that was marked with @once_differentiable")
