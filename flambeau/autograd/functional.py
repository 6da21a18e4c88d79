"""`autograd.functional`: whole Jacobians and Hessians, and products with them. May import `flambeau.tensor` and below."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flambeau.autograd.interface import grad
from flambeau.autograd.modes import enable_grad
from flambeau.tensor import Tensor

__all__ = ["vjp", "jvp", "jacobian", "hessian", "vhp", "hvp"]


def _as_tuple(value: Any, what: str, function: str) -> tuple[bool, tuple[Tensor, ...]]:
    """Whether it was a tuple, and the tensors; TypeError for anything else."""
    is_tuple = isinstance(value, tuple)
    values = value if is_tuple else (value,)
    for i, v in enumerate(values):
        if not isinstance(v, Tensor):
            where = f" element {i} of the {what}" if is_tuple else f" the {what}"
            raise TypeError(
                f"The {what} given to {function} must be either a Tensor or a tuple of Tensors but{where} has type {type(v)}."
            )
    return is_tuple, values


def _fresh(inputs: tuple[Tensor, ...], create_graph: bool) -> tuple[Tensor, ...]:
    """The inputs as places to differentiate by: views of them, or leaves where no graph is wanted."""
    if create_graph:
        return tuple(t.view_as(t) if t.requires_grad else t.detach().requires_grad_() for t in inputs)
    return tuple(t.detach().requires_grad_() for t in inputs)


def _check_vector(v: tuple[Tensor, ...], expected: tuple[Tensor, ...]) -> None:
    if len(v) != len(expected):
        raise RuntimeError(f"v is a tuple of invalid length: should be {len(expected)} but got {len(v)}.")
    for i, (a, b) in enumerate(zip(v, expected)):
        if tuple(a.shape) != tuple(b.shape):
            prefix = f"Entry {i} in " if len(v) > 1 else ""
            raise RuntimeError(f"{prefix}v has invalid size: should be {b.shape} but got {a.shape}.")


def _vector(v: Any, expected: tuple[Tensor, ...], function: str, what: str) -> tuple[Tensor, ...]:
    if v is None:
        if len(expected) != 1 or expected[0].numel() != 1:
            raise RuntimeError(
                f"The vector v can only be None if the {what} is a single Tensor with a single element: give v to {function}"
            )
        return (expected[0].new_ones(expected[0].shape),)
    _, values = _as_tuple(v, "v", function)
    _check_vector(values, expected)
    return values


def _filled(
    found: tuple[Tensor | None, ...], like: tuple[Tensor, ...], strict: bool, message: str, create_graph: bool = False
) -> tuple[Tensor, ...]:
    """Zeros for what doesn't depend; with `strict` that is an error."""
    if strict and any(g is None or (create_graph and not g.requires_grad) for g in found):
        raise RuntimeError(message)
    return tuple(t.new_zeros(t.shape) if g is None else g for g, t in zip(found, like))


def _given(is_tuple: bool, values: tuple[Tensor, ...], create_graph: bool) -> Any:
    if not create_graph:
        values = tuple(v.detach() for v in values)
    return values if is_tuple else values[0]


def _call(func: Callable[..., Any], inputs: tuple[Tensor, ...], function: str) -> tuple[bool, tuple[Tensor, ...]]:
    is_tuple, outputs = _as_tuple(func(*inputs), "outputs of the user-provided function", function)
    return is_tuple, outputs


def _gradients(
    outputs: tuple[Tensor, ...], inputs: tuple[Tensor, ...], weights: tuple[Tensor, ...], create_graph: bool, strict: bool
) -> tuple[Tensor | None, ...]:
    """Gradients by outputs that may not depend on any input."""
    chosen = [(o, w) for o, w in zip(outputs, weights) if o.requires_grad]
    if strict and len(chosen) != len(outputs):
        raise RuntimeError(
            "An output of the user-provided function is independent of every input. This is not allowed in strict mode."
        )
    if not chosen:
        return (None,) * len(inputs)
    return grad(
        [o for o, _ in chosen], inputs, [w for _, w in chosen], retain_graph=True, create_graph=create_graph, allow_unused=True
    )


_INDEPENDENT = "The output of the user-provided function is independent of an input. This is not allowed in strict mode."


def vjp(
    func: Callable[..., Any], inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False
) -> tuple[Any, Any]:
    """(func(inputs), vᵀ·J): `v` is like the outputs, or None for a single number."""
    with enable_grad():
        is_inputs_tuple, given = _as_tuple(inputs, "inputs", "vjp")
        places = _fresh(given, create_graph)
        is_outputs_tuple, outputs = _call(func, places, "vjp")
        weights = _vector(v, outputs, "vjp", "user-provided function returns")
        found = _gradients(outputs, places, weights, create_graph, strict)
        products = _filled(found, places, strict, _INDEPENDENT)
    return _given(is_outputs_tuple, outputs, create_graph), _given(is_inputs_tuple, products, create_graph)


