"""Movement primitives: the same elements at other places, plus padding. Each is a map from output to input positions.

Sizes are checked by the operators (through `flambeau.shapes`); the rules here only compute. May import `flambeau.dtypes` and
`flambeau.graph`.
"""

from __future__ import annotations

from typing import Any

from flambeau.graph.batching import everywhere, leading
from flambeau.graph.node import Node, Primitive
from flambeau.graph.numpy import array_type, np
from flambeau.graph.parts import Pair, componentwise

__all__ = ["RESHAPE", "PERMUTE", "EXPAND", "SLICE", "PAD", "WINDOW", "AS_STRIDED", "ASSIGN", "CONCATENATE", "permuted"]


def _apply(like: Any, primitive: Primitive, tensors: tuple[Any, ...], params: tuple[Any, ...]) -> Any:
    return type(like)._apply(primitive, tensors, params)


# --- reshape -----------------------------------------------------------------------------------------------------------
RESHAPE: Primitive = Primitive(
    "reshape",
    "movement",
    lambda inputs, params: (params[0], inputs[0].dtype),
    lambda node, x: x.reshape(node.shape),
    lambda g, y, inputs, params: (_apply(g, RESHAPE, (g,), (params[1], params[0])),),
    saves="",
    batch=everywhere(lambda params, n: ((n, *params[0]), (n, *params[1]))),
    parts=componentwise(lambda params: ((*params[0], 2), (*params[1], 2))),
)
"""`params = (shape, the operand's shape)`: the same row-major order under another shape."""

# --- permute -----------------------------------------------------------------------------------------------------------
PERMUTE: Primitive = Primitive(
    "permute",
    "movement",
    lambda inputs, params: (tuple(inputs[0].shape[d] for d in params[0]), inputs[0].dtype),
    lambda node, x: x.transpose(node.params[0]),
    lambda g, y, inputs, params: (_apply(g, PERMUTE, (g,), (_inverse(params[0]),)),),
    saves="",
    batch=everywhere(lambda params, n: ((0, *(d + 1 for d in params[0])),)),
    parts=componentwise(lambda params: ((*params[0], len(params[0])),)),
)
"""`params = (order,)`: output dimension i is input dimension order[i]."""


def _inverse(order: tuple[int, ...]) -> tuple[int, ...]:
    result = [0] * len(order)
    for i, d in enumerate(order):
        result[d] = i
    return tuple(result)


def permuted(node: Node, order: tuple[int, ...]) -> Node:
    """PERMUTE of a node; of one that is permuted already, one PERMUTE or none."""
    if node.primitive is PERMUTE and node.inputs:
        (before,) = node.params
        node, order = node.inputs[0], tuple([before[d] for d in order])
    return node if order == tuple(range(len(order))) else PERMUTE((node,), (order,))


# --- expand ------------------------------------------------------------------------------------------------------------
def _expand_gradient(g: Any, y: Any, inputs: Any, params: tuple[Any, ...]) -> tuple[Any]:
    shape, source = params
    dims = tuple(d for d, (big, small) in enumerate(zip(shape, source, strict=True)) if small == 1 and big != 1)
    return (g.sum(dims, keepdim=True) if dims else g,)


EXPAND = Primitive(
    "expand",
    "movement",
    lambda inputs, params: (params[0], inputs[0].dtype),
    lambda node, x: np.broadcast_to(x, node.shape),
    _expand_gradient,
    saves="",
    batch=everywhere(lambda params, n: ((n, *params[0]), (n, *params[1]))),
    parts=componentwise(lambda params: ((*params[0], 2), (*params[1], 2))),
)
"""`params = (shape, the operand's shape)`, of one rank: dimensions of size 1 repeat."""


# --- slice -------------------------------------------------------------------------------------------------------------
def _slice(node: Node, x: Any) -> Any:
    starts, steps, sizes, _ = node.params
    index = []
    for start, step, size in zip(starts, steps, sizes, strict=True):
        stop = start + step * size
        index.append(slice(start, None if stop < 0 else stop, step) if size else slice(0, 0))
    return x[tuple(index)]


