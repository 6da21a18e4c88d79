"""Sequences and triangles: arange, linspace, eye, tril and their kin. May import what `flambeau.ops` may."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from flambeau.device import as_device_name
from flambeau.dtypes import default_dtype, dtype, float32, float64, int64, name_of_dtype
from flambeau.graph.node import next_serial
from flambeau.graph.primitives import elementwise as e
from flambeau.graph.template import Template
from flambeau.host import pack, unpack
from flambeau.ops.creation import iota
from flambeau.ops.operands import cast, check_sizes, check_tensor, filled, integer, pair, python_number, refuse
from flambeau.ops.registry import operator, write_made
from flambeau.ops.views import owned, reshape
from flambeau.size import contiguous_strides
from flambeau.storage import pending
from flambeau.tensor import Tensor, from_node

__all__ = ["arange", "linspace", "logspace", "eye", "tril", "triu"]


def _number(value: Any, function: str, argument: str) -> Any:
    if isinstance(value, Tensor) and not value._shape:
        return value.item()
    found = python_number(value)
    if found is None:
        raise TypeError(f"{function}(): argument '{argument}' must be Number, not {type(value).__name__}")
    if isinstance(found, complex) and function == "arange":
        raise TypeError(f"{function}(): argument '{argument}' must be a real Number, not complex")
    return found


def _finish(result: Tensor, out: Tensor | None, requires_grad: bool | None) -> Tensor:
    if out is not None:
        return write_made(out, result)
    if requires_grad:
        result.requires_grad = True
    return result


def finest(device: str) -> dtype:
    """The dtype in which steps are computed: float64 where the device has it, so that long sequences stay exact."""
    from flambeau import devices

    return float64 if devices.backend(device).supports(float64) else float32


@operator("arange", method=False)
def arange(
    start: Any = 0,
    end: Any = None,
    step: Any = 1,
    *,
    out: Tensor | None = None,
    dtype: dtype | None = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool | None = False,
    pin_memory: bool | None = False,
) -> Tensor:
    """start, start + step, … below end (above it for a negative step): ⌈(end - start) / step⌉ numbers; int64 if all are ints.

    >>> torch.arange(5)
    tensor([0, 1, 2, 3, 4])
    >>> torch.arange(1, 2, 0.25)
    tensor([1.0000, 1.2500, 1.5000, 1.7500])
    """
    if end is None:
        start, end = 0, start
    first, last, by = _number(start, "arange", "start"), _number(end, "arange", "end"), _number(step, "arange", "step")
    if by == 0:
        raise RuntimeError("step must be nonzero")
    if not (math.isfinite(first) and math.isfinite(last)):
        raise RuntimeError(f"unsupported range: {first} -> {last}")
    if (by > 0 and first > last) or (by < 0 and first < last):
        raise RuntimeError("upper bound and lower bound inconsistent with step sign")
    if dtype is None and out is not None:
        dtype = out.dtype
    whole = all(isinstance(v, int) for v in (first, last, by))
    type = dtype or (int64 if whole else default_dtype())
    if type.category in (0, 3):
        raise NotImplementedError(f"\"arange_cpu\" not implemented for '{name_of_dtype(type)}'")
    if type is int64:
        first, last, by = int(first), int(last), int(by)
        if by == 0:
            raise ValueError("step must be nonzero")
        count = -((first - last) // by) if by > 0 else -((last - first) // -by)
    else:
        count = math.ceil((last - first) / by)  # counted before the numbers are cut to integers, as in PyTorch
        if type.category != 2:
            first, by = int(first), int(by)
    count = max(count, 0)
    where = as_device_name(device)
    if type.category != 2:
        result = iota(count, int64, where)
        if by != 1:
            result = result * by
        if first:
            result = result + first
        return _finish(cast(result, type), out, requires_grad)
    steps = iota(count, int64, where)
    wide = finest(where)
    result = cast(steps, wide)
    if by != 1:
        result = result * by
    if first:
        result = result + first
    return _finish(cast(result, type), out, requires_grad)


@operator(method=False)
def range(
    start: Any = 0,
    end: Any = None,
    step: Any = 1,
    *,
    out: Tensor | None = None,
    dtype: dtype | None = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool | None = False,
    pin_memory: bool | None = False,
) -> Tensor:
    """start, start + step, … up to and with end."""
    if end is None:
        start, end = 0, start
    count = math.floor((end - start) / step) + 1
    where = as_device_name(device)
    result = cast(iota(max(count, 0), int64, where), finest(where)) * step + start
    type = dtype or (default_dtype() if out is None else out.dtype)
    return _finish(cast(result, type), out, requires_grad)


def _nearest(number: float, type: dtype) -> float:
    """The number of a dtype that is nearest to a number."""
    (found,) = unpack(memoryview(pack([number], type)), type)
    return found


def _spaced(name: str, start: Any, end: Any, steps: Any, device: str, type: dtype) -> Tensor:
    if type.category == 0:
        raise NotImplementedError(f"\"{name}_cpu\" not implemented for 'Bool'")
    count = integer(steps, name, "steps")
    if count < 0:
        raise RuntimeError("number of steps must be non-negative")
    wide = finest(device)
    a, b = (v if isinstance(v, Tensor) else _number(v, name, n) for v, n in ((start, "start"), (end, "end")))
    for v, n in ((a, "start"), (b, "end")):
        if isinstance(v, Tensor) and v._shape:
            raise RuntimeError(
                f"{name} only supports 0-dimensional start and end tensors, but got {n} with {v.ndim} dimension(s)."
            )
    if type.category == 1:  # of integers, as in PyTorch, whatever the ends were
        a, b = (v.detach().to(device=device, dtype=int64) if isinstance(v, Tensor) else int(v) for v in (a, b))
    elif type.category == 2:  # the ends and the step are numbers of the dtype: results are PyTorch's to the last bit
        a, b = (cast(v.detach().to(device), type) if isinstance(v, Tensor) else _nearest(v, type) for v in (a, b))
    step = (b - a) / max(count - 1, 1)
    if type.category == 2 and not isinstance(step, Tensor):
        step = _nearest(_nearest(b - a, type) / max(count - 1, 1), type)
    sums = type if type.category == 2 and type.itemsize == 2 else wide  # a float32 sum is rounded once, with its product
    a, b, step = (cast(v, sums) if isinstance(v, Tensor) else v for v in (a, b, step))
    position = iota(count, int64, device)
    if count == 1:
        return cast(position, sums) + a
    # From the nearer end, so that both ends are exact.
    at, last = cast(position, sums), count - 1
    before_end = at - last if sums is wide else cast(position - last, sums)  # halves of large numbers are no neighbours
    from_start, from_end = at * step + a, before_end * step + b
    near = Tensor._apply(e.LT, pair(name, position, count // 2))
    return Tensor._apply(e.WHERE, (near, from_start, from_end))


@operator(method=False)
def linspace(
    start: Any,
    end: Any,
    steps: int,
    *,
    out: Tensor | None = None,
    dtype: dtype | None = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool | None = False,
) -> Tensor:
    """`steps` numbers, evenly spaced from start to end, both included.

    >>> torch.linspace(0, 1, 5)
    tensor([0.0000, 0.2500, 0.5000, 0.7500, 1.0000])
    """
    type = dtype or default_dtype()
    return _finish(cast(_spaced("linspace", start, end, steps, as_device_name(device), type), type), out, requires_grad)


@operator(method=False)
def logspace(
    start: Any,
    end: Any,
    steps: int,
    base: float = 10.0,
    *,
    out: Tensor | None = None,
    dtype: dtype | None = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool | None = False,
) -> Tensor:
    """base to the power of `linspace(start, end, steps)`."""
    type = dtype or default_dtype()
    exponents = _spaced("logspace", start, end, steps, as_device_name(device), type)
    base_tensor = filled(float(base), exponents.dtype, exponents._storage.device, tuple(exponents._shape))
    return _finish(cast(Tensor._apply(e.POW, (base_tensor, exponents)), type), out, requires_grad)


@operator(method=False)
def eye(
    n: int,
    m: int | None = None,
    *,
    out: Tensor | None = None,
    dtype: dtype | None = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool | None = False,
) -> Tensor:
    """[n, m] with ones on the diagonal, zeros elsewhere.

    >>> torch.eye(2)
    tensor([[1., 0.],
            [0., 1.]])
    """
    rows = integer(n, "eye", "n")
    columns = rows if m is None else integer(m, "eye", "m")
    for what, value in (("n", rows), ("m", columns)):
        if value < 0:
            raise RuntimeError(f"{what} must be greater or equal to 0, got {value}")
    check_sizes((rows, columns))
    where = as_device_name(device)
    (node,) = _identity(rows, columns, dtype or default_dtype(), where).build(())
    return _finish(from_node(node), out, requires_grad)


@lru_cache(1 << 10)
def _identity(rows: int, columns: int, type: dtype, device: str) -> Template:
    since = next_serial()
    same = reshape(iota(rows, int64, device), (rows, 1)) == iota(columns, int64, device)
    return Template((), [cast(same, type)._value()], since)


# --- triangles ---------------------------------------------------------------------------------------------------------
def _side(rows: int, columns: int, device: str) -> Tensor:
    """column - row of each element, int64 [rows, columns]."""
    return iota(columns, int64, device) - reshape(iota(rows, int64, device), (rows, 1))


def _triangle(name: str, input: Tensor, keeps: Any) -> Tensor:
    if len(check_tensor(input, name, "input")._shape) < 2:
        raise RuntimeError(f"{name}: input tensor must have at least 2 dimensions")
    kept = keeps(_side(input._shape[-2], input._shape[-1], input._storage.device))
    return input._fill_where(kept.logical_not(), 0)._laid_out(contiguous_strides(input._shape))


@operator(inplace=True, out="exact", remembered=True)
def tril(input: Tensor, diagonal: int = 0) -> Tensor:
    """The matrices' elements on and below a diagonal, zeros above.

    >>> torch.ones(3, 3).tril()
    tensor([[1., 0., 0.],
            [1., 1., 0.],
            [1., 1., 1.]])
    """
    return _triangle("tril", input, lambda side: side <= diagonal)


@operator(inplace=True, out="exact", remembered=True)
def triu(input: Tensor, diagonal: int = 0) -> Tensor:
    """The matrices' elements on and above a diagonal, zeros below."""
    return _triangle("triu", input, lambda side: side >= diagonal)


