"""`gradcheck` and `gradgradcheck`: derivatives by the tape compared with finite differences.

May import `flambeau.tensor` and below.
"""

from __future__ import annotations

import random
import sys
import warnings
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any

from flambeau.autograd.interface import grad
from flambeau.autograd.modes import enable_grad, no_grad
from flambeau.autograd.tape import run_backward
from flambeau.host import pack, unpack
from flambeau.tensor import Tensor, from_bytes

__all__ = ["GradcheckError", "gradcheck", "gradgradcheck"]

Matrix = list[list[float]]


class GradcheckError(RuntimeError):
    """What gradcheck found wrong."""


def _as_tuple(value: Any) -> tuple[Any, ...]:
    if isinstance(value, tuple):
        return value
    return tuple(value) if isinstance(value, list) else (value,)


def _differentiable(values: Any) -> list[Tensor]:
    return [v for v in _as_tuple(values) if isinstance(v, Tensor) and v.requires_grad]


# A complex tensor counts as the real numbers that its parts are, in the functions and in their gradients: PyTorch's gradient of
# x + iy holds ∂/∂x and ∂/∂y.
def _numbers(t: Tensor) -> list[float]:
    return unpack(t.detach()._bytes(), t.dtype.real)


def _count(t: Tensor) -> int:
    return t.numel() * (2 if t.is_complex() else 1)


def _like(t: Tensor, numbers: Sequence[float]) -> Tensor:
    return from_bytes(pack(numbers, t.dtype.real), t.dtype, tuple(t.shape), t._storage.device)


def _set(t: Tensor, numbers: Sequence[float]) -> None:
    """Writes the elements, unseen by autograd."""
    t.data._assign(_like(t, numbers))


def _outputs(function: Callable[..., Any], inputs: tuple[Any, ...]) -> list[Tensor]:
    """The floating and complex results of a call."""
    return [o for o in _as_tuple(function(*inputs)) if isinstance(o, Tensor) and o.dtype.category >= 2]


# --- the two Jacobians: [input][output] -> a matrix with a row for each element of the input ---------------------------------
def _shifted(function: Callable[..., Any], inputs: tuple[Any, ...], t: Tensor, start: list[float], step: list[float]) -> Any:
    """The outputs' elements with t moved by `step`."""
    _set(t, [a + b for a, b in zip(start, step)])
    with no_grad():
        results = [_numbers(o) for o in _outputs(function, inputs)]
    _set(t, start)
    return results


def _numerical_along(
    function: Callable[..., Any], inputs: tuple[Any, ...], t: Tensor, start: list[float], direction: list[float], eps: float
) -> list[list[float]]:
    """Central differences of every output in one direction of one input."""
    above = _shifted(function, inputs, t, start, [eps * d for d in direction])
    below = _shifted(function, inputs, t, start, [-eps * d for d in direction])
    return [[(a - b) / (2 * eps) for a, b in zip(high, low)] for high, low in zip(above, below)]


def _numerical(function: Callable[..., Any], inputs: tuple[Any, ...], t: Tensor, eps: float) -> list[Matrix]:
    start = _numbers(t)
    rows = [
        _numerical_along(function, inputs, t, start, [float(i == j) for j in range(len(start))], eps) for i in range(len(start))
    ]
    return [list(matrix) for matrix in zip(*rows)]


def _vector_jacobian(output: Tensor, inputs: Sequence[Tensor], weights: Sequence[float]) -> list[Tensor | None]:
    if not output.requires_grad:
        return [None] * len(inputs)
    return list(grad(output, inputs, _like(output, weights), retain_graph=True, allow_unused=True))


def _check_forms(gradients: Sequence[Tensor | None], inputs: Sequence[Tensor], dtypes: bool) -> None:
    for g, t in zip(gradients, inputs):
        if g is None:
            continue
        if tuple(g.shape) != tuple(t.shape):
            raise GradcheckError("Analytical gradient has incorrect size")
        if dtypes and g.dtype is not t.dtype:
            raise GradcheckError("Analytical gradient has incorrect dtype")


