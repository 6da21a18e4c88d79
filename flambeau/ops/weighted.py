"""`multinomial`: indices drawn by weight. May import what `flambeau.ops` may, and `flambeau.generator`."""

from __future__ import annotations

import math
from typing import Any

from flambeau.dtypes import finfo, int64
from flambeau.generator import Generator
from flambeau.graph.primitives.indexing import Bounds
from flambeau.ops.composite import repeated
from flambeau.ops.gathering import gathered
from flambeau.ops.operands import accumulation_dtype, cast, check_tensor
from flambeau.ops.random import uniform
from flambeau.ops.registry import operator, scalar_name
from flambeau.ops.sorting import searchsorted, topk
from flambeau.tensor import Tensor

__all__ = ["multinomial"]


@operator(out="exact")
def multinomial(input: Tensor, num_samples: int, replacement: bool = False, *, generator: Generator | None = None) -> Tensor:
    """Indices drawn by weight from each row of [n] or [m, n]; without replacement by default.

    Raises RuntimeError for more samples than there are weights, and, when it is computed, for weights that are negative or not
    finite and rows without a weight above 0.
    """
    if len(check_tensor(input, "multinomial", "input")._shape) not in (1, 2):
        raise RuntimeError("prob_dist must be 1 or 2 dim")
    if input.dtype.category != 2:
        raise RuntimeError(f"multinomial only supports floating-point dtypes for input, got: {scalar_name(input)}")
    if num_samples <= 0:
        raise RuntimeError("cannot sample n_sample <= 0 samples")
    n = input._shape[-1]
    if n > 1 << 24:
        raise RuntimeError("number of categories cannot exceed 2^24")
    if not replacement and num_samples > n:
        raise RuntimeError("cannot sample n_sample > prob_dist.size(-1) samples without replacement")
    weights = cast(input.detach(), accumulation_dtype(input.dtype))
    lead, device = tuple(weights._shape[:-1]), weights._storage.device
    if 0 in lead:
        return input.new_zeros((*lead, num_samples), dtype=int64)
    if n == 0:
        raise RuntimeError(_WRONG_WEIGHTS[_NOTHING])
    if replacement:
        ends = weights.cumsum(-1)
        drawn = uniform((*lead, num_samples), weights.dtype, device, generator) * ends[..., -1:]
        drawn = searchsorted(ends, drawn, right=True).clamp(max=n - 1)
    else:
        # The order of weight / exponential is the order of drawing without replacement (Efraimidis and Spirakis, 2006).
        waiting = -uniform(tuple(weights._shape), weights.dtype, device, generator, above_zero=True).log()
        drawn = topk(weights / waiting.clamp(min=finfo(weights.dtype).tiny), num_samples)[1]
    return repeated(_CHECKED, _checked, (drawn, weights), (replacement and num_samples > 1,))[0]


_CHECKED: dict[Any, Any] = {}


def _checked(drawn: Tensor, weights: Tensor, in_turn: bool) -> Tensor:
    """What was drawn, read at place 0, or, where something is wrong with the weights, at place 1, which is an error."""
    wrong = (_first_wrong if in_turn else _any_wrong)(weights)
    drawn = drawn.unsqueeze(-1)
    for code in (_NOTHING, _NEGATIVE, _INFINITE) if in_turn else (_NOTHING, _UNFIT):
        place = cast(wrong == code, int64).expand(tuple(drawn._shape))
        drawn = gathered(drawn, -1, place, Bounds("RuntimeError", _WRONG_WEIGHTS[code], False))
    return drawn.squeeze(-1)


_NOTHING, _UNFIT, _NEGATIVE, _INFINITE = 1, 2, 3, 4
_WRONG_WEIGHTS = {
    _NOTHING: "invalid multinomial distribution (sum of probabilities <= 0)",
    _UNFIT: "probability tensor contains either `inf`, `nan` or element < 0",
    _NEGATIVE: "invalid multinomial distribution (encountering probability entry < 0)",
    _INFINITE: "invalid multinomial distribution (encountering probability entry = infinity or NaN)",
}
"""What can be wrong with weights: PyTorch looks at all at once, or, for several draws with replacement, at one after another."""


def _any_wrong(weights: Tensor) -> Tensor:
    """What is wrong with the weights of all rows together, 0 where nothing is: a number of `_WRONG_WEIGHTS`."""
    fit = ((weights >= 0) & (weights < math.inf)).all()
    positive = (weights > 0).any(-1).all()
    return cast(fit.logical_not(), int64) * _UNFIT + cast(fit & positive.logical_not(), int64) * _NOTHING


def _first_wrong(weights: Tensor) -> Tensor:
    """As `_any_wrong`, of the first row that is wrong, and there of the first weight."""
    wrong = cast((weights >= 0).logical_not(), int64) * _NEGATIVE + cast(weights == math.inf, int64) * _INFINITE
    wrong = _first_of(wrong)
    wrong = wrong + cast((weights > 0).any(-1).logical_not() & (wrong == 0), int64) * _NOTHING
    return _first_of(wrong) if wrong._shape else wrong


def _first_of(codes: Tensor) -> Tensor:
    """The first number along the last dimension that isn't 0, or 0."""
    place = cast(codes > 0, int64).argmax(-1, keepdim=True)
    return codes.gather(-1, place).squeeze(-1)
