"""Losses of class targets: negative log likelihood, cross entropy, margins over classes. May import what `flambeau.ops` may."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flambeau.autograd.modes import state
from flambeau.dtypes import bfloat16, float16, int64
from flambeau.graph.node import Node
from flambeau.graph.primitives import elementwise as e
from flambeau.graph.primitives.indexing import GATHER, Bounds
from flambeau.graph.primitives.movement import EXPAND
from flambeau.graph.primitives.reduction import MAX, SUM
from flambeau.nn.functional.activation import logsigmoid
from flambeau.nn.functional.arguments import check_device, check_floating, check_tensor, scalar_name
from flambeau.nn.functional.linear import linear
from flambeau.nn.functional.loss import reduced as reduced_loss
from flambeau.nn.functional.loss import reduction_of
from flambeau.nn.functional.softmax import log_softmax
from flambeau.nn.functional.windows import positions
from flambeau.ops.composite import Composite, computed, record, repeated, untaped
from flambeau.ops.gathering import gathered
from flambeau.ops.nodes import converted, number_like, reduced, shaped, spread
from flambeau.ops.operands import accumulation_dtype, cast, expand, refuse
from flambeau.ops.registry import operator
from flambeau.shapes import losses as rules
from flambeau.tensor import Tensor, from_node

__all__ = [
    "cross_entropy", "linear_cross_entropy", "multi_margin_loss", "multilabel_margin_loss", "multilabel_soft_margin_loss",
    "nll_loss",
]  # fmt: skip


def _is_class(target: Tensor, classes: int, axis: int) -> Tensor:
    """Bool, of the input's shape: whether this is the target's class."""
    return target.unsqueeze(axis) == positions(classes, target.ndim + 1, axis, target._storage.device, int64)


_CLASSES = Bounds("IndexError", "Target {value} is out of bounds.", False)
_LABELS = Bounds("RuntimeError", "target out of range", False)
_LABEL_LISTS = Bounds("RuntimeError", "argument #2 'target' is out of range", False)


def _check_target(input: Tensor, target: Tensor, bytes: bool = True) -> Tensor:
    """The classes as int64; `bytes`: uint8 will do."""
    if target.dtype is not int64:
        if target.dtype.name != "uint8" or not bytes:
            raise RuntimeError(f"expected scalar type Long but found {scalar_name(target)}")
        target = cast(target, int64)
    check_device(input, target)
    return target


# --- negative log likelihood -------------------------------------------------------------------------------------------------
def _picked_gradient(g: Tensor, y: Any, inputs: Sequence[Any], params: tuple[Any, ...]) -> list[Any]:
    """Of `input[target]` along an axis: g where the class is the target's."""
    input, target = inputs
    (axis,) = params
    return [
        lambda: g.unsqueeze(axis).expand(tuple(input.shape))._fill_where(~_is_class(target, input.shape[axis], axis), 0),
        None,
    ]


_PICK = Composite("nll_loss", _picked_gradient, reads=((1,), ()))


def _picked(input: Tensor, target: Tensor, axis: int, bounds: Bounds) -> Tensor:
    """The target class's element. Its gradient is a comparison for each element, with no scattering."""
    with untaped():
        value = gathered(input, axis, target.unsqueeze(axis), bounds).squeeze(axis)
    return record(_PICK, value, (input, target), (axis,))


def _class_axis(input: Tensor) -> int:
    return 0 if input.ndim == 1 else 1


def _nll(input: Tensor, target: Tensor, weight: Tensor | None, ignore_index: int, reduction: str) -> Tensor:
    """The loss of log-probabilities; the target's shape is that of the input without its class axis."""
    tensors = (input, target) if weight is None else (input, target, weight)
    return repeated(_NLL, _picked_loss, tensors, (ignore_index, reduction))[0]


_NLL: dict[Any, Any] = {}


def _picked_loss(input: Tensor, target: Tensor, *rest: Any) -> Tensor:
    """`_nll`, with the weight, if there is one, before the last two parameters."""
    *weights, ignore_index, reduction = rest
    weight = weights[0] if weights else None
    axis = _class_axis(input)
    ignored = target == ignore_index
    found = target._fill_where(ignored, 0)
    loss = -_picked(input, found, axis, _CLASSES)
    if weight is not None:
        coefficient = weight.index_select(0, found.reshape(-1)).reshape(found.shape)._fill_where(ignored, 0)
        loss = (loss * coefficient)._fill_where(ignored, 0)
        return loss.sum() / coefficient.sum() if reduction == "mean" else reduced_loss(loss, reduction)
    loss = loss._fill_where(ignored, 0)
    if reduction == "mean":
        return loss.sum() / cast(~ignored, loss.dtype).sum()
    return reduced_loss(loss, reduction)


