"""Operators made of several primitives that have a better gradient than their primitives' together.

A `Composite` is to the tape what a primitive is: a gradient rule and what it reads. May import `flambeau.tensor`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from flambeau.autograd.conjugation import conjugated
from flambeau.autograd.entries import PrimitiveGradient
from flambeau.autograd.modes import state
from flambeau.autograd.repeated import NO_EDGE, Trail, repeat
from flambeau.tensor import Tensor

__all__ = ["Composite", "computed", "flat", "record", "repeated", "underivable", "untaped"]


class Composite:
    """A gradient rule for a composed operator.

    `gradient`, `saves`, `reads` and `conjugates` are as in `graph.Primitive`: `gradient(g, output, inputs, params)` gives a
    tensor, None or a function of no arguments for each input, written in tensor operations so that it can be differentiated
    again. None is for an operator without a gradient, which is only `computed`. `values` are those of the inputs read that may
    be written over before the gradient runs, since what PyTorch keeps is made of them.
    """

    __slots__ = ("name", "gradient", "saves_inputs", "saves_output", "reads", "conjugates", "values", "known")

    def __init__(
        self,
        name: str,
        gradient: Callable[..., Sequence[Any]] | None,
        saves: str = "inputs",
        reads: tuple[tuple[int, ...], ...] | None = None,
        conjugates: bool = True,
        values: tuple[int, ...] = (),
    ) -> None:
        self.name, self.gradient, self.conjugates, self.values = name, gradient, conjugates, values
        self.known: dict[Any, Any] = {}
        self.saves_inputs, self.saves_output = "inputs" in saves or "shapes" in saves, "output" in saves
        self.reads = ((),) * 8 if "shapes" in saves else reads


class untaped:
    """What is computed inside is not recorded; cheaper than `no_grad`, and inference mode is left alone."""

    __slots__ = ("_before",)

    def __enter__(self) -> None:
        self._before = state.enabled
        state.enabled = False

    def __exit__(self, *_: Any) -> None:
        state.enabled = self._before


def computed(
    composite: Composite, function: Callable[..., Any], tensors: Sequence[Tensor], params: tuple[Any, ...] = ()
) -> tuple[Tensor, ...]:
    """`function(*tensors, *params)`, a tensor or a tuple of tensors, which the tape doesn't see.

    A composite has one such function. It must build the same graph for the same parameters and kinds of tensors: it isn't
    called each time.
    """
    before, state.enabled = state.enabled, False
    try:
        return _repeated(composite.known, function, tensors, params, None)
    finally:
        state.enabled = before


def repeated(
    known: dict[Any, Any], function: Callable[..., Any], tensors: Sequence[Tensor], params: tuple[Any, ...] = ()
) -> tuple[Tensor, ...]:
    """`function(*tensors, *params)`, a tensor or a tuple of tensors, by primitives whose gradients are as good apart as together.

    `known` is the function's memory. As `computed`, it isn't called each time; what it builds then has one tape entry.
    """
    trail = None
    if state.enabled:
        edges = [t._edge() if t.requires_grad else NO_EDGE for t in tensors]
        if any(end is None and t.requires_grad for t, (end, _) in zip(tensors, edges)):
            return _as_tuple(function(*tensors, *params))  # a view made in no_grad: on the tape, though its gradient goes nowhere
        if any(function is not None for function, _ in edges):
            trail = [(edge, None) for edge in edges]
    return _repeated(known, function, tensors, params, trail)


def _repeated(
    known: dict[Any, Any],
    function: Callable[..., Any],
    tensors: Sequence[Tensor],
    params: tuple[Any, ...],
    trail: Trail | None,
) -> tuple[Tensor, ...]:
    results = None
    if state.autocast is None:
        key: list[Any] = [_FORWARD, params, *map(type, params)]
        if 0.0 in params:  # which equals -0.0
            key.append(repr(params))
        results = repeat(known, key, tensors, lambda others: _as_tuple(function(*others, *params)), trail)
    return _as_tuple(function(*tensors, *params)) if results is None else tuple(results)


def _as_tuple(result: Any) -> tuple[Tensor, ...]:
    return result if isinstance(result, tuple) else (result,)


_FORWARD = "forward"


def flat(name: str) -> Composite:
    """The rule of an operator whose result doesn't follow its operands, a step function or a draw: gradients of zeros."""

    def gradient(g: Tensor, y: Any, inputs: Any, params: Any) -> list[Tensor]:
        return [g.new_zeros(form.shape) for form in inputs]

    return Composite(name, gradient, saves="shapes")


def underivable(name: str, message: str, error: type[Exception] = RuntimeError) -> Composite:
    """The rule of an operator that PyTorch has no derivative for: a backward pass that comes to it raises `error`."""

    def gradient(g: Tensor, y: Any, inputs: Any, params: Any) -> Any:
        raise error(message)

    return Composite(name, gradient, saves="")


def record(composite: Composite, result: Tensor, tensors: Sequence[Tensor], params: tuple[Any, ...] = ()) -> Tensor:
    """Puts `result`, computed `untaped` from `tensors`, onto the tape; gives it back."""
    if state.enabled and (category := result._storage.dtype.category) >= 2:
        for t in tensors:
            if t.requires_grad:
                if category == 3:
                    composite = conjugated(composite)
                result._requires_grad = True
                result._grad_fn = PrimitiveGradient(composite, tensors, params, result)  # type: ignore[arg-type]
                break
    return result
