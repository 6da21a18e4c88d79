"""What computing a value costs, in units of an addition: the planner's and the devices' rough idea of it. Imports nothing."""

from __future__ import annotations

__all__ = ["weight"]

_WEIGHTS = {
    **dict.fromkeys(("div", "sqrt", "rsqrt", "floor_divide", "remainder", "fmod"), 3),
    **dict.fromkeys(("exp", "exp2", "expm1", "log", "log1p", "log2", "sin", "cos", "tan", "tanh", "erf"), 8),
    **dict.fromkeys(("asin", "acos", "atan", "sinh", "cosh", "asinh", "acosh", "atanh", "atan2", "pow"), 16),
    **dict.fromkeys(("random_bits", "philox"), 16),
}


def weight(name: str) -> int:
    """The cost of a value of a primitive, or of an expression of that name; 1 for what isn't dear."""
    return _WEIGHTS.get(name, 1)