@operator(namespace="nn.functional", method=False, remembered=True)
def nll_loss(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    ignore_index: int = -100,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """−weight[target]·input[target] for log-probabilities [N, C, ...] or [C]; the mean is over the weights.

    >>> F.nll_loss(F.log_softmax(torch.zeros(1, 4), dim=1), torch.tensor([2]))
    tensor(1.3863)
    """
    reduction = reduction_of(reduction, size_average, reduce)
    x = check_tensor(input, "nll_loss_nd", "input", 1)
    target = _check_target(x, check_tensor(target, "nll_loss_nd", "target", 2))
    check_floating("nll_loss_out_frame", x)
    rules.nll_loss(tuple(x._shape), tuple(target._shape), None if weight is None else tuple(weight._shape), reduction)
    if x.ndim == 1 and target.ndim == 1:
        return nll_loss(x.unsqueeze(0), target, weight, None, ignore_index, None, reduction)
    return _nll(x, target, weight, ignore_index, reduction)


# --- cross entropy of class numbers ------------------------------------------------------------------------------------------
def _log_sum(x: Node, axis: int) -> Node:
    """log Σ exp along an axis, in the accumulation dtype."""
    x = converted(x, accumulation_dtype(x.dtype))
    top = reduced(MAX, x, axis)
    exponentials = e.EXP((e.SUB((x, spread(top, axis, x.shape[axis]))),))
    return e.ADD((e.LOG((reduced(SUM, exponentials, axis),)), top))


def _cross_entropy_gradient(g: Tensor, y: Any, inputs: Sequence[Any], params: tuple[Any, ...]) -> list[Any]:
    """(softmax(x) − one-hot)·g·scale, for inputs (x, target, log-sum, scale): `scale` is 0 where ignored, and 1 / count for a
    mean. A recorded gradient computes the softmax from x anew."""
    x, target, log_sum, scale = inputs
    (axis,) = params

    def part() -> Tensor:
        wide, classes, device = log_sum.dtype, x.shape[axis], x._storage.device
        shape = tuple(x.shape)
        if state.enabled:
            probability = cast(x, wide).softmax(axis)
        else:
            total = from_node(spread(log_sum._value(), axis, classes))
            probability = Tensor._apply(e.EXP, (Tensor._apply(e.SUB, (cast(x, wide), total)),))
        number = positions(classes, len(shape), axis, device, int64)._value()
        is_class = e.EQ((spread(target._value(), axis, classes), EXPAND((number,), (shape, number.shape))))
        difference = Tensor._apply(e.SUB, (probability, from_node(converted(is_class, wide))))
        coefficient = Tensor._apply(e.MUL, (expand(cast(g, wide), tuple(scale.shape)), scale))
        return cast(Tensor._apply(e.MUL, (difference, expand(coefficient.unsqueeze(axis), shape))), x.dtype)

    return [part, None, None, None]


_CROSS_ENTROPY = Composite("cross_entropy", _cross_entropy_gradient, reads=((0, 1, 2, 3), (), (), ()), values=(0,))


def _plain_cross_entropy(input: Tensor, target: Tensor, ignore_index: int, reduction: str) -> Tensor:
    """Without weights and smoothing: one entry on the tape."""
    axis = _class_axis(input)
    loss, log_sum, scale = computed(_CROSS_ENTROPY, _loss_of_classes, (input, target), (axis, ignore_index, reduction))
    return record(_CROSS_ENTROPY, loss, (input, target, log_sum, scale), (axis,))


def _loss_of_classes(input: Tensor, target: Tensor, axis: int, ignore_index: int, reduction: str) -> tuple[Tensor, ...]:
    """The loss, log Σ exp of the scores, and what each target counts."""
    x, t = input._value(), target._value()
    x = converted(x, accumulation_dtype(x.dtype))
    log_sum = _log_sum(x, axis)
    ignored = e.EQ((t, number_like(ignore_index, t)))
    found = e.WHERE((ignored, number_like(0, t), t))
    column = (*t.shape[:axis], 1, *t.shape[axis:])
    picked = shaped(GATHER((x, shaped(found, column)), (axis, _CLASSES)), t.shape)
    zero = number_like(0, log_sum)
    loss = e.WHERE((ignored, zero, e.SUB((log_sum, picked))))
    scale = e.WHERE((ignored, zero, number_like(1, log_sum)))
    if reduction != "none":
        loss = reduced(SUM, loss)
    if reduction == "mean":
        count = reduced(SUM, scale)
        loss = e.DIV((loss, count))
        each = EXPAND((shaped(count, (1,) * len(t.shape)),), (t.shape, (1,) * len(t.shape))) if t.shape else count
        scale = e.WHERE((ignored, zero, e.DIV((scale, each))))
    return from_node(converted(loss, input._storage.dtype)), from_node(log_sum), from_node(scale)


@operator(namespace="nn.functional", method=False, remembered=True)
def cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    ignore_index: int = -100,
    reduce: bool | None = None,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Tensor:
    """−log softmax(input)[target] for scores [N, C, ...] or [C]; a floating target holds class probabilities.

    `label_smoothing` mixes the target with the uniform distribution. The mean is over the targets' weights.

    >>> F.cross_entropy(torch.tensor([[2.0, 0.0], [0.0, 2.0]]), torch.tensor([0, 1]))
    tensor(0.1269)
    """
    reduction = reduction_of(reduction, size_average, reduce)
    x = check_tensor(input, "cross_entropy_loss", "input", 1)
    check_tensor(target, "cross_entropy_loss", "target", 2)
    check_floating("log_softmax_lastdim_kernel_impl", x)
    if not 0.0 <= label_smoothing <= 1.0:
        raise RuntimeError(f"label_smoothing must be between 0.0 and 1.0. Got: {label_smoothing}")
    probabilities = target.dtype.category == 2
    weight_shape = None if weight is None else tuple(weight._shape)
    # A target of the input's shape is taken for probabilities, so an integer one there is an error of dtype.
    if not probabilities and x._shape == target._shape:
        raise RuntimeError(f"Expected floating point type for target with class probabilities, got {scalar_name(target)}")
    rules.cross_entropy(tuple(x._shape), tuple(target._shape), weight_shape, reduction, probabilities=probabilities)
    axis = _class_axis(x)
    if probabilities:
        if ignore_index >= 0:
            raise RuntimeError("ignore_index is not supported for floating point target")
        check_device(x, target)
        return _soft_cross_entropy(x, target, weight, reduction, label_smoothing, axis)
    target = _check_target(x, target)
    if x.ndim == 1 and target.ndim == 1:
        return cross_entropy(x.unsqueeze(0), target, weight, None, ignore_index, None, reduction, label_smoothing)
    if weight is None and label_smoothing == 0.0:
        return _plain_cross_entropy(x, target, ignore_index, reduction)
    scores = log_softmax(x, axis)
    if label_smoothing == 0.0:
        return _nll(scores, target, weight, ignore_index, reduction)
    return _smoothed(scores, target, weight, ignore_index, reduction, label_smoothing, axis)


@operator(namespace="nn.functional", method=False)
def linear_cross_entropy(
    input: Tensor,
    linear_weight: Tensor,
    target: Tensor,
    *,
    linear_bias: Tensor | None = None,
    weight: Tensor | None = None,
    reduction: str = "mean",
    ignore_index: int | None = None,
    label_smoothing: float = 0.0,
    options: Any = None,
) -> Tensor:
    """The cross entropy of the scores input [N, I] or [I] times linear_weight [C, ..., I], plus linear_bias [C, ...].

    `options` (`nn.LinearCrossEntropyOptions`) say how PyTorch's kernels save memory, and change nothing here.

    >>> F.linear_cross_entropy(torch.ones(2, 3), torch.zeros(4, 3), torch.tensor([0, 1]))
    tensor(1.3863)
    """
    shape = tuple(check_tensor(input, "linear_cross_entropy", "input", 1)._shape)
    rows = tuple(check_tensor(linear_weight, "linear_cross_entropy", "linear_weight", 2)._shape)
    check_tensor(target, "linear_cross_entropy", "target", 3)
    bias = None if linear_bias is None else tuple(linear_bias._shape)
    scores_shape = rules.linear_cross_entropy(shape, rows, bias)
    if tuple(target._shape) == scores_shape and ignore_index is not None:
        raise RuntimeError("ignore_index cannot be specified when target contains probabilities")
    flat = None if linear_bias is None else linear_bias.reshape(-1)
    scores = linear(input, linear_weight.reshape(-1, rows[-1]), flat).reshape(scores_shape)
    ignored = -100 if ignore_index is None else ignore_index
    return cross_entropy(scores, target, weight, ignore_index=ignored, reduction=reduction, label_smoothing=label_smoothing)


def _by_class(weight: Tensor, rank: int, axis: int) -> Tensor:
    return weight.reshape(tuple(weight.shape[0] if d == axis else 1 for d in range(rank)))


def _smoothed(
    scores: Tensor, target: Tensor, weight: Tensor | None, ignore_index: int, reduction: str, smoothing: float, axis: int
) -> Tensor:
    """(1 − s)·loss of the target + s/C·loss of every class; both means are over the targets' weights."""
    hard = _nll(scores, target, weight, ignore_index, reduction)
    ignored = target == ignore_index
    weighted = scores if weight is None else scores * _by_class(weight, scores.ndim, axis)
    smooth = (-weighted.sum(axis))._fill_where(ignored, 0)
    if reduction == "mean":
        if weight is None:
            count = cast(~ignored, smooth.dtype).sum()
        else:
            found = target._fill_where(ignored, 0)
            count = weight.index_select(0, found.reshape(-1)).reshape(found.shape)._fill_where(ignored, 0).sum()
        smooth = smooth.sum() / count
    else:
        smooth = reduced_loss(smooth, reduction)
    return hard * (1 - smoothing) + smooth * (smoothing / scores.shape[axis])


def _soft_cross_entropy(x: Tensor, target: Tensor, weight: Tensor | None, reduction: str, smoothing: float, axis: int) -> Tensor:
    """−Σ target·log softmax(x) over the classes; the mean is over the positions."""
    scores = log_softmax(x, axis)
    classes = x.shape[axis]
    if smoothing > 0.0:
        target = target * (1 - smoothing) + smoothing / classes
    products = scores * target
    if weight is not None:
        products = products * _by_class(weight, x.ndim, axis)
    if reduction == "none":
        return -products.sum(axis)
    total = -products.sum()
    if reduction == "mean":
        return total / max(x.numel() // classes, 1) if classes else total
    return total


# --- margins -------------------------------------------------------------------------------------------------------------------
@operator(namespace="nn.functional", method=False)
def multi_margin_loss(
    input: Tensor,
    target: Tensor,
    p: float = 1,
    margin: float = 1.0,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """Σ over other classes of max(0, margin − input[target] + input[i])ᵖ, times weight[target], over C."""
    reduction = reduction_of(reduction, size_average, reduce)
    if p not in (1, 2):
        raise ValueError("only p == 1 and p == 2 supported")
    x = check_tensor(input, "multi_margin_loss", "input", 1)
    check_tensor(target, "multi_margin_loss", "target", 2)
    rules.multi_margin_loss(tuple(x._shape), tuple(target._shape), None if weight is None else tuple(weight._shape), reduction)
    target = _check_target(x, target, bytes=False)
    refuse(x, "multi_margin_loss_cpu_kernel", bool, int, float16, bfloat16, complex)
    flat = x.reshape(-1, x.shape[-1] if x.ndim else 1) if x.ndim != 2 else x
    labels = target.reshape(-1)
    gap = (margin - _picked(flat, labels, 1, _LABELS).unsqueeze(1) + flat).clamp_min(0)
    gap = gap if p == 1 else gap * gap
    if weight is not None:
        gap = gap * weight.index_select(0, labels).unsqueeze(1)
    loss = gap._fill_where(_is_class(labels, flat.shape[1], 1), 0).sum(1) / flat.shape[1]
    return reduced_loss(loss if target.ndim else loss.reshape(()), reduction)


@operator(namespace="nn.functional", method=False)
def multilabel_margin_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """Σ over labels j and other classes i of max(0, 1 − input[j] + input[i]) / C; a row's labels end at the first −1."""
    reduction = reduction_of(reduction, size_average, reduce)
    x = check_tensor(input, "multilabel_margin_loss", "input", 1)
    target = _check_target(x, check_tensor(target, "multilabel_margin_loss", "target", 2), bytes=False)
    rules.multilabel_margin_loss(tuple(x._shape), tuple(target._shape), reduction)
    refuse(x, "multilabel_margin_loss_forward_out_frame", bool, int, float16, bfloat16, complex)
    rows = x.reshape(-1, x.shape[-1]) if x.ndim else x.reshape(1, 1)
    labels = target.reshape(rows.shape)
    counts = (labels < 0).to(int64).cumsum(1) == 0  # before the first −1
    labels = labels._fill_where(~counts, 0)
    is_label = (_is_class(labels, rows.shape[1], 2) & counts.unsqueeze(2)).any(1)
    gap = (1 - gathered(rows, 1, labels, _LABEL_LISTS).unsqueeze(2) + rows.unsqueeze(1)).clamp_min(0)
    loss = gap._fill_where(~counts.unsqueeze(2) | is_label.unsqueeze(1), 0).sum((1, 2)) / rows.shape[1]
    return reduced_loss(loss.reshape(()) if x.ndim < 2 else loss, reduction)


@operator(namespace="nn.functional", method=False)
def multilabel_soft_margin_loss(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """Binary cross entropy of each class's score, averaged over the last dimension."""
    reduction = reduction_of(reduction, size_average, reduce)
    x = check_tensor(input, "multilabel_soft_margin_loss", "input", 1)
    loss = -(target * logsigmoid(x) + (1 - target) * logsigmoid(-x))
    if weight is not None:
        loss = loss * weight
    return reduced_loss(loss.sum(x.ndim - 1) / x.shape[-1], reduction)
