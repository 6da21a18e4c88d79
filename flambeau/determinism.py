"""Asking for the same results at each run, which is what kernels here give anyway. Imports nothing."""

from __future__ import annotations

__all__ = [
    "are_deterministic_algorithms_enabled", "get_deterministic_debug_mode", "is_deterministic_algorithms_warn_only_enabled",
    "set_deterministic_debug_mode", "use_deterministic_algorithms",
]  # fmt: skip


class _Mode:
    enabled = False
    warn_only = False


def use_deterministic_algorithms(mode: bool, *, warn_only: bool = False) -> None:
    """Kept, and asked for by `are_deterministic_algorithms_enabled`: there are no other algorithms."""
    _Mode.enabled, _Mode.warn_only = bool(mode), warn_only


def are_deterministic_algorithms_enabled() -> bool:
    """What `use_deterministic_algorithms` was given."""
    return _Mode.enabled


def is_deterministic_algorithms_warn_only_enabled() -> bool:
    """Whether the others would only be warned about."""
    return _Mode.warn_only


def set_deterministic_debug_mode(debug_mode: int | str) -> None:
    """0 or "default", 1 or "warn", 2 or "error"."""
    modes: dict[int | str, int] = {"default": 0, "warn": 1, "error": 2, 0: 0, 1: 1, 2: 2}
    if debug_mode not in modes:
        raise RuntimeError(f"invalid value of debug_mode, expected 0 or default, 1 or warn, 2 or error, but got {debug_mode}")
    use_deterministic_algorithms(modes[debug_mode] > 0, warn_only=modes[debug_mode] == 1)


def get_deterministic_debug_mode() -> int:
    """0, 1 or 2."""
    return 0 if not _Mode.enabled else 1 if _Mode.warn_only else 2
