"""Pyrefly's form of the shape rules, in the subset of Python that its rule language has. Only type checkers read this file.

Each function here has a twin of the same name and parameters in `flambeau.typing.rules`, which asks `flambeau.shapes`;
tests/typing/test_rules_agree.py runs both over drawn shapes. A size that is not known must never make a rule fail, so
every comparison of sizes is guarded by `is_concrete_int`. `Invalid` takes constant text only; where a mismatch can be put
as a generalized ufunc, Pyrefly's own message carries the numbers.
"""

import shape_extensions.dsl as dsl
from shape_extensions import Int, IntTuple, IntTuples, NamedInts, gufunc_broadcast, type_shape_dsl_function

@type_shape_dsl_function
def broadcast(left: IntTuple, right: IntTuple) -> IntTuple:
    spec = "(),()->()"
    shapes = dsl.IntTuples((left, right))
    return gufunc_broadcast(spec, shapes)

@type_shape_dsl_function
def broadcast3(first: IntTuple, second: IntTuple, third: IntTuple) -> IntTuple:
    spec = "(),(),()->()"
    shapes = dsl.IntTuples((first, second, third))
    return gufunc_broadcast(spec, shapes)

@type_shape_dsl_function
def spread(value: int | tuple[int, ...] | None, count: int) -> IntTuple:
    if value is None:
        return dsl.IntTuple.gradual()
    if dsl.is_int_value(value):
        return dsl.IntTuple(value + 0 for i in range(count))
    if len(value) == 1:
        return dsl.IntTuple.gradual()
    if len(value) != count:
        return dsl.Invalid("expected one integer, or one for each spatial dimension")
    return dsl.IntTuple(v + 0 for v in value)

@type_shape_dsl_function
def spread_or(value: int | tuple[int, ...] | None, default: IntTuple) -> IntTuple:
    if value is None:
        return default
    if dsl.is_int_value(value):
        return dsl.IntTuple(value + 0 for i in range(len(default)))
    if len(value) == 0:
        return default
    if len(value) == 1:
        return dsl.IntTuple.gradual()
    if len(value) != len(default):
        return dsl.Invalid("expected one integer, or one for each spatial dimension")
    return dsl.IntTuple(v + 0 for v in value)

@type_shape_dsl_function
def twice(padding: IntTuple) -> IntTuple:
    return dsl.IntTuple(2 * p for p in padding)

@type_shape_dsl_function
def string_padding(padding: str, kernel: IntTuple, dilation: IntTuple, stride: IntTuple) -> IntTuple:
    if padding == "valid":
        return dsl.IntTuple(0 for k in kernel)
    if padding != "same":
        return dsl.Invalid("Invalid padding string (expected 'same' or 'valid')")
    if any(dsl.is_concrete_int(s) and s != 1 for s in stride):
        return dsl.Invalid("padding='same' is not supported for strided convolutions")
    return dsl.IntTuple(dilation[i] * (kernel[i] - 1) for i in range(len(kernel)))

@type_shape_dsl_function
def kernel_of(weight: IntTuple) -> IntTuple:
    return weight[2:]

@type_shape_dsl_function
def conv(
    input: IntTuple, weight: IntTuple, stride: IntTuple, total: IntTuple, dilation: IntTuple, groups: Int, spatial: int
) -> IntTuple:
    if len(weight) != spatial + 2:
        return dsl.Invalid("conv: the weight must be [out, in / groups, *kernel]")
    lead = len(input) - spatial - 1
    if lead != 0 and lead != 1:
        return dsl.Invalid("conv: the input must be [N, C, *sizes] or [C, *sizes]")
    channels = input[lead]
    expected = weight[1] * groups
    if dsl.is_concrete_int(channels) and dsl.is_concrete_int(expected) and channels != expected:
        return dsl.Invalid("conv: the input's channels are not what the weight expects")
    out_channels = weight[0]
    if dsl.is_concrete_int(out_channels) and dsl.is_concrete_int(groups) and out_channels % groups != 0:
        return dsl.Invalid("conv: the number of filters is not divisible by groups")
    out = dsl.IntTuple(
        (input[lead + 1 + i] + total[i] - dilation[i] * (weight[2 + i] - 1) - 1) // stride[i] + 1 for i in range(spatial)
    )
    if any(dsl.is_concrete_int(n) and n < 1 for n in out):
        return dsl.Invalid("conv: the kernel is larger than the padded input")
    return dsl.concat(input[:lead], dsl.concat(dsl.IntTuple((out_channels,)), out))

