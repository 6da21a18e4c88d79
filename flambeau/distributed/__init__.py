"""`torch.distributed` where it isn't built: the answer that it isn't there, and names that programs mention all the same.

May import `flambeau.missing`, which has its functions, and its modules.
"""

from __future__ import annotations

from enum import Enum

from flambeau.missing import names

__all__ = ["ReduceOp", "is_available", "is_initialized"]

globals().update(names("distributed"))


class ReduceOp(Enum):
    """How values of several processes become one: what functions that aren't here have as their default."""

    SUM, AVG, PRODUCT, MIN, MAX, BAND, BOR, BXOR, PREMUL_SUM = range(9)


def is_available() -> bool:
    """False."""
    return False


def is_initialized() -> bool:
    """False."""
    return False
