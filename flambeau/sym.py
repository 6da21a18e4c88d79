"""PyTorch's functions of sizes that may be symbols (`torch.sym_max`), and the symbols' classes. Sizes here are ints.

Imports nothing of flambeau.
"""

from __future__ import annotations

import builtins
import math
from typing import Any

__all__ = [
    "SymBool", "SymFloat", "SymInt", "sym_float", "sym_int", "sym_ite", "sym_max", "sym_min", "sym_not", "sym_sqrt", "sym_sum",
]  # fmt: skip


class SymInt:
    """An integer that isn't known yet: there are none, but programs ask whether something is one."""


class SymFloat:
    """A number that isn't known yet: there are none."""


class SymBool:
    """A truth that isn't known yet: there are none."""


def sym_int(a: Any) -> int:
    """The number towards zero, as an int."""
    return math.trunc(a)


def sym_float(a: Any) -> float:
    """The number as a float."""
    return float(a)


def sym_not(a: Any) -> bool:
    """Its negation."""
    return not a


def sym_max(a: Any, b: Any) -> Any:
    """The larger number; a float if one of them is."""
    largest = builtins.max(a, b)
    return float(largest) if isinstance(a, float) or isinstance(b, float) else largest


def sym_min(a: Any, b: Any) -> Any:
    """The smaller number; a float if one of them is."""
    smallest = builtins.min(a, b)
    return float(smallest) if isinstance(a, float) or isinstance(b, float) else smallest


def sym_sum(args: Any) -> Any:
    """The sum of the numbers."""
    return builtins.sum(args)


def sym_ite(b: bool, t: Any, f: Any) -> Any:
    """t if b, else f."""
    return t if b else f


def sym_sqrt(a: Any) -> float:
    """The square root."""
    return math.sqrt(a)
