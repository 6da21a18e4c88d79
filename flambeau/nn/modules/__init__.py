"""Layers, losses and containers: everything that is called `nn.Something`. Each file lists its own in `__all__`."""

# ruff: noqa: F403
from __future__ import annotations

from flambeau.nn.modules.module import Module as Module  # isort: skip - the others build on these
from flambeau.nn.modules.container import *  # isort: skip
from flambeau.nn.modules.activation import *
from flambeau.nn.modules.adaptive import *
from flambeau.nn.modules.attention import *
from flambeau.nn.modules.batchnorm import *
from flambeau.nn.modules.conv import *
from flambeau.nn.modules.distance import *
from flambeau.nn.modules.dropout import *
from flambeau.nn.modules.instancenorm import *
from flambeau.nn.modules.lazy import *
from flambeau.nn.modules.linear import *
from flambeau.nn.modules.loss import *
from flambeau.nn.modules.normalization import *
from flambeau.nn.modules.padding import *
from flambeau.nn.modules.parallel import *
from flambeau.nn.modules.pooling import *
from flambeau.nn.modules.rnn import *
from flambeau.nn.modules.shape import *
from flambeau.nn.modules.sparse import *
from flambeau.nn.modules.transformer import *

__all__ = sorted(name for name, value in globals().items() if isinstance(value, type))
