"""Checkpoints: PyTorch's files and safetensors (`flambeau.save`, `flambeau.load`).

May import: tensor, ops, nn.parameter, dtypes, device. Nothing in a file is ever run: a pickle is read by an unpickler that
knows a short list of names.
"""

from __future__ import annotations

from flambeau.serialization import safetensors as safetensors
from flambeau.serialization.files import load, save
from flambeau.serialization.globals import (
    add_safe_globals,
    clear_safe_globals,
    get_safe_globals,
    safe_globals,
)

__all__ = ["add_safe_globals", "clear_safe_globals", "get_safe_globals", "load", "safe_globals", "safetensors", "save"]
