"""`torch.random`: the default generator's state. May import `flambeau.generator`."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from flambeau.generator import default_generator, get_rng_state, initial_seed, manual_seed, seed, set_rng_state

__all__ = ["default_generator", "fork_rng", "get_rng_state", "initial_seed", "manual_seed", "seed", "set_rng_state"]


@contextlib.contextmanager
def fork_rng(devices: Any = None, enabled: bool = True) -> Iterator[None]:
    """Restores the default generator's state at the end of the block. One generator serves every device."""
    state = get_rng_state()
    try:
        yield
    finally:
        if enabled:
            set_rng_state(state)