def _indices(name: str, rows: int, columns: int, offset: int, is_lower: bool, type: dtype | None, device: Any) -> Tensor:
    """Rows and columns of a triangle's elements: a range of columns for each row, in the upper one to the last column."""
    from flambeau.ops.joining import stack
    from flambeau.ops.positions import pieces

    if type is not None and type.name not in ("int32", "int64"):
        raise NotImplementedError(f"\"{name}\" not implemented for '{name_of_dtype(type)}'")
    if rows < 0 or columns < 0:
        raise RuntimeError(f"row must be non-negative, got {rows}" if rows < 0 else f"col must be non-negative, got {columns}")
    where = as_device_name(device)
    first = offset + 1 if is_lower else columns - offset - rows + 1  # the length of the shortest row, before it is cut
    total = _clamped_sum(first, rows, columns)
    position = iota(total, int64, where)
    if not total:
        return stack([position, position]).to(type or int64)
    row = iota(rows, int64, where)
    lengths = ((row if is_lower else (rows - 1) - row) + first).clamp(0, columns)
    begun = lengths.cumsum(0) - lengths
    chosen = pieces(begun, total)
    shift = -begun if is_lower else columns - lengths - begun
    return stack([chosen, position + shift.index_select(0, chosen)]).to(type or int64)