def _by_tape(
    output: Tensor, inputs: Sequence[Tensor], weights: Sequence[float], nondet_tol: float, dtypes: bool
) -> list[list[float]]:
    """The gradient of each input for `weights` on the output, done twice to see that it is deterministic."""
    gradients = _vector_jacobian(output, inputs, weights)
    again = _vector_jacobian(output, inputs, weights)
    _check_forms(gradients, inputs, dtypes)
    found = []
    for t, g, h in zip(inputs, gradients, again):
        numbers = [0.0] * _count(t) if g is None else _numbers(g)
        repeated = [0.0] * _count(t) if h is None else _numbers(h)
        if any(abs(a - b) > nondet_tol for a, b in zip(numbers, repeated)):
            raise GradcheckError(
                "Backward is not reentrant, i.e., running backward with same input and grad_output multiple times gives "
                "different values, although analytical gradient matches numerical gradient."
                f"The tolerance for nondeterminism was {nondet_tol}."
            )
        found.append(numbers)
    return found


def _analytical(output: Tensor, inputs: Sequence[Tensor], nondet_tol: float, dtypes: bool) -> list[Matrix]:
    """The Jacobians by the tape: one backward for each element of the output."""
    n = _count(output)
    columns: list[list[list[float]]] = [[] for _ in inputs]
    for j in range(n):
        weights = [float(i == j) for i in range(n)]
        for column, numbers in zip(columns, _by_tape(output, inputs, weights, nondet_tol, dtypes)):
            column.append(numbers)
    return [[[c[i] for c in column] for i in range(_count(t))] for column, t in zip(columns, inputs)]


# --- comparison --------------------------------------------------------------------------------------------------------------
def _close(a: float, b: float, rtol: float, atol: float) -> bool:
    if a != a or b != b:
        return a != a and b != b
    return a == b or abs(a - b) <= atol + rtol * abs(b)


def _text(matrix: Matrix) -> str:
    return "[" + ",\n        ".join("[" + ", ".join(f"{v:.6g}" for v in row) + "]" for row in matrix) + "]"


def _compare(analytical: Matrix, numerical: Matrix, output: int, input: int, rtol: float, atol: float) -> None:
    if not all(_close(a, n, rtol, atol) for rows in zip(analytical, numerical) for a, n in zip(*rows)):
        raise GradcheckError(
            f"Jacobian mismatch for output {output} with respect to input {input},\n"
            f"numerical:{_text(numerical)}\nanalytical:{_text(analytical)}\n"
        )


def _random_direction(n: int, generator: random.Random) -> list[float]:
    """A random vector of length 1."""
    numbers = [generator.random() + 0.1 for _ in range(n)]
    norm = sum(v * v for v in numbers) ** 0.5
    return [v / norm for v in numbers]


def _check_fast(
    function: Callable[..., Any], inputs: tuple[Any, ...], eps: float, atol: float, rtol: float, nondet_tol: float, dtypes: bool
) -> None:
    """uᵀ·J·v by both ways, for random v (over inputs) and u (over outputs): one number a pair, not a Jacobian."""
    generator = random.Random(0)
    tensors = _differentiable(inputs)
    outputs = _outputs(function, inputs)
    u = [_random_direction(_count(o), generator) for o in outputs]
    for i, t in enumerate(tensors):
        v = _random_direction(_count(t), generator)
        moved = _numerical_along(function, inputs, t, _numbers(t), v, eps)
        for k, output in enumerate(outputs):
            numerical = sum(a * b for a, b in zip(moved[k], u[k]))
            (gradient,) = _by_tape(output, [t], u[k], nondet_tol, dtypes)
            analytical = sum(a * b for a, b in zip(gradient, v))
            scale = sum(u[k]) * sum(v)  # the tolerance of one element, summed as the elements are
            if not _close(analytical, numerical, rtol, atol * max(scale, 1.0)):
                raise GradcheckError(
                    f"Jacobian mismatch for output {k} with respect to input {i},\nnumerical:{numerical}\n"
                    f"analytical:{analytical}\n\nThe above quantities relating the numerical and analytical jacobians are "
                    "computed in fast mode. Rerun with fast_mode=False for the whole Jacobians."
                )


