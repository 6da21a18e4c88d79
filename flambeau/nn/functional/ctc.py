"""Connectionist temporal classification (Graves et al., 2006): the loss of all alignments of a label sequence.

Labels l₁ … l_L stand between blanks in 2L + 1 states. α_t(s) is the log-probability of reaching state s at time t, β_t(s) that of
finishing from there, both with the emission at t; each is a recursion of log-sums over the three states that may come before (or
after). May import what `flambeau.ops` may.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

from flambeau.dtypes import int64
from flambeau.nn.functional.arguments import check_floating, check_tensor
from flambeau.nn.functional.loss import reduced, reduction_of
from flambeau.nn.functional.windows import Windows, positions, windows
from flambeau.ops.composite import Composite, record, untaped
from flambeau.ops.creation import tensor
from flambeau.ops.operands import accumulation_dtype, cast
from flambeau.ops.recurrence import recur
from flambeau.ops.registry import operator
from flambeau.shapes import losses as rules
from flambeau.tensor import Tensor

__all__ = ["ctc_loss"]


class _Alignment(NamedTuple):
    """What the recursions read: for each sample its states' classes, which states may be entered from two before, the last two
    states, whether there is no label, and the number of time steps."""

    states: Tensor  # [N, S] int64
    skips: Tensor  # [N, S] bool
    ends: Tensor  # [N, 2] int64
    is_empty: Tensor  # [N] bool
    steps: Tensor  # [N, 1] int64
    longest: int


def _lowest(x: Tensor) -> float:
    """A stand-in for −∞ whose differences are numbers."""
    return -1e30 if x.dtype.itemsize < 8 else -1e300


def _step(before: Tensor, allowed: Tensor, padding: int) -> Tensor:
    """log Σ exp over three neighbouring states, those allowed [N, S, 3]; the first is `padding` states back."""
    width = before.shape[1]
    form = Windows((width,), (3,), (1,), (padding,), (1,), (width,))
    lowest = _lowest(before)
    blocks = windows(before, form, lowest)._fill_where(~allowed, lowest)
    top = blocks.detach().amax(-1, keepdim=True)
    return (blocks - top).exp().sum(-1).log() + top.squeeze(-1)


def _advance(state: list[Tensor], rows: list[Tensor], constants: list[Tensor]) -> tuple[list[Tensor], tuple[()]]:
    """α after a time step; it stays as it is after a sample's last one."""
    emitted, goes_on = rows
    return [(_step(state[0], constants[0], 2) + emitted).where(goes_on, state[0])], ()


def _forward(emitted: Tensor, a: _Alignment) -> Tensor:
    """α after every time step: [T, N, S]. Before the first, the only state is the first blank."""
    state, entry, time = _positions(emitted, a)
    before = (emitted[0] * 0)._fill_where(state > 0, _lowest(emitted))
    return recur(_advance, [before], [emitted, time < a.steps], [a.skips.unsqueeze(2) | (entry > 0)]).states[0]


def _retreat(state: list[Tensor], rows: list[Tensor], constants: list[Tensor]) -> tuple[list[Tensor], tuple[()]]:
    """β before a time step: it starts at a sample's last one."""
    emitted, is_last, goes_on = rows
    allowed, is_end = constants
    continued = (_step(state[0], allowed, 0) + emitted).where(goes_on, state[0])
    return [emitted._fill_where(~is_end, _lowest(emitted)).where(is_last, continued)], ()


def _backward(emitted: Tensor, a: _Alignment) -> Tensor:
    """β for every time step: [T, N, S]."""
    state, entry, time = _positions(emitted, a)
    width = emitted.shape[2]
    later = windows(a.skips, Windows((width,), (3,), (1,), (0,), (1,), (width,)), False)
    is_end = (state == a.ends[:, :1]) | ((state == a.ends[:, 1:]) & ~a.is_empty.unsqueeze(1))
    after = emitted[0] * 0 + _lowest(emitted)
    rows = [emitted, time + 1 == a.steps, time + 1 < a.steps]
    return recur(_retreat, [after], rows, [later | (entry < 2), is_end], reverse=True).states[0]


def _positions(emitted: Tensor, a: _Alignment) -> tuple[Tensor, Tensor, Tensor]:
    """The numbers of states [1, S], of the three entries [1, 1, 3] and of time steps [T, 1, 1]."""
    device = emitted._storage.device
    return positions(emitted.shape[2], 2, 1, device), positions(3, 3, 2, device), positions(emitted.shape[0], 3, 0, device)


def _emitted(x: Tensor, a: _Alignment) -> Tensor:
    """The log-probability of each state's class: [T, N, S]."""
    time, batch, _ = x.shape
    return x.gather(2, a.states.unsqueeze(0).expand((time, batch, a.states.shape[1])))


def _losses(x: Tensor, a: _Alignment) -> Tensor:
    lowest = _lowest(x)
    if not a.longest:
        return x.new_full((x.shape[1],), math.inf)._fill_where(a.is_empty, 0)
    final = _forward(_emitted(x, a)[: a.longest], a)[-1].gather(1, a.ends)
    first, second = final[:, 0], final[:, 1]._fill_where(a.is_empty, lowest)
    top = first.maximum(second).detach()
    loss = -(((first - top).exp() + (second - top).exp()).log() + top)
    loss = loss._fill_where(loss.detach() > -lowest / 2, math.inf)
    nothing = loss.new_full((x.shape[1],), math.inf)._fill_where(a.is_empty, 0)
    return nothing.where(a.steps.squeeze(1) == 0, loss)