def _clamped_sum(first: int, count: int, most: int) -> int:
    """The sum of `count` numbers first, first + 1, …, each no less than 0 and no more than `most`."""
    low = min(max(-first, 0), count)
    high = min(max(most - first, low), count)
    return (2 * first + low + high - 1) * (high - low) // 2 + most * (count - high)


@operator(method=False)
def tril_indices(
    row: int, col: int, offset: int = 0, *, dtype: dtype | None = None, device: Any = None, layout: Any = None
) -> Tensor:
    """[2, count]: rows and columns of the lower triangle's elements.

    >>> torch.tril_indices(3, 3)
    tensor([[0, 1, 1, 2, 2, 2],
            [0, 0, 1, 0, 1, 2]])
    """
    return _indices("tril_indices", row, col, offset, True, dtype, device)


@operator(method=False)
def triu_indices(
    row: int, col: int, offset: int = 0, *, dtype: dtype | None = None, device: Any = None, layout: Any = None
) -> Tensor:
    """[2, count]: rows and columns of the upper triangle's elements."""
    return _indices("triu_indices", row, col, offset, False, dtype, device)


@operator(out="exact")
def diag(input: Tensor, diagonal: int = 0) -> Tensor:
    """A matrix's diagonal as a vector, or a matrix with a vector on its diagonal."""
    from flambeau.shapes.views import diag as rule

    rule(tuple(check_tensor(input, "diag", "input")._shape), diagonal)
    if len(input._shape) == 1:
        return diag_embed(input, diagonal, 0, 1)
    return input.diagonal(diagonal).clone()


