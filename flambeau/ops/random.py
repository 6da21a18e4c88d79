"""Random tensors and draws, from a counter-based generator. May import what `flambeau.ops` may, and `flambeau.generator`."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import flambeau.graph.node as graph
from flambeau.autograd.repeated import recalled
from flambeau.device import as_device_name
from flambeau.dtypes import (
    bool_,
    c_name_of_dtype,
    check_held,
    default_dtype,
    dtype,
    float32,
    iinfo,
    int64,
    name_of_dtype,
    uint32,
)
from flambeau.generator import Generator, default_generator
from flambeau.graph.primitives import elementwise as e
from flambeau.graph.primitives.complex import VIEW_AS_COMPLEX
from flambeau.graph.primitives.random import RANDOM_BITS
from flambeau.ops.composite import flat, record, underivable, untaped
from flambeau.ops.operands import (
    accumulation_dtype,
    cast,
    check_sizes,
    check_tensor,
    filled,
    integer,
    pair,
    python_number,
    refuse,
    refuse_complex,
    sizes,
    strides_like,
)
from flambeau.ops.registry import operator, scalar_name, write_made, write_out
from flambeau.ops.slicing import select
from flambeau.ops.sorting import argsort
from flambeau.tensor import Tensor

__all__ = ["bits", "uniform", "standard_normal", "rand", "randn", "randint", "randperm", "bernoulli", "normal"]


# --- bits to numbers ---------------------------------------------------------------------------------------------------
_KNOWN: dict[Any, Any] = {}
"""What was built for draws of each kind."""


def _drawn(
    build: Callable[..., Tensor], shapes: Sequence[tuple[int, ...]], device: str, generator: Generator | None, *details: Any
) -> Tensor:
    """`build(words, …, *details)` of uniform 32-bit words of each of the shapes. It depends on nothing else: what it built for
    the same shapes and details is built again, for other words."""
    generator = generator or default_generator
    starts = [start for shape in shapes for start in generator.next_block(math.prod(shape), device)]

    def call(starts: Sequence[Tensor]) -> Tensor:
        words = [Tensor._apply(RANDOM_BITS, starts[2 * i : 2 * i + 2], (shape,)) for i, shape in enumerate(shapes)]
        return build(*words, *details)

    found = recalled(_KNOWN, [build, *shapes, *details], starts, call) if graph.naming is None else None
    return call(starts) if found is None else found


def bits(shape: tuple[int, ...], device: str, generator: Generator | None) -> Tensor:
    """Uniform 32-bit words."""
    return _drawn(_as_words, [shape], device, generator)


def _as_words(words: Tensor) -> Tensor:
    return words


def _high_bits(words: Tensor, count: int) -> Tensor:
    """The `count` highest bits of each word, as a number."""
    return Tensor._apply(e.RIGHT_SHIFT, (words, filled(32 - count, uint32, words._storage.device, tuple(words._shape))))


_RESOLUTION = {"float32": 24, "float16": 11, "bfloat16": 8}
"""Random bits of a uniform number: as many as are exact in [0, 1)."""


def uniform(shape: tuple[int, ...], type: dtype, device: str, generator: Generator | None, *, above_zero: bool = False) -> Tensor:
    """Uniform numbers in [0, 1), or in (0, 1] with `above_zero`; both parts of complex ones."""
    check_held(type)
    if type.category == 3:
        return _of_pairs(uniform((*shape, 2), type.real, device, generator, above_zero=above_zero))
    return _drawn(_as_uniform, [_shape_of_words(shape, type)], device, generator, type, above_zero)


def _shape_of_words(shape: tuple[int, ...], type: dtype) -> tuple[int, ...]:
    """The words that uniform numbers of a shape and dtype are made of: 53 bits are two of them."""
    return (*shape, 2) if type.name == "float64" else shape


def _as_uniform(words: Tensor, type: dtype, above_zero: bool) -> Tensor:
    if type.name == "float64":
        high, low = (cast(_high_bits(select(words, -1, i), b), type) for i, b in ((0, 27), (1, 26)))
        count, value = 53, high * float(1 << 26) + low
    else:
        count = _RESOLUTION[type.name]
        value = cast(_high_bits(words, count), accumulation_dtype(type))
    if above_zero:
        value = value + 1
    return cast(value * 2.0**-count, type)


def standard_normal(shape: tuple[int, ...], type: dtype, device: str, generator: Generator | None) -> Tensor:
    """Normal numbers of mean 0 and variance 1, by Box and Muller's transform of two uniform ones each.

    The parts of complex ones share the variance.
    """
    if type.category == 3:
        return _of_pairs(standard_normal((*shape, 2), type.real, device, generator) * math.sqrt(0.5))
    check_held(type)
    words = _shape_of_words(shape, accumulation_dtype(type))
    return _drawn(_as_normal, [words, words], device, generator, type)


def _as_normal(radius: Tensor, angle: Tensor, type: dtype) -> Tensor:
    wide = accumulation_dtype(type)
    length = (_as_uniform(radius, wide, True).log() * -2).sqrt()
    return cast(length * (_as_uniform(angle, wide, False) * (2 * math.pi)).cos(), type)


def _of_pairs(t: Tensor) -> Tensor:
    return Tensor._apply(VIEW_AS_COMPLEX, (t,))


def _integers(low: int, high: int, shape: tuple[int, ...], device: str, generator: Generator | None) -> Tensor:
    """Uniform integers in [low, high), int64: the high half of word · range, or 63 bits modulo a range above 2³²."""
    span = high - low
    return _drawn(_as_integers, [shape if span <= 1 << 32 else (*shape, 2)], device, generator, low, span)


def _as_integers(words: Tensor, low: int, span: int) -> Tensor:
    if span <= 1 << 32:
        words = cast(words, int64)
        value = Tensor._apply(e.RIGHT_SHIFT, pair("randint", words * span, 32)) if span < 1 << 31 else words % span
    else:
        value = cast(_high_bits(select(words, -1, 0), 31), int64) * (1 << 32) + cast(select(words, -1, 1), int64)
        value = value % span if span < 1 << 63 else value
    return value + low if low else value


def _finish(out: Tensor | None, result: Tensor, requires_grad: bool | None) -> Tensor:
    if out is not None:
        return write_made(out, result)
    if requires_grad:
        result.requires_grad = True
    return result


def _floating(name: str, type: dtype) -> dtype:
    if type.category < 2 or (type.category == 3 and name not in ("check_uniform_bounds", "normal_kernel_cpu")):
        raise NotImplementedError(f"\"{name}\" not implemented for '{name_of_dtype(type)}'")
    return type


# --- new tensors -------------------------------------------------------------------------------------------------------
def _maker(name: str, draw: Any, kernel: str, doc: str) -> Any:
    def make(
        *size: Any,
        generator: Generator | None = None,
        out: Tensor | None = None,
        dtype: dtype | None = None,
        layout: Any = None,
        device: Any = None,
        requires_grad: bool | None = False,
        pin_memory: bool | None = False,
        **names: Any,
    ) -> Tensor:
        shape = _checked(sizes(name, (names["size"],) if names else size))
        type = dtype or (default_dtype() if out is None else out.dtype)
        where = as_device_name(device) if out is None or device is not None else out._storage.device
        return _finish(out, draw(shape, _floating(kernel, type), where, generator), requires_grad)

    def make_like(
        input: Tensor,
        *,
        generator: Generator | None = None,
        dtype: dtype | None = None,
        layout: Any = None,
        device: Any = None,
        requires_grad: bool | None = False,
        memory_format: Any = None,
    ) -> Tensor:
        check_tensor(input, name + "_like", "input")
        where = input._storage.device if device is None else as_device_name(device)
        drawn = draw(tuple(input._shape), _floating(kernel, dtype or input.dtype), where, generator)
        return _finish(None, drawn._laid_out(strides_like(input, memory_format, name + "_like")), requires_grad)

    for function, own in ((make, name), (make_like, name + "_like")):
        function.__name__ = function.__qualname__ = own
        function.__doc__ = doc
        operator(own, method=False)(function)  # type: ignore[arg-type]
    return make, make_like


def _checked(shape: tuple[int, ...]) -> tuple[int, ...]:
    check_sizes(shape)
    return shape


rand, rand_like = _maker("rand", uniform, "check_uniform_bounds", "Uniform numbers in [0, 1).")
randn, randn_like = _maker("randn", standard_normal, "normal_kernel_cpu", "Normal numbers of mean 0 and variance 1.")


def _check_bounds(low: int, high: int, type: dtype) -> None:
    """Raises RuntimeError where the whole numbers from `low` up to, not including, `high` are none or not all of the dtype."""
    if low >= high:
        raise RuntimeError(f"random_ expects 'from' to be less than 'to', but got from={low} >= to={high}")
    if type.category == 3:
        raise RuntimeError("check_random_bounds handles only integral, floating-point and boolean types")
    if type.category == 1:
        limits = iinfo(type)
        for what, value in (("from", low), ("to - 1", high - 1)):
            if not limits.min <= value <= limits.max:
                raise RuntimeError(f"{what} is out of bounds for {c_name_of_dtype(type)}")


@operator(method=False)
def randint(
    low: int = 0,
    high: Any = None,
    size: Any = None,
    *,
    generator: Generator | None = None,
    out: Tensor | None = None,
    dtype: dtype | None = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool | None = False,
    pin_memory: bool | None = False,
) -> Tensor:
    """Uniform integers in [low, high), or in [0, low) when called as `randint(high, size)`; int64 unless told."""
    if size is None or high is None:
        low, high, size = 0, low if high is None or size is None else high, high if size is None else size
    if size is None:
        raise TypeError("randint() received an invalid combination of arguments: the size is missing")
    a, b = integer(low, "randint", "low"), integer(high, "randint", "high")
    type = dtype or (int64 if out is None else out.dtype)
    _check_bounds(a, b, type)
    shape = _checked(sizes("randint", (size,)))
    return _finish(out, cast(_integers(a, b, shape, as_device_name(device), generator), type), requires_grad)


@operator(method=False)
def randint_like(
    input: Tensor,
    low: int | None = None,
    high: int | None = None,
    *,
    dtype: dtype | None = None,
    device: Any = None,
    generator: Any = None,
    memory_format: Any = None,
) -> Tensor:
    """Uniform integers in [low, high) (or [0, low)) in a tensor's shape and dtype."""
    if high is None:
        low, high = 0, low
    if high is None:
        raise TypeError("randint_like() missing 1 required positional argument: 'high'")
    low = 0 if low is None else low
    type = dtype or input.dtype
    _check_bounds(low, high, type)
    where = input._storage.device if device is None else as_device_name(device)
    drawn = cast(_integers(low, high, tuple(input._shape), where, generator), type)
    return drawn._laid_out(strides_like(input, memory_format, "randint_like"))