def _gradient(g: Tensor, y: Tensor, inputs: Sequence[Any], params: tuple[Any, ...]) -> tuple[Any]:
    """exp(x) less each class's share of the paths: PyTorch's gradient, which takes x to come from a log-softmax."""
    (x,) = inputs
    a, zero_infinity = params
    type = x.dtype
    x = cast(x, accumulation_dtype(type))
    time, batch, classes = x.shape
    if not a.longest:
        return (cast(x * 0, type),)
    emitted = _emitted(x, a)[: a.longest]
    paths = _forward(emitted, a) + _backward(emitted, a) - emitted
    shares = (paths + cast(y, x.dtype).unsqueeze(1)).exp()
    places = a.states.unsqueeze(0).expand(tuple(shares.shape))
    by_class = x.new_zeros((a.longest, batch, classes)).scatter_add(2, places, shares)
    is_active = positions(time, 3, 0, x._storage.device) < a.steps.reshape(1, -1, 1)
    difference = x[: a.longest].exp() - by_class
    if zero_infinity:
        difference = difference._fill_where((y == math.inf).reshape(1, -1, 1), 0)
    result = (difference * cast(g, x.dtype).reshape(1, -1, 1))._fill_where(~is_active[: a.longest], 0)
    if a.longest < time:
        from flambeau.ops.padding import pad

        result = pad(result, (0, 0, 0, 0, 0, time - a.longest))
    return (cast(result, type),)


_CTC = Composite("ctc_loss", _gradient, saves="inputs output")


def _lengths(value: Any, name: str) -> list[int]:
    if isinstance(value, Tensor):
        if value.dtype.category != 1:
            raise RuntimeError(f"{name} must be integral")
        value = value.reshape(-1).tolist()
    return [int(v) for v in value] if isinstance(value, (list, tuple)) else [int(value)]


def _label_rows(targets: Tensor, lengths: list[int]) -> list[list[int]]:
    """Each sample's labels, from a padded matrix or from one sequence of all."""
    if targets.ndim == 1 and sum(lengths) <= targets.shape[0]:
        flat = targets.tolist()
        starts = [sum(lengths[:i]) for i in range(len(lengths))]
        return [flat[start : start + n] for start, n in zip(starts, lengths)]
    rows = targets.tolist() if targets.ndim == 2 else [targets.tolist()]
    return [row[:n] for row, n in zip(rows, lengths)]


def _alignment(rows: list[list[int]], steps: list[int], blank: int, device: str) -> _Alignment:
    longest = max(map(len, rows), default=0)
    states = [[blank] + [v for label in row for v in (label, blank)] + [blank] * (2 * (longest - len(row))) for row in rows]
    skips = [[s >= 2 and row[s] != blank and row[s] != row[s - 2] for s in range(2 * longest + 1)] for row in states]
    return _Alignment(
        tensor(states, dtype=int64, device=device),
        tensor(skips, device=device),
        tensor([[2 * len(row), max(2 * len(row) - 1, 0)] for row in rows], dtype=int64, device=device),
        tensor([not row for row in rows], device=device),
        tensor(steps, dtype=int64, device=device).reshape(-1, 1),
        max(steps, default=0),
    )


@operator(namespace="nn.functional", method=False)
def ctc_loss(
    log_probs: Tensor,
    targets: Tensor,
    input_lengths: Any,
    target_lengths: Any,
    blank: int = 0,
    reduction: str = "mean",
    zero_infinity: bool = False,
) -> Tensor:
    """log_probs [T, N, C] or [T, C]; targets [N, S] or concatenated; lengths [N]. Computes targets and lengths.

    The mean divides each loss by its target's length first; `zero_infinity` makes impossible alignments count nothing. As in
    PyTorch the gradient takes log_probs to come from a log-softmax. Raises RuntimeError for lengths that don't fit.

    >>> scores = torch.zeros(3, 1, 2).log_softmax(2)
    >>> F.ctc_loss(scores, torch.tensor([[1]]), torch.tensor([3]), torch.tensor([1]))
    tensor(0.2877)
    """
    reduction = reduction_of(reduction)
    x = check_tensor(log_probs, "ctc_loss", "log_probs", 1)
    check_tensor(targets, "ctc_loss", "targets", 2)
    check_floating("ctc_loss_cpu", x)
    device = x._storage.device
    steps, counts = _lengths(input_lengths, "input_lengths"), _lengths(target_lengths, "target_lengths")
    rules.ctc_loss(tuple(x._shape), tuple(targets._shape), (len(steps),), (len(counts),), reduction)
    batched = x.ndim == 3
    if not batched:
        x = x.unsqueeze(1)
    time, _, classes = x.shape
    if not 0 <= blank < classes:
        raise RuntimeError("blank must be in label range")
    for length in steps:
        if not 0 <= length <= time:
            raise RuntimeError(
                f"Expected input_lengths to have value at most {time}, but got value {length} (while checking arguments for "
                "ctc_loss_cpu)"
            )
    alignment = _alignment(_label_rows(targets, counts), steps, blank, device)
    with untaped():
        loss = cast(_losses(cast(x, accumulation_dtype(x.dtype)), alignment), x.dtype)
    loss = record(_CTC, loss, (x,), (alignment, zero_infinity))
    if zero_infinity:
        loss = loss._fill_where(loss.detach() == math.inf, 0)
    if reduction == "mean":
        loss = loss / tensor([max(n, 1) for n in counts], dtype=loss.dtype, device=device)
    return reduced(loss if batched else loss.reshape(()), reduction)
