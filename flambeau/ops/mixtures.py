"""Functions of three numbers: `lerp`, `addcmul`, `addcdiv`. May import what `flambeau.ops` may."""

from __future__ import annotations

from typing import Any

from flambeau.graph.primitives import elementwise as e
from flambeau.ops.arithmetic import add, mul, sub
from flambeau.ops.operands import accumulation_dtype, cast, check_tensor, number_before, operands, pair, refuse, result_dtype
from flambeau.ops.pointwise import one_like
from flambeau.ops.registry import operator
from flambeau.tensor import Tensor

__all__ = ["addcdiv", "addcmul", "lerp"]

_apply = Tensor._apply


@operator(inplace=True, out=lambda result, input, end, weight: not isinstance(weight, Tensor) or "exact")
def lerp(input: Tensor, end: Tensor, weight: Any) -> Tensor:
    """input + weight·(end - input), from the nearer end.

    >>> torch.tensor([0.0, 10.0]).lerp(torch.tensor([1.0, 20.0]), 0.5)
    tensor([ 0.5000, 15.0000])
    """
    check_tensor(end, "lerp", "end", 2)
    if input.dtype is not end.dtype:
        raise RuntimeError(f"expected dtype {input.dtype} for `end` but got dtype {end.dtype}")
    own = input.dtype
    if isinstance(weight, Tensor):
        if weight._shape and weight.dtype is not own:
            raise RuntimeError(f"expected dtype {own} for `weight` but got dtype {weight.dtype}")
        own = result_dtype((input, end, weight))
    if own.category < 2:
        refuse(input, f"lerp_kernel_{'tensor' if isinstance(weight, Tensor) else 'scalar'}", bool, int)
    wide = accumulation_dtype(own)
    a, b = operands("lerp", input, end, type=wide)
    if not isinstance(weight, Tensor):
        step = sub(b, a)
        return cast(add(a, mul(step, weight)) if abs(weight) < 0.5 else sub(b, mul(step, 1 - weight)), own)
    a, b, w = operands("lerp", a, b, weight, type=wide)
    step = sub(b, a)
    near = _apply(e.LT, pair("lerp", _apply(e.ABS, (w.detach(),)), 0.5))
    y = _apply(e.WHERE, (near, add(a, mul(w, step)), sub(b, mul(step, sub(one_like(w), w)))))
    return cast(y, own)._laid_out_by(a, b, w)


@operator(inplace=True, out=True)
def addcmul(input: Tensor, tensor1: Any, tensor2: Tensor, _tensor2: Any = None, *, value: Any = 1) -> Tensor:
    """input + value·tensor1·tensor2."""
    if _tensor2 is not None:
        value, tensor1, tensor2 = number_before("addcmul", tensor1), tensor2, _tensor2
    own = result_dtype((input, tensor1, tensor2))
    a, b, c = operands("addcmul", input, tensor1, tensor2, type=accumulation_dtype(own))
    refuse(a, "addcmul_cpu_out", bool)
    product = mul(b, c)
    return cast(add(a, product if value == 1 else mul(product, value)), own)._laid_out_by(a, b, c)


@operator(inplace=True, out=True)
def addcdiv(input: Tensor, tensor1: Any, tensor2: Tensor, _tensor2: Any = None, *, value: Any = 1) -> Tensor:
    """input + value·tensor1 / tensor2. Raises RuntimeError when both divide as integers."""
    if _tensor2 is not None:
        value, tensor1, tensor2 = number_before("addcdiv", tensor1), tensor2, _tensor2
    if (
        check_tensor(tensor1, "addcdiv", "tensor1", 2).dtype.category < 2
        and check_tensor(tensor2, "addcdiv", "tensor2", 3).dtype.category < 2
    ):
        raise RuntimeError(
            "Integer division with addcdiv is no longer supported, and in a future  release addcdiv will perform a true division "
            "of tensor1 and tensor2. The historic addcdiv behavior can be implemented as (input + value * torch.trunc(tensor1 / "
            "tensor2)).to(input.dtype) for integer inputs and as (input + value * tensor1 / tensor2) for float inputs."
        )
    own = result_dtype((input, tensor1, tensor2))
    a, b, c = operands("addcdiv", input, tensor1, tensor2, type=accumulation_dtype(own))
    quotient = _apply(e.DIV, (b, c))
    return cast(add(a, quotient if value == 1 else mul(quotient, value)), own)._laid_out_by(a, b, c)