@operator()
def diag_embed(input: Tensor, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Tensor:
    """The last dimension laid on a diagonal of two new dimensions, zeros elsewhere."""
    from flambeau.shapes.dims import wrap_dim
    from flambeau.shapes.views import diag_embed as rule

    if not check_tensor(input, "diag_embed", "input")._shape:
        input = reshape(input, (1,))
    shape = rule(tuple(input._shape), offset, dim1, dim2)
    a, b = wrap_dim(dim1, len(shape)), wrap_dim(dim2, len(shape))
    n, side = input._shape[-1], shape[a]
    across = _side(n, side, input._storage.device) == max(offset, 0)
    wide = input.unsqueeze(-1).expand((*input._shape, side))._fill_where(across.logical_not(), 0)
    if side != n:  # rows of zeros above (offset < 0) or below
        from flambeau.ops.joining import pad_constant

        low = max(-offset, 0)
        wide = pad_constant(wide, (*((0, 0),) * (len(wide._shape) - 2), (low, side - n - low), (0, 0)))
    return owned(wide.movedim((-2, -1), (a, b)).contiguous())


@operator()
def diagflat(input: Tensor, offset: int = 0) -> Tensor:
    """A matrix with all elements on its diagonal."""
    return diag_embed(reshape(input, (-1,)), offset)


@operator()
def trace(input: Tensor) -> Tensor:
    """The sum of a matrix's diagonal."""
    if len(check_tensor(input, "trace", "input")._shape) != 2:
        raise RuntimeError("trace: expected a matrix, but got tensor with dim " + str(input.ndim))
    refuse(input, "trace", bool)
    return input.diagonal().sum()


def _with_written(input: Tensor, view: Callable[[Tensor], Tensor], src: Tensor) -> Tensor:
    """A copy of `input` with `src` written into a view of it. Raises RuntimeError where the view has another shape."""
    result = input.clone()
    part = view(result)
    if tuple(part._shape) != tuple(src._shape):
        raise RuntimeError(
            "expected src to have a size equal to the slice of self. src size = "
            f"{list(src._shape)}, slice size = {list(part._shape)}"
        )
    if not pending.examples:
        part.copy_(src)
        return result
    # In `vmap` the copy may be one for all examples, and `src` another for each.
    places = view(reshape(arange(input.numel(), device=input.device), tuple(input._shape)))
    flat = reshape(input, (-1,)).index_put((reshape(places, (-1,)),), reshape(cast(src, input.dtype), (-1,)))
    return reshape(flat, tuple(input._shape))


@operator()
def diagonal_scatter(input: Tensor, src: Tensor, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Tensor:
    """input with `src` written on its diagonal."""
    return _with_written(input, lambda t: t.diagonal(offset, dim1, dim2), src)


@operator()
def select_scatter(input: Tensor, src: Tensor, dim: int, index: int) -> Tensor:
    """input with `src` written where `select(dim, index)` reads."""
    return _with_written(input, lambda t: t.select(dim, index), src)


@operator(out="exact")
def slice_scatter(
    input: Tensor, src: Tensor, dim: int = 0, start: int | None = None, end: int | None = None, step: int = 1
) -> Tensor:
    """input with `src` written where start:end:step of `dim` reads."""
    index = [slice(None)] * len(input._shape)
    index[dim] = slice(start, end, step)
    return _with_written(input, lambda t: t[tuple(index)], src)


@operator(method=False)
def unravel_index(indices: Tensor, shape: Any) -> tuple[Tensor, ...]:
    """The positions, a tensor for each dimension, of flat indices into a shape."""
    from flambeau.ops.operands import sizes

    if indices.dtype.category != 1:
        raise TypeError(f"expected 'indices' to be integer dtype, but got {indices.dtype}")
    rest, result = cast(indices, int64), []
    dimensions = sizes("unravel_index", (shape,) if not isinstance(shape, int) else ((shape,),), "shape")
    if not dimensions:
        return ()
    for n in reversed(dimensions):
        result.append(rest.remainder(n))
        rest = rest.div(n, rounding_mode="floor")
    from flambeau.ops.joining import stack

    return stack(list(reversed(result)), -1).unbind(-1)


def _window(name: str, shape_of: Any, doc: str) -> None:
    def window(
        window_length: int,
        periodic: bool = True,
        *args: Any,
        dtype: dtype | None = None,
        device: Any = None,
        layout: Any = None,
        requires_grad: bool | None = False,
        **parameters: Any,
    ) -> Tensor:
        n = integer(window_length, name, "window_length")
        if n < 0:
            raise RuntimeError(f"{name} requires non-negative window_length, got window_length={n}")
        type = dtype or default_dtype()
        if type.category != 2:
            raise RuntimeError(f"{name} expects floating point dtypes, got: TensorOptions(dtype={type})")
        where = as_device_name(device)
        wide = finest(where)
        count = n + 1 if periodic else n
        if n <= 1:
            result = cast(iota(n, int64, where), wide) + 1
        else:
            result = shape_of(cast(iota(n, int64, where), wide), count - 1, *args, **parameters)
        return _finish(cast(result, type), None, requires_grad)

    window.__name__ = window.__qualname__ = name
    window.__doc__ = doc
    operator(name, method=False)(window)


def _hamming(k: Tensor, last: int, alpha: float = 0.54, beta: float = 0.46) -> Tensor:
    return alpha - beta * (k * (2 * math.pi / last)).cos()


def _blackman(k: Tensor, last: int) -> Tensor:
    angle = k * (2 * math.pi / last)
    return 0.42 - 0.5 * angle.cos() + 0.08 * (angle * 2).cos()


def _kaiser(k: Tensor, last: int, beta: float = 12.0) -> Tensor:
    side = k * (2 / last) - 1
    return (beta * (1 - side * side).clamp(min=0).sqrt()).i0() / filled(beta, k.dtype, k._storage.device, ()).i0()


_window("hann_window", lambda k, last: _hamming(k, last, 0.5, 0.5), "Hann's window: ½ - ½ cos(2πk/(N-1)).")
_window("hamming_window", _hamming, "Hamming's window: α - β cos(2πk/(N-1)).")
_window("blackman_window", _blackman, "Blackman's window: 0.42 - 0.5 cos(2πk/(N-1)) + 0.08 cos(4πk/(N-1)).")
_window("bartlett_window", lambda k, last: 1 - (k * (2 / last) - 1).abs(), "Bartlett's window, a triangle: 1 - |2k/(N-1) - 1|.")
_window("kaiser_window", _kaiser, "Kaiser's window: I₀(β√(1 - (2k/(N-1) - 1)²)) / I₀(β).")


@operator(method=False)
def vander(x: Tensor, N: int | None = None, increasing: bool = False) -> Tensor:
    """Powers of a vector's elements, N (the vector's length) of them a row, decreasing unless told."""
    count = x._shape[-1] if N is None else N
    if len(x._shape) != 1:
        raise RuntimeError("x must be a one-dimensional tensor.")
    if count < 0:
        raise RuntimeError("N must be non-negative.")
    if not count:
        return x.new_empty((x._shape[0], 0))
    ones = x.new_ones((x._shape[0], 1))
    from flambeau.ops.joining import cat

    powers = cat([ones, x.unsqueeze(1).expand((x._shape[0], count - 1))], 1).cumprod(1) if count > 1 else ones
    return powers if increasing else powers.flip(1)
