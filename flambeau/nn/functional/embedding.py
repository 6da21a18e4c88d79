"""Lookup tables: `embedding`, `embedding_bag`, `one_hot`. May import what `flambeau.ops` may."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

from flambeau.autograd.modes import no_grad
from flambeau.dtypes import int64
from flambeau.nn.functional.arguments import check_device, check_tensor, scalar_name
from flambeau.ops.composite import Composite, record, repeated, untaped
from flambeau.ops.operands import cast
from flambeau.ops.positions import pieces
from flambeau.ops.registry import operator
from flambeau.ops.sparse import parts
from flambeau.ops.sparse.arithmetic import as_seen
from flambeau.ops.views import owned
from flambeau.shapes import embedding as rules
from flambeau.tensor import Tensor

__all__ = ["embedding", "embedding_bag", "one_hot"]


def _gradient(g: Tensor, y: Any, inputs: Sequence[Any], params: tuple[Any, ...]) -> list[Any]:
    """Each row's gradients add up; the padding row's do not count; with `scale_grad_by_freq` each is divided by how often
    its row occurs in the batch."""
    weight, indices = inputs
    padding, scale = params
    rows, width = weight.shape

    def part() -> Tensor:
        flat, places = g.reshape(-1, width), indices.reshape(-1)
        if padding >= 0:
            flat = flat._fill_where((places == padding).unsqueeze(1), 0)
        if scale:
            ones = flat.detach().new_ones(places.shape)
            counts = ones.new_zeros((rows,)).index_add(0, places, ones)
            flat = flat / counts.index_select(0, places).unsqueeze(1)
        return g.new_zeros((rows, width)).index_add(0, places, flat)

    return [part, None]


def _sparse_gradient(g: Tensor, places: Tensor, shape: tuple[int, ...], padding: int) -> Tensor:
    """The gradient of the rows that were looked up, in the order in which they were, but for the padding row."""
    flat = g.reshape(-1, shape[1])
    if padding >= 0:
        kept = (places != padding).nonzero().reshape(-1)
        places, flat = places.index_select(0, kept), flat.index_select(0, kept)
    return parts.coo(places.unsqueeze(0), flat, shape)


_EMBEDDING = Composite("embedding", _gradient, reads=((1,), ()))


def _check(name: str, indices: Any, weight: Any) -> Tensor:
    """The indices as int64."""
    check_tensor(indices, name, "input", 1)
    check_tensor(weight, name, "weight", 2)
    if indices.dtype.name not in ("int64", "int32"):
        raise RuntimeError(
            f"Expected tensor for argument #1 'indices' to have one of the following scalar types: Long, Int; but got "
            f"torch.{_old_name(indices)} instead (while checking arguments for {name})"
        )
    check_device(indices, weight)
    return cast(indices, int64)


def _old_name(t: Tensor) -> str:
    return f"{scalar_name(t)}Tensor"


def _padding_row(padding_idx: int | None, rows: int) -> int:
    if padding_idx is None:
        return -1
    if padding_idx > 0:
        if padding_idx >= rows:
            raise AssertionError("Padding_idx must be within num_embeddings")
    elif padding_idx < 0:
        if padding_idx < -rows:
            raise AssertionError("Padding_idx must be within num_embeddings")
        padding_idx += rows
    return padding_idx


def renormalize(weight: Tensor, indices: Tensor, max_norm: float, norm_type: float) -> None:
    """Scales, in place, the rows that are looked up and longer than `max_norm`."""
    with no_grad():
        used = weight.new_zeros((weight.shape[0],)).index_fill(0, indices.reshape(-1), 1) > 0
        norms = weight.norm(norm_type, 1)
        scale = (max_norm / (norms + 1e-7))._fill_where(~(used & (norms > max_norm)), 1)
        weight.mul_(scale.unsqueeze(1))


@operator(namespace="nn.functional", method=False, remembered=True)
def embedding(
    input: Tensor,
    weight: Tensor,
    padding_idx: int | None = None,
    max_norm: float | None = None,
    norm_type: float = 2.0,
    scale_grad_by_freq: bool = False,
    sparse: bool = False,
) -> Tensor:
    """Rows of weight [V, D] at integer indices [*]: [*, D]. The weight's gradient is sparse if `sparse`: the rows looked up.

    >>> F.embedding(torch.tensor([1, 0]), torch.tensor([[0.1, 0.2], [0.3, 0.4]]))
    tensor([[0.3000, 0.4000],
            [0.1000, 0.2000]])
    """
    check_tensor(weight, "embedding", "weight", 2)
    shape = rules.embedding(tuple(check_tensor(input, "embedding", "input")._shape), tuple(weight._shape))
    padding = _padding_row(padding_idx, weight.shape[0])
    indices = _check("embedding", input, weight)
    if max_norm is not None:
        renormalize(weight, indices, max_norm, norm_type)
    with untaped():
        rows = owned(weight.index_select(0, indices.reshape(-1)).reshape(shape))
    if sparse and weight.requires_grad:
        if scale_grad_by_freq:
            raise RuntimeError("embedding_backward: scale_grad_by_freq not supported with sparse gradients")
        places, size = indices.reshape(-1), tuple(weight._shape)
        return parts.recorded(
            rows, "EmbeddingBackward0", (weight,), lambda g: (as_seen(_sparse_gradient(g, places, size, padding), weight),)
        )
    return record(_EMBEDDING, rows, (weight, indices), (padding, scale_grad_by_freq))


@operator(namespace="nn.functional", method=False, remembered=True)
def one_hot(input: Tensor, num_classes: int = -1) -> Tensor:
    """[*] class numbers as int64 [*, num_classes] of zeros and a one; −1 takes as many classes as there are.

    >>> F.one_hot(torch.tensor([0, 2]), num_classes=3)
    tensor([[1, 0, 0],
            [0, 0, 1]])
    """
    check_tensor(input, "one_hot", "input")
    if input.dtype is not int64:
        raise RuntimeError("one_hot is only applicable to index tensor of type LongTensor.")
    if input.numel() == 0:
        if num_classes <= 0:
            raise RuntimeError("Can not infer total number of classes from empty tensor.")
        return input.new_zeros((*input.shape, num_classes))
    if input.min().item() < 0:
        raise RuntimeError("Class values must be non-negative.")
    largest = int(input.max().item())
    if num_classes == -1:
        num_classes = largest + 1
    elif num_classes < 1:
        raise RuntimeError("num_classes should be positive")
    elif largest >= num_classes:
        raise RuntimeError("Class values must be smaller than num_classes.")
    rules.one_hot(tuple(input._shape), num_classes)
    classes = input.new_ones((num_classes,)).cumsum(0) - 1
    return (input.unsqueeze(-1) == classes).to(int64).contiguous()


@operator(namespace="nn.functional", method=False)
def embedding_bag(
    input: Tensor,
    weight: Tensor,
    offsets: Tensor | None = None,
    max_norm: float | None = None,
    norm_type: float = 2,
    scale_grad_by_freq: bool = False,
    mode: str = "mean",
    sparse: bool = False,
    per_sample_weights: Tensor | None = None,
    include_last_offset: bool = False,
    padding_idx: int | None = None,
) -> Tensor:
    """Rows of weight [V, D] summed, averaged or maximised in bags: indices [B, n], or [n] cut at `offsets` [B], to [B, D]."""
    if isinstance(weight, Tensor) and weight.dtype is int64 and isinstance(input, Tensor) and input.is_floating_point():
        warnings.warn("Argument order of nn.functional.embedding_bag was changed. Usage `embedding_bag(weight, input, ...)` is "
                      "deprecated, and should now be `embedding_bag(input, weight, ...)`.", stacklevel=3)  # fmt: skip
        input, weight = weight, input
    check_tensor(weight, "embedding_bag", "weight", 2)
    shape = rules.embedding_bag(
        tuple(check_tensor(input, "embedding_bag", "input")._shape),
        tuple(weight._shape),
        None if offsets is None else tuple(offsets._shape),
        None if per_sample_weights is None else tuple(per_sample_weights._shape),
        include_last_offset,
    )
    if weight.dtype.category != 2:
        raise RuntimeError(
            "Expected tensor for argument #1 'weight' to have one of the following scalar types: Half, BFloat16, Float, Double; "
            f"but got torch.{weight.type().rpartition('.')[2]} instead (while checking arguments for embedding_bag)"
        )
    if mode not in ("sum", "mean", "max"):
        raise ValueError("mode has to be one of sum, mean or max")
    if per_sample_weights is not None and mode != "sum":
        raise NotImplementedError(
            "embedding_bag: per_sample_weights was not None. per_sample_weights is only supported for mode='sum' "
            f"(got mode='{mode}'). Please open a feature request on GitHub."
        )
    if scale_grad_by_freq and mode == "max":
        raise ValueError("max mode does not support scaling the gradient by the frequency")
    padding = _padding_row(padding_idx, weight.shape[0])
    indices = _check("embedding_bag", input, weight)
    if input.ndim == 1:
        assert offsets is not None
        check_offsets(offsets, indices)
        offsets = cast(offsets[:-1] if include_last_offset else offsets, int64)
    if max_norm is not None:
        renormalize(weight, indices.reshape(-1), max_norm, norm_type)
    others = (offsets, per_sample_weights)
    tensors = (indices, weight, *(t for t in others if t is not None))
    params = (tuple(t is not None for t in others), scale_grad_by_freq, mode, padding, shape)
    return repeated(_BAGS, _bags, tensors, params)[0]


_BAGS: dict[Any, Any] = {}


def _bags(indices: Tensor, weight: Tensor, *rest: Any) -> Tensor:
    """`embedding_bag` of checked operands: then come offsets and weights of samples, if there are any, which of them there are,
    and the options."""
    *others, is_given, by_frequency, mode, padding, shape = rest
    following = iter(others)
    offsets, per_sample_weights = (next(following) if there else None for there in is_given)
    bags = shape[0]
    if indices.ndim == 2 and mode != "max":
        return _rows_of_bags(indices, weight, by_frequency, mode, per_sample_weights, padding)
    if offsets is None:
        bag = (indices.new_ones((bags,)).cumsum(0) - 1).unsqueeze(1).expand(indices.shape).reshape(-1)
        indices = indices.reshape(-1)
    else:
        bag = pieces(offsets, indices.shape[0])
    rows = embedding(indices, weight, scale_grad_by_freq=by_frequency)
    if mode == "max":
        return _bag_maximum(rows, bag, indices, bags, padding)
    if per_sample_weights is not None:
        rows = rows * per_sample_weights.unsqueeze(1)
    counted = (indices != padding).to(weight.dtype)
    if padding >= 0:
        rows = rows * counted.unsqueeze(1)
    total = rows.new_zeros(shape).index_add(0, bag, rows)
    if mode == "sum":
        return total
    counts = counted.new_zeros((bags,)).index_add(0, bag, counted)
    return total / counts.clamp_min(1).unsqueeze(1)


def _rows_of_bags(
    indices: Tensor, weight: Tensor, by_frequency: bool, mode: str, per_sample_weights: Tensor | None, padding: int
) -> Tensor:
    """Sums or means in bags of one length: indices [B, n] to [B, D]."""
    rows = embedding(indices, weight, scale_grad_by_freq=by_frequency)
    if per_sample_weights is not None:
        rows = rows * per_sample_weights.unsqueeze(2)
    if padding < 0:
        return rows.sum(1) if mode == "sum" else rows.sum(1) / max(indices.shape[1], 1)
    counted = (indices != padding).to(weight.dtype).unsqueeze(2)
    total = (rows * counted).sum(1)
    return total if mode == "sum" else total / counted.sum(1).clamp_min(1)


def check_offsets(offsets: Tensor, indices: Tensor) -> None:
    """Looks at where bags begin. RuntimeError unless that is from 0 on and not behind the last index."""
    bounds = offsets.tolist()
    if bounds and bounds[0] != 0:
        raise RuntimeError(
            "offsets[0] has to be 0, i.e., the first sequence in the mini-batch has to start from position 0. However, got "
            f"{bounds[0]}"
        )
    if bounds and bounds[-1] > indices.shape[0]:
        raise RuntimeError(
            f"offsets[-1] can not be greater than input's length({indices.shape[0]}) but got offsets[-1] of {bounds[-1]}"
        )


def _bag_maximum(rows: Tensor, bag: Tensor, indices: Tensor, bags: int, padding: int) -> Tensor:
    """The maximum of each bag; 0 for an empty one. The gradient goes to the first row that holds it."""
    width = rows.shape[1]
    spread = bag.unsqueeze(1).expand(rows.shape)
    lowest = rows.detach()
    if padding >= 0:
        lowest = lowest._fill_where((indices == padding).unsqueeze(1), float("-inf"))
    best = lowest.new_full((bags, width), float("-inf")).scatter_reduce(0, spread, lowest, "amax")
    position = (indices.new_ones(indices.shape).cumsum(0) - 1).unsqueeze(1).expand(rows.shape)
    n = rows.shape[0]
    is_best = (lowest == best.gather(0, spread)) & (lowest != float("-inf"))
    first = position.new_full((bags, width), n).scatter_reduce(0, spread, position._fill_where(~is_best, n), "amin")
    found = first < n
    picked = rows.gather(0, first.clamp_max(max(n - 1, 0))) if n else rows.new_zeros((bags, width))
    return picked._fill_where(~found, 0)
