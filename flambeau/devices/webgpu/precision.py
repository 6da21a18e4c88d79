"""Whether float32 products may be rounded, as `set_float32_matmul_precision` says. Imports nothing of flambeau."""

from __future__ import annotations

__all__ = ["reduced_precision", "set_reduced_precision"]

_state = {"reduced": False}


def reduced_precision() -> bool:
    """Whether contractions of float32 may use half-precision products."""
    return _state["reduced"]


def set_reduced_precision(allowed: bool) -> None:
    _state["reduced"] = bool(allowed)
