"""x log x and the like, with their limits at 0.

May import what `flambeau.ops` may.
"""

from __future__ import annotations

import math
from typing import Any

from flambeau.ops.operands import operands
from flambeau.ops.pointwise import unary_operand
from flambeau.ops.registry import operator
from flambeau.tensor import Tensor

__all__ = ["entr", "xlog1py"]


@operator(namespace="special", method=False, out=True)
def entr(input: Tensor) -> Tensor:
    """-x log x for positive numbers, 0 at 0, -∞ below."""
    x = unary_operand("entr", input)
    return (-x * x._fill_where(x == 0, 1).log())._fill_where(x < 0, -math.inf)


@operator(namespace="special", method=False, out=True)
def xlog1py(input: Any, other: Any) -> Tensor:
    """input · log(1 + other), and 0 where input is 0 (unless other is NaN)."""
    x, y = operands("xlog1py", input, other, float_result=True)
    return (x * y._fill_where((x == 0) & (y == y), 0).log1p())._laid_out_by(x, y)