def _check_undefined(function: Callable[..., Any], inputs: tuple[Any, ...]) -> None:
    """An output whose gradient is not given counts as one whose gradient is zero."""
    tensors = _differentiable(inputs)
    outputs = [o for o in _outputs(function, inputs) if o.requires_grad]
    edges = [t._edge() for t in tensors]
    roots = [o._edge() for o in outputs]
    for chosen in range(len(outputs)):
        ones = [o.new_ones(o.shape) if i == chosen else o.new_zeros(o.shape) for i, o in enumerate(outputs)]
        full = run_backward(roots, ones, edges, True, False)
        partial = run_backward(roots, [g if i == chosen else None for i, g in enumerate(ones)], edges, True, False)
        for (f, output), t in zip(edges, tensors):
            a, b = full.get((id(f), output)), partial.get((id(f), output))
            first = [0.0] * _count(t) if a is None else _numbers(a)
            second = [0.0] * _count(t) if b is None else _numbers(b)
            if not all(_close(x, y, 1e-9, 1e-12) for x, y in zip(first, second)):
                raise GradcheckError(
                    "Expected backward function to handle undefined output grads. Please look at 'Notes about undefined output "
                    "gradients' in 'tools/autograd/derivatives.yaml'"
                )


def _check_inputs(inputs: tuple[Any, ...]) -> None:
    if not _differentiable(inputs):
        raise ValueError(
            "gradcheck expects at least one input tensor to require gradient, but none of the them have requires_grad=True."
        )
    for i, t in enumerate(inputs):
        if not isinstance(t, Tensor) or not t.requires_grad:
            continue
        if t.dtype.name not in ("float64", "complex128"):
            warnings.warn(
                f"Input #{i} requires gradient and is not a double precision floating point or complex. This check will likely "
                "fail if all the inputs are not of double precision floating point or complex. ",
                stacklevel=3,
            )
        if any(s == 0 and n > 1 for s, n in zip(t.stride(), t.shape)):
            raise RuntimeError(
                f"The {i}th input has a dimension with stride 0. gradcheck only supports inputs that are non-overlapping to be "
                "able to compute the numerical gradients correctly. You should call .contiguous on the input before passing it "
                "to gradcheck."
            )


def _check(
    function: Callable[..., Any],
    inputs: tuple[Any, ...],
    eps: float,
    atol: float,
    rtol: float,
    nondet_tol: float,
    undefined: bool,
    dtypes: bool,
    fast: bool,
) -> None:
    _check_inputs(inputs)
    outputs = _outputs(function, inputs)
    if not any(o.requires_grad for o in outputs):
        for i, t in enumerate(_differentiable(inputs)):
            for k, numerical in enumerate(_numerical(function, inputs, t, eps)):
                if any(v != 0 for row in numerical for v in row):
                    raise GradcheckError(
                        f"Numerical gradient for function expected to be zero, but output {k} depends on input {i}"
                        if outputs
                        else "gradcheck found no differentiable output"
                    )
        return
    if fast:
        _check_fast(function, inputs, eps, atol, rtol, nondet_tol, dtypes)
    else:
        tensors = _differentiable(inputs)
        by_output = [_analytical(o, tensors, nondet_tol, dtypes) for o in outputs]
        for i, t in enumerate(tensors):
            for k, numerical in enumerate(_numerical(function, inputs, t, eps)):
                _compare(by_output[k][i], numerical, k, i, rtol, atol)
    if undefined:
        _check_undefined(function, inputs)


def _refuse(**flags: bool) -> None:
    for name, value in flags.items():
        if value:
            raise NotImplementedError(f"{name}=True: gradcheck compares gradients by the tape only, one at a time")