def jvp(
    func: Callable[..., Any], inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False
) -> tuple[Any, Any]:
    """(func(inputs), J·v): `v` is like the inputs. By differentiating the vector-Jacobian product by its vector."""
    with enable_grad():
        _, given = _as_tuple(inputs, "inputs", "jvp")
        places = _fresh(given, create_graph)
        directions = _vector(v, places, "jvp", "input to the user-provided function")
        is_outputs_tuple, outputs = _call(func, places, "jvp")
        weights = tuple(o.new_zeros(o.shape).requires_grad_() for o in outputs)
        found = _gradients(outputs, places, weights, True, strict)
        products = _filled(found, places, strict, _INDEPENDENT)
        dependent = [(p, d) for p, d in zip(products, directions) if p.requires_grad]
        if dependent:
            pushed = grad(
                [p for p, _ in dependent], weights, [d for _, d in dependent], create_graph=create_graph, allow_unused=True
            )
        else:
            pushed = (None,) * len(weights)
        results = _filled(pushed, outputs, strict, _INDEPENDENT)
    return _given(is_outputs_tuple, outputs, create_graph), _given(is_outputs_tuple, results, create_graph)


def jacobian(
    func: Callable[..., Any],
    inputs: Any,
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = False,
    strategy: str = "reverse-mode",
) -> Any:
    """The derivative of every output element by every input element: shape (*output, *input), nested as outputs and inputs are.

    `vectorize` and `strategy` choose how PyTorch computes it; here both give the same computation.

    >>> torch.autograd.functional.jacobian(lambda x: x**2, torch.tensor([1.0, 2.0]))
    tensor([[2., 0.],
            [0., 4.]])
    """
    if strategy not in ("reverse-mode", "forward-mode"):
        raise AssertionError(f'Expected strategy to be either "forward-mode" or "reverse-mode", got {strategy!r}')
    with enable_grad():
        is_inputs_tuple, given = _as_tuple(inputs, "inputs", "jacobian")
        places = _fresh(given, create_graph)
        is_outputs_tuple, outputs = _call(func, places, "jacobian")
        rows: list[Any] = []
        for output in outputs:
            parts: list[list[Tensor]] = [[] for _ in places]
            n = output.numel()
            basis = output.new_ones((n,)).diag() if n else None
            for j in range(n):
                assert basis is not None
                found = _gradients((output,), places, (basis[j].reshape(output.shape),), create_graph, strict)
                for part, g in zip(parts, _filled(found, places, strict, _INDEPENDENT, create_graph)):
                    part.append(g)
            blocks = tuple(
                _stack(part, (*output.shape, *t.shape)) if part else t.new_zeros((*output.shape, *t.shape))
                for part, t in zip(parts, places)
            )
            rows.append(_given(is_inputs_tuple, blocks, create_graph))
    return tuple(rows) if is_outputs_tuple else rows[0]


def _stack(parts: list[Tensor], shape: tuple[int, ...]) -> Tensor:
    from flambeau.ops.joining import stack

    return stack(parts).reshape(shape)


def _single(func: Callable[..., Any], function: str) -> Callable[..., Tensor]:
    """The function, checked to give one number."""

    def checked(*args: Any) -> Tensor:
        is_tuple, outputs = _call(func, args, function)
        if is_tuple or outputs[0].numel() != 1:
            raise RuntimeError(f"The function given to {function} should return a single Tensor with a single element.")
        return outputs[0].squeeze()

    return checked


def hessian(
    func: Callable[..., Any],
    inputs: Any,
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = False,
    outer_jacobian_strategy: str = "reverse-mode",
) -> Any:
    """The second derivatives of a single number: shape (*input, *input), for a tuple of inputs a tuple of tuples.

    >>> torch.autograd.functional.hessian(lambda x: (x**3).sum(), torch.tensor([1.0, 2.0]))
    tensor([[ 6.,  0.],
            [ 0., 12.]])
    """
    is_tuple, _ = _as_tuple(inputs, "inputs", "hessian")
    single = _single(func, "hessian")

    def gradient(*args: Any) -> Any:
        return jacobian(single, args if is_tuple else args[0], create_graph=True, strict=strict)

    return jacobian(gradient, inputs, create_graph=create_graph, strict=strict)


def vhp(
    func: Callable[..., Any], inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False
) -> tuple[Any, Any]:
    """(func(inputs), vᵀ·H) of a function that gives one number; `v` is like the inputs."""
    with enable_grad():
        is_tuple, given = _as_tuple(inputs, "inputs", "vhp")
        places = _fresh(given, create_graph)
        directions = _vector(v, places, "vhp", "input to the user-provided function")
        output = _single(func, "vhp")(*places)
        first = _filled(_gradients((output,), places, (output.new_ones(()),), True, strict), places, strict, _INDEPENDENT)
        second = _gradients(first, places, directions, create_graph, False)
        products = _filled(second, places, strict, _INDEPENDENT)
    return _given(False, (output,), create_graph), _given(is_tuple, products, create_graph)


def hvp(
    func: Callable[..., Any], inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False
) -> tuple[Any, Any]:
    """(func(inputs), H·v): the Hessian is symmetric, so this is `vhp`."""
    return vhp(func, inputs, v, create_graph, strict)
