"""`backward` and `grad`: what users ask of the tape. May import `flambeau.tensor` and below."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Sequence
from typing import Any, Literal, TypeVar, TypeVarTuple, overload

from flambeau.autograd.modes import set_grad_enabled, state
from flambeau.autograd.tape import run_backward
from flambeau.tensor import Tensor

__all__ = ["backward", "grad", "initial_gradients"]

_Input = TypeVar("_Input", bound=Tensor)
_Inputs = TypeVarTuple("_Inputs")


def _as_tuple(value: Any) -> tuple[Any, ...]:
    return (value,) if isinstance(value, Tensor) or value is None else tuple(value)


def initial_gradients(outputs: tuple[Tensor, ...], gradients: tuple[Any, ...]) -> list[Tensor]:
    """The gradients to start from: given ones, checked against their outputs, or 1 for an output of one element."""
    result: list[Tensor] = []
    for output, gradient in zip(outputs, gradients):
        if gradient is None:
            if output.requires_grad and output.numel() != 1:
                raise RuntimeError("grad can be implicitly created only for scalar outputs")
            if output.dtype.category != 2:
                raise RuntimeError(f"grad can be implicitly created only for real scalar outputs but got {output.dtype}")
            gradient = output.new_ones(output.shape)
        elif not isinstance(gradient, Tensor):
            raise TypeError(f"gradients can be either Tensors or None, but got {type(gradient).__name__}")
        elif tuple(gradient.shape) != tuple(output.shape):
            raise RuntimeError(
                f"Mismatch in shape: grad_output[{len(result)}] has a shape of {gradient.shape} and "
                f"output[{len(result)}] has a shape of {output.shape}."
            )
        result.append(gradient)
    return result


def _start(outputs: Any, gradients: Any) -> tuple[list[Any], list[Tensor]]:
    outputs = _as_tuple(outputs)
    gradients = (None,) * len(outputs) if gradients is None else _as_tuple(gradients)
    if len(gradients) != len(outputs):
        raise RuntimeError(f"got {len(outputs)} tensors and {len(gradients)} gradients")
    for i, output in enumerate(outputs):
        if not output.requires_grad:
            raise RuntimeError(f"element {i} of tensors does not require grad and does not have a grad_fn")
    starts = initial_gradients(outputs, gradients)
    return [output._edge() for output in outputs], starts


@functools.cache
def _warn_of_cycles() -> None:
    """Once in a process, as PyTorch."""
    warnings.warn(
        "Using backward() with create_graph=True will create a reference cycle between the parameter and its gradient which can "
        "cause a memory leak. We recommend using autograd.grad when creating the graph to avoid this. If you have to use "
        "this function, make sure to reset the .grad fields of your parameters to None after use to break the cycle and avoid "
        "the leak.",
        stacklevel=4,
    )


def backward(
    tensors: Tensor | Sequence[Tensor],
    grad_tensors: Tensor | Sequence[Tensor | None] | None = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    grad_variables: Any = None,
    inputs: Tensor | Sequence[Tensor] | None = None,
) -> None:
    """Accumulates the gradients of `tensors` into `.grad` of their leaves, or of `inputs` alone where given.

    Raises RuntimeError when a tensor doesn't require grad, or has several elements and no gradient in `grad_tensors`.

    >>> x = torch.ones(2, requires_grad=True)
    >>> torch.autograd.backward(2 * x, torch.tensor([1.0, 10.0]))
    >>> x.grad
    tensor([ 2., 20.])
    """
    roots, starts = _start(tensors, grad_tensors if grad_tensors is not None else grad_variables)
    keep = create_graph if retain_graph is None else retain_graph
    if create_graph:
        _warn_of_cycles()
    if inputs is None:
        run_backward(roots, starts, None, keep, create_graph)
        return
    wanted = _as_tuple(inputs)
    if not wanted:
        raise RuntimeError("'inputs' argument to backward() cannot be empty.")
    edges = [t._edge() for t in wanted]
    found = run_backward(roots, starts, edges, keep, create_graph)
    for t, (function, output) in zip(wanted, edges):
        gradient = found.get((id(function), output))
        if gradient is not None:
            before, state.enabled = state.enabled, create_graph
            try:
                t._accumulate_grad(gradient)
            finally:
                state.enabled = before


def _batched(
    outputs: Any, grad_outputs: Any, wanted: tuple[Any, ...], keep: bool, create_graph: bool
) -> tuple[dict[tuple[int, int], Any], list[Any]]:
    """`run_backward` for many gradients of the outputs, which have one more dimension in front."""
    from flambeau.autograd.batching import ExampleBatch

    given = [g for g in _as_tuple(grad_outputs) if g is not None]
    if not given:
        raise RuntimeError("is_grads_batched=True needs grad_outputs")
    batch = ExampleBatch(given[0].shape[0])
    try:
        with set_grad_enabled(create_graph), batch:
            roots, starts = _start(outputs, tuple(None if g is None else batch.one(g) for g in _as_tuple(grad_outputs)))
            edges = [t._edge() for t in wanted]
            found = run_backward(roots, starts, edges, keep, create_graph)
            wholes = batch.whole(list(found.values()))
    finally:
        batch.end()
    return dict(zip(found, wholes)), edges


@overload  # a gradient has its input's shape
def grad(
    outputs: Tensor | Sequence[Tensor],
    inputs: _Input,
    grad_outputs: Tensor | Sequence[Tensor | None] | None = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    only_inputs: bool = True,
    allow_unused: bool | None = None,
    is_grads_batched: Literal[False] = False,
    materialize_grads: bool = False,
) -> tuple[_Input]: ...
@overload
def grad(  # type: ignore[overload-overlap]
    outputs: Tensor | Sequence[Tensor],
    inputs: tuple[*_Inputs],
    grad_outputs: Tensor | Sequence[Tensor | None] | None = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    only_inputs: bool = True,
    allow_unused: bool | None = None,
    is_grads_batched: Literal[False] = False,
    materialize_grads: bool = False,
) -> tuple[*_Inputs]: ...
@overload
def grad(
    outputs: Tensor | Sequence[Tensor],
    inputs: Tensor | Sequence[Tensor],
    grad_outputs: Tensor | Sequence[Tensor | None] | None = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    only_inputs: bool = True,
    allow_unused: bool | None = None,
    is_grads_batched: bool = False,
    materialize_grads: bool = False,
) -> tuple[Tensor, ...]: ...
def grad(
    outputs: Tensor | Sequence[Tensor],
    inputs: Any,
    grad_outputs: Tensor | Sequence[Tensor | None] | None = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    only_inputs: bool = True,
    allow_unused: bool | None = None,
    is_grads_batched: bool = False,
    materialize_grads: bool = False,
) -> tuple[Any, ...]:
    """The gradients of `outputs` with respect to `inputs`, as a tuple; `.grad` is not touched.

    With `is_grads_batched` the `grad_outputs`, and the results, have a first dimension of many that are computed at once.
    An input that the outputs don't depend on raises RuntimeError, or is None with `allow_unused`, or zeros with
    `materialize_grads`.

    >>> x = torch.tensor(3.0, requires_grad=True)
    >>> (first,) = torch.autograd.grad(x**3, x, create_graph=True)
    >>> (second,) = torch.autograd.grad(first, x)
    >>> first.item(), second.item()
    (27.0, 18.0)
    """
    if materialize_grads and allow_unused is False:
        raise ValueError(
            "Expected allow_unused to be True or not passed when materialize_grads=True, but got: allow_unused=False."
        )
    wanted = _as_tuple(inputs)
    if not is_grads_batched:
        roots, starts = _start(outputs, grad_outputs)
    for t in wanted:
        if not t.requires_grad:
            raise RuntimeError("One of the differentiated Tensors does not require grad")
    keep = create_graph if retain_graph is None else retain_graph
    if is_grads_batched:
        found, edges = _batched(outputs, grad_outputs, wanted, keep, create_graph)
    else:
        edges = [t._edge() for t in wanted]
        found = run_backward(roots, starts, edges, keep, create_graph)
    results: list[Tensor | None] = []
    for index, (t, (function, output)) in enumerate(zip(wanted, edges)):
        gradient = found.get((id(function), output))
        if gradient is None and materialize_grads:
            gradient = t.new_zeros(t.shape)
        elif gradient is None and not allow_unused:
            raise RuntimeError(
                f"The differentiated Tensor at index {index} appears to not have been used in the graph. "
                "Set allow_unused=True if this is the desired behavior."
            )
        results.append(gradient)
    return tuple(results)