@operator(method=False)
def randperm(
    n: int,
    *,
    generator: Generator | None = None,
    out: Tensor | None = None,
    dtype: dtype | None = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool | None = False,
    pin_memory: bool | None = False,
) -> Tensor:
    """0 … n-1 in random order: that of random numbers of twice as many bits as n has, and 32 at least. Equal ones, of which
    there is seldom a pair, stay in order."""
    count = integer(n, "randperm", "n")
    if count < 0:
        raise RuntimeError(f"n must be non-negative, got {count}")
    where = as_device_name(device)
    width = min(8 * -(-count.bit_length() // 4), 63)  # whole digits of the sort's
    keys = bits((count,), where, generator) if width <= 32 else _integers(0, 1 << width, (count,), where, generator)
    return _finish(out, cast(argsort(keys), dtype or int64), requires_grad)


@operator(method=False)
def normal(
    mean: Any = 0.0,
    std: Any = 1.0,
    size: Any = None,
    *,
    generator: Generator | None = None,
    out: Tensor | None = None,
    dtype: dtype | None = None,
    device: Any = None,
    requires_grad: bool | None = False,
    layout: Any = None,
) -> Tensor:
    """Normal numbers of the given mean and standard deviation: tensors (broadcast; their gradients are zeros), or numbers and a
    size."""
    if not isinstance(std, Tensor) and std < 0:
        raise RuntimeError(f"normal expects std >= 0.0, but found std {std}")
    if isinstance(mean, Tensor) or isinstance(std, Tensor):
        if size is not None:
            raise TypeError("normal(): a size is given with tensors of mean and std")
        tensors = [t for t in (mean, std) if isinstance(t, Tensor)]
        with untaped():
            shaped = mean + std if len(tensors) == 2 else tensors[0]
            kind = _floating("normal_kernel_cpu", shaped.dtype)
            result = standard_normal(tuple(shaped._shape), kind, shaped._storage.device, generator) * std + mean
        result = record(_NORMAL, result, tensors, (3 if len(tensors) == 2 else 1 if tensors[0] is mean else 2,))
        return result if out is None else write_out(out, result)
    if size is None:
        raise TypeError("normal() received an invalid combination of arguments: numbers need a size")
    type = _floating("normal_kernel_cpu", dtype or default_dtype())
    drawn = standard_normal(_checked(sizes("normal", (size,))), type, as_device_name(device), generator)
    return _finish(out, drawn * std + mean, requires_grad)


_NORMAL = flat("normal")
"""Its parameter numbers PyTorch's overloads: the mean is a tensor, the deviation, both."""


# --- draws -------------------------------------------------------------------------------------------------------------
@operator(out=True)
def bernoulli(input: Tensor, p: float | None = None, *, generator: Generator | None = None) -> Tensor:
    """1 with the probability that each element says (their gradients are zeros) or p (which has no derivative), else 0, in the
    input's dtype."""
    if p is not None:
        if not 0 <= p <= 1:
            raise RuntimeError(f"bernoulli_ expects p to be in [0, 1], but got p={p}")
        drawn = uniform(tuple(input._shape), float32, input._storage.device, generator)
        return record(_BERNOULLI_OF_NUMBER, cast(drawn < p, input.dtype), (input,))
    if check_tensor(input, "bernoulli", "input").dtype.category != 2:
        raise NotImplementedError(f"\"bernoulli_tensor_cpu_p_\" not implemented for '{scalar_name(input)}'")
    wide = accumulation_dtype(input.dtype)
    drawn = uniform(tuple(input._shape), wide, input._storage.device, generator)
    return record(_BERNOULLI, cast(drawn < cast(input.detach(), wide), input.dtype), (input,))


_BERNOULLI = flat("bernoulli")
_BERNOULLI_OF_NUMBER = underivable("bernoulli", "derivative for aten::bernoulli is not implemented")


# --- in place ----------------------------------------------------------------------------------------------------------
def _in_place(name: str, doc: str) -> Any:
    def register(draw: Any) -> Any:
        def fill(self: Tensor, *args: Any, generator: Generator | None = None, **kwargs: Any) -> Tensor:
            if self._requires_grad and self.is_leaf:
                self._check_writable(_recording())
            return self._assign(cast(draw(self, generator, *args, **kwargs), self.dtype))

        fill.__name__ = fill.__qualname__ = name
        fill.__doc__ = doc
        operator(name, namespace=None)(fill)
        return fill

    return register


def _recording() -> bool:
    from flambeau.autograd.modes import state

    return state.enabled


def _place(self: Tensor, name: str) -> tuple[tuple[int, ...], dtype, str]:
    return tuple(self._shape), _floating(name, self.dtype), self._storage.device


@_in_place("uniform_", "Uniform numbers in [from, to).")
def _uniform(self: Tensor, generator: Any, low: float = 0.0, high: float = 1.0, **names: Any) -> Tensor:
    low, high = names.pop("from", low), names.pop("to", high)
    if low > high:
        raise RuntimeError(f"uniform_ expects to return a [from, to) range, but found from={low} > to={high}")
    shape, type, device = _place(self, "check_uniform_bounds")
    if type.category == 3:
        return _of_pairs(uniform((*shape, 2), type.real, device, generator) * (high - low) + low)
    drawn = uniform(shape, type, device, generator)
    return drawn if (low, high) == (0, 1) else drawn * (high - low) + low


@_in_place("normal_", "Normal numbers of the given mean and standard deviation.")
def _normal(self: Tensor, generator: Any, mean: float = 0.0, std: float = 1.0) -> Tensor:
    if std < 0:
        raise RuntimeError(f"normal expects std >= 0.0, but found std {std}")
    shape, type, device = _place(self, "normal_kernel_cpu")
    if type.category == 3:
        return _of_pairs(standard_normal((*shape, 2), type.real, device, generator) * (std * math.sqrt(0.5)) + mean)
    drawn = standard_normal(shape, type, device, generator)
    return drawn if (mean, std) == (0, 1) else drawn * std + mean


@_in_place("exponential_", "Exponential numbers of rate `lambd`.")
def _exponential(self: Tensor, generator: Any, lambd: float = 1.0) -> Tensor:
    if lambd <= 0:
        raise RuntimeError(f"exponential_ expects lambda > 0.0, but found lambda={lambd}")
    return uniform(*_place(self, "exponential_cpu"), generator, above_zero=True).log() * (-1 / lambd)


@_in_place("log_normal_", "Exponentials of normal numbers.")
def _log_normal(self: Tensor, generator: Any, mean: float = 1.0, std: float = 2.0) -> Tensor:
    if std <= 0:
        raise RuntimeError(f"log_normal_ expects std > 0.0, but found std={std}")
    return (standard_normal(*_place(self, "log_normal_cpu"), generator) * std + mean).exp()


@_in_place("cauchy_", "Cauchy numbers.")
def _cauchy(self: Tensor, generator: Any, median: float = 0.0, sigma: float = 1.0) -> Tensor:
    if sigma <= 0:
        raise RuntimeError(f"cauchy_ expects sigma > 0.0, but found sigma={sigma}")
    return ((uniform(*_place(self, "cauchy_cpu"), generator) - 0.5) * math.pi).tan() * sigma + median


@_in_place("geometric_", "How many trials of probability p until the first success: 1, 2, …")
def _geometric(self: Tensor, generator: Any, p: float) -> Tensor:
    refuse(self, "geometric_cpu", bool, complex)
    if not 0 < p < 1:
        raise RuntimeError(f"geometric_ expects p to be in (0, 1), but got p={p}")
    drawn = uniform(tuple(self._shape), float32, self._storage.device, generator, above_zero=True)
    return (drawn.log() * (1 / math.log1p(-p))).ceil().clamp(min=1)


@_in_place("bernoulli_", "1 with probability p (a number, or a tensor that broadcasts), else 0.")
def _bernoulli(self: Tensor, generator: Any, p: Any = 0.5) -> Tensor:
    if isinstance(p, Tensor):
        return bernoulli(p.expand(tuple(self._shape)), generator=generator)
    refuse_complex(self, "\"bernoulli_scalar_cpu_\" not implemented for '{dtype}'")
    number = python_number(p)
    if number is None or not 0 <= number <= 1:
        raise RuntimeError(f"bernoulli_ expects p to be in [0, 1], but got p={p}")
    return uniform(tuple(self._shape), float32, self._storage.device, generator) < number


@_in_place("random_", "Uniform integers in [from, to), or over all that the dtype holds exactly.")
def _random(self: Tensor, generator: Any, low: int | None = None, high: int | None = None, **names: Any) -> Tensor:
    low, high = names.pop("from", low), names.pop("to", high)
    if high is None and low is not None:
        low, high = 0, low
    if low is None and high is None:
        mantissa = {"float32": 24, "float64": 53, "float16": 11, "bfloat16": 8}
        name = self.dtype.name
        low, high = 0, 2 if self.dtype is bool_ else (1 << mantissa[name]) + 1 if name in mantissa else iinfo(self.dtype).max + 1
    low = 0 if low is None else low
    assert high is not None
    _check_bounds(low, high, self.dtype)
    return _integers(low, high, tuple(self._shape), self._storage.device, generator)