@type_shape_dsl_function
def conv_transpose(
    input: IntTuple,
    weight: IntTuple,
    stride: IntTuple,
    total: IntTuple,
    output_padding: IntTuple,
    dilation: IntTuple,
    groups: Int,
    spatial: int,
) -> IntTuple:
    if len(weight) != spatial + 2:
        return dsl.Invalid("conv_transpose: the weight must be [in, out / groups, *kernel]")
    lead = len(input) - spatial - 1
    if lead != 0 and lead != 1:
        return dsl.Invalid("conv_transpose: the input must be [N, C, *sizes] or [C, *sizes]")
    channels = input[lead]
    expected = weight[0]
    if dsl.is_concrete_int(channels) and dsl.is_concrete_int(expected) and channels != expected:
        return dsl.Invalid("conv_transpose: the input's channels are not what the weight expects")
    rest = dsl.IntTuple((expected - expected // groups * groups,))
    if any(dsl.is_concrete_int(n) and n != 0 for n in rest):
        return dsl.Invalid("conv_transpose: the input's channels are not divisible by groups")
    out = dsl.IntTuple(
        (input[lead + 1 + i] - 1) * stride[i] - total[i] + dilation[i] * (weight[2 + i] - 1) + output_padding[i] + 1
        for i in range(spatial)
    )
    if any(dsl.is_concrete_int(n) and n < 1 for n in out):
        return dsl.Invalid("conv_transpose: the output would be empty")
    return dsl.concat(input[:lead], dsl.concat(dsl.IntTuple((weight[1] * groups,)), out))

@type_shape_dsl_function
def pool_floor(
    input: IntTuple, kernel: IntTuple, stride: IntTuple, total: IntTuple, dilation: IntTuple, spatial: int
) -> IntTuple:
    lead = len(input) - spatial
    if lead != 1 and lead != 2:
        return dsl.Invalid("pooling: the input must be [N, C, *sizes] or [C, *sizes]")
    if any(dsl.is_concrete_int(n) and n < 1 for n in kernel):
        return dsl.Invalid("pooling: the kernel must be at least 1")
    if any(dsl.is_concrete_int(n) and n < 1 for n in stride):
        return dsl.Invalid("pooling: the stride must be at least 1")
    margins = dsl.IntTuple(k // 2 - t // 2 for k, t in zip(kernel, total))
    if any(dsl.is_concrete_int(n) and n < 0 for n in margins):
        return dsl.Invalid("pooling: the padding must be at most half of the kernel")
    out = dsl.IntTuple(
        (input[lead + i] + total[i] - dilation[i] * (kernel[i] - 1) - 1) // stride[i] + 1 for i in range(spatial)
    )
    if any(dsl.is_concrete_int(n) and n < 1 for n in out):
        return dsl.Invalid("pooling: the window is larger than the padded input")
    return dsl.concat(input[:lead], out)

@type_shape_dsl_function
def pool_ceil(
    input: IntTuple, kernel: IntTuple, stride: IntTuple, total: IntTuple, dilation: IntTuple, spatial: int
) -> IntTuple:
    lead = len(input) - spatial
    if lead != 1 and lead != 2:
        return dsl.Invalid("pooling: the input must be [N, C, *sizes] or [C, *sizes]")
    if any(dsl.is_concrete_int(n) and n < 1 for n in kernel):
        return dsl.Invalid("pooling: the kernel must be at least 1")
    if any(dsl.is_concrete_int(n) and n < 1 for n in stride):
        return dsl.Invalid("pooling: the stride must be at least 1")
    margins = dsl.IntTuple(k // 2 - t // 2 for k, t in zip(kernel, total))
    if any(dsl.is_concrete_int(n) and n < 0 for n in margins):
        return dsl.Invalid("pooling: the padding must be at most half of the kernel")
    rounded = dsl.IntTuple(
        (input[lead + i] + total[i] - dilation[i] * (kernel[i] - 1) - 1 + stride[i] - 1) // stride[i] + 1
        for i in range(spatial)
    )
    last = dsl.IntTuple((input[lead + i] + total[i] // 2 - 1) // stride[i] + 1 for i in range(spatial))
    out = dsl.IntTuple(
        a if a == b else b if dsl.is_concrete_int(a) and dsl.is_concrete_int(b) and b < a else a for a, b in zip(rounded, last)
    )
    if any(dsl.is_concrete_int(n) and n < 1 for n in out):
        return dsl.Invalid("pooling: the window is larger than the padded input")
    return dsl.concat(input[:lead], out)

@type_shape_dsl_function
def pool(
    input: IntTuple, kernel: IntTuple, stride: IntTuple, total: IntTuple, dilation: IntTuple, ceil_mode: bool, spatial: int
) -> IntTuple:
    if ceil_mode:
        return pool_ceil(input, kernel, stride, total, dilation, spatial)
    return pool_floor(input, kernel, stride, total, dilation, spatial)

@type_shape_dsl_function
def last_sizes(input: IntTuple, count: int) -> IntTuple:
    if len(input) < count:
        return dsl.Invalid("the input has too few dimensions")
    return dsl.IntTuple(input[len(input) - count + i] for i in range(count))

@type_shape_dsl_function
def replace_last(input: IntTuple, sizes: IntTuple, spatial: int) -> IntTuple:
    lead = len(input) - spatial
    if lead != 1 and lead != 2:
        return dsl.Invalid("the input must be [N, C, *sizes] or [C, *sizes]")
    if len(sizes) != spatial:
        return dsl.Invalid("one size for each spatial dimension is needed")
    if any(dsl.is_concrete_int(n) and n < 0 for n in sizes):
        return dsl.Invalid("sizes must not be negative")
    return dsl.concat(input[:lead], sizes)

@type_shape_dsl_function
def reduce(shape: IntTuple, dim: int | tuple[int, ...] | None, keepdim: bool) -> IntTuple:
    return dsl.axis_reduce(shape, dim, keepdim, True, True, True)

@type_shape_dsl_function
def along(shape: IntTuple, dim: int) -> IntTuple:
    if len(shape) == 0 and (dim == 0 or dim + 1 == 0):
        return shape
    if dim < 0 - len(shape) or dim >= len(shape):
        return dsl.Invalid("Dimension out of range")
    return shape

@type_shape_dsl_function
def reshape(shape: IntTuple, sizes: IntTuple) -> IntTuple:
    count = dsl.prod(shape)
    if any(dsl.is_concrete_int(n) and n < 0 for n in sizes):
        unknown = dsl.IntTuple(n for n in sizes if dsl.is_concrete_int(n) and n < 0)
        if len(unknown) > 1:
            return dsl.Invalid("only one dimension can be inferred")
        if any(n + 1 != 0 for n in unknown):
            return dsl.Invalid("invalid shape dimension")
        rest = 0 - dsl.prod(sizes)
        if dsl.is_concrete_int(count) and dsl.is_concrete_int(rest):
            if rest == 0:
                return dsl.Invalid("the unspecified dimension of a reshape of no elements is ambiguous")
            if count % rest != 0:
                return dsl.Invalid("the shape does not fit the number of elements")
        return dsl.IntTuple(count // rest if dsl.is_concrete_int(n) and n < 0 else n for n in sizes)
    new_count = dsl.prod(sizes)
    if dsl.is_concrete_int(count) and dsl.is_concrete_int(new_count) and count != new_count:
        return dsl.Invalid("the shape does not fit the number of elements")
    return sizes

@type_shape_dsl_function
def given(check: IntTuple, result: IntTuple) -> IntTuple:
    """The result, where nothing is wrong with what is checked beside it; what is not known there leaves it as it is."""
    return result

@type_shape_dsl_function
def in_groups(in_channels: Int, out_channels: Int, groups: int) -> IntTuple:
    rests = dsl.IntTuple((in_channels - in_channels // groups * groups, out_channels - out_channels // groups * groups))
    if any(dsl.is_concrete_int(n) and n != 0 for n in rests):
        return dsl.Invalid("in_channels and out_channels must be divisible by groups")
    return dsl.IntTuple((in_channels, out_channels))

@type_shape_dsl_function
def in_heads(embed_dim: Int, num_heads: int) -> IntTuple:
    rests = dsl.IntTuple((embed_dim - embed_dim // num_heads * num_heads,))
    if any(dsl.is_concrete_int(n) and n != 0 for n in rests):
        return dsl.Invalid("embed_dim must be divisible by num_heads")
    return dsl.IntTuple((embed_dim,))

@type_shape_dsl_function
def laid_out(shape: IntTuple, sizes: IntTuple) -> IntTuple:
    count = dsl.prod(shape)
    rest = 0 - dsl.prod(sizes)
    return dsl.IntTuple(count // rest if dsl.is_concrete_int(n) and n + 1 == 0 else n for n in sizes)

@type_shape_dsl_function
def flatten(shape: IntTuple, start_dim: int, end_dim: int) -> IntTuple:
    if len(shape) == 0:
        if start_dim < 0 - 1 or start_dim > 0 or end_dim < 0 - 1 or end_dim > 0:
            return dsl.Invalid("flatten: dimension out of range")
        return dsl.IntTuple((1,))
    if start_dim < 0 - len(shape) or start_dim >= len(shape) or end_dim < 0 - len(shape) or end_dim >= len(shape):
        return dsl.Invalid("flatten: dimension out of range")
    start = start_dim % len(shape)
    end = end_dim % len(shape)
    if start > end:
        return dsl.Invalid("flatten() has invalid args: start_dim cannot come after end_dim")
    middle = dsl.prod(shape[start : end + 1])
    return dsl.concat(shape[:start], dsl.concat(dsl.IntTuple((middle,)), shape[end + 1 :]))

@type_shape_dsl_function
def unflatten(shape: IntTuple, dim: int, sizes: IntTuple) -> IntTuple:
    if dim < 0 - len(shape) or dim >= len(shape):
        return dsl.Invalid("unflatten: dimension out of range")
    axis = dim % len(shape)
    size = shape[axis]
    if any(dsl.is_concrete_int(n) and n < 0 for n in sizes):
        unknown = dsl.IntTuple(n for n in sizes if dsl.is_concrete_int(n) and n < 0)
        if len(unknown) > 1:
            return dsl.Invalid("only one dimension can be inferred")
        if any(n + 1 != 0 for n in unknown):
            return dsl.Invalid("invalid shape dimension")
        rest = 0 - dsl.prod(sizes)
        if dsl.is_concrete_int(size) and dsl.is_concrete_int(rest):
            if rest == 0:
                return dsl.Invalid("unflatten: the sizes do not multiply up to the dimension")
            if size % rest != 0:
                return dsl.Invalid("unflatten: the sizes do not multiply up to the dimension")
        parts = dsl.IntTuple(size // rest if dsl.is_concrete_int(n) and n < 0 else n for n in sizes)
    else:
        count = dsl.prod(sizes)
        if dsl.is_concrete_int(size) and dsl.is_concrete_int(count) and size != count:
            return dsl.Invalid("unflatten: the sizes do not multiply up to the dimension")
        parts = dsl.IntTuple(n for n in sizes)
    return dsl.concat(shape[:axis], dsl.concat(parts, shape[axis + 1 :]))

@type_shape_dsl_function
def permute(shape: IntTuple, dims: int | tuple[int, ...] | None) -> IntTuple:
    if dims is None:
        return dsl.IntTuple.gradual()
    if dsl.is_int_value(dims):
        return dsl.Invalid("permute: a sequence of dims is needed")
    if len(dims) != len(shape):
        return dsl.Invalid("permute: as many dims as the tensor has dimensions are needed")
    if any(d < 0 - len(shape) or d >= len(shape) for d in dims):
        return dsl.Invalid("permute: dimension out of range")
    order = tuple(d % len(shape) for d in dims)
    if any(order.count(d) > 1 for d in order):
        return dsl.Invalid("permute(): duplicate dims are not allowed.")
    return dsl.IntTuple(shape[d] for d in order)

@type_shape_dsl_function
def transpose(shape: IntTuple, dim0: int, dim1: int) -> IntTuple:
    if len(shape) == 0:
        if dim0 < 0 - 1 or dim0 > 0 or dim1 < 0 - 1 or dim1 > 0:
            return dsl.Invalid("transpose: dimension out of range")
        return shape
    if dim0 < 0 - len(shape) or dim0 >= len(shape) or dim1 < 0 - len(shape) or dim1 >= len(shape):
        return dsl.Invalid("transpose: dimension out of range")
    a = dim0 % len(shape)
    b = dim1 % len(shape)
    return dsl.IntTuple(shape[b] if i == a else shape[a] if i == b else shape[i] for i in range(len(shape)))

@type_shape_dsl_function
def matrix_transpose(shape: IntTuple) -> IntTuple:
    if len(shape) == 0:
        return shape
    if len(shape) < 2:
        return dsl.Invalid("tensor.mT is only supported on matrices or batches of matrices")
    return dsl.concat(shape[:-2], dsl.IntTuple((shape[-1], shape[-2])))

@type_shape_dsl_function
def reverse(shape: IntTuple) -> IntTuple:
    return dsl.IntTuple(shape[len(shape) - 1 - i] for i in range(len(shape)))

@type_shape_dsl_function
def movedim(shape: IntTuple, source: int, destination: int) -> IntTuple:
    if source < 0 - len(shape) or source >= len(shape) or destination < 0 - len(shape) or destination >= len(shape):
        return dsl.Invalid("movedim: dimension out of range")
    a = source % len(shape)
    b = destination % len(shape)
    if a < b:
        return dsl.IntTuple(shape[i] if i < a or i > b else shape[a] if i == b else shape[i + 1] for i in range(len(shape)))
    return dsl.IntTuple(shape[i] if i < b or i > a else shape[a] if i == b else shape[i - 1] for i in range(len(shape)))

@type_shape_dsl_function
def squeeze(shape: IntTuple, dim: int | tuple[int, ...] | None) -> IntTuple:
    if dim is None:
        return dsl.IntTuple(n for n in shape if n != 1)
    if dsl.is_int_value(dim):
        if len(shape) == 0:
            if dim < 0 - 1 or dim > 0:
                return dsl.Invalid("squeeze: dimension out of range")
            return shape
        if dim < 0 - len(shape) or dim >= len(shape):
            return dsl.Invalid("squeeze: dimension out of range")
        axis = dim % len(shape)
        return dsl.IntTuple(shape[i] for i in range(len(shape)) if i != axis or shape[i] != 1)
    rank = len(shape)
    if rank == 0:
        return dsl.IntTuple.gradual()
    if any(d < 0 - rank or d >= rank for d in dim):
        return dsl.Invalid("squeeze: dimension out of range")
    named = tuple(d % rank for d in dim)
    if any(named.count(d) > 1 for d in named):
        return dsl.Invalid("squeeze: a dimension is named twice")
    return dsl.IntTuple(shape[i] for i in range(rank) if shape[i] != 1 or named.count(i) == 0)

@type_shape_dsl_function
def unsqueeze(shape: IntTuple, dim: int) -> IntTuple:
    if dim < 0 - len(shape) - 1 or dim > len(shape):
        return dsl.Invalid("unsqueeze: dimension out of range")
    axis = dim % (len(shape) + 1)
    return dsl.concat(shape[:axis], dsl.concat(dsl.IntTuple((1,)), shape[axis:]))

@type_shape_dsl_function
def select(shape: IntTuple, dim: int) -> IntTuple:
    if dim < 0 - len(shape) or dim >= len(shape):
        return dsl.Invalid("select: dimension out of range")
    axis = dim % len(shape)
    return dsl.concat(shape[:axis], shape[axis + 1 :])

@type_shape_dsl_function
def picked(shape: IntTuple, dim: int, index: Int) -> IntTuple:
    if dim < 0 - len(shape) or dim >= len(shape):
        return dsl.Invalid("Dimension out of range")
    axis = dim % len(shape)
    size = shape[axis]
    room = dsl.IntTuple((size - index - 1, size + index))
    if any(dsl.is_concrete_int(n) and n < 0 for n in room):
        return dsl.Invalid("index out of range")
    return dsl.concat(shape[:axis], shape[axis + 1 :])

@type_shape_dsl_function
def narrow(shape: IntTuple, dim: int, start: Int, length: Int) -> IntTuple:
    if dim < 0 - len(shape) or dim >= len(shape):
        return dsl.Invalid("narrow: dimension out of range")
    axis = dim % len(shape)
    size = shape[axis]
    if dsl.is_concrete_int(start) and not (start < 0):
        left = dsl.IntTuple((size - start - length,))
        if any(dsl.is_concrete_int(n) and n < 0 for n in left):
            return dsl.Invalid("narrow: start + length exceeds the dimension's size")
    return dsl.concat(shape[:axis], dsl.concat(dsl.IntTuple((length,)), shape[axis + 1 :]))

@type_shape_dsl_function
def expand(shape: IntTuple, sizes: IntTuple) -> IntTuple:
    lead = len(sizes) - len(shape)
    if lead < 0:
        return dsl.Invalid("expand: fewer sizes than the tensor has dimensions")
    padded = dsl.concat(dsl.IntTuple(1 for i in range(lead)), shape)
    new_sizes = sizes[:lead]
    if any(dsl.is_concrete_int(n) and n < 0 for n in new_sizes):
        return dsl.Invalid("expand: -1 cannot stand for a new dimension")
    conflicts = dsl.IntTuple((old - 1) * (new - old) * (new + 1) for old, new in zip(padded, sizes))
    if any(dsl.is_concrete_int(n) and n != 0 for n in conflicts):
        return dsl.Invalid("expand: a size that is not 1 must stay")
    return dsl.IntTuple(
        old if dsl.is_concrete_int(new) and new + 1 == 0 else new for old, new in zip(padded, sizes)
    )

@type_shape_dsl_function
def cat(shapes: IntTuples, dim: int) -> IntTuple:
    first = shapes[0]
    if dim < 0 - len(first) or dim >= len(first):
        return dsl.Invalid("cat: dimension out of range")
    if len(shapes) > 1:
        second = shapes[1]
        if len(second) != len(first):
            return dsl.Invalid("cat: tensors must have the same number of dimensions")
    if len(shapes) > 2:
        third = shapes[2]
        if len(third) != len(first):
            return dsl.Invalid("cat: tensors must have the same number of dimensions")
    axis = dim % len(first)
    if len(first) > 0 and axis != 0:
        gaps0 = dsl.IntTuple(s[0] - first[0] for s in shapes)
        if any(dsl.is_concrete_int(n) and n != 0 for n in gaps0):
            return dsl.Invalid("cat: sizes of tensors must match except in the joined dimension (dimension 0 differs)")
    if len(first) > 1 and axis != 1:
        gaps1 = dsl.IntTuple(s[1] - first[1] for s in shapes)
        if any(dsl.is_concrete_int(n) and n != 0 for n in gaps1):
            return dsl.Invalid("cat: sizes of tensors must match except in the joined dimension (dimension 1 differs)")
    if len(first) > 2 and axis != 2:
        gaps2 = dsl.IntTuple(s[2] - first[2] for s in shapes)
        if any(dsl.is_concrete_int(n) and n != 0 for n in gaps2):
            return dsl.Invalid("cat: sizes of tensors must match except in the joined dimension (dimension 2 differs)")
    if len(first) > 3 and axis != 3:
        gaps3 = dsl.IntTuple(s[3] - first[3] for s in shapes)
        if any(dsl.is_concrete_int(n) and n != 0 for n in gaps3):
            return dsl.Invalid("cat: sizes of tensors must match except in the joined dimension (dimension 3 differs)")
    if len(first) > 4 and axis != 4:
        gaps4 = dsl.IntTuple(s[4] - first[4] for s in shapes)
        if any(dsl.is_concrete_int(n) and n != 0 for n in gaps4):
            return dsl.Invalid("cat: sizes of tensors must match except in the joined dimension (dimension 4 differs)")
    if len(first) > 5 and axis != 5:
        gaps5 = dsl.IntTuple(s[5] - first[5] for s in shapes)
        if any(dsl.is_concrete_int(n) and n != 0 for n in gaps5):
            return dsl.Invalid("cat: sizes of tensors must match except in the joined dimension (dimension 5 differs)")
    total = dsl.sum(dsl.IntTuple(s[axis] for s in shapes))
    return dsl.IntTuple(total if i == axis else first[i] for i in range(len(first)))

@type_shape_dsl_function
def stack(shapes: IntTuples, dim: int) -> IntTuple:
    first = shapes[0]
    if dim < 0 - len(first) - 1 or dim > len(first):
        return dsl.Invalid("stack: dimension out of range")
    if len(shapes) > 1:
        second = shapes[1]
        if len(second) != len(first):
            return dsl.Invalid("stack: tensors must have the same number of dimensions")
    if len(shapes) > 2:
        third = shapes[2]
        if len(third) != len(first):
            return dsl.Invalid("stack: tensors must have the same number of dimensions")
    axis = dim % (len(first) + 1)
    if len(first) > 0:
        gaps0 = dsl.IntTuple(s[0] - first[0] for s in shapes)
        if any(dsl.is_concrete_int(n) and n != 0 for n in gaps0):
            return dsl.Invalid("stack expects each tensor to be equal size (dimension 0 differs)")
    if len(first) > 1:
        gaps1 = dsl.IntTuple(s[1] - first[1] for s in shapes)
        if any(dsl.is_concrete_int(n) and n != 0 for n in gaps1):
            return dsl.Invalid("stack expects each tensor to be equal size (dimension 1 differs)")
    if len(first) > 2:
        gaps2 = dsl.IntTuple(s[2] - first[2] for s in shapes)
        if any(dsl.is_concrete_int(n) and n != 0 for n in gaps2):
            return dsl.Invalid("stack expects each tensor to be equal size (dimension 2 differs)")
    if len(first) > 3:
        gaps3 = dsl.IntTuple(s[3] - first[3] for s in shapes)
        if any(dsl.is_concrete_int(n) and n != 0 for n in gaps3):
            return dsl.Invalid("stack expects each tensor to be equal size (dimension 3 differs)")
    if len(first) > 4:
        gaps4 = dsl.IntTuple(s[4] - first[4] for s in shapes)
        if any(dsl.is_concrete_int(n) and n != 0 for n in gaps4):
            return dsl.Invalid("stack expects each tensor to be equal size (dimension 4 differs)")
    if len(first) > 5:
        gaps5 = dsl.IntTuple(s[5] - first[5] for s in shapes)
        if any(dsl.is_concrete_int(n) and n != 0 for n in gaps5):
            return dsl.Invalid("stack expects each tensor to be equal size (dimension 5 differs)")
    return dsl.concat(first[:axis], dsl.concat(dsl.IntTuple((len(shapes),)), first[axis:]))

@type_shape_dsl_function
def matmul(left: IntTuple, right: IntTuple) -> IntTuple:
    if len(left) == 0 or len(right) == 0:
        return dsl.Invalid("both arguments to matmul need to be at least 1D")
    shapes = dsl.IntTuples((left, right))
    if len(left) == 1 and len(right) == 1:
        vectors = "(k),(k)->()"
        return gufunc_broadcast(vectors, shapes)
    if len(left) == 1:
        row = "(k),(k,n)->(n)"
        return gufunc_broadcast(row, shapes)
    if len(right) == 1:
        column = "(m,k),(k)->(m)"
        return gufunc_broadcast(column, shapes)
    matrices = "(m,k),(k,n)->(m,n)"
    return gufunc_broadcast(matrices, shapes)

@type_shape_dsl_function
def mm(left: IntTuple, right: IntTuple) -> IntTuple:
    if len(left) != 2 or len(right) != 2:
        return dsl.Invalid("mm: both arguments must be matrices")
    shapes = dsl.IntTuples((left, right))
    matrices = "(m,k),(k,n)->(m,n)"
    return gufunc_broadcast(matrices, shapes)

@type_shape_dsl_function
def bmm(left: IntTuple, right: IntTuple) -> IntTuple:
    if len(left) != 3 or len(right) != 3:
        return dsl.Invalid("bmm: both arguments must be batches of matrices")
    shapes = dsl.IntTuples((left, right))
    batches = "(b,m,k),(b,k,n)->(b,m,n)"
    return gufunc_broadcast(batches, shapes)

@type_shape_dsl_function
def linear(input: IntTuple, weight: IntTuple) -> IntTuple:
    if len(weight) == 1:
        return dsl.IntTuple.gradual()
    if len(input) == 0 or len(weight) != 2:
        return dsl.Invalid("linear: the input must be [..., in] and the weight [out, in]")
    shapes = dsl.IntTuples((input, weight))
    spec = "(k),(n,k)->(n)"
    return gufunc_broadcast(spec, shapes)

@type_shape_dsl_function
def einsum(spec: str, shapes: IntTuples) -> IntTuple:
    return dsl.einsum(spec, shapes)

@type_shape_dsl_function
def embedding(indices: IntTuple, weight: IntTuple) -> IntTuple:
    if len(weight) != 2:
        return dsl.Invalid("embedding: the weight must be [num_embeddings, embedding_dim]")
    return dsl.concat(indices, weight[1:])

@type_shape_dsl_function
def append(shape: IntTuple, size: Int) -> IntTuple:
    return dsl.concat(shape, dsl.IntTuple((size,)))

@type_shape_dsl_function
def loss(shape: IntTuple, reduction: str) -> IntTuple:
    if reduction == "none":
        return shape
    if reduction != "mean" and reduction != "sum":
        return dsl.Invalid("reduction must be 'none', 'mean' or 'sum'")
    return dsl.IntTuple(())

@type_shape_dsl_function
def class_loss(input: IntTuple, target: IntTuple, reduction: str) -> IntTuple:
    if len(input) == 0:
        return dsl.Invalid("the input must be [C] or [N, C, ...]")
    if reduction != "none" and reduction != "mean" and reduction != "sum":
        return dsl.Invalid("reduction must be 'none', 'mean' or 'sum'")
    if len(input) == 1:
        if len(target) > 1 or any(dsl.is_concrete_int(n) and n != 1 for n in target):
            return dsl.Invalid("the target of an input [C] is one class number")
        if len(target) == 1:
            return dsl.IntTuple.gradual()
        return dsl.IntTuple(())
    if len(target) != len(input) - 1:
        return dsl.Invalid("the target must hold class numbers [N, ...] for an input [N, C, ...]")
    rest = dsl.concat(input[:1], input[2:])
    differences = dsl.IntTuple(a - b for a, b in zip(rest, target))
    if any(dsl.is_concrete_int(n) and n != 0 for n in differences):
        return dsl.Invalid("the target's batch and sizes are not the input's")
    if reduction == "none":
        return target
    return dsl.IntTuple(())

@type_shape_dsl_function
def same(left: IntTuple, right: IntTuple) -> IntTuple:
    if len(left) != len(right):
        return dsl.Invalid("the shapes must be the same")
    differences = dsl.IntTuple(a - b for a, b in zip(left, right))
    if any(dsl.is_concrete_int(n) and n != 0 for n in differences):
        return dsl.Invalid("the shapes must be the same")
    return left

@type_shape_dsl_function
def pad(shape: IntTuple, padding: int | tuple[int, ...] | None) -> IntTuple:
    if padding is None:
        return dsl.IntTuple.gradual()
    if dsl.is_int_value(padding):
        return dsl.Invalid("pad: a sequence of amounts is needed")
    amounts = dsl.IntTuple(n + 0 for n in padding)
    if len(amounts) % 2 != 0 or len(amounts) > 2 * len(shape):
        return dsl.Invalid("pad: pairs of padding are needed, for no more dimensions than there are")
    untouched = len(shape) - len(amounts) // 2
    tail = dsl.IntTuple(
        shape[i] + amounts[2 * (len(shape) - 1 - i)] + amounts[2 * (len(shape) - 1 - i) + 1]
        for i in range(len(shape))
        if i >= untouched
    )
    if any(dsl.is_concrete_int(n) and n < 0 for n in tail):
        return dsl.Invalid("pad: the negative padding is larger than the input")
    return dsl.concat(shape[:untouched], tail)

@type_shape_dsl_function
def scaled(shape: IntTuple, factor: Int) -> IntTuple:
    if len(shape) < 3:
        return dsl.Invalid("interpolate: the input must be [N, C, *sizes]")
    return dsl.IntTuple(shape[i] if i < 2 else shape[i] * factor for i in range(len(shape)))

@type_shape_dsl_function
def resized(shape: IntTuple, size: int | tuple[int, ...] | None) -> IntTuple:
    if len(shape) < 3:
        return dsl.Invalid("interpolate: the input must be [N, C, *sizes]")
    if size is None:
        return dsl.IntTuple.gradual()
    if dsl.is_int_value(size):
        if size < 1:
            return dsl.Invalid("interpolate: sizes must be at least 1")
        return dsl.concat(shape[:2], dsl.IntTuple(size + 0 for i in range(len(shape) - 2)))
    if len(size) == 1:
        return dsl.IntTuple.gradual()
    if len(size) != len(shape) - 2:
        return dsl.Invalid("interpolate: one size for each spatial dimension is needed")
    if any(n < 1 for n in size):
        return dsl.Invalid("interpolate: sizes must be at least 1")
    return dsl.concat(shape[:2], dsl.IntTuple(n + 0 for n in size))

@type_shape_dsl_function
def topk(shape: IntTuple, k: Int, dim: int) -> IntTuple:
    if len(shape) == 0:
        return dsl.IntTuple.gradual()
    if dim < 0 - len(shape) or dim >= len(shape):
        return dsl.Invalid("topk: dimension out of range")
    axis = dim % len(shape)
    size = shape[axis]
    if dsl.is_concrete_int(size) and dsl.is_concrete_int(k) and size < k:
        return dsl.Invalid("topk: k is larger than the dimension")
    return dsl.concat(shape[:axis], dsl.concat(dsl.IntTuple((k,)), shape[axis + 1 :]))

@type_shape_dsl_function
def normalized(shape: IntTuple, last: IntTuple) -> IntTuple:
    lead = len(shape) - len(last)
    if lead < 0:
        return dsl.Invalid("the input has fewer dimensions than normalized_shape")
    tail = shape[lead:]
    differences = dsl.IntTuple(a - b for a, b in zip(tail, last))
    if any(dsl.is_concrete_int(n) and n != 0 for n in differences):
        return dsl.Invalid("the input's last sizes are not normalized_shape")
    return shape

@type_shape_dsl_function
def channels(shape: IntTuple, expected: Int, least: int, most: int) -> IntTuple:
    if len(shape) < least or len(shape) > most:
        return dsl.Invalid("the input does not have the number of dimensions that the layer works on")
    size = shape[1]
    if dsl.is_concrete_int(size) and dsl.is_concrete_int(expected) and size != expected:
        return dsl.Invalid("the input's channels are not those of the layer")
    return shape

@type_shape_dsl_function
def repeat(shape: IntTuple, counts: IntTuple) -> IntTuple:
    lead = len(counts) - len(shape)
    if lead < 0:
        return dsl.Invalid("repeat: fewer counts than the tensor has dimensions")
    return dsl.IntTuple(counts[i] if i < lead else counts[i] * shape[i - lead] for i in range(len(counts)))

@type_shape_dsl_function
def chunk(shape: IntTuple, chunks: int, dim: int) -> IntTuples:
    if dim < 0 - len(shape) or dim >= len(shape):
        return dsl.Invalid("chunk: dimension out of range")
    if chunks < 1:
        return dsl.Invalid("chunk: chunks must be at least 1")
    axis = dim % len(shape)
    size = shape[axis]
    if not dsl.is_concrete_int(size):
        return dsl.IntTuples.gradual()
    rounded = dsl.IntTuple(((size + (chunks - 1)) // chunks,))
    each = rounded[0]
    rests = dsl.IntTuple(size - i * each for i in range(chunks))
    kept = dsl.IntTuple(n for n in rests if n > 0)
    if len(kept) == 0:
        return dsl.IntTuples.gradual()
    over = dsl.IntTuple(n - each for n in kept)
    pieces = dsl.IntTuple(n if o < 0 else n - o for n, o in zip(kept, over))
    return dsl.IntTuples(dsl.IntTuple(n if i == axis else shape[i] for i in range(len(shape))) for n in pieces)

@type_shape_dsl_function
def attention(query: IntTuple, key: IntTuple, value: IntTuple) -> IntTuple:
    if len(query) < 2 or len(key) < 2 or len(value) < 2:
        return dsl.Invalid("scaled_dot_product_attention: query, key and value must have at least 2 dimensions")
    shapes = dsl.IntTuples((query, key, value))
    spec = "(l,e),(s,e),(s,v)->(l,v)"
    return gufunc_broadcast(spec, shapes)

@type_shape_dsl_function
def pixel_shuffle(shape: IntTuple, factor: int) -> IntTuple:
    if len(shape) < 3:
        return dsl.Invalid("pixel_shuffle expects input to have at least 3 dimensions")
    channels = shape[len(shape) - 3]
    if dsl.is_concrete_int(channels) and channels % (factor * factor) != 0:
        return dsl.Invalid("pixel_shuffle: the channels are not divisible by the square of the factor")
    return dsl.concat(
        shape[:-3], dsl.IntTuple((channels // (factor * factor), shape[len(shape) - 2] * factor, shape[len(shape) - 1] * factor))
    )

@type_shape_dsl_function
def into(target: IntTuple, other: IntTuple) -> IntTuple:
    if len(other) > len(target):
        return dsl.Invalid("an in-place operator cannot add dimensions to its target")
    lead = len(target) - len(other)
    aligned = target[lead:]
    conflicts = dsl.IntTuple((b - 1) * (b - a) for a, b in zip(aligned, other))
    if any(dsl.is_concrete_int(n) and n != 0 for n in conflicts):
        return dsl.Invalid("the operand does not broadcast to the tensor that is written in place")
    return target

@type_shape_dsl_function
def probability_loss(input: IntTuple, target: IntTuple, reduction: str) -> IntTuple:
    if len(input) == 0:
        return dsl.Invalid("cross_entropy: the input must be [C] or [N, C, ...]")
    if len(input) != len(target):
        return dsl.Invalid("a target of probabilities has the input's shape; class numbers are integers")
    differences = dsl.IntTuple(a - b for a, b in zip(input, target))
    if any(dsl.is_concrete_int(n) and n != 0 for n in differences):
        return dsl.Invalid("a target of probabilities has the input's shape; class numbers are integers")
    if reduction == "mean" or reduction == "sum":
        return dsl.IntTuple(())
    if reduction != "none":
        return dsl.Invalid("reduction must be 'none', 'mean' or 'sum'")
    if len(input) < 2:
        return dsl.IntTuple(())
    return dsl.concat(input[:1], input[2:])

@type_shape_dsl_function
def einops_rearrange(spec: str, shape: IntTuple, axes: NamedInts) -> IntTuple:
    return dsl.rearrange(spec, shape, axes)

@type_shape_dsl_function
def einops_repeat(spec: str, shape: IntTuple, axes: NamedInts) -> IntTuple:
    return dsl.repeat(spec, shape, axes)

@type_shape_dsl_function
def einops_reduce(spec: str, shape: IntTuple, axes: NamedInts) -> IntTuple:
    return dsl.reduce(spec, shape, axes)

@type_shape_dsl_function
def single(size: Int) -> IntTuple:
    return dsl.IntTuple((size,))

@type_shape_dsl_function
def pair(rows: Int, columns: Int) -> IntTuple:
    return dsl.IntTuple((rows, columns))

@type_shape_dsl_function
def between(start: Int, end: Int) -> IntTuple:
    count = dsl.IntTuple((end - start,))
    if any(dsl.is_concrete_int(n) and n < 0 for n in count):
        return dsl.Invalid("arange: the end is before the start")
    return count

@type_shape_dsl_function
def conv_module(
    input: IntTuple,
    in_channels: Int,
    out_channels: Int,
    kernel: IntTuple,
    stride: IntTuple,
    total: IntTuple,
    dilation: IntTuple,
    spatial: int,
) -> IntTuple:
    lead = len(input) - spatial - 1
    if lead != 0 and lead != 1:
        return dsl.Invalid("conv: the input must be [N, C, *sizes] or [C, *sizes]")
    given = input[lead]
    if dsl.is_concrete_int(given) and dsl.is_concrete_int(in_channels) and given != in_channels:
        return dsl.Invalid("conv: the input's channels are not those of the layer")
    out = dsl.IntTuple(
        (input[lead + 1 + i] + total[i] - dilation[i] * (kernel[i] - 1) - 1) // stride[i] + 1 for i in range(spatial)
    )
    if any(dsl.is_concrete_int(n) and n < 1 for n in out):
        return dsl.Invalid("conv: the kernel is larger than the padded input")
    return dsl.concat(input[:lead], dsl.concat(dsl.IntTuple((out_channels,)), out))

@type_shape_dsl_function
def padding_or_same(padding: int | tuple[int, ...] | None, kernel: IntTuple, dilation: IntTuple) -> IntTuple:
    if padding is None:  # how a convolution module records padding="same"
        return dsl.IntTuple(dilation[i] * (kernel[i] - 1) for i in range(len(kernel)))
    if dsl.is_int_value(padding):
        return dsl.IntTuple(2 * padding + 0 * n for n in kernel)
    amounts = dsl.IntTuple(2 * p for p in padding)
    if len(amounts) == 1:
        return dsl.IntTuple.gradual()
    if len(amounts) != len(kernel):
        return dsl.Invalid("expected one padding, or one for each spatial dimension")
    return amounts

@type_shape_dsl_function
def conv_transpose_module(
    input: IntTuple,
    in_channels: Int,
    out_channels: Int,
    kernel: IntTuple,
    stride: IntTuple,
    total: IntTuple,
    output_padding: IntTuple,
    dilation: IntTuple,
    spatial: int,
) -> IntTuple:
    lead = len(input) - spatial - 1
    if lead != 0 and lead != 1:
        return dsl.Invalid("conv_transpose: the input must be [N, C, *sizes] or [C, *sizes]")
    given = input[lead]
    if dsl.is_concrete_int(given) and dsl.is_concrete_int(in_channels) and given != in_channels:
        return dsl.Invalid("conv_transpose: the input's channels are not those of the layer")
    out = dsl.IntTuple(
        (input[lead + 1 + i] - 1) * stride[i] - total[i] + dilation[i] * (kernel[i] - 1) + output_padding[i] + 1
        for i in range(spatial)
    )
    if any(dsl.is_concrete_int(n) and n < 1 for n in out):
        return dsl.Invalid("conv_transpose: the output would be empty")
    return dsl.concat(input[:lead], dsl.concat(dsl.IntTuple((out_channels,)), out))

@type_shape_dsl_function
def batch_channels(shape: IntTuple, expected: Int, spatial: int) -> IntTuple:
    if len(shape) != spatial + 2 and (spatial != 1 or len(shape) != 2):
        return dsl.Invalid("batch norm: the input must be [N, C, *sizes]")
    size = shape[1]
    if dsl.is_concrete_int(size) and dsl.is_concrete_int(expected) and size != expected:
        return dsl.Invalid("batch norm: the input's channels are not those of the layer")
    return shape

@type_shape_dsl_function
def extent(shape: IntTuple, dim: int) -> Int:
    if dim < 0 - len(shape) or dim >= len(shape):
        return dsl.Invalid("Dimension out of range")
    return dsl.prod(dsl.IntTuple(shape[i] for i in range(len(shape)) if i == dim % len(shape)))

@type_shape_dsl_function
def split(shape: IntTuple, size: int | tuple[int, ...] | None, dim: int) -> IntTuples:
    if dim < 0 - len(shape) or dim >= len(shape):
        return dsl.Invalid("split: dimension out of range")
    axis = dim % len(shape)
    total = shape[axis]
    if size is None:
        return dsl.IntTuples.gradual()
    if dsl.is_int_value(size):
        if size < 1 or not dsl.is_concrete_int(total):
            return dsl.IntTuples.gradual()
        rests = dsl.IntTuple(total - i * size for i in range(65))
        kept = dsl.IntTuple(n for n in rests if n > 0)
        if len(kept) == 0 or len(kept) > 64:
            return dsl.IntTuples.gradual()
        parts = dsl.IntTuple(n if n < size else size + 0 for n in kept)
        return dsl.IntTuples(dsl.IntTuple(n if i == axis else shape[i] for i in range(len(shape))) for n in parts)
    pieces = dsl.IntTuple(n + 0 for n in size)
    rest = dsl.IntTuple((total - dsl.sum(pieces),))
    if any(dsl.is_concrete_int(n) and n != 0 for n in rest):
        return dsl.Invalid("split: the sizes do not add up to the dimension")
    return dsl.IntTuples(dsl.IntTuple(n if i == axis else shape[i] for i in range(len(shape))) for n in pieces)

@type_shape_dsl_function
def split_into(shape: IntTuple, sizes: IntTuple, dim: int) -> IntTuples:
    if dim < 0 - len(shape) or dim >= len(shape):
        return dsl.Invalid("split: dimension out of range")
    axis = dim % len(shape)
    total = shape[axis]
    rest = dsl.IntTuple((total - dsl.sum(sizes),))
    if any(dsl.is_concrete_int(n) and n != 0 for n in rest):
        return dsl.Invalid("split: the sizes do not add up to the dimension")
    if any(dsl.is_concrete_int(n) and n < 0 for n in sizes):
        return dsl.Invalid("split: sizes must not be negative")
    return dsl.IntTuples(dsl.IntTuple(n if i == axis else shape[i] for i in range(len(shape))) for n in sizes)

@type_shape_dsl_function
def unbind(shape: IntTuple, dim: int) -> IntTuples:
    if dim < 0 - len(shape) or dim >= len(shape):
        return dsl.Invalid("unbind: dimension out of range")
    axis = dim % len(shape)
    size = shape[axis]
    if not dsl.is_concrete_int(size):
        return dsl.IntTuples.gradual()
    rests = dsl.IntTuple(size - i for i in range(65))
    kept = dsl.IntTuple(n for n in rests if n > 0)
    if len(kept) == 0 or len(kept) > 64:
        return dsl.IntTuples.gradual()
    rest = dsl.concat(shape[:axis], shape[axis + 1 :])
    return dsl.IntTuples(dsl.IntTuple(one for one in rest) for n in kept)

@type_shape_dsl_function
def reduce_over(shape: IntTuple, dims: IntTuple, keepdim: bool) -> IntTuple:
    rank = len(shape)
    if any(not dsl.is_concrete_int(d) for d in dims):
        return dsl.IntTuple.gradual()
    if len(dims) == 0:
        return dsl.IntTuple.gradual()
    reduced = dsl.IntTuple(i + 0 for i in range(rank) if any(d == i or d + rank == i for d in dims))
    if len(reduced) != len(dims):
        return dsl.Invalid("a dimension is out of range, or named twice")
    if keepdim:
        return dsl.IntTuple(1 if any(d == i or d + rank == i for d in dims) else shape[i] for i in range(rank))
    return dsl.IntTuple(shape[i] for i in range(rank) if not any(d == i or d + rank == i for d in dims))

@type_shape_dsl_function
def squeeze_dims(shape: IntTuple, dims: IntTuple) -> IntTuple:
    rank = len(shape)
    if any(not dsl.is_concrete_int(d) for d in dims):
        return dsl.IntTuple.gradual()
    if rank == 0:
        return dsl.IntTuple.gradual()
    named = dsl.IntTuple(i + 0 for i in range(rank) if any(d == i or d + rank == i for d in dims))
    if len(named) != len(dims):
        return dsl.Invalid("squeeze: a dimension is out of range, or named twice")
    return dsl.IntTuple(
        shape[i] for i in range(rank) if shape[i] != 1 or not any(d == i or d + rank == i for d in dims)
    )

@type_shape_dsl_function
def resized_to(shape: IntTuple, sizes: IntTuple) -> IntTuple:
    if len(shape) < 3:
        return dsl.Invalid("interpolate: the input must be [N, C, *sizes]")
    if len(sizes) == 1:
        return dsl.IntTuple.gradual()
    if len(sizes) != len(shape) - 2:
        return dsl.Invalid("interpolate: one size for each spatial dimension is needed")
    if any(dsl.is_concrete_int(n) and n < 1 for n in sizes):
        return dsl.Invalid("interpolate: sizes must be at least 1")
    return dsl.concat(shape[:2], sizes)

@type_shape_dsl_function
def rescaled(shape: IntTuple) -> IntTuple:
    if len(shape) < 3:
        return dsl.Invalid("interpolate: the input must be [N, C, *sizes]")
    rest = shape[2:]
    return dsl.concat(shape[:2], dsl.IntTuple(dsl.Int.gradual() for n in rest))

@type_shape_dsl_function
def at_mask(shape: IntTuple, mask: IntTuple) -> IntTuple:
    if len(mask) > len(shape):
        return dsl.Invalid("too many indices: the mask has more dimensions than the tensor")
    if len(mask) == 0:
        return dsl.IntTuple.gradual()
    masked = shape[: len(mask)]
    differences = dsl.IntTuple(a - b for a, b in zip(masked, mask))
    if any(dsl.is_concrete_int(n) and n != 0 for n in differences):
        return dsl.Invalid("the shape of the mask does not match the shape of the indexed tensor")
    return dsl.concat(dsl.IntTuple((dsl.Int.gradual(),)), shape[len(mask) :])

@type_shape_dsl_function
def at_integers(shape: IntTuple, index: IntTuple, before: int) -> IntTuple:
    if before < 0:
        if len(shape) == 0:
            return dsl.Invalid("too many indices for a tensor without dimensions")
        return dsl.concat(shape[:-1], index)
    if len(shape) <= before:
        return dsl.Invalid("too many indices for the tensor's dimensions")
    return dsl.concat(shape[:before], dsl.concat(index, shape[before + 1 :]))

@type_shape_dsl_function
def at_pair(shape: IntTuple, first: IntTuple, second: IntTuple, between: int) -> IntTuple:
    if len(shape) < 2 + between:
        return dsl.Invalid("too many indices for the tensor's dimensions")
    if len(first) != len(second):
        return dsl.IntTuple.gradual()
    conflicts = dsl.IntTuple((a - b) * (a - 1) * (b - 1) for a, b in zip(first, second))
    if any(dsl.is_concrete_int(n) and n != 0 for n in conflicts):
        return dsl.Invalid("shape mismatch: the indexing tensors cannot be broadcast together")
    both = dsl.IntTuple(b if a == 1 else a for a, b in zip(first, second))
    return dsl.concat(both, dsl.concat(shape[1 : 1 + between], shape[2 + between :]))

@type_shape_dsl_function
def at_list(shape: IntTuple, index: IntTuple) -> IntTuple:
    if len(shape) == 0:
        return dsl.Invalid("too many indices for a tensor without dimensions")
    return dsl.concat(dsl.IntTuple((len(index),)), shape[1:])

@type_shape_dsl_function
def gather(shape: IntTuple, dim: int, index: IntTuple) -> IntTuple:
    if len(shape) == 0 or len(index) == 0:
        return dsl.IntTuple.gradual()
    if dim < 0 - len(shape) or dim >= len(shape):
        return dsl.Invalid("gather: dimension out of range")
    if len(index) != len(shape):
        return dsl.Invalid("gather: the index must have as many dimensions as the input")
    axis = dim % len(shape)
    left = dsl.IntTuple(0 if i == axis else shape[i] - index[i] for i in range(len(shape)))
    if any(dsl.is_concrete_int(n) and n < 0 for n in left):
        return dsl.Invalid("gather: the index is larger than the input in another dimension than dim")
    return index

@type_shape_dsl_function
def scatter(shape: IntTuple, dim: int, index: IntTuple) -> IntTuple:
    if len(shape) == 0 or len(index) == 0:
        return dsl.IntTuple.gradual()
    if dim < 0 - len(shape) or dim >= len(shape):
        return dsl.Invalid("scatter: dimension out of range")
    if len(index) != len(shape):
        return dsl.Invalid("scatter: the index must have as many dimensions as the input")
    axis = dim % len(shape)
    left = dsl.IntTuple(0 if i == axis else shape[i] - index[i] for i in range(len(shape)))
    if any(dsl.is_concrete_int(n) and n < 0 for n in left):
        return dsl.Invalid("scatter: the index is larger than the input in another dimension than dim")
    return shape

@type_shape_dsl_function
def scatter_from(shape: IntTuple, dim: int, index: IntTuple, source: IntTuple) -> IntTuple:
    if len(shape) == 0 or len(index) == 0 or len(source) == 0:
        return dsl.IntTuple.gradual()
    if dim < 0 - len(shape) or dim >= len(shape):
        return dsl.Invalid("scatter: dimension out of range")
    if len(index) != len(shape) or len(source) != len(shape):
        return dsl.Invalid("scatter: index and source must have as many dimensions as the input")
    axis = dim % len(shape)
    left = dsl.IntTuple(0 if i == axis else shape[i] - index[i] for i in range(len(shape)))
    given = dsl.IntTuple(a - b for a, b in zip(source, index))
    if any(dsl.is_concrete_int(n) and n < 0 for n in left):
        return dsl.Invalid("scatter: the index is larger than the input in another dimension than dim")
    if any(dsl.is_concrete_int(n) and n < 0 for n in given):
        return dsl.Invalid("scatter: the index is larger than the source")
    return shape

@type_shape_dsl_function
def index_add(shape: IntTuple, dim: int, index: IntTuple, source: IntTuple) -> IntTuple:
    if len(index) > 1:
        return dsl.Invalid("index_add: the index must be a vector")
    if len(shape) == 0 or len(source) == 0:
        return dsl.IntTuple.gradual()
    if dim < 0 - len(shape) or dim >= len(shape):
        return dsl.Invalid("index_add: dimension out of range")
    if len(shape) != len(source):
        return dsl.Invalid("index_add: the source must have as many dimensions as the input")
    axis = dim % len(shape)
    count = dsl.prod(index)
    differences = dsl.IntTuple(source[i] - count if i == axis else source[i] - shape[i] for i in range(len(shape)))
    if any(dsl.is_concrete_int(n) and n != 0 for n in differences):
        return dsl.Invalid("index_add: the source needs the input's sizes, and one slice for each index")
    return shape

@type_shape_dsl_function
def take_along_dim(shape: IntTuple, indices: IntTuple, dim: int) -> IntTuple:
    if len(shape) == 0:
        return dsl.IntTuple.gradual()
    if dim < 0 - len(shape) or dim >= len(shape):
        return dsl.Invalid("take_along_dim: dimension out of range")
    if len(shape) != len(indices):
        return dsl.Invalid("take_along_dim: input and indices should have the same number of dimensions")
    axis = dim % len(shape)
    conflicts = dsl.IntTuple(
        0 if i == axis else (shape[i] - indices[i]) * (shape[i] - 1) * (indices[i] - 1) for i in range(len(shape))
    )
    if any(dsl.is_concrete_int(n) and n != 0 for n in conflicts):
        return dsl.Invalid("take_along_dim: input and indices do not broadcast outside dim")
    return dsl.IntTuple(
        indices[i] if i == axis else shape[i] if indices[i] == 1 else indices[i] for i in range(len(shape))
    )

@type_shape_dsl_function
def tile(shape: IntTuple, counts: IntTuple) -> IntTuple:
    lead = len(counts) - len(shape)
    if lead >= 0:
        return dsl.IntTuple(counts[i] if i < lead else counts[i] * shape[i - lead] for i in range(len(counts)))
    missing = len(shape) - len(counts)
    return dsl.IntTuple(shape[i] if i < missing else shape[i] * counts[i - missing] for i in range(len(shape)))

@type_shape_dsl_function
def windows(shape: IntTuple, dim: int, size: Int, step: Int) -> IntTuple:
    if len(shape) == 0:
        return dsl.IntTuple.gradual()
    if dim < 0 - len(shape) or dim >= len(shape):
        return dsl.Invalid("unfold: dimension out of range")
    axis = dim % len(shape)
    left = dsl.IntTuple((shape[axis] - size,))
    if any(dsl.is_concrete_int(n) and n < 0 for n in left):
        return dsl.Invalid("unfold: the window is larger than the dimension")
    if dsl.is_concrete_int(step) and step < 1:
        return dsl.Invalid("unfold: the step must be at least 1")
    moved = dsl.IntTuple((shape[i] - size) // step + 1 if i == axis else shape[i] for i in range(len(shape)))
    return dsl.concat(moved, dsl.IntTuple((size,)))

@type_shape_dsl_function
def diagonal(shape: IntTuple, offset: int, dim1: int, dim2: int) -> IntTuple:
    rank = len(shape)
    if dim1 < 0 - rank or dim1 >= rank or dim2 < 0 - rank or dim2 >= rank:
        return dsl.Invalid("diagonal: dimension out of range")
    first = dim1 % rank
    second = dim2 % rank
    if first == second:
        return dsl.Invalid("diagonal: the two dimensions must not be the same")
    rest = dsl.IntTuple(shape[i] for i in range(rank) if i != first and i != second)
    rows = shape[first]
    columns = shape[second]
    if offset != 0 or not dsl.is_concrete_int(rows) or not dsl.is_concrete_int(columns):
        return dsl.concat(rest, dsl.IntTuple((rows if rows == columns and offset == 0 else dsl.Int.gradual(),)))
    gap = dsl.IntTuple((rows - columns,))
    return dsl.concat(rest, dsl.IntTuple(rows if n < 0 else columns for n in gap))

@type_shape_dsl_function
def diag_embed(shape: IntTuple) -> IntTuple:
    if len(shape) == 0:
        return dsl.Invalid("diag_embed: the input must have at least one dimension")
    return dsl.concat(shape, shape[len(shape) - 1 :])

@type_shape_dsl_function
def diag(shape: IntTuple, offset: int) -> IntTuple:
    if len(shape) == 1:
        if offset != 0:
            return dsl.IntTuple((dsl.Int.gradual(), dsl.Int.gradual()))
        return dsl.IntTuple((shape[0], shape[0]))
    if len(shape) != 2:
        return dsl.Invalid("diag: the input must have one or two dimensions")
    if offset != 0:
        return dsl.IntTuple((dsl.Int.gradual(),))
    gap = dsl.IntTuple((shape[0] - shape[1],))
    if any(not dsl.is_concrete_int(n) for n in gap):
        return dsl.IntTuple((dsl.Int.gradual(),))
    return dsl.IntTuple(shape[0] if n < 0 else shape[1] for n in gap)

@type_shape_dsl_function
def at_least(shape: IntTuple, rank: int) -> IntTuple:
    if len(shape) >= rank:
        return shape
    if rank == 1:
        return dsl.IntTuple((1,))
    if rank == 2:
        return dsl.concat(dsl.IntTuple(1 for i in range(2 - len(shape))), shape)
    if len(shape) == 2:
        return dsl.concat(shape, dsl.IntTuple((1,)))
    if len(shape) == 1:
        return dsl.IntTuple((1, shape[0], 1))
    return dsl.IntTuple((1, 1, 1))

@type_shape_dsl_function
def kron(left: IntTuple, right: IntTuple) -> IntTuple:
    if len(left) == len(right):
        return dsl.IntTuple(a * b for a, b in zip(left, right))
    if len(left) < len(right):
        lead = len(right) - len(left)
        return dsl.IntTuple(right[i] if i < lead else right[i] * left[i - lead] for i in range(len(right)))
    more = len(left) - len(right)
    return dsl.IntTuple(left[i] if i < more else left[i] * right[i - more] for i in range(len(left)))

@type_shape_dsl_function
def rot90(shape: IntTuple, k: int, dims: int | tuple[int, ...] | None) -> IntTuple:
    if dims is None:
        return dsl.IntTuple.gradual()
    if dsl.is_int_value(dims):
        return dsl.Invalid("rot90: two dims are needed")
    if len(dims) != 2:
        return dsl.Invalid("rot90: two dims are needed")
    if len(shape) < 2:
        return dsl.Invalid("rot90: the input needs two dimensions or more")
    if any(d < 0 - len(shape) or d >= len(shape) for d in dims):
        return dsl.Invalid("rot90: dimension out of range")
    order = tuple(d % len(shape) for d in dims)
    if any(order.count(d) > 1 for d in order):
        return dsl.Invalid("rot90: the two dims must differ")
    if k % 2 == 0:
        return shape
    both = dsl.sum(dsl.IntTuple(shape[d] for d in order))
    return dsl.IntTuple(both - shape[i] if any(d == i for d in order) else shape[i] for i in range(len(shape)))

@type_shape_dsl_function
def tensor_split(shape: IntTuple, sections: int | tuple[int, ...] | None, dim: int) -> IntTuples:
    if dim < 0 - len(shape) or dim >= len(shape):
        return dsl.Invalid("tensor_split: dimension out of range")
    axis = dim % len(shape)
    size = shape[axis]
    if sections is None or not dsl.is_concrete_int(size):
        return dsl.IntTuples.gradual()
    if dsl.is_int_value(sections):
        if sections < 1:
            return dsl.Invalid("tensor_split: the number of sections must be larger than 0")
        rests = dsl.IntTuple(size + (sections - 1) - i for i in range(sections))
        parts = dsl.IntTuple(n // sections for n in rests)
        return dsl.IntTuples(dsl.IntTuple(n if i == axis else shape[i] for i in range(len(shape))) for n in parts)
    cuts = dsl.IntTuple(n + 0 for n in sections)
    starts = dsl.concat(dsl.IntTuple((0,)), cuts)
    ends = dsl.concat(cuts, dsl.IntTuple((size,)))
    pieces = dsl.IntTuple(b - a for a, b in zip(starts, ends))
    if any(n < 0 for n in sections) or any(dsl.is_concrete_int(n) and n < 0 for n in pieces):
        return dsl.IntTuples.gradual()
    return dsl.IntTuples(dsl.IntTuple(n if i == axis else shape[i] for i in range(len(shape))) for n in pieces)

@type_shape_dsl_function
def in_depth(shapes: IntTuples) -> IntTuple:
    first = shapes[0]
    depth = 2
    if len(first) < 2:
        return dsl.IntTuple.gradual()
    if len(shapes) > 1:
        second = shapes[1]
        if len(second) != len(first):
            return dsl.IntTuple.gradual()
    if len(first) == 2:
        return stack(shapes, depth)
    return cat(shapes, depth)

@type_shape_dsl_function
def as_columns(shapes: IntTuples) -> IntTuple:
    first = shapes[0]
    if len(first) < 1 or len(first) > 2:
        return dsl.IntTuple.gradual()
    if len(shapes) > 1:
        second = shapes[1]
        if len(second) < 1 or len(second) > 2:
            return dsl.IntTuple.gradual()
    rows = dsl.IntTuple(s[0] - first[0] for s in shapes)
    if any(dsl.is_concrete_int(n) and n != 0 for n in rows):
        return dsl.Invalid("column_stack: the tensors must have as many rows")
    columns = dsl.sum(dsl.IntTuple(dsl.prod(s[1:]) for s in shapes))
    return dsl.IntTuple((first[0], columns))

@type_shape_dsl_function
def block_diagonal(shapes: IntTuples) -> IntTuple:
    first = shapes[0]
    if len(first) > 2:
        return dsl.Invalid("block_diag: the tensors must have 2 or fewer dimensions")
    if len(first) < 2:
        return dsl.IntTuple.gradual()
    rows = dsl.sum(dsl.IntTuple(s[0] for s in shapes))
    columns = dsl.sum(dsl.IntTuple(s[1] for s in shapes))
    if len(shapes) > 1:
        second = shapes[1]
        if len(second) != 2:
            return dsl.IntTuple.gradual()
    return dsl.IntTuple((rows, columns))

@type_shape_dsl_function
def cartesian_product(shapes: IntTuples) -> IntTuple:
    first = shapes[0]
    if len(first) != 1:
        return dsl.Invalid("cartesian_prod: expected vectors")
    if len(shapes) == 1:
        return first
    total = dsl.prod(dsl.IntTuple(s[0] for s in shapes))
    count = dsl.sum(dsl.IntTuple(1 for s in shapes))
    second = shapes[1]
    if len(second) != 1:
        return dsl.Invalid("cartesian_prod: expected vectors")
    return dsl.IntTuple((total, count))

@type_shape_dsl_function
def grid(shapes: IntTuples, indexing: str) -> IntTuples:
    sizes = dsl.IntTuple(dsl.prod(s) for s in shapes)
    if indexing == "ij":
        return dsl.IntTuples(dsl.IntTuple(m for m in sizes) for n in sizes)
    if indexing != "xy":
        return dsl.Invalid("meshgrid: indexing must be 'ij' or 'xy'")
    if len(sizes) < 2:
        return dsl.IntTuples(dsl.IntTuple(m for m in sizes) for n in sizes)
    swapped = dsl.IntTuple(
        sizes[1] if i == 0 else sizes[0] if i == 1 else sizes[i] for i in range(len(sizes))
    )
    return dsl.IntTuples(dsl.IntTuple(m for m in swapped) for n in sizes)

@type_shape_dsl_function
def diff(shape: IntTuple, n: int, dim: int) -> IntTuple:
    if len(shape) == 0:
        return dsl.Invalid("diff expects input to be at least one-dimensional")
    if n == 0:
        return shape
    if dim < 0 - len(shape) or dim >= len(shape):
        return dsl.Invalid("diff: dimension out of range")
    axis = dim % len(shape)
    rests = dsl.IntTuple(shape[i] - n if i == axis else shape[i] for i in range(len(shape)))
    return dsl.IntTuple(0 if dsl.is_concrete_int(m) and m < 0 else m for m in rests)

@type_shape_dsl_function
def tensordot(left: IntTuple, right: IntTuple, count: int) -> IntTuple:
    if count < 0 or count > len(left) or count > len(right):
        return dsl.Invalid("tensordot: more dimensions are to be summed over than there are")
    lead = len(left) - count
    differences = dsl.IntTuple(
        (left[lead + i] - right[i]) * (left[lead + i] - 1) * (right[i] - 1) for i in range(count)
    )
    if any(dsl.is_concrete_int(n) and n != 0 for n in differences):
        return dsl.Invalid("tensordot: the dimensions that are summed over do not have the same sizes")
    return dsl.concat(left[:lead], right[count:])

@type_shape_dsl_function
def cross_distances(left: IntTuple, right: IntTuple) -> IntTuple:
    if len(left) < 2 or len(right) < 2:
        return dsl.Invalid("cdist: both arguments must be [..., points, features]")
    shapes = dsl.IntTuples((left, right))
    spec = "(p,features),(r,features)->(p,r)"
    return gufunc_broadcast(spec, shapes)

@type_shape_dsl_function
def unfolded(shape: IntTuple, kernel: IntTuple, dilation: IntTuple, total: IntTuple, stride: IntTuple) -> IntTuple:
    lead = len(shape) - 3
    if lead != 0 and lead != 1:
        return dsl.Invalid("unfold: the input must be [N, C, H, W] or [C, H, W]")
    counts = dsl.IntTuple(
        (shape[lead + 1 + i] + total[i] - dilation[i] * (kernel[i] - 1) - 1) // stride[i] + 1 for i in range(2)
    )
    if any(dsl.is_concrete_int(n) and n < 1 for n in counts):
        return dsl.Invalid("unfold: the window is larger than the padded input")
    return dsl.concat(shape[:lead], dsl.IntTuple((shape[lead] * dsl.prod(kernel), dsl.prod(counts))))

@type_shape_dsl_function
def folded(
    shape: IntTuple, sizes: IntTuple, kernel: IntTuple, dilation: IntTuple, total: IntTuple, stride: IntTuple
) -> IntTuple:
    lead = len(shape) - 2
    if lead != 0 and lead != 1:
        return dsl.Invalid("fold: the input must be [N, C * kernel, L] or [C * kernel, L]")
    counts = dsl.IntTuple((sizes[i] + total[i] - dilation[i] * (kernel[i] - 1) - 1) // stride[i] + 1 for i in range(2))
    left = dsl.IntTuple((shape[lead + 1] - dsl.prod(counts),))
    if any(dsl.is_concrete_int(n) and n != 0 for n in left):
        return dsl.Invalid("fold: the number of blocks is not that of the output size")
    rows = shape[lead]
    block = dsl.prod(kernel)
    if dsl.is_concrete_int(rows) and dsl.is_concrete_int(block) and rows % block != 0:
        return dsl.Invalid("fold: the channels are not divisible by the window's elements")
    return dsl.concat(shape[:lead], dsl.concat(dsl.IntTuple((rows // block,)), sizes))

@type_shape_dsl_function
def grid_sample(input: IntTuple, grid: IntTuple) -> IntTuple:
    if len(input) != 4 and len(input) != 5:
        return dsl.Invalid("grid_sample: the input must be [N, C, H, W] or [N, C, D, H, W]")
    if len(grid) != len(input):
        return dsl.Invalid("grid_sample: the grid must have as many dimensions as the input")
    gaps = dsl.IntTuple((input[0] - grid[0], grid[len(grid) - 1] - (len(input) - 2)))
    if any(dsl.is_concrete_int(n) and n != 0 for n in gaps):
        return dsl.Invalid("grid_sample: the grid must be [N, *sizes, coordinates] with the input's N")
    return dsl.concat(input[:2], grid[1:-1])

@type_shape_dsl_function
def affine_grid(theta: IntTuple, sizes: IntTuple) -> IntTuple:
    if len(sizes) != 4 and len(sizes) != 5:
        return dsl.Invalid("affine_grid: the size must be (N, C, H, W) or (N, C, D, H, W)")
    if len(theta) != 3:
        return dsl.Invalid("affine_grid: theta must be [N, 2, 3], or [N, 3, 4]")
    gaps = dsl.IntTuple((theta[1] - (len(sizes) - 2), theta[2] - (len(sizes) - 1)))
    if any(dsl.is_concrete_int(n) and n != 0 for n in gaps):
        return dsl.Invalid("affine_grid: theta must be [N, 2, 3] for images, [N, 3, 4] for volumes")
    return dsl.concat(sizes[:1], dsl.concat(sizes[2:], dsl.IntTuple((len(sizes) - 2,))))

@type_shape_dsl_function
def bag(indices: IntTuple, weight: IntTuple) -> IntTuple:
    if len(weight) != 2:
        return dsl.Invalid("embedding_bag: the weight must be [num_embeddings, embedding_dim]")
    if len(indices) != 2:
        return dsl.IntTuple.gradual()
    return dsl.concat(indices[:1], weight[1:])

@type_shape_dsl_function
def bilinear(left: IntTuple, right: IntTuple, weight: IntTuple) -> IntTuple:
    if len(left) == 0 or len(left) != len(right) or len(weight) != 3:
        return dsl.Invalid("bilinear: the inputs must have the same number of dimensions")
    last = len(left) - 1
    before = left[:last]
    beside = right[:last]
    gaps = dsl.concat(
        dsl.IntTuple(a - b for a, b in zip(before, beside)),
        dsl.IntTuple((left[last] - weight[1], right[last] - weight[2])),
    )
    if any(dsl.is_concrete_int(n) and n != 0 for n in gaps):
        return dsl.Invalid("bilinear: the inputs' features are not those of the layer, or their other sizes differ")
    return dsl.concat(left[:last], weight[:1])

@type_shape_dsl_function
def with_bias(result: IntTuple, weight: IntTuple, bias: IntTuple, from_end: int) -> IntTuple:
    if len(bias) == 0 and from_end == 0:
        return result
    if len(bias) != 1:
        return dsl.Invalid("the bias must be a vector")
    gap = dsl.IntTuple((bias[0] - weight[0],))
    if any(dsl.is_concrete_int(n) and n != 0 for n in gap):
        return dsl.Invalid("the bias must have one element for each output channel")
    return result

@type_shape_dsl_function
def channel_vector(shape: IntTuple, vector: IntTuple) -> IntTuple:
    if len(shape) < 2 or len(vector) != 1:
        return dsl.Invalid("the input must be [N, C, ...] and the other a vector of C elements")
    gap = dsl.IntTuple((shape[1] - vector[0],))
    if any(dsl.is_concrete_int(n) and n != 0 for n in gap):
        return dsl.Invalid("a vector of one element for each of the input's channels is needed")
    return shape

@type_shape_dsl_function
def grouped(shape: IntTuple, groups: int) -> IntTuple:
    if len(shape) < 2:
        return dsl.Invalid("group norm: the input must be [N, C, ...]")
    size = shape[1]
    if dsl.is_concrete_int(size) and size % groups != 0:
        return dsl.Invalid("group norm: the channels are not divisible by the number of groups")
    alone = dsl.IntTuple((size - groups,))
    if any(dsl.is_concrete_int(n) and n == 0 for n in alone):
        values = dsl.IntTuple((dsl.prod(shape) - groups,))
        if any(dsl.is_concrete_int(n) and n == 0 for n in values):
            return dsl.Invalid("group norm: more than one value per group is needed")
    return shape

@type_shape_dsl_function
def state(shape: IntTuple, given: IntTuple, expected: IntTuple) -> IntTuple:
    if len(given) != len(expected):
        return dsl.Invalid("the state has not the number of dimensions that the input asks for")
    gaps = dsl.IntTuple(a - b for a, b in zip(given, expected))
    if any(dsl.is_concrete_int(n) and n != 0 for n in gaps):
        return dsl.Invalid("the state's shape is not the one that the layer and the input ask for")
    return shape

@type_shape_dsl_function
def cell(shape: IntTuple, input_size: Int, hidden_size: Int) -> IntTuple:
    if len(shape) != 1 and len(shape) != 2:
        return dsl.Invalid("a recurrent cell's input must be [batch, features] or [features]")
    size = shape[len(shape) - 1]
    if dsl.is_concrete_int(size) and dsl.is_concrete_int(input_size) and size != input_size:
        return dsl.Invalid("the input's features are not those of the layer")
    return dsl.concat(shape[:-1], dsl.IntTuple((hidden_size,)))

@type_shape_dsl_function
def reduced_svd(shape: IntTuple, part: int) -> IntTuple:
    if len(shape) < 2:
        return dsl.Invalid("a matrix, or a batch of them, is needed")
    rows = shape[len(shape) - 2]
    columns = shape[len(shape) - 1]
    gap = dsl.IntTuple((rows - columns,))
    if any(not dsl.is_concrete_int(n) for n in gap):
        return dsl.IntTuple.gradual()
    small = dsl.IntTuple(rows if n < 0 else columns for n in gap)
    if part == 0:
        return dsl.concat(shape[:-1], small)
    if part == 1:
        return dsl.concat(shape[:-2], small)
    return dsl.concat(shape[:-2], dsl.concat(small, shape[-1:]))

@type_shape_dsl_function
def full_svd(shape: IntTuple, part: int) -> IntTuple:
    if len(shape) < 2:
        return dsl.Invalid("a matrix, or a batch of them, is needed")
    if part == 0:
        return dsl.concat(shape[:-1], shape[-2:-1])
    return dsl.concat(shape[:-2], dsl.concat(shape[-1:], shape[-1:]))

@type_shape_dsl_function
def solved(matrices: IntTuple, right: IntTuple) -> IntTuple:
    if len(matrices) < 2:
        return dsl.Invalid("solve: a matrix, or a batch of them, is needed")
    rows = matrices[len(matrices) - 2]
    columns = matrices[len(matrices) - 1]
    if dsl.is_concrete_int(rows) and dsl.is_concrete_int(columns) and rows != columns:
        return dsl.Invalid("solve: the matrices must be square")
    shapes = dsl.IntTuples((matrices, right))
    if len(right) == 1:
        column = "(m,m),(m)->(m)"
        return gufunc_broadcast(column, shapes)
    if len(right) != len(matrices):
        return dsl.IntTuple.gradual()
    spec = "(m,m),(m,n)->(m,n)"
    return gufunc_broadcast(spec, shapes)

@type_shape_dsl_function
def half_spectrum(shape: IntTuple, dim: int) -> IntTuple:
    if dim < 0 - len(shape) or dim >= len(shape):
        return dsl.Invalid("rfft: dimension out of range")
    axis = dim % len(shape)
    return dsl.IntTuple(shape[i] // 2 + 1 if i == axis else shape[i] for i in range(len(shape)))

@type_shape_dsl_function
def whole_signal(shape: IntTuple, dim: int) -> IntTuple:
    if dim < 0 - len(shape) or dim >= len(shape):
        return dsl.Invalid("irfft: dimension out of range")
    axis = dim % len(shape)
    out = dsl.IntTuple(2 * (shape[i] - 1) if i == axis else shape[i] for i in range(len(shape)))
    if any(dsl.is_concrete_int(n) and n < 1 for n in out):
        return dsl.Invalid("irfft: the output would be empty")
    return out

@type_shape_dsl_function
def tensordot_over(left: IntTuple, right: IntTuple, dims: IntTuple, others: IntTuple) -> IntTuple:
    if len(dims) != len(others):
        return dsl.Invalid("tensordot: both lists of dims must have the same length")
    if len(dims) > 2:
        return dsl.IntTuple.gradual()
    if len(dims) > 0:
        a0 = dims[0]
        b0 = others[0]
        n0 = dsl.IntTuple(left[i] for i in range(len(left)) if a0 == i or a0 + len(left) == i)
        m0 = dsl.IntTuple(right[i] for i in range(len(right)) if b0 == i or b0 + len(right) == i)
        if len(n0) != 1 or len(m0) != 1:
            return dsl.Invalid("tensordot: dimension out of range")
        gaps0 = dsl.IntTuple((a - b) * (a - 1) * (b - 1) for a, b in zip(n0, m0))
        if any(dsl.is_concrete_int(n) and n != 0 for n in gaps0):
            return dsl.Invalid("tensordot: the dimensions that are summed over do not have the same sizes")
    if len(dims) > 1:
        a1 = dims[1]
        b1 = others[1]
        n1 = dsl.IntTuple(left[i] for i in range(len(left)) if a1 == i or a1 + len(left) == i)
        m1 = dsl.IntTuple(right[i] for i in range(len(right)) if b1 == i or b1 + len(right) == i)
        if len(n1) != 1 or len(m1) != 1:
            return dsl.Invalid("tensordot: dimension out of range")
        gaps1 = dsl.IntTuple((a - b) * (a - 1) * (b - 1) for a, b in zip(n1, m1))
        if any(dsl.is_concrete_int(n) and n != 0 for n in gaps1):
            return dsl.Invalid("tensordot: the dimensions that are summed over do not have the same sizes")
    kept = dsl.IntTuple(left[i] for i in range(len(left)) if not any(d == i or d + len(left) == i for d in dims))
    rest = dsl.IntTuple(right[i] for i in range(len(right)) if not any(d == i or d + len(right) == i for d in others))
    return dsl.concat(kept, rest)

@type_shape_dsl_function
def multi_dot(shapes: IntTuples) -> IntTuple:
    if len(shapes) < 2:
        return dsl.Invalid("multi_dot: expected at least 2 tensors")
    first = shapes[0]
    last = shapes[-1]
    if len(first) != 2 or len(last) != 2:
        return dsl.IntTuple.gradual()
    rows = dsl.IntTuple(s[0] for s in shapes)
    columns = dsl.IntTuple(s[1] for s in shapes)
    inner = columns[:-1]
    outer = rows[1:]
    gaps = dsl.IntTuple(a - b for a, b in zip(inner, outer))
    if any(dsl.is_concrete_int(n) and n != 0 for n in gaps):
        return dsl.Invalid("multi_dot: neighbours cannot be multiplied")
    return dsl.IntTuple((first[0], last[1]))

@type_shape_dsl_function
def unpool(
    input: IntTuple, indices: IntTuple, kernel: IntTuple, stride: IntTuple, padding: IntTuple, spatial: int
) -> IntTuple:
    lead = len(input) - spatial
    if lead != 1 and lead != 2:
        return dsl.Invalid("max_unpool: the input must be [N, C, *sizes] or [C, *sizes]")
    if len(indices) != len(input):
        return dsl.Invalid("max_unpool: the indices must have the input's shape")
    gaps = dsl.IntTuple(a - b for a, b in zip(input, indices))
    if any(dsl.is_concrete_int(n) and n != 0 for n in gaps):
        return dsl.Invalid("max_unpool: the indices must have the input's shape")
    return dsl.concat(
        input[:lead],
        dsl.IntTuple((input[lead + i] - 1) * stride[i] + kernel[i] - 2 * padding[i] for i in range(spatial)),
    )

@type_shape_dsl_function
def side_by_side(shapes: IntTuples) -> IntTuple:
    first = shapes[0]
    if len(first) == 0:
        return dsl.IntTuple.gradual()
    if len(shapes) > 1:
        second = shapes[1]
        if len(second) != len(first):
            return dsl.IntTuple.gradual()
    rows = 0
    columns = 1
    if len(first) == 1:
        return cat(shapes, rows)
    return cat(shapes, columns)

@type_shape_dsl_function
def on_top(shapes: IntTuples) -> IntTuple:
    first = shapes[0]
    if len(first) == 0:
        return dsl.IntTuple.gradual()
    if len(shapes) > 1:
        second = shapes[1]
        if len(second) != len(first):
            return dsl.IntTuple.gradual()
    rows = 0
    if len(first) == 1:
        return stack(shapes, rows)
    return cat(shapes, rows)

@type_shape_dsl_function
def broadcast_all(shapes: IntTuples) -> IntTuples:
    first = shapes[0]
    if len(shapes) == 1:
        return dsl.IntTuples(dsl.IntTuple(n for n in first) for s in shapes)
    second = shapes[1]
    if len(shapes) != 2 or len(first) == 0 or len(second) == 0:
        return dsl.IntTuples.gradual()
    if len(first) != len(second):
        return dsl.IntTuples.gradual()
    conflicts = dsl.IntTuple((a - b) * (a - 1) * (b - 1) for a, b in zip(first, second))
    if any(dsl.is_concrete_int(n) and n != 0 for n in conflicts):
        return dsl.Invalid("the tensors cannot be broadcast together")
    both = dsl.IntTuple(b if a == 1 else a for a, b in zip(first, second))
    return dsl.IntTuples(dsl.IntTuple(n for n in both) for s in shapes)

@type_shape_dsl_function
def stepped(start: Int, end: Int, step: Int) -> IntTuple:
    if dsl.is_concrete_int(step) and not (step < 1):
        count = dsl.IntTuple(((end - start + step - 1) // step,))
        gap = dsl.IntTuple((end - start,))
        if any(dsl.is_concrete_int(n) and n < 0 for n in gap):
            return dsl.Invalid("arange: the end is before the start")
        return count
    return dsl.IntTuple((dsl.Int.gradual(),))

@type_shape_dsl_function
def drawn(shape: IntTuple, count: Int) -> IntTuple:
    if len(shape) != 1 and len(shape) != 2:
        return dsl.Invalid("multinomial: the probabilities must be a vector or a matrix")
    return dsl.concat(shape[:-1], dsl.IntTuple((count,)))

@type_shape_dsl_function
def cross_correlated(shape: IntTuple) -> IntTuple:
    if len(shape) == 0 or len(shape) == 1:
        return dsl.IntTuple(())
    if len(shape) != 2:
        return dsl.Invalid("cov: the input must have at most two dimensions")
    return dsl.IntTuple((shape[0], shape[0]))

@type_shape_dsl_function
def triple_loss(first: IntTuple, second: IntTuple, third: IntTuple, reduction: str) -> IntTuple:
    if len(first) != len(second) or len(first) != len(third):
        return dsl.Invalid("the anchor, positive and negative must have the same number of dimensions")
    conflicts = dsl.concat(
        dsl.IntTuple((a - b) * (a - 1) * (b - 1) for a, b in zip(first, second)),
        dsl.IntTuple((a - b) * (a - 1) * (b - 1) for a, b in zip(first, third)),
    )
    if any(dsl.is_concrete_int(n) and n != 0 for n in conflicts):
        return dsl.Invalid("the anchor, positive and negative cannot be broadcast together")
    if reduction != "none" and reduction != "mean" and reduction != "sum":
        return dsl.Invalid("reduction must be 'none', 'mean' or 'sum'")
    if reduction == "none":
        return dsl.IntTuple.gradual()
    return dsl.IntTuple(())

@type_shape_dsl_function
def ranking_loss(first: IntTuple, second: IntTuple, target: IntTuple, reduction: str) -> IntTuple:
    if len(first) != len(second) or len(first) != len(target):
        return dsl.Invalid("margin_ranking_loss: the three tensors must have the same number of dimensions")
    conflicts = dsl.concat(
        dsl.IntTuple((a - b) * (a - 1) * (b - 1) for a, b in zip(first, second)),
        dsl.IntTuple((a - b) * (a - 1) * (b - 1) for a, b in zip(first, target)),
    )
    if any(dsl.is_concrete_int(n) and n != 0 for n in conflicts):
        return dsl.Invalid("margin_ranking_loss: the three tensors cannot be broadcast together")
    if reduction != "none" and reduction != "mean" and reduction != "sum":
        return dsl.Invalid("reduction must be 'none', 'mean' or 'sum'")
    if reduction == "none":
        return dsl.IntTuple.gradual()
    return dsl.IntTuple(())

@type_shape_dsl_function
def cosine_loss(first: IntTuple, second: IntTuple, target: IntTuple, reduction: str) -> IntTuple:
    if len(target) > 1 or len(first) != len(target) + 1 or len(second) != len(target) + 1:
        return dsl.Invalid("cosine_embedding_loss: inputs [N, D] with a target [N], or [D] with a scalar, are needed")
    conflicts = dsl.IntTuple((a - b) * (a - 1) * (b - 1) for a, b in zip(first, second))
    if any(dsl.is_concrete_int(n) and n != 0 for n in conflicts):
        return dsl.Invalid("cosine_embedding_loss: the inputs cannot be broadcast together")
    if reduction != "none" and reduction != "mean" and reduction != "sum":
        return dsl.Invalid("reduction must be 'none', 'mean' or 'sum'")
    if reduction == "none":
        return dsl.IntTuple.gradual()
    return dsl.IntTuple(())

@type_shape_dsl_function
def scalar_loss(reduction: str) -> IntTuple:
    if reduction == "none":
        return dsl.IntTuple.gradual()
    return dsl.IntTuple(())

@type_shape_dsl_function
def movedims(shape: IntTuple, source: int | tuple[int, ...] | None, destination: int | tuple[int, ...] | None) -> IntTuple:
    rank = len(shape)
    if source is None or destination is None:
        return dsl.IntTuple.gradual()
    if dsl.is_int_value(source) or dsl.is_int_value(destination):
        return dsl.IntTuple.gradual()
    if len(source) != len(destination):
        return dsl.Invalid("movedim: as many destinations as sources are needed")
    if any(d < 0 - rank or d >= rank for d in source) or any(d < 0 - rank or d >= rank for d in destination):
        return dsl.Invalid("movedim: dimension out of range")
    return dsl.IntTuple(dsl.Int.gradual() for n in shape)

@type_shape_dsl_function
def outer(left: IntTuple, right: IntTuple) -> IntTuple:
    if len(left) != 1 or len(right) != 1:
        return dsl.Invalid("outer: both arguments must be vectors")
    return dsl.concat(left, right)

@type_shape_dsl_function
def index_select(shape: IntTuple, dim: int, index: IntTuple) -> IntTuple:
    if len(index) > 1:
        return dsl.Invalid("index_select: the index must be a vector")
    if len(shape) == 0:
        return dsl.IntTuple.gradual()
    if dim < 0 - len(shape) or dim >= len(shape):
        return dsl.Invalid("index_select: dimension out of range")
    axis = dim % len(shape)
    count = dsl.prod(index)
    return dsl.concat(shape[:axis], dsl.concat(dsl.IntTuple((count,)), shape[axis + 1 :]))

@type_shape_dsl_function
def repeat_interleave(shape: IntTuple, repeats: Int, dim: int) -> IntTuple:
    if len(shape) == 0:
        return dsl.IntTuple.gradual()
    if dim < 0 - len(shape) or dim >= len(shape):
        return dsl.Invalid("repeat_interleave: dimension out of range")
    axis = dim % len(shape)
    return dsl.IntTuple(shape[i] * repeats if i == axis else shape[i] for i in range(len(shape)))

@type_shape_dsl_function
def glu(shape: IntTuple, dim: int) -> IntTuple:
    if dim < 0 - len(shape) or dim >= len(shape):
        return dsl.Invalid("glu: dimension out of range")
    axis = dim % len(shape)
    size = shape[axis]
    if dsl.is_concrete_int(size) and size % 2 != 0:
        return dsl.Invalid("glu: the size to be halved must be even")
    return dsl.IntTuple(shape[i] // 2 if i == axis else shape[i] for i in range(len(shape)))

@type_shape_dsl_function
def pixel_unshuffle(shape: IntTuple, factor: int) -> IntTuple:
    if len(shape) < 3:
        return dsl.Invalid("pixel_unshuffle expects input to have at least 3 dimensions")
    height = shape[len(shape) - 2]
    width = shape[len(shape) - 1]
    if dsl.is_concrete_int(height) and height % factor != 0:
        return dsl.Invalid("pixel_unshuffle: the height is not divisible by the factor")
    if dsl.is_concrete_int(width) and width % factor != 0:
        return dsl.Invalid("pixel_unshuffle: the width is not divisible by the factor")
    return dsl.concat(
        shape[:-3],
        dsl.IntTuple((shape[len(shape) - 3] * (factor * factor), height // factor, width // factor)),
    )

@type_shape_dsl_function
def pad_module(shape: IntTuple, amounts: int | tuple[int, ...] | None, spatial: int) -> IntTuple:
    if amounts is None:
        return dsl.IntTuple.gradual()
    if len(shape) < spatial:
        return dsl.Invalid("padding: the input has too few dimensions")
    lead = len(shape) - spatial
    if dsl.is_int_value(amounts):
        out = dsl.IntTuple(shape[i] if i < lead else shape[i] + 2 * amounts for i in range(len(shape)))
    else:
        if len(amounts) == 1:
            return dsl.IntTuple.gradual()
        given = dsl.IntTuple(n + 0 for n in amounts)
        if len(given) != 2 * spatial:
            return dsl.Invalid("padding: one amount is needed, or two for each spatial dimension")
        out = dsl.concat(
            shape[:lead],
            dsl.IntTuple(
                shape[i] + given[2 * (len(shape) - 1 - i)] + given[2 * (len(shape) - 1 - i) + 1]
                for i in range(len(shape))
                if i >= lead
            ),
        )
    if any(dsl.is_concrete_int(n) and n < 0 for n in out):
        return dsl.Invalid("padding: the negative padding is larger than the input")
    return out

@type_shape_dsl_function
def square(shape: IntTuple) -> IntTuple:
    if len(shape) < 2:
        return dsl.Invalid("a matrix, or a batch of them, is needed")
    rows = shape[len(shape) - 2]
    columns = shape[len(shape) - 1]
    if dsl.is_concrete_int(rows) and dsl.is_concrete_int(columns) and rows != columns:
        return dsl.Invalid("the matrices must be square")
    return shape

@type_shape_dsl_function
def determinant(shape: IntTuple) -> IntTuple:
    if len(shape) < 2:
        return dsl.Invalid("a matrix, or a batch of them, is needed")
    rows = shape[len(shape) - 2]
    columns = shape[len(shape) - 1]
    if dsl.is_concrete_int(rows) and dsl.is_concrete_int(columns) and rows != columns:
        return dsl.Invalid("the matrices must be square")
    return shape[:-2]

@type_shape_dsl_function
def features(shape: IntTuple, expected: Int) -> IntTuple:
    if len(shape) == 0:
        return dsl.Invalid("the input must have at least one dimension")
    size = shape[len(shape) - 1]
    if dsl.is_concrete_int(size) and dsl.is_concrete_int(expected) and size != expected:
        return dsl.Invalid("the input's features are not those of the layer")
    return shape

@type_shape_dsl_function
def rnn_output(shape: IntTuple, input_size: Int, hidden_size: Int, bidirectional: bool) -> IntTuple:
    if len(shape) != 2 and len(shape) != 3:
        return dsl.Invalid("a recurrent layer's input must be [time, batch, features] or [time, features]")
    size = shape[len(shape) - 1]
    if dsl.is_concrete_int(size) and dsl.is_concrete_int(input_size) and size != input_size:
        return dsl.Invalid("the input's features are not those of the layer")
    if bidirectional:
        return dsl.concat(shape[:-1], dsl.IntTuple((2 * hidden_size,)))
    return dsl.concat(shape[:-1], dsl.IntTuple((hidden_size,)))

@type_shape_dsl_function
def rnn_state(shape: IntTuple, hidden_size: Int, num_layers: int, bidirectional: bool, batch_first: bool) -> IntTuple:
    if len(shape) != 2 and len(shape) != 3:
        return dsl.Invalid("a recurrent layer's input must be [time, batch, features] or [time, features]")
    batch = shape[0:0] if len(shape) == 2 else shape[0:1] if batch_first else shape[1:2]
    if bidirectional:
        return dsl.concat(dsl.IntTuple((2 * num_layers,)), dsl.concat(batch, dsl.IntTuple((hidden_size,))))
    return dsl.concat(dsl.IntTuple((num_layers + 0,)), dsl.concat(batch, dsl.IntTuple((hidden_size,))))

@type_shape_dsl_function
def divergence(input: IntTuple, target: IntTuple, reduction: str) -> IntTuple:
    if reduction == "none":
        spec = "(),()->()"
        shapes = dsl.IntTuples((input, target))
        return gufunc_broadcast(spec, shapes)
    if reduction != "mean" and reduction != "sum" and reduction != "batchmean":
        return dsl.Invalid("reduction must be 'none', 'mean', 'sum' or 'batchmean'")
    if len(input) != len(target):
        return dsl.IntTuple.gradual()
    conflicts = dsl.IntTuple((a - b) * (a - 1) * (b - 1) for a, b in zip(input, target))
    if any(dsl.is_concrete_int(n) and n != 0 for n in conflicts):
        return dsl.Invalid("kl_div: input and target cannot be broadcast together")
    return dsl.IntTuple(())

@type_shape_dsl_function
def joined(left: IntTuple, right: IntTuple) -> IntTuple:
    return dsl.concat(left, right)

@type_shape_dsl_function
def spectrum(shape: IntTuple) -> IntTuple:
    if len(shape) < 2:
        return dsl.Invalid("a matrix, or a batch of them, is needed")
    rows = shape[len(shape) - 2]
    columns = shape[len(shape) - 1]
    if dsl.is_concrete_int(rows) and dsl.is_concrete_int(columns) and rows != columns:
        return dsl.Invalid("the matrices must be square")
    return shape[:-1]

@type_shape_dsl_function
def triple(first: Int, second: Int, third: Int) -> IntTuple:
    return dsl.IntTuple((first, second, third))

@type_shape_dsl_function
def trailing(sizes: int | tuple[int, ...] | None) -> IntTuple:
    if sizes is None:
        return dsl.IntTuple.gradual()
    if dsl.is_int_value(sizes):
        return dsl.IntTuple((sizes + 0,))
    return dsl.IntTuple(n + 0 for n in sizes)

@type_shape_dsl_function
def upsampled(shape: IntTuple, size: int | tuple[int, ...] | None, factor: int | tuple[int, ...] | None) -> IntTuple:
    if len(shape) < 3:
        return dsl.Invalid("interpolate: the input must be [N, C, *sizes]")
    if size is None:
        if factor is None:
            return dsl.IntTuple.gradual()
        if dsl.is_int_value(factor):
            return dsl.IntTuple(shape[i] if i < 2 else shape[i] * factor for i in range(len(shape)))
        return dsl.IntTuple.gradual()
    if factor is not None:
        return dsl.Invalid("only one of size or scale_factor should be defined")
    return resized(shape, size)

# A module's code is its kind and what its shape depends on, as one tuple. `Sequential` has those of its layers, each filled up
# to `SLOT` = 20 numbers, and runs through them with `layer(shape, slot(codes, position))`. The number of spatial dimensions is
# part of the kind, because a filled code has lost its length: 31 is a convolution in one dimension, 32 in two.

@type_shape_dsl_function
def slot(codes: IntTuple, position: int) -> IntTuple:
    if len(codes) <= 20 * position:
        return dsl.IntTuple((0,))
    if len(codes) > 20 * 16:
        return dsl.IntTuple.gradual()
    return codes[20 * position : 20 * position + 20]

@type_shape_dsl_function
def conv_code(
    in_channels: Int,
    out_channels: Int,
    kernel: IntTuple,
    stride: IntTuple,
    total: IntTuple,
    dilation: IntTuple,
    groups: int,
) -> IntTuple:
    return dsl.concat(
        dsl.IntTuple((30 + len(kernel), in_channels, out_channels)),
        dsl.concat(kernel, dsl.concat(stride, dsl.concat(total, dsl.concat(dilation, dsl.IntTuple((groups + 0,)))))),
    )

@type_shape_dsl_function
def conv_transpose_code(
    in_channels: Int,
    out_channels: Int,
    kernel: IntTuple,
    stride: IntTuple,
    total: IntTuple,
    output_padding: IntTuple,
    dilation: IntTuple,
    groups: int,
) -> IntTuple:
    sizes = dsl.concat(kernel, dsl.concat(stride, dsl.concat(total, dsl.concat(output_padding, dilation))))
    return dsl.concat(
        dsl.IntTuple((40 + len(kernel), in_channels, out_channels)), dsl.concat(sizes, dsl.IntTuple((groups + 0,)))
    )

@type_shape_dsl_function
def pool_code(kernel: IntTuple, stride: IntTuple, total: IntTuple, dilation: IntTuple, ceil_mode: bool) -> IntTuple:
    if ceil_mode:
        return dsl.concat(dsl.IntTuple((60 + len(kernel),)), dsl.concat(kernel, dsl.concat(stride, dsl.concat(total, dilation))))
    return dsl.concat(dsl.IntTuple((50 + len(kernel),)), dsl.concat(kernel, dsl.concat(stride, dsl.concat(total, dilation))))

@type_shape_dsl_function
def adaptive_code(sizes: IntTuple) -> IntTuple:
    return dsl.concat(dsl.IntTuple((90 + len(sizes),)), sizes)

@type_shape_dsl_function
def flatten_code(start_dim: int, end_dim: int) -> IntTuple:
    return dsl.IntTuple((2, start_dim + 0, end_dim + 0))

@type_shape_dsl_function
def normalized_code(sizes: IntTuple) -> IntTuple:
    return dsl.concat(dsl.IntTuple((80 + len(sizes),)), sizes)

@type_shape_dsl_function
def unflatten_code(dim: int, sizes: IntTuple) -> IntTuple:
    return dsl.concat(dsl.IntTuple((100 + len(sizes), dim + 0)), sizes)

@type_shape_dsl_function
def factor_code(kind: int, factor: int) -> IntTuple:
    return dsl.IntTuple((kind + 0, factor + 0))

@type_shape_dsl_function
def scale_code(factor: Int) -> IntTuple:
    return dsl.IntTuple((13, factor))

@type_shape_dsl_function
def pad_code(amounts: int | tuple[int, ...] | None, spatial: int) -> IntTuple:
    if amounts is None:
        return dsl.IntTuple.gradual()
    if dsl.is_int_value(amounts):
        return dsl.concat(dsl.IntTuple((120 + spatial,)), dsl.IntTuple(amounts + 0 for i in range(2 * spatial)))
    if len(amounts) != 2 * spatial:
        return dsl.IntTuple.gradual()
    return dsl.concat(dsl.IntTuple((120 + spatial,)), dsl.IntTuple(n + 0 for n in amounts))

@type_shape_dsl_function
def conv_layer(shape: IntTuple, code: IntTuple, n: int) -> IntTuple:
    in_channels = code[1]
    out_channels = code[2]
    kernel = code[3 : 3 + n]
    stride = code[3 + n : 3 + 2 * n]
    total = code[3 + 2 * n : 3 + 3 * n]
    dilation = code[3 + 3 * n : 3 + 4 * n]
    groups = code[3 + 4 * n]
    rests = dsl.IntTuple((in_channels - in_channels // groups * groups, out_channels - out_channels // groups * groups))
    if any(dsl.is_concrete_int(r) and r != 0 for r in rests):
        return dsl.Invalid("conv: in_channels and out_channels must be divisible by groups")
    return conv_module(shape, in_channels, out_channels, kernel, stride, total, dilation, n)

@type_shape_dsl_function
def conv_transpose_layer(shape: IntTuple, code: IntTuple, n: int) -> IntTuple:
    in_channels = code[1]
    out_channels = code[2]
    kernel = code[3 : 3 + n]
    stride = code[3 + n : 3 + 2 * n]
    total = code[3 + 2 * n : 3 + 3 * n]
    extra = code[3 + 3 * n : 3 + 4 * n]
    dilation = code[3 + 4 * n : 3 + 5 * n]
    groups = code[3 + 5 * n]
    rests = dsl.IntTuple((in_channels - in_channels // groups * groups, out_channels - out_channels // groups * groups))
    if any(dsl.is_concrete_int(r) and r != 0 for r in rests):
        return dsl.Invalid("conv: in_channels and out_channels must be divisible by groups")
    return conv_transpose_module(shape, in_channels, out_channels, kernel, stride, total, extra, dilation, n)

@type_shape_dsl_function
def pool_layer(shape: IntTuple, code: IntTuple, ceil_mode: bool, n: int) -> IntTuple:
    kernel = code[1 : 1 + n]
    stride = code[1 + n : 1 + 2 * n]
    total = code[1 + 2 * n : 1 + 3 * n]
    dilation = code[1 + 3 * n : 1 + 4 * n]
    return pool(shape, kernel, stride, total, dilation, ceil_mode, n)

@type_shape_dsl_function
def normalized_layer(shape: IntTuple, code: IntTuple, n: int) -> IntTuple:
    last = code[1 : 1 + n]
    return normalized(shape, last)

@type_shape_dsl_function
def adaptive_layer(shape: IntTuple, code: IntTuple, n: int) -> IntTuple:
    sizes = code[1 : 1 + n]
    return replace_last(shape, sizes, n)

@type_shape_dsl_function
def unflatten_layer(shape: IntTuple, code: IntTuple, n: int) -> IntTuple:
    sizes = code[2 : 2 + n]
    axis = 1
    if code[1] != 1:
        return dsl.IntTuple.gradual()
    return unflatten(shape, axis, sizes)

@type_shape_dsl_function
def pad_layer(shape: IntTuple, code: IntTuple, n: int) -> IntTuple:
    lead = len(shape) - n
    if lead < 0:
        return dsl.Invalid("padding: the input has too few dimensions")
    sizes = dsl.IntTuple(
        shape[lead + i] + code[2 * (n - 1 - i) + 1] + code[2 * (n - 1 - i) + 2] for i in range(n)
    )
    if any(dsl.is_concrete_int(size) and size < 0 for size in sizes):
        return dsl.Invalid("padding: the negative padding is larger than the input")
    return dsl.concat(shape[:lead], sizes)

@type_shape_dsl_function
def layer(shape: IntTuple, code: IntTuple) -> IntTuple:
    kind = code[0]
    one = 1
    two = 2
    three = 3
    if kind == 0:
        return shape
    if kind == 1:
        weight = dsl.IntTuple((code[2], code[1]))
        return linear(shape, weight)
    if kind == 2:
        if len(shape) > 0 and code[1] == 1 and code[2] + 1 == 0:
            rest = dsl.prod(shape[1:])
            return dsl.concat(shape[:1], dsl.IntTuple((rest,)))
        if len(shape) > 0 and code[1] == 0 and code[2] + 1 == 0:
            return dsl.IntTuple((dsl.prod(shape),))
        if len(shape) > 1 and code[1] == 2 and code[2] + 1 == 0:
            end = dsl.prod(shape[2:])
            return dsl.concat(shape[:2], dsl.IntTuple((end,)))
        return dsl.IntTuple.gradual()
    if kind == 31:
        return conv_layer(shape, code, one)
    if kind == 32:
        return conv_layer(shape, code, two)
    if kind == 33:
        return conv_layer(shape, code, three)
    if kind == 41:
        return conv_transpose_layer(shape, code, one)
    if kind == 42:
        return conv_transpose_layer(shape, code, two)
    if kind == 43:
        return conv_transpose_layer(shape, code, three)
    floor = False
    ceil = True
    if kind == 51:
        return pool_layer(shape, code, floor, one)
    if kind == 52:
        return pool_layer(shape, code, floor, two)
    if kind == 53:
        return pool_layer(shape, code, floor, three)
    if kind == 61:
        return pool_layer(shape, code, ceil, one)
    if kind == 62:
        return pool_layer(shape, code, ceil, two)
    if kind == 63:
        return pool_layer(shape, code, ceil, three)
    if kind == 7:
        if len(shape) < 2:
            return dsl.Invalid("the input must be [N, C, *sizes]")
        given = shape[1]
        expected = code[1]
        if dsl.is_concrete_int(given) and dsl.is_concrete_int(expected) and given != expected:
            return dsl.Invalid("the input's channels are not those of the layer")
        return shape
    if kind == 81:
        return normalized_layer(shape, code, one)
    if kind == 82:
        return normalized_layer(shape, code, two)
    if kind == 83:
        return normalized_layer(shape, code, three)
    if kind == 91:
        return adaptive_layer(shape, code, one)
    if kind == 92:
        return adaptive_layer(shape, code, two)
    if kind == 93:
        return adaptive_layer(shape, code, three)
    if kind == 102:
        return unflatten_layer(shape, code, two)
    if kind == 103:
        return unflatten_layer(shape, code, three)
    if kind == 11:
        if len(shape) < 3:
            return dsl.Invalid("pixel_shuffle expects input to have at least 3 dimensions")
        deep = shape[len(shape) - 3]
        square = code[1] * code[1]
        if dsl.is_concrete_int(deep) and dsl.is_concrete_int(square) and deep % square != 0:
            return dsl.Invalid("pixel_shuffle: the channels are not divisible by the square of the factor")
        return dsl.concat(
            shape[:-3],
            dsl.IntTuple((deep // square, shape[len(shape) - 2] * code[1], shape[len(shape) - 1] * code[1])),
        )
    if kind == 13:
        factor = code[1]
        return scaled(shape, factor)
    if kind == 121:
        return pad_layer(shape, code, one)
    if kind == 122:
        return pad_layer(shape, code, two)
    if kind == 123:
        return pad_layer(shape, code, three)
    return dsl.IntTuple.gradual()
