"""Checkpoints: PyTorch's files and safetensors (`flambeau.save`, `flambeau.load`).

May import: tensor, ops, nn.parameter, dtypes, device. Nothing in a file is run, a pickle being read by an unpickler that knows a
short list of names, to which `weights_only=False` adds the classes that the program has imported.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from flambeau.device import device
from flambeau.serialization import safetensors as safetensors
from flambeau.serialization.files import load, save
from flambeau.serialization.globals import (
    add_safe_globals,
    clear_safe_globals,
    get_safe_globals,
    safe_globals,
)

DEFAULT_PROTOCOL = 2
"""The version of pickle that PyTorch writes; `save` takes it, and writes its own."""
MAP_LOCATION: TypeAlias = Callable[[Any, str], Any] | device | str | dict[str, str] | None
"""What `load` takes for `map_location`."""

__all__ = [
    "DEFAULT_PROTOCOL", "MAP_LOCATION", "add_safe_globals", "clear_safe_globals", "get_safe_globals", "load", "safe_globals",
    "safetensors", "save",
]  # fmt: skip