def _slice_gradient(g: Any, y: Any, inputs: Any, params: tuple[Any, ...]) -> tuple[Any]:
    starts, steps, sizes, source = params
    if 0 in sizes:
        return (g.new_zeros(source),)
    flips = tuple(d for d, step in enumerate(steps) if step < 0)
    if flips:
        g = g.flip(flips)
        starts = tuple(a + s * (n - 1) if s < 0 else a for a, s, n in zip(starts, steps, sizes, strict=True))
        steps = tuple(abs(s) for s in steps)
    high = tuple(full - (a + (n - 1) * s + 1) for full, a, s, n in zip(source, starts, steps, sizes, strict=True))
    return (_apply(g, PAD, (g,), (starts, high, tuple(s - 1 for s in steps), 0)),)


SLICE = Primitive(
    "slice",
    "movement",
    lambda inputs, params: (params[2], inputs[0].dtype),
    _slice,
    _slice_gradient,
    saves="",
    batch=everywhere(lambda params, n: ((0, *params[0]), (1, *params[1]), (n, *params[2]), (n, *params[3]))),
    parts=componentwise(lambda params: ((*params[0], 0), (*params[1], 1), (*params[2], 2), (*params[3], 2))),
)
"""`params = (starts, steps, sizes, the operand's shape)`: element i of a dimension is element start + i·step; steps may be
negative. All positions lie inside the operand."""


# --- pad ---------------------------------------------------------------------------------------------------------------
def _pad_rule(inputs: Any, params: tuple[Any, ...]) -> Any:
    low, high, interior, _ = params
    shape = tuple(a + b + n + max(n - 1, 0) * i for a, b, i, n in zip(low, high, interior, inputs[0].shape, strict=True))
    return shape, inputs[0].dtype


def _pad(node: Node, x: Any) -> Any:
    low, _, interior, value = node.params
    out = np.full(node.shape, value, array_type(node.dtype))
    if x.size:
        out[tuple(slice(a, a + (n - 1) * (i + 1) + 1, i + 1) for a, i, n in zip(low, interior, x.shape, strict=True))] = x
    return out


