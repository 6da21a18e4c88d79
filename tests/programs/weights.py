"""The same weights for a module of either library."""

from __future__ import annotations

import math

import numpy as np


def fill(torch, module, seed=0):
    """Writes numbers of a seed into every parameter, in the order of their names' registration; gives the module."""
    rng = np.random.RandomState(seed)
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            shape = tuple(parameter.shape)
            if parameter.dim() > 1:
                value = rng.randn(*shape) / math.sqrt(np.prod(shape[1:]))
            else:
                value = 0.1 * rng.randn(*shape) + ("weight" in name)
            parameter.copy_(torch.from_numpy(np.asarray(value, "float32")))
    return module
