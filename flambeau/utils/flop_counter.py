"""`FlopCounterMode` by name: libraries make one whether they count or not. May import nothing of flambeau."""

from __future__ import annotations

from typing import Any, NoReturn

__all__ = ["FlopCounterMode"]


class FlopCounterMode:
    """A context that would count floating-point operations; these are composed into kernels here, and not counted.

    Raises NotImplementedError where it is entered; until then its count is 0.
    """

    def __init__(self, mods: Any = None, depth: int = 2, display: bool = True, custom_mapping: Any = None) -> None:
        self.depth, self.display = depth, display

    def __enter__(self) -> NoReturn:
        raise NotImplementedError(
            "torch.utils.flop_counter.FlopCounterMode isn't in flambeau: operations are composed into kernels"
        )

    def __exit__(self, *error: object) -> None:
        pass

    def get_total_flops(self) -> int:
        """0, as nothing was counted."""
        return 0

    def get_flop_counts(self) -> dict[str, dict[Any, int]]:
        """Nothing."""
        return {}
