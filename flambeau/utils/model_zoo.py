"""`torch.utils.model_zoo`: the older names of what `flambeau.hub` does. May import `flambeau.hub`."""

from typing import Any

from flambeau.hub import load_state_dict_from_url as load_url

__all__ = ["load_url"]


def __getattr__(name: str) -> Any:
    if name == "tqdm":  # packages take the progress bar from here
        from tqdm import tqdm

        return tqdm
    raise AttributeError(f"module 'flambeau.utils.model_zoo' has no attribute '{name}'")