def gradcheck(
    func: Callable[..., Any],
    inputs: Any,
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    raise_exception: bool = True,
    nondet_tol: float = 0.0,
    check_undefined_grad: bool = True,
    check_grad_dtypes: bool = False,
    check_batched_grad: bool = False,
    check_batched_forward_grad: bool = False,
    check_forward_ad: bool = False,
    check_backward_ad: bool = True,
    fast_mode: bool = False,
    masked: bool | None = None,
) -> bool:
    """Compares gradients by the tape with central differences, for every floating output and every input that requires grad.

    `inputs` should be float64. Differences beyond atol + rtol·|numerical| raise GradcheckError, or give False where
    `raise_exception` is false. `fast_mode` compares one random projection of each Jacobian.

    >>> x = torch.rand(3, dtype=torch.float64, requires_grad=True)
    >>> torch.autograd.gradcheck(torch.sin, x)
    True
    """
    _refuse(
        check_batched_grad=check_batched_grad,
        check_batched_forward_grad=check_batched_forward_grad,
        check_forward_ad=check_forward_ad,
    )
    if not check_backward_ad:
        raise AssertionError("Expected at least one of check_forward_ad or check_backward_ad to be True")
    try:
        _check(func, _as_tuple(inputs), eps, atol, rtol, nondet_tol, check_undefined_grad, check_grad_dtypes, fast_mode)
    except GradcheckError:
        if raise_exception:
            raise
        return False
    return True


def gradgradcheck(
    func: Callable[..., Any],
    inputs: Any,
    grad_outputs: Any = None,
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    gen_non_contig_grad_outputs: bool = False,
    raise_exception: bool = True,
    nondet_tol: float = 0.0,
    check_undefined_grad: bool = True,
    check_grad_dtypes: bool = False,
    check_batched_grad: bool = False,
    check_fwd_over_rev: bool = False,
    check_rev_over_rev: bool = True,
    fast_mode: bool = False,
    masked: bool = False,
) -> bool:
    """`gradcheck` of the gradient itself, as a function of the inputs and of `grad_outputs` (random where not given)."""
    _refuse(check_batched_grad=check_batched_grad, check_fwd_over_rev=check_fwd_over_rev)
    inputs = _as_tuple(inputs)
    outputs = [o for o in _outputs(func, inputs) if o.requires_grad]
    if grad_outputs is None:
        generator = random.Random(0)
        starts = []
        for o in outputs:
            if gen_non_contig_grad_outputs and o.ndim:
                wide = from_bytes(
                    pack([generator.gauss(0, 1) for _ in range(2 * _count(o))], o.dtype.real),
                    o.dtype,
                    (*o.shape, 2),
                    o._storage.device,
                )
                start = wide[..., 0]
            else:
                start = _like(o, [generator.gauss(0, 1) for _ in range(_count(o))])
            starts.append(start.requires_grad_())
    else:
        starts = list(_as_tuple(grad_outputs))

    def gradient(*args: Any) -> tuple[Any, ...]:
        args, weights = args[: len(args) - len(starts)], args[len(args) - len(starts) :]
        with enable_grad():
            results = [o for o in _outputs(func, args) if o.requires_grad]
            found = grad(results, _differentiable(args), weights, create_graph=True, allow_unused=True)
        return tuple(g for g in found if g is not None)

    return gradcheck(
        gradient,
        (*inputs, *starts),
        eps=eps,
        atol=atol,
        rtol=rtol,
        raise_exception=raise_exception,
        nondet_tol=nondet_tol,
        check_undefined_grad=check_undefined_grad,
        check_grad_dtypes=check_grad_dtypes,
        fast_mode=fast_mode,
        masked=masked,
    )


class _CallableModule(ModuleType):
    """`autograd.gradcheck` is the function even where this module of the same name has been imported."""

    def __call__(self, *args: Any, **kwargs: Any) -> bool:
        return gradcheck(*args, **kwargs)


sys.modules[__name__].__class__ = _CallableModule
