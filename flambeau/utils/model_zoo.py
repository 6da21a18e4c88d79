"""`torch.utils.model_zoo`: the older name of what `flambeau.hub` does, found when it is asked for: hub is above this package."""

import importlib
from typing import Any

_ELSEWHERE = {"load_url": ("flambeau.hub", "load_state_dict_from_url"), "tqdm": ("tqdm", "tqdm")}


def __getattr__(name: str) -> Any:
    if name not in _ELSEWHERE:
        raise AttributeError(f"module 'flambeau.utils.model_zoo' has no attribute '{name}'")
    module, there = _ELSEWHERE[name]
    return getattr(importlib.import_module(module), there)
