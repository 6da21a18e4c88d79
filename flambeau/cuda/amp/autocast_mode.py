"""`torch.cuda.amp.autocast_mode`. May import `flambeau.amp`."""

from __future__ import annotations

from typing import Any

from flambeau import amp
from flambeau.dtypes import dtype, float16

__all__ = ["autocast", "custom_bwd", "custom_fwd"]

custom_fwd, custom_bwd = amp.custom_fwd, amp.custom_bwd


class autocast(amp.autocast):
    """`amp.autocast("cuda", …)`."""

    def __init__(self, enabled: bool = True, dtype: dtype = float16, cache_enabled: Any = True) -> None:
        super().__init__("cuda", dtype, enabled, cache_enabled)