def _pad_gradient(g: Any, y: Any, inputs: Any, params: tuple[Any, ...]) -> tuple[Any]:
    low, high, interior, _ = params
    sizes = []
    for a, b, i, n in zip(low, high, interior, g.shape, strict=True):
        sizes.append((n - a - b + i) // (i + 1))
    return (_apply(g, SLICE, (g,), (low, tuple(i + 1 for i in interior), tuple(sizes), tuple(g.shape))),)


def _pad_parts(node: Node, operands: Any) -> Pair:
    *where, value = node.params
    if isinstance(value, complex) and value.imag:
        return Pair(PAD((operands[0].real,), (*where, value.real)), PAD((operands[0].imag,), (*where, value.imag)))
    if value:
        return Pair(PAD((operands[0].real,), (*where, value.real)), PAD((operands[0].imag,), (*where, 0)))
    return _pad_zeros(node, operands)


_pad_zeros = componentwise(lambda params: (*((*sizes, 0) for sizes in params[:3]), 0))

PAD = Primitive(
    "pad",
    "movement",
    _pad_rule,
    _pad,
    _pad_gradient,
    saves="",
    batch=everywhere(lambda params, n: ((0, *params[0]), (0, *params[1]), (0, *params[2]), params[3])),
    parts=_pad_parts,
    conjugates=False,
)
"""`params = (low, high, interior, value)`: value before, after and between the elements of each dimension (all ≥ 0)."""


# --- window ------------------------------------------------------------------------------------------------------------
def window_size(size: int, kernel: int, stride: int, dilation: int) -> int:
    """How many windows of `kernel` elements, `dilation` apart, start every `stride` elements of `size`."""
    return (size - dilation * (kernel - 1) - 1) // stride + 1


def _window_rule(inputs: Any, params: tuple[Any, ...]) -> Any:
    dims, kernel, stride, dilation = params
    shape = list(inputs[0].shape)
    for d, k, s, l in zip(dims, kernel, stride, dilation, strict=True):
        shape[d] = window_size(shape[d], k, s, l)
    return (*shape, *kernel), inputs[0].dtype


def _window(node: Node, x: Any) -> Any:
    dims, _, stride, dilation = node.params
    strides = list(x.strides)
    for d, s in zip(dims, stride, strict=True):
        strides[d] *= s
    inner = [x.strides[d] * l for d, l in zip(dims, dilation, strict=True)]
    return np.lib.stride_tricks.as_strided(x, node.shape, (*strides, *inner), writeable=False)


def _window_gradient(g: Any, y: Any, inputs: Any, params: tuple[Any, ...]) -> tuple[Any]:
    """Overlapping windows add up: each kernel position's share, spread by the stride and shifted into place."""
    import itertools

    dims, kernel, stride, dilation = params
    source = inputs[0].shape
    rank = len(source)
    total = None
    for position in itertools.product(*(range(k) for k in kernel)):
        part = g[(..., *position)]
        low, high, interior = [0] * rank, [0] * rank, [0] * rank
        for d, s, l, p in zip(dims, stride, dilation, position, strict=True):
            low[d], interior[d] = p * l, s - 1
            high[d] = source[d] - (low[d] + (part.shape[d] - 1) * s + 1)
        part = _apply(g, PAD, (part,), (tuple(low), tuple(high), tuple(interior), 0))
        total = part if total is None else total + part
    return (total,)


WINDOW = Primitive(
    "window",
    "movement",
    _window_rule,
    _window,
    _window_gradient,
    saves="shapes",
    batch=everywhere(lambda params, n: (tuple(d + 1 for d in params[0]), *params[1:])),
    parts=componentwise(lambda params: None),
)
"""`params = (dims, kernel, stride, dilation)`: sliding windows over `dims`. Dimension d becomes the windows' number, and the
kernel positions are appended: out[…, o_d, …, k_d] = x[…, o_d·stride + k_d·dilation, …]."""


# --- strided reading and writing ---------------------------------------------------------------------------------------
def _strided(flat: Any, shape: Any, strides: Any, offset: int) -> Any:
    size = flat.dtype.itemsize
    if 0 in shape:
        return np.empty(shape, flat.dtype)
    return np.lib.stride_tricks.as_strided(flat[offset:], shape, tuple(s * size for s in strides))


def _as_strided_gradient(g: Any, y: Any, inputs: Any, params: tuple[Any, ...]) -> tuple[Any]:
    """Every output element adds into the place it was read from (places may repeat)."""
    shape, strides, offset, n = params
    flat = g.new_zeros((n,))
    places = _positions(g, shape, strides, offset)
    return (flat.index_add(0, places.reshape(-1), g.reshape(-1)),)


def _positions(like: Any, shape: Any, strides: Any, offset: int) -> Any:
    positions = like.new_full((), offset, dtype=_int64())
    for d, (n, s) in enumerate(zip(shape, strides, strict=True)):
        steps = like.new_ones((n,), dtype=_int64()).cumsum(0) - 1
        positions = positions + (steps * s).reshape((n,) + (1,) * (len(shape) - d - 1))
    return positions.expand(shape)


def _int64() -> Any:
    from flambeau.dtypes import int64

    return int64


def _as_strided_batch(node: Node, inputs: Any, batched: Any, n: int) -> Node:
    """The examples lie one after another: one more stride."""
    shape, strides, offset, size = node.params
    flat = RESHAPE((inputs[0],), ((n * size,), (n, size)))
    return AS_STRIDED((flat,), ((n, *shape), (size, *strides), offset, n * size))


def _trailing(shape: tuple[int, ...], strides: tuple[int, ...], offset: int) -> tuple[Any, ...]:
    """Where the parts of complex elements at those places are."""
    return (*shape, 2), (*(2 * s for s in strides), 1), 2 * offset


def _as_strided_parts(node: Node, operands: Any) -> Pair:
    shape, strides, offset, n = node.params
    (x,) = operands
    if not x.has_whole:
        return Pair(AS_STRIDED((x.real,), node.params), AS_STRIDED((x.imag,), node.params))
    flat = RESHAPE((x.whole,), ((2 * n,), (n, 2)))
    return Pair(whole=AS_STRIDED((flat,), (*_trailing(shape, strides, offset), 2 * n)))


AS_STRIDED = Primitive(
    "as_strided",
    "movement",
    lambda inputs, params: (params[0], inputs[0].dtype),
    lambda node, x: _strided(np.ascontiguousarray(x), *node.params[:3]),
    _as_strided_gradient,
    saves="",
    batch=_as_strided_batch,
    parts=_as_strided_parts,
    conjugates=False,
)
"""`params = (shape, strides, offset, n)` of a flat operand of n elements: out[i…] = x[offset + Σ i·stride]."""


def _assign(node: Node, base: Any, value: Any) -> Any:
    out = np.array(base)
    _strided(out, *node.params)[...] = value
    return out


def _assign_gradient(g: Any, y: Any, inputs: Any, params: tuple[Any, ...]) -> tuple[Any, Any]:
    shape, strides, offset = params
    return (
        lambda: _apply(g, ASSIGN, (g, g.new_zeros(shape)), params),
        lambda: _apply(g, AS_STRIDED, (g,), (shape, strides, offset, g.shape[0])),
    )


def _assign_batch(node: Node, inputs: Any, batched: Any, n: int) -> Node:
    shape, strides, offset = node.params
    base, value = (i if b else leading(i, n) for i, b in zip(inputs, batched, strict=True))
    size = base.shape[1]
    flat = RESHAPE((base,), ((n * size,), (n, size)))
    return RESHAPE((ASSIGN((flat, value), ((n, *shape), (size, *strides), offset)),), ((n, size), (n * size,)))


def _assign_parts(node: Node, operands: Any) -> Pair:
    base, value = operands
    (n,) = node.shape
    flat = ASSIGN((RESHAPE((base.whole,), ((2 * n,), (n, 2))), value.whole), _trailing(*node.params))
    return Pair(whole=RESHAPE((flat,), ((n, 2), (2 * n,))))


ASSIGN = Primitive(
    "assign",
    "write",
    lambda inputs, params: (inputs[0].shape, inputs[0].dtype),
    _assign,
    _assign_gradient,
    saves="",
    batch=_assign_batch,
    parts=_assign_parts,
    conjugates=False,
)
"""`params = (shape, strides, offset)`; inputs (flat base, value of `shape`): base with value written at
offset + Σ i·stride. A device may write into the base's memory when nothing else reads it."""


# --- concatenate -------------------------------------------------------------------------------------------------------
def _concatenate_rule(inputs: Any, params: tuple[Any, ...]) -> Any:
    (axis,) = params
    shape = inputs[0].shape
    total = sum(i.shape[axis] for i in inputs)
    return (*shape[:axis], total, *shape[axis + 1 :]), inputs[0].dtype


def _concatenate_gradient(g: Any, y: Any, inputs: Any, params: tuple[Any, ...]) -> tuple[Any, ...]:
    """Each operand's gradient is its part of the result's."""
    (axis,) = params
    parts, start = [], 0
    for x in inputs:
        parts.append(lambda start=start, length=x.shape[axis]: g.narrow(axis, start, length))
        start += x.shape[axis]
    return tuple(parts)


CONCATENATE: Primitive = Primitive(
    "concatenate",
    "write",
    _concatenate_rule,
    lambda node, *arrays: np.concatenate(arrays, node.params[0]),
    _concatenate_gradient,
    saves="shapes",
    batch=everywhere(lambda params, n: (params[0] + 1,)),
    parts=lambda node, operands: Pair(whole=CONCATENATE(tuple(o.whole for o in operands), node.params)),
    conjugates=False,
)
"""`params = (axis,)`; one or more operands of one dtype, whose shapes are equal but along `axis`, one after another."""
