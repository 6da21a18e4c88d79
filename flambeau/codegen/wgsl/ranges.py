"""What is known of index expressions: intervals of integer values, and affine forms.

GPUs have 32-bit integers, the IR's indices are int64: an interval proves where 32 bits are enough. May import `kernels.ir`.
"""

from __future__ import annotations

from flambeau.kernels.ir import Expr

__all__ = ["Intervals", "Interval", "affine"]

Interval = tuple[int, int]
_FULL: Interval = (-(1 << 63), (1 << 63) - 1)
_OF_DTYPE: dict[str, Interval] = {
    "bool": (0, 1),
    "uint8": (0, 255),
    "int8": (-128, 127),
    "int16": (-(1 << 15), (1 << 15) - 1),
    "int32": (-(1 << 31), (1 << 31) - 1),
    "uint32": (0, (1 << 32) - 1),
    "int64": _FULL,
}


class Intervals:
    """The interval of each integer expression of one kernel, given its axes' extents."""

    def __init__(self, extents: dict[int, int]) -> None:
        self.extents = extents
        self._known: dict[Expr, Interval] = {}

    def of(self, e: Expr) -> Interval:
        """The smallest interval known to hold every value of the integer expression `e`."""
        found = self._known.get(e)
        if found is None:
            limits = _OF_DTYPE.get(e.dtype.name, _FULL)
            low, high = self._compute(e)
            found = (low, high) if limits[0] <= low and high <= limits[1] else limits  # else it may have wrapped
            self._known[e] = found
        return found

    def fits(self, e: Expr) -> bool:
        """Whether every value of `e` is an i32."""
        low, high = self.of(e)
        return low >= -(1 << 31) and high < 1 << 31

    def _compute(self, e: Expr) -> Interval:
        op = e.op
        if op == "axis":
            return 0, max(self.extents[e.param] - 1, 0)
        if op == "literal":
            return int(e.param), int(e.param)
        if op in ("add", "sub", "mul", "maximum", "minimum", "floor_divide", "remainder"):
            (a, b), (c, d) = self.of(e.args[0]), self.of(e.args[1])
            if op == "add":
                return a + c, b + d
            if op == "sub":
                return a - d, b - c
            if op == "mul":
                products = (a * c, a * d, b * c, b * d)
                return min(products), max(products)
            if op == "maximum":
                return max(a, c), max(b, d)
            if op == "minimum":
                return min(a, c), min(b, d)
            if c > 0 and op == "floor_divide":
                return min(a // c, a // d), max(b // c, b // d)
            if c > 0:
                return (a, b) if a >= 0 and b < c else (0, d - 1)
        if op == "neg":
            a, b = self.of(e.args[0])
            return -b, -a
        if op == "where":
            (a, b), (c, d) = self.of(e.args[1]), self.of(e.args[2])
            return min(a, c), max(b, d)
        if op == "check":
            return 0, max(int(e.args[1].param) - 1, 0)
        if op == "cast" and e.args[0].dtype.category < 2:
            return self.of(e.args[0])
        if op == "reduce" and e.param[0].startswith("arg"):
            return 0, max(_product(n for _, n in e.param[1]) - 1, 0)
        if op == "reduce" and e.param[0] in ("max", "min"):
            return self.of(e.args[0])
        if op == "scan" and e.param[0].startswith("arg"):
            return 0, max(self.extents[e.param[1]] - 1, 0)
        return _OF_DTYPE.get(e.dtype.name, _FULL)


def _product(numbers: object) -> int:
    n = 1
    for x in numbers:  # type: ignore[attr-defined]
        n *= x
    return n


def affine(e: Expr) -> tuple[int, dict[int, int]] | None:
    """(constant, {axis: coefficient}) where `e` is a sum of multiples of axes, else None."""
    if e.op == "axis":
        return 0, {e.param: 1}
    if e.op == "literal":
        return int(e.param), {}
    if e.op == "cast" and e.args[0].dtype.category == 1:
        return affine(e.args[0])
    if e.op in ("add", "sub", "mul"):
        left, right = affine(e.args[0]), affine(e.args[1])
        if left is None or right is None:
            return None
        if e.op == "mul":
            if left[1] and right[1]:
                return None
            (constant, terms), factor = (left, right[0]) if left[1] else (right, left[0])
            return constant * factor, {k: v * factor for k, v in terms.items() if v * factor}
        sign = 1 if e.op == "add" else -1
        terms = dict(left[1])
        for axis, coefficient in right[1].items():
            terms[axis] = terms.get(axis, 0) + sign * coefficient
        return left[0] + sign * right[0], {k: v for k, v in terms.items() if v}
    return None
