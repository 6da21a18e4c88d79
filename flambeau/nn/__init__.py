"""Neural networks: modules, parameters, their functions and their initial values (PyTorch's `torch.nn`).

May import: ops, autograd, tensor, dtypes. Knows nothing of graphs, kernels and devices.
"""

from __future__ import annotations

from flambeau.nn import attention as attention
from flambeau.nn import functional as functional
from flambeau.nn import grad as grad
from flambeau.nn import init as init
from flambeau.nn import modules as modules
from flambeau.nn import parallel as parallel
from flambeau.nn import parameter as parameter
from flambeau.nn import utils as utils
from flambeau.nn.modules import *  # noqa: F403 - modules/__init__.py says what these are
from flambeau.nn.parameter import Buffer, Parameter, UninitializedBuffer, UninitializedParameter

__all__ = [
    *modules.__all__,
    "Buffer",
    "Parameter",
    "UninitializedBuffer",
    "UninitializedParameter",
    "attention",
    "functional",
    "grad",
    "init",
    "modules",
    "parallel",
    "parameter",
    "utils",
]
